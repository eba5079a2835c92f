// SPDX-License-Identifier: Apache-2.0
#include "core/base/units.h"

#include "core/base/ascii.h"

#include <stdio.h>

struct unit {
    const char *name;
    uint64_t factor;
};

// clang-format off
static const struct unit durations[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}, {"w", 604800000},
    {NULL, 0},
};

static const struct unit sizes[] = {
    {"", 1},             {"b", 1},
    {"kib", 1u << 10},   {"k", 1u << 10},   {"kb", 1000},
    {"mib", 1u << 20},   {"m", 1u << 20},   {"mb", 1000000},
    {"gib", 1u << 30},   {"g", 1u << 30},   {"gb", 1000000000},
    {"tib", 1ull << 40}, {"t", 1ull << 40}, {"tb", 1000000000000},
    {NULL, 0},
};
// clang-format on

static const struct unit *unit_find(const struct unit *units, struct gp_slice name)
{
    for (; units->name; units++)
        if (gp_slice_caseeq(name, gp_slice_of(units->name)))
            return units;
    return NULL;
}

/* Takes the number and the unit behind it off the text and adds their product to *sum. The unit has
 * to be smaller than *below, which becomes the unit: "1m30m" is a slip. */
static int take_term(struct gp_slice *text, const struct unit *units, uint64_t *below,
                     uint64_t *sum)
{
    const struct unit *unit;
    uint64_t value = 0;
    size_t digits = 0, letters = 0;

    while (digits < text->len && gp__is_digit(text->data[digits])) {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(text->data[digits] - '0'), &value))
            return -1;
        digits++;
    }
    while (digits + letters < text->len && gp__is_alpha(text->data[digits + letters]))
        letters++;
    unit = unit_find(units, gp_slice_sub(*text, digits, letters));
    if (digits == 0 || !unit || unit->factor >= *below ||
        __builtin_mul_overflow(value, unit->factor, &value) ||
        __builtin_add_overflow(*sum, value, sum))
        return -1;
    *below = unit->factor;
    *text = gp_slice_sub(*text, digits + letters, text->len);
    return 0;
}

int gp__duration_parse(struct gp_slice text, uint64_t *ms_r)
{
    uint64_t below = UINT64_MAX, sum = 0;

    if (gp_slice_eq(text, GP_S("0"))) {
        *ms_r = 0;
        return 0;
    }
    if (text.len == 0)
        return -1;
    while (text.len)
        if (take_term(&text, durations, &below, &sum) < 0)
            return -1;
    if (sum > INT64_MAX)
        return -1;
    *ms_r = sum;
    return 0;
}

int gp__rate_parse(struct gp_slice text, int64_t *count_r, uint64_t *period_ms_r)
{
    struct gp_slice period = text, count = gp_slice_split(&period, '/');
    char unit[32];
    int len;

    if (gp_slice_to_int(count, 1, INT64_MAX, count_r) < 0 || period.len == 0 || period.len > 30)
        return -1;
    len = snprintf(unit, sizeof unit, "%s" GP_FMT, gp__is_alpha(period.data[0]) ? "1" : "",
                   GP_ARG(period));
    return gp__duration_parse(gp_slice(unit, (size_t)len), period_ms_r) < 0 || *period_ms_r == 0
               ? -1
               : 0;
}

int gp__size_parse(struct gp_slice text, uint64_t *bytes_r)
{
    uint64_t below = UINT64_MAX, sum = 0;

    if (take_term(&text, sizes, &below, &sum) < 0 || text.len || sum > INT64_MAX)
        return -1;
    *bytes_r = sum;
    return 0;
}

struct gp_slice gp__duration_format(uint64_t ms, char out[32])
{
    const struct unit *best = &durations[0];
    int len;

    if (ms == 0)
        return gp_slice(strcpy(out, "0"), 1);
    for (const struct unit *unit = durations; unit->name; unit++)
        if (ms % unit->factor == 0)
            best = unit;
    len = snprintf(out, 32, "%llu%s", (unsigned long long)(ms / best->factor), best->name);
    return gp_slice(out, (size_t)len);
}

struct gp_slice gp__size_format(uint64_t bytes, char out[32])
{
    static const char *const names[] = {"", "KiB", "MiB", "GiB", "TiB"};
    size_t n = 0;
    int len;

    while (bytes && n < 4 && bytes % 1024 == 0) {
        bytes /= 1024;
        n++;
    }
    len = snprintf(out, 32, "%llu%s", (unsigned long long)bytes, names[n]);
    return gp_slice(out, (size_t)len);
}

/* "-12.5" in thousandths; at most three decimals. */
int gp__milli_parse(struct gp_slice text, int64_t *milli_r)
{
    struct gp_slice rest = text, whole = gp_slice_split(&rest, '.');
    bool negative = gp_slice_starts(text, GP_S("-"));
    int64_t units, thousandths = 0;

    if (gp_slice_to_int(whole, INT64_MIN / 1000, INT64_MAX / 1000, &units) < 0)
        return -1;
    if (gp_slice_present(rest)) {
        if (rest.len > 3 || gp_slice_starts(rest, GP_S("-")) ||
            gp_slice_to_int(rest, 0, 999, &thousandths) < 0)
            return -1;
        for (size_t i = rest.len; i < 3; i++)
            thousandths *= 10;
    }
    return __builtin_mul_overflow(units, 1000, milli_r) ||
                   __builtin_add_overflow(*milli_r, negative ? -thousandths : thousandths, milli_r)
               ? -1
               : 0;
}

int gp__mode_parse(struct gp_slice text, unsigned *mode_r)
{
    unsigned mode = 0;

    if (text.len == 0 || text.len > 4)
        return -1;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '7')
            return -1;
        mode = mode * 8 + (unsigned)(text.data[i] - '0');
    }
    *mode_r = mode;
    return mode <= 0777 ? 0 : -1;
}
