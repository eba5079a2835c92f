// SPDX-License-Identifier: Apache-2.0
// What transcripts cannot show of the engine: limits and their defaults, lifetimes, memory of an idle session,
// deadlines, questions that are answered late or wrongly.
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/units.h"
#include "core/smtp/server.h"

static struct gp__smtp_settings settings;
static struct gp_session *session;
static struct gp__smtp *smtp;

static int setup(void **state)
{
    (void)state;
    settings = (struct gp__smtp_settings){.hostname = GP_S("mx.example"),
                                          .extensions = GP__EXT_DEFAULT};
    gp__limits_default(&settings.limits);
    session = gp__session_create("0123456789abcdef");
    smtp = gp__smtp_create(&settings, session, 1000);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    gp__smtp_free(&smtp);
    assert_int_equal(session->refs, 1);
    gp__session_unref(&session);
    gp__arena_pool_free();
    return 0;
}

/* Feeds and answers everything up to a question that is to stay open. */
static struct gp__smtp_event crank(const char *text, enum gp__smtp_ask stop, uint64_t now)
{
    static const struct gp__answer yes = {.decision = GP__PROCEED};
    struct gp__smtp_event event;

    gp__smtp_feed(smtp, gp_slice_of(text));
    while ((event = gp__smtp_step(smtp, now)).type != GP__SMTP_INPUT) {
        if (event.type == GP__SMTP_ASK && event.ask == stop)
            break;
        if (event.type == GP__SMTP_ASK)
            assert_int_equal(gp__smtp_answer(smtp, &yes), 0);
        if (event.type == GP__SMTP_RESET)
            gp__transaction_unref(&event.transaction);
    }
    gp__smtp_settle(smtp);
    return event;
}

#define NO_STOP GP__ASK_COUNT

static void test_limits(void **state)
{
    struct gp__limits limits;
    int n = 0;

    (void)state;
    gp__limits_default(&limits);
    assert_int_equal(limits.message_size, 50 * 1024 * 1024);
    assert_int_equal(limits.recipients, 1000);
    assert_int_equal(limits.command_timeout, 300000);
#define X(kind, name, def, least, most, doc)                                                       \
    assert_in_range((int64_t)limits.name, least, most);                                            \
    n++;
    GP__LIMITS(X)
#undef X
    assert_true(n > 20);
}

static void test_session(void **state)
{
    struct gp__ip ip;

    (void)state;
    assert_int_equal(gp__ip6_parse(GP_S("::ffff:192.0.2.1"), &ip), 0);
    gp__session_set_client(session, &ip, 2525);
    assert_string_equal(session->client_ip_text, "192.0.2.1");
    assert_int_equal(session->client_ip.family, 4);
    assert_int_equal(session->client_port, 2525);
    gp__session_set_server(session, &(struct gp__ip){0}, 0);
    assert_string_equal(session->server_ip_text, "");
    assert_false(gp_slice_present(gp__session_helo(session)));
    crank("", NO_STOP, 1);
    crank("EHLO c.example\r\n", NO_STOP, 1);
    assert_true(gp_slice_eq(gp__session_helo(session), GP_S("c.example")));
    assert_true(gp_slice_eq(gp__session_id(session), GP_S("0123456789abcdef")));
}

/* The host may keep a transaction longer than the session lives. */
static void test_transaction_outlives(void **state)
{
    struct gp__smtp_event event;
    struct gp_transaction *kept;

    (void)state;
    crank("", NO_STOP, 1);
    crank("EHLO c.example\r\n", NO_STOP, 1);
    event = crank("MAIL FROM:<a@b.example>\r\n", GP__ASK_MAIL, 1);
    assert_int_equal(event.ask, GP__ASK_MAIL);
    assert_null(session->transaction);
    kept = gp__transaction_ref(event.transaction);
    assert_true(gp_slice_eq(gp__transaction_id(kept), GP_S("0123456789abcdef.1")));
    gp__smtp_abort(smtp, NULL);
    event = gp__smtp_step(smtp, 2);
    assert_int_equal(event.type, GP__SMTP_RESET);
    assert_int_equal(event.reset, GP__RESET_CLOSED);
    assert_ptr_equal(event.transaction, kept);
    assert_true(kept->detached);
    gp__transaction_unref(&event.transaction);
    assert_int_equal(gp__smtp_step(smtp, 2).type, GP__SMTP_CLOSE);
    assert_int_equal(gp__smtp_step(smtp, 2).type, GP__SMTP_INPUT);
    gp__smtp_feed(smtp, GP_S("NOOP\r\n"));
    assert_int_equal(gp__smtp_pending(smtp), 0);
    assert_int_equal(gp__smtp_deadline(smtp), UINT64_MAX);
    assert_string_equal(gp__smtp_state_name(smtp), "closed");
    assert_true(gp_slice_eq(kept->mail.from.text, GP_S("a@b.example")));
    gp__transaction_unref(&kept);
}

