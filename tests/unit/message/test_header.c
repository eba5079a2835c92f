// SPDX-License-Identifier: Apache-2.0
// Header fields: validation, folding, unfolding, encoded words, character sets.
#include "support.h"

#include "core/base/utf8.h"
#include "core/message/charset.h"
#include "core/message/encoded_word.h"
#include "core/message/value.h"

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

#define TEN "0123456789"
#define FIFTY TEN TEN TEN TEN TEN
#define S250 FIFTY FIFTY FIFTY FIFTY FIFTY
#define S990 S250 S250 S250 FIFTY FIFTY FIFTY FIFTY TEN TEN TEN TEN

static void test_render(void **state)
{
    static const struct {
        struct gp_slice name, value, field; /* absent: GP_EINVAL */
    } cases[] = {
        {GP_S("A"), GP_S("b"), GP_S("A: b\r\n")},
        {GP_S("A"), GP_S(" b"), GP_S("A: b\r\n")},
        {GP_S("A"), GP_S("\tb"), GP_S("A:\tb\r\n")},
        {GP_S("A"), GP_S(""), GP_S("A:\r\n")},
        {GP_S("A"), GP_S("b\r\n c"), GP_S("A: b\r\n c\r\n")},
        {GP_S("A"), GP_S("\r\n c"), GP_S("A:\r\n c\r\n")},
        {GP_S("A"), GP_S("b\r\n \r\n c"), GP_S("A: b \r\n c\r\n")},
        {GP_S("A"), GP_S("b\r\n "), GP_S("A: b \r\n")},
        {GP_S("A"), GP_S("\xc3\xa4"), GP_S("A: \xc3\xa4\r\n")},
        {GP_S("Name"), GP_S(FIFTY " " TEN " " TEN " " TEN),
         GP_S("Name: " FIFTY " " TEN " " TEN "\r\n " TEN "\r\n")},
        {GP_S("Name"), GP_S(FIFTY FIFTY " " TEN), GP_S("Name: " FIFTY FIFTY "\r\n " TEN "\r\n")},
        {GP_S("Name"), GP_S(FIFTY FIFTY), GP_S("Name: " FIFTY FIFTY "\r\n")},
        {GP_S("Name"), GP_S(S990 "12"), GP_S("Name: " S990 "12\r\n")},
        {GP_S("Name"), GP_S(S990 "123"), GP_S("Name:\r\n " S990 "123\r\n")},
        {GP_S("Name"), GP_S(S990 TEN), {NULL, 0}},
        {GP_S(""), GP_S("b"), {NULL, 0}},
        {GP_S("A B"), GP_S("b"), {NULL, 0}},
        {GP_S("A:"), GP_S("b"), {NULL, 0}},
        {GP_S("A\r\nB"), GP_S("b"), {NULL, 0}},
        {GP_S("\xc3\xa4"), GP_S("b"), {NULL, 0}},
        {GP_S("A"), GP_S("b\r\nB: c"), {NULL, 0}},
        {GP_S("A"), GP_S("b\r\n"), {NULL, 0}},
        {GP_S("A"), GP_S("b\n c"), {NULL, 0}},
        {GP_S("A"), GP_S("b\r c"), {NULL, 0}},
        {GP_S("A"), GP_S("b\0"), {NULL, 0}},
        {GP_S("A"), GP_S("\n"), {NULL, 0}},
        {GP_S("A"), GP_S("b\r\n c\r"), {NULL, 0}},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct gp_slice field = absent();
        int result = gp__header_render(arena, cases[i].name, cases[i].value, &field);

        assert_int_equal(result, gp_slice_present(cases[i].field) ? 0 : GP_EINVAL);
        assert_slice(field, cases[i].field);
    }
}

/* Whatever the value: what comes out is one field, its lines are short enough, unfolding gives the
 * value back. */
