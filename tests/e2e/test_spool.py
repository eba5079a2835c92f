# SPDX-License-Identifier: Apache-2.0
"""`gatepost spool`: entries go in, are listed, shown, verified, and come out as they went in."""

import json
import os
import pathlib
import socket
import subprocess
import tempfile
import unittest

import harness
import queueing
from harness import GATEPOST

MESSAGE = b"From: a@example.org\r\nSubject: =?x?=\r\n\r\n\x80 body\r\n"


def envelope(ident, message=MESSAGE):
    received = "Received: here\r\n"
    return {
        "id": ident,
        "received_ms": 1767225600123,
        "client_ip": "192.0.2.1",
        "client_name": "client.example.org",
        "client_port": 40125,
        "forwarded": [{"name": "ADDR", "value": "198.51.100.7"}],
        "helo": {"base64": "gAA="},
        "smtputf8": True,
        "base_size": len(message),
        "notes": [{"instance": "spf", "key": "result", "text": "pass"}],
        "copies": [{"id": "a", "sender": "a@example.org", "size": len(received) + len(message),
                    "pieces": [{"bytes": received}, {"len": len(message)}]}],
        "recipients": [{"address": "b@example.net", "route": "out", "relay": True}],
    }


class Spool(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="gatepost-")
        self.addCleanup(self.folder.cleanup)
        self.root = pathlib.Path(self.folder.name)
        self.path = self.root / "spool"

    def spool(self, command, *arguments, code=0):
        result = subprocess.run(
            [GATEPOST, "spool", command, "--path", self.path, *arguments],
            capture_output=True, timeout=60, check=False)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return (result.stdout if code == 0 else result.stdout + result.stderr).decode(
            "utf-8", "surrogateescape")

    def write(self, ident, message=MESSAGE, **changes):
        file = self.root / f"{ident}.json"
        file.write_text(json.dumps(envelope(ident, message) | changes))
        file.with_suffix(".eml").write_bytes(message)
        return file

    def test_round_trip(self):
        large = b"x" * 3000000
        self.assertIn("2 imported", self.spool("import", self.write("M1"), self.write("M2", large)))
        lines = [json.loads(x) for x in self.spool("list", "--json").splitlines()]
        self.assertEqual([(x["id"], x["size"], x["recipients"], x["sender"]) for x in lines],
                         [("M1", len(MESSAGE), 1, "a@example.org"),
                          ("M2", len(large), 1, "a@example.org")])
        self.assertRegex(self.spool("list", "M1"), r'^M1  .* 2026 .*"a@example\.org"\n$')
        self.assertTrue((self.path / "messages" / "M2").is_file())
        self.assertEqual(json.loads(self.spool("show", "M1")), envelope("M1"))
        for how, expected in ((["--message"], MESSAGE),
                              (["--copy", "a"], b"Received: here\r\n" + MESSAGE)):
            shown = self.spool("show", *how, "M1").encode("utf-8", "surrogateescape")
            self.assertEqual(shown, expected)
        self.assertIn("\n0 problems\n", self.spool("verify"))

        out = self.root / "out"
        self.assertIn("2 exported", self.spool("export", "--to", out))
        self.assertEqual((out / "M2.eml").read_bytes(), large)
        self.assertIn("exists", self.spool("export", "--to", out, "M1", code=1))
        self.path = self.root / "other"
        self.spool("import", out / "M1.json", out / "M2.json")
        self.assertEqual(json.loads(self.spool("show", "M1")), envelope("M1"))
        self.assertEqual(json.loads(self.spool("show", "M2")), envelope("M2", large) | {"large": True})

    def damage(self, file, text):
        content = bytearray(file.read_bytes())
        at = content.index(text)
        content[at] ^= 1
        file.write_bytes(content)
        return at

    def test_damage_is_told(self):
        self.spool("import", self.write("M1"), self.write("M2", b"y" * 2000000))
        self.spool("import", self.write("M3", b"Subject: other\r\n\r\nthird\r\n"))
        first, second = sorted((self.path / "segments").iterdir())
        self.damage(first, b" body")
        said = self.spool("verify", code=1)
        self.assertIn("a message is damaged", said)
        self.assertIn("\n1 problems\n", said)
        said = self.spool("show", "M1", code=1)  # whose it was
        self.assertIn("M1: its content is damaged", said)
        self.assertIn('"address": "b@example.net"', said)
        self.assertIn("its content is damaged", self.spool("show", "--message", "M1", code=1))
        os.truncate(self.path / "messages" / "M2", 1999999)
        self.assertIn("has another size", self.spool("verify", code=1))
        os.unlink(self.path / "messages" / "M2")
        self.assertIn("is missing", self.spool("verify", code=1))
        self.damage(second, b"GPSPOOL")
        said = self.spool("verify", code=1)
        self.assertIn(f"{second}: at 0: the head of the segment is damaged", said)
        self.assertEqual(self.spool("show", "--message", "M3").splitlines()[-1], "third")

    def test_errors(self):
        self.assertIn("no spool is there", self.spool("list", code=1))
        self.assertIn("ends with .json", self.spool("import", "x", code=1))
        cases = ({"surprise": 1}, {"id": "../x"}, {"recipients": [{"copy": 1}]}, {"helo": 5},
                 {"base_size": 1, "copies": [], "recipients": []})
        for changes in cases:
            said = self.spool("import", self.write("M1", **changes), code=1)
            self.assertIn("M1.json" if "base_size" not in changes else "M1.eml", said)
        self.assertFalse(self.path.exists())
        self.spool("import", self.write("M1"))
        self.assertIn("none of these", self.spool("show", "M7", code=1))
        self.assertIn("no copy", self.spool("show", "--copy", "z", "M1", code=1))
        (self.path / "format").write_text("gatepost spool 2\n")
        self.assertIn('"gatepost spool 2" is not a spool that this version reads',
                      self.spool("list", code=1))

    def test_usage(self):
        for arguments in (["show"], ["import"], ["export"], ["list", "--nonsense"]):
            self.spool(*arguments, code=2)


