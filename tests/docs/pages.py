# SPDX-License-Identifier: Apache-2.0
"""Keeps the generated parts of docs/ and of the READMEs of plugins/ current.

pages.py --generator GEN_REFERENCE --gatepost PROGRAM (--write | --check)

A page has a place between `<!-- generated: NAME -->` and `<!-- end -->`; what belongs there comes
from gen_reference (the tables of the core), gen_api.py (the public headers), for `bundled` from the
READMEs of plugins/, and for `options` in one of these from the plugin itself. A table of options that
stands in no such place is an error."""

import argparse
import difflib
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PLACE = re.compile(r"(<!-- generated: (\w+) -->\n)(.*?)(<!-- end -->\n)", re.DOTALL)
OPTIONS = "| Option | Value |"
# The order in which somebody reads them.
HEADERS = ("plugin", "option", "hook", "session", "envelope", "message", "mime", "note", "wait",
           "state", "text", "log", "file", "role", "slice", "types")


def headers():
    """All of them, also those that HEADERS does not know yet; abi.h says nothing to readers."""
    folder = ROOT / "include" / "gatepost"
    others = sorted({p.stem for p in folder.glob("*.h")} - set(HEADERS) - {"abi"})
    return [str(folder / f"{name}.h") for name in (*HEADERS, *others)]


def bundled(page):
    """A row for each plugin that has a README: a link, and its first paragraph."""
    up = "../" * len(page.relative_to(ROOT).parent.parts)
    rows = ["| Plugin | |", "|---|---|"]
    for path in sorted(ROOT.glob("plugins/*/README.md")):
        paragraphs = path.read_text(encoding="utf-8").split("\n\n")
        name, text = path.parent.name, " ".join(paragraphs[1].split())
        rows.append(f"| [{name}]({up}plugins/{name}/README.md) | {text} |")
    return "\n".join(rows)


def generate(page, name, programs):
    if name == "bundled":
        return bundled(page)
    command = [programs.generator, name]
    if name == "options":
        command = [programs.gatepost, "plugin", "info", "--markdown", page.parent.name]
    elif name == "api":
        command = [sys.executable, str(HERE / "gen_api.py"), *headers()]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    return result.stdout.strip("\n")


def current(path, programs):
    """The page as it is and as it should be."""
    text = path.read_text(encoding="utf-8")

    def fill(match):
        return f"{match.group(1)}\n{generate(path, match.group(2), programs)}\n\n{match.group(4)}"

    return text, PLACE.sub(fill, text)


def report(path, old, new):
    name = path.relative_to(ROOT)
    print(f"{name} is not current. Run scripts/docs, look at the change, and commit it:")
    sys.stdout.writelines(list(difflib.unified_diff(
        old.splitlines(True), new.splitlines(True), str(name), "generated", n=1))[:40])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--generator", required=True)
    parser.add_argument("--gatepost", required=True)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    places = stale = 0
    for path in [*sorted((ROOT / "docs").rglob("*.md")), *sorted(ROOT.glob("plugins/*/README.md"))]:
        old, new = current(path, arguments)
        places += len(PLACE.findall(old))
        if OPTIONS in PLACE.sub("", old):
            sys.exit(f"{path.relative_to(ROOT)}: write `<!-- generated: options -->` and "
                     "`<!-- end -->` around the table of options, and run scripts/docs")
        if old == new:
            continue
        stale += 1
        if arguments.write:
            path.write_text(new, encoding="utf-8")
            print(f"updated {path.relative_to(ROOT)}")
        else:
            report(path, old, new)
    if places == 0:
        sys.exit("no page has a place for generated text")
    sys.exit(1 if stale and not arguments.write else 0)


if __name__ == "__main__":
    main()
