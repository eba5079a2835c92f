// SPDX-License-Identifier: Apache-2.0
#include "core/cli/selftest.h"

#include <stdio.h>
#include <string.h>

#define PATIENCE_MS 30000u

void gp__selftest_say(struct gp__selftest_talk *talk, struct gp_slice bytes)
{
    if (talk->test->verbose && bytes.len < 1000)
        gp__wire_show("    > ", bytes);
    else if (talk->test->verbose)
        printf("    > (%zu bytes)\n", bytes.len);
    (void)gp__wire_write(&talk->wire, bytes, PATIENCE_MS); /* a reply, or its absence, tells */
}

enum gp__heard gp__selftest_hear(struct gp__selftest_talk *talk, uint64_t ms)
{
    for (;;) {
        const char *why;
        size_t used;
        enum gp__reply_read result = gp__reply_read(&talk->reader, gp__buf_slice(&talk->wire.in),
                                                    &used, &talk->reply, &why);
        int more;

        if (talk->test->verbose)
            gp__wire_show("    < ", gp_slice_sub(gp__buf_slice(&talk->wire.in), 0, used));
        gp__buf_consume(&talk->wire.in, used);
        if (result == GP__REPLY_READ)
            return GP__HEARD_REPLY;
        if (result == GP__REPLY_BAD)
            return GP__HEARD_END;
        more = gp__wire_read(&talk->wire, ms ? ms : PATIENCE_MS);
        if (more != 1)
            return more == GP_ETEMP ? GP__HEARD_NOTHING : GP__HEARD_END;
    }
}

unsigned gp__selftest_ask(struct gp__selftest_talk *talk, const char *line)
{
    gp__selftest_say(talk, gp_slice_of(line));
    return gp__selftest_hear(talk, 0) == GP__HEARD_REPLY ? talk->reply.code : 0;
}

static bool announces(struct gp_slice text, const char *keyword)
{
    size_t at = gp_slice_search(text, gp_slice_of(keyword));

    return at < text.len && at > 0 && text.data[at - 1] == '\n';
}

/* 0, or -1: no session. */
static int begin(struct gp__selftest_talk *talk)
{
    const struct gp__selftest *test = talk->test;

    if (gp__wire_open(&talk->wire, test->rt, test->address) != 0 ||
        gp__selftest_hear(talk, 0) != GP__HEARD_REPLY || talk->reply.code != 220 ||
        gp__selftest_ask(talk, test->lmtp ? "LHLO selftest.invalid\r\n"
                                          : "EHLO selftest.invalid\r\n") != 250)
        return -1;
    talk->starttls = announces(talk->reply.text, "STARTTLS");
    talk->chunking = announces(talk->reply.text, "CHUNKING");
    talk->size = announces(talk->reply.text, "SIZE");
    return 0;
}

struct gp__selftest_verdict gp__selftest_run(const struct gp__selftest *test,
                                             const struct gp__selftest_case *one)
{
    struct gp__selftest_talk talk = {.test = test};
    struct gp__selftest_verdict verdict = {GP__SELFTEST_FAILED, "no session", 0};

    if (begin(&talk) == 0)
        verdict = one->run(&talk, one->bytes, one->len);
    else
        verdict.code = talk.reply.code;
    gp__wire_close(&talk.wire);
    gp__reply_reader_free(&talk.reader);
    return verdict;
}
