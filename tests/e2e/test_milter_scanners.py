# SPDX-License-Identifier: Apache-2.0
"""The plugin `milter` with scanners that speak it: clamav-milter before a clamd of our own, and the
proxy worker of rspamd."""

import os
import re
import unittest

import harness
import test_rspamd
import test_scanners


@unittest.skipUnless(harness.has("clamd"), "clamd is not installed")
@unittest.skipUnless(harness.has("clamav-milter"), "clamav-milter is not installed")
class ClamavMilter(test_scanners.Case):
    def milter(self, **options):
        path = self.directory / "milter.sock"
        settings = {"MilterSocket": path, "MilterSocketMode": "666", "Foreground": "yes",
                    "ClamdSocket": f"unix:{self.clamd()}", "OnInfected": "Reject",
                    "RejectMsg": "Malware found: %v", "AddHeader": "Replace",
                    "TemporaryDirectory": self.directory, **options}
        if os.getuid() == 0:
            settings["User"] = "root"
        (self.directory / "milter.conf").write_text(
            "".join(f"{name} {value}\n" for name, value in settings.items()))
        self.daemon("clamav-milter", "-c", "milter.conf")
        harness.wait_until(path.exists, "clamav-milter is up", 30)
        return self.server(harness.config(chain=f'- milter: {{to: "unix:{path}"}}',
                                          rest="hold: {path: held}\nbuckets: {spam: {}}\n"))

    def test_scans(self):
        server = self.milter()
        clean = b"From: <a@example.com>\r\nSubject: x\r\nX-Virus-Status: forged\r\n\r\nharmless\r\n"
        harness.submit(server.address, clean)
        message, = harness.stored(server)
        self.assertIn(b"\r\nX-Virus-Status: Clean\r\n", message.raw)
        self.assertIn(b"\r\nX-Virus-Scanned: clamav-milter ", message.raw)
        self.assertNotIn(b"forged", message.raw)
        self.assertTrue(message.raw.endswith(b"\r\n\r\nharmless\r\n"))
        reply = harness.submit(server.address,
                               b"Subject: x\r\n\r\n" + test_scanners.EICAR + b"\r\n", codes=(550,))
        self.assertRegex(reply.text, r"Malware found: Local\.Eicar")
        # In the last of many chunks.
        harness.submit(server.address, b"Subject: x\r\n\r\n" + (b"y" * 70 + b"\r\n") * 10000
                       + test_scanners.EICAR + b"\r\n", codes=(550,))
        self.assertEqual(len(harness.stored(server)), 1)

    def test_quarantine(self):
        server = self.milter(OnInfected="Quarantine")
        harness.submit(server.address, b"Subject: x\r\n\r\n" + test_scanners.EICAR + b"\r\n")
        self.assertEqual(harness.stored(server), [])
        self.assertEqual(len(list((server.directory / "held").rglob("*.eml"))), 1)


PROXY = """
worker "rspamd_proxy" {{
  bind_socket = "{dir}/milter.sock mode=0666"; milter = yes; timeout = 30s; count = 1;
  upstream "local" {{ self_scan = yes; }}
}}
modules {{ path = "/usr/share/rspamd/plugins/milter_headers.lua"; }}
milter_headers {{ use = ["x-spam-level", "x-spam-status"]; skip_local = false; skip_authenticated = false; }}
"""


@unittest.skipUnless(harness.has("rspamd"), "rspamd is not installed (scripts/bootstrap --test)")
class RspamdProxy(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.rspamd = test_rspamd.Rspamd(PROXY)
        cls.addClassCleanup(cls.rspamd.stop)
        path = cls.rspamd.directory / "milter.sock"
        harness.wait_until(path.exists, "rspamd's proxy is up", 30)
        cls.address = f"unix:{path}"

    def setUp(self):
        super().setUp()
        self.rspamd.directory.chmod(0o755)
        self.started = self.server(harness.config(chain=f'- milter: {{to: "{self.address}"}}'))

    def test_clean_mail_gets_fields(self):
        for _ in range(3):
            harness.submit(self.started.address, test_rspamd.message("hello"))
        for message in harness.stored(self.started):
            self.assertRegex(message.raw, rb"\r\nX-Spam-Status: No, score=")
            self.assertTrue(message.raw.endswith(b"\r\n\r\nbody\r\n"))

    def test_marks_and_subjects(self):
        harness.submit(self.started.address, test_rspamd.message("please mark me"), "m@example.test")
        harness.submit(self.started.address, test_rspamd.message("rewrite me"), "s@example.test")
        marked, = harness.stored(self.started, "m@example.test")
        self.assertRegex(marked.raw, rb"\r\nX-Spam: Yes\r\n")
        rewritten, = harness.stored(self.started, "s@example.test")
        self.assertEqual(re.findall(rb"\r\nSubject: (.*)\r\n", rewritten.raw),
                         [b"*** SPAM *** rewrite me"])

    def test_spam_is_refused_with_its_text(self):
        gtube = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
        reply = harness.submit(self.started.address, test_rspamd.message("hello", gtube),
                               codes=(554,))
        self.assertIn("Gtube pattern", reply.text)
        self.assertEqual(harness.stored(self.started), [])

    def test_the_body_is_what_was_sent(self):
        harness.submit(self.started.address,
                       test_rspamd.message("hello", "x\r\n" * 50000 + "forbidden words"),
                       codes=(554,))


if __name__ == "__main__":
    unittest.main()
