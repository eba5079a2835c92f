// SPDX-License-Identifier: Apache-2.0
/* Opening, closing, and what is done in a turn. */
#include "core/delivery/scheduler_internal.h"

#include "core/base/alloc.h"

#include <string.h>

#define TAIL_MAX 256u    /* entries a turn, so that answers are not kept waiting */
#define EVENTS_MAX 1000u /* what time brings, a turn */
#define SLEEP_MAX_MS 60000u

/* Marks that nobody waits for are collected for so long: one sync and one block of the journal for
 * all of them. After a crash so much may be tried again. */
#define COLLECT_MS 10u
#define COLLECT_MAX ((size_t)64 << 10)

static struct gp__scheduler *of_timer(struct gp__timer *timer)
{
    return (struct gp__scheduler *)(void *)((char *)timer - offsetof(struct gp__scheduler, timer));
}

uint64_t gp__scheduler_now(const struct gp__scheduler *s)
{
    return s->wall_ms + s->runtime->ops->now_ms(s->runtime) - s->steady_ms;
}

struct gp__queue *gp__scheduler_queue(struct gp__scheduler *s)
{
    return s->queue;
}

bool gp__scheduler_is_ready(const struct gp__scheduler *s)
{
    return s->recovered;
}

/* ---- the journal ---- */

/* Somebody who waits until what was handed over by then is durable. */
struct gp__settling {
    struct gp__settling *next;
    uint64_t flushed;
    void (*done)(void *arg, int error);
    void *arg;
};

static void settle_upto(struct gp__scheduler *s, uint64_t flushed, int error)
{
    while (s->settling && s->settling->flushed <= flushed) {
        struct gp__settling *settled = s->settling;

        s->settling = settled->next;
        if (!s->settling)
            s->settling_end = &s->settling;
        settled->done(settled->arg, error);
        gp__free(settled);
    }
}

static void on_noted(void *arg, int error)
{
    struct gp__scheduler *s = arg;

    if (error)
        gp__scheduler_journal_failed(s, error);
    settle_upto(s, ++s->n_noted, error);
}

void gp__scheduler_settle(struct gp__scheduler *s, void (*done)(void *arg, int error), void *arg)
{
    struct gp__settling *settling;

    gp__scheduler_flush(s);
    if (s->n_noted == s->n_flushed) {
        done(arg, 0);
        return;
    }
    settling = gp__alloc(sizeof *settling);
    *settling = (struct gp__settling){.flushed = s->n_flushed, .done = done, .arg = arg};
    *s->settling_end = settling;
    s->settling_end = &settling->next;
}

/* What it missed is in memory: a new one has it. */
void gp__scheduler_journal_failed(struct gp__scheduler *s, int error)
{
    if (!s->journal_behind)
        gp__log(s->log, GP_LOG_ERROR, "queue.journal", GP__F_C("error", gp_strerror(error)));
    s->compact_wanted = s->journal_behind = true;
}

/* The last one tells of all. */
void gp__scheduler_flush(struct gp__scheduler *s)
{
    struct gp_slice rest = gp__buf_slice(&s->collected);

    s->n_flushed += rest.len > 0;
    while (rest.len) {
        uint32_t len;
        struct gp_slice bytes;

        memcpy(&len, rest.data, sizeof len);
        bytes = gp_slice_sub(rest, sizeof len, len);
        rest = gp_slice_sub(rest, sizeof len + len, rest.len);
        gp__spool_journal_append(s->journal, bytes, rest.len ? NULL : on_noted, s);
    }
    gp__buf_clear(&s->collected);
    s->runtime->ops->timer_stop(s->runtime, &s->collect_timer);
}

static void on_collected(struct gp__timer *timer)
{
    gp__scheduler_flush(
        (struct gp__scheduler *)(void *)((char *)timer -
                                         offsetof(struct gp__scheduler, collect_timer)));
}

static void collect(struct gp__scheduler *s, struct gp_slice bytes)
{
    const struct gp__runtime_ops *ops = s->runtime->ops;
    uint32_t len = (uint32_t)bytes.len;

    if (s->collected.len == 0)
        ops->timer_start(s->runtime, &s->collect_timer, ops->now_ms(s->runtime) + COLLECT_MS);
    gp__buf_append(&s->collected, gp_slice((const char *)&len, sizeof len));
    gp__buf_append(&s->collected, bytes);
    if (s->collected.len > COLLECT_MAX)
        gp__scheduler_flush(s);
}

