# SPDX-License-Identifier: Apache-2.0
"""Plugins include <gatepost/...>, the C standard library, files of their own folder, and what their
CMakeLists.txt declares after HEADERS in gatepost_add_plugin(); nothing else. Their tests, in a
folder of their own, are free."""

import re

import tree

_HEADERS = re.compile(r"\bHEADERS\b([^)]*)")
_OTHER_KEYWORD = re.compile(r"\b(LIBRARIES)\b")


def declared_headers(tree_, name):
    """A declared "dir/" allows every header below it."""
    path = tree_.root / "plugins" / name / "CMakeLists.txt"
    if not path.is_file():
        return set()
    code = re.sub(r"#.*", "", path.read_text(encoding="utf-8"))
    found = set()
    for match in _HEADERS.finditer(code):
        found.update(_OTHER_KEYWORD.split(match.group(1))[0].split())
    return found


def is_declared(header, declared):
    return header in declared or any(d.endswith("/") and header.startswith(d) for d in declared)


def check_file(tree_, path, declared):
    folder = tree_.root / "plugins" / path.parts[1]
    for line, kind, header in tree_.includes(path):
        if kind == '"':
            target = (tree_.root / path).parent.joinpath(header).resolve()
            if not (target.is_file() and target.is_relative_to(folder.resolve())):
                tree_.report(path, line, f'"{header}" is not a file of this plugin')
        elif not (header.startswith("gatepost/") or header in tree.C_STANDARD
                  or is_declared(header, declared)):
            tree_.report(path, line, f"<{header}> is not declared (HEADERS in CMakeLists.txt)")


def check(tree_):
    for name in tree_.plugin_names():
        declared = declared_headers(tree_, name)
        for path in tree_.files(f"plugins/{name}"):
            if "tests" not in path.parts[2:-1]:
                check_file(tree_, path, declared)


if __name__ == "__main__":
    tree.main(check)
