// SPDX-License-Identifier: Apache-2.0
/*
 * Threads of plugins are real, the clock is not: it stands still while one of them is at work.
 */
#include "core/base/alloc.h"
#include "core/runtime/job.h"
#include "core/runtime/sim_world.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PATIENCE_S 60 /* of the real world */

struct gp__sim_waker {
    struct gp_waker base;
    struct gp__job job;
    struct gp__sim *sim;
    struct gp__sim_waker *next;
    bool fired;
};

static void waker_cancel(struct gp__job *job)
{
    const struct gp__sim_waker *waker =
        (const struct gp__sim_waker *)(const void *)((const char *)job -
                                                     offsetof(struct gp__sim_waker, job));

    gp__sim_call(waker->sim, "cancel");
}

static void waker_fire(struct gp_waker *base)
{
    struct gp__sim_waker *waker = (struct gp__sim_waker *)base;
    struct gp__sim_wakers *wakers = &waker->sim->wakers;

    pthread_mutex_lock(&wakers->lock);
    waker->fired = true;
    pthread_cond_signal(&wakers->fired);
    pthread_mutex_unlock(&wakers->lock);
}

struct gp_waker *gp__sim_op_waker(struct gp__runtime *rt, struct gp_op *op)
{
    struct gp__sim_waker *waker = gp__alloc(sizeof *waker);
    struct gp__sim *sim = gp__sim(rt);

    gp__sim_call(sim, "waker");
    waker->base.fire = waker_fire;
    waker->sim = sim;
    *sim->wakers.end = waker;
    sim->wakers.end = &waker->next;
    gp__job_start(&waker->job, op, waker_cancel);
    return &waker->base;
}

static void await(struct gp__sim_wakers *wakers, const struct gp__sim_waker *waker)
{
    struct timespec until;

    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    pthread_mutex_lock(&wakers->lock);
    while (!waker->fired) {
        if (pthread_cond_timedwait(&wakers->fired, &wakers->lock, &until) == 0)
            continue;
        (void)fprintf(stderr, "gatepost: a thread of a plugin does not call gp_waker_fire()\n");
        abort();
    }
    pthread_mutex_unlock(&wakers->lock);
}

bool gp__sim_wakers_collect(struct gp__sim *sim)
{
    struct gp__sim_wakers *wakers = &sim->wakers;
    struct gp__sim_waker *waker = wakers->first;

    if (!waker)
        return false;
    wakers->first = NULL;
    wakers->end = &wakers->first;
    while (waker) {
        struct gp__sim_waker *next = waker->next;

        await(wakers, waker);
        gp__job_finish(&waker->job, 0);
        gp__free(waker);
        waker = next;
    }
    return true;
}

void gp__sim_wakers_init(struct gp__sim *sim)
{
    pthread_mutex_init(&sim->wakers.lock, NULL);
    pthread_cond_init(&sim->wakers.fired, NULL);
    sim->wakers.end = &sim->wakers.first;
}

void gp__sim_wakers_done(struct gp__sim *sim)
{
    gp__sim_wakers_collect(sim);
    pthread_cond_destroy(&sim->wakers.fired);
    pthread_mutex_destroy(&sim->wakers.lock);
}
