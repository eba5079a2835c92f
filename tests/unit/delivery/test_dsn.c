// SPDX-License-Identifier: Apache-2.0
/* Notifications: golden bytes, what hostile text can't do, forms of RFC 6533, size, templates. */
#include "core/delivery/dsn.h"
#include "core/message/value.h"
#include "tests/unit/base/check.h"

#define NOW 1795442717000 /* Mon, 23 Nov 2026 14:05:17 +0000 */

static struct gp__arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = gp__arena_create();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    gp__arena_free(&arena);
    return 0;
}

/* Two pieces that part in the middle of a field, as splices do. */
static const struct gp_slice content[] = {
    {"Subject: Hi\r\nMessage-ID: <m", 27},
    {"1@a.example>\r\n\r\nbody\r\n", 22},
};

static struct gp__dsn_recipient unknown(void)
{
    return (struct gp__dsn_recipient){
        .final = GP_S("bob@b.example"),
        .orcpt = GP_S("rfc822;alias@here.example"),
        .reply = GP__REPLY(550, 5, 1, 1, "No such user"),
        .remote = GP_S("mx.b.example [192.0.2.1]"),
        .last_attempt_ms = NOW - 1000,
    };
}

static struct gp__dsn usual(const struct gp__dsn_recipient *recipient)
{
    return (struct gp__dsn){
        .id = GP_S("01J0000000000000.b"),
        .hostname = GP_S("mx.example.org"),
        .to = GP_S("alice@a.example"),
        .now_ms = NOW,
        .original_id = GP_S("01J0000000000000.1"),
        .envid = GP_S("env 1"),
        .helo = GP_S("client.a.example"),
        .arrival_ms = NOW - 60000,
        .return_max = 10000,
        .content = content,
        .n_content = COUNT(content),
        .recipients = recipient,
        .n_recipients = 1,
    };
}

static struct gp_slice made(const struct gp__dsn *dsn, struct gp__dsn_needs *needs_r)
{
    struct gp__buf out = {.limit = 0};
    struct gp__dsn_needs needs;
    struct gp_slice bytes;

    assert_int_equal(gp__dsn_write(dsn, &out, &needs), 0);
    bytes = gp__arena_dup(arena, gp__buf_slice(&out));
    gp__buf_free(&out);
    if (needs_r)
        *needs_r = needs;
    return bytes;
}

static bool has(struct gp_slice bytes, const char *text)
{
    struct gp_slice needle = gp_slice_of(text);

    return gp_slice_search(bytes, needle) < bytes.len;
}

static void expect(struct gp_slice bytes, const char *text, int line)
{
    if (has(bytes, text))
        return;
    print_error("line %d: no \"%s\" in:\n" GP_FMT "\n", line, text, GP_ARG(bytes));
    fail();
}

#define EXPECT(bytes, text) expect((bytes), (text), __LINE__)

static struct gp_slice boundary_of(struct gp_slice bytes)
{
    size_t at = gp_slice_search(bytes, GP_S("boundary=\"")) + 10;
    struct gp_slice rest = gp_slice_sub(bytes, at, bytes.len);

    return gp_slice_sub(rest, 0, gp_slice_find(rest, '"'));
}

/* Every line ends by CRLF and is not too long; nothing controls. */
static void check_lines(struct gp_slice bytes)
{
    size_t column = 0;

    assert_true(gp_slice_ends(bytes, GP_S("\r\n")));
    for (size_t i = 0; i < bytes.len; i++) {
        char c = bytes.data[i];

        if (c == '\r') {
            assert_true(i + 1 < bytes.len && bytes.data[i + 1] == '\n');
            column = 0;
            i++;
            continue;
        }
        if ((unsigned char)c < ' ' && c != '\t')
            fail_msg("byte %02x after \"" GP_FMT "\"", c,
                     GP_ARG(gp_slice_sub(bytes, i > 60 ? i - 60 : 0, i > 60 ? 60 : i)));
        assert_true(c != 0x7f);
        assert_true(++column <= 998);
    }
}

