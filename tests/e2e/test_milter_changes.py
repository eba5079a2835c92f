# SPDX-License-Identifier: Apache-2.0
"""The plugin `milter`: what a milter changes, and milters that die or talk nonsense."""

import os
import unittest

import harness
import milter


class Changes(milter.Case):
    """What the milter changes, and what then arrives."""

    def changed(self, *edits, content=milter.TEXT, recipients=("r@example.test",), **options):
        peer = self.milter(end=b"".join(edits) + milter.CONTINUE, **options)
        server = self.serve(peer)
        self.session(server, content, *recipients)
        return server

    def test_fields(self):
        server = self.changed(
            milter.add_header("X-Last", "z"), milter.insert_header(0, "X-Top", "t\n\tfolded"),
            milter.insert_header(1, "X-First", "f"), milter.change_header(1, "Subject", ""),
            milter.change_header(2, "Subject", "changed"), milter.change_header(3, "subject", "new"),
            milter.change_header(9, "X-None", ""), milter.change_header(1, "X-Fold", "c"))
        message, = harness.stored(server)
        self.assertEqual(message.raw.split(b"\r\n\r\n")[0].split(b"\r\nReceived:")[0]
                         .split(b"X-Top: ")[1], b"t\r\n\tfolded")
        self.assertEqual(message.raw[message.raw.index(b"X-First"):],
                         b"X-First: f\r\nFrom: a@example.com\r\nX-Fold: c\r\nSubject: changed\r\n"
                         b"X-Last: z\r\nsubject: new\r\n\r\nline\r\n..dots\r\n")

    def test_removing_in_ascending_order(self):
        server = self.changed(*(milter.change_header(i, "A", "") for i in (1, 2, 4)),
                              milter.change_header(2, "A", "back"),
                              content=b"A: 1\r\nA: 2\r\nA: 3\r\nA: 4\r\nA: 5\r\n\r\n")
        self.assertEqual(self.stored_content(server), b"A: back\r\nA: 3\r\nA: 5\r\n\r\n")

    def test_body(self):
        server = self.changed(milter.replace_body(b"new\r"), milter.add_header("X", "y"),
                              milter.replace_body(b"\nbody\nbare"))
        self.assertEqual(self.stored_content(server),
                         milter.TEXT.split(b"\r\n\r\n")[0] + b"\r\nX: y\r\n\r\nnew\r\nbody\r\nbare")

    def test_empty_body(self):
        server = self.changed(milter.replace_body(b""))
        self.assertEqual(self.stored_content(server), milter.TEXT.split(b"\r\n\r\n")[0] + b"\r\n\r\n")

    def test_envelope(self):
        server = self.changed(
            milter.change_from("<bounce@example.com>", "BODY=8BITMIME"),
            milter.add_rcpt("<added@example.test>"), milter.add_rcpt("bare@example.test"),
            milter.add_rcpt_with("<par@example.test>", "NOTIFY=NEVER"),
            milter.delete_rcpt("<R@example.test>"),
            recipients=("r@example.test", "q@example.test"))
        self.assertEqual(harness.stored(server), [])
        for who in ("q", "added", "bare", "par"):
            message, = harness.stored(server, f"{who}@example.test")
            self.assertEqual(message.field("Return-Path"), "<bounce@example.com>")

    def test_two_milters_see_each_other(self):
        first = self.milter(end=milter.add_header("X-One", "1") + milter.replace_body(b"b1\r\n")
                            + milter.CONTINUE)
        os.rename(first.path, first.path + "1")
        second = self.milter(end=milter.change_header(1, "X-One", "2") + milter.CONTINUE)
        server = self.server(harness.config(chain=f'- milter: {{to: "unix:{first.path}1"}}\n'
                                            f'- milter: {{to: "{second.address}"}}\n  id: second'))
        self.session(server)
        self.assertEqual(second.all("header")[-1], (b"X-One", b"1"))
        self.assertEqual(second.body(), b"b1\r\n")
        self.assertIn(b"\r\nX-One: 2\r\n\r\nb1\r\n", self.stored_content(server))

    def test_nothing_is_half_done(self):
        """A milter that dies, or asks for what it may not, has changed nothing."""
        for end in (milter.add_header("X", "y") + milter.add_header("bad name", "z"),
                    milter.add_header("X", "y") + milter.add_header("A", "b\nInjected: c"),
                    milter.add_header("X", "y") + milter.replace_body(b"bare\rcr"),
                    milter.add_header("X", "y") + milter.packet("?")):
            with self.subTest(end=end):
                peer = self.milter(end=end)
                server = self.serve(peer, keys="\n  on_error: continue")
                self.session(server)
                self.assertEqual(self.stored_content(server), milter.TEXT)
                server.stop()
                harness.shutil.rmtree(self.directory / "mail")

    def test_rights_that_were_not_asked_for(self):
        for right, edit in ((milter.ADD_HEADERS, milter.add_header("A", "b")),
                            (milter.CHANGE_HEADERS, milter.change_header(1, "Subject", "b")),
                            (milter.CHANGE_BODY, milter.replace_body(b"x")),
                            (milter.CHANGE_FROM, milter.change_from("<x@example.com>")),
                            (milter.QUARANTINE, milter.quarantine("x"))):
            with self.subTest(right=right):
                peer = self.milter(actions=milter.EVERY_ACTION & ~right, end=edit + milter.CONTINUE)
                server = self.serve(peer)
                self.session(server, codes=(451,))
                self.assertIn("has not asked for the right", server.stderr())
                server.stop()


