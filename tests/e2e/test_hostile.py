# SPDX-License-Identifier: Apache-2.0
"""Clients that mean no good, against a real server: floods within a session, messages built to
explode, sessions that are held open as slowly as they can be, and too many of them. Each is told
what it went past, the server's memory stays within a bound, and others are served meanwhile.

Memory is VmHWM of the process: the most it ever had, not what is left. GATEPOST_E2E_SLOW=N: so many slow
clients instead of 1,000 (5,000 with GATEPOST_E2E_LONG=1)."""

import os
import resource
import select
import socket
import time
import unittest

import harness

MESSAGE = b"Subject: hello\r\n\r\nworld\r\n"
MIB = 1 << 20


def most_memory(server):
    with open(f"/proc/{server.process.pid}/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    raise AssertionError("no VmHWM")


class Attack(harness.TestCase):
    """One hostile session; afterwards the server still serves."""

    def setUp(self):
        super().setUp()
        self.attacked = self.server(harness.config(rest="limits: {message_size: 100MiB}"))
        harness.submit(self.attacked.address, MESSAGE)
        self.before = most_memory(self.attacked)

    def assert_bounded(self, octets):
        """Not more than so much was needed, and all is well."""
        self.assert_alive(self.attacked)
        if not harness.SANITIZED:
            self.assertLess(most_memory(self.attacked) - self.before, octets)

    def flood(self, client, pieces, chunk=1 << 16):
        """Sends as fast as the server reads and hears what it says meanwhile, until it closes or all
        is sent: the replies' octets."""
        heard, pending = bytearray(), b""
        client.socket.setblocking(False)
        end = time.monotonic() + 60 * harness.SLOWER
        pieces = iter(pieces)
        done = False
        while time.monotonic() < end:
            while len(pending) < chunk and not done:
                piece = next(pieces, None)
                done = piece is None
                pending += piece or b""
            if done and not pending:
                client.socket.settimeout(20 * harness.SLOWER)
                return bytes(heard)
            readable, writable, _ = select.select([client.socket], [client.socket], [], 10)
            try:
                if readable:
                    part = client.socket.recv(1 << 16)
                    if not part:
                        return bytes(heard)
                    heard += part
                if writable:
                    pending = pending[client.socket.send(pending[:chunk]):]
            except (ConnectionResetError, BrokenPipeError):
                return bytes(heard)
        raise AssertionError("the flood does not end")

    def start(self, message=True):
        client = self.client(self.attacked)
        client.hello()
        if message:
            client.envelope()
            client.command("DATA", 354)
        return client

    def test_recipients(self):
        """100,000 RCPT: 1,000 are taken, of the rest none costs memory."""
        client = self.start(message=False)
        client.command("MAIL FROM:<s@example.com>", 250)
        heard = self.flood(client, (b"RCPT TO:<r%d@example.test>\r\n" % n for n in range(100000)))
        heard += b"".join(reply.raw for reply in client_rest(client, heard))
        self.assertEqual(heard.count(b"250 2.1.5"), 1000)
        self.assertIn(b"452 4.5.3", heard)
        self.assert_bounded(16 * MIB)

    def test_unknown_recipients(self):
        """Who guesses addresses is cut off."""
        client = self.start(message=False)
        client.command("MAIL FROM:<s@example.com>", 250)
        heard = self.flood(client, (b"RCPT TO:<r%d@example.com>\r\n" % n for n in range(100000)))
        self.assertLessEqual(heard.count(b"550 5.7.1"), 21)
        self.assertIn(b"421 4.7.0 Too many errors", heard)
        self.assert_bounded(4 * MIB)

    def test_command_line(self):
        """A line of 1 MB is no command, and is not kept."""
        client = self.start(message=False)
        client.send(b"NOOP " + b"x" * MIB + b"\r\n")
        self.assertIn("5.5.6", client.expect(500).text)
        client.command("NOOP", 250)
        self.assert_bounded(4 * MIB)

    def test_endless_command_line(self):
        client = self.start(message=False)
        heard = self.flood(client, (b"x" * 65536 for _ in range(1024)))
        self.assertEqual(heard, b"")
        client.send(b"\r\n")
        self.assertIn("5.5.6", client.expect(500).text)
        self.assert_bounded(4 * MIB)

    def test_message_line(self):
        client = self.start()
        client.send(b"Subject: x\r\n\r\n" + b"x" * (8 * MIB) + b"\r\n.\r\n")
        self.assertIn("5.6.0", client.expect(554).text)
        self.assert_bounded(8 * MIB)

    def test_headers(self):
        """A header section without end, by its size: what is refused is not kept."""
        client = self.start()
        heard = self.flood(client, (b"X-%d: %s\r\n" % (n, b"y" * 900) for n in range(200000)))
        self.assertRegex(heard, rb"^(421 4\.7\.0 .*\r\n)?$")
        client.close()
        self.assert_bounded(8 * MIB)

    def test_header_fields(self):
        """And by their number."""
        client = self.start()
        client.send(b"".join(b"X: y\r\n" for _ in range(5000)) + b"\r\nx\r\n.\r\n")
        self.assertIn("5.6.0", client.expect(554).text)
        self.assert_bounded(8 * MIB)

    def test_small_chunks(self):
        """BDAT by single octets: each costs its command, none its memory; their number is bounded."""
        client = self.start(message=False)
        client.envelope()
        heard = self.flood(client, (b"BDAT 1\r\nx" for _ in range(110000)))
        heard += b"".join(reply.raw for reply in client_rest(client, heard))
        self.assertRegex(heard, rb"(421 4\.7\.0|552 5\.3\.4)")
        self.assert_bounded(8 * MIB)

    def test_large_chunks(self):
        """More than a message may have is not read, whatever BDAT promises."""
        client = self.start(message=False)
        client.envelope()
        client.send(b"BDAT 1000000000000000 LAST\r\n")
        heard = self.flood(client, (b"x" * 65536 for _ in range(4096)))
        self.assertRegex(heard, rb"^(552 5\.3\.4|421) ")
        self.assert_bounded(16 * MIB)

    def bomb(self, content, *codes):
        client = self.start()
        self.flood(client, [content[i:i + 65536] for i in range(0, len(content), 65536)])
        client.send(b"\r\n.\r\n")
        return client.expect(*codes or (250,))

    def test_nested_multiparts(self):
        content = b"MIME-Version: 1.0\r\n" + b"".join(
            b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n)
            for n in range(20000))
        self.attack_mime(content)

    def test_many_parts(self):
        content = (b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" +
                   b"--b\r\nContent-Type: text/plain\r\n\r\nx\r\n" * 100000 + b"--b--\r\n")
        self.attack_mime(content)

    def test_nested_messages(self):
        content = b"MIME-Version: 1.0\r\nContent-Type: message/rfc822\r\n\r\n" * 20000
        self.attack_mime(content)

    def test_encoded_words(self):
        """Half a megabyte of encoded words in folded fields, as many as the limits let pass."""
        word = b" =?utf-8?q?" + b"=C3=A4" * 10 + b"?="
        field = b"Subject:" + (word + b"\r\n") * 2000
        content = field + b"\r\nx\r\n"
        self.attack_mime(content[:200000].rsplit(b"\r\n", 1)[0] + b"\r\n\r\nx\r\n")

    def test_parameters(self):
        """RFC 2231 continuations of one parameter."""
        content = (b"Content-Type: text/plain;\r\n" +
                   b"".join(b" name*%d*=x%%41;\r\n" % n for n in range(10000)) +
                   b" x=y\r\n\r\nx\r\n")
        self.attack_mime(content)

    def attack_mime(self, content):
        """With filters that walk the parts and decode: the message passes, or is refused."""
        server = self.server(harness.config(
            chain="- header_rules: {rules: [{header: Subject, match: zzz, score: 1}]}\n"
                  "- footer: {text: Sent through us}", rest="limits: {message_size: 100MiB}"))
        harness.submit(server.address, MESSAGE)
        self.attacked, self.before = server, most_memory(server)
        began = time.monotonic()
        self.assertIn(self.bomb(content, 250, 552, 554).code, (250, 552, 554))
        self.assertLess(time.monotonic() - began, 20 * harness.SLOWER)
        self.assert_bounded(8 * len(content) + 16 * MIB)


