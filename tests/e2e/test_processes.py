# SPDX-License-Identifier: Apache-2.0
"""A master and its workers: reload without loss, crashes, rights, stopping.

GATEPOST_E2E_LONG=1 reloads two hundred times under fifty clients instead of a few times under some.
"""

import os
import re
import shutil
import signal
import socket
import ssl
import threading
import time
import unittest

import harness
import pki
from processes import Processes, own_memory, proc, status

MESSAGE = b"Subject: x\r\n\r\nbody\r\n"
RELOADS = 200 if harness.LONG else 6
CLIENTS = 50 if harness.LONG else 8
ROTATION = 3  # seconds


class Together(Processes):
    """What is counted for all workers."""

    @staticmethod
    def greeted(server, count):
        """So many connections, one after the other; those that were let in."""
        clients = [harness.Client(server.address, greeting=False) for _ in range(count)]
        codes = [client.reply().code for client in clients]
        for client, code in zip(clients, codes):
            if code != 220:
                client.close()
        return [client for client, code in zip(clients, codes) if code == 220]

    def test_sessions(self):
        server = self.launch(self.text(workers=4, listener="sessions_per_client: 5"))
        clients = self.greeted(server, 30)
        self.assertEqual(len(clients), 5)
        for client in clients[:2]:
            client.command("QUIT", 221)
            client.close()
        more = [harness.wait_until(lambda: self.greeted(server, 1), "a session") for _ in range(2)]
        self.assertEqual(self.greeted(server, 10), [])
        for client in clients[2:] + sum(more, []):
            client.close()

    def test_rates(self):
        """So often in all, with whichever worker, also after a reload; a rate for each client, and one for all."""
        server = self.launch(self.text(workers=3, listener="connection_rate_per_client: 7/1h, "
                                                           "connection_rate: 10/1h"))
        self.assertEqual(self.let_in(server, "127.0.0.1", 20), 7)
        self.reload(server)
        self.assertEqual(self.let_in(server, "127.0.0.1", 10), 0)
        self.assertEqual(self.let_in(server, "127.0.0.2", 20), 3)

    @staticmethod
    def let_in(server, source, count):
        """Sessions one after the other; how many were greeted."""
        codes = []
        for _ in range(count):
            with harness.Client(server.address, greeting=False, source=source) as client:
                codes.append(client.reply().code)
        return codes.count(220)

    def test_memory(self):
        """Each worker has less than the limit, all of them have more."""
        server = self.launch(self.text(workers=3))
        old = self.workers(server)
        each = [own_memory(pid) for pid in old]
        limit = sum(each) * 5 // 6
        self.assertLess(max(each) * 2, limit)
        server.config.write_text(self.text(workers=3, rest=f"overload: {{memory: {limit}}}\n"))
        self.reload(server)
        self.wait_workers(server, 3, old)
        self.assertEqual(self.let_in(server, "127.0.0.1", 1), 0)
        server.wait_log("overload.begin")

    def test_sessions_of_a_worker_that_is_gone(self):
        server = self.launch(self.text(workers=2, listener="sessions_per_client: 6"))
        held = self.greeted(server, 20)
        self.assertEqual(len(held), 6)
        old = self.workers(server)
        for pid in old:
            os.kill(pid, signal.SIGKILL)
        self.wait_workers(server, 2, old)
        more = harness.wait_until(lambda: self.greeted(server, 1), "a session")
        for client in held + more:
            client.close()

    def test_failed_logins(self):
        rest = ("auth: {staff: {file: {path: users}}}\n"
                "auth_guard: {delay: 0s, client_failures: 6, lock: 10m}\n")
        text = self.text(workers=4, listener="auth: [staff], auth_plaintext: true", rest=rest)
        (self.directory / "users").write_text("anna:$6$x$y\n")
        (self.directory / "users").chmod(0o644)
        server = self.launch(text)
        self.assertEqual([self.log_in(server) for _ in range(8)], [535] * 6 + [421] * 2)
        self.reload(server)
        self.assertEqual(self.log_in(server), 421)

    @staticmethod
    def log_in(server):
        with harness.Client(server.address) as client:
            client.hello()
            return client.command("AUTH PLAIN AGFubmEAd3Jvbmc=").code