class Failures(milter.Case):
    """A milter that is not there, dies or talks nonsense."""

    def test_not_there(self):
        peer = self.milter()
        server = self.serve(peer)
        peer.close()
        with harness.Client(server.address) as client:
            client.hello()
            client.command("MAIL FROM:<s@example.com>", 250)
            client.command("RCPT TO:<r@example.test>", 451)

    def test_not_there_and_not_missed(self):
        peer = self.milter()
        server = self.serve(peer, keys="\n  on_error: continue")
        peer.close()
        self.session(server)
        self.assertEqual(len(harness.stored(server)), 1)

    def test_dies_and_comes_back(self):
        """One failure defers one message, not all that follow in a long session."""
        peer = self.milter(end=[None, milter.CONTINUE])
        server = self.serve(peer)
        with harness.Client(server.address) as client:
            client.hello()
            client.envelope()
            client.data(milter.TEXT, 451)
            client.envelope()
            client.data(milter.TEXT)
            client.command("QUIT", 221)
        peer.wait_for("quit", session=1)
        self.assertEqual(peer.names(1)[:4], ["options", "connect", "helo", "mail"])

    def test_dies_at_every_command(self):
        for where in ("connect", "helo", "mail", "rcpt", "data", "header", "eoh", "body", "end"):
            with self.subTest(where=where):
                peer = self.milter(**{where: [None, milter.CONTINUE]})
                server = self.serve(peer, keys="\n  on_error: continue")
                self.session(server)
                self.session(server)
                self.assertEqual(len(harness.stored(server)), 2)
                self.assertEqual(len(peer.sessions), 3 if where in ("connect", "helo") else 2)
                server.stop()
                harness.shutil.rmtree(self.directory / "mail")

    def test_nonsense(self):
        for where, answer in (
                ("options", b"\0\0\0\1c"), ("connect", b"\0\0\0\0"), ("connect", b"\xff\xff\xff\xff"),
                ("helo", milter.packet("c", b"more")), ("mail", milter.reply("250 fine")),
                ("mail", milter.reply("55")), ("mail", milter.reply("550 " + "x" * 3000)),
                ("rcpt", milter.packet("Z")), ("helo", milter.DISCARD),
                ("mail", milter.SKIP_REST), ("data", milter.add_header("A", "b")),
                ("end", milter.packet("h", b"A")), ("end", milter.packet("m", b"\0\0")),
                ("end", milter.CONNECTION_FAILED),
                ("end", milter.add_header("X", "y") * 2000)):
            with self.subTest(where=where, answer=answer[:20]):
                peer = self.milter(**{where: answer})
                if where == "options":
                    peer._options = lambda offered: b"\0\0\0\x09"
                server = self.serve(peer)
                with harness.Client(server.address) as client:
                    client.hello()
                    client.command("MAIL FROM:<s@example.com>")
                    reply = client.command("RCPT TO:<r@example.test>")
                    if reply.code == 250:
                        reply = client.command("DATA")
                    if reply.code == 354:
                        client.send(milter.TEXT + b".\r\n")
                        reply = client.reply()
                    self.assertEqual(reply.code, 451, reply)
                self.assertTrue(server.is_running())
                server.stop()


if __name__ == "__main__":
    unittest.main()
