# SPDX-License-Identifier: Apache-2.0
"""A listener of protocol `milter`: our chains behind another MTA, real ones and one made of bytes."""

import contextlib
import signal
import socket
import unittest

import harness
import milter
import postfix

TEXT = b"From: a@example.com\r\nSubject: one\r\nX-Fold: a\r\n b\r\nSubject: two\r\n\r\nline\r\n..dots\r\n"
CONFIG = """\
hostname: mx.example.test
tables:
  bad: [bad@example.com]
{top}
listeners:
  asked: {{address: "{address}", protocol: milter, chain: edge, {listener}}}
chains:
  edge:
{chain}
log: {{to: stderr, format: json}}
"""


class Case(harness.TestCase):
    """A server that is asked."""

    def asked(self, *chain, address="127.0.0.1:0", listener="", top=""):
        lines = "".join(f"    {line}\n" for item in chain for line in item.splitlines())
        return self.server(CONFIG.format(address=address, listener=listener, top=top, chain=lines))

    def mta(self, server, **options):
        mta = milter.Mta(server.address, **options)
        self.addCleanup(mta.socket.close)
        return mta

    def introduced(self, server, **options):
        mta = self.mta(server, **options)
        self.assertEqual(mta.connect(), "c")
        self.assertEqual(mta.helo(), "c")
        return mta


SCORE = """\
- header_rules: {missing: {}, rules: [{header: X-Score, match: high, score: 7}]}
- threshold: {score: header_rules.score, default: 6, hold: spam}"""


