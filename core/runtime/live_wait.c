// SPDX-License-Identifier: Apache-2.0
/*
 * Operations that wait for time, for a thread of the work pool or of a plugin, or for a descriptor.
 * A job that a thread is at when its operation is cancelled lives on until the thread lets go; its
 * result is dropped.
 */
#include "core/base/alloc.h"
#include "core/runtime/job.h"
#include "core/runtime/loop.h"
#include "core/runtime/pool.h"

#include <fcntl.h>
#include <stdalign.h>
#include <stddef.h>
#include <unistd.h>

/* ---- sleep ---- */

struct nap {
    struct gp__job job;
    struct gp__timer timer;
    struct gp__live *live;
};

static void nap_cancel(struct gp__job *job)
{
    struct nap *nap = (struct nap *)job;

    gp__timers_stop(&nap->live->timers, &nap->timer);
    gp__free(nap);
}

static void nap_over(struct gp__timer *timer)
{
    struct nap *nap = (struct nap *)((char *)timer - offsetof(struct nap, timer));

    gp__job_finish(&nap->job, 0);
    gp__free(nap);
}

void gp__live_sleep(struct gp__runtime *rt, struct gp_op *op, uint64_t ms)
{
    struct nap *nap = gp__alloc(sizeof *nap);
    uint64_t now = uv_now(&gp__live(rt)->loop);

    nap->live = gp__live(rt);
    nap->timer.fn = nap_over;
    gp__job_start(&nap->job, op, nap_cancel);
    gp__timers_start(&nap->live->timers, &nap->timer,
                     ms < UINT64_MAX - now ? now + ms : UINT64_MAX - 1);
}

/* ---- work ---- */

struct work {
    struct gp__job job;
    struct gp__pool_item item;
    struct gp__live *live;
    void (*fn)(void *block);
    void *block; /* the caller's */
    size_t size;
    alignas(max_align_t) char copy[];
};

static struct work *work_of(struct gp__pool_item *item)
{
    return (struct work *)((char *)item - offsetof(struct work, item));
}

static void work_run(struct gp__pool_item *item)
{
    struct work *work = work_of(item);

    work->fn(work->copy);
}

/* A block may be a password. */
static void work_free(struct work *work)
{
    explicit_bzero(work->copy, work->size);
    gp__free(work);
}

static void work_done(struct gp__pool_item *item, bool ran)
{
    struct work *work = work_of(item);

    if (work->job.op && ran && work->size > 0)
        memcpy(work->block, work->copy, work->size);
    gp__job_finish(&work->job, ran ? 0 : GP_ETEMP);
    work_free(work);
}

static void work_cancel(struct gp__job *job)
{
    struct work *work = (struct work *)job;

    if (gp__pool_withdraw(work->live->work, &work->item))
        work_free(work);
}

void gp__live_work(struct gp__runtime *rt, struct gp_op *op, void (*fn)(void *block), void *block,
                   size_t size)
{
    struct work *work = gp__alloc(sizeof *work + size);

    work->live = gp__live(rt);
    work->fn = fn;
    work->block = block;
    work->size = size;
    work->item.run = work_run;
    work->item.done = work_done;
    if (size > 0)
        memcpy(work->copy, block, size);
    gp__job_start(&work->job, op, work_cancel);
    if (gp__pool_submit(work->live->work, &work->item) < 0)
        work_done(&work->item, false);
}

/* ---- wakers ---- */

struct gp__fired {
    struct gp_waker base;
    struct gp__job job;
    struct gp__live *live;
    struct gp__fired *next;
};

/* The other thread has it still. */
static void waker_cancel(struct gp__job *job)
{
    (void)job;
}

static void waker_fire(struct gp_waker *waker)
{
    struct gp__fired *fired = (struct gp__fired *)waker;
    struct gp__live *live = fired->live;

    fired->next = atomic_load(&live->fired);
    while (!atomic_compare_exchange_weak(&live->fired, &fired->next, fired))
        ;
    uv_async_send(&live->pools);
}

struct gp_waker *gp__live_waker(struct gp__runtime *rt, struct gp_op *op)
{
    struct gp__fired *fired = gp__alloc(sizeof *fired);

    fired->base.fire = waker_fire;
    fired->live = gp__live(rt);
    gp__job_start(&fired->job, op, waker_cancel);
    return &fired->base;
}

/* In the order in which they were fired. */
void gp__live_collect(struct gp__live *live)
{
    struct gp__fired *last = atomic_exchange(&live->fired, NULL), *first = NULL;

    while (last) {
        struct gp__fired *next = last->next;

        last->next = first;
        first = last;
        last = next;
    }
    while (first) {
        struct gp__fired *next = first->next;

        gp__job_finish(&first->job, 0);
        gp__free(first);
        first = next;
    }
}

/* ---- descriptors ---- */

/* Watches a duplicate: the library that owns the descriptor may close it, or have it watched
 * twice. */
struct watch {
    struct gp__job job;
    uv_poll_t poll;
    int fd;
};

static void watch_closed(uv_handle_t *handle)
{
    struct watch *watch = handle->data;

    (void)close(watch->fd);
    gp__free(watch);
}

static void watch_cancel(struct gp__job *job)
{
    struct watch *watch = (struct watch *)job;

    uv_close((uv_handle_t *)&watch->poll, watch_closed);
}

/* An error of the descriptor is for its owner to find: it is ready. */
static void watch_ready(uv_poll_t *poll, int status, int events)
{
    struct watch *watch = poll->data;
    struct gp__live *live = poll->loop->data;

    (void)status;
    (void)events;
    uv_close((uv_handle_t *)poll, watch_closed);
    gp__job_finish(&watch->job, 0);
    gp__live_settle(live);
}

void gp__live_wait_fd(struct gp__runtime *rt, struct gp_op *op, int fd, unsigned events)
{
    struct watch *watch = gp__alloc(sizeof *watch);
    int wanted = (events & GP_FD_READ ? UV_READABLE : 0) | (events & GP_FD_WRITE ? UV_WRITABLE : 0);
    int result;

    gp__job_start(&watch->job, op, watch_cancel);
    watch->fd = wanted ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : -1;
    if (watch->fd < 0) {
        gp__job_finish(&watch->job, GP_EINVAL);
        gp__free(watch);
        return;
    }
    result = uv_poll_init(&gp__live(rt)->loop, &watch->poll, watch->fd);
    if (result < 0) {
        /* A regular file cannot be watched, and is always ready. */
        gp__job_finish(&watch->job, result == UV_EPERM ? 0 : GP_EIO);
        (void)close(watch->fd);
        gp__free(watch);
        return;
    }
    watch->poll.data = watch;
    uv_poll_start(&watch->poll, wanted, watch_ready);
}