static void test_golden(void **state)
{
    struct gp__dsn_recipient recipient = unknown();
    struct gp__dsn dsn = usual(&recipient);
    struct gp__dsn_needs needs;
    struct gp_slice bytes = made(&dsn, &needs), boundary = boundary_of(bytes);
    struct gp_slice want = gp__arena_printf(
        arena,
        "Date: Mon, 23 Nov 2026 14:05:17 +0000\r\n"
        "From: \"Mail Delivery System\" <MAILER-DAEMON@mx.example.org>\r\n"
        "To: <alice@a.example>\r\n"
        "Subject: Your message was not delivered\r\n"
        "Message-ID: <01J0000000000000.b@mx.example.org>\r\n"
        "In-Reply-To: <m1@a.example>\r\n"
        "References: <m1@a.example>\r\n"
        "Auto-Submitted: auto-replied\r\n"
        "MIME-Version: 1.0\r\n"
        "Content-Type: multipart/report; report-type=delivery-status;\r\n"
        "\tboundary=\"%1$s\"\r\n"
        "\r\n--%1$s\r\n"
        "Content-Type: text/plain; charset=us-ascii\r\n"
        "Content-Language: en\r\n"
        "\r\n"
        "Your message could not be delivered to:\r\n"
        "\r\n"
        "  alias@here.example\r\n"
        "      mx.b.example [192.0.2.1]: 550 5.1.1 No such user\r\n"
        "\r\n"
        "It will not be tried again. The lines below an address say why: who answered,\r\n"
        "and what. If that does not help, ask the postmaster of the recipient's domain.\r\n"
        "\r\n"
        "Your message came in at Mon, 23 Nov 2026 14:04:17 +0000 and is known here as "
        "01J0000000000000.1.\r\n"
        "\r\n"
        "-- \r\n"
        "The mail system at mx.example.org\r\n"
        "\r\n--%1$s\r\n"
        "Content-Type: message/delivery-status\r\n"
        "\r\n"
        "Original-Envelope-Id: env 1\r\n"
        "Reporting-MTA: dns; mx.example.org\r\n"
        "Received-From-MTA: dns; client.a.example\r\n"
        "Arrival-Date: Mon, 23 Nov 2026 14:04:17 +0000\r\n"
        "\r\n"
        "Original-Recipient: rfc822; alias@here.example\r\n"
        "Final-Recipient: rfc822; bob@b.example\r\n"
        "Action: failed\r\n"
        "Status: 5.1.1\r\n"
        "Remote-MTA: dns; mx.b.example\r\n"
        "Diagnostic-Code: smtp; 550 5.1.1 No such user\r\n"
        "Last-Attempt-Date: Mon, 23 Nov 2026 14:05:16 +0000\r\n"
        "\r\n--%1$s\r\n"
        "Content-Type: text/rfc822-headers\r\n"
        "\r\n"
        "Subject: Hi\r\n"
        "Message-ID: <m1@a.example>\r\n"
        "\r\n--%1$s--\r\n",
        gp__arena_dup(arena, boundary).data);

    (void)state;
    assert_slice(bytes, want);
    assert_false(needs.eight_bit);
    assert_false(needs.smtputf8);
}

/* ---- what the fields say ---- */

