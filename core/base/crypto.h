// SPDX-License-Identifier: Apache-2.0
/*
 * The cryptography that the protocol needs, as a table that the runtime fills: so the protocol sees
 * no library, and a simulation is deterministic. Nothing but password_verify() and pbkdf2() takes long.
 */
#ifndef GP_BASE_CRYPTO_H
#define GP_BASE_CRYPTO_H

#include <gatepost/slice.h>
#include <stdbool.h>
#include <stdint.h>

#define GP__DIGEST_MAX 32
#define GP__CRYPTO_KEY 32

enum gp__digest {
    GP__SHA1 = 0,
    GP__SHA256,
};

struct gp__crypto {
    void (*hash)(enum gp__digest digest, struct gp_slice data, uint8_t out[GP__DIGEST_MAX]);
    void (*hmac)(enum gp__digest digest, struct gp_slice key, struct gp_slice data,
                 uint8_t out[GP__DIGEST_MAX]);
    /* Of bytes in pieces, as if they were one run. */
    void (*hmac_pieces)(enum gp__digest digest, struct gp_slice key, const struct gp_slice *pieces,
                        size_t n, uint8_t out[GP__DIGEST_MAX]);
    void (*random)(void *arg, void *bytes, size_t len);
    void *arg;

    /* PBKDF2 with HMAC (RFC 8018 section 5.2): as many bytes as the digest has. 0, or -1. */
    int (*pbkdf2)(enum gp__digest digest, struct gp_slice password, struct gp_slice salt,
                  unsigned iterations, uint8_t out[GP__DIGEST_MAX]);

    /* As gp_password_verify(), in the calling thread, which may be any: 1 right, 0 wrong, -1 not a
     * hash that is known. */
    int (*password_verify)(struct gp_slice stored, struct gp_slice password);

    uint8_t key[GP__CRYPTO_KEY]; /* of the process: for what outsiders must not be able to tell */
};

/* Bytes of a digest: 20, 32. */
size_t gp__digest_len(enum gp__digest digest);

/* Whether two runs of bytes are equal, in a time that depends on their lengths only. */
bool gp__secret_equal(struct gp_slice a, struct gp_slice b);

#endif