class Rights(Processes):
    """Who runs as whom, and with what."""

    def test_workers(self):
        server = self.launch()
        for pid in self.workers(server):
            self.assertEqual(status(pid, "NoNewPrivs"), "1")
            self.assertEqual(int(status(pid, "CapEff"), 16), 0)
            self.assertEqual(re.search(r"Max core file size\s+(\S+)", proc(pid, "limits"))[1], "0")
            user = harness.unprivileged()
            if user:
                self.assertEqual(status(pid, "Uid").split(), [str(user.pw_uid)] * 4)
                self.assertEqual(status(pid, "Gid").split(), [str(user.pw_gid)] * 4)
                self.assertNotIn("0", status(pid, "Groups").split())
        self.assertEqual(len(self.workers(server)), 2)
        harness.submit(server.address, MESSAGE)
        self.assert_stored(server, MESSAGE)
        self.assertEqual(server.stop(), 0)

    def test_sandbox(self):
        server = self.launch()
        for pid in self.workers(server):
            self.assertEqual(status(pid, "Seccomp"), "2")
        self.assertTrue(all(each["seccomp"] for each in server.wait_log("process.sandbox", 2)))

    def test_without_sandbox(self):
        server = self.launch(self.text(rest="sandbox: off\n"))
        for pid in self.workers(server):
            self.assertEqual(status(pid, "Seccomp"), "0")
        harness.submit(server.address, MESSAGE)
        self.assert_stored(server, MESSAGE)

    @unittest.skipUnless(os.getuid() == 0, "only root has rights to give up")
    def test_configuration_and_secrets_of_root(self):
        """Files that the workers may not read are read for them; the log that they may not open."""
        (self.directory / "part.yaml").write_text(
            "tables: {more: {regex: {path: expressions}}}\n")
        (self.directory / "expressions").write_text("/x/ y\n")
        (self.directory / "expressions").chmod(0o644)
        log = self.directory / "log"
        server = self.launch(self.text(rest="include: part.yaml\n",
                                       log=f"log: {{to: {log}, format: json}}"))
        for name in ("gatepost.yaml", "part.yaml"):
            (self.directory / name).chmod(0o600)
        harness.submit(server.address, MESSAGE)
        self.assert_stored(server, MESSAGE)
        server.signal(signal.SIGHUP)
        harness.wait_until(lambda: "reload.done" in log.read_text(), "a reload")
        harness.submit(server.address, MESSAGE)
        self.assert_stored(server, MESSAGE, count=2)
        self.assertEqual(log.stat().st_uid, 0)
        log.rename(self.directory / "log.1")
        server.signal(signal.SIGUSR1)
        harness.wait_until(log.exists, "a new log")
        harness.submit(server.address, MESSAGE)
        harness.wait_until(lambda: '"message"' in log.read_text(), "the message in the new log")
        self.assertEqual(server.stop(), 0)

    @unittest.skipUnless(os.getuid() == 0, "only root changes users")
    def test_no_such_user(self):
        server = self.launch(self.text().replace("user: nobody", "user: no_such_user"), listeners=0)
        self.assertEqual(server.wait(), 1)
        self.assertIn('there is no user "no_such_user"', server.stderr())

    @unittest.skipUnless(os.getuid() == 0, "only root changes users")
    def test_workers_are_not_root(self):
        server = self.launch(self.text().replace("user: nobody", "user: root"), listeners=0)
        self.assertEqual(server.wait(), 1)
        self.assertIn("must not run as root", server.stderr())

    @unittest.skipUnless(os.getuid() == 0, "only root changes users")
    def test_one_process(self):
        """Binds and opens the log as root, and serves as somebody else."""
        log = self.directory / "log"
        server = self.launch(self.text(workers=0, log=f"log: {{to: {log}, format: json}}"))
        user = harness.unprivileged()
        harness.wait_until(lambda: status(server.process.pid, "NoNewPrivs") == "1", "fewer rights")
        self.assertEqual(status(server.process.pid, "Uid").split(), [str(user.pw_uid)] * 4)
        harness.submit(server.address, MESSAGE)
        self.assert_stored(server, MESSAGE)
        harness.wait_until(lambda: '"message"' in log.read_text(), "the record")
        self.assertEqual(server.stop(), 0)

    def test_started_by_a_user(self):
        user = harness.unprivileged()
        text = self.text().replace("user: nobody\n", "")
        if user:
            os.chown(self.directory, user.pw_uid, user.pw_gid)
        server = self.launch(text, user=user)
        self.assertEqual(len(server.wait_log("process.start")), 1)
        self.assertIn("who started them", server.log("process.start")[0]["text"])
        harness.submit(server.address, MESSAGE)
        self.assert_stored(server, MESSAGE)
        self.reload(server)
        harness.submit(server.address, MESSAGE)
        self.assertEqual(server.stop(), 0)

    def test_role_is_not_for_people(self):
        result = harness.gatepost("process", "worker")
        self.assertEqual(result.returncode, 2)
        self.assertIn("gatepost serve", result.stderr)


