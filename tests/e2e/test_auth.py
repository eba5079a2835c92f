# SPDX-License-Identifier: Apache-2.0
"""Logging in: real clients with each mechanism that they speak, and `gatepost user`, which makes the file of users."""

import base64
import hashlib
import hmac
import os
import pathlib
import pty
import smtplib
import subprocess
import tempfile
import threading
import unittest

import harness
import processes

LISTENER = ("auth: [staff], auth_plaintext: true, auth_required: true, submission: true, "
            "relay: [authenticated], sessions_per_client: 100000, limits: {auth_failures: 1000}")
REST = """\
auth: {staff: {file: {path: users, recheck: 1s}}}
auth_guard: {delay: 0s, client_failures: 100000}
"""
MESSAGE = b"From: anna@example.test\r\nSubject: hello\r\n\r\nbody\r\n"


def user(*arguments, path, password=None, cwd=None):
    """`gatepost user` with a password on standard input."""
    text = "" if password is None else password + "\n"
    return subprocess.run([str(harness.GATEPOST), "user", arguments[0], "--file", str(path),
                           *arguments[1:]],
                          input=text, capture_output=True, text=True, timeout=60, cwd=cwd)


def scram_sha_1(name, password):
    """A line of the file, with a secret that `gatepost user` does not make (RFC 5803)."""
    salt = b"0123456789abcdef"
    salted = hashlib.pbkdf2_hmac("sha1", password.encode(), salt, 4096)
    stored = hashlib.sha1(hmac.digest(salted, b"Client Key", "sha1")).digest()
    server = hmac.digest(salted, b"Server Key", "sha1")
    salt, stored, server = (base64.b64encode(each).decode() for each in (salt, stored, server))
    return f"{name}:SCRAM-SHA-1$4096:{salt}${stored}:{server}\n"


def plain(name, password):
    return base64.b64encode(f"\0{name}\0{password}".encode()).decode()


