// SPDX-License-Identifier: Apache-2.0
/* UTF-8: every code point there and back; malformed sequences of RFC 3629 and of Unicode table 3-7. */
#include "check.h"

#include "core/base/utf8.h"

#define S(text)                                                                                    \
    {                                                                                              \
        "" text, sizeof(text) - 1                                                                  \
    }

static void every_code_point(void **state)
{
    (void)state;
    for (uint32_t code = 0; code <= 0x10ffff; code++) {
        bool surrogate = code >= 0xd800 && code <= 0xdfff;
        uint32_t got = 0;
        char text[4];
        size_t n = gp__utf8_encode(code, text);

        if (n != (code < 0x80      ? 1u
                  : code < 0x800   ? 2u
                  : code < 0x10000 ? 3u
                                   : 4u) ||
            gp__utf8_decode(gp_slice(text, n), &got) != n || got != (surrogate ? 0xfffd : code) ||
            (n > 1 && gp__utf8_decode(gp_slice(text, n - 1), &got) != 0))
            fail_msg("U+%04x", (unsigned)code);
    }
}

static void no_character(void **state)
{
    static const uint32_t cases[] = {0xd800, 0xdfff, 0x110000, 0x7fffffff, UINT32_MAX};
    char text[4];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(gp__utf8_encode(cases[i], text), 3);
        assert_memory_equal(text, "\xef\xbf\xbd", 3);
    }
}

static void validity(void **state)
{
    static const struct {
        struct gp_slice s;
        bool valid, ascii;
    } cases[] = {
        {{NULL, 0}, true, true},
        {S(""), true, true},
        {S("plain\0\x7f"), true, true},
        {S("gr\xc3\xbc\xc3\x9f"), true, false},
        {S("\xf0\x9f\x93\xa7"), true, false},
        {S("\xef\xbb\xbf"), true, false},
        {S("\x80"), false, false},
        {S("\xbf"), false, false},
        {S("a\xc3"), false, false},
        {S("\xc3("), false, false},
        {S("\xc0\x80"), false, false}, /* overlong NUL */
        {S("\xc1\xbf"), false, false}, /* overlong DEL */
        {S("\xc2\x80"), true, false},
        {S("\xe0\x80\xaf"), false, false}, /* overlong "/" */
        {S("\xe0\x9f\xbf"), false, false},
        {S("\xe0\xa0\x80"), true, false},
        {S("\xed\x9f\xbf"), true, false},
        {S("\xed\xa0\x80"), false, false}, /* surrogates */
        {S("\xed\xbf\xbf"), false, false},
        {S("\xee\x80\x80"), true, false},
        {S("\xf0\x80\x80\xaf"), false, false},
        {S("\xf0\x8f\xbf\xbf"), false, false},
        {S("\xf0\x90\x80\x80"), true, false},
        {S("\xf4\x8f\xbf\xbf"), true, false},
        {S("\xf4\x90\x80\x80"), false, false}, /* above U+10FFFF */
        {S("\xf5\x80\x80\x80"), false, false},
        {S("\xf8\x88\x80\x80\x80"), false, false},
        {S("\xfe"), false, false},
        {S("\xff"), false, false},
        {S("\xe2\x82"), false, false},
        {S("\xe2\x82\xac"), true, false},
        {S("\xe2\x82\xac\x80"), false, false},
        {S("\xf0\x9f\x93"), false, false},
        {S("\xf0\x9f\x93 "), false, false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct gp_slice s = tight(cases[i].s);

        if (gp__utf8_valid(s) != cases[i].valid)
            fail_msg("case %zu", i);
        assert_int_equal(gp__ascii_only(s), cases[i].ascii);
        tight_free(s);
    }
}

static void nothing(void **state)
{
    uint32_t code = 4711;

    (void)state;
    assert_int_equal(gp__utf8_decode(gp_slice(NULL, 0), &code), 0);
    assert_int_equal(code, 4711);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_point),
        cmocka_unit_test(no_character),
        cmocka_unit_test(validity),
        cmocka_unit_test(nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
