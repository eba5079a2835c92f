# SPDX-License-Identifier: Apache-2.0
"""Where mail goes and how it is protected, with a real DNS (Knot, DNSSEC), real TLS and HTTPS: MX, null
MX, aliases, DANE, MTA-STS, REQUIRETLS. What the RFCs want to succeed does, the rest does not."""

import hashlib
import http.server
import pathlib
import shutil
import smtplib
import ssl
import subprocess
import tempfile
import threading
import unittest

import harness
import knot
import pki
import sink

GOOD, STRANGER, PLAIN, WEB = "127.0.1.1", "127.0.1.2", "127.0.1.3", "127.0.1.9"

CONFIG = """\
hostname: out.example.net
dns: {{resolvers: ["127.0.0.1:{dns}"], dnssec: on, root_key: {anchor}}}
targets:
  internet: {{mx: {{port: {port}, ca_file: {ca}, connect_timeout: 5s}}}}
listeners:
  in: {{address: "127.0.0.1:0", relay: [127.0.0.0/8], tls: optional}}
routes:
  - {{name: world, match: {{relay: true}}, to: internet, mode: direct}}
tls:
  certificates: [{{cert: {cert}, key: {key}}}]
  outbound:
    default: [dane, mta_sts, opportunistic]
    ruled.insecure.example: {{require: verified}}
log: {{to: stderr, format: json}}
"""

STS = "version: STSv1\nmode: {mode}\nmx: {mx}\nmax_age: 3600\n"


def key_digest(certificate):
    """SHA-256 of the SubjectPublicKeyInfo."""
    pem = subprocess.run(["openssl", "x509", "-in", str(certificate), "-noout", "-pubkey"],
                         check=True, capture_output=True).stdout
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=pem, check=True,
                         capture_output=True).stdout
    return hashlib.sha256(der).hexdigest()


def whole_digest(certificate):
    der = subprocess.run(["openssl", "x509", "-in", str(certificate), "-outform", "DER"],
                         check=True, capture_output=True).stdout
    return hashlib.sha256(der).hexdigest()


class Web(http.server.BaseHTTPRequestHandler):
    policies, asked = {}, []

    def do_GET(self):
        host = self.headers["Host"].split(":")[0]
        Web.asked.append(host)
        body = Web.policies.get(host, "").encode()
        self.send_response(200 if body else 404)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@unittest.skipUnless(knot.available(), "knot is not installed: scripts/bootstrap --test")
