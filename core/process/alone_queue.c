// SPDX-License-Identifier: Apache-2.0
/* The queue of a process that does everything: the scheduler is in it. */
#include "core/process/alone.h"

#include "core/base/arena.h"
#include "core/delivery/plan.h"
#include "core/runtime/live.h"
#include "core/runtime/watch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void on_wake(void *arg, unsigned events)
{
    struct gp__alone *alone = arg;

    (void)events;
    gp__spool_wake_drain(alone->wake);
    gp__scheduler_look(alone->scheduler);
}

static int open_scheduler(struct gp__alone *alone, struct gp__buf *error)
{
    const struct gp__settings *settings = alone->reception.generation->settings;
    struct gp__spool_settings spool;
    struct gp__scheduler_options options = {
        .runtime = alone->reception.runtime, .log = &alone->reception.log, .spool = &spool};
    struct gp__arena *arena;
    struct gp__buf packed = {.limit = 0};
    struct gp__plan plan;

    if (gp__reception_spool(&alone->reception, &spool, error) < 0)
        return -1;
    arena = gp__arena_create();
    gp__plan_of(&plan, arena, settings);
    gp__plan_pack(&packed, &plan);
    options.plan = gp__buf_slice(&packed);
    alone->scheduler = gp__scheduler_open(&options, error);
    gp__buf_free(&packed);
    gp__arena_free(&arena);
    return alone->scheduler ? 0 : -1;
}

static int open_wake(struct gp__alone *alone, struct gp__buf *error)
{
    alone->wake = gp__scheduler_wake_open(alone->scheduler, error);
    if (alone->wake < 0)
        return -1;
    alone->wake_watch = gp__watch_start(alone->reception.runtime, alone->wake, GP__WATCH_READ,
                                        on_wake, alone);
    if (!alone->wake_watch)
        gp__buf_printf(error, "wake-up socket: %s", strerror(errno));
    return alone->wake_watch ? 0 : -1;
}

/* ---- the carrier ---- */

static void on_attempt(void *arg, const struct gp__attempt *attempt)
{
    gp__carrier_take(((struct gp__alone *)arg)->carrier, attempt);
}

static void on_answer(void *arg, const struct gp__attempt_answer *answer)
{
    gp__scheduler_answer(((struct gp__alone *)arg)->scheduler, 0, answer);
}

static int open_carrier(struct gp__alone *alone, struct gp__buf *error)
{
    struct gp__spool_settings spool;
    struct gp__carrier_options options = {
        .runtime = alone->reception.runtime,
        .spool = &spool,
        .carriage = &alone->reception.generation->carriage,
        .answer = on_answer,
        .arg = alone,
    };

    if (gp__reception_spool(&alone->reception, &spool, error) < 0)
        return -1;
    alone->carrier = gp__carrier_open(&options, error);
    if (alone->carrier)
        gp__scheduler_carrier(alone->scheduler, 0, GP__ATTEMPTS_MAX, on_attempt, alone);
    return alone->carrier ? 0 : -1;
}

static void on_patience(struct gp__timer *timer)
{
    struct gp__alone *alone = (struct gp__alone *)(void *)((char *)timer -
                                                           offsetof(struct gp__alone, patience));

    gp__carrier_cancel(alone->carrier);
}

/* What is under way has the time that sessions have, too; then it is cut short, and answered so. */
static void close_carrier(struct gp__alone *alone)
{
    struct gp__runtime *rt = alone->reception.runtime;
    uint64_t ms = alone->reception.generation->settings->process.stop_within;

    if (!alone->carrier)
        return;
    gp__scheduler_carrier_ends(alone->scheduler, 0);
    alone->patience.fn = on_patience;
    rt->ops->timer_start(rt, &alone->patience, rt->ops->now_ms(rt) + ms);
    while (gp__carrier_busy(alone->carrier))
        gp__live_turn(rt);
    rt->ops->timer_stop(rt, &alone->patience);
    gp__carrier_close(&alone->carrier);
}

int gp__alone_open_queue(struct gp__alone *alone)
{
    struct gp__buf error = {.limit = 0};
    int result;

    alone->wake = -1;
    if (!alone->reception.generation->settings->spool.path.len)
        return 0;
    result = open_scheduler(alone, &error) < 0 || open_wake(alone, &error) < 0 ||
                     open_carrier(alone, &error) < 0
                 ? -1
                 : 0;
    if (result < 0)
        fprintf(stderr, "gatepost: spool: " GP_FMT "\n", GP_ARG(gp__buf_slice(&error)));
    gp__buf_free(&error);
    return result;
}

void gp__alone_close_queue(struct gp__alone *alone)
{
    if (!alone->scheduler)
        return;
    close_carrier(alone);
    gp__watch_stop(&alone->wake_watch);
    if (alone->wake >= 0)
        (void)close(alone->wake); /* nothing was written to it */
    gp__scheduler_close(&alone->scheduler);
}
