// SPDX-License-Identifier: Apache-2.0
/*
 * The journal of an engine that a plugin is. What is handed in stands in a row; what stands there when
 * the engine is free goes down as one append(), so the order stays. A compaction fills a second
 * journal: each step of the row says to which of the two it goes.
 */
#include "core/spool/plugin_engine.h"

#include "core/base/alloc.h"

#include <string.h>

#define RECORD_MAX ((size_t)1 << 20)
#define RECORD_COSTS 16u /* of an engine, about, for the size */
#define BATCH_MAX 10000u

enum to {
    TO_NOW = 1 << 0,
    TO_NEXT = 1 << 1,
    TO_SWITCH = 1 << 2,
};

struct step {
    struct step *next;
    unsigned to; /* enum to; 0: it is refused */
    void (*done)(void *arg, int error);
    void *arg;
    int error;
    size_t len;
    char bytes[];
};

struct row {
    struct step *first, **end;
};

struct journal {
    struct gp__spool_journal base;
    struct gp__spool_plugin *plugin;
    struct gp__runtime *runtime;
    uint64_t now, next; /* numbers */
    uint64_t size, next_size;
    bool compacting;  /* begun and not ended */
    bool switching;   /* ended, which is still to be done */
    bool next_broken; /* something did not get into the next one */
    bool busy;
    struct row waiting, batch;
    struct gp_slice *records; /* of a batch */
    size_t cap;
};

static void row_init(struct row *row)
{
    row->first = NULL;
    row->end = &row->first;
}

static void row_add(struct row *row, struct step *step)
{
    step->next = NULL;
    *row->end = step;
    row->end = &step->next;
}

/* ---- a batch ---- */

/* 0 also when there is nothing. */
static int append_to(struct journal *journal, struct gp_call *call,
                     const struct gp_spool_role *role, void *self, enum to to)
{
    uint64_t number = to == TO_NOW ? journal->now : journal->next;
    uint64_t *size = to == TO_NOW ? &journal->size : &journal->next_size;
    uint64_t bytes = 0;
    size_t n = 0;
    int error;

    for (const struct step *step = journal->batch.first; step; step = step->next) {
        if (!(step->to & to))
            continue;
        GP__GROW(journal->records, journal->cap, n + 1);
        journal->records[n++] = gp_slice(step->bytes, step->len);
        bytes += step->len + RECORD_COSTS;
    }
    error = n ? role->journal_append(call, self, number, journal->records, n) : 0;
    if (error == 0)
        *size += bytes;
    return error;
}

/* What is not in the next journal spoils that one alone. */
static int write_batch(struct gp_call *call, const struct gp_spool_role *role, void *self,
                       void *arg)
{
    struct journal *journal = arg;

    if (journal->batch.first->to == TO_SWITCH)
        return role->journal_switch(call, self, journal->next);
    if (!journal->next_broken)
        journal->next_broken = append_to(journal, call, role, self, TO_NEXT) != 0;
    return append_to(journal, call, role, self, TO_NOW);
}

static void take_batch(struct journal *journal);

static void on_written(void *arg, int error)
{
    struct journal *journal = arg;
    struct step *step = journal->batch.first;

    if (step->to == TO_SWITCH)
        journal->switching = false;
    if (step->to == TO_SWITCH && error == 0 && step->error == 0) {
        journal->now = journal->next;
        journal->size = journal->next_size;
    }
    row_init(&journal->batch);
    while (step) {
        struct step *next = step->next;

        if (step->done)
            step->done(step->arg, step->error ? step->error : error);
        gp__free(step);
        step = next;
    }
    take_batch(journal);
}

static void write_nothing(void *arg)
{
    on_written(arg, 0);
}

/* A switch, and what is refused, are batches of their own. */
static bool goes_alone(const struct step *step)
{
    return step->to == TO_SWITCH || step->to == 0;
}

static void take_batch(struct journal *journal)
{
    struct gp__runtime *rt = journal->runtime;
    struct step *step = journal->waiting.first;
    size_t n = 0;

    journal->busy = step != NULL;
    while (step && n < BATCH_MAX && (n == 0 || !goes_alone(step))) {
        journal->waiting.first = step->next;
        row_add(&journal->batch, step);
        n++;
        step = goes_alone(step) ? NULL : journal->waiting.first;
    }
    if (!journal->waiting.first)
        row_init(&journal->waiting);
    step = journal->batch.first;
    if (!step)
        return;
    if (step->to == TO_SWITCH && journal->next_broken)
        step->error = GP_EIO;
    if (step->error)
        rt->ops->defer(rt, write_nothing, journal);
    else
        gp__plugin_run(journal->plugin, rt, write_batch, on_written, journal);
}

