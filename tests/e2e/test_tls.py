# SPDX-License-Identifier: Apache-2.0
"""TLS with real clients, and with ones that do what they should not."""

import re
import smtplib
import socket
import ssl
import time
import unittest

import harness
import pki

TEXT = b"From: a@example.com\r\nSubject: tls\r\n\r\nHello in TLS\r\n"
LISTENERS = """\
listeners:
  mx: {address: "127.0.0.1:0", tls: optional}
  smtps: {address: "127.0.0.1:0", tls: implicit}
  submission: {address: "127.0.0.1:0", tls: required}
"""


def config(certificates, *, tls="", listeners=LISTENERS):
    """The usual server, with these certificates as (cert, key)."""
    pairs = ", ".join(f"{{cert: {cert}, key: {key}}}" for cert, key in certificates)
    text = re.sub(r"listeners:\n.*\n", listeners, harness.config())
    return text + f"tls: {{certificates: [{pairs}]{tls}}}\n"


class TlsClient(harness.Client):
    """The strict client, through TLS: from the start, or when starttls() is called."""

    def __init__(self, address, context, *, implicit=False, name="localhost", session=None):
        self.context, self.name, self.session = context, name, session
        super().__init__(address, greeting=False)
        try:
            if implicit:
                self.wrap()
            self.expect(220)
        except BaseException:
            self.socket.close()
            raise

    def wrap(self):
        self.socket = self.context.wrap_socket(self.socket, server_hostname=self.name,
                                               session=self.session)
        self.socket.settimeout(20 * harness.SLOWER)

    def starttls(self):
        self.hello()
        self.command("STARTTLS", 220)
        self.wrap()

    def plain(self):
        """The bare socket, after a close_notify of ours."""
        self.socket.setblocking(False)
        try:
            self.socket.unwrap()  # says that we are done; what the server says is not waited for
        except (ssl.SSLError, OSError):
            pass
        return socket.socket(fileno=self.socket.detach())


