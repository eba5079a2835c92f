# SPDX-License-Identifier: Apache-2.0
"""An issuer of JSON Web Tokens, made of openssl(1) and not of our code."""

import base64
import json
import pathlib
import re

import harness


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def encode(value):
    return b64(json.dumps(value).encode())


class Issuer:
    """One key of a kind: RS256, ES256 or EdDSA."""

    KINDS = {"RS256": ("RSA", "-pkeyopt", "rsa_keygen_bits:2048"),
             "ES256": ("EC", "-pkeyopt", "ec_paramgen_curve:P-256"),
             "EdDSA": ("ED25519",)}

    def __init__(self, directory, alg, kid):
        self.directory, self.alg, self.kid = pathlib.Path(directory), alg, kid
        self.key = self.directory / f"{kid}.key"
        self._openssl("genpkey", "-algorithm", *self.KINDS[alg], "-out", self.key)

    def _openssl(self, *words):
        done = harness.run("openssl", *words, directory=self.directory)
        if done.returncode:
            raise AssertionError(done.stderr.decode())
        return done.stdout

    def jwk(self):
        der = self._openssl("pkey", "-in", self.key, "-pubout", "-outform", "DER")
        if self.alg == "RS256":
            modulus = self._openssl("rsa", "-in", self.key, "-noout", "-modulus").decode()
            number = bytes.fromhex(modulus.strip().split("=")[1])
            key = {"kty": "RSA", "n": b64(number), "e": "AQAB"}
        elif self.alg == "ES256":
            key = {"kty": "EC", "crv": "P-256", "x": b64(der[-64:-32]), "y": b64(der[-32:])}
        else:
            key = {"kty": "OKP", "crv": "Ed25519", "x": b64(der[-32:])}
        return {**key, "kid": self.kid, "use": "sig"}

    def sign(self, claims, **header):
        signed = f"{encode({'alg': self.alg, 'kid': self.kid, **header})}.{encode(claims)}"
        (self.directory / "input").write_text(signed)
        if self.alg == "EdDSA":
            signature = self._openssl("pkeyutl", "-sign", "-rawin", "-inkey", self.key, "-in",
                                      "input")
        else:
            signature = self._openssl("dgst", "-sha256", "-sign", self.key, "input")
        if self.alg == "ES256":
            signature = self._raw(signature)
        return f"{signed}.{b64(signature)}"

    def _raw(self, der):
        """Two numbers of 32 bytes, out of ASN.1."""
        (self.directory / "der").write_bytes(der)
        shown = self._openssl("asn1parse", "-inform", "DER", "-in", "der").decode()
        return b"".join(bytes.fromhex(number.zfill(64))
                        for number in re.findall(r"INTEGER\s*:(\w+)", shown))
