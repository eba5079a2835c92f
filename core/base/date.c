// SPDX-License-Identifier: Apache-2.0
#include "core/base/date.h"

#include "core/base/ascii.h"

#include <stdbool.h>

static const char month_names[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
static const char day_names[7][4] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};

struct civil {
    int64_t year;
    int month, day, hour, minute, second; /* month and day from 1 */
    int weekday;                          /* 0 is Monday */
};

/* Days since 1970-01-01 of a date of the Gregorian calendar, counted in years from March. */
static int64_t days_of(int64_t year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static struct civil civil_of(int64_t unix_s)
{
    int64_t days = unix_s / 86400, rest = unix_s % 86400;
    int64_t era, doe, yoe, doy, mp;
    struct civil c;

    if (rest < 0) {
        rest += 86400;
        days--;
    }
    c.weekday = (int)(((days + 3) % 7 + 7) % 7);
    days += 719468;
    era = (days >= 0 ? days : days - 146096) / 146097;
    doe = days - era * 146097;
    yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    mp = (5 * doy + 2) / 153;
    c.day = (int)(doy - (153 * mp + 2) / 5 + 1);
    c.month = (int)(mp < 10 ? mp + 3 : mp - 9);
    c.year = yoe + era * 400 + (c.month <= 2);
    c.hour = (int)(rest / 3600);
    c.minute = (int)(rest / 60 % 60);
    c.second = (int)(rest % 60);
    return c;
}

static char *put_text(char *to, const char *text, size_t len)
{
    memcpy(to, text, len);
    return to + len;
}

/* Four digits or more. */
static char *put_year(char *to, int64_t year)
{
    if (year >= 0)
        return gp__put_decimal(to, (uint64_t)year, 4);
    *to++ = '-';
    return gp__put_decimal(to, (uint64_t)-year, 3);
}

static char *put_time(char *to, const struct civil *c)
{
    to = gp__put_decimal(to, (uint64_t)c->hour, 2);
    *to++ = ':';
    to = gp__put_decimal(to, (uint64_t)c->minute, 2);
    *to++ = ':';
    return gp__put_decimal(to, (uint64_t)c->second, 2);
}

struct gp_slice gp__date_rfc5322(int64_t unix_s, char out[48])
{
    struct civil c = civil_of(unix_s);
    char *to = put_text(out, day_names[c.weekday], 3);

    to = put_text(to, ", ", 2);
    to = gp__put_decimal(to, (uint64_t)c.day, 1);
    *to++ = ' ';
    to = put_text(to, month_names[c.month - 1], 3);
    *to++ = ' ';
    to = put_year(to, c.year);
    *to++ = ' ';
    to = put_text(put_time(to, &c), " +0000", 7);
    return gp_slice(out, (size_t)(to - out - 1));
}

struct gp_slice gp__date_rfc3339(int64_t unix_ms, char out[48])
{
    int64_t s = unix_ms / 1000, ms = unix_ms % 1000;
    struct civil c;
    char *to;

    if (ms < 0) {
        ms += 1000;
        s--;
    }
    c = civil_of(s);
    to = put_year(out, c.year);
    *to++ = '-';
    to = gp__put_decimal(to, (uint64_t)c.month, 2);
    *to++ = '-';
    to = gp__put_decimal(to, (uint64_t)c.day, 2);
    *to++ = 'T';
    to = put_time(to, &c);
    *to++ = '.';
    to = put_text(gp__put_decimal(to, (uint64_t)ms, 3), "Z", 2);
    return gp_slice(out, (size_t)(to - out - 1));
}

/* Skips white space and comments, nested to any depth (RFC 5322 3.2.2). -1: not closed. */
static int skip_cfws(struct gp_slice *s)
{
    size_t depth = 0, i = 0;

    for (; i < s->len; i++) {
        char c = s->data[i];

        if (depth && c == '\\' && i + 1 < s->len)
            i++;
        else if (c == '(')
            depth++;
        else if (c == ')' && depth)
            depth--;
        else if (!depth && !gp__is_wsp(c) && c != '\r' && c != '\n')
            break;
    }
    *s = gp_slice_sub(*s, i, s->len);
    return depth ? -1 : 0;
}

static bool take_char(struct gp_slice *s, char c)
{
    if (s->len == 0 || s->data[0] != c)
        return false;
    *s = gp_slice_sub(*s, 1, s->len);
    return true;
}

/* Takes `least` to `most` digits; how many, or -1. */
static int take_number(struct gp_slice *s, int least, int most, int *value_r)
{
    int n = 0, value = 0;

    while (n < most && (size_t)n < s->len && gp__is_digit(s->data[n]))
        value = value * 10 + (s->data[n++] - '0');
    if (n < least)
        return -1;
    *s = gp_slice_sub(*s, (size_t)n, s->len);
    *value_r = value;
    return n;
}

static struct gp_slice take_word(struct gp_slice *s)
{
    struct gp_slice word;
    size_t n = 0;

    while (n < s->len && gp__is_alpha(s->data[n]))
        n++;
    word = gp_slice_sub(*s, 0, n);
    *s = gp_slice_sub(*s, n, s->len);
    return word;
}

static int name_index(const char (*names)[4], int count, struct gp_slice word)
{
    for (int i = 0; i < count; i++)
        if (gp_slice_caseeq(word, gp_slice_of(names[i])))
            return i;
    return -1;
}

/* [day-name ","] day month year; RFC 5322 3.3 and 4.3. */
static int take_day(struct gp_slice *s, struct civil *c)
{
    int digits, month, year;

    if (s->len && gp__is_alpha(s->data[0])) {
        if (name_index(day_names, 7, take_word(s)) < 0 || skip_cfws(s) < 0 || !take_char(s, ',') ||
            skip_cfws(s) < 0)
            return -1;
    }
    if (take_number(s, 1, 2, &c->day) < 0 || skip_cfws(s) < 0)
        return -1;
    month = name_index(month_names, 12, take_word(s));
    if (month < 0 || skip_cfws(s) < 0)
        return -1;
    c->month = month + 1;
    digits = take_number(s, 2, 5, &year);
    if (digits < 0)
        return -1;
    /* RFC 5322 4.3: 00-49 is 2000-2049, 50-99 and three digits count from 1900. */
    c->year = digits > 3 ? year : digits == 2 && year < 50 ? year + 2000 : year + 1900;
    return skip_cfws(s);
}

static int take_time(struct gp_slice *s, struct civil *c)
{
    c->second = 0;
    if (take_number(s, 2, 2, &c->hour) < 0 || skip_cfws(s) < 0 || !take_char(s, ':') ||
        skip_cfws(s) < 0 || take_number(s, 2, 2, &c->minute) < 0 || skip_cfws(s) < 0)
        return -1;
    if (take_char(s, ':')) {
        if (skip_cfws(s) < 0 || take_number(s, 2, 2, &c->second) < 0 || skip_cfws(s) < 0)
            return -1;
    }
    return 0;
}

/* Minutes east of UTC; unknown zone names count as -0000 (RFC 5322 4.3). */
static int take_zone(struct gp_slice *s, int *minutes_r)
{
    static const struct {
        const char *name;
        int hours;
    } zones[] = {{"EST", -5}, {"EDT", -4}, {"CST", -6}, {"CDT", -5},
                 {"MST", -7}, {"MDT", -6}, {"PST", -8}, {"PDT", -7}};
    bool west = take_char(s, '-');
    struct gp_slice name;
    int value;

    *minutes_r = 0;
    if (west || take_char(s, '+')) {
        if (take_number(s, 4, 4, &value) < 0 || value % 100 > 59)
            return -1;
        *minutes_r = (value / 100 * 60 + value % 100) * (west ? -1 : 1);
        return 0;
    }
    name = take_word(s);
    for (size_t i = 0; i < sizeof zones / sizeof *zones; i++)
        if (gp_slice_caseeq(name, gp_slice_of(zones[i].name)))
            *minutes_r = zones[i].hours * 60;
    return name.len ? 0 : -1;
}

static int days_in_month(const struct civil *c)
{
    return (int)(days_of(c->month == 12 ? c->year + 1 : c->year, c->month % 12 + 1, 1) -
                 days_of(c->year, c->month, 1));
}

int gp__date_parse(struct gp_slice text, int64_t *unix_s_r)
{
    struct civil c = {0};
    int zone;

    if (skip_cfws(&text) < 0 || take_day(&text, &c) < 0 || take_time(&text, &c) < 0 ||
        take_zone(&text, &zone) < 0 || skip_cfws(&text) < 0 || text.len)
        return -1;
    if (c.day < 1 || c.day > days_in_month(&c) || c.hour > 23 || c.minute > 59 || c.second > 60)
        return -1;
    *unix_s_r = days_of(c.year, c.month, c.day) * 86400 + c.hour * 3600 + c.minute * 60 + c.second -
                zone * 60;
    return 0;
}
