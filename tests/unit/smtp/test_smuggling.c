// SPDX-License-Identifier: Apache-2.0
// The end of data: {line end} "." {line end} in DATA and BDAT, under each setting, split at each byte. Whatever does
// not end a message by RFC 5321 4.1.1.4 must never start a second transaction.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/smtp/server.h"

static const struct gp_slice ends[] = {
    {"\r\n", 2}, {"\n", 1},     {"\r", 1},    {"\r\r\n", 3}, {"\n\r", 2},
    {"\0\n", 2}, {"\r\0\n", 3}, {" \r\n", 3}, {"\r\n\n", 3}, {"\n\n", 2},
};

#define N_ENDS (sizeof ends / sizeof ends[0])
#define HIDDEN "MAIL FROM:<evil@x.example>\r\nRCPT TO:<evil@x.example>\r\nDATA\r\nhidden"

struct host {
    struct gp__smtp_settings settings;
    struct gp_session *session;
    struct gp__smtp *smtp;
    struct gp__buf content;
    int mails, messages, resets;
    bool closed;
};

static void on_event(struct host *host, struct gp__smtp_event *event)
{
    static const struct gp__answer yes = {.decision = GP__PROCEED};

    switch (event->type) {
    case GP__SMTP_ASK:
        host->mails += event->ask == GP__ASK_MAIL;
        host->messages += event->ask == GP__ASK_MESSAGE;
        gp__smtp_answer(host->smtp, &yes);
        break;
    case GP__SMTP_DATA:
        gp__buf_append(&host->content, event->data);
        break;
    case GP__SMTP_RESET:
        host->resets++;
        gp__transaction_unref(&event->transaction);
        break;
    case GP__SMTP_CLOSE:
        host->closed = true;
        break;
    case GP__SMTP_INPUT:
    case GP__SMTP_STARTTLS:
        break;
    }
}

static void feed(struct host *host, struct gp_slice bytes)
{
    struct gp__smtp_event event;
    char *copy = malloc(bytes.len + 1);

    memcpy(copy, bytes.data, bytes.len);
    gp__smtp_feed(host->smtp, gp_slice(copy, bytes.len));
    while ((event = gp__smtp_step(host->smtp, 1)).type != GP__SMTP_INPUT)
        on_event(host, &event);
    gp__smtp_settle(host->smtp);
    free(copy);
}

static void begin(struct host *host, enum gp__line_endings endings)
{
    *host = (struct host){.settings = {.hostname = GP_S("mx.example"),
                                       .extensions = GP__EXT_DEFAULT,
                                       .line_endings = endings}};
    gp__limits_default(&host->settings.limits);
    host->session = gp__session_create("0123456789abcdef");
    host->smtp = gp__smtp_create(&host->settings, host->session, 0);
    feed(host, GP_S(""));
    feed(host, GP_S("EHLO c.example\r\n"));
    feed(host, GP_S("MAIL FROM:<a@c.example>\r\nRCPT TO:<b@x.example>\r\n"));
}

static void end(struct host *host)
{
    gp__smtp_free(&host->smtp);
    assert_int_equal(host->session->refs, 1);
    gp__session_unref(&host->session);
    gp__buf_free(&host->content);
}

/* Nothing but CRLF ends lines in what the host got. */
static void check_canonical(const struct host *host)
{
    struct gp_slice s = gp__buf_slice(&host->content);

    for (size_t i = 0; i < s.len; i++) {
        assert_true((s.data[i] == '\n') == (i > 0 && s.data[i - 1] == '\r'));
        assert_int_not_equal(s.data[i], '\0');
    }
}

static struct gp_slice payload(size_t before, size_t after, char *out)
{
    char *to = out;

    memcpy(to, "line", 4);
    memcpy(to + 4, ends[before].data, ends[before].len);
    to += 4 + ends[before].len;
    *to++ = '.';
    memcpy(to, ends[after].data, ends[after].len);
    to += ends[after].len;
    memcpy(to, HIDDEN, sizeof HIDDEN - 1);
    return gp_slice(out, (size_t)(to + sizeof HIDDEN - 1 - out));
}

static void feed_split(struct host *host, struct gp_slice bytes, size_t at)
{
    feed(host, gp_slice_sub(bytes, 0, at));
    feed(host, gp_slice_sub(bytes, at, bytes.len));
}

