# SPDX-License-Identifier: Apache-2.0
"""The plugins `clamd` and `spamd` with the daemons that people use, and rules of our own."""

import contextlib
import os
import socket
import subprocess
import unittest

import harness

EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-" + b"STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
SIGNATURE = f"Local.Eicar:0:*:{EICAR.hex()}\n"


class Case(harness.TestCase):
    """Starts a daemon in the directory of the test and ends it."""

    def daemon(self, *command):
        output = open(self.directory / f"{command[0]}.output", "wb")
        self.addCleanup(output.close)
        process = subprocess.Popen(command, stdout=output, stderr=output,
                                   stdin=subprocess.DEVNULL, cwd=self.directory)
        self.addCleanup(process.wait, 20)
        self.addCleanup(process.terminate)
        return process


    def clamd(self):
        """The socket of one that knows one signature."""
        home = self.directory / "db"
        home.mkdir()
        (home / "local.ndb").write_text(SIGNATURE)
        path = self.directory / "clamd.sock"
        (self.directory / "clamd.conf").write_text(
            f"LocalSocket {path}\nDatabaseDirectory {home}\nForeground yes\nStreamMaxLength 1M\n"
            + ("User root\n" if os.getuid() == 0 else ""))
        self.daemon("clamd", "-c", "clamd.conf")
        harness.wait_until(path.exists, "clamd is up", 60)
        return path


@unittest.skipUnless(harness.has("clamd"), "clamd is not installed")
class Clamd(Case):
    def test_scans(self):
        path = self.clamd()
        server = self.server(harness.config(
            chain=f'- clamd: {{to: "unix:{path}"}}'))
        harness.submit(server.address, b"Subject: x\r\n\r\nharmless\r\n")
        reply = harness.submit(server.address, b"Subject: x\r\n\r\n" + EICAR + b"\r\n", codes=(554,))
        self.assertRegex(reply.text, r"Malware found: Local\.Eicar")
        # In the last of many parts; and more than clamd takes.
        harness.submit(server.address, b"Subject: x\r\n\r\n" + (b"y" * 70 + b"\r\n") * 10000 + EICAR
                       + b"\r\n", codes=(554,))
        harness.submit(server.address, b"Subject: x\r\n\r\n" + (b"y" * 70 + b"\r\n") * 30000,
                       codes=(552,))
        self.assertEqual(len(harness.stored(server)), 1)


@unittest.skipUnless(harness.has("spamd"), "spamd is not installed")
class Spamd(Case):
    """Knows one rule."""

    def test_scores(self):
        home = self.directory / "rules"
        home.mkdir()
        (home / "init.pre").write_text("loadplugin Mail::SpamAssassin::Plugin::Check\n")
        (home / "local.cf").write_text("body LOCAL_TEAPOT /teapot/\nscore LOCAL_TEAPOT 7.5\n"
                                       "report_safe 0\n"
                                       "add_header all Status \"_YESNO_, score=_SCORE_\"\n")
        with contextlib.closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        user = ("-u", "nobody") if os.getuid() == 0 else ()
        self.directory.chmod(0o755)
        self.daemon("spamd", "-L", "-x", *user, "-i", "127.0.0.1", "-p", str(port),
                    "--max-children=1", "--min-children=1", f"--configpath={home}",
                    f"--siteconfigpath={home}", "-s", "stderr")
        harness.wait_until(lambda: not socket.socket().connect_ex(("127.0.0.1", port)),
                           "spamd is up", 60)
        server = self.server(harness.config(
            chain=f'- spamd: {{to: "127.0.0.1:{port}"}}\n'
                  f'- spamd: {{to: "127.0.0.1:{port}", ask: headers}}\n  id: fields\n'
                  "- threshold: {score: spamd.score, default: 100, reject_above: 6}"))
        harness.submit(server.address, b"From: <a@example.com>\r\nSubject: x\r\n\r\nharmless\r\n")
        message, = harness.stored(server)
        self.assertIn(b"\nX-Spam-Status: No", message.raw)
        harness.submit(server.address, b"From: <a@example.com>\r\nSubject: x\r\n\r\nI am a teapot\r\n",
                       codes=(550,))
        fields = server.log("message")[1]["fields"]
        self.assertEqual((fields["spamd.score"], fields["spamd.symbols"]), ("7.5", "LOCAL_TEAPOT"))


if __name__ == "__main__":
    unittest.main()
