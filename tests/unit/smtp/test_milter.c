// SPDX-License-Identifier: Apache-2.0
/*
 * The engine as a milter: whole conversations, each fed at once and octet by octet, with the same
 * events and the same output.
 */
#include "core/smtp/macros.h"
#include "core/smtp/milter.h"

#include "tests/unit/base/check.h"

#define BYTES(...)                                                                                 \
    {                                                                                              \
        __VA_ARGS__, sizeof(__VA_ARGS__) - 1                                                       \
    }

/* What is said, asked and read, in words. */
struct talk {
    struct gp__smtp_settings settings;
    struct gp_session *session;
    struct gp__smtp *smtp;
    struct gp__buf story, out;
    enum gp__smtp_ask refuse; /* COUNT: nothing */
};

static void begin(struct talk *talk)
{
    memset(talk, 0, sizeof *talk);
    talk->settings = (struct gp__smtp_settings){.protocol = GP__PROTOCOL_MILTER,
                                                .hostname = GP_S("mx.example"),
                                                .extensions = GP__EXT_DEFAULT};
    gp__limits_default(&talk->settings.limits);
    talk->session = gp__session_create("0123456789abcdef");
    talk->session->hostname = GP_S("mx.example");
    talk->smtp = gp__smtp_create(&talk->settings, talk->session, 1000);
    talk->refuse = GP__ASK_COUNT;
}

static void end(struct talk *talk)
{
    gp__smtp_free(&talk->smtp);
    assert_int_equal(talk->session->refs, 1);
    gp__session_unref(&talk->session);
    gp__buf_free(&talk->story);
    gp__buf_free(&talk->out);
    gp__arena_pool_free();
}

static const char *const asks[GP__ASK_COUNT] = {
    [GP__ASK_CONNECT] = "connect", [GP__ASK_HELO] = "helo", [GP__ASK_MAIL] = "mail",
    [GP__ASK_RCPT] = "rcpt",       [GP__ASK_DATA] = "data", [GP__ASK_MESSAGE] = "message",
    [GP__ASK_COMMAND] = "command",
};

static void answer(struct talk *talk, const struct gp__smtp_event *event)
{
    struct gp__answer said = {.decision = GP__PROCEED};

    gp__buf_printf(&talk->story, "%s", asks[event->ask]);
    if (event->ask == GP__ASK_MAIL)
        gp__buf_printf(&talk->story, "(" GP_FMT ",%d)", GP_ARG(event->transaction->mail.from.text),
                       (int)event->transaction->mail.size);
    if (event->ask == GP__ASK_RCPT)
        gp__buf_printf(&talk->story, "(" GP_FMT ")", GP_ARG(event->rcpt->to.text));
    if (event->ask == GP__ASK_COMMAND)
        gp__buf_printf(&talk->story, "(" GP_FMT "," GP_FMT ")", GP_ARG(event->verb),
                       GP_ARG(event->argument));
    gp__buf_printf(&talk->story, " ");
    if (event->ask == talk->refuse) {
        said.decision = GP__REFUSE;
        said.reply = GP__REPLY(550, 5, 7, 1, "100% no");
    }
    assert_int_equal(gp__smtp_answer(talk->smtp, &said), 0);
}

static void feed(struct talk *talk, struct gp_slice bytes)
{
    struct gp__smtp_event event;

    gp__smtp_feed(talk->smtp, bytes);
    while ((event = gp__smtp_step(talk->smtp, 1000)).type != GP__SMTP_INPUT) {
        if (event.type == GP__SMTP_ASK)
            answer(talk, &event);
        if (event.type == GP__SMTP_DATA)
            gp__buf_append(&talk->story, event.data);
        if (event.type == GP__SMTP_RESET) {
            gp__buf_printf(&talk->story, "reset ");
            gp__transaction_unref(&event.transaction);
        }
        if (event.type == GP__SMTP_CLOSE)
            gp__buf_printf(&talk->story, "close ");
    }
    gp__smtp_settle(talk->smtp);
    gp__buf_append(&talk->out, gp__buf_slice(gp__smtp_output(talk->smtp)));
    gp__buf_clear(gp__smtp_output(talk->smtp));
}

