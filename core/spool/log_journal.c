// SPDX-License-Identifier: Apache-2.0
/*
 * The owner's journal: one log file, appended to by a thread of its own, as segments are. A
 * compaction writes a second file without a name, to which all records of the meantime go as well;
 * once it is whole it is synced and named, and only then the first one is removed. Of two that a
 * crash left behind the later one counts.
 */
#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/hook/runtime.h"
#include "core/spool/log_engine.h"
#include "core/spool/trouble.h"

#include <errno.h>
#include <gatepost/types.h>
#include <pthread.h>
#include <stdatomic.h>

#define RECORD_MAX ((size_t)1 << 20)
#define ROOM ((uint64_t)256 << 10) /* what is filled with zeros at a time */
#define NO_END (UINT64_MAX / 2)

enum kind { APPEND = 0, BEGIN, PUT, END };

struct step {
    struct step *next;
    enum kind kind;
    void (*done)(void *arg, int error);
    void *arg;
    int error;
    size_t len;
    char bytes[]; /* after GP__RECORD_HEAD of room */
};

struct list {
    struct step *first, **end;
};

/* A file with the records that wait to be written to it. */
struct output {
    struct gp__append file; /* fd -1: none */
    struct gp__append_record *records;
    size_t n, cap;
    int error; /* -errno: nothing can be written any more */
};

struct journal {
    struct gp__spool_journal base;
    unsigned refs; /* its owner's, and of a kick to come */
    struct gp__layout layout;
    struct gp__log *log;
    struct gp__lane *lane;
    bool kicking, closed, compacting;
    struct gp__trouble trouble;

    pthread_mutex_t lock;
    struct list queued, finished;
    int failure; /* -errno, not logged yet */

    /* The thread's. */
    struct output now, next;
    _Atomic uint64_t size;
};

static void list_init(struct list *list)
{
    list->first = NULL;
    list->end = &list->first;
}

static void list_add(struct list *list, struct step *step)
{
    step->next = NULL;
    *list->end = step;
    list->end = &step->next;
}

/* ---- the thread ---- */

static void add(struct output *output, struct step *step)
{
    GP__GROW(output->records, output->cap, output->n + 1);
    output->records[output->n++] = (struct gp__append_record){
        .head = step->bytes + GP__RECORD_HEAD,
        .head_len = (uint32_t)step->len,
        .type = GP__RECORD_JOURNAL,
        .count = 1,
    };
}

/* Writes what waits. */
static int flush(struct output *output)
{
    int error = output->error;

    if (output->n > 0 && !error)
        error = gp__append_batch(&output->file, output->records, output->n);
    if (output->file.broken)
        output->error = -EIO;
    output->n = 0;
    return error;
}

static void drop(struct output *output)
{
    if (output->file.fd >= 0)
        gp__append_close(&output->file);
    output->n = 0;
    output->error = 0;
}

static int create(struct journal *journal, struct output *output)
{
    struct gp__runtime *rt = journal->lane->runtime;
    struct gp__log_head head = {.kind = GP__LOG_JOURNAL, .created_ms = rt->ops->wall_ms(rt)};

    rt->ops->random(rt, &head.salt, sizeof head.salt);
    return gp__append_create(&output->file, journal->layout.disk, journal->layout.journal, &head,
                             ROOM, NO_END);
}

static void begin(struct journal *journal)
{
    drop(&journal->next);
    journal->next.error = create(journal, &journal->next);
    journal->next.file.lazy = true;
}

static int remove_file(const struct gp__layout *layout, uint64_t number)
{
    char path[GP__LOG_PATH_MAX];

    gp__log_path(path, layout->journal, number);
    return layout->disk->unlink(layout->disk->arg, path);
}

/* A file that may have its name already, although that failed: it must not be taken for the journal
 * later. If it can't be made to go for good, only another compaction, with a larger number, helps. */
static void take_back(struct journal *journal, uint64_t number)
{
    const struct gp__layout *layout = &journal->layout;
    int error = remove_file(layout, number);

    if (error == 0)
        error = layout->disk->sync_dir(layout->disk->arg, layout->journal);
    if (error && error != -ENOENT)
        journal->now.error = -EIO;
}

/* The second file becomes the journal. */
static int end(struct journal *journal)
{
    struct output *next = &journal->next;
    uint64_t old = journal->now.file.head.number;
    int error = flush(next);

    if (error == 0)
        error = gp__append_name(&next->file, journal->layout.journal, old + 1);
    if (error) {
        if (next->file.fd >= 0 && next->file.head.number > old)
            take_back(journal, next->file.head.number);
        drop(next);
        return error;
    }
    next->file.lazy = false;
    drop(&journal->now);
    gp__free(journal->now.records);
    journal->now = *next;
    *next = (struct output){.file = {.fd = -1}};
    (void)remove_file(&journal->layout, old); /* or the next start does */
    return 0;
}

