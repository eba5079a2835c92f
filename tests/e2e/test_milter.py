# SPDX-License-Identifier: Apache-2.0
"""The plugin `milter`: what a milter is told, and what comes of its verdicts."""

import contextlib
import unittest

import harness
import milter


class Dialogue(milter.Case):
    """What the milter is told."""

    def test_every_command(self):
        peer = self.milter()
        server = self.serve(peer)
        with harness.Client(server.address) as client:
            client.hello()
            client.command("XUNKNOWN some argument", 500)
            client.command(f"MAIL FROM:<s@example.com> SIZE={len(milter.TEXT)} BODY=8BITMIME", 250)
            client.command("RCPT TO:<r@example.test> NOTIFY=NEVER", 250)
            client.command("RCPT TO:<q@example.test>", 250)
            client.data(milter.TEXT)
            client.command("QUIT", 221)
        peer.wait_for("quit")
        self.assertEqual(peer.offered, (6, milter.EVERY_ACTION, 0x1FF7FF))
        port = server.log("session.open")[0]["port"]
        self.assertEqual(peer.events()[1:], [
            ("connect", ("localhost", "4", port, "127.0.0.1")),
            ("helo", (b"client.example",)),
            ("unknown", (b"XUNKNOWN some argument",)),
            ("mail", (b"<s@example.com>", b"SIZE=%d" % len(milter.TEXT), b"BODY=8BITMIME")),
            ("rcpt", (b"<r@example.test>", b"NOTIFY=NEVER")),
            ("rcpt", (b"<q@example.test>",)),
            ("data", ()),
            ("header", (b"From", b"a@example.com")),
            ("header", (b"Subject", b"one")),
            ("header", (b"X-Fold", b"a\n b")),
            ("header", (b"Subject", b"two")),
            ("eoh", ()),
            ("body", (b"line\r\n..dots\r\n",)),
            ("end", ()),
            ("quit", ()),
        ])
        self.assertEqual(self.stored_content(server), milter.TEXT)

    def test_macros(self):
        peer = self.milter()
        server = self.serve(peer, "macros: {daemon_name: ORIGINATING, custom: x y}",
                            "also: {rcpt: [r, '{nrcpts}'], end_of_message: [s]}")
        self.session(server)
        peer.wait_for("quit")
        said = {name: each[0] for name, each in peer.by_command.items()}
        identity = server.log("message")[0]["id"]
        self.assertEqual(said["connect"]["{daemon_name}"], "ORIGINATING")
        self.assertEqual(said["connect"]["{custom}"], "x y")
        self.assertEqual(said["connect"]["j"], "mx.example.test")
        self.assertEqual(said["connect"]["_"], "localhost [127.0.0.1]")
        self.assertEqual(said["connect"]["{client_addr}"], "127.0.0.1")
        self.assertEqual(said["connect"]["{client_name}"], "localhost")
        self.assertEqual(said["connect"]["{client_ptr}"], "localhost")
        self.assertEqual(said["connect"]["{daemon_port}"], str(server.port))
        self.assertEqual(said["connect"]["v"], "Gatepost")
        self.assertEqual(said["mail"], {"i": identity, "{mail_addr}": "s@example.com",
                                        "{mail_host}": "example.com", "{mail_mailer}": "smtp"})
        self.assertEqual(said["rcpt"], {
            "i": identity, "{rcpt_addr}": "r@example.test", "{rcpt_host}": "example.test",
            "{rcpt_mailer}": "mailboxes", "r": "ESMTP", "{nrcpts}": "1"})
        self.assertEqual(said["end"], {"i": identity, "s": "client.example"})
        self.assertNotIn("helo", said)  # nothing is known there without TLS

    def test_macros_that_the_milter_chooses(self):
        peer = self.milter(symbols={0: "{client_addr} j", 2: "f", 5: "", 99: "x"})
        server = self.serve(peer)
        self.session(server)
        peer.wait_for("quit")
        self.assertEqual(peer.by_command["connect"],
                         [{"{client_addr}": "127.0.0.1", "j": "mx.example.test"}])
        self.assertEqual(peer.by_command["mail"], [{"f": "s@example.com"}])
        self.assertNotIn("end", peer.by_command)
        self.assertIn("rcpt", peer.by_command)

    def test_several_messages_and_a_reset(self):
        peer = self.milter(tcp=True)
        server = self.serve(peer)
        with harness.Client(server.address) as client:
            client.hello()
            client.envelope()
            client.command("RSET", 250)
            peer.wait_for("abort")
            for _ in range(2):
                client.envelope()
                client.data(milter.TEXT)
            client.command("QUIT", 221)
        peer.wait_for("quit")
        self.assertEqual(
            [name for name in peer.names() if name not in ("header", "eoh", "body")],
            ["options", "connect", "helo", "mail", "rcpt", "abort"]
            + 2 * ["mail", "rcpt", "data", "end"] + ["quit"])
        self.assertEqual(len(peer.sessions), 1)

    def test_client_that_vanishes(self):
        peer = self.milter()
        server = self.serve(peer)
        with harness.Client(server.address) as client:
            client.hello()
            client.envelope()
            client.reset()
        peer.wait_for("quit")
        self.assertEqual(peer.names()[-2:], ["abort", "quit"])

    def test_nothing_is_answered(self):
        peer = self.milter(steps=milter.EVERY_NR)
        server = self.serve(peer)
        body = b"x" * 70 + b"\r\n"
        self.session(server, b"Subject: x\r\n\r\n" + body * 10000)
        peer.wait_for("quit")
        self.assertEqual(peer.body(), body * 10000)
        self.assertEqual({len(part) for part, in peer.all("body")[:-1]}, {65535})

    def test_only_what_it_wants(self):
        every_no = 0x7F | milter.NO_UNKNOWN | milter.NO_DATA
        peer = self.milter(steps=every_no)
        server = self.serve(peer)
        with harness.Client(server.address) as client:
            client.hello()
            client.command("XUNKNOWN", 500)
            client.envelope()
            client.data(milter.TEXT)
            client.command("QUIT", 221)
        peer.wait_for("quit")
        self.assertEqual(peer.names(), ["options", "end", "quit"])
        self.assertIn("rcpt", peer.by_command)

    def test_old_versions(self):
        for version, wanted in ((2, ["mail", "rcpt", "header"]),
                                (3, ["unknown", "mail", "rcpt", "header"]),
                                (4, ["unknown", "mail", "rcpt", "data", "header"])):
            with self.subTest(version=version):
                peer = self.milter(version=version, actions=0x3F)
                server = self.serve(peer)
                with harness.Client(server.address) as client:
                    client.hello()
                    client.command("XUNKNOWN", 500)
                    client.envelope()
                    client.data(b"Subject: x\r\n\r\nbody\r\n")
                    client.command("QUIT", 221)
                peer.wait_for("quit")
                self.assertEqual(peer.names(), ["options", "connect", "helo", *wanted, "eoh",
                                                "body", "end", "quit"])
                server.stop()

    def test_version_that_is_offered(self):
        peer = self.milter(actions=0x3F)
        server = self.serve(peer, "protocol: 2")
        self.session(server)
        self.assertEqual(peer.offered, (2, 0x3F, 0x7F))

    def test_spaces_of_fields(self):
        for steps, wanted in ((0, [b"none", b"two"]), (milter.HEADER_SPACE, [b"none", b"  two"])):
            with self.subTest(steps=steps):
                peer = self.milter(steps=steps)
                server = self.serve(peer)
                self.session(server, b"A:none\r\nB:  two\r\n\r\n")
                self.assertEqual([value for _, value in peer.all("header")], wanted)
                server.stop()

    def test_skip(self):
        peer = self.milter(steps=milter.SKIP, header=milter.SKIP_REST, body=milter.SKIP_REST,
                           rcpt=milter.SKIP_REST)
        server = self.serve(peer)
        self.session(server, b"A: 1\r\nB: 2\r\n\r\n" + b"y" * 77 * 2000 + b"\r\n", "r@example.test",
                     "q@example.test", codes=(250, 554))
        self.session(server, b"A: 1\r\nB: 2\r\n\r\n" + (b"y" * 70 + b"\r\n") * 3000,
                     "r@example.test", "q@example.test")
        peer.wait_for("quit")
        self.assertEqual(peer.names(), ["options", "connect", "helo", "mail", "rcpt", "data",
                                        "header", "eoh", "body", "end", "quit"])

    def test_kept_connection(self):
        peer = self.milter()
        server = self.serve(peer, "keep: 1")
        for count in range(1, 4):
            self.session(server)
            peer.wait_for("quit_nc", count)
        self.assertEqual(len(peer.sessions), 1)
        self.assertEqual(peer.names().count("options"), 1)
        self.assertEqual(peer.names().count("connect"), 3)
        for stream in list(peer.open):  # it goes stale
            stream.shutdown(2)
        self.session(server)
        self.assertEqual(len(peer.sessions), 2)
        self.assertEqual(len(harness.stored(server)), 4)

    def test_kept_only_where_the_milter_can_follow(self):
        peer = self.milter(end=milter.ACCEPT)
        server = self.serve(peer, "keep: 1")
        self.session(server)
        peer.wait_for("quit")
        self.assertEqual(len(peer.sessions), 1)


