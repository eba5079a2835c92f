# SPDX-License-Identifier: Apache-2.0
"""`gatepost serve` as a process: signals, listeners, the log, and what there is too much of."""

import json
import os
import re
import resource
import signal
import socket
import time
import unittest

import harness

MESSAGE = b"Subject: x\r\n\r\nbody\r\n"


class Stopping(harness.TestCase):
    """SIGTERM lets sessions finish; asking twice does not."""

    def test_idle_server_ends_at_once(self):
        for signo in (signal.SIGTERM, signal.SIGINT):
            server = self.server()
            began = time.monotonic()
            server.signal(signo)
            self.assertEqual(server.wait(), 0)
            self.assertLess(time.monotonic() - began, 3 * harness.SLOWER)
            self.assertIn("process.stop", server.stderr())

    def test_message_under_way_is_finished(self):
        server = self.server()
        busy, idle = self.client(server), self.client(server)
        for client in (busy, idle):
            client.hello()
        busy.envelope()
        busy.command("DATA", 354)
        busy.send(b"Subject: x\r\n")
        server.signal(signal.SIGTERM)
        server.wait_log("process.stop")
        idle.expect(421)
        self.assertTrue(idle.is_closed())
        self.assert_serves_nobody(server.address)
        busy.send(b"\r\nbody\r\n.\r\n")
        busy.expect(250)
        busy.expect(421)
        self.assertEqual(server.wait(), 0)
        self.assert_stored(server, MESSAGE)

    def test_second_signal_ends_sessions(self):
        server = self.server()
        client = self.client(server)
        client.hello()
        client.envelope()
        client.command("DATA", 354)
        server.signal(signal.SIGTERM)
        server.wait_log("process.stop")
        time.sleep(0.2)
        self.assertTrue(server.is_running())
        server.signal(signal.SIGTERM)
        self.assertEqual(server.wait(15), 0)  # its drain takes longer
        self.assertTrue(client.is_closed())
        self.assertEqual(harness.stored(server), [])

    def test_other_signals_do_no_harm(self):
        server = self.server()
        for signo in (signal.SIGPIPE, signal.SIGUSR1, signal.SIGUSR2):
            server.signal(signo)
        self.assert_alive(server)

    def test_no_trace_of_it_stays(self):
        path = self.directory / "socket"
        server = self.server(harness.config().replace('"127.0.0.1:0"', f'"unix:{path}"'))
        self.assertEqual(server.stop(), 0)
        self.server(harness.config().replace('"127.0.0.1:0"', f'"unix:{path}"'))


