# SPDX-License-Identifier: Apache-2.0
"""Peers that lie, hurry, dawdle, shout or vanish: the server stays right and stays up."""

import select
import socket
import threading
import time
import unittest

import harness

MESSAGE = b"Subject: x\r\n\r\nbody\r\n"
SMUGGLED = (b"MAIL FROM:<evil@example.com>\r\nRCPT TO:<r@example.test>\r\nDATA\r\n"
            b"Subject: smuggled\r\n\r\nevil\r\n.\r\n")
# What somebody, somewhere, has taken for the end of data. None of them is.
NOT_THE_END = [
    b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n", b"\r\n.\r", b"\n.\r", b"\r.\n",
    b"\r\n.\r\r\n", b"\r\r\n.\r\r\n", b"\r\n.\0\r\n", b"\r\n\0.\r\n", b"\0\r\n.\n", b"\n\n.\n\n",
    b"\r\n.\n\r\n", b"\n.\n\r\n", b"\r\n. \r\n", b"\r\n .\r\n", b"\r\n.\t\r\n", b"\r\n.\x0b\r\n",
    b"\xe2\x80\xa8.\xe2\x80\xa8", b"\xc2\x85.\xc2\x85", b"\r\n.\x1a\r\n", b"\n\r.\n\r",
]