class Dialogue(Case):
    """Negotiation, order, answers."""

    def test_nothing_to_say(self):
        server = self.asked("- access: {senders: bad}")
        for piece in (None, 1, 7):
            with self.subTest(piece=piece), self.introduced(server, piece=piece) as mta:
                self.assertEqual((mta.version, mta.actions), (6, 0x7F))
                self.assertEqual(mta.steps, 0x1C0080)
                for _ in range(3):
                    self.assertEqual(mta.whole(TEXT), "c")
                    self.assertEqual(mta.changes, [])
                mta.send("Q")
                self.assertEqual(mta.socket.recv(1), b"")
        self.assertNotIn("no routes", server.stderr())
        record = server.log("message")[-1]
        self.assertEqual(record["client"], "192.0.2.7")
        self.assertEqual(record["helo"], "client.example")
        self.assertEqual(record["size"], len(TEXT))
        self.assertEqual(record["recipients"][0]["fate"], "delivered")

    def test_an_mta_that_offers_nothing(self):
        server = self.asked("- access: {senders: bad}")
        for version in (2, 3, 4, 6):
            with self.subTest(version=version), self.introduced(
                    server, version=version, actions=0, steps=0) as mta:
                self.assertEqual((mta.version, mta.actions, mta.steps), (version, 0, 0))
                self.assertEqual((mta.mail(), mta.rcpt()), ("c", "c"))
                if version >= 4:
                    self.assertEqual(mta.data(), "c")
                self.assertEqual(mta.content(TEXT), "c")

    def test_refusals(self):
        server = self.asked("- access: {senders: bad}", listener="refuse_at: now")
        with self.introduced(server) as mta:
            self.assertRegex(mta.mail("bad@example.com"), r"^550 5\.7\.1 ")
            self.assertEqual(mta.whole(TEXT), "c")

    def test_refusals_wait_for_rcpt(self):
        server = self.asked("- access: {senders: bad}")
        with self.introduced(server) as mta:
            self.assertEqual(mta.mail("bad@example.com"), "c")
            self.assertRegex(mta.rcpt(), r"^550 5\.7\.1 ")
            mta.send("A")
            self.assertEqual(mta.whole(TEXT), "c")

    def test_connect(self):
        server = self.asked("- access: {clients: {192.0.2.66: reject}}", listener="refuse_at: now")
        with self.mta(server) as mta:
            self.assertRegex(mta.connect(ip="192.0.2.66"), "^55[04] 5.7.1 ")
        with self.mta(server) as mta:
            self.assertEqual(mta.connect(ip="IPv6:2001:db8::1"), "c")
        with self.mta(server) as mta:  # a client without an address
            self.assertEqual(mta.ask("C", milter.texts("localhost") + b"U"), "c")

    def test_abort_and_order(self):
        server = self.asked("- access: {senders: bad}")
        with self.introduced(server) as mta:
            mta.mail()
            mta.rcpt()
            mta.send("A")
            mta.mail()
            mta.rcpt()
            mta.data()
            mta.ask("L", b"A\0 b\0", milter.NR_HEADER)
            mta.send("A")
            mta.send("A")
            self.assertRegex(mta.rcpt(), "^451 ")
            mta.mail()
            self.assertEqual(mta.mail(), "c")  # begins anew
            self.assertEqual(mta.helo(), "c")  # as well
            self.assertEqual(mta.whole(TEXT), "c")
            self.assertRegex(mta.data(), "^451 ")

    def test_addresses(self):
        server = self.asked("- access: {senders: bad}")
        with self.introduced(server) as mta:
            for sender in ("", "root", '"a b"@example.com', "jörg@example.com"):
                self.assertEqual(mta.mail(sender, "SIZE=10", "XODD=1", "BODY=8BITMIME"), "c", sender)
                self.assertEqual(mta.rcpt("root", "NOTIFY=NEVER"), "c")
            for sender in ("a@", "a@b@c", "a b@example.com", "@"):
                self.assertRegex(mta.mail(sender), "^553 5.1.7")
            mta.mail()
            for recipient in ("", "a@", "x" * 300 + "@example.com"):
                self.assertRegex(mta.rcpt(recipient), "^553 5.1.3")

    def test_limits(self):
        server = self.asked("- access: {senders: bad}",
                            listener="limits: {recipients: 100, message_size: 1KiB}")
        with self.introduced(server) as mta:
            mta.mail()
            self.assertEqual([mta.rcpt(f"r{i}@example.test")[:3] for i in range(101)],
                             ["c"] * 100 + ["452"])
            mta.data()
            self.assertRegex(mta.content(b"A: b\r\n\r\n" + b"x" * 2000), "^552 ")
            self.assertEqual(mta.whole(TEXT), "c")

    def test_nonsense(self):
        server = self.asked("- access: {senders: bad}")
        for data in (b"\0\0\0\0", b"\xff\xff\xff\xffO", milter.packet("O", b"\0"), b"EHLO x\r\n",
                     milter.packet("M", b"<a>\0"), milter.packet("?")):
            with self.subTest(data=data):
                stream = milter.socket.create_connection(server.address)
                stream.settimeout(20)
                stream.sendall(data)
                stream.shutdown(1)
                self.assertEqual(stream.recv(100), b"")
                stream.close()
        for command in (("L", b"A\0b\0"), ("C", b"again\0U"), ("O", b"\0" * 12), ("?", b"")):
            with self.subTest(command=command), self.introduced(server) as mta:
                mta.send(*command)
                self.assertEqual(mta.socket.recv(1), b"")
        with self.introduced(server) as mta:
            mta.mail()
            mta.rcpt()
            mta.data()
            mta.send("L", b"no value")
            self.assertEqual(mta.socket.recv(100), b"")
        self.assertTrue(server.is_running())

    def test_an_mta_that_vanishes(self):
        server = self.asked("- access: {senders: bad}")
        for stage in range(5):
            mta = self.introduced(server)
            for step in (mta.mail, mta.rcpt, mta.data,
                         lambda: mta.ask("L", b"A\0b\0", milter.NR_HEADER))[:stage]:
                step()
            mta.socket.close()
        server.wait_log("session.close", 5)

    def test_stops_when_the_session_is_over(self):
        server = self.asked("- access: {senders: bad}")
        with self.introduced(server) as mta:
            server.signal(signal.SIGTERM)
            self.assertEqual(mta.whole(TEXT), "c")
            mta.send("Q")
        self.assertEqual(server.wait(), 0)


