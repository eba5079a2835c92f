# SPDX-License-Identifier: Apache-2.0
"""How long mail to a normal destination takes while others are slow, or defer all of much mail.

Three listeners of one server queue for three targets: one that answers ten seconds after the message,
one that defers every recipient of the 100,000 messages that wait for it, and a normal one that gets a
message every so often. Counted is the time from the 250 until the normal sink has the message.
"""

import asyncio
import json
import os
import socket
import statistics
import subprocess
import threading
import time

from servers import Gatepost, free_port

DEFERRED = 100000
SLOW, SLOW_SECONDS = 500, 10
EVERY = 0.05  # a message for the normal one

CONFIG = """\
hostname: bench.test
targets:
  normal: {{smtp: {{to: "127.0.0.1:{normal}", tls: none}}}}
  slow: {{smtp: {{to: "127.0.0.1:{slow}", tls: none}}}}
  later: {{smtp: {{to: "127.0.0.1:{later}", tls: none}}}}
listeners:
  normal: {{address: "127.0.0.1:{port}", relay: ["127.0.0.1"]}}
  slow: {{address: "127.0.0.1:{slow_port}", relay: ["127.0.0.1"]}}
  later: {{address: "127.0.0.1:{later_port}", sessions_per_client: 1000, relay: ["127.0.0.1"]}}
routes:
  - {{name: normal, match: {{listener: normal}}, to: normal, mode: queued}}
  - {{name: slow, match: {{listener: slow}}, to: slow, mode: queued}}
  - {{name: later, match: {{listener: later}}, to: later, mode: queued}}
spool: {{path: ./spool}}
queue:
  default: {{retry: [1m], expire: 1d, warn: 0}}
control: {{path: ./control}}
log: {{to: ./gatepost.log, level: info, format: json}}
plugins: {{path: ["{build}/plugins"]}}
"""

DEFERS = """\
hostname: later.test
tables: {{ours: [example.test]}}
targets: {{store: {{discard: {{}}}}}}
chains: {{all: [{{access: {{recipients: [{{example.test: defer 450 4.2.0 Not now}}]}}}}]}}
listeners: {{mx: {{address: "127.0.0.1:{port}", sessions: 20000, sessions_per_client: 20000, chain: all}}}}
routes: [{{name: all, match: {{recipient: ours}}, to: store, mode: direct}}]
control: {{path: ./control}}
log: {{to: ./gatepost.log, level: error}}
plugins: {{path: ["{build}/plugins"]}}
"""


class Queue(Gatepost):
    """The server with the three targets."""

    def __init__(self, build, peers, folder, **ports):
        super().__init__(build, peers, folder)
        self.ports = {"slow_port": free_port(), "later_port": free_port(), **ports}

    def command(self):
        config = self.folder / "gatepost.yaml"
        config.write_text(CONFIG.format(port=self.port, build=self.build, **self.ports),
                          encoding="utf-8")
        return [str(self.build / "gatepost"), "serve", "--config", str(config)], {}

    def queue(self, *words):
        return subprocess.run(
            [str(self.build / "gatepost"), "queue", *words, "--socket",
             str(self.folder / "control")], stdout=subprocess.PIPE, text=True, check=True).stdout

    def stats(self):
        return json.loads(self.queue("stats", "--json"))


class Defers(Gatepost):
    """Refuses every recipient for now."""
    name = "sink"

    def command(self):
        config = self.folder / "gatepost.yaml"
        config.write_text(DEFERS.format(port=self.port, build=self.build), encoding="utf-8")
        return [str(self.build / "gatepost"), "serve", "--config", str(config)], {}


