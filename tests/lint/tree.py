# SPDX-License-Identifier: Apache-2.0
"""What the lints share: the files of a tree, their includes, and how a lint reports.

Each lint is a program `LINT.py [TREE]`; it prints one line per finding, `path:line: text`, and
exits with 1 when there was any, with 77 ("skipped" for ctest) when a tool it needs is missing.
"""

import pathlib
import re
import sys

SKIPPED_FOLDERS = {"build", ".git", "site", "__pycache__", ".cache", "node_modules"}
SKIP = 77

# C17's own headers. core/smtp has a shorter list, in layers.py.
C_STANDARD = set(
    "assert.h complex.h ctype.h errno.h fenv.h float.h inttypes.h iso646.h limits.h locale.h "
    "math.h setjmp.h signal.h stdalign.h stdarg.h stdatomic.h stdbool.h stddef.h stdint.h stdio.h "
    "stdlib.h stdnoreturn.h string.h tgmath.h threads.h time.h uchar.h wchar.h wctype.h".split()
)

_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]')


class Tree:
    def __init__(self, root):
        self.root = pathlib.Path(root).resolve()
        self.findings = []

    def files(self, *folders, suffixes=(".c", ".h")):
        """Files below the folders (the whole tree without any), in order, as relative paths."""
        for folder in folders or (".",):
            for path in sorted((self.root / folder).rglob("*")):
                relative = path.relative_to(self.root)
                if SKIPPED_FOLDERS.intersection(relative.parts[:-1]) or not path.is_file():
                    continue
                if suffixes is None or path.suffix in suffixes:
                    yield relative

    def text(self, path):
        return (self.root / path).read_text(encoding="utf-8", errors="replace")

    def lines(self, path):
        return self.text(path).splitlines()

    def includes(self, path):
        """Yields (line number, '<' or '"', header) for each #include of a file."""
        for number, line in enumerate(self.lines(path), 1):
            match = _INCLUDE.match(line)
            if match:
                yield number, match.group(1), match.group(2)

    def plugin_names(self):
        folder = self.root / "plugins"
        return sorted(p.name for p in folder.iterdir() if p.is_dir()) if folder.is_dir() else []

    def report(self, path, line, text):
        self.findings.append(f"{path}:{line}: {text}")

    def exit_code(self):
        for finding in self.findings:
            print(finding)
        if self.findings:
            print(f"{len(self.findings)} finding(s)")
        return 1 if self.findings else 0


def main(check):
    """Runs check(tree) on the tree named on the command line, or the one this file is in."""
    root = sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2]
    tree = Tree(root)
    skipped = check(tree)
    if skipped:
        print(f"skipped: {skipped}")
        sys.exit(SKIP)
    sys.exit(tree.exit_code())
