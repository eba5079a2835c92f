// SPDX-License-Identifier: Apache-2.0
/* The language as one table; docs/plugins/testing.md explains each row. */
#include "sdk/kit/kit.h"

const char *const gp__kit_dns_words[] = {"nxdomain", "nodata", "servfail", "bogus", "timeout",
                                         "delay",    "ttl",    "secure",   NULL};
const char *const gp__kit_fault_words[] = {"nospace", "io", NULL};
const char *const gp__kit_file_words[] = {
    [GP__FILE_PUT] = "put",   [GP__FILE_RENAME] = "rename",   [GP__FILE_REMOVE] = "remove",
    [GP__FILE_READ] = "read", [GP__FILE_VERSION] = "version", [GP__DIR_MAKE] = "make",
    [GP__DIR_SYNC] = "sync",  [GP__FILE_SPILL] = "spill",     NULL,
};

const char *const gp__kit_state_words[] = {
    [GP__KIT_STATE_GET] = "get",
    [GP__KIT_STATE_PUT] = "put",
    [GP__KIT_STATE_PUT_IF_NEW] = "put_if_new",
    [GP__KIT_STATE_ADD] = "add",
    [GP__KIT_STATE_DELETE] = "delete",
    [GP__KIT_STATE_EACH] = "each",
    NULL,
};

const char *gp__kit_kind_name(enum gp__kit_kind kind)
{
    static const char *const names[] = {"given", "when", "expect", "scenario"};

    return names[kind];
}

#define GIVEN(name, shape, usage, run)                                                             \
    {                                                                                              \
        GP__KIT_GIVEN, name, shape, usage, 0, gp__kit_given_##run                                  \
    }
#define WHEN(name, shape, usage, flags)                                                            \
    {                                                                                              \
        GP__KIT_WHEN, #name, shape, usage, flags, gp__kit_when_##name                              \
    }
#define EXPECT(name, shape, usage, flags)                                                          \
    {                                                                                              \
        GP__KIT_EXPECT, #name, shape, usage, flags, gp__kit_expect_##name                          \
    }

#define REPLY GP__KIT_ABOUT_REPLY
#define NOT GP__KIT_NEGATABLE
#define OUTSIDE GP__KIT_NO_SESSION

const struct gp__kit_verb gp__kit_verbs[] = {
    // clang-format off
    GIVEN("dns", "D", "NAME TYPE DATA, or nxdomain nodata servfail bogus timeout secure, or "
          "delay TIME, or ttl SECONDS", dns),
    GIVEN("file", "pb", "PATH <<END", file),
    GIVEN("fault", "F", "file|state OPERATION NTH nospace|io", fault),
    GIVEN("slow-files", "d", "TIME", slow_files),
    GIVEN("peer", "qP", "HOST:PORT <<END", peer),
    GIVEN("tls", "ww?w?", "VERSION [CIPHER] [SERVER-NAME], or off", tls),
    GIVEN("client-certificate", "w", "NAME, or none", client_certificate),
    GIVEN("http", "qb", "URL <<END", http),
    GIVEN("command", "qb", "PATH <<END", command),
    GIVEN("state", "wqqd?", "NAMESPACE KEY VALUE [TIME]", state),
    GIVEN("slow-state", "d", "TIME", slow_state),

    WHEN(connect, "A", "[ADDRESS] [port N] [early \"BYTES\"] [as NAME]", OUTSIDE),
    WHEN(use, "w", "NAME", OUTSIDE),
    WHEN(helo, "t", "NAME", 0),
    WHEN(auth, "wq?", "USER [\"PASSWORD\"]", 0),
    WHEN(scram, "wq?", "USER [\"PASSWORD\"]", 0),
    WHEN(token, "wq?", "USER [\"TOKEN\"]", 0),
    WHEN(mail, "t", "<ADDRESS> [PARAMETERS]", 0),
    WHEN(rcpt, "t", "<ADDRESS> [PARAMETERS]", 0),
    WHEN(data, "M", "<<END, or FILE", 0),
    WHEN(bdat, "M", "<<END, or FILE", 0),
    WHEN(command, "t", "LINE", 0),
    WHEN(vrfy, "t", "ADDRESS", 0),
    WHEN(rset, "", "", 0),
    WHEN(noop, "", "", 0),
    WHEN(quit, "", "", 0),
    WHEN(send, "q", "\"BYTES\"", 0),
    WHEN(push, "q", "\"BYTES\"", 0),
    WHEN(disconnect, "", "", OUTSIDE),
    WHEN(wait, "d", "TIME", OUTSIDE),
    WHEN(tick, "w", "INSTANCE", OUTSIDE),
    WHEN(release, "w", "ADDRESS", OUTSIDE),

    EXPECT(accept, "c?e?r?", "[CODE] [X.Y.Z] [/EXPRESSION/]", REPLY),
    EXPECT(defer, "c?e?r?", "[CODE] [X.Y.Z] [/EXPRESSION/]", REPLY),
    EXPECT(reject, "c?e?r?", "[CODE] [X.Y.Z] [/EXPRESSION/]", REPLY),
    EXPECT(reply, "c?e?r?", "[CODE] [X.Y.Z] [/EXPRESSION/]", REPLY | NOT),
    EXPECT(replies, "t", "CODE...", REPLY | NOT),
    EXPECT(closed, "", "", NOT),
    EXPECT(took, "T", "TIME, or under TIME", 0),
    EXPECT(delivered, "w", "ADDRESS", NOT),
    EXPECT(held, "ww", "BUCKET ADDRESS", NOT),
    EXPECT(dropped, "w", "ADDRESS", NOT),
    EXPECT(header, "Hf?", "NAME: VALUE, or NAME: /EXPRESSION/, or NAME; [for ADDRESS]", NOT),
    EXPECT(sender, "rf?", "/EXPRESSION/ [for ADDRESS]", NOT),
    EXPECT(body, "rf?", "/EXPRESSION/ [for ADDRESS]", NOT),
    EXPECT(edits, "b?f?", "[<<END] [for ADDRESS]", NOT),
    EXPECT(verdict, "wV", "INSTANCE VERDICT [at HOOK]", NOT),
    EXPECT(fault, "wr?", "INSTANCE [/EXPRESSION/]", NOT),
    EXPECT(note, "wq?f?", "INSTANCE.KEY [VALUE] [for ADDRESS]", NOT),
    EXPECT(count, "wwn", "INSTANCE COUNTER NUMBER", 0),
    EXPECT(call, "t", "WORDS", NOT),
    EXPECT(log, "r", "/EXPRESSION/", NOT),
    EXPECT(file, "pr?", "PATH [/EXPRESSION/]", NOT),
    EXPECT(files, "pn", "PREFIX NUMBER", 0),
    EXPECT(state, "wqq?", "NAMESPACE KEY [VALUE]", NOT),
    EXPECT(config, "wr?", "error|warning [/EXPRESSION/]", NOT),
    {GP__KIT_KIND_COUNT, NULL, NULL, NULL, 0, NULL},
    // clang-format on
};