def client_rest(client, heard):
    """What is still to be said: until the server has answered a last NOOP, or closed."""
    if b"421" in heard:
        return []
    client.pending = heard[heard.rfind(b"\n") + 1:]
    replies = []
    try:
        client.send(b"NOOP\r\n")
        while not replies or not replies[-1].raw.startswith(b"250 2.0.0"):
            replies.append(client.reply())
    except (harness.Closed, OSError):
        pass
    return replies


class Slow(harness.TestCase):
    """Slowloris: many sessions that say little, and one client that wants to deliver."""

    COUNT = int(os.environ.get("GATEPOST_E2E_SLOW", 5000 if harness.LONG else 1000))

    def setUp(self):
        super().setUp()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = self.COUNT + 500
        if hard != resource.RLIM_INFINITY and hard < wanted:
            self.skipTest("too few file descriptors")
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))

    def test_slow_clients(self):
        """Each sends an octet now and then: in a command, a header, a body. They are in nobody's
        way."""
        server = self.server()
        before = server.memory()
        slow = [self.client(server) for _ in range(self.COUNT)]
        for n, client in enumerate(slow):
            if n % 3 == 0:
                client.send(b"EHLO slow")
                continue
            client.hello()
            client.envelope()
            client.command("DATA", 354)
            client.send(b"Subject: s" if n % 3 == 1 else b"Subject: slow\r\n\r\nbo")
        for turn in range(5):
            for client in slow:
                client.send(b"x")
            began = time.monotonic()
            harness.submit(server.address, MESSAGE)
            self.assertLess(time.monotonic() - began, 1.0 * harness.SLOWER, f"turn {turn}")
        if not harness.SANITIZED:
            self.assertLess((server.memory() - before) / self.COUNT, 32 << 10)
        self.assert_stored(server, MESSAGE, count=5)

    def test_trickle(self):
        """A command must be complete in time, however many octets come meanwhile."""
        server = self.server(harness.config(rest="limits: {command_timeout: 2s}"))
        client = self.client(server)
        client.socket.settimeout(0.2)
        said, end = b"", time.monotonic() + 20 * harness.SLOWER
        while not said and time.monotonic() < end:
            try:
                client.send(b"x")
                said = client.socket.recv(100)
            except socket.timeout:
                continue
        self.assertRegex(said, rb"^421 4\.4\.2 ")

    def test_reserve_of_descriptors(self):
        """The last descriptors are for who is inside: one that was let in can deliver."""
        server = self.server(limits={resource.RLIMIT_NOFILE: 200})
        first = self.client(server)
        crowd = [self.client(server, greeting=False) for _ in range(400)]
        server.wait_log("listener.shortage")
        first.hello()
        first.envelope()
        first.data(MESSAGE, 250)
        self.assert_stored(server, MESSAGE)
        for client in crowd:
            client.close()


class Shed(harness.TestCase):
    """Short of something: nothing new is taken, and what was taken is kept."""

    def test_disk(self):
        server = self.server(harness.config(rest="overload: {keep_free: 1000TiB}"))
        with self.client(server, greeting=False) as client:
            self.assertIn("4.3.1", client.expect(421).text)
            self.assertTrue(client.is_closed())
        server.wait_log("overload.begin")
        [away] = server.wait_log("session.turned_away")
        self.assertEqual(away["limit"], "overload")

    def test_memory(self):
        server = self.server(harness.config(rest="overload: {memory: 1MiB}"))
        with self.client(server, greeting=False) as client:
            self.assertIn("Short of memory", client.expect(421).text)

    def test_rate(self):
        server = self.server(harness.config(
            "sessions_per_client: 1000, connection_rate_per_client: 5/1h"))
        for _ in range(5):
            self.client(server).close()
        with self.client(server, greeting=False) as client:
            self.assertIn("You connect too often", client.expect(421).text)


if __name__ == "__main__":
    unittest.main()