class Smuggling(harness.TestCase):
    """However a message is cut, it is one message or none."""

    MODES = ("strict", "normalize", "close")

    def three(self):
        """One server with a listener for each way to treat line ends."""
        listeners = "".join(f'\n  {mode}: {{address: "127.0.0.1:0", line_endings: {mode}, '
                            f'pipelining: note, sessions_per_client: 100000}}' for mode in self.MODES)
        text = harness.config().replace("listeners:\n", "listeners:" + listeners + "\n")
        return self.server(text, listeners=4)

    def attempt(self, address, data, cut):
        """The codes that came after 354."""
        with harness.Client(address) as client:
            client.hello()
            client.envelope()
            client.command("DATA", 354)
            try:
                for at in range(0, len(data), cut):
                    client.send(data[at:at + cut])
                client.send(b"QUIT\r\n")
            except (BrokenPipeError, ConnectionResetError):
                pass  # told so before all of it was sent
            return [reply.code for reply in client.rest()]

    def judge(self, server, before, mode, codes, what):
        after = harness.stored(server)
        self.assertLessEqual(len(after) - before, 1, what)
        self.assertNotIn(354, codes, what)
        for message in after:
            self.assertEqual(message.field("Return-Path"), "<s@example.com>", what)
        if mode == "close" and len(after) == before:
            self.assertIn(codes, ([], [554], [421], [554, 221], [451]), what)
        elif len(after) == before:
            self.assertEqual(codes, [554, 221], what)
        else:
            self.assertEqual(codes, [250, 221], what)
        return len(after)

    def test_nothing_else_ends_data(self):
        server = self.three()
        count = 0
        for mode in self.MODES:
            for sequence in NOT_THE_END:
                for cut in (1 << 20, 7):
                    data = b"Subject: x\r\n\r\none" + sequence + SMUGGLED
                    codes = self.attempt(server.address_of(mode), data, cut)
                    count = self.judge(server, count, mode, codes, (mode, sequence, cut))
        self.assertGreater(count, 0)

    def test_what_is_stored_is_canonical(self):
        """Whoever reads it later cannot be smuggled to either."""
        server = self.three()
        for sequence in NOT_THE_END:
            self.attempt(server.address_of("normalize"), b"\r\none" + sequence + SMUGGLED, 1 << 20)
        messages = harness.stored(server)
        self.assertGreater(len(messages), 0)
        for message in messages:
            bare = message.raw.replace(b"\r\n", b"")
            self.assertFalse(b"\r" in bare or b"\n" in bare or b"\0" in bare, message.raw)

    def test_strict_refuses_bare_line_ends(self):
        server = self.three()
        for bad in (b"\n", b"\r", b"a\nb", b"a\rb", b"\r\r\n"):
            with harness.Client(server.address_of("strict")) as client:
                client.hello()
                client.envelope()
                client.data(b"Subject: x\r\n\r\none" + bad + b"two\r\n", 554)
                client.envelope()
                client.data(MESSAGE)
        self.assert_stored(server, MESSAGE, count=5)

    def test_in_commands(self):
        """A bare LF ends no command: what follows it is not another one."""
        server = self.server()
        for line in (b"NOOP\nMAIL FROM:<evil@example.com>\r\n", b"NOOP\rMAIL FROM:<a@b.c>\r\n",
                     b"NOOP\0\r\n"):
            with self.client(server) as client:
                client.hello()
                client.send(line + b"QUIT\r\n")
                codes = [reply.code for reply in client.rest()]
                self.assertEqual([code // 100 for code in codes], [5, 2], (line, codes))
                self.assertEqual(len(codes), 2)

    def test_in_bdat(self):
        """A chunk is counted, never searched."""
        server = self.server()
        content = b"Subject: x\r\n\r\n.\r\n" + SMUGGLED + b"BDAT 0 LAST\r\n.\r\n"
        with self.client(server) as client:
            client.hello()
            client.envelope()
            client.bdat(content, last=True)
            client.command("QUIT", 221)
        self.assert_stored(server, content)


class Order(harness.TestCase):
    """Who speaks out of turn."""

    def test_pipelining_after_data(self):
        server = self.server()
        with self.client(server) as client:
            client.hello()
            client.envelope()
            client.send(b"DATA\r\n" + MESSAGE + b".\r\n")
            codes = [reply.code for reply in client.rest()]
            self.assertEqual(codes, [554], codes)
        self.assert_stored(server, b"", count=0)

    def test_pipelining_after_ehlo(self):
        server = self.server()
        with self.client(server) as client:
            client.send(b"EHLO client.example\r\nMAIL FROM:<s@example.com>\r\n")
            replies = client.rest()
            self.assertEqual(replies[-1].code, 554, replies)
            self.assertIn("5.5.0", replies[-1].text)

    def test_legal_pipelining(self):
        server = self.server()
        with self.client(server) as client:
            client.hello()
            client.send(b"RSET\r\nMAIL FROM:<s@example.com>\r\nRCPT TO:<r@elsewhere.test>\r\n"
                        b"RCPT TO:<r@example.test>\r\nDATA\r\n")
            self.assertEqual([client.reply().code for _ in range(5)], [250, 250, 550, 250, 354])
            client.send(MESSAGE + b".\r\nRSET\r\nRSET\r\nQUIT\r\n")
            self.assertEqual([client.reply().code for _ in range(4)], [250, 250, 250, 221])
        self.assert_stored(server, MESSAGE)

    def test_data_without_any_recipient(self):
        server = self.server()
        with self.client(server) as client:
            client.hello()
            client.send(b"MAIL FROM:<s@example.com>\r\nRCPT TO:<r@elsewhere.test>\r\nDATA\r\n")
            client.expect(250)
            client.expect(550)
            self.assertIn(client.reply().code, (503, 554))
            client.command("NOOP", 250)

    def test_early_talk(self):
        server = self.server(harness.config(chain="- early_talker: {wait: 1s}"))
        with self.client(server, greeting=False) as client:
            client.send(b"EHLO client.example\r\n")
            replies = [client.reply()]
            if replies[0].code == 220:
                client.expect(250)
                client.command("MAIL FROM:<s@example.com>", 250)
                replies.append(client.command("RCPT TO:<r@example.test>"))
            self.assertIn(replies[-1].code // 100, (4, 5), replies)
        with self.client(server) as client:
            client.hello()
            client.envelope()

    def test_web_browsers(self):
        server = self.server()
        for first in (b"GET / HTTP/1.1\r\nHost: mx\r\n\r\n", b"POST /x HTTP/1.0\r\n\r\nMAIL FROM:<>\r\n",
                      b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500)):
            with self.client(server) as client:
                client.send(first)
                client.socket.shutdown(socket.SHUT_WR)
                replies = client.rest()
                self.assertLessEqual(len(replies), 2, replies)
                self.assertTrue(all(reply.code >= 400 for reply in replies), replies)
        self.assert_alive(server)


class Excess(harness.TestCase):
    """More of everything than anybody needs."""

    def flood(self, client, data):
        """Sends while reading; all replies."""
        def send():
            try:
                client.send(data)
            except OSError:
                pass  # it had enough
        sender = threading.Thread(target=send)
        sender.start()
        replies = client.rest()
        sender.join()
        return replies

    def test_long_command_lines(self):
        server = self.server()
        with self.client(server) as client:
            client.hello()
            for size in (3000, 100_000, 5_000_000):
                client.send(b"NOOP " + b"x" * size + b"\r\n")
                client.expect(500)
            client.command("NOOP", 250)

    def test_line_without_end(self):
        server = self.server()
        with self.client(server) as client:
            client.hello()
            before = server.memory()
            client.send(b"x" * 20_000_000)
            client.send(b"\r\n")
            client.expect(500)
            self.assertLess(server.memory() - before, 8 << 20)

    def test_100000_recipients(self):
        server = self.server()
        with self.client(server) as client:
            client.hello()
            client.command("MAIL FROM:<s@example.com>", 250)
            replies = self.flood(client, b"".join(b"RCPT TO:<r%d@example.test>\r\n" % i
                                                  for i in range(100_000)))
        codes = [reply.code for reply in replies]
        self.assertEqual(codes[:1000], [250] * 1000)
        self.assertEqual(set(codes[1000:-1]), {452})
        self.assertEqual(codes[-1], 421)
        self.assert_alive(server)

    def test_100000_refused_recipients(self):
        server = self.server()
        with self.client(server) as client:
            client.hello()
            client.command("MAIL FROM:<s@example.com>", 250)
            replies = self.flood(client, b"RCPT TO:<r@elsewhere.test>\r\n" * 100_000)
        self.assertLess(len(replies), 50)
        self.assertEqual(replies[-1].code, 421)

    def test_10000_chunks_of_one_octet(self):
        server = self.server()
        with self.client(server) as client:
            client.hello()
            client.envelope()
            data = b"".join(b"BDAT 1\r\nx" if i % 70 else b"BDAT 2\r\n\r\n" for i in range(10_000))
            replies = self.flood(client, b"BDAT 14\r\nSubject: x\r\n\r\n" + data
                                 + b"BDAT 0 LAST\r\nQUIT\r\n")
        self.assertEqual([reply.code for reply in replies], [250] * 10_002 + [221])
        message, = harness.stored(server)
        self.assertEqual(message.content.count(b"x"), 1 + 10_000 - 143)

    def test_12_megabytes_of_dots(self):
        """Each line makes the decoder start anew; that must not cost more the more has come."""
        server = self.server()
        with self.client(server) as client:
            client.hello()
            client.envelope()
            client.command("DATA", 354)
            began = time.monotonic()
            client.send(b"Subject: x\r\n\r\n" + b"..\r\n" * 3_000_000 + b".\r\n")
            client.expect(250)
            self.assertLess(time.monotonic() - began, 6 * harness.SLOWER)
        message, = harness.stored(server)
        self.assertEqual(len(message.content), 14 + 9_000_000)

    def test_many_messages_in_a_session(self):
        server = self.server(harness.config("limits: {transactions: 30}"))
        with self.client(server) as client:
            client.hello()
            for _ in range(30):
                client.envelope()
                client.data(MESSAGE)
            client.command("MAIL FROM:<s@example.com>", 421)
            self.assertTrue(client.is_closed())
        self.assert_stored(server, MESSAGE, count=30)

    def test_a_client_that_does_not_read(self):
        """Its replies fill the socket; then we stop reading, and go on when it does."""
        server = self.server(harness.config(
            "limits: {idle_commands: 100000000, commands: 100000000}"))
        with self.client(server) as client:
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.hello()
            client.socket.settimeout(0.5)
            sent = 0
            try:
                while sent < 40_000_000:
                    sent += client.socket.send(b"RSET\r\n" * 1000)
            except TimeoutError:
                pass
            self.assertLess(sent, 40_000_000)
            self.assertLess(server.memory(), 300 << 20)
            self.assert_alive(server)
            client.socket.settimeout(20)
            client.expect(250)

    def test_slow_octet_by_octet(self):
        server = self.server()
        with self.client(server) as client:
            for line, code in ((b"EHLO client.example", 250), (b"MAIL FROM:<s@example.com>", 250),
                               (b"RCPT TO:<r@example.test>", 250), (b"DATA", 354),
                               (b"Subject: x\r\n\r\nbody\r\n.", 250), (b"QUIT", 221)):
                for octet in line + b"\r\n":
                    client.send(bytes([octet]))
                    time.sleep(0.001)
                client.expect(code)
        self.assert_stored(server, MESSAGE)


class Silence(harness.TestCase):
    """Time-outs, with limits as short as can be configured."""

    LIMITS = "limits: {command_timeout: 1s, data_timeout: 1s}"

    def closes(self, client, prefix):
        client.send(prefix)
        began = time.monotonic()
        replies = client.rest()
        self.assertEqual(replies[-1].code, 421, replies)
        self.assertIn("4.4.2", replies[-1].text)
        self.assertGreater(time.monotonic() - began, 0.8)

    def test_everywhere(self):
        server = self.server(harness.config(self.LIMITS))
        begin = b"EHLO client.example\r\n"
        mail = b"MAIL FROM:<s@example.com>\r\nRCPT TO:<r@example.test>\r\n"
        waiters, self.troubles = [], []
        for steps in ([], [begin], [b"EHL"], [begin, mail], [begin, mail, b"DATA\r\n"],
                      [begin, mail, b"DATA\r\n", b"Subject: x\r\n\r\nhal"],
                      [begin, mail, b"BDAT 1000\r\nhalf"]):
            client = self.client(server)
            for step in steps[:-1]:
                client.send(step)
                for _ in range(step.count(b"\r\n") if step is not begin else 1):
                    client.reply()
            waiter = threading.Thread(target=self.collect, args=(client, (steps or [b""])[-1]))
            waiter.start()
            waiters.append(waiter)
        for waiter in waiters:
            waiter.join()
        self.assertEqual(self.troubles, [])
        self.assertEqual(harness.stored(server), [])
        self.assert_alive(server)

    def collect(self, client, last):
        try:
            self.closes(client, last)
        except BaseException as error:  # for the main thread to report
            self.troubles.append(repr(error))

    def test_slow_command_is_no_way_around(self):
        """An octet now and then is not a command."""
        server = self.server(harness.config(self.LIMITS))
        with self.client(server) as client:
            client.hello()
            for _ in range(30 * harness.SLOWER):
                client.send(b"N")
                if select.select([client.socket], [], [], 0.1)[0]:
                    break
            client.expect(421)

    def test_slow_message_is_one(self):
        """Data that keeps coming is never too late, though all of it takes longer."""
        server = self.server(harness.config("limits: {data_timeout: 3s}"))
        with self.client(server) as client:
            client.hello()
            client.envelope()
            client.command("DATA", 354)
            for line in [b"Subject: x\r\n", b"\r\n", b"bo", b"dy\r\n", b".\r\n"]:
                client.send(line)
                time.sleep(0.7)
            client.expect(250)
        self.assert_stored(server, MESSAGE)


class Vanishing(harness.TestCase):
    """Clients that go away, politely or not, at every stage."""

    STAGES = [b"EHLO client.example\r\n", b"MAIL FROM:<s@example.com>\r\n",
              b"RCPT TO:<r@example.test>\r\n", b"DATA\r\n", b"Subject: x\r\n\r\nbo", b"dy\r\n",
              b".\r\n", b"MAIL FROM:<s@example.com>\r\n", b"RCPT TO:<r@example.test>\r\n",
              b"BDAT 20 LAST\r\n", b"Subject: x\r\n\r\nbody", b"\r\n"]
    ANSWERED = {0, 1, 2, 3, 6, 7, 8, 11}

    def until(self, server, stage, *, read=True):
        client = self.client(server)
        for i in range(stage):
            client.send(self.STAGES[i])
            if read and i in self.ANSWERED:
                client.reply()
        return client

    def settle(self, server, sessions):
        server.wait_log("session.close", sessions)
        self.assertEqual(len(server.log("session.open")), sessions)
        self.assertEqual(harness.leftovers(server), [])
        for message in harness.stored(server):
            self.assertEqual(message.content, MESSAGE)
        self.assert_alive(server)

    def test_reset_at_each_stage(self):
        # The same message each time: one that may be in doubt would be kept once.
        server = self.server(harness.config("dedupe: off"))
        for stage in range(len(self.STAGES) + 1):
            self.until(server, stage).reset()
        self.settle(server, len(self.STAGES) + 1)
        # Those that had 250 before they left, and nobody's half of a message.
        self.assertEqual(len(harness.stored(server)), 6 + 1)

    def test_reset_without_reading(self):
        server = self.server(harness.config("pipelining: note"))
        for stage in range(len(self.STAGES) + 1):
            self.until(server, stage, read=False).reset()
        self.settle(server, len(self.STAGES) + 1)

    def test_half_closed_at_each_stage(self):
        """`printf … | nc`: the rest of what it said is done, and answered. Only who leaves with
        nothing but the final dot unanswered may be taken for gone (RFC 1047), and then is."""
        server = self.server(harness.config("pipelining: note"))
        stored = 0
        for stage in range(len(self.STAGES) + 1):
            client = self.until(server, stage, read=False)
            client.socket.shutdown(socket.SHUT_WR)
            answered = sum(1 for i in range(stage) if i in self.ANSWERED)
            replies = client.rest()
            left = stage in (7, 12) and len(replies) == answered - 1
            self.assertTrue(left or len(replies) == answered, (stage, replies))
            stored += (stage >= 7) + (stage == 12) - left
        self.settle(server, len(self.STAGES) + 1)
        self.assertEqual(len(harness.stored(server)), stored)

    def test_descriptors_come_back(self):
        server = self.server()
        before = server.descriptors()
        for _ in range(200):
            harness.Client(server.address, greeting=False).reset()
        harness.wait_until(lambda: server.descriptors() <= before + 4, "descriptors are closed")
        self.assert_alive(server)


if __name__ == "__main__":
    unittest.main()
