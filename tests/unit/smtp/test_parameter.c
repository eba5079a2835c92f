// SPDX-License-Identifier: Apache-2.0
// The parameters of MAIL and RCPT, and the keywords of the EHLO reply.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/smtp/extension.h"
#include "core/smtp/parameter.h"

#define A10 "aaaaaaaaaa"
#define A50 A10 A10 A10 A10 A10
#define A100 A50 A50
#define A490 A100 A100 A100 A100 A50 A10 A10 A10 A10

static struct gp__arena *arena;
static struct gp__smtp_settings settings;
static struct gp_session session;

static int setup(void **state)
{
    (void)state;
    arena = gp__arena_create();
    settings.extensions = GP__EXT_DEFAULT;
    gp__limits_default(&settings.limits);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    gp__arena_free(&arena);
    gp__arena_pool_free();
    return 0;
}

static int mail_code(const char *text, struct gp__mail *mail)
{
    const struct gp__reply *refusal;

    *mail = (struct gp__mail){0};
    refusal = gp__mail_parameters(arena, gp_slice_of(text), &settings, settings.extensions, mail);
    return refusal ? refusal->code : 0;
}

static int rcpt_code(const char *text, unsigned extensions, struct gp__rcpt *rcpt)
{
    const struct gp__reply *refusal;

    *rcpt = (struct gp__rcpt){0};
    refusal = gp__rcpt_parameters(arena, gp_slice_of(text), &settings, extensions, rcpt);
    return refusal ? refusal->code : 0;
}

static void test_mail_codes(void **state)
{
    static const struct {
        const char *text;
        int code;
    } cases[] = {
        {"", 0},
        {" ", 0},
        {" SIZE=0", 0},
        {" size=52428800", 0},
        {" SIZE=52428801", 552},
        {" SIZE=18446744073709551616", 552},
        {" SIZE=99999999999999999999", 552},
        {" SIZE=000000000000000000001", 501},
        {" SIZE=-1", 501},
        {" SIZE=+1", 501},
        {" SIZE", 501},
        {" SIZE= 1", 501},
        {"SIZE=1", 501},
        {"\tSIZE=1", 501},
        {" SIZE=1 SIZE=1", 501},
        {" SIZE==1", 501},
        {" =1", 501},
        {" SI_ZE=1", 501},
        {" X-Y=1", 555},
        {" AUTH=<>", 555},
        {" body=8bitmime", 0},
        {" BODY=BINARYMIME", 0},
        {" BODY=7BIT", 0},
        {" BODY", 501},
        {" BODY=8BIT", 501},
        {" SMTPUTF8", 0},
        {" SMTPUTF8=", 501},
        {" SMTPUTF8=yes", 501},
        {" PRDR", 0},
        {" PRDR=", 501},
        {" PRDR=1", 501},
        {" prdr PRDR", 501},
        {" REQUIRETLS", 0},
        {" REQUIRETLS=yes", 501},
        {" RET=FULL", 0},
        {" RET=hdrs", 0},
        {" RET", 501},
        {" RET=", 501},
        {" RET=NONE", 501},
        {" ENVID=" A100, 0},
        {" ENVID=" A100 "a", 501},
        {" ENVID=", 501},
        {" ENVID=a+0D+0A", 501},
        {" ENVID=a+00", 501},
        {" ENVID=a+7F", 501},
        {" ENVID=a+80", 501},
        {" ENVID=a+2", 501},
        {" ENVID=a+GG", 501},
        {" ENVID=a+3Db", 0},
        {" NOTIFY=NEVER", 555},
        {"  SIZE=1   BODY=7BIT ", 0},
    };
    struct gp__mail mail;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (mail_code(cases[i].text, &mail) != cases[i].code)
            fail_msg("\"%s\": wanted %d, got %d", cases[i].text, cases[i].code,
                     mail_code(cases[i].text, &mail));
}

