# SPDX-License-Identifier: Apache-2.0
"""The scheduler's process: it stays over reloads, comes back when it dies, and does what operators say."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import unittest

import harness
import queueing
from processes import Processes, proc, status
from sink import Sink

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
        told = json.loads(self.gatepost("status", "--json"))
        self.assertEqual(told["queue"]["messages"], 0)
        self.assertIn("scheduler", [one["role"] for one in told["processes"]])
        self.gatepost("stop")
        server.wait()
        ended = [one["role"] for one in server.log("process.end")]
        self.assertIn("scheduler", ended)

    def test_rights(self):
        server = self.launch()
        server.wait_log("queue.ready")
        pid = self.scheduler(server)
        self.assertEqual(status(pid, "Seccomp"), "2")
        self.assertEqual(status(pid, "NoNewPrivs"), "1")
        if harness.unprivileged():
            self.assertNotIn("0", status(pid, "Uid").split())
            self.assertIn("gatepost", proc(pid, "maps"))
            self.assertNotIn("/plugins/", proc(pid, "maps"))  # it needs none

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


class Operated(queueing.TestCase):
    """A server whose mail for down.test cannot be delivered just now, and who operates it."""

    workers_count = 1
    DOWN = '  down: {smtp: {to: "127.0.0.1:1"}}\n'
    ROUTES = ("  - {name: down, match: {recipient: down.test}, to: down}\n"
              "  - {name: other, match: {recipient: other.test}, to: mailboxes}\n")
    REST = ("control: {path: control.sock}\ncarriers: 1\n"
            "buckets: {spam: {expire: 1h}, back: {expire: 1s, then: bounce}}\n")
    MESSAGE = b"Subject: x\r\n\r\nbody\r\n"

    def launch_down(self, rest="", routes=None):
        server = self.queueing(targets=self.DOWN, routes=routes or self.ROUTES, retry="1h",
                               rest=self.REST + rest)
        server.wait_log("queue.ready")
        return server

    gatepost = Queue.gatepost
    stats = Queue.stats
    scheduler = staticmethod(Queue.scheduler)
    kill = Queue.kill

    def list(self, *filters):
        lines = self.gatepost("queue", "list", "--json", *filters).splitlines()
        return [json.loads(line) for line in lines]

    def submit(self, server, *recipients, sender="s@example.test"):
        with harness.Client(server.address) as client:
            client.hello()
            client.command(f"MAIL FROM:<{sender}>", 250)
            for recipient in recipients:
                client.command(f"RCPT TO:<{recipient}>", 250)
            client.command("DATA", 354)
            client.send(self.MESSAGE + b".\r\n")
            reply = client.reply()
            self.assertEqual(reply.code, 250)

    def wait_states(self, **states):
        def look():
            now = self.stats()["states"]
            return all(now[state] == count for state, count in states.items())
        harness.wait_until(look, f"{states}, not {self.stats()['states']}")


class Mail(Operated):
    """What operators do to mail that cannot be delivered just now."""

    def silent(self):
        """A port where connections are taken and nothing is ever said."""
        listening = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.addCleanup(listening.close)
        return listening.getsockname()[1]

    def test_others_are_not_delayed(self):
        """One destination says nothing, one defers all it gets: mail to a third goes out."""
        later = Sink()
        self.addCleanup(later.stop)
        later.rcpt = lambda line: "450 4.7.1 Greylisted, try again in 300 seconds"
        targets = (f'  slow: {{smtp: {{to: "127.0.0.1:{self.silent()}"}}}}\n'
                   f'  later: {{smtp: {{to: "127.0.0.1:{later.port}"}}}}\n')
        routes = ("  - {name: slow, match: {recipient: slow.test}, to: slow}\n"
                  "  - {name: later, match: {recipient: later.test}, to: later}\n")
        server = self.queueing(targets=targets, routes=routes, retry="1h", rest=self.REST)
        server.wait_log("queue.ready")
        for i in range(60):
            self.submit(server, f"u{i}@slow.test")
        for i in range(200):
            self.submit(server, f"u{i}@later.test")
        self.submit(server, "r@example.test")
        self.wait_stored(server, 1)
        states = {one["target"]: one for one in self.stats()["destinations"]}
        self.assertGreaterEqual(states["slow"]["trying"], 1)  # they still wait for its greeting
        self.assertLessEqual(states["slow"]["trying"], 20)
        harness.wait_until(lambda: self.stats()["states"]["waiting"] >= 200, "the deferred", 30)
        self.assertEqual(len(self.list("--destination", "later", "--limit", "1000")), 200)

    def test_source_addresses(self):
        """Two carriers, two addresses, an hour for each message of one: two go out, the others wait
        without having been tried, and mail to elsewhere does not notice."""
        to = Sink()
        self.addCleanup(to.stop)
        targets = (f'  limited: {{smtp: {{to: "127.0.0.1:{to.port}", sources: [127.0.0.2, 127.0.0.3], '
                   'source_rate: 1/h}}\n')
        routes = "  - {name: limited, match: {recipient: limited.test}, to: limited}\n"
        server = self.queueing(targets=targets, routes=routes, retry="1h",
                               rest=self.REST.replace("carriers: 1", "carriers: 2"))
        server.wait_log("queue.ready")
        for i in range(20):
            self.submit(server, f"u{i}@limited.test")
        harness.wait_until(lambda: len(to.mails) == 2, "two messages")
        self.submit(server, "r@example.test")
        self.wait_stored(server, 1)
        self.wait_states(ready=18, trying=0, waiting=0)
        self.assertEqual(sorted(address for address, _ in to.connections),
                         ["127.0.0.2", "127.0.0.3"])
        (limited,) = self.stats()["limited"]
        self.assertEqual(limited["target"], "limited")
        self.assertGreater(limited["not_before"], 0)
        self.assertIn("source addresses of limited", self.gatepost("queue", "stats"))
        for message in self.list("--destination", "limited"):
            self.assertEqual(message["recipients"][0].get("tries", 0), 0)
        (told,) = server.log("queue.limited")
        self.assertEqual(told["target"], "limited")
        # The next configuration's carriers know what was sent.
        self.gatepost("reload")
        self.gatepost("queue", "retry", "--destination", "limited")
        self.wait_states(ready=18, trying=0)
        self.assertEqual(len(to.mails), 2)

    def test_stopped_while_trying(self):
        """What is under way when it is stopped is given up in time, and is there afterwards."""
        targets = f'  slow: {{smtp: {{to: "127.0.0.1:{self.silent()}"}}}}\n'
        routes = "  - {name: slow, match: {recipient: slow.test}, to: slow}\n"
        server = self.queueing(targets=targets, routes=routes, retry="1h",
                               rest=self.REST + "process: {stop_within: 1s}\n")
        server.wait_log("queue.ready")
        self.submit(server, "a@slow.test")
        self.wait_states(trying=1)
        self.gatepost("stop")
        server.wait()
        self.assertEqual(server.log("process.crash"), [])
        server.start()
        server.wait_log("queue.ready", 2)
        self.assertEqual(self.stats()["messages"], 1)

    def test_waiting(self):
        server = self.launch_down()
        self.submit(server, "a@down.test", "b@down.test", sender="s@example.test")
        self.submit(server, "c@down.test", sender="t@example.test")
        server.wait_log("delivery", 2)
        self.wait_states(trying=0)
        self.assertEqual(len(self.list()), 2)
        (one,) = self.list("--sender", "t@example.test")
        (recipient,) = one["recipients"]
        self.assertEqual(recipient["address"], "c@down.test")
        self.assertEqual(recipient["route"], "down")
        (destination,) = self.stats()["destinations"]
        self.assertEqual(destination["target"], "down")
        self.assertGreaterEqual(destination["failures"], 1)
        self.assertEqual(self.list("--domain", "example.org"), [])
        self.assertEqual(self.list("--older", "1h"), [])
        # The same after the scheduler's death.
        self.kill(server)
        self.assertEqual(len(self.list("--destination", "down")), 2)
        self.gatepost("queue", "reroute", "--to", "mailboxes", "--all")
        self.wait_stored(server, 1, "c@down.test")
        self.wait_states(waiting=0, ready=0, trying=0)
        self.assertEqual(self.stats()["messages"], 0)

    def test_hold_release_delete(self):
        server = self.launch_down()
        self.gatepost("queue", "pause", "--route", "down")
        self.submit(server, "a@down.test")
        self.submit(server, "b@down.test", sender="t@example.test")
        self.wait_states(paused=2)
        self.gatepost("queue", "hold", "--sender", "s@example.test")
        self.wait_states(paused=1, held=1)
        (held,) = self.list("--bucket", "hold")
        self.assertEqual(held["sender"], "s@example.test")
        self.kill(server)
        self.wait_states(paused=1, held=1)
        self.gatepost("queue", "release", held["message"])
        self.wait_states(paused=2, held=0)
        self.gatepost("queue", "delete", "--sender", "t@example.test")
        self.wait_states(paused=1)
        self.assertEqual([one["outcome"] for one in server.log("delivery")], ["deleted"])
        into = self.directory / "out"  # it is made
        self.assertIn("1 exported", self.gatepost("queue", "export", "--all", "--into", str(into),
                                                  "--config", str(server.config)))
        self.assertEqual((into / f"{held['message']}.eml").read_bytes()[-len(self.MESSAGE):],
                         self.MESSAGE)
        self.gatepost("queue", "resume", "--route", "down")
        server.wait_log("delivery", 2)

    HELD_RULES = ("control: {path: control.sock}\ncarriers: 1\n"
                  "buckets: {spam: {release: recipient}, dlp: {}}\nchains: {c: [{t_held: {}}]}\n")

    def launch_held(self):
        """A server with a filter that holds mail, and says of each what is done when it is let go."""
        text = queueing.config(1, retry="1h", rest=self.HELD_RULES).replace(
            "sessions_per_client", "chain: c, sessions_per_client")
        server = harness.Server(self.directory, text)
        server.copy_program()
        shutil.copy2(harness.BUILD / "tests" / "modules" / "t_held.so",
                     server.program.parent / "plugins")
        self.addCleanup(self._finish, server)
        server.start()
        server.wait_log("queue.ready")
        return server

    def test_let_go(self):
        """Filters are asked about what is let go; what they say is done, and outlives a crash."""
        server = self.launch_held()
        for wish, bucket in (("go", "spam"), ("back", "spam"), ("drop", "spam"), ("later", "spam"),
                             ("go", "dlp")):
            self.MESSAGE = f"X-Bucket: {bucket}\r\nX-Release: {wish}\r\n\r\nbody\r\n".encode()
            self.submit(server, "r@example.test", *(["o@example.test"] if wish == "later" else []))
        self.wait_states(held=5)
        # Somebody else's mail, and a bucket of operators.
        self.assertIn("nothing of it is held for", self.gatepost(
            "queue", "release", "--all", "--as", "x@example.test", code=1))
        self.assertIn("does not let", self.gatepost(
            "queue", "release", "--bucket", "dlp", "--as", "r@example.test", code=1))
        self.assertIn("is no address", self.gatepost(
            "queue", "release", "--all", "--as", "nobody", code=1))
        self.wait_states(held=5)
        # Each in that bucket, but not the copy of another recipient.
        self.assertIn("4 messages, 4 recipients", self.gatepost(
            "queue", "release", "--bucket", "spam", "--as", "R@EXAMPLE.test"))
        (one,) = self.wait_stored(server, 1)
        self.assertIn(b"X-Let-Go-From: spam\r\n\r\nSeen by somebody:\r\nbody", one.content)
        for _ in range(2):
            self.wait_states(held=3, waiting=1, trying=0)  # back, the other's, dlp
            self.kill(server)
        self.assertEqual(len(server.wait_log("queue.released", 4)), 4)
        outcomes = sorted(one["outcome"] for one in server.log("delivery"))
        self.assertEqual(outcomes, ["deferred", "delivered", "discarded", "held"])
        hooks = json.loads(self.gatepost("hooks", "--json"))["hooks"]
        (asked,) = [one for one in hooks if one["hook"] == "release"]
        self.assertEqual((asked["instance"], asked["calls"]), ("t_held", 4))
        # An instance in a carrier has its ticks, too.
        (carrier,) = queueing.children(server.process.pid)["carrier"]
        harness.wait_until(lambda: f"ticked in {carrier}" in server.stderr(), "a tick of the carrier")

    def test_which_mail_is_meant(self):
        """Of several messages each; of two values for one thing none; a pause by its words in any order."""
        server = self.launch_down()
        self.gatepost("queue", "pause", "--route", "down")
        for name in "abc":
            self.submit(server, f"{name}@down.test", sender=f"{name}@example.test")
        self.wait_states(paused=3)
        a, b, c = (self.list("--sender", f"{name}@example.test")[0]["message"] for name in "abc")
        self.assertEqual([one["message"] for one in self.list(a, b)], [a, b])  # as they were named
        shown = self.gatepost("queue", "show", "--json", a, c).splitlines()
        self.assertEqual([json.loads(line)["message"] for line in shown], [a, c])
        self.assertIn("nothere is not in the queue",
                      self.gatepost("queue", "show", "nothere", a, code=1))
        self.assertIn("there is another sender", self.gatepost(
            "queue", "delete", "--sender", "a@example.test", "--sender", "b@example.test", code=1))
        self.assertIn("2 messages", self.gatepost("queue", "hold", a, b))
        self.wait_states(paused=1, held=2)
        self.assertIn("1 messages", self.gatepost("queue", "delete", "--sender", "<c@example.test>"))
        self.wait_states(paused=0, held=2)
        self.gatepost("queue", "pause", "--domain", "d.test", "--sender", "a@example.test")
        self.gatepost("queue", "pause", a, b)
        self.gatepost("queue", "resume", "--sender", "a@example.test", "--domain", "d.test")
        self.gatepost("queue", "resume", b, a)
        self.assertEqual(self.stats()["pauses"], ["route=down"])

    def test_bounce(self):
        server = self.launch_down("bounces: {to: [authenticated]}\n")
        self.gatepost("queue", "pause", "--route", "down")
        self.submit(server, "a@down.test")
        self.wait_states(paused=1)
        self.gatepost("queue", "bounce", "--all")
        server.wait_log("bounce.suppressed")  # who sent it is not known
        self.assertEqual(server.log("bounce"), [])
        self.wait_states(paused=0)

    def test_kept_with_what_was_said(self):
        """A failure that nobody may be told of: the operator sees what the peer said, also later."""
        sink = Sink()
        self.addCleanup(sink.stop)
        sink.rcpt = lambda line: "550 5.1.1 No such user"
        server = self.queueing(targets=f'  down: {{smtp: {{to: "127.0.0.1:{sink.port}"}}}}\n',
                               routes=self.ROUTES, rest=self.REST)
        server.wait_log("queue.ready")
        self.submit(server, "a@down.test")
        self.wait_states(held=1)
        for _ in range(2):
            (recipient,) = self.list("--bucket", "held")[0]["recipients"]
            self.assertEqual((recipient["status"], recipient["text"], recipient["tries"]),
                             ("550 5.1.1", "No such user", 1))
            self.kill(server)

    def test_route_is_gone(self):
        server = self.launch_down()
        self.gatepost("queue", "pause", "--route", "down")
        self.submit(server, "a@down.test")
        self.submit(server, "b@other.test")
        self.wait_stored(server, 1, "b@other.test")
        self.wait_states(paused=1)
        server.config.write_text(server.config.read_text().replace(
            "  - {name: down, match: {recipient: down.test}, to: down}\n", ""))
        result = subprocess.run([str(harness.GATEPOST), "check", "--config", str(server.config)],
                                capture_output=True, text=True, check=False, cwd=self.directory)
        self.assertIn('no route "down", but 1 messages', result.stdout)
        self.gatepost("reload")
        self.gatepost("queue", "resume", "--route", "down")
        server.wait_log("queue.orphan")
        self.wait_states(held=1)
        self.gatepost("queue", "reroute", "--to", "mailboxes", "--bucket", "orphan")
        self.wait_stored(server, 1, "a@down.test")


class Engines(Operated):
    """The life of some messages, the same whatever keeps the spool."""

    def spool(self, server, *words):
        result = subprocess.run(
            [str(harness.GATEPOST), "spool", *words, "--config", str(server.config)],
            capture_output=True, check=False, cwd=self.directory)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        return result.stdout

    def imported(self, server):
        """One whose sender may be told, with a large message, comes in by a tool."""
        content = self.MESSAGE + b"x" * 70 + b"\r\n" + (b"y" * 76 + b"\r\n") * 20000
        entry = {"id": "imported", "received_ms": int(time.time() * 1000), "bounce": 1,
                 "sender_given": "r@example.test", "base_size": len(content),
                 "copies": [{"id": "imported.a", "sender": "r@example.test",
                             "size": len(content), "pieces": [{"len": len(content)}]}],
                 "recipients": [{"address": "b@down.test", "route": "down"}]}
        (self.directory / "imported.json").write_text(json.dumps(entry))
        (self.directory / "imported.eml").write_bytes(content)
        self.spool(server, "import", str(self.directory / "imported.json"))
        return content

    def transcript(self):
        server = self.launch_down()
        for command in ("--route down", "--domain example.test"):
            self.gatepost("queue", "pause", *command.split())
        for recipient in ("r@example.test", "r@example.test", "a@down.test"):
            self.submit(server, recipient)
        self.wait_states(paused=3)
        self.gatepost("queue", "hold", "--domain", "down.test")
        self.wait_states(paused=2, held=1)

        (worker,) = queueing.children(server.process.pid)["worker"]
        os.kill(worker, signal.SIGKILL)
        harness.wait_until(lambda: queueing.children(server.process.pid).get("worker", [worker])
                           != [worker], "another worker")
        harness.wait_until(lambda: self.took(server), "a 250 of it")
        self.kill(server)
        self.wait_states(paused=3, held=1)

        content = self.imported(server)
        self.wait_states(paused=4)
        lines = [json.loads(line) for line in self.spool(server, "list", "--json").splitlines()]
        self.assertEqual(len(lines), 5)
        self.assertEqual(self.spool(server, "show", "--message", "imported"), content)
        self.assertIn(b"\n0 problems\n", self.spool(server, "verify"))
        self.assertIn(b"5 exported", self.spool(server, "export", "--to", "rescued"))
        self.assertEqual((self.directory / "rescued/imported.eml").read_bytes(), content)

        self.kill_all(server)
        server.start()
        server.wait_log("queue.ready", 3)
        self.wait_states(paused=4, held=1)
        self.gatepost("queue", "bounce", "imported")
        self.wait_states(paused=4)  # the notification has taken its place
        self.gatepost("queue", "resume", "--domain", "example.test")
        messages = self.wait_stored(server, 4)
        self.assertEqual(sum(b"Auto-Submitted: auto-replied" in each.raw for each in messages), 1)
        self.gatepost("queue", "release", "--bucket", "hold")
        self.wait_states(paused=1, held=0)
        self.gatepost("queue", "reroute", "--to", "mailboxes", "--all")
        self.wait_stored(server, 1, "a@down.test")
        harness.wait_until(lambda: self.stats()["messages"] == 0, "an empty queue")
        if self.lmdb:  # the log keeps the segments that it still writes to
            harness.wait_until(lambda: not self.spool(server, "list"), "an empty store")

    def took(self, server):
        """Whether a worker is there again and takes a message, which is no other's: of those that it
        took just before its death nobody knows whether the client heard so."""
        with contextlib.suppress(OSError, harness.Closed, harness.Unexpected):
            harness.submit(server.address, self.MESSAGE + b"and another\r\n")
            return True
        return False

    def test_log(self):
        self.transcript()

    def test_lmdb(self):
        self.lmdb = True
        self.transcript()

    def test_changes(self):
        """Other options take a restart, another engine a folder of its own."""
        self.lmdb = True
        server = self.launch_down()
        text = server.config.read_text()
        server.config.write_text(text.replace("path: store,", "path: store, size: 1GiB,"))
        self.assertIn("restart", self.gatepost("reload", code=1))
        server.config.write_text(text.replace(", engine: store", ""))
        self.assertIn("the spool of another engine", self.gatepost("reload", code=1))
        server.config.write_text(text)
        self.gatepost("reload")


if __name__ == "__main__":
    unittest.main()
