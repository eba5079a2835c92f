// SPDX-License-Identifier: Apache-2.0
#include "encoding.h"

static int digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

int64_t jwt_decode(struct gp_slice text, unsigned char *out, size_t max)
{
    uint32_t bits = 0;
    size_t n = 0;
    int n_bits = 0;

    if (text.len % 4 == 1)
        return -1;
    for (size_t i = 0; i < text.len; i++) {
        int value = digit(text.data[i]);

        if (value < 0)
            return -1;
        bits = (bits << 6 | (uint32_t)value) & 0xfff;
        n_bits += 6;
        if (n_bits < 8)
            continue;
        n_bits -= 8;
        if (n == max)
            return -1;
        out[n++] = (unsigned char)(bits >> n_bits & 0xff);
    }
    /* What is left must be zero: there is one way to write each text. */
    return bits & ((1u << n_bits) - 1) ? -1 : (int64_t)n;
}

bool jwt_split(struct gp_slice token, struct jwt_parts *parts_r)
{
    struct gp_slice rest = token;

    parts_r->header = gp_slice_split(&rest, '.');
    parts_r->payload = gp_slice_split(&rest, '.');
    parts_r->signature = rest;
    parts_r->input = gp_slice_sub(token, 0, parts_r->header.len + 1 + parts_r->payload.len);
    return parts_r->header.len && parts_r->payload.len && parts_r->signature.len &&
           gp_slice_find(rest, '.') == rest.len;
}
