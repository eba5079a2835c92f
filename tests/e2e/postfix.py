# SPDX-License-Identifier: Apache-2.0
"""Another MTA that sends its queue to us: a private instance of Postfix that listens nowhere."""

import contextlib
import os
import signal
import subprocess
import unittest

import harness

MAIN = """\
compatibility_level = 3.6
queue_directory = {dir}/queue
data_directory = {dir}/data
maillog_file = {dir}/maillog
maillog_file_prefixes = {dir}
multi_instance_enable = no
inet_interfaces = loopback-only
inet_protocols = ipv4
myhostname = relay.example.com
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
mynetworks = 127.0.0.0/8
disable_dns_lookups = yes
smtp_host_lookup = native
smtp_tls_security_level = none
minimal_backoff_time = 1s
queue_run_delay = 1s
{more}
"""
MASTER = """\
pickup    unix       n - n 1   1 pickup
cleanup   unix       n - n -   0 cleanup
qmgr      unix       n - n 300 1 qmgr
rewrite   unix       - - n -   - trivial-rewrite
bounce    unix       - - n -   0 bounce
defer     unix       - - n -   0 bounce
trace     unix       - - n -   0 bounce
verify    unix       - - n -   1 verify
flush     unix       n - n 1000? 0 flush
proxymap  unix       - - n -   - proxymap
smtp      unix       - - n -   - smtp
relay     unix       - - n -   - smtp
lmtp      unix       - - n -   - lmtp
showq     unix       n - n -   - showq
error     unix       - - n -   - error
retry     unix       - - n -   - error
anvil     unix       - - n -   1 anvil
scache    unix       - - n -   1 scache
postlog   unix-dgram n - n -   1 postlogd
"""


@unittest.skipUnless(harness.has("postfix"), "postfix is not installed")
@unittest.skipUnless(os.getuid() == 0, "a Postfix of one's own needs root to be started")
class TestCase(harness.TestCase):
    """Starts one in the directory of the test and stops it."""

    def start(self, more, services=""):
        """`more` are lines of main.cf, `services` of master.cf."""
        self.home = self.directory / "postfix"
        for name in ("", "queue", "data"):
            (self.home / name).mkdir()
        self.directory.chmod(0o755)
        harness.shutil.chown(self.home / "data", "postfix")
        (self.home / "main.cf").write_text(MAIN.format(dir=self.home, more=more))
        (self.home / "master.cf").write_text(MASTER + services)
        with open(self.home / "output", "wb") as output:
            self.master = subprocess.Popen(
                ["postfix", "-c", self.home, "start-fg"], stdin=subprocess.DEVNULL, stdout=output,
                stderr=output, start_new_session=True)
        self.addCleanup(self.stop)
        harness.wait_until((self.home / "queue/public/pickup").exists, "Postfix is up", 90)

    def stop(self):
        harness.run("postfix", "-c", self.home, "stop")
        try:
            self.master.wait(20)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.master.pid, signal.SIGKILL)
            self.master.wait()
        # One that did not come up in time is in a session of its own.
        with contextlib.suppress(OSError, ValueError):
            os.kill(int((self.home / "queue/pid/master.pid").read_text()), signal.SIGTERM)

    def post(self, body, *recipients):
        result = harness.run("sendmail", "-C", self.home, "-i", "-f", "s@example.com", *recipients,
                             stdin=b"Subject: relayed\n\n" + body.replace(b"\r\n", b"\n"))
        self.assertEqual(result.returncode, 0, result.stderr)

    def arrived(self, server, who, count):
        harness.wait_until(
            lambda: not server.is_running() or len(harness.stored(server, who)) >= count,
            f"{count} messages for {who}", 30)
        return harness.stored(server, who)
