// SPDX-License-Identifier: Apache-2.0
/* A spool in memory, for those who use one: what is committed takes a while and can fail; what was
 * kept can be read back. */
#ifndef GP_TEST_SPOOL_MEMORY_H
#define GP_TEST_SPOOL_MEMORY_H

#include "core/base/alloc.h"
#include "core/hook/runtime.h"
#include "core/spool/engine.h"

#include <string.h>

#define MEMORY_MAX 64

/* There is one, as there is one disk. */
static struct memory {
    struct {
        struct gp__buf head, base;
    } kept[MEMORY_MAX];
    size_t n, commits;
    int error;         /* of the next commits */
    uint64_t takes_ms; /* each */
    struct gp__spool spool;
} memory;

struct memory_writer {
    struct gp__spool_writer writer;
    struct gp__runtime *rt;
};

struct memory_commit {
    struct gp__timer timer;
    void (*done)(void *arg, int error, const struct gp__place *places);
    void *arg;
    struct gp__place places[MEMORY_MAX];
    int error;
};

static struct gp__spool_writer *memory_writer_open(struct gp__runtime *rt,
                                                   const struct gp__spool_settings *settings,
                                                   struct gp_slice name, struct gp__buf *error_r)
{
    struct memory_writer *writer = gp__alloc(sizeof *writer);

    (void)settings;
    (void)name;
    (void)error_r;
    writer->rt = rt;
    return &writer->writer;
}

static void memory_writer_close(struct gp__spool_writer *writer)
{
    gp__free(writer);
}

static void memory_committed(struct gp__timer *timer)
{
    struct memory_commit *commit = (struct memory_commit *)(void *)timer;

    commit->done(commit->arg, commit->error, commit->places);
    gp__free(commit);
}

static int memory_keep(const struct gp__entry *entry, struct gp__place *place)
{
    if (gp__entry_write(entry, &memory.kept[memory.n].head) != 0)
        return GP_EINVAL;
    gp__buf_append(&memory.kept[memory.n].base, entry->base);
    *place = (struct gp__place){.segment = 1, .offset = (uint32_t)memory.n++};
    return 0;
}

static void memory_commit(struct gp__spool_writer *writer_, const struct gp__entry *const *entries,
                          size_t n,
                          void (*done)(void *arg, int error, const struct gp__place *places),
                          void *arg)
{
    struct memory_writer *writer = (struct memory_writer *)(void *)writer_;
    struct memory_commit *commit = gp__alloc(sizeof *commit);

    memory.commits++;
    commit->error = memory.error;
    for (size_t i = 0; i < n && !commit->error; i++)
        commit->error = memory_keep(entries[i], &commit->places[i]);
    commit->done = done;
    commit->arg = arg;
    commit->timer.fn = memory_committed;
    writer->rt->ops->timer_start(writer->rt, &commit->timer,
                                 writer->rt->ops->now_ms(writer->rt) + memory.takes_ms);
}

static struct gp__spool *memory_open(struct gp__runtime *rt,
                                     const struct gp__spool_settings *settings,
                                     enum gp__spool_mode mode, struct gp__buf *error_r)
{
    (void)rt;
    (void)settings;
    (void)mode;
    (void)error_r;
    return &memory.spool;
}

static void memory_close(struct gp__spool *spool)
{
    (void)spool;
}

static int memory_read(struct gp__spool *spool, struct gp__place place, struct gp__arena *arena,
                       struct gp__entry *entry_r)
{
    struct gp_slice head;

    (void)spool;
    if (place.segment != 1 || place.offset >= memory.n)
        return GP_ENOTFOUND;
    head = gp__arena_dup(arena, gp__buf_slice(&memory.kept[place.offset].head));
    if (gp__entry_read(entry_r, arena, head) != 0)
        return GP_EIO;
    entry_r->base = gp__arena_dup(arena, gp__buf_slice(&memory.kept[place.offset].base));
    return 0;
}

static const struct gp__spool_engine memory_engine = {
    .name = "memory",
    .writer_open = memory_writer_open,
    .commit = memory_commit,
    .writer_close = memory_writer_close,
    .open = memory_open,
    .close = memory_close,
    .read = memory_read,
};

static const struct gp__spool_settings memory_settings = {.engine = &memory_engine};

static inline void memory_forget(void)
{
    for (size_t i = 0; i < memory.n; i++) {
        gp__buf_free(&memory.kept[i].head);
        gp__buf_free(&memory.kept[i].base);
    }
    memset(&memory, 0, sizeof memory);
}

#endif