class Tls(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.ca = pki.Authority(self.directory)
        self.pair = self.ca.issue("localhost", "DNS:localhost,IP:127.0.0.1", days=90)

    def context(self, **options):
        context = ssl.create_default_context(cafile=str(self.ca.certificate))
        for name, value in options.items():
            setattr(context, name, value)
        return context

    def start(self, certificates=None, **options):
        return self.server(config(certificates or [self.pair], **options), listeners=3)

    def port(self, server, name):
        return server.address_of(name)[1]


class Clients(Tls):
    """Programs that people use."""

    def assert_delivered(self, server, version=r"TLSv1\.[23]"):
        message = harness.stored(server)[-1]
        self.assertRegex(message.field("Received"), rf"with ESMTPS id \S+\s+\({version} [-A-Z0-9_]+\)")

    def test_smtplib(self):
        server = self.start()
        for name in ("mx", "submission"):
            with smtplib.SMTP("localhost", self.port(server, name)) as client:
                client.starttls(context=self.context())
                client.sendmail("s@example.com", ["r@example.test"], TEXT)
        with smtplib.SMTP_SSL("localhost", self.port(server, "smtps"),
                              context=self.context()) as client:
            client.sendmail("s@example.com", ["r@example.test"], TEXT)
        self.assert_stored(server, TEXT, count=3)
        self.assert_delivered(server)
        self.assertEqual({each["tls"] for each in server.log("message")}, {"TLSv1.3"})

    @unittest.skipUnless(harness.has("swaks"), "swaks is not installed")
    def test_swaks(self):
        server = self.start()
        for name, how in (("mx", "--tls"), ("submission", "--tls"), ("smtps", "--tls-on-connect")):
            result = harness.run("swaks", "--server", "localhost", "--port",
                                 self.port(server, name), how, "--tls-verify", "--tls-ca-path",
                                 self.ca.certificate, "--from", "s@example.com", "--to",
                                 "r@example.test")
            self.assertEqual(result.returncode, 0, result.stdout.decode())
            self.assert_delivered(server)
        result = harness.run("swaks", "--server", "localhost", "--port",
                             self.port(server, "submission"), "--from", "s@example.com", "--to",
                             "r@example.test")
        self.assertIn(b"530 5.7.0 Must issue a STARTTLS command first", result.stdout)

    @unittest.skipUnless(harness.has("curl"), "curl is not installed")
    def test_curl(self):
        server = self.start()
        message = self.directory / "message"
        message.write_bytes(TEXT)
        for scheme, name, extra in (("smtp", "mx", ["--ssl-reqd"]), ("smtps", "smtps", [])):
            result = harness.run(
                "curl", "-sS", *extra, "--cacert", self.ca.certificate,
                f"{scheme}://localhost:{self.port(server, name)}/client.example", "--mail-from",
                "s@example.com", "--mail-rcpt", "r@example.test", "--upload-file", message)
            self.assertEqual(result.returncode, 0, result.stderr.decode())
        self.assert_stored(server, TEXT, count=2)
        self.assert_delivered(server)

    def s_client(self, server, name, *words, stdin=b"QUIT\r\n"):
        starttls = [] if name == "smtps" else ["-starttls", "smtp"]
        return harness.run("openssl", "s_client", "-connect", f"localhost:{self.port(server, name)}",
                           *starttls, "-CAfile", self.ca.certificate, "-ign_eof", *words,
                           stdin=stdin)

    def test_openssl(self):
        server = self.start()
        for name in ("mx", "smtps"):
            for version in ("1_2", "1_3"):
                result = self.s_client(server, name, f"-tls{version}", "-verify_return_error")
                text = result.stdout.decode()
                self.assertEqual(result.returncode, 0, text + result.stderr.decode())
                self.assertIn("Verify return code: 0 (ok)", text)
                self.assertIn("221 2.0.0", text)
        for version in ("1", "1_1"):
            result = self.s_client(server, "smtps", f"-tls{version}", "-cipher", "DEFAULT@SECLEVEL=0")
            self.assertNotEqual(result.returncode, 0)
        self.assertEqual(len(server.wait_log("tls.failed", 2)), 2)
        self.assertIn("no version of TLS", server.log("tls.failed")[0]["text"])

    def test_alpn(self):
        server = self.start()
        result = self.s_client(server, "smtps", "-alpn", "h2,http/1.1")
        self.assertIn("no application protocol", (result.stdout + result.stderr).decode())
        self.assertIn("ALPN", server.wait_log("tls.failed")[0]["text"])
        result = self.s_client(server, "smtps", "-alpn", "smtp")
        self.assertIn("ALPN protocol: smtp", result.stdout.decode())

    def test_renegotiation(self):
        """s_client renegotiates at a line that begins with R."""
        server = self.start()
        result = harness.run("openssl", "s_client", "-connect",
                             f"localhost:{self.port(server, 'smtps')}", "-tls1_2", stdin=b"R\nQ\n")
        text = (result.stdout + result.stderr).decode()
        self.assertIn("RENEGOTIATING", text)
        self.assertIn("error:", text.split("RENEGOTIATING")[1])
        self.assert_alive(server)

    def test_resumption(self):
        """A ticket is good for its listener, and for no other."""
        server = self.start()
        for version in ("1_2", "1_3"):
            ticket = self.directory / f"ticket{version}"
            first = self.s_client(server, "mx", f"-tls{version}", "-sess_out", ticket,
                                  stdin=b"NOOP\r\nQUIT\r\n")
            self.assertIn("New, TLS", first.stdout.decode())
            again = self.s_client(server, "mx", f"-tls{version}", "-sess_in", ticket)
            self.assertIn("Reused, TLS", again.stdout.decode())
            for other in ("submission", "smtps"):
                result = self.s_client(server, other, f"-tls{version}", "-sess_in", ticket)
                self.assertIn("New, TLS", result.stdout.decode())
                self.assertNotIn("Reused, TLS", result.stdout.decode())


class Certificates(Tls):
    def shown(self, server, name):
        """The common name of what a client sees that asks for a name."""
        context = self.context(check_hostname=False)
        with TlsClient(server.address_of("smtps"), context, implicit=True, name=name) as client:
            subject = client.socket.getpeercert()["subject"]
            client.command("QUIT", 221)
        return dict(pair for (pair,) in subject)["commonName"]

    def test_names(self):
        server = self.start([self.pair, self.ca.issue("exact", "DNS:a.example.test"),
                             self.ca.issue("wild", "DNS:*.example.test")])
        for name, certificate in (("localhost", "localhost"), ("a.example.test", "exact"),
                                  ("b.example.test", "wild"), ("b.c.example.test", "localhost"),
                                  ("other.test", "localhost")):
            self.assertEqual(self.shown(server, name), certificate)
        self.assertIn("a.example.test", {each.get("server_name") for each in
                                         server.wait_log("session.close", 5)})

    def test_two_kinds(self):
        server = self.start([self.pair, self.ca.issue("rsa", "DNS:localhost", kind="rsa")])
        context = self.context(maximum_version=ssl.TLSVersion.TLSv1_2)
        for ciphers, name in (("ECDHE-RSA-AES128-GCM-SHA256", "rsa"),
                              ("ECDHE-ECDSA-AES128-GCM-SHA256", "localhost")):
            context.set_ciphers(ciphers)
            with TlsClient(server.address_of("mx"), context) as client:
                client.starttls()
                subject = client.socket.getpeercert()["subject"]
            self.assertEqual(dict(pair for (pair,) in subject)["commonName"], name)

    def test_clients(self):
        good = self.ca.issue("relay", "email:relay@example.org")
        bad = pki.self_signed(self.directory, "impostor")
        server = self.start(tls=f", client_certificates: require, client_ca: {self.ca.certificate}")
        context = self.context()
        context.load_cert_chain(*map(str, good))
        with TlsClient(server.address_of("smtps"), context, implicit=True) as client:
            client.command("QUIT", 221)
        self.assertEqual(server.wait_log("session.close")[-1]["client_name"], "relay@example.org")
        for pair in (None, bad):
            context = self.context()
            if pair:
                context.load_cert_chain(*map(str, pair))
            with self.assertRaises((ssl.SSLError, harness.Closed, ConnectionError)):
                TlsClient(server.address_of("smtps"), context, implicit=True)
        reasons = [each["text"] for each in server.wait_log("tls.failed", 2)]
        self.assertEqual(reasons[0], "the client showed no certificate")
        self.assertIn("the client's certificate: ", reasons[1])

    def test_check(self):
        other = self.ca.issue("other", "DNS:other.test")
        late = self.directory / "late.pem"
        text = config([(self.pair[0], other[1])])
        path = self.directory / "check.yaml"
        path.write_text(text)
        result = harness.gatepost("check", "--config", path)
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stdout, r"check\.yaml:\d+:\d+: error: the key does not belong to "
                                        "the certificate")
        path.write_text(config([(late, self.pair[1])]))
        result = harness.gatepost("check", "--config", path)
        self.assertIn(f"cannot read {late}: No such file or directory", result.stdout)
        soon = self.ca.issue("soon", "DNS:soon.test", days=3)
        path.write_text(config([soon]))
        result = harness.gatepost("check", "--config", path)
        self.assertEqual(result.returncode, 0, result.stdout)
        self.assertIn("warning: the certificate expires on ", result.stdout)

    def test_self_signed(self):
        """Made at the first start, used at the next."""
        text = config([("var/tls/cert.pem", "var/tls/key.pem")]).replace(
            "key.pem}", "key.pem, self_signed: true}")
        server = self.server(text, listeners=3)
        key, cert = (self.directory / "var/tls" / name for name in ("key.pem", "cert.pem"))
        self.assertEqual(key.stat().st_mode & 0o777, 0o600)
        made = cert.read_bytes()
        context = ssl.create_default_context(cafile=str(cert))
        with TlsClient(server.address_of("mx"), context, name="mx.example.test") as client:
            client.starttls()
            client.hello()
        self.assertEqual(server.stop(), 0)
        server.start(3)
        self.assertEqual(cert.read_bytes(), made)