/* Each packet stands on a line of its own. */
static const struct {
    const char *name;
    struct gp_slice input;
    enum gp__smtp_ask refuse;
    const char *story;
    struct gp_slice output;
} rows[] = {
    {"a message",
     BYTES("\000\000\000\015O\000\000\000\006\000\000\001\377\000\037\377\377"
           "\000\000\000\023Chost\0004\004\322192.0.2.1\000"
           "\000\000\000\020Hclient.example\000"
           "\000\000\000\033M<a@b.example>\000SIZE=9\000XODD\000"
           "\000\000\000\017R<c@d.example>\000"
           "\000\000\000\001T"
           "\000\000\000\011LA\000 b\012 c\000"
           "\000\000\000\001N"
           "\000\000\000\007Bbody\015\012"
           "\000\000\000\001E"
           "\000\000\000\001Q"),
     GP__ASK_COUNT,
     "connect helo mail(a@b.example,9) rcpt(c@d.example) data A: b\r\n c\r\n\r\nbody\r\nmessage close ",
     BYTES("\000\000\000\015O\000\000\000\006\000\000\000\177\000\034\000\200"
           "\000\000\000\001c"
           "\000\000\000\001c"
           "\000\000\000\001c"
           "\000\000\000\001c"
           "\000\000\000\001c"
           "\000\000\000\001c")},
    {"an old MTA: every packet is answered, there is no DATA",
     BYTES("\000\000\000\015O\000\000\000\002\000\000\000\000\000\000\000\000"
           "\000\000\000\023Chost\0004\004\322192.0.2.1\000"
           "\000\000\000\020Hclient.example\000"
           "\000\000\000\033M<a@b.example>\000SIZE=9\000XODD\000"
           "\000\000\000\017R<c@d.example>\000"
           "\000\000\000\013LA\000b\015\012 c\015\012\000"
           "\000\000\000\001N"
           "\000\000\000\007Bbody\015\012"
           "\000\000\000\006Eend\015\012"),
     GP__ASK_COUNT,
     "connect helo mail(a@b.example,9) rcpt(c@d.example) data A: b\r\n c\r\n\r\nbody\r\nend\r\nmessage ",
     BYTES("\000\000\000\015O\000\000\000\002\000\000\000\000\000\000\000\000"
           "\000\000\000\001c"
           "\000\000\000\001c"
           "\000\000\000\001c"
           "\000\000\000\001c"
           "\000\000\000\001c"
           "\000\000\000\001c"
           "\000\000\000\001c"
           "\000\000\000\001c")},
    {"refused at connect",
     BYTES("\000\000\000\015O\000\000\000\006\000\000\001\377\000\037\377\377"
           "\000\000\000\023Chost\0004\004\322192.0.2.1\000"
           "\000\000\000\001Q"),
     GP__ASK_CONNECT, "connect close ",
     BYTES("\000\000\000\015O\000\000\000\006\000\000\000\177\000\034\000\200"
           "\000\000\000\024y550 5.7.1 100%% no\000")},
    {"refused at helo",
     BYTES("\000\000\000\015O\000\000\000\006\000\000\001\377\000\037\377\377"
           "\000\000\000\023Chost\0004\004\322192.0.2.1\000"
           "\000\000\000\020Hclient.example\000"
           "\000\000\000\001Q"),
     GP__ASK_HELO, "connect helo close ",
     BYTES("\000\000\000\015O\000\000\000\006\000\000\000\177\000\034\000\200"
           "\000\000\000\001c"
           "\000\000\000\024y550 5.7.1 100%% no\000")},
    {"refused at mail",
     BYTES("\000\000\000\015O\000\000\000\006\000\000\001\377\000\037\377\377"
           "\000\000\000\023Chost\0004\004\322192.0.2.1\000"
           "\000\000\000\020Hclient.example\000"
           "\000\000\000\033M<a@b.example>\000SIZE=9\000XODD\000"
           "\000\000\000\001A"
           "\000\000\000\033M<a@b.example>\000SIZE=9\000XODD\000"),
     GP__ASK_MAIL, "connect helo mail(a@b.example,9) reset mail(a@b.example,9) reset ",
     BYTES("\000\000\000\015O\000\000\000\006\000\000\000\177\000\034\000\200"
           "\000\000\000\001c"
           "\000\000\000\001c"
           "\000\000\000\024y550 5.7.1 100%% no\000"
           "\000\000\000\024y550 5.7.1 100%% no\000")},
    {"refused at rcpt",
     BYTES("\000\000\000\015O\000\000\000\006\000\000\001\377\000\037\377\377"
           "\000\000\000\023Chost\0004\004\322192.0.2.1\000"
           "\000\000\000\020Hclient.example\000"
           "\000\000\000\033M<a@b.example>\000SIZE=9\000XODD\000"
           "\000\000\000\017R<c@d.example>\000"
           "\000\000\000\001A"),
     GP__ASK_RCPT, "connect helo mail(a@b.example,9) rcpt(c@d.example) reset ",
     BYTES("\000\000\000\015O\000\000\000\006\000\000\000\177\000\034\000\200"
           "\000\000\000\001c"
           "\000\000\000\001c"
           "\000\000\000\001c"
           "\000\000\000\024y550 5.7.1 100%% no\000")},
    {"refused at data",
     BYTES("\000\000\000\015O\000\000\000\006\000\000\001\377\000\037\377\377"
           "\000\000\000\023Chost\0004\004\322192.0.2.1\000"
           "\000\000\000\020Hclient.example\000"
           "\000\000\000\033M<a@b.example>\000SIZE=9\000XODD\000"
           "\000\000\000\017R<c@d.example>\000"
           "\000\000\000\001T"
           "\000\000\000\001A"),
     GP__ASK_DATA, "connect helo mail(a@b.example,9) rcpt(c@d.example) data reset ",
     BYTES("\000\000\000\015O\000\000\000\006\000\000\000\177\000\034\000\200"
           "\000\000\000\001c"
           "\000\000\000\001c"
           "\000\000\000\001c"
           "\000\000\000\001c"
           "\000\000\000\024y550 5.7.1 100%% no\000")},
    {"refused at data that was not said",
     BYTES("\000\000\000\015O\000\000\000\002\000\000\000\000\000\000\000\000"
           "\000\000\000\023Chost\0004\004\322192.0.2.1\000"
           "\000\000\000\020Hclient.example\000"
           "\000\000\000\033M<a@b.example>\000SIZE=9\000XODD\000"
           "\000\000\000\017R<c@d.example>\000"
           "\000\000\000\011LA\000 b\012 c\000"
           "\000\000\000\001A"),
     GP__ASK_DATA, "connect helo mail(a@b.example,9) rcpt(c@d.example) data reset ",
     BYTES("\000\000\000\015O\000\000\000\002\000\000\000\000\000\000\000\000"
           "\000\000\000\001c"
           "\000\000\000\001c"
           "\000\000\000\001c"
           "\000\000\000\001c"
           "\000\000\000\024y550 5.7.1 100%% no\000")},
    {"refused at the end",
     BYTES("\000\000\000\015O\000\000\000\006\000\000\001\377\000\037\377\377"
           "\000\000\000\023Chost\0004\004\322192.0.2.1\000"
           "\000\000\000\020Hclient.example\000"
           "\000\000\000\033M<a@b.example>\000SIZE=9\000XODD\000"
           "\000\000\000\017R<c@d.example>\000"
           "\000\000\000\001T"
           "\000\000\000\001N"
           "\000\000\000\001E"
           "\000\000\000\033M<a@b.example>\000SIZE=9\000XODD\000"),
     GP__ASK_MESSAGE,
     "connect helo mail(a@b.example,9) rcpt(c@d.example) data \r\nmessage mail(a@b.example,9) ",
     BYTES("\000\000\000\015O\000\000\000\006\000\000\000\177\000\034\000\200"
           "\000\000\000\001c"
           "\000\000\000\001c"
           "\000\000\000\001c"
           "\000\000\000\001c"
           "\000\000\000\001c"
           "\000\000\000\024y550 5.7.1 100%% no\000"
           "\000\000\000\001c")},
    {"commands that begin anew",
     BYTES("\000\000\000\015O\000\000\000\006\000\000\001\377\000\037\377\377"
           "\000\000\000\023Chost\0004\004\322192.0.2.1\000"
           "\000\000\000\020Hclient.example\000"
           "\000\000\000\033M<a@b.example>\000SIZE=9\000XODD\000"
           "\000\000\000\033M<a@b.example>\000SIZE=9\000XODD\000"
           "\000\000\000\020Hclient.example\000"
           "\000\000\000\033M<a@b.example>\000SIZE=9\000XODD\000"
           "\000\000\000\017R<c@d.example>\000"
           "\000\000\000\001T"
           "\000\000\000\011LA\000 b\012 c\000"
           "\000\000\000\001A"
           "\000\000\000\001A"
           "\000\000\000\033M<a@b.example>\000SIZE=9\000XODD\000"
           "\000\000\000\001Q"),
     GP__ASK_COUNT,
     "connect helo mail(a@b.example,9) reset mail(a@b.example,9) reset helo mail(a@b.example,9) rcpt(c@d.example) data A: b\r\n c\r\nreset mail(a@b.example,9) reset close ",
     BYTES("\000\000\000\015O\000\000\000\006\000\000\000\177\000\034\000\200"
           "\000\000\000\001c"
           "\000\000\000\001c"
           "\000\000\000\001c"
           "\000\000\000\001c"
           "\000\000\000\001c"
           "\000\000\000\001c"
           "\000\000\000\001c"
           "\000\000\000\001c"
           "\000\000\000\001c")},
    {"no transaction",
     BYTES("\000\000\000\015O\000\000\000\006\000\000\001\377\000\037\377\377"
           "\000\000\000\023Chost\0004\004\322192.0.2.1\000"
           "\000\000\000\017R<c@d.example>\000"
           "\000\000\000\001T"),
     GP__ASK_COUNT, "connect ",
     BYTES("\000\000\000\015O\000\000\000\006\000\000\000\177\000\034\000\200"
           "\000\000\000\001c"
           "\000\000\000-y451 4.3.0 Out of order: no transaction here\000"
           "\000\000\000-y451 4.3.0 Out of order: no transaction here\000")},
    {"an unknown command",
     BYTES("\000\000\000\015O\000\000\000\006\000\000\001\377\000\037\377\377"
           "\000\000\000\023Chost\0004\004\322192.0.2.1\000"
           "\000\000\000\016UXFOO bar baz\000"
           "\000\000\000\003UY\000"),
     GP__ASK_COUNT, "connect command(XFOO,bar baz) command(Y,) ",
     BYTES("\000\000\000\015O\000\000\000\006\000\000\000\177\000\034\000\200"
           "\000\000\000\001c"
           "\000\000\000\001c"
           "\000\000\000\001c")},
    {"an unknown command that is refused",
     BYTES("\000\000\000\015O\000\000\000\006\000\000\001\377\000\037\377\377"
           "\000\000\000\023Chost\0004\004\322192.0.2.1\000"
           "\000\000\000\006UXFOO\000"),
     GP__ASK_COMMAND, "connect command(XFOO,) ",
     BYTES("\000\000\000\015O\000\000\000\006\000\000\000\177\000\034\000\200"
           "\000\000\000\001c"
           "\000\000\000\024y550 5.7.1 100%% no\000")},
    {"addresses",
     BYTES("\000\000\000\015O\000\000\000\006\000\000\001\377\000\037\377\377"
           "\000\000\000\023Chost\0004\004\322192.0.2.1\000"
           "\000\000\000\006Mroot\000"
           "\000\000\000\004R<>\000"
           "\000\000\000\006R<a@>\000"
           "\000\000\000\001A"
           "\000\000\000\003M<\000"),
     GP__ASK_COUNT, "connect mail(root@mx.example,0) reset ",
     BYTES("\000\000\000\015O\000\000\000\006\000\000\000\177\000\034\000\200"
           "\000\000\000\001c"
           "\000\000\000\001c"
           "\000\000\000'y553 5.1.3 Malformed recipient address\000"
           "\000\000\000'y553 5.1.3 Malformed recipient address\000"
           "\000\000\000$y553 5.1.7 Malformed sender address\000")},
    {"no negotiation", BYTES("\000\000\000\023Chost\0004\004\322192.0.2.1\000"), GP__ASK_COUNT,
     "close ", BYTES("")},
    {"negotiation twice",
     BYTES("\000\000\000\015O\000\000\000\006\000\000\001\377\000\037\377\377"
           "\000\000\000\015O\000\000\000\006\000\000\001\377\000\037\377\377"),
     GP__ASK_COUNT, "close ",
     BYTES("\000\000\000\015O\000\000\000\006\000\000\000\177\000\034\000\200")},
    {"a version of the past",
     BYTES("\000\000\000\015O\000\000\000\001\000\000\000\000\000\000\000\000"), GP__ASK_COUNT,
     "close ", BYTES("")},
    {"mail before connect",
     BYTES("\000\000\000\015O\000\000\000\006\000\000\001\377\000\037\377\377"
           "\000\000\000\033M<a@b.example>\000SIZE=9\000XODD\000"),
     GP__ASK_COUNT, "close ",
     BYTES("\000\000\000\015O\000\000\000\006\000\000\000\177\000\034\000\200")},
    {"connect twice",
     BYTES("\000\000\000\015O\000\000\000\006\000\000\001\377\000\037\377\377"
           "\000\000\000\023Chost\0004\004\322192.0.2.1\000"
           "\000\000\000\023Chost\0004\004\322192.0.2.1\000"),
     GP__ASK_COUNT, "connect close ",
     BYTES("\000\000\000\015O\000\000\000\006\000\000\000\177\000\034\000\200"
           "\000\000\000\001c")},
    {"content without a transaction",
     BYTES("\000\000\000\015O\000\000\000\006\000\000\001\377\000\037\377\377"
           "\000\000\000\023Chost\0004\004\322192.0.2.1\000"
           "\000\000\000\001N"),
     GP__ASK_COUNT, "connect close ",
     BYTES("\000\000\000\015O\000\000\000\006\000\000\000\177\000\034\000\200"
           "\000\000\000\001c")},
    {"data twice",
     BYTES("\000\000\000\015O\000\000\000\006\000\000\001\377\000\037\377\377"
           "\000\000\000\023Chost\0004\004\322192.0.2.1\000"
           "\000\000\000\026M<a@b.example>\000SIZE=9\000"
           "\000\000\000\017R<c@d.example>\000"
           "\000\000\000\001T"
           "\000\000\000\001T"),
     GP__ASK_COUNT, "connect mail(a@b.example,9) rcpt(c@d.example) data reset close ",
     BYTES("\000\000\000\015O\000\000\000\006\000\000\000\177\000\034\000\200"
           "\000\000\000\001c"
           "\000\000\000\001c"
           "\000\000\000\001c"
           "\000\000\000\001c")},
    {"a field that is none",
     BYTES("\000\000\000\015O\000\000\000\006\000\000\001\377\000\037\377\377"
           "\000\000\000\023Chost\0004\004\322192.0.2.1\000"
           "\000\000\000\033M<a@b.example>\000SIZE=9\000XODD\000"
           "\000\000\000\017R<c@d.example>\000"
           "\000\000\000\001T"
           "\000\000\000\006LA:\000b\000"),
     GP__ASK_COUNT, "connect mail(a@b.example,9) rcpt(c@d.example) data reset close ",
     BYTES("\000\000\000\015O\000\000\000\006\000\000\000\177\000\034\000\200"
           "\000\000\000\001c"
           "\000\000\000\001c"
           "\000\000\000\001c"
           "\000\000\000\001c")},
    {"a field that would be two",
     BYTES("\000\000\000\015O\000\000\000\006\000\000\001\377\000\037\377\377"
           "\000\000\000\023Chost\0004\004\322192.0.2.1\000"
           "\000\000\000\033M<a@b.example>\000SIZE=9\000XODD\000"
           "\000\000\000\017R<c@d.example>\000"
           "\000\000\000\001T"
           "\000\000\000\020LA\000 b\012B: c\015\015\012 d\000"),
     GP__ASK_COUNT, "connect mail(a@b.example,9) rcpt(c@d.example) data A: b\r\n B: c\r\n d\r\n",
     BYTES("\000\000\000\015O\000\000\000\006\000\000\000\177\000\034\000\200"
           "\000\000\000\001c"
           "\000\000\000\001c"
           "\000\000\000\001c"
           "\000\000\000\001c")},
    {"an empty packet",
     BYTES("\000\000\000\015O\000\000\000\006\000\000\001\377\000\037\377\377"
           "\000\000\000\000"),
     GP__ASK_COUNT, "close ",
     BYTES("\000\000\000\015O\000\000\000\006\000\000\000\177\000\034\000\200")},
    {"a packet that is too long",
     BYTES("\000\000\000\015O\000\000\000\006\000\000\001\377\000\037\377\377"
           "\000\020\000\001"),
     GP__ASK_COUNT, "close ",
     BYTES("\000\000\000\015O\000\000\000\006\000\000\000\177\000\034\000\200")},
    {"an unknown packet",
     BYTES("\000\000\000\015O\000\000\000\006\000\000\001\377\000\037\377\377"
           "\000\000\000\023Chost\0004\004\322192.0.2.1\000"
           "\000\000\000\001X"),
     GP__ASK_COUNT, "connect close ",
     BYTES("\000\000\000\015O\000\000\000\006\000\000\000\177\000\034\000\200"
           "\000\000\000\001c")},
};

