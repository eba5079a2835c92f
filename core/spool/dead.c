// SPDX-License-Identifier: Apache-2.0
#include "core/spool/dead.h"

#include "core/base/alloc.h"
#include "core/base/map.h"
#include "core/spool/layout.h"
#include "core/spool/scan.h"

#include <gatepost/types.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct segment {
    uint64_t number, previous;
    int fd; /* -1: there is no more to find out about it */
    bool there;
};

struct gp__dead {
    struct gp__layout layout;
    struct timespec listed; /* the directory's time then */
    struct segment *segments;
    size_t n, cap;
};

/* ---- which segments there are ---- */

static const struct gp__disk *disk_of(const struct gp__dead *dead)
{
    return dead->layout.disk;
}

static void judged(const struct gp__dead *dead, struct segment *segment)
{
    if (segment->fd >= 0)
        disk_of(dead)->close(disk_of(dead)->arg, segment->fd);
    segment->fd = -1;
}

static int by_number(const void *a_, const void *b_)
{
    const struct segment *a = a_, *b = b_;

    return a->number < b->number ? -1 : a->number > b->number;
}

static void open_segment(struct gp__dead *dead, struct segment *segment)
{
    const struct gp__disk *disk = disk_of(dead);
    struct gp__scan scan = {.fd = -1};
    char path[GP__LOG_PATH_MAX];

    segment->fd = -1;
    gp__log_path(path, dead->layout.segments, segment->number);
    if (disk->age(disk->arg, path) > GP__DEAD_KEEP_S)
        return;
    segment->fd = disk->open(disk->arg, path, GP__DISK_READ);
    if (segment->fd < 0)
        return;
    if (gp__scan_open(&scan, disk, segment->fd, GP__LOG_SEGMENT) == 0)
        segment->previous = scan.head.previous;
    else
        judged(dead, segment);
    gp__scan_close(&scan);
}

static struct segment *find(const struct gp__dead *dead, uint64_t number)
{
    struct segment key = {.number = number};

    return dead->n ? bsearch(&key, dead->segments, dead->n, sizeof key, by_number) : NULL;
}

struct listing {
    struct gp__dead *dead;
    size_t n; /* with those that are new, which are not in order yet */
};

static void list_one(void *arg, const char *name)
{
    struct listing *listing = arg;
    struct gp__dead *dead = listing->dead;
    uint64_t number = gp__log_number(name);
    struct segment *segment = find(dead, number);

    if (segment)
        segment->there = true;
    if (segment || !number)
        return;
    GP__GROW(dead->segments, dead->cap, listing->n + 1);
    segment = &dead->segments[listing->n++];
    *segment = (struct segment){.number = number, .there = true};
    open_segment(dead, segment);
}

static void list(struct gp__dead *dead)
{
    struct listing listing = {.dead = dead, .n = dead->n};
    size_t n = 0;

    for (size_t i = 0; i < dead->n; i++)
        dead->segments[i].there = false;
    (void)disk_of(dead)->list(disk_of(dead)->arg, dead->layout.segments, list_one, &listing);
    for (size_t i = 0; i < listing.n; i++) {
        if (dead->segments[i].there)
            dead->segments[n++] = dead->segments[i];
        else
            judged(dead, &dead->segments[i]);
    }
    dead->n = n;
    if (n > 1)
        qsort(dead->segments, n, sizeof *dead->segments, by_number);
}

/* A directory that did not change has no segment that we do not know. */
static void list_again(struct gp__dead *dead)
{
    struct stat st;

    if (stat(dead->layout.segments, &st) < 0 ||
        memcmp(&st.st_mtim, &dead->listed, sizeof dead->listed) == 0)
        return;
    dead->listed = st.st_mtim;
    list(dead);
}

static bool has_successor(const struct gp__dead *dead, const struct segment *segment)
{
    for (size_t i = 0; i < dead->n; i++)
        if (dead->segments[i].previous == segment->number)
            return true;
    return false;
}

/* ---- the end of one ---- */

struct last {
    struct gp_slice session, fingerprint, id;
    int64_t received_ms;
};

struct reading {
    struct gp__arena *arena;
    struct gp__map sessions; /* index into `lasts`, from 1 */
    struct last *lasts;
    size_t n, cap;
    int64_t newest_ms;
};

