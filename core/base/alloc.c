// SPDX-License-Identifier: Apache-2.0
#include "core/base/alloc.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *or_abort(void *memory, size_t size)
{
    if (memory)
        return memory;
    fprintf(stderr, "gatepost: out of memory (%zu bytes)\n", size);
    abort();
}

void *gp__alloc(size_t size)
{
    return or_abort(calloc(1, size ? size : 1), size);
}

void *gp__alloc_array(size_t n, size_t size)
{
    size_t total;

    if (__builtin_mul_overflow(n, size, &total))
        return or_abort(NULL, SIZE_MAX);
    return gp__alloc(total);
}

void gp__grow(void **items, size_t *cap, size_t need, size_t size)
{
    size_t grown = *cap ? *cap : 8, total;
    char *moved;

    if (need <= *cap)
        return;
    while (grown < need)
        grown = grown > SIZE_MAX / 2 ? need : grown * 2;
    if (__builtin_mul_overflow(grown, size, &total))
        or_abort(NULL, SIZE_MAX);
    /* The variable is a pointer to some other type: memcpy may alias it, an assignment may not. */
    memcpy(&moved, items, sizeof moved);
    moved = or_abort(realloc(moved, total), total);
    memset(moved + *cap * size, 0, (grown - *cap) * size);
    memcpy(items, &moved, sizeof moved);
    *cap = grown;
}

char *gp__strdup(const char *text)
{
    size_t size = strlen(text) + 1;

    return memcpy(gp__alloc(size), text, size);
}

void gp__free(void *memory)
{
    free(memory);
}