static void test_free_in_every_state(void **state)
{
    static const char *const sent[] = {"EHLO c.example\r\n", "MAIL FROM:<a@b.example>\r\n",
                                       "RCPT TO:<a@b.example>\r\n", "BDAT 10\r\n", "a\r\n"};

    (void)state;
    for (int stop = 0; stop <= GP__ASK_COUNT; stop++) {
        gp__smtp_free(&smtp);
        gp__session_unref(&session);
        setup(NULL);
        crank("", (enum gp__smtp_ask)stop, 1);
        for (size_t i = 0; i < sizeof sent / sizeof sent[0]; i++)
            crank(sent[i], (enum gp__smtp_ask)stop, 1);
    }
    gp__smtp_free(&smtp);
    assert_null(session->transaction);
    gp__smtp_free(&smtp);
}

static void test_answers(void **state)
{
    struct gp__answer answer = {.decision = GP__PROCEED};

    (void)state;
    assert_int_equal(gp__smtp_answer(smtp, &answer), -1); /* nothing was asked */
    assert_int_equal(gp__smtp_step(smtp, 1).ask, GP__ASK_CONNECT);
    assert_int_equal(gp__smtp_step(smtp, 1).type, GP__SMTP_INPUT);
    assert_int_equal(gp__smtp_deadline(smtp), UINT64_MAX);
    answer.reply = GP__REPLY(220, 0, 0, 0, "custom");
    assert_int_equal(gp__smtp_answer(smtp, &answer), 0);
    assert_int_equal(gp__smtp_answer(smtp, &answer), -1); /* only once */
    assert_int_equal(gp__smtp_deadline(smtp), 0);
    assert_true(
        gp_slice_eq(gp__buf_slice(gp__smtp_output(smtp)), GP_S("220 mx.example custom\r\n")));
}

static void test_deadlines(void **state)
{
    (void)state;
    crank("", NO_STOP, 1000);
    assert_int_equal(gp__smtp_deadline(smtp), 301000);
    crank("EHLO c.example\r\n", NO_STOP, 5000);
    assert_int_equal(gp__smtp_deadline(smtp), 305000);
    crank("MA", NO_STOP, 9000); /* a part of a line is no progress */
    assert_int_equal(gp__smtp_deadline(smtp), 305000);
    crank("IL FROM:<>\r\nRCPT TO:<a@b.example>\r\n", NO_STOP, 10000);
    settings.limits.message_time = 400000;
    settings.limits.data_rate = 0;
    crank("DATA\r\n", NO_STOP, 20000);
    assert_int_equal(gp__smtp_deadline(smtp), 320000);
    crank("x", NO_STOP, 200000);
    assert_int_equal(gp__smtp_deadline(smtp), 420000); /* the whole message */
    assert_string_equal(gp__smtp_state_name(smtp), "data");
}

static void drop_output(void)
{
    gp__buf_consume(gp__smtp_output(smtp), gp__smtp_output(smtp)->len);
    gp__smtp_trim(smtp);
}

/* Between messages a session holds its struct and a small output buffer. */
static void test_idle_memory(void **state)
{
    struct gp__smtp *before = smtp;

    (void)state;
    crank("", NO_STOP, 1);
    crank("EHLO c.example\r\n", NO_STOP, 1);
    crank("MAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\n", NO_STOP, 1);
    assert_false(gp__smtp_idle(smtp));
    crank("DATA\r\n", NO_STOP, 1);
    crank("x\r\n.\r\nNO", NO_STOP, 1);
    assert_false(gp__smtp_idle(smtp)); /* half a command */
    crank("OP\r\n", NO_STOP, 1);
    drop_output();
    assert_true(gp__smtp_idle(smtp));
    assert_true(malloc_usable_size(before) + gp__smtp_output(smtp)->cap <= 640);
}