static void check(size_t row, bool piecewise)
{
    struct gp_slice input = rows[row].input;
    struct talk talk;

    begin(&talk);
    talk.refuse = rows[row].refuse;
    for (size_t i = 0; piecewise && i < input.len; i++)
        feed(&talk, gp_slice_sub(input, i, 1));
    if (!piecewise)
        feed(&talk, input);
    if (!gp_slice_eq(gp__buf_slice(&talk.story), gp_slice_of(rows[row].story)) ||
        !gp_slice_eq(gp__buf_slice(&talk.out), rows[row].output))
        print_message("%s\n", rows[row].name);
    assert_slice(gp__buf_slice(&talk.story), gp_slice_of(rows[row].story));
    assert_slice(gp__buf_slice(&talk.out), rows[row].output);
    gp__smtp_abort(talk.smtp, NULL);
    feed(&talk, gp_slice(NULL, 0));
    end(&talk);
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        check(i, false);
        check(i, true);
    }
}

/* ---- facts ---- */

static struct gp_slice macro(const struct talk *talk, const char *name)
{
    return gp__macros_get(talk->session->macros, gp_slice_of(name));
}

static void feed_text(struct talk *talk, char letter, struct gp_slice rest)
{
    const char head[5] = {0, 0, (char)((rest.len + 1) >> 8), (char)(rest.len + 1), letter};

    feed(talk, gp_slice(head, sizeof head));
    feed(talk, rest);
}

