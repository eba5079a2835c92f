// SPDX-License-Identifier: Apache-2.0
/* What is said about engines of the spool. */
#include "tests/unit/config/report.h"

static const struct report_case refused[] = {
    {"engine that is none", true, "engines: {a: box, b: {maildir: {path: x}}, c: {bix: {}}}\n",
     "F:5:14: error: an engine of the spool is {KIND: options}\n"
     "    engines: {a: box, b: {maildir: {path: x}}, c: {bix: {}}}\n"
     "                 ^\n"
     "F:5:23: error: the plugin \"maildir\" is not a spool\n"
     "    engines: {a: box, b: {maildir: {path: x}}, c: {bix: {}}}\n"
     "                          ^\n"
     "F:5:48: error: there is no plugin \"bix\"\n"
     "    engines: {a: box, b: {maildir: {path: x}}, c: {bix: {}}}\n"
     "                                                   ^\n"},
    {"engine unknown", true,
     "engines: {store: {box: {path: x}}}\n"
     "spool: {path: /spool, engine: stor}\n",
     "F:6:31: error: there is no engine \"stor\"; did you mean \"store\"?\n"
     "    spool: {path: /spool, engine: stor}\n"
     "                                  ^\n"},
    {"engine of secrets", true,
     "engines: {store: {secret: {key: x}}}\n"
     "spool: {path: /spool, engine: store}\n",
     "F:5:19: error: the plugin \"spool_secret\" can't be a spool: its option \"key\" is of a kind that the scheduler can't be given\n"
     "    engines: {store: {secret: {key: x}}}\n"
     "                      ^\n"},
    {"engine without options", true,
     "engines: {store: {box: {}}}\n"
     "spool: {path: /spool, engine: store}\n",
     "F:5:19: error: \"path\" is missing in the options of \"spool_box\"\n"
     "    engines: {store: {box: {}}}\n"
     "                      ^\n"},
    {"mail of another engine", true,
     "engines: {store: {box: {path: x}}}\n"
     "spool: {path: /log, engine: store}\n",
     "F:6:15: error: the spool: no spool_box\n"
     "    spool: {path: /log, engine: store}\n"
     "                  ^\n"},
};

static const struct report_case accepted[] = {
    {"engine not used", true, "engines: {store: {box: {path: x}}}\n",
     "F:5:11: warning: the engine \"store\" is not used: `spool: {engine: NAME}` says which one is\n"
     "    engines: {store: {box: {path: x}}}\n"
     "              ^\n"},
    {"engine in memory", true,
     "engines: {store: {spool_box: {path: /memory}}}\n"
     "spool: {path: /spool, engine: store}\n",
     "F:5:11: warning: the spool: /memory is memory\n"
     "    engines: {store: {spool_box: {path: /memory}}}\n"
     "              ^\n"},
};

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        check_report(&refused[i], false);
}

static void test_accepted(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof accepted / sizeof accepted[0]; i++)
        check_report(&accepted[i], true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_accepted),
    };

    return cmocka_run_group_tests(tests, NULL, free_pool);
}
