// SPDX-License-Identifier: Apache-2.0
/*
 * Counted bytes. Everything that came over a wire or out of a file is a slice, never a C string:
 * it may hold any byte, NUL included, and is not NUL-terminated.
 *
 * A slice owns nothing. One that the host hands to a hook stays valid until that hook returns,
 * across waits and a client that leaves.
 */
#ifndef GATEPOST_SLICE_H
#define GATEPOST_SLICE_H

#include <gatepost/abi.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

GP_BEGIN_C

struct gp_slice {
    const char *data; /* NULL only together with len 0: "absent", as gp_slice_present() tells */
    size_t len;
};

/* A slice of a string literal. */
#define GP_S(literal) ((struct gp_slice){"" literal, sizeof(literal) - 1})

/* For printf-like calls: printf("<" GP_FMT ">", GP_ARG(slice)). Prints at most INT_MAX bytes. */
#define GP_FMT "%.*s"
#define GP_ARG(slice) (int)((slice).len > 0x7fffffff ? 0x7fffffff : (slice).len), (slice).data

static inline struct gp_slice gp_slice(const char *data, size_t len)
{
    struct gp_slice s = {data, len};
    return s;
}

/* A slice of a C string; an absent slice for NULL. */
static inline struct gp_slice gp_slice_of(const char *text)
{
    return gp_slice(text, text ? strlen(text) : 0);
}

/* Whether there is a value at all: an empty value is present, an absent one is not. */
static inline bool gp_slice_present(struct gp_slice s)
{
    return s.data != NULL;
}

/* Whether the bytes are the same. */
static inline bool gp_slice_eq(struct gp_slice a, struct gp_slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* The n bytes from offset on, clipped to what is there. */
static inline struct gp_slice gp_slice_sub(struct gp_slice s, size_t offset, size_t n)
{
    if (offset > s.len)
        offset = s.len;
    if (n > s.len - offset)
        n = s.len - offset;
    return gp_slice(s.data ? s.data + offset : NULL, n);
}

/* As gp_slice_eq, but ASCII letters match whatever their case. Other bytes must be the same. */
GP_API GP_PURE bool gp_slice_caseeq(struct gp_slice a, struct gp_slice b);

/* Whether s begins (ends) with the given bytes; the case of ASCII letters counts. */
GP_API GP_PURE bool gp_slice_starts(struct gp_slice s, struct gp_slice prefix);
GP_API GP_PURE bool gp_slice_ends(struct gp_slice s, struct gp_slice suffix);

/* As memcmp, a shorter slice before a longer one that begins with it. */
GP_API GP_PURE int gp_slice_cmp(struct gp_slice a, struct gp_slice b);

/* Where byte c first (last) stands, or s.len. */
GP_API GP_PURE size_t gp_slice_find(struct gp_slice s, char c);
GP_API GP_PURE size_t gp_slice_rfind(struct gp_slice s, char c);

/* Where needle first stands, or s.len; an empty needle is found at 0. */
GP_API GP_PURE size_t gp_slice_search(struct gp_slice s, struct gp_slice needle);

/* Without spaces, tabs, CR and LF at both ends. */
GP_API GP_PURE struct gp_slice gp_slice_trim(struct gp_slice s);

/*
 * Takes the bytes before the first c off *rest and returns them; c itself is dropped. At the end
 * *rest becomes absent and what was left is returned. Loop while gp_slice_present(*rest).
 */
GP_API struct gp_slice gp_slice_split(struct gp_slice *rest, char c);

/* Reads a decimal number that fills the whole slice. 0, or -1 (not a number, out of range). */
GP_API int gp_slice_to_int(struct gp_slice s, int64_t min, int64_t max, int64_t *value_r);

GP_END_C

#endif
