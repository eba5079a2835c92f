# SPDX-License-Identifier: Apache-2.0
"""A service manager's protocols: it is told how we are, and its sockets are used."""

import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import unittest

import harness
from processes import Processes

MESSAGE = b"Subject: x\r\n\r\nbody\r\n"
# Moves descriptors to 3 and above, by way of numbers that nobody has, and becomes the program.
MANAGER = """
import os, sys
fds = [os.dup2(int(fd), 100 + i) for i, fd in enumerate(sys.argv[1].split(","))]
for i, fd in enumerate(fds):
    os.dup2(fd, 3 + i)
    os.close(fd)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.argv[2], sys.argv[2:])
"""
ROOT = pathlib.Path(__file__).resolve().parents[2]


class Managed(Processes):
    """What the tests below share; WORKERS says which kind of server."""

    WORKERS = 2

    def text(self, workers=None, **options):
        text = super().text(workers=self.WORKERS if workers is None else workers, **options)
        return text if self.WORKERS else text.replace("user: nobody\n", "")


class Notify(Managed):
    """sd_notify(3): READY, RELOADING, STOPPING, WATCHDOG."""

    def manager(self, address):
        manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(manager.close)
        manager.settimeout(20 * harness.SLOWER)
        manager.bind(address)
        return manager

    def wait_for(self, manager, word):
        while True:
            text = manager.recv(4096).decode()
            if word in text.split("\n"):
                return text
            self.assertIn(text, ("WATCHDOG=1", "READY=1"), word)

    def test_states(self):
        path = str(self.directory / "notify")
        manager = self.manager(path)
        server = self.launch(environment={"NOTIFY_SOCKET": path})
        self.wait_for(manager, "READY=1")
        if self.WORKERS:
            server.signal(signal.SIGHUP)
            self.assertRegex(self.wait_for(manager, "RELOADING=1"), r"\nMONOTONIC_USEC=\d+$")
            self.wait_for(manager, "READY=1")
            server.config.write_text("broken: [\n")
            server.signal(signal.SIGHUP)
            self.wait_for(manager, "RELOADING=1")
            self.wait_for(manager, "READY=1")
        server.signal(signal.SIGTERM)
        self.wait_for(manager, "STOPPING=1")
        self.assertEqual(server.wait(), 0)

    def test_watchdog_on_a_socket_without_a_file(self):
        name = f"gatepost-test-{os.getpid()}-{self.WORKERS}"
        manager = self.manager("\0" + name)
        self.launch(environment={"NOTIFY_SOCKET": "@" + name, "WATCHDOG_USEC": "2000000"})
        for _ in range(3):
            self.wait_for(manager, "WATCHDOG=1")

    def test_children_do_not_know_it(self):
        path = str(self.directory / "notify")
        self.manager(path)
        server = self.launch(environment={"NOTIFY_SOCKET": path})
        for pid in self.workers(server):
            environment = pathlib.Path(f"/proc/{pid}/environ").read_bytes()
            self.assertNotIn(b"NOTIFY_SOCKET", environment)

    def test_nonsense(self):
        for path in ("", "x", "@", "/" + "x" * 200, str(self.directory / "nobody")):
            server = self.launch(environment={"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "x",
                                              "LISTEN_PID": "x", "LISTEN_FDS": "9"})
            self.assert_alive(server)
            self.assertEqual(server.stop(), 0)


class NotifyOfOne(Notify):
    """The same of one process."""

    WORKERS = 0


class Activation(Managed):
    """sd_listen_fds(3): sockets by name or address."""

    def listening(self, family=socket.AF_INET, address=("127.0.0.1", 0)):
        listening = socket.socket(family, socket.SOCK_STREAM)
        self.addCleanup(listening.close)
        listening.bind(address)
        listening.listen()
        return listening

    def activate(self, sockets, names, text, listeners):
        fds = [each.fileno() for each in sockets]
        return self.launch(text, listeners=listeners, pass_fds=fds,
                           wrapper=[sys.executable, "-c", MANAGER, ",".join(map(str, fds))],
                           environment={"LISTEN_FDS": str(len(sockets)),
                                        "LISTEN_FDNAMES": ":".join(names)})

    def test_by_name_and_by_address(self):
        path = self.directory / "mail" / "socket"
        named, at = self.listening(), self.listening()
        unix = self.listening(socket.AF_UNIX, str(path))
        other = self.listening()
        port = at.getsockname()[1]
        text = self.text().replace("listeners:\n", "listeners:\n"
                                   f'  second: {{address: ["127.0.0.1:{port}", "unix:{path}"]}}\n')
        server = self.activate([at, named, unix, other], ["x", "mx", "y", "z"], text, 3)
        self.assertEqual(server.address_of("mx"), named.getsockname())
        self.assertEqual(len(server.wait_log("process.unused_sockets")), 1)
        for address in (named.getsockname(), at.getsockname(), str(path)):
            harness.submit(address, MESSAGE)
        self.assert_stored(server, MESSAGE, count=3)
        if self.WORKERS:
            self.reload(server)
            for address in (named.getsockname(), at.getsockname(), str(path)):
                harness.submit(address, MESSAGE)
            self.assert_stored(server, MESSAGE, count=6)

    def test_connection_that_came_before(self):
        """It waits in the socket until there is somebody."""
        listening = self.listening()
        client = harness.Client(listening.getsockname(), greeting=False)
        self.addCleanup(client.close)
        self.activate([listening], ["mx"], self.text(), 1)
        client.expect(220)


class ActivationOfOne(Activation):
    """The same of one process."""

    WORKERS = 0


class Units(unittest.TestCase):
    """The unit files that are installed."""

    def test_service(self):
        text = (harness.BUILD / "generated" / "gatepost.service").read_text()
        self.assertNotIn("@", text.replace("@reboot", ""))
        self.assertRegex(text, r"(?m)^Type=notify$")
        self.assertRegex(text, r"(?m)^ExecStart=/\S+/gatepost serve --config /\S+/gatepost\.yaml$")

    def test_verified(self):
        if not harness.has("systemd-analyze"):
            self.skipTest("no systemd-analyze")
        for unit in (harness.BUILD / "generated" / "gatepost.service",
                     ROOT / "packaging" / "systemd" / "gatepost.socket"):
            result = subprocess.run(["systemd-analyze", "verify", "--man=no", str(unit)],
                                    capture_output=True, text=True, timeout=60, check=False)
            complaints = [line for line in result.stderr.splitlines()
                          if re.search(r"gatepost\.(service|socket):\d+:", line)]
            self.assertEqual(complaints, [])


if __name__ == "__main__":
    unittest.main()
