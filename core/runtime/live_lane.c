// SPDX-License-Identifier: Apache-2.0
/*
 * Lanes of the live runtime: a thread, a condition that it waits on, and a handle that wakes the
 * loop. Signals are blocked in the thread: those are the main thread's business.
 */
#include "core/base/alloc.h"
#include "core/runtime/loop.h"

#include <pthread.h>
#include <signal.h>

struct lane {
    struct gp__lane base;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t kicked;
    bool wanted, ending;
    uv_async_t report;
};

static void *thread_main(void *arg)
{
    struct lane *lane = arg;

    pthread_mutex_lock(&lane->lock);
    while (lane->wanted || !lane->ending) {
        if (!lane->wanted) {
            pthread_cond_wait(&lane->kicked, &lane->lock);
            continue;
        }
        lane->wanted = false;
        pthread_mutex_unlock(&lane->lock);
        lane->base.run(lane->base.arg);
        pthread_mutex_lock(&lane->lock);
    }
    pthread_mutex_unlock(&lane->lock);
    return NULL;
}

static void on_report(uv_async_t *handle)
{
    struct lane *lane = handle->data;
    struct gp__live *live = gp__live(lane->base.runtime);

    lane->base.collect(lane->base.arg); /* may close the lane */
    gp__live_settle(live);
}

static void on_closed(uv_handle_t *handle)
{
    struct lane *lane = handle->data;

    pthread_cond_destroy(&lane->kicked);
    pthread_mutex_destroy(&lane->lock);
    gp__free(lane);
}

static int start_thread(struct lane *lane)
{
    sigset_t all, before;
    int error;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&lane->thread, NULL, thread_main, lane);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

struct gp__lane *gp__live_lane_open(struct gp__runtime *rt, void (*run)(void *arg),
                                    void (*collect)(void *arg), void *arg)
{
    struct lane *lane = gp__alloc(sizeof *lane);

    lane->base = (struct gp__lane){.runtime = rt, .run = run, .collect = collect, .arg = arg};
    if (uv_async_init(&gp__live(rt)->loop, &lane->report, on_report) < 0) {
        gp__free(lane);
        return NULL;
    }
    lane->report.data = lane;
    pthread_mutex_init(&lane->lock, NULL);
    pthread_cond_init(&lane->kicked, NULL);
    if (start_thread(lane) == 0)
        return &lane->base;
    uv_close((uv_handle_t *)&lane->report, on_closed);
    return NULL;
}

void gp__live_lane_kick(struct gp__lane *base)
{
    struct lane *lane = (struct lane *)base;

    pthread_mutex_lock(&lane->lock);
    lane->wanted = true;
    pthread_cond_signal(&lane->kicked);
    pthread_mutex_unlock(&lane->lock);
}

void gp__live_lane_report(struct gp__lane *base)
{
    uv_async_send(&((struct lane *)base)->report);
}

void gp__live_lane_close(struct gp__lane **lane_)
{
    struct lane *lane = (struct lane *)*lane_;

    if (!lane)
        return;
    pthread_mutex_lock(&lane->lock);
    lane->ending = true;
    pthread_cond_signal(&lane->kicked);
    pthread_mutex_unlock(&lane->lock);
    (void)pthread_join(lane->thread, NULL);
    *lane_ = NULL; /* until here the thread had it */
    uv_close((uv_handle_t *)&lane->report, on_closed);
}