static void test_status(void **state)
{
    static const struct {
        enum gp__dsn_action action;
        struct gp__reply reply;
        const char *status;
    } cases[] = {
        {GP__DSN_FAILED, GP__REPLY_INIT(550, 5, 7, 1, "no"), "Action: failed\r\nStatus: 5.7.1\r\n"},
        {GP__DSN_FAILED, GP__REPLY_INIT(550, 0, 0, 0, "no"), "Action: failed\r\nStatus: 5.0.0\r\n"},
        /* given up */
        {GP__DSN_FAILED, GP__REPLY_INIT(450, 4, 2, 1, "x"), "Action: failed\r\nStatus: 4.4.7\r\n"},
        {GP__DSN_FAILED, {0}, "Action: failed\r\nStatus: 5.0.0\r\nLast"},
        {GP__DSN_DELAYED, GP__REPLY_INIT(451, 4, 7, 1, "x"),
         "Action: delayed\r\nStatus: 4.7.1\r\n"},
        {GP__DSN_DELAYED, {0}, "Action: delayed\r\nStatus: 4.0.0\r\n"},
        {GP__DSN_DELIVERED, GP__REPLY_INIT(250, 2, 1, 5, "k"),
         "Action: delivered\r\nStatus: 2.1.5\r\n"},
        {GP__DSN_RELAYED, GP__REPLY_INIT(250, 0, 0, 0, "k"),
         "Action: relayed\r\nStatus: 2.0.0\r\n"},
        {GP__DSN_EXPANDED, {0}, "Action: expanded\r\nStatus: 2.0.0\r\n"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct gp__dsn_recipient recipient = unknown();
        struct gp__dsn dsn = usual(&recipient);
        char want[100];

        recipient.action = dsn.kind = cases[i].action;
        recipient.reply = cases[i].reply;
        if (!recipient.reply.code)
            recipient.remote = gp_slice(NULL, 0);
        (void)snprintf(want, sizeof want, "%s", cases[i].status);
        EXPECT(made(&dsn, NULL), want);
    }
}

static void test_delayed(void **state)
{
    struct gp__dsn_recipient recipient = unknown();
    struct gp__dsn dsn = usual(&recipient);
    struct gp_slice bytes;

    (void)state;
    recipient.action = dsn.kind = GP__DSN_DELAYED;
    recipient.retry_until_ms = NOW + 3600000;
    dsn.ret = GP__RET_FULL;
    bytes = made(&dsn, NULL);
    EXPECT(bytes, "It will be tried until Mon, 23 Nov 2026 15:05:17 +0000.\r\n");
    EXPECT(bytes, "Will-Retry-Until: Mon, 23 Nov 2026 15:05:17 +0000\r\n");
    EXPECT(bytes, "text/rfc822-headers"); /* RFC 3461 4.3: FULL is about failures */
    assert_false(has(bytes, "body"));
}

static void test_what_is_not_known(void **state)
{
    struct gp__dsn_recipient recipient = {.final = GP_S("bob@b.example")};
    struct gp__dsn dsn = usual(&recipient);
    struct gp_slice bytes;

    (void)state;
    dsn.envid = dsn.helo = gp_slice(NULL, 0);
    dsn.arrival_ms = 0;
    dsn.n_content = 0;
    bytes = made(&dsn, NULL);
    check_lines(bytes);
    EXPECT(bytes, "\r\n\r\nReporting-MTA: dns; mx.example.org\r\n\r\nFinal-Recipient:");
    assert_false(has(bytes, "Diagnostic-Code"));
    assert_false(has(bytes, "In-Reply-To"));
    assert_false(has(bytes, "Arrival-Date"));
    EXPECT(bytes, "came in at - and");
}

static void test_remote(void **state)
{
    static const struct {
        const char *remote, *want;
    } cases[] = {
        {"mx.b.example [192.0.2.1]", "Remote-MTA: dns; mx.b.example\r\nDiagnostic-Code: smtp; "},
        {"[192.0.2.1]", "Remote-MTA: dns; [192.0.2.1]\r\nDiagnostic-Code: smtp; "},
        {"/run/dovecot/lmtp", "Remote-MTA: x-local; /run/dovecot/lmtp\r\n"},
        {"", "Status: 5.1.1\r\nDiagnostic-Code: x-gatepost; "},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct gp__dsn_recipient recipient = unknown();
        struct gp__dsn dsn = usual(&recipient);

        recipient.remote = gp_slice_of(cases[i].remote);
        EXPECT(made(&dsn, NULL), cases[i].want);
    }
}

/* ---- the original ---- */

static void test_full(void **state)
{
    struct gp__dsn_recipient recipient = unknown();
    struct gp__dsn dsn = usual(&recipient);
    struct gp_slice bytes;

    (void)state;
    dsn.ret = GP__RET_FULL;
    bytes = made(&dsn, NULL);
    EXPECT(bytes, "Content-Type: message/rfc822\r\n\r\nSubject: Hi\r\nMessage-ID: <m1@a.example>"
                  "\r\n\r\nbody\r\n\r\n--");
    dsn.return_max = content[0].len + content[1].len - 1;
    bytes = made(&dsn, NULL);
    EXPECT(bytes, "Content-Type: text/rfc822-headers\r\n");
    assert_false(has(bytes, "body"));
    dsn.return_max++;
    EXPECT(made(&dsn, NULL), "Content-Type: message/rfc822\r\n");
}

static void test_eight_bit(void **state)
{
    static const struct gp_slice body = {"Subject: a\r\n\r\n\xc3\xa9\r\n", 18};
    static const struct gp_slice header = {"Subject: \xc3\xa9\r\n\r\nx\r\n", 18};
    struct gp__dsn_recipient recipient = unknown();
    struct gp__dsn dsn = usual(&recipient);
    struct gp__dsn_needs needs;

    (void)state;
    dsn.content = &body;
    dsn.n_content = 1;
    made(&dsn, &needs);
    assert_false(needs.eight_bit); /* only the header goes back */
    dsn.ret = GP__RET_FULL;
    EXPECT(made(&dsn, &needs),
           "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\n");
    assert_true(needs.eight_bit);
    assert_false(needs.smtputf8);

    dsn.content = &header; /* raw bytes in a header, and no SMTPUTF8 */
    dsn.ret = GP__RET_HDRS;
    EXPECT(made(&dsn, &needs),
           "Content-Type: text/rfc822-headers\r\nContent-Transfer-Encoding: 8bit\r\n\r\n");
    dsn.smtputf8 = true;
    EXPECT(made(&dsn, &needs),
           "Content-Type: message/global-headers\r\nContent-Transfer-Encoding: 8bit\r\n\r\n");
    assert_false(needs.smtputf8);
}

/* A header larger than what is given back is cut between fields. */
static void test_huge_header(void **state)
{
    struct gp__dsn_recipient recipient = unknown();
    struct gp__dsn dsn = usual(&recipient);
    struct gp__buf all = {.limit = 0};
    struct gp_slice one, bytes;

    (void)state;
    gp__buf_printf(&all, "Subject: Hi\r\n");
    for (unsigned i = 0; i < 3000; i++)
        gp__buf_printf(&all, "X-F: %u\r\n folded\r\n\tmore\r\n", i);
    gp__buf_printf(&all, "\r\nbody\r\n");
    one = gp__buf_slice(&all);
    dsn.content = &one;
    dsn.n_content = 1;
    bytes = made(&dsn, NULL);
    check_lines(bytes);
    assert_true(bytes.len > 60000 && bytes.len < 70000);
    EXPECT(bytes, " folded\r\n\tmore\r\n\r\n--=_gatepost_");
    gp__buf_free(&all);
}

static void test_headers_only(void **state)
{
    static const struct {
        const char *content, *want;
    } cases[] = {
        {"\r\nbody\r\n", "text/rfc822-headers\r\n\r\n\r\n--"},
        {"A: b\r\n", "text/rfc822-headers\r\n\r\nA: b\r\n\r\n--"},
        {"A: b\r\n\r\n", "text/rfc822-headers\r\n\r\nA: b\r\n\r\n--"},
        {"", "text/rfc822-headers\r\n\r\n\r\n--"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct gp__dsn_recipient recipient = unknown();
        struct gp__dsn dsn = usual(&recipient);
        struct gp_slice one = gp_slice_of(cases[i].content);

        dsn.content = &one;
        dsn.n_content = 1;
        EXPECT(made(&dsn, NULL), cases[i].want);
    }
}

static void test_references(void **state)
{
    static const struct {
        const char *content;
        bool taken;
    } cases[] = {
        {"Message-ID: <a@b>\r\n\r\n", true},       {"Message-ID:\r\n\t<a@b>\r\n\r\n", true},
        {"Message-ID: a@b\r\n\r\n", false},        {"Message-ID: <a@b> <c@d>\r\n\r\n", false},
        {"Message-ID: <a b>\r\n\r\n", false},      {"Message-ID: <a\r\n b>\r\n\r\n", false},
        {"Message-ID: <\xc3\xa9>\r\n\r\n", false}, {"Message-ID: <>\r\n\r\n", false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct gp__dsn_recipient recipient = unknown();
        struct gp__dsn dsn = usual(&recipient);
        struct gp_slice one = gp_slice_of(cases[i].content);

        dsn.content = &one;
        dsn.n_content = 1;
        assert_int_equal(has(made(&dsn, NULL), "References: "), cases[i].taken);
    }
}

/* ---- hostile text ---- */

static void test_hostile(void **state)
{
    static char hostile[5000];
    struct gp__dsn_recipient recipient = unknown();
    struct gp__dsn dsn = usual(&recipient);
    struct gp_slice bytes, evil;
    size_t parts = 0;

    (void)state;
    for (size_t i = 0; i < sizeof hostile; i++)
        hostile[i] = (char)i; /* all bytes, again and again */
    memcpy(hostile, "\r\n\r\n--=_gatepost_x\r\nBcc: v@v.example\r\n.\r\n", 41);
    memset(hostile + 2000, 'w', 2500);
    evil = gp_slice(hostile, sizeof hostile);
    recipient.reply.text = recipient.orcpt = recipient.remote = recipient.final = evil;
    dsn.envid = dsn.helo = dsn.to = dsn.original_id = evil;
    for (unsigned utf8 = 0; utf8 < 2; utf8++) {
        dsn.smtputf8 = utf8;
        bytes = made(&dsn, NULL);
        check_lines(bytes);
        assert_false(has(bytes, "\nBcc:"));
        assert_false(has(bytes, "\n--=_gatepost_x"));
        for (struct gp_slice rest = bytes; gp_slice_present(rest); parts++) {
            size_t at = gp_slice_search(rest, GP_S("\n--"));

            rest = at < rest.len ? gp_slice_sub(rest, at + 3, rest.len) : gp_slice(NULL, 0);
        }
    }
    assert_int_equal(parts, 2 * 6); /* four delimiters and the signature's dashes each */
}

/* Who knows our boundary (here: of a first try) can't end the part with it. */
static void test_boundary(void **state)
{
    struct gp__dsn_recipient recipient = unknown();
    struct gp__dsn dsn = usual(&recipient);
    struct gp_slice first = boundary_of(made(&dsn, NULL)), second;
    struct gp_slice forged = GP__ARENA_JOIN(arena, GP_S("A: b\r\n\r\n--"), first, GP_S("--\r\n"));

    (void)state;
    dsn.content = &forged;
    dsn.n_content = 1;
    dsn.ret = GP__RET_FULL;
    second = boundary_of(made(&dsn, NULL));
    assert_false(gp_slice_eq(first, second));
}

static void test_limit(void **state)
{
    struct gp__dsn_recipient recipient = unknown();
    struct gp__dsn dsn = usual(&recipient);
    struct gp__dsn_needs needs;
    size_t whole = made(&dsn, NULL).len;

    (void)state;
    for (size_t limit = 1; limit < whole; limit += 7) {
        struct gp__buf out = {.limit = limit};

        assert_int_equal(gp__dsn_write(&dsn, &out, &needs), -1);
        gp__buf_free(&out);
    }
}

/* ---- internationalised (RFC 6533) ---- */

static void test_utf8(void **state)
{
    struct gp__dsn_recipient recipient = unknown();
    struct gp__dsn dsn = usual(&recipient);
    struct gp__dsn_needs needs;
    struct gp_slice bytes;

    (void)state;
    recipient.final = GP_S("j\xc3\xbcrgen@b.example");
    recipient.orcpt = GP_S("utf-8;a+\xe2\x82\xac@b.example");
    recipient.reply.text = GP_S("kein J\xc3\xbcrgen");
    bytes = made(&dsn, &needs); /* the sender could not take more than ASCII */
    assert_false(needs.smtputf8);
    assert_false(needs.eight_bit);
    EXPECT(bytes, "Content-Type: message/delivery-status\r\n");
    EXPECT(bytes, "Original-Recipient: utf-8; a\\x{2B}\\x{20AC}@b.example\r\n");
    EXPECT(bytes, "Final-Recipient: utf-8; j\\x{FC}rgen@b.example\r\n");
    EXPECT(bytes, "Diagnostic-Code: smtp; 550 5.1.1 kein J?rgen\r\n");
    EXPECT(bytes, "charset=utf-8\r\nContent-Language: en\r\nContent-Transfer-Encoding: "
                  "quoted-printable\r\n");

    dsn.smtputf8 = true;
    bytes = made(&dsn, &needs);
    assert_true(needs.eight_bit);
    assert_false(needs.smtputf8); /* nothing in our own header */
    EXPECT(bytes, "Content-Type: message/global-delivery-status\r\n"
                  "Content-Transfer-Encoding: 8bit\r\n");
    EXPECT(bytes, "Original-Recipient: utf-8; a\\x{2B}\xe2\x82\xac@b.example\r\n");
    EXPECT(bytes, "Final-Recipient: utf-8; j\xc3\xbcrgen@b.example\r\n");
    EXPECT(bytes, "Diagnostic-Code: smtp; 550 5.1.1 kein J\xc3\xbcrgen\r\n");
    EXPECT(bytes, "Content-Type: message/global-headers\r\n");

    dsn.to = GP_S("\xc3\xa9ve@a.example");
    made(&dsn, &needs);
    assert_true(needs.smtputf8);
}

/* SMTPUTF8 that was not made use of: the older forms, which everybody reads. */
static void test_utf8_unused(void **state)
{
    struct gp__dsn_recipient recipient = unknown();
    struct gp__dsn dsn = usual(&recipient);

    (void)state;
    dsn.smtputf8 = true;
    EXPECT(made(&dsn, NULL), "Content-Type: message/delivery-status\r\n");
}

/* ---- templates ---- */

static void test_template(void **state)
{
    static const char german[] = "Language: de\r\n"
                                 "From: Postamt K\xc3\xb6ln\n"
                                 "subject: Unzustellbar: {subject}\n"
                                 "\n"
                                 "  {{ {sender} {hostname} {id}\n"
                                 "\n"
                                 "{recipients}\n\n\n";
    static const struct gp_slice evil = {"Subject: {recipients} {{\r\n\tK\xc3\xb6ln\r\n\r\n", 35};
    struct gp__dsn_recipient recipient = unknown();
    struct gp__dsn dsn = usual(&recipient);
    struct gp__dsn_template template;
    struct gp_slice error, bytes;

    (void)state;
    assert_int_equal(gp__dsn_template_parse(arena, gp_slice_of(german),
                                            gp__dsn_template_built_in(GP__DSN_FAILED), &template,
                                            &error),
                     0);
    dsn.text = &template;
    dsn.content = &evil;
    dsn.n_content = 1;
    bytes = made(&dsn, NULL);
    check_lines(bytes);
    EXPECT(bytes, "From: =?utf-8?B?UG9zdGFtdCBLw7Zsbg==?= <MAILER-DAEMON@mx.example.org>\r\n");
    EXPECT(bytes, "Subject: =?utf-8?B?VW56dXN0ZWxsYmFyOiB7cmVjaXBpZW50c30ge3sgS8O2bG4=?=\r\n");
    EXPECT(bytes, "Content-Language: de\r\n");
    EXPECT(bytes, "\r\n\r\n  { alice@a.example mx.example.org 01J0000000000000.1\r\n\r\n"
                  "  alias@here.example\r\n");
}

static void test_template_errors(void **state)
{
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"Languag: de\n\nx", "line 1: the fields are Language, From and Subject, not \"Languag\""},
        {"Subject: a\nno field\n\nx",
         "line 2: expected a field, or an empty line before the text, not \"no field\""},
        {"Language: d e\n\nx", "line 1: not a language like \"en\" or \"pt-BR\": \"d e\""},
        {"Language:\n\nx", "line 1: nothing is said by the field \"Language\""},
        {"Subject: {recipients}\n\nx", "line 1: one line has no room for \"{recipients}\""},
        {"Subject: a\n\nx {sender\n",
         "line 3: there is no value of this name (a brace is written \"{{\"): \"{sender\""},
        {"\n{nobody}", "line 2: there is no value of this name (a brace is written \"{{\"): "
                       "\"{nobody}\""},
        {"Subject: a\n", "line 3: after the empty line there is no \"text\""},
        {"Subject: a\n\n \n", "line 4: after the empty line there is no \"text\""},
        {"\n\x01", "line 2: control characters in \"the line\""},
        {"\n\xff", "line 2: no UTF-8 in \"the line\""},
    };
    struct gp__dsn_template template;
    struct gp_slice error;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(gp__dsn_template_parse(arena, gp_slice_of(cases[i].text),
                                                gp__dsn_template_built_in(GP__DSN_FAILED),
                                                &template, &error),
                         -1);
        assert_slice(error, gp_slice_of(cases[i].error));
    }
}

