# SPDX-License-Identifier: Apache-2.0
"""What the tests of the queue share: a configuration that queues, and who runs in it."""

import contextlib
import os
import pathlib
import signal

import harness
import processes

CONFIG = """\
hostname: mx.example.test
targets:
  mailboxes: {{maildir: {{path: mail}}}}
{targets}
listeners:
  mx: {{address: "127.0.0.1:0", sessions_per_client: 100000}}
routes:
{routes}
  - {{name: mailboxes, match: {{recipient: example.test}}, to: mailboxes}}
spool: {{path: spool, keep_free: 0{engine}}}
queue:
  default: {{retry: [{retry}], expire: 1d, warn: 0}}
{user}
{rest}
log: {{to: stderr, format: json}}
"""


ENGINES = "engines: {store: {lmdb: {path: store, keep_free: 0}}}\n"


def config(workers=0, targets="", routes="", retry="100ms", rest="", lmdb=False):
    """With the spool in the log, or in LMDB."""
    user = "user: nobody" if workers and harness.unprivileged() else ""
    return CONFIG.format(targets=targets, routes=routes, retry=retry, user=user,
                         engine=", engine: store" if lmdb else "",
                         rest=f"workers: {workers}\n{rest}{ENGINES if lmdb else ''}")


class TestCase(processes.Processes):
    """A directory in which the service's user may make spool and mailboxes."""

    workers_count = 0
    lmdb = False

    def setUp(self):
        super().setUp()
        user = harness.unprivileged()
        for name in ("spool", "store"):
            (self.directory / name).mkdir()
            if user and self.workers_count:
                os.chown(self.directory / name, user.pw_uid, user.pw_gid)
        if user and not self.workers_count:
            os.chown(self.directory / "mail", 0, 0)

    def queueing(self, **options):
        text = config(self.workers_count, lmdb=self.lmdb, **options)
        return self.launch(text) if self.workers_count else self.server(text)

    def wait_stored(self, server, count, recipient="r@example.test", seconds=20.0):
        return harness.wait_until(
            lambda: (lambda got: got if len(got) >= count else None)(
                harness.stored(server, recipient)),
            f"{count} messages for {recipient}", seconds)

    def kill_all(self, server):
        """kill -9 of the master and all that it started."""
        pids = [pid for role in children(server.process.pid).values() for pid in role]
        server.kill()
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        harness.wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids),
                           "all to be gone")


def children(pid):
    """The processes that a master started: role to process ids."""
    found = {}
    try:
        text = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except OSError:
        return found
    for child in text.split():
        try:
            words = pathlib.Path(f"/proc/{child}/cmdline").read_text(encoding="ascii").split("\0")
        except OSError:
            continue
        if words[1:2] == ["process"]:
            found.setdefault(words[2], []).append(int(child))
    return found