class Logins(harness.TestCase):
    """A server that takes mail only from who has logged in."""

    def start(self):
        self.users = self.directory / "users"
        made = user("add", "anna", path=self.users, password="se cret")
        self.assertEqual(made.returncode, 0, made.stderr)
        return self.server(harness.config(listener=LISTENER, rest=REST))

    def assert_arrived(self, server, count=1, protocol="ESMTPA"):
        messages = harness.wait_until(
            lambda: (lambda got: got if len(got) >= count else None)(harness.stored(server)), "mail")
        self.assertEqual(len(messages), count)
        for message in messages:
            self.assertIn(f"with {protocol} ", message.field("Received"))
            self.assertRegex(message.raw, rb"(?i)\nMessage-ID: <")
            self.assertRegex(message.raw, rb"\nDate: ")

    def test_smtplib(self):
        server = self.start()
        for mechanism in ("PLAIN", "LOGIN"):
            with smtplib.SMTP(*server.address) as client:
                client.ehlo()
                self.assertNotIn("CRAM-MD5", client.esmtp_features["auth"])
                client.user, client.password = "anna", "se cret"
                client.auth(mechanism, getattr(client, "auth_" + mechanism.lower()))
                client.sendmail("anna@example.test", ["r@example.test"], MESSAGE)
        self.assert_arrived(server, 2)
        self.assertEqual({each["mechanism"] for each in server.log("auth.login")},
                         {"PLAIN", "LOGIN"})

    def test_wrong_and_unknown_are_the_same(self):
        server = self.start()
        replies = []
        with harness.Client(server.address) as client:
            client.hello()
            for name, password in (("anna", "wrong"), ("nobody", "se cret")):
                replies.append(client.command("AUTH PLAIN " + plain(name, password), 535).raw)
            client.command("MAIL FROM:<a@example.com>", 530)
            client.command("AUTH CRAM-MD5", 504)
            client.command("AUTH PLAIN " + plain("anna", "se cret"), 235)
            client.command("MAIL FROM:<a@example.com>", 250)
        self.assertEqual(replies[0], replies[1])
        self.assertNotIn("se cret", server.stderr())
        self.assertNotIn(plain("anna", "se cret"), server.stderr())

    @unittest.skipUnless(harness.has("swaks"), "swaks is not installed")
    def test_swaks(self):
        server = self.start()

        def swaks(mechanism, password):
            return harness.run("swaks", "--server", "127.0.0.1", "--port", server.port, "--from",
                               "anna@example.test", "--to", "r@example.test", "--auth", mechanism,
                               "--auth-user", "anna", "--auth-password", password)

        for mechanism in ("PLAIN", "LOGIN"):
            result = swaks(mechanism, "se cret")
            self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assert_arrived(server, 2)
        self.assertNotEqual(swaks("PLAIN", "wrong").returncode, 0)
        refused = swaks("CRAM-MD5", "se cret")
        self.assertEqual(refused.returncode, 28, refused.stdout)  # not supported by the server

    @unittest.skipUnless(harness.has("curl"), "curl is not installed")
    def test_curl(self):
        server = self.start()
        file = server.directory / "message"
        file.write_bytes(MESSAGE)
        for mechanism in ("PLAIN", "LOGIN"):
            result = harness.run("curl", "-sS", f"smtp://127.0.0.1:{server.port}/client.example",
                                 "--user", "anna:se cret", "--login-options", f"AUTH={mechanism}",
                                 "--mail-from", "anna@example.test", "--mail-rcpt",
                                 "r@example.test", "--upload-file", file)
            self.assertEqual(result.returncode, 0, result.stderr)
        self.assert_arrived(server, 2)

    @unittest.skipUnless(harness.has("msmtp"), "msmtp is not installed")
    def test_msmtp(self):
        """GNU SASL checks our signature at the end of SCRAM."""
        server = self.start()

        def msmtp(mechanism, password):
            return self.msmtp(server, mechanism, password)

        mechanisms = ("scram-sha-256", "plain", "login")
        for mechanism in mechanisms:
            result = msmtp(mechanism, "se cret")
            self.assertEqual(result.returncode, 0, result.stderr)
        self.assert_arrived(server, len(mechanisms))
        self.assertIn("SCRAM-SHA-256", {each["mechanism"] for each in server.log("auth.login")})
        self.assertNotEqual(msmtp("scram-sha-256", "wrong").returncode, 0)

    @unittest.skipUnless(harness.has("msmtp"), "msmtp is not installed")
    def test_msmtp_with_sha_1(self):
        """Where every user has such a secret."""
        (self.directory / "users").write_text(scram_sha_1("anna", "se cret"))
        server = self.server(harness.config(listener=LISTENER, rest=REST))
        self.assertEqual(self.msmtp(server, "scram-sha-1", "se cret").returncode, 0)
        self.assertNotEqual(self.msmtp(server, "scram-sha-1", "wrong").returncode, 0)
        self.assertEqual([each["mechanism"] for each in server.wait_log("auth.login", 2)],
                         ["SCRAM-SHA-1"] * 2)

    @staticmethod
    def msmtp(server, mechanism, password):
        return subprocess.run(
            ["msmtp", "--host=127.0.0.1", f"--port={server.port}", "--tls=off",
             f"--auth={mechanism}", "--user=anna", f"--passwordeval=echo '{password}'",
             "--from=anna@example.test", "r@example.test"],
            input=MESSAGE, capture_output=True, timeout=60)

    def test_users_come_and_go(self):
        """The file is read again while the server runs."""
        server = self.start()

        def login(name, password):
            with harness.Client(server.address) as client:
                client.hello()
                return client.command("AUTH PLAIN " + plain(name, password)).code

        self.assertEqual(user("add", "berta", path=self.users, password="x").returncode, 0)
        harness.wait_until(lambda: login("berta", "x") == 235, "berta can log in")
        self.assertEqual(user("passwd", "berta", path=self.users, password="y").returncode, 0)
        harness.wait_until(lambda: login("berta", "y") == 235, "berta's new password")
        self.assertEqual(login("berta", "x"), 535)
        self.assertEqual(user("delete", "berta", path=self.users).returncode, 0)
        harness.wait_until(lambda: login("berta", "y") == 535, "berta is gone")

    def test_clients_that_leave(self):
        """At every step of an exchange, also while a hash is computed."""
        server = self.start()
        steps = (["AUTH LOGIN"], ["AUTH LOGIN", base64.b64encode(b"anna").decode()],
                 ["AUTH PLAIN " + plain("anna", "se cret")],
                 ["AUTH PLAIN " + plain("nobody", "x")],
                 ["AUTH SCRAM-SHA-256 " + base64.b64encode(b"n,,n=anna,r=x").decode()])
        for step in steps * 3:
            for leave in (harness.Client.close, harness.Client.reset):
                client = harness.Client(server.address)
                client.hello()
                for line in step[:-1]:
                    client.command(line, 334)
                client.send(step[-1].encode() + b"\r\n")
                leave(client)
        with harness.Client(server.address) as client:
            client.hello()
            client.command("AUTH PLAIN " + plain("anna", "se cret"), 235)
        self.assertEqual(server.reports(), [])


