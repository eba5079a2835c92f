// SPDX-License-Identifier: Apache-2.0
#include "core/cli/selftest.h"

#include "core/smtp/server.h"

#include <stdio.h>
#include <string.h>

#define PATIENCE_MS 30000u

void gp__selftest_say(struct gp__selftest_talk *talk, struct gp_slice bytes)
{
    if (talk->dial.verbose && bytes.len < 1000)
        gp__wire_show("    > ", bytes);
    else if (talk->dial.verbose)
        printf("    > (%zu bytes)\n", bytes.len);
    (void)gp__wire_write(&talk->dial.wire, bytes, PATIENCE_MS); /* a reply, or its absence, tells */
}

enum gp__heard gp__selftest_hear(struct gp__selftest_talk *talk, uint64_t ms)
{
    for (;;) {
        const char *why;
        size_t used;
        enum gp__reply_read result = gp__reply_read(
            &talk->reader, gp__buf_slice(&talk->dial.wire.in), &used, &talk->reply, &why);
        int more;

        if (talk->dial.verbose)
            gp__wire_show("    < ", gp_slice_sub(gp__buf_slice(&talk->dial.wire.in), 0, used));
        gp__buf_consume(&talk->dial.wire.in, used);
        if (result == GP__REPLY_READ)
            return GP__HEARD_REPLY;
        if (result == GP__REPLY_BAD)
            return GP__HEARD_END;
        more = gp__wire_read(&talk->dial.wire, ms ? ms : PATIENCE_MS);
        if (more != 1)
            return more == GP_ETEMP ? GP__HEARD_NOTHING : GP__HEARD_END;
    }
}

unsigned gp__selftest_ask(struct gp__selftest_talk *talk, const char *line)
{
    gp__selftest_say(talk, gp_slice_of(line));
    return gp__selftest_hear(talk, 0) == GP__HEARD_REPLY ? talk->reply.code : 0;
}

/* By the client engine, until it would say more. 0, or -1 and test->why. */
static int begin(struct gp__selftest_talk *talk, struct gp__selftest *test, bool plaintext)
{
    const struct gp__capabilities *has;

    talk->dial = test->dial;
    if (plaintext) {
        talk->dial.settings.tls = GP__CLIENT_TLS_NONE;
        talk->dial.settings.user = gp_slice(NULL, 0);
    }
    if (gp__dial_open(&talk->dial, test->rt) < 0 ||
        gp__dial_step(&talk->dial) != GP__SMTP_CLIENT_READY) {
        if (talk->dial.client)
            talk->reply = *gp__smtp_client_last(talk->dial.client);
        (void)snprintf(test->why, sizeof test->why, "no session: %s", talk->dial.why);
        return -1;
    }
    has = gp__smtp_client_capabilities(talk->dial.client);
    talk->starttls = has->starttls;
    talk->chunking = has->extensions & GP__EXT_CHUNKING;
    return 0;
}

static void end(struct gp__selftest_talk *talk)
{
    gp__dial_close(&talk->dial);
    gp__reply_reader_free(&talk->reader);
}

int gp__selftest_try(struct gp__selftest *test)
{
    struct gp__selftest_talk talk = {.test = test};
    int result = begin(&talk, test, false);

    end(&talk);
    return result;
}

struct gp__selftest_verdict gp__selftest_run(struct gp__selftest *test,
                                             const struct gp__selftest_case *one)
{
    struct gp__selftest_talk talk = {.test = test};
    struct gp__selftest_verdict verdict = {GP__SELFTEST_FAILED, test->why, 0};

    if (begin(&talk, test, one->plaintext) == 0)
        verdict = one->run(&talk, one->bytes, one->len);
    else
        verdict.code = talk.reply.code;
    end(&talk);
    return verdict;
}
