// SPDX-License-Identifier: Apache-2.0
/* The tables of RFC 3454 that RFC 4013 names, as ranges; normalisation and the direction of
 * characters come from libunistring. */
#include "core/base/saslprep.h"

#include "core/base/ascii.h"
#include "core/base/utf8.h"

#include <stdlib.h>
#include <unictype.h>
#include <uninorm.h>

struct range {
    uint32_t first, last;
};

/* C.1.2: spaces other than ASCII's. */
static const struct range spaces[] = {{0xa0, 0xa0},     {0x1680, 0x1680}, {0x2000, 0x200b},
                                      {0x202f, 0x202f}, {0x205f, 0x205f}, {0x3000, 0x3000}};

/* B.1: mapped to nothing. U+200B is a space first. */
static const struct range nothing[] = {{0xad, 0xad},     {0x34f, 0x34f},   {0x1806, 0x1806},
                                       {0x180b, 0x180d}, {0x200c, 0x200d}, {0x2060, 0x2060},
                                       {0xfe00, 0xfe0f}, {0xfeff, 0xfeff}};

/* C.2.1 to C.9. */
static const struct range prohibited[] = {
    {0x0, 0x1f},        {0x7f, 0x9f},       {0x340, 0x341},     {0x6dd, 0x6dd},
    {0x70f, 0x70f},     {0x180e, 0x180e},   {0x200e, 0x200f},   {0x2028, 0x202e},
    {0x2061, 0x2063},   {0x206a, 0x206f},   {0x2ff0, 0x2ffb},   {0xd800, 0xf8ff},
    {0xfdd0, 0xfdef},   {0xfff9, 0xffff},   {0x1d173, 0x1d17a}, {0x1fffe, 0x1ffff},
    {0x2fffe, 0x2ffff}, {0x3fffe, 0x3ffff}, {0x4fffe, 0x4ffff}, {0x5fffe, 0x5ffff},
    {0x6fffe, 0x6ffff}, {0x7fffe, 0x7ffff}, {0x8fffe, 0x8ffff}, {0x9fffe, 0x9ffff},
    {0xafffe, 0xaffff}, {0xbfffe, 0xbffff}, {0xcfffe, 0xcffff}, {0xdfffe, 0xdffff},
    {0xe0001, 0xe0001}, {0xe0020, 0xe007f}, {0xefffe, 0xeffff}, {0xf0000, 0x10ffff},
};

static bool is_in(const struct range *ranges, size_t n, uint32_t code)
{
    for (size_t i = 0; i < n; i++)
        if (code >= ranges[i].first && code <= ranges[i].last)
            return true;
    return false;
}

#define IS_IN(ranges, code) is_in(ranges, sizeof(ranges) / sizeof(ranges)[0], code)

static int check_ascii(struct gp_slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (gp__is_control(text.data[i]))
            return -1;
    return 0;
}

/* Step 1 of RFC 4013 section 2. No character becomes longer. */
static struct gp_slice map(struct gp__arena *arena, struct gp_slice text)
{
    char *out = gp__arena_bytes(arena, text.len + 1), *to = out;
    uint32_t code;

    for (size_t i = 0, n; i < text.len; i += n) {
        n = gp__utf8_decode(gp_slice_sub(text, i, text.len), &code);
        if (IS_IN(spaces, code))
            *to++ = ' ';
        else if (!IS_IN(nothing, code))
            to += gp__utf8_encode(code, to);
    }
    return gp_slice(out, (size_t)(to - out));
}

static int normalise(struct gp__arena *arena, struct gp_slice text, struct gp_slice *result_r)
{
    size_t len;
    uint8_t *normal = u8_normalize(UNINORM_NFKC, (const uint8_t *)text.data, text.len, NULL, &len);

    if (!normal)
        return -1;
    *result_r = gp__arena_dup(arena, gp_slice((const char *)normal, len));
    explicit_bzero(normal, len);
    free(normal);
    return 0;
}

enum direction {
    NEUTRAL = 0,
    LEFT_TO_RIGHT,
    RIGHT_TO_LEFT,
};

static enum direction direction_of(uint32_t code)
{
    switch (uc_bidi_class(code)) {
    case UC_BIDI_L:
        return LEFT_TO_RIGHT;
    case UC_BIDI_R:
    case UC_BIDI_AL:
        return RIGHT_TO_LEFT;
    default:
        return NEUTRAL;
    }
}

/* Steps 3 and 4: nothing prohibited; with a right-to-left character no left-to-right one, and such
 * characters at both ends (RFC 3454 section 6). */
static int check(struct gp_slice text)
{
    enum direction first = NEUTRAL, last = NEUTRAL;
    bool left = false, right = false;

    for (size_t i = 0, n; i < text.len; i += n) {
        uint32_t code;

        n = gp__utf8_decode(gp_slice_sub(text, i, text.len), &code);
        if (n == 0 || IS_IN(prohibited, code) || IS_IN(spaces, code))
            return -1;
        last = direction_of(code);
        if (i == 0)
            first = last;
        left |= last == LEFT_TO_RIGHT;
        right |= last == RIGHT_TO_LEFT;
    }
    return right && (left || first != RIGHT_TO_LEFT || last != RIGHT_TO_LEFT) ? -1 : 0;
}

int gp__saslprep(struct gp__arena *arena, struct gp_slice text, struct gp_slice *prepared_r)
{
    *prepared_r = GP_S("");
    if (gp__ascii_only(text)) {
        *prepared_r = gp__arena_dup(arena, text);
        return check_ascii(text);
    }
    if (!gp__utf8_valid(text))
        return -1;
    text = map(arena, text);
    if (text.len == 0)
        return 0;
    if (normalise(arena, text, prepared_r) < 0)
        return -1;
    return check(*prepared_r);
}
