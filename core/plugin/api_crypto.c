// SPDX-License-Identifier: Apache-2.0
/* Signatures: <gatepost/crypto.h>, by the table that the runtime fills. */
#include "core/base/crypto.h"
#include "core/plugin/api.h"

#include <gatepost/crypto.h>

/* What is signed with is not checked further: an absent slice is an empty one. */
void gp_hmac_sha256(struct gp_call *call, struct gp_slice key, struct gp_slice data,
                    unsigned char digest_r[GP_DIGEST_BYTES])
{
    memset(digest_r, 0, GP_DIGEST_BYTES);
    if (gp__api_slice(call, "gp_hmac_sha256", key) < 0 ||
        gp__api_slice(call, "gp_hmac_sha256", data) < 0)
        return;
    call->runtime->crypto->hmac(GP__SHA256, gp_slice_present(key) ? key : GP_S(""),
                                gp_slice_present(data) ? data : GP_S(""), digest_r);
}

struct gp_slice gp_hex(struct gp_call *call, struct gp_slice bytes)
{
    static const char digits[] = "0123456789abcdef";
    char *out;

    if (gp__api_slice(call, "gp_hex", bytes) < 0)
        return gp_slice(NULL, 0);
    out = gp_alloc(call, bytes.len * 2 + 1);
    for (size_t i = 0; out && i < bytes.len; i++) {
        out[2 * i] = digits[(unsigned char)bytes.data[i] >> 4];
        out[2 * i + 1] = digits[(unsigned char)bytes.data[i] & 15];
    }
    return gp_slice(out, out ? bytes.len * 2 : 0);
}

bool gp_secret_equal(struct gp_slice a, struct gp_slice b)
{
    return gp__secret_equal(a, b);
}
