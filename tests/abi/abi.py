# SPDX-License-Identifier: Apache-2.0
"""The plugin ABI as text, compared with tests/abi/gatepost.abi.

    abi.py check  --include DIR --library FILE --cc CC     differences are errors
    abi.py update --include DIR --library FILE --cc CC     writes the golden file

The text has each struct with its size and each field's offset and size (as the compiler sees them),
each enum with its values, each prototype, and the exported symbols with their version nodes.
"""

import argparse
import difflib
import pathlib
import re
import subprocess
import sys
import tempfile

GOLDEN = pathlib.Path(__file__).with_name("gatepost.abi")
SKIP = 77

HELP = """
The plugin ABI is not what tests/abi/gatepost.abi says it was.

Lines with "-" were part of it and are no more: plugins that are in use break. That needs a new
GP_ABI_MAJOR (include/gatepost/abi.h). The one exception is the size of a sized struct (gp_plugin,
gp_option, the roles) that only got fields at its end.
Lines with "+" alone are additions. They need the next GP_ABI_MINOR, a line in the changelog of
abi.h, and for functions a new node in core/gatepost.map. Before the first release of a minor its
own additions may still change.

If that is what you want and have done:
    cmake --build BUILD --target abi-update
"""


def declarations(include):
    """The text of all headers without comments, preprocessor lines and line breaks in between."""
    text = ""
    for path in sorted(include.glob("gatepost/*.h")):
        text += path.read_text() + "\n"
    text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S)
    text = re.sub(r"//[^\n]*", " ", text)
    text = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", " ", text, flags=re.M)
    return re.sub(r"\s+", " ", text)


def field_names(body):
    for part in body.split(";"):
        part = part.strip()
        if not part:
            continue
        pointer = re.search(r"\(\*(\w+)\)\s*\(", part)
        if pointer:
            yield pointer.group(1)
            continue
        for declarator in part.split(","):
            yield re.sub(r"\[.*", "", declarator).strip().split(" ")[-1].lstrip("*")


def structs(text):
    for match in re.finditer(r"\bstruct (gp_\w+) \{([^{}]*)\};", text):
        yield match.group(1), list(field_names(match.group(2)))


def enums(text):
    for match in re.finditer(r"\benum (gp_\w+) \{([^{}]*)\};", text):
        items = [item.split("=")[0].strip() for item in match.group(2).split(",")]
        yield match.group(1), [item for item in items if item]


def prototypes(text):
    for match in re.finditer(r"\bGP_API ([^;{}]*\([^;{}]*\))[^;{}]*;", text):
        prototype = re.sub(r"\b(?:GP_PURE|GP_CHECK_RESULT)\b ?", "", match.group(1))
        prototype = re.sub(r" GP_PRINTF\(.*", "", prototype).strip()
        name = re.search(r"(gp_\w+)\(", prototype)
        yield name.group(1), prototype


def program(include, text):
    lines = ["#include <stdio.h>", "#include <stddef.h>"]
    lines += [f"#include <gatepost/{p.name}>" for p in sorted(include.glob("gatepost/*.h"))]
    lines.append("int main(void) {")
    lines.append(r'printf("abi %d.%d\n", GP_ABI_MAJOR, GP_ABI_MINOR);')
    for name, fields in structs(text):
        lines.append(rf'printf("struct {name} size %zu\n", sizeof(struct {name}));')
        for field in fields:
            lines.append(
                rf'printf("struct {name}.{field} at %zu size %zu\n", '
                rf"offsetof(struct {name}, {field}), sizeof(((struct {name} *)0)->{field}));")
    for name, items in enums(text):
        for item in items:
            if not item.endswith("_COUNT"):  # grows with every addition
                lines.append(rf'printf("enum {name} {item} %d\n", (int){item});')
    lines.append("return 0; }")
    return "\n".join(lines)


def run_program(include, cc, text):
    with tempfile.TemporaryDirectory() as folder:
        source, binary = pathlib.Path(folder, "abi.c"), pathlib.Path(folder, "abi")
        source.write_text(program(include, text))
        subprocess.run([cc, "-std=c17", f"-I{include}", "-o", binary, source], check=True)
        return subprocess.run([binary], check=True, capture_output=True, text=True).stdout


def symbols(library):
    output = subprocess.run(["nm", "-D", "--defined-only", "--with-symbol-versions", library],
                            check=True, capture_output=True, text=True).stdout
    for line in output.splitlines():
        match = re.search(r" ([A-Z]) (gp_[a-z]\w*)@+(\w[\w.]*)", line)
        if match:
            yield match.group(2), match.group(3)


def dump(options):
    text = declarations(options.include)
    functions = dict(prototypes(text))
    exported = dict(symbols(options.library))
    lines = run_program(options.include, options.cc, text).splitlines()
    lines += [f"function {functions[name]}" for name in sorted(functions)]
    lines += [f"symbol {name} {exported[name]}" for name in sorted(exported)]
    problems = [f"{name} is declared in include/gatepost but not exported"
                for name in sorted(set(functions) - set(exported))]
    problems += [f"{name} is exported but not declared in include/gatepost"
                 for name in sorted(set(exported) - set(functions))]
    return lines, problems


def check(lines):
    golden = GOLDEN.read_text().splitlines()
    difference = [line for line in difflib.unified_diff(golden, lines, "golden", "now", n=0,
                                                        lineterm="")
                  if not line.startswith(("---", "+++", "@@"))]
    if difference:
        print("\n".join(difference))
        print(HELP)
    return bool(difference)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("action", choices=("check", "update"))
    parser.add_argument("--include", type=pathlib.Path, required=True)
    parser.add_argument("--library", required=True)
    parser.add_argument("--cc", required=True)
    options = parser.parse_args()

    if sys.maxsize < 2**32 or not sys.platform.startswith("linux"):
        print("the golden file is of 64-bit Linux")
        return SKIP
    lines, problems = dump(options)
    for problem in problems:
        print(problem)
    if options.action == "update":
        GOLDEN.write_text("\n".join(lines) + "\n")
        return bool(problems)
    return bool(problems) | check(lines)


if __name__ == "__main__":
    sys.exit(main())
