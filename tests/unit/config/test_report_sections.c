// SPDX-License-Identifier: Apache-2.0
/* What is said about sections, and about configurations that can be used. */
#include "tests/unit/config/report.h"

static const struct report_case refused[] = {
    {"table kind unknown", true, "tables: {a: {fiel: {path: x}}}\n",
     "F:5:14: error: there is no plugin \"fiel\"\n"
     "    tables: {a: {fiel: {path: x}}}\n"
     "                 ^\n"},
    {"table kind broken", true, "tables: {a: {broken: {}}}\n",
     "F:5:14: error: the plugin \"broken\" cannot be used: undefined symbol: gp_future\n"
     "    tables: {a: {broken: {}}}\n"
     "                 ^\n"},
    {"not a table", true, "tables: {a: {maildir: {path: x}}}\n",
     "F:5:14: error: the plugin \"maildir\" is not a table\n"
     "    tables: {a: {maildir: {path: x}}}\n"
     "                 ^\n"},
    {"table of two kinds", true, "tables: {a: {file: {path: x}, maildir: {}}}\n",
     "F:5:31: error: a table is of one kind: \"maildir\" is a second\n"
     "    tables: {a: {file: {path: x}, maildir: {}}}\n"
     "                                  ^\n"},
    {"table word", true, "tables: {a: b}\n",
     "F:5:13: error: a table is a list, {KIND: options} or KIND:ARGUMENT\n"
     "    tables: {a: b}\n"
     "                ^\n"},
    {"table nothing", true, "tables: {a: }\n",
     "F:5:10: error: a table is a list, {KIND: options} or KIND:ARGUMENT\n"
     "    tables: {a: }\n"
     "             ^\n"},
    {"table circle", true,
     "tables: {a: {file: {path: x, next: b}}, b: {file: {path: y, next: a}}}\n",
     "F:5:67: error: the table \"a\" needs itself\n"
     "    tables: {a: {file: {path: x, next: b}}, b: {file: {path: y, next: a}}}\n"
     "                                                                      ^\n"},
    {"table entry twice", true, "tables: {a: [x, X]}\n",
     "F:5:17: error: \"X\" is in the table twice\n"
     "    tables: {a: [x, X]}\n"
     "                    ^\n"},
    {"table entry in both notations", true, "tables: {a: [a@b\xc3\xbc.test, a@XN--b-eha.test]}\n",
     "F:5:25: error: \"a@XN--b-eha.test\" is in the table twice\n"
     "    tables: {a: [a@b\xc3\xbc.test, a@XN--b-eha.test]}\n"
     "                            ^\n"},
    {"table entry", true, "tables: {a: [[x]]}\n",
     "F:5:14: error: a table in place lists keys, or key: value\n"
     "    tables: {a: [[x]]}\n"
     "                 ^\n"},
    {"table cache", true, "tables: {a: {file: {path: x}, cache: 1m}}\n",
     "F:5:31: error: \"cache\" in a table is not available in this version\n"
     "    tables: {a: {file: {path: x}, cache: 1m}}\n"
     "                                  ^\n"},
    {"table no argument", true, "tables: {a: \"early:x\"}\n",
     "F:5:13: error: the plugin \"early\" is not a table\n"
     "    tables: {a: \"early:x\"}\n"
     "                ^\n"},
    {"table name", true, "tables: {\"a b\": [x]}\n",
     "F:5:10: error: \"a b\" cannot name a table: use letters, digits, \"_\", \"-\" and \".\", "
     "at most 64\n"
     "    tables: {\"a b\": [x]}\n"
     "             ^\n"},
    {"backend unknown", true, "auth: {a: {bok: {path: x}}}\n",
     "F:5:12: error: there is no plugin \"bok\"\n"
     "    auth: {a: {bok: {path: x}}}\n"
     "               ^\n"},
    {"not a backend", true, "auth: {a: {maildir: {path: x}}}\n",
     "F:5:12: error: the plugin \"maildir\" does not authenticate anybody\n"
     "    auth: {a: {maildir: {path: x}}}\n"
     "               ^\n"},
    {"backend of two kinds", true, "auth: {a: {book: {path: x}, maildir: {}}}\n",
     "F:5:11: error: an authentication backend is {KIND: options}\n"
     "    auth: {a: {book: {path: x}, maildir: {}}}\n"
     "              ^\n"},
    {"backend name", true, "auth: {\"a b\": {book: {path: x}}}\n",
     "F:5:8: error: \"a b\" cannot name a backend: use letters, digits, \"_\", \"-\" and \".\", at most 64\n"
     "    auth: {\"a b\": {book: {path: x}}}\n"
     "           ^\n"},
    {"backend of a listener", false,
     "hostname: mx.example\n"
     "auth: {staff: {book: {path: x}}}\n"
     "listeners: {mx: {address: \"[::1]:25\", auth: [stuff]}}\n",
     "F:3:46: error: there is no backend \"stuff\"; did you mean \"staff\"?\n"
     "    listeners: {mx: {address: \"[::1]:25\", auth: [stuff]}}\n"
     "                                                 ^\n"},
    {"mechanism", false,
     "hostname: mx.example\n"
     "auth: {staff: {book: {path: x}}}\n"
     "listeners: {mx: {address: \"[::1]:25\", auth: staff, auth_mechanisms: [plain, SCRAM-SHA-265]}}\n",
     "F:3:77: error: there is no mechanism \"SCRAM-SHA-265\"; did you mean \"SCRAM-SHA-256\"?\n"
     "    listeners: {mx: {address: \"[::1]:25\", auth: staff, auth_mechanisms: [plain, SCRAM-SHA-265]}}\n"
     "                                                                                ^\n"},
    {"login that nobody can have", false,
     "hostname: mx.example\n"
     "listeners: {mx: {address: \"[::1]:25\", auth_required: true}}\n",
     "F:2:54: error: \"auth_required\" without `auth:`: nobody could send anything through \"mx\"\n"
     "    listeners: {mx: {address: \"[::1]:25\", auth_required: true}}\n"
     "                                                         ^\n"},
    {"state of two kinds", true, "state: {box: {path: x}, box2: {}}\n",
     "F:5:8: error: the state is {KIND: options}\n"
     "    state: {box: {path: x}, box2: {}}\n"
     "           ^\n"},
    {"state kind unknown", true, "state: {bix: {}}\n",
     "F:5:9: error: there is no plugin \"bix\"\n"
     "    state: {bix: {}}\n"
     "            ^\n"},
    {"not a state", true, "state: {maildir: {path: x}}\n",
     "F:5:9: error: the plugin \"maildir\" is not a state\n"
     "    state: {maildir: {path: x}}\n"
     "            ^\n"},
    {"no state", true,
     "state:\n"
     "chains: {c: [{remembers: {}}]}\n",
     "F:6:15: error: \"remembers\" keeps a state, but there is none: write `state: {lmdb: "
     "{path: DIR}}`\n"
     "    chains: {c: [{remembers: {}}]}\n"
     "                  ^\n"},
    {"state of a shadow", true,
     "state: {box: {path: x}}\n"
     "chains:\n"
     "  c:\n"
     "    - {remembers: {}, id: a, mode: shadow}\n"
     "    - {remembers: {}, id: b, state: a}\n"
     "    - {remembers: {}, id: d, state: a, mode: shadow}\n",
     "F:9:8: error: \"b\" would share the state of \"a\", which is in shadow mode: nobody may read "
     "what a shadow writes\n"
     "        - {remembers: {}, id: b, state: a}\n"
     "           ^\n"},
    {"state name", true,
     "state: {box: {path: x}}\n"
     "chains: {c: [{remembers: {}, state: a/b}]}\n",
     "F:6:37: error: \"a/b\" cannot name a namespace: use letters, digits, \"_\", \"-\" and "
     "\".\", at most 64\n"
     "    chains: {c: [{remembers: {}, state: a/b}]}\n"
     "                                        ^\n"},
    {"target form", false,
     "hostname: mx.example\n"
     "targets: {a: maildir}\n"
     "listeners: {mx: {address: \"[::1]:25\"}}\n",
     "F:2:14: error: a target is {PLUGIN: options}\n"
     "    targets: {a: maildir}\n"
     "                 ^\n"},
    {"not a target", false,
     "hostname: mx.example\n"
     "targets: {a: {early: }}\n",
     "F:2:15: error: the plugin \"early\" is not a target\n"
     "    targets: {a: {early: }}\n"
     "                  ^\n"},
    {"chain kind", true, "chains: {c: {early: }}\n",
     "F:5:13: error: a chain is a list of items, not a mapping\n"
     "    chains: {c: {early: }}\n"
     "                ^\n"},
    {"item word", true,
     "chains:\n"
     "  c:\n"
     "    - early\n",
     "F:7:7: error: an item is a mapping: write \"- early: {}\"\n"
     "        - early\n"
     "          ^\n"},
    {"item empty", true,
     "chains:\n"
     "  c:\n"
     "    - {}\n",
     "F:7:7: error: which plugin? an item is {PLUGIN: options}\n"
     "        - {}\n"
     "          ^\n"},
    {"plugin unknown", true,
     "chains:\n"
     "  c:\n"
     "    - erly:\n",
     "F:7:7: error: there is no plugin \"erly\"; did you mean \"early\"?\n"
     "        - erly:\n"
     "          ^\n"},
    {"no hooks", true,
     "chains:\n"
     "  c:\n"
     "    - nothing:\n",
     "F:7:7: error: the plugin \"nothing\" has no hooks and cannot stand in a chain\n"
     "        - nothing:\n"
     "          ^\n"},
    {"two plugins", true,
     "chains:\n"
     "  c:\n"
     "    - allkinds:\n"
     "      sign:\n",
     "F:8:7: error: \"sign\" beside \"allkinds\": an item is one plugin, and each begins with "
     "\"-\"\n"
     "          sign:\n"
     "          ^\n"},
    {"core key", true,
     "chains:\n"
     "  c:\n"
     "    - sign:\n"
     "      on_eror: defer\n",
     "F:8:7: error: unknown key \"on_eror\" beside \"sign\"; did you mean \"on_error\"?\n"
     "          on_eror: defer\n"
     "          ^\n"},
    {"second use", true,
     "chains:\n"
     "  c:\n"
     "    - sign:\n"
     "    - sign:\n",
     "F:8:7: error: \"sign\" is used twice, first in F:7: give this one an `id` of its own\n"
     "        - sign:\n"
     "          ^\n"},
    {"id twice", true,
     "chains:\n"
     "  c:\n"
     "    - sign:\n"
     "      id: a\n"
     "    - allkinds:\n"
     "      id: a\n",
     "F:10:11: error: the id \"a\" is used twice, first in F:7\n"
     "          id: a\n"
     "              ^\n"},
    {"isolation", true,
     "chains:\n"
     "  c:\n"
     "    - sign:\n"
     "      isolation: process\n",
     "F:8:18: error: \"isolation: process\" is not available in this version\n"
     "          isolation: process\n"
     "                     ^\n"},
    {"quarantine", true,
     "chains:\n"
     "  c:\n"
     "    - sign:\n"
     "      on_error: quarantine\n",
     "F:8:17: error: \"sign\" is to quarantine when it fails, but there is no `spool:` or `hold:` to keep "
     "mail in\n"
     "          on_error: quarantine\n"
     "                    ^\n"},
    {"group without when", true,
     "chains:\n"
     "  c:\n"
     "    - do: [sign: ]\n",
     "F:7:7: error: \"when\" is missing in a group\n"
     "        - do: [sign: ]\n"
     "          ^\n"},
    {"group key", true,
     "chains:\n"
     "  c:\n"
     "    - when: {tls: true}\n"
     "      do: [sign: ]\n"
     "      id: x\n",
     "F:9:7: error: unknown key \"id\" in a group\n"
     "          id: x\n"
     "          ^\n"},
    {"options without rows", true,
     "chains:\n"
     "  c:\n"
     "    - sign: {x: 1}\n",
     "F:7:14: error: unknown key \"x\" in the options of \"sign\"\n"
     "        - sign: {x: 1}\n"
     "                 ^\n"},
    {"fact unknown", true,
     "chains:\n"
     "  c:\n"
     "    - sign:\n"
     "      when: {recipent: a}\n",
     "F:8:14: error: unknown fact \"recipent\"; did you mean \"recipient\"?\n"
     "          when: {recipent: a}\n"
     "                 ^\n"},
    {"fact of routes", true,
     "chains:\n"
     "  c:\n"
     "    - sign:\n"
     "      when: {relay: true}\n",
     "F:8:14: error: \"relay\" cannot be asked outside of routes\n"
     "          when: {relay: true}\n"
     "                 ^\n"},
    {"is alone", true,
     "chains:\n"
     "  c:\n"
     "    - sign:\n"
     "      when: {is: a}\n",
     "F:8:14: error: \"is\" goes with \"note\"\n"
     "          when: {is: a}\n"
     "                 ^\n"},
    {"note of nobody", true,
     "chains:\n"
     "  c:\n"
     "    - sign:\n"
     "      when: {any: [{note: sgin.done}, {note: sign.done}, {note: done}]}\n",
     "F:6:3: warning: no listener uses the chain \"c\"\n"
     "      c:\n"
     "      ^\n"
     "F:8:21: error: no instance \"sgin\" is there to set the note \"sgin.done\"; did you mean "
     "\"sign\"?\n"
     "          when: {any: [{note: sgin.done}, {note: sign.done}, {note: done}]}\n"
     "                        ^\n"},
    {"domains that are none", true,
     "chains:\n"
     "  c:\n"
     "    - sign:\n"
     "      when: {sender: [\xe2\x98\x83.test, a@\xe2\x98\x83.test, .\xc3\xbc.test]}\n",
     "F:8:23: error: \"sender\" must be in valid U-labels (RFC 5891), not \"\xe2\x98\x83.test\"\n"
     "          when: {sender: [\xe2\x98\x83.test, a@\xe2\x98\x83.test, .\xc3\xbc.test]}\n"
     "                          ^\n"
     "F:8:31: error: \"sender\" must be in valid U-labels (RFC 5891), not \"a@\xe2\x98\x83.test\"\n"
     "          when: {sender: [\xe2\x98\x83.test, a@\xe2\x98\x83.test, .\xc3\xbc.test]}\n"
     "                                  ^\n"},
    {"addresses", true,
     "chains:\n"
     "  c:\n"
     "    - sign:\n"
     "      when: {recipient: [a@b@c, a@, .b..c, \"x y.example\", a.b@example.org, \"[192.0.2.1]\"]}\n",
     "F:8:26: error: \"recipient\" must be an address such as a@example.org (a domain goes without "
     "\"@\"), not \"a@b@c\"\n"
     "          when: {recipient: [a@b@c, a@, .b..c, \"x y.example\", a.b@example.org, \"[192.0.2.1]\"]}\n"
     "                             ^\n"
     "F:8:33: error: \"recipient\" must be an address such as a@example.org (a domain goes without "
     "\"@\"), not \"a@\"\n"
     "          when: {recipient: [a@b@c, a@, .b..c, \"x y.example\", a.b@example.org, \"[192.0.2.1]\"]}\n"
     "                                    ^\n"
     "F:8:37: error: \"recipient\" must be an address, a domain, a local part or a table, not "
     "\".b..c\"\n"
     "          when: {recipient: [a@b@c, a@, .b..c, \"x y.example\", a.b@example.org, \"[192.0.2.1]\"]}\n"
     "                                        ^\n"
     "F:8:44: error: \"recipient\" must be an address, a domain, a local part or a table, not \"x "
     "y.example\"\n"
     "          when: {recipient: [a@b@c, a@, .b..c, \"x y.example\", a.b@example.org, \"[192.0.2.1]\"]}\n"
     "                                               ^\n"},
    {"helo", true,
     "chains:\n"
     "  c:\n"
     "    - sign:\n"
     "      when: {helo: [\"a b\", .example.org, \"[192.0.2.1]\"]}\n",
     "F:8:21: error: \"helo\" must be a host name or a table, not \"a b\"\n"
     "          when: {helo: [\"a b\", .example.org, \"[192.0.2.1]\"]}\n"
     "                        ^\n"},
    {"none empty", true,
     "chains:\n"
     "  c:\n"
     "    - sign:\n"
     "      when: {none: []}\n",
     "F:8:20: error: \"none\" needs at least one condition\n"
     "          when: {none: []}\n"
     "                       ^\n"},
    {"condition kind", true,
     "chains:\n"
     "  c:\n"
     "    - sign:\n"
     "      when: [a]\n",
     "F:8:13: error: a condition is a mapping of facts, not a list\n"
     "          when: [a]\n"
     "                ^\n"},
    {"flag", true,
     "chains:\n"
     "  c:\n"
     "    - sign:\n"
     "      when: {tls: 3}\n",
     "F:8:19: error: \"tls\" must be true or false, not \"3\"\n"
     "          when: {tls: 3}\n"
     "                      ^\n"},
    {"class", true,
     "chains:\n"
     "  c:\n"
     "    - sign:\n"
     "      when: {class: none}\n",
     "F:8:21: error: \"class\" must be ours or relay, not \"none\"\n"
     "          when: {class: none}\n"
     "                        ^\n"},
    {"size_over", true,
     "chains:\n"
     "  c:\n"
     "    - sign:\n"
     "      when: {size_over: big}\n",
     "F:8:25: error: \"size_over\" must be a size such as 64KiB or 25MiB, not \"big\"\n"
     "          when: {size_over: big}\n"
     "                            ^\n"},
    {"listener name", true,
     "chains:\n"
     "  c:\n"
     "    - sign:\n"
     "      when: {listener: mxx}\n",
     "F:8:24: error: there is no listener \"mxx\"; did you mean \"mx\"?\n"
     "          when: {listener: mxx}\n"
     "                           ^\n"},
    {"route name", true,
     "chains:\n"
     "  c:\n"
     "    - sign:\n"
     "      when: {route: rr}\n",
     "F:8:21: error: there is no route \"rr\"; did you mean \"r\"?\n"
     "          when: {route: rr}\n"
     "                        ^\n"},
    {"client", true,
     "chains:\n"
     "  c:\n"
     "    - sign:\n"
     "      when: {client: [10.0.0.1/8, nets]}\n",
     "F:8:23: error: \"client\" must be a network without bits of the host, not \"10.0.0.1/8\"\n"
     "          when: {client: [10.0.0.1/8, nets]}\n"
     "                          ^\n"
     "F:8:35: error: there is no network or table \"nets\"\n"
     "          when: {client: [10.0.0.1/8, nets]}\n"
     "                                      ^\n"},
    {"address", true,
     "chains:\n"
     "  c:\n"
     "    - sign:\n"
     "      when: {sender: \"@a.example\"}\n",
     "F:8:22: error: \"sender\" must be an address such as a@example.org (a domain goes without "
     "\"@\"), not \"@a.example\"\n"
     "          when: {sender: \"@a.example\"}\n"
     "                         ^\n"},
    {"never known", true,
     "chains:\n"
     "  c:\n"
     "    - early:\n"
     "      when: {recipient: a.example}\n",
     "F:7:7: notice: \"early\" fails open: when it fails, mail passes unjudged\n"
     "        - early:\n"
     "          ^\n"
     "F:8:14: error: \"recipient\" is never known to \"early\", which runs only at connect\n"
     "          when: {recipient: a.example}\n"
     "                 ^\n"},
    {"like unknown", false,
     "hostname: mx.example\n"
     "listeners:\n"
     "  mx: {address: \"[::1]:25\"}\n"
     "  b: {like: nx}\n",
     "F:4:13: error: there is no listener \"nx\"; did you mean \"mx\"?\n"
     "      b: {like: nx}\n"
     "                ^\n"},
    {"like circle", false,
     "hostname: mx.example\n"
     "listeners:\n"
     "  a: {like: b}\n"
     "  b: {like: a}\n",
     "F:3:13: error: \"like\" goes round in a circle\n"
     "      a: {like: b}\n"
     "                ^\n"
     "F:4:13: error: \"like\" goes round in a circle\n"
     "      b: {like: a}\n"
     "                ^\n"},
    {"address missing", false,
     "hostname: mx.example\n"
     "listeners: {mx: {}}\n",
     "F:2:13: error: \"address\" is missing in listener \"mx\"\n"
     "    listeners: {mx: {}}\n"
     "                ^\n"},
    {"chain unknown", false,
     "hostname: mx.example\n"
     "chains: {edge: }\n"
     "listeners: {mx: {address: \"[::1]:25\", chain: egde}}\n",
     "F:3:46: error: there is no chain \"egde\"; did you mean \"edge\"?\n"
     "    listeners: {mx: {address: \"[::1]:25\", chain: egde}}\n"
     "                                                 ^\n"},
    {"open relay", false,
     "hostname: mx.example\n"
     "listeners: {mx: {address: \"[::1]:25\", relay: \"0.0.0.0/0\"}}\n",
     "F:2:46: error: an open relay: anyone could send anything through this server; if that is "
     "meant, in a laboratory, write \"anyone\"\n"
     "    listeners: {mx: {address: \"[::1]:25\", relay: \"0.0.0.0/0\"}}\n"
     "                                                 ^\n"},
    {"trusted peers", false,
     "hostname: mx.example\n"
     "routes: []\n"
     "listeners: {mx: {address: \"[::1]:24\", proxy: [::1, unixx], xclient: 0.0.0.0/0, "
     "xforward: 10.0.0.1/8}}\n",
     "F:3:52: error: neither a network nor the word unix: \"unixx\"; did you mean \"unix\"?\n"
     "    listeners: {mx: {address: \"[::1]:24\", proxy: [::1, unixx], xclient: 0.0.0.0/0, "
     "xforward: 10.0.0.1/8}}\n"
     "                                                       ^\n"
     "F:3:69: error: anyone could say that they are somebody else: list your proxies only\n"
     "    listeners: {mx: {address: \"[::1]:24\", proxy: [::1, unixx], xclient: 0.0.0.0/0, "
     "xforward: 10.0.0.1/8}}\n"
     "                                                                        ^\n"
     "F:3:90: error: bits of the host are set in 10.0.0.1/8\n"
     "    listeners: {mx: {address: \"[::1]:24\", proxy: [::1, unixx], xclient: 0.0.0.0/0, "
     "xforward: 10.0.0.1/8}}\n"
     "                                                                                             ^\n"},
    {"relay word", false,
     "hostname: mx.example\n"
     "listeners: {mx: {address: \"[::1]:25\", relay: [autenticated, 10.1.0.0/8]}}\n",
     "F:2:47: error: \"relay\" lists networks and the words authenticated and local, not \"autenticated\"; "
     "did you mean \"authenticated\"?\n"
     "    listeners: {mx: {address: \"[::1]:25\", relay: [autenticated, 10.1.0.0/8]}}\n"
     "                                                  ^\n"
     "F:2:61: error: bits of the host are set in 10.1.0.0/8\n"
     "    listeners: {mx: {address: \"[::1]:25\", relay: [autenticated, 10.1.0.0/8]}}\n"
     "                                                                ^\n"},
    {"lmtp on port 25", false,
     "hostname: mx.example\n"
     "listeners: {mx: {address: [\"[::1]:24\", \"[::1]:25\"], protocol: lmtp}}\n",
     "F:1:1: warning: there are no routes: every recipient is refused\n"
     "    hostname: mx.example\n"
     "    ^\n"
     "F:2:13: error: \"mx\" speaks LMTP, which must not be on port 25\n"
     "    listeners: {mx: {address: [\"[::1]:24\", \"[::1]:25\"], protocol: lmtp}}\n"
     "                ^\n"},
    {"tls without a certificate", false,
     "hostname: mx.example\n"
     "listeners: {mx: {address: \"[::1]:25\", tls: optional}}\n",
     "F:2:44: error: \"tls\" in listener \"mx\" needs a certificate: tls: {certificates: [{cert: PATH, key: PATH}]}\n"
     "    listeners: {mx: {address: \"[::1]:25\", tls: optional}}\n"
     "                                               ^\n"},
    {"tls mode", false,
     "hostname: mx.example\n"
     "listeners: {mx: {address: \"[::1]:25\", tls: requird}}\n",
     "F:2:44: error: \"tls\" in listener \"mx\" must be off, optional, required or implicit, not \"requird\"; did you mean \"required\"?\n"
     "    listeners: {mx: {address: \"[::1]:25\", tls: requird}}\n"
     "                                               ^\n"},
    {"certificate not there", true,
     "tls:\n"
     "  certificates: [{cert: no.pem, key: good.key}]\n",
     "F:6:25: error: cannot read /etc/gatepost/no.pem: No such file or directory\n"
     "      certificates: [{cert: no.pem, key: good.key}]\n"
     "                            ^\n"},
    {"key not there", true,
     "tls:\n"
     "  certificates:\n"
     "    - {cert: good.pem, key: no.key}\n",
     "F:7:29: error: cannot read /etc/gatepost/no.key: No such file or directory\n"
     "        - {cert: good.pem, key: no.key}\n"
     "                                ^\n"},
    {"key empty", true,
     "tls:\n"
     "  certificates: [{cert: good.pem, key: empty.key}]\n",
     "F:6:40: error: cannot read /etc/gatepost/empty.key: is empty\n"
     "      certificates: [{cert: good.pem, key: empty.key}]\n"
     "                                           ^\n"},
    {"key of another", true,
     "tls:\n"
     "  certificates: [{cert: good.pem, key: good.key}, {cert: bad.pem, key: good.key}]\n",
     "F:6:58: error: the key does not belong to the certificate\n"
     "      certificates: [{cert: good.pem, key: good.key}, {cert: bad.pem, key: good.key}]\n"
     "                                                             ^\n"},
    {"certificate without a key", true,
     "tls:\n"
     "  certificates: [{cert: good.pem}]\n",
     "F:6:18: error: \"key\" is missing in \"certificates\" of \"tls\" of the configuration\n"
     "      certificates: [{cert: good.pem}]\n"
     "                     ^\n"},
    {"names of a certificate", true,
     "tls:\n"
     "  certificates: [{cert: good.pem, key: good.key, names: [a.example, \"*.*.b\"]}]\n",
     "F:6:57: error: \"*.*.b\" is not a host name\n"
     "      certificates: [{cert: good.pem, key: good.key, names: [a.example, \"*.*.b\"]}]\n"
     "                                                            ^\n"},
    {"a destination that is none", true,
     "tls: {outbound: {\"bad..example\": {require: encrypted}}}\n",
     "F:5:18: error: \"bad..example\" is not a domain\n"
     "    tls: {outbound: {\"bad..example\": {require: encrypted}}}\n"
     "                     ^\n"},
    {"names without verified", true,
     "tls: {outbound: {a.example: {require: encrypted, names: [mx.a.example]}}}\n",
     "F:5:29: error: `names` only means something with \"require: verified\"\n"
     "    tls: {outbound: {a.example: {require: encrypted, names: [mx.a.example]}}}\n"
     "                                ^\n"},
    {"methods and require", true,
     "tls: {outbound: {a.example: {require: encrypted, methods: [dane]}}}\n",
     "F:5:29: error: either `methods` or `require`: what is required does not depend on them\n"
     "    tls: {outbound: {a.example: {require: encrypted, methods: [dane]}}}\n"
     "                                ^\n"},
    {"no such day", true, "tls: {outbound: {a.example: {require: none, until: 2030-02-30}}}\n",
     "F:5:29: error: `until` is a day such as 2027-06-01\n"
     "    tls: {outbound: {a.example: {require: none, until: 2030-02-30}}}\n"
     "                                ^\n"},
    {"default is a list", true, "tls: {outbound: {default: {require: encrypted}}}\n",
     "F:5:27: error: `default` is a list of methods: dane, mta_sts, opportunistic\n"
     "    tls: {outbound: {default: {require: encrypted}}}\n"
     "                              ^\n"
     "F:5:27: warning: without \"opportunistic\" mail to destinations that publish nothing goes in the clear\n"
     "    tls: {outbound: {default: {require: encrypted}}}\n"
     "                              ^\n"},
    {"a method that is none", true, "tls: {outbound: {default: [dane, sts]}}\n",
     "F:5:27: warning: without \"opportunistic\" mail to destinations that publish nothing goes in the clear\n"
     "    tls: {outbound: {default: [dane, sts]}}\n"
     "                              ^\n"
     "F:5:34: error: \"methods\" in \"outbound\" of \"tls\" of the configuration must be dane, mta_sts or opportunistic, not \"sts\"\n"
     "    tls: {outbound: {default: [dane, sts]}}\n"
     "                                     ^\n"},
    {"reports without a state", true, "tls: {reports: {contact: a@b.example}}\n",
     "F:5:16: notice: without a `spool:` reports go by HTTPS alone: nothing keeps those by mail\n"
     "    tls: {reports: {contact: a@b.example}}\n"
     "                   ^\n"
     "F:5:16: error: reports need a `state:`, where all processes count together\n"
     "    tls: {reports: {contact: a@b.example}}\n"
     "                   ^\n"},
    {"reports from nobody", true,
     "tls: {reports: {contact: nobody}}\nstate: {box: {path: s}}\nspool: {path: q}\n",
     "F:5:16: error: `contact` is an address, which reports by mail come from, not \"nobody\"\n"
     "    tls: {reports: {contact: nobody}}\n"
     "                   ^\n"},
    {"client_ca is none", true, "tls: {client_certificates: request, client_ca: good.key}\n",
     "F:5:48: error: there is no CA certificate in PEM\n"
     "    tls: {client_certificates: request, client_ca: good.key}\n"
     "                                                   ^\n"},
    {"client_ca is missing", true, "tls: {client_certificates: require}\n",
     "F:5:28: error: \"client_certificates: require\" needs `client_ca`, or nobody gets in\n"
     "    tls: {client_certificates: require}\n"
     "                               ^\n"},
    {"tls unknown key", true, "tls: {certifcates: []}\n",
     "F:5:7: error: unknown key \"certifcates\" in \"tls\" of the configuration; did you mean \"certificates\"?\n"
     "    tls: {certifcates: []}\n"
     "          ^\n"},
    {"mixed_reject bounce", false,
     "hostname: mx.example\n"
     "listeners: {mx: {address: \"[::1]:25\", mixed_reject: bounce}}\n",
     "F:2:53: error: \"mixed_reject: bounce\" needs `spool: {path: DIR}`, from where bounces are sent\n"
     "    listeners: {mx: {address: \"[::1]:25\", mixed_reject: bounce}}\n"
     "                                                        ^\n"},
    {"mixed_reject hold", false,
     "hostname: mx.example\n"
     "listeners: {mx: {address: \"[::1]:25\", mixed_reject: hold}}\n",
     "F:2:53: error: \"mixed_reject: hold\" needs `spool: {path: DIR}` to keep mail in; without it "
     "say refuse_all\n"
     "    listeners: {mx: {address: \"[::1]:25\", mixed_reject: hold}}\n"
     "                                                        ^\n"},
    {"extension", false,
     "hostname: mx.example\n"
     "listeners: {mx: {address: \"[::1]:25\", extensions: {CHUNKIN: false}}}\n",
     "F:2:52: error: unknown key \"CHUNKIN\" in \"extensions\" of listener \"mx\"; did you mean "
     "\"CHUNKING\"?\n"
     "    listeners: {mx: {address: \"[::1]:25\", extensions: {CHUNKIN: false}}}\n"
     "                                                       ^\n"},
    {"limit", false,
     "hostname: mx.example\n"
     "listeners: {mx: {address: \"[::1]:25\", limits: {recipients: 1}}}\n",
     "F:2:60: error: \"recipients\" in \"limits\" of listener \"mx\": must be from 100 to "
     "100000, not 1\n"
     "    listeners: {mx: {address: \"[::1]:25\", limits: {recipients: 1}}}\n"
     "                                                               ^\n"},
    {"greeting", false,
     "hostname: mx.example\n"
     "listeners: {mx: {address: \"[::1]:25\", greeting: \"a\\r\\nb\"}}\n",
     "F:2:49: error: \"greeting\" must be at most 200 printable ASCII characters\n"
     "    listeners: {mx: {address: \"[::1]:25\", greeting: \"a\\r\\nb\"}}\n"
     "                                                    ^\n"},
    {"no listeners", false, "hostname: mx.example\n",
     "F:1:1: error: there are no listeners\n"
     "    hostname: mx.example\n"
     "    ^\n"
     "F:1:1: warning: there are no routes: every recipient is refused\n"
     "    hostname: mx.example\n"
     "    ^\n"},
    {"address twice", false,
     "hostname: mx.example\n"
     "listeners: {mx: {address: \"127.0.0.1:25\"}, b: {address: \"127.0.0.1:25\"}}\n"
     "targets: {box: {maildir: {path: /m}}}\n"
     "routes: [{name: r, to: box, mode: direct}]\n",
     "F:2:44: error: \"b\" listens on 127.0.0.1:25, and so does \"mx\"\n"
     "    listeners: {mx: {address: \"127.0.0.1:25\"}, b: {address: \"127.0.0.1:25\"}}\n"
     "                                               ^\n"},
    {"routes kind", false,
     "hostname: mx.example\n"
     "routes: {}\n",
     "F:2:9: error: \"routes\" must be a list, not a mapping\n"
     "    routes: {}\n"
     "            ^\n"},
    {"queued", false,
     "hostname: mx.example\n"
     "listeners: {mx: {address: \"127.0.0.1:25\"}}\n"
     "targets: {box: {maildir: {path: /m}}}\n"
     "routes: [{name: r, to: box}]\n",
     "F:4:17: error: queued routes need `spool: {path: DIR}` to keep mail in; without it write "
     "mode: direct\n"
     "    routes: [{name: r, to: box}]\n"
     "                    ^\n"},
    {"fallback that is no other", false,
     "hostname: mx.example\n"
     "listeners: {mx: {address: \"127.0.0.1:25\"}}\n"
     "targets: {box: {maildir: {path: /m}}}\n"
     "routes: [{name: r, to: box, fallback: box, mode: direct}]\n",
     "F:4:39: error: \"fallback\" is the target \"box\" again\n"
     "    routes: [{name: r, to: box, fallback: box, mode: direct}]\n"
     "                                          ^\n"},
    {"route without name", false,
     "hostname: mx.example\n"
     "listeners: {mx: {address: \"127.0.0.1:25\"}}\n"
     "targets: {box: {maildir: {path: /m}}}\n"
     "routes: [{to: box, mode: direct}]\n",
     "F:4:10: error: \"name\" is missing in a route\n"
     "    routes: [{to: box, mode: direct}]\n"
     "             ^\n"},
    {"two routes", false,
     "hostname: mx.example\n"
     "listeners: {mx: {address: \"127.0.0.1:25\"}}\n"
     "targets: {box: {maildir: {path: /m}}}\n"
     "routes: [{name: r, to: box, mode: direct, match: {sender: a@b}}, {name: r, to: box, mode: "
     "direct}]\n",
     "F:4:73: error: a second route \"r\"\n"
     "    routes: [{name: r, to: box, mode: direct, match: {sender: a@b}}, {name: r, to: box, "
     "mode: direct}]\n"
     "                                                                            ^\n"},
    {"route word", false,
     "hostname: mx.example\n"
     "listeners: {mx: {address: \"127.0.0.1:25\"}}\n"
     "targets: {box: {maildir: {path: /m}}}\n"
     "routes: [{name: r, match: {recipient: doms}, to: box, mode: direct}]\n",
     "F:4:39: error: there is no table \"doms\"\n"
     "    routes: [{name: r, match: {recipient: doms}, to: box, mode: direct}]\n"
     "                                          ^\n"},
    {"route fact", false,
     "hostname: mx.example\n"
     "listeners: {mx: {address: \"127.0.0.1:25\"}}\n"
     "targets: {box: {maildir: {path: /m}}}\n"
     "routes: [{name: r, match: {tls: true}, to: box, mode: direct}]\n",
     "F:4:28: error: \"tls\" cannot be asked in a route\n"
     "    routes: [{name: r, match: {tls: true}, to: box, mode: direct}]\n"
     "                               ^\n"},
    {"template that is not there", false,
     "hostname: mx.example\n"
     "spool: {path: /s}\n"
     "bounces: {templates: {failed: /nowhere}}\n"
     "listeners: {mx: {address: \"127.0.0.1:25\"}}\n"
     "targets: {box: {maildir: {path: /m}}}\n"
     "routes: [{name: r, to: box}]\n",
     "F:3:31: error: \"failed\" of the templates: No such file or directory\n"
     "    bounces: {templates: {failed: /nowhere}}\n"
     "                                  ^\n"},
    {"template with a flaw", false,
     "hostname: mx.example\n"
     "spool: {path: /s}\n"
     "bounces: {templates: {delayed: good.key, failed: good.pem}}\n"
     "listeners: {mx: {address: \"127.0.0.1:25\"}}\n"
     "targets: {box: {maildir: {path: /m}}}\n"
     "routes: [{name: r, to: box}]\n",
     "F:3:32: error: \"delayed\" of the templates: /etc/gatepost/good.key, line 1: a flaw\n"
     "    bounces: {templates: {delayed: good.key, failed: good.pem}}\n"
     "                                   ^\n"},
    {"spool of another version", false,
     "hostname: mx.example\n"
     "spool: {path: /later}\n"
     "listeners: {mx: {address: \"127.0.0.1:25\"}}\n"
     "targets: {box: {maildir: {path: /m}}}\n"
     "routes: [{name: r, to: box}]\n",
     "F:2:15: error: the spool: /later is later\n"
     "    spool: {path: /later}\n"
     "                  ^\n"},
    {"call-ahead", false,
     "hostname: mx.example\n"
     "listeners: {mx: {address: \"127.0.0.1:25\"}}\n"
     "targets: {box: {maildir: {path: /m}}}\n"
     "routes: [{name: r, valid: {ask: box}, to: box, mode: direct}]\n",
     "F:4:33: error: \"box\" can't be asked for recipients: smtp and lmtp targets can\n"
     "    routes: [{name: r, valid: {ask: box}, to: box, mode: direct}]\n"
     "                                    ^\n"},
    {"queue without spool", false,
     "hostname: mx.example\n"
     "listeners: {mx: {address: \"127.0.0.1:25\"}}\n"
     "targets: {box: {maildir: {path: /m}}}\n"
     "routes: [{name: r, queue: q, to: box, mode: direct}]\n",
     "F:4:27: error: there is no queue policy \"q\"\n"
     "    routes: [{name: r, queue: q, to: box, mode: direct}]\n"
     "                              ^\n"},
    {"queue of direct without spool", false,
     "hostname: mx.example\n"
     "listeners: {mx: {address: \"127.0.0.1:25\"}}\n"
     "targets: {box: {maildir: {path: /m}}}\n"
     "routes: [{name: r, queue: default, to: box, mode: direct}]\n",
     "F:4:27: error: \"queue\" needs `spool: {path: DIR}`: without it nothing is queued\n"
     "    routes: [{name: r, queue: default, to: box, mode: direct}]\n"
     "                              ^\n"},
    {"queue policy", false,
     "hostname: mx.example\n"
     "listeners: {mx: {address: \"127.0.0.1:25\"}}\n"
     "targets: {box: {maildir: {path: /m}}}\n"
     "spool: {path: /s}\n"
     "queue: {bulk: {expire: 2d}, slow: {like: bulc}, a: {like: b}, b: {like: a}}\n"
     "routes: [{name: r, to: box, queue: bukl}]\n",
     "F:5:42: error: there is no queue policy \"bulc\"; did you mean \"bulk\"?\n"
     "    queue: {bulk: {expire: 2d}, slow: {like: bulc}, a: {like: b}, b: {like: a}}\n"
     "                                             ^\n"
     "F:5:59: error: \"like\" goes round in a circle\n"
     "    queue: {bulk: {expire: 2d}, slow: {like: bulc}, a: {like: b}, b: {like: a}}\n"
     "                                                              ^\n"
     "F:5:73: error: \"like\" goes round in a circle\n"
     "    queue: {bulk: {expire: 2d}, slow: {like: bulc}, a: {like: b}, b: {like: a}}\n"
     "                                                                            ^\n"
     "F:6:36: error: there is no queue policy \"bukl\"; did you mean \"bulk\"?\n"
     "    routes: [{name: r, to: box, queue: bukl}]\n"
     "                                       ^\n"},
    {"queue key", true,
     "spool: {path: /s}\n"
     "queue: {default: {retry: [], exire: 2d, per_destination: {connections: 0}}}\n",
     "F:6:26: error: \"retry\" in queue policy \"default\": must not be empty\n"
     "    queue: {default: {retry: [], exire: 2d, per_destination: {connections: 0}}}\n"
     "                             ^\n"
     "F:6:30: error: unknown key \"exire\" in queue policy \"default\"; did you mean \"expire\"?\n"
     "    queue: {default: {retry: [], exire: 2d, per_destination: {connections: 0}}}\n"
     "                                 ^\n"
     "F:6:72: error: \"connections\" in \"per_destination\" of queue policy \"default\": must be from 1 to "
     "10000, not 0\n"
     "    queue: {default: {retry: [], exire: 2d, per_destination: {connections: 0}}}\n"
     "                                                                           ^\n"},
    {"policies without spool", true, "queue: {default: {expire: 1d}}\n",
     "F:5:8: error: queue policies need `spool: {path: DIR}`, where queued mail is kept\n"
     "    queue: {default: {expire: 1d}}\n"
     "           ^\n"},
    {"spool and hold", true, "spool: {path: /s}\nhold: {path: /h}\n",
     "F:6:7: error: held mail is kept in the spool: leave `hold:` out, and name the bucket for what "
     "the core holds in `bounces: {bucket: NAME}`\n"
     "    hold: {path: /h}\n"
     "          ^\n"},
    {"spool key", true, "spool: {path: /s, keep_fre: 1MiB}\n",
     "F:5:19: error: unknown key \"keep_fre\" in \"spool\" of the configuration; did you mean \"keep_free\"?\n"
     "    spool: {path: /s, keep_fre: 1MiB}\n"
     "                      ^\n"},
    {"bounces without spool", true, "bounces: {to: [authenticated]}\n",
     "F:5:10: error: bounces need `spool: {path: DIR}`, from where they are sent\n"
     "    bounces: {to: [authenticated]}\n"
     "             ^\n"},
    {"bounces to", true, "spool: {path: /s}\nbounces: {to: [spf]}\n",
     "F:6:16: error: \"to\" in \"bounces\" of the configuration must be authenticated, spf_pass "
     "or dkim_pass, not \"spf\"\n"
     "    bounces: {to: [spf]}\n"
     "                   ^\n"},
    {"carriers", true, "carriers: many\n",
     "F:5:11: error: \"carriers\" is a number from 1 to 256, not \"many\"\n"
     "    carriers: many\n"
     "              ^\n"},
    {"bucket without hold", true, "buckets: {spam: }\n",
     "F:5:10: error: buckets need `spool: {path: DIR}` (or `hold: {path: DIR}`), where their mail "
     "is kept\n"
     "    buckets: {spam: }\n"
     "             ^\n"},
    {"bucket of files", true,
     "hold: {path: /h}\n"
     "buckets: {spam: {expire: 1d}}\n",
     "F:6:18: error: \"expire\" in bucket \"spam\" needs `spool: {path: DIR}`: files below `hold:` "
     "stay until somebody removes them\n"
     "    buckets: {spam: {expire: 1d}}\n"
     "                     ^\n"},
    {"bucket case", true,
     "hold: {path: /h}\n"
     "buckets: {Spam: }\n",
     "F:6:11: error: a bucket is a word in lower case\n"
     "    buckets: {Spam: }\n"
     "              ^\n"},
    {"resolver", true, "dns: {resolvers: [1.1.1.1, dns.example]}\n",
     "F:5:28: error: \"resolvers\" is system, recursive or a list of IP addresses, not "
     "\"dns.example\"\n"
     "    dns: {resolvers: [1.1.1.1, dns.example]}\n"
     "                               ^\n"},
    {"log to", true, "log: {to: stder}\n",
     "F:5:11: error: \"to\" of the log is stderr, syslog or a path with \"/\", not \"stder\"; "
     "did you mean \"stderr\"?\n"
     "    log: {to: stder}\n"
     "              ^\n"},
    {"include missing", true, "include: none.yaml\n",
     "F:5:10: error: /etc/gatepost/none.yaml: No such file or directory\n"
     "    include: none.yaml\n"
     "             ^\n"},
    {"include form", true, "include: {a: b}\n",
     "F:5:10: error: \"include\" must be a file or a list of files\n"
     "    include: {a: b}\n"
     "             ^\n"},
};

