# SPDX-License-Identifier: Apache-2.0
"""Files and functions stay small enough to read at once.

A .c file has at most 900 lines, a function at most 100. A comment at the file's head or just above
the function that says `long:` and why lets it be longer, a file up to 1200 lines. The medians that
the house style aims at are printed, and only warned about.
"""

import re
import shutil
import statistics
import subprocess

import tree

FILE_LINES, FILE_LINES_EVER, FUNCTION_LINES = 900, 1200, 100
AIMS = {"file median": 300, "function median": 15, "function p95": 60}
REASON = re.compile(r"\blong:\s*\S+")


def p95(values):
    return sorted(values)[max(0, -(-len(values) * 95 // 100) - 1)]


def functions(tree_, paths):
    """Yields (path, name, first line, last line), as universal-ctags sees them."""
    result = subprocess.run(
        ["ctags", "--languages=C", "--langmap=C:.c.h", "--kinds-C=f", "--fields=+ne",
         "--sort=no", "-o", "-", "-L", "-"],
        input="\n".join(map(str, paths)), cwd=tree_.root, capture_output=True, text=True,
        check=True)
    for row in result.stdout.splitlines():
        if row.startswith("!"):
            continue
        name, path, rest = row.split("\t", 2)
        fields = dict(f.split(":", 1) for f in rest.split("\t") if ":" in f)
        if "line" in fields and "end" in fields:
            yield path, name, int(fields["line"]), int(fields["end"])


def comment_above(lines, first):
    """The text between the function and the blank line or brace before it."""
    start = first - 1
    while start > 0 and lines[start - 1].strip() and not lines[start - 1].startswith("}"):
        start -= 1
    return "\n".join(lines[start:first])


def head_comment(lines):
    head = []
    for line in lines:
        if not line.startswith(("//", "/*", " *")):
            break
        head.append(line)
    return "\n".join(head)


def check_files(tree_, paths):
    counts = []
    for path in paths:
        if path.suffix != ".c":
            continue
        lines = tree_.lines(path)
        count = len(lines)
        counts.append(count)
        if count > FILE_LINES_EVER:
            tree_.report(path, count, f"{count} lines, and {FILE_LINES_EVER} is the end")
        elif count > FILE_LINES and not REASON.search(head_comment(lines)):
            tree_.report(path, count, f"{count} lines, more than {FILE_LINES}: one noun per file")
    return counts


def check_functions(tree_, paths):
    counts = []
    for path, name, first, last in functions(tree_, paths):
        count = last - first + 1
        counts.append(count)
        if count > FUNCTION_LINES and not REASON.search(comment_above(tree_.lines(path), first)):
            tree_.report(path, first, f"{name}: {count} lines, more than {FUNCTION_LINES}")
    return counts


def print_aims(file_counts, function_counts):
    measured = {
        "file median": statistics.median(file_counts or [0]),
        "function median": statistics.median(function_counts or [0]),
        "function p95": p95(function_counts) if function_counts else 0,
    }
    print(f"{len(file_counts)} .c files, {len(function_counts)} functions")
    for what, aim in AIMS.items():
        note = "" if measured[what] <= aim else "  <- warning: above what we aim at"
        print(f"  {what}: {measured[what]:g} lines (aim: {aim}){note}")


def check(tree_):
    if not shutil.which("ctags"):
        return "ctags is not installed (Debian: universal-ctags)"
    paths = list(tree_.files("core", "include", "plugins", "sdk"))
    paths = [p for p in paths if "tests" not in p.parts]
    file_counts = check_files(tree_, paths)
    print_aims(file_counts, check_functions(tree_, paths))
    for path in tree_.files("tests", suffixes=(".c",)):
        count = len(tree_.lines(path))
        if count > FILE_LINES_EVER:
            tree_.report(path, count, f"{count} lines, and {FILE_LINES_EVER} is the end")
    return None


if __name__ == "__main__":
    tree.main(check)
