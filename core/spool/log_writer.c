// SPDX-License-Identifier: Apache-2.0
/*
 * Group commit. The loop queues commits and kicks the writer's thread once a turn; the thread takes
 * all that are queued, writes them as one batch, syncs, publishes how far the segment is durable,
 * and hands them back. While it syncs the next ones queue up, so the batch is as large as the disk
 * is slow, and when nothing waits nothing is waited for.
 */
#include "core/spool/log_writer.h"

#include "core/base/alloc.h"
#include "core/base/counts.h"
#include "core/base/log.h"
#include "core/hook/runtime.h"
#include "core/spool/engine.h"
#include "core/spool/log_engine.h"
#include "core/spool/trouble.h"
#include "core/spool/wake.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#define BATCH_MAX ((uint64_t)16 << 20) /* bytes; a single commit may have more */
#define ROOM ((uint64_t)1 << 20)       /* what is filled with zeros at a time */
#define NAMES_TRIED 64
#define SPARE_MAX 256
#define SEGMENT_MAX ((uint64_t)2 << 30) /* places are 32 bits, and one commit may go past it */

struct list {
    struct gp__log_commit *first, **end;
};

struct writer {
    struct gp__spool_writer base;
    unsigned refs; /* its owner's, and of a kick to come */
    struct gp__layout layout;
    uint64_t keep_free, segment_size, large_at;
    struct gp__log *log;
    struct gp__lane *lane;

    /* The loop's. */
    struct gp__log_commit *spare;
    size_t n_spare;
    bool kicking, closed;
    struct gp__trouble trouble;

    pthread_mutex_t lock;
    struct list queued, finished;
    unsigned syncs; /* not counted yet */
    int failure;    /* -errno of a batch, not logged yet */
    const char *failed_step;

    /* The thread's. */
    struct gp__append segment; /* fd -1: none */
    bool retired;              /* something failed: it takes no more */
    uint64_t next_number;
    struct gp__log_head head; /* of the next segment, but its number and salt */
    struct gp__append_record *records;
    size_t cap;
    int mark_fd;
    _Atomic uint64_t *mark;
    struct gp__wake wake;
};

static void list_init(struct list *list)
{
    list->first = NULL;
    list->end = &list->first;
}

static void list_add(struct list *list, struct gp__log_commit *commit)
{
    commit->next = NULL;
    *list->end = commit;
    list->end = &commit->next;
}

/* ---- the thread ---- */

/* The first commits that fit into one batch. */
static struct gp__log_commit *take(struct writer *writer, size_t *records_r)
{
    struct gp__log_commit *first, *last = NULL;
    uint64_t size = 0;

    *records_r = 0;
    pthread_mutex_lock(&writer->lock);
    first = writer->queued.first;
    for (struct gp__log_commit *commit = first; commit; commit = commit->next) {
        if (last && size + commit->size > BATCH_MAX)
            break;
        size += commit->size;
        *records_r += commit->n;
        last = commit;
    }
    if (last) {
        writer->queued.first = last->next;
        if (!last->next)
            list_init(&writer->queued);
        last->next = NULL;
    }
    pthread_mutex_unlock(&writer->lock);
    return first;
}

static void give_back(struct writer *writer, struct gp__log_commit *first, int error,
                      const char *step)
{
    pthread_mutex_lock(&writer->lock);
    while (first) {
        struct gp__log_commit *next = first->next;

        if (first->error == 0 && error)
            first->error = gp__disk_error(error);
        list_add(&writer->finished, first);
        first = next;
    }
    if (error) {
        writer->failure = error;
        writer->failed_step = step;
    } else {
        writer->syncs++;
    }
    pthread_mutex_unlock(&writer->lock);
    writer->lane->runtime->ops->lane_report(writer->lane);
}

