# SPDX-License-Identifier: Apache-2.0
"""The rspamd plugin with a real rspamd."""

import os
import pwd
import pathlib
import shutil
import socket
import subprocess
import tempfile
import unittest
import urllib.error
import urllib.request

import harness

# Its own rules only: nothing to compile, no network.
CONFIG = """
options {{
  pidfile = "{dir}/pid"; temp_dir = "{dir}"; hs_cache_dir = "{dir}"; dynamic_conf = "{dir}/dynamic";
  control_socket = "{dir}/control mode=0600"; url_tld = "{dir}/tld";
  disable_hyperscan = true; filters = "regexp"; gtube_patterns = "all";
  dns {{ nameserver = ["127.0.0.1:1:1"]; timeout = 1s; retransmits = 1; }}
}}
logging {{ type = "console"; level = "warning"; }}
worker "normal" {{ bind_socket = "127.0.0.1:{port}"; count = 1; }}
{more}
actions {{ reject = 15; rewrite_subject = 8; subject = "*** SPAM *** %s"; add_header = 6; }}
regexp {{
  "TEST_MARK" {{ re = "Subject=/mark me/"; score = 6.5; }}
  "TEST_SUBJECT" {{ re = "Subject=/rewrite me/"; score = 9; }}
  "TEST_BODY" {{ re = "/forbidden words/M"; score = 50; }}
}}
modules {{ path = "/usr/share/rspamd/plugins/settings.lua"; }}
settings {{ strict {{ id = "strict"; apply {{ actions {{ reject = 6.2; }} }} }} }}
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Rspamd:
    """A private instance; as its package's user when root starts it, since rspamd insists. `more` is
    for its configuration, with {dir} in it."""

    def __init__(self, more=""):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="gatepost-rspamd-"))
        self.port = free_port()
        config = self.directory / "rspamd.conf"
        config.write_text(CONFIG.format(dir=self.directory, port=self.port,
                                        more=more.format(dir=self.directory)))
        (self.directory / "tld").write_text("com\n")
        command = ["rspamd", "--no-fork", "--config", str(config)]
        if os.geteuid() == 0:
            user = pwd.getpwnam("_rspamd")
            os.chown(self.directory, user.pw_uid, user.pw_gid)
            command += ["--user", "_rspamd", "--group", "_rspamd"]
        with open(self.directory / "log", "wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL)
        harness.wait_until(self.answers, "rspamd to answer", 60)

    def answers(self):
        if self.process.poll() is not None:
            raise AssertionError((self.directory / "log").read_text(errors="replace"))
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/ping", timeout=5) as reply:
                return reply.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def stop(self):
        self.process.terminate()
        self.process.wait(20)
        shutil.rmtree(self.directory, ignore_errors=True)


def message(subject, body="body"):
    return f"From: a@example.com\r\nSubject: {subject}\r\n\r\n{body}\r\n".encode()


@unittest.skipUnless(harness.has("rspamd"), "rspamd is not installed (scripts/bootstrap --test)")
class WithRspamd(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.rspamd = Rspamd()
        cls.addClassCleanup(cls.rspamd.stop)

    def serve(self, options="", more="", rest=""):
        url = f"http://127.0.0.1:{self.rspamd.port}"
        chain = f'- rspamd: {{url: "{url}"{options}}}\n{more}'
        return self.server(harness.config(chain=chain, rest=rest))

    def test_clean_mail_passes_unchanged(self):
        server = self.serve()
        for _ in range(3):
            harness.submit(server.address, message("hello"))
        self.assert_stored(server, message("hello"), count=3)
        self.assertRegex(server.wait_log("message")[0]["verdicts"]["rspamd"], r"^next \d+us$")

    def test_spam_is_refused_with_its_text(self):
        server = self.serve()
        gtube = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
        reply = harness.submit(server.address, message("hello", gtube), codes=(550,))
        self.assertRegex(reply.text, "^5.7.1 Gtube pattern")
        self.assertEqual(harness.stored(server), [])

    def test_the_body_is_what_was_sent(self):
        server = self.serve()
        harness.submit(server.address, message("hello", "x\r\n" * 50000 + "forbidden words"),
                       codes=(550,))

    def test_marks_and_subjects(self):
        server = self.serve()
        harness.submit(server.address, message("please mark me"), "mark@example.test")
        harness.submit(server.address, message("rewrite me"), "subject@example.test")
        marked = harness.stored(server, "mark@example.test")[0].content
        self.assertEqual(marked, message("please mark me").replace(
            b"\r\n\r\n", b"\r\nX-Spam: Yes\r\n\r\n", 1))
        rewritten = harness.stored(server, "subject@example.test")[0].content
        self.assertEqual(rewritten, message("*** SPAM *** rewrite me"))

    def test_settings_of_recipients(self):
        rest = "hold: {path: held}\nbuckets: {spam: {}}\n"
        server = self.serve(", reject: hold, hold: spam, settings: [{strict@example.test: strict}]",
                            rest=rest)
        harness.submit(server.address, message("please mark me"), "strict@example.test",
                       "lax@example.test")
        lax = harness.stored(server, "lax@example.test")[0].content
        self.assertIn(b"\r\nX-Spam: Yes\r\n", lax)
        self.assertEqual(harness.stored(server, "strict@example.test"), [])
        self.assertEqual(len(list((server.directory / "held" / "spam").glob("*.eml"))), 1)

    def test_gone_and_back(self):
        dead = free_port()
        chain = f'- rspamd: {{url: "http://127.0.0.1:{dead}"}}\n'
        server = self.server(harness.config(chain=chain))
        reply = harness.submit(server.address, message("hello"), codes=(451,))
        self.assertTrue(reply.text.startswith("4.3.0 "), reply.text)
        fault = server.wait_log("hook.fault")[0]
        self.assertEqual(fault["instance"], "rspamd")
        self.assertIn(f"127.0.0.1 port {dead}", fault["error"])


if __name__ == "__main__":
    unittest.main()
