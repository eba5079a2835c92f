# SPDX-License-Identifier: Apache-2.0
"""Logging in through TLS: what is offered before and after STARTTLS, channel bindings, certificates as logins."""

import base64
import hashlib
import hmac
import smtplib
import socket
import ssl
import subprocess
import unittest

import harness
import pki
from test_auth import plain, user
from test_tls import TlsClient

CONFIG = """\
hostname: mx.example.test
auth: {{staff: {{file: {{path: users}}}}}}
auth_guard: {{delay: 0s, client_failures: 100000}}
tls:
  certificates: [{{cert: {cert}, key: {key}}}]
  client_certificates: request
  client_ca: {ca}
targets: {{mailboxes: {{maildir: {{path: mail}}}}}}
routes: [{{name: mailboxes, match: {{recipient: example.test}}, to: mailboxes, mode: direct}}]
listeners:
  starttls: {{address: "127.0.0.1:0", tls: optional, auth: [staff]}}
  smtps: {{address: "127.0.0.1:0", tls: implicit, auth: [staff], sessions_per_client: 20}}
  certified: {{address: "127.0.0.1:0", tls: implicit, auth_mechanisms: [EXTERNAL], auth_required: true}}
log: {{to: stderr, format: json}}
"""
ALL = "SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN"


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b))


class Scram:
    """A client of SCRAM-SHA-256-PLUS that is bound to a certificate (RFC 5929 section 4)."""

    def __init__(self, name, password, certificate, kind="tls-server-end-point"):
        self.password = password.encode()
        self.header = f"p={kind},,".encode()
        self.binding = hashlib.sha256(certificate).digest()
        self.bare = f"n={name},r=fixed".encode()

    def first(self):
        return base64.b64encode(self.header + self.bare).decode()

    def final(self, challenge):
        server = base64.b64decode(challenge)
        nonce, salt, count = (part[2:] for part in server.split(b","))
        salted = hashlib.pbkdf2_hmac("sha256", self.password, base64.b64decode(salt), int(count))
        key = hmac.digest(salted, b"Client Key", "sha256")
        channel = base64.b64encode(self.header + self.binding)
        message = b"c=" + channel + b",r=" + nonce
        signed = b",".join((self.bare, server, message))
        proof = xor(key, hmac.digest(hashlib.sha256(key).digest(), signed, "sha256"))
        return base64.b64encode(message + b",p=" + base64.b64encode(proof)).decode()


