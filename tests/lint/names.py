# SPDX-License-Identifier: Apache-2.0
"""The core names no plugin: no string literal in core is the name of a folder of plugins/.

plugin-names.allow lists the words that are also something else (a protocol, a setting), one
`NAME PATH REASON` a line; a line that is no longer needed is a finding too.
"""

import re

import tree

ALLOW = "tests/lint/plugin-names.allow"


def allowed(tree_):
    entries = {}
    if not (tree_.root / ALLOW).is_file():
        return entries
    for number, line in enumerate(tree_.lines(ALLOW), 1):
        if not line.strip() or line.startswith("#"):
            continue
        fields = line.split(None, 2)
        if len(fields) < 3:
            tree_.report(ALLOW, number, "write NAME PATH REASON")
            continue
        entries[(fields[0], fields[1])] = number
    return entries


def check(tree_):
    names = tree_.plugin_names()
    entries = allowed(tree_)
    used = set()
    if names:
        literal = re.compile('"(' + "|".join(map(re.escape, names)) + ')"')
        for path in tree_.files("core"):
            for number, line in enumerate(tree_.lines(path), 1):
                if line.lstrip().startswith("#include"):
                    continue
                for match in literal.finditer(line):
                    key = (match.group(1), str(path))
                    used.add(key)
                    if key not in entries:
                        tree_.report(path, number, f'"{key[0]}" is a plugin; the core names none')
    for key in sorted(set(entries) - used):
        tree_.report(ALLOW, entries[key], f"{key[0]} in {key[1]}: no longer needed")


if __name__ == "__main__":
    tree.main(check)
