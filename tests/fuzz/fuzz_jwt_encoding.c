// SPDX-License-Identifier: Apache-2.0
// Texts of JOSE in the plugin auth_jwt: three parts are three, and each text that is decoded is the only one of its bytes.
#include <stdlib.h>
#include <string.h>

#include "plugins/auth_jwt/encoding.c"

static void check(bool good)
{
    if (!good)
        abort();
}

static void check_decode(struct gp_slice text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    unsigned char out[4096 + 2];
    int64_t n = jwt_decode(text, out, sizeof out - 3);
    size_t at = 0;

    if (n < 0)
        return;
    out[n] = out[n + 1] = 0;
    for (int64_t i = 0; i < n; i += 3) {
        uint32_t bits = (uint32_t)out[i] << 16 | (uint32_t)out[i + 1] << 8 | (uint32_t)out[i + 2];

        if (i + 1 == n)
            bits &= 0xff0000;
        for (int shift = 18; shift >= 0 && at < text.len; shift -= 6)
            check(text.data[at++] == digits[bits >> shift & 63]);
    }
    check(at == text.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gp_slice text = gp_slice((const char *)data, size);
    struct jwt_parts parts;

    check_decode(text);
    if (!jwt_split(text, &parts))
        return 0;
    check(parts.header.len + parts.payload.len + parts.signature.len + 2 == size);
    check(parts.input.len + 1 + parts.signature.len == size);
    return 0;
}
