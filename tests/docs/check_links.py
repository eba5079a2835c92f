# SPDX-License-Identifier: Apache-2.0
"""Relative links of all pages lead to a file, and to a heading where they name one."""

import re
import sys

import blocks

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.*?)\s*$", re.MULTILINE)


def without_code(text):
    text = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]*`", "", text)


def anchor(heading):
    """As mkdocs and GitHub make it of a heading without unusual characters."""
    text = re.sub(r"[`*]", "", heading).lower()
    return re.sub(r"[\s]+", "-", re.sub(r"[^\w\s-]", "", text).strip())


def anchors(page):
    return {anchor(h) for h in HEADING.findall(page.read_text(encoding="utf-8"))}


def problem(page, link):
    """What is wrong with a link, or an empty text."""
    if re.match(r"[a-z]+:", link):
        return ""
    path, _, name = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    if not target.exists():
        return "there is no such file"
    if name and target.suffix == ".md" and name not in anchors(target):
        return f"{target.name} has no heading #{name}"
    return ""


def main():
    links = failures = 0
    for page in blocks.pages():
        for link in LINK.findall(without_code(page.read_text(encoding="utf-8"))):
            links += 1
            text = problem(page, link)
            if text:
                failures += 1
                print(f"{page.relative_to(blocks.ROOT)}: {link}: {text}")
    print(f"{links} links, {failures} broken")
    sys.exit(1 if failures or not links else 0)


if __name__ == "__main__":
    main()