class Sinks:
    """The normal one, which notes when each message came, and the slow one; in a thread of their own."""

    def __init__(self):
        self.came, self.ports = {}, {}
        self.loop = asyncio.new_event_loop()
        ready = threading.Event()
        threading.Thread(target=self._run, args=(ready,), daemon=True).start()
        ready.wait()

    def _run(self, ready):
        async def listen():
            for name, wait in (("normal", 0), ("slow", SLOW_SECONDS)):
                server = await asyncio.start_server(
                    lambda reader, writer, wait=wait: self._talk(reader, writer, wait), "127.0.0.1",
                    0, backlog=1000)
                self.ports[name] = server.sockets[0].getsockname()[1]
            ready.set()
        self.loop.create_task(listen())
        self.loop.run_forever()

    async def _talk(self, reader, writer, wait):
        writer.write(b"220 sink.test\r\n")
        try:
            while line := await reader.readline():
                verb = line[:4].upper()
                if verb == b"DATA":
                    writer.write(b"354 go\r\n")
                    number = None
                    while (line := await reader.readline()) != b".\r\n":
                        if line.startswith(b"Subject: ") and line[9:].strip().isdigit():
                            number = int(line[9:])
                    self.came.setdefault(number, time.monotonic())
                    await asyncio.sleep(wait)
                writer.write(b"221 bye\r\n" if verb == b"QUIT" else
                             b"250-sink.test\r\n250 PIPELINING\r\n" if verb == b"EHLO" else
                             b"250 2.0.0 ok\r\n")
                await writer.drain()
                if verb == b"QUIT":
                    break
        except (OSError, asyncio.IncompleteReadError):
            pass
        writer.close()

    def close(self):
        self.loop.call_soon_threadsafe(self.loop.stop)


class Client:
    """Sends message after message over one connection."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")
        self.reply()
        self.say(b"EHLO client.test")

    def reply(self):
        while (line := self.file.readline())[3:4] == b"-":
            pass
        if not line or line[:1] not in b"23":
            raise RuntimeError(f"the server says {line!r}")

    def say(self, line):
        self.socket.sendall(line + b"\r\n")
        self.reply()

    def send(self, number):
        """When the 250 was there."""
        self.say(b"MAIL FROM:<load@client.test>")
        self.say(b"RCPT TO:<user@example.test>")
        self.say(b"DATA")
        self.say(b"Subject: %d\r\n\r\nbody\r\n." % number)
        return time.monotonic()


def normal_mail(server, sinks, count, first):
    """Latencies of so many messages, in ms."""
    client, sent = Client(server.port), {}
    start = time.monotonic()
    for i in range(count):
        time.sleep(max(0, start + i * EVERY - time.monotonic()))
        sent[first + i] = client.send(first + i)
    end = time.monotonic() + 60
    while any(number not in sinks.came for number in sent):
        if time.monotonic() > end:
            raise RuntimeError("normal mail does not arrive")
        time.sleep(0.02)
    return [1000 * max(0, sinks.came[number] - at) for number, at in sent.items()]


def figures(latencies):
    cuts = statistics.quantiles(latencies, n=100)
    return {"p50": cuts[49], "p95": cuts[94], "p99": cuts[98], "most": max(latencies)}


def fill(bench, server, deferred, slow):
    """Mail for the others, which waits until all of it is there."""
    for route in ("slow", "later"):
        server.queue("pause", "--route", route)
    for port, count in ((server.ports["later_port"], deferred), (server.ports["slow_port"], slow)):
        load = [bench.program("bench_load"), "-n", str(count), "-t", "300", "-b", "1024", str(port)]
        subprocess.run(load, stdout=subprocess.DEVNULL, check=True)
    for route in ("slow", "later"):
        server.queue("resume", "--route", route)


def run(bench, count, deferred=DEFERRED, slow=SLOW):
    """Alone, then with the others: the figures of both, and what was left of the others' mail."""
    sinks = Sinks()
    with Defers(bench.build, bench.peers, bench.folder / "defers") as defers, \
            Queue(bench.build, bench.peers, bench.folder / "server", later=defers.port,
                  **sinks.ports) as server:
        normal_mail(server, sinks, 20, 0)  # warm
        alone = figures(normal_mail(server, sinks, count, 1000))
        fill(bench, server, deferred, slow)
        together = figures(normal_mail(server, sinks, count, 1000000))
        stats = server.stats()
    sinks.close()
    return alone, together, stats


def fairness(bench):
    """A normal destination beside one that answers after ten seconds and one that defers 100,000 messages."""
    print(f"\n{fairness.__doc__}")
    count = int(bench.seconds * bench.rounds / EVERY)
    alone, together, stats = run(bench, count)
    if stats["messages"] < DEFERRED:
        raise RuntimeError(f"{stats['messages']} messages are left in the queue")
    print(f"  {count} messages, load average {os.getloadavg()[0]:.2f}")
    for name, row in (("alone", alone), ("with the others", together)):
        print(f"  {name:<16}" + "  ".join(f"{key} {value:.2f} ms" for key, value in row.items()))
    for key in ("p50", "p95", "p99"):
        bench.goal(f"time from the 250 to a normal destination beside others, {key}, of that alone",
                   together[key] / alone[key], 2)
