# SPDX-License-Identifier: Apache-2.0
"""What the tests of the queue share: a configuration that queues, and who runs in it."""

import os
import pathlib

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
spool: {{path: spool, keep_free: 0}}
queue:
  default: {{retry: [{retry}], expire: 1d, warn: 0}}
{user}
{rest}
log: {{to: stderr, format: json}}
"""


def config(workers=0, targets="", routes="", retry="100ms", rest=""):
    user = "user: nobody" if workers and harness.unprivileged() else ""
    return CONFIG.format(targets=targets, routes=routes, retry=retry, user=user,
                         rest=f"workers: {workers}\n{rest}")


class TestCase(processes.Processes):
    """A directory in which the service's user may make spool and mailboxes."""

    workers_count = 0

    def setUp(self):
        super().setUp()
        (self.directory / "spool").mkdir()
        user = harness.unprivileged()
        if user and self.workers_count:
            os.chown(self.directory / "spool", user.pw_uid, user.pw_gid)
        elif user:
            os.chown(self.directory / "mail", 0, 0)

    def queueing(self, **options):
        text = config(self.workers_count, **options)
        return self.launch(text) if self.workers_count else self.server(text)

    def wait_stored(self, server, count, recipient="r@example.test", seconds=20.0):
        return harness.wait_until(
            lambda: (lambda got: got if len(got) >= count else None)(
                harness.stored(server, recipient)),
            f"{count} messages for {recipient}", seconds)


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
