# SPDX-License-Identifier: Apache-2.0
"""Clients behind somebody else: HAProxy by the PROXY protocol, XCLIENT, XFORWARD, UNIX sockets."""

import socket
import ssl
import struct
import subprocess
import unittest

import harness
import pki
import postfix

TEXT = b"Subject: x\r\n\r\nbody\r\n"
HAPROXY = """\
global
    maxconn 50
defaults
    mode tcp
    timeout connect 10s
    timeout client 60s
    timeout server 60s
frontend v1
    bind 127.0.0.1:{ports[0]}
    default_backend v1
frontend v2
    bind 127.0.0.1:{ports[1]}
    default_backend v2
backend v1
    server mx 127.0.0.1:{mx} send-proxy
backend v2
    server mx 127.0.0.1:{mx} send-proxy-v2 proxy-v2-options crc32c,unique-id,authority
"""


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def is_listening(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class ClientFrom(harness.Client):
    """A client at another address of the loopback network."""

    def __init__(self, address, ip):
        self.socket = socket.create_connection(address, 20 * harness.SLOWER, (ip, 0))
        self.pending = b""
        self.expect(220)


@unittest.skipUnless(harness.has("haproxy"), "haproxy is not installed")
class HaProxy(harness.TestCase):
    def proxy(self, mx):
        ports = free_ports(2)
        config = self.directory / "haproxy.cfg"
        config.write_text(HAPROXY.format(ports=ports, mx=mx))
        process = subprocess.Popen(["/usr/sbin/haproxy", "-db", "-f", str(config)],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        harness.wait_until(lambda: all(map(is_listening, ports)), "HAProxy listens", 20)
        return ports

    def test_both_versions(self):
        server = self.server(harness.config("proxy: [127.0.0.1]"))
        for port in self.proxy(server.port):
            with ClientFrom(("127.0.0.1", port), "127.0.0.99") as client:
                client.hello()
                client.envelope()
                client.data(TEXT)
                client.command("QUIT", 221)
        for message in self.assert_stored(server, TEXT, count=2):
            self.assertIn("from client.example ([127.0.0.99])", message.field("Received"))
        opened = [each for each in server.log("session.open") if each["client"] == "127.0.0.99"]
        self.assertEqual([each["proxy"] for each in opened], ["127.0.0.1"] * 2)

    def test_without_its_header(self):
        server = self.server(harness.config("proxy: [127.0.0.1]"))
        with harness.Client(server.address, greeting=False) as client:
            client.send(b"EHLO client.example\r\n")
            self.assertTrue(client.is_closed())
        self.assertEqual(server.wait_log("session.bad_proxy")[0]["proxy"], "127.0.0.1")
        # Anybody else is served, and not believed.
        with ClientFrom(server.address, "127.0.0.99") as client:
            client.command("PROXY TCP4 127.0.0.1 127.0.0.1 1 25", 554)


@unittest.skipUnless(harness.has("openssl"), "openssl is not installed")
class ProxyAndTls(harness.TestCase):
    """The header comes in plaintext before a handshake that is there from the start."""

    V1 = b"PROXY TCP4 203.0.113.9 127.0.0.1 4711 465\r\n"
    V2 = (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + socket.inet_aton("203.0.113.9")
          + socket.inet_aton("127.0.0.1") + struct.pack(">HH", 4711, 465))

    def setUp(self):
        super().setUp()
        self.ca = pki.Authority(self.directory)
        cert, key = self.ca.issue("localhost", "DNS:localhost,IP:127.0.0.1")
        self.started = self.server(harness.config(
            "proxy: [127.0.0.1], tls: implicit",
            rest=f"tls: {{certificates: [{{cert: {cert}, key: {key}}}], handshake_timeout: 20s}}\n"))
        self.context = ssl.create_default_context(cafile=str(self.ca.certificate))

    def begin(self, header):
        """A connection behind its header, and the two ends of a TLS client without one."""
        client = harness.Client(self.started.address, greeting=False)
        self.addCleanup(client.close)
        into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = self.context.wrap_bio(into, out, server_hostname="localhost")
        with self.assertRaises(ssl.SSLWantReadError):
            tls.do_handshake()
        return client, tls, into, out, header + out.read()

    def finish(self, client, tls, into, out):
        """The handshake, then what is said: until the server closes."""
        said, todo = b"", [tls.do_handshake, lambda: tls.write(b"QUIT\r\n")]
        while True:
            try:
                while todo:
                    todo[0]()
                    todo.pop(0)
                part = tls.read(65536)
                said += part
                if not part:
                    return said.decode()
            except ssl.SSLWantReadError:
                client.send(out.read())
                got = client.socket.recv(65536)
                self.assertTrue(got, said)
                into.write(got)

    def test_in_one_piece_and_in_many(self):
        for header in (self.V1, self.V2):
            for whole in (True, False):
                with self.subTest(header=header, whole=whole):
                    client, tls, into, out, first = self.begin(header)
                    for piece in [first] if whole else [bytes([octet]) for octet in first]:
                        client.send(piece)
                    said = self.finish(client, tls, into, out)
                    self.assertTrue(said.startswith("220 "), said)
        opened = self.started.wait_log("session.open", 4)
        self.assertEqual([(each["client"], each["proxy"]) for each in opened],
                         [("203.0.113.9", "127.0.0.1")] * 4)
        self.assertTrue(all(each["tls"] == "TLSv1.3"
                            for each in self.started.wait_log("session.close", 4)))

    def test_without_the_header(self):
        """Its ClientHello is no header."""
        client, _, _, _, first = self.begin(b"")
        client.send(first)
        self.assertTrue(client.is_closed())
        self.assertEqual(self.started.wait_log("session.bad_proxy")[0]["proxy"], "127.0.0.1")

    def test_plaintext_behind_the_header(self):
        with harness.Client(self.started.address, greeting=False) as plain:
            plain.send(self.V1 + b"EHLO client.example\r\n")
            self.assertTrue(plain.is_closed())


class Xclient(harness.TestCase):
    @unittest.skipUnless(harness.has("swaks"), "swaks is not installed")
    def test_swaks(self):
        server = self.server(harness.config("xclient: 127.0.0.1"))
        result = harness.run("swaks", "--server", "127.0.0.1", "--port", server.port,
                             "--helo", "client.example", "--from", "s@example.com",
                             "--to", "r@example.test", "--xclient-addr", "203.0.113.50",
                             "--xclient-name", "spike.example", "--xclient-login", "bob",
                             "--data", "Subject: x\\n\\nbody\\n")
        self.assertEqual(result.returncode, 0, result.stdout.decode())
        message, = harness.stored(server)
        self.assertIn("from client.example ([203.0.113.50])", message.field("Received"))
        self.assertIn("with ESMTPA", message.field("Received"))
        record, = server.wait_log("message")
        self.assertEqual((record["client"], record["user"]), ("203.0.113.50", "bob"))

    def test_over_unix(self):
        path = f"unix:{self.directory}/mx"
        server = self.server(harness.config("xclient: unix").replace("127.0.0.1:0", path))
        with harness.Client(path[5:]) as client:
            self.assertIn("XCLIENT NAME", client.hello().text)
            client.command("XCLIENT ADDR=IPV6:2001:db8::1 HELO=spike.example PROTO=ESMTP", 220)
            client.envelope()
            client.data(TEXT)
            client.command("QUIT", 221)
        message, = self.assert_stored(server, TEXT)
        self.assertIn("from spike.example ([IPv6:2001:db8::1])", message.field("Received"))


class Xforward(postfix.TestCase):
    def test_in_the_log(self):
        server = self.server(harness.config("xforward: 127.0.0.1"))
        with harness.Client(server.address) as client:
            client.hello()
            client.command("XFORWARD ADDR=203.0.113.50 NAME=[UNAVAILABLE] IDENT=4XYZ", 250)
            client.envelope()
            client.data(TEXT)
            client.envelope()
            client.data(TEXT)
            client.command("QUIT", 221)
        first, second = server.wait_log("message", 2)
        self.assertEqual((first["forwarded_ip"], first["forwarded_id"]), ("203.0.113.50", "4XYZ"))
        self.assertNotIn("forwarded_name", first)
        self.assertNotIn("forwarded_ip", second)
        self.assertEqual(first["client"], "127.0.0.1")

    def test_postfix(self):
        """It says XFORWARD of its own accord, pipelined with MAIL."""
        server = self.server(harness.config("xforward: 127.0.0.1"))
        self.start(f"relayhost = [127.0.0.1]:{server.port}\nsmtp_send_xforward_command = yes\n"
                   "debug_peer_list = 127.0.0.1")
        self.post(TEXT, "r@example.test")
        self.arrived(server, "r@example.test", 1)
        self.assertIn(": XFORWARD SOURCE=LOCAL", (self.home / "maillog").read_text())


def link_local():
    """An address of one link only, with its interface; or None."""
    try:
        with open("/proc/net/if_inet6", encoding="ascii") as table:
            rows = [line.split() for line in table]
    except FileNotFoundError:
        return None
    for row in rows:
        if row[3] == "20":
            packed = bytes.fromhex(row[0])
            return socket.inet_ntop(socket.AF_INET6, packed), row[5]
    return None


@unittest.skipUnless(link_local(), "no link-local address here")
class Zones(harness.TestCase):
    def test_listener_and_fact(self):
        ip, name = link_local()
        server = self.server(harness.config().replace("127.0.0.1:0", f"[{ip}%{name}]:0"))
        port = server.listeners[0][1].rsplit(":", 1)[1]
        with socket.socket(socket.AF_INET6) as client:
            client.settimeout(20)
            client.connect((ip, int(port), 0, socket.if_nametoindex(name)))
            self.assertTrue(client.recv(100).startswith(b"220 "))
        self.assertEqual(server.wait_log("session.open")[0]["zone"], name)


if __name__ == "__main__":
    unittest.main()
