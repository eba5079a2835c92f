// SPDX-License-Identifier: Apache-2.0
/*
 * Public keys of a JWK set (RFC 7517): RSA for RS256, P-256 for ES256, Ed25519 for EdDSA. Keys for
 * anything else are skipped. Never changes once it is made.
 */
#ifndef AUTH_JWT_KEYS_H
#define AUTH_JWT_KEYS_H

#include <gatepost/plugin.h>

#define KEYS_ERROR_MAX 200

struct keys;

/* NULL and a text in error: it is no JWK set, a key is broken, there is none of use, no memory. */
struct keys *keys_parse(struct gp_slice json, char error[KEYS_ERROR_MAX]);
void keys_free(struct keys **keys_);
size_t keys_count(const struct keys *keys);

/* Whether a signature by that algorithm ("RS256" …) is one of the keys', of the one with that id if
 * it is not absent. */
bool keys_verify(const struct keys *keys, struct gp_slice alg, struct gp_slice kid,
                 struct gp_slice input, struct gp_slice signature);

#endif
