# SPDX-License-Identifier: Apache-2.0
"""What the tests of backends share: a server that asks one, and daemons of the test's own."""

import base64
import os
import pwd
import signal
import subprocess

import harness

LISTENER = ("auth: [staff], auth_plaintext: true, sessions_per_client: 100000, "
            "limits: {auth_failures: 1000}")
REST = """\
auth: {{staff: {{{backend}}}}}
auth_guard: {{delay: 0s, client_failures: 100000, user_failures: 100000}}
"""


def plain(name, password):
    return base64.b64encode(f"\0{name}\0{password}".encode()).decode()


def user_or_nobody(name):
    """The user of a daemon, where its package has made one."""
    try:
        return pwd.getpwnam(name).pw_name
    except KeyError:
        return "nobody"


class Case(harness.TestCase):
    """A server whose only backend is `backend`, YAML without its braces."""

    def start(self, backend):
        return self.server(harness.config(listener=LISTENER, rest=REST.format(backend=backend)))

    def daemon(self, *words, ready=None, stop=signal.SIGTERM, **options):
        """A peer in the foreground, stopped by its id with a signal; ready() says that it serves."""
        output = open(self.directory / f"{os.path.basename(str(words[0]))}.output", "ab")
        self.addCleanup(output.close)
        process = subprocess.Popen([str(word) for word in words], stdin=subprocess.DEVNULL,
                                   stdout=output, stderr=output, **options)
        self.addCleanup(self.finish, process, stop)
        if ready:
            harness.wait_until(lambda: ready() or self.check_running(process, output.name),
                               f"{words[0]} serves", 30)
        return process

    def check_running(self, process, output):
        if process.poll() is not None:
            with open(output, encoding="utf-8", errors="replace") as said:
                self.fail(f"{process.args[0]} ended with {process.returncode}: {said.read()}")

    @staticmethod
    def finish(process, stop=signal.SIGTERM):
        if process.poll() is None:
            process.send_signal(stop)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(20)

    def login(self, server, name, password):
        """The reply to AUTH PLAIN in a session of its own."""
        with harness.Client(server.address) as client:
            client.hello()
            return client.command("AUTH PLAIN " + plain(name, password))

    def assert_logins(self, server, name, password):
        """Right, wrong and unknown; a few one after the other on connections that are kept."""
        for _ in range(3):
            self.assertEqual(self.login(server, name, password).code, 235)
        wrong, unknown = (self.login(server, *each) for each in ((name, "x" + password),
                                                                 ("nobody", password)))
        self.assertEqual((wrong.code, wrong.raw), (535, unknown.raw))
        self.assertEqual(self.login(server, name, password).code, 235)
        self.assertNotIn(password, server.stderr())
