// SPDX-License-Identifier: Apache-2.0
#include "core/base/tally.h"

#include "core/base/alloc.h"
#include "core/base/hash.h"

struct gp__tally_entry {
    struct gp__tally_entry *next;
    uint64_t hash, count;
    size_t len;
    char key[GP__TALLY_KEY_MAX];
};

static struct gp_slice cut(struct gp_slice key)
{
    return gp_slice_sub(key, 0, GP__TALLY_KEY_MAX);
}

/* The link that points to the entry of the key, or to NULL where it belongs. */
static struct gp__tally_entry **find(const struct gp__tally *tally, struct gp_slice key,
                                     uint64_t hash)
{
    struct gp__tally_entry **link = &tally->slots[hash & (tally->slots_count - 1)];

    while (*link &&
           ((*link)->hash != hash || !gp_slice_eq(gp_slice((*link)->key, (*link)->len), key)))
        link = &(*link)->next;
    return link;
}

static void grow(struct gp__tally *tally)
{
    size_t count = tally->slots_count ? tally->slots_count * 2 : 64;
    struct gp__tally_entry **slots = gp__alloc_array(count, sizeof *slots);

    for (size_t i = 0; i < tally->slots_count; i++) {
        while (tally->slots[i]) {
            struct gp__tally_entry *entry = tally->slots[i];

            tally->slots[i] = entry->next;
            entry->next = slots[entry->hash & (count - 1)];
            slots[entry->hash & (count - 1)] = entry;
        }
    }
    gp__free(tally->slots);
    tally->slots = slots;
    tally->slots_count = count;
}

uint64_t gp__tally_get(const struct gp__tally *tally, struct gp_slice key)
{
    const struct gp__tally_entry *entry;

    if (tally->entries == 0)
        return 0;
    key = cut(key);
    entry = *find(tally, key, gp__hash(key));
    return entry ? entry->count : 0;
}

uint64_t gp__tally_add(struct gp__tally *tally, struct gp_slice key)
{
    struct gp__tally_entry **link;
    uint64_t hash;

    if (tally->entries >= tally->slots_count)
        grow(tally);
    key = cut(key);
    hash = gp__hash(key);
    link = find(tally, key, hash);
    if (!*link) {
        *link = gp__alloc(sizeof **link);
        (*link)->hash = hash;
        (*link)->len = key.len;
        if (key.len)
            memcpy((*link)->key, key.data, key.len);
        tally->entries++;
    }
    return ++(*link)->count;
}

void gp__tally_remove(struct gp__tally *tally, struct gp_slice key)
{
    struct gp__tally_entry **link, *entry;

    if (tally->entries == 0)
        return;
    key = cut(key);
    link = find(tally, key, gp__hash(key));
    entry = *link;
    if (!entry || --entry->count > 0)
        return;
    *link = entry->next;
    gp__free(entry);
    tally->entries--;
}

void gp__tally_free(struct gp__tally *tally)
{
    for (size_t i = 0; i < tally->slots_count; i++) {
        while (tally->slots[i]) {
            struct gp__tally_entry *entry = tally->slots[i];

            tally->slots[i] = entry->next;
            gp__free(entry);
        }
    }
    gp__free(tally->slots);
    *tally = (struct gp__tally){0};
}
