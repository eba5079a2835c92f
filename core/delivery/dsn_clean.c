// SPDX-License-Identifier: Apache-2.0
#include "core/delivery/dsn_clean.h"

#include "core/base/ascii.h"
#include "core/base/buf.h"
#include "core/base/utf8.h"

#include <stdio.h>

#define EMBEDDED_MAX 16    /* "\x{10FFFF}" and a NUL */
#define WORD_MAX_BYTES 400 /* a longer one could not be folded (RFC 5322 2.1.1) */

/* The character at the start as it may stand, and how many bytes of s it was. */
static struct gp_slice take_character(struct gp_slice s, enum gp__dsn_charset charset,
                                      size_t *used_r)
{
    uint32_t code;
    size_t len = gp__utf8_decode(s, &code);

    *used_r = len ? len : 1;
    if (len == 1)
        return gp__is_control(s.data[0]) ? GP_S(" ") : gp_slice_sub(s, 0, 1);
    if (len > 0 && code < 0xa0) /* C1 controls */
        return GP_S(" ");
    if (code == 0x2028 || code == 0x2029) /* line ends of Unicode */
        return GP_S(" ");
    return len && charset == GP__DSN_UTF8 ? gp_slice_sub(s, 0, len) : GP_S("?");
}

struct gp_slice gp__dsn_clean(struct gp__arena *arena, struct gp_slice text, size_t max,
                              enum gp__dsn_charset charset)
{
    size_t n = text.len < max ? text.len : max, word = 0, used;
    char *out = gp__arena_bytes(arena, n + n / WORD_MAX_BYTES + 4), *to = out;

    if (!gp_slice_present(text))
        return text;
    for (size_t i = 0; i < n; i += used) {
        struct gp_slice c = take_character(gp_slice_sub(text, i, text.len), charset, &used);
        bool blank = gp_slice_eq(c, GP_S(" "));

        if (i + used > max)
            break;
        if (blank && (to == out || to[-1] == ' '))
            continue;
        if (word + c.len > WORD_MAX_BYTES && !blank) {
            *to++ = ' ';
            word = 0;
        }
        to = (char *)memcpy(to, c.data, c.len) + c.len;
        word = blank ? 0 : word + c.len;
    }
    return gp_slice_trim(gp_slice(out, (size_t)(to - out)));
}

/* RFC 6533 section 3: QCHAR and QUCHAR without "\", "+" and "=". */
static bool stands_for_itself(struct gp_slice character, enum gp__dsn_charset charset)
{
    char c = character.data[0];

    if (gp__is_8bit(c))
        return charset == GP__DSN_UTF8;
    return c > ' ' && c < 0x7f && c != '\\' && c != '+' && c != '=';
}

#define EMBEDDED_MAX 16 /* "\\x{10FFFF}" and a NUL */

static struct gp_slice embed(struct gp__arena *arena, struct gp_slice address,
                             enum gp__dsn_charset charset)
{
    /* At worst a byte takes six, "\x{2B}", and a character of more bytes no more for each. */
    char *out = gp__arena_bytes(arena, address.len * 6 + EMBEDDED_MAX), *to = out;

    for (size_t i = 0; i < address.len;) {
        struct gp_slice rest = gp_slice_sub(address, i, address.len);
        uint32_t code;
        size_t len = gp__utf8_decode(rest, &code);

        if (len == 0) {
            code = '?';
            len = 1;
        }
        if (stands_for_itself(gp_slice_sub(rest, 0, len), charset))
            to = (char *)memcpy(to, rest.data, len) + len;
        else
            to += snprintf(to, EMBEDDED_MAX, "\\x{%02X}", (unsigned)code);
        i += len;
    }
    return gp_slice(out, (size_t)(to - out));
}

#define ADDRESS_MAX 1000
#define TYPE_MAX 40

struct gp_slice gp__dsn_address(struct gp__arena *arena, struct gp_slice type,
                                struct gp_slice address, enum gp__dsn_charset charset)
{
    address = gp__dsn_clean(arena, address, ADDRESS_MAX, GP__DSN_UTF8);
    if (gp_slice_caseeq(type, GP_S("utf-8")) && !gp__ascii_only(address))
        address = embed(arena, address, charset);
    else
        address = gp__dsn_clean(arena, address, ADDRESS_MAX, charset);
    type = gp__dsn_clean(arena, type, TYPE_MAX, GP__DSN_ASCII);
    return GP__ARENA_JOIN(arena, type, GP_S("; "), address);
}
