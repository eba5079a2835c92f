// SPDX-License-Identifier: Apache-2.0
/*
 * A short text put together on the stack: replies that name a host, an id or a number. What does
 * not fit is cut off.
 */
#ifndef GP_SMTP_TEXT_H
#define GP_SMTP_TEXT_H

#include <gatepost/slice.h>
#include <stdint.h>

struct gp__text {
    size_t len;
    char bytes[640];
};

static inline struct gp_slice gp__text_slice(const struct gp__text *text)
{
    return gp_slice(text->bytes, text->len);
}

static inline void gp__text_add(struct gp__text *text, struct gp_slice s)
{
    size_t room = sizeof text->bytes - text->len;

    if (s.len > room)
        s.len = room;
    if (s.len)
        memcpy(text->bytes + text->len, s.data, s.len);
    text->len += s.len;
}

static inline void gp__text_add_number(struct gp__text *text, uint64_t number)
{
    char digits[20];
    size_t at = sizeof digits;

    do
        digits[--at] = (char)('0' + number % 10);
    while (number /= 10);
    gp__text_add(text, gp_slice(digits + at, sizeof digits - at));
}

#endif
