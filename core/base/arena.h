// SPDX-License-Identifier: Apache-2.0
/*
 * Memory with one lifetime: a configuration generation, a session, a transaction. Allocation is a
 * pointer bump; freeing the arena frees everything in it and runs the cleanups, newest first.
 * Chunks are recycled through a small per-thread pool, so a steady state does not call malloc.
 * Not for sharing between threads. Allocations abort on OOM (see alloc.h): bytes whose amount a
 * peer decides belong in a gp__buf or are counted against a budget first.
 */
#ifndef GP_BASE_ARENA_H
#define GP_BASE_ARENA_H

#include <gatepost/slice.h>
#include <stdarg.h>
#include <stddef.h>

struct gp__arena;

/* A new arena; the arena itself lives in its first chunk. */
struct gp__arena *gp__arena_create(void) __attribute__((returns_nonnull));

/* Runs the cleanups and frees everything. */
void gp__arena_free(struct gp__arena **arena_);

/* Zeroed memory, aligned for any type. */
void *gp__arena_alloc(struct gp__arena *arena, size_t size) __attribute__((returns_nonnull));

#define GP__ARENA_NEW(arena, type) ((type *)gp__arena_alloc((arena), sizeof(type)))
#define GP__ARENA_ARRAY(arena, type, n) ((type *)gp__arena_alloc_array((arena), (n), sizeof(type)))

void *gp__arena_alloc_array(struct gp__arena *arena, size_t n, size_t size)
    __attribute__((returns_nonnull));

/* Grows an array that lives in the arena and zeroes what is new; the old place stays as it was until the arena goes. */
void gp__arena_grow(struct gp__arena *arena, void **items, size_t *cap, size_t need, size_t size);

#define GP__ARENA_GROW(arena, array, cap, need)                                                    \
    gp__arena_grow((arena), (void **)&(array), &(cap), (need), sizeof *(array))

/* Unaligned, not zeroed bytes: for text that the caller fills at once. */
char *gp__arena_bytes(struct gp__arena *arena, size_t size) __attribute__((returns_nonnull));

/* A copy in the arena, followed by a NUL that the slice does not count. Absent stays absent. */
struct gp_slice gp__arena_dup(struct gp__arena *arena, struct gp_slice s);

/* The parts, one after the other, followed by a NUL that the slice does not count. */
struct gp_slice gp__arena_join(struct gp__arena *arena, const struct gp_slice *parts, size_t count);
#define GP__ARENA_JOIN(arena, ...)                                                                 \
    gp__arena_join((arena), (const struct gp_slice[]){__VA_ARGS__},                                \
                   sizeof((const struct gp_slice[]){__VA_ARGS__}) / sizeof(struct gp_slice))

/* As printf, into the arena, followed by a NUL that the slice does not count. */
struct gp_slice gp__arena_printf(struct gp__arena *arena, const char *format, ...) GP_PRINTF(2, 3);
struct gp_slice gp__arena_vprintf(struct gp__arena *arena, const char *format, va_list args)
    GP_PRINTF(2, 0);

/* Calls fn(arg) when the arena is freed, before any memory goes; fn may still use the arena. */
void gp__arena_cleanup(struct gp__arena *arena, void (*fn)(void *arg), void *arg);

/* It holds secrets: whatever is in it is wiped before its memory is used for anything else. */
void gp__arena_keep_secret(struct gp__arena *arena);

/* Bytes of all its chunks. */
size_t gp__arena_size(const struct gp__arena *arena);

/* Gives this thread's pool of free chunks back; for leak checks at exit. */
void gp__arena_pool_free(void);

#endif