class Hostile(Tls):
    def test_injection(self):
        """What comes in one piece with STARTTLS is never carried out (CVE-2011-0411)."""
        server = self.start()
        with harness.Client(server.address_of("mx")) as client:
            client.hello()
            client.send(b"STARTTLS\r\nEHLO x\r\nMAIL FROM:<evil@example.com>\r\nRCPT TO:<r@example.test>\r\n")
            client.expect(554)
            self.assertTrue(client.is_closed())
        self.assertIs(server.wait_log("session.close")[-1]["injected"], True)
        self.assertEqual(server.log("recipient.refused"), [])

    def test_everything_is_forgotten(self):
        server = self.start()
        with TlsClient(server.address_of("mx"), self.context()) as client:
            self.assertIn("STARTTLS", client.hello().text)
            client.envelope()
            client.command("STARTTLS", 220)
            client.wrap()
            client.command("RCPT TO:<r@example.test>", 503)
            self.assertNotIn("STARTTLS", client.hello().text)
            client.command("STARTTLS", 503)
            client.command("DATA", 503)

    def test_plaintext_after_the_end(self):
        """A close_notify in the middle of a chunk, then the rest in plaintext (CVE-2026-45185)."""
        server = self.start()
        for name, said, then in (
                ("mx", b"BDAT 40 LAST\r\nSubject: x\r\n\r\n", b"the rest of the chunk......\r\n"),
                ("mx", b"DATA\r\n", b"Subject: x\r\n\r\nbody\r\n.\r\n"),
                ("smtps", b"BDAT 40 LAST\r\nSubject: x\r\n\r\n", b"the rest of the chunk......\r\n"),
                ("smtps", b"NOOP\r\n", b"DATA\r\n")):
            with TlsClient(server.address_of(name), self.context(),
                           implicit=name == "smtps") as client:
                if name == "mx":
                    client.starttls()
                client.hello()
                client.envelope()
                client.send(said)
                plain = client.plain()
                self.addCleanup(plain.close)
                plain.setblocking(True)
                plain.settimeout(20 * harness.SLOWER)
                try:
                    plain.sendall(then)
                    time.sleep(0)
                    plain.shutdown(socket.SHUT_WR)
                    while plain.recv(4096):
                        pass
                except ConnectionError:
                    pass
        server.wait_log("session.close", 4)
        self.assertEqual(harness.stored(server), [])
        self.assertEqual(server.log("message"), [])
        self.assert_alive(server)

    def test_cut_off_in_the_message(self):
        """Without close_notify, too: what has no end is no message."""
        server = self.start()
        for how in ("close", "reset"):
            with TlsClient(server.address_of("smtps"), self.context(), implicit=True) as client:
                client.hello()
                client.envelope()
                client.command("DATA", 354)
                client.send(TEXT)
                getattr(client, how)()
        server.wait_log("session.close", 2)
        self.assertEqual(harness.stored(server), [])
        self.assert_alive(server)

    def test_not_tls(self):
        server = self.start()
        for n, (said, reason) in enumerate((
                (b"EHLO x\r\nQUIT\r\n", "not TLS: the client sent something else"),
                (b"GET / HTTP/1.0\r\n\r\n", "not TLS: the client sent an HTTP request")), 1):
            with socket.create_connection(server.address_of("smtps")) as plain:
                plain.settimeout(20 * harness.SLOWER)
                plain.sendall(said)
                try:
                    self.assertNotIn(b"250", plain.recv(4096))
                except ConnectionError:
                    pass
            self.assertEqual(server.wait_log("tls.failed", n)[-1]["text"], reason)
        self.assert_alive(server)

    def test_flood_of_handshakes(self):
        """Those that are under way are bounded; a slot is free again when one leaves."""
        server = self.start(tls=", handshakes: 3")
        held = [socket.create_connection(server.address_of("smtps")) for _ in range(3)]
        server.wait_log("session.open", 3)
        with socket.create_connection(server.address_of("smtps")) as late:
            late.settimeout(20 * harness.SLOWER)
            self.assertEqual(late.recv(1), b"")
        for each in held:
            each.close()
        server.wait_log("session.close", 4)
        with TlsClient(server.address_of("smtps"), self.context(), implicit=True) as client:
            client.command("QUIT", 221)


if __name__ == "__main__":
    unittest.main()
