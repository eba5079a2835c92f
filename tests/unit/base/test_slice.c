// SPDX-License-Identifier: Apache-2.0
/* Slices: comparison, search, splitting and numbers, with absent and empty ones at every place. */
#include "check.h"

#define ABSENT                                                                                     \
    {                                                                                              \
        NULL, 0                                                                                    \
    }
#define S(text)                                                                                    \
    {                                                                                              \
        "" text, sizeof(text) - 1                                                                  \
    }

static void equality(void **state)
{
    static const struct {
        struct gp_slice a, b;
        bool eq, caseeq;
        int cmp;
    } cases[] = {
        {ABSENT, ABSENT, true, true, 0},
        {ABSENT, S(""), true, true, 0},
        {S("a"), ABSENT, false, false, 1},
        {S("a"), S("a"), true, true, 0},
        {S("a"), S("A"), false, true, 1},
        {S("ab"), S("a"), false, false, 1},
        {S("a"), S("ab"), false, false, -1},
        {S("a\0b"), S("a\0c"), false, false, -1},
        {S("a\0b"), S("A\0B"), false, true, 1},
        {S("\xff"), S("a"), false, false, 1}, /* bytes are unsigned */
        {S("\xc4"), S("\xe4"), false, false, -1},
        {S("@"), S("`"), false, false, -1},
        {S("["), S("{"), false, false, -1},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int cmp = gp_slice_cmp(cases[i].a, cases[i].b), back = gp_slice_cmp(cases[i].b, cases[i].a);

        assert_int_equal(gp_slice_eq(cases[i].a, cases[i].b), cases[i].eq);
        assert_int_equal(gp_slice_caseeq(cases[i].a, cases[i].b), cases[i].caseeq);
        assert_int_equal((cmp > 0) - (cmp < 0), cases[i].cmp);
        assert_int_equal((back > 0) - (back < 0), -cases[i].cmp);
    }
}