class Policy(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = pathlib.Path(tempfile.mkdtemp(prefix="gatepost-e2e-"))
        cls.addClassCleanup(shutil.rmtree, cls.directory, True)
        ca = pki.Authority(cls.directory)
        names = ("mx.dane.example", "mx.daneta.example", "mx.sts.insecure.example",
                 "mx.ruled.insecure.example", "mx.requires.example")
        cert, key = ca.issue("good", ",".join("DNS:" + name for name in names))
        chain = cls.directory / "chain.pem"
        chain.write_bytes(cert.read_bytes() + ca.certificate.read_bytes())
        other = pki.self_signed(cls.directory, "mx.stranger.example")
        cls.good = sink.Sink(GOOD, certificate=(chain, key))
        cls.good.requiretls = True
        port = cls.good.port
        cls.stranger = sink.Sink(STRANGER, port, certificate=other)
        cls.plain = sink.Sink(PLAIN, port)
        cls.web = cls.start_web(ca)
        cls.dns = knot.Knot(cls.directory / "dns", *cls.zones(port, cert, ca, other)).start()
        cls.server = harness.Server(cls.directory, CONFIG.format(
            dns=cls.dns.port, anchor=cls.dns.anchor, port=port, ca=ca.certificate, cert=chain,
            key=key)).start()

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.dns.stop()
        for each in (cls.good, cls.stranger, cls.plain):
            each.stop()
        if cls.web:
            cls.web.shutdown()
            cls.web.server_close()

    @classmethod
    def start_web(cls, ca):
        """HTTPS is at port 443 and nowhere else; without the right to it these cases are left out."""
        hosts = [f"mta-sts.{name}.insecure.example" for name in ("sts", "stsbad", "ststest")]
        cert, key = ca.issue("web", ",".join("DNS:" + host for host in hosts))
        for name, mode in (("sts", "enforce"), ("stsbad", "enforce"), ("ststest", "testing")):
            Web.policies[f"mta-sts.{name}.insecure.example"] = STS.format(
                mode=mode, mx=f"mx.{name}.insecure.example")
        try:
            web = http.server.ThreadingHTTPServer((WEB, 443), Web)
        except OSError:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        web.socket = context.wrap_socket(web.socket, server_side=True)
        threading.Thread(target=web.serve_forever, daemon=True).start()
        return web

    @classmethod
    def zones(cls, port, cert, ca, other):
        fake = "60 DS 1 13 2 " + "ab" * 32

        def domain(name, address, *records):
            return "\n".join([f"{name}. 60 MX 10 mx.{name}.", f"mx.{name}. 60 A {address}", *records]) + "\n"

        def tlsa(name, data):
            return f"_{port}._tcp.mx.{name}. 60 TLSA {data}"

        good, wrong = "3 1 1 " + key_digest(cert), "3 1 1 " + key_digest(other[0])
        secure = (
            domain("dane.example", GOOD, tlsa("dane.example", good)) +
            domain("daneta.example", GOOD, tlsa("daneta.example", "2 0 1 " + whole_digest(ca.certificate))) +
            domain("danebad.example", GOOD, tlsa("danebad.example", wrong)) +
            domain("danename.example", STRANGER, tlsa("danename.example", wrong)) +
            domain("danenotls.example", PLAIN, tlsa("danenotls.example", good)) +
            domain("daneold.example", STRANGER, tlsa("daneold.example", "1 1 1 " + key_digest(cert))) +
            domain("tlsabogus.example", GOOD, "_tcp.mx.tlsabogus.example. 60 NS ns.test.",
                   f"_tcp.mx.tlsabogus.example. {fake}") +
            domain("daneless.example", PLAIN) +
            domain("requires.example", GOOD) +
            domain("requiresnot.example", STRANGER) +
            "two.example. 60 MX 10 mx.danebad.example.\ntwo.example. 60 MX 20 mx.dane.example.\n"
            "alias.example. 60 MX 10 al.alias.example.\nal.alias.example. 60 CNAME mx.dane.example.\n"
            f"null.example. 60 MX 0 .\nnull.example. 60 A {PLAIN}\n"
            f"implicit.example. 60 A {PLAIN}\n"
            "loop.example. 60 MX 10 out.example.net.\n"
            "noaddress.example. 60 MX 10 nothing.noaddress.example.\n")
        sub = ".insecure.example"
        insecure = (
            domain("free" + sub, STRANGER, tlsa("free" + sub, good)) +
            domain("ruled" + sub, GOOD) +
            "".join(domain(name + sub, address, f'_mta-sts.{name}{sub}. 60 TXT "v=STSv1; id=1;"',
                           f"mta-sts.{name}{sub}. 60 A {WEB}")
                    for name, address in (("sts", GOOD), ("stsbad", STRANGER), ("ststest", STRANGER))))
        bogus = domain("bogus.example", PLAIN)
        return secure, insecure, bogus

    def send(self, domain, *codes, parameters="", tls=False):
        with harness.Client(self.server.address, timeout=60) as client:
            client.hello()
            client.command(f"MAIL FROM:<a@example.com>{parameters}", 250)
            client.command(f"RCPT TO:<b@{domain}>", 250)
            return client.data(f"Subject: {domain}\r\n\r\nbody\r\n".encode(), *codes)

    def arrived(self, where, domain):
        return [mail for mail in where.mails if f"<b@{domain}>" in mail["rcpt"][0]]

    def succeeds(self, domain, where, secure):
        self.send(domain, 250)
        mails = self.arrived(where, domain)
        self.assertEqual([mail["tls"] for mail in mails], [secure], domain)

    def fails(self, domain, code, status):
        reply = self.send(domain, code)
        self.assertTrue(reply.text.startswith(status), reply)
        for each in (self.good, self.stranger, self.plain):
            self.assertEqual(self.arrived(each, domain), [], domain)

    # ---- where to ----

    def test_null_mx(self):
        self.fails("null.example", 556, "5.1.10")

    def test_no_such_domain(self):
        self.fails("nowhere.example", 550, "5.1.2")

    def test_no_mx_means_the_domain_itself(self):
        self.succeeds("implicit.example", self.plain, False)

    def test_we_are_the_mail_host(self):
        self.fails("loop.example", 554, "5.4.6")

    def test_a_mail_host_without_an_address(self):
        self.fails("noaddress.example", 550, "5.4.4")

    def test_bogus_answers_are_none(self):
        self.fails("bogus.example", 451, "4.4.3")

    # ---- DANE ----

    def test_dane_key(self):
        self.succeeds("dane.example", self.good, True)

    def test_dane_authority(self):
        self.succeeds("daneta.example", self.good, True)

    def test_dane_key_of_a_certificate_with_another_name(self):
        self.succeeds("danename.example", self.stranger, True)

    def test_dane_another_key(self):
        self.fails("danebad.example", 451, "4.7.5")

    def test_dane_without_starttls(self):
        self.fails("danenotls.example", 451, "4.7.4")

    def test_dane_records_of_no_use(self):
        self.succeeds("daneold.example", self.stranger, True)

    def test_dane_no_answer_about_the_records(self):
        self.fails("tlsabogus.example", 451, "4.7.5")

    def test_dane_no_records(self):
        self.succeeds("daneless.example", self.plain, False)

    def test_dane_through_an_alias(self):
        self.succeeds("alias.example", self.good, True)

    def test_dane_the_next_host(self):
        self.succeeds("two.example", self.good, True)

    def test_dane_not_without_dnssec(self):
        self.succeeds("free.insecure.example", self.stranger, True)

    # ---- MTA-STS ----

    def need_web(self):
        if not self.web:
            self.skipTest("port 443 is not ours to bind")

    def test_mta_sts_enforce(self):
        self.need_web()
        self.succeeds("sts.insecure.example", self.good, True)

    def test_mta_sts_enforce_and_a_bad_certificate(self):
        self.need_web()
        self.fails("stsbad.insecure.example", 451, "4.7.5")
        self.fails("stsbad.insecure.example", 451, "4.7.5")
        self.assertEqual(Web.asked.count("mta-sts.stsbad.insecure.example"), 1)

    def test_mta_sts_testing(self):
        self.need_web()
        self.succeeds("ststest.insecure.example", self.stranger, True)

    # ---- REQUIRETLS (RFC 8689) ----

    def send_requiring(self, domain):
        """The reply to a message that asks for it: the client must be inside TLS, too."""
        with smtplib.SMTP(*self.server.address, local_hostname="client.example") as client:
            client.starttls(context=ssl._create_unverified_context())
            client.ehlo()
            client.mail("a@example.com", ["REQUIRETLS"])
            client.rcpt(f"b@{domain}")
            return client.data(f"Subject: {domain}\r\n\r\nbody\r\n".encode())

    def test_requiretls(self):
        code, text = self.send_requiring("requires.example")
        self.assertEqual(code, 250, text)
        mail, = self.arrived(self.good, "requires.example")
        self.assertTrue(mail["tls"] and mail["mail"].endswith(" REQUIRETLS"), mail)

    def test_requiretls_and_a_host_that_nobody_vouches_for(self):
        code, text = self.send_requiring("requiresnot.example")
        self.assertEqual((code, text[:5]), (451, b"4.7.5"), text)

    def test_requiretls_and_dns_without_dnssec(self):
        code, text = self.send_requiring("free.insecure.example")
        self.assertEqual((code, text[:6]), (550, b"5.7.30"), text)

    def test_requiretls_with_dane_and_a_host_without_it(self):
        code, text = self.send_requiring("danename.example")
        self.assertEqual((code, text[:6]), (550, b"5.7.30"), text)

    # ---- rules ----

    def test_rule_verified(self):
        self.succeeds("ruled.insecure.example", self.good, True)


if __name__ == "__main__":
    unittest.main()
