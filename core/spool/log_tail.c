// SPDX-License-Identifier: Apache-2.0
/*
 * What became durable since the last time. A segment whose writer lives is read up to the writer's
 * mark. One that nobody has locked is at its end: if its writer went on to another segment, that
 * one says how much of this counts; if not, the writer died, and all that is valid counts.
 */
#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/spool/dead.h"
#include "core/spool/log_engine.h"

#include <errno.h>
#include <gatepost/types.h>
#include <stdio.h>

/* ---- the list of segments ---- */

static size_t position(const struct gp__log_spool *spool, uint64_t number)
{
    size_t low = 0, high = spool->n;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (spool->segments[middle]->number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void corrupt(struct gp__log_spool *spool, uint64_t number, uint64_t offset, const char *what)
{
    char path[GP__LOG_PATH_MAX];

    gp__log_path(path, spool->layout.segments, number);
    gp__log(spool->log, GP_LOG_ERROR, "spool.corrupt", GP__F_C("path", path),
            GP__F_I("offset", offset), GP__F_C("error", what));
}

static void map_mark(struct gp__log_spool *spool, struct gp__log_segment *segment)
{
    const struct gp__disk *disk = spool->layout.disk;
    char path[GP__LOG_PATH_MAX + GP__WRITER_NAME_MAX + 2];

    if (!gp__entry_id_fits(gp_slice_of(segment->scan.head.writer)))
        return;
    (void)snprintf(path, sizeof path, "%s/%s", spool->layout.marks, segment->scan.head.writer);
    segment->mark_fd = disk->open(disk->arg, path, GP__DISK_READ);
    if (segment->mark_fd < 0)
        return;
    segment->mark = disk->map_mark(disk->arg, segment->mark_fd, false);
}

/* Nothing more will be read from it. */
static void let_go(struct gp__log_spool *spool, struct gp__log_segment *segment)
{
    const struct gp__disk *disk = spool->layout.disk;

    if (segment->mark)
        disk->unmap_mark(disk->arg, segment->mark);
    if (segment->mark_fd >= 0)
        disk->close(disk->arg, segment->mark_fd);
    if (segment->scan.fd >= 0)
        disk->close(disk->arg, segment->scan.fd);
    segment->mark = NULL;
    segment->mark_fd = segment->scan.fd = -1;
    gp__scan_close(&segment->scan);
}

static void open_segment(struct gp__log_spool *spool, struct gp__log_segment *segment)
{
    const struct gp__disk *disk = spool->layout.disk;
    char path[GP__LOG_PATH_MAX];
    int fd, error;

    gp__log_path(path, spool->layout.segments, segment->number);
    fd = disk->open(disk->arg, path, GP__DISK_READ);
    segment->scan.fd = fd;
    if (fd < 0) {
        segment->sealed = true;              /* nothing will be read from it */
        segment->unreadable = fd != -ENOENT; /* or its owner removed it just now */
        if (segment->unreadable)
            corrupt(spool, segment->number, 0, strerror(-fd));
        return;
    }
    error = gp__scan_open(&segment->scan, disk, fd, GP__LOG_SEGMENT);
    if (error)
        corrupt(spool, segment->number, 0,
                error == GP_ENOTALLOWED ? "it is of a later version" : "its head is damaged");
    if (error < 0) {
        segment->sealed = segment->unreadable = true;
        let_go(spool, segment);
    } else {
        segment->salvaged = error > 0;
        map_mark(spool, segment);
    }
}

static void add_segment(void *arg, const char *name)
{
    struct gp__log_spool *spool = arg;
    uint64_t number = gp__log_number(name);
    size_t at = position(spool, number);
    struct gp__log_segment *segment;

    if (number == 0 || (at < spool->n && spool->segments[at]->number == number))
        return;
    GP__GROW(spool->segments, spool->cap, spool->n + 1);
    memmove(&spool->segments[at + 1], &spool->segments[at],
            (spool->n - at) * sizeof(struct gp__log_segment *));
    segment = spool->segments[at] = gp__alloc(sizeof *segment);
    spool->n++;
    segment->number = number;
    segment->mark_fd = -1;
    open_segment(spool, segment);
}

int gp__log_refresh(struct gp__log_spool *spool)
{
    const struct gp__disk *disk = spool->layout.disk;
    int error = disk->list(disk->arg, spool->layout.segments, add_segment, spool);

    return error ? gp__disk_error(error) : 0;
}

/* The segment that its writer had next; or NULL. */
static const struct gp__log_segment *successor(const struct gp__log_spool *spool, uint64_t number)
{
    for (size_t i = position(spool, number); i < spool->n; i++) {
        if (spool->segments[i]->scan.head.previous == number)
            return spool->segments[i];
    }
    return NULL;
}

/* ---- one segment ---- */

int gp__log_look(struct gp__log_spool *spool, struct gp__log_segment *segment)
{
    const struct gp__disk *disk = spool->layout.disk;
    struct gp__scan *scan = &segment->scan;
    const struct gp__log_segment *next;
    int locked = disk->locked(disk->arg, scan->fd);
    uint64_t mark = segment->mark ? atomic_load_explicit(segment->mark, memory_order_acquire) : 0;

    if (locked < 0)
        return GP_EIO;
    if (gp__mark_segment(mark) == segment->number && gp__mark_durable(mark) > scan->durable)
        scan->durable = gp__mark_durable(mark);
    if (locked || scan->ended)
        return 0;
    /* Who has moved on has named the next one before. */
    if (gp__log_refresh(spool) < 0)
        return GP_EIO;
    next = successor(spool, segment->number);
    if (next)
        scan->durable = scan->limit = next->scan.head.previous_end;
    scan->ended = true;
    return 0;
}

/* Cuts the torn tail off for good, and makes durable what was taken from one that died. Should
 * that fail: the next start does it, and nobody was promised more. */
static void cut(const struct gp__disk *disk, const char *path, uint64_t size)
{
    int fd = disk->open(disk->arg, path, GP__DISK_CREATE);

    if (fd < 0)
        return;
    (void)disk->truncate(disk->arg, fd, size);
    (void)disk->sync(disk->arg, fd);
    disk->close(disk->arg, fd);
}

static void seal(struct gp__log_spool *spool, struct gp__log_segment *segment)
{
    const struct gp__scan *scan = &segment->scan;
    char path[GP__LOG_PATH_MAX];

    gp__log_path(path, spool->layout.segments, segment->number);
    segment->sealed = true;
    segment->died = !scan->limit && !gp__scan_is_closed(&segment->scan);
    if (scan->torn)
        gp__log(spool->log, GP_LOG_NOTICE, "spool.torn", GP__F_C("path", path),
                GP__F_I("offset", scan->offset), GP__F_I("bytes", scan->torn));
    if (spool->owner_fd >= 0)
        cut(spool->layout.disk, path, scan->offset);
    let_go(spool, segment);
}

struct tailing {
    struct gp__log_spool *spool;
    struct gp__log_segment *segment;
    size_t count;
    void (*found)(void *arg, struct gp__place place, const struct gp__entry *entry);
    void *arg;
};

static void on_corrupt(void *arg, uint64_t offset, const char *what)
{
    const struct tailing *tailing = arg;

    corrupt(tailing->spool, tailing->segment->number, offset, what);
}

static void on_record(void *arg, const struct gp__scan_record *record)
{
    struct tailing *tailing = arg;
    struct gp__place place = {.segment = tailing->segment->number,
                              .offset = (uint32_t)record->offset};
    struct gp__entry entry = {.base_crc = record->head.body_crc};
    struct gp__arena *arena = gp__arena_create();

    if (record->head.type != GP__RECORD_ENTRY || gp__entry_read(&entry, arena, record->bytes) < 0 ||
        (!entry.large && entry.base_size != record->head.body_len)) {
        on_corrupt(arg, record->offset, "a record is no entry");
    } else {
        tailing->count++;
        tailing->segment->entries++;
        tailing->found(tailing->arg, place, &entry);
    }
    gp__arena_free(&arena);
}

/* 1: there is more, 0, or GP_EIO. */
static int tail_segment(struct tailing *tailing, size_t max)
{
    struct gp__log_segment *segment = tailing->segment;
    struct gp__scan *scan = &segment->scan;
    int error = gp__log_look(tailing->spool, segment);

    if (error)
        return error;
    gp__scan_again(scan);
    scan->record = on_record;
    scan->corrupt = on_corrupt;
    scan->arg = tailing;
    while (gp__scan_batch(scan)) {
        if (tailing->count >= max)
            return 1;
    }
    if (scan->ended)
        seal(tailing->spool, segment);
    return 0;
}

int gp__log_tail(struct gp__spool *base, size_t max,
                 void (*found)(void *arg, struct gp__place place, const struct gp__entry *entry),
                 void *arg)
{
    struct gp__log_spool *spool = (struct gp__log_spool *)base;
    struct tailing tailing = {.spool = spool, .found = found, .arg = arg};
    int error = gp__log_refresh(spool);

    if (error)
        return error;
    for (size_t i = 0; i < spool->n; i++) {
        tailing.segment = spool->segments[i];
        if (tailing.segment->sealed)
            continue;
        error = tail_segment(&tailing, max);
        if (error)
            return error;
    }
    return 0;
}

/* ---- the life of segments ---- */

/* Whether others may still want to know what its writer did last. */
static bool is_kept(const struct gp__log_spool *spool, struct gp__log_segment *segment)
{
    const struct gp__disk *disk = spool->layout.disk;
    char path[GP__LOG_PATH_MAX];
    int64_t age;

    if (!segment->died)
        return false;
    gp__log_path(path, spool->layout.segments, segment->number);
    age = disk->age(disk->arg, path);
    segment->died = age >= 0 && age <= GP__DEAD_KEEP_S;
    return segment->died;
}

void gp__log_segments(struct gp__spool *base,
                      void (*each)(void *arg, const struct gp__spool_segment *segment), void *arg)
{
    const struct gp__log_spool *spool = (const struct gp__log_spool *)base;

    for (size_t i = 0; i < spool->n; i++) {
        struct gp__log_segment *segment = spool->segments[i];

        each(arg, &(struct gp__spool_segment){.number = segment->number,
                                              .bytes = segment->scan.offset,
                                              .entries = segment->entries,
                                              .sealed = segment->sealed,
                                              .kept = is_kept(spool, segment)});
    }
}

int gp__log_remove(struct gp__spool *base, uint64_t number)
{
    struct gp__log_spool *spool = (struct gp__log_spool *)base;
    const struct gp__disk *disk = spool->layout.disk;
    size_t at = position(spool, number);
    char path[GP__LOG_PATH_MAX];
    int error;

    if (at == spool->n || spool->segments[at]->number != number || !spool->segments[at]->sealed ||
        spool->owner_fd < 0)
        return GP_EINVAL;
    gp__log_path(path, spool->layout.segments, number);
    error = disk->unlink(disk->arg, path);
    if (error == 0 || error == -ENOENT)
        error = disk->sync_dir(disk->arg, spool->layout.segments);
    if (error)
        return GP_EIO;
    gp__log_uncache(spool, number);
    gp__free(spool->segments[at]);
    spool->n--;
    memmove(&spool->segments[at], &spool->segments[at + 1],
            (spool->n - at) * sizeof(struct gp__log_segment *));
    return 0;
}

void gp__log_close(struct gp__spool *base)
{
    struct gp__log_spool *spool = (struct gp__log_spool *)base;
    const struct gp__disk *disk = spool->layout.disk;

    for (size_t i = 0; i < spool->n; i++) {
        let_go(spool, spool->segments[i]);
        gp__free(spool->segments[i]);
    }
    gp__log_uncache(spool, 0);
    if (spool->owner_fd >= 0)
        disk->close(disk->arg, spool->owner_fd);
    gp__free(spool->segments);
    gp__layout_free(&spool->layout);
    gp__free(spool);
}
