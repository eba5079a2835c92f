# SPDX-License-Identifier: Apache-2.0
"""Mail under load while processes are killed, replaced, stopped: nothing that got a 250 is lost.

GATEPOST_E2E_LONG=1 kills for hundreds of rounds instead of a few.
"""

import contextlib
import os
import random
import signal
import threading
import time
import unittest

import harness
import queueing
from sink import Sink

ROUNDS = 300 if harness.LONG else 8


class Load:
    """Clients that send messages with numbers, and remember which of them got a 250."""

    def __init__(self, clients):
        self.address = None
        self.over = threading.Event()
        self.taken = [[] for _ in range(clients)]
        self.threads = [threading.Thread(target=self.run, args=(n,)) for n in range(clients)]

    def start(self):
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.over.set()
        for thread in self.threads:
            thread.join()
        return [token for taken in self.taken for token in taken]

    def run(self, client):
        number = 0
        while not self.over.is_set():
            address = self.address
            with contextlib.suppress(OSError, harness.Closed, harness.Unexpected):
                with harness.Client(address, timeout=10) as session:
                    session.hello()
                    while not self.over.is_set() and address == self.address:
                        number += 1
                        token = b"token-%d-%d." % (client, number)
                        session.envelope()
                        session.data(b"Subject: x\r\n\r\n" + token + b"\r\n")
                        self.taken[client].append(token)
                continue
            time.sleep(0.02)  # nobody listens just now


class Killed(queueing.TestCase):
    """Nothing that got a 250 is lost, whoever is killed when."""

    workers_count = 2

    def start_again(self, server):
        """The processes of a master that was killed go by themselves, the scheduler last."""
        end = time.monotonic() + 60 * harness.SLOWER
        while True:
            try:
                server.start()
                return
            except AssertionError:
                server.kill()
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)

    def kill_one(self, server, role):
        pids = queueing.children(server.process.pid).get(role, [])
        for pid in pids[:1] if role != "carrier" else pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def kill_master(self, server, everybody):
        pids = [pid for role in queueing.children(server.process.pid).values() for pid in role]
        server.kill()
        for pid in pids if everybody else []:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def test_random(self):
        choice = random.Random(4711)
        server = self.queueing(retry="50ms, 200ms", rest="process: {stop_within: 1s}\n")
        load = Load(4)
        load.address = server.address
        self.addCleanup(load.stop)
        load.start()
        for round_ in range(ROUNDS):
            time.sleep(choice.uniform(0.05, 0.4))
            victim = ("worker", "carrier", "scheduler", "master", "all")[round_ % 5]
            if victim in ("master", "all"):
                self.kill_master(server, victim == "all")
                self.start_again(server)
                load.address = server.address
            else:
                self.kill_one(server, victim)
        time.sleep(0.5)
        doubled = self.check(server, load.stop())
        # A carrier was killed between the target's yes and the scheduler's record of it, or the
        # scheduler was: at most what was under way then.
        self.assertLess(doubled, ROUNDS * 256)

    def test_orderly(self):
        """Reloads, stops and starts: everything is delivered, and nothing twice."""
        server = self.queueing(retry="50ms, 200ms", rest="process: {stop_within: 10s}\n")
        load = Load(3)
        load.address = server.address
        self.addCleanup(load.stop)
        load.start()
        for round_ in range(3):
            time.sleep(0.3)
            self.reload(server, round_ + 1)
        time.sleep(0.3)
        for _ in range(2):
            self.assertEqual(server.stop(), 0)
            self.start_again(server)
            load.address = server.address
            time.sleep(0.3)
        self.assertEqual(self.check(server, load.stop()), 0)

    def check(self, server, tokens):
        """All of them are delivered; how many twice."""
        self.assertGreater(len(tokens), ROUNDS)
        wanted, seen = set(tokens), {}

        def all_there():
            for message in harness.stored(server):
                if message.path.name not in seen:
                    seen[message.path.name] = message.content.split(b"\r\n")[2]
            return not wanted - set(seen.values())

        try:
            harness.wait_until(all_there, "all that got a 250", 60)
        except AssertionError:
            lost = wanted - set(seen.values())
            self.fail(f"{len(lost)} of {len(wanted)} lost: {sorted(lost)[:5]}\n"
                      + server.stderr()[-3000:])
        doubled = len(seen) - len(set(seen.values()))
        print(f"{len(wanted)} messages got a 250, none lost, {doubled} delivered "
              f"twice, {len(set(seen.values()) - wanted)} without a 250")
        return doubled


class Reloaded(queueing.TestCase):
    """Carriers are replaced while mail goes through them: none crashes, nothing is lost or doubled."""

    workers_count = 2

    def test_under_load(self):
        sink = Sink()
        self.addCleanup(sink.stop)
        server = self.queueing(
            targets=f"  next: {{smtp: {{to: [\"127.0.0.1:{sink.port}\"], tls: none}}}}",
            routes="  - {name: next, match: {recipient: example.test}, to: next}\n")
        load = Load(3)
        load.address = server.address
        self.addCleanup(load.stop)
        load.start()
        for count in range(1, 31 if harness.LONG else 9):
            self.reload(server, count)
            mails = len(sink.mails)
            harness.wait_until(lambda: len(sink.mails) > mails + 50, "more mail")
        tokens = load.stop()
        harness.wait_until(lambda: len(sink.mails) >= len(tokens), "all that got a 250", 60)
        self.assertEqual(sorted(mail["body"].split(b"\r\n")[-2] for mail in sink.mails),
                         sorted(tokens))
        self.assertEqual(server.log("process.crash"), [])


if __name__ == "__main__":
    unittest.main()