/* Writes what waits; those of the steps up to `until` that are appended are answered by that. */
static void flush_steps(struct journal *journal, struct step *from, const struct step *until)
{
    int error = flush(&journal->now), other;

    if (journal->next.file.fd >= 0 && !journal->next.error) {
        other = flush(&journal->next);
        if (other)
            journal->next.error = other;
    }
    for (; from != until; from = from->next) {
        if (from->kind == APPEND)
            from->error = error;
    }
}

static void do_steps(struct journal *journal, struct step *first)
{
    struct step *from = first;

    for (struct step *step = first; step; step = step->next) {
        if (step->kind == APPEND)
            add(&journal->now, step);
        if ((step->kind == APPEND && journal->next.file.fd >= 0) || step->kind == PUT)
            add(&journal->next, step);
        if (step->kind != BEGIN && step->kind != END)
            continue;
        flush_steps(journal, from, step);
        from = step;
        if (step->kind == BEGIN)
            begin(journal);
        else
            step->error = end(journal);
    }
    flush_steps(journal, from, NULL);
    atomic_store(&journal->size, journal->now.file.end);
}

static void give_back(struct journal *journal, struct step *first)
{
    pthread_mutex_lock(&journal->lock);
    while (first) {
        struct step *next = first->next;

        if (first->error)
            journal->failure = first->error;
        first->error = first->error ? gp__disk_error(first->error) : 0;
        list_add(&journal->finished, first);
        first = next;
    }
    pthread_mutex_unlock(&journal->lock);
    journal->lane->runtime->ops->lane_report(journal->lane);
}

static void run(void *arg)
{
    struct journal *journal = arg;
    struct step *first;

    for (;;) {
        pthread_mutex_lock(&journal->lock);
        first = journal->queued.first;
        list_init(&journal->queued);
        pthread_mutex_unlock(&journal->lock);
        if (!first)
            return;
        do_steps(journal, first);
        give_back(journal, first);
    }
}

/* ---- the loop ---- */

static void tell(struct journal *journal, int failure, bool any)
{
    struct gp__runtime *rt = journal->base.runtime;
    const char *path = journal->layout.journal;

    if (failure)
        gp__trouble_add(&journal->trouble, journal->log, path, "journal", failure,
                        rt->ops->now_ms(rt));
    else if (any && journal->trouble.error)
        gp__trouble_ease(&journal->trouble, journal->log, path, rt->ops->now_ms(rt));
}

static void collect(void *arg)
{
    struct journal *journal = arg;
    struct step *first;
    int failure;

    pthread_mutex_lock(&journal->lock);
    first = journal->finished.first;
    list_init(&journal->finished);
    failure = journal->failure;
    journal->failure = 0;
    pthread_mutex_unlock(&journal->lock);
    tell(journal, failure, first != NULL);
    while (first) {
        struct step *step = first;

        first = step->next;
        if (step->done)
            step->done(step->arg, step->error);
        gp__free(step);
    }
}

static void unref(struct journal *journal)
{
    if (--journal->refs > 0)
        return;
    pthread_mutex_destroy(&journal->lock);
    gp__layout_free(&journal->layout);
    gp__free(journal);
}

static void kick(void *arg)
{
    struct journal *journal = arg;

    journal->kicking = false;
    if (!journal->closed)
        journal->lane->runtime->ops->lane_kick(journal->lane);
    unref(journal);
}

static void queue(struct journal *journal, enum kind kind, struct gp_slice bytes,
                  void (*done)(void *arg, int error), void *arg)
{
    struct step *step = gp__alloc(sizeof *step + GP__RECORD_HEAD + bytes.len);
    struct gp__runtime *rt = journal->lane->runtime;
    bool fits = bytes.len <= RECORD_MAX;

    step->kind = kind;
    step->done = done;
    step->arg = arg;
    step->len = bytes.len;
    step->error = fits ? 0 : GP_EINVAL;
    if (fits && bytes.len > 0)
        memcpy(step->bytes + GP__RECORD_HEAD, bytes.data, bytes.len);
    pthread_mutex_lock(&journal->lock);
    list_add(fits ? &journal->queued : &journal->finished, step);
    pthread_mutex_unlock(&journal->lock);
    if (!fits) {
        rt->ops->lane_report(journal->lane);
    } else if (!journal->kicking) {
        journal->kicking = true;
        journal->refs++;
        rt->ops->defer(rt, kick, journal);
    }
}

void gp__log_journal_append(struct gp__spool_journal *base, struct gp_slice bytes,
                            void (*done)(void *arg, int error), void *arg)
{
    queue((struct journal *)base, APPEND, bytes, done, arg);
}

int gp__log_compact_begin(struct gp__spool_journal *base)
{
    struct journal *journal = (struct journal *)base;

    if (journal->compacting)
        return GP_EEXIST;
    journal->compacting = true;
    queue(journal, BEGIN, GP_S(""), NULL, NULL);
    return 0;
}

void gp__log_compact_put(struct gp__spool_journal *base, struct gp_slice bytes)
{
    struct journal *journal = (struct journal *)base;

    if (journal->compacting)
        queue(journal, PUT, bytes, NULL, NULL);
}