class Changes(Case):
    """What a chain does becomes changes. The other end is our own plugin, and a milter that does what
    the test wants: it changes the message here, and the MTA is told."""

    def changed(self, *edits, content=TEXT, recipients=("r@example.test",), actions=0x1FF):
        peer = milter.Milter(self.directory, end=b"".join(edits) + milter.CONTINUE)
        self.addCleanup(peer.close)
        server = self.asked(f'- milter: {{to: "{peer.address}", bucket: review}}',
                            top="buckets: {review: {}}\nhold: {path: hold}")
        mta = self.introduced(server, actions=actions)
        answer = mta.whole(content, *recipients)
        mta.send("Q")
        mta.socket.close()
        server.stop()
        return answer, mta.changes

    def field(self, letter, *index_and, name, value):
        return (letter, b"".join(milter.struct.pack(">I", i) for i in index_and)
                + milter.texts(name, value))

    def test_fields(self):
        answer, changes = self.changed(
            milter.add_header("X-Last", "z"), milter.insert_header(0, "X-Top", "t\n\tfolded"),
            milter.insert_header(1, "X-Second", "s"), milter.insert_header(3, "X-Mid", "m"),
            milter.change_header(1, "Subject", ""), milter.change_header(2, "Subject", "changed"),
            milter.change_header(1, "X-Fold", "c"))
        self.assertEqual(answer, "c")
        self.assertEqual(changes, [
            self.field("m", 2, name="Subject", value=" changed"),
            self.field("m", 1, name="X-Fold", value=" c"),
            self.field("m", 1, name="Subject", value=""),
            self.field("i", 0, name="X-Second", value=" s"),
            self.field("i", 0, name="X-Top", value=" t\n\tfolded"),
            self.field("i", 3, name="X-Mid", value=" m"),
            self.field("h", name="X-Last", value=" z")])

    def test_body(self):
        body = b"new\r\n" * 50000
        answer, changes = self.changed(*(milter.replace_body(body[at:at + 60000])
                                         for at in range(0, len(body), 60000)))
        self.assertEqual(answer, "c")
        self.assertEqual({letter for letter, _ in changes}, {"b"})
        self.assertEqual(b"".join(rest for _, rest in changes), body)
        self.assertLessEqual(max(len(rest) for _, rest in changes), 65535)
        self.assertEqual(self.changed(milter.replace_body(b""))[1], [("b", b"")])

    def test_envelope(self):
        answer, changes = self.changed(
            milter.change_from("<new@example.com>"), milter.add_rcpt("<added@example.test>"),
            milter.delete_rcpt("<q@example.test>"), recipients=("r@example.test", "q@example.test"))
        self.assertEqual(answer, "c")
        self.assertEqual(changes, [("e", b"<new@example.com>\0"), ("-", b"<q@example.test>\0"),
                                   ("+", b"<added@example.test>\0")])

    def test_discard(self):
        self.assertEqual(self.changed(milter.delete_rcpt("<r@example.test>")), ("d", []))
        self.assertEqual(self.changed(milter.quarantine("odd")),
                         ("c", [("q", b"milter: review\0")]))

    def test_what_the_mta_does_not_allow(self):
        for action, edit in ((milter.ADD_HEADERS, milter.add_header("A", "b")),
                             (milter.CHANGE_BODY, milter.replace_body(b"x")),
                             (milter.CHANGE_FROM, milter.change_from("<x@example.com>")),
                             (milter.DELETE_RCPT, milter.delete_rcpt("<r@example.test>")
                              + milter.add_rcpt("<x@example.test>"))):
            with self.subTest(action=action):
                answer, changes = self.changed(edit, actions=0x1FF & ~action)
                self.assertRegex(answer, "^451 ")
                self.assertEqual(changes, [])

    def test_rewriting(self):
        (self.directory / "aliases").write_text("all@example.test one@example.test, "
                                                "two@example.test\n")
        server = self.asked("- rewrite: {aliases: ours}", top="  ours: file:aliases")
        mta = self.introduced(server)
        self.assertEqual(mta.whole(TEXT, "all@example.test", "two@example.test"), "c")
        self.assertEqual(mta.changes, [("-", b"<all@example.test>\0"), ("+", b"<one@example.test>\0")])

    def test_macros_and_facts(self):
        """What the MTA says is passed on: our plugin asks its milter with it."""
        peer = milter.Milter(self.directory)
        self.addCleanup(peer.close)
        server = self.asked(f'- milter: {{to: "{peer.address}", lookup: false}}')
        mta = self.mta(server)
        mta.macros("C", j="mta.example", client_name="host.example")
        mta.connect("host.example", "192.0.2.9", 99)
        mta.macros("H", tls_version="TLSv1.3", cipher="TLS_AES_256_GCM_SHA384")
        mta.helo()
        mta.macros("M", i="QUEUEID", auth_authen="alice", auth_type="PLAIN")
        self.assertEqual(mta.whole(TEXT), "c")
        mta.send("Q")
        peer.wait_for("quit")
        self.assertEqual(peer.all("connect"), [("host.example", "4", 99, "192.0.2.9")])
        said = peer.macros
        self.assertEqual((said["i"], said["{auth_authen}"], said["{auth_type}"],
                          said["{tls_version}"], said["{cipher}"], said["{client_name}"]),
                         ("QUEUEID", "alice", "PLAIN", "TLSv1.3", "TLS_AES_256_GCM_SHA384",
                          "host.example"))
        self.assertEqual(server.log("message")[0]["user"], "alice")
        self.assertEqual([value for _, value in peer.all("header")],
                         [b"a@example.com", b"one", b"a\n b", b"two"])
        self.assertEqual(peer.body(), TEXT.split(b"\r\n\r\n", 1)[1])


