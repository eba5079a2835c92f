// SPDX-License-Identifier: Apache-2.0
// Trace fields and Authentication-Results: golden values, hostile input, loops, forged results.
#include "support.h"

#include "core/message/authres.h"
#include "core/message/trace.h"

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

#define WHO GP_S("core")
#define BY "by mx.example.org (Gatepost) with "
#define DATE "\r\n\tMon, 23 Nov 2026 14:05:17 +0000"

static struct gp__trace usual(void)
{
    struct gp__trace trace = {
        .helo = GP_S("client.example.net"),
        .hostname = GP_S("mx.example.org"),
        .id = GP_S("01J0000000000000.1"),
        .flags = GP__TRACE_EXTENDED,
        .unix_s = 1795442717,
    };

    gp__ip_parse(GP_S("192.0.2.1"), &trace.client);
    return trace;
}

static void test_with(void **state)
{
    static const struct {
        unsigned flags;
        const char *with;
    } cases[] = {
        {0, "SMTP"},
        {GP__TRACE_EXTENDED, "ESMTP"},
        {GP__TRACE_TLS, "ESMTPS"},
        {GP__TRACE_EXTENDED | GP__TRACE_TLS, "ESMTPS"},
        {GP__TRACE_EXTENDED | GP__TRACE_AUTH, "ESMTPA"},
        {GP__TRACE_EXTENDED | GP__TRACE_TLS | GP__TRACE_AUTH, "ESMTPSA"},
        {GP__TRACE_LMTP | GP__TRACE_EXTENDED, "LMTP"},
        {GP__TRACE_LMTP | GP__TRACE_EXTENDED | GP__TRACE_TLS | GP__TRACE_AUTH, "LMTPSA"},
        {GP__TRACE_EXTENDED | GP__TRACE_UTF8, "UTF8SMTP"},
        {GP__TRACE_EXTENDED | GP__TRACE_UTF8 | GP__TRACE_TLS, "UTF8SMTPS"},
        {GP__TRACE_LMTP | GP__TRACE_UTF8 | GP__TRACE_AUTH, "UTF8LMTPA"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_slice(gp__trace_with(cases[i].flags), gp_slice_of(cases[i].with));
}

static void test_received(void **state)
{
    struct gp__trace trace = usual();

    (void)state;
    assert_slice(
        gp__trace_received(arena, &trace),
        GP_S("from client.example.net ([192.0.2.1])\r\n\t" BY "ESMTP id 01J0000000000000.1;" DATE));
    trace.rdns = GP_S("host.example.net");
    trace.recipient = GP_S("user@example.org");
    trace.tls_version = GP_S("TLSv1.3");
    trace.tls_cipher = GP_S("TLS_AES_256_GCM_SHA384");
    trace.flags |= GP__TRACE_TLS;
    gp__ip_parse(GP_S("2001:db8::1"), &trace.client);
    assert_slice(gp__trace_received(arena, &trace),
                 GP_S("from client.example.net (host.example.net [IPv6:2001:db8::1])\r\n\t" BY
                      "ESMTPS id 01J0000000000000.1\r\n\t(TLSv1.3 TLS_AES_256_GCM_SHA384)"
                      "\r\n\tfor <user@example.org>;" DATE));
    trace.client.family = 0;
    trace.tls_version = absent();
    trace.recipient = absent();
    assert_slice(gp__trace_received(arena, &trace),
                 GP_S("from client.example.net\r\n\t" BY "ESMTPS id 01J0000000000000.1;" DATE));
    trace.flags |= GP__TRACE_HIDE_CLIENT;
    trace.id = GP_S("bad id");
    assert_slice(gp__trace_received(arena, &trace), GP_S(BY "ESMTPS;" DATE));
}

/* What a peer says stays where it is put. */
static void test_received_hostile(void **state)
{
    static const struct {
        struct gp_slice helo, rdns, recipient;
        const char *from, *to;
    } cases[] = {
        {GP_S("[192.0.2.9]"), GP_S(""), GP_S(""), "from [192.0.2.9] ([192.0.2.1])", ""},
        {GP_S("[IPv6:2001:db8::9]"), GP_S(""), GP_S(""), "from [IPv6:2001:db8::9] ([192.0.2.1])",
         ""},
        {GP_S("a) (b"), GP_S(""), GP_S(""), "from [192.0.2.1] ([192.0.2.1] helo=a\\) \\(b)", ""},
        {GP_S("a\r\nX: y"), GP_S(""), GP_S(""), "from [192.0.2.1] ([192.0.2.1] helo=a??X: y)", ""},
        {GP_S("a\\"), GP_S(""), GP_S(""), "from [192.0.2.1] ([192.0.2.1] helo=a\\\\)", ""},
        {GP_S("a\0b"), GP_S(""), GP_S(""), "from [192.0.2.1] ([192.0.2.1] helo=a?b)", ""},
        {GP_S("m\xc3\xbcll"), GP_S(""), GP_S(""), "from [192.0.2.1] ([192.0.2.1] helo=m??ll)", ""},
        {GP_S(""), GP_S(""), GP_S(""), "from [192.0.2.1] ([192.0.2.1])", ""},
        {GP_S("x"), GP_S("evil) by y"), GP_S(""), "from x ([192.0.2.1])", ""},
        {GP_S("x"), GP_S("a\r\n"), GP_S(""), "from x ([192.0.2.1])", ""},
        {GP_S("x"), GP_S(""), GP_S("a>;\r\nX: y <@b"), "from x ([192.0.2.1])", ""},
        {GP_S("x"), GP_S(""), GP_S("\"a b\"@c"), "from x ([192.0.2.1])", "\r\n\tfor <\"a b\"@c>"},
        {GP_S("x"), GP_S(""), GP_S("\"a\r\n\"@c"), "from x ([192.0.2.1])", ""},
        {GP_S("x"), GP_S(""), GP_S("postmaster"), "from x ([192.0.2.1])", "\r\n\tfor <postmaster>"},
        {GP_S("x"), GP_S(""), GP_S("a@[192.0.2.3]"), "from x ([192.0.2.1])",
         "\r\n\tfor <a@[192.0.2.3]>"},
        {GP_S("x"), GP_S(""), GP_S("\xc3\xa9@c"), "from x ([192.0.2.1])", ""},
        {GP_S("x"), GP_S(""), GP_S("a@b c"), "from x ([192.0.2.1])", ""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct gp__trace trace = usual();
        struct gp_message *message = message_of(arena, GP_S("A: b\r\n\r\n"));

        trace.helo = cases[i].helo;
        trace.rdns = cases[i].rdns;
        trace.recipient = cases[i].recipient;
        assert_slice(gp__trace_received(arena, &trace),
                     gp__arena_printf(arena, "%s\r\n\t" BY "ESMTP id 01J0000000000000.1%s;" DATE,
                                      cases[i].from, cases[i].to));
        assert_int_equal(gp__trace_add_received(message, WHO, &trace), 0);
        message = message_of(arena, emitted(arena, message));
        assert_int_equal(gp_header_count(message), 2);
    }
}

/* What is missing is added below, what is there stays, whatever it says. */
static void test_complete(void **state)
{
    static const struct {
        struct gp_slice given, want;
    } cases[] = {
        {GP_S("From: a@b\r\n\r\nx"),
         GP_S("From: a@b\r\nDate: "
              "Mon, 23 Nov 2026 14:05:17 +0000"
              "\r\nMessage-ID: <01J0000000000000.1@mx.example.org>\r\n\r\nx")},
        {GP_S("Date: never\r\n\r\n"),
         GP_S("Date: never\r\nMessage-ID: <01J0000000000000.1@mx.example.org>\r\n\r\n")},
        {GP_S("message-id: <x>\r\n\r\n"),
         GP_S("message-id: <x>\r\nDate: Mon, 23 Nov 2026 14:05:17 +0000\r\n\r\n")},
        {GP_S("Message-ID:\r\ndate: x\r\n\r\n"), GP_S("Message-ID:\r\ndate: x\r\n\r\n")},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct gp__trace trace = usual();
        struct gp_message *message = message_of(arena, cases[i].given);

        gp__trace_complete(message, WHO, &trace);
        assert_slice(emitted(arena, message), cases[i].want);
    }
}

static void test_utf8(void **state)
{
    struct gp__trace trace = usual();

    (void)state;
    trace.flags |= GP__TRACE_UTF8;
    trace.helo = GP_S("m\xc3\xbcll.example");
    trace.recipient = GP_S("\xc3\xa9@c");
    assert_slice(gp__trace_received(arena, &trace),
                 GP_S("from m\xc3\xbcll.example ([192.0.2.1])\r\n\t" BY
                      "UTF8SMTP id 01J0000000000000.1\r\n\tfor <\xc3\xa9@c>;" DATE));
}

static void test_delivery(void **state)
{
    struct gp_message *message = message_of(
        arena, GP_S("Return-Path: <old@x>\r\nDelivered-To: <A@Example.org>\r\n\r\n"));

    (void)state;
    assert_true(gp__trace_delivered_before(message, GP_S("A@example.ORG")));
    assert_false(gp__trace_delivered_before(message, GP_S("a@example.org")));
    assert_false(gp__trace_delivered_before(message, GP_S("A@example.org.uk")));
    assert_slice(gp__trace_return_path(arena, GP_S("a@b")), GP_S("<a@b>"));
    assert_slice(gp__trace_return_path(arena, GP_S("")), GP_S("<>"));
    assert_false(gp_slice_present(gp__trace_return_path(arena, GP_S("a@b> x"))));
}

static void test_authres_build(void **state)
{
    struct gp__authres *authres = gp__authres_create(arena, GP_S("mx.example.org"));

    (void)state;
    assert_slice(gp__authres_value(authres), GP_S("mx.example.org; none"));
    assert_false(gp__authres_property(authres, GP_S("smtp.mailfrom"), GP_S("a@b")));
    assert_false(gp__authres_result(authres, GP_S("spf"), GP_S("pa ss")));
    assert_false(gp__authres_result(authres, GP_S(""), GP_S("pass")));
    assert_true(gp__authres_result(authres, GP_S("spf"), GP_S("pass")));
    gp__authres_reason(authres, GP_S("a \"b\"\r\n c"));
    assert_true(gp__authres_property(authres, GP_S("smtp.mailfrom"), GP_S("a@b.example")));
    assert_false(gp__authres_property(authres, GP_S("smtp mailfrom"), GP_S("x")));
    assert_true(gp__authres_result(authres, GP_S("dkim"), GP_S("fail")));
    assert_true(gp__authres_property(authres, GP_S("header.d"), GP_S("b.example")));
    assert_true(gp__authres_property(authres, GP_S("header.b"), GP_S("a/b+=")));
    assert_true(gp__authres_property(authres, GP_S("header.i"), GP_S("@b.example")));
    assert_true(gp__authres_property(authres, GP_S("smtp.helo"), GP_S("x; spf=pass \"\\")));
    assert_slice(gp__authres_value(authres),
                 GP_S("mx.example.org;\r\n\tspf=pass reason=\"a \\\"b\\\" c\""
                      " smtp.mailfrom=a@b.example;\r\n\tdkim=fail"
                      " header.d=b.example header.b=\"a/b+=\" header.i=@b.example"
                      " smtp.helo=\"x; spf=pass \\\"\\\\\""));
}

/* However long and hostile: what is built can be inserted. */
static void test_authres_long(void **state)
{
    struct gp__authres *authres = gp__authres_create(arena, GP_S("mx.example.org"));
    struct gp_message *message = message_of(arena, GP_S("\r\n"));
    char text[3000];

    (void)state;
    memset(text, '"', sizeof text);
    gp__authres_result(authres, GP_S("spf"), GP_S("fail"));
    gp__authres_reason(authres, gp_slice(text, sizeof text));
    memset(text, 'x', sizeof text);
    gp__authres_property(authres, GP_S("smtp.helo"), gp_slice(text, sizeof text));
    assert_int_equal(gp__message_header_insert(message, WHO, 0, GP_S("Authentication-Results"),
                                               gp__authres_value(authres)),
                     0);
}

static void test_authres_id(void **state)
{
    static const struct {
        const char *raw, *id;
    } cases[] = {
        {" mx.example.org; none", "mx.example.org"},
        {" mx.example.org 1; none", "mx.example.org"},
        {"\r\n\tmx.example.org;\r\n\tspf=pass", "mx.example.org"},
        {" (x (y) ;z) mx.example.org (c); none", "mx.example.org"},
        {" \"mx.example.org\"; none", "mx.example.org"},
        {" \"mx.exam\\ple.org\" 1; none", "mx.example.org"},
        {" mx.example.org", "mx.example.org"},
        {" mx.example.org(c)", "mx.example.org"},
        {" ; none", NULL},
        {"", NULL},
        {" \"\"; none", NULL},
        {" (mx.example.org", NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_slice(gp__authres_id(arena, gp_slice_of(cases[i].raw)), gp_slice_of(cases[i].id));
}

static void test_authres_forged(void **state)
{
    struct gp_message *message = message_of(
        arena, GP_S("Authentication-Results: MX.example.org; spf=pass\r\n"
                    "A: b\r\n"
                    "authentication-results: other.example; spf=pass\r\n"
                    "Authentication-Results: (c)\r\n \"mx.example.org\" 1; spf=pass\r\n"
                    "Authentication-Results : mx.example.org\r\n"
                    "Authentication-Results: ;\r\n\r\nx"));

    (void)state;
    assert_int_equal(gp__authres_remove_forged(message, WHO, GP_S("mx.example.org")), 4);
    assert_slice(emitted(arena, message),
                 GP_S("A: b\r\nauthentication-results: other.example; spf=pass\r\n\r\nx"));
    assert_int_equal(gp__authres_remove_forged(message, WHO, GP_S("mx.example.org")), 0);
}

static int teardown_group(void **state)
{
    (void)state;
    gp__content_pool_free();
    gp__arena_pool_free();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_with, setup, teardown),
        cmocka_unit_test_setup_teardown(test_received, setup, teardown),
        cmocka_unit_test_setup_teardown(test_received_hostile, setup, teardown),
        cmocka_unit_test_setup_teardown(test_complete, setup, teardown),
        cmocka_unit_test_setup_teardown(test_utf8, setup, teardown),
        cmocka_unit_test_setup_teardown(test_delivery, setup, teardown),
        cmocka_unit_test_setup_teardown(test_authres_build, setup, teardown),
        cmocka_unit_test_setup_teardown(test_authres_long, setup, teardown),
        cmocka_unit_test_setup_teardown(test_authres_id, setup, teardown),
        cmocka_unit_test_setup_teardown(test_authres_forged, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, teardown_group);
}