static int next_segment(struct writer *writer)
{
    const struct gp__disk *disk = writer->layout.disk;
    struct gp__runtime *rt = writer->lane->runtime;
    struct gp__append next;
    int error;

    rt->ops->random(rt, &writer->head.salt, sizeof writer->head.salt);
    writer->head.created_ms = rt->ops->wall_ms(rt);
    if (writer->segment.fd >= 0) {
        writer->head.previous = writer->segment.head.number;
        writer->head.previous_end = writer->segment.end; /* more may stand there: it failed */
    }
    error = gp__append_create(&next, disk, writer->layout.segments, &writer->head, ROOM,
                              writer->segment_size);
    if (error)
        return error;
    error = gp__append_name(&next, writer->layout.segments, writer->next_number);
    writer->next_number = next.head.number + 1;
    if (error == 0 && next.head.number > UINT32_MAX)
        error = -EFBIG;
    if (error) {
        next.end = GP__BLOCK;
        gp__append_close(&next);
        return error;
    }
    /* Only now: until the next one is there a reader takes what it finds in this one. */
    if (writer->segment.fd >= 0)
        gp__append_close(&writer->segment);
    writer->segment = next;
    writer->retired = false;
    return 0;
}

static int store_large(struct writer *writer, struct gp__log_commit *first)
{
    const struct gp__layout *layout = &writer->layout;
    size_t linked = 0;

    for (struct gp__log_commit *commit = first; commit; commit = commit->next) {
        int error = commit->error ? 0 : gp__log_store_large(layout, commit, &linked);

        if (error)
            return error;
    }
    return linked ? layout->disk->sync_dir(layout->disk->arg, layout->messages) : 0;
}

/* All records of the batch in a row. */
static void gather(struct writer *writer, const struct gp__log_commit *first, size_t n)
{
    size_t at = 0;

    GP__GROW(writer->records, writer->cap, n);
    for (; first; first = first->next) {
        memcpy(&writer->records[at], first->records, first->n * sizeof *first->records);
        at += first->n;
    }
}

static void set_places(const struct writer *writer, struct gp__log_commit *first)
{
    const struct gp__append_record *record = writer->records;

    for (; first; first = first->next) {
        for (size_t i = 0; i < first->n; i++, record++) {
            first->places[i] = (struct gp__place){.segment = writer->segment.head.number,
                                                  .offset = (uint32_t)record->offset};
        }
    }
}

static void publish(struct writer *writer)
{
    atomic_store_explicit(writer->mark,
                          gp__mark_of(writer->segment.head.number, writer->segment.end),
                          memory_order_release);
    gp__wake_send(&writer->wake);
}

/* 0, or -errno with the step that failed. */
static int write_batch(struct writer *writer, struct gp__log_commit *first, size_t n,
                       const char **step_r)
{
    const struct gp__disk *disk = writer->layout.disk;
    uint64_t size, full = writer->segment_size;
    int error;

    *step_r = "reserve";
    if (writer->keep_free && disk->space(disk->arg, writer->layout.root) < writer->keep_free)
        return -ENOSPC;
    *step_r = "message file";
    error = store_large(writer, first);
    if (error)
        return error;
    gather(writer, first, n);
    size = gp__append_size(writer->records, n);
    *step_r = "new segment";
    if (writer->segment.fd < 0 || writer->retired ||
        (writer->segment.end > GP__BLOCK && writer->segment.end + size > full)) {
        error = next_segment(writer);
        if (error)
            return error;
    }
    *step_r = "append";
    error = gp__append_batch(&writer->segment, writer->records, n);
    writer->retired = error != 0; /* a sync that failed proves nothing when it is tried again */
    return error;
}

static void run(void *arg)
{
    struct writer *writer = arg;
    struct gp__log_commit *first;
    const char *step;
    size_t n;
    int error;

    while ((first = take(writer, &n))) {
        error = write_batch(writer, first, n, &step);
        if (error == 0) {
            set_places(writer, first);
            publish(writer);
        }
        give_back(writer, first, error, step);
    }
}

/* ---- the loop ---- */

static void tell(struct writer *writer, int failure, const char *step)
{
    struct gp__runtime *rt = writer->base.runtime;

    if (failure)
        gp__trouble_add(&writer->trouble, writer->log, writer->layout.root, step, failure,
                        rt->ops->now_ms(rt));
    else if (writer->trouble.error)
        gp__trouble_ease(&writer->trouble, writer->log, writer->layout.root, rt->ops->now_ms(rt));
}

