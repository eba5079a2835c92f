# SPDX-License-Identifier: Apache-2.0
"""250 means durable: whatever happens to the process, the disk or the rights.

GATEPOST_E2E_LONG=1 kills the server a thousand times instead of for some seconds.
"""

import contextlib
import os
import random
import resource
import socket
import threading
import time
import unittest

import harness

MESSAGE = b"Subject: x\r\n\r\nbody\r\n"
KILLS = 1000 if harness.LONG else 30
CLIENTS = 8


def content_of(number, size):
    """A message whose every octet follows from its number and size."""
    rng = random.Random(number)
    line = b"%08x" % rng.getrandbits(32) * 8 + b"\r\n"
    return b"X-Number: %d\r\nX-Size: %d\r\n\r\n" % (number, size) + line * size + b"the end\r\n"


class Load:
    """Clients that send numbered messages for as long as the server lives."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.lock = threading.Lock()
        self.sent = {}      # number: (size, recipients)
        self.promised = []  # numbers that got 250
        self.refused = []   # other replies than the expected ones

    def next(self):
        with self.lock:
            number = len(self.sent)
            size = self.rng.choice((0, 1, 10, 200, 3000))
            count = self.rng.choice((1, 2, 5))
            recipients = [f"r{i}@example.test" for i in self.rng.sample(range(30), count)]
            self.sent[number] = (size, recipients)
        return number, size, recipients

    def session(self, address):
        with harness.Client(address) as client:
            client.hello()
            while True:
                number, size, recipients = self.next()
                client.envelope(*recipients)
                client.data(content_of(number, size))
                with self.lock:
                    self.promised.append(number)

    def client(self, address):
        try:
            self.session(address)
        except (OSError, harness.Closed):
            pass  # the server is gone
        except harness.Unexpected as error:
            with self.lock:
                self.refused.append(error.reply)

    def start(self, address):
        threads = [threading.Thread(target=self.client, args=(address,)) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        return threads


class Kill(harness.TestCase):
    """kill -9 at any moment."""

    def collect(self, server, load):
        """What is in `new`, each of it whole; number: recipients."""
        found = {}
        for i in range(30):
            who = f"r{i}@example.test"
            for message in harness.stored(server, who):
                number = int(message.content.split(b"\r\n")[0].split()[1])
                size, recipients = load.sent[number]
                self.assertTrue(message.content == content_of(number, size),
                                f"message {number} for {who} is not whole")
                self.assertIn(who, recipients)
                found.setdefault(number, []).append(who)
        return found

    def test_nothing_promised_is_lost(self):
        load = Load(1)
        rng = random.Random(2)
        server = harness.Server(self.directory, harness.config())
        self.addCleanup(self._finish, server)
        for _ in range(KILLS):
            server.start()
            threads = load.start(server.address)
            time.sleep(rng.uniform(0.02, 0.4))
            server.kill()
            for thread in threads:
                thread.join()
        self.assertEqual(load.refused, [])
        self.assertGreater(len(load.promised), KILLS)
        found = self.collect(server, load)
        for number in load.promised:
            self.assertEqual(sorted(found.get(number, [])), sorted(load.sent[number][1]),
                             f"message {number} had 250")

    def test_drain_keeps_promises_too(self):
        """SIGTERM under load: everything that was begun is either finished or refused."""
        load = Load(3)
        server = self.server()
        threads = load.start(server.address)
        time.sleep(0.4)
        self.assertEqual(server.stop(), 0)
        for thread in threads:
            thread.join()
        self.assertTrue(all(reply.code == 421 for reply in load.refused), load.refused)
        found = self.collect(server, load)
        self.assertEqual(sorted(found), sorted(load.promised))
        self.assertEqual(harness.leftovers(server), [])


def mount_tmpfs(path, size):
    """Whether a small file system could be mounted there."""
    path.mkdir()
    return os.getuid() == 0 and harness.run(
        "mount", "-t", "tmpfs", "-o", f"size={size},mode=0755", "tmpfs", path).returncode == 0


class Full(harness.TestCase):
    """No space left, or no right to use it."""

    def refused(self, server, content, *codes):
        reply = harness.submit(server.address, content, "a@example.test", "b@example.test",
                               codes=codes)
        self.assertRegex(reply.text, r"^4\.\d\.\d ")
        for who in ("a@example.test", "b@example.test"):
            self.assertEqual([m for m in harness.stored(server, who) if m.content == content], [])
        self.assertEqual(harness.leftovers(server), [])

    def accepted(self, server, content):
        harness.submit(server.address, content, "a@example.test", "b@example.test")
        for who in ("a@example.test", "b@example.test"):
            self.assertEqual(len([m for m in harness.stored(server, who)
                                  if m.content == content]), 1)

    def test_file_system_full(self):
        mail = self.directory / "mail"
        if not mount_tmpfs(mail, "1m"):
            self.skipTest("no file system can be mounted here")
        self.addCleanup(harness.run, "umount", "-l", mail)
        server = self.server(harness.config(rest="overload: {keep_free: 0}\n"))
        self.accepted(server, MESSAGE)
        large = content_of(1, 9000)  # one copy fits, two do not
        self.refused(server, large, 452)
        self.accepted(server, MESSAGE + b"still\r\n")
        (mail / "ballast").write_bytes(bytes(100_000))
        with contextlib.suppress(OSError), open(mail / "ballast", "ab") as ballast:
            while True:
                ballast.write(bytes(512))
                ballast.flush()
        self.refused(server, MESSAGE + b"full\r\n", 452)
        harness.submit(server.address, MESSAGE, "new@example.test", codes=(452,))
        (mail / "ballast").unlink()
        self.accepted(server, MESSAGE + b"free again\r\n")
        harness.submit(server.address, MESSAGE, "new@example.test")
        self.assert_stored(server, MESSAGE, "new@example.test")

    def test_keep_free(self):
        """The directory of a target counts: with less than 64 MiB nobody is let in."""
        if not mount_tmpfs(self.directory / "mail", "1m"):
            self.skipTest("no file system can be mounted here")
        self.addCleanup(harness.run, "umount", "-l", self.directory / "mail")
        server = self.server()
        with socket.create_connection(server.address, 10) as connection:
            self.assertEqual(connection.makefile("rb").readline(),
                             b"421 4.3.1 Short of disk space, try again later\r\n")

    def test_file_size_limit(self):
        """The signal that comes with it must not end the server."""
        server = self.server(limits={resource.RLIMIT_FSIZE: 300_000})
        self.accepted(server, MESSAGE)
        self.refused(server, content_of(1, 9000), 451, 452)
        self.accepted(server, MESSAGE + b"more\r\n")

    def unprivileged_server(self):
        user = harness.unprivileged()
        if user:
            os.chown(self.directory, user.pw_uid, user.pw_gid)
        return self.server(user=user)

    def test_no_right_to_write(self):
        server = self.unprivileged_server()
        self.accepted(server, MESSAGE)
        for part in ("tmp", "new"):
            with self.subTest(part=part):
                closed = harness.folder(server, "b@example.test") / part
                closed.chmod(0o500)
                self.refused(server, MESSAGE + part.encode() + b"\r\n", 451)
                closed.chmod(0o700)
                self.accepted(server, MESSAGE + b"again, " + part.encode() + b"\r\n")

    def test_no_right_to_make_a_folder(self):
        server = self.unprivileged_server()
        self.accepted(server, MESSAGE)
        domain = server.directory / "mail/example.test"
        domain.chmod(0o500)
        harness.submit(server.address, MESSAGE, "new@example.test", codes=(451,))
        domain.chmod(0o700)
        harness.submit(server.address, MESSAGE, "new@example.test")
        self.assert_stored(server, MESSAGE, "new@example.test")

    def test_something_in_the_way(self):
        server = self.server()
        self.accepted(server, MESSAGE)
        new = harness.folder(server, "b@example.test") / "new"
        new.rename(new.parent / "aside")
        new.write_text("not a directory")
        reply = harness.submit(server.address, MESSAGE, "b@example.test", codes=(451,))
        self.assertNotIn(str(self.directory), reply.text)
        self.assertEqual(harness.leftovers(server), [])
        new.unlink()
        (new.parent / "aside").rename(new)
        self.accepted(server, MESSAGE + b"again\r\n")

    def test_the_log_says_why(self):
        server = self.server()
        (self.directory / "mail").write_text("in the way")
        harness.submit(server.address, MESSAGE, codes=(451,))
        failure = server.wait_log("delivery.failed")[0]
        self.assertEqual((failure["level"], failure["target"]), ("error", "mailboxes"))
        self.assertTrue(failure["error"])
        record = server.wait_log("message")[0]
        self.assertEqual(record["reply"], 451)
        self.assertEqual(record["recipients"][0]["fate"], "deferred")


if __name__ == "__main__":
    unittest.main()
