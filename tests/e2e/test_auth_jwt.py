# SPDX-License-Identifier: Apache-2.0
"""The plugin `auth_jwt` with tokens made by openssl(1), and curl, which shows them; and with an
endpoint that is asked about tokens."""

import base64
import json
import os
import time
import unittest

import harness
import introspect
import jose
import logins
import pki


def show(server, token, user="anna"):
    """The last reply to OAUTHBEARER."""
    message = f"n,a={user},\1auth=Bearer {token}\1\1".encode()
    with harness.Client(server.address) as client:
        client.hello()
        reply = client.command("AUTH OAUTHBEARER " + base64.b64encode(message).decode())
        return reply if reply.code != 334 else client.command("AQ==")


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

    def jwt_server(self, more=""):
        return self.start(f"jwt: {{keys: {self.keys}, issuer: us, audience: mx, recheck: 1s{more}}}")

    @staticmethod
    def claims(**more):
        return {"iss": "us", "aud": ["mx"], "sub": "anna", "exp": int(time.time()) + 600, **more}

    def test_tokens(self):
        server = self.jwt_server()
        for issuer in self.issuers:
            with self.subTest(alg=issuer.alg):
                token = issuer.sign(self.claims())
                self.assertEqual(show(server, token).code, 235)
                self.assertEqual(show(server, token[:-8] + "AAAAAAAA").code, 535)
                self.assertEqual(show(server, token, "berta").code, 535)
                self.assertEqual(show(server, issuer.sign(self.claims(exp=1))).code, 535)
                self.assertNotIn(token[-40:], server.stderr())

    def test_scope(self):
        server = self.jwt_server(", scope: smtp")
        issuer = self.issuers[2]
        for scope, code in (("mail smtp", 235), ("smtp", 235), ("smtps", 535), ("", 535), (1, 535)):
            with self.subTest(scope=scope):
                token = issuer.sign(self.claims(scope=scope))
                self.assertEqual(show(server, token).code, code)
        self.assertEqual(show(server, issuer.sign(self.claims())).code, 535)

    def test_keys_change(self):
        server = self.jwt_server()
        old, new = self.issuers[2], jose.Issuer(self.directory, "EdDSA", "new")
        token = new.sign(self.claims())
        self.assertEqual(show(server, token).code, 535)
        self.publish([new])
        harness.wait_until(lambda: show(server, token).code == 235, "the new key")
        self.assertEqual(show(server, old.sign(self.claims())).code, 535)

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

    @unittest.skipUnless(harness.has("msmtp"), "msmtp is not installed")
    def test_msmtp(self):
        server = self.jwt_server()
        for mechanism in ("oauthbearer", "xoauth2"):
            (self.directory / "token").write_text(self.issuers[0].sign(self.claims()))
            result = harness.run(
                "msmtp", "--host=127.0.0.1", f"--port={server.port}", "--tls=off",
                f"--auth={mechanism}", "--user=anna", f"--passwordeval=cat {self.directory}/token",
                "--from=anna@example.test", "r@example.test", stdin=b"Subject: hello\r\n\r\nbody\r\n")
            self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(len(harness.stored(server)), 2)
        self.assertEqual([each["mechanism"] for each in server.wait_log("auth.login", 2)],
                         ["OAUTHBEARER", "XOAUTH2"])


@unittest.skipUnless(harness.has("openssl"), "openssl is not installed")
class Introspection(logins.Case):
    CREDENTIALS = ("mx: 1", "p+ß/\u20ac%")

    def setUp(self):
        super().setUp()
        self.authority = pki.Authority(self.directory)
        cert, key = self.authority.issue("endpoint", "IP:127.0.0.1")
        self.endpoint = introspect.Endpoint(cert, key, self.CREDENTIALS)
        self.addCleanup(self.endpoint.close)
        self.endpoint.tokens["good/+=1"] = self.answer()
        self.secret = self.directory / "secret"
        self.secret.write_text(self.CREDENTIALS[1])

    @staticmethod
    def answer(**more):
        return {"active": True, "username": "anna", "aud": "mx", "exp": int(time.time()) + 600,
                **more}

    def options(self, **changes):
        options = {"url": self.endpoint.url, "client_id": self.CREDENTIALS[0],
                   "client_secret": {"file": str(self.secret)},
                   "ca": str(self.authority.certificate), **changes}
        return ("jwt: {audience: mx, user_claim: username, introspection: "
                + json.dumps({k: v for k, v in options.items() if v}) + "}")

    def test_tokens(self):
        server = self.start(self.options())
        self.endpoint.tokens["other"] = self.answer(aud=["web"])
        for token, user, code in (("good/+=1", "anna", 235), ("good/+=1", "berta", 535),
                                  ("other", "anna", 535), ("unknown", "anna", 535)):
            with self.subTest(token=token, user=user):
                self.assertEqual(show(server, token, user).code, code)
        self.assertEqual(self.endpoint.asked, ["good/+=1", "other", "unknown"])
        self.assertNotIn("good/+=1", server.stderr())
        self.assertNotIn(self.CREDENTIALS[1], server.stderr())

    def test_not_remembered(self):
        server = self.start(self.options(cache="0s"))
        for _ in range(2):
            self.assertEqual(show(server, "good/+=1").code, 235)
        self.endpoint.tokens.clear()
        self.assertEqual(show(server, "good/+=1").code, 535)
        self.assertEqual(self.endpoint.asked, 3 * ["good/+=1"])

    def test_trouble_is_temporary(self):
        server = self.start(self.options(cache="0s"))
        self.endpoint.status = 503
        self.assertEqual(show(server, "good/+=1").code, 454)
        self.endpoint.status, self.endpoint.credentials = 200, ("mx: 1", "another")
        self.assertEqual(show(server, "good/+=1").code, 454)
        self.endpoint.credentials = self.CREDENTIALS
        self.assertEqual(show(server, "good/+=1").code, 235)

    def test_nobody_vouches_for_the_endpoint(self):
        server = self.start(self.options(ca=None))
        self.assertEqual(show(server, "good/+=1").code, 454)
        self.assertEqual(self.endpoint.asked, [])

    def test_check(self):
        for options, said in (
                (self.options(url="http://id.example.test/"), "an https URL"),
                (self.options(url="http://127.0.0.1.example.test/"), "an https URL"),
                (self.options(url="https://a@id.example.test/"), "not a URL that can be asked"),
                (self.options(client_id=None), "of no use without client_id"),
                (self.options().replace("audience: mx, ", ""), "audience or scope"),
                (self.options().replace("jwt: {", f"jwt: {{keys: {self.secret}, "), "give one of"),
                ("jwt: {issuer: us, audience: mx}", "give one of"),
                (f"jwt: {{keys: {self.secret}, audience: mx}}", "issuer and audience")):
            with self.subTest(options=options):
                file = self.directory / "check.yaml"
                file.write_text(harness.config(listener=logins.LISTENER,
                                               rest=logins.REST.format(backend=options)))
                done = harness.gatepost("check", "--config", file)
                self.assertEqual(done.returncode, 1)
                self.assertIn(said, done.stdout + done.stderr)
                self.assertNotIn(self.CREDENTIALS[1], done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
