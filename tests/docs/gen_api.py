# SPDX-License-Identifier: Apache-2.0
"""Prints the public headers as Markdown: the comments as text, the declarations as code.

gen_api.py HEADER..."""

import pathlib
import re
import sys

COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
SECTION = re.compile(r"^/\* ---- (.*) ---- \*/$")
NAME = re.compile(
    r"#define (\w+)"
    r"|^(?:static inline )?(?:const )?(?:struct |enum )?\w+ [*]*(gp_\w+)\("
    r"|^(?:struct|enum) (\w+)(?: \{|;)", re.MULTILINE)
MAX_NAMES = 4


def comment_text(comment):
    """A comment without its stars; what is indented in it stays so, as code."""
    body = re.sub(r"^/\*+ ?|\s*\*/$", "", comment)
    lines = [re.sub(r"^ \* ?", "", line) for line in body.split("\n")]
    return "\n".join(lines).strip("\n")


def prose(text):
    """Characters that Markdown would take for its own."""
    lines = []
    for line in text.split("\n"):
        if not line.startswith("    "):
            parts = re.split(r"(`[^`]*`)", line)
            parts[::2] = [p.replace("*", r"\*").replace("<", "&lt;") for p in parts[::2]]
            line = "".join(parts)
        lines.append(line)
    return "\n".join(lines)


def paragraphs(lines):
    """Runs of lines between blank ones, outside of braces and comments."""
    run, depth, comment = [], 0, False
    for line in lines:
        if not line.strip() and depth == 0 and not comment:
            if run:
                yield "\n".join(run)
            run = []
            continue
        run.append(line)
        bare = re.sub(r"/\*.*?\*/", "", line)
        comment = ("/*" in bare) or (comment and "*/" not in bare)
        if not comment:
            depth += bare.count("{") - bare.count("}")
    if run:
        yield "\n".join(run)


def without_attributes(code):
    """The lines that go on after an attribute at the start move to the left with it."""
    lines, shift = [], 0
    for line in code.split("\n"):
        if line.startswith("GP_"):
            bare = re.sub(r"^(?:GP_(?:API|PURE|CHECK_RESULT) )+", "", line)
            shift = len(line) - len(bare)
            line = bare
        elif line.startswith(" " * (shift + 1)):
            line = line[shift:]
        else:
            shift = 0
        lines.append(line)
    return re.sub(r"\s*\bGP_PRINTF\(\d+, \d+\)", "", "\n".join(lines))


def declaration(code):
    """What a reader needs of it: no attributes, no bodies."""
    code = re.sub(r"^(static inline [^{]*?\))\n\{.*?^\}", r"\1;", code,
                  flags=re.MULTILINE | re.DOTALL)
    return without_attributes(code).replace("static inline ", "")


def macros(code):
    """Each macro of a run with its arguments only, if it has any."""
    out = []
    for macro in re.split(r"^(?=#define)", code, flags=re.MULTILINE)[1:]:
        head = re.match(r"#define \w+\([^)]*\)", macro.replace("\\\n", " "))
        if head:
            macro = re.sub(r"\s+", " ", head.group(0))
        out.append(macro.split("\\\n")[0].rstrip())
    return "\n".join(out)


def heading(code):
    names = [next(filter(None, found)) for found in NAME.findall(code)]
    names = list(dict.fromkeys(names))
    if len(names) > MAX_NAMES:
        names = names[:MAX_NAMES] + ["…"]
    return ", ".join(f"`{name}`" if name != "…" else name for name in names)


def print_paragraph(paragraph):
    found = COMMENT.match(paragraph)
    text = comment_text(found.group(0)) if found else ""
    code = paragraph[found.end():].strip("\n") if found else paragraph
    if code.startswith("#define"):
        code = macros(code)
    code = declaration(code)
    if code:
        print(f"### {heading(code)}\n")
    if text:
        print(prose(text) + "\n")
    if code:
        print(f"```c\n{code}\n```\n")


def print_header(path):
    text = path.read_text(encoding="utf-8")
    first = COMMENT.search(text)
    print(f"## `<gatepost/{path.name}>`\n\n{prose(comment_text(first.group(0)))}\n")
    lines = [line for line in text[first.end():].split("\n")
             if not line.startswith(("#include", "#if", "#endif", "#else", "#ifndef",
                                     "GP_BEGIN_C", "GP_END_C"))
             and not re.match(r"#define GATEPOST_\w+_H$", line)]
    for paragraph in paragraphs(lines):
        section = SECTION.match(paragraph)
        if section:
            title = section.group(1)
            print(f"**{title[0].upper()}{title[1:]}**\n")
        else:
            print_paragraph(paragraph)


def main():
    for name in sys.argv[1:]:
        print_header(pathlib.Path(name))


if __name__ == "__main__":
    main()
