// SPDX-License-Identifier: Apache-2.0
/* A JSON Web Token (RFC 7519) that is signed (RFC 7515), as RFC 8725 wants it to be checked. */
#ifndef AUTH_JWT_TOKEN_H
#define AUTH_JWT_TOKEN_H

#include "claims.h"
#include "keys.h"

#define TOKEN_MAX ((size_t)8192)

/* NULL, and the user it stands for; or why it is refused. The space is for two parts. */
const char *token_check(const struct keys *keys, const struct token_rules *rules,
                        struct gp_slice token, unsigned char space[2 * TOKEN_MAX],
                        char user_r[TOKEN_USER_MAX + 1]);

#endif