class Listening(harness.TestCase):
    """Where it listens, and where it cannot."""

    def test_port_in_use(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            server = harness.Server(self.directory, harness.config().replace(":0", f":{port}"))
            server.launch()
            self.assertEqual(server.wait(), 1)
        self.assertRegex(server.stderr(), rf"listener mx, 127\.0\.0\.1:{port}: bind: .*in use; another program")

    def test_several(self):
        path = self.directory / "unix.sock"
        text = harness.config().replace(
            "listeners:\n", 'listeners:\n  other: {address: ["127.0.0.1:0", "unix:%s"], '
            'hostname: other.example.test}\n' % path)
        server = self.server(text, listeners=3)
        self.assertEqual(sorted(name for name, _ in server.listeners), ["mx", "other", "other"])
        unix = [address for _, address in server.listeners if address.startswith("unix:")]
        self.assertEqual(unix, [f"unix:{path}"])
        addresses = [server.address_of("mx"), str(path)]
        for address, host in zip(addresses, ("mx.example.test", "other.example.test")):
            with harness.Client(address) as client:
                self.assertTrue(client.hello().lines[0].startswith(host))
                client.envelope()
                client.data(MESSAGE)
        self.assert_stored(server, MESSAGE, count=2)
        self.assertEqual(path.stat().st_mode & 0o077, 0)
        names = {record["listener"] for record in server.wait_log("message", 2)}
        self.assertEqual(names, {"mx", "other"})

    def test_socket_left_behind(self):
        path = self.directory / "unix.sock"
        text = harness.config().replace('"127.0.0.1:0"', f'"unix:{path}"')
        server = self.server(text)
        server.kill()
        self.assertTrue(path.exists())
        server = self.server(text)
        self.assert_alive_at(str(path))
        other = harness.Server(self.directory, text).launch()
        self.assertEqual(other.wait(), 1)
        self.assertIn("in use", other.stderr())
        self.assert_alive_at(str(path))

    def assert_alive_at(self, address):
        with harness.Client(address) as client:
            client.command("QUIT", 221)

    def test_closed_standard_descriptors(self):
        """They are not given to the next file: no log line gets into a message or to a client."""
        path = self.directory / "unix.sock"
        server = harness.Server(
            self.directory, harness.config().replace('"127.0.0.1:0"', f'"unix:{path}"'),
            wrapper=("sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh")).launch()
        self.addCleanup(server.kill)

        def accepts():
            with socket.socket(socket.AF_UNIX) as probe:
                return probe.connect_ex(str(path)) == 0

        harness.wait_until(accepts, "the socket")
        with harness.Client(str(path)) as client:
            client.hello()
            client.envelope()
            client.data(MESSAGE)
            for fd in range(3):
                self.assertEqual(os.readlink(f"/proc/{server.process.pid}/fd/{fd}"), "/dev/null")
        self.assert_stored(server, MESSAGE)

    def test_a_file_in_the_way_is_not_removed(self):
        path = self.directory / "unix.sock"
        path.write_text("precious")
        server = harness.Server(self.directory,
                                harness.config().replace('"127.0.0.1:0"', f'"unix:{path}"'))
        server.launch()
        self.assertEqual(server.wait(), 1)
        self.assertEqual(path.read_text(), "precious")

    def test_bad_configuration(self):
        server = harness.Server(self.directory, "hostname: [\n").launch()
        self.assertEqual(server.wait(), 1)
        self.assertIn("gatepost.yaml:", server.stderr())


class Log(harness.TestCase):
    """One line says all about a message, and no peer writes lines of its own."""

    def test_record_of_a_message(self):
        server = self.server()
        with harness.Client(server.address) as client:
            client.hello()
            client.envelope("r@example.test", "other@example.test")
            reply = client.data(MESSAGE)
            client.command("QUIT", 221)
        record, = server.wait_log("message")
        self.assertEqual(set(record) - {"fields", "user"}, {
            "time", "level", "event", "id", "listener", "client", "helo", "sender", "size",
            "reply", "text", "recipients", "verdicts"})
        self.assertIn(record["id"], reply.text)
        self.assertRegex(record["id"], r"^[0-9a-z]{16}\.1$")
        self.assertRegex(record["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertEqual((record["listener"], record["client"], record["helo"], record["sender"],
                          record["size"], record["reply"]),
                         ("mx", "127.0.0.1", "client.example", "s@example.com", len(MESSAGE), 250))
        self.assertEqual(record["recipients"], [
            {"to": f"{who}@example.test", "route": "mailboxes", "fate": "delivered"}
            for who in ("r", "other")])
        session = server.wait_log("session.close")[0]
        self.assertEqual(record["id"].split(".")[0], session["session"])
        self.assertIn(record["id"], harness.stored(server)[0].field("Received"))

    def test_one_record_for_each_message(self):
        server = self.server()
        with harness.Client(server.address) as client:
            client.hello()
            for _ in range(3):
                client.envelope()
                client.data(MESSAGE)
            client.envelope()
            client.command("RSET", 250)
            client.envelope()
            client.data(b"bare\nline feed\r\n", 554)
            client.command("QUIT", 221)
        server.wait_log("session.close")
        self.assertEqual([record["reply"] for record in server.log("message")],
                         [250, 250, 250, 554])

    def test_refused_recipients(self):
        server = self.server()
        with harness.Client(server.address) as client:
            client.hello()
            client.command("MAIL FROM:<s@example.com>", 250)
            client.command("RCPT TO:<r@elsewhere.test>", 550)
        refused, = server.wait_log("recipient.refused")
        self.assertEqual((refused["recipient"], refused["code"]), ("r@elsewhere.test", 550))

    HOSTILE = ['"},{"event":"message', "\x1b[31mred\x1b[0m", "\\", "%s%n", "\u202eevil"]

    def test_peers_write_no_lines(self):
        for form in ("json", "human"):
            with self.subTest(form=form):
                directory = self.directory / form
                directory.mkdir()
                log = "log: {to: stderr, format: %s, level: debug}" % form
                server = self.server(harness.config(log=log), directory=directory)
                for text in self.HOSTILE:
                    with harness.Client(server.address) as client:
                        client.send(b"EHLO " + text.encode() + b"\r\n")
                        client.reply()
                        client.hello()
                        client.send(b'MAIL FROM:<"a\x07 b"@example.com>\r\n')
                        client.reply()
                        client.command("MAIL FROM:<s@example.com> SMTPUTF8")
                        client.send(b'RCPT TO:<"' + text.encode().replace(b"\\", b"\\\\")
                                    .replace(b'"', b'\\"') + b'"@elsewhere.test>\r\n')
                        client.reply()
                        client.send(text.encode() + b"\r\n")
                        client.reply()
                self.assertEqual(server.stop(), 0)
                raw = server.errors.read_bytes()
                self.assertFalse(re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", raw), raw)
                self.assertNotIn("\u202e".encode(), raw)
                for line in raw.decode().splitlines():
                    if form == "json":
                        json.loads(line)
                    else:
                        self.assertRegex(line, r"^\d{4}-\d\d-\d\dT[\d:.]+Z [a-z]+ +[a-z_.]+( |$)")

    def test_reopened_file(self):
        path = self.directory / "log"
        server = self.server(harness.config(log=f"log: {{to: {path}, format: json}}"))
        self.assert_alive(server)
        path.rename(self.directory / "log.1")
        server.signal(signal.SIGUSR1)
        harness.wait_until(path.exists, "a new log file")
        self.assert_alive(server)
        self.assertEqual(server.stop(), 0)
        old = (self.directory / "log.1").read_text()
        new = path.read_text()
        self.assertIn("listener.open", old)
        self.assertIn("process.stop", new)
        for line in (old + new).splitlines():
            json.loads(line)
        self.assertEqual((old + new).count('"session.open"'), 2)

    def test_level(self):
        server = self.server(harness.config(log="log: {to: stderr, format: json, level: error}"))
        harness.submit(server.address, MESSAGE)
        self.assertEqual(server.stop(), 0)
        self.assertEqual(server.log(), [])


class Plenty(harness.TestCase):
    """More clients than there is room for."""

    def test_2000_idle_clients(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard != resource.RLIM_INFINITY and hard < 5000:
            self.skipTest("too few file descriptors")
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 5000), hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        server = self.server()
        before = server.memory()
        clients = [self.client(server) for _ in range(2000)]
        for client in clients:
            client.hello()
        if not harness.SANITIZED:
            self.assertLess((server.memory() - before) / 2000, 8192)
        for client in clients[::100]:
            client.envelope()
            client.data(MESSAGE)
        self.assert_alive(server)
        for client in clients:
            client.close()
        server.wait_log("session.close", 2000)
        self.assert_stored(server, MESSAGE, count=20)

    def test_out_of_descriptors(self):
        server = self.server(limits={resource.RLIMIT_NOFILE: 60})
        clients = [self.client(server, greeting=False) for _ in range(100)]
        for client in clients[:20]:
            client.expect(220)
        server.wait_log("listener.shortage")
        # Those inside are served, though none of them can have a file opened.
        clients[0].hello()
        clients[0].envelope()
        reply = clients[0].data(MESSAGE, 250, 451, 452)
        self.assertIn(reply.code, (250, 451, 452))
        for client in clients[1:]:
            client.close()
        harness.wait_until(lambda: self.answers(server), "it serves again")
        server.wait_log("listener.recovered")
        clients[0].envelope()
        clients[0].data(MESSAGE)

    def answers(self, server):
        try:
            self.assert_alive(server)
        except (OSError, harness.Closed, harness.Unexpected):
            return False
        return True

    def test_sessions_at_once(self):
        server = self.server(harness.config("sessions: 3"))
        inside = [self.client(server) for _ in range(3)]
        with self.client(server, greeting=False) as client:
            self.assertIn("4.3.2", client.expect(421).text)
            self.assertTrue(client.is_closed())
        inside[0].command("QUIT", 221)
        inside[0].close()
        harness.wait_until(lambda: self.answers(server), "there is room again")
        inside[1].hello()

    def test_sessions_of_one_client(self):
        server = self.server(harness.config("sessions_per_client: 2"))
        inside = [self.client(server) for _ in range(2)]
        with self.client(server, greeting=False) as client:
            self.assertIn("4.7.0", client.expect(421).text)
            self.assertTrue(client.is_closed())
        with socket.socket() as other:
            other.bind(("127.0.0.2", 0))
            other.settimeout(10)
            other.connect(server.address)
            self.assertTrue(other.recv(100).startswith(b"220 "))
        inside[0].close()
        harness.wait_until(lambda: self.answers(server), "there is room again")


if __name__ == "__main__":
    unittest.main()