def period():
    """The number of the one that runs."""
    return int(time.time() * 1000) // (ROTATION * 1000)


class Handshake:
    """One with TLS 1.2, where tickets can be seen: whether it was resumed, the name of the key of the ticket
    that was given, and which worker it was."""

    def __init__(self, test, server, context, session=None, listener="mx"):
        self.read = b""
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost", session=session)
        with socket.create_connection(server.address_of(listener), 20 * harness.SLOWER) as plain:
            while True:
                try:
                    tls.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    plain.sendall(outgoing.read())
                    data = plain.recv(65536)
                    assert data, "the handshake ended early"
                    self.read += data
                    incoming.write(data)
            plain.sendall(outgoing.read())
            self.worker = test.worker_of(server, plain)
        self.session, self.reused = tls.session, tls.session_reused
        self.key = self._key()

    def _key(self):
        """RFC 5077 3.3: lifetime, length, and then the ticket, which begins with 16 octets of name."""
        for kind, body in self._handshakes():
            if kind == 4:
                return body[6:22]
        return None

    def _handshakes(self):
        """Messages before the first that is encrypted."""
        plain, at = b"", 0
        while at + 5 <= len(self.read) and self.read[at] == 22:
            end = at + 5 + int.from_bytes(self.read[at + 3:at + 5], "big")
            plain, at = plain + self.read[at + 5:end], end
        at = 0
        while at + 4 <= len(plain):
            end = at + 4 + int.from_bytes(plain[at + 1:at + 4], "big")
            yield plain[at], plain[at + 4:end]
            at = end


