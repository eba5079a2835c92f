# SPDX-License-Identifier: Apache-2.0
"""Each lint finds the mistake it is for, in a small tree made for it, and nothing in a clean one."""

import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
C = "// SPDX-License-Identifier: Apache-2.0\n"

CLEAN = {
    "core/base/arena.h": C + "int gp__arena(void);\n",
    "core/base/arena.c": C + '#include "core/base/arena.h"\n#include <stdio.h>\n\n'
                             "int gp__arena(void)\n{\n    return 1;\n}\n",
    "core/smtp/reply.c": C + '#include "core/base/arena.h"\n#include <string.h>\n',
    "core/runtime/loop.c": C + '#include "core/hook/point.h"\n#include <uv.h>\n'
                               "#include <openssl/ssl.h>\n",
    "core/plugin/loader.c": C + "#include <ltdl.h>\n",
    "core/config/yaml.c": C + "#include <libfyaml.h>\n",
    "include/gatepost/slice.h": C + "#include <stddef.h>\nsize_t gp_slice(void);\n",
    "plugins/greet/greet.c": C + "#include <gatepost/slice.h>\n#include <stdio.h>\n"
                                 '#include "words.h"\n#include <lua.h>\n',
    "plugins/greet/words.h": C,
    "plugins/greet/CMakeLists.txt": "# SPDX-License-Identifier: Apache-2.0\n"
                                    "gatepost_add_plugin(greet greet.c HEADERS lua.h)\n",
    "plugins/greet/tests/test_greet.c": C + "#include <sys/socket.h>\n",
    "scripts/run": "#!/bin/bash\n# SPDX-License-Identifier: Apache-2.0\necho \"$1\"\n",
}

FUNCTION = "int f(void)\n{\n" + "    f();\n" * 120 + "    return 0;\n}\n"

# (lint, file, its text, what the lint must say)
PLANTED = [
    ("layers", "core/base/a.c", '#include "core/smtp/reply.h"\n', "a higher layer"),
    ("layers", "core/hook/a.c", '#include "core/runtime/loop.h"\n', "a higher layer"),
    ("layers", "core/base/a.c", '#include "arena.h"\n', "from the root"),
    ("layers", "core/base/a.c", '# include "../smtp/reply.h"\n', "from the root"),
    ("layers", "core/nowhere/a.c", "", "known layer"),
    ("layers", "core/server/a.c", "#include <uv.h>\n", "core/runtime alone"),
    ("layers", "core/server/a.c", "#include <openssl/ssl.h>\n", "core/runtime alone"),
    ("layers", "core/base/a.c", "#include <unbound.h>\n", "core/runtime alone"),
    ("layers", "core/plugin/a.c", "#include <ltdl.h>\n", "already included"),
    ("layers", "core/config/a.c", "#include <libfyaml.h>\n", "already included"),
    ("layers", "core/cli/a.c", "#include <libfyaml.h>\n", "belongs to core/config"),
    ("layers", "core/smtp/a.c", "#include <unistd.h>\n", "core/smtp must not"),
    ("layers", "core/smtp/a.h", "#include <sys/socket.h>\n", "core/smtp must not"),
    ("layers", "core/smtp/a.c", "#include <stdio.h>\n", "core/smtp must not"),
    ("plugins", "plugins/greet/a.c", '#include "core/base/arena.h"\n', "not a file of this plugin"),
    ("plugins", "plugins/greet/a.c", '#include "../other/x.h"\n', "not a file of this plugin"),
    ("plugins", "plugins/greet/a.c", "#include <hiredis.h>\n", "not declared"),
    ("plugins", "plugins/greet/a.c", "#include <unistd.h>\n", "not declared"),
    ("headers", "include/gatepost/a.h", "#include <uv.h>\n", "not of the C standard"),
    ("headers", "include/gatepost/a.h", '#include "gatepost/slice.h"\n', "write <gatepost/"),
    ("headers", "include/gatepost/a.h", "#include <gatepost/none.h>\n", "does not exist"),
    ("headers", "include/gatepost/a.h", "size_t gp_a(void);\n", "does not compile alone"),
    ("sizes", "core/base/a.c", FUNCTION, "f: 124 lines"),
    ("sizes", "core/base/a.c", "int x;\n" * 950, "more than 900"),
    ("sizes", "core/base/a.c", "// long: a table\n" + "int x;\n" * 1300, "1200 is the end"),
    ("sizes", "tests/unit/base/test_a.c", "int x;\n" * 1300, "1200 is the end"),
    ("text", "core/base/a.c", "int a; // TO" + "DO: more\n", "do it"),
    ("text", "scripts/a.sh", "#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\n# FIX" + "ME\n",
     "do it"),
    ("text", "core/base/a.c", "int a; \n", "blanks at the end"),
    ("text", "core/base/a.c", "\tint a;\n", "a tab"),
    ("text", "core/base/a.c", "int a;", "no newline"),
    ("text", "scripts/a", "#!/bin/sh\necho\n", "SPDX"),
    ("text", "cmake/a.cmake", "set(a b)\n", "SPDX"),
    ("names", "core/base/a.c", 'const char *a = "greet";\n', "the core names none"),
    ("names", "tests/lint/plugin-names.allow", "greet core/base/a.c protocol\n", "no longer"),
    ("names", "tests/lint/plugin-names.allow", "greet core/base/a.c\n", "write NAME PATH REASON"),
    ("format", "core/base/a.c", "int  a ;\n", "clang-format"),
    ("shell", "scripts/a.sh", "#!/bin/sh\nrm $1\n", "SC2086"),
]

