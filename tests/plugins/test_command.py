# SPDX-License-Identifier: Apache-2.0
"""`gatepost plugin test` as a program: what it finds, what it prints, its exit codes."""

import os
import pathlib
import subprocess
import tempfile
import unittest

GATEPOST = pathlib.Path(os.environ["GATEPOST_BUILD"]) / "gatepost"
GOOD = 'scenario "greets"\nwhen connect\nexpect accept 220\n'
BAD = 'scenario "refuses"\nwhen connect\nexpect reject\n'
BROKEN = 'scenario "x"\nwhen conect\n'


class Command(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        (self.folder / "tests").mkdir()

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def run_test(self, *arguments, code):
        result = subprocess.run([GATEPOST, "plugin", "test", *arguments], capture_output=True,
                                text=True, check=False, timeout=60)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return result

    def test_all_pass(self):
        path = self.write("a.scenario", GOOD)
        output = self.run_test(path, code=0).stdout
        self.assertEqual(output, f"{path}\nok    greets\n1 passed, 0 failed\n")

    def test_one_fails(self):
        self.write("tests/a.scenario", GOOD)
        path = self.write("tests/b.scenario", BAD)
        output = self.run_test(f"{self.folder}/", code=1).stdout
        self.assertIn("ok    greets\n", output)
        self.assertIn(f"FAIL  refuses\n  {path}:3: expect reject\n      came: 220 ", output)
        self.assertNotIn("session.open", output)
        self.assertTrue(output.endswith("1 passed, 1 failed\n"))

    def test_verbose_shows_the_log(self):
        self.assertIn("session.open", self.run_test("--verbose", self.write("a.scenario", BAD),
                                                    code=1).stdout)

    def test_a_file_is_broken(self):
        path = self.write("a.scenario", BROKEN)
        output = self.run_test(path, self.write("b.scenario", BAD), code=2).stdout
        self.assertIn(f'{path}:2: unknown when "conect"; did you mean "connect"?\n', output)
        self.assertTrue(output.endswith("0 passed, 1 failed, 1 could not be run\n"))

    def test_filter(self):
        output = self.run_test("--filter", "greet", self.write("a.scenario", GOOD + BAD),
                               code=0).stdout
        self.assertTrue(output.endswith("1 passed, 0 failed\n"))

    def test_usage(self):
        self.assertIn("plugin test what?", self.run_test(code=2).stderr)
        self.assertIn("No such file", self.run_test("/nonexistent", code=2).stderr)
        self.assertIn("no file *.scenario", self.run_test(self.folder, code=2).stderr)
        self.run_test("--no-such-option", code=2)

    def test_messages_from_files(self):
        self.write("m.eml", "Subject: from a file\n\n.dot\nlast line without an end")
        path = self.write("a.scenario", 'scenario "x"\nwhen connect\nwhen helo x\n'
                          "when mail <a@b.example>\nwhen rcpt <c@d.example>\nwhen data m.eml\n"
                          "expect accept\nexpect header Subject: from a file\n"
                          "expect body /^\\.dot\\r\\nlast line without an end\\r\\n$/\n")
        self.run_test(path, code=0)


if __name__ == "__main__":
    unittest.main()