class Beside(queueing.TestCase):
    """On the spool of a server that runs."""

    DOWN = '  down: {smtp: {to: "127.0.0.1:1"}}\n'
    ROUTES = "  - {name: down, match: {recipient: down.test}, to: down}\n"

    def spool(self, command, *arguments):
        result = subprocess.run(
            [GATEPOST, "spool", command, "--config", self.directory / "gatepost.yaml", *arguments],
            capture_output=True, text=True, timeout=60, check=False, cwd=self.directory)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        return result.stdout

    def test_running_server(self):
        server = self.queueing(targets=self.DOWN, routes=self.ROUTES, retry="1h")
        content = b"Subject: x\r\n\r\nbody\r\n"
        harness.submit(server.address, content, "r@down.test")
        server.wait_log("delivery")
        (listed,) = [json.loads(x) for x in self.spool("list", "--json").splitlines()]
        self.assertEqual(listed["size"], len(content))
        self.assertIn("\n0 problems\n", self.spool("verify"))
        entry = json.loads(self.spool("show", listed["id"]))
        self.assertEqual(entry["recipients"][0]["address"], "r@down.test")
        self.assertIn("Received: from", self.spool("show", "--copy", entry["copies"][0]["id"],
                                                   listed["id"]))
        self.assertIn("1 exported", self.spool("export", "--to", "out"))

        # It comes back as another message, for somebody who can be reached: the server sends it.
        entry |= {"id": "again.1"}
        entry["recipients"][0] |= {"address": "r@example.test", "route": "mailboxes"}
        (self.directory / "out" / "again.1.json").write_text(json.dumps(entry))
        (self.directory / "out" / "again.1.eml").write_bytes(content)
        self.assertIn("1 imported", self.spool("import", "out/again.1.json"))
        (message,) = self.wait_stored(server, 1)
        self.assertEqual(message.content, content)

        # One that the server has in its queue it does not take a second time.
        self.assertIn("1 imported", self.spool("import", f"out/{listed['id']}.json"))
        self.assertEqual(server.wait_log("queue.second")[0]["message"], listed["id"])
        self.assertEqual(len(server.log("delivery")), 2)

    def test_killed_server(self):
        """What it was told to keep is taken up again, and what it had delivered is not."""
        text = {"targets": self.DOWN, "routes": self.ROUTES, "retry": "1h"}
        server = self.queueing(**text)
        harness.submit(server.address, b"Subject: one\r\n\r\n", "r@example.test")
        self.wait_stored(server, 1)
        harness.submit(server.address, b"Subject: two\r\n\r\n", "r@down.test")
        server.wait_log("delivery", 2)
        server.kill()
        self.assertIn("\n0 problems\n", self.spool("verify"))
        server = self.queueing(**text)
        server.wait_log("queue.ready")
        delivery = server.wait_log("delivery")[-1]
        self.assertEqual(delivery["outcome"], "deferred")
        self.assertEqual(len(harness.stored(server)), 1)


class InUse(queueing.TestCase):
    """A second server on a spool, and what the check says of one."""

    def test_second_server(self):
        """It says so and ends, and nobody who connects to it is accepted and reset."""
        self.queueing()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = free.getsockname()
        other = self.directory / "other"
        other.mkdir()
        text = queueing.config().replace("path: spool", f"path: {self.directory}/spool").replace(
            "127.0.0.1:0", "%s:%d" % address)
        (other / "mail").mkdir()
        second = harness.Server(other, text).launch()
        self.addCleanup(second.kill)
        while second.is_running():
            with socket.socket() as client:
                self.assertNotEqual(client.connect_ex(address), 0)
        self.assertEqual(second.wait(), 1)
        self.assertIn("the spool is in use: a server runs on it, or another tool", second.stderr())
        self.assertEqual(second.log("listener.open"), [])

    def check(self, text):
        file = self.directory / "gatepost.yaml"
        file.write_text(text)
        return subprocess.run([GATEPOST, "check", "--config", file], capture_output=True, text=True,
                              timeout=60, check=False, cwd=self.directory)

    def test_check(self):
        text = queueing.config()
        self.assertEqual(self.check(text).returncode, 0)
        spool = self.directory / "spool"
        server = self.queueing()
        self.assertEqual(server.stop(), 0)
        self.assertEqual(self.check(text).returncode, 0)

        (self.directory / "text").write_text("Subject: x\n\nFor {nobody}\n")
        result = self.check(text + "bounces: {templates: {failed: text}}\n")
        self.assertEqual(result.returncode, 1, result.stdout)
        self.assertRegex(result.stdout, r'"failed" of the templates: .*text, line 3: there is no value '
                         r'of this name .*"\{nobody\}"')

        user = harness.unprivileged()
        if user:
            result = self.check(queueing.config(workers=1))
            self.assertEqual(result.returncode, 1, result.stdout)
            self.assertRegex(result.stdout, r"error: the spool, as user nobody: .*Permission denied")
            for path in (spool, *spool.rglob("*")):
                os.chown(path, user.pw_uid, user.pw_gid)
            result = self.check(queueing.config(workers=1))
            self.assertEqual(result.returncode, 0, result.stdout)

        (spool / "format").write_text("gatepost spool 2\n")
        result = self.check(text)
        self.assertEqual(result.returncode, 1, result.stdout)
        self.assertIn('"gatepost spool 2" is not a spool that this version reads', result.stdout)


if __name__ == "__main__":
    unittest.main()
