# SPDX-License-Identifier: Apache-2.0
"""Fenced blocks of the Markdown pages, and which pages there are.

What a block is for stands in its info string (`c`, `yaml`, `scenario`) and, where that is not
enough, in a comment on the line before it:

    <!-- file: NAME -->     what the block holds is a file of that name, for the blocks after it
    <!-- wrong: TEXT -->    it is refused, with TEXT in the message
    <!-- skip: WHY -->      not to be tried"""

import dataclasses
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FENCE = re.compile(r"^ *(`{3,})\s*(\w*)")
MARK = re.compile(r"^<!-- (\w+)(?:: (.*?))? -->$")


@dataclasses.dataclass
class Block:
    page: pathlib.Path
    line: int  # of its first line
    kind: str
    text: str
    mark: str = ""
    argument: str = ""

    def place(self):
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def pages():
    """Every page of the tree that is written for readers."""
    found = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("plugins/*/*.md"),
             *ROOT.glob("sdk/**/*.md")]
    return sorted(found)


def blocks(page):
    """The blocks of a page outside of generated text."""
    block, fence, before, generated = None, "", "", False
    found = []
    for number, line in enumerate(page.read_text(encoding="utf-8").split("\n"), 1):
        match = FENCE.match(line)
        if block is not None:
            if match and match.group(1) == fence and not match.group(2):
                found.append(block)
                block, before = None, ""
            else:
                block.text += line + "\n"
            continue
        if match and not generated:
            mark = MARK.match(before.strip())
            fence = match.group(1)
            block = Block(page, number + 1, match.group(2), "", *(mark.groups("") if mark else ()))
            continue
        if line.startswith("<!-- generated"):
            generated = True
        elif line.startswith("<!-- end -->"):
            generated = False
        if line.strip():
            before = line
    return found
