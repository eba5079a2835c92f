# SPDX-License-Identifier: Apache-2.0
"""The site can be made without a warning, and each page loads nothing from elsewhere."""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import blocks

FOREIGN = re.compile(r'<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)="(?:https?:)?//[^"]*"')


def main():
    if not shutil.which("mkdocs"):
        print("mkdocs is not installed")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as folder:
        result = subprocess.run(["mkdocs", "build", "--quiet", "--strict", "--site-dir", folder],
                                cwd=blocks.ROOT, check=False)
        if result.returncode:
            sys.exit(1)
        pages = list(pathlib.Path(folder).rglob("*.html"))
        foreign = [f"{page.name}: {found}" for page in pages
                   for found in FOREIGN.findall(page.read_text(encoding="utf-8"))]
        print("\n".join(foreign) or f"{len(pages)} pages")
        sys.exit(1 if foreign or not pages else 0)


if __name__ == "__main__":
    main()
