// SPDX-License-Identifier: Apache-2.0
/*
 * Which user a token stood for when its issuer was last asked: a table of fixed size, by the SHA-256
 * of the token; the token is not kept. A new entry takes the place of an older one. Only what was
 * good is remembered. One thread.
 */
#ifndef AUTH_JWT_CACHE_H
#define AUTH_JWT_CACHE_H

#include "claims.h"

#define CACHE_KEY 32

struct cache_key {
    unsigned char bytes[CACHE_KEY];
};

struct cache;

/* NULL: no memory. */
struct cache *cache_new(void);
void cache_free(struct cache **cache_);

/* 0, or -1: libcrypto could not. */
int cache_key_of(struct gp_slice token, struct cache_key *key_r);

/* The user, until the cache is changed; absent: it is not known any more at this time. */
struct gp_slice cache_get(const struct cache *cache, const struct cache_key *key, uint64_t now_ms);

/* The user has at most TOKEN_USER_MAX bytes. */
void cache_put(struct cache *cache, const struct cache_key *key, struct gp_slice user,
               uint64_t until_ms);

#endif
