// SPDX-License-Identifier: Apache-2.0
#include "cache.h"

#include <openssl/evp.h>
#include <stdlib.h>

#define SLOTS 1024

struct cache {
    struct {
        struct cache_key key;
        uint64_t until_ms; /* 0: empty */
        uint8_t len;
        char user[TOKEN_USER_MAX];
    } slots[SLOTS];
};

struct cache *cache_new(void)
{
    return calloc(1, sizeof(struct cache));
}

void cache_free(struct cache **cache_)
{
    free(*cache_);
    *cache_ = NULL;
}

int cache_key_of(struct gp_slice token, struct cache_key *key_r)
{
    unsigned len = 0;

    return EVP_Digest(token.data, token.len, key_r->bytes, &len, EVP_sha256(), NULL) == 1 &&
                   len == CACHE_KEY
               ? 0
               : -1;
}

static size_t slot_of(const struct cache_key *key)
{
    return ((size_t)key->bytes[0] << 8 | key->bytes[1]) % SLOTS;
}

struct gp_slice cache_get(const struct cache *cache, const struct cache_key *key, uint64_t now_ms)
{
    size_t i = slot_of(key);

    if (now_ms >= cache->slots[i].until_ms || memcmp(&cache->slots[i].key, key, sizeof *key) != 0)
        return gp_slice(NULL, 0);
    return gp_slice(cache->slots[i].user, cache->slots[i].len);
}

void cache_put(struct cache *cache, const struct cache_key *key, struct gp_slice user,
               uint64_t until_ms)
{
    size_t i = slot_of(key);

    cache->slots[i].key = *key;
    cache->slots[i].until_ms = until_ms;
    cache->slots[i].len = (uint8_t)user.len;
    memcpy(cache->slots[i].user, user.data, user.len);
}
