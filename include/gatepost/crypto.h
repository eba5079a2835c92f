// SPDX-License-Identifier: Apache-2.0
/*
 * Signatures by a shared secret: what tokens, rewritten addresses and requests to other programs
 * are signed with. Pure, may be called anywhere there is a call.
 */
#ifndef GATEPOST_CRYPTO_H
#define GATEPOST_CRYPTO_H

#include <gatepost/slice.h>
#include <gatepost/types.h>

GP_BEGIN_C

#define GP_DIGEST_BYTES 32

/* HMAC with SHA-256 (RFC 2104, FIPS 180-4). A key is a secret: wipe copies of it. */
GP_API void gp_hmac_sha256(struct gp_call *call, struct gp_slice key, struct gp_slice data,
                           unsigned char digest_r[GP_DIGEST_BYTES]);

/* The same of `before`, a message as it would leave now, and `after`, as if they were one run of
 * bytes. Takes a millisecond or so for each MiB, in which nobody else is served. */
GP_API void gp_hmac_sha256_message(struct gp_call *call, struct gp_slice key,
                                   struct gp_slice before, struct gp_message *message,
                                   struct gp_slice after, unsigned char digest_r[GP_DIGEST_BYTES]);

/* Bytes as lower-case hexadecimal digits; lives until the hook returns. */
GP_API struct gp_slice gp_hex(struct gp_call *call, struct gp_slice bytes);

/* Whether two runs of bytes are equal, in a time that depends on their lengths only. */
GP_API bool gp_secret_equal(struct gp_slice a, struct gp_slice b);

GP_END_C

#endif
