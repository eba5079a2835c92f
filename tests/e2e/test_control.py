# SPDX-License-Identifier: Apache-2.0
"""The control socket and the commands that ask on it, of one process and of many."""

import grp
import json
import os
import re
import socket
import unittest

import harness
from processes import Processes

MESSAGE = b"Subject: x\r\n\r\nbody\r\n"


class Asking(Processes):
    """What the tests below share: a server with a control socket."""

    WORKERS = 2

    def text(self, workers=None, rest="", control="mode: 0660", **options):
        path = self.directory / "control"
        return super().text(workers=self.WORKERS if workers is None else workers,
                            rest=f"control: {{path: {path}, {control}}}\n{rest}", **options)

    def ask(self, *words, expect=0):
        result = harness.gatepost(*words, "--socket", self.directory / "control",
                                  directory=self.directory)
        self.assertEqual(result.returncode, expect, result.stderr)
        return result

    def ask_json(self, *words):
        return json.loads(self.ask(*words, "--json").stdout)

    def raw(self, data):
        """What comes back for some octets, until the server closes or has answered each line."""
        with socket.socket(socket.AF_UNIX) as asker:
            asker.settimeout(10 * harness.SLOWER)
            asker.connect(str(self.directory / "control"))
            asker.sendall(data)
            asker.shutdown(socket.SHUT_WR)
            got = b""
            while part := asker.recv(65536):
                got += part
        return [json.loads(line) for line in got.splitlines()]


