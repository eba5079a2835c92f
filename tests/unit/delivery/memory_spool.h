// SPDX-License-Identifier: Apache-2.0
/* A spool in memory for tests of the scheduler: it survives the scheduler, forgets what was not
 * synced when told so, and fails when told so. One at a time. */
#ifndef TEST_MEMORY_SPOOL_H
#define TEST_MEMORY_SPOOL_H

#include "core/base/alloc.h"
#include "core/hook/runtime.h"
#include "core/spool/engine.h"

#include <stdlib.h>
#include <string.h>

#define SEGMENT_ENTRIES 8u /* then the next one is begun */

struct memory_entry {
    struct gp__buf head, base;
    bool large, damaged; /* damaged: its content can't be read */
};

struct memory_segment {
    uint64_t number;
    struct memory_entry *entries; /* offset: 64 * (index + 1) */
    size_t n, cap, tailed;
    bool sealed, removed;
};

static struct memory {
    struct memory_segment *segments;
    size_t n, cap;
    struct gp__buf *journal;
    size_t n_journal, journal_cap;
    uint64_t journal_bytes;
    struct gp__buf *anew; /* a compaction */
    size_t n_anew, anew_cap;
    bool compacting;
    int commit_error;   /* of the next commits */
    int journal_error;  /* what is said of them; 0: nothing is */
    bool journal_stops; /* appends are lost, as before a crash */
    unsigned n_removed_large;
    size_t commits;
} memory;

/* ---- the store ---- */

static void memory_free_records(struct gp__buf **records, size_t *n)
{
    while (*n)
        gp__buf_free(&(*records)[--*n]);
    GP__FREE(*records);
}

static void memory_free(void)
{
    for (size_t i = 0; i < memory.n; i++) {
        for (size_t k = 0; k < memory.segments[i].n; k++) {
            gp__buf_free(&memory.segments[i].entries[k].head);
            gp__buf_free(&memory.segments[i].entries[k].base);
        }
        gp__free(memory.segments[i].entries);
    }
    gp__free(memory.segments);
    memory_free_records(&memory.journal, &memory.n_journal);
    memory_free_records(&memory.anew, &memory.n_anew);
    memory = (struct memory){.n = 0};
}

/* The next scheduler sees all of it again. */
static void memory_rewind(void)
{
    for (size_t i = 0; i < memory.n; i++)
        memory.segments[i].tailed = 0;
    memory.journal_stops = false;
    memory.compacting = false;
    memory_free_records(&memory.anew, &memory.n_anew);
    memory.anew_cap = 0;
}

static struct memory_segment *memory_segment(void)
{
    struct memory_segment *last = memory.n ? &memory.segments[memory.n - 1] : NULL;

    if (last && !last->sealed && last->n < SEGMENT_ENTRIES)
        return last;
    if (last)
        last->sealed = true;
    GP__GROW(memory.segments, memory.cap, memory.n + 1);
    memory.segments[memory.n].number = memory.n + 1;
    return &memory.segments[memory.n++];
}

static struct gp__place memory_add(struct gp_slice head, struct gp_slice base, bool large)
{
    struct memory_segment *segment = memory_segment();
    struct memory_entry *entry;

    GP__GROW(segment->entries, segment->cap, segment->n + 1);
    entry = &segment->entries[segment->n++];
    gp__buf_append(&entry->head, head);
    gp__buf_append(&entry->base, base);
    entry->large = large;
    return (struct gp__place){.segment = segment->number, .offset = 64 * (uint32_t)segment->n};
}

static struct gp__place memory_put(const struct gp__entry *entry)
{
    struct gp__buf head = {.limit = 0};
    struct gp__place place;

    if (gp__entry_write(entry, &head) < 0)
        abort();
    place = memory_add(gp__buf_slice(&head), entry->base, entry->large);
    gp__buf_free(&head);
    return place;
}

static struct memory_entry *memory_at(struct gp__place place)
{
    struct memory_segment *segment;

    if (place.segment == 0 || place.segment > memory.n)
        return NULL;
    segment = &memory.segments[place.segment - 1];
    if (segment->removed || place.offset == 0 || place.offset / 64 > segment->n)
        return NULL;
    return &segment->entries[place.offset / 64 - 1];
}

/* ---- the engine ---- */

struct memory_done {
    struct memory_done *next;
    void (*placed)(void *arg, int error, const struct gp__place *places);
    void (*noted)(void *arg, int error);
    void *arg;
    int error;
    struct gp__place place;
};

static struct memory_done *memory_pending;

static void memory_run_done(void *arg)
{
    struct memory_done *done = arg, **link = &memory_pending;

    while (*link != done)
        link = &(*link)->next;
    *link = done->next;
    if (done->placed)
        done->placed(done->arg, done->error, done->error ? NULL : &done->place);
    else if (done->noted)
        done->noted(done->arg, done->error);
    gp__free(done);
}