ALLOWED = [
    ("sizes", "core/base/a.c", "/* long: one case per byte. */\n" + FUNCTION),
    ("sizes", "core/base/a.c", "// long: a table\n" + "int x;\n" * 950),
    ("names", "core/base/a.c", 'const char *a = "greeting";\n'),
]


class Lints(unittest.TestCase):
    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="gatepost-lint-"))
        self.addCleanup(shutil.rmtree, self.root)
        for path, text in CLEAN.items():
            self.write(path, text)
        shutil.copy(HERE.parents[1] / ".clang-format", self.root)

    def write(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def plant(self, path, text):
        self.write(path, (C if path.endswith((".c", ".h")) else "") + text)

    def run_lint(self, name):
        result = subprocess.run([sys.executable, str(HERE / f"{name}.py"), str(self.root)],
                                capture_output=True, text=True, check=False)
        self.assertEqual(result.stderr, "")
        if result.returncode == 77:
            self.skipTest(result.stdout.strip())
        return result

    def test_clean_tree(self):
        for name in sorted({row[0] for row in PLANTED}):
            with self.subTest(lint=name):
                result = self.run_lint(name)
                self.assertEqual(result.returncode, 0, result.stdout)

    def test_planted(self):
        for name, path, text, expected in PLANTED:
            with self.subTest(lint=name, text=text[:40]):
                self.plant(path, text)
                result = self.run_lint(name)
                self.assertEqual(result.returncode, 1, result.stdout)
                place = [x for x in result.stdout.splitlines() if expected in x]
                self.assertTrue(place, f"{expected!r} not in: {result.stdout}")
                (self.root / path).unlink()

    def test_two_folders_of_one_rank(self):
        self.plant("core/plugin/a.c", '#include "core/config/value.h"\n')
        self.assertEqual(self.run_lint("layers").returncode, 0)
        self.plant("core/config/a.c", '#include "core/plugin/api.h"\n')
        self.assertIn("include each other", self.run_lint("layers").stdout)

    def test_missing_licence(self):
        self.write("core/base/a.c", "int a;\n")
        self.assertIn("first line", self.run_lint("text").stdout)

    def test_allowed(self):
        for name, path, text in ALLOWED:
            with self.subTest(lint=name, path=path):
                self.plant(path, text)
                result = self.run_lint(name)
                self.assertEqual(result.returncode, 0, result.stdout)
                (self.root / path).unlink()


if __name__ == "__main__":
    unittest.main()
