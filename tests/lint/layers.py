# SPDX-License-Identifier: Apache-2.0
"""Which folder of core may include what: layers, and the one door to the outside.

A folder includes its own rank and lower ones; two folders of one rank never include each other
both ways. Includes are written from the root of the tree.
"""

import tree

RANKS = {
    "base": 0,
    "smtp": 1,
    "message": 1,
    "hook": 2,
    "config": 3,
    "plugin": 3,
    "runtime": 4,
    "spool": 5,
    "delivery": 6,
    "server": 7,
    "process": 8,
    "console": 8,
    "cli": 9,
}

# The protocol does no I/O, so it sees no header that could do any.
SMTP_SYSTEM = {"string.h", "stdint.h", "stdbool.h", "stddef.h", "limits.h"}

# Headers that one folder may include, and those that only one file of it may.
ONLY_RUNTIME = ("uv.h", "uv/", "openssl/", "unbound.h", "unbound-event.h", "curl/")
ONE_FILE = {"idn2.h": "base", "zlib.h": "base", "ltdl.h": "plugin", "libfyaml.h": "config",
            "seccomp.h": "process", "microhttpd.h": "console"}


def check_core_include(tree_, path, line, header, seen):
    layer = path.parts[1]
    parts = header.split("/")
    if layer == "cli" and parts[:2] == ["sdk", "kit"]:
        return  # the test kit, which stands above everything but its command
    if parts[0] != "core":
        tree_.report(path, line, f'"{header}": write includes from the root, "core/..."')
        return
    other = parts[1] if len(parts) > 2 else ""
    if other not in RANKS:
        tree_.report(path, line, f'"{header}": core/{other} is not a known layer')
    elif RANKS[other] > RANKS[layer]:
        tree_.report(path, line, f"core/{layer} must not include core/{other}, a higher layer")
    elif other != layer and RANKS[other] == RANKS[layer]:
        seen.setdefault((layer, other), (path, line))


def check_system_include(tree_, path, line, header, one_file):
    layer = path.parts[1]
    if header.startswith("gatepost/"):
        return
    if layer == "smtp" and header not in SMTP_SYSTEM:
        allowed = ", ".join(sorted(SMTP_SYSTEM))
        tree_.report(path, line, f"core/smtp must not include <{header}>, only {allowed}")
    if header.startswith(ONLY_RUNTIME) and layer != "runtime":
        tree_.report(path, line, f"<{header}> belongs to core/runtime alone")
    if header in ONE_FILE:
        one_file.setdefault(header, []).append((path, line))


def check(tree_):
    seen, one_file = {}, {}
    for path in tree_.files("core", suffixes=(".c", ".h", ".S")):
        if len(path.parts) < 3 or path.parts[1] not in RANKS:
            tree_.report(path, 1, "not in a known layer of core")
            continue
        for line, kind, header in tree_.includes(path):
            if kind == '"':
                check_core_include(tree_, path, line, header, seen)
            else:
                check_system_include(tree_, path, line, header, one_file)
    for (layer, other), (path, line) in seen.items():
        if layer < other and (other, layer) in seen:
            back = seen[(other, layer)][0]
            tree_.report(path, line, f"core/{layer} and core/{other} include each other ({back})")
    for header, places in one_file.items():
        for path, line in places:
            if path.parts[1] != ONE_FILE[header]:
                tree_.report(path, line, f"<{header}> belongs to core/{ONE_FILE[header]}")
        for path, line in places[1:]:
            tree_.report(path, line, f"<{header}> is already included by {places[0][0]}")


if __name__ == "__main__":
    tree.main(check)
