// SPDX-License-Identifier: Apache-2.0
#include "core/base/hash.h"

static uint64_t k0 = 0x0706050403020100, k1 = 0x0f0e0d0c0b0a0908;

struct sip {
    uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotl(uint64_t x, int b)
{
    return (x << b) | (x >> (64 - b));
}

static inline void sip_round(struct sip *s)
{
    s->v0 += s->v1;
    s->v1 = rotl(s->v1, 13) ^ s->v0;
    s->v0 = rotl(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = rotl(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = rotl(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = rotl(s->v1, 17) ^ s->v2;
    s->v2 = rotl(s->v2, 32);
}

static inline void sip_word(struct sip *s, uint64_t m)
{
    s->v3 ^= m;
    sip_round(s);
    s->v0 ^= m;
}

/* Eight bytes, little-endian; written so that compilers make one load of it. */
static inline uint64_t load(const char *p)
{
    const unsigned char *b = (const unsigned char *)p;

    return (uint64_t)b[0] | (uint64_t)b[1] << 8 | (uint64_t)b[2] << 16 | (uint64_t)b[3] << 24 |
           (uint64_t)b[4] << 32 | (uint64_t)b[5] << 40 | (uint64_t)b[6] << 48 |
           (uint64_t)b[7] << 56;
}

/* Up to seven bytes. */
static inline uint64_t load_rest(const char *p, size_t n)
{
    uint64_t m = 0;

    for (size_t i = 0; i < n; i++)
        m |= (uint64_t)(unsigned char)p[i] << (8 * i);
    return m;
}

/* Eight bytes at once in lower case: bit 7 of a byte tells whether it is in "A" to "Z". */
static inline uint64_t lower(uint64_t m)
{
    const uint64_t each = 0x0101010101010101;
    uint64_t low = m & 0x7f * each;
    uint64_t from_a = low + (0x80 - 'A') * each, past_z = low + (0x7f - 'Z') * each;

    return m | (((from_a ^ past_z) & ~m & 0x80 * each) >> 2);
}

static inline uint64_t siphash(struct gp_slice s, uint64_t key0, uint64_t key1, bool nocase)
{
    struct sip sip = {
        .v0 = key0 ^ 0x736f6d6570736575,
        .v1 = key1 ^ 0x646f72616e646f6d,
        .v2 = key0 ^ 0x6c7967656e657261,
        .v3 = key1 ^ 0x7465646279746573,
    };
    size_t whole = s.len & ~(size_t)7;
    uint64_t m;

    for (size_t i = 0; i < whole; i += 8) {
        m = load(s.data + i);
        sip_word(&sip, nocase ? lower(m) : m);
    }
    m = s.len > whole ? load_rest(s.data + whole, s.len - whole) : 0;
    sip_word(&sip, (uint64_t)s.len << 56 | (nocase ? lower(m) : m));
    sip.v2 ^= 0xff;
    sip_round(&sip);
    sip_round(&sip);
    sip_round(&sip);
    return sip.v0 ^ sip.v1 ^ sip.v2 ^ sip.v3;
}

uint64_t gp__hash(struct gp_slice s)
{
    return siphash(s, k0, k1, false);
}

uint64_t gp__hash_nocase(struct gp_slice s)
{
    return siphash(s, k0, k1, true);
}

uint64_t gp__hash_fixed(struct gp_slice s, uint64_t key)
{
    return siphash(s, key, 0x67617465706f7374, false);
}

void gp__hash_seed(const uint8_t key[16])
{
    k0 = load((const char *)key);
    k1 = load((const char *)key + 8);
}
