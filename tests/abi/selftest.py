# SPDX-License-Identifier: Apache-2.0
"""That the comparison sees what it must see: a dump of a header with each kind of change."""

import pathlib
import shutil
import tempfile
import unittest

import abi

HEADER = """
#define GP_ABI_MAJOR 1
#define GP_ABI_MINOR 0
#define GP_API
/* struct gp_fake { int a; }; */
struct gp_a {
    const char *name; // of it
    int min, max[2];
    int (*fn)(void *arg, int n);
};
enum gp_e { GP_ONE = 1, GP_TWO, GP_E_COUNT };
GP_API int gp_f(struct gp_a *a,
                int n);
"""


class Dump(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        (self.folder / "gatepost").mkdir()

    def tearDown(self):
        shutil.rmtree(self.folder)

    def dump(self, header):
        (self.folder / "gatepost" / "abi.h").write_text(header)
        text = abi.declarations(self.folder)
        lines = abi.run_program(self.folder, "cc", text).splitlines()
        return lines + [prototype for _, prototype in abi.prototypes(text)]

    def test_all_kinds(self):
        self.assertEqual(self.dump(HEADER), [
            "abi 1.0",
            "struct gp_a size 32",
            "struct gp_a.name at 0 size 8",
            "struct gp_a.min at 8 size 4",
            "struct gp_a.max at 12 size 8",
            "struct gp_a.fn at 24 size 8",
            "enum gp_e GP_ONE 1",
            "enum gp_e GP_TWO 2",
            "int gp_f(struct gp_a *a, int n)",
        ])

    def test_changes_show(self):
        before = self.dump(HEADER)
        for old, new in (("int min", "long min"), ("GP_ONE = 1", "GP_ONE = 2"),
                         ("GP_TWO", "GP_NEW, GP_TWO"),
                         ("                int n);", "                long n);")):
            self.assertIn(old, HEADER)
            self.assertNotEqual(self.dump(HEADER.replace(old, new)), before, old)


if __name__ == "__main__":
    unittest.main()
