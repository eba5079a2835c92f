// SPDX-License-Identifier: Apache-2.0
/* Dates (RFC 5322 3.3, 4.3), read leniently: what is judged is the time, not the spelling. */
#include "syntax.h"

#define TOKENS_MAX 8

/* Zones that are not known count as -0000 (RFC 5322 4.3). */
static const struct {
    char name[4];
    int hours;
} zones[] = {{"EST", -5}, {"EDT", -4}, {"CST", -6}, {"CDT", -5},
             {"MST", -7}, {"MDT", -6}, {"PST", -8}, {"PDT", -7}};

static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Words between white space, commas and comments; how many, or TOKENS_MAX + 1. */
static size_t split(struct gp_slice s, struct gp_slice words[TOKENS_MAX])
{
    size_t n = 0, i = 0;

    while (i < s.len) {
        size_t begin = i;

        if (s.data[i] == '(') {
            size_t len = header_rules_enclosed(gp_slice_sub(s, i, s.len));

            i = len ? i + len : s.len;
            continue;
        }
        while (i < s.len && !is_space(s.data[i]) && s.data[i] != ',' && s.data[i] != '(')
            i++;
        if (i == begin) {
            i++;
            continue;
        }
        if (n == TOKENS_MAX)
            return TOKENS_MAX + 1;
        words[n++] = gp_slice_sub(s, begin, i - begin);
    }
    return n;
}

/* Days since 1970-01-01, counting years from March. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return y * 365 + y / 4 - y / 100 + y / 400 + of_year - 719468;
}

static int parse_month(struct gp_slice word, int64_t *month_r)
{
    for (int i = 0; i < 12; i++) {
        if (gp_slice_caseeq(word, gp_slice(months[i], 3))) {
            *month_r = i + 1;
            return 0;
        }
    }
    return -1;
}

/* RFC 5322 4.3: 00 to 49 are of this century, other years of two or three digits of the last. */
static int parse_year(struct gp_slice word, int64_t *year_r)
{
    if (word.len < 2 || word.len > 4 || gp_slice_to_int(word, 0, 9999, year_r) < 0)
        return -1;
    if (word.len < 4)
        *year_r += word.len == 2 && *year_r < 50 ? 2000 : 1900;
    return 0;
}

static int parse_clock(struct gp_slice word, int64_t *seconds_r)
{
    struct gp_slice rest = word, hour = gp_slice_split(&rest, ':');
    struct gp_slice minute = gp_slice_split(&rest, ':');
    int64_t h, m, s = 0;

    if (gp_slice_to_int(hour, 0, 23, &h) < 0 || gp_slice_to_int(minute, 0, 59, &m) < 0)
        return -1;
    if (gp_slice_present(rest) && gp_slice_to_int(rest, 0, 60, &s) < 0)
        return -1;
    *seconds_r = h * 3600 + m * 60 + s;
    return 0;
}

static int64_t zone_seconds(struct gp_slice word)
{
    int64_t n;

    for (size_t i = 0; i < sizeof zones / sizeof zones[0]; i++)
        if (gp_slice_caseeq(word, gp_slice(zones[i].name, 3)))
            return (int64_t)zones[i].hours * 3600;
    if (word.len != 5 || (word.data[0] != '+' && word.data[0] != '-') ||
        gp_slice_to_int(gp_slice_sub(word, 1, 4), 0, 9959, &n) < 0)
        return 0;
    n = n / 100 * 3600 + n % 100 * 60;
    return word.data[0] == '-' ? -n : n;
}

int header_rules_date(struct gp_slice value, int64_t *unix_s_r)
{
    struct gp_slice words[TOKENS_MAX], *at = words;
    size_t n = split(value, words);
    int64_t day, month, year, clock;

    if (n > 0 && n <= TOKENS_MAX && gp_slice_to_int(words[0], 1, 31, &day) < 0) {
        at++; /* the day of the week */
        n--;
    }
    if (n < 4 || n > TOKENS_MAX || gp_slice_to_int(at[0], 1, 31, &day) < 0 ||
        parse_month(at[1], &month) < 0 || parse_year(at[2], &year) < 0 ||
        parse_clock(at[3], &clock) < 0)
        return -1;
    *unix_s_r = days_of(year, month, day) * 86400 + clock - (n > 4 ? zone_seconds(at[4]) : 0);
    return 0;
}