static void kick(void *arg)
{
    take_batch(arg);
}

/* ---- what is handed in ---- */

/* All of a turn share a batch. */
static void hand_in(struct journal *journal, unsigned to, struct gp_slice bytes,
                    void (*done)(void *arg, int error), void *arg)
{
    bool fits = bytes.len <= RECORD_MAX;
    struct step *step = gp__alloc(sizeof *step + (fits ? bytes.len : 0));

    step->to = fits ? to : 0;
    step->error = fits ? 0 : GP_EINVAL;
    step->done = done;
    step->arg = arg;
    step->len = fits ? bytes.len : 0;
    if (step->len)
        memcpy(step->bytes, bytes.data, step->len);
    row_add(&journal->waiting, step);
    if (journal->busy)
        return;
    journal->busy = true;
    journal->runtime->ops->defer(journal->runtime, kick, journal);
}

void gp__plugin_journal_append(struct gp__spool_journal *base, struct gp_slice bytes,
                               void (*done)(void *arg, int error), void *arg)
{
    struct journal *journal = (struct journal *)base;

    hand_in(journal, journal->compacting ? TO_NOW | TO_NEXT : TO_NOW, bytes, done, arg);
}

/* By the clock: what one that was never ended has left behind has another number. */
int gp__plugin_compact_begin(struct gp__spool_journal *base)
{
    struct journal *journal = (struct journal *)base;
    uint64_t newest = journal->now > journal->next ? journal->now : journal->next;
    uint64_t wall = (uint64_t)journal->runtime->ops->wall_ms(journal->runtime);

    if (journal->compacting || journal->switching)
        return GP_EEXIST;
    journal->next = wall > newest ? wall : newest + 1;
    journal->next_size = 0;
    journal->next_broken = false;
    journal->compacting = true;
    return 0;
}

void gp__plugin_compact_put(struct gp__spool_journal *base, struct gp_slice bytes)
{
    struct journal *journal = (struct journal *)base;

    if (journal->compacting)
        hand_in(journal, TO_NEXT, bytes, NULL, NULL);
}

void gp__plugin_compact_end(struct gp__spool_journal *base, void (*done)(void *arg, int error),
                            void *arg)
{
    struct journal *journal = (struct journal *)base;

    if (!journal->compacting)
        return;
    journal->compacting = false;
    journal->switching = true;
    hand_in(journal, TO_SWITCH, GP_S(""), done, arg);
}

uint64_t gp__plugin_journal_size(const struct gp__spool_journal *base)
{
    return ((const struct journal *)base)->size;
}

/* ---- life ---- */

struct replay {
    struct journal *journal;
    void (*record)(void *arg, struct gp_slice bytes);
    void *arg;
};

static void replay_one(void *arg, struct gp_slice bytes)
{
    const struct replay *replay = arg;

    replay->journal->size += bytes.len + RECORD_COSTS;
    replay->record(replay->arg, bytes);
}

static int replay_all(struct gp_call *call, const struct gp_spool_role *role, void *self, void *arg)
{
    struct replay *replay = arg;

    return role->journal_show(call, self, &replay->journal->now, replay_one, replay);
}

struct gp__spool_journal *gp__plugin_journal_open(struct gp__runtime *rt,
                                                  const struct gp__spool_settings *settings,
                                                  void (*record)(void *arg, struct gp_slice bytes),
                                                  void *arg, struct gp__buf *error_r)
{
    struct journal *journal = gp__alloc(sizeof *journal);
    struct replay replay = {.journal = journal, .record = record, .arg = arg};
    int error;

    journal->plugin = settings->plugin;
    journal->runtime = rt;
    row_init(&journal->waiting);
    row_init(&journal->batch);
    error = gp__plugin_ask(journal->plugin, rt, replay_all, &replay);
    if (error == 0)
        return &journal->base;
    gp__buf_printf(error_r, GP_FMT ": the journal can't be read: %s",
                   GP_ARG(settings->plugin->instance->id), gp_strerror(error));
    gp__free(journal);
    return NULL;
}

void gp__plugin_journal_close(struct gp__spool_journal *base)
{
    struct journal *journal = (struct journal *)base;

    while (journal->busy)
        journal->plugin->turn(journal->runtime);
    gp__free(journal->records);
    gp__free(journal);
}
