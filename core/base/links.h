// SPDX-License-Identifier: Apache-2.0
/*
 * A hash table of things that carry their link: no memory of its own but eight bytes a bucket, and
 * taking something out is as cheap as putting it in. Owns none of them. Several may have one hash:
 * who asks for one compares what the hash is of.
 */
#ifndef GP_BASE_LINKS_H
#define GP_BASE_LINKS_H

#include <stddef.h>
#include <stdint.h>

struct gp__link {
    struct gp__link *next;
    uint64_t hash;
};

/* Zeroed: empty. */
struct gp__links {
    struct gp__link **buckets;
    size_t n_buckets; /* a power of two, or 0 */
    size_t count;
};

/* link->hash is set. */
void gp__links_add(struct gp__links *links, struct gp__link *link);
void gp__links_remove(struct gp__links *links, struct gp__link *link);

/* The first with that hash, or NULL; the next with the same hash as this one, or NULL. */
struct gp__link *gp__links_first(const struct gp__links *links, uint64_t hash);
struct gp__link *gp__links_next(const struct gp__link *link);

/* Any one, or NULL: to empty it. */
struct gp__link *gp__links_any(const struct gp__links *links);

/* The table, not what was in it. */
void gp__links_free(struct gp__links *links);

#endif
