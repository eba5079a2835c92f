# SPDX-License-Identifier: Apache-2.0
"""The scheduler's process: it stays over reloads, comes back when it dies, and does what operators say."""

import json
import os
import signal
import subprocess
import unittest

import harness
from processes import Processes, proc

CONTROL = "control: {path: control.sock}\nspool: {path: var/spool, keep_free: 1MiB}\n"


class Queue(Processes):

    def setUp(self):
        super().setUp()
        (self.directory / "var").mkdir()
        user = harness.unprivileged()
        if user:
            os.chown(self.directory / "var", user.pw_uid, user.pw_gid)

    def text(self, workers=1, rest="", **options):
        return super().text(workers, CONTROL + rest, **options)

    def gatepost(self, *words, code=0):
        """Runs a command against the server; its output."""
        result = subprocess.run(
            [str(harness.GATEPOST), *words, "--socket", str(self.directory / "control.sock")],
            capture_output=True, text=True, check=False, cwd=self.directory)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return result.stdout + result.stderr

    def stats(self):
        return json.loads(self.gatepost("queue", "stats", "--json"))

    @staticmethod
    def scheduler(server):
        children = proc(server.process.pid, f"task/{server.process.pid}/children").split()
        for pid in map(int, children):
            try:
                if proc(pid, "cmdline").split("\0")[1:3] == ["process", "scheduler"]:
                    return pid
            except OSError:
                pass
        return None

    def kill(self, server):
        """kill -9; the next one has read the spool when this returns."""
        old, ready = self.scheduler(server), len(server.log("queue.ready"))
        os.kill(old, signal.SIGKILL)
        server.wait_log("queue.ready", ready + 1)
        return harness.wait_until(lambda: self.scheduler(server), "a scheduler")

    def test_life(self):
        server = self.launch()
        server.wait_log("queue.ready")
        first = self.scheduler(server)
        self.assertEqual(self.stats()["messages"], 0)
        self.gatepost("reload")
        self.assertEqual(self.scheduler(server), first)  # it stays
        second = self.kill(server)
        self.assertNotEqual(first, second)
        self.assertEqual(server.log("process.crash")[0]["role"], "scheduler")
        with harness.Client(server.address) as client:  # nobody else noticed
            client.hello()
        status = json.loads(self.gatepost("status", "--json"))
        self.assertEqual(status["queue"]["messages"], 0)
        self.assertIn("scheduler", [one["role"] for one in status["processes"]])
        self.gatepost("stop")
        server.wait()
        ended = [one["role"] for one in server.log("process.end")]
        self.assertIn("scheduler", ended)

    def test_pauses_outlive_it(self):
        server = self.launch()
        server.wait_log("queue.ready")
        self.gatepost("queue", "pause", "--domain", "example.org")
        self.gatepost("queue", "pause", "--sender", "<>")
        self.kill(server)
        harness.wait_until(lambda: self.stats()["pauses"] == ["domain=example.org", "sender=<>"],
                           "the pauses")
        self.gatepost("queue", "resume", "--domain", "example.org")
        self.assertIn("no such pause",
                      self.gatepost("queue", "resume", "--domain", "example.org", code=1))
        self.assertEqual(self.stats()["pauses"], ["sender=<>"])

    def test_commands(self):
        server = self.launch()
        server.wait_log("queue.ready")
        self.assertEqual(self.gatepost("queue", "list", "--json"), "")
        self.assertEqual(self.gatepost("queue", "list", "--sender", "a@example.org"), "")
        self.assertIn("0 messages", self.gatepost("queue", "watch", "--limit", "1"))
        self.assertIn("0 messages", self.gatepost("queue", "delete", "--all", code=1))
        self.assertIn("which mail", self.gatepost("queue", "delete", code=2))
        self.assertIn("no route", self.gatepost("queue", "reroute", "--to", "nowhere", "m1", code=1))
        self.assertIn("state=odd", self.gatepost("queue", "list", "--state", "odd", code=1))
        self.assertIn("no spaces", self.gatepost("queue", "list", "--sender", "a b", code=2))
        self.assertIn("duration", self.gatepost("queue", "list", "--older", "soon", code=2))

    def test_another_path_needs_a_restart(self):
        server = self.launch()
        server.wait_log("queue.ready")
        server.config.write_text(self.text().replace("var/spool", "var/other"))
        self.assertIn("restart", self.gatepost("reload", code=1))
        self.assertEqual(self.stats()["messages"], 0)

    def test_alone(self):
        server = self.launch(self.text(workers=0))
        server.wait_log("queue.ready")
        self.assertEqual(self.stats()["messages"], 0)
        self.gatepost("queue", "pause", "--route", "box")
        self.gatepost("stop")
        server.wait()
        server = self.launch(self.text(workers=1))  # the same spool by another process
        harness.wait_until(lambda: len(server.log("queue.ready")) == 2, "the second one")
        self.assertEqual(self.stats()["pauses"], ["route=box"])

    def test_no_queue(self):
        server = self.launch(super().text(1, "control: {path: control.sock}\n"))
        self.assertIsNone(self.scheduler(server))
        self.assertIn("no queue", self.gatepost("queue", "stats", code=1))


if __name__ == "__main__":
    unittest.main()
