# SPDX-License-Identifier: Apache-2.0
"""The plugin `auth_dovecot` with Debian's Dovecot, a private instance on UNIX sockets."""

import contextlib
import os
import pathlib
import pwd
import socket
import threading
import unittest

import harness
import logins

CONFIG = """\
base_dir = {dir}/run
state_dir = {dir}/state
log_path = {dir}/log
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {login}
auth_mechanisms = plain
auth_username_format = %Lu
auth_failure_delay = 0
ssl = no
protocols =
passdb {{
  {passdb}
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home=/nonexistent
}}
service auth {{
  unix_listener auth-client {{
    mode = 0666
  }}
}}
service stats {{
  chroot =
}}
service anvil {{
  chroot =
}}
"""
PASSWD = "driver = passwd-file\n  args = scheme=PLAIN username_format=%u {dir}/passwd"


@unittest.skipUnless(harness.has("dovecot"), "dovecot is not installed")
@unittest.skipUnless(os.getuid() == 0, "Dovecot changes users")
class Dovecot(logins.Case):
    def dovecot(self, passdb=None):
        nobody = pwd.getpwnam("nobody")
        home = self.directory / "dovecot"
        home.mkdir()
        self.directory.chmod(0o755)
        (home / "conf").write_text(CONFIG.format(
            dir=home, passdb=passdb or PASSWD.format(dir=home), user=logins.user_or_nobody("dovecot"), login=logins.user_or_nobody("dovenull"),
            group="nogroup" if nobody.pw_gid == 65534 else nobody.pw_gid))
        (home / "passwd").write_text("anna:se cret\nberta:üb er\n")
        (home / "passwd").chmod(0o644)
        self.socket = home / "run" / "auth-client"
        self.process = self.launch(home)
        return f"unix:{self.socket}"

    def launch(self, home):
        return self.daemon("/usr/sbin/dovecot", "-F", "-c", home / "conf", ready=self.answers)

    def answers(self):
        """Whether the socket is there and somebody behind it."""
        try:
            with socket.socket(socket.AF_UNIX) as probe:
                probe.settimeout(5)
                probe.connect(str(self.socket))
                return b"VERSION" in probe.recv(100)
        except OSError:
            return False

    def test_logins(self):
        server = self.start(f'dovecot: {{to: "{self.dovecot()}"}}')
        self.assert_logins(server, "anna", "se cret")
        self.assertEqual(self.login(server, "ANNA", "se cret").code, 235)
        self.assertEqual(self.login(server, "berta", "üb er").code, 235)
        accepted = [each["user"] for each in server.wait_log("auth.login", 8)
                    if each["result"] == "accepted"]
        self.assertEqual(accepted, ["anna"] * 5 + ["berta"])
        self.assertNotRegex(pathlib.Path(self.directory / "dovecot" / "log").read_text(), "BUG|Panic")

    def test_many_at_once(self):
        """More than are kept: each has a connection of its own, of the same process."""
        server = self.start(f'dovecot: {{to: "{self.dovecot()}", keep: 2}}')
        results = []
        threads = [threading.Thread(target=lambda: results.append(
            self.login(server, "anna", "se cret").code)) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(results, [235] * 12)
        self.assertNotIn("BUG", pathlib.Path(self.directory / "dovecot" / "log").read_text())

    def test_dovecot_goes_and_comes(self):
        server = self.start(f'dovecot: {{to: "{self.dovecot()}", keep: 0}}')
        self.assertEqual(self.login(server, "anna", "se cret").code, 235)
        self.finish(self.process)
        self.assertEqual(self.login(server, "anna", "se cret").code, 454)
        self.launch(self.directory / "dovecot")
        self.assertEqual(self.login(server, "anna", "se cret").code, 235)
        self.assertEqual(self.login(server, "anna", "other").code, 535)

    def test_dovecot_cannot_tell(self):
        """What it asks fails: nobody is told that a password is wrong."""
        program = self.directory / "checkpassword"
        program.write_text("#!/bin/sh\nexit 111\n")
        program.chmod(0o755)
        address = self.dovecot(f"driver = checkpassword\n  args = {program}")
        server = self.start(f'dovecot: {{to: "{address}"}}')
        self.assertEqual(self.login(server, "anna", "se cret").code, 454)


class Hostile(logins.Case):
    """Somebody else at Dovecot's address, who says more than we listen to."""

    def test_no_end(self):
        with socket.create_server(("127.0.0.1", 0)) as listening:
            port = listening.getsockname()[1]
            server = self.start(f'dovecot: {{to: "127.0.0.1:{port}"}}')
            for said in (b"VERSION\t1\t1\nMECH\t" + b"x" * 9000,
                         b"VERSION\t1\t1\n" + b"SPID\t1\n" * 100 + b"MECH\tPLAIN\nDONE\n"):
                with self.subTest(said=said[:30]):
                    thread = threading.Thread(target=self.serve, args=(listening, said))
                    thread.start()
                    self.assertEqual(self.login(server, "anna", "secret").code, 454)
                    thread.join()

    def serve(self, listening, said):
        """Until the other side has had enough."""
        connection, _ = listening.accept()
        with connection, contextlib.suppress(OSError):
            connection.settimeout(60)
            connection.sendall(said)
            while connection.recv(4096):
                pass


if __name__ == "__main__":
    unittest.main()
