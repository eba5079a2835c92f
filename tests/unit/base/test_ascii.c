// SPDX-License-Identifier: Apache-2.0
/* Character classes, each against a list of its members, for all 256 bytes; digits. */
#include "check.h"

#include "core/base/ascii.h"

#define DIGITS "0123456789"
#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

static void classes(void **state)
{
    static const struct {
        bool (*is)(char c);
        const char *members;
    } cases[] = {
        {gp__is_alpha, LOWER UPPER},
        {gp__is_digit, DIGITS},
        {gp__is_alnum, LOWER UPPER DIGITS},
        {gp__is_wsp, " \t"},
        {gp__is_atext, LOWER UPPER DIGITS "!#$%&'*+-/=?^_`{|}~"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        for (int c = 0; c < 256; c++)
            assert_int_equal(cases[i].is((char)c), c != 0 && strchr(cases[i].members, c) != NULL);
}

static void ranges(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        assert_int_equal(gp__is_8bit((char)c), c >= 128);
        assert_int_equal(gp__is_control((char)c), c < 32 || c == 127);
    }
}

static void conversions(void **state)
{
    static const char lowers[] = LOWER, uppers[] = UPPER;

    (void)state;
    for (int c = 0; c < 256; c++) {
        const char *lower = c ? strchr(lowers, c) : NULL, *upper = c ? strchr(uppers, c) : NULL;
        const char *hex = c ? strchr("0123456789abcdef0123456789ABCDEF", c) : NULL;

        assert_int_equal(gp__to_lower((char)c), upper ? lowers[upper - uppers] : (char)c);
        assert_int_equal(gp__to_upper((char)c), lower ? uppers[lower - lowers] : (char)c);
        if (!hex)
            assert_int_equal(gp__hex_value((char)c), -1);
        else
            assert_int_equal(gp__hex_value((char)c), strtol((char[]){(char)c, '\0'}, NULL, 16));
    }
}

static void decimals(void **state)
{
    static const struct {
        uint64_t number;
        unsigned width;
        const char *text;
    } cases[] = {
        {0, 0, "0"},
        {0, 1, "0"},
        {0, 3, "000"},
        {7, 2, "07"},
        {10, 1, "10"},
        {1234, 2, "1234"},
        {9, 20, "00000000000000000009"},
        {9, 99, "00000000000000000009"},
        {UINT64_MAX, 1, "18446744073709551615"},
    };
    char out[21];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        memset(out, '#', sizeof out);
        assert_ptr_equal(gp__put_decimal(out, cases[i].number, cases[i].width),
                         out + strlen(cases[i].text));
        assert_memory_equal(out, cases[i].text, strlen(cases[i].text));
        assert_int_equal(out[strlen(cases[i].text)], '#');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes),
        cmocka_unit_test(ranges),
        cmocka_unit_test(conversions),
        cmocka_unit_test(decimals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
