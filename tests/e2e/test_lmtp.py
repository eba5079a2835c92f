# SPDX-License-Identifier: Apache-2.0
"""LMTP and PRDR from end to end: a reply for each recipient, and what was promised is kept."""

import smtplib
import unittest

import harness
import postfix

TEXT = b"Subject: x\r\n\r\n.dot\r\nbody\r\n"
CONFIG = """\
hostname: mx.example.test
tables:
  our_domains: [example.test]
targets:
  mailboxes: {{maildir: {{path: mail}}}}
listeners:
  tcp: {{address: "127.0.0.1:0", protocol: lmtp}}
  unix: {{like: tcp, address: "unix:{directory}/lmtp", socket_mode: 0666}}
  smtp: {{like: tcp, protocol: smtp}}
routes:
  - {{name: mailboxes, match: {{recipient: our_domains}}, to: mailboxes, mode: direct}}
log: {{to: stderr, format: json}}
"""


class Lmtp(harness.TestCase):
    def start(self):
        return self.server(CONFIG.format(directory=self.directory), listeners=3)

    def full(self, who):
        """A mailbox that cannot be delivered to for now."""
        place = self.directory / "mail/example.test" / who
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("in the way")
        return place

    def check_python(self, server, *where):
        self.full("full")
        with smtplib.LMTP(*where) as client:
            self.assertEqual(client.ehlo("client.example")[0], 250)
            self.assertNotIn("prdr", client.esmtp_features)
            client.mail("s@example.com")
            for who in ("a", "full", "b"):
                self.assertEqual(client.rcpt(f"{who}@example.test")[0], 250)
            self.assertEqual(client.docmd("DATA")[0], 354)
            client.send(harness.stuffed(TEXT) + b".\r\n")
            self.assertEqual([client.getreply()[0] for _ in range(3)], [250, 451, 250])
        for who in ("a", "b"):
            message, = harness.stored(server, f"{who}@example.test")
            self.assertTrue(message.content == TEXT, message.content)
            self.assertIn("with LMTP id", message.field("Received"))
        record, = server.wait_log("message")
        self.assertEqual([each["fate"] for each in record["recipients"]],
                         ["delivered", "deferred", "delivered"])

    def test_python_over_tcp(self):
        server = self.start()
        self.check_python(server, *server.address_of("tcp"))

    def test_python_over_unix(self):
        server = self.start()
        self.check_python(server, server.address_of("unix"))

    def test_bdat(self):
        server = self.start()
        self.full("full")
        with harness.Client(server.address_of("unix")) as client:
            client.command("LHLO client.example", 250)
            client.envelope("a@example.test", "full@example.test")
            client.bdat(TEXT[:7])
            self.assertEqual(client.bdat(TEXT[7:], last=True).code, 250)
            client.expect(451)
            client.command("QUIT", 221)
        self.assertEqual(len(harness.stored(server, "a@example.test")), 1)

    @unittest.skipUnless(harness.has("swaks"), "swaks is not installed")
    def test_swaks(self):
        server = self.start()
        path = server.address_of("unix")
        result = harness.run("swaks", "--protocol", "LMTP", "--socket", path, "--helo", "c.example",
                             "--from", "s@example.com", "--to", "a@example.test,b@example.test",
                             "--data", "Subject: x\\n\\nbody\\n")
        self.assertEqual(result.returncode, 0, result.stdout.decode())
        for who in ("a", "b"):
            self.assertEqual(len(harness.stored(server, f"{who}@example.test")), 1)

    def test_prdr(self):
        server = self.start()
        full = self.full("full")
        with harness.Client(server.address_of("smtp")) as client:
            self.assertIn("PRDR", client.hello().lines)
            client.envelope("a@example.test", "full@example.test", parameters=" PRDR")
            client.data(TEXT, 353)
            client.expect(250)
            client.expect(451)
            client.expect(250)
            client.envelope("full@example.test", parameters=" PRDR")
            client.data(TEXT, 451)
            full.unlink()
            client.envelope("full@example.test", parameters=" PRDR")
            client.data(TEXT, 250)
            client.command("QUIT", 221)
        for who in ("a", "full"):
            self.assertEqual(len(harness.stored(server, f"{who}@example.test")), 1)


class PostfixLmtp(postfix.TestCase):
    """Postfix delivers its queue by its lmtp client; only who was deferred is tried again."""

    def test_delivers_to_us(self):
        server = self.server(CONFIG.format(directory=self.directory), listeners=3)
        self.directory.chmod(0o755)
        mail = self.directory / "mail/example.test"
        mail.mkdir(parents=True)
        (mail / "full").write_text("in the way")
        self.start(f"default_transport = lmtp:unix:{self.directory}/lmtp\n"
                   "lmtp_destination_recipient_limit = 10")
        self.post(TEXT, *[f"{who}@example.test" for who in ("a", "full", "b")])
        for who in ("a", "b"):
            self.assertEqual(len(self.arrived(server, f"{who}@example.test", 1)), 1)
        harness.wait_until(lambda: "status=deferred" in (self.home / "maillog").read_text(),
                           "a deferral", 30)
        (mail / "full").unlink()
        harness.run("postqueue", "-c", self.home, "-f")
        self.assertEqual(len(self.arrived(server, "full@example.test", 1)), 1)
        for who in ("a", "b"):
            self.assertEqual(len(harness.stored(server, f"{who}@example.test")), 1)


if __name__ == "__main__":
    unittest.main()
