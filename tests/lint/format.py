# SPDX-License-Identifier: Apache-2.0
"""C sources are as clang-format 14 with our .clang-format writes them. To put them right:
clang-format-14 -i FILE."""

import re
import shutil
import subprocess

import tree


def formatter():
    """clang-format 14, whatever it is called here: other versions differ in details."""
    for name in ("clang-format-14", "clang-format"):
        if shutil.which(name):
            text = subprocess.run([name, "--version"], capture_output=True, text=True, check=True)
            if re.search(r"version 14\.", text.stdout):
                return name
    return None


def check(tree_):
    program = formatter()
    if not program:
        return "clang-format 14 is not installed (Debian: clang-format-14)"
    paths = map(str, tree_.files("core", "include", "plugins", "sdk", "tests", "examples"))
    result = subprocess.run([program, "--dry-run", "-Werror", "--style=file", *paths],
                            cwd=tree_.root, capture_output=True, text=True, check=False)
    first = {}
    for match in re.finditer(r"^(\S+?):(\d+):\d+: error", result.stderr, re.MULTILINE):
        first.setdefault(match.group(1), match.group(2))
    for path, line in first.items():
        tree_.report(path, line, f"not as clang-format writes it; run {program} -i {path}")
    if result.returncode and not first:
        tree_.report(".clang-format", 1, result.stderr.strip())
    return None


if __name__ == "__main__":
    tree.main(check)
