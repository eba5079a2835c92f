// SPDX-License-Identifier: Apache-2.0
/* What a milter may say, byte by byte and malformed: plugins/milter/wire.h. */
#include "plugins/milter/wire.c"

#include "tests/unit/base/check.h"

#define BYTES(literal) gp_slice(literal, sizeof(literal) - 1)

static void test_build(void **state)
{
    struct milter_bytes out = {.data = NULL};
    size_t begin;

    (void)state;
    begin = milter_begin(&out, 'H');
    milter_put_text(&out, gp_slice("a\0b", 3));
    milter_put_text(&out, GP_S(""));
    milter_put_u32(&out, 0x01020304);
    milter_end(&out, begin);
    begin = milter_begin(&out, 'Q');
    milter_end(&out, begin);
    assert_slice(gp_slice(out.data, out.len), BYTES("\0\0\0\x0aHa?b\0\0\1\2\3\4\0\0\0\1Q"));
    milter_bytes_free(&out);
    assert_null(out.data);
    out.failed = true; /* nothing is built on after a failure */
    begin = milter_begin(&out, 'H');
    milter_end(&out, begin);
    assert_int_equal(out.len, 0);
}

/* Cut off anywhere there is no packet yet. */
static void test_packet(void **state)
{
    static const struct gp_slice whole = {"\0\0\0\3habc", 8};
    struct gp_slice rest;
    size_t used = 0;
    char letter;

    (void)state;
    for (size_t n = 0; n < 7; n++)
        assert_int_equal(milter_packet(gp_slice_sub(whole, 0, n), &used, &letter, &rest), 0);
    assert_int_equal(milter_packet(whole, &used, &letter, &rest), 1);
    assert_int_equal(used, 7);
    assert_int_equal(letter, 'h');
    assert_slice(rest, GP_S("ab"));
    assert_int_equal(milter_packet(BYTES("\0\0\0\0"), &used, &letter, &rest), -1);
    assert_int_equal(milter_packet(BYTES("\0\x10\0\0"), &used, &letter, &rest), 0);
    assert_int_equal(milter_packet(BYTES("\0\x10\0\1"), &used, &letter, &rest), -1);
    assert_int_equal(milter_packet(BYTES("\xff\xff\xff\xff"), &used, &letter, &rest), -1);
}

static void test_options(void **state)
{
    struct milter_options options;
    struct gp_slice lists = BYTES("\0\0\0\6\0\0\1\xff\0\x1f\xff\xff\0\0\0\0j {i}\0\0\0\0\6\0"
                                  "\0\0\0\7later\0");

    (void)state;
    assert_int_equal(milter_options_parse(gp_slice_sub(lists, 0, 12), &options), 0);
    assert_int_equal(options.version, 6);
    assert_int_equal(options.actions, 0x1ff);
    assert_int_equal(options.steps, 0x1fffff);
    assert_false(gp_slice_present(options.symbols[0]));
    assert_int_equal(milter_options_parse(lists, &options), 0);
    assert_slice(options.symbols[0], GP_S("j {i}"));
    assert_false(gp_slice_present(options.symbols[1]));
    assert_slice(options.symbols[6], GP_S(""));
    for (size_t n = 0; n < lists.len; n++)
        if (n != 12 && n != 22 && n != 27)
            assert_int_equal(milter_options_parse(gp_slice_sub(lists, 0, n), &options), -1);
}

static void test_replies(void **state)
{
    static const struct {
        const char *given, *status, *text; /* status NULL: malformed */
    } rows[] = {
        {"550 5.7.1 No", "550 5.7.1", "No"},
        {"550 No", "550", "No"},
        {"451", "451", ""},
        {"451 ", "451", ""},
        {"421 4.3.2 bye\r\n", "421 4.3.2", "bye"},
        {"550-5.7.1 one\r\n550 5.7.1 two", "550 5.7.1", "one\r\ntwo"},
        {"550-one\n550-5.1.1 two\n550 three", "550", "one\r\ntwo\r\nthree"},
        {"550 100%% %x%", "550", "100% x%"},
        {"550 a\x01\x7f\tb", "550", "a   b"},
        {"550 5.7.1No", "550", "5.7.1No"},
        {"550 4.7.1 No", "550", "4.7.1 No"},
        {"550 5.7777.1 No", "550", "5.7777.1 No"},
        {"550 5.7 No", "550", "5.7 No"},
        {"550 5.7.1", "550 5.7.1", ""},
        {"550 5.777.999 x", "550 5.777.999", "x"},
        {"", NULL, NULL},
        {"55", NULL, NULL},
        {"250 ok", NULL, NULL},
        {"350 ok", NULL, NULL},
        {"650 ok", NULL, NULL},
        {"5x0 ok", NULL, NULL},
        {"550x", NULL, NULL},
        {"550-one\r\n451 two", NULL, NULL},
        {"550-one\r\n\r\n550 two", NULL, NULL},
    };
    struct milter_reply reply;
    char text[4000];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int result = milter_reply_parse(gp_slice_of(rows[i].given), &reply);

        assert_int_equal(result, rows[i].status ? 0 : -1);
        if (result < 0)
            continue;
        assert_string_equal(reply.status, rows[i].status);
        assert_slice(gp_slice(reply.text, reply.len), gp_slice_of(rows[i].text));
        assert_int_equal(reply.code, atoi(rows[i].status));
    }
    assert_int_equal(milter_reply_parse(BYTES("550 5.7.1 No\0junk"), &reply), 0);
    assert_slice(gp_slice(reply.text, reply.len), GP_S("No"));
    memset(text, 'x', sizeof text);
    memcpy(text, "550 ", 4);
    assert_int_equal(milter_reply_parse(gp_slice(text, 404), &reply), 0);
    assert_int_equal(milter_reply_parse(gp_slice(text, 405), &reply), -1);
    for (size_t i = 0; i + 400 < sizeof text; i += 400)
        memcpy(text + i, "\n550 ", 5);
    assert_int_equal(milter_reply_parse(gp_slice(text + 1, 1999), &reply), 0);
    assert_int_equal(milter_reply_parse(gp_slice(text + 1, 3999), &reply), -1);
}

