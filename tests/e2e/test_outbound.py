# SPDX-License-Identifier: Apache-2.0
"""Gatepost hands mail on to real servers and hostile ones: Postfix, Exim, OpenSMTPD, which give it to
another Gatepost; LMTP into Dovecot; logins at a smart host; fail-over, reuse, TLS."""

import base64
import os
import pwd
import smtplib
import socket
import subprocess
import threading
import unittest

import harness
import logins
import peers
import pki
import postfix
import sink

RELAY = """\
hostname: out.example.net
targets:
  next: {{{target}}}
listeners:
  in: {{address: "127.0.0.1:0", relay: [127.0.0.0/8]{listener}}}
routes:
  - {{name: all, match: {{relay: true}}, to: next, mode: direct}}
log: {{to: stderr, format: json}}
{rest}
"""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


class Case(logins.Case):
    def relay(self, target, listener="", rest="", mode="direct"):
        """A Gatepost that gives everything to a target."""
        directory = self.directory / f"relay{len(self.servers)}"
        directory.mkdir()
        server = harness.Server(directory, RELAY.format(
            target=target, listener=listener, rest=rest).replace("mode: direct", f"mode: {mode}"))
        if "user: " in rest:
            server.copy_program()
        self.servers.append(server)
        self.addCleanup(server.stop)
        return server.start()

    def sink(self, **how):
        made = sink.Sink(**how)
        self.addCleanup(made.stop)
        return made

    def setUp(self):
        super().setUp()
        self.servers = []

    def records(self, server):
        """What became of each recipient of each message."""
        return [each for record in server.wait_log("message") for each in record["recipients"]]