class Tls(Processes):
    """Keys that the workers may not read; tickets that each of them takes."""

    def setUp(self):
        super().setUp()
        self.ca = pki.Authority(self.directory)
        self.pair = self.ca.issue("localhost", "DNS:localhost,IP:127.0.0.1", days=90)
        for path in self.pair:
            os.chmod(path, 0o600)

    def serve(self, **options):
        cert, key = self.pair
        text = self.text(rest=f"tls: {{certificates: [{{cert: {cert}, key: {key}}}]}}\n", **options)
        return self.launch(text.replace('"127.0.0.1:0",', '"127.0.0.1:0", tls: implicit,'))

    def connect(self, server, context, session=None):
        plain = socket.create_connection(server.address, 20 * harness.SLOWER)
        with context.wrap_socket(plain, server_hostname="localhost", session=session) as client:
            self.assertTrue(client.recv(100).startswith(b"220 "))
            client.sendall(b"QUIT\r\n")
            client.recv(100)
            return client.session, client.session_reused, client.getpeercert(True)

    def context(self):
        context = ssl.create_default_context(cafile=self.ca.certificate)
        context.maximum_version = ssl.TLSVersion.TLSv1_2  # Python resumes these at will
        return context

    def test_resumption_by_any_worker(self):
        server = self.serve(workers=4)
        context = self.context()
        session, _, _ = self.connect(server, context)
        reused = [self.connect(server, context, session)[1] for _ in range(20)]
        self.assertEqual(reused, [True] * 20)
        self.reload(server)
        self.assertTrue(self.connect(server, context, session)[1])

    def test_rotation(self):
        """Keys change in all workers at once. A ticket is good with each of them within its time, beyond one
        change of keys too; not after that, and never with another listener."""
        cert, key = self.pair
        text = self.text(rest=f"tls: {{certificates: [{{cert: {cert}, key: {key}}}], "
                              f"ticket_rotation: {ROTATION}s}}\n").replace(
            '"127.0.0.1:0",', '"127.0.0.1:0", tls: implicit,').replace(
            "listeners:", 'listeners:\n  other: {address: "127.0.0.1:0", tls: implicit}')
        server = self.launch(text, listeners=2)
        for _ in range(10):
            if self.rotates(server):
                return
        self.fail("the machine is too slow for a rotation")

    def rotates(self, server):
        """False: it took so long that nothing can be said."""
        harness.wait_until(lambda: time.time() % ROTATION > ROTATION * 0.6, "the end of a period")
        context, epoch, began = self.context(), period(), time.time()
        first = Handshake(self, server, context)
        here = self.by_each_worker(server, context, first.session)
        if period() != epoch:
            return False
        self.assertEqual({(each.reused, each.key) for each in here}, {(True, None)})
        self.assertFalse(Handshake(self, server, context, first.session, "other").reused)
        fresh = self.by_each_worker(server, context)
        if period() != epoch:
            return False
        self.assertEqual({each.key for each in fresh}, {first.key})
        harness.wait_until(lambda: period() == epoch + 1, "the next keys")
        fresh = self.by_each_worker(server, context)
        later = self.by_each_worker(server, context, first.session)
        other = Handshake(self, server, context, first.session, "other")
        if period() != epoch + 1 or time.time() > began + ROTATION - 1:
            return False
        [key] = {each.key for each in fresh}
        self.assertNotIn(key, (None, first.key))
        self.assertEqual({(each.reused, each.key) for each in later}, {(True, key)})
        self.assertFalse(other.reused)
        harness.wait_until(lambda: period() > epoch + 1, "the next but one")
        self.assertEqual({each.reused for each in self.by_each_worker(server, context, first.session)},
                         {False})
        return True

    def by_each_worker(self, server, context, session=None):
        """A handshake with each of them; which one takes a connection is the kernel's choice."""
        done = {}
        def shake():
            one = Handshake(self, server, context, session)
            done[one.worker] = one
            return len(done) == 2
        harness.wait_until(shake, "two workers")
        return done.values()

    def test_renewed_certificate(self):
        server = self.serve()
        context = self.context()
        before = self.connect(server, context)[2]
        cert, key = self.ca.issue("localhost", "DNS:localhost,IP:127.0.0.1", days=90)
        for new, old in zip((cert, key), self.pair):
            os.chmod(new, 0o600)
            if str(new) != str(old):
                os.replace(new, old)
        self.reload(server)
        self.assertNotEqual(self.connect(server, context)[2], before)

    def test_renewed_certificate_is_seen(self):
        """Nobody has to say so. Half a pair, as when a file is replaced after the other, is no pair."""
        cert, key = self.pair
        server = self.launch(self.text(rest=(
            f"tls: {{certificates: [{{cert: {cert}, key: {key}}}]}}\n"
            "process: {recheck: 1s}\n")).replace('"127.0.0.1:0",', '"127.0.0.1:0", tls: implicit,'))
        context = self.context()
        before = self.connect(server, context)[2]
        new = self.ca.issue("renewed", "DNS:localhost,IP:127.0.0.1", days=90)
        for path in new:
            os.chmod(path, 0o600)
        os.replace(new[0], cert)
        server.wait_log("reload.file_changed", seconds=30)
        server.wait_log("reload.failed", seconds=30)
        self.assertEqual(self.connect(server, context)[2], before)
        os.replace(new[1], key)
        server.wait_log("reload.done", seconds=30)
        self.assertNotEqual(self.connect(server, context)[2], before)


class Starting(Processes):
    """What can be wrong from the start."""

    def test_broken_configuration(self):
        server = self.launch(self.text(rest="no_such_key: 1\n"), listeners=0)
        self.assertEqual(server.wait(), 1)
        self.assertRegex(server.stderr(), r"gatepost\.yaml:\d+:\d+: .*no_such_key")

    def test_port_in_use(self):
        with socket.socket() as taken:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            server = self.launch(self.text().replace(":0", f":{port}"), listeners=0)
            self.assertEqual(server.wait(), 1)
        self.assertRegex(server.stderr(), rf"listener mx, 127\.0\.0\.1:{port}: bind: .*in use; another program")

    def test_plugin_that_cannot_be_made(self):
        text = self.text().replace("tables:\n", "tables:\n  more: {regex: {path: missing}}\n")
        server = self.launch(text, listeners=0)
        self.assertEqual(server.wait(), 1)
        self.assertRegex(server.stderr(), r'\d+:\d+: error: "more" cannot be used: .*missing')

    def test_unix_socket_is_shared(self):
        path = self.directory / "mail" / "socket"
        text = self.text().replace('"127.0.0.1:0"', f'["127.0.0.1:0", "unix:{path}"]')
        server = self.launch(text, listeners=2)
        for _ in range(5):
            harness.submit(str(path), MESSAGE)
        self.assert_stored(server, MESSAGE, count=5)
        self.reload(server)
        harness.submit(str(path), MESSAGE)
        self.assert_stored(server, MESSAGE, count=6)


