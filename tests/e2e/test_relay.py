# SPDX-License-Identifier: Apache-2.0
"""Nobody relays without a right, however a recipient is written."""

import itertools
import unittest

import harness

CONFIG = """
hostname: mx.example.test
listeners:
  mx: {address: "127.0.0.1:0", sessions_per_client: 100000}
targets:
  mailboxes: {maildir: {path: mail}}
  elsewhere: {maildir: {path: relayed}}
routes:
  - {name: mailboxes, match: {recipient: [example.test, "[127.0.0.1]"]}, to: mailboxes, mode: direct}
  - {name: world, match: {relay: true}, to: elsewhere, mode: direct}
log: {format: json}
"""

# Ways to write somebody else's address so that a careless server takes it for its own.
FOREIGN = [
    "user@elsewhere.example",
    "user@EXAMPLE.TEST.elsewhere.example",
    "user@notexample.test",
    "user@sub.example.test",
    "user@example.test@elsewhere.example",
    "user%elsewhere.example",
    "user@[192.0.2.1]",
    "user@[127.0.0.2]",
    "user@[IPv6:2001:db8::1]",
    "user@[IPv6:::ffff:127.0.0.1]",
    "user@127.0.0.1",
    "@example.test:user@elsewhere.example",
    "@example.test,@example.test:user@elsewhere.example",
    '"user@example.test"@elsewhere.example',
    '"@example.test:user"@elsewhere.example',
    "elsewhere.example!user",
    "user@example.test.",
    "user@example..test",
    "user@.example.test",
    "user@example.test elsewhere.example",
    "user@example.test\\@elsewhere.example",
    "user@ex\u0430mple.test",  # Cyrillic
    "user@example\uff0etest",  # FULLWIDTH FULL STOP
    "user@elsewhere\u3002example",
    "user",
    "@example.test",
    "@",
]

# Odd local parts of our own domain: mailboxes of that name, never a way on.
OURS = [
    "user%elsewhere.example@example.test",
    "elsewhere.example!user@example.test",
    '"user@elsewhere.example"@example.test',
    '"@elsewhere.example:user"@example.test',
    "@elsewhere.example:user@example.test",  # a source route is dropped (RFC 5321 4.1.2)
    "user@EXAMPLE.test",
]


class Relay(harness.TestCase):
    def test_foreign_recipients(self):
        server = self.server(CONFIG)
        for recipient, utf8 in itertools.product(FOREIGN, ("", " SMTPUTF8")):
            with self.subTest(recipient=recipient, utf8=utf8), self.client(server) as client:
                client.hello()
                client.command(f"MAIL FROM:<s@example.com>{utf8}", 250)
                client.send(f"RCPT TO:<{recipient}>\r\n".encode())
                self.assertIn(client.reply().code, (501, 550, 553, 554))
                client.command("DATA", 503, 554)
        self.assertFalse((server.directory / "relayed").exists())

    def test_odd_names_of_ours(self):
        server = self.server(CONFIG)
        for recipient in OURS:
            with self.subTest(recipient=recipient):
                harness.submit(server.address, b"Subject: x\r\n\r\nbody\r\n", recipient)
        records = server.wait_log("message", len(OURS))
        for record in records:
            self.assertEqual([r["route"] for r in record["recipients"]], ["mailboxes"])
            self.assertTrue(record["recipients"][0]["to"].lower().endswith("@example.test"))
        self.assertFalse((server.directory / "relayed").exists())
        self.assertEqual({path.name.lower() for path in (server.directory / "mail").iterdir()},
                         {"example.test"})


if __name__ == "__main__":
    unittest.main()
