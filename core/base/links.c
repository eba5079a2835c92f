// SPDX-License-Identifier: Apache-2.0
#include "core/base/links.h"

#include "core/base/alloc.h"

#include <stdlib.h>

#define FIRST 64u
#define LOAD 2u /* things a bucket, before there are twice as many buckets */

/* By the upper bits of a product, in which all bits of the hash have a part: some are hardly mixed. */
static struct gp__link **bucket_of(const struct gp__links *links, uint64_t hash)
{
    unsigned bits = (unsigned)__builtin_ctzll(links->n_buckets);

    return &links->buckets[hash * 0x9e3779b97f4a7c15u >> (64 - bits)];
}

static void grow(struct gp__links *links)
{
    struct gp__links wider = {.n_buckets = links->n_buckets ? links->n_buckets * 2 : FIRST};

    wider.buckets = gp__alloc_array(wider.n_buckets, sizeof(struct gp__link *));
    for (size_t i = 0; i < links->n_buckets; i++) {
        struct gp__link *link = links->buckets[i];

        while (link) {
            struct gp__link *next = link->next, **bucket = bucket_of(&wider, link->hash);

            link->next = *bucket;
            *bucket = link;
            link = next;
        }
    }
    gp__free(links->buckets);
    links->buckets = wider.buckets;
    links->n_buckets = wider.n_buckets;
}

void gp__links_add(struct gp__links *links, struct gp__link *link)
{
    struct gp__link **bucket;

    if (links->count >= links->n_buckets * LOAD)
        grow(links);
    bucket = bucket_of(links, link->hash);
    link->next = *bucket;
    *bucket = link;
    links->count++;
}

void gp__links_remove(struct gp__links *links, struct gp__link *link)
{
    struct gp__link **at = bucket_of(links, link->hash);

    while (*at != link) {
        if (!*at)
            abort(); /* it is not in this table */
        at = &(*at)->next;
    }
    *at = link->next;
    links->count--;
}

static struct gp__link *same(struct gp__link *link, uint64_t hash)
{
    while (link && link->hash != hash)
        link = link->next;
    return link;
}

struct gp__link *gp__links_first(const struct gp__links *links, uint64_t hash)
{
    return links->n_buckets ? same(*bucket_of(links, hash), hash) : NULL;
}

struct gp__link *gp__links_next(const struct gp__link *link)
{
    return same(link->next, link->hash);
}

struct gp__link *gp__links_any(const struct gp__links *links)
{
    for (size_t i = 0; links->count && i < links->n_buckets; i++)
        if (links->buckets[i])
            return links->buckets[i];
    return NULL;
}

void gp__links_free(struct gp__links *links)
{
    GP__FREE(links->buckets);
    *links = (struct gp__links){.count = 0};
}