static void test_mail_values(void **state)
{
    const struct gp__parameter *found;
    struct gp__mail mail;

    (void)state;
    assert_int_equal(mail_code(" SIZE=123 BODY=BINARYMIME SMTPUTF8 RET=FULL ENVID=a+2Bb+3D", &mail),
                     0);
    assert_int_equal(mail.size, 123);
    assert_int_equal(mail.body, GP__BODY_BINARYMIME);
    assert_true(mail.smtputf8);
    assert_int_equal(mail.ret, GP__RET_FULL);
    assert_true(gp_slice_eq(mail.envid, GP_S("a+b=")));
    assert_int_equal(mail.n_parameters, 5);
    found = gp__parameter_find(mail.parameters, mail.n_parameters, GP_S("smtputf8"));
    assert_non_null(found);
    assert_false(gp_slice_present(found->value));
    found = gp__parameter_find(mail.parameters, mail.n_parameters, GP_S("Size"));
    assert_true(gp_slice_eq(found->value, GP_S("123")));
    assert_null(gp__parameter_find(mail.parameters, mail.n_parameters, GP_S("AUTH")));
}

static void test_extensions(void **state)
{
    struct gp__mail mail = {0};

    (void)state;
    assert_int_equal(gp__mail_parameters(arena, GP_S(" SIZE=1"), &settings, 0, &mail)->code, 555);
    assert_int_equal(
        gp__mail_parameters(arena, GP_S(" BODY=BINARYMIME"), &settings, GP__EXT_8BITMIME, &mail)
            ->code,
        501);
    settings.limits.parameters = 1;
    assert_int_equal(mail_code(" SIZE=1 BODY=7BIT", &mail), 501);
    gp__limits_default(&settings.limits);
}

static void test_rcpt(void **state)
{
    static const struct {
        const char *text;
        int code;
        unsigned notify;
        const char *orcpt;
    } cases[] = {
        {"", 0, 0, NULL},
        {" NOTIFY=NEVER", 0, GP__NOTIFY_NEVER, NULL},
        {" notify=success,FAILURE,delay", 0,
         GP__NOTIFY_SUCCESS | GP__NOTIFY_FAILURE | GP__NOTIFY_DELAY, NULL},
        {" NOTIFY=NEVER,SUCCESS", 501, 0, NULL},
        {" NOTIFY=SUCCESS,", 501, 0, NULL},
        {" NOTIFY=,SUCCESS", 501, 0, NULL},
        {" NOTIFY=ALWAYS", 501, 0, NULL},
        {" NOTIFY", 501, 0, NULL},
        {" ORCPT=rfc822;a@b", 0, 0, "rfc822;a@b"},
        {" ORCPT=rfc822;a+2Bb@c", 0, 0, "rfc822;a+b@c"},
        {" ORCPT=x400;whatever", 0, 0, "x400;whatever"},
        {" ORCPT=rfc822;", 501, 0, NULL},
        {" ORCPT=rfc822", 501, 0, NULL},
        {" ORCPT=;a@b", 501, 0, NULL},
        {" ORCPT=rf(c;a@b", 501, 0, NULL},
        {" ORCPT=rfc822;a+0Ab", 501, 0, NULL},
        {" ORCPT=rfc822;a+C3+BC", 501, 0, NULL},
        {" ORCPT=rfc822;" A490 "aaa", 0, 0, "rfc822;" A490 "aaa"},
        {" ORCPT=rfc822;" A490 "aaaa", 501, 0, NULL},
        {" ORCPT=utf-8;\\x{FC}@b", 0, 0, "utf-8;\xc3\xbc@b"},
        {" ORCPT=UTF-8;\\x{1F600}@b", 0, 0, "UTF-8;\xf0\x9f\x98\x80@b"},
        {" ORCPT=utf-8;a\\x{2B}b@c", 0, 0, "utf-8;a+b@c"},
        {" ORCPT=utf-8;a\\x{0A}b@c", 501, 0, NULL},
        {" ORCPT=utf-8;a\\x{7F}b@c", 501, 0, NULL},
        {" ORCPT=utf-8;a\\x{D800}b@c", 501, 0, NULL},
        {" ORCPT=utf-8;a\\x{110000}b@c", 501, 0, NULL},
        {" ORCPT=utf-8;a\\x{1234567}b@c", 501, 0, NULL},
        {" ORCPT=utf-8;a\\x{F}b@c", 501, 0, NULL},
        {" ORCPT=utf-8;a\\x{FC", 501, 0, NULL},
        {" ORCPT=utf-8;a\\b@c", 501, 0, NULL},
        {" ORCPT=utf-8;a+2Bb@c", 501, 0, NULL},
        {" ORCPT=utf-8;\xc3\xbc@b", 0, 0, "utf-8;\xc3\xbc@b"},
        {" ORCPT=utf-8;\xff@b", 501, 0, NULL},
        {" SIZE=1", 555, 0, NULL},
    };
    struct gp__rcpt rcpt;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (rcpt_code(cases[i].text, settings.extensions, &rcpt) != cases[i].code)
            fail_msg("\"%s\": wanted %d", cases[i].text, cases[i].code);
        if (cases[i].code)
            continue;
        assert_int_equal(rcpt.notify, cases[i].notify);
        if (!gp_slice_eq(rcpt.orcpt, gp_slice_of(cases[i].orcpt)))
            fail_msg("\"%s\": got \"" GP_FMT "\"", cases[i].text, GP_ARG(rcpt.orcpt));
    }
    assert_int_equal(rcpt_code(" ORCPT=utf-8;\xc3\xbc@b", GP__EXT_DSN, &rcpt), 501);
    assert_int_equal(rcpt_code(" ORCPT=utf-8;\\x{FC}@b", GP__EXT_DSN, &rcpt), 0);
}

