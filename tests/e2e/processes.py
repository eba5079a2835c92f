# SPDX-License-Identifier: Apache-2.0
"""What tests of a master and its workers share."""

import os
import pathlib
import re
import signal

import harness


def proc(pid, name):
    return pathlib.Path(f"/proc/{pid}/{name}").read_text(encoding="utf-8", errors="replace")


def status(pid, key):
    return re.search(rf"^{key}:\s*(.*)$", proc(pid, "status"), re.M)[1]


def own_memory(pid):
    """Octets that no other process has as well."""
    _, resident, shared, *_ = map(int, proc(pid, "statm").split())
    return (resident - shared) * os.sysconf("SC_PAGESIZE")


def inode_of(client):
    """Of the server's end of a connection over IPv4."""
    ours = f":{client.getsockname()[1]:04X}"
    theirs = f":{client.getpeername()[1]:04X}"
    for line in pathlib.Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        words = line.split()
        if words[1].endswith(theirs) and words[2].endswith(ours):
            return words[9]
    raise AssertionError("the connection has no other end")


class Processes(harness.TestCase):
    """What the tests here share: a server with workers that anybody may execute."""

    def setUp(self):
        super().setUp()
        if not os.path.exists("/proc/self/status"):
            self.skipTest("no /proc")
        self.directory.chmod(0o755)
        (self.directory / "mail").mkdir()
        user = harness.unprivileged()
        if user:
            os.chown(self.directory / "mail", user.pw_uid, user.pw_gid)

    def text(self, workers=2, rest="", **options):
        user = "user: nobody\n" if harness.unprivileged() else ""
        return harness.config(rest=f"workers: {workers}\n{user}{rest}", **options)

    def launch(self, text=None, listeners=1, **options):
        """A copy of the program: the service's user may not look into our folders."""
        server = harness.Server(self.directory, text or self.text(), **options)
        server.copy_program()
        self.addCleanup(self._finish, server)
        return server.start(listeners) if listeners else server.launch()

    def workers(self, server):
        """Process ids of the workers that run."""
        children = proc(server.process.pid, f"task/{server.process.pid}/children").split()
        return [int(pid) for pid in children
                if self.is_worker(int(pid))]

    def is_worker(self, pid):
        try:
            words = proc(pid, "cmdline").split("\0")
        except OSError:
            return False
        return words[1:3] == ["process", "worker"]

    def wait_workers(self, server, count, without=()):
        """Until so many run, none of them one of those."""
        def look():
            pids = self.workers(server)
            return pids if len(pids) == count and not set(pids) & set(without) else None
        return harness.wait_until(look, f"{count} workers")

    def worker_of(self, server, client):
        """Who has the other end of a connection over IPv4."""
        inode = inode_of(client)
        for pid in self.workers(server):
            for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir():
                try:
                    if os.readlink(entry) == f"socket:[{inode}]":
                        return pid
                except OSError:
                    pass  # it is gone meanwhile
        raise AssertionError("no worker has this connection")

    def reload(self, server, count=1):
        server.signal(signal.SIGHUP)
        server.wait_log("reload.done", count, seconds=30)
