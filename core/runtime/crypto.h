// SPDX-License-Identifier: Apache-2.0
/* The table of core/base/crypto.h on OpenSSL, and passwords: on libcrypt and libargon2. */
#ifndef GP_RUNTIME_CRYPTO_H
#define GP_RUNTIME_CRYPTO_H

#include "core/base/arena.h"
#include "core/base/crypto.h"
#include "core/hook/runtime.h"

/* Made with the runtime, whose chance it uses: also for its key. */
struct gp__crypto *gp__crypto_create(struct gp__runtime *rt);
void gp__crypto_free(struct gp__crypto **crypto_);

/* As gp__crypto.hash, hmac, hmac_pieces and pbkdf2. */
void gp__digest_hash(enum gp__digest digest, struct gp_slice data, uint8_t out[GP__DIGEST_MAX]);
void gp__digest_hmac(enum gp__digest digest, struct gp_slice key, struct gp_slice data,
                     uint8_t out[GP__DIGEST_MAX]);
void gp__digest_hmac_pieces(enum gp__digest digest, struct gp_slice key,
                            const struct gp_slice *pieces, size_t n, uint8_t out[GP__DIGEST_MAX]);
int gp__pbkdf2(enum gp__digest digest, struct gp_slice password, struct gp_slice salt,
               unsigned iterations, uint8_t out[GP__DIGEST_MAX]);

/* ---- passwords (password.c); each takes some 10 to 100 ms of processor time ---- */

/* As gp__crypto.password_verify. */
int gp__password_verify(struct gp_slice stored, struct gp_slice password);

/* A hash for crypt(3), yescrypt, with a new salt; a secret for SCRAM (RFC 5803). In the arena;
 * absent: the library failed. */
struct gp_slice gp__password_hash(struct gp__arena *arena, struct gp_slice password);
struct gp_slice gp__password_scram(struct gp__arena *arena, enum gp__digest digest,
                                   struct gp_slice password, struct gp_slice salt,
                                   unsigned iterations);

#endif
