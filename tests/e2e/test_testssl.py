# SPDX-License-Identifier: Apache-2.0
"""testssl.sh finds nothing above LOW. Protocols and renegotiation over STARTTLS take it half a minute;
with GATEPOST_E2E_LONG=1 it looks at both kinds of listener for everything it knows of servers that are
not for the Web, which takes minutes."""

import json
import unittest

import harness
import pki
from test_tls import config

SHORT = ["-p", "-R"]
LONG = ["-p", "-S", "-P", "-U", "-E", "-s", "-f"]


@unittest.skipUnless(harness.has("testssl"), "testssl.sh is not installed")
class TestSsl(harness.TestCase):
    def findings(self, server, name, *words):
        report = self.directory / f"{name}.json"
        result = harness.run("testssl", "--quiet", "--color", "0", "-n", "none", "--warnings", "off",
                             "--add-ca", self.directory / "ca.pem", "--jsonfile", report, *words,
                             *(LONG if harness.LONG else SHORT),
                             "localhost:%d" % server.address_of(name)[1], seconds=600)
        self.assertTrue(report.exists(), result.stdout.decode() + result.stderr.decode())
        return json.loads(report.read_text())

    def judge(self, name, *words):
        ca = pki.Authority(self.directory)
        pairs = [ca.issue("ecdsa", "DNS:localhost", days=90),
                 ca.issue("rsa", "DNS:localhost", days=90, kind="rsa")]
        server = self.server(config(pairs), listeners=3)
        found = self.findings(server, name, *words)
        self.assertEqual([each for each in found
                          if each["severity"] in ("MEDIUM", "HIGH", "CRITICAL", "FATAL")], [])
        told = {each["id"]: each["finding"] for each in found}
        self.assertEqual(told["TLS1_2"], "offered")
        self.assertIn("offered", told["TLS1_3"])
        self.assertEqual(told["TLS1"], "not offered")
        self.assertIn("not vulnerable", told["secure_client_renego"])
        self.assert_alive(server)

    @unittest.skipUnless(harness.LONG, "takes minutes: GATEPOST_E2E_LONG=1")
    def test_implicit(self):
        self.judge("smtps")

    def test_starttls(self):
        self.judge("mx", "-t", "smtp")


if __name__ == "__main__":
    unittest.main()