class Stopping(Processes):
    """SIGTERM to the master, and a master that is gone."""

    def test_message_under_way_is_finished(self):
        server = self.launch()
        busy, idle = self.client(server), self.client(server)
        for client in (busy, idle):
            client.hello()
        busy.envelope()
        busy.command("DATA", 354)
        busy.send(b"Subject: x\r\n")
        server.signal(signal.SIGTERM)
        server.wait_log("process.stop")
        idle.expect(421)
        self.assert_serves_nobody(server.address)
        busy.send(b"\r\nbody\r\n.\r\n")
        busy.expect(250)
        busy.expect(421)
        self.assertEqual(server.wait(), 0)
        self.assert_stored(server, MESSAGE)

    def test_deadline(self):
        server = self.launch(self.text(rest="process: {stop_within: 300ms}\n"))
        client = self.client(server)
        client.hello()
        client.envelope()
        client.command("DATA", 354)
        server.signal(signal.SIGTERM)
        self.assertEqual(server.wait(), 0)
        self.assertTrue(client.is_closed())
        self.assertEqual(harness.stored(server), [])

    def test_second_signal(self):
        server = self.launch()
        client = self.client(server)
        client.hello()
        client.envelope()
        client.command("DATA", 354)
        server.signal(signal.SIGTERM)
        server.wait_log("process.stop")
        server.signal(signal.SIGTERM)
        self.assertEqual(server.wait(), 0)
        self.assertTrue(client.is_closed())

    def test_master_killed(self):
        """Its workers finish what they have, and are no obstacle to the next master."""
        server = self.launch()
        busy, idle = self.client(server), self.client(server)
        idle.hello()
        busy.hello()
        busy.envelope()
        busy.command("DATA", 354)
        pids = self.workers(server)
        server.kill()
        idle.expect(421)
        busy.send(stuffed := MESSAGE + b".\r\n")
        busy.expect(250)
        self.assertTrue(stuffed)
        busy.expect(421)
        harness.wait_until(lambda: not any(self.is_worker(pid) for pid in pids), "workers end")
        self.assert_stored(server, MESSAGE)

    def test_pid_file(self):
        path = self.directory / "pid"
        server = self.launch(self.text(rest=f"process: {{pid_file: {path}}}\n"))
        self.assertEqual(int(path.read_text()), server.process.pid)
        self.assertEqual(server.stop(), 0)
        self.assertFalse(path.exists())


class Load:
    """Clients that send numbered messages, a session or two each, and never accept a failure."""

    def __init__(self, address, clients=CLIENTS):
        self.address = address
        self.lock = threading.Lock()
        self.stop = threading.Event()
        self.sent, self.promised, self.failures, self.lost = 0, set(), [], []
        self.threads = [threading.Thread(target=self.client, args=(i,)) for i in range(clients)]
        for thread in self.threads:
            thread.start()

    def number(self):
        with self.lock:
            self.sent += 1
            return self.sent

    def session(self, number, slow):
        with harness.Client(self.address) as client:
            client.hello()
            for _ in range(3):
                client.envelope()
                if slow:
                    self.stop.wait(0.02)
                client.data(b"X-Number: %d\r\n\r\nbody\r\n" % number)
                with self.lock:
                    self.promised.add(number)
                number = self.number()
            client.command("QUIT", 221)

    def client(self, index):
        while not self.stop.is_set():
            number = self.number()
            try:
                self.session(number, index % 2 == 0)
            except (OSError, AssertionError, harness.Closed) as error:
                with self.lock:
                    self.failures.append(f"{number}: {error!r}")

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join()