static void one_data(enum gp__line_endings endings, size_t before, size_t after, size_t at)
{
    bool real = gp_slice_ends(ends[before], GP_S("\r\n")) &&
                gp_slice_starts(ends[after], GP_S("\r\n"));
    char bytes[200];
    struct host host;

    begin(&host, endings);
    feed(&host, GP_S("DATA\r\n"));
    feed_split(&host, payload(before, after, bytes), at);
    if (real) {
        assert_int_equal(host.messages, ends[before].len == 3 && ends[before].data[0] == '\r' &&
                                                endings != GP__LINES_NORMALIZE
                                            ? 0
                                            : 1);
    } else {
        feed(&host, GP_S("\r\n.\r\n"));
        assert_int_equal(host.mails, 1);
        assert_int_equal(host.messages + host.resets, 1);
        assert_true(endings != GP__LINES_CLOSE || host.messages || host.closed);
        check_canonical(&host);
    }
    end(&host);
}

static void test_data(void **state)
{
    (void)state;
    for (int endings = 0; endings < 3; endings++)
        for (size_t i = 0; i < N_ENDS * N_ENDS; i++)
            for (size_t at = 0; at < 20; at++)
                one_data((enum gp__line_endings)endings, i / N_ENDS, i % N_ENDS, at);
}

/* A chunk is as long as it says, whatever is in it. */
static void one_chunk(enum gp__line_endings endings, size_t before, size_t after, size_t at)
{
    char bytes[200], command[40];
    struct gp_slice content = payload(before, after, bytes);
    struct host host;
    int n = snprintf(command, sizeof command, "BDAT %zu\r\n", content.len);

    begin(&host, endings);
    feed(&host, gp_slice(command, (size_t)n));
    feed_split(&host, content, at);
    feed(&host, GP_S("BDAT 2 LAST\r\n\r\n"));
    assert_int_equal(host.mails, 1);
    assert_int_equal(host.messages + host.resets, 1);
    check_canonical(&host);
    end(&host);
}

static void test_bdat(void **state)
{
    (void)state;
    for (int endings = 0; endings < 3; endings++)
        for (size_t i = 0; i < N_ENDS * N_ENDS; i++)
            for (size_t at = 0; at < 20; at++)
                one_chunk((enum gp__line_endings)endings, i / N_ENDS, i % N_ENDS, at);
}

/* The same content in two chunks, cut at each byte. */
static void test_bdat_borders(void **state)
{
    (void)state;
    for (int endings = 0; endings < 2; endings++) {
        for (size_t i = 0; i < N_ENDS * N_ENDS; i++) {
            char bytes[200], command[40];
            struct gp_slice content = payload(i / N_ENDS, i % N_ENDS, bytes);

            for (size_t at = 0; at <= 12; at++) {
                struct host host;
                int n = snprintf(command, sizeof command, "BDAT %zu\r\n", at);

                begin(&host, (enum gp__line_endings)endings);
                feed(&host, gp_slice(command, (size_t)n));
                feed(&host, gp_slice_sub(content, 0, at));
                n = snprintf(command, sizeof command, "BDAT %zu LAST\r\n", content.len - at);
                feed(&host, gp_slice(command, (size_t)n));
                feed(&host, gp_slice_sub(content, at, content.len));
                assert_int_equal(host.mails, 1);
                assert_int_equal(host.messages + host.resets, 1);
                check_canonical(&host);
                end(&host);
            }
        }
    }
}

/* A command that ends the transaction in the middle of each stage leaves nothing of it. */
static void test_no_half_transaction(void **state)
{
    static const char *const stages[] = {"",
                                         "RCPT TO:<c@x.example>\r\n",
                                         "BDAT 3\r\na\r\n",
                                         "RCPT TO:<bad\r\n",
                                         "BDAT 2\r\nx\r",
                                         "MAIL FROM:<nested@x.example>\r\n"};
    static const char *const enders[] = {"RSET\r\n", "EHLO again.example\r\n", "QUIT\r\n"};

    (void)state;
    for (size_t i = 0; i < 18; i++) {
        struct host host;

        begin(&host, GP__LINES_STRICT);
        feed(&host, gp_slice_of(stages[i / 3]));
        feed(&host, gp_slice_of(enders[i % 3]));
        assert_int_equal(host.resets, 1);
        assert_null(host.session->transaction);
        gp__buf_clear(gp__smtp_output(host.smtp));
        feed(&host, GP_S("RCPT TO:<d@x.example>\r\n"));
        feed(&host, GP_S("DATA\r\n"));
        if (!host.closed)
            assert_true(gp_slice_starts(gp__buf_slice(gp__smtp_output(host.smtp)),
                                        GP_S("503 5.5.1 Say MAIL first\r\n503 5.5.1 Say MAIL")));
        feed(&host,
             GP_S("MAIL FROM:<n@x.example>\r\nRCPT TO:<d@x.example>\r\nBDAT 3 LAST\r\nb\r\n"));
        if (!host.closed)
            assert_int_equal(host.messages, 1);
        end(&host);
    }
    gp__arena_pool_free();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_data),
        cmocka_unit_test(test_bdat),
        cmocka_unit_test(test_bdat_borders),
        cmocka_unit_test(test_no_half_transaction),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