static int parse(char letter, struct gp_slice rest)
{
    struct milter_edit edit;

    return milter_edit_parse(letter, rest, &edit);
}

static void test_edits(void **state)
{
    struct milter_edit edit;

    (void)state;
    assert_int_equal(milter_edit_parse('m', BYTES("\0\0\0\2A\0b\0"), &edit), 0);
    assert_int_equal(edit.index, 2);
    assert_slice(edit.first, GP_S("A"));
    assert_slice(edit.second, GP_S("b"));
    assert_int_equal(milter_edit_parse('e', BYTES("<a>\0"), &edit), 0);
    assert_false(gp_slice_present(edit.second));
    assert_int_equal(milter_edit_parse('e', BYTES("<a>\0B=8BITMIME\0"), &edit), 0);
    assert_slice(edit.second, GP_S("B=8BITMIME"));
    assert_int_equal(milter_edit_parse('b', BYTES("a\0b"), &edit), 0);
    assert_int_equal(edit.first.len, 3);
    assert_int_equal(parse('h', BYTES("A\0b\0")), 0);
    assert_int_equal(parse('h', BYTES("A\0b")), -1);
    assert_int_equal(parse('h', BYTES("A\0b\0c")), -1);
    assert_int_equal(parse('h', BYTES("\0b\0")), -1);
    assert_int_equal(parse('h', BYTES("A:\0b\0")), -1);
    assert_int_equal(parse('h', BYTES("A B\0b\0")), -1);
    assert_int_equal(parse('h', BYTES("\xc3\xa4\0b\0")), -1);
    assert_int_equal(parse('i', BYTES("\0\0\0A\0b\0")), -1);
    assert_int_equal(parse('+', BYTES("<a>")), -1);
    assert_int_equal(parse('+', BYTES("<a>\0x\0")), -1);
    assert_int_equal(parse('2', BYTES("<a>\0x\0y\0")), -1);
    assert_int_equal(parse('q', BYTES("why\0")), 0);
    assert_int_equal(parse('c', BYTES("")), -1);
    assert_true(milter_edit_is('2'));
    assert_false(milter_edit_is('c'));
    assert_int_equal(milter_edit_right('m'), MILTER_MAY_CHANGE_HEADERS);
}

static void test_values(void **state)
{
    static const struct {
        const char *given, *taken; /* NULL: refused */
    } rows[] = {
        {"", ""},
        {"a b", "a b"},
        {" a", " a"},
        {"a\n\tb\r\n c", "a\r\n\tb\r\n c"},
        {"a\r\n", "a"},
        {"a\nb: c", NULL},
        {"a\n\n b", NULL},
        {"a\rb", NULL},
        {"a\r\r\n b", NULL},
    };
    char word[902];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct milter_bytes out = {.data = NULL};

        assert_int_equal(milter_value(gp_slice_of(rows[i].given), &out), rows[i].taken ? 0 : -1);
        if (rows[i].taken)
            assert_slice(gp_slice(out.data, out.len), gp_slice_of(rows[i].taken));
        milter_bytes_free(&out);
    }
    for (size_t n = 900; n < 902; n++) {
        struct milter_bytes out = {.data = NULL};

        memset(word, 'w', sizeof word);
        assert_int_equal(milter_value(gp_slice(word, n), &out), n == 900 ? 0 : -1);
        milter_bytes_free(&out);
    }
}

/* Whole, and cut at every place. */
static void test_bodies(void **state)
{
    static const struct {
        const char *given, *taken;
    } rows[] = {
        {"a\r\nb\n\nc\r\n", "a\r\nb\r\n\r\nc\r\n"},
        {"\n", "\r\n"},
        {"", ""},
        {"a\rb", NULL},
        {"\r\r\n", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct gp_slice given = gp_slice_of(rows[i].given);

        for (size_t cut = 0; cut <= given.len; cut++) {
            struct milter_bytes out = {.data = NULL};
            char last = '\0';
            int result = milter_body(gp_slice_sub(given, 0, cut), &out, &last);

            if (result == 0)
                result = milter_body(gp_slice_sub(given, cut, given.len), &out, &last);
            assert_int_equal(result, rows[i].taken ? 0 : -1);
            if (rows[i].taken)
                assert_slice(gp_slice(out.data, out.len), gp_slice_of(rows[i].taken));
            milter_bytes_free(&out);
        }
    }
    {
        struct milter_bytes out = {.data = NULL};
        char last = '\0';

        assert_int_equal(milter_body(BYTES("a\0b"), &out, &last), -1);
        milter_bytes_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_build),   cmocka_unit_test(test_packet),
        cmocka_unit_test(test_options), cmocka_unit_test(test_replies),
        cmocka_unit_test(test_edits),   cmocka_unit_test(test_values),
        cmocka_unit_test(test_bodies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
