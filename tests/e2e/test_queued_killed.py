# SPDX-License-Identifier: Apache-2.0
"""Mail under load while processes are killed, replaced, stopped: nothing that got a 250 is lost.

Who is killed when comes from a seed, which is printed; GATEPOST_SEED=N has it again. GATEPOST_ROUNDS=N
kills so often; GATEPOST_E2E_LONG=1 hundreds of times.
"""

import bisect
import collections
import contextlib
import datetime
import os
import random
import re
import signal
import threading
import time
import unittest

import harness
import queueing
from sink import Sink

ROUNDS = int(os.environ.get("GATEPOST_ROUNDS", "300" if harness.LONG else "8"))
SEED = int(os.environ.get("GATEPOST_SEED", random.SystemRandom().randrange(1 << 32)))
VICTIMS = ("worker", "carrier", "scheduler", "master", "all")
RECORDED = 2 * harness.SLOWER  # seconds after its line in the log in which an outcome is written down


class Load:
    """Clients that send messages with numbers until each of them has its 250, as clients do: one whose
    reply got lost they send again. They remember which have it."""

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
        while not self.over.is_set():
            address = self.address
            with contextlib.suppress(OSError, harness.Closed, harness.Unexpected):
                with harness.Client(address, timeout=10) as session:
                    session.hello()
                    while not self.over.is_set() and address == self.address:
                        token = b"token-%d-%d." % (client, len(self.taken[client]))
                        session.envelope()
                        session.data(b"Subject: x\r\n\r\n" + token + b"\r\n")
                        self.taken[client].append(token)
                continue
            time.sleep(0.02)  # nobody listens just now


class Deliveries:
    """What is in the Maildir: of each token the times at which it came, by the id it was kept under."""

    def __init__(self, server):
        self.folder = harness.folder(server) / "new"
        self.names = set()
        self.by_token = collections.defaultdict(list)  # (time, id)

    def look(self):
        for entry in os.scandir(self.folder):
            if entry.name in self.names:
                continue
            self.names.add(entry.name)
            with open(entry.path, "rb") as file:
                raw = file.read()
            ident = re.search(rb"\sid ([0-9A-Z.]+)", raw)[1].decode()
            self.by_token[raw.split(b"\r\n")[-2]].append((entry.stat().st_mtime, ident))

    def missing(self, tokens):
        self.look()
        return set(tokens) - set(self.by_token)


def logged_at(line):
    return datetime.datetime.fromisoformat(line["time"].replace("Z", "+00:00")).timestamp()


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

    def kill(self, server, victim):
        """When it began, and when all of them were gone; of a master: when there is another."""
        roles = queueing.children(server.process.pid)
        if victim in ("master", "all"):
            pids = [pid for role in roles.values() for pid in role] if victim == "all" else []
        else:
            pids = roles.get(victim, [])
            pids = pids if victim == "carrier" else pids[:1]
        began = time.time()
        if victim in ("master", "all"):
            server.kill()
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if victim in ("master", "all"):
            self.start_again(server)
        else:
            harness.wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids),
                               "them to be gone")
        return began, time.time(), victim

    def test_random(self):
        print(f"GATEPOST_SEED={SEED} GATEPOST_ROUNDS={ROUNDS}", flush=True)
        choice = random.Random(SEED)
        server = self.queueing(retry="50ms, 200ms", rest="process: {stop_within: 1s}\n")
        load = Load(4)
        load.address = server.address
        self.addCleanup(load.stop)
        load.start()
        kills = []
        for _ in range(ROUNDS):
            time.sleep(choice.uniform(0.02, 0.4))
            kills.append(self.kill(server, choice.choice(VICTIMS)))
            load.address = server.address
        time.sleep(0.5)
        tokens = load.stop()
        self.assertGreater(len(tokens), ROUNDS)
        deliveries = self.wait_all(server, tokens)
        self.assert_kept_once(deliveries, kills)
        self.assert_excused(server, deliveries, kills)

    def wait_all(self, server, tokens):
        """As long as something is delivered: there may be thousands yet to be."""
        deliveries = Deliveries(server)
        while lost := deliveries.missing(tokens):
            before = len(deliveries.names)
            try:
                harness.wait_until(lambda: not deliveries.missing(tokens)
                                   or len(deliveries.names) > before, "more deliveries", 60)
            except AssertionError:
                self.fail(f"{len(lost)} of {len(tokens)} lost: {sorted(lost)[:5]}\n"
                          + server.stderr()[-3000:])
            time.sleep(0.1)
        return deliveries

    def assert_kept_once(self, deliveries, kills):
        """Whoever died when: what a client sent again was kept once."""
        twice = {token: times for token, times in deliveries.by_token.items()
                 if len({ident for _, ident in times}) > 1}
        self.assertEqual(twice, {}, f"kept twice; killed: {kills}")

    def assert_excused(self, server, deliveries, kills):
        """Nothing is delivered again, unless somebody died after it had been and before that could be
        written down. Counts it by who that was."""
        logged = collections.defaultdict(list)
        for line in server.log("delivery"):
            if line["outcome"] == "delivered":
                logged[line["message"]].append(logged_at(line))
        guilty = [kill for kill in kills if kill[2] != "worker"]
        counts = collections.Counter()
        for token, times in deliveries.by_token.items():
            times.sort()
            for (first, ident), (second, _) in zip(times, times[1:]):
                lines = sorted(logged[ident])
                at = bisect.bisect(lines, first - 0.01)
                end = min(second, lines[at] + RECORDED if at < len(lines) else second)
                excuse = [kill for kill in guilty if kill[1] >= first - 0.01 and kill[0] <= end]
                self.assertTrue(excuse, f"{token} was delivered at {first} and {second}, in the log "
                                f"at {lines}, and nobody died between: {kills}")
                counts[excuse[0][2]] += 1
        print(f"{len(deliveries.by_token)} messages, none lost, none kept twice, "
              f"{sum(counts.values())} delivered twice: {dict(counts)}; killed: "
              f"{dict(collections.Counter(kill[2] for kill in kills))}", flush=True)

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
        tokens = load.stop()
        self.assertGreater(len(tokens), 10)
        deliveries = self.wait_all(server, tokens)
        self.assertEqual(len(deliveries.names), len(deliveries.by_token))


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
