# SPDX-License-Identifier: Apache-2.0
"""The end point for Prometheus, of one process and of many."""

import http.client
import pathlib
import re
import socket
import unittest

import harness
from processes import Processes, proc, status

MESSAGE = b"Subject: x\r\n\r\nbody\r\n"
SAMPLE = re.compile(r'(gatepost_[a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? '
                    r'([0-9.e+-]+|NaN)$')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')


def parse(text):
    """Samples as {(name, labels): value}; fails on anything that the format does not allow."""
    samples, types = {}, {}
    assert text.endswith("\n")
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            continue
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in types, f"{name} comes twice"
            types[name] = kind
            continue
        match = SAMPLE.match(line)
        assert match, line
        family = re.sub(r"_(bucket|sum|count)$", "", match[1])
        assert match[1] in types or types.get(family) == "histogram", f"{match[1]} has no type"
        key = (match[1], frozenset(LABEL.findall(match[2] or "")))
        assert key not in samples, f"{line} comes twice"
        samples[key] = float(match[3])
    return samples


class Metrics(Processes):
    """A scrape, by HTTP."""

    WORKERS = 2

    def text(self, workers=None, rest="", **options):
        text = super().text(workers=self.WORKERS if workers is None else workers,
                            rest=rest + "metrics: {address: \"127.0.0.1:0\"}\n", **options)
        return text if self.WORKERS else text.replace("user: nobody\n", "")

    def get(self, server, path="/metrics", method="GET", body=None):
        connection = http.client.HTTPConnection(*server.address_of("metrics"),
                                                timeout=20 * harness.SLOWER)
        self.addCleanup(connection.close)
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer, answer.read().decode()

    def scrape(self, server):
        answer, text = self.get(server)
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.getheader("Content-Type"),
                         "text/plain; version=0.0.4; charset=utf-8")
        return parse(text)

    @staticmethod
    def one(samples, name, **labels):
        return samples[f"gatepost_{name}", frozenset(labels.items())]

    def mx(self, server):
        return server.address_of("mx")

    def test_numbers(self):
        server = self.launch(self.text(chain="- early_talker: {wait: 10ms}\n"), listeners=2)
        for _ in range(3):
            harness.submit(self.mx(server), MESSAGE)
        client = self.client(self.mx(server))
        client.hello()
        server.wait_log("session.close", 3)
        samples = self.scrape(server)
        self.assertEqual(self.one(samples, "sessions_total"), 4)
        self.assertEqual(self.one(samples, "sessions_open"), 1)
        self.assertEqual(self.one(samples, "commands_total", verb="EHLO"), 4)  # as they come
        self.assertEqual(self.one(samples, "limit_hits_total", limit="errors"), 0)
        self.assertEqual(self.one(samples, "messages_total", result="accepted"), 3)
        self.assertEqual(self.one(samples, "recipients_total", fate="delivered"), 3)
        self.assertEqual(self.one(samples, "message_bytes_total"), 3 * len(MESSAGE))
        where = {"chain": "edge", "instance": "early_talker", "hook": "connect"}
        self.assertEqual(self.one(samples, "hook_verdicts_total", verdict="next", **where), 4)
        self.assertEqual(self.one(samples, "hook_seconds_count", **where), 4)
        self.assertEqual(self.one(samples, "hook_seconds_bucket", le="+Inf", **where), 4)
        self.assertGreater(self.one(samples, "hook_seconds_sum", **where), 0.02)  # timers may be a little early
        buckets = sorted((float(dict(labels)["le"]), value)
                         for (name, labels), value in samples.items()
                         if name == "gatepost_hook_seconds_bucket" and where.items() <=
                         dict(labels).items())
        self.assertEqual([value for _, value in buckets],
                         sorted(value for _, value in buckets))
        up = [dict(labels)["role"] for (name, labels), value in samples.items()
              if name == "gatepost_process_up" and value == 1]
        self.assertEqual(sorted(up), ["console", "master", "worker", "worker"] if self.WORKERS
                         else ["server"])

    def test_described(self):
        """Operations has a row for each metric, with its labels."""
        page = (pathlib.Path(__file__).resolve().parents[2] / "docs/operations.md").read_text()
        rows = [line.split("|") for line in page.splitlines() if line.startswith("| `gatepost_")]
        labels = {}
        for _, names, words, *_ in rows:
            where = {"chain", "instance", "hook"} if "the same" in words else set()
            for name in re.findall(r"`(gatepost_\w+)`", names):
                labels[name] = where | set(re.findall(r"`(\w+)`", words))
        server = self.launch(self.text(chain="- early_talker: {wait: 10ms}\n"), listeners=2)
        harness.submit(self.mx(server), MESSAGE)
        for name, pairs in self.scrape(server):
            name = re.sub(r"(hook_seconds)_(bucket|sum|count)$", r"\1", name)
            self.assertEqual({label for label, _ in pairs} - {"le"}, labels.get(name), name)

    def test_counters_never_go_back(self):
        if not self.WORKERS:
            self.skipTest("one process has no reload")
        server = self.launch(listeners=2)
        before = {}
        for count in range(1, 4):
            harness.submit(self.mx(server), MESSAGE)
            self.reload(server, count)
            samples = harness.wait_until(lambda: self.scrape_if_up(server), "the new console")
            for key, value in before.items():
                if key[0].endswith("_total"):
                    self.assertGreaterEqual(samples[key], value, key)
            before = samples
        self.assertEqual(self.one(before, "messages_total", result="accepted"), 3)
        self.assertEqual(self.one(before, "generation"), 4)

    def can_scrape(self, server):
        try:
            return self.get(server)[0].status == 200
        except (OSError, http.client.HTTPException):
            return False

    def scrape_if_up(self, server):
        """None from a console that is just being replaced."""
        try:
            return self.scrape(server)
        except (OSError, http.client.HTTPException):
            return None

    def test_console_has_no_rights(self):
        if not self.WORKERS:
            self.skipTest("one process has no console")
        server = self.launch(listeners=2)
        children = proc(server.process.pid, f"task/{server.process.pid}/children").split()
        consoles = [pid for pid in children
                    if proc(pid, "cmdline").split("\0")[1:3] == ["process", "console"]]
        self.assertEqual(len(consoles), 1)
        self.assertEqual(status(consoles[0], "Seccomp"), "2")
        user = harness.unprivileged()
        if user:
            self.assertEqual(status(consoles[0], "Uid").split(), [str(user.pw_uid)] * 4)

    def test_other_requests(self):
        server = self.launch(listeners=2)
        self.assertEqual(self.get(server, "/")[0].status, 404)
        self.assertEqual(self.get(server, "/metrics/../etc/passwd")[0].status, 404)
        answer, _ = self.get(server, method="POST", body=b"x" * 100000)
        self.assertEqual((answer.status, answer.getheader("Allow")), (405, "GET, HEAD"))
        answer, text = self.get(server, method="HEAD")
        self.assertEqual((answer.status, text), (200, ""))
        self.assertGreater(int(answer.getheader("Content-Length")), 1000)
        self.scrape(server)

    def test_hostile_clients(self):
        """Those that say nothing, nonsense or too much keep nobody out for long."""
        server = self.launch(listeners=2)
        held = []
        # So many that some must wait until the silent ones are cut off, and by then ask for a connection only
        # each 16 s; for one process, all get in.
        for data in [b"", b"GET /metrics HTTP/1.1\r\n", b"\0" * 100,
                     b"GET /" + b"x" * 100000] * (20 if self.WORKERS else 10):
            client = socket.create_connection(server.address_of("metrics"), 60 * harness.SLOWER)
            self.addCleanup(client.close)
            try:
                client.sendall(data)
            except OSError:
                pass  # it was told to go
            held.append(client)
        harness.submit(self.mx(server), MESSAGE)
        for client in held:
            client.close()
        harness.wait_until(lambda: self.can_scrape(server), "room again", 30)
        self.assert_stored(server, MESSAGE)


class MetricsOfOne(Metrics):
    """The same of one process."""

    WORKERS = 0


if __name__ == "__main__":
    unittest.main()
