# SPDX-License-Identifier: Apache-2.0
"""Installed headers include each other and the C standard library only, and each compiles alone."""

import os
import shutil
import subprocess

import tree


def compiler():
    for name in (os.environ.get("CC"), "cc", "gcc", "clang"):
        if name and shutil.which(name):
            return name
    return None


def check_includes(tree_, path):
    for line, kind, header in tree_.includes(path):
        if kind == '"':
            tree_.report(path, line, f'"{header}": write <gatepost/...> in an installed header')
        elif header.startswith("gatepost/"):
            if not (tree_.root / "include" / header).is_file():
                tree_.report(path, line, f"<{header}> does not exist")
        elif header not in tree.C_STANDARD:
            tree_.report(path, line, f"<{header}> is not of the C standard library")


def check_alone(tree_, path, cc):
    command = [cc, "-std=c17", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-x", "c",
               "-I", str(tree_.root / "include"), "-include", str(tree_.root / path), os.devnull]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        first = next((x for x in result.stderr.splitlines() if "error" in x), result.stderr)
        tree_.report(path, 1, f"does not compile alone: {first}")


def check(tree_):
    cc = compiler()
    for path in tree_.files("include", suffixes=(".h",)):
        check_includes(tree_, path)
        if cc:
            check_alone(tree_, path, cc)


if __name__ == "__main__":
    tree.main(check)
