// SPDX-License-Identifier: Apache-2.0
#include "entries.h"

#include <stdlib.h>

/* An entry: length of key and value in two bytes each, key, value. */
#define HEAD 4
#define VALUE_MAX 65535u
#define SLOTS_MIN 16

/* ---- SipHash-1-3 ---- */

static uint64_t rotate(uint64_t x, unsigned n)
{
    return x << n | x >> (64 - n);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

static void sip_word(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
}

/* The last bytes, fewer than eight, with the length above them. */
static uint64_t sip_tail(struct gp_slice key)
{
    uint64_t word = (uint64_t)key.len << 56;

    for (size_t i = key.len & ~(size_t)7, shift = 0; i < key.len; i++, shift += 8)
        word |= (uint64_t)(unsigned char)key.data[i] << shift;
    return word;
}

static uint64_t hash_of(const uint64_t seed[2], struct gp_slice key)
{
    uint64_t v[4] = {seed[0] ^ UINT64_C(0x736f6d6570736575), seed[1] ^ UINT64_C(0x646f72616e646f6d),
                     seed[0] ^ UINT64_C(0x6c7967656e657261),
                     seed[1] ^ UINT64_C(0x7465646279746573)};

    for (size_t i = 0; i + 8 <= key.len; i += 8) {
        uint64_t word;

        memcpy(&word, key.data + i, 8);
        sip_word(v, word);
    }
    sip_word(v, sip_tail(key));
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* ---- the set ---- */

bool entries_init(struct entries *entries, const uint64_t seed[2], size_t n, size_t bytes)
{
    *entries = (struct entries){.seed = {seed[0], seed[1]}, .n_slots = SLOTS_MIN};
    if (n > UINT32_MAX / 2 || bytes > UINT32_MAX / 2)
        return false;
    while (entries->n_slots * 2 < n * 3)
        entries->n_slots *= 2;
    entries->size = bytes + n * HEAD;
    entries->bytes = malloc(entries->size + 1);
    entries->slots = calloc(entries->n_slots, sizeof *entries->slots);
    if (entries->bytes && entries->slots && entries->size < UINT32_MAX)
        return true;
    entries_done(entries);
    return false;
}

void entries_done(struct entries *entries)
{
    free(entries->bytes);
    free(entries->slots);
    entries->bytes = NULL;
    entries->slots = NULL;
    entries->n_slots = 0;
}

static struct gp_slice entry_at(const struct entries *entries, size_t place,
                                struct gp_slice *value_r)
{
    const char *entry = entries->bytes + place;
    uint16_t lens[2];

    memcpy(lens, entry, HEAD);
    *value_r = gp_slice(entry + HEAD + lens[0], lens[1]);
    return gp_slice(entry + HEAD, lens[0]);
}

/* The slot that has the key, or the free one where it belongs. There always is a free one. */
static uint32_t *slot_of(const struct entries *entries, struct gp_slice key)
{
    size_t mask = entries->n_slots - 1, i = (size_t)hash_of(entries->seed, key) & mask;
    struct gp_slice value;

    while (entries->slots[i] && !gp_slice_eq(entry_at(entries, entries->slots[i] - 1, &value), key))
        i = (i + 1) & mask;
    return &entries->slots[i];
}

int entries_add(struct entries *entries, struct gp_slice key, struct gp_slice value)
{
    size_t len = HEAD + key.len + value.len;
    uint16_t lens[2] = {(uint16_t)key.len, (uint16_t)value.len};
    char *to = entries->bytes + entries->len;
    uint32_t *slot;

    if (key.len > ENTRY_KEY_MAX || value.len > VALUE_MAX || len > entries->size - entries->len ||
        (entries->count + 1) * 3 > entries->n_slots * 2)
        return GP_ELIMIT;
    slot = slot_of(entries, key);
    if (*slot)
        return GP_EEXIST;
    *slot = (uint32_t)entries->len + 1;
    memcpy(to, lens, HEAD);
    memcpy(to + HEAD, key.data, key.len);
    if (value.len)
        memcpy(to + HEAD + key.len, value.data, value.len);
    entries->len += len;
    entries->count++;
    return GP_OK;
}

bool entries_find(const struct entries *entries, struct gp_slice key, struct gp_slice *value_r)
{
    const uint32_t *slot;

    if (key.len == 0 || key.len > ENTRY_KEY_MAX)
        return false;
    slot = slot_of(entries, key);
    if (!*slot)
        return false;
    entry_at(entries, *slot - 1, value_r);
    return true;
}