void gp__scheduler_note(struct gp__scheduler *s, const struct gp__mark *mark,
                        void (*done)(void *arg, int error), void *arg)
{
    struct gp__buf bytes = {.limit = 0};

    gp__mark_pack(&bytes, mark);
    if (done) {
        gp__scheduler_flush(s);
        gp__spool_journal_append(s->journal, gp__buf_slice(&bytes), done, arg);
    } else {
        collect(s, gp__buf_slice(&bytes));
    }
    gp__buf_free(&bytes);
}

struct gp__mark gp__scheduler_mark(enum gp__mark_kind kind, const struct gp__group *group)
{
    return (struct gp__mark){.kind = kind,
                             .place = gp__queued_place(group->message),
                             .check = gp__mark_check(group->message->link.hash),
                             .first = group->first,
                             .some = group->left};
}

/* ---- a turn ---- */

static bool pass_time(struct gp__scheduler *s, uint64_t now)
{
    for (unsigned n = 0; n < EVENTS_MAX; n++) {
        struct gp__group *group;

        switch (gp__queue_event(s->queue, now, &group)) {
        case GP__QUEUE_NOTHING:
            return false;
        case GP__QUEUE_WARN:
            gp__scheduler_warn(s, group);
            break;
        case GP__QUEUE_EXPIRED:
            gp__scheduler_expired(s, group);
            break;
        case GP__QUEUE_UNHELD:
            gp__scheduler_unheld(s, group);
            break;
        }
    }
    return true;
}

static void sleep_until_next(struct gp__scheduler *s, uint64_t now)
{
    const struct gp__runtime_ops *ops = s->runtime->ops;
    uint64_t next = gp__queue_next(s->queue);
    uint64_t wait = next <= now ? 0 : next - now;

    ops->timer_start(s->runtime, &s->timer,
                     ops->now_ms(s->runtime) + (wait > SLEEP_MAX_MS ? SLEEP_MAX_MS : wait));
}

/* What is still to be told to observers is given up by the next one. */
static bool is_idle(const struct gp__scheduler *s)
{
    return s->n_under_way + s->n_writing + s->n_moving + s->n_moves_unsure == 0;
}

static void tell_drained(struct gp__scheduler *s)
{
    void (*drained)(void *arg) = s->drained;

    if (!drained || !is_idle(s))
        return;
    s->drained = NULL;
    drained(s->drained_arg);
}

static void turn(void *arg)
{
    struct gp__scheduler *s = arg;
    uint64_t now = gp__scheduler_now(s);
    bool more;

    s->kicked = false;
    if (s->closing) {
        gp__scheduler_notify_all(s);
        tell_drained(s);
        return;
    }
    more = gp__scheduler_tail(s, TAIL_MAX) == 1;
    if (s->recovered) {
        more |= pass_time(s, now);
        gp__scheduler_send(s);
        more |= gp__scheduler_compact(s);
    }
    if (more)
        gp__scheduler_kick(s);
    else if (!s->kicked) /* what was done here may have asked for another turn */
        sleep_until_next(s, now);
}

/* With a timer, not deferred: others have their turn between. */
void gp__scheduler_kick(struct gp__scheduler *s)
{
    if (s->kicked)
        return;
    s->kicked = true;
    s->runtime->ops->timer_start(s->runtime, &s->timer, s->runtime->ops->now_ms(s->runtime));
}

static void on_timer(struct gp__timer *timer)
{
    turn(of_timer(timer));
}

void gp__scheduler_look(struct gp__scheduler *s)
{
    gp__scheduler_kick(s);
}

int gp__scheduler_wake_open(struct gp__scheduler *s, struct gp__buf *error_r)
{
    return gp__spool_wake_open(s->spool, error_r);
}

/* ---- the plan ---- */

static void take_text(struct gp__scheduler *s, enum gp__dsn_action kind, struct gp_slice text)
{
    const struct gp__dsn_template *built_in = gp__dsn_template_built_in(kind);
    struct gp_slice error;

    s->texts[kind] = *built_in;
    if (gp_slice_present(text) &&
        gp__dsn_template_parse(s->plan_arena, text, built_in, &s->texts[kind], &error) < 0) {
        gp__log(s->log, GP_LOG_ERROR, "queue.template", GP__F_C("kind", gp__dsn_action_name(kind)),
                GP__F_S("error", error));
        s->texts[kind] = *built_in;
    }
}