static void test_facts(void **state)
{
    struct talk talk;

    (void)state;
    begin(&talk);
    feed(&talk, rows[0].input); /* to its end: the session is closed */
    assert_string_equal(talk.session->client_ip_text, "192.0.2.1");
    assert_int_equal(talk.session->client_port, 1234);
    assert_slice(gp__session_helo(talk.session), GP_S("client.example"));
    assert_true(talk.session->extended);
    assert_slice(macro(&talk, "client_name"), GP_S("host"));
    end(&talk);
}

static void test_macros(void **state)
{
    static const struct gp_slice connect = BYTES("j\0mx\0{client_name}\0known\0");
    static const struct gp_slice mail = BYTES("i\0ID\0{auth_authen}\0alice\0{tls_version}\0T1\0");
    static const struct gp_slice again = BYTES("i\0ID2\0");
    static const struct gp_slice end_ = BYTES("i\0ID3\0");
    static const struct gp_slice odd = BYTES("i\0ID4\0j\0");
    struct talk talk;

    (void)state;
    begin(&talk);
    feed(&talk, gp_slice_sub(rows[0].input, 0, 17));
    feed_text(&talk, 'D', GP_S("C"));
    assert_false(gp_slice_present(macro(&talk, "j")));
    gp__macros_set(talk.session->macros, 'C', connect);
    assert_slice(macro(&talk, "j"), GP_S("mx"));
    assert_slice(macro(&talk, "{client_name}"), GP_S("known"));
    assert_slice(macro(&talk, "client_name"), GP_S("known"));
    gp__macros_set(talk.session->macros, 'M', mail);
    assert_slice(macro(&talk, "i"), GP_S("ID"));
    gp__macros_set(talk.session->macros, 'M', again);
    assert_slice(macro(&talk, "i"), GP_S("ID2"));
    assert_false(gp_slice_present(macro(&talk, "auth_authen")));
    gp__macros_set(talk.session->macros, 'E', end_);
    assert_slice(macro(&talk, "i"), GP_S("ID3"));
    gp__macros_set(talk.session->macros, 'E', odd); /* malformed: as if there were none */
    assert_slice(macro(&talk, "i"), GP_S("ID2"));
    feed_text(&talk, 'D', gp_slice("M{auth_authen}\0bob\0{cipher}\0X\0", 30));
    assert_slice(talk.session->auth_user, GP_S("bob"));
    assert_slice(talk.session->tls_cipher, GP_S("X"));
    feed_text(&talk, 'D', GP_S("M"));
    assert_false(gp_slice_present(talk.session->auth_user));
    end(&talk);
}

/* The MTA may be silent for two hours, and is told nothing then. */
static void test_patience(void **state)
{
    struct talk talk;
    struct gp__smtp_event event;

    (void)state;
    begin(&talk);
    assert_int_equal(gp__smtp_deadline(talk.smtp), 1000 + 7210000);
    event = gp__smtp_step(talk.smtp, 1000 + 7210000);
    assert_int_equal(event.type, GP__SMTP_CLOSE);
    assert_int_equal(gp__smtp_output(talk.smtp)->len, 0);
    end(&talk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_facts),
        cmocka_unit_test(test_macros),
        cmocka_unit_test(test_patience),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
