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

/* As many pieces as a message can be sent in. */
#define PIECES_MAX 100000

void gp_hmac_sha256_message(struct gp_call *call, struct gp_slice key, struct gp_slice before,
                            struct gp_message *message, struct gp_slice after,
                            unsigned char digest_r[GP_DIGEST_BYTES])
{
    static const char function[] = "gp_hmac_sha256_message";
    struct gp_slice *pieces = NULL, piece;
    size_t n = 0, cap = 0;
    uint64_t cursor = 0;

    memset(digest_r, 0, GP_DIGEST_BYTES);
    if (gp__api_slice(call, function, key) < 0 || gp__api_slice(call, function, before) < 0 ||
        gp__api_slice(call, function, after) < 0 || gp__api_message(call, function, message) < 0)
        return;
    GP__ARENA_GROW(gp__call_arena(call), pieces, cap, 64);
    pieces[n++] = before;
    while (piece = gp_message_next(message, &cursor), gp_slice_present(piece) && n < PIECES_MAX) {
        GP__ARENA_GROW(gp__call_arena(call), pieces, cap, n + 2);
        pieces[n++] = piece;
    }
    pieces[n++] = after;
    call->runtime->crypto->hmac_pieces(GP__SHA256, key, pieces, n, digest_r);
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
