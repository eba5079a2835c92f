# SPDX-License-Identifier: Apache-2.0
"""The licence line comes first, nothing is left marked as unfinished, text is clean: no tabs in C,
no trailing blanks, a newline at the end."""

import re

import tree

SPDX = "SPDX-License-Identifier: Apache-2.0"
C_FIRST = {".c": f"// {SPDX}", ".h": f"// {SPDX}"}
SUFFIXES = (".c", ".h", ".S", ".py", ".sh", ".cmake", ".map", ".lua")
# In two halves, so that this file passes its own test.
MARKS = re.compile(r"\b(" + "|".join(("TO" "DO", "FIX" "ME", "X" "XX")) + r")\b")


def is_script(tree_, path):
    if path.suffix:
        return False
    with open(tree_.root / path, "rb") as file:
        return file.read(2) == b"#!"


def check_licence(tree_, path, lines):
    if path.suffix in C_FIRST:
        if not lines or lines[0] != C_FIRST[path.suffix]:
            tree_.report(path, 1, f'the first line must be "{C_FIRST[path.suffix]}"')
        return
    head = lines[:2] if lines and lines[0].startswith("#!") else lines[:1]
    if not any(SPDX in line for line in head):
        tree_.report(path, 1, f'no "{SPDX}" in the first line')


def check_lines(tree_, path, lines):
    for number, line in enumerate(lines, 1):
        mark = MARKS.search(line)
        if mark:
            tree_.report(path, number, f"{mark.group(1)}: do it, or write an issue")
        if line != line.rstrip():
            tree_.report(path, number, "blanks at the end of the line")
        if "\t" in line and path.suffix in C_FIRST:
            tree_.report(path, number, "a tab: indent with four spaces")


def check(tree_):
    for path in tree_.files(suffixes=None):
        known = path.suffix in SUFFIXES or path.name == "CMakeLists.txt"
        if not known and not is_script(tree_, path):
            continue
        text = tree_.text(path)
        lines = text.split("\n")
        check_licence(tree_, path, lines)
        check_lines(tree_, path, lines)
        if text and not text.endswith("\n"):
            tree_.report(path, len(lines), "no newline at the end of the file")


if __name__ == "__main__":
    tree.main(check)