static void test_template_size(void **state)
{
    static char big[GP__DSN_TEMPLATE_MAX + 1];
    struct gp__dsn_template template;
    struct gp_slice error;

    (void)state;
    memset(big, 'x', sizeof big);
    big[0] = '\n';
    assert_int_equal(gp__dsn_template_parse(arena, gp_slice(big, sizeof big - 1),
                                            gp__dsn_template_built_in(GP__DSN_FAILED), &template,
                                            &error),
                     0);
    assert_int_equal(gp__dsn_template_parse(arena, gp_slice(big, sizeof big),
                                            gp__dsn_template_built_in(GP__DSN_FAILED), &template,
                                            &error),
                     -1);
}

/* The built-in ones would be accepted as files, too. */
static void test_built_in(void **state)
{
    struct gp__dsn_template template;
    struct gp_slice error;

    (void)state;
    for (unsigned kind = 0; kind < GP__DSN_ACTION_COUNT; kind++) {
        const struct gp__dsn_template *own = gp__dsn_template_built_in((enum gp__dsn_action)kind);
        struct gp_slice file = gp__arena_printf(
            arena, "Language: " GP_FMT "\nFrom: " GP_FMT "\nSubject: " GP_FMT "\n\n" GP_FMT "\n",
            GP_ARG(own->language), GP_ARG(own->from), GP_ARG(own->subject), GP_ARG(own->text));

        assert_int_equal(gp__dsn_template_parse(arena, file, own, &template, &error), 0);
        assert_slice(template.text, own->text);
    }
}

