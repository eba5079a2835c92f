// SPDX-License-Identifier: Apache-2.0
/* Dates: written for years from 1 to 9999 and at the ends of int64_t; read in the forms of RFC 5322
 * section 3.3, of its appendix A and of the obsolete syntax; refused when they are none. */
#include "check.h"

#include "core/base/date.h"

#define S(text)                                                                                    \
    {                                                                                              \
        "" text, sizeof(text) - 1                                                                  \
    }

static const struct {
    int64_t unix_s;
    const char *mail, *log;
} known[] = {
    {-62135549145, "Mon, 1 Jan 0001 13:14:15 +0000", "0001-01-01T13:14:15.007Z"},
    {-12219245145, "Fri, 15 Oct 1582 13:14:15 +0000", "1582-10-15T13:14:15.007Z"},
    {-11670950745, "Tue, 29 Feb 1600 13:14:15 +0000", "1600-02-29T13:14:15.007Z"},
    {-2209027545, "Sun, 31 Dec 1899 13:14:15 +0000", "1899-12-31T13:14:15.007Z"},
    {-2203929945, "Wed, 28 Feb 1900 13:14:15 +0000", "1900-02-28T13:14:15.007Z"},
    {-2203843545, "Thu, 1 Mar 1900 13:14:15 +0000", "1900-03-01T13:14:15.007Z"},
    {-38745, "Wed, 31 Dec 1969 13:14:15 +0000", "1969-12-31T13:14:15.007Z"},
    {-1, "Wed, 31 Dec 1969 23:59:59 +0000", "1969-12-31T23:59:59.007Z"},
    {0, "Thu, 1 Jan 1970 00:00:00 +0000", "1970-01-01T00:00:00.007Z"},
    {951830055, "Tue, 29 Feb 2000 13:14:15 +0000", "2000-02-29T13:14:15.007Z"},
    {1795439655, "Mon, 23 Nov 2026 13:14:15 +0000", "2026-11-23T13:14:15.007Z"},
    {2147519655, "Tue, 19 Jan 2038 13:14:15 +0000", "2038-01-19T13:14:15.007Z"},
    {4107590055, "Mon, 1 Mar 2100 13:14:15 +0000", "2100-03-01T13:14:15.007Z"},
    {13574610855, "Tue, 29 Feb 2400 13:14:15 +0000", "2400-02-29T13:14:15.007Z"},
    {253402262055, "Fri, 31 Dec 9999 13:14:15 +0000", "9999-12-31T13:14:15.007Z"},
};

static void known_dates(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(known); i++) {
        int64_t back;
        char out[48];

        assert_slice(gp__date_rfc5322(known[i].unix_s, out), gp_slice_of(known[i].mail));
        assert_int_equal(gp__date_parse(gp_slice_of(known[i].mail), &back), 0);
        assert_true(back == known[i].unix_s);
        assert_slice(gp__date_rfc3339(known[i].unix_s * 1000 + 7, out), gp_slice_of(known[i].log));
    }
}

static void milliseconds(void **state)
{
    char out[48];

    (void)state;
    assert_slice(gp__date_rfc3339(1795442717042, out), GP_S("2026-11-23T14:05:17.042Z"));
    assert_slice(gp__date_rfc3339(999, out), GP_S("1970-01-01T00:00:00.999Z"));
    assert_slice(gp__date_rfc3339(-1, out), GP_S("1969-12-31T23:59:59.999Z"));
    assert_slice(gp__date_rfc3339(-1000, out), GP_S("1969-12-31T23:59:59.000Z"));
    assert_slice(gp__date_rfc3339(-1001, out), GP_S("1969-12-31T23:59:58.999Z"));
}

/* No year overflows the text or the arithmetic. */
static void far_away(void **state)
{
    char out[48];

    (void)state;
    assert_slice(gp__date_rfc5322(INT64_MAX, out), GP_S("Sun, 4 Dec 292277026596 15:30:07 +0000"));
    assert_slice(gp__date_rfc5322(INT64_MIN, out),
                 GP_S("Sun, 27 Jan -292277022657 08:29:52 +0000"));
    assert_slice(gp__date_rfc3339(INT64_MAX, out), GP_S("292278994-08-17T07:12:55.807Z"));
    assert_slice(gp__date_rfc3339(INT64_MIN, out), GP_S("-292275055-05-16T16:47:04.192Z"));
}