class Commands(Asking):
    """gatepost status, sessions, hooks, reload, stop."""

    def test_status(self):
        server = self.launch()
        harness.submit(server.address, MESSAGE)
        server.wait_log("session.close")
        status = self.ask_json("status")
        self.assertEqual(status["pid"], server.process.pid)
        self.assertEqual(status["generation"], 1)
        self.assertEqual(status["config"], str(server.config))
        self.assertEqual(status["listeners"],
                         [{"listener": "mx", "address": "%s:%d" % server.address}]
                         if self.WORKERS else [{"listener": "mx", "address": "127.0.0.1:0"}])
        totals = status["totals"]
        self.assertEqual((totals["sessions"], totals["messages_accepted"],
                          totals["recipients_delivered"]), (1, 1, 1))
        self.assertEqual(totals["message_bytes"], len(MESSAGE))
        states = [(each["role"], each["state"]) for each in status["processes"]]
        self.assertEqual(sorted(states), sorted(
            [("master", "serving")] + [("worker", "serving")] * self.WORKERS
            if self.WORKERS else [("server", "serving")]))
        text = self.ask("status").stdout
        self.assertRegex(text, r"Gatepost \S+, process \d+, up \d+s, generation 1, 0 sessions")
        self.assertRegex(text, r"messages_accepted +1\n")

    def test_totals_outlive_their_workers(self):
        if not self.WORKERS:
            self.skipTest("one process has no reload")
        server = self.launch()
        for count in range(1, 4):
            before = self.workers(server)
            harness.submit(server.address, MESSAGE)
            self.ask("reload")
            self.wait_workers(server, self.WORKERS, before)
            self.assertEqual(self.ask_json("status")["totals"]["messages_accepted"], count)

    def test_sessions(self):
        server = self.launch(self.text(chain="- early_talker: {wait: 20s}\n  id: patient"))
        waiting = self.client(server, greeting=False)
        self.addCleanup(waiting.close)

        def look():
            sessions = self.ask_json("sessions")["list"]
            return sessions if sessions and "waits_for" in sessions[0] else None
        session = harness.wait_until(look, "a session that waits")[0]
        self.assertEqual(session["listener"], "mx")
        self.assertEqual(session["client"], "127.0.0.1")
        self.assertEqual(session["state"], "waiting")
        self.assertEqual(session["waits_for"]["instance"], "patient")
        self.assertEqual(session["waits_for"]["hook"], "connect")
        self.assertIn("patient at connect", self.ask("sessions").stdout)
        more = [self.client(server, greeting=False) for _ in range(9)]
        harness.wait_until(lambda: self.ask_json("sessions")["sessions"] == 10, "ten sessions")
        self.assertEqual(len(self.ask_json("sessions")["list"]), 10)
        self.assertLess(len(self.ask_json("sessions", "--limit", "4")["list"]), 10)
        for client in more:
            client.close()

    def test_session_waits_for_a_login(self):
        silent = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(silent.close)
        rest = 'auth: {staff: {dovecot: {to: "127.0.0.1:%d"}}}\n' % silent.getsockname()[1]
        server = self.launch(self.text(listener="auth: [staff], auth_plaintext: true", rest=rest))
        client = self.client(server)
        client.hello()
        client.send(b"AUTH PLAIN AGFubmEAc2VjcmV0\r\n")
        waited = harness.wait_until(
            lambda: self.ask_json("sessions")["list"][0].get("waits_for"), "a session that waits")
        self.assertEqual((waited["instance"], waited["role"]), ("staff", "auth"))
        self.assertIn("staff as auth", self.ask("sessions").stdout)
        client.close()

    def test_session_in_a_transaction(self):
        server = self.launch()
        client = self.client(server)
        client.hello()
        client.envelope("a@example.test", "b@example.test")
        session = self.ask_json("sessions")["list"][0]
        self.assertEqual(session["helo"], "client.example")
        self.assertEqual(session["sender"], "s@example.com")
        self.assertEqual(session["recipients"], 2)
        self.assertTrue(session["transaction"].startswith(session["session"]))
        self.assertEqual(session["state"], "command")

    def test_hooks(self):
        server = self.launch(self.text(chain="- early_talker: {wait: 10ms}\n- access: {}\n"))
        for _ in range(3):
            harness.submit(server.address, MESSAGE)
        hooks = self.ask_json("hooks")["hooks"]
        self.assertEqual([each["chain"] for each in hooks], ["edge"] * len(hooks))
        names = [each["instance"] for each in hooks]
        self.assertEqual(names, sorted(names, key=["early_talker", "access"].index))
        first = hooks[0]
        self.assertEqual((first["hook"], first["calls"], first["verdicts"]),
                         ("connect", 3, {"next": 3}))
        self.assertGreater(first["mean_ns"], 5000000)
        self.assertGreaterEqual(first["p99_ns"], first["p50_ns"])
        self.assertRegex(self.ask("hooks").stdout, r"edge:\n  early_talker +connect +3 ")

    def test_reload(self):
        server = self.launch()
        if not self.WORKERS:
            self.assertIn("set `workers`", self.ask("reload", expect=1).stderr)
            return
        self.assertEqual(self.ask("reload").stdout, "generation 2 is in force\n")
        server.config.write_text(self.text(rest="no_such_key: 1\n"))
        self.assertRegex(self.ask("reload", expect=1).stderr, r"gatepost\.yaml:\d+:\d+: .*no_such_")
        self.assertEqual(self.ask_json("status")["generation"], 2)
        self.assert_alive(server)

    def test_stop(self):
        server = self.launch()
        self.ask("stop")
        self.assertEqual(server.wait(), 0)
        self.assertFalse((self.directory / "control").exists())
        self.assertIn("no server", self.ask("status", expect=1).stderr)

    def test_socket_is_found(self):
        server = self.launch()
        result = harness.gatepost("status", "--config", server.config)
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_usage(self):
        for words in (["status", "x"], ["sessions", "--limit", "0"], ["hooks", "--limit", "1"]):
            self.assertEqual(harness.gatepost(*words).returncode, 2, words)
        for command in ("status", "sessions", "hooks", "reload", "stop"):
            self.assertIn("control socket", harness.gatepost(command, "--help").stdout)

    def test_nonsense(self):
        server = self.launch()
        cases = [(b"x\n", "object of JSON"), (b"[]\n", "object of JSON"),
                 (b'{"do":"status"}\n', "version"), (b'{"v":2,"do":"status"}\n', "version"),
                 (b'{"v":1}\n', "what to do"), (b'{"v":1,"do":7}\n', "what to do"),
                 (b'{"v":1,"do":"status","limit":-1}\n', "limit"),
                 (b'{"v":1,"do":"dance"}\n', "not know"),
                 (b'{"v":1,"v":1,"do":"status"}\n', "object of JSON"),
                 (b"x" * 5000, "too long"), (b"x" * 5000 + b"\n", "too long")]
        for data, error in cases:
            answer = self.raw(data)
            self.assertEqual(len(answer), 1, data)
            self.assertFalse(answer[0]["ok"])
            self.assertIn(error, answer[0]["error"])
        self.assertEqual(self.raw(b'{"v":1,"do":"status"'), [])
        self.assert_alive(server)

    def test_many_at_once(self):
        self.launch()
        askers = []
        for _ in range(40):
            asker = socket.socket(socket.AF_UNIX)
            self.addCleanup(asker.close)
            asker.connect(str(self.directory / "control"))
            asker.settimeout(10 * harness.SLOWER)
            askers.append(asker)
        answers = [json.loads(asker.recv(4096)) for asker in askers[32:]]
        self.assertTrue(all("too many" in answer["error"] for answer in answers))
        for asker in askers:
            asker.close()
        harness.wait_until(lambda: harness.gatepost(
            "status", "--socket", self.directory / "control").returncode == 0, "room again")


class CommandsOfOne(Commands):
    """The same of one process."""

    WORKERS = 0

    def text(self, workers=0, **options):
        return super().text(workers=workers, **options).replace("user: nobody\n", "")


