// SPDX-License-Identifier: Apache-2.0
#include "core/base/map.h"

#include "core/base/alloc.h"
#include "core/base/hash.h"

static uint64_t hash_of(const struct gp__map *map, struct gp_slice key)
{
    return map->nocase ? gp__hash_nocase(key) : gp__hash(key);
}

static bool same(const struct gp__map *map, const struct gp__map_entry *entry, uint64_t hash,
                 struct gp_slice key)
{
    return entry->hash == hash &&
           (map->nocase ? gp_slice_caseeq(entry->key, key) : gp_slice_eq(entry->key, key));
}

/* The slot that holds the key, or the free one where it belongs. */
static size_t slot_of(const struct gp__map *map, uint64_t hash, struct gp_slice key)
{
    size_t mask = map->slots_cap - 1, i = (size_t)hash & mask;

    while (map->slots[i] && !same(map, &map->entries[map->slots[i] - 1], hash, key))
        i = (i + 1) & mask;
    return i;
}

static void rehash(struct gp__map *map)
{
    size_t cap = map->slots_cap ? map->slots_cap * 2 : 16;

    gp__free(map->slots);
    map->slots = gp__alloc_array(cap, sizeof *map->slots);
    map->slots_cap = cap;
    for (size_t n = 0; n < map->count; n++) {
        size_t i = (size_t)map->entries[n].hash & (cap - 1);

        while (map->slots[i])
            i = (i + 1) & (cap - 1);
        map->slots[i] = (uint32_t)n + 1;
    }
}

struct gp__map_entry *gp__map_find(const struct gp__map *map, struct gp_slice key)
{
    size_t slot;

    if (map->count == 0)
        return NULL;
    slot = slot_of(map, hash_of(map, key), key);
    return map->slots[slot] ? &map->entries[map->slots[slot] - 1] : NULL;
}

void *gp__map_get(const struct gp__map *map, struct gp_slice key)
{
    const struct gp__map_entry *entry = gp__map_find(map, key);

    return entry ? entry->value : NULL;
}

void *gp__map_set(struct gp__map *map, struct gp_slice key, void *value)
{
    uint64_t hash = hash_of(map, key);
    void *old = NULL;
    size_t slot;

    if (map->count * 2 >= map->slots_cap)
        rehash(map);
    slot = slot_of(map, hash, key);
    if (map->slots[slot]) {
        struct gp__map_entry *entry = &map->entries[map->slots[slot] - 1];

        old = entry->value;
        entry->value = value;
        return old;
    }
    GP__GROW(map->entries, map->entries_cap, map->count + 1);
    map->entries[map->count++] = (struct gp__map_entry){.key = key, .value = value, .hash = hash};
    map->slots[slot] = (uint32_t)map->count;
    return NULL;
}

void gp__map_free(struct gp__map *map)
{
    gp__free(map->entries);
    gp__free(map->slots);
    *map = (struct gp__map){.nocase = map->nocase};
}
