// SPDX-License-Identifier: Apache-2.0
/*
 * A map from bytes to pointers that keeps the order of insertion. Owns its memory, not its keys
 * (they must outlive it: copy them into the arena that lives as long) and not its values.
 */
#ifndef GP_BASE_MAP_H
#define GP_BASE_MAP_H

#include <gatepost/slice.h>
#include <stdbool.h>
#include <stdint.h>

struct gp__map_entry {
    struct gp_slice key;
    void *value;
    uint64_t hash;
};

struct gp__map {
    struct gp__map_entry *entries; /* in order of insertion: entries[0 .. count) */
    size_t count, entries_cap;
    uint32_t *slots; /* index of the entry + 1, or 0 */
    size_t slots_cap;
    bool nocase; /* set before the first use: keys match whatever the case of ASCII letters */
};

/* The value, or NULL. */
void *gp__map_get(const struct gp__map *map, struct gp_slice key);

/* The entry (valid until the next set), or NULL. */
struct gp__map_entry *gp__map_find(const struct gp__map *map, struct gp_slice key);

/* Sets the value; returns the value it replaces (whose key and place stay), or NULL. */
void *gp__map_set(struct gp__map *map, struct gp_slice key, void *value);

void gp__map_free(struct gp__map *map);

#endif
