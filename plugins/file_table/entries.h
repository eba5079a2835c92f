// SPDX-License-Identifier: Apache-2.0
/*
 * A set of keys with values that never changes once it is filled, as two blocks of memory: all
 * entries one after the other (4 bytes each beside key and value), and a hash table of their places
 * (4 bytes each at two thirds full). A million addresses of 25 bytes take 37 MB.
 *
 * Keys that are looked up come from peers, who must not be able to choose collisions: the hash is
 * SipHash-1-3 (Aumasson, Bernstein 2012) with a secret seed.
 */
#ifndef FILE_TABLE_ENTRIES_H
#define FILE_TABLE_ENTRIES_H

#include <gatepost/plugin.h>

#define ENTRY_KEY_MAX 1024u

struct entries {
    uint64_t seed[2];
    char *bytes;
    size_t len, size;
    uint32_t *slots; /* place in bytes + 1, or 0 */
    size_t n_slots;  /* a power of two */
    size_t count;
};

/* Room for n entries with so many bytes of keys and values. False: no memory. */
bool entries_init(struct entries *entries, const uint64_t seed[2], size_t n, size_t bytes);
void entries_done(struct entries *entries);

/* Copies key and value. 0, GP_EEXIST, or GP_ELIMIT: a key over ENTRY_KEY_MAX, a value over 65,535
 * bytes, or no room (entries_init was told less). */
int entries_add(struct entries *entries, struct gp_slice key, struct gp_slice value);

/* Whether the key is there, byte for byte. The value points into the set. */
bool entries_find(const struct entries *entries, struct gp_slice key, struct gp_slice *value_r);

#endif
