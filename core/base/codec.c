// SPDX-License-Identifier: Apache-2.0
#include "core/base/codec.h"

#include "core/base/ascii.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int sextet(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (gp__is_digit(c))
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

struct gp_slice gp__base64_encode(struct gp__arena *arena, struct gp_slice bytes)
{
    char *out = gp__arena_bytes(arena, (bytes.len + 2) / 3 * 4 + 1), *to = out;

    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i;
        uint32_t word = (uint32_t)(unsigned char)bytes.data[i] << 16;

        if (left > 1)
            word |= (uint32_t)(unsigned char)bytes.data[i + 1] << 8;
        if (left > 2)
            word |= (unsigned char)bytes.data[i + 2];
        *to++ = alphabet[word >> 18];
        *to++ = alphabet[word >> 12 & 63];
        *to++ = left > 1 ? alphabet[word >> 6 & 63] : '=';
        *to++ = left > 2 ? alphabet[word & 63] : '=';
    }
    *to = '\0';
    return gp_slice(out, (size_t)(to - out));
}

int gp__base64_decode(struct gp__arena *arena, struct gp_slice text, struct gp_slice *bytes_r)
{
    size_t padding = gp_slice_ends(text, GP_S("==")) ? 2 : gp_slice_ends(text, GP_S("=")) ? 1 : 0;
    char *out = gp__arena_bytes(arena, text.len / 4 * 3 + 1), *to = out;
    uint32_t word = 0;

    if (text.len % 4)
        return -1;
    for (size_t i = 0; i < text.len - padding; i++) {
        int value = sextet(text.data[i]);

        if (value < 0)
            return -1;
        word = word << 6 | (uint32_t)value;
        if (i % 4 == 3) {
            *to++ = (char)(word >> 16);
            *to++ = (char)(word >> 8);
            *to++ = (char)word;
            word = 0;
        }
    }
    if (padding == 1) {
        if (word & 3)
            return -1;
        *to++ = (char)(word >> 10);
        *to++ = (char)(word >> 2);
    } else if (padding == 2) {
        if (word & 15)
            return -1;
        *to++ = (char)(word >> 4);
    }
    *to = '\0';
    *bytes_r = gp_slice(out, (size_t)(to - out));
    return 0;
}

struct gp_slice gp__base64_decode_mime(struct gp__arena *arena, struct gp_slice text)
{
    char *out = gp__arena_bytes(arena, text.len / 4 * 3 + 4), *to = out;
    uint32_t word = 0;
    int bits = 0;

    for (size_t i = 0; i < text.len && text.data[i] != '='; i++) {
        int value = sextet(text.data[i]);

        if (value < 0)
            continue;
        word = word << 6 | (uint32_t)value;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            *to++ = (char)(word >> bits);
        }
    }
    *to = '\0';
    return gp_slice(out, (size_t)(to - out));
}

/* A soft line break at the start of s: "=" then white space then a line end. Its length, or 0. */
static size_t soft_break(struct gp_slice s)
{
    size_t i = 1;

    while (i < s.len && gp__is_wsp(s.data[i]))
        i++;
    if (i < s.len && s.data[i] == '\r')
        i++;
    if (i == s.len)
        return i;
    return s.data[i] == '\n' ? i + 1 : 0;
}

/* Length of a run of white space at i, and whether it ends the line: then transport added it. */
static size_t blank_run(struct gp_slice text, size_t i, bool *trailing_r)
{
    size_t end = i;

    while (end < text.len && gp__is_wsp(text.data[end]))
        end++;
    *trailing_r = end == text.len || text.data[end] == '\n' ||
                  (text.len - end >= 2 && text.data[end] == '\r' && text.data[end + 1] == '\n');
    return end - i;
}

struct gp_slice gp__qp_decode_mime(struct gp__arena *arena, struct gp_slice text)
{
    char *out = gp__arena_bytes(arena, text.len + 1), *to = out;

