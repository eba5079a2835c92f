# SPDX-License-Identifier: Apache-2.0
"""The plugin `milter` with milters that people use."""

import base64
import re
import subprocess
import unittest

import harness
import milter

OPENDKIM = """\
Mode {mode}
Socket local:{dir}/dkim.sock
Domain example.com
Selector s1
KeyFile {dir}/key.pem
TestDNSData {dir}/dns
Canonicalization {canonicalization}
InternalHosts {dir}/internal
AuthservID mx.example.test
RequireSafeKeys no
UMask 000
AlwaysAddARHeader yes
LogResults no
Syslog no
"""


@unittest.skipUnless(harness.has("opendkim"), "opendkim is not installed")
@unittest.skipUnless(harness.has("openssl"), "openssl is not installed")
class OpenDkim(milter.Case):
    """Debian's opendkim signs for one server and verifies for another."""

    def opendkim(self, mode, internal, canonicalization="relaxed/simple"):
        home = self.directory / f"dkim{mode}"
        home.mkdir()
        key = self.directory / "key.pem"
        if not key.exists():
            harness.run("openssl", "genrsa", "-traditional", "-out", key, "2048")
        public = harness.run("openssl", "rsa", "-in", key, "-pubout", "-outform", "DER").stdout
        harness.shutil.copy(key, home / "key.pem")
        (home / "dns").write_text("s1._domainkey.example.com v=DKIM1; k=rsa; p="
                                  + base64.b64encode(public).decode() + "\n")
        (home / "internal").write_text(internal + "\n")
        (home / "conf").write_text(OPENDKIM.format(mode=mode, dir=home,
                                                   canonicalization=canonicalization))
        output = open(home / "output", "wb")
        self.addCleanup(output.close)
        process = subprocess.Popen(["opendkim", "-f", "-x", str(home / "conf")], stdout=output,
                                   stderr=output, stdin=subprocess.DEVNULL)
        self.addCleanup(process.wait, 10)
        self.addCleanup(process.kill)  # told to end, it looks every 5 s
        harness.wait_until((home / "dkim.sock").exists, f"opendkim: {(home / 'output').read_text()}")
        return f"unix:{home}/dkim.sock"

    def milter_server(self, address):
        return self.server(harness.config(chain=f'- milter: {{to: "{address}"}}'))

    def test_signs_and_verifies(self):
        content = (b"From: <a@example.com>\r\nTo: r@example.test\r\nSubject: a long one that is folded\r\n"
                   b" here\r\nDate: Thu, 01 Jan 2026 00:00:00 +0000\r\nMessage-ID: <1@example.com>\r\n"
                   b"\r\nbody  with   blanks \r\n\r\n..\r\n" + b"x" * 900 + b"\r\n\r\n")
        for canonicalization in ("relaxed/simple", "simple/simple"):
            with self.subTest(canonicalization=canonicalization):
                signer = self.milter_server(self.opendkim("s", "127.0.0.1", canonicalization))
                self.session(signer, content)
                message, = harness.stored(signer)
                signed = message.raw[message.raw.index(b"From: <a@"):]
                signature = re.search(rb"(?m)^DKIM-Signature:.*?\r\n(?![ \t])", message.raw, re.S)
                self.assertTrue(signature, message.raw)
                verifier = self.milter_server(self.opendkim("v", "192.0.2.1"))
                self.session(verifier, signature.group() + signed, "v@example.test")
                verified, = harness.stored(verifier, "v@example.test")
                self.assertRegex(verified.raw, rb"Authentication-Results: mx.example.test;\s+dkim=pass")
                self.session(verifier, signature.group() + signed.replace(b"body", b"ydob"),
                             "w@example.test")
                verified, = harness.stored(verifier, "w@example.test")
                self.assertRegex(verified.raw, rb"dkim=fail")
                for each in ("s", "v"):
                    harness.shutil.rmtree(self.directory / f"dkim{each}")
                harness.shutil.rmtree(self.directory / "mail")


@unittest.skipUnless(harness.has("opendmarc"), "opendmarc is not installed")
class OpenDmarc(milter.Case):
    """Debian's opendmarc, for a domain that it need not ask DNS about."""

    def test_passes_mail_on(self):
        conf = self.directory / "dmarc.conf"
        conf.write_text(f"Socket local:{self.directory}/dmarc.sock\nAuthservID mx.example.test\n"
                        f"IgnoreMailFrom example.com\nSoftwareHeader true\nSyslog false\n"
                        f"UMask 000\nRejectFailures true\n")
        output = open(self.directory / "dmarc.output", "wb")
        self.addCleanup(output.close)
        process = subprocess.Popen(["opendmarc", "-f", "-c", str(conf)], stdout=output,
                                   stderr=output, stdin=subprocess.DEVNULL)
        self.addCleanup(process.wait, 10)
        self.addCleanup(process.kill)
        harness.wait_until((self.directory / "dmarc.sock").exists, "opendmarc is up")
        server = self.server(harness.config(
            chain=f'- milter: {{to: "unix:{self.directory}/dmarc.sock"}}'))
        self.session(server, b"From: <a@example.com>\r\nSubject: x\r\n\r\nbody\r\n")
        message, = harness.stored(server)
        self.assertIn(b"\r\nSubject: x\r\n", message.raw)
        self.assertEqual(server.log("message")[0]["verdicts"]["milter"].split()[0], "next")


if __name__ == "__main__":
    unittest.main()
