# SPDX-License-Identifier: Apache-2.0
"""`gatepost send` and `gatepost selftest`: against ourselves, Postfix's smtp-sink, bad servers."""

import contextlib
import os
import socket
import socketserver
import ssl
import subprocess
import threading
import unittest

import harness
import pki
from test_auth import user

TEXT = b"From: <a@example.com>\nSubject: x\n\n.dot\n..two\nbody\rwith a bare CR"
SENT = b"From: <a@example.com>\r\nSubject: x\r\n\r\n.dot\r\n..two\r\nbody\r\nwith a bare CR\r\n"


class SendCase(harness.TestCase):
    def send(self, server, *words, stdin=None, to=("r@example.test",)):
        recipients = [word for who in to for word in ("--to", who)]
        return harness.run(harness.GATEPOST, "send", "--server", server, "--helo", "client.example",
                           *recipients, *words, directory=self.directory, stdin=stdin)


class Send(SendCase):
    def test_to_ourselves(self):
        server = self.server()
        address = "127.0.0.1:%d" % server.port
        for words in ((), ("--bdat",), ("--no-pipelining",), ("--bdat", "--no-pipelining")):
            result = self.send(address, "--from", "s@example.com", *words, "-", stdin=TEXT)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertRegex(result.stdout, rb"^r@example\.test: 250 2\.0\.0 Ok: ")
        for message in self.assert_stored(server, SENT, count=4):
            self.assertEqual(message.field("Return-Path"), "<s@example.com>")

    def test_large(self):
        server = self.server()
        content = b"Subject: x\n\n" + b"".join(b"%d " % i + b"x" * (i % 900) + b"\n" for i in range(8000))
        (self.directory / "large.eml").write_bytes(content)
        for words in ((), ("--bdat",)):
            result = self.send("127.0.0.1:%d" % server.port, *words, "large.eml")
            self.assertEqual(result.returncode, 0, result.stderr)
        self.assert_stored(server, content.replace(b"\n", b"\r\n"), count=2)

    def test_test_message(self):
        server = self.server()
        result = self.send("127.0.0.1:%d" % server.port, "--verbose")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn(b"> EHLO client.example\n< 250-mx.example.test\n", result.stdout)
        message, = harness.stored(server)
        self.assertIn(b"Subject: Test by gatepost send", message.content)
        self.assertIn(b"From: <postmaster@client.example>\r\n", message.content)

    def test_lmtp(self):
        path = f"unix:{self.directory}/lmtp"
        server = self.server(harness.config("protocol: lmtp").replace("127.0.0.1:0", path))
        result = self.send(path, "--lmtp", "-", stdin=TEXT,
                           to=("a@example.test", "x@elsewhere.example", "b@example.test"))
        self.assertEqual(result.returncode, 1)
        codes = [line.split()[1] for line in result.stdout.splitlines()]
        self.assertEqual(codes, [b"250", b"550", b"250"])
        for who in ("a", "b"):
            self.assert_stored(server, SENT, f"{who}@example.test")

    def test_codes(self):
        server = self.server()
        address = "127.0.0.1:%d" % server.port
        (self.directory / "mail").write_text("in the way")
        self.assertEqual(self.send(address).returncode, 3)
        self.assertEqual(self.send(address, to=("r@elsewhere.example",)).returncode, 1)
        self.assertEqual(self.send(address, to=("r@example.test\r\nRSET",)).returncode, 1)
        self.assertEqual(self.send("127.0.0.1:1").returncode, 3)
        self.assertEqual(self.send(address, "nosuch.eml").returncode, 1)
        self.assertEqual(self.send(address, "-", stdin=b"a\0b").returncode, 1)
        self.assertEqual(self.send(address, "one", "two").returncode, 2)
        self.assertEqual(harness.run(harness.GATEPOST, "send", "--to", "a@b").returncode, 2)


