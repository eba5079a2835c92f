# SPDX-License-Identifier: Apache-2.0
"""`gatepost send` logs in to somebody else's server: Dovecot's submission service, a private instance
that relays to a server of ours."""

import os
import pwd
import socket
import unittest

import harness
import logins
import pki

CONFIG = """\
base_dir = {dir}/run
state_dir = {dir}/state
log_path = {dir}/log
default_internal_user = {user}
default_internal_group = nogroup
default_login_user = {login}
auth_mechanisms = {mechanisms}
auth_failure_delay = 0
auth_verbose = yes
protocols = submission
ssl = required
ssl_cert = <{cert}
ssl_key = <{key}
submission_relay_host = 127.0.0.1
submission_relay_port = {relay}
submission_relay_trusted = no
mail_location = maildir:{dir}/mail
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {dir}/passwd
}}
userdb {{
  driver = static
  args = uid={uid} gid=65534 home={dir}/home
}}
service submission-login {{
  chroot =
  inet_listener submission {{
    address = 127.0.0.1
    port = {port}
  }}
}}
service stats {{
  chroot =
}}
service anvil {{
  chroot =
}}
"""


@unittest.skipUnless(harness.has("dovecot"), "dovecot is not installed")
@unittest.skipUnless(os.path.exists("/usr/lib/dovecot/submission-login"),
                     "dovecot-submissiond is not installed")
@unittest.skipUnless(os.getuid() == 0, "Dovecot changes users")
class Submission(logins.Case):
    def setUp(self):
        super().setUp()
        self.ca = pki.Authority(self.directory)
        self.cert, self.key = self.ca.issue("localhost", "DNS:localhost,IP:127.0.0.1")
        self.relay = self.server(harness.config())
        (self.directory / "password").write_text("se cret\n")

    def dovecot(self, mechanisms):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        home = self.directory / "dovecot"
        home.mkdir()
        nobody = pwd.getpwnam("nobody")
        (home / "home").mkdir()
        os.chown(home / "home", nobody.pw_uid, 65534)
        self.directory.chmod(0o755)
        (home / "passwd").write_text("anna:se cret\n")
        (home / "conf").write_text(CONFIG.format(
            dir=home, cert=self.cert, key=self.key, port=port, relay=self.relay.port,
            mechanisms=mechanisms, user=logins.user_or_nobody("dovecot"), login=logins.user_or_nobody("dovenull"),
            uid=nobody.pw_uid))
        self.daemon("/usr/sbin/dovecot", "-F", "-c", home / "conf",
                    ready=lambda: self.greets(port))
        return f"localhost:{port}"

    @staticmethod
    def greets(port):
        try:
            with socket.create_connection(("127.0.0.1", port), 5) as probe:
                return probe.recv(4) == b"220 "
        except OSError:
            return False

    def send(self, address, *words):
        return harness.gatepost("send", "--server", address, "--tls", "required", "--ca",
                                self.ca.certificate, "--from", "anna@example.test", "--to",
                                "r@example.test", "--user", "anna", "--password-file",
                                self.directory / "password", "--verbose", *words)

    def said(self):
        return (self.directory / "dovecot" / "log").read_text()

    def test_mechanisms(self):
        address = self.dovecot("plain login scram-sha-1 scram-sha-256")
        for words, method in (((), "SCRAM-SHA-256"), (("--auth", "scram-sha-1"), "SCRAM-SHA-1"),
                              (("--auth", "plain"), "PLAIN"), (("--auth", "login"), "LOGIN")):
            with self.subTest(words=words):
                done = self.send(address, *words)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr + self.said())
                harness.wait_until(lambda: f"method={method}," in self.said(), "Dovecot's log")
        self.assertEqual(len(harness.stored(self.relay)), 4)

    def test_wrong_password(self):
        address = self.dovecot("scram-sha-256")
        (self.directory / "password").write_text("other\n")
        done = self.send(address)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("535 5.7.8", done.stderr)


if __name__ == "__main__":
    unittest.main()