/* Every day of 800 years, with the length of each month counted here. */
static void every_day(void **state)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t day = -25567; /* 1900-01-01, a Monday */
    char want[48], out[48];

    (void)state;
    for (int year = 1900; year < 2700; year++) {
        bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

        for (int month = 1; month <= 12; month++) {
            int length = lengths[month - 1] + (month == 2 && leap);

            for (int d = 1; d <= length; d++, day++) {
                sprintf(want, "%04d-%02d-%02dT00:00:00.000Z", year, month, d);
                if (strcmp(gp__date_rfc3339(day * 86400000, out).data, want) != 0)
                    fail_msg("%s instead of %s", out, want);
            }
        }
    }
}

static void parses(void **state)
{
    static const struct {
        struct gp_slice text;
        int64_t want;
    } cases[] = {
        /* RFC 5322 appendix A */
        {S("Fri, 21 Nov 1997 09:55:06 -0600"), 880127706},
        {S("Tue, 1 Jul 2003 10:52:37 +0200"), 1057049557},
        {S("Thu, 13 Feb 1969 23:32:54 -0330"), -27723426},
        {S("Thu,\r\n      13\r\n        Feb\r\n          1969\r\n      23:32\r\n"
           "               -0330 (Newfoundland Time)"),
         -27723480},
        {S("21 Nov 97 09:55:06 GMT"), 880106106},
        {S("Fri, 21 Nov 1997 09(comment):   55  :  06 -0600"), 880127706},
        /* zones */
        {S("1 Jan 2000 00:00 +0000"), 946684800},
        {S("1 Jan 2000 00:00:00 -0000"), 946684800},
        {S("1 Jan 2000 00:00:00 UT"), 946684800},
        {S("1 Jan 2000 00:00:00 gmt"), 946684800},
        {S("1 Jan 2000 00:00:00 EST"), 946702800},
        {S("1 Jan 2000 00:00:00 EDT"), 946699200},
        {S("1 Jan 2000 00:00:00 CST"), 946706400},
        {S("1 Jan 2000 00:00:00 MST"), 946710000},
        {S("1 Jan 2000 00:00:00 PST"), 946713600},
        {S("1 Jan 2000 00:00:00 pdt"), 946710000},
        {S("1 Jan 2000 00:00:00 Z"), 946684800},
        {S("1 Jan 2000 00:00:00 A"), 946684800},
        {S("1 Jan 2000 00:00:00 CEST"), 946684800}, /* unknown: as -0000 */
        {S("1 Jan 2000 00:00:00 +1400"), 946634400},
        {S("1 Jan 2000 00:00:00 +9959"), 946324860},
        {S("1 Jan 2000 00:00:00 -9959"), 947044740},
        {S("1 Jan 2000 00:00:00 +0000 (UTC)"), 946684800},
        {S("1 Jan 2000 00:00:00 +0000 (a (b \\) c) d)\r\n"), 946684800},
        /* years */
        {S("1 Jan 00 00:00:00 +0000"), 946684800},
        {S("1 Jan 49 00:00:00 +0000"), 2493072000},
        {S("1 Jan 50 00:00:00 +0000"), -631152000},
        {S("1 Jan 99 00:00:00 +0000"), 915148800},
        {S("1 Jan 099 00:00:00 +0000"), 915148800},
        {S("1 Jan 100 00:00:00 +0000"), 946684800}, /* 1900 + 100: a bug of the year 2000 */
        {S("1 Jan 10000 00:00:00 +0000"), 253402300800},
        /* leap days and leap seconds */
        {S("29 Feb 2000 00:00:00 +0000"), 951782400},
        {S("29 Feb 2024 00:00:00 +0000"), 1709164800},
        {S("31 Dec 2016 23:59:60 +0000"), 1483228800},
        /* sloppy, but clear */
        {S(" \t(x)Mon , 01 jan 2000 00:00:00 +0000"), 946684800}, /* it was a Saturday */
        {S("1Jan2000 00:00:00+0000"), 946684800},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct gp_slice text = tight(cases[i].text);
        int64_t got = 0;

        if (gp__date_parse(text, &got) < 0 || got != cases[i].want)
            fail_msg("\"" GP_FMT "\": %lld", GP_ARG(text), (long long)got);
        tight_free(text);
    }
}