class BothEndsOurs(Case):
    """A server asks a server."""

    def test_over_a_unix_socket(self):
        path = self.directory / "asked.sock"
        asked = self.asked(SCORE, "- access: {senders: bad}", address=f"unix:{path}",
                           top="buckets: {spam: {}}\nhold: {path: hold}")
        front = self.directory / "front"
        front.mkdir()
        server = self.server(harness.config(
            chain=f'- milter: {{to: "unix:{path}", bucket: mine, keep: 2}}',
            rest="buckets: {mine: {}}\nhold: {path: hold}\n"), directory=front)
        for _ in range(3):
            harness.submit(server.address, TEXT)
        self.assertEqual([m.content for m in harness.stored(server)], [TEXT] * 3)
        harness.submit(server.address, b"X-Score: high\r\n\r\nspam\r\n", "q@example.test")
        self.assertEqual(harness.stored(server, "q@example.test"), [])
        recipient, = server.log("message")[-1]["recipients"]
        self.assertEqual((recipient["fate"], recipient["bucket"]), ("held", "mine"))
        with harness.Client(server.address) as client:
            client.hello()
            client.command("MAIL FROM:<bad@example.com>", 250)
            client.command("RCPT TO:<r@example.test>", 550)
        self.assertEqual(len(asked.log("message")), 4)


