// SPDX-License-Identifier: Apache-2.0
#include "core/base/utf8.h"

static bool is_tail(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

size_t gp__utf8_decode(struct gp_slice s, uint32_t *code_r)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char lead;
    uint32_t code;
    size_t len;

    if (s.len == 0)
        return 0;
    lead = (unsigned char)s.data[0];
    if (lead < 0x80) {
        *code_r = lead;
        return 1;
    }
    len = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || s.len < len)
        return 0;
    code = lead & (0xffu >> (len + 1));
    for (size_t i = 1; i < len; i++) {
        if (!is_tail(s.data[i]))
            return 0;
        code = code << 6 | ((unsigned char)s.data[i] & 0x3f);
    }
    if (code < least[len] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        return 0;
    *code_r = code;
    return len;
}

size_t gp__utf8_encode(uint32_t code, char out[4])
{
    if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        code = 0xfffd;
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xe0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3f));
        out[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3f));
    out[2] = (char)(0x80 | (code >> 6 & 0x3f));
    out[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

/* How many bytes at the start are ASCII; eight at a time, for that is what most text is. */
static size_t ascii_length(struct gp_slice s)
{
    size_t n = 0;

    for (uint64_t eight; s.len - n >= sizeof eight; n += sizeof eight) {
        memcpy(&eight, s.data + n, sizeof eight);
        if (eight & UINT64_C(0x8080808080808080))
            break;
    }
    while (n < s.len && (unsigned char)s.data[n] < 0x80)
        n++;
    return n;
}

bool gp__utf8_valid(struct gp_slice s)
{
    uint32_t code;

    for (s = gp_slice_sub(s, ascii_length(s), s.len); s.len;
         s = gp_slice_sub(s, ascii_length(s), s.len)) {
        size_t n = gp__utf8_decode(s, &code);

        if (n == 0)
            return false;
        s = gp_slice_sub(s, n, s.len);
    }
    return true;
}

bool gp__ascii_only(struct gp_slice s)
{
    return ascii_length(s) == s.len;
}
