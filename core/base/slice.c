// SPDX-License-Identifier: Apache-2.0
#include "core/base/ascii.h"

#include <gatepost/slice.h>

bool gp_slice_caseeq(struct gp_slice a, struct gp_slice b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (gp__to_lower(a.data[i]) != gp__to_lower(b.data[i]))
            return false;
    return true;
}

bool gp_slice_starts(struct gp_slice s, struct gp_slice prefix)
{
    return s.len >= prefix.len && gp_slice_eq(gp_slice_sub(s, 0, prefix.len), prefix);
}

bool gp_slice_ends(struct gp_slice s, struct gp_slice suffix)
{
    return s.len >= suffix.len &&
           gp_slice_eq(gp_slice_sub(s, s.len - suffix.len, suffix.len), suffix);
}

int gp_slice_cmp(struct gp_slice a, struct gp_slice b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common ? memcmp(a.data, b.data, common) : 0;

    if (order || a.len == b.len)
        return order;
    return a.len < b.len ? -1 : 1;
}

size_t gp_slice_find(struct gp_slice s, char c)
{
    const char *at = s.len ? memchr(s.data, c, s.len) : NULL;

    return at ? (size_t)(at - s.data) : s.len;
}

size_t gp_slice_rfind(struct gp_slice s, char c)
{
    for (size_t i = s.len; i > 0; i--)
        if (s.data[i - 1] == c)
            return i - 1;
    return s.len;
}

size_t gp_slice_search(struct gp_slice s, struct gp_slice needle)
{
    const char *at;

    if (needle.len == 0)
        return 0;
    at = needle.len <= s.len ? memmem(s.data, s.len, needle.data, needle.len) : NULL;
    return at ? (size_t)(at - s.data) : s.len;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct gp_slice gp_slice_trim(struct gp_slice s)
{
    while (s.len && is_blank(s.data[0]))
        s = gp_slice_sub(s, 1, s.len);
    while (s.len && is_blank(s.data[s.len - 1]))
        s.len--;
    return s;
}

struct gp_slice gp_slice_split(struct gp_slice *rest, char c)
{
    size_t at = gp_slice_find(*rest, c);
    struct gp_slice head = gp_slice_sub(*rest, 0, at);

    *rest = at < rest->len ? gp_slice_sub(*rest, at + 1, rest->len) : gp_slice(NULL, 0);
    return head;
}

int gp_slice_to_int(struct gp_slice s, int64_t min, int64_t max, int64_t *value_r)
{
    bool negative = s.len && s.data[0] == '-';
    int64_t value = 0;

    if (negative)
        s = gp_slice_sub(s, 1, s.len);
    if (s.len == 0)
        return -1;
    for (size_t i = 0; i < s.len; i++) {
        if (!gp__is_digit(s.data[i]) || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, s.data[i] - '0', &value))
            return -1;
    }
    /* Counted downwards, so that INT64_MIN fits. */
    if (!negative && __builtin_sub_overflow(0, value, &value))
        return -1;
    if (value < min || value > max)
        return -1;
    *value_r = value;
    return 0;
}
