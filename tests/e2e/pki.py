# SPDX-License-Identifier: Apache-2.0
"""Keys and certificates for tests, made by openssl(1): a CA, servers, clients."""

import pathlib
import subprocess

import harness


class Authority:
    """A CA in a directory; what it signs lies beside it as NAME.pem and NAME.key."""

    def __init__(self, directory, name="ca"):
        self.directory = pathlib.Path(directory)
        self.name = name
        self._openssl("req", "-x509", *self._new_key(name, "ec"), "-days", "30", "-subj",
                      f"/CN=Test {name}", "-addext", "basicConstraints=critical,CA:TRUE",
                      "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-out", self.certificate)

    def _openssl(self, *words):
        done = harness.run("openssl", *words, directory=self.directory)
        if done.returncode:
            raise AssertionError(done.stderr.decode())

    def _new_key(self, name, kind):
        how = {"ec": ("ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"), "rsa": ("rsa:2048",)}[kind]
        return ("-newkey", *how, "-nodes", "-keyout", self.directory / f"{name}.key")

    @property
    def certificate(self):
        return self.directory / f"{self.name}.pem"

    def issue(self, name, alt, *, kind="ec", days=30, subject=None, usage="serverAuth,clientAuth"):
        """A certificate for a subjectAltName such as "DNS:mx.example.test"; the two paths."""
        cert, key = self.directory / f"{name}.pem", self.directory / f"{name}.key"
        request = self.directory / f"{name}.csr"
        extensions = self.directory / f"{name}.cnf"
        extensions.write_text(
            f"subjectAltName={alt}\nbasicConstraints=CA:FALSE\nextendedKeyUsage={usage}\n"
            "keyUsage=digitalSignature\ncrlDistributionPoints=URI:http://crl.example.test/\n")
        self._openssl("req", *self._new_key(name, kind), "-subj", subject or f"/CN={name}", "-out",
                      request)
        self._openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey",
                      self.directory / f"{self.name}.key", "-set_serial", hex(hash(name) & (1 << 62) - 1),
                      "-days", str(days), "-sha256", "-extfile", extensions, "-out", cert)
        return cert, key


def self_signed(directory, name, days=30):
    """One that nobody vouches for."""
    directory = pathlib.Path(directory)
    cert, key = directory / f"{name}.pem", directory / f"{name}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", str(key), "-days", str(days),
                    "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}", "-out",
                    str(cert)], check=True, capture_output=True)
    return cert, key
