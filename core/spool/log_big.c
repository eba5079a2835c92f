// SPDX-License-Identifier: Apache-2.0
/*
 * Heads of entries with very many recipients. Each group of 64 of them is tried by itself and asks for
 * the head, which lists all: so the last few big ones stay as they were read, and are shared by those
 * who ask. What a list costs is in proportion to it then, and not to its square.
 */
#include "core/base/alloc.h"
#include "core/spool/log_engine.h"

struct gp__log_big {
    struct gp__place place;
    struct gp__arena *arena; /* all that the entry points into */
    struct gp__entry entry;
    size_t size; /* of the head as it is written */
    uint64_t used;
    unsigned refs;
};

static void release(void *arg)
{
    struct gp__log_big *big = arg;

    if (--big->refs > 0)
        return;
    gp__arena_free(&big->arena);
    gp__free(big);
}

static struct gp__log_big *find(const struct gp__log_spool *spool, struct gp__place place)
{
    for (size_t i = 0; i < GP__LOG_BIG_MAX; i++) {
        struct gp__log_big *big = spool->big[i];

        if (big && big->place.segment == place.segment && big->place.offset == place.offset)
            return big;
    }
    return NULL;
}

static void drop(struct gp__log_spool *spool, size_t i)
{
    release(spool->big[i]);
    spool->big[i] = NULL;
}

void gp__log_forget_big(struct gp__log_spool *spool, uint64_t segment)
{
    for (size_t i = 0; i < GP__LOG_BIG_MAX; i++)
        if (spool->big[i] && (segment == 0 || spool->big[i]->place.segment == segment))
            drop(spool, i);
}

/* The place for one more of that size: those that were used longest ago go, until it fits. */
static size_t make_room(struct gp__log_spool *spool, size_t size)
{
    for (;;) {
        size_t free = GP__LOG_BIG_MAX, oldest = GP__LOG_BIG_MAX, sum = size;

        for (size_t i = 0; i < GP__LOG_BIG_MAX; i++) {
            if (!spool->big[i]) {
                free = i;
                continue;
            }
            sum += spool->big[i]->size;
            if (oldest == GP__LOG_BIG_MAX || spool->big[i]->used < spool->big[oldest]->used)
                oldest = i;
        }
        if (free < GP__LOG_BIG_MAX && (sum <= GP__LOG_BIG_BYTES || oldest == GP__LOG_BIG_MAX))
            return free;
        drop(spool, oldest);
    }
}

static int load(struct gp__log_spool *spool, struct gp__place place, struct gp__log_big **big_r)
{
    struct gp__log_big *big = gp__alloc(sizeof *big);
    int error;

    big->arena = gp__arena_create();
    big->place = place;
    big->refs = 1;
    error = gp__log_load_head(spool, place, big->arena, &big->entry, &big->size);
    if (error)
        release(big);
    *big_r = error ? NULL : big;
    return error;
}

int gp__log_read_big(struct gp__log_spool *spool, struct gp__place place, struct gp__arena *arena,
                     struct gp__entry *entry_r)
{
    struct gp__log_big *big = find(spool, place);
    int error = 0;

    if (!big) {
        error = load(spool, place, &big);
        if (error)
            return error;
        spool->big[make_room(spool, big->size)] = big;
    }
    big->used = ++spool->uses;
    big->refs++;
    gp__arena_cleanup(arena, release, big);
    *entry_r = big->entry;
    return 0;
}
