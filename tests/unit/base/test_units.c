// SPDX-License-Identifier: Apache-2.0
/* Durations and sizes: what is read, what is refused, and that what is written is read back. */
#include "check.h"

#include "core/base/units.h"

#define BAD UINT64_MAX
#define S(text)                                                                                    \
    {                                                                                              \
        "" text, sizeof(text) - 1                                                                  \
    }

struct parse_case {
    struct gp_slice text;
    uint64_t want;
};

static void check_parse(int (*parse)(struct gp_slice, uint64_t *), const struct parse_case *cases,
                        size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct gp_slice text = tight(cases[i].text);
        uint64_t value = BAD;
        int result = parse(text, &value);

        if (result != (cases[i].want == BAD ? -1 : 0) || value != cases[i].want)
            fail_msg("\"" GP_FMT "\": %d, %llu", GP_ARG(text), result, (unsigned long long)value);
        tight_free(text);
    }
}

static void durations(void **state)
{
    static const struct parse_case cases[] = {
        {S("0"), 0},
        {S("0s"), 0},
        {S("250ms"), 250},
        {S("30s"), 30000},
        {S("5m"), 300000},
        {S("5M"), 300000},
        {S("1h30m"), 5400000},
        {S("1w2d3h4m5s6ms"), 788645006},
        {S("4d"), 345600000},
        {S("2w"), 1209600000},
        {S("90m"), 5400000},
        {S("9223372036854775807ms"), INT64_MAX},
        {S("9223372036854775808ms"), BAD},
        {S("18446744073709551616ms"), BAD},
        {S("15250284452472w"), BAD},
        {S("99999999999999999999999999w"), BAD},
        {S("9223372036854775s1000ms"), BAD},
        {S(""), BAD},
        {S("00"), BAD},
        {S("5"), BAD},
        {S("s"), BAD},
        {S("-5s"), BAD},
        {S("+5s"), BAD},
        {S("5 s"), BAD},
        {S(" 5s"), BAD},
        {S("5s "), BAD},
        {S("1.5h"), BAD},
        {S("5y"), BAD},
        {S("5sec"), BAD},
        {S("1h30"), BAD},
        {S("30m1h"), BAD},
        {S("1m30m"), BAD},
        {S("5s\0"), BAD},
    };

    (void)state;
    check_parse(gp__duration_parse, cases, COUNT(cases));
}

static void modes(void **state)
{
    static const struct {
        struct gp_slice text;
        int mode; /* -1: none */
    } cases[] = {
        {S("0600"), 0600}, {S("660"), 0660}, {S("0"), 0},     {S("0777"), 0777},
        {S("1777"), -1},   {S("00660"), -1}, {S("0680"), -1}, {S(""), -1},
        {S("rw"), -1},     {S("-600"), -1},  {S("0x1"), -1},  {S(" 600"), -1},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        unsigned mode = 0;

        assert_int_equal(gp__mode_parse(cases[i].text, &mode), cases[i].mode < 0 ? -1 : 0);
        if (cases[i].mode >= 0)
            assert_int_equal(mode, cases[i].mode);
    }
}

static void sizes(void **state)
{
    static const struct parse_case cases[] = {
        {S("0"), 0},
        {S("512"), 512},
        {S("512b"), 512},
        {S("64KiB"), 65536},
        {S("64kib"), 65536},
        {S("64KB"), 64000},
        {S("10k"), 10240},
        {S("10K"), 10240},
        {S("25MiB"), 26214400},
        {S("25MB"), 25000000},
        {S("25M"), 26214400},
        {S("2GiB"), 2147483648},
        {S("2G"), 2147483648},
        {S("2GB"), 2000000000},
        {S("3TiB"), 3298534883328},
        {S("3T"), 3298534883328},
        {S("3TB"), 3000000000000},
        {S("9223372036854775807"), INT64_MAX},
        {S("9223372036854775808"), BAD},
        {S("8388607TiB"), 9223370937343148032},
        {S("8388608TiB"), BAD},
        {S("16777216TiB"), BAD},
        {S("18446744073709551616"), BAD},
        {S(""), BAD},
        {S("KiB"), BAD},
        {S("1.5GiB"), BAD},
        {S("1 KiB"), BAD},
        {S("-1"), BAD},
        {S("1KiB1"), BAD},
        {S("1MiB1KiB"), BAD},
        {S("1PiB"), BAD},
        {S("1kibi"), BAD},
        {{NULL, 0}, BAD},
    };

    (void)state;
    check_parse(gp__size_parse, cases, COUNT(cases));
}

static void rates(void **state)
{
    static const struct {
        const char *text;
        int64_t count;
        uint64_t period_ms;
    } good[] = {{"500/h", 500, 3600000},
                {"1/ms", 1, 1},
                {"30/10m", 30, 600000},
                {"2/1h30m", 2, 5400000},
                {"7/D", 7, 86400000}};
    static const char *const bad[] = {
        "",     "5",    "5/",   "/h",    "0/h",
        "-1/h", "5/0",  "5/x",  "5//h",  "5/h/",
        "5 /h", "5/ h", "5/hm", "1.5/h", "5/1111111111111111111111111111111111111s"};
    int64_t count;
    uint64_t period_ms;

    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        assert_int_equal(gp__rate_parse(gp_slice_of(good[i].text), &count, &period_ms), 0);
        assert_int_equal(count, good[i].count);
        assert_int_equal(period_ms, good[i].period_ms);
    }
    for (size_t i = 0; i < COUNT(bad); i++)
        if (gp__rate_parse(gp_slice_of(bad[i]), &count, &period_ms) == 0)
            fail_msg("%s", bad[i]);
}

static void formats(void **state)
{
    static const struct {
        uint64_t value;
        struct gp_slice duration, size;
    } cases[] = {
        {0, S("0"), S("0")},
        {1, S("1ms"), S("1")},
        {999, S("999ms"), S("999")},
        {1000, S("1s"), S("1000")},
        {1024, S("1024ms"), S("1KiB")},
        {60000, S("1m"), S("60000")},
        {5400000, S("90m"), S("5400000")},
        {1048576, S("1048576ms"), S("1MiB")},
        {86400000, S("1d"), S("84375KiB")},
        {604800000, S("1w"), S("590625KiB")},
        {3298534883328, S("3298534883328ms"), S("3TiB")},
        {1125899906842624, S("1125899906842624ms"), S("1024TiB")},
        {INT64_MAX, S("9223372036854775807ms"), S("9223372036854775807")},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char out[32];
        uint64_t back;

        assert_slice(gp__duration_format(cases[i].value, out), cases[i].duration);
        assert_memory_equal(out, cases[i].duration.data, cases[i].duration.len + 1);
        assert_int_equal(gp__duration_parse(gp_slice_of(out), &back), 0);
        assert_int_equal(back, cases[i].value);
        assert_slice(gp__size_format(cases[i].value, out), cases[i].size);
        assert_int_equal(gp__size_parse(gp_slice_of(out), &back), 0);
        assert_int_equal(back, cases[i].value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations), cmocka_unit_test(rates),   cmocka_unit_test(sizes),
        cmocka_unit_test(modes),     cmocka_unit_test(formats),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
