# SPDX-License-Identifier: Apache-2.0
"""A disk that is really full: what was taken is kept, what can't be is told, and it goes on when
there is room. On a file system of a few MiB that the test mounts; only root may."""

import json
import os
import subprocess
import threading
import time
import unittest

import harness
import queueing
from sink import Sink

SIZE = 6 << 20


class Full(queueing.TestCase):
    """With a spool that has a small file system of its own."""

    ROUTES = "  - {name: next, match: {recipient: example.test}, to: next}\n"

    def setUp(self):
        super().setUp()
        self.disk = self.directory / "spool"
        if os.geteuid() != 0:
            self.skipTest("only root may mount")
        result = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", self.disk],
                                capture_output=True, text=True, check=False)
        if result.returncode != 0:
            self.skipTest("nothing may be mounted here: " + result.stderr.strip())
        self.addCleanup(subprocess.run, ["umount", "--lazy", self.disk], check=True)
        self.sink = Sink()
        self.addCleanup(self.sink.stop)

    def start(self, keep_free=0, **options):
        text = queueing.config(
            targets=f"  next: {{smtp: {{to: [\"127.0.0.1:{self.sink.port}\"], tls: none}}}}",
            routes=self.ROUTES, rest="overload: {keep_free: 0}\n", **options)
        return self.server(text.replace("keep_free: 0}\nqueue", f"keep_free: {keep_free}}}\nqueue"))

    def left(self):
        disk = os.statvfs(self.disk)
        return disk.f_bavail * disk.f_frsize

    def fill(self):
        """Takes all that is left."""
        with open(self.disk / "filler", "wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(bytes(4096))
            except OSError:
                pass

    def make_room(self):
        (self.disk / "filler").unlink()

    def send(self, server, token, size=100):
        """The code of the reply at the end of data."""
        with harness.Client(server.address) as client:
            client.hello()
            client.envelope()
            filling = (b"x" * 98 + b"\r\n") * (size // 100)
            return client.data(b"Subject: x\r\n\r\n" + filling + token + b"\r\n", 250, 452).code

    def tokens(self):
        return sorted(mail["body"].split(b"\r\n")[-2] for mail in self.sink.mails)

    def failures(self, server, step):
        return [line for line in server.log("spool.failed") if (line["step"] == "journal") == step]

    def test_receiving(self):
        """452 as long as it is full, once in the log; then 250 again, and nothing is lost."""
        self.receive(0, least_taken=20)

    def test_keep_free(self):
        """The same while some is left, but for a batch and a step of the segment."""
        self.receive(3 << 20, least_taken=5)

    def receive(self, keep_free, least_taken):
        self.sink.greeting = "451 4.3.0 not now"
        server = self.start(keep_free, retry="100ms")
        taken, refused = [], 0
        for number in range(400):
            token = b"token-%d" % number
            if self.send(server, token, 64 << 10) == 250:
                taken.append(token)
            else:
                refused += 1
            if refused == 5:
                break
        self.assertEqual(refused, 5, "the disk did not become full")
        self.assertGreater(len(taken), least_taken)
        if keep_free:
            self.assertGreater(self.left(), keep_free - (2 << 20))
        harness.wait_until(lambda: [m["reply"] for m in server.log("message")].count(452) == 5,
                           "what was refused in the log")
        self.assertEqual(len(self.failures(server, False)), 1)
        self.assertEqual(server.log("message.not_kept"), [])

        subprocess.run(["mount", "-o", f"remount,size={2 * SIZE}", self.disk], check=True)
        self.assertEqual(self.send(server, b"token-more", 64 << 10), 250)
        self.sink.greeting = "220 sink.example ESMTP"
        wanted = sorted([*taken, b"token-more"])
        harness.wait_until(lambda: len(self.sink.mails) >= len(wanted), "all that got a 250")
        self.assertEqual(self.tokens(), wanted)

    def test_outcomes(self):
        """The journal can't be written: deliveries go on, and are written down when there is room."""
        server = self.start(retry="10ms")
        self.fill()
        self.sink.rcpt = lambda line: "451 4.3.0 not now"
        self.assertEqual(self.send(server, b"token-0"), 452)
        self.make_room()
        for number in range(20):
            self.assertEqual(self.send(server, b"token-%d" % number), 250)
        self.fill()
        harness.wait_until(lambda: self.failures(server, True), "a journal that can't be written", 30)
        self.sink.rcpt = lambda line: "250 ok"
        wanted = sorted(b"token-%d" % number for number in range(20))
        harness.wait_until(lambda: len(self.sink.mails) >= 20, "all of them")
        harness.wait_until(lambda: sum(d["outcome"] == "delivered"
                                       for d in server.log("delivery")) == 20, "their outcomes")
        self.assertEqual(len(self.failures(server, True)), 1)
        self.assertEqual(len(server.log("queue.journal")), 1)
        self.make_room()
        server.wait_log("queue.compacted")
        server.kill()
        server.start()
        server.wait_log("queue.ready", 2)
        self.assertEqual(self.send(server, b"token-last"), 250)
        harness.wait_until(lambda: b"token-last" in self.tokens(), "the last one")
        self.assertEqual(self.tokens(), sorted([*wanted, b"token-last"]))

    def test_bounce(self):
        """A notification that can't be kept: what it tells of stays in the queue until it can."""
        content = b"Subject: x\r\n\r\nbody\r\n"
        entry = {"id": "M1", "received_ms": int(time.time() * 1000), "bounce": 1,
                 "base_size": len(content),
                 "copies": [{"id": "a", "sender": "s@example.test", "size": len(content),
                             "pieces": [{"len": len(content)}]}],
                 "recipients": [{"address": "r@example.test", "route": "next"}]}
        (self.directory / "M1.json").write_text(json.dumps(entry))
        (self.directory / "M1.eml").write_bytes(content)
        subprocess.run([harness.GATEPOST, "spool", "import", "--path", self.disk,
                        self.directory / "M1.json"], check=True, stdout=subprocess.DEVNULL)
        full = threading.Event()

        def reply(line):
            full.wait(20)
            return "250 ok" if "<s@" in line else "550 5.1.1 nobody"
        self.sink.rcpt = reply
        server = self.start(retry="10ms")
        harness.wait_until(lambda: self.sink.commands[-1:] and "RCPT" in self.sink.commands[-1],
                           "an attempt")
        self.fill()
        full.set()
        server.wait_log("bounce.failed")
        server.kill()
        self.make_room()
        server.start()
        harness.wait_until(lambda: self.sink.mails, "the notification")
        self.assertIn(b"report-type=delivery-status", self.sink.mails[0]["body"])
        server.wait_log("bounce")
        self.assertEqual(server.stop(), 0)
        self.assertEqual(len(self.sink.mails), 1)


if __name__ == "__main__":
    unittest.main()
