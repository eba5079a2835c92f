# SPDX-License-Identifier: Apache-2.0
"""Lists of the documentation are complete: what the sources have, the pages name.

 - every log event with its level and fields, in docs/operations.md, and no other
 - every fact of conditions, and every section that a configuration may have, in
   docs/configuration.md
 - every command, with its options, in the manual page
 - what docs/tuning.md names of settings, limits, metrics and log events is there

and the tests that docs/threats.md names exist."""

import re
import sys

import blocks

ROOT = blocks.ROOT
STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
LEVEL = re.compile(r"GP_LOG_(\w+)|\blevel\b")
FIELD = re.compile(r'GP__F_\w+\(\s*"(\w+)"')
ROW = re.compile(r"^\| `([\w.]+)` \| (\w[\w ]*?) \| (.*?) \| .* \|$", re.MULTILINE)

problems = []


def need(condition, text):
    if not condition:
        problems.append(text)


def read(path):
    return (ROOT / path).read_text(encoding="utf-8")


# ---- log events ----

def calls(text):
    """The arguments of each call of gp__log() and gp__log_fields(), as they are written."""
    for match in re.finditer(r"\bgp__log(?:_fields)?\(", text):
        depth, at = 1, match.end()
        while depth and at < len(text):
            skip = STRING.match(text, at)
            if skip:
                at = skip.end()
                continue
            depth += {"(": 1, ")": -1}.get(text[at], 0)
            at += 1
        yield match.start(), text[match.end():at - 1]


def events():
    """Event to (level, fields); the level is empty where the caller chooses."""
    found = {}
    for path in sorted((ROOT / "core").rglob("*.c")):
        text = path.read_text(encoding="utf-8")
        if path.name == "log.c" and path.parent.name == "base":
            continue
        for _, arguments in calls(text):
            name, level = STRING.search(arguments), LEVEL.search(arguments)
            if not name or not level:
                continue
            fields = FIELD.findall(arguments)
            if "fields, n" in arguments:  # a list that is put together before the call
                body = text[:text.index(arguments)]
                fields = FIELD.findall(body[body.rindex("\n{\n"):])
            old = found.get(name.group(1), ("", []))[1]
            found[name.group(1)] = ((level.group(1) or "").lower(), old + fields)
    return found


def check_events():
    known = {row[0]: row[1:] for row in ROW.findall(read("docs/operations.md"))}
    found = events()
    need(len(found) > 20, "no longer finds the log events in core/")
    for event, (level, fields) in sorted(found.items()):
        if event not in known:
            problems.append(f"docs/operations.md: no row for the log event {event}")
            continue
        need(not level or known[event][0] == level,
             f"docs/operations.md: {event} is logged as {level}, not {known[event][0]}")
        named = re.findall(r"`(\w+)`", known[event][1])
        for field in dict.fromkeys(fields):
            need(field in named, f"docs/operations.md: {event} has a field {field}")
        for field in named:
            need(field in fields, f"docs/operations.md: {event} has no field {field}")
    for event in sorted(set(known) - set(found)):
        problems.append(f"docs/operations.md: nothing logs the event {event}")


# ---- configuration ----

def check_configuration():
    page = read("docs/configuration.md")
    facts = re.findall(r'^    \{"(\w+)", GP__FACT_', read("core/config/settings_fact.c"),
                       re.MULTILINE)
    own = re.search(r"gp__top_own\[\] = \{(.*?)\}", read("core/config/settings.c"), re.DOTALL)
    need(len(facts) > 10, "no longer finds the facts in core/config/settings_fact.c")
    need(own, "no longer finds the sections in core/config/settings.c")
    for name in facts + STRING.findall(own.group(1) if own else ""):
        need(f"`{name}`" in page or f"`{name}:" in page, f"docs/configuration.md: no word of {name}")


# ---- the manual page ----

def check_manual():
    page = read("docs/man/gatepost.8").replace("\\-", "-")
    table = read("core/cli/main.c").split("gp__commands[] = {")[1].split("{NULL")[0]
    rows = re.findall(r'^    \{"([a-z ]+)",\s+"((?:[^"\\]|\\.)*)"', table, re.MULTILINE)
    need(len(rows) >= 9, "no longer finds the commands in core/cli/main.c")
    for name, arguments in rows:
        need(re.search(rf"^\.SS {name}\b", page, re.MULTILINE),
             f"docs/man/gatepost.8: no section for the command {name}")
        for option in re.findall(r"--[a-z]+", arguments):
            need(option in page, f"docs/man/gatepost.8: no word of {option} of {name}")


# ---- threats ----

def check_threats():
    named = re.findall(r"`((?:tests|plugins)/[\w./]+)(?::(\w+))?`", read("docs/threats.md"))
    need(len(named) > 30, "no longer finds the tests in docs/threats.md")
    for path, test in named:
        if not (ROOT / path).is_file():
            problems.append(f"docs/threats.md: there is no {path}")
        elif test and not re.search(rf"\b{test}\b", read(path)):
            problems.append(f"docs/threats.md: there is no {test} in {path}")


# ---- tuning ----

def check_tuning():
    """Names with a dot or of metrics, and those in the first cell of a row, but for the kernel's."""
    page = read("docs/tuning.md")
    names = set(re.findall(r"`((?:[a-z_]+\.)+[a-z_]+|gatepost_[a-z_]+)`", page))
    for row in re.findall(r"^\| (`[^|]*) \|", page, re.MULTILINE):
        names.update(re.findall(r"`(\w+)`", row))
    known = set()
    for path in ("configuration", "operations", "protocol"):
        for row in re.findall(r"^\| `.*", read(f"docs/{path}.md"), re.MULTILINE):
            known.update(re.findall(r"`([\w.]+)`", row))
    names = {name for name in names if not name.startswith(("net.", "vm.", "fs."))}
    need(len(names) > 30, "no longer finds the names in docs/tuning.md")
    for name in sorted(names - known):
        problems.append(f"docs/tuning.md: nothing is called {name}")


def main():
    check_events()
    check_configuration()
    check_manual()
    check_threats()
    check_tuning()
    print("\n".join(problems) or "complete")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
