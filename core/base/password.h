// SPDX-License-Identifier: Apache-2.0
/* Which kind of stored password a text is. Computing one is the runtime's business. */
#ifndef GP_BASE_PASSWORD_H
#define GP_BASE_PASSWORD_H

#include <gatepost/slice.h>

enum gp__password_kind {
    GP__PASSWORD_UNKNOWN = 0,
    GP__PASSWORD_CRYPT,  /* crypt(3): yescrypt, bcrypt, sha512-crypt, sha256-crypt, scrypt */
    GP__PASSWORD_ARGON2, /* "$argon2id$v=19$…" */
    GP__PASSWORD_SCRAM,  /* RFC 5803 */
};

/* The kind, and the text without a scheme in braces in front of it. Weak ones (DES, MD5) are
 * unknown. */
enum gp__password_kind gp__password_kind(struct gp_slice stored, struct gp_slice *hash_r);

#endif