class Tls(harness.TestCase):
    SESSIONS = 20

    def setUp(self):
        super().setUp()
        self.ca = pki.Authority(self.directory)
        self.cert, self.key = self.ca.issue("localhost", "DNS:localhost,IP:127.0.0.1")
        made = user("add", "anna", path=self.directory / "users", password="se cret")
        self.assertEqual(made.returncode, 0, made.stderr)
        self.started = self.server(CONFIG.format(cert=self.cert, key=self.key,
                                                 ca=self.ca.certificate), listeners=3)

    def context(self, *pair):
        context = ssl.create_default_context(cafile=str(self.ca.certificate))
        if pair:
            context.load_cert_chain(*pair)
        return context

    def client(self, name, *pair):
        client = TlsClient(self.started.address_of(name), self.context(*pair),
                           implicit=name != "starttls")
        self.addCleanup(client.close)
        return client

    def offered(self, client):
        lines = [line for line in client.hello().lines if line.startswith("AUTH ")]
        return lines[0][5:] if lines else None

    def test_offer(self):
        client = self.client("starttls")
        self.assertIsNone(self.offered(client))
        client.command("AUTH PLAIN " + plain("anna", "se cret"), 538)
        client.starttls()
        client.command("AUTH PLAIN " + plain("anna", "se cret"), 503)
        self.assertEqual(self.offered(client), ALL)
        client.command("AUTH PLAIN " + plain("anna", "se cret"), 235)
        self.assertEqual(self.offered(self.client("smtps")), ALL)

    def test_smtplib(self):
        with smtplib.SMTP("localhost", self.started.address_of("starttls")[1]) as client:
            client.starttls(context=self.context())
            client.login("anna", "se cret")
            client.sendmail("anna@example.test", ["r@example.test"], b"Subject: x\r\n\r\nx\r\n")
        self.assertIn("with ESMTPSA ", harness.stored(self.started)[0].field("Received"))

    @unittest.skipUnless(harness.has("openssl"), "openssl is not installed")
    def test_openssl(self):
        """As somebody at a terminal does."""
        for name, how in (("starttls", ("-starttls", "smtp")), ("smtps", ())):
            port = self.started.address_of(name)[1]
            with subprocess.Popen(
                    ["openssl", "s_client", "-quiet", "-connect", f"localhost:{port}", "-CAfile",
                     self.ca.certificate, *how], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL) as client:
                for line, code in (("EHLO client.example", b"250 "), ("AUTH LOGIN", b"334 "),
                                   (base64.b64encode(b"anna").decode(), b"334 "),
                                   (base64.b64encode(b"se cret").decode(), b"235 "), ("QUIT", b"221 ")):
                    client.stdin.write(line.encode() + b"\r\n")
                    client.stdin.flush()
                    said = client.stdout.readline()
                    while said and not said.startswith(code):
                        self.assertIn(said[:3], (b"220", b"250"))
                        said = client.stdout.readline()
                    self.assertTrue(said.startswith(code))

    @unittest.skipUnless(harness.has("msmtp"), "msmtp is not installed")
    def test_msmtp(self):
        cert, key = self.ca.issue("berta", "DNS:berta.example.test")
        for name, words, mechanism in (
                ("starttls", ("--auth=plain", "--user=anna"), "PLAIN"),
                ("smtps", ("--auth=scram-sha-256", "--user=anna", "--tls-starttls=off"),
                 "SCRAM-SHA-256"),
                ("certified", ("--auth=external", "--user=berta", "--tls-starttls=off",
                               f"--tls-cert-file={cert}", f"--tls-key-file={key}"), "EXTERNAL")):
            result = harness.run(
                "msmtp", "--host=localhost", f"--port={self.started.address_of(name)[1]}", "--tls=on",
                f"--tls-trust-file={self.ca.certificate}", "--passwordeval=echo 'se cret'", *words,
                "--from=anna@example.test", "r@example.test", stdin=b"Subject: x\r\n\r\nx\r\n")
            self.assertEqual(result.returncode, 0, result.stderr)
            login = self.started.wait_log("auth.login")[-1]
            self.assertEqual((login["result"], login["mechanism"]), ("accepted", mechanism))

    @unittest.skipUnless(harness.has("curl"), "curl is not installed")
    def test_curl_with_a_certificate(self):
        cert, key = self.ca.issue("berta", "DNS:berta.example.test")
        (self.directory / "message").write_bytes(b"Subject: x\r\n\r\nx\r\n")
        result = harness.run(
            "curl", "-sS", f"smtps://localhost:{self.started.address_of('certified')[1]}/client.example",
            "--cacert", self.ca.certificate, "--cert", cert, "--key", key, "--user", "berta:",
            "--login-options", "AUTH=EXTERNAL", "--mail-from", "anna@example.test", "--mail-rcpt",
            "r@example.test", "--upload-file", self.directory / "message")
        self.assertEqual(result.returncode, 0, result.stderr)
        login = self.started.wait_log("auth.login")[-1]
        self.assertEqual((login["result"], login["mechanism"]), ("accepted", "EXTERNAL"))

    def test_gatepost_send(self):
        """Our own client: bound to the channel unless it's told otherwise."""
        (self.directory / "password").write_text("se cret\n")
        for listener, words, mechanism in (
                ("starttls", ("--tls", "required"), "SCRAM-SHA-256-PLUS"),
                ("smtps", ("--tls", "implicit"), "SCRAM-SHA-256-PLUS"),
                ("smtps", ("--tls", "implicit", "--auth", "scram-sha-256"), "SCRAM-SHA-256"),
                ("smtps", ("--tls", "implicit", "--auth", "PLAIN"), "PLAIN"),
                ("smtps", ("--tls", "implicit", "--auth", "login"), "LOGIN")):
            with self.subTest(listener=listener, words=words):
                address = "localhost:%d" % self.started.address_of(listener)[1]
                done = harness.gatepost(
                    "send", "--server", address, "--to", "r@example.test", "--from",
                    "anna@example.test", "--ca", self.ca.certificate, "--user", "anna",
                    "--password-file", self.directory / "password", "--verbose", *words)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                login = self.started.wait_log("auth.login")[-1]
                self.assertEqual((login["result"], login["mechanism"]), ("accepted", mechanism))
                self.assertIn("> (login)\n", done.stdout)

    def test_gatepost_send_wrong_password(self):
        (self.directory / "password").write_text("wrong\n")
        done = harness.gatepost(
            "send", "--server", "localhost:%d" % self.started.address_of("smtps")[1], "--tls",
            "implicit", "--to", "r@example.test", "--ca", self.ca.certificate, "--user", "anna",
            "--password-file", self.directory / "password")
        self.assertEqual(done.returncode, 1)
        self.assertIn("the server refused the login", done.stderr)
        self.assertIn("535 5.7.8", done.stderr)

    def test_break_in_the_middle(self):
        """However and wherever a login breaks off: the session ends, is counted off, and nobody is in."""
        message = plain("anna", "se cret")
        steps = {
            "after the mechanism": ("AUTH PLAIN", 334, b""),
            "in the command": (None, None, b"AUTH PLAIN " + message[:9].encode()),
            "in the response": ("AUTH PLAIN", 334, message[:9].encode()),
            "behind the response": ("AUTH PLAIN", 334, message.encode() + b"\r"),
            "in LOGIN": ("AUTH LOGIN", 334, b"YW5uYQ==\r\nc2U"),
            "in SCRAM": ("AUTH SCRAM-SHA-256 " + base64.b64encode(b"n,,n=anna,r=abc").decode(), 334,
                         b"Yz1ia"),
        }
        ends = {"reset": lambda tls: tls.reset(), "end": self.end_below, "close": self.close_notify}
        for step, (line, code, rest) in steps.items():
            for end, leave in ends.items():
                with self.subTest(step=step, end=end):
                    client = self.client("smtps")
                    client.hello()
                    if line:
                        client.command(line, code)
                    if rest:
                        client.send(rest)
                    leave(client)
        count = len(steps) * len(ends)
        closed = self.started.wait_log("session.close", count)
        self.assertEqual(len({each["session"] for each in closed}), count)
        self.assertEqual([each for each in self.started.log("auth.login")
                          if each["result"] == "accepted"], [])
        # As many as a client may have at once: none of those counts any more.
        again = [self.client("smtps") for _ in range(self.SESSIONS)]
        with self.assertRaises(OSError):  # there is no TLS to say 421 in
            self.client("smtps")
        again[-1].hello()
        again[-1].command("AUTH PLAIN " + message, 235)

    @staticmethod
    def end_below(client):
        """TCP ends, and TLS was not told."""
        client.socket.shutdown(socket.SHUT_WR)
        client.is_closed()
        client.close()

    @staticmethod
    def close_notify(client):
        client.plain().close()

    def test_bound_to_the_certificate(self):
        certificate = ssl.PEM_cert_to_DER_cert(self.cert.read_text())
        scram = Scram("anna", "se cret", certificate)
        client = self.client("smtps")
        client.hello()
        challenge = client.command("AUTH SCRAM-SHA-256-PLUS " + scram.first(), 334).text
        client.command(scram.final(challenge), 334)
        client.command("", 235)

    def test_bound_to_another_certificate(self):
        """Somebody between us with a certificate of their own."""
        other = Scram("anna", "se cret", b"not the server's")
        client = self.client("smtps")
        client.hello()
        challenge = client.command("AUTH SCRAM-SHA-256-PLUS " + other.first(), 334).text
        client.command(other.final(challenge), 535)
        downgraded = base64.b64encode(b"y,,n=anna,r=x").decode()
        client.command("AUTH SCRAM-SHA-256 " + downgraded, 535)

    def test_certificate_as_login(self):
        client = self.client("certified", *self.ca.issue("berta", "DNS:berta.example.test"))
        self.assertEqual(self.offered(client), "EXTERNAL")
        client.command("MAIL FROM:<a@example.com>", 530)
        client.command("AUTH EXTERNAL " + base64.b64encode(b"anna").decode(), 535)
        client.command("AUTH EXTERNAL =", 235)
        client.command("MAIL FROM:<a@example.com>", 250)
        login = self.started.log("auth.login")[-1]
        self.assertEqual((login["result"], login["mechanism"]), ("accepted", "EXTERNAL"))

    def test_no_certificate_no_login(self):
        client = self.client("certified")
        self.assertIsNone(self.offered(client))
        client.command("AUTH EXTERNAL =", 504)
        stranger = pki.Authority(self.directory, "stranger")
        client = self.client("certified", *stranger.issue("carla", "DNS:carla.example.test"))
        self.assertIsNone(self.offered(client))
        client.command("MAIL FROM:<a@example.com>", 530)


if __name__ == "__main__":
    unittest.main()
