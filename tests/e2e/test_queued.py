# SPDX-License-Identifier: Apache-2.0
"""Queued mail from its 250 to its target: in one process, and with workers, a scheduler and carriers."""

import os
import re
import select
import signal
import threading
import time
import unittest

import harness
import queueing
from sink import Sink

MESSAGE = b"Subject: x\r\n\r\nbody\r\n"


def say_all(client, content, recipient="r@example.test"):
    """A message up to its final dot."""
    client.hello()
    client.envelope(recipient)
    client.command("DATA", 354)
    client.send(harness.stuffed(content) + b".\r\n")


def cut_off(address, content, recipient="r@example.test"):
    """A client that dies when its 250 is there, without having read it: TCP answers with a reset."""
    client = harness.Client(address)
    say_all(client, content, recipient)
    assert select.select([client.socket], [], [], 20 * harness.SLOWER)[0], "no reply"
    client.close()


class OneProcess(queueing.TestCase):
    """The way of a message, whoever runs where."""

    def test_delivered(self):
        server = self.queueing()
        reply = harness.submit(server.address, MESSAGE)
        (message,) = self.wait_stored(server, 1)
        self.assertEqual(message.content, MESSAGE)
        (delivery,) = server.wait_log("delivery")
        self.assertIn(delivery["message"], reply.text)
        self.assertEqual(delivery["outcome"], "delivered")
        self.assertIn(delivery["message"], message.field("Received"))
        (record,) = server.log("message")
        self.assertEqual(record["recipients"][0]["fate"], "queued")

    def test_large(self):
        """It goes to a file of its own, and to the target without being read into memory."""
        server = self.queueing(rest="memory: {message: 64KiB}\n")
        content = b"Subject: x\r\n\r\n" + b"x" * 70 + b"\r\n" + (b"y" * 76 + b"\r\n") * 60000
        harness.submit(server.address, content)
        (message,) = self.wait_stored(server, 1)
        self.assertEqual(message.content, content)
        harness.wait_until(lambda: not list((self.directory / "spool/messages").iterdir()),
                           "its file to go")

    def test_many_recipients(self):
        server = self.queueing()
        recipients = [f"r{n}@example.test" for n in range(150)]
        harness.submit(server.address, MESSAGE, *recipients)
        for recipient in recipients:
            (message,) = self.wait_stored(server, 1, recipient)
            self.assertEqual(message.content, MESSAGE)

    def test_deferred_then_delivered(self):
        server = self.queueing()
        mail = self.directory / "mail"
        mail.rename(self.directory / "away")
        mail.write_text("in the way")
        harness.submit(server.address, MESSAGE)
        deliveries = server.wait_log("delivery", 2)
        self.assertEqual({each["outcome"] for each in deliveries}, {"deferred"})
        mail.unlink()
        (self.directory / "away").rename(mail)
        (message,) = self.wait_stored(server, 1)
        self.assertEqual(message.content, MESSAGE)
        harness.wait_until(lambda: server.log("delivery")[-1]["outcome"] == "delivered", "its log")

    def test_survives(self):
        """Killed at once after the 250, and started again: it is delivered, once."""
        server = self.queueing()
        mail = self.directory / "mail"
        mail.rename(self.directory / "away")
        mail.write_text("in the way")
        for n in range(5):
            harness.submit(server.address, MESSAGE + b"%d\r\n" % n)
        self.kill_all(server)
        mail.unlink()
        (self.directory / "away").rename(mail)
        self.again(server)
        messages = self.wait_stored(server, 5)
        self.assertEqual({each.content for each in messages},
                         {MESSAGE + b"%d\r\n" % n for n in range(5)})
        self.assertEqual(len(messages), 5)

    def test_direct_spills(self):
        """One is delivered while the client waits, its neighbour can't be: that one is queued."""
        routes = ("  - {name: now, match: {recipient: now.test}, to: mailboxes, mode: direct}\n"
                  "  - {name: stuck, match: {recipient: stuck.test}, to: mailboxes, mode: direct}\n")
        server = self.queueing(routes=routes)
        stuck = self.directory / "mail/stuck.test"
        stuck.write_text("in the way")
        harness.submit(server.address, MESSAGE, "a@now.test", "b@stuck.test")
        self.assertEqual(len(harness.stored(server, "a@now.test")), 1)
        (record,) = server.log("message")
        self.assertEqual([each["fate"] for each in record["recipients"]], ["delivered", "queued"])
        server.wait_log("delivery")
        stuck.unlink()
        self.wait_stored(server, 1, "b@stuck.test")
        self.assertEqual(len(harness.stored(server, "a@now.test")), 1)

    def test_no_space(self):
        """Less is free than is to stay free: 452, and nothing is kept."""
        free = os.statvfs(self.directory)
        text = queueing.config(self.workers_count).replace(
            "keep_free: 0", f"keep_free: {(free.f_bavail * free.f_frsize >> 20) + 100000}MiB")
        text += "overload: {keep_free: 0}\n"
        server = self.launch(text) if self.workers_count else self.server(text)
        harness.submit(server.address, MESSAGE, codes=(452,))
        self.assertEqual(server.log("message")[0]["recipients"][0]["fate"], "deferred")
        self.assertEqual(harness.stored(server), [])

    # ---- next hops ----

    def sink(self, **options):
        sink = Sink(**options)
        self.addCleanup(sink.stop)
        return sink

    def through(self, sink, target="smtp"):
        """A server whose mail for next.test goes to the sink."""
        return self.queueing(
            targets=f"  next: {{{target}: {{to: [\"127.0.0.1:{sink.port}\"], tls: none}}}}",
            routes="  - {name: next, match: {recipient: next.test}, to: next}\n")

    def test_smtp(self):
        """It defers twice, then takes it; what it took was what was sent, once."""
        tries = []

        def rcpt(line):
            tries.append(line)
            return "450 4.2.1 Later" if len(tries) < 3 else "250 2.1.5 Ok"

        sink = self.sink()
        sink.rcpt = rcpt
        server = self.through(sink)
        harness.submit(server.address, MESSAGE, "r@next.test")
        harness.wait_until(lambda: [mail for mail in sink.mails if mail["rcpt"]], "the message")
        lines = server.wait_log("delivery", 3)
        self.assertEqual([each["outcome"] for each in lines], ["deferred", "deferred", "delivered"])
        self.assertEqual([each["tries"] for each in lines], [0, 1, 2])  # before this one
        self.assertIn("127.0.0.1", lines[2]["remote"])
        (mail,) = [mail for mail in sink.mails if mail["rcpt"]]
        self.assertIn("<s@example.com>", mail["mail"])
        self.assertIn("<r@next.test>", mail["rcpt"][0])
        self.assertTrue(mail["body"].startswith(b"Received:") and mail["body"].endswith(MESSAGE),
                        mail["body"])

    def test_lmtp_each_its_own(self):
        later = []

        def final(line):
            if "<good@" in line:
                return "250 2.1.5 Ok"
            if "<bad@" in line:
                return "550 5.1.1 Nobody"
            later.append(line)
            return "452 4.2.2 Full" if len(later) < 3 else "250 2.1.5 Ok"

        def took(local):
            return sum(f"<{local}@" in rcpt for mail in sink.mails for rcpt in mail["rcpt"])

        sink = self.sink(lmtp=True)
        sink.final = final
        server = self.through(sink, "lmtp")
        harness.submit(server.address, MESSAGE, "good@next.test", "bad@next.test",
                       "full@next.test")
        harness.wait_until(lambda: took("full"), "the recipient that was full")
        self.assertEqual((took("good"), took("full"), took("bad")), (1, 1, 0))
        # Nobody may be told: its sender did not log in, and nobody vouches for it.
        (held,) = server.wait_log("bounce.suppressed")
        self.assertEqual(held["bucket"], "held")

    def test_stop_waits(self):
        """A delivery that is under way is finished first: cut short it would be made twice."""
        began = threading.Event()

        def final(_):
            began.set()
            time.sleep(1)
            return "250 2.1.5 Ok"

        sink = self.sink(lmtp=True)
        sink.final = final
        server = self.through(sink, "lmtp")
        harness.submit(server.address, MESSAGE, "r@next.test")
        self.assertTrue(began.wait(20 * harness.SLOWER))
        self.assertEqual(server.stop(), 0)
        self.assertEqual(server.log("delivery")[-1]["outcome"], "delivered")
        self.assertEqual(len(sink.mails), 1)

    # ---- the doubt window ----

    def test_doubt(self):
        server = self.queueing()
        cut_off(server.address, MESSAGE)
        (doubt,) = server.wait_log("message.doubt")
        for _ in range(6):  # of whichever worker
            reply = harness.submit(server.address, MESSAGE)
            self.assertIn(doubt["transaction"], reply.text)
        harness.submit(server.address, MESSAGE + b"another\r\n")
        self.wait_stored(server, 2)
        self.assertEqual(len(server.log("message.again")), 6)
        self.assertEqual(len(harness.stored(server)), 2)

    def test_doubt_survives(self):
        server = self.queueing()
        cut_off(server.address, MESSAGE)
        (doubt,) = server.wait_log("message.doubt")
        self.kill_all(server)
        self.again(server)
        self.assertIn(doubt["transaction"], harness.submit(server.address, MESSAGE).text)
        self.wait_stored(server, 1)
        self.assertEqual(self.kept(server), {doubt["transaction"]})

    def test_doubt_of_the_dead(self):
        """Nobody was left who could have remembered it: the spool itself tells."""
        server = self.queueing()
        with harness.Client(server.address) as client:
            say_all(client, MESSAGE)
            self.wait_stored(server, 1)
            (record,) = server.wait_log("message")
            self.kill_all(server)
        self.again(server)
        self.assertIn(record["id"], harness.submit(server.address, MESSAGE).text)
        self.assertEqual(len(server.wait_log("message.again")), 1)
        self.assertEqual(self.kept(server), {record["id"]})

    def kept(self, server):
        """The ids under which messages were taken; one may have been delivered twice by then."""
        return {re.search(r" id (\S+?);?\s", message.field("Received") + " ")[1]
                for message in harness.stored(server)}

    # ---- what else ----

    def again(self, server):
        server.start()


@unittest.skipUnless(os.path.exists("/proc/self/task"), "no /proc")
class Processes(OneProcess):
    """The same with workers, a scheduler and carriers."""

    workers_count = 2

    def test_doubt_of_a_dead_worker(self):
        """The other one knows it at once, and so does the new one."""
        server = self.queueing()
        for round_ in range(3):
            message = MESSAGE + b"%d\r\n" % round_
            with harness.Client(server.address) as client:
                say_all(client, message)
                reply = client.expect(250)  # and nothing is said after it
                self.kill_worker_of(server, client)
            self.assertEqual(harness.submit(server.address, message).text, reply.text)
        self.wait_stored(server, 3)
        self.assertEqual(len(server.wait_log("message.again", 3)), 3)
        self.assertEqual(len(self.kept(server)), 3)

    def kill_worker_of(self, server, client):
        for pid in queueing.children(server.process.pid)["worker"]:
            os.kill(pid, signal.SIGKILL)
            harness.wait_until(lambda pid=pid: not os.path.exists(f"/proc/{pid}"), "it to be gone")
            if select.select([client.socket], [], [], 0)[0]:
                return


if __name__ == "__main__":
    unittest.main()