static const struct report_case accepted[] = {
    {"table entry without a domain", true, "tables: {a: [m\xc3\xbcller, a@\xe2\x98\x83.test]}\n",
     "F:5:22: warning: the domain of \"a@\xe2\x98\x83.test\" is none (RFC 5891): no address has it\n"
     "    tables: {a: [m\xc3\xbcller, a@\xe2\x98\x83.test]}\n"
     "                         ^\n"},
    {"spool", true, "spool: {path: /memory}\nqueue: {fast: {warn: 5d}}\n",
     "F:5:15: warning: the spool: /memory is memory\n"
     "    spool: {path: /memory}\n"
     "                  ^\n"
     "F:6:9: warning: no route uses the queue policy \"fast\"\n"
     "    queue: {fast: {warn: 5d}}\n"
     "            ^\n"
     "F:6:22: warning: nobody is warned of a delay: mail comes back before\n"
     "    queue: {fast: {warn: 5d}}\n"
     "                         ^\n"},
    {"certificate expired", true,
     "tls:\n"
     "  certificates: [{cert: old.pem, key: good.key}]\n",
     "F:6:25: warning: the certificate expired on some day\n"
     "      certificates: [{cert: old.pem, key: good.key}]\n"
     "                            ^\n"},
    {"certificate to be made", true,
     "tls:\n"
     "  certificates: [{cert: new.pem, key: new.key, self_signed: true}]\n",
     "F:6:25: notice: /etc/gatepost/new.pem: No such file or directory; `gatepost serve` makes it, signed by nobody but itself\n"
     "      certificates: [{cert: new.pem, key: new.key, self_signed: true}]\n"
     "                            ^\n"},
    {"tls required at port 25", false,
     "hostname: mx.example\n"
     "listeners: {mx: {address: \"0.0.0.0:25\", tls: required}}\n"
     "targets: {box: {maildir: {path: /m}}}\n"
     "routes: [{name: r, match: {recipient: example.org}, to: box, mode: direct}]\n"
     "tls: {certificates: [{cert: good.pem, key: good.key}]}\n",
     "F:2:13: warning: \"mx\" refuses mail without TLS on port 25, where others may have none to offer\n"
     "    listeners: {mx: {address: \"0.0.0.0:25\", tls: required}}\n"
     "                ^\n"},
    {"quiet", true, "", ""},
    {"fails open", true,
     "log: {}\n"
     "chains:\n"
     "  c:\n"
     "    - early:\n",
     "F:7:3: warning: no listener uses the chain \"c\"\n"
     "      c:\n"
     "      ^\n"
     "F:8:7: notice: \"early\" fails open: when it fails, mail passes unjudged\n"
     "        - early:\n"
     "          ^\n"},
    {"chain unused", true,
     "chains:\n"
     "  c:\n"
     "    - sign:\n",
     "F:6:3: warning: no listener uses the chain \"c\"\n"
     "      c:\n"
     "      ^\n"},
    {"state shared", true,
     "state: {state_box: {path: x}}\n"
     "chains:\n"
     "  c:\n"
     "    - {remembers: {}, id: a}\n"
     "    - {remembers: {}, id: b, state: a}\n"
     "    - {sign: {}, state: a}\n",
     "F:7:3: warning: no listener uses the chain \"c\"\n"
     "      c:\n"
     "      ^\n"
     "F:10:25: warning: the plugin \"sign\" keeps no state\n"
     "        - {sign: {}, state: a}\n"
     "                            ^\n"},
    {"target unused", false,
     "hostname: mx.example\n"
     "listeners: {mx: {address: \"127.0.0.1:25\"}}\n"
     "targets: {old: {maildir: {path: /o}}, box: {maildir: {path: /m}}}\n"
     "routes: [{name: r, to: box, mode: direct}]\n",
     "F:3:16: warning: nothing uses the target \"old\"\n"
     "    targets: {old: {maildir: {path: /o}}, box: {maildir: {path: /m}}}\n"
     "                   ^\n"},
    {"some hooks know", false,
     "hostname: mx.example\n"
     "listeners: {mx: {address: \"127.0.0.1:25\", chain: c}}\n"
     "targets: {box: {maildir: {path: /m}}}\n"
     "routes: [{name: r, to: box, mode: direct}]\n"
     "chains:\n"
     "  c:\n"
     "    - allkinds:\n"
     "      when: {recipient: a.example}\n",
     "F:2:13: notice: without `spool:` a message that filters of \"mx\" refuse for some of its "
     "recipients is refused for all of them\n"
     "    listeners: {mx: {address: \"127.0.0.1:25\", chain: c}}\n"
     "                ^\n"
     "F:8:14: warning: \"recipient\" is not known yet at mail, where \"allkinds\" also runs: it "
     "counts as false there\n"
     "          when: {recipient: a.example}\n"
     "                 ^\n"},
    {"group never known", false,
     "hostname: mx.example\n"
     "listeners: {mx: {address: \"127.0.0.1:25\", chain: c}}\n"
     "targets: {box: {maildir: {path: /m}}}\n"
     "routes: [{name: r, to: box, mode: direct}]\n"
     "chains:\n"
     "  c:\n"
     "    - when: {none: [recipient: a.example]}\n"
     "      do: [early: ]\n",
     "F:2:13: notice: without `spool:` a message that filters of \"mx\" refuse for some of its "
     "recipients is refused for all of them\n"
     "    listeners: {mx: {address: \"127.0.0.1:25\", chain: c}}\n"
     "                ^\n"
     "F:7:21: warning: \"recipient\" is never known to \"early\", which runs only at connect\n"
     "        - when: {none: [recipient: a.example]}\n"
     "                        ^\n"
     "F:8:17: notice: \"early\" fails open: when it fails, mail passes unjudged\n"
     "          do: [early: ]\n"
     "                    ^\n"},
    {"near a table", false,
     "hostname: mx.example\n"
     "listeners: {mx: {address: \"127.0.0.1:25\", chain: c}}\n"
     "targets: {box: {maildir: {path: /m}}}\n"
     "routes: [{name: r, to: box, mode: direct}]\n"
     "tables: {doms: [a.example]}\n"
     "chains:\n"
     "  c:\n"
     "    - sign:\n"
     "      when: {recipient: dom}\n",
     "F:2:13: notice: without `spool:` a message that filters of \"mx\" refuse for some of its "
     "recipients is refused for all of them\n"
     "    listeners: {mx: {address: \"127.0.0.1:25\", chain: c}}\n"
     "                ^\n"
     "F:9:25: warning: \"dom\" is taken for a local part; did you mean the table \"doms\"?\n"
     "          when: {recipient: dom}\n"
     "                            ^\n"},
    {"signs and fails open", false,
     "hostname: mx.example\n"
     "listeners: {mx: {address: \"127.0.0.1:25\", chain: c}}\n"
     "targets: {box: {maildir: {path: /m}}}\n"
     "routes: [{name: r, to: box, mode: direct}]\n"
     "chains:\n"
     "  c:\n"
     "    - sign:\n"
     "      on_error: continue\n",
     "F:2:13: notice: without `spool:` a message that filters of \"mx\" refuse for some of its "
     "recipients is refused for all of them\n"
     "    listeners: {mx: {address: \"127.0.0.1:25\", chain: c}}\n"
     "                ^\n"
     "F:8:17: warning: \"sign\" signs or journals: when it fails, mail goes out without\n"
     "          on_error: continue\n"
     "                    ^\n"},
    {"backend for nobody", true, "auth: {staff: {book: {path: x}}}\n",
     "F:5:8: warning: no listener asks \"staff\" who a client is\n"
     "    auth: {staff: {book: {path: x}}}\n"
     "           ^\n"},
    {"passwords in plaintext", false,
     "hostname: mx.example\n"
     "auth: {staff: {book: {path: x}}}\n"
     "listeners: {mx: {address: [\"127.0.0.1:25\", \"192.0.2.1:25\"], auth: staff, "
     "auth_plaintext: true}}\n"
     "targets: {box: {maildir: {path: /m}}}\n"
     "routes: [{name: r, to: box, mode: direct, match: {recipient: x.example}}]\n",
     "F:3:13: warning: \"auth_plaintext\": passwords for \"mx\" cross the network unencrypted\n"
     "    listeners: {mx: {address: [\"127.0.0.1:25\", \"192.0.2.1:25\"], auth: staff, auth_plaintext: true}}\n"
     "                ^\n"},
    {"login without TLS", false,
     "hostname: mx.example\n"
     "auth: {staff: {book: {path: x}}}\n"
     "listeners: {mx: {address: \"127.0.0.1:25\", auth: staff}}\n"
     "targets: {box: {maildir: {path: /m}}}\n"
     "routes: [{name: r, to: box, mode: direct}]\n",
     "F:3:13: warning: nobody can log in at \"mx\": AUTH is offered in TLS only, and it has no `tls:`\n"
     "    listeners: {mx: {address: \"127.0.0.1:25\", auth: staff}}\n"
     "                ^\n"},
    {"certificates that nobody asks for", false,
     "hostname: mx.example\n"
     "listeners: {mx: {address: \"127.0.0.1:25\", auth_mechanisms: EXTERNAL, auth_plaintext: true}}\n"
     "targets: {box: {maildir: {path: /m}}}\n"
     "routes: [{name: r, to: box, mode: direct}]\n",
     "F:2:13: warning: EXTERNAL is never offered at \"mx\": clients are not asked for a certificate (`client_certificates:`)\n"
     "    listeners: {mx: {address: \"127.0.0.1:25\", auth_mechanisms: EXTERNAL, auth_plaintext: true}}\n"
     "                ^\n"},
    {"relay for nobody", false,
     "hostname: mx.example\n"
     "listeners: {mx: {address: \"127.0.0.1:25\", relay: authenticated}}\n"
     "targets: {box: {maildir: {path: /m}}}\n"
     "routes: [{name: r, to: box, mode: direct}]\n",
     "F:2:50: warning: \"relay: authenticated\" without `auth:`: nobody can log in at \"mx\"\n"
     "    listeners: {mx: {address: \"127.0.0.1:25\", relay: authenticated}}\n"
     "                                                     ^\n"},
    {"anyone", false,
     "hostname: mx.example\n"
     "listeners: {mx: {address: \"127.0.0.1:25\", relay: anyone}}\n"
     "targets: {box: {maildir: {path: /m}}}\n"
     "routes: [{name: r, to: box, mode: direct}]\n",
     "F:2:50: warning: an open relay: anyone can send anything to anyone through \"mx\"\n"
     "    listeners: {mx: {address: \"127.0.0.1:25\", relay: anyone}}\n"
     "                                                     ^\n"},
    {"much", false,
     "hostname: mx.example\n"
     "listeners: {mx: {address: \"127.0.0.1:25\", relay: [64.0.0.0/3]}}\n"
     "targets: {box: {maildir: {path: /m}}}\n"
     "routes: [{name: r, to: box, mode: direct}]\n",
     "F:2:51: warning: \"64.0.0.0/3\" is much of the Internet\n"
     "    listeners: {mx: {address: \"127.0.0.1:25\", relay: [64.0.0.0/3]}}\n"
     "                                                      ^\n"},
    {"open route", false,
     "hostname: mx.example\n"
     "listeners: {mx: {address: \"0.0.0.0:25\"}}\n"
     "targets: {box: {maildir: {path: /m}}}\n"
     "routes: [{name: r, to: box, mode: direct}]\n",
     "F:4:17: warning: the route \"r\" takes any recipient from anyone: an open relay if its "
     "target sends mail on; match `relay: true` or recipients\n"
     "    routes: [{name: r, to: box, mode: direct}]\n"
     "                    ^\n"},
    {"keep_free the wrong way round", false,
     "hostname: mx.example\n"
     "listeners: {mx: {address: \"127.0.0.1:25\"}}\n"
     "targets: {box: {maildir: {path: /m}}}\n"
     "routes: [{name: r, to: box}]\n"
     "spool: {path: /s, keep_free: 2GiB}\n"
     "overload: {keep_free: 1GiB}\n",
     "F:5:30: warning: with `overload.keep_free` not above `spool.keep_free` messages are taken in "
     "whole before they are refused for want of space\n"
     "    spool: {path: /s, keep_free: 2GiB}\n"
     "                                 ^\n"},
    {"open to who says so", false,
     "hostname: mx.example\n"
     "listeners: {mx: {address: \"0.0.0.0:25\"}}\n"
     "targets: {box: {maildir: {path: /m}}}\n"
     "routes:\n"
     "  - {name: a, match: {sender: x.example, relay: true}, to: box, mode: direct}\n"
     "  - {name: b, match: {sender: x.example, recipient: y.example}, to: box, mode: direct}\n"
     "  - {name: c, match: {sender: x.example, recipient_not: y.example}, to: box, mode: direct}\n",
     "F:7:12: warning: the route \"c\" takes any recipient from anyone who says what it matches: an "
     "open relay if its target sends mail on; match `relay: true` or recipients\n"
     "      - {name: c, match: {sender: x.example, recipient_not: y.example}, to: box, mode: direct}\n"
     "               ^\n"},
    {"never reached", false,
     "hostname: mx.example\n"
     "listeners: {mx: {address: \"127.0.0.1:25\"}}\n"
     "targets: {box: {maildir: {path: /m}}}\n"
     "routes: [{name: all, to: box, mode: direct}, {name: r, to: box, mode: direct}]\n",
     "F:4:53: warning: the route \"r\" is never reached: \"all\" before it takes all of its "
     "recipients\n"
     "    routes: [{name: all, to: box, mode: direct}, {name: r, to: box, mode: direct}]\n"
     "                                                        ^\n"},
    {"never reached, by patterns", false,
     "hostname: mx.example\n"
     "listeners: {mx: {address: \"127.0.0.1:25\"}}\n"
     "targets: {box: {maildir: {path: /m}}}\n"
     "routes: [{name: a, to: box, mode: direct, match: {recipient: [a.example, b.example]}}, "
     "{name: r, match: {recipient: B.example}, to: box, mode: direct}]\n",
     "F:4:95: warning: the route \"r\" is never reached: \"a\" before it takes all of its "
     "recipients\n"
     "    routes: [{name: a, to: box, mode: direct, match: {recipient: [a.example, b.example]}}, "
     "{name: r, match: {recipient: B.example}, to: box, mode: direct}]\n"
     "                                                                                           "
     "       ^\n"},
    {"may grant", false,
     "hostname: mx.example\n"
     "listeners: {mx: {address: \"127.0.0.1:25\", chain: c}}\n"
     "targets: {box: {maildir: {path: /m}}}\n"
     "routes: [{name: r, to: box, mode: direct}]\n"
     "hold: {path: /h}\n"
     "chains:\n"
     "  c:\n"
     "    - granter:\n",
     "F:8:7: notice: \"granter\" may give clients the right to relay\n"
     "        - granter:\n"
     "          ^\n"},
    {"sends to itself", false,
     "hostname: mx.example\n"
     "listeners: {mx: {address: [\"[::]:25\", \"127.0.0.1:26\", \"unix:/s\"]}}\n"
     "targets:\n"
     "  out: {smart: {to: [\"127.0.0.1:25\", \"127.0.0.1:26\", \"127.0.0.2:26\", \"unix:/s\", "
     "\"other:25\"]}}\n"
     "routes: [{name: r, match: {relay: true}, to: out, mode: direct}]\n",
     "F:4:8: warning: the target \"out\" sends to 127.0.0.1:25, our own listener \"mx\"\n"
     "      out: {smart: {to: [\"127.0.0.1:25\", \"127.0.0.1:26\", \"127.0.0.2:26\", "
     "\"unix:/s\", \"other:25\"]}}\n"
     "           ^\n"
     "F:4:8: warning: the target \"out\" sends to 127.0.0.1:26, our own listener \"mx\"\n"
     "      out: {smart: {to: [\"127.0.0.1:25\", \"127.0.0.1:26\", \"127.0.0.2:26\", "
     "\"unix:/s\", \"other:25\"]}}\n"
     "           ^\n"
     "F:4:8: warning: the target \"out\" sends to unix:/s, our own listener \"mx\"\n"
     "      out: {smart: {to: [\"127.0.0.1:25\", \"127.0.0.1:26\", \"127.0.0.2:26\", "
     "\"unix:/s\", \"other:25\"]}}\n"
     "           ^\n"},
    {"destinations", true,
     "tls:\n"
     "  outbound:\n"
     "    default: [dane, opportunistic]\n"
     "    bank.example: {require: verified, names: [mx.bank.example]}\n"
     "    .part.example: {methods: [dane]}\n"
     "    legacy.example: {require: none, until: 2999-12-31}\n"
     "    short.example: [mta_sts]\n",
     ""},
    {"DANE, and nothing vouches for DNS", true, "tls: {outbound: {a.example: {require: dane}}}\n",
     "F:5:29: warning: nothing vouches for DNS here, so no mail goes to \"a.example\": DANE needs \"dns: {dnssec: on}\"\n"
     "    tls: {outbound: {a.example: {require: dane}}}\n"
     "                                ^\n"},
    {"DANE, and DNSSEC", true,
     "dns: {dnssec: on}\n"
     "tls: {outbound: {a.example: {require: dane}}}\n",
     ""},
    {"in the clear for ever", true, "tls: {outbound: {a.example: {require: none}}}\n",
     "F:5:29: warning: mail to \"a.example\" goes in the clear, for ever: say `until`\n"
     "    tls: {outbound: {a.example: {require: none}}}\n"
     "                                ^\n"},
    {"its time is over", true,
     "tls: {outbound: {a.example: {require: encrypted, until: 2020-01-01}}}\n",
     "F:5:29: warning: what is said of \"a.example\" held until 2020-01-01 and no longer does\n"
     "    tls: {outbound: {a.example: {require: encrypted, until: 2020-01-01}}}\n"
     "                                ^\n"},
    {"no routes", false,
     "hostname: mx.example\n"
     "listeners: {mx: {address: \"[::1]:25\"}}\n",
     "F:1:1: warning: there are no routes: every recipient is refused\n"
     "    hostname: mx.example\n"
     "    ^\n"},
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