static void recycle(struct writer *writer, struct gp__log_commit *commit)
{
    gp__log_commit_clear(commit);
    if (writer->n_spare == SPARE_MAX) {
        gp__log_commit_free(commit);
        return;
    }
    commit->next = writer->spare;
    writer->spare = commit;
    writer->n_spare++;
}

static void collect(void *arg)
{
    struct writer *writer = arg;
    struct gp__log_commit *first;
    const char *step;
    unsigned syncs;
    int failure;

    pthread_mutex_lock(&writer->lock);
    first = writer->finished.first;
    list_init(&writer->finished);
    syncs = writer->syncs;
    failure = writer->failure;
    step = writer->failed_step;
    writer->syncs = 0;
    writer->failure = 0;
    pthread_mutex_unlock(&writer->lock);
    GP__COUNT_BY(spool_syncs, syncs);
    if (failure || syncs)
        tell(writer, failure, step);
    while (first) {
        struct gp__log_commit *commit = first;

        first = commit->next;
        if (!commit->error)
            GP__COUNT_BY(spool_entries, commit->n);
        commit->done(commit->arg, commit->error, commit->error ? NULL : commit->places);
        recycle(writer, commit);
    }
}

static void unref(struct writer *writer)
{
    if (--writer->refs > 0)
        return;
    pthread_mutex_destroy(&writer->lock);
    gp__layout_free(&writer->layout);
    gp__free(writer);
}

/* Once a turn: commits of the same turn share a sync. */
static void kick(void *arg)
{
    struct writer *writer = arg;

    writer->kicking = false;
    if (!writer->closed)
        writer->lane->runtime->ops->lane_kick(writer->lane);
    unref(writer);
}

static struct gp__log_commit *commit_create(struct writer *writer)
{
    struct gp__log_commit *commit = writer->spare;

    if (!commit)
        return gp__alloc(sizeof *commit);
    writer->spare = commit->next;
    writer->n_spare--;
    return commit;
}

/* What can't be written down is answered by collect(), like all others. */
static void queue(struct writer *writer, struct gp__log_commit *commit, int error)
{
    struct gp__runtime *rt = writer->lane->runtime;

    commit->error = error;
    pthread_mutex_lock(&writer->lock);
    list_add(error ? &writer->finished : &writer->queued, commit);
    pthread_mutex_unlock(&writer->lock);
    if (error) {
        rt->ops->lane_report(writer->lane);
    } else if (!writer->kicking) {
        writer->kicking = true;
        writer->refs++;
        rt->ops->defer(rt, kick, writer);
    }
}

void gp__log_writer_commit(struct gp__spool_writer *base, const struct gp__entry *const *entries,
                           size_t n,
                           void (*done)(void *arg, int error, const struct gp__place *places),
                           void *arg)
{
    struct writer *writer = (struct writer *)base;
    struct gp__log_commit *commit = commit_create(writer);

    commit->done = done;
    commit->arg = arg;
    queue(writer, commit, gp__log_commit_fill(commit, entries, n, writer->large_at));
}

void gp__log_writer_rewrite(struct gp__spool_writer *base, struct gp__spool *spool,
                            struct gp__place from,
                            void (*done)(void *arg, int error, const struct gp__place *places),
                            void *arg)
{
    struct writer *writer = (struct writer *)base;
    struct gp__log_commit *commit = commit_create(writer);

    commit->done = done;
    commit->arg = arg;
    queue(writer, commit, gp__log_commit_copy(commit, spool, from));
}

/* ---- life ---- */

/* The mark of that name, or if somebody has it (the worker before us, that still ends its sessions)
 * of the name with a number. */