void gp__log_compact_end(struct gp__spool_journal *base, void (*done)(void *arg, int error),
                         void *arg)
{
    struct journal *journal = (struct journal *)base;

    if (!journal->compacting)
        return;
    journal->compacting = false;
    queue(journal, END, GP_S(""), done, arg);
}

uint64_t gp__log_journal_size(const struct gp__spool_journal *base)
{
    return atomic_load(&((const struct journal *)base)->size);
}

/* ---- replay ---- */

struct replay {
    struct journal *journal;
    const char *path;
    void (*record)(void *arg, struct gp_slice bytes);
    void *arg;
};

static void on_record(void *arg, const struct gp__scan_record *record)
{
    const struct replay *replay = arg;

    if (record->head.type == GP__RECORD_JOURNAL)
        replay->record(replay->arg, record->bytes);
}

static void on_corrupt(void *arg, uint64_t offset, const char *what)
{
    const struct replay *replay = arg;

    gp__log(replay->journal->log, GP_LOG_ERROR, "spool.corrupt", GP__F_C("path", replay->path),
            GP__F_I("offset", offset), GP__F_C("error", what));
}

/* Reads the file, and goes on in it. 0, or -errno; -EINVAL: it is damaged. */
static int replay_file(struct replay *replay, uint64_t number)
{
    struct journal *journal = replay->journal;
    const struct gp__disk *disk = journal->layout.disk;
    struct gp__scan scan = {
        .ended = true, .whole = true, .record = on_record, .corrupt = on_corrupt, .arg = replay};
    int fd = disk->open(disk->arg, replay->path, GP__DISK_CREATE), error;

    if (fd < 0)
        return fd;
    error = gp__scan_open(&scan, disk, fd, GP__LOG_JOURNAL);
    if (error > 0)
        on_corrupt(replay, 0, "its head is damaged");
    while (error >= 0 && gp__scan_batch(&scan))
        ;
    if (scan.torn)
        gp__log(journal->log, GP_LOG_NOTICE, "spool.torn", GP__F_C("path", replay->path),
                GP__F_I("offset", scan.offset), GP__F_I("bytes", scan.torn));
    scan.head.number = number;
    error = error < 0 ? -EINVAL : gp__append_resume(&journal->now.file, &scan, fd, ROOM, NO_END);
    gp__scan_close(&scan);
    if (error) {
        disk->close(disk->arg, fd);
        journal->now.file.fd = -1;
    }
    return error;
}

struct older {
    const struct gp__layout *layout;
    uint64_t number;
};

static void remove_older(void *arg, const char *name)
{
    const struct older *older = arg;
    uint64_t number = gp__log_number(name);

    if (number > 0 && number < older->number)
        (void)remove_file(older->layout, number); /* or the next start does */
}

static int open_file(struct journal *journal, struct replay *replay)
{
    const struct gp__layout *layout = &journal->layout;
    uint64_t number = gp__layout_last(layout, layout->journal);
    struct older older = {.layout = layout, .number = number};
    char path[GP__LOG_PATH_MAX];
    int error;

    if (number > 0) {
        gp__log_path(path, layout->journal, number);
        replay->path = path;
        error = replay_file(replay, number);
        if (error == 0)
            (void)layout->disk->list(layout->disk->arg, layout->journal, remove_older, &older);
        return error;
    }
    error = create(journal, &journal->now);
    return error ? error : gp__append_name(&journal->now.file, layout->journal, 1);
}

/* ---- life ---- */

static void free_journal(struct journal *journal)
{
    drop(&journal->now);
    drop(&journal->next);
    gp__free(journal->now.records);
    gp__free(journal->next.records);
    journal->closed = true;
    unref(journal);
}

struct gp__spool_journal *gp__log_journal_open(struct gp__runtime *rt,
                                               const struct gp__spool_settings *settings,
                                               void (*record)(void *arg, struct gp_slice bytes),
                                               void *arg, struct gp__buf *error_r)
{
    struct journal *journal = gp__alloc(sizeof *journal);
    struct replay replay = {.journal = journal, .record = record, .arg = arg};
    int error;

    journal->refs = 1;
    journal->log = settings->log;
    journal->now.file.fd = journal->next.file.fd = -1;
    gp__layout_init(&journal->layout, settings);
    pthread_mutex_init(&journal->lock, NULL);
    list_init(&journal->queued);
    list_init(&journal->finished);
    journal->lane = rt->ops->lane_open(rt, run, collect, journal);
    error = journal->lane ? open_file(journal, &replay) : -EAGAIN;
    atomic_store(&journal->size, journal->now.file.end);
    if (error == 0)
        return &journal->base;
    gp__buf_printf(error_r, "%s: %s", journal->layout.journal,
                   error == -EINVAL ? "the journal is damaged" : strerror(-error));
    if (journal->lane)
        rt->ops->lane_close(&journal->lane);
    free_journal(journal);
    return NULL;
}

void gp__log_journal_close(struct gp__spool_journal *base)
{
    struct journal *journal = (struct journal *)base;
    const struct gp__runtime_ops *ops = journal->lane->runtime->ops;

    ops->lane_kick(journal->lane);
    ops->lane_close(&journal->lane);
    collect(journal);
    free_journal(journal);
}
