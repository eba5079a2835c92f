// SPDX-License-Identifier: Apache-2.0
#include "core/base/heap.h"

#include "core/base/alloc.h"

#include <string.h>

#define CHUNK 4096u /* slots */

static struct gp__heap_slot *slot_at(const struct gp__heap *heap, uint32_t i)
{
    return &heap->chunks[i / CHUNK][i % CHUNK];
}

static uint32_t *place_of(const struct gp__heap *heap, void *item)
{
    return (uint32_t *)(void *)((char *)item + heap->place);
}

static void put(struct gp__heap *heap, uint32_t i, struct gp__heap_slot slot)
{
    *slot_at(heap, i) = slot;
    *place_of(heap, slot.item) = i + 1;
}

static void sift_up(struct gp__heap *heap, uint32_t i, struct gp__heap_slot slot)
{
    while (i > 0) {
        uint32_t parent = (i - 1) / 2;

        if (slot_at(heap, parent)->key <= slot.key)
            break;
        put(heap, i, *slot_at(heap, parent));
        i = parent;
    }
    put(heap, i, slot);
}

static void sift_down(struct gp__heap *heap, uint32_t i, struct gp__heap_slot slot)
{
    for (;;) {
        uint32_t child = 2 * i + 1;

        if (child >= heap->count)
            break;
        if (child + 1 < heap->count && slot_at(heap, child + 1)->key < slot_at(heap, child)->key)
            child++;
        if (slot_at(heap, child)->key >= slot.key)
            break;
        put(heap, i, *slot_at(heap, child));
        i = child;
    }
    put(heap, i, slot);
}

static void settle(struct gp__heap *heap, uint32_t i, struct gp__heap_slot slot)
{
    if (i > 0 && slot_at(heap, (i - 1) / 2)->key > slot.key)
        sift_up(heap, i, slot);
    else
        sift_down(heap, i, slot);
}

static uint32_t make_room(struct gp__heap *heap)
{
    if (heap->count == heap->n_chunks * CHUNK) {
        GP__GROW(heap->chunks, heap->chunks_cap, heap->n_chunks + 1);
        heap->chunks[heap->n_chunks++] = gp__alloc_array(CHUNK, sizeof(struct gp__heap_slot));
    }
    return heap->count++;
}

void gp__heap_set(struct gp__heap *heap, void *item, uint64_t key)
{
    struct gp__heap_slot slot = {key, item};
    uint32_t place = *place_of(heap, item);

    if (place)
        settle(heap, place - 1, slot);
    else
        sift_up(heap, make_room(heap), slot);
}

/* A chunk is kept in reserve, so that one item that comes and goes does not allocate. */
static void give_back(struct gp__heap *heap)
{
    while (heap->n_chunks > 1 && heap->count + CHUNK < (heap->n_chunks - 1) * CHUNK)
        gp__free(heap->chunks[--heap->n_chunks]);
}

void gp__heap_remove(struct gp__heap *heap, void *item)
{
    uint32_t *place = place_of(heap, item), i = *place;
    struct gp__heap_slot last;

    if (i-- == 0)
        return;
    *place = 0;
    last = *slot_at(heap, --heap->count);
    if (i < heap->count)
        settle(heap, i, last);
    give_back(heap);
}

void *gp__heap_first(const struct gp__heap *heap)
{
    return heap->count ? slot_at(heap, 0)->item : NULL;
}

uint64_t gp__heap_first_key(const struct gp__heap *heap)
{
    return heap->count ? slot_at(heap, 0)->key : UINT64_MAX;
}

size_t gp__heap_memory(const struct gp__heap *heap)
{
    return heap->n_chunks * CHUNK * sizeof(struct gp__heap_slot) +
           heap->chunks_cap * sizeof(void *);
}

void gp__heap_free(struct gp__heap *heap)
{
    while (heap->n_chunks)
        gp__free(heap->chunks[--heap->n_chunks]);
    GP__FREE(heap->chunks);
    *heap = (struct gp__heap){.place = heap->place};
}