@unittest.skipUnless(os.getuid() == 0, "only root can be somebody else")
class Permission(Asking):
    """Root, the user of the master and one group may ask."""

    def ask_as(self, uid, groups, request=b'{"v":1,"do":"status"}'):
        """The answer on the raw socket; the client's process is not ours."""
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                os.setgroups(groups)
                os.setgid(65534)
                os.setuid(uid)
                answer = self.raw(request + b"\n")
                os.write(writer, json.dumps(answer)[:4000].encode())
                code = 0
            except OSError as error:
                os.write(writer, json.dumps([{"ok": False, "error": str(error)}]).encode())
                code = 0
            finally:
                os._exit(code)
        os.close(writer)
        with os.fdopen(reader, "rb") as pipe:
            text = pipe.read().decode()
        os.waitpid(pid, 0)
        return re.search(r'"ok": true', text) is not None, text

    def test_others_are_refused(self):
        server = self.launch(self.text(control="mode: 0666"))
        nobody = harness.unprivileged().pw_uid
        for uid in (nobody, 12345):
            allowed, text = self.ask_as(uid, [])
            self.assertFalse(allowed)
            self.assertIn("you may not", text)
        self.assertEqual(server.wait_log("control.refused", 2)[1]["uid"], 12345)
        self.ask("status")

    def test_mode_keeps_others_out(self):
        self.launch(self.text(control="mode: 0600"))
        self.assertEqual((self.directory / "control").stat().st_mode & 0o777, 0o600)
        self.assertIn("ermission denied", self.ask_as(12345, [])[1])

    def test_group(self):
        group = grp.getgrnam("daemon")
        self.launch(self.text(control="mode: 0660, group: daemon"))
        self.assertEqual((self.directory / "control").stat().st_gid, group.gr_gid)
        self.assertTrue(self.ask_as(12345, [group.gr_gid])[0])
        self.assertFalse(self.ask_as(12345, [])[0])

    def test_no_such_group(self):
        for setting in ("group", "release_group"):
            server = self.launch(self.text(control=f"{setting}: no_such_group"))
            self.assertIn("no_such_group", server.wait_log("control.failed")[0]["error"])
            server.stop()

    def test_release_group(self):
        """Its members may release held mail in somebody's name, and nothing else."""
        group = grp.getgrnam("daemon")
        self.launch(self.text(control="release_group: daemon"))
        self.ask("status")
        for request, answer in (
                (b'"do":"status"', "nothing else"),
                (b'"do":"stop","what":"release","as":"a@example.test"', "nothing else"),
                (b'"do":"queue","what":"release","filter":"state=held"', "nothing else"),
                (b'"do":"queue","what":"release","filter":"state=held","as":""', "nothing else"),
                (b'"do":"queue","what":"release","filter":"state=held","as":7', "nothing else"),
                (b'"do":"queue","what":"delete","filter":"state=held","as":"a@b.c"', "nothing else"),
                (b'"do":"queue","what":"release","filter":"state=held","as":"a@b.c"', "no queue")):
            with self.subTest(request=request):
                allowed, text = self.ask_as(12345, [group.gr_gid], b'{"v":1,' + request + b"}")
                self.assertFalse(allowed)
                self.assertIn(answer, text)
        self.assertIn("you may not", self.ask_as(12345, [])[1])

    def crowd(self, groups, count):
        """Somebody with that many connections who says nothing; ends when the pipe is closed."""
        ready, done = os.pipe(), os.pipe()
        pid = os.fork()
        if pid == 0:
            os.setgroups(groups)
            os.setgid(65534)
            os.setuid(12345)
            crowd = []
            for _ in range(count):
                each = socket.socket(socket.AF_UNIX)
                each.connect(str(self.directory / "control"))
                crowd.append(each)
            os.write(ready[1], b".")
            os.close(done[1])
            os.read(done[0], 1)
            os._exit(0)
        for each in (ready[1], done[0]):
            os.close(each)
        self.addCleanup(os.waitpid, pid, 0)
        self.addCleanup(os.close, done[1])
        self.assertEqual(os.read(ready[0], 1), b".")
        os.close(ready[0])

    def test_crowds(self):
        """Who may less takes no place from who may more, and fills no log."""
        group = grp.getgrnam("daemon")
        server = self.launch(self.text(control="release_group: daemon"))
        self.crowd([], 100)
        allowed, text = self.ask_as(
            12345, [group.gr_gid],
            b'{"v":1,"do":"queue","what":"release","filter":"state=held","as":"a@b.c"}')
        self.assertIn("no queue", text)
        self.crowd([group.gr_gid], 50)
        for _ in range(5):
            self.ask("status")
        self.assertLess(len(server.log("control.refused")), 100)

    def test_idle(self):
        """Who asks nothing, half a question, or nothing more, loses its place."""
        self.launch(self.text(control="idle: 1s"))
        for question, answers in ((b"", 0), (b'{"v":1,', 0), (b'{"v":1,"do":"status"}\n', 1)):
            with socket.socket(socket.AF_UNIX) as asker:
                asker.settimeout(10 * harness.SLOWER)
                asker.connect(str(self.directory / "control"))
                asker.sendall(question)
                got = b""
                while part := asker.recv(65536):
                    got += part
            self.assertEqual(got.count(b"\n"), answers)


if __name__ == "__main__":
    unittest.main()
