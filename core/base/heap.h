// SPDX-License-Identifier: Apache-2.0
/*
 * Things by a time, the earliest first, that know their place in it: any one can be moved or taken
 * out. 16 bytes each, in chunks, so that a million of them never move in memory at once.
 */
#ifndef GP_BASE_HEAP_H
#define GP_BASE_HEAP_H

#include <stddef.h>
#include <stdint.h>

struct gp__heap_slot {
    uint64_t key;
    void *item;
};

/* Zeroed but for `place`: empty. */
struct gp__heap {
    size_t place; /* offset in an item of its uint32_t: slot + 1, or 0 when it is not in */
    struct gp__heap_slot **chunks;
    size_t n_chunks, chunks_cap;
    uint32_t count;
};

/* Puts it in, or moves it to another time. */
void gp__heap_set(struct gp__heap *heap, void *item, uint64_t key);

/* Fine when it is not in. */
void gp__heap_remove(struct gp__heap *heap, void *item);

/* The earliest, or NULL; its time, or UINT64_MAX. */
void *gp__heap_first(const struct gp__heap *heap);
uint64_t gp__heap_first_key(const struct gp__heap *heap);

size_t gp__heap_memory(const struct gp__heap *heap);
void gp__heap_free(struct gp__heap *heap);

#endif
