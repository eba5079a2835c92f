// SPDX-License-Identifier: Apache-2.0
/* Records: what a table says as fields. Each case is hostile until it has been read. */
#include "core/config/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct fields {
    struct gp_slice to, secret;
    const struct gp_list *names;
    int64_t n;
    bool flag;
    int level;
};

static const char *const levels[] = {"off", "low", "high", NULL};

static const struct gp_option rows[] = {
    GP_OPTION_ADDRESS("to", struct fields, to, GP_OPTIONAL, "x"),
    GP_OPTION_SECRET("secret", struct fields, secret, GP_OPTIONAL, "x"),
    GP_OPTION_LIST("names", struct fields, names, GP_TYPE_STRING, GP_OPTIONAL, "x"),
    GP_OPTION_INTEGER("n", struct fields, n, GP_OPTIONAL, 1, 10, "x"),
    GP_OPTION_BOOL("flag", struct fields, flag, GP_OPTIONAL, "x"),
    GP_OPTION_ENUM("level", struct fields, level, levels, GP_OPTIONAL, "x"),
    GP_OPTIONS_END,
};

static const struct gp_records records = {.rows = rows, .size = sizeof(struct fields)};

struct row {
    const char *text;
    const char *shown; /* the fields, or why not */
    bool bad;
};

#define TEN "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define NAMES_10 "\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\","
#define FIELDS_4(c) "\"a" c "\":1,\"b" c "\":1,\"c" c "\":1,\"d" c "\":1,"

static const struct row good_and_bad[] = {
    {"gw.example:25", "to gw.example:25", false},
    {"  gw.example:25\r\n", "to gw.example:25", false},
    {"{}", "", false},
    {"{\"to\":\"gw.example:25\"}", "to gw.example:25", false},
    {" { \"to\" : \"[::1]:25\" , \"n\" : 3 }\n", "to [::1]:25; n 3", false},
    {"{\"secret\":\"hush\",\"n\":1}", "secret (secret); n 1", false},
    {"{\"names\":[\"a\",\"b\"],\"flag\":true}", "names a, b; flag true", false},
    {"{\"names\":[]}", "names ", false},
    {"{\"names\":\"one\"}", "names one", false},
    {"{\"level\":\"high\"}", "level high", false},
    {"{\"level\":null,\"to\":null}", "", false},
    {"{\"names\":[\"\\u00e4\\ud83d\\ude00\\/\\\"\"]}", "names \xc3\xa4\xf0\x9f\x98\x80/\"", false},
    /* a secret is its text, and refers to nothing */
    {"{\"secret\":\"file:/etc/passwd\"}", "secret (secret)", false},
    {"{\"secret\":\"env:HOME\"}", "secret (secret)", false},
    {"{\"secret\":{\"file\":\"/etc/passwd\"}}", "no JSON object", true},
    /* names and values that do not fit */
    {"{\"toe\":\"gw.example:25\"}", "unknown key \"toe\" in it; did you mean \"to\"", true},
    {"{\"to\":\"gw.example:25\",\"to\":\"other:25\"}", "has a field twice", true},
    {"{\"to\":\"gw.example\"}", "\"to\" in it", true},
    {"{\"to\":25}", "\"to\" in it", true},
    {"{\"to\":[\"gw.example:25\"]}", "\"to\" in it", true},
    {"{\"n\":11}", "must be from 1 to 10", true},
    {"{\"n\":\"x\"}", "a whole number", true},
    {"{\"n\":1e3}", "a whole number", true},
    {"{\"flag\":\"maybe\"}", "true or false", true},
    {"{\"level\":\"higher\"}", "must be off, low or high", true},
    {"{\"names\":[[\"a\"]]}", "no JSON object", true},
    {"{\"names\":[null]}", "an item is empty", true},
    /* what is no JSON */
    {"", "is empty", true},
    {" \t", "is empty", true},
    {"{", "no JSON object", true},
    {"{\"to\"", "no JSON object", true},
    {"{\"to\":", "no JSON object", true},
    {"{\"to\":\"gw.example:25\"", "no JSON object", true},
    {"{\"to\":\"gw.example:25\",}", "no JSON object", true},
    {"{\"to\":\"gw.example:25\"}}", "no JSON object", true},
    {"{\"to\":\"gw.example:25\"} x", "no JSON object", true},
    {"{\"to\":\"gw.example:25}", "no JSON object", true},
    {"{\"to\":\"\\x41\"}", "no JSON object", true},
    {"{\"to\":\"\\u00\"}", "no JSON object", true},
    {"{\"to\":\"\\ud83d\"}", "no JSON object", true},
    {"{\"to\":\"\\ud83d\\u0041\"}", "no JSON object", true},
    {"{\"to\":\"\\ude00\"}", "no JSON object", true},
    {"{to:\"gw.example:25\"}", "no JSON object", true},
    {"{\"n\":bad}", "no JSON object", true},
    {"{\"n\":01}", "no JSON object", true},
    {"{\"n\":100000000000000000000}", "no JSON object", true},
    {"{\"names\":[\"a\",]}", "no JSON object", true},
    {"{\"names\":[\"a\"", "no JSON object", true},
    {"{\"names\":[\"a\"}", "no JSON object", true},
    /* what no option may hold */
    {"{\"secret\":\"a\\r\\nb\"}", "control characters", true},
    {"{\"secret\":\"a\\u0000b\"}", "control characters", true},
    {"{\"secret\":\"a\x7f\"}", "control characters", true},
    {"{\"secret\":\"\xff\"}", "no JSON object", true},
    {"gw.example:25\r\nx", "control characters", true},
    {"\xc3", "control characters", true},
    /* too much */
    {"{\"secret\":\"" HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED
         HUNDRED TEN TEN "01234\"}",
     "more than 1024 bytes", true},
    {HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED TEN TEN
     "01234",
     "more than 1024 bytes", true},
    {"{\"names\":[" NAMES_10 NAMES_10 NAMES_10 "\"a\",\"a\"]}",
     "names a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, "
     "a, a",
     false},
    {"{\"names\":[" NAMES_10 NAMES_10 NAMES_10 "\"a\",\"a\",\"a\"]}", "more than 32 values", true},
    {"{" FIELDS_4("1") FIELDS_4("2") FIELDS_4("3") FIELDS_4("4") FIELDS_4("5") FIELDS_4("6")
         FIELDS_4("7") FIELDS_4("8") "\"z\":1}",
     "more than 32 fields", true},
};

