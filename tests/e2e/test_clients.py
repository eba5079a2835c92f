# SPDX-License-Identifier: Apache-2.0
"""Real clients: what they send arrives as it was, apart from our trace fields."""

import concurrent.futures
import random
import smtplib
import unittest

import harness
import postfix

TEXT = (b"From: a@example.com\r\nSubject: =?utf-8?q?gr=C3=BC=C3=9Fe?=\r\n\r\n"
        b".leading dot\r\n..two\r\n.\r\n\r\n caf\xc3\xa9 \xff\xfe 8-bit\r\n")
EVERY_OCTET = bytes(range(256)) * 5


def lines(rng, count, width=72):
    """Lines of text with dots at their beginnings, `count` octets or a little more."""
    alphabet = bytes(rng.choices(b"abc .\xc3\xa9", k=4096))
    out, size = [], 0
    while size < count:
        at = rng.randrange(3000)
        line = b"." * rng.choice((0, 0, 0, 1, 2, 3)) + alphabet[at:at + rng.randrange(width)] + b"\r\n"
        out.append(line)
        size += len(line)
    return b"".join(out)


class Content(harness.TestCase):
    """Contents that are easily damaged, by a client of our own."""

    def exchange(self, content, *, parameters="", bdat=None):
        server = self.server()
        with harness.Client(server.address) as client:
            client.hello()
            client.envelope(parameters=parameters)
            if bdat is None:
                client.data(content)
            else:
                bdat(client, content)
            client.command("QUIT", 221)
        return self.assert_stored(server, content)[0]

    def test_trace_fields(self):
        message = self.exchange(TEXT)
        self.assertEqual(message.field("Return-Path"), "<s@example.com>")
        self.assertEqual(message.field("Delivered-To"), "r@example.test")
        self.assertIn("from client.example ([127.0.0.1])", message.field("Received"))
        self.assertIn("for <r@example.test>;", message.field("Received"))
        self.assertEqual(len(message.trace), 3)
        self.assertTrue(message.path.name.endswith(f",S={len(message.raw)}"), message.path.name)
        self.assertEqual(message.path.stat().st_mode & 0o777, 0o600)

    def test_longest_lines(self):
        self.exchange(b"Subject: x\r\n\r\n" + (b"." + b"x" * 997 + b"\r\n") * 50)

    def test_too_long_line_is_refused(self):
        server = self.server()
        with harness.Client(server.address) as client:
            client.hello()
            client.envelope()
            client.data(b"Subject: x\r\n\r\n" + b"x" * 999 + b"\r\n", 554)
            client.envelope()
            client.data(b"Subject: x\r\n\r\nfine\r\n")
        self.assert_stored(server, b"Subject: x\r\n\r\nfine\r\n")

    def test_empty(self):
        self.exchange(b"")

    def test_empty_body(self):
        self.exchange(b"Subject: x\r\n")

    def test_empty_line_only(self):
        self.exchange(b"\r\n")

    def test_no_header(self):
        """The body needs an empty line before it, or it would belong to our Received field."""
        server = self.server()
        harness.submit(server.address, b"just text, no field\r\nmore\r\n")
        self.assert_stored(server, b"\r\njust text, no field\r\nmore\r\n")

    def test_continuation_first(self):
        """A folded line without a field to belong to must not continue our own field."""
        server = self.server()
        harness.submit(server.address, b" folded\r\nSubject: x\r\n\r\nbody\r\n")
        self.assert_stored(server, b"\r\n folded\r\nSubject: x\r\n\r\nbody\r\n")

    def test_large(self):
        rng = random.Random(1)
        block = lines(rng, 1 << 20)
        content = b"Subject: large\r\n\r\n" + block * (26214400 // len(block) + 1)
        self.exchange(content)

    def test_too_large(self):
        server = self.server(harness.config("limits: {message_size: 100KiB}"))
        with harness.Client(server.address) as client:
            client.hello()
            client.command("MAIL FROM:<s@example.com> SIZE=102401", 552)
            client.envelope()
            client.data(b"Subject: x\r\n\r\n" + b"x" * 70 + b"\r\n" * 60000, 552)
            client.envelope(parameters=" SIZE=20")
            client.data(TEXT)
        self.assert_stored(server, TEXT)

    def test_binary_by_bdat(self):
        def chunks(client, content):
            rng, at = random.Random(2), 0
            while at < len(content):
                size = rng.choice((0, 1, 2, 3, 100, 4096))
                client.bdat(content[at:at + size])
                at += size
            client.bdat(b"", last=True)

        content = (b"MIME-Version: 1.0\r\nContent-Transfer-Encoding: binary\r\n\r\n" + EVERY_OCTET
                   + random.Random(3).randbytes(20000) + b"\r\n.\r\n\n.\n\r.\r" + EVERY_OCTET)
        self.exchange(content, parameters=" BODY=BINARYMIME", bdat=chunks)

    def test_text_by_bdat_without_final_line_end(self):
        def chunks(client, content):
            client.send(b"".join(b"BDAT 7\r\n" + content[i:i + 7] for i in range(0, 70, 7))
                        + b"BDAT %d LAST\r\n" % len(content[70:]) + content[70:])
            for _ in range(11):
                client.expect(250)

        self.exchange(TEXT + b"no end of line", bdat=chunks)

    def test_one_chunk(self):
        self.exchange(TEXT, bdat=lambda client, content: client.bdat(content, last=True))

    def test_utf8_addresses(self):
        server = self.server()
        with harness.Client(server.address) as client:
            self.assertIn("SMTPUTF8", client.hello().lines)
            client.envelope("jörg@example.test", sender="grün@exämple.com", parameters=" SMTPUTF8")
            client.data("Subject: grüße\r\n\r\nhällo\r\n".encode())
        message, = self.assert_stored(server, "Subject: grüße\r\n\r\nhällo\r\n".encode(),
                                      "jörg@example.test")
        self.assertEqual(message.field("Return-Path"), "<grün@exämple.com>")
        self.assertIn("with UTF8SMTP ", message.field("Received"))

    def test_every_recipient_has_its_own(self):
        server = self.server()
        names = [f"r{i}@example.test" for i in range(50)]
        with harness.Client(server.address) as client:
            client.hello()
            client.envelope(*names)
            client.data(TEXT)
        for name in names:
            message, = self.assert_stored(server, TEXT, name)
            self.assertEqual(message.field("Delivered-To"), name)
            self.assertNotIn("for <", message.field("Received"))


class Programs(harness.TestCase):
    """Programs that people use."""

    def file(self, content):
        path = self.directory / "message"
        path.write_bytes(content)
        return path

    @unittest.skipUnless(harness.has("swaks"), "swaks is not installed")
    def test_swaks(self):
        server = self.server()
        for options in ((), ("--pipeline",)):
            result = harness.run("swaks", "--server", "127.0.0.1", "--port", server.port,
                                 "--from", "s@example.com", "--to",
                                 "one@example.test,two@example.test", "--ehlo", "client.example",
                                 "--data", "Subject: x\n\n.dots\n..\n.\ntext\n", *options)
            self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        for who in ("one@example.test", "two@example.test"):
            self.assert_stored(server, b"Subject: x\r\n\r\n.dots\r\n..\r\n.\r\ntext\r\n\r\n", who, 2)

    @unittest.skipUnless(harness.has("swaks"), "swaks is not installed")
    def test_swaks_sees_a_refusal(self):
        server = self.server()
        result = harness.run("swaks", "--server", "127.0.0.1", "--port", server.port, "--from",
                             "s@example.com", "--to", "r@elsewhere.test", "--quit-after", "RCPT")
        self.assertEqual(result.returncode, 24, result.stdout)
        self.assertRegex(result.stdout, rb"<\*\* 55\d 5\.7\.1 ")

    @unittest.skipUnless(harness.has("curl"), "curl is not installed")
    def test_curl(self):
        server = self.server()
        result = harness.run("curl", "-sS", f"smtp://127.0.0.1:{server.port}/client.example",
                             "--mail-from", "s@example.com", "--mail-rcpt", "r@example.test",
                             "--upload-file", self.file(TEXT))
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assert_stored(server, TEXT)

    @unittest.skipUnless(harness.has("curl"), "curl is not installed")
    def test_curl_one_of_two_recipients(self):
        server = self.server()
        result = harness.run("curl", "-sS", f"smtp://127.0.0.1:{server.port}", "--mail-from",
                             "s@example.com", "--mail-rcpt", "r@elsewhere.test", "--mail-rcpt",
                             "r@example.test", "--mail-rcpt-allowfails", "--upload-file",
                             self.file(TEXT))
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assert_stored(server, TEXT)

    def test_smtplib(self):
        server = self.server()
        with smtplib.SMTP(*server.address, local_hostname="client.example", timeout=20) as client:
            refused = client.sendmail("s@example.com", ["r@example.test", "r@elsewhere.test"], TEXT)
            self.assertEqual(list(refused), ["r@elsewhere.test"])
            client.sendmail("grün@example.com", ["r@example.test"], TEXT,
                            mail_options=["SMTPUTF8", "BODY=8BITMIME"])
        self.assert_stored(server, TEXT, count=2)

    def test_whole_session_in_one_write(self):
        """A script that pipes a session into the port."""
        server = self.server(harness.config("pipelining: note"))
        with self.client(server, greeting=False) as client:
            client.send(b"EHLO client.example\r\nMAIL FROM:<s@example.com>\r\n"
                        b"RCPT TO:<r@example.test>\r\nDATA\r\n" + harness.stuffed(TEXT)
                        + b".\r\nQUIT\r\n")
            client.socket.shutdown(1)
            self.assertEqual([reply.code for reply in client.rest()],
                             [220, 250, 250, 250, 354, 250, 221])
        self.assert_stored(server, TEXT)


class Crowd(harness.TestCase):
    """Hundreds of sessions at once, each cut into pieces in another way."""

    SESSIONS, MESSAGES = 300, 2

    def content(self, rng, number):
        return b"X-Number: %s\r\n\r\n" % number.encode() + lines(rng, rng.choice((0, 50, 3000, 40000)))

    def scattered(self, client, rng, data):
        """Sends it in pieces; waits now and then until the other side had to read them."""
        at = 0
        while at < len(data):
            size = rng.choice((1, 2, 3, 17, 1000, 1460, 9000))
            client.send(data[at:at + size])
            at += size

    def session(self, address, who):
        rng, sent = random.Random(who), {}
        with harness.Client(address, timeout=60) as client:
            client.hello()
            for number in range(self.MESSAGES):
                name = f"{who}.{number}"
                content = self.content(rng, name)
                recipients = [f"r{rng.randrange(20)}@example.test" for _ in range(rng.choice((1, 3)))]
                self.scattered(client, rng, b"MAIL FROM:<s@example.com>\r\n" + b"".join(
                    b"RCPT TO:<%s>\r\n" % each.encode() for each in recipients) + b"DATA\r\n")
                for _ in range(len(recipients) + 1):
                    client.expect(250)
                client.expect(354)
                self.scattered(client, rng, harness.stuffed(content) + b".\r\n")
                client.expect(250)
                sent[name] = (content, set(recipients))
            client.command("QUIT", 221)
        return sent

    def test_all_arrive_whole(self):
        server = self.server()
        sent = {}
        with concurrent.futures.ThreadPoolExecutor(self.SESSIONS) as pool:
            for result in pool.map(lambda who: self.session(server.address, who),
                                   range(self.SESSIONS)):
                sent.update(result)
        wanted = {(name, to): content for name, (content, all_) in sent.items() for to in all_}
        for to in {to for _, to in wanted}:
            for message in harness.stored(server, to):
                name = message.content.split(b"\r\n", 1)[0][10:].decode()
                content = wanted.pop((name, to))
                self.assertTrue(message.content == content, (name, to))
        self.assertEqual(wanted, {})
        self.assertEqual(harness.leftovers(server), [])
        self.assertEqual(len(server.wait_log("message", len(sent))), len(sent))


class Postfix(postfix.TestCase):
    """Another MTA relays its queue to us."""

    def relay_to(self, port):
        self.start(f"relayhost = [127.0.0.1]:{port}\nsmtp_destination_recipient_limit = 10")

    def test_relays_to_us(self):
        server = self.server()
        self.relay_to(server.port)
        rng = random.Random(4)
        bodies = [b"", TEXT, b".\r\n..\r\n", b"x" * 998 + b"\r\n"] + [lines(rng, 9000, 400)
                                                                    for _ in range(16)]
        names = [f"r{i}@example.test" for i in range(12)]
        for body in bodies:
            self.post(body, *names)
        for name in names:
            got = [message.content.split(b"\r\n\r\n", 1)[1]
                   for message in self.arrived(server, name, len(bodies))]
            self.assertEqual(sorted(map(len, got)), sorted(map(len, bodies)))
            self.assertTrue(sorted(got) == sorted(bodies), name)
        log = (self.home / "maillog").read_text()
        self.assertNotIn("status=deferred", log)
        self.assertNotIn("status=bounced", log)

    def test_comes_again_after_a_deferral(self):
        server = self.server()
        self.relay_to(server.port)
        mail = self.directory / "mail"
        mail.write_text("in the way")
        self.post(TEXT, "r@example.test")
        harness.wait_until(lambda: "status=deferred" in (self.home / "maillog").read_text(),
                           "a deferral", 30)
        mail.unlink()
        harness.run("postqueue", "-c", self.home, "-f")
        message, = self.arrived(server, "r@example.test", 1)
        self.assertTrue(message.content.endswith(b"\r\n\r\n" + TEXT), message.content)


if __name__ == "__main__":
    unittest.main()