def numbers(server):
    """How often each message is there."""
    found = {}
    for message in harness.stored(server):
        number = int(re.match(rb"X-Number: (\d+)", message.content)[1])
        found[number] = found.get(number, 0) + 1
    return found


class Reload(Processes):
    """SIGHUP: new processes, no connection lost, a broken configuration changes nothing."""

    def test_under_load(self):
        # Not a line a message: each look for a reload reads the whole log.
        server = self.launch(self.text(log="log: {to: stderr, format: json, level: notice}"))
        load = Load(server.address)
        self.addCleanup(load.end)
        for count in range(1, RELOADS + 1):
            self.reload(server, count)
            harness.wait_until(lambda so_far=len(load.promised): len(load.promised) > so_far + 5,
                               "messages after a reload", 60)
        load.end()
        self.assertEqual(load.failures, [])
        found = numbers(server)
        self.assertEqual(set(found), load.promised)
        self.assertEqual([n for n, times in found.items() if times != 1], [])
        self.assertEqual(server.stop(), 0)
        self.assertEqual(harness.leftovers(server), [])

    def test_session_goes_on(self):
        server = self.launch()
        before = self.workers(server)
        client = self.client(server)
        client.hello()
        self.reload(server)
        self.wait_workers(server, 3)
        client.envelope()
        client.data(MESSAGE)
        client.command("QUIT", 221)
        self.wait_workers(server, 2, without=before)
        self.assert_stored(server, MESSAGE)

    def test_session_that_does_not_end(self):
        server = self.launch(self.text(rest="process: {reload_within: 300ms}\n"))
        client = self.client(server)
        client.hello()
        self.reload(server)
        client.expect(421)

    def test_takes_effect(self):
        server = self.launch()
        server.config.write_text(self.text().replace("mx.example.test", "new.example.test"))
        self.reload(server)
        with self.client(server) as client:
            self.assertTrue(client.hello().lines[0].startswith("new.example.test"))

    def test_broken_configuration_keeps_the_old(self):
        server = self.launch()
        pids = self.workers(server)
        for count, text in enumerate([
                self.text(rest="no_such_key: 1\n"), "hostname: [\n",
                self.text().replace("127.0.0.1:0", "192.0.2.1:25"),
                self.text(workers=0)], start=1):
            server.config.write_text(text)
            server.signal(signal.SIGHUP)
            error = server.wait_log("reload.failed", count)[-1]["error"]
            self.assertNotEqual(error, "")
            self.assertEqual(self.workers(server), pids)
            self.assert_alive(server)
        self.assertIn("restart", error)
        server.config.write_text(self.text())
        self.reload(server)
        self.assert_alive(server)

    def test_more_and_fewer_workers(self):
        server = self.launch()
        for count, workers in enumerate((4, 1, 3), start=1):
            server.config.write_text(self.text(workers=workers))
            self.reload(server, count)
            self.wait_workers(server, workers)
            for _ in range(20):
                self.assert_alive(server)

    def test_failed_reload_keeps_no_port(self):
        """What was bound for a configuration that cannot be is given back, and nobody got in."""
        server = self.launch()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        broken = self.text(workers=4).replace(
            '"127.0.0.1:0"', f'["127.0.0.1:0", "127.0.0.1:{port}"]').replace(
                "tables:\n", "tables:\n  more: {regex: {path: missing}}\n")
        server.config.write_text(broken)
        load = Load(server.address)
        self.addCleanup(load.end)
        for count in range(1, 4):
            server.signal(signal.SIGHUP)
            server.wait_log("reload.failed", count, seconds=30)
            self.assertTrue(self.is_refused(port))
        load.end()
        self.assertEqual(load.failures, [])
        self.assertEqual(set(numbers(server)), load.promised)

    def test_other_listeners(self):
        server = self.launch()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        server.config.write_text(self.text().replace(
            '"127.0.0.1:0"', f'["127.0.0.1:0", "127.0.0.1:{port}"]'))
        self.reload(server)
        self.assert_alive(server)
        harness.submit(("127.0.0.1", port), MESSAGE)
        server.config.write_text(self.text())
        self.reload(server, 2)
        harness.wait_until(lambda: self.is_refused(port), "the port is closed")
        self.assert_alive(server)

    def is_refused(self, port):
        try:
            harness.Client(("127.0.0.1", port), greeting=False).close()
        except OSError:
            return True
        return False


