# SPDX-License-Identifier: Apache-2.0
"""The examples of a page of the documentation hold: each block marked `scenario` is run.

docs.py GATEPOST PAGE..."""

import pathlib
import re
import subprocess
import sys
import tempfile

BLOCK = re.compile(r"^```scenario\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def write_blocks(page, folder):
    """Each block becomes a file in which the lines have the numbers that they have in the page."""
    text = page.read_text(encoding="utf-8")
    paths = []
    for match in BLOCK.finditer(text):
        line = text.count("\n", 0, match.start(1))
        path = folder / f"{page.stem}-{line + 1}.scenario"
        path.write_text("\n" * line + match.group(1), encoding="utf-8")
        paths.append(path)
    return paths


def main():
    gatepost, *pages = sys.argv[1:]
    with tempfile.TemporaryDirectory() as name:
        paths = [p for page in pages for p in write_blocks(pathlib.Path(page), pathlib.Path(name))]
        if not paths:
            sys.exit("no block is marked `scenario`")
        sys.exit(subprocess.run([gatepost, "plugin", "test", *paths], check=False).returncode)


if __name__ == "__main__":
    main()
