// SPDX-License-Identifier: Apache-2.0
/* Which kind of stored password a text is. Computing one is the runtime's business. */
#ifndef GP_BASE_PASSWORD_H
#define GP_BASE_PASSWORD_H

#include <gatepost/slice.h>
#include <stdint.h>

enum gp__password_kind {
    GP__PASSWORD_UNKNOWN = 0,
    GP__PASSWORD_CRYPT,  /* crypt(3): yescrypt, bcrypt, sha512-crypt, sha256-crypt, scrypt */
    GP__PASSWORD_ARGON2, /* "$argon2id$v=19$…" */
    GP__PASSWORD_SCRAM,  /* RFC 5803 */
};

/* The kind, and the text without a scheme in braces in front of it. Weak ones (DES, MD5) are
 * unknown. */
enum gp__password_kind gp__password_kind(struct gp_slice stored, struct gp_slice *hash_r);

/* About how many microseconds it takes to try a password on it, from its parameters alone: for
 * telling which of two takes longer. 0: of no known kind, or malformed. */
uint64_t gp__password_cost(struct gp_slice stored);

#endif