@unittest.skipUnless(harness.has("smtp-sink"), "smtp-sink is not installed")
class SmtpSink(SendCase):
    """Postfix's own."""

    def sink(self, *flags):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        user = ["-u", "nobody"] if os.getuid() == 0 else []
        self.directory.chmod(0o777)
        process = subprocess.Popen(
            ["/usr/sbin/smtp-sink", *user, *flags, "-d", str(self.directory / "dump."),
             f"127.0.0.1:{port}", "10"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        harness.wait_until(lambda: self.listens(port), "smtp-sink listens")
        return f"127.0.0.1:{port}"

    @staticmethod
    def listens(port):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    def dumped(self):
        return [path.read_bytes() for path in self.directory.glob("dump.*")]

    def test_kinds(self):
        for flags, words in (((), ()), (("-p",), ()), (("-e",), ()), (("-L",), ("--lmtp",)),
                             (("-8",), ())):
            with self.subTest(flags=flags):
                for path in self.directory.glob("dump.*"):
                    path.unlink()
                address = self.sink(*flags)
                result = self.send(address, *words, "-", stdin=TEXT)
                self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
                message, = self.dumped()
                self.assertTrue(message.replace(b"\n", b"\r\n").endswith(SENT + b"\r\n"), message)

    def test_refusals(self):
        for flags, code in ((("-r", "rcpt"), 3), (("-q", "data"), 3), (("-Q", "mail"), 3),
                            (("-f", "."), 1)):
            with self.subTest(flags=flags):
                self.assertEqual(self.send(self.sink(*flags)).returncode, code)


class Fake(socketserver.ThreadingTCPServer):
    """A server of a few lines: `session(file, send)` is one session of it."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, session):
        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                with contextlib.suppress(OSError, StopIteration):
                    session(self.rfile, self.connection.sendall)
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self):
        return "127.0.0.1:%d" % self.server_address[1]


class BadServers(SendCase):
    def fake(self, session):
        server = Fake(session)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server.address

    def scripted(self, *replies):
        def session(lines, send):
            for reply in replies:
                send(reply)
                next(lines)
        return self.fake(session)

    def test_replies(self):
        for replies, code in (((b"554 go away\r\n",), 1), ((b"421 later\r\n",), 3),
                              ((b"SSH-2.0-x\r\n",), 3), ((b"220 x\r\n", b"\0\0\0\r\n"), 3),
                              ((b"220 x\n",), 3), ((b"220-a\r\n" * 300,), 3),
                              ((b"220 " + b"x" * 5000,), 3)):
            with self.subTest(replies=replies):
                result = self.send(self.scripted(*replies))
                self.assertEqual(result.returncode, code, result.stderr)
                self.assertNotEqual(result.stderr, b"")

    def test_endless_reply(self):
        def session(lines, send):
            while True:
                send(b"220-x\r\n" * 100)
        self.assertEqual(self.send(self.fake(session)).returncode, 3)


@unittest.skipUnless(harness.has("openssl"), "openssl is not installed")
class Tls(SendCase):
    """STARTTLS, TLS from the start and AUTH, with certificates that are right or wrong."""

    def certificate(self, name):
        cert, key = (self.directory / f"{name}.{kind}" for kind in ("crt", "key"))
        result = harness.run(
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-days", "2", "-subj", "/CN=x", "-addext", f"subjectAltName={name}",
            "-keyout", key, "-out", cert)
        self.assertEqual(result.returncode, 0, result.stderr)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        return context, cert

    def serve(self, context, *, implicit=False, behind=b"", keywords=b"STARTTLS"):
        """One session; what it heard after the handshake."""
        listener = socket.create_server(("127.0.0.1", 0))
        listener.settimeout(30 * harness.SLOWER)
        self.addCleanup(listener.close)
        heard = []

        def session():
            with contextlib.suppress(OSError), listener.accept()[0] as plain:
                plain.settimeout(20 * harness.SLOWER)
                if not implicit:
                    plain.sendall(b"220 fake\r\n")
                    plain.recv(1000)
                    plain.sendall(b"250-fake\r\n250 " + keywords + b"\r\n")
                    if plain.recv(1000) != b"STARTTLS\r\n":
                        return
                    plain.sendall(b"220 go\r\n" + behind)
                with context.wrap_socket(plain, server_side=True) as secure:
                    self.converse(secure, heard, implicit)

        thread = threading.Thread(target=session, daemon=True)
        thread.start()
        self.addCleanup(thread.join, 30)
        return "127.0.0.1:%d" % listener.getsockname()[1], heard

    @staticmethod
    def converse(secure, heard, greet):
        if greet:
            secure.sendall(b"220 fake\r\n")
        for line in secure.makefile("rb"):
            heard.append(line)
            word = (line.split() or [b""])[0]
            if word == b"EHLO":
                secure.sendall(b"250-fake\r\n250 AUTH PLAIN\r\n")
            elif word == b"AUTH":
                secure.sendall(b"235 in\r\n")
            elif word == b"DATA":
                secure.sendall(b"354 go\r\n")
            elif word == b"QUIT":
                secure.sendall(b"221 bye\r\n")
                return
            elif word in (b"MAIL", b"RCPT", b"."):
                secure.sendall(b"250 ok\r\n")

    def test_starttls_and_login(self):
        context, cert = self.certificate("IP:127.0.0.1")
        address, heard = self.serve(context)
        (self.directory / "password").write_text("secret\n")
        result = self.send(address, "--tls", "required", "--ca", cert, "--user", "bob",
                           "--password-file", "password", "--verbose")
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertIn(b"AUTH PLAIN AGJvYgBzZWNyZXQ=\r\n", heard)
        self.assertNotIn(b"AGJvYgBzZWNyZXQ", result.stdout)
        self.assertIn(b"> (login)\n", result.stdout)
        self.assertIn(b"TLSv1.3", result.stdout)

    def test_implicit(self):
        context, cert = self.certificate("IP:127.0.0.1")
        address, heard = self.serve(context, implicit=True)
        result = self.send(address, "--tls", "implicit", "--ca", cert)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertIn(b"Subject: Test by gatepost send\r\n", heard)

    def test_certificates(self):
        right, cert = self.certificate("IP:127.0.0.1")
        wrong, wrong_cert = self.certificate("DNS:other.example")
        for context, words, code in (
                (right, ("--tls", "required"), 1),
                (right, ("--tls", "required", "--ca", wrong_cert), 1),
                (wrong, ("--tls", "required", "--ca", wrong_cert), 1),
                (wrong, ("--tls", "required", "--insecure"), 0),
                (wrong, ("--tls", "offered"), 0)):
            with self.subTest(words=words):
                address, heard = self.serve(context)
                result = self.send(address, *words)
                self.assertEqual(result.returncode, code, result.stdout + result.stderr)
                self.assertEqual(bool(heard), code == 0)
                self.assertEqual(b"TLS: " in result.stderr, code == 1)

    def test_stripped_or_injected(self):
        context, cert = self.certificate("IP:127.0.0.1")
        (self.directory / "password").write_text("secret\n")
        login = ("--user", "bob", "--password-file", "password")
        for options, words, error in (
                ({"keywords": b"HELP"}, ("--tls", "required", "--ca", cert), b"does not offer"),
                ({"keywords": b"AUTH PLAIN"}, login, b"without TLS"),
                ({"behind": b"250 evil\r\n"}, ("--tls", "required", "--ca", cert), b"")):
            with self.subTest(options=options):
                address, heard = self.serve(context, **options)
                result = self.send(address, *words)
                self.assertIn(result.returncode, (1, 3))
                self.assertIn(error, result.stderr)
                self.assertNotEqual(result.stderr, b"")
                self.assertEqual(heard, [])

    def test_old_versions(self):
        context, cert = self.certificate("IP:127.0.0.1")
        with contextlib.suppress(ValueError):
            context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
        address, heard = self.serve(context)
        result = self.send(address, "--tls", "required", "--ca", cert)
        self.assertIn(result.returncode, (1, 3))  # Python's server may not even begin
        self.assertEqual(heard, [])

    def test_usage(self):
        for words in (("--tls", "maybe"), ("--user", "bob"), ("--password-file", "x")):
            self.assertEqual(self.send("127.0.0.1:1", *words).returncode, 2)


def sloppy(lines, send):
    """Ends the data at LF.LF, knows bare CR as the end of a line, reads refused chunks as commands."""
    pending, data = b"", False
    send(b"220 sloppy\r\n")
    while True:
        part = lines.read1(65536)
        if not part:
            return
        pending = (pending + part).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        while b"\n" in pending:
            line, pending = pending.split(b"\n", 1)
            if data:
                if line == b".":
                    data = False
                    send(b"250 kept\r\n")
            elif line.startswith(b"EHLO"):
                send(b"250-sloppy\r\n250-CHUNKING\r\n250 STARTTLS\r\n")
            elif line == b"DATA":
                data = True
                send(b"354 go\r\n")
            elif line.startswith(b"BDAT"):
                send(b"503 no\r\n")
            elif line == b"STARTTLS":
                send(b"220 go\r\n")
            elif line.split(b" ")[0] in (b"MAIL", b"RCPT", b"NOOP", b"RSET"):
                send(b"250 ok\r\n")
            else:
                send(b"500 what\r\n")


class Selftest(BadServers):
    def selftest(self, address, *words):
        result = harness.run(harness.GATEPOST, "selftest", address, *words, seconds=100)
        lines = result.stdout.decode().splitlines()
        verdicts = {line[9:51].strip(): line.split()[0] for line in lines[3:-2]}
        return result.returncode, verdicts, result.stdout.decode()

    def test_ourselves(self):
        server = self.server()
        # We say nothing before a message ends, so it does not matter how long it is waited for.
        code, verdicts, text = self.selftest("127.0.0.1:%d" % server.port, "--wait", "200",
                                             "--to", "r@example.test")
        self.assertEqual(code, 0, text)
        self.assertLessEqual(set(verdicts.values()), {"safe", "skipped"}, text)
        self.assertGreater(len(verdicts), 30)
        # What it sent is marked, and no more came.
        for message in harness.stored(server):
            self.assertIn(b"Subject: gatepost selftest, to be deleted", message.content)
        self.assertIn("127.0.0.1:%d and to nobody else" % server.port, text)

    def test_submission(self):
        """The same behind STARTTLS and AUTH; what is said before TLS is tried there, too."""
        ca = pki.Authority(self.directory)
        cert, key = ca.issue("localhost", "IP:127.0.0.1")
        user("add", "anna", path=self.directory / "users", password="secret")
        (self.directory / "right").write_text("secret\n")
        (self.directory / "wrong").write_text("Secret\n")
        server = self.server(harness.config(
            "tls: required, auth: [staff], auth_required: true, sessions_per_client: 100000",
            rest=f"tls: {{certificates: [{{cert: {cert}, key: {key}}}]}}\n"
                 "auth: {staff: {file: {path: users}}}\nauth_guard: {delay: 0s}\n"))
        address = "127.0.0.1:%d" % server.port
        words = ("--wait", "100", "--to", "r@example.test", "--from", "anna@example.test", "--tls",
                 "required", "--ca", ca.certificate, "--user", "anna", "--password-file")
        code, verdicts, text = self.selftest(address, *words, self.directory / "right")
        self.assertEqual(code, 0, text)
        self.assertEqual(set(verdicts.values()), {"safe"}, text)
        self.assertGreater(len(verdicts), 30)
        for message in harness.stored(server):
            self.assertEqual(message.field("Return-Path"), "<anna@example.test>")
        # Refused once, not for each case; and nothing is said to a server that nobody vouches for.
        for words, why in ((words + (self.directory / "wrong",), b"refused the login"),
                           (("--tls", "required"), b"TLS: ")):
            result = harness.run(harness.GATEPOST, "selftest", address, *words)
            self.assertEqual(result.returncode, 1)
            self.assertIn(why, result.stderr)
            self.assertNotIn(b"safe  ", result.stdout)
        refused = [each for each in server.log("auth.login") if each["result"] != "accepted"]
        self.assertEqual(len(refused), 1)

    def test_a_sloppy_server(self):
        address = self.fake(sloppy)
        for name, wanted in (("end of data: LF . LF", "UNSAFE"), ("end of data: CR . CR", "UNSAFE"),
                             ("end of data: CRLF . LF", "UNSAFE"),
                             ("end of data: CRLF .. CRLF", "safe"),
                             ("command: bare CR within", "UNSAFE"),
                             ("command: ends with LF", "note"),
                             ("BDAT: chunk without a transaction", "UNSAFE"),
                             ("order: STARTTLS", "UNSAFE")):
            code, verdicts, text = self.selftest(address, "--wait", "3000", "--filter", name)
            self.assertEqual(list(verdicts.values())[0], wanted, text)
            self.assertEqual(code, 1 if wanted == "UNSAFE" else 0)

    def test_nobody_there(self):
        code, verdicts, text = self.selftest("127.0.0.1:1", "--filter", "NUL")
        self.assertEqual(code, 1)
        self.assertEqual(set(verdicts.values()), {"failed"}, text)

    def test_usage(self):
        for words in ((), ("a:1", "b:1"), ("--to", "a b", "a:1"), ("--wait", "0", "a:1"),
                      ("--tls", "maybe", "a:1"), ("--user", "a", "a:1"), ("--from", "a>", "a:1")):
            self.assertEqual(harness.gatepost("selftest", *words).returncode, 2)


if __name__ == "__main__":
    unittest.main()