/* A steady state takes no memory from the system: the pools and buffers are there. */
static void test_steady_memory(void **state)
{
    struct mallinfo2 first = {0}, last;

    (void)state;
    crank("", NO_STOP, 1);
    crank("EHLO c.example\r\n", NO_STOP, 1);
    for (int i = 0; i < 50; i++) {
        crank("MAIL FROM:<a@b.example>\r\nRCPT TO:<a@b.example>\r\n", NO_STOP, 1);
        crank("DATA\r\n", NO_STOP, 1);
        crank("x\r\n.\r\n", NO_STOP, 1);
        drop_output();
        if (i == 2)
            first = mallinfo2();
    }
    last = mallinfo2();
    assert_int_equal(first.uordblks, last.uordblks);
    assert_int_equal(gp__smtp_counts(smtp)->messages, 50);
}

/* What a question is about is there while it is open, and gone afterwards. */
static void test_facts_of_questions(void **state)
{
    struct gp__answer answer = {.decision = GP__REFUSE, .reply = GP__REPLY(450, 4, 0, 0, "x")};
    struct gp__smtp_event event;
    struct gp_transaction *kept;

    (void)state;
    crank("", NO_STOP, 1);
    event = crank("EHLO c.example\r\n", GP__ASK_CAPABILITIES, 1);
    assert_non_null(event.lines);
    answer.decision = GP__PROCEED;
    answer.reply.code = 0;
    gp__smtp_answer(smtp, &answer);
    event = crank("xfoo a b\r\n", GP__ASK_COMMAND, 1);
    assert_true(gp_slice_eq(event.verb, GP_S("XFOO")));
    assert_true(gp_slice_eq(event.argument, GP_S("a b")));
    gp__smtp_answer(smtp, &answer);
    event = crank("MAIL FROM:<a@b.example>\r\n", GP__ASK_MAIL, 1);
    kept = gp__transaction_ref(event.transaction);
    assert_null(event.lines);
    assert_int_equal(event.verb.len, 0);
    gp__smtp_answer(smtp, &answer);
    event = crank("RCPT TO:<c@d.example>\r\n", GP__ASK_RCPT, 1);
    assert_true(gp_slice_eq(event.rcpt->to.domain, GP_S("d.example")));
    gp__smtp_answer(smtp, &answer);
    assert_int_equal(kept->accepted, 1);
    event = crank("DATA\r\n", GP__ASK_DATA, 1);
    assert_null(event.rcpt);
    gp__smtp_answer(smtp, &answer);
    crank("", NO_STOP, 1);
    event = crank("x\r\n.\r\n", GP__ASK_MESSAGE, 1);
    assert_ptr_equal(event.transaction, kept);
    assert_int_equal(kept->received_bytes, 3);
    assert_false(kept->detached);
    gp__smtp_answer(smtp, &answer);
    assert_true(kept->detached);
    assert_null(session->transaction);
    assert_int_equal(kept->refs, 1);
    gp__transaction_unref(&kept);
}

/* Input that comes while a question is open is kept, and only read afterwards. */
static void test_kept_input(void **state)
{
    struct gp__answer answer = {.decision = GP__PROCEED};

    (void)state;
    crank("", NO_STOP, 1);
    crank("EHLO c.example\r\n", NO_STOP, 1);
    crank("MAIL FROM:<>\r\nRCPT TO:<a@", GP__ASK_MAIL, 1);
    assert_int_equal(gp__smtp_pending(smtp), 11);
    crank("b.example>\r\n", NO_STOP, 1);
    assert_int_equal(gp__smtp_pending(smtp), 23);
    assert_int_equal(gp__smtp_counts(smtp)->recipients, 0);
    gp__smtp_answer(smtp, &answer);
    crank("", NO_STOP, 1);
    assert_int_equal(gp__smtp_pending(smtp), 0);
    assert_int_equal(gp__smtp_counts(smtp)->recipients, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(test_limits),
        TEST(test_session),
        TEST(test_transaction_outlives),
        TEST(test_free_in_every_state),
        TEST(test_answers),
        TEST(test_deadlines),
        TEST(test_idle_memory),
        TEST(test_steady_memory),
        TEST(test_facts_of_questions),
        TEST(test_kept_input),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
