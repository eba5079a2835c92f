// SPDX-License-Identifier: Apache-2.0
#include "core/base/arena.h"

#include "core/base/alloc.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define CHUNK_SIZE 2048u /* with its header, one size class of malloc */
#define CHUNK_BYTES (CHUNK_SIZE - sizeof(struct chunk))
#define POOL_MAX 1024u /* free chunks a thread keeps: 2 MiB */
#define ALIGNMENT (_Alignof(max_align_t))

/* Under AddressSanitizer nothing is shared or recycled, so that it sees an overflow of every single
 * allocation and a use after the arena is gone. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CHUNK_PER_ALLOCATION 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define CHUNK_PER_ALLOCATION 1
#endif
#ifndef CHUNK_PER_ALLOCATION
#define CHUNK_PER_ALLOCATION 0
#endif

struct chunk {
    struct chunk *next;
    size_t size;
    _Alignas(max_align_t) char bytes[];
};

struct cleanup {
    struct cleanup *next;
    void (*fn)(void *arg);
    void *arg;
};

struct gp__arena {
    struct chunk *chunks; /* allocations come from the first; large ones stand behind it */
    size_t used;          /* of the first */
    size_t total;
    struct cleanup *cleanups;
    bool secret;
};

static _Thread_local struct {
    struct chunk *free;
    size_t count;
} pool;

/* Not zeroed: gp__arena_alloc zeroes what it hands out. */
static struct chunk *chunk_make(size_t size)
{
    struct chunk *chunk = size > SIZE_MAX - sizeof *chunk ? NULL : malloc(sizeof *chunk + size);

    if (!chunk) {
        fprintf(stderr, "gatepost: out of memory (%zu bytes)\n", size);
        abort();
    }
    chunk->size = size;
    return chunk;
}

static struct chunk *chunk_take(void)
{
    struct chunk *chunk = pool.free;

    if (!chunk)
        return chunk_make(CHUNK_BYTES);
    pool.free = chunk->next;
    pool.count--;
    return chunk;
}

static void chunk_give(struct chunk *chunk)
{
    if (CHUNK_PER_ALLOCATION || chunk->size != CHUNK_BYTES || pool.count >= POOL_MAX) {
        free(chunk);
        return;
    }
    chunk->next = pool.free;
    pool.free = chunk;
    pool.count++;
}

struct gp__arena *gp__arena_create(void)
{
    struct chunk *chunk = chunk_take();
    struct gp__arena *arena = (struct gp__arena *)(void *)chunk->bytes;

    chunk->next = NULL;
    *arena = (struct gp__arena){
        .chunks = chunk,
        .used = (sizeof *arena + ALIGNMENT - 1) & ~(ALIGNMENT - 1),
        .total = sizeof *chunk + chunk->size,
    };
    return arena;
}

void gp__arena_free(struct gp__arena **arena_)
{
    struct gp__arena *arena = *arena_;
    struct chunk *chunk;
    bool secret;

    *arena_ = NULL;
    if (!arena)
        return;
    while (arena->cleanups) {
        struct cleanup *cleanup = arena->cleanups;

        arena->cleanups = cleanup->next;
        cleanup->fn(cleanup->arg);
    }
    chunk = arena->chunks; /* one of them holds the arena itself */
    secret = arena->secret;
    while (chunk) {
        struct chunk *next = chunk->next;

        if (secret)
            explicit_bzero(chunk->bytes, chunk->size);
        chunk_give(chunk);
        chunk = next;
    }
}

static char *take(struct gp__arena *arena, size_t size)
{
    struct chunk *chunk = arena->chunks;
    char *bytes;

    if (!CHUNK_PER_ALLOCATION && size <= CHUNK_BYTES - arena->used) {
        bytes = chunk->bytes + arena->used;
        arena->used += size;
        return bytes;
    }
    if (CHUNK_PER_ALLOCATION || size > CHUNK_BYTES) {
        chunk = chunk_make(size);
        chunk->next = arena->chunks->next;
        arena->chunks->next = chunk;
    } else {
        chunk = chunk_take();
        chunk->next = arena->chunks;
        arena->chunks = chunk;
        arena->used = size;
    }
    arena->total += sizeof *chunk + chunk->size;
    return chunk->bytes;
}