class Workers(processes.Processes):
    """Several processes, as another user."""

    def test_one_salt_for_who_is_not_there(self):
        """Whichever worker answers: a salt that changes would tell that it is made up."""
        users = self.directory / "users"
        self.assertEqual(user("add", "anna", path=users, password="se cret").returncode, 0)
        if harness.unprivileged():
            os.chown(users, harness.unprivileged().pw_uid, -1)
        server = self.launch(self.text(workers=3, listener=LISTENER, rest=REST))
        self.wait_workers(server, 3)
        challenges = set()
        for _ in range(30):
            with harness.Client(server.address) as client:
                client.hello()
                first = base64.b64encode(b"n,,n=nobody,r=x").decode()
                challenge = client.command("AUTH SCRAM-SHA-256 " + first, 334).text
                challenges.add(base64.b64decode(challenge).split(b",")[1])
        self.assertEqual(len(challenges), 1)
        with harness.Client(server.address) as client:
            client.hello()
            client.command("AUTH PLAIN " + plain("anna", "se cret"), 235)


class Users(unittest.TestCase):
    """`gatepost user`."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="gp-user-")
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name) / "users"

    def call(self, *arguments, code=0, password=None):
        result = user(*arguments, path=self.path, password=password)
        self.assertEqual(result.returncode, code, result.stderr)
        self.assertNotIn("Traceback", result.stderr)
        return result

    def test_life_of_a_user(self):
        self.call("add", "anna", password="one")
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o600)
        first = self.path.read_text()
        self.assertRegex(first, r"^anna:\$y\$\S+ SCRAM-SHA-256\$10000:\S+\$\S+:\S+\n$")
        self.assertIn("is there already", self.call("add", "anna", code=1, password="x").stderr)
        self.call("passwd", "anna", password="two")
        self.assertNotEqual(self.path.read_text(), first)
        self.assertEqual(self.call("list").stdout, "anna\tyescrypt, SCRAM-SHA-256\n")
        self.call("delete", "anna")
        self.assertEqual(self.path.read_text(), "")
        self.call("delete", "anna", code=1)
        self.call("passwd", "anna", code=1, password="x")
        self.assertEqual(list(self.path.parent.iterdir()), [self.path])

    def test_the_rest_of_the_file_stays(self):
        self.path.write_text("# staff\n\nberta:$2y$10$abc\r\nanna:$6$x\nannabel:$y$z")
        self.path.chmod(0o640)
        self.call("passwd", "anna", password="x")
        lines = self.path.read_text().split("\n")
        self.assertEqual(lines[:3], ["# staff", "", "berta:$2y$10$abc\r"][:2] + [lines[2]])
        self.assertIn("annabel:$y$z", lines)
        self.assertTrue(lines[3].startswith("anna:$y$"))
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o640)
        self.call("delete", "anna")
        self.assertIn("annabel:$y$z", self.path.read_text())
        self.assertEqual(self.call("list").stdout.split("\n")[0], "berta\tbcrypt")

    def test_what_is_refused(self):
        for name in ("", "a:b", "#a", " a", "a\x01", "x" * 256):
            self.call("add", name, code=1, password="x")
        for password in ("", "a\x01", "x" * 501, "x" * 2000):
            self.call("add", "anna", code=1, password=password)
        self.assertFalse(self.path.exists())
        self.call("list", code=1)
        self.call("add", code=2)
        self.call("add", "a", "b", code=2)
        self.call("list", "a", code=2)
        self.path = self.path / "below" / "nothing"
        self.call("add", "anna", code=1, password="x")

    def test_usage_without_file(self):
        result = subprocess.run([str(harness.GATEPOST), "user", "list"], capture_output=True)
        self.assertEqual(result.returncode, 2)

    def test_many_at_once(self):
        names = [f"user{n}" for n in range(8)]
        threads = [threading.Thread(target=self.call, args=("add", name),
                                    kwargs={"password": name}) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        listed = [line.split("\t")[0] for line in self.call("list").stdout.splitlines()]
        self.assertEqual(sorted(listed), names)

    def test_terminal(self):
        """Asks twice and shows nothing."""
        for again, code in (("secret", 0), ("other", 1)):
            main, side = pty.openpty()
            process = subprocess.Popen([str(harness.GATEPOST), "user", "add", "--file",
                                        str(self.path), f"user{code}"],
                                       stdin=side, stdout=side, stderr=side)
            os.close(side)
            shown = b""
            for prompt, answer in ((b"Password: ", "secret"), (b"Again: ", again)):
                while prompt not in shown:
                    shown += os.read(main, 1000)
                os.write(main, answer.encode() + b"\n")
            self.assertEqual(process.wait(60), code)
            os.close(main)
            self.assertNotIn(b"secret", shown)
        self.assertEqual(self.call("list").stdout, "user0\tyescrypt, SCRAM-SHA-256\n")


if __name__ == "__main__":
    unittest.main()
