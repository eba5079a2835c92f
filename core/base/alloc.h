// SPDX-License-Identifier: Apache-2.0
/*
 * Small allocations. They abort the process when memory is out: no caller could go on, and the
 * supervisor starts a new one. Buffers whose size a peer decides use gp__buf, which can fail.
 */
#ifndef GP_BASE_ALLOC_H
#define GP_BASE_ALLOC_H

#include <stddef.h>

/* Zeroed memory, never NULL. Free with gp__free. */
void *gp__alloc(size_t size) __attribute__((malloc, returns_nonnull));

/* As gp__alloc for n items of size bytes; aborts when the product overflows. */
void *gp__alloc_array(size_t n, size_t size) __attribute__((malloc, returns_nonnull));

/* Makes room for at least `need` items: grows *items (of `size` bytes each) and *cap. What is new
 * is zeroed. Start with NULL and 0. */
void gp__grow(void **items, size_t *cap, size_t need, size_t size);

/* The items of an array of pointers or structs, grown to hold at least `need`. */
#define GP__GROW(array, cap, need) gp__grow((void **)&(array), &(cap), (need), sizeof *(array))

/* A NUL-terminated copy, to be freed with gp__free. */
char *gp__strdup(const char *text) __attribute__((malloc, returns_nonnull));

/* NULL is fine. */
void gp__free(void *memory);

/* Frees and forgets: the caller's variable is NULL afterwards. */
#define GP__FREE(pointer) (gp__free(pointer), (pointer) = NULL)

#endif
