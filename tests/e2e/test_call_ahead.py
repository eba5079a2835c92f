# SPDX-License-Identifier: Apache-2.0
"""`valid: {ask: TARGET}`: the next hop is asked for recipients, by RCPT without a message."""

import os
import signal
import socketserver
import threading

import harness

CONFIG = """\
hostname: mx.example.test
targets:
  next: {{smtp: {{to: ["127.0.0.1:{port}"], tls: none, connect_timeout: 2s, reply_timeout: 5s}}}}
  nowhere: {{discard: {{}}}}
listeners: {{mx: {{address: "127.0.0.1:0"}}}}
routes:
  - name: behind
    match: {{recipient: [.test]}}
    valid: {{ask: next{cache}}}
    to: nowhere
    mode: direct
log: {{to: stderr, format: json, level: info}}
"""


class Hop(socketserver.ThreadingTCPServer):
    """An SMTP server that knows yes@, not no@, can't tell of later@; or takes everybody."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self):
        self.asked, self.others, self.everybody = [], [], False
        super().__init__(("127.0.0.1", 0), Session)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def handle_error(self, *_):
        """A client that is gone is no error of the test."""

    def end(self):
        self.shutdown()
        self.server_close()


class Session(socketserver.StreamRequestHandler):
    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")

    def handle(self):
        self.say("220 hop.test")
        for line in self.rfile:
            line = line.decode().strip()
            if line.startswith("RCPT TO:"):
                who = line[9:].split(">")[0]
                self.server.asked.append(who)
                self.say(self.judge(who.split("@")[0]))
            elif line.startswith("EHLO"):
                self.say("250-hop.test")
                self.say("250 PIPELINING")
            else:
                self.server.others.append(line)
                self.say("221 bye" if line == "QUIT" else "250 ok")

    def judge(self, local):
        if self.server.everybody or local in ("yes", "also"):
            return "250 2.1.5 fine"
        return "450 4.2.1 later" if local == "later" else "550 5.1.1 nobody"


class CallAhead(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.hop = Hop()
        self.addCleanup(self.hop.end)

    def serve(self, cache=""):
        return self.server(CONFIG.format(port=self.hop.server_address[1], cache=cache))

    def rcpt(self, server, *recipients):
        with harness.Client(server.address) as client:
            client.hello()
            client.command("MAIL FROM:<a@example.com>", 250)
            return [client.command(f"RCPT TO:<{each}>").code for each in recipients]

    def test_asked_once(self):
        server = self.serve()
        everybody = ("yes@a.test", "no@a.test", "later@a.test")
        self.assertEqual(self.rcpt(server, *everybody), [250, 550, 451])
        asked = self.hop.asked[:]
        self.assertEqual([each for each in asked if not each.startswith("no-such-user-")],
                         list(everybody))
        self.assertEqual(len(asked), 4)  # and once for somebody who is not there
        self.assertEqual(self.rcpt(server, *everybody), [250, 550, 451])
        self.assertEqual(self.hop.asked[4:], ["later@a.test"])
        for line in self.hop.others:
            self.assertIn(line, ("MAIL FROM:<>", "RSET", "QUIT"))

    def test_a_host_that_takes_everybody(self):
        self.hop.everybody = True
        server = self.serve()
        self.assertEqual(self.rcpt(server, "x@a.test", "y@a.test", "z@a.test"), [250, 250, 250])
        self.assertEqual(len(self.hop.asked), 2)
        self.assertEqual([each["domain"] for each in server.wait_log("route.accepts_all")],
                         ["a.test"])
        self.assertEqual(self.rcpt(server, "x@b.test"), [250])
        self.assertEqual(len(self.hop.asked), 4)

    def test_answers_outlive_a_reload(self):
        """In the state: two workers, a reload and a restart ask nobody a second time."""
        state, user = self.directory / "state", harness.unprivileged()
        self.directory.chmod(0o755)
        state.mkdir()
        if user:
            os.chown(state, user.pw_uid, user.pw_gid)
        server = harness.Server(self.directory, CONFIG.format(
            port=self.hop.server_address[1], cache="") + "workers: 2\n" +
            ("user: nobody\n" if user else "") + "state: {lmdb: {path: state}}\n")
        server.copy_program()
        self.addCleanup(self._finish, server)
        server.start()
        for reloads in range(2):
            if reloads:
                server.signal(signal.SIGHUP)
                server.wait_log("reload.done", reloads)
            for _ in range(4):
                self.assertEqual(self.rcpt(server, "yes@a.test", "no@a.test"), [250, 550])
        server.stop()
        server.start()
        self.assertEqual(self.rcpt(server, "yes@a.test", "no@a.test"), [250, 550])
        self.assertEqual([each for each in self.hop.asked if not each.startswith("no-such-user-")],
                         ["yes@a.test", "no@a.test"])

    def test_answers_expire(self):
        server = self.serve(", cache: {yes: 1s, no: 1s}")
        self.assertEqual(self.rcpt(server, "yes@a.test", "no@a.test"), [250, 550])
        before = len(self.hop.asked)

        def asked_again():
            self.assertEqual(self.rcpt(server, "yes@a.test", "no@a.test"), [250, 550])
            return {"yes@a.test", "no@a.test"} <= set(self.hop.asked[before:])

        harness.wait_until(asked_again, "they are asked for again")

    def test_nobody_there(self):
        server = self.serve(", cache: {unsure: accept}")
        self.assertEqual(self.rcpt(server, "later@a.test", "no@a.test"), [250, 550])
        server.stop()
        self.hop.server_close()
        server = self.serve()
        self.assertEqual(self.rcpt(server, "yes@a.test"), [451])
        server.stop()
        server = self.serve(", cache: {unsure: accept}")
        self.assertEqual(self.rcpt(server, "no@a.test"), [250])

    def test_check_and_route(self):
        config = self.directory / "route.yaml"
        config.write_text(CONFIG.format(port=self.hop.server_address[1], cache=""))
        for who, words in (("yes@a.test", "asking target next: yes"),
                           ("no@a.test", "asking target next: no such recipient"),
                           ("later@a.test", "asking target next: it could not tell")):
            result = harness.gatepost("route", "--config", str(config), "<>", who)
            self.assertIn(words, result.stdout, result.stderr)
        config.write_text(CONFIG.format(port=1, cache="").replace("ask: next", "ask: nowhere"))
        result = harness.gatepost("check", "--config", str(config))
        self.assertEqual(result.returncode, 1)
        self.assertIn('"nowhere" can\'t be asked for recipients', result.stdout + result.stderr)
