// SPDX-License-Identifier: Apache-2.0
// What the engine itself costs a message, in CPU time: MAIL, RCPT, DATA, a body and the final dot,
// with a host that answers at once and copies nothing. Usage: bench_engine [MESSAGES [BODY_BYTES]]
#include "core/base/alloc.h"
#include "core/smtp/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define LINE 78

static struct gp_slice body_of(size_t size)
{
    char *body = gp__alloc(size + LINE + 8), *to = body;

    while ((size_t)(to - body) < size) {
        memset(to, 'x', LINE - 2);
        memcpy(to + LINE - 2, "\r\n", 2);
        to += LINE;
    }
    memcpy(to, ".\r\n", 3);
    return gp_slice(body, (size_t)(to + 3 - body));
}

static uint64_t received;

/* Feeds one packet and answers everything. */
static void packet(struct gp__smtp *smtp, struct gp_slice bytes)
{
    static const struct gp__answer yes = {.decision = GP__PROCEED};
    struct gp__smtp_event event;

    gp__smtp_feed(smtp, bytes);
    while ((event = gp__smtp_step(smtp, 1)).type != GP__SMTP_INPUT) {
        if (event.type == GP__SMTP_ASK)
            gp__smtp_answer(smtp, &yes);
        else if (event.type == GP__SMTP_DATA)
            received += event.data.len;
    }
    gp__smtp_settle(smtp);
    gp__buf_consume(gp__smtp_output(smtp), gp__smtp_output(smtp)->len);
    gp__smtp_trim(smtp);
}

static double now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

int main(int argc, char **argv)
{
    size_t messages = argc > 1 ? strtoul(argv[1], NULL, 10) : 200000;
    struct gp_slice body = body_of(argc > 2 ? strtoul(argv[2], NULL, 10) : 4096);
    struct gp__smtp_settings settings = {.hostname = GP_S("mx.example"),
                                         .extensions = GP__EXT_DEFAULT};
    struct gp_session *session = gp__session_create("0123456789abcdef");
    struct gp__smtp *smtp;
    double start;

    gp__limits_default(&settings.limits);
    settings.limits.transactions = settings.limits.commands = INT64_MAX;
    smtp = gp__smtp_create(&settings, session, 0);
    packet(smtp, GP_S(""));
    packet(smtp, GP_S("EHLO client.example\r\n"));
    start = now_ns();
    for (size_t i = 0; i < messages; i++) {
        packet(smtp, GP_S("MAIL FROM:<sender@client.example> SIZE=4096 BODY=8BITMIME\r\n"
                          "RCPT TO:<recipient@mx.example>\r\nDATA\r\n"));
        packet(smtp, body);
    }
    printf("engine: %.0f ns a message of %zu bytes, %llu messages, %llu bytes\n",
           (now_ns() - start) / (double)messages, body.len,
           (unsigned long long)gp__smtp_counts(smtp)->messages, (unsigned long long)received);
    gp__smtp_free(&smtp);
    gp__session_unref(&session);
    gp__free((void *)(uintptr_t)body.data);
    return 0;
}