static void add_last(struct reading *r, const struct gp__entry *entry)
{
    struct gp_slice session = gp__arena_dup(r->arena, entry->session);
    uintptr_t at = (uintptr_t)gp__map_get(&r->sessions, session);

    if (!at) {
        GP__GROW(r->lasts, r->cap, r->n + 1);
        at = ++r->n;
        gp__map_set(&r->sessions, session, (void *)at);
    }
    r->lasts[at - 1] = (struct last){.session = session,
                                     .fingerprint = gp__arena_dup(r->arena, entry->fingerprint),
                                     .id = gp__arena_dup(r->arena, entry->id),
                                     .received_ms = entry->received_ms};
}

static void on_record(void *arg, const struct gp__scan_record *record)
{
    struct reading *r = arg;
    struct gp__entry entry = {.base_crc = 0};
    struct gp__arena *arena = gp__arena_create();

    if (record->head.type == GP__RECORD_ENTRY &&
        gp__entry_read(&entry, arena, record->bytes) == 0) {
        if (entry.received_ms > r->newest_ms)
            r->newest_ms = entry.received_ms;
        if (gp_slice_present(entry.fingerprint))
            add_last(r, &entry);
    }
    gp__arena_free(&arena);
}

static void on_corrupt(void *arg, uint64_t offset, const char *what)
{
    (void)arg; /* its owner tells */
    (void)offset;
    (void)what;
}

/* The scan's own rules, with nothing proven: what is found here is found by its owner, too. */
static void read_end(struct gp__dead *dead, const struct segment *segment, struct reading *r)
{
    struct gp__scan scan = {.record = on_record, .corrupt = on_corrupt, .arg = r, .ended = true};

    if (gp__scan_open(&scan, disk_of(dead), segment->fd, GP__LOG_SEGMENT) == 0 &&
        !gp__scan_is_closed(&scan))
        while (gp__scan_batch(&scan))
            ;
    gp__scan_close(&scan);
}

/* ---- looking ---- */

static void tell_end(struct gp__dead *dead, struct segment *segment,
                     void (*found)(void *arg, struct gp_slice fingerprint, struct gp_slice id,
                                   int64_t received_ms),
                     void *arg)
{
    struct reading r = {.arena = gp__arena_create()};

    read_end(dead, segment, &r);
    for (size_t i = 0; i < r.n; i++)
        if (r.lasts[i].received_ms + GP__DEAD_END_MS >= r.newest_ms)
            found(arg, r.lasts[i].fingerprint, r.lasts[i].id, r.lasts[i].received_ms);
    gp__map_free(&r.sessions);
    gp__free(r.lasts);
    gp__arena_free(&r.arena);
}

/* One whose writer has it no more. */
static const struct segment *let_go(const struct gp__dead *dead)
{
    for (size_t i = 0; i < dead->n; i++)
        if (dead->segments[i].fd >= 0 &&
            disk_of(dead)->locked(disk_of(dead)->arg, dead->segments[i].fd) == 0)
            return &dead->segments[i];
    return NULL;
}

void gp__dead_look(struct gp__dead *dead,
                   void (*found)(void *arg, struct gp_slice fingerprint, struct gp_slice id,
                                 int64_t received_ms),
                   void *arg)
{
    const struct segment *idle;

    list_again(dead);
    while ((idle = let_go(dead))) {
        uint64_t number = idle->number;
        struct segment *segment;

        list_again(dead); /* who has moved on has named the next one before */
        segment = find(dead, number);
        if (segment && segment->fd >= 0 && !has_successor(dead, segment))
            tell_end(dead, segment, found, arg);
        if (segment)
            judged(dead, segment);
    }
}

struct gp__dead *gp__dead_open(struct gp_slice path)
{
    struct gp__dead *dead = gp__alloc(sizeof *dead);
    struct gp__spool_settings settings = {.path = path};

    gp__layout_init(&dead->layout, &settings);
    return dead;
}

void gp__dead_close(struct gp__dead **dead_)
{
    struct gp__dead *dead = *dead_;

    *dead_ = NULL;
    if (!dead)
        return;
    for (size_t i = 0; i < dead->n; i++)
        judged(dead, &dead->segments[i]);
    gp__free(dead->segments);
    gp__layout_free(&dead->layout);
    gp__free(dead);
}