char *gp__arena_bytes(struct gp__arena *arena, size_t size)
{
    return take(arena, size);
}

void *gp__arena_alloc(struct gp__arena *arena, size_t size)
{
    /* Never past the end: the size of a chunk is a multiple of the alignment. */
    _Static_assert(CHUNK_BYTES % ALIGNMENT == 0, "chunks end aligned");

    arena->used = (arena->used + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
    return memset(take(arena, size), 0, size);
}

void *gp__arena_alloc_array(struct gp__arena *arena, size_t n, size_t size)
{
    size_t total;

    if (__builtin_mul_overflow(n, size, &total)) {
        fprintf(stderr, "gatepost: allocation of %zu items overflows\n", n);
        abort();
    }
    return gp__arena_alloc(arena, total);
}

void gp__arena_grow(struct gp__arena *arena, void **items, size_t *cap, size_t need, size_t size)
{
    size_t grown = *cap ? *cap : 4;
    void *moved, *old;

    if (need <= *cap)
        return;
    while (grown < need)
        grown = grown > SIZE_MAX / 2 ? need : grown * 2;
    moved = gp__arena_alloc_array(arena, grown, size);
    /* The variable is a pointer to some other type: memcpy may alias it, an assignment may not. */
    memcpy(&old, items, sizeof old);
    if (*cap)
        memcpy(moved, old, *cap * size);
    memcpy(items, &moved, sizeof moved);
    *cap = grown;
}

struct gp_slice gp__arena_dup(struct gp__arena *arena, struct gp_slice s)
{
    char *copy;

    if (!gp_slice_present(s))
        return s;
    copy = take(arena, s.len + 1);
    memcpy(copy, s.data, s.len);
    copy[s.len] = '\0';
    return gp_slice(copy, s.len);
}

struct gp_slice gp__arena_join(struct gp__arena *arena, const struct gp_slice *parts, size_t count)
{
    size_t len = 0;
    char *text, *to;

    for (size_t i = 0; i < count; i++)
        len += parts[i].len;
    text = to = take(arena, len + 1);
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len)
            memcpy(to, parts[i].data, parts[i].len);
        to += parts[i].len;
    }
    *to = '\0';
    return gp_slice(text, len);
}

struct gp_slice gp__arena_vprintf(struct gp__arena *arena, const char *format, va_list args)
{
    char small[256]; /* most texts fit and are formatted once */
    va_list again;
    char *text;
    int len;

    va_copy(again, args);
    len = vsnprintf(small, sizeof small, format, again);
    va_end(again);
    if (len < 0)
        return GP_S("");
    text = take(arena, (size_t)len + 1);
    if ((size_t)len < sizeof small)
        memcpy(text, small, (size_t)len + 1);
    else
        vsnprintf(text, (size_t)len + 1, format, args);
    return gp_slice(text, (size_t)len);
}

struct gp_slice gp__arena_printf(struct gp__arena *arena, const char *format, ...)
{
    struct gp_slice s;
    va_list args;

    va_start(args, format);
    s = gp__arena_vprintf(arena, format, args);
    va_end(args);
    return s;
}

void gp__arena_cleanup(struct gp__arena *arena, void (*fn)(void *arg), void *arg)
{
    struct cleanup *cleanup = GP__ARENA_NEW(arena, struct cleanup);

    *cleanup = (struct cleanup){.next = arena->cleanups, .fn = fn, .arg = arg};
    arena->cleanups = cleanup;
}

void gp__arena_keep_secret(struct gp__arena *arena)
{
    arena->secret = true;
}

size_t gp__arena_size(const struct gp__arena *arena)
{
    return arena->total;
}

void gp__arena_pool_free(void)
{
    while (pool.free) {
        struct chunk *chunk = pool.free;

        pool.free = chunk->next;
        free(chunk);
    }
    pool.count = 0;
}