static void memory_finish(struct gp__runtime *rt, const struct memory_done *what)
{
    struct memory_done *done = gp__alloc(sizeof *done);

    *done = *what;
    done->next = memory_pending;
    memory_pending = done;
    rt->ops->defer(rt, memory_run_done, done);
}

static int memory_prepare(const struct gp__spool_settings *settings, struct gp__buf *error_r)
{
    (void)settings;
    (void)error_r;
    return 0;
}

static struct gp__spool_writer *memory_writer_open(struct gp__runtime *rt,
                                                   const struct gp__spool_settings *settings,
                                                   struct gp_slice name, struct gp__buf *error_r)
{
    (void)rt;
    (void)settings;
    (void)name;
    (void)error_r;
    return gp__alloc(sizeof(struct gp__spool_writer));
}

static void memory_commit(struct gp__spool_writer *writer, const struct gp__entry *const *entries,
                          size_t n,
                          void (*placed)(void *arg, int error, const struct gp__place *places),
                          void *arg)
{
    struct memory_done done = {.placed = placed, .arg = arg, .error = memory.commit_error};

    if (n != 1)
        abort(); /* the scheduler writes one at a time */
    if (!done.error)
        done.place = memory_put(entries[0]);
    memory.commits++;
    memory_finish(writer->runtime, &done);
}

static void memory_rewrite(struct gp__spool_writer *writer, struct gp__spool *spool,
                           struct gp__place from,
                           void (*placed)(void *arg, int error, const struct gp__place *places),
                           void *arg)
{
    struct memory_done done = {.placed = placed, .arg = arg, .error = memory.commit_error};
    struct memory_entry *entry = memory_at(from);

    (void)spool;
    if (!entry)
        done.error = GP_ENOTFOUND;
    else if (entry->damaged)
        done.error = GP_EIO;
    if (!done.error) {
        struct gp__buf head = entry->head, base = entry->base; /* the array may move */

        done.place = memory_add(gp__buf_slice(&head), gp__buf_slice(&base), entry->large);
    }
    memory_finish(writer->runtime, &done);
}

static void memory_writer_close(struct gp__spool_writer *writer)
{
    gp__free(writer);
}

static struct gp__spool *memory_open(struct gp__runtime *rt,
                                     const struct gp__spool_settings *settings,
                                     enum gp__spool_mode mode, struct gp__buf *error_r)
{
    (void)rt;
    (void)settings;
    (void)mode;
    (void)error_r;
    return gp__alloc(sizeof(struct gp__spool));
}

static void memory_close(struct gp__spool *spool)
{
    gp__free(spool);
}

static int memory_read_head(struct gp__spool *spool, struct gp__place place,
                            struct gp__arena *arena, struct gp__entry *entry_r)
{
    struct memory_entry *entry = memory_at(place);

    (void)spool;
    if (!entry)
        return GP_ENOTFOUND;
    if (gp__entry_read(entry_r, arena, gp__buf_slice(&entry->head)) < 0)
        return GP_EIO;
    entry_r->base = gp_slice(NULL, 0);
    entry_r->large = entry->large;
    return 0;
}

static int memory_read(struct gp__spool *spool, struct gp__place place, struct gp__arena *arena,
                       struct gp__entry *entry_r)
{
    int error = memory_read_head(spool, place, arena, entry_r);

    if (error)
        return error;
    if (memory_at(place)->damaged)
        return GP_EIO;
    entry_r->base = gp__buf_slice(&memory_at(place)->base);
    return 0;
}

static int memory_tail(struct gp__spool *spool, size_t max,
                       void (*found)(void *arg, struct gp__place place,
                                     const struct gp__entry *entry),
                       void *arg)
{
    size_t n = 0;

    for (size_t i = 0; i < memory.n; i++) {
        while (!memory.segments[i].removed && memory.segments[i].tailed < memory.segments[i].n) {
            struct gp__place place = {.segment = i + 1};
            struct gp__arena *arena;
            struct gp__entry entry;

            if (n++ == max)
                return 1;
            place.offset = 64 * (uint32_t)++memory.segments[i].tailed;
            arena = gp__arena_create();
            if (memory_read_head(spool, place, arena, &entry) == 0)
                found(arg, place, &entry);
            gp__arena_free(&arena);
        }
    }
    return 0;
}

static void memory_segments(struct gp__spool *spool,
                            void (*each)(void *arg, const struct gp__spool_segment *segment),
                            void *arg)
{
    (void)spool;
    for (size_t i = 0; i < memory.n; i++) {
        struct gp__spool_segment segment = {.number = i + 1,
                                            .entries = memory.segments[i].n,
                                            .sealed = memory.segments[i].sealed &&
                                                      memory.segments[i].tailed ==
                                                          memory.segments[i].n};

        if (!memory.segments[i].removed)
            each(arg, &segment);
    }
}

