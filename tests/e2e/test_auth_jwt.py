# SPDX-License-Identifier: Apache-2.0
"""The plugin `auth_jwt` with tokens made by openssl(1), and curl, which shows them."""

import base64
import json
import os
import time
import unittest

import harness
import jose
import logins


@unittest.skipUnless(harness.has("openssl"), "openssl is not installed")
class Jwt(logins.Case):
    def setUp(self):
        super().setUp()
        self.keys = self.directory / "jwks.json"
        self.issuers = [jose.Issuer(self.directory, alg, alg) for alg in jose.Issuer.KINDS]
        self.publish(self.issuers)

    def publish(self, issuers):
        new = self.directory / "jwks.new"
        new.write_text(json.dumps({"keys": [each.jwk() for each in issuers]}))
        os.replace(new, self.keys)

    def jwt_server(self):
        return self.start(f"jwt: {{keys: {self.keys}, issuer: us, audience: mx, recheck: 1s}}")

    @staticmethod
    def claims(**more):
        return {"iss": "us", "aud": ["mx"], "sub": "anna", "exp": int(time.time()) + 600, **more}

    def show(self, server, token, user="anna"):
        """The last reply to OAUTHBEARER."""
        message = f"n,a={user},\1auth=Bearer {token}\1\1".encode()
        with harness.Client(server.address) as client:
            client.hello()
            reply = client.command("AUTH OAUTHBEARER " + base64.b64encode(message).decode())
            return reply if reply.code != 334 else client.command("AQ==")

    def test_tokens(self):
        server = self.jwt_server()
        for issuer in self.issuers:
            with self.subTest(alg=issuer.alg):
                token = issuer.sign(self.claims())
                self.assertEqual(self.show(server, token).code, 235)
                self.assertEqual(self.show(server, token[:-8] + "AAAAAAAA").code, 535)
                self.assertEqual(self.show(server, token, "berta").code, 535)
                self.assertEqual(self.show(server, issuer.sign(self.claims(exp=1))).code, 535)
                self.assertNotIn(token[-40:], server.stderr())

    def test_keys_change(self):
        server = self.jwt_server()
        old, new = self.issuers[2], jose.Issuer(self.directory, "EdDSA", "new")
        token = new.sign(self.claims())
        self.assertEqual(self.show(server, token).code, 535)
        self.publish([new])
        harness.wait_until(lambda: self.show(server, token).code == 235, "the new key")
        self.assertEqual(self.show(server, old.sign(self.claims())).code, 535)

    @unittest.skipUnless(harness.has("curl"), "curl is not installed")
    def test_curl(self):
        server = self.jwt_server()
        file = self.directory / "message"
        file.write_bytes(b"Subject: hello\r\n\r\nbody\r\n")
        token = self.issuers[0].sign(self.claims())
        result = harness.run("curl", "-sS", f"smtp://127.0.0.1:{server.port}/client.example",
                             "--user", "anna:", "--oauth2-bearer", token, "--login-options",
                             "AUTH=OAUTHBEARER", "--mail-from", "anna@example.test", "--mail-rcpt",
                             "r@example.test", "--upload-file", file)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(len(harness.stored(server)), 1)
        self.assertEqual(server.wait_log("auth.login")[0]["mechanism"], "OAUTHBEARER")


if __name__ == "__main__":
    unittest.main()