class Sinks(Case):
    def test_reuse_and_pipelining(self):
        to = self.sink()
        server = self.relay(f'smtp: {{to: ["127.0.0.1:{to.port}"], messages: 3}}')
        for _ in range(5):
            harness.submit(server.address, b"Subject: x\r\n\r\n.dot\r\nbody\r\n", "r@example.test")
        self.assertEqual(len(to.mails), 5)
        self.assertEqual(len(to.connections), 2)
        self.assertTrue(to.mails[0]["body"].endswith(b"Subject: x\r\n\r\n.dot\r\nbody\r\n"))
        self.assertIn(b"Received:", to.mails[0]["body"])
        self.assertEqual(self.records(server)[0]["remote"], "[127.0.0.1]")

    def test_chunking(self):
        to = self.sink(extensions=("PIPELINING", "CHUNKING", "8BITMIME"))
        server = self.relay(f'smtp: {{to: ["127.0.0.1:{to.port}"]}}')
        body = b"Subject: large\r\n\r\n" + b"0123456789abcdef\r\n" * 40000
        harness.submit(server.address, body, "r@example.test")
        self.assertTrue(to.mails[0]["body"].endswith(body))
        self.assertFalse([line for line in to.commands if line == "DATA"])

    def test_large_with_dots(self):
        to = self.sink()
        server = self.relay(f'smtp: {{to: ["127.0.0.1:{to.port}"]}}')
        body = b"Subject: large\r\n\r\n" + b"..two\r\n.\r\n.one\r\n" * 100000
        harness.submit(server.address, body, "r@example.test")
        self.assertTrue(to.mails[0]["body"].endswith(body))

    def test_fail_over(self):
        to = self.sink()
        server = self.relay(f'smtp: {{to: ["127.0.0.1:1", "127.0.0.1:{to.port}"]}}')
        for _ in range(4):
            harness.submit(server.address, b"Subject: x\r\n\r\n", "r@example.test")
        self.assertEqual(len(to.mails), 4)

    def test_at_once(self):
        """No more connections than there may be; nobody is lost, nobody gets two."""
        to = self.sink()
        server = self.relay(f'smtp: {{to: ["127.0.0.1:{to.port}"], connections: 2}}')
        threads = [threading.Thread(target=harness.submit, args=(
            server.address, b"Subject: %d\r\n\r\n" % n, "r@example.test")) for n in range(20)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        self.assertEqual(len(to.mails), 20)
        self.assertLessEqual(len(to.connections), 2)

    def test_replies_are_mirrored(self):
        to = self.sink()
        server = self.relay(f'smtp: {{to: ["127.0.0.1:{to.port}"]}}')
        for reply, code in (("550 5.1.1 No such user", 550), ("452 4.2.2 Full", 452)):
            to.rcpt = lambda line, reply=reply: reply
            got = harness.submit(server.address, b"Subject: x\r\n\r\n", "r@example.test",
                                 codes=(code,))
            self.assertEqual(got.lines, [reply[4:]])

    def test_tenants(self):
        """A table says of each tenant which host, and which login; none sees another's mail."""
        one, two = (self.sink(extensions=("PIPELINING", "8BITMIME", "AUTH PLAIN")) for _ in "12")
        for to in (one, two):
            to.replies["AUTH"] = "235 ok"
        table = self.directory / "tenants"
        table.write_text("".join(
            f'{name}.example {{"to": ["127.0.0.1:{to.port}"], "user": "{name}", "password": "pass {name}"}}\n'
            for name, to in (("one", one), ("two", two))))
        server = self.relay("smtp: {plain_auth: true, per_recipient: tenants}",
                            rest=f"tables: {{tenants: {{file: {{path: {table}}}}}}}\n")
        with smtplib.SMTP(*server.address) as client:
            for _ in range(2):
                client.sendmail("a@example.com", ["x@one.example", "y@two.example", "z@one.example"],
                                b"Subject: x\r\n\r\n")
        for name, to, rcpts in (("one", one, ["x@one.example", "z@one.example"]),
                                ("two", two, ["y@two.example"])):
            self.assertEqual([mail["rcpt"] for mail in to.mails], 2 * [[f"RCPT TO:<{rcpt}>" for rcpt in rcpts]])
            logins_ = [line.split()[-1] for line in to.commands if line.startswith("AUTH")]
            self.assertEqual([base64.b64decode(each) for each in logins_], [f"\0{name}\0pass {name}".encode()])
        self.assertNotIn("pass ", server.stderr())

    def test_restarted_host(self):
        """The connection that was kept is dead: the next message goes over another."""
        to = self.sink()
        port = to.port
        server = self.relay(f'smtp: {{to: ["127.0.0.1:{port}"]}}')
        harness.submit(server.address, b"Subject: x\r\n\r\n", "r@example.test")
        to.replies["MAIL"] = "421 4.3.2 going down"
        harness.submit(server.address, b"Subject: x\r\n\r\n", "r@example.test", codes=(421, 451))
        del to.replies["MAIL"]
        harness.submit(server.address, b"Subject: x\r\n\r\n", "r@example.test")

    def test_source_address(self):
        to = self.sink()
        server = self.relay(f'smtp: {{to: ["127.0.0.1:{to.port}"], sources: [127.0.0.21, 127.0.0.22], '
                            'idle: 0s}')
        for _ in range(4):
            harness.submit(server.address, b"Subject: x\r\n\r\n", "r@example.test")
        self.assertEqual({address for address, _ in to.connections}, {"127.0.0.21", "127.0.0.22"})

    def test_whose_it_is(self):
        """Another Gatepost is told by XCLIENT and XFORWARD, and a kept connection serves two clients."""
        last = self.relay("maildir: {path: mail}",
                          ", xclient: [127.0.0.0/8], xforward: [127.0.0.0/8]")
        count = 0
        for forward, field in (("xclient", "client"), ("xforward", "forwarded_ip")):
            server = self.relay(f'smtp: {{to: ["127.0.0.1:{last.port}"], forward: {forward}}}')
            for client in ("127.0.0.41", "127.0.0.42"):
                with smtplib.SMTP(*server.address, source_address=(client, 0)) as session:
                    session.sendmail("s@example.com", ["r@example.test"], "Subject: x\r\n\r\n")
                count += 1
                record = last.wait_log("message", count)[-1]
                self.assertEqual(record[field], client, record)

    def test_whose_it_was(self):
        """What a front end told goes on when the message has been in the queue."""
        last = self.relay("maildir: {path: mail}", ", xforward: [127.0.0.0/8]")
        server = self.relay(f'smtp: {{to: ["127.0.0.1:{last.port}"], forward: xforward}}',
                            ", xclient: [127.0.0.0/8], xforward: [127.0.0.0/8]",
                            "spool: {path: spool, keep_free: 0}", "queued")
        said = ("XCLIENT ADDR=127.0.0.5 NAME=client.example",
                "XFORWARD ADDR=203.0.113.6 NAME=first.example IDENT=4XYZ")
        for n, told in enumerate(said):
            with harness.Client(server.address) as client:
                client.hello()
                client.command(told, 220 if told.startswith("XCLIENT") else 250)
                client.hello()
                client.envelope("r@example.test")
                client.data(b"Subject: x\r\n\r\n")
                client.command("QUIT", 221)
            last.wait_log("message", n + 1)
        first, second = last.log("message")
        self.assertEqual((first["forwarded_ip"], first["forwarded_name"]),
                         ("127.0.0.5", "client.example"))
        self.assertEqual((second["forwarded_ip"], second["forwarded_name"], second["forwarded_id"]),
                         ("203.0.113.6", "first.example", "4XYZ"))

    def test_hostile(self):
        """Each ends in a 4xx, soon, and the server lives on."""
        talk = {
            b"": "closes at once",
            b"220 x\r\n" + b"250-more\r\n" * 400: "never ends",
            b"220 " + b"x" * 100000: "a line without end",
            b"220 x\n": "bare LF",
            b"\x16\x03\x01\x02\x00\x01": "TLS",
            b"220 x\r\n250 early\r\n250 earlier\r\n250 x\r\n354 y\r\n250 z\r\n250 a\r\n": "replies before it is asked",
            b"220-x\r\n250 y\r\n": "two codes",
            b"999 x\r\n": "no code",
            b"220 x\r\n250 x\r\n334 AAAA\r\n": "334 to MAIL",
        }
        for bytes_, name in talk.items():
            with self.subTest(name), socket.create_server(("127.0.0.1", 0)) as listening:
                threading.Thread(target=self.say, args=(listening, bytes_), daemon=True).start()
                server = self.relay(f'smtp: {{to: ["127.0.0.1:{listening.getsockname()[1]}"], '
                                    'reply_timeout: 2s, final_timeout: 2s}')
                reply = harness.submit(server.address, b"Subject: x\r\n\r\n", "r@example.test",
                                       codes=(250, 451))
                if name != "replies before it is asked":
                    self.assertEqual(reply.code, 451, name)
                self.assertEqual(server.reports(), [])

    @staticmethod
    def say(listening, bytes_):
        try:
            connection = listening.accept()[0]
            with connection:
                connection.sendall(bytes_)
                while bytes_ and connection.recv(4096):
                    pass
        except OSError:
            pass


class Queue(Case):
    """Through the spool, by whatever processes there are."""

    CONFIG = """\
hostname: out.example.net
spool: {{path: spool}}
queue: {{default: {{retry: [1s], expire: 1h}}}}
targets:
  next: {{smtp: {{to: ["127.0.0.1:{port}"]}}}}
listeners:
  in: {{address: "127.0.0.1:0", relay: [127.0.0.0/8]}}
routes:
  - {{name: all, match: {{relay: true}}, to: next}}
log: {{to: stderr, format: json}}
{more}
"""

    def through(self, more):
        to = self.sink()
        answers = iter(["451 4.3.0 Later", "250 ok"])
        to.rcpt = lambda line: next(answers, "250 ok")
        server = harness.Server(self.directory, self.CONFIG.format(port=to.port, more=more))
        if "user: " in more:
            server.copy_program()
        server.start()
        self.addCleanup(server.stop)
        harness.submit(server.address, b"Subject: x\r\n\r\nbody\r\n", "r@example.test")
        harness.wait_until(lambda: to.mails, "the second attempt", 30)
        self.assertTrue(to.mails[0]["body"].endswith(b"Subject: x\r\n\r\nbody\r\n"), to.mails)
        harness.submit(server.address, b"Subject: y\r\n\r\nbody\r\n", "r@example.test")
        harness.wait_until(lambda: len(to.mails) == 2, "the next message", 30)
        return server

    def test_who_tells_of_success(self):
        """A host that reports success is asked to; else the sender hears that it was relayed."""
        made = subprocess.run([str(harness.GATEPOST), "user", "add", "--file", "users", "anna"],
                              input="secret\n", cwd=self.directory, capture_output=True, text=True,
                              check=False)
        self.assertEqual(made.returncode, 0, made.stderr)
        to = self.sink()
        config = self.CONFIG.format(port=to.port, more="auth: {staff: {file: {path: users}}}")
        server = harness.Server(self.directory, config.replace(
            '"]}', '"], idle: 0s}').replace(
            "relay: [127.0.0.0/8]", "auth: [staff], auth_plaintext: true, relay: [authenticated]"))
        server.start()
        self.addCleanup(server.stop)
        for count, extensions in enumerate((("PIPELINING", "DSN"), ("PIPELINING",)), 1):
            to.extensions = extensions
            with smtplib.SMTP(*server.address) as client:
                client.login("anna", "secret")
                client.sendmail("a@example.test", ["r@example.net"], "Subject: x\r\n\r\n",
                                rcpt_options=["NOTIFY=SUCCESS"])
            server.wait_log("delivery", count)
        (bounce,) = server.wait_log("bounce")
        self.assertEqual((bounce["kind"], bounce["parent"]),
                         ("relayed", server.log("delivery")[1]["message"]))
        self.assertIn("NOTIFY=SUCCESS", to.mails[0]["rcpt"][0])
        self.assertNotIn("NOTIFY", to.mails[1]["rcpt"][0])

    def test_one_process(self):
        self.through("")

    def test_carriers(self):
        if os.getuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(self.directory, nobody.pw_uid, nobody.pw_gid)
            self.directory.chmod(0o755)
        self.through("workers: 1\ncarriers: 1\nuser: nobody\ngroup: nogroup\n"
                     if os.getuid() == 0 else "workers: 1\ncarriers: 1\n")


class Tls(Case):
    def setUp(self):
        super().setUp()
        self.ca = pki.Authority(self.directory)
        self.certificate = self.ca.issue("localhost", "DNS:localhost,IP:127.0.0.1")
        self.other = pki.self_signed(self.directory, "other.example")

    def test_verified(self):
        to = self.sink(certificate=self.certificate)
        server = self.relay(f'smtp: {{to: ["localhost:{to.port}"], tls: verified, '
                            f'ca_file: {self.ca.certificate}}}')
        harness.submit(server.address, b"Subject: x\r\n\r\n", "r@example.test")
        self.assertEqual([mail["tls"] for mail in to.mails], [True])

    def test_verified_in_a_sandbox(self):
        """A worker without rights reads the CA file, binds and connects."""
        self.directory.chmod(0o755)
        to = self.sink(certificate=self.certificate)
        server = self.relay(f'smtp: {{to: ["localhost:{to.port}"], tls: verified, sources: [127.0.0.31], '
                            f'ca_file: {self.ca.certificate}}}', rest="workers: 1\nuser: nobody\ngroup: nogroup\n"
                            if os.getuid() == 0 else "workers: 1\n")
        harness.submit(server.address, b"Subject: x\r\n\r\n", "r@example.test")
        self.assertEqual([mail["tls"] for mail in to.mails], [True])
        self.assertEqual(to.connections[0][0], "127.0.0.31")

    def test_not_verified(self):
        to = self.sink(certificate=self.other)
        for level, code in (("verified", 451), ("required", 250), ("opportunistic", 250)):
            server = self.relay(f'smtp: {{to: ["localhost:{to.port}"], tls: {level}, '
                                f'ca_file: {self.ca.certificate}}}')
            harness.submit(server.address, b"Subject: x\r\n\r\n", "r@example.test", codes=(code,))
        self.assertEqual([mail["tls"] for mail in to.mails], [True, True])

    def test_implicit(self):
        to = self.sink(certificate=self.certificate, implicit=True)
        server = self.relay(f'smtp: {{to: ["localhost:{to.port}"], tls: verified, implicit_tls: true, '
                            f'ca_file: {self.ca.certificate}}}')
        body = b"Subject: x\r\n\r\n" + b"line\r\n" * 100000
        harness.submit(server.address, body, "r@example.test")
        self.assertTrue(to.mails[0]["body"].endswith(body))

    def test_login(self):
        """At another Gatepost, by SCRAM bound to the connection; and with a wrong password."""
        users = self.directory / "users"
        made = harness.gatepost("user", "add", "--file", users, "anna", stdin=b"se cret\n")
        self.assertEqual(made.returncode, 0, made.stderr)
        smart = self.relay("maildir: {path: mail}", ', tls: required, auth: [staff], auth_required: true',
                           f"auth: {{staff: {{file: {{path: {users}}}}}}}\n"
                           f"tls: {{certificates: [{{cert: {self.certificate[0]}, key: {self.certificate[1]}}}]}}\n")
        for password, code in (("se cret", 250), ("wrong", 451)):
            server = self.relay(f'smtp: {{to: ["localhost:{smart.port}"], tls: verified, user: anna, '
                                f'password: "{password}", ca_file: {self.ca.certificate}}}')
            harness.submit(server.address, b"Subject: x\r\n\r\n", "r@example.test", codes=(code,))
            self.assertNotIn(password, server.stderr())
        record, = smart.wait_log("message")
        self.assertEqual(record["user"], "anna")


class Mtas(Case):
    """Gatepost → another MTA, over TLS → Gatepost, which keeps it."""

    BODY = b"From: <s@example.com>\r\nDate: Fri, 27 Nov 2026 12:00:00 +0000\r\n" \
           b"Message-ID: <1@example.com>\r\nSubject: through\r\n\r\n.a dot\r\ngr\xc3\xbc\xc3\x9fe\r\n" + b"0123456789\r\n" * 5000

    def setUp(self):
        super().setUp()
        self.ca = pki.Authority(self.directory)
        self.certificate = self.ca.issue("localhost", "DNS:localhost,IP:127.0.0.1")
        self.last = self.server(harness.config())

    def through(self, port, tls=None):
        tls = tls or f"tls: verified, ca_file: {self.ca.certificate}"
        first = self.relay(f'smtp: {{to: ["localhost:{port}"], {tls}}}')
        with harness.Client(first.address, timeout=60) as client:
            client.hello()
            for _ in range(3):
                client.envelope("r@example.test", "s@example.test", parameters=" BODY=8BITMIME")
                client.data(self.BODY)
        for who in ("r@example.test", "s@example.test"):
            harness.wait_until(lambda who=who: len(harness.stored(self.last, who)) == 3,
                               f"three messages for {who}", 60)
            self.assertTrue(harness.stored(self.last, who)[0].raw.endswith(self.BODY))

    @unittest.skipUnless(peers.can_unshare() and peers.program("exim4-daemon-light", "usr/sbin/exim4"),
                         "Exim is not unpacked: scripts/bootstrap --test")
    def test_exim(self):
        port = free_port()
        peers.exim(self, port, self.last.port, self.certificate)
        self.through(port)

    @unittest.skipUnless(peers.can_unshare() and peers.program("opensmtpd", "usr/sbin/smtpd"),
                         "OpenSMTPD is not unpacked: scripts/bootstrap --test")
    def test_opensmtpd(self):
        port = free_port()
        peers.opensmtpd(self, port, self.last.port)
        self.through(port, "tls: none")  # Debian 12's fails in every handshake


class Postfix(postfix.TestCase):
    def test_through(self):
        ca = pki.Authority(self.directory)
        cert, key = ca.issue("localhost", "DNS:localhost,IP:127.0.0.1")
        last = self.server(harness.config())
        port = free_port()
        self.start(f"relayhost = [127.0.0.1]:{last.port}\nsmtpd_tls_security_level = may\n"
                   f"smtpd_tls_cert_file = {cert}\nsmtpd_tls_key_file = {key}\n"
                   "smtpd_relay_restrictions = permit_mynetworks, reject\n"
                   "smtpd_recipient_restrictions =\n",
                   f"127.0.0.1:{port} inet n - n - - smtpd\n"
                   "tlsmgr unix - - n 1000? 1 tlsmgr\n")
        directory = self.directory / "relay"
        directory.mkdir()
        first = harness.Server(directory, RELAY.format(
            target=f'smtp: {{to: ["localhost:{port}"], tls: verified, ca_file: {ca.certificate}}}',
            listener="", rest="")).start()
        self.addCleanup(first.stop)
        for _ in range(3):
            harness.submit(first.address, Mtas.BODY, "r@example.test")
        arrived = self.arrived(last, "r@example.test", 3)
        self.assertTrue(arrived[0].raw.endswith(Mtas.BODY), arrived[0].raw[:2000])


DOVECOT = """\
base_dir = {dir}/run
state_dir = {dir}/state
log_path = {dir}/log
default_internal_user = {user}
default_internal_group = nogroup
default_login_user = {login}
protocols = lmtp
ssl = no
mail_location = maildir:~/mail
first_valid_uid = 1
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {dir}/passwd
}}
userdb {{
  driver = passwd-file
  args = username_format=%u {dir}/passwd
}}
service lmtp {{
  chroot =
  unix_listener {dir}/lmtp {{
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


@unittest.skipUnless(harness.has("dovecot") and os.path.exists("/usr/lib/dovecot/lmtp"),
                     "dovecot-lmtpd is not installed")
@unittest.skipUnless(os.getuid() == 0, "Dovecot changes users")
class Lmtp(Case):
    def setUp(self):
        super().setUp()
        home = self.home = self.directory / "dovecot"
        home.mkdir()
        self.directory.chmod(0o755)
        nobody = pwd.getpwnam("nobody")
        lines = []
        for name in ("anna", "ben"):
            (home / name).mkdir()
            os.chown(home / name, nobody.pw_uid, 65534)
            lines.append(f"{name}@example.test:x:{nobody.pw_uid}:65534::{home}/{name}::\n")
        (home / "passwd").write_text("".join(lines))
        (home / "conf").write_text(DOVECOT.format(
            dir=home, user=logins.user_or_nobody("dovecot"), login=logins.user_or_nobody("dovenull")))
        self.daemon("/usr/sbin/dovecot", "-F", "-c", home / "conf", ready=(home / "lmtp").exists)

    def mails(self, name):
        return list((self.home / name / "mail" / "new").glob("*"))

    def test_each_has_an_answer(self):
        server = self.relay(f'lmtp: {{to: ["unix:{self.home}/lmtp"]}}', ", protocol: lmtp")
        with harness.Client(server.address) as client:
            client.command("LHLO x.example", 250)
            client.envelope("anna@example.test", "nobody@example.test", "ben@example.test")
            client.command("DATA", 354)
            client.send(b"Subject: x\r\n\r\nbody\r\n.\r\n")
            codes = [client.reply().code for _ in range(3)]
        self.assertEqual(codes, [250, 550, 250], (self.home / "log").read_text())
        self.assertEqual((len(self.mails("anna")), len(self.mails("ben"))), (1, 1))

    def test_connection_is_kept(self):
        server = self.relay(f'lmtp: {{to: ["unix:{self.home}/lmtp"]}}')
        for _ in range(5):
            harness.submit(server.address, b"Subject: x\r\n\r\nbody\r\n", "anna@example.test")
        self.assertEqual(len(self.mails("anna")), 5)


if __name__ == "__main__":
    unittest.main()