class Verdicts(milter.Case):
    """What the milter says, and what the client then hears."""

    def client(self, peer, *options, listener="refuse_at: now", **more):
        server = self.serve(peer, *options, listener=listener, **more)
        client = harness.Client(server.address, greeting=False)
        self.addCleanup(client.close)
        return server, client

    def test_connect(self):
        for answer, code, text in (
                (milter.REJECT, 554, "Command rejected"), (milter.TEMPFAIL, 421, "try again"),
                (milter.reply("554 5.7.9 Not%%you"), 554, "Not%you"),
                (milter.SHUTDOWN, 421, "Closing")):
            with self.subTest(answer=answer):
                server, client = self.client(self.milter(connect=answer))
                reply = client.expect(code)
                self.assertRegex(reply.text, text)
                client.close()
                server.stop()

    def test_accept_at_connect_is_for_the_session(self):
        peer = self.milter(connect=milter.ACCEPT)
        server = self.serve(peer)
        self.session(server)
        peer.wait_for("quit")
        self.assertEqual(peer.names(), ["options", "connect", "quit"])

    def test_accept_at_mail_is_for_the_message(self):
        peer = self.milter(mail=[milter.ACCEPT, milter.CONTINUE])
        server = self.serve(peer)
        with harness.Client(server.address) as client:
            client.hello()
            for _ in range(2):
                client.envelope()
                client.data(b"A: 1\r\n\r\n")
            client.command("QUIT", 221)
        peer.wait_for("quit")
        self.assertEqual(peer.names()[:6],
                         ["options", "connect", "helo", "mail", "abort", "mail"])
        self.assertEqual(peer.names().count("end"), 1)

    def test_commands(self):
        server, client = self.client(self.milter(
            helo=[milter.REJECT], mail=[milter.reply("450 4.1.8 Who?"), milter.CONTINUE],
            rcpt=[milter.reply("550 5.1.1 No"), milter.TEMPFAIL, milter.CONTINUE],
            data=[milter.REJECT, milter.CONTINUE], unknown=milter.reply("502 5.5.2 Never")))
        client.expect(220)
        client.command("EHLO client.example", 550)
        client.close()
        server.stop()
        server, client = self.client(self.milter(
            mail=[milter.reply("450 4.1.8 Who?"), milter.CONTINUE],
            rcpt=[milter.reply("550 5.1.1 No"), milter.TEMPFAIL, milter.CONTINUE],
            data=[milter.REJECT, milter.CONTINUE],
            unknown=milter.reply("502-5.5.2 Never\r\n502 5.5.2 ever")))
        client.expect(220)
        client.hello()
        self.assertEqual(client.command("XFOO", 502).text, "5.5.2 Never\n5.5.2 ever")
        self.assertEqual(client.command("MAIL FROM:<s@example.com>", 450).text, "4.1.8 Who?")
        client.command("MAIL FROM:<s@example.com>", 250)
        self.assertEqual(client.command("RCPT TO:<r@example.test>", 550).text, "5.1.1 No")
        client.command("RCPT TO:<r@example.test>", 451)
        client.command("RCPT TO:<r@example.test>", 250)
        client.command("DATA", 550)
        client.envelope()
        client.data(milter.TEXT)

    def test_content(self):
        for where in ("header", "eoh", "body", "end"):
            for answer, code in ((milter.REJECT, 550), (milter.TEMPFAIL, 451),
                                 (milter.reply("554 5.6.0 Virus"), 554), (milter.DISCARD, 250),
                                 (milter.ACCEPT, 250)):
                with self.subTest(where=where, answer=answer):
                    peer = self.milter(**{where: answer})
                    server = self.serve(peer)
                    self.session(server, codes=(code,))
                    kept = 1 if answer == milter.ACCEPT else 0
                    self.assertEqual(len(harness.stored(server)), kept)
                    server.stop()
                    with contextlib.suppress(FileNotFoundError):
                        harness.shutil.rmtree(self.directory / "mail")

    def test_discard_before_the_content(self):
        for where in ("mail", "rcpt", "data"):
            with self.subTest(where=where):
                peer = self.milter(**{where: [milter.CONTINUE, milter.DISCARD]
                                      if where == "rcpt" else milter.DISCARD})
                server = self.serve(peer)
                self.session(server, milter.TEXT, "r@example.test", "q@example.test")
                for who in ("r", "q"):
                    self.assertEqual(harness.stored(server, f"{who}@example.test"), [])
                server.stop()

    def test_quarantine(self):
        peer = self.milter(end=milter.quarantine("looks odd") + milter.CONTINUE)
        server = self.serve(peer)
        self.session(server)
        self.assertEqual(harness.stored(server), [])
        recipient, = server.log("message")[0]["recipients"]
        self.assertEqual((recipient["fate"], recipient["bucket"]), ("held", "review"))

    def test_quarantine_does_not_weaken_a_refusal(self):
        peer = self.milter(end=milter.quarantine("odd") + milter.reply("550 5.7.1 No"))
        self.session(self.serve(peer), codes=(550,))

    def test_progress(self):
        peer = self.milter(end=milter.PROGRESS * 5 + milter.ACCEPT, mail=milter.PROGRESS
                           + milter.CONTINUE)
        server = self.serve(peer)
        self.session(server)
        self.assertEqual(len(harness.stored(server)), 1)


if __name__ == "__main__":
    unittest.main()
