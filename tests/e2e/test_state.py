# SPDX-License-Identifier: Apache-2.0
"""What plugins remember outlives the process, however it ends; a state that cannot be read is no
reason to forget in silence."""

import json
import os
import unittest

import harness
from processes import Processes, status

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


@unittest.skipUnless(os.getuid() == 0, "only root can start workers that are locked up as somebody else")
class Workers(Processes):
    """Two workers, each in its sandbox, with rights to one directory and nothing else."""

    def setUp(self):
        super().setUp()
        user = harness.unprivileged()
        (self.directory / "state").mkdir()
        os.chown(self.directory / "state", user.pw_uid, user.pw_gid)

    def sessions(self):
        """How many each worker has, by its slot."""
        done = harness.gatepost("status", "--json", "--socket", self.directory / "control")
        return {each["slot"]: each["sessions"] for each in json.loads(done.stdout)["processes"]
                if each["role"] == "worker"}

    def client_of_each(self, server):
        """A session with each worker, by its slot; one that comes to a worker again is closed."""
        clients = {}
        for _ in range(100):
            before = self.sessions()
            client = self.client(server)
            slot, = (each for each, n in self.sessions().items() if n > before[each])
            if slot in clients:
                client.command("QUIT", 221)
                client.close()
                harness.wait_until(lambda was=before: self.sessions() == was, "its end")
                continue
            client.hello()
            clients[slot] = client
            if len(clients) == 2:
                return [clients[slot] for slot in sorted(clients)]
        self.fail("all sessions came to one worker")

    def test_two_workers_count_together(self):
        control = self.directory / "control"
        server = self.launch(self.text(
            chain="- limits: {messages: 3/1w}",
            rest=f"{STATE}\ncontrol: {{path: {control}, mode: 0600}}\nsandbox: on\n"))
        for pid in self.workers(server):
            self.assertEqual(status(pid, "Seccomp"), "2")
            self.assertEqual(status(pid, "Uid").split()[0], str(harness.unprivileged().pw_uid))
        self.assertTrue(all(each["landlock"] >= 0 for each in server.wait_log("process.sandbox", 2)))
        one, two = self.client_of_each(server)
        for client in (one, two, one):
            client.envelope()
            client.data(MESSAGE)
        for client in (one, two):
            client.command("MAIL FROM:<s@example.com>", 250)
            self.assertIn("4.7.1", client.command("RCPT TO:<r@example.test>", 450).text)
        self.assertEqual(len(harness.stored(server)), 3)
        self.assertEqual(server.log("hook.fault"), [])


if __name__ == "__main__":
    unittest.main()