def free_port():
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class BehindPostfix(postfix.TestCase, Case):
    """Debian's Postfix asks us about its mail and sends it on to another server of ours."""

    CHAIN = (
        "- access: {senders: bad}",
        "- rewrite: {aliases: ours}",
        '- header_rules: {missing: {}, rules: [{header: Subject, match: one, add: "X-Flag: seen"}, '
        "{header: X-Score, match: high, score: 7}]}",
        "- threshold: {score: header_rules.score, default: 6, hold: spam}",
        "- footer: {text: The footer., separator: \"--\"}")

    def setUp(self):
        super().setUp()
        home = self.directory / "asked"
        home.mkdir()
        (home / "aliases").write_text("all@example.test one@example.test, two@example.test\n")
        self.mailboxes = self.server()
        self.server_asked = self.server(CONFIG.format(
            address="127.0.0.1:0", listener="refuse_at: rcpt",
            top="  ours: file:aliases\nbuckets: {spam: {}}\nhold: {path: hold}",
            chain="".join(f"    {item}\n" for item in self.CHAIN)), directory=home)
        self.port = free_port()
        milters = f"inet:127.0.0.1:{self.server_asked.port}"
        self.start(f"relayhost = [127.0.0.1]:{self.mailboxes.port}\n"
                   f"smtpd_milters = {milters}\nnon_smtpd_milters = {milters}\n"
                   "milter_default_action = tempfail\nsmtpd_relay_restrictions = permit_mynetworks, reject\n"
                   "smtpd_client_restrictions =\nsmtputf8_enable = no\n",
                   f"127.0.0.1:{self.port} inet n - n - - smtpd\n")

    def submit(self, content, *recipients, codes=(250,)):
        harness.wait_until(lambda: not socket.socket().connect_ex(("127.0.0.1", self.port)),
                           "Postfix listens")
        return harness.submit(("127.0.0.1", self.port), content, *recipients, codes=codes)

    def test_whole_way(self):
        self.submit(TEXT)
        message, = self.arrived(self.mailboxes, "r@example.test", 1)
        text = message.content
        self.assertIn(b"\r\nX-Flag: seen\r\n", b"\r\n" + text)
        self.assertIn(b"\r\nX-Fold: a\r\n b\r\n", text)
        self.assertTrue(text.endswith(b"\r\n\r\nline\r\n..dots\r\n\r\n--\r\nThe footer.\r\n"), text)
        record, = self.server_asked.log("message")
        self.assertRegex(text.decode(), rf"ESMTP id {record['queue_id']}\b")
        # Aliases, several messages in a session, one of them given up.
        with harness.Client(("127.0.0.1", self.port)) as client:
            client.hello()
            client.envelope("all@example.test")
            client.command("RSET", 250)
            for recipient in ("all@example.test", "q@example.test"):
                client.envelope(recipient)
                client.data(TEXT)
            client.command("MAIL FROM:<bad@example.com>", 250)
            self.assertRegex(client.command("RCPT TO:<r@example.test>", 550).text, "^5.7.1 ")
            client.command("QUIT", 221)
        for who in ("one", "two", "q"):
            message, = self.arrived(self.mailboxes, f"{who}@example.test", 1)
            self.assertIn(b"The footer.", message.content)
        self.assertEqual(harness.stored(self.mailboxes, "all@example.test"), [])
        # Held in Postfix' own queue.
        self.submit(b"X-Score: high\r\n\r\nspam\r\n", "h@example.test")
        harness.wait_until(lambda: "milter-hold" in (self.home / "maillog").read_text(), "it is held")
        self.assertEqual(harness.stored(self.mailboxes, "h@example.test"), [])
        # Mail that did not come by SMTP.
        self.post(TEXT, "local@example.test")
        message, = self.arrived(self.mailboxes, "local@example.test", 1)
        self.assertIn(b"The footer.", message.content)
        self.assertNotIn("warning: milter", (self.home / "maillog").read_text())


MILTERTEST = r"""
conn = mt.connect("inet:%d@127.0.0.1")
if conn == nil then error("connect") end
if mt.negotiate(conn, nil, nil, nil) ~= nil then error("negotiate") end
if mt.conninfo(conn, "client.example", "192.0.2.1") ~= nil then error("conninfo") end
if mt.getreply(conn) ~= SMFIR_CONTINUE then error("conninfo reply") end
mt.helo(conn, "client.example")
if mt.getreply(conn) ~= SMFIR_CONTINUE then error("helo reply") end
mt.mailfrom(conn, "<s@example.com>")
if mt.getreply(conn) ~= SMFIR_CONTINUE then error("mail reply") end
mt.rcptto(conn, "<r@example.test>")
if mt.getreply(conn) ~= SMFIR_CONTINUE then error("rcpt reply") end
mt.header(conn, "Subject", "one")
if mt.getreply(conn) ~= SMFIR_CONTINUE then error("header reply") end
mt.eoh(conn)
if mt.getreply(conn) ~= SMFIR_CONTINUE then error("eoh reply") end
mt.bodystring(conn, "line\r\n")
if mt.getreply(conn) ~= SMFIR_CONTINUE then error("body reply") end
mt.eom(conn)
if mt.getreply(conn) ~= SMFIR_CONTINUE then error("eom reply") end
if not mt.eom_check(conn, MT_HDRINSERT, "X-Flag") then error("no field") end
if not mt.eom_check(conn, MT_BODYCHANGE) then error("no footer") end
mt.disconnect(conn)
"""


@unittest.skipUnless(harness.has("miltertest"), "miltertest is not installed")
class MilterTest(Case):
    """OpenDKIM's tester of milters."""

    def test_script(self):
        server = self.asked(
            '- header_rules: {missing: {}, rules: [{header: Subject, match: one, '
            'add: "X-Flag: seen"}]}', "- footer: {text: The footer.}")
        script = self.directory / "script.lua"
        script.write_text(MILTERTEST % server.port)
        result = harness.run("miltertest", "-s", script)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)


if __name__ == "__main__":
    unittest.main()
