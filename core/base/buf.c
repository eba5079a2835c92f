// SPDX-License-Identifier: Apache-2.0
#include "core/base/buf.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define SMALLEST 256u
#define LIMIT_MAX (SIZE_MAX / 4) /* doubling a capacity cannot overflow */

static size_t limit_of(const struct gp__buf *buf)
{
    return buf->limit && buf->limit < LIMIT_MAX ? buf->limit : LIMIT_MAX;
}

static void give_back(struct gp__buf *buf)
{
    if (buf->secret && buf->data)
        explicit_bzero(buf->data, buf->cap);
    free(buf->data);
}

static int grow(struct gp__buf *buf, size_t need)
{
    size_t cap = buf->cap ? buf->cap : SMALLEST;
    char *data;

    /* A buffer more than half full doubles even if moving its content would do: otherwise one that
     * stays nearly full is moved for every few bytes. */
    while (cap < need || cap / 2 < buf->len)
        cap *= 2;
    data = malloc(cap);
    if (!data)
        return -1;
    if (buf->len)
        memcpy(data, buf->data + buf->start, buf->len);
    give_back(buf);
    buf->data = data;
    buf->start = 0;
    buf->cap = cap;
    return 0;
}

static __attribute__((noinline)) int make_room(struct gp__buf *buf, size_t n)
{
    if (!buf->data || buf->cap - buf->len < n || buf->start < buf->len)
        return grow(buf, buf->len + n);
    memcpy(buf->data, buf->data + buf->start, buf->len); /* cheap: no overlap, and rare */
    buf->start = 0;
    return 0;
}

/* The end of the content, with room for n more bytes; the limit was checked. Mostly there is. */
static inline char *reserve(struct gp__buf *buf, size_t n)
{
    if ((!buf->data || buf->cap - buf->start - buf->len < n) && make_room(buf, n) < 0)
        return NULL;
    return buf->data + buf->start + buf->len;
}

static bool fits(const struct gp__buf *buf, size_t n)
{
    return buf->len <= limit_of(buf) && n <= limit_of(buf) - buf->len;
}

char *gp__buf_room(struct gp__buf *buf, size_t n, size_t *room_r)
{
    char *end = fits(buf, n) ? reserve(buf, n) : NULL;

    if (!end)
        return NULL;
    *room_r = buf->cap - buf->start - buf->len;
    if (*room_r > limit_of(buf) - buf->len)
        *room_r = limit_of(buf) - buf->len;
    return end;
}

void gp__buf_added(struct gp__buf *buf, size_t n)
{
    if (n > buf->cap - buf->start - buf->len)
        abort();
    buf->len += n;
}

int gp__buf_append(struct gp__buf *buf, struct gp_slice s)
{
    char *to;

    if (s.len == 0)
        return 0;
    to = fits(buf, s.len) ? reserve(buf, s.len) : NULL;
    if (!to)
        return -1;
    memcpy(to, s.data, s.len);
    buf->len += s.len;
    return 0;
}

int gp__buf_vprintf(struct gp__buf *buf, const char *format, va_list args)
{
    char small[256]; /* most texts fit and are formatted once */
    va_list again;
    char *to;
    int len;

    va_copy(again, args);
    len = vsnprintf(small, sizeof small, format, again);
    va_end(again);
    if (len < 0)
        return -1;
    if ((size_t)len < sizeof small)
        return gp__buf_append(buf, gp_slice(small, (size_t)len));
    /* vsnprintf writes its NUL, which does not count against the limit. */
    to = fits(buf, (size_t)len) ? reserve(buf, (size_t)len + 1) : NULL;
    if (!to)
        return -1;
    vsnprintf(to, (size_t)len + 1, format, args);
    buf->len += (size_t)len;
    return 0;
}

int gp__buf_printf(struct gp__buf *buf, const char *format, ...)
{
    va_list args;
    int result;

    va_start(args, format);
    result = gp__buf_vprintf(buf, format, args);
    va_end(args);
    return result;
}

void gp__buf_consume(struct gp__buf *buf, size_t n)
{
    if (n > buf->len)
        abort();
    buf->len -= n;
    buf->start = buf->len ? buf->start + n : 0;
}

void gp__buf_clear(struct gp__buf *buf)
{
    buf->start = 0;
    buf->len = 0;
}

void gp__buf_free(struct gp__buf *buf)
{
    give_back(buf);
    *buf = (struct gp__buf){.limit = buf->limit, .secret = buf->secret};
}
