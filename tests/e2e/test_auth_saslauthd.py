# SPDX-License-Identifier: Apache-2.0
"""The plugin `auth_saslauthd` with Debian's saslauthd, which itself asks an IMAP server of ours."""

import contextlib
import re
import socketserver
import threading
import unittest

import harness
import logins


class Imap(socketserver.StreamRequestHandler):
    """As much of IMAP as saslauthd's mechanism `rimap` needs: LOGIN with quoted strings."""

    def handle(self):
        with contextlib.suppress(OSError):
            self.wfile.write(b"* OK hello\r\n")
            for line in self.rfile:
                tag, command, rest = (line.strip().split(b" ", 2) + [b""])[:3]
                words = re.findall(rb'"((?:[^"\\]|\\.)*)"', rest)
                if command.upper() != b"LOGIN":
                    self.wfile.write(tag + b" OK done\r\n")
                elif words == [b"anna", b"se cret"]:
                    self.wfile.write(tag + b" OK logged in\r\n")
                else:
                    self.wfile.write(tag + b" NO wrong\r\n")


@unittest.skipUnless(harness.has("saslauthd"), "saslauthd is not installed")
class Saslauthd(logins.Case):
    def saslauthd(self):
        imap = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Imap)
        imap.daemon_threads = True
        thread = threading.Thread(target=imap.serve_forever)
        thread.start()
        self.imap = imap
        self.stop_imap = contextlib.ExitStack()
        self.stop_imap.callback(imap.server_close)
        self.stop_imap.callback(thread.join)
        self.stop_imap.callback(imap.shutdown)
        self.addCleanup(self.stop_imap.close)
        home = self.directory / "saslauthd"
        home.mkdir()
        # At its end it stops its whole process group.
        self.daemon("/usr/sbin/saslauthd", "-d", "-a", "rimap", "-n", "1", "-m", home, "-O",
                    f"127.0.0.1/{imap.server_address[1]}", ready=(home / "mux").exists,
                    start_new_session=True)
        return f'saslauthd: {{to: "unix:{home}/mux"}}'

    def test_logins(self):
        self.assert_logins(self.start(self.saslauthd()), "anna", "se cret")

    def test_what_it_asks_is_down(self):
        server = self.start(self.saslauthd())
        self.assertEqual(self.login(server, "anna", "se cret").code, 235)
        self.stop_imap.close()
        self.assertEqual(self.login(server, "anna", "se cret").code, 454)

    def test_it_is_down(self):
        server = self.start('saslauthd: {to: "unix:/nonexistent/mux"}')
        self.assertEqual(self.login(server, "anna", "se cret").code, 454)


if __name__ == "__main__":
    unittest.main()