static int memory_remove(struct gp__spool *spool, uint64_t segment)
{
    (void)spool;
    memory.segments[segment - 1].removed = true;
    return 0;
}

static int memory_remove_large(struct gp__spool *spool, struct gp_slice id)
{
    (void)spool;
    (void)id;
    memory.n_removed_large++;
    return 0;
}

static int memory_sweep(struct gp__spool *spool, bool (*alive)(void *arg, struct gp_slice id),
                        void *arg)
{
    (void)spool;
    (void)alive;
    (void)arg;
    return 0;
}

static int memory_wake_open(struct gp__spool *spool, struct gp__buf *error_r)
{
    (void)spool;
    (void)error_r;
    return -1;
}

static struct gp__spool_journal *memory_journal_open(
    struct gp__runtime *rt, const struct gp__spool_settings *settings,
    void (*record)(void *arg, struct gp_slice bytes), void *arg, struct gp__buf *error_r)
{
    (void)rt;
    (void)settings;
    (void)error_r;
    for (size_t i = 0; i < memory.n_journal; i++)
        record(arg, gp__buf_slice(&memory.journal[i]));
    return gp__alloc(sizeof(struct gp__spool_journal));
}

static void memory_record(struct gp__buf **records, size_t *n, size_t *cap, struct gp_slice bytes)
{
    GP__GROW(*records, *cap, *n + 1);
    gp__buf_append(&(*records)[(*n)++], bytes);
}

static void memory_append(struct gp__spool_journal *journal, struct gp_slice bytes,
                          void (*noted)(void *arg, int error), void *arg)
{
    struct memory_done done = {
        .noted = noted, .arg = arg, .error = memory.journal_stops ? memory.journal_error : 0};

    if (memory.journal_stops && !memory.journal_error)
        return;
    if (!memory.journal_stops) {
        memory_record(&memory.journal, &memory.n_journal, &memory.journal_cap, bytes);
        memory.journal_bytes += bytes.len;
        if (memory.compacting)
            memory_record(&memory.anew, &memory.n_anew, &memory.anew_cap, bytes);
    }
    memory_finish(journal->runtime, &done);
}

static int memory_compact_begin(struct gp__spool_journal *journal)
{
    (void)journal;
    memory.compacting = true;
    return 0;
}

static void memory_compact_put(struct gp__spool_journal *journal, struct gp_slice bytes)
{
    (void)journal;
    memory_record(&memory.anew, &memory.n_anew, &memory.anew_cap, bytes);
}

static void memory_compact_end(struct gp__spool_journal *journal,
                               void (*noted)(void *arg, int error), void *arg)
{
    struct memory_done done = {.noted = noted, .arg = arg};

    memory_free_records(&memory.journal, &memory.n_journal);
    memory.journal = memory.anew;
    memory.n_journal = memory.n_anew;
    memory.journal_cap = memory.anew_cap;
    memory.anew = NULL;
    memory.n_anew = memory.anew_cap = 0;
    memory.journal_bytes = 0;
    for (size_t i = 0; i < memory.n_journal; i++)
        memory.journal_bytes += memory.journal[i].len;
    memory.compacting = false;
    memory_finish(journal->runtime, &done);
}

static uint64_t memory_journal_size(const struct gp__spool_journal *journal)
{
    (void)journal;
    return memory.journal_bytes;
}

/* Finishes what was begun: nobody is told later. */
static void memory_journal_close(struct gp__spool_journal *journal)
{
    for (struct memory_done *done = memory_pending; done; done = done->next) {
        if (done->noted)
            done->noted(done->arg, done->error);
        done->noted = NULL;
    }
    gp__free(journal);
}

static const struct gp__spool_engine memory_engine = {
    .name = "memory",
    .prepare = memory_prepare,
    .writer_open = memory_writer_open,
    .commit = memory_commit,
    .rewrite = memory_rewrite,
    .writer_close = memory_writer_close,
    .open = memory_open,
    .close = memory_close,
    .read = memory_read,
    .read_head = memory_read_head,
    .tail = memory_tail,
    .segments = memory_segments,
    .remove = memory_remove,
    .remove_large = memory_remove_large,
    .sweep = memory_sweep,
    .wake_open = memory_wake_open,
    .journal_open = memory_journal_open,
    .journal_append = memory_append,
    .compact_begin = memory_compact_begin,
    .compact_put = memory_compact_put,
    .compact_end = memory_compact_end,
    .journal_size = memory_journal_size,
    .journal_close = memory_journal_close,
};

#endif
