# SPDX-License-Identifier: Apache-2.0
"""Many sessions at once, with several workers: what idle ones cost, whether others are served beside them,
how they end; and clients that are as slow as they can be."""

import contextlib
import json
import os
import pathlib
import pwd
import resource
import shutil
import smtplib
import socket
import subprocess
import tempfile
import time

from servers import Gatepost, descendants, raise_file_limit
from tls_load import reply, say

CONFIG = """\
hostname: bench.test
workers: {workers}
{user}targets: {{store: {{discard: {{}}}}}}
listeners:
  mx: {{address: "127.0.0.1:{port}", sessions: 1000000, sessions_per_client: 1000000, backlog: 4096{tls}}}
routes: [{{name: all, match: {{}}, to: store, mode: direct}}]
process: {{stop_within: 60s}}
log: {{to: stderr, level: notice, format: json}}
"""
TLS = "tls: {certificates: [{cert: ./cert.pem, key: ./key.pem, self_signed: true}]}\n"


class Fleet(Gatepost):
    """A master and its workers; as root these are somebody else, who may not look into our folders."""

    def __init__(self, build, peers, folder, workers=4, tls=False):
        super().__init__(build, peers, folder, tls=tls)
        self.workers = workers
        self.name = f"gatepost, {workers} workers"
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="gatepost-bench-"))

    def command(self):
        self.folder.chmod(0o755)
        for file in [self.build / "gatepost", *self.build.glob("libgatepost.so*")]:
            shutil.copy2(file, self.folder)
        if (self.build / "plugins").exists():  # else they are inside
            shutil.copytree(self.build / "plugins", self.folder / "plugins")
        root = os.getuid() == 0
        config = self.folder / "gatepost.yaml"
        config.write_text(CONFIG.format(
            workers=self.workers, port=self.port, user="user: nobody\n" if root else "",
            tls=", tls: optional" if self.tls else "") + (TLS if self.tls else ""), encoding="utf-8")
        if root and self.tls:
            os.chown(self.folder, pwd.getpwnam("nobody").pw_uid, -1)
        return [str(self.folder / "gatepost"), "serve", "--config", str(config)], {
            "LD_LIBRARY_PATH": str(self.folder)}

    def memory(self):
        """Bytes of all processes: anonymous memory (the heap, mostly), and all that is resident."""
        heap = resident = 0
        for pid in descendants(self.process.pid):
            with contextlib.suppress(OSError):
                text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
                kib = {line.split(":")[0]: int(line.split()[1]) for line in text.splitlines()[1:]}
                heap += kib["Anonymous"] * 1024
                resident += kib["Rss"] * 1024
        return heap, resident

    def most_descriptors(self):
        """Of one process."""
        counts = [0]
        for pid in descendants(self.process.pid):
            with contextlib.suppress(OSError):
                counts.append(len(os.listdir(f"/proc/{pid}/fd")))
        return max(counts)


def kernel_memory():
    """Bytes of the kernel's objects, sockets among them, on the whole machine."""
    for line in pathlib.Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        if line.startswith("Slab:"):
            return int(line.split()[1]) * 1024
    return 0


def deliver(port):
    """Seconds that a normal client needs for a message, from the connection on."""
    began = time.monotonic()
    with smtplib.SMTP("127.0.0.1", port, "client.test", timeout=60) as client:
        client.sendmail("a@client.test", ["b@example.test"], "Subject: x\r\n\r\nbody\r\n")
    return time.monotonic() - began


class Crowd:
    """Clients of several processes, from several addresses: a process has too few descriptors, and an
    address too few ports."""

    def __init__(self, commands):
        self.loads = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                       preexec_fn=raise_file_limit) for command in commands]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for load in self.loads:
            with contextlib.suppress(OSError):
                load.stdin.close()
            load.stdout.close()
            load.wait(60)

    def _read(self):
        return [json.loads(load.stdout.readline() or "{}") for load in self.loads]

    def held(self):
        return sum(each.get("held", 0) for each in self._read())

    def expect_end(self):
        for load in self.loads:
            load.stdin.write("\n")
            load.stdin.flush()

    def ended(self):
        ends = self._read()
        return sum(each.get("closed", 0) for each in ends), sum(each.get("told", 0) for each in ends)


def split(count, most):
    """As few parts of at most `most` as there can be, about equal."""
    parts = -(-count // most)
    return [count // parts + (i < count % parts) for i in range(parts)]


def crowd(server, commands, count):
    """Figures of so many idle sessions."""
    deliver(server.port)
    heap, resident = server.memory()
    slab, began = kernel_memory(), time.monotonic()
    with Crowd(commands) as clients:
        if clients.held() != count:
            raise RuntimeError(f"{server.name}: not all of {count} sessions (limit of open files?)")
        seconds = time.monotonic() - began
        served = max(deliver(server.port) for _ in range(20))
        heap_after, resident_after = server.memory()
        figures = {"heap": (heap_after - heap) / count, "rss": (resident_after - resident) / count,
                   "kernel": (kernel_memory() - slab) / count, "descriptors": server.most_descriptors(),
                   "seconds": seconds, "served_ms": served * 1000}
        clients.expect_end()
        began = time.monotonic()
        server.process.terminate()
        figures["closed"], figures["told"] = clients.ended()
        if server.process.wait(60):
            raise RuntimeError(f"{server.name} ended with {server.process.returncode}")
        figures["stop_seconds"] = time.monotonic() - began
    return figures


def trickle(server, count, turns=10):
    """Slow clients, each an octet a turn in a command, a header, or a body; the longest that a normal
    client needs meanwhile, in ms, and the memory of a slow one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, count + 500)), hard))
    heap, _ = server.memory()
    served, clients = [], []
    try:
        for n in range(count):
            client = socket.create_connection(("127.0.0.1", server.port), timeout=60)
            clients.append(client)
            reply(client)
            if n % 3 == 0:
                client.sendall(b"EHLO slow")
                continue
            for line in (b"EHLO slow", b"MAIL FROM:<s@client.test>", b"RCPT TO:<b@example.test>", b"DATA"):
                answer = say(client, line)
            if answer[:3] != b"354":
                raise RuntimeError(f"{server.name}: {answer}")
            client.sendall(b"Subject: s" if n % 3 == 1 else b"Subject: slow\r\n\r\nbo")
        for _ in range(turns):
            for client in clients:
                client.sendall(b"x")
            served.append(deliver(server.port))
        each = (server.memory()[0] - heap) / count
    finally:
        for client in clients:
            client.close()
    return max(served) * 1000, each