static void test_render_random(void **state)
{
    uint64_t seed = 1;

    (void)state;
    for (int round = 0; round < 3000; round++) {
        char value[600];
        size_t len = below(&seed, sizeof value);
        struct gp_slice field, lines, s;
        struct gp__content *content;

        for (size_t i = 0; i < len; i++)
            value[i] = "ab \tc\"("[below(&seed, 7)];
        s = gp_slice(value, len);
        assert_int_equal(gp__header_render(arena, GP_S("X-Name"), s, &field), 0);
        lines = field;
        while (gp_slice_present(lines)) {
            struct gp_slice line = gp_slice_split(&lines, '\n');

            assert_true(line.len <= 999);
            assert_true(!gp_slice_present(lines) || gp_slice_trim(line).len > 0);
        }
        content = gp__content_of(field);
        assert_int_equal(gp__content_field_count(content), 1);
        assert_int_equal(gp__content_body_offset(content), field.len);
        assert_slice(gp__value_unfold(arena, gp_slice_sub(field, 7, field.len)),
                     gp_slice_trim(s).len ? gp_slice_trim(s) : GP_S(""));
        gp__content_unref(&content);
    }
}

static void test_unfold(void **state)
{
    static const struct {
        struct gp_slice raw, value;
    } cases[] = {
        {GP_S(" b"), GP_S("b")},
        {GP_S(" b\r\n c"), GP_S("b c")},
        {GP_S("\r\n b\r\n\tc\r\n "), GP_S("b\tc")},
        {GP_S(" b\n c"), GP_S("b c")},
        {GP_S(" b\rc"), GP_S("b\rc")},
        {GP_S(" b\r\r\n c"), GP_S("b\r c")},
        {GP_S(""), GP_S("")},
        {{NULL, 0}, {NULL, 0}},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_slice(gp__value_unfold(arena, cases[i].raw), cases[i].value);
}

static void test_encoded_words(void **state)
{
    static const struct {
        const char *value, *text;
    } cases[] = {
        {"plain", "plain"},
        {"", ""},
        {"=?utf-8?Q?caf=C3=A9?=", "caf\xc3\xa9"},
        {"=?UTF-8?b?Y2Fmw6k=?=", "caf\xc3\xa9"},
        {"=?iso-8859-1?q?caf=e9_au_lait?=", "caf\xc3\xa9 au lait"},
        {"=?iso-8859-1*fr?Q?caf=E9?=", "caf\xc3\xa9"},
        {"a =?utf-8?Q?b?= c", "a b c"},
        {"=?utf-8?Q?a?= =?utf-8?Q?b?=", "ab"},
        {"=?utf-8?Q?a?= \t =?iso-8859-1?Q?=E9?=", "a\xc3\xa9"},
        {"=?utf-8?Q?a?= x =?utf-8?Q?b?=", "a x b"},
        {"=?utf-8?Q?a_?= =?utf-8?Q?b?=", "a b"},
        /* a character in two words */
        {"=?utf-8?Q?=C3?= =?utf-8?Q?=A9?=", "\xc3\xa9"},
        {"=?utf-8?B?w6k?= =?utf-8?Q?!?=", "\xc3\xa9!"},
        {"=?utf-8?Q?=C3?= =?iso-8859-1?Q?=E9?=", "\xef\xbf\xbd\xc3\xa9"},
        {"=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "\xe6\x97\xa5\xe6\x9c\xac"},
        {"=?shift_jis?B?k/qWew==?=", "\xe6\x97\xa5\xe6\x9c\xac"},
        {"=?gb2312?B?1tDOxA==?=", "\xe4\xb8\xad\xe6\x96\x87"},
        {"=?no-such?Q?caf=E9?=", "caf\xef\xbf\xbd"},
        {"=?utf-8//IGNORE?Q?caf=E9?=", "caf\xef\xbf\xbd"},
        {"=?utf-8?Q?"
         "?=",
         ""},
        /* malformed: as they are */
        {"=?utf-8?X?abc?=", "=?utf-8?X?abc?="},
        {"=?utf-8?Q?abc", "=?utf-8?Q?abc"},
        {"=?utf-8?Q?a b?=", "=?utf-8?Q?a b?="},
        {"=?utf-8?Q?abc?", "=?utf-8?Q?abc?"},
        {"=?"
         "?Q?abc?=",
         "=?"
         "?Q?abc?="},
        {"=?*en?Q?abc?=", "=?*en?Q?abc?="},
        {"=?", "=?"},
        {"=?=?=?utf-8?Q?a?=", "=?=?a"},
        {"caf\xe9", "caf\xef\xbf\xbd"},
        {"caf\xc3\xa9", "caf\xc3\xa9"},
        {"\xe9 =?utf-8?Q?a?= \xe9", "\xef\xbf\xbd a \xef\xbf\xbd"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_slice(gp__encoded_word_decode(arena, gp_slice_of(cases[i].value)),
                     gp_slice_of(cases[i].text));
    assert_slice(gp__encoded_word_decode(arena, absent()), absent());
}

/* Words of whole characters, short enough, that mean the same again. */
static void test_encode_words(void **state)
{
    char text[200];

    (void)state;
    for (size_t len = 0; len < 190; len++) {
        struct gp_slice words, rest, plain;

        for (size_t i = 0; i < len; i++)
            text[i] = "a \xe2\x82\xac\xc3\xa9"[i % 7];
        plain = gp_slice(text, len);
        if (!gp__utf8_valid(plain))
            continue;
        rest = words = gp__encoded_word_encode(arena, plain);
        assert_slice(gp__encoded_word_decode(arena, words), plain);
        while (gp_slice_present(rest)) {
            struct gp_slice word = gp_slice_split(&rest, ' ');

            assert_true(word.len <= 75);
            assert_true(gp__utf8_valid(gp__encoded_word_decode(arena, word)));
        }
    }
}

static void test_charsets(void **state)
{
    static const struct {
        const char *charset;
        struct gp_slice bytes, text;
    } cases[] = {
        {"us-ascii", GP_S("a\x80"), GP_S("a\xef\xbf\xbd")},
        {"UTF-8", GP_S("\xc3\xa9\xc3"), GP_S("\xc3\xa9\xef\xbf\xbd")},
        {"utf-8", GP_S("\xed\xa0\x80"), GP_S("\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd")},
        {"windows-1252", GP_S("\x80\x81"), GP_S("\xe2\x82\xac\xef\xbf\xbd")},
        {"utf-16be", GP_S("\0a\0"), GP_S("a\xef\xbf\xbd")},
        {"utf-16le",
         GP_S("\x00\xd8"
              "a\0"),
         GP_S("\xef\xbf\xbd")},
        {"utf-7", GP_S("a+AOk-b"),
         GP_S("a\xc3\xa9"
              "b")},
        {"shift_jis", GP_S("\x93\xfa\x96"), GP_S("\xe6\x97\xa5\xef\xbf\xbd")},
        {"euc-jp", GP_S("x\x8f\xb0"), GP_S("x\xef\xbf\xbd")},
        {"koi8-r", GP_S("\xc1"), GP_S("\xd0\xb0")},
        {" ISO-8859-15 ", GP_S("\xa4"), GP_S("\xe2\x82\xac")},
        {"ebcdic-us", GP_S("\xc1"), GP_S("\xef\xbf\xbd")},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct gp_slice text = gp__charset_decode(arena, gp_slice_of(cases[i].charset),
                                                  cases[i].bytes);

        if (strcmp(cases[i].charset, "utf-16le") == 0)
            assert_true(gp__utf8_valid(text));
        else
            assert_slice(text, cases[i].text);
    }
}

/* Random bytes in every character set: always UTF-8, never more than three times as much. */
static void test_charsets_random(void **state)
{
    static const char *const names[] = {
        "utf-8",         "utf-7",     "utf-16", "utf-32le",    "big5",   "gb18030", "iso-2022-jp",
        "iso-2022-jp-2", "shift_jis", "euc-jp", "iso-2022-kr", "euc-kr", "tis-620", "windows-1255"};
    uint64_t seed = 7;

    (void)state;
    for (int round = 0; round < 4000; round++) {
        char bytes[64];
        size_t len = below(&seed, sizeof bytes);
        struct gp_slice name = gp_slice_of(names[below(&seed, COUNT(names))]), text;

        for (size_t i = 0; i < len; i++)
            bytes[i] = (char)(below(&seed, 3) ? next_random(&seed)
                                              : (uint32_t) "\x1b$B(+-A"[below(&seed, 7)]);
        text = gp__charset_decode(arena, name, gp_slice(bytes, len));
        assert_true(gp__utf8_valid(text));
        assert_true(text.len <= 3 * len + 16);
    }
}

/* Every row of the table has a converter, and is read back as it was written. */
static void test_charset_table(void **state)
{
    static const char *const names[] = {
        "iso-8859-1",   "iso-8859-2",   "iso-8859-3",   "iso-8859-4",   "iso-8859-5",
        "iso-8859-6",   "iso-8859-7",   "iso-8859-8",   "iso-8859-8-i", "iso-8859-9",
        "iso-8859-10",  "iso-8859-11",  "iso-8859-13",  "iso-8859-14",  "iso-8859-15",
        "iso-8859-16",  "windows-1250", "windows-1251", "windows-1252", "windows-1253",
        "windows-1254", "windows-1255", "windows-1256", "windows-1257", "windows-1258",
        "windows-874",  "cp437",        "cp850",        "cp852",        "cp866",
        "koi8-r",       "koi8-u",       "macintosh",    "tis-620",      "utf-7",
        "utf-16",       "utf-16le",     "utf-16be",     "utf-32",       "utf-32le",
        "utf-32be",     "big5",         "cp950",        "gb2312",       "gbk",
        "gb18030",      "iso-2022-jp",  "shift_jis",    "euc-jp",       "iso-2022-kr",
        "euc-kr",       "cp949",
    };

    (void)state;
    gp__charset_preload();
    for (size_t i = 0; i < COUNT(names); i++) {
        struct gp_slice bytes = absent();

        assert_int_equal(
            gp__charset_encode(arena, gp_slice_of(names[i]), GP_S("plain text"), &bytes), 0);
        assert_slice(gp__charset_decode(arena, gp_slice_of(names[i]), bytes), GP_S("plain text"));
    }
}

static void test_charset_encode(void **state)
{
    static const struct {
        const char *charset, *text, *bytes; /* NULL: -1 */
    } cases[] = {
        {"utf-8", "\xc3\xa9", "\xc3\xa9"},
        {"us-ascii", "e", "e"},
        {"us-ascii", "\xc3\xa9", NULL},
        {"iso-8859-1", "\xc3\xa9", "\xe9"},
        {"iso-8859-1", "\xe2\x82\xac", NULL},
        {"no-such", "e", NULL},
        /* a failure in the middle leaves no state behind */
        {"iso-2022-jp", "\xe6\x97\xa5\xf0\x9f\x98\x80", NULL},
        {"iso-2022-jp", "x", "x"},
        {"utf-8", "\xc3", NULL},
        {"iso-2022-jp", "\xe6\x97\xa5", "\x1b$BF|\x1b(B"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct gp_slice bytes = absent();

        gp__charset_encode(arena, gp_slice_of(cases[i].charset), gp_slice_of(cases[i].text),
                           &bytes);
        assert_slice(bytes, gp_slice_of(cases[i].bytes));
    }
}

static void test_quoting(void **state)
{
    (void)state;
    assert_slice(gp__value_quote(arena, GP_S("a.b")), GP_S("a.b"));
    assert_slice(gp__value_quote(arena, GP_S("a\"b\\\r\nc")), GP_S("\"a\\\"b\\\\c\""));
    assert_slice(gp__value_quote(arena, GP_S("")), GP_S("\"\""));
    assert_slice(gp__value_unquote(arena, GP_S("\"a\\\"b\r\n c\"")), GP_S("a\"b c"));
    assert_int_equal(gp__value_comment(GP_S("(a(b\\)c)d)e")), 10);
    assert_int_equal(gp__value_comment(GP_S("(a(b)")), 0);
    assert_int_equal(gp__value_comment(GP_S("(a\\")), 0);
    assert_int_equal(gp__value_cfws(GP_S(" (a)\r\n (b) c")), 11);
    assert_int_equal(gp__value_cfws(GP_S(" (a")), 1);
    assert_int_equal(gp__value_quoted(GP_S("\"a\\\"b\"c")), 6);
    assert_int_equal(gp__value_quoted(GP_S("\"a\\\"")), 0);
}

static int teardown_group(void **state)
{
    (void)state;
    gp__charset_cache_free();
    gp__content_pool_free();
    gp__arena_pool_free();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_render, setup, teardown),
        cmocka_unit_test_setup_teardown(test_render_random, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unfold, setup, teardown),
        cmocka_unit_test_setup_teardown(test_encoded_words, setup, teardown),
        cmocka_unit_test_setup_teardown(test_encode_words, setup, teardown),
        cmocka_unit_test_setup_teardown(test_charsets, setup, teardown),
        cmocka_unit_test_setup_teardown(test_charsets_random, setup, teardown),
        cmocka_unit_test_setup_teardown(test_charset_table, setup, teardown),
        cmocka_unit_test_setup_teardown(test_charset_encode, setup, teardown),
        cmocka_unit_test_setup_teardown(test_quoting, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, teardown_group);
}
