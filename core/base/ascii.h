// SPDX-License-Identifier: Apache-2.0
/* Character classes and digits of the protocols: ASCII only, whatever the locale says. */
#ifndef GP_BASE_ASCII_H
#define GP_BASE_ASCII_H

#include <stdbool.h>
#include <stdint.h>

static inline bool gp__is_alpha(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static inline bool gp__is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool gp__is_alnum(char c)
{
    return gp__is_alpha(c) || gp__is_digit(c);
}

static inline char gp__to_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static inline char gp__to_upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - ('a' - 'A')) : c;
}

/* 0 to 15, or -1. */
static inline int gp__hex_value(char c)
{
    if (gp__is_digit(c))
        return c - '0';
    c = gp__to_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static inline bool gp__is_wsp(char c)
{
    return c == ' ' || c == '\t';
}

static inline bool gp__is_8bit(char c)
{
    return (unsigned char)c >= 0x80;
}

static inline bool gp__is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

/* RFC 5322 3.2.3 / RFC 5321 4.1.2 atext, without the UTF-8 of RFC 6531. */
static inline bool gp__is_atext(char c)
{
    switch (c) {
    // clang-format off
    case '!': case '#': case '$': case '%': case '&': case '\'': case '*': case '+': case '-':
    case '/': case '=': case '?': case '^': case '_': case '`': case '{': case '|': case '}':
    case '~':
        // clang-format on
        return true;
    default:
        return gp__is_alnum(c);
    }
}

/* Writes a number in decimal, with zeros in front up to `width` digits (20 at most); returns the
 * end, which is at most 20 bytes on. No NUL. Where printf would be most of the work. */
static inline char *gp__put_decimal(char *to, uint64_t number, unsigned width)
{
    char digits[20];
    unsigned n = 0;

    do {
        digits[n++] = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    while (n < width && n < sizeof digits)
        digits[n++] = '0';
    while (n)
        *to++ = digits[--n];
    return to;
}

#endif
