# SPDX-License-Identifier: Apache-2.0
"""Shell scripts are clean for shellcheck."""

import shutil
import subprocess

import tree


def is_shell(tree_, path):
    if path.suffix == ".sh":
        return True
    if path.suffix:
        return False
    with open(tree_.root / path, "rb") as file:
        first = file.readline(80)
    return first.startswith(b"#!") and first.rstrip().endswith(b"sh")


def check(tree_):
    if not shutil.which("shellcheck"):
        return "shellcheck is not installed"
    for path in tree_.files(suffixes=None):
        if not is_shell(tree_, path):
            continue
        result = subprocess.run(["shellcheck", "-x", "-f", "gcc", str(path)], cwd=tree_.root,
                                capture_output=True, text=True, check=False)
        for line in result.stdout.splitlines():
            parts = line.split(":", 3)
            tree_.report(path, parts[1], parts[3].strip() if len(parts) > 3 else line)
    return None


if __name__ == "__main__":
    tree.main(check)
