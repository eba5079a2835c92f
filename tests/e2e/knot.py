# SPDX-License-Identifier: Apache-2.0
"""A signed DNS of our own: Knot serves the root as one zone, with an unsigned delegation to itself.

All names below "insecure.example" are not vouched for; all others are. What is below bogus.example is
signed by another key than the root says.
"""

import pathlib
import shutil
import socket
import subprocess

import harness

KNOTD = shutil.which("knotd") or "/usr/sbin/knotd"
KEYMGR = shutil.which("keymgr") or "/usr/sbin/keymgr"

CONFIG = """\
server:
    rundir: "{dir}"
    listen: 127.0.0.1@{port}
log:
  - target: stderr
    any: warning
database:
    storage: "{dir}/db"
policy:
  - id: fast
    algorithm: ecdsap256sha256
    single-type-signing: on
    nsec3: off
zone:
  - domain: .
    file: "{dir}/root.zone"
    storage: "{dir}"
    dnssec-signing: on
    dnssec-policy: fast
    zonefile-sync: -1
    zonefile-load: difference-no-serial
    journal-content: all
  - domain: insecure.example
    file: "{dir}/insecure.zone"
    storage: "{dir}"
  - domain: bogus.example
    file: "{dir}/bogus.zone"
    storage: "{dir}"
    dnssec-signing: on
    dnssec-policy: fast
    zonefile-sync: -1
    zonefile-load: difference-no-serial
    journal-content: all
"""
HEAD = """\
{origin} 60 SOA ns.test. root.test. 1 3600 600 86400 5
{origin} 60 NS ns.test.
"""


def available():
    return pathlib.Path(KNOTD).exists() and pathlib.Path(KEYMGR).exists()


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Knot:
    """Zones are lines of records with whole names: `secure` and `insecure` ones, `bogus` ones."""

    def __init__(self, directory, secure, insecure="", bogus=""):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(exist_ok=True)
        (self.directory / "db").mkdir(exist_ok=True)
        self.port = free_port()
        self.config = self.directory / "knot.conf"
        self.config.write_text(CONFIG.format(dir=self.directory, port=self.port))
        # A DS for a key that bogus.example does not have.
        fake = "bogus.example. 60 DS 1 13 2 " + "ab" * 32 + "\n"
        (self.directory / "root.zone").write_text(
            HEAD.format(origin=".") + "ns.test. 60 A 127.0.0.1\n"
            "insecure.example. 60 NS ns.test.\nbogus.example. 60 NS ns.test.\n" + fake + secure)
        (self.directory / "insecure.zone").write_text(
            HEAD.format(origin="insecure.example.") + insecure)
        (self.directory / "bogus.zone").write_text(HEAD.format(origin="bogus.example.") + bogus)
        self.process = None
        self.anchor = self.directory / "root.key"

    def start(self):
        with open(self.directory / "stderr", "wb") as errors:
            self.process = subprocess.Popen([KNOTD, "-c", str(self.config)], stderr=errors,
                                            stdout=subprocess.DEVNULL)
        harness.wait_until(self._signed, "the root zone to be signed", 20)
        return self

    def _signed(self):
        """The key as a trust anchor, once it is there and Knot answers with it."""
        if self.process.poll() is not None:
            raise AssertionError((self.directory / "stderr").read_text())
        done = harness.run(KEYMGR, "-c", str(self.config), ".", "dnskey")
        text = done.stdout.decode()
        if done.returncode or "DNSKEY" not in text or not self._answers():
            return False
        self.anchor.write_text("\n".join(
            line for line in text.splitlines() if "DNSKEY" in line) + "\n")
        return True

    def _answers(self):
        """Whether it has a signature for the root's SOA."""
        query = bytes.fromhex("1234010000010000000000010000060001000029100000008000" + "0000")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(0.5)
            try:
                sock.sendto(query, ("127.0.0.1", self.port))
                answer = sock.recv(4096)
            except OSError:
                return False
        return int.from_bytes(answer[6:8], "big") >= 2

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(10)