static void parts(void **state)
{
    static const struct {
        struct gp_slice s, part;
        bool starts, ends;
        size_t found;
    } cases[] = {
        {ABSENT, ABSENT, true, true, 0},         {ABSENT, S("a"), false, false, 0},
        {S(""), S(""), true, true, 0},           {S(""), S("a"), false, false, 0},
        {S("abc"), ABSENT, true, true, 0},       {S("abc"), S(""), true, true, 0},
        {S("abc"), S("abc"), true, true, 0},     {S("abc"), S("abcd"), false, false, 3},
        {S("abc"), S("ab"), true, false, 0},     {S("abc"), S("bc"), false, true, 1},
        {S("abc"), S("Ab"), false, false, 3},    {S("aab"), S("ab"), false, true, 1},
        {S("a\0bc"), S("\0b"), false, false, 1}, {S("abab"), S("ab"), true, true, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct gp_slice s = tight(cases[i].s), part = tight(cases[i].part);

        assert_int_equal(gp_slice_starts(s, part), cases[i].starts);
        assert_int_equal(gp_slice_ends(s, part), cases[i].ends);
        assert_int_equal(gp_slice_search(s, part), cases[i].found);
        assert_int_equal(gp_slice_search(cases[i].s, cases[i].part), cases[i].found);
        tight_free(s);
        tight_free(part);
    }
}

static void finds(void **state)
{
    static const struct {
        struct gp_slice s;
        char c;
        size_t first, last;
    } cases[] = {
        {ABSENT, 'a', 0, 0},        {S(""), 'a', 0, 0},    {S("abca"), 'a', 0, 3},
        {S("abc"), 'c', 2, 2},      {S("abc"), 'd', 3, 3}, {S("a\0b"), '\0', 1, 1},
        {S("\xff."), '\xff', 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(gp_slice_find(cases[i].s, cases[i].c), cases[i].first);
        assert_int_equal(gp_slice_rfind(cases[i].s, cases[i].c), cases[i].last);
    }
}

static void subs(void **state)
{
    static const struct {
        size_t offset, n;
        struct gp_slice want;
    } cases[] = {
        {0, 0, S("")},
        {0, 5, S("abcde")},
        {0, SIZE_MAX, S("abcde")},
        {1, 3, S("bcd")},
        {1, SIZE_MAX, S("bcde")},
        {4, 1, S("e")},
        {5, 1, S("")},
        {6, 1, S("")},
        {SIZE_MAX, SIZE_MAX, S("")},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_slice(gp_slice_sub(GP_S("abcde"), cases[i].offset, cases[i].n), cases[i].want);
    assert_false(gp_slice_present(gp_slice_sub(gp_slice(NULL, 0), 3, 3)));
    assert_false(gp_slice_present(gp_slice_of(NULL)));
    assert_slice(gp_slice_of("ab"), GP_S("ab"));
}

static void trims(void **state)
{
    static const struct {
        struct gp_slice s, want;
    } cases[] = {
        {S(""), S("")},      {S("a"), S("a")},         {S(" \t\r\na b\r\n\t "), S("a b")},
        {S(" \r\n"), S("")}, {S("\va\v"), S("\va\v")}, {S("\0 "), S("\0")},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_slice(gp_slice_trim(cases[i].s), cases[i].want);
    assert_false(gp_slice_present(gp_slice_trim(gp_slice(NULL, 0))));
}

/* Pieces joined with "|" again. */
static void splits(void **state)
{
    static const struct {
        struct gp_slice s;
        const char *want;
    } cases[] = {
        {ABSENT, ""},       {S(""), "|"},     {S("a"), "a|"},   {S(","), "||"},
        {S("a,b"), "a|b|"}, {S("a,"), "a||"}, {S(",a"), "|a|"}, {S("a,,b"), "a||b|"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct gp_slice rest = cases[i].s;
        char joined[32] = "";

        while (gp_slice_present(rest)) {
            struct gp_slice piece = gp_slice_split(&rest, ',');

            assert_true(gp_slice_present(piece));
            sprintf(joined + strlen(joined), GP_FMT "|", GP_ARG(piece));
        }
        assert_string_equal(joined, cases[i].want);
    }
}

static void numbers(void **state)
{
    static const struct {
        struct gp_slice s;
        int64_t min, max;
        int result;
        int64_t value;
    } cases[] = {
        {ABSENT, INT64_MIN, INT64_MAX, -1, 0},
        {S(""), INT64_MIN, INT64_MAX, -1, 0},
        {S("-"), INT64_MIN, INT64_MAX, -1, 0},
        {S("--1"), INT64_MIN, INT64_MAX, -1, 0},
        {S("+1"), INT64_MIN, INT64_MAX, -1, 0},
        {S(" 1"), INT64_MIN, INT64_MAX, -1, 0},
        {S("1 "), INT64_MIN, INT64_MAX, -1, 0},
        {S("1\0"), INT64_MIN, INT64_MAX, -1, 0},
        {S("0x1"), INT64_MIN, INT64_MAX, -1, 0},
        {S("1e3"), INT64_MIN, INT64_MAX, -1, 0},
        {S("0"), INT64_MIN, INT64_MAX, 0, 0},
        {S("-0"), INT64_MIN, INT64_MAX, 0, 0},
        {S("007"), INT64_MIN, INT64_MAX, 0, 7},
        {S("9223372036854775807"), INT64_MIN, INT64_MAX, 0, INT64_MAX},
        {S("9223372036854775808"), INT64_MIN, INT64_MAX, -1, 0},
        {S("-9223372036854775808"), INT64_MIN, INT64_MAX, 0, INT64_MIN},
        {S("-9223372036854775809"), INT64_MIN, INT64_MAX, -1, 0},
        {S("92233720368547758070"), INT64_MIN, INT64_MAX, -1, 0},
        {S("99999999999999999999999999"), INT64_MIN, INT64_MAX, -1, 0},
        {S("10"), 10, 20, 0, 10},
        {S("20"), 10, 20, 0, 20},
        {S("9"), 10, 20, -1, 0},
        {S("21"), 10, 20, -1, 0},
        {S("-5"), -5, -5, 0, -5},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct gp_slice s = tight(cases[i].s);
        int64_t value = 4711;

        assert_int_equal(gp_slice_to_int(s, cases[i].min, cases[i].max, &value), cases[i].result);
        assert_int_equal(value, cases[i].result ? 4711 : cases[i].value);
        tight_free(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equality), cmocka_unit_test(parts), cmocka_unit_test(finds),
        cmocka_unit_test(subs),     cmocka_unit_test(trims), cmocka_unit_test(splits),
        cmocka_unit_test(numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