int gp__scheduler_plan(struct gp__scheduler *s, struct gp_slice bytes)
{
    struct gp__arena *arena = gp__arena_create(), *old = s->plan_arena;
    struct gp__plan plan;

    if (gp__plan_unpack(&plan, arena, bytes) < 0) {
        gp__arena_free(&arena);
        return -1;
    }
    s->plan = plan;
    s->plan_arena = arena;
    gp__queue_plan(s->queue, &s->plan);
    s->rate.count = plan.bounce_rate;
    s->rate.period_ms = plan.bounce_period_ms;
    take_text(s, GP__DSN_FAILED, plan.failed);
    take_text(s, GP__DSN_DELAYED, plan.delayed);
    take_text(s, GP__DSN_DELIVERED, plan.delivered);
    take_text(s, GP__DSN_RELAYED, plan.delivered);
    if (old)
        gp__arena_free(&old);
    gp__scheduler_kick(s);
    return 0;
}

/* ---- life ---- */

static int open_all(struct gp__scheduler *s, const struct gp__scheduler_options *options,
                    struct gp__buf *error_r)
{
    if (gp__scheduler_plan(s, options->plan) < 0) {
        gp__buf_append(error_r, GP_S("the plan of the queue is damaged"));
        return -1;
    }
    s->spool = gp__spool_open(s->runtime, options->spool, GP__SPOOL_OWN, error_r);
    if (!s->spool)
        return -1;
    s->journal = gp__spool_journal_open(s->runtime, options->spool, gp__scheduler_replay, s,
                                        error_r);
    if (!s->journal)
        return -1;
    s->writer = gp__spool_writer_open(s->runtime, options->spool, GP_S("s"), error_r);
    return s->writer ? 0 : -1;
}

struct gp__scheduler *gp__scheduler_open(const struct gp__scheduler_options *options,
                                         struct gp__buf *error_r)
{
    struct gp__scheduler *s = gp__alloc(sizeof *s);
    const struct gp__runtime_ops *ops = options->runtime->ops;
    uint64_t seed;

    s->runtime = options->runtime;
    s->log = options->log;
    s->timer.fn = on_timer;
    s->collect_timer.fn = on_collected;
    s->settling_end = &s->settling;
    s->wall_ms = (uint64_t)ops->wall_ms(s->runtime);
    s->steady_ms = ops->now_ms(s->runtime);
    ops->random(s->runtime, &seed, sizeof seed);
    s->queue = gp__queue_create(seed);
    if (open_all(s, options, error_r) < 0) {
        gp__scheduler_close(&s);
        return NULL;
    }
    gp__scheduler_keep_start(s);
    return s;
}

void gp__scheduler_drain(struct gp__scheduler *s, void (*done)(void *arg), void *arg)
{
    s->closing = true;
    s->drained = done;
    s->drained_arg = arg;
    for (unsigned i = 0; i < GP__QUEUE_CARRIERS_MAX; i++)
        if (s->carriers[i].send)
            gp__queue_carrier(s->queue, i, 0);
    gp__scheduler_kick(s);
}

void gp__scheduler_close(struct gp__scheduler **scheduler_)
{
    struct gp__scheduler *s = *scheduler_;

    *scheduler_ = NULL;
    if (!s)
        return;
    s->closing = true;
    gp__scheduler_keep_stop(s);
    gp__scheduler_notices_free(s);
    if (s->writer)
        gp__spool_writer_close(&s->writer); /* calls what waits for it */
    if (s->journal) {
        gp__scheduler_flush(s);
        gp__spool_journal_close(&s->journal);
    }
    settle_upto(s, UINT64_MAX, GP_ECANCELED);
    s->runtime->ops->timer_stop(s->runtime, &s->timer);
    gp__spool_close(&s->spool);
    gp__scheduler_trails_free(s);
    gp__queue_free(&s->queue);
    if (s->plan_arena)
        gp__arena_free(&s->plan_arena);
    gp__buf_free(&s->collected);
    gp__free(s->slots);
    gp__free(s->telling);
    gp__free(s);
}

int gp__scheduler_read(struct gp__scheduler *s, const struct gp__queued *message,
                       struct gp__arena *arena, struct gp__entry *entry)
{
    return gp__spool_read_head(s->spool, gp__queued_place(message), arena, entry);
}