static void refuses(void **state)
{
    static const struct gp_slice cases[] = {
        {NULL, 0},
        S(""),
        S("Mon"),
        S("Mon,"),
        S("Mon 1 Jan 2000 00:00:00 +0000"),
        S("Monday, 1 Jan 2000 00:00:00 +0000"),
        S("Xyz, 1 Jan 2000 00:00:00 +0000"),
        S("0 Jan 2000 00:00:00 +0000"),
        S("32 Jan 2000 00:00:00 +0000"),
        S("31 Apr 2000 00:00:00 +0000"),
        S("30 Feb 2000 00:00:00 +0000"),
        S("29 Feb 1900 00:00:00 +0000"),
        S("29 Feb 2023 00:00:00 +0000"),
        S("29 Feb 2100 00:00:00 +0000"),
        S("001 Jan 2000 00:00:00 +0000"),
        S("-1 Jan 2000 00:00:00 +0000"),
        S("1 January 2000 00:00:00 +0000"),
        S("1 Foo 2000 00:00:00 +0000"),
        S("1 01 2000 00:00:00 +0000"),
        S("1 Jan 0 00:00:00 +0000"),
        S("1 Jan -2000 00:00:00 +0000"),
        S("1 Jan 200000 00:00:00 +0000"),
        S("1 Jan 2000"),
        S("1 Jan 2000 24:00:00 +0000"),
        S("1 Jan 2000 00:60:00 +0000"),
        S("1 Jan 2000 00:00:61 +0000"),
        S("1 Jan 2000 0:00:00 +0000"),
        S("1 Jan 2000 00:0:00 +0000"),
        S("1 Jan 2000 00:00:0 +0000"),
        S("1 Jan 2000 00:00: +0000"),
        S("1 Jan 2000 00:00:00"),
        S("1 Jan 2000 00:00:00 +"),
        S("1 Jan 2000 00:00:00 +000"),
        S("1 Jan 2000 00:00:00 +00000"),
        S("1 Jan 2000 00:00:00 +00:00"),
        S("1 Jan 2000 00:00:00 +0060"),
        S("1 Jan 2000 00:00:00 +-000"),
        S("1 Jan 2000 00:00:00 +0000 x"),
        S("1 Jan 2000 00:00:00 +0000 (open"),
        S("1 Jan 2000 00:00:00 +0000 (open\\)"),
        S("1 Jan 2000 00:00:00 +0000 (a \\"),
        S("1 Jan 2000 00:00:00 +0000 )"),
        S("1 Jan 2000 00:00:00 +0000\0"),
        S("1 Jan 2000 00:00:00.5 +0000"),
        S("2000-01-01T00:00:00Z"),
        S("Sat Jan  1 00:00:00 2000"),
        S("(((((((((((("),
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct gp_slice text = tight(cases[i]);
        int64_t got = 4711;

        if (gp__date_parse(text, &got) != -1 || got != 4711)
            fail_msg("\"" GP_FMT "\" is taken for %lld", GP_ARG(text), (long long)got);
        tight_free(text);
    }
}

/* Cut short at any byte: no byte behind the end is read, and no part of a full date is a date. */
static void cut_short(void **state)
{
    const struct gp_slice full = GP_S("Fri, 21 Nov 1997 09(comment):   55  :  06 -0600");
    int64_t got;

    (void)state;
    for (size_t n = 0; n < full.len; n++) {
        struct gp_slice text = tight(gp_slice_sub(full, 0, n));

        assert_int_equal(gp__date_parse(text, &got), -1);
        tight_free(text);
    }
    assert_int_equal(gp__date_parse(full, &got), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_dates), cmocka_unit_test(milliseconds), cmocka_unit_test(far_away),
        cmocka_unit_test(every_day),   cmocka_unit_test(parses),       cmocka_unit_test(refuses),
        cmocka_unit_test(cut_short),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
