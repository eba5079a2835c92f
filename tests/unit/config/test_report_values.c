// SPDX-License-Identifier: Apache-2.0
/* What is said about YAML, keys and values. */
#include "tests/unit/config/report.h"

static const struct report_case refused[] = {
    {"tag", true, "buckets: !!map {}\n",
     "F:5:10: error: tags are not used here\n"
     "    buckets: !!map {}\n"
     "             ^\n"},
    {"duplicate key", true,
     "work: {threads: 1,\n"
     "  threads: 2}\n",
     "F:6:3: error: duplicate key \"threads\", first in line 5\n"
     "      threads: 2}\n"
     "      ^\n"},
    {"a list as key", true,
     "? [a]\n"
     ": b\n",
     "F:5:3: error: a key must be a plain word, not a list or a mapping\n"
     "    ? [a]\n"
     "      ^\n"},
    {"unknown anchor", true, "log: *x\n",
     "F:5:7: error: no complete anchor \"x\" above\n"
     "    log: *x\n"
     "          ^\n"},
    {"anchor in itself", true, "dns: &d {forward: *d}\n",
     "F:5:20: error: no complete anchor \"d\" above\n"
     "    dns: &d {forward: *d}\n"
     "                       ^\n"},
    {"second document", true,
     "---\n"
     "log: {}\n",
     "F:5:1: error: a second document: one file is one document\n"
     "    ---\n"
     "    ^\n"},
    {"open bracket", true, "log: [a\n",
     "F:6:1: error: flow sequence without a closing bracket\n"
     "    \n"
     "    ^\n"},
    {"bad nesting", true, "log: b: c\n",
     "F:5:7: error: invalid nested block mapping on the same line\n"
     "    log: b: c\n"
     "          ^\n"},
    {"NUL escape", true, "log: {to: \"a\\0b\"}\n",
     "F:5:11: error: a NUL byte\n"
     "    log: {to: \"a\\0b\"}\n"
     "              ^\n"},
    {"no mapping", false, "- a\n",
     "F:1:1: error: a configuration is a mapping, not a list\n"
     "    - a\n"
     "    ^\n"},
    {"empty", false, "# nothing\n",
     "F:1:1: error: \"hostname\" is missing in the configuration\n"
     "    # nothing\n"
     "    ^\n"},
    {"caret behind umlauts", true, "log: {to: \"\303\244/\303\266\", levle: info}\n",
     "F:5:18: error: unknown key \"levle\" in \"log\" of the configuration; did you mean "
     "\"level\"?\n"
     "    log: {to: \"\303\244/\303\266\", levle: info}\n"
     "                     ^\n"},
    {"unknown key", true, "lgo: {}\n",
     "F:5:1: error: unknown key \"lgo\" in the configuration; did you mean \"log\"?\n"
     "    lgo: {}\n"
     "    ^\n"},
    {"unknown key in section", true, "log: {foramt: json}\n",
     "F:5:7: error: unknown key \"foramt\" in \"log\" of the configuration; did you mean "
     "\"format\"?\n"
     "    log: {foramt: json}\n"
     "          ^\n"},
    {"unlike anything", true, "zzzzz: 1\n",
     "F:5:1: error: unknown key \"zzzzz\" in the configuration\n"
     "    zzzzz: 1\n"
     "    ^\n"},
    {"later section", true, "console: {}\n",
     "F:5:1: error: \"console\" in the configuration is not available in this version\n"
     "    console: {}\n"
     "    ^\n"},
    {"section of a wrong kind", true, "log: [a]\n",
     "F:5:6: error: \"log\" of the configuration must be a mapping, not a list\n"
     "    log: [a]\n"
     "         ^\n"},
    {"hostname missing", false,
     "listeners: {mx: {address: \"127.0.0.1:25\"}}\n"
     "targets: {box: {maildir: {path: /m}}}\n"
     "routes: [{name: r, to: box, mode: direct}]\n",
     "F:1:1: error: \"hostname\" is missing in the configuration\n"
     "    listeners: {mx: {address: \"127.0.0.1:25\"}}\n"
     "    ^\n"},
    {"hostname bad", false,
     "hostname: mx example\n"
     "listeners: {mx: {address: \"127.0.0.1:25\"}}\n"
     "targets: {box: {maildir: {path: /m}}}\n"
     "routes: [{name: r, to: box, mode: direct}]\n",
     "F:1:11: error: \"mx example\" is not a host name\n"
     "    hostname: mx example\n"
     "              ^\n"},
    {"text is a list", true,
     "chains:\n"
     "  c:\n"
     "    - allkinds: {text: [a]}\n",
     "F:7:24: error: \"text\" in the options of \"allkinds\" must be a text, not a list\n"
     "        - allkinds: {text: [a]}\n"
     "                           ^\n"},
    {"bool", true,
     "chains:\n"
     "  c:\n"
     "    - allkinds: {flag: 3}\n",
     "F:7:24: error: \"flag\" in the options of \"allkinds\" must be true or false, not \"3\"\n"
     "        - allkinds: {flag: 3}\n"
     "                           ^\n"},
    {"integer", true,
     "chains:\n"
     "  c:\n"
     "    - allkinds: {number: 3.5}\n",
     "F:7:26: error: \"number\" in the options of \"allkinds\" must be a whole number, not "
     "\"3.5\"\n"
     "        - allkinds: {number: 3.5}\n"
     "                             ^\n"},
    {"integer range", true,
     "chains:\n"
     "  c:\n"
     "    - allkinds: {number: 77}\n",
     "F:7:26: error: \"number\" in the options of \"allkinds\": must be from 1 to 9, not 77\n"
     "        - allkinds: {number: 77}\n"
     "                             ^\n"},
    {"milli", true,
     "chains:\n"
     "  c:\n"
     "    - allkinds: {milli: 1.2345}\n",
     "F:7:25: error: \"milli\" in the options of \"allkinds\" must be a number with at most "
     "three decimals, not \"1.2345\"\n"
     "        - allkinds: {milli: 1.2345}\n"
     "                            ^\n"},
    {"milli range", true,
     "chains:\n"
     "  c:\n"
     "    - allkinds: {milli: -11}\n",
     "F:7:25: error: \"milli\" in the options of \"allkinds\": must be from -10 to 10, not -11\n"
     "        - allkinds: {milli: -11}\n"
     "                            ^\n"},
    {"size", true,
     "chains:\n"
     "  c:\n"
     "    - allkinds: {size: 1XB}\n",
     "F:7:24: error: \"size\" in the options of \"allkinds\" must be a size such as 512, 64KiB "
     "or 25MiB, not \"1XB\"\n"
     "        - allkinds: {size: 1XB}\n"
     "                           ^\n"},
    {"size range", true,
     "chains:\n"
     "  c:\n"
     "    - allkinds: {size: 1GiB}\n",
     "F:7:24: error: \"size\" in the options of \"allkinds\": must be from 1KiB to 1MiB, not "
     "1GiB\n"
     "        - allkinds: {size: 1GiB}\n"
     "                           ^\n"},
    {"duration without unit", true,
     "chains:\n"
     "  c:\n"
     "    - allkinds: {duration: 5}\n",
     "F:7:28: error: \"duration\" in the options of \"allkinds\" must be a duration such as "
     "250ms, 30s, 5m or 1h30m, not \"5\"\n"
     "        - allkinds: {duration: 5}\n"
     "                               ^\n"},
    {"duration range", true,
     "chains:\n"
     "  c:\n"
     "    - allkinds: {duration: 1ms}\n",
     "F:7:28: error: \"duration\" in the options of \"allkinds\": must be from 1s to 1m, not "
     "1ms\n"
     "        - allkinds: {duration: 1ms}\n"
     "                               ^\n"},
    {"rate", true,
     "chains:\n"
     "  c:\n"
     "    - allkinds: {rate: 5 per hour}\n",
     "F:7:24: error: \"rate\" in the options of \"allkinds\" must be a rate such as 500/h, 2000/d "
     "or 30/10m, not \"5 per hour\"\n"
     "        - allkinds: {rate: 5 per hour}\n"
     "                           ^\n"},
    {"rate range", true,
     "chains:\n"
     "  c:\n"
     "    - allkinds: {rate: 501/h}\n",
     "F:7:24: error: \"rate\" in the options of \"allkinds\": must be from 1 to 500, not 501/h\n"
     "        - allkinds: {rate: 501/h}\n"
     "                           ^\n"},
    {"enum", true,
     "chains:\n"
     "  c:\n"
     "    - allkinds: {word: mayb}\n",
     "F:7:24: error: \"word\" in the options of \"allkinds\" must be off, on or maybe, not "
     "\"mayb\"; did you mean \"maybe\"?\n"
     "        - allkinds: {word: mayb}\n"
     "                           ^\n"},
    {"address without port", true,
     "chains:\n"
     "  c:\n"
     "    - allkinds: {address: foo}\n",
     "F:7:27: error: \"address\" in the options of \"allkinds\": no port: write host:port, not "
     "\"foo\"\n"
     "        - allkinds: {address: foo}\n"
     "                              ^\n"},
    {"address port", true,
     "chains:\n"
     "  c:\n"
     "    - allkinds: {address: \"foo:0\"}\n",
     "F:7:27: error: \"address\" in the options of \"allkinds\": a port is a number from 1 to "
     "65535, not 0\n"
     "        - allkinds: {address: \"foo:0\"}\n"
     "                              ^\n"},
    {"address with a bad zone", true,
     "chains:\n"
     "  c:\n"
     "    - allkinds: {address: \"[fe80::1%]:25\"}\n",
     "F:7:27: error: \"address\" in the options of \"allkinds\": not the name of an interface after "
     "\"%\", not \"[fe80::1%]:25\"\n"
     "        - allkinds: {address: \"[fe80::1%]:25\"}\n"
     "                              ^\n"},
    {"address v6 without brackets", true,
     "chains:\n"
     "  c:\n"
     "    - allkinds: {address: \"::1:25\"}\n",
     "F:7:27: error: \"address\" in the options of \"allkinds\": an IPv6 address is written in "
     "brackets: \"[::1]:25\", not \"::1:25\"\n"
     "        - allkinds: {address: \"::1:25\"}\n"
     "                              ^\n"},
    {"address bad v4", true,
     "chains:\n"
     "  c:\n"
     "    - allkinds: {address: \"1.2.3:25\"}\n",
     "F:7:27: error: \"address\" in the options of \"allkinds\": not a host name or an IP "
     "address before the port, not \"1.2.3:25\"\n"
     "        - allkinds: {address: \"1.2.3:25\"}\n"
     "                              ^\n"},
    {"address unix relative", true,
     "chains:\n"
     "  c:\n"
     "    - allkinds: {address: \"unix:x\"}\n",
     "F:7:27: error: \"address\" in the options of \"allkinds\": the path of a UNIX socket must "
     "be absolute, not \"unix:x\"\n"
     "        - allkinds: {address: \"unix:x\"}\n"
     "                              ^\n"},
    {"network", true,
     "chains:\n"
     "  c:\n"
     "    - allkinds: {network: x}\n",
     "F:7:27: error: \"network\" in the options of \"allkinds\" must be a network such as "
     "192.0.2.0/24 or 2001:db8::/32, not \"x\"\n"
     "        - allkinds: {network: x}\n"
     "                              ^\n"},
    {"network host bits", true,
     "chains:\n"
     "  c:\n"
     "    - allkinds: {network: 192.0.2.7/24}\n",
     "F:7:27: error: \"network\" in the options of \"allkinds\": bits of the host are set in "
     "192.0.2.7/24; did you mean 192.0.2.0/24?\n"
     "        - allkinds: {network: 192.0.2.7/24}\n"
     "                              ^\n"},
    {"regex", true,
     "chains:\n"
     "  c:\n"
     "    - allkinds: {regex: \"a(\"}\n",
     "F:7:25: error: \"regex\" in the options of \"allkinds\": not a regular expression: missing "
     "closing parenthesis (at character 3)\n"
     "        - allkinds: {regex: \"a(\"}\n"
     "                            ^\n"},
    {"table unknown", true,
     "tables: {doms: [a]}\n"
     "chains:\n"
     "  c:\n"
     "    - allkinds: {table: domz}\n",
     "F:8:25: error: there is no table \"domz\"; did you mean \"doms\"?\n"
     "        - allkinds: {table: domz}\n"
     "                            ^\n"},
    {"target unknown", true,
     "chains:\n"
     "  c:\n"
     "    - allkinds: {target: bux}\n",
     "F:7:26: error: there is no target \"bux\"; did you mean \"box\"?\n"
     "        - allkinds: {target: bux}\n"
     "                             ^\n"},
    {"bucket unknown", true,
     "hold: {path: /h}\n"
     "buckets: {spam: {}}\n"
     "chains:\n"
     "  c:\n"
     "    - allkinds: {bucket: spma}\n",
     "F:9:26: error: there is no bucket \"spma\" in `buckets:`; did you mean \"spam\"?\n"
     "        - allkinds: {bucket: spma}\n"
     "                             ^\n"},
    {"reply of two lines", true,
     "chains:\n"
     "  c:\n"
     "    - allkinds: {reply: \"a\\nb\"}\n",
     "F:7:25: error: \"reply\" in the options of \"allkinds\": cannot stand in a reply: no control "
     "characters, at most 400 bytes a line, and \\r\\n between lines\n"
     "        - allkinds: {reply: \"a\\nb\"}\n"
     "                            ^\n"},
    {"list empty", true,
     "chains:\n"
     "  c:\n"
     "    - allkinds: {list: []}\n",
     "F:7:24: error: \"list\" in the options of \"allkinds\": must not be empty\n"
     "        - allkinds: {list: []}\n"
     "                           ^\n"},
    {"list item", true,
     "chains:\n"
     "  c:\n"
     "    - allkinds: {numbers: [1, x]}\n",
     "F:7:31: error: \"numbers\" in the options of \"allkinds\" must be a whole number, not "
     "\"x\"\n"
     "        - allkinds: {numbers: [1, x]}\n"
     "                                  ^\n"},
    {"list item range", true,
     "chains:\n"
     "  c:\n"
     "    - allkinds: {numbers: 100}\n",
     "F:7:27: error: \"numbers\" in the options of \"allkinds\": must be from 0 to 99, not 100\n"
     "        - allkinds: {numbers: 100}\n"
     "                              ^\n"},
    {"list item null", true,
     "chains:\n"
     "  c:\n"
     "    - allkinds: {list: [a, ~]}\n",
     "F:7:28: error: \"list\" in the options of \"allkinds\": an item is empty\n"
     "        - allkinds: {list: [a, ~]}\n"
     "                               ^\n"},
    {"map kind", true,
     "chains:\n"
     "  c:\n"
     "    - allkinds: {map: [a]}\n",
     "F:7:23: error: \"map\" in the options of \"allkinds\" must be a mapping, not a list\n"
     "        - allkinds: {map: [a]}\n"
     "                          ^\n"},
    {"map twice", true,
     "chains:\n"
     "  c:\n"
     "    - allkinds: {map: {a: 1, A: 2}}\n",
     "F:7:30: error: \"map\" in the options of \"allkinds\": \"A\" is there in another case\n"
     "        - allkinds: {map: {a: 1, A: 2}}\n"
     "                                 ^\n"},
    {"object missing", true,
     "chains:\n"
     "  c:\n"
     "    - allkinds: {inner: {weight: 3}}\n",
     "F:7:25: error: \"name\" is missing in \"inner\" of the options of \"allkinds\"\n"
     "        - allkinds: {inner: {weight: 3}}\n"
     "                            ^\n"},
    {"object unknown", true,
     "chains:\n"
     "  c:\n"
     "    - allkinds: {objects: [{name: a, wieght: 1}]}\n",
     "F:7:38: error: unknown key \"wieght\" in \"objects\" of the options of \"allkinds\"; did "
     "you mean \"weight\"?\n"
     "        - allkinds: {objects: [{name: a, wieght: 1}]}\n"
     "                                         ^\n"},
    {"path empty", true,
     "chains:\n"
     "  c:\n"
     "    - allkinds: {path: \"\"}\n",
     "F:7:24: error: \"path\" in the options of \"allkinds\": must not be empty\n"
     "        - allkinds: {path: \"\"}\n"
     "                           ^\n"},
    {"secret env", true,
     "chains:\n"
     "  c:\n"
     "    - allkinds: {secret: \"env:NO\"}\n",
     "F:7:26: error: \"secret\" in the options of \"allkinds\": the environment has no NO\n"
     "        - allkinds: {secret: \"env:NO\"}\n"
     "                             ^\n"},
    {"secret file", true,
     "chains:\n"
     "  c:\n"
     "    - allkinds: {secret: {file: none}}\n",
     "F:7:33: error: \"secret\" in the options of \"allkinds\": cannot read /etc/gatepost/none: "
     "No such file or directory\n"
     "        - allkinds: {secret: {file: none}}\n"
     "                                    ^\n"},
    {"secret form", true,
     "chains:\n"
     "  c:\n"
     "    - allkinds: {secret: {vault: x}}\n",
     "F:7:26: error: \"secret\" in the options of \"allkinds\" must be a text, {file: PATH} or "
     "{env: NAME}, not a mapping\n"
     "        - allkinds: {secret: {vault: x}}\n"
     "                             ^\n"},
    {"secret is not shown", true,
     "chains:\n"
     "  c:\n"
     "    - allkinds: {secret: hunter2, flag: 3}\n",
     "F:7:41: error: \"flag\" in the options of \"allkinds\" must be true or false, not \"3\"\n"
     "        - allkinds: {secret: *******, flag: 3}\n"
     "                                            ^\n"},
    {"escapes", true,
     "chains:\n"
     "  c:\n"
     "    - allkinds: {word: \"a\\e[31m\\u202e\"}\n",
     "F:7:24: error: \"word\" in the options of \"allkinds\" must be off, on or maybe, not "
     "\"a\\x1b[31m\\xe2\\x80\\xae\"\n"
     "        - allkinds: {word: \"a\\e[31m\\u202e\"}\n"
     "                           ^\n"},
};

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        check_report(&refused[i], false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_refused)};

    return cmocka_run_group_tests(tests, NULL, free_pool);
}