static int open_mark(struct writer *writer, struct gp_slice name)
{
    const struct gp__disk *disk = writer->layout.disk;
    char path[GP__LOG_PATH_MAX];
    int fd = -EWOULDBLOCK, error;

    for (int i = 1; i <= NAMES_TRIED && fd == -EWOULDBLOCK; i++) {
        char number[16] = "";

        if (i > 1)
            (void)snprintf(number, sizeof number, ".%d", i);
        (void)snprintf(writer->head.writer, sizeof writer->head.writer, GP_FMT "%s", GP_ARG(name),
                       number);
        (void)snprintf(path, sizeof path, "%s/%s", writer->layout.marks, writer->head.writer);
        fd = disk->open(disk->arg, path, GP__DISK_CREATE);
        error = fd < 0 ? fd : disk->lock(disk->arg, fd);
        if (fd >= 0 && error) {
            disk->close(disk->arg, fd);
            fd = error;
        }
    }
    if (fd < 0)
        return fd;
    writer->mark = disk->map_mark(disk->arg, fd, true);
    writer->mark_fd = fd;
    return writer->mark ? 0 : -ENOMEM;
}

static void free_writer(struct writer *writer)
{
    const struct gp__disk *disk = writer->layout.disk;

    if (writer->segment.fd >= 0) {
        /* A batch of nothing after the last one says that that was durable. */
        if (!writer->retired)
            (void)gp__append_batch(&writer->segment, NULL, 0);
        gp__append_close(&writer->segment);
    }
    if (writer->mark)
        disk->unmap_mark(disk->arg, writer->mark);
    if (writer->mark_fd >= 0)
        disk->close(disk->arg, writer->mark_fd);
    gp__wake_close(&writer->wake);
    while (writer->spare) {
        struct gp__log_commit *commit = writer->spare;

        writer->spare = commit->next;
        gp__log_commit_free(commit);
    }
    gp__free(writer->records);
    writer->closed = true;
    unref(writer);
}

static struct writer *writer_create(const struct gp__spool_settings *settings)
{
    struct writer *writer = gp__alloc(sizeof *writer);

    writer->refs = 1;
    gp__layout_init(&writer->layout, settings);
    writer->keep_free = settings->keep_free;
    writer->segment_size = settings->segment_size ? settings->segment_size : GP__SPOOL_SEGMENT;
    if (writer->segment_size > SEGMENT_MAX)
        writer->segment_size = SEGMENT_MAX;
    writer->large_at = settings->large_at ? settings->large_at : GP__SPOOL_LARGE;
    writer->log = settings->log;
    writer->segment.fd = writer->mark_fd = writer->wake.fd = -1;
    pthread_mutex_init(&writer->lock, NULL);
    list_init(&writer->queued);
    list_init(&writer->finished);
    return writer;
}

struct gp__spool_writer *gp__log_writer_open(struct gp__runtime *rt,
                                             const struct gp__spool_settings *settings,
                                             struct gp_slice name, struct gp__buf *error_r)
{
    struct writer *writer = writer_create(settings);
    int error;

    if (name.len > GP__WRITER_NAME_MAX - 4 || !gp__entry_id_fits(name)) {
        gp__buf_printf(error_r, "\"" GP_FMT "\" can't name a writer", GP_ARG(name));
        free_writer(writer);
        return NULL;
    }
    if (gp__layout_prepare(&writer->layout, error_r) < 0) {
        free_writer(writer);
        return NULL;
    }
    writer->head.kind = GP__LOG_SEGMENT;
    error = open_mark(writer, name);
    writer->next_number = gp__layout_next_segment(&writer->layout);
    gp__wake_open(&writer->wake, writer->layout.wake);
    writer->lane = error ? NULL : rt->ops->lane_open(rt, run, collect, writer);
    if (writer->lane)
        return &writer->base;
    gp__buf_printf(error_r, "%s/%s: %s", writer->layout.marks, writer->head.writer,
                   error ? strerror(-error) : "no thread could be had");
    free_writer(writer);
    return NULL;
}

void gp__log_writer_close(struct gp__spool_writer *base)
{
    struct writer *writer = (struct writer *)base;
    const struct gp__runtime_ops *ops = writer->lane->runtime->ops;

    ops->lane_kick(writer->lane);
    ops->lane_close(&writer->lane);
    collect(writer);
    free_writer(writer);
}