/* Prints one for other readers of mail: tests/e2e/test_dsn.py. */
static int print_sample(const char *form)
{
    struct gp__dsn_recipient recipients[2] = {unknown(), unknown()};
    struct gp__dsn dsn = usual(recipients);
    struct gp_slice bytes;

    arena = gp__arena_create();
    dsn.n_recipients = 2;
    dsn.ret = GP__RET_FULL;
    recipients[1].action = GP__DSN_DELAYED;
    recipients[1].retry_until_ms = NOW + 1000;
    recipients[1].reply = GP__REPLY(451, 4, 7, 1,
                                    "later \xc3\xa9 and a text that is long enough for "
                                    "its field to be folded more than once, which is "
                                    "what readers have to undo");
    if (strcmp(form, "global") == 0) {
        dsn.smtputf8 = true;
        dsn.to = GP_S("\xc3\xa9ve@a.example");
        recipients[0].final = GP_S("j\xc3\xbcrgen@b.example");
    }
    bytes = made(&dsn, NULL);
    (void)fwrite(bytes.data, 1, bytes.len, stdout);
    gp__arena_free(&arena);
    return fflush(stdout);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_golden, setup, teardown),
        cmocka_unit_test_setup_teardown(test_status, setup, teardown),
        cmocka_unit_test_setup_teardown(test_delayed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_not_known, setup, teardown),
        cmocka_unit_test_setup_teardown(test_remote, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full, setup, teardown),
        cmocka_unit_test_setup_teardown(test_eight_bit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_huge_header, setup, teardown),
        cmocka_unit_test_setup_teardown(test_headers_only, setup, teardown),
        cmocka_unit_test_setup_teardown(test_references, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hostile, setup, teardown),
        cmocka_unit_test_setup_teardown(test_boundary, setup, teardown),
        cmocka_unit_test_setup_teardown(test_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_utf8, setup, teardown),
        cmocka_unit_test_setup_teardown(test_utf8_unused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_template, setup, teardown),
        cmocka_unit_test_setup_teardown(test_template_errors, setup, teardown),
        cmocka_unit_test_setup_teardown(test_template_size, setup, teardown),
        cmocka_unit_test_setup_teardown(test_built_in, setup, teardown),
    };

    if (argc > 1)
        return print_sample(argv[1]);
    return cmocka_run_group_tests_name("dsn", tests, NULL, NULL);
}