class Crash(Processes):
    """A worker that dies takes nothing with it."""

    def test_under_load(self):
        server = self.launch(self.text(workers=3))
        load = Load(server.address)
        self.addCleanup(load.end)
        for signo in (signal.SIGSEGV, signal.SIGKILL):
            harness.wait_until(lambda so_far=len(load.promised): len(load.promised) > so_far + 20,
                               "messages", 60)
            pids = self.wait_workers(server, 3)
            os.kill(pids[0], signo)
            self.assertEqual(set(pids[1:]) - set(self.wait_workers(server, 3, pids[:1])), set())
        load.end()
        crashes = server.wait_log("process.crash", 2)
        self.assertEqual([crash["signal"] for crash in crashes], [11, 9])
        found = numbers(server)
        self.assertEqual(load.promised - set(found), set())
        self.assertEqual([n for n, times in found.items() if times != 1], [])
        # Only sessions of the worker that died have failed: what got no answer may be there or not.
        self.assertLessEqual(len(load.failures), 2 * CLIENTS)
        self.assertEqual(server.stop(), 0)

    def misbehaving(self, how, rest=""):
        """A server whose chain has a plugin that misbehaves at MAIL."""
        text = self.text(chain=f"- t_behaves: {{how: {how}}}\n  id: culprit\n", rest=rest)
        server = harness.Server(self.directory, text)
        server.copy_program()
        shutil.copy2(harness.BUILD / "tests" / "modules" / "t_behaves.so",
                     server.program.parent / "plugins")
        self.addCleanup(self._finish, server)
        return server.start()

    def provoke(self, server):
        client = self.client(server)
        client.hello()
        client.send(b"MAIL FROM:<s@example.com>\r\n")
        return client

    def assert_blamed(self, server, signo):
        crash = server.wait_log("process.crash", seconds=40)[0]
        self.assertEqual((crash["signal"], crash["instance"], crash["hook"]),
                         (signo, "culprit", "mail"))
        sessions = [each["session"] for each in server.log("session.open")]
        self.assertIn(crash["session"], sessions)

    @unittest.skipIf(harness.SANITIZED, "the sanitizer takes the signal")
    def test_culprit_is_named(self):
        server = self.misbehaving("crashes")
        client = self.provoke(server)
        self.assertTrue(client.is_closed())
        self.assert_blamed(server, signal.SIGSEGV)
        self.wait_workers(server, 2)
        self.assert_alive(server)

    def test_plugin_that_goes_round(self):
        server = self.misbehaving("goes-round", rest="process: {heartbeat: 5s}\n")
        client = self.provoke(server)
        self.assertTrue(client.is_closed())
        self.assertEqual(len(server.log("process.hung")), 1)
        self.assert_blamed(server, signal.SIGABRT)
        self.wait_workers(server, 2)
        self.assert_alive(server)

    def test_plugin_that_executes(self):
        server = self.misbehaving("executes")
        client = self.provoke(server)
        self.assertEqual(client.reply().code, 250)  # its refusal waits for RCPT
        self.assertIn("not permitted", client.command("RCPT TO:<r@example.test>", 550).text)

    def test_crash_loop(self):
        """Its sockets go to another worker while it waits."""
        server = self.launch()
        for _ in range(3):
            pids = self.wait_workers(server, 2)
            os.kill(pids[0], signal.SIGKILL)
            waits = len(server.log("process.wait"))
            harness.wait_until(lambda seen=waits, was=pids: self.workers(server) != was and
                               (len(self.workers(server)) == 2 or
                                len(server.log("process.wait")) > seen), "the end of a worker")
        server.wait_log("process.wait")
        for _ in range(20):
            self.assert_alive(server)
        self.wait_workers(server, 2)
        for _ in range(20):
            self.assert_alive(server)

    def test_hung(self):
        server = self.launch(self.text(rest="process: {heartbeat: 5s}\n"))
        pids = self.workers(server)
        os.kill(pids[0], signal.SIGSTOP)
        server.wait_log("process.hung", seconds=30)
        self.wait_workers(server, 2, pids[:1])
        self.assert_alive(server)


if __name__ == "__main__":
    unittest.main()