static void test_keyword_lines(void **state)
{
    struct gp__buf lines = {0};

    (void)state;
    settings.extensions = GP__EXT_SIZE | GP__EXT_BINARYMIME | GP__EXT_LIMITS | GP__EXT_SMTPUTF8;
    settings.limits.transactions = 1000000;
    assert_int_equal(gp__extension_lines(&settings, &session, &lines), 0);
    assert_true(gp_slice_eq(gp__buf_slice(&lines), GP_S("SIZE 52428800\nLIMITS RCPTMAX=1000\n")));
    gp__buf_free(&lines);
    settings.extensions = GP__EXT_REQUIRETLS | GP__EXT_PRDR;
    assert_int_equal(gp__extension_lines(&settings, &session, &lines), 0);
    assert_true(gp_slice_eq(gp__buf_slice(&lines), GP_S("PRDR\n")));
    gp__buf_free(&lines);
    session.tls_version = GP_S("TLSv1.3");
    settings.protocol = GP__PROTOCOL_LMTP;
    assert_int_equal(gp__extension_lines(&settings, &session, &lines), 0);
    assert_true(gp_slice_eq(gp__buf_slice(&lines), GP_S("REQUIRETLS\n")));
    gp__buf_free(&lines);
    settings.protocol = GP__PROTOCOL_SMTP;
    settings.limits.recipients = 1000000;
    settings.extensions = GP__EXT_LIMITS;
    assert_int_equal(gp__extension_lines(&settings, &session, &lines), 0);
    assert_int_equal(lines.len, 0);
    settings.extensions = GP__EXT_DEFAULT;
    gp__limits_default(&settings.limits);
}

static void test_line_ok(void **state)
{
    static const struct {
        struct gp_slice line;
        bool ok;
    } cases[] = {
        {GP_S("X"), true},        {GP_S("X-FOO a=b c"), true}, {GP_S("8BITMIME"), true},
        {GP_S(""), false},        {GP_S(" X"), false},         {GP_S("X "), false},
        {GP_S("X  a"), false},    {GP_S("-X"), false},         {GP_S("X=1"), false},
        {GP_S("X a\x01"), false}, {GP_S("X\r"), false},        {GP_S("X \xc3\xbc"), false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(gp__extension_line_ok(cases[i].line), cases[i].ok);
    assert_false(gp__extension_line_ok(GP_S("X " A490)));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mail_codes),    cmocka_unit_test(test_mail_values),
        cmocka_unit_test(test_extensions),    cmocka_unit_test(test_rcpt),
        cmocka_unit_test(test_keyword_lines), cmocka_unit_test(test_line_ok),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
