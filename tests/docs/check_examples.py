# SPDX-License-Identifier: Apache-2.0
"""The examples of all pages hold: what is C compiles, what is a configuration passes `gatepost
check`, scenarios pass `gatepost plugin test`. See blocks.py for the marks.

A configuration in a page may be a part of one: sections that every configuration needs are put
under it. C without a function around it is put into a hook.

check_examples.py --gatepost PROGRAM --compiler CC"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import blocks

INCLUDE = str(blocks.ROOT / "include")
FLAGS = ["-std=gnu17", "-Wall", "-Wextra", "-Werror", "-Wno-unused", "-I", INCLUDE]
FILE_LEVEL = re.compile(r"^(?:static|struct \w+ \{|enum \w+ \{|GP_[A-Z]+\(|#include|int \w+\()",
                        re.MULTILINE)
HEAD = "#include <gatepost/plugin.h>\n#include <stdio.h>\n"
HOOK = ("static enum gp_verdict hook(struct gp_call *call, void *self, struct gp_table *table, "
        "struct gp_recipient *rcpt)\n{\n%s\n    return GP_NEXT;\n}\n")
# What a part of a configuration may leave out.
REST = {
    "hostname": "hostname: mx.example.test",
    "spool": "spool: {path: spool}",
    "targets": "targets: {mailboxes: {maildir: {path: mail}}}",
    "tables": "tables: {our_domains: [example.net], people: [a@example.net]}",
    "buckets": "buckets: {spam: {}}",
    "listeners": 'listeners: {mx: {address: "127.0.0.1:0"}}',
    "routes": "routes: [{name: all, to: mailboxes, mode: direct}]",
}


class Examples:
    def __init__(self, gatepost, compiler, folder):
        self.gatepost, self.compiler, self.folder = gatepost, compiler, folder
        self.counts = {"c": 0, "yaml": 0, "scenario": 0}
        self.failed = 0
        self.scenarios = []
        self.plugins = folder / "plugins"
        self.plugins.mkdir()
        self.secret = folder / "secret"
        self.secret.write_text("a secret that is long enough for whatever it is for\n")

    def fail(self, block, text):
        self.failed += 1
        print(f"{block.place()}: {block.kind}\n    " + text.strip().replace("\n", "\n    "))

    # ---- C ----

    def template(self):
        """The pages of the template use the plugin that it is."""
        for path in sorted((blocks.ROOT / "sdk" / "template").glob("*.c")):
            self.c(blocks.Block(path, 1, "c", path.read_text(encoding="utf-8"), "file", path.name))

    def c_source(self, block):
        if not FILE_LEVEL.search(block.text):
            return HEAD + HOOK % block.text
        whole = "#include" in block.text
        return block.text if whole else HEAD + block.text

    def c(self, block):
        name = pathlib.Path(block.argument).stem if block.mark == "file" else "example"
        flags = [*FLAGS, f"-DGP_PLUGIN_NAME={name}"]
        flags += ["-shared", "-fPIC", "-o", str(self.plugins / f"{name}.so")] \
            if block.mark == "file" else ["-fsyntax-only"]
        result = subprocess.run([self.compiler, *flags, "-x", "c", "-"], capture_output=True,
                                input=self.c_source(block), text=True, check=False)
        if result.returncode:
            self.fail(block, result.stderr)

    # ---- configurations ----

    def yaml(self, block):
        keys = set(re.findall(r"^(\w+):", block.text, re.MULTILINE))
        text = re.sub(r"^plugins: .*$", "", block.text, flags=re.MULTILINE)
        text = re.sub(r"\{file: /[^{}]+\}", f"{{file: {self.secret}}}", text)  # a secret's
        rest = [line for key, line in REST.items() if key not in keys]
        # A part with targets of its own has names that the route would not know.
        if "targets" in keys and "routes" not in keys:
            rest.remove(REST["routes"])
        path = self.folder / f"{block.page.stem}-{block.line}.yaml"
        path.write_text("\n".join([text, f"plugins: {{path: [{self.plugins}]}}", *rest, ""]),
                        encoding="utf-8")
        result = subprocess.run([self.gatepost, "check", "--json", "--no-create", "--config", str(path)],
                                capture_output=True, text=True, check=False)
        self.judge_yaml(block, result)

    def judge_yaml(self, block, result):
        said = json.loads(result.stdout or "[]")
        errors = [d for d in said if d.get("severity") == "error"]
        text = result.stderr + "\n".join(
            f"line {d.get('line', 0)}: {d.get('message', d)}" for d in errors)
        if block.mark == "wrong":
            if result.returncode == 0 or block.argument not in text:
                self.fail(block, f"was to be refused with {block.argument!r}\n{text}")
        elif result.returncode:
            self.fail(block, text)

    # ---- scenarios ----

    def scenario(self, block):
        path = self.folder / f"{block.page.stem}-{block.line}.scenario"
        path.write_text("\n" * (block.line - 1) + block.text, encoding="utf-8")
        self.scenarios.append(path)

    def run_scenarios(self):
        if not self.scenarios:
            return
        result = subprocess.run(
            [self.gatepost, "plugin", "test", "--plugins", str(self.plugins), *self.scenarios],
            capture_output=True, text=True, check=False)
        if result.returncode:
            self.failed += 1
            print(result.stdout + result.stderr)

    def run(self):
        order = {"c": 0, "yaml": 1, "scenario": 1}
        found = [b for page in blocks.pages() for b in blocks.blocks(page)]
        found = [b for b in found if b.kind in order and b.mark != "skip"]
        self.template()
        for block in sorted(found, key=lambda b: order[b.kind]):
            self.counts[block.kind] += 1
            getattr(self, block.kind)(block)
        self.run_scenarios()
        print(", ".join(f"{n} {kind}" for kind, n in self.counts.items()) +
              f"; {self.failed} failed")
        return 1 if self.failed or not all(self.counts.values()) else 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--gatepost", required=True)
    parser.add_argument("--compiler", required=True)
    arguments = parser.parse_args()
    os.umask(0o022)
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(Examples(arguments.gatepost, arguments.compiler, pathlib.Path(folder)).run())


if __name__ == "__main__":
    main()
