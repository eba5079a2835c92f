# SPDX-License-Identifier: Apache-2.0
"""What plugins remember outlives the process, however it ends; a state that cannot be read is no
reason to forget in silence."""

import unittest

import harness

MESSAGE = b"Subject: hello\r\n\r\nworld\r\n"
STATE = "state: {lmdb: {path: state, sync: 100ms}}"


class Remembers(harness.TestCase):
    def rcpt(self, server, recipient="r@example.test"):
        with self.client(server) as client:
            client.hello()
            client.command("MAIL FROM:<s@example.com>", 250)
            return client.command(f"RCPT TO:<{recipient}>")

    def test_greylist_survives_kill(self):
        server = self.server(harness.config(chain="- greylist: {wait: 1s}", rest=STATE))
        reply = self.rcpt(server)
        self.assertEqual(reply.code, 450)
        self.assertIn("4.7.1 Greylisted", reply.text)
        server.kill()
        server.start()
        harness.wait_until(lambda: self.rcpt(server).code == 250, "it came back in time")
        server.kill()
        server.start()
        self.assertEqual(self.rcpt(server).code, 250)
        self.assertEqual(self.rcpt(server, "other@example.test").code, 450)
        harness.submit(server.address, MESSAGE)
        self.assert_stored(server, MESSAGE)

    def test_limits_count_all_sessions(self):
        server = self.server(harness.config(
            chain="- limits: {messages: 3/1w}", rest=STATE))
        for _ in range(3):
            harness.submit(server.address, MESSAGE)
        server.kill()
        server.start()
        with self.client(server) as client:
            client.hello()
            client.command("MAIL FROM:<s@example.com>", 250)
            self.assertIn("4.7.1", client.command("RCPT TO:<r@example.test>", 450).text)

    def test_damaged(self):
        server = self.server(harness.config(chain="- greylist: {}", rest=STATE))
        self.rcpt(server)
        self.assertEqual(server.stop(), 0)
        (server.directory / "state" / "data.mdb").write_bytes(b"nonsense" * 4096)
        server.launch()
        self.assertNotEqual(server.wait(), 0)
        self.assertIn("damaged", server.stderr())
        self.assertIn("remove data.mdb and lock.mdb", server.stderr())


if __name__ == "__main__":
    unittest.main()