static struct gp_slice fields_of(struct gp__arena *arena, const struct gp__node *shown)
{
    struct gp_slice text = GP_S("");

    for (size_t i = 0; i < shown->count; i++)
        text = GP__ARENA_JOIN(arena, text, text.len ? GP_S("; ") : GP_S(""),
                              gp__record_field(arena, &records, &shown->pairs[i]));
    return text;
}

static void check(const struct row *row)
{
    struct gp__arena *arena = gp__arena_create();
    const struct gp__node *shown = NULL;
    struct fields fields = {.n = 7};
    struct gp_slice why = GP_S("");
    /* at the end of its memory, so that reading on is seen */
    struct gp_slice text = gp_slice(
        memcpy(test_malloc(strlen(row->text) + !*row->text), row->text, strlen(row->text)),
        strlen(row->text));
    int result = gp__record_read(arena, &records, text, &fields, &shown, &why);
    struct gp_slice said = result < 0 ? why : fields_of(arena, shown);
    bool as_said = row->bad ? gp_slice_search(said, gp_slice_of(row->shown)) < said.len
                            : gp_slice_eq(said, gp_slice_of(row->shown));

    if (result != (row->bad ? -1 : 0) || !as_said)
        fail_msg("%s: %d " GP_FMT, row->text, result, GP_ARG(said));
    if (!row->bad && gp_slice_search(text, GP_S("\"n\"")) == text.len)
        assert_int_equal(fields.n, 7); /* what is not there stays as it was */
    if (!row->bad && gp_slice_search(text, GP_S("file:/etc")) < text.len)
        assert_true(gp_slice_eq(fields.secret, GP_S("file:/etc/passwd")));
    test_free((void *)(uintptr_t)text.data);
    gp__arena_free(&arena);
}

static void test_records(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good_and_bad / sizeof good_and_bad[0]; i++)
        check(&good_and_bad[i]);
}

/* Cut anywhere a record is none, or all of it is white space. */
static void test_cut(void **state)
{
    static const char text[] = "{\"to\":\"gw.example:25\",\"names\":[\"\\u00e4\",\"b\"],\"n\":3}";

    (void)state;
    for (size_t len = 1; len < sizeof text - 1; len++) {
        struct gp__arena *arena = gp__arena_create();
        const struct gp__node *map;

        assert_non_null(gp__record_parse(arena, gp_slice(text, len), GP_S("to"), &map));
        gp__arena_free(&arena);
    }
}

static void test_too_long(void **state)
{
    struct gp__arena *arena = gp__arena_create();
    char *text = gp__arena_bytes(arena, GP__RECORD_BYTES_MAX + 1);
    const struct gp__node *map;

    (void)state;
    memset(text, ' ', GP__RECORD_BYTES_MAX + 1);
    memcpy(text, "{}", 2);
    assert_null(gp__record_parse(arena, gp_slice(text, GP__RECORD_BYTES_MAX), GP_S("to"), &map));
    assert_string_equal(
        gp__record_parse(arena, gp_slice(text, GP__RECORD_BYTES_MAX + 1), GP_S("to"), &map),
        "has more than 4096 bytes");
    gp__arena_free(&arena);
}

static void test_option(void **state)
{
    struct holder {
        struct gp_slice other;
        const struct gp_records *records;
    } holder = {.records = &records};
    static const struct gp_option options[] = {
        GP_OPTION_STRING("other", struct holder, other, GP_OPTIONAL, "x"),
        GP_OPTION_RECORDS("per_recipient", struct holder, records, rows, struct fields, GP_OPTIONAL,
                          "x"),
        GP_OPTIONS_END,
    };

    (void)state;
    assert_ptr_equal(gp__record_option(options, 0, &holder), &records);
    assert_null(gp__record_option(options, 0, &(struct holder){.records = NULL}));
    assert_null(gp__record_option(rows, 0, &(struct fields){.n = 1}));
    assert_true(gp__record_is_secret(&records));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_option),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
