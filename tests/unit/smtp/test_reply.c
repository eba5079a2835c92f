// SPDX-License-Identifier: Apache-2.0
// Replies: what is well-formed, and how it is written.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/arena.h"
#include "core/smtp/reply.h"

#define A10 "aaaaaaaaaa"
#define A100 A10 A10 A10 A10 A10 A10 A10 A10 A10 A10
#define A400 A100 A100 A100 A100

static void test_status(void **state)
{
    static const struct {
        const char *text;
        int code, klass, subject, detail; /* code 0: refused */
    } cases[] = {
        {"550 5.7.1", 550, 5, 7, 1},  {"250 2.999.999", 250, 2, 999, 999},
        {"450", 450, 4, 0, 0},        {"354", 354, 0, 0, 0},
        {"354 3.0.0", 0, 0, 0, 0},    {"550 4.7.1", 0, 0, 0, 0},
        {"550 5.7", 0, 0, 0, 0},      {"550 5.7.", 0, 0, 0, 0},
        {"550 5.7.1.1", 0, 0, 0, 0},  {"550 5.7.1 ", 0, 0, 0, 0},
        {"550  5.7.1", 0, 0, 0, 0},   {"550 ", 0, 0, 0, 0},
        {"550 5.1000.1", 0, 0, 0, 0}, {"550 5..1", 0, 0, 0, 0},
        {"550-5.7.1", 0, 0, 0, 0},    {"199", 0, 0, 0, 0},
        {"600", 0, 0, 0, 0},          {"55", 0, 0, 0, 0},
        {"5500", 0, 0, 0, 0},         {"5x0", 0, 0, 0, 0},
        {"-50", 0, 0, 0, 0},          {"", 0, 0, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct gp__reply reply;
        int result = gp__reply_parse_status(gp_slice_of(cases[i].text), &reply);

        if ((result == 0) != (cases[i].code != 0))
            fail_msg("\"%s\": %d", cases[i].text, result);
        if (result < 0)
            continue;
        assert_int_equal(reply.code, cases[i].code);
        assert_int_equal(reply.klass, cases[i].klass);
        assert_int_equal(reply.subject, cases[i].subject);
        assert_int_equal(reply.detail, cases[i].detail);
    }
}

static void test_text(void **state)
{
    static const struct {
        struct gp_slice text;
        bool ok;
    } cases[] = {
        {GP_S(""), true},
        {GP_S("a b"), true},
        {GP_S("a\r\nb"), true},
        {GP_S("a\r\n\r\nb"), true},
        {GP_S("\xc3\xbc"), true},
        {GP_S(A400), true},
        {GP_S(A400 "\r\n" A400 "\r\n" A400 "\r\n" A400 "\r\n" A100 A100), true},
        {GP_S(A400 "a"), false},
        {GP_S(A400 "\r\n" A400 "\r\n" A400 "\r\n" A400 "\r\n" A400 "\r\n"), false},
        {GP_S("a\nb"), false},
        {GP_S("a\rb"), false},
        {GP_S("a\r\r\nb"), false},
        {GP_S("a\n\r\nb"), false},
        {GP_S("a\tb"), false},
        {GP_S("a\0b"), false},
        {GP_S("a\x7f"), false},
        {GP_S("\xff"), false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (gp__reply_text_ok(cases[i].text) != cases[i].ok)
            fail_msg("case %zu", i);
}

static void test_ok(void **state)
{
    static const struct {
        struct gp__reply reply;
        char digit;
        bool ok;
    } cases[] = {
        {GP__REPLY_INIT(250, 2, 0, 0, "a"), '2', true},
        {GP__REPLY_INIT(250, 2, 0, 0, "a"), 0, true},
        {GP__REPLY_INIT(250, 2, 0, 0, "a"), '5', false},
        {GP__REPLY_INIT(250, 0, 0, 0, "a"), '2', true},
        {GP__REPLY_INIT(250, 5, 0, 0, "a"), '2', false},
        {GP__REPLY_INIT(354, 3, 0, 0, "a"), '3', false},
        {GP__REPLY_INIT(354, 0, 0, 0, "a"), '3', true},
        {GP__REPLY_INIT(250, 2, 1000, 0, "a"), '2', false},
        {GP__REPLY_INIT(250, 2, 0, 1000, "a"), '2', false},
        {GP__REPLY_INIT(100, 1, 0, 0, "a"), 0, false},
        {GP__REPLY_INIT(600, 6, 0, 0, "a"), 0, false},
        {GP__REPLY_INIT(0, 0, 0, 0, "a"), 0, false},
        {GP__REPLY_INIT(250, 2, 0, 0, "a\n"), '2', false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (gp__reply_ok(&cases[i].reply, cases[i].digit) != cases[i].ok)
            fail_msg("case %zu", i);
}

static void test_write(void **state)
{
    static const struct {
        struct gp__reply reply;
        const char *wire, *log;
    } cases[] = {
        {GP__REPLY_INIT(250, 2, 1, 5, "Ok"), "250 2.1.5 Ok\r\n", "250 2.1.5 Ok"},
        {GP__REPLY_INIT(550, 5, 10, 123, "No"), "550 5.10.123 No\r\n", "550 5.10.123 No"},
        {GP__REPLY_INIT(354, 0, 0, 0, "Go"), "354 Go\r\n", "354 Go"},
        {GP__REPLY_INIT(250, 2, 0, 0, ""), "250 2.0.0\r\n", "250 2.0.0 "},
        {GP__REPLY_INIT(250, 0, 0, 0, ""), "250 \r\n", "250 "},
        {GP__REPLY_INIT(250, 2, 0, 0, "a\r\nb"), "250-2.0.0 a\r\n250 2.0.0 b\r\n", "250 2.0.0 a b"},
        {GP__REPLY_INIT(250, 0, 0, 0, "a\r\n\r\nb"), "250-a\r\n250-\r\n250 b\r\n", "250 a  b"},
        {{.code = 451, .klass = 4}, "451 4.0.0\r\n", "451 4.0.0"},
    };
    struct gp__arena *arena = gp__arena_create();

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct gp__buf out = {0};
        struct gp_slice log = gp__reply_format(arena, &cases[i].reply);

        assert_int_equal(gp__reply_write(&out, &cases[i].reply), 0);
        if (!gp_slice_eq(gp__buf_slice(&out), gp_slice_of(cases[i].wire)) ||
            !gp_slice_eq(log, gp_slice_of(cases[i].log)))
            fail_msg("\"" GP_FMT "\", \"" GP_FMT "\"", GP_ARG(gp__buf_slice(&out)), GP_ARG(log));
        gp__buf_free(&out);
    }
    gp__arena_free(&arena);
    gp__arena_pool_free();
}

static void test_write_without_room(void **state)
{
    struct gp__reply reply = GP__REPLY(250, 2, 0, 0, "a\r\nb");
    struct gp__buf out = {.limit = 14};

    (void)state;
    assert_int_equal(gp__reply_write(&out, &reply), -1);
    gp__buf_free(&out);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_status),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_ok),
        cmocka_unit_test(test_write),
        cmocka_unit_test(test_write_without_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