    for (size_t i = 0; i < text.len;) {
        size_t skip;

        if (gp__is_wsp(text.data[i])) {
            bool trailing;

            skip = blank_run(text, i, &trailing);
            if (!trailing)
                to = (char *)memcpy(to, text.data + i, skip) + skip;
            i += skip;
            continue;
        }
        if (text.data[i] != '=') {
            *to++ = text.data[i++];
            continue;
        }
        if (text.len - i >= 3 && gp__hex_value(text.data[i + 1]) >= 0 &&
            gp__hex_value(text.data[i + 2]) >= 0) {
            *to++ = (char)(gp__hex_value(text.data[i + 1]) << 4 | gp__hex_value(text.data[i + 2]));
            i += 3;
            continue;
        }
        skip = soft_break(gp_slice_sub(text, i, text.len));
        if (skip == 0)
            *to++ = '=';
        i += skip ? skip : 1;
    }
    *to = '\0';
    return gp_slice(out, (size_t)(to - out));
}

static bool is_crlf(struct gp_slice text, size_t i)
{
    return text.len - i >= 2 && text.data[i] == '\r' && text.data[i + 1] == '\n';
}

struct gp_slice gp__qp_encode(struct gp__arena *arena, struct gp_slice text)
{
    static const char hex[] = "0123456789ABCDEF";
    /* At worst each byte takes three, and every 25 of them a soft break of three more. */
    char *out = gp__arena_bytes(arena, text.len * 3 + text.len / 25 * 3 + 3), *to = out;
    size_t column = 0;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        bool ends = i + 1 == text.len || is_crlf(text, i + 1);
        bool plain = (c > ' ' && c < 0x7f && c != '=') || (gp__is_wsp(c) && !ends);

        if (is_crlf(text, i)) {
            to = (char *)memcpy(to, "\r\n", 2) + 2;
            column = 0;
            i++;
            continue;
        }
        if (column + (plain ? 1 : 3) > 75) {
            to = (char *)memcpy(to, "=\r\n", 3) + 3;
            column = 0;
        }
        if (plain) {
            *to++ = c;
        } else {
            *to++ = '=';
            *to++ = hex[(unsigned char)c >> 4];
            *to++ = hex[(unsigned char)c & 15];
        }
        column += plain ? 1 : 3;
    }
    return gp_slice(out, (size_t)(to - out));
}

/* As gp__hex_value, without the lower-case digits. */
static int upper_hex_value(char c)
{
    return c >= 'a' && c <= 'f' ? -1 : gp__hex_value(c);
}

int gp__xtext_decode(struct gp__arena *arena, struct gp_slice text, struct gp_slice *bytes_r)
{
    char *out = gp__arena_bytes(arena, text.len + 1), *to = out;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];

        /* RFC 3461 4. xchar: "!" to "~" without "+" and "="; hexchar: "+" and two digits, A to F
         * in upper case. */
        if (c < '!' || c > '~' || c == '=')
            return -1;
        if (c == '+') {
            if (text.len - i < 3 || upper_hex_value(text.data[i + 1]) < 0 ||
                upper_hex_value(text.data[i + 2]) < 0)
                return -1;
            c = (char)(gp__hex_value(text.data[i + 1]) << 4 | gp__hex_value(text.data[i + 2]));
            i += 2;
        }
        *to++ = c;
    }
    *to = '\0';
    *bytes_r = gp_slice(out, (size_t)(to - out));
    return 0;
}

struct gp_slice gp__xtext_encode(struct gp__arena *arena, struct gp_slice bytes)
{
    static const char hex[] = "0123456789ABCDEF";
    char *out = gp__arena_bytes(arena, bytes.len * 3 + 1), *to = out;

    for (size_t i = 0; i < bytes.len; i++) {
        unsigned char c = (unsigned char)bytes.data[i];

        if (c >= '!' && c <= '~' && c != '+' && c != '=') {
            *to++ = (char)c;
            continue;
        }
        *to++ = '+';
        *to++ = hex[c >> 4];
        *to++ = hex[c & 15];
    }
    *to = '\0';
    return gp_slice(out, (size_t)(to - out));
}
