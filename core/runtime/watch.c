// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/watch.h"

#include "core/base/alloc.h"
#include "core/runtime/loop.h"

#include <errno.h>

struct gp__watch {
    struct gp__live *live;
    uv_poll_t poll;
    unsigned events;
    void (*ready)(void *arg, unsigned events);
    void *arg;
};

/* A broken descriptor is reported as ready: reading or writing it tells what is wrong. */
static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct gp__watch *watch = poll->data;
    struct gp__live *live = watch->live;
    unsigned got = 0;

    if (status < 0)
        got = watch->events;
    if (events & (UV_READABLE | UV_DISCONNECT))
        got |= GP__WATCH_READ;
    if (events & UV_WRITABLE)
        got |= GP__WATCH_WRITE;
    if (got & watch->events)
        watch->ready(watch->arg, got & watch->events);
    gp__live_settle(live);
}

static int start(struct gp__watch *watch, unsigned events)
{
    int wanted = (events & GP__WATCH_READ ? UV_READABLE : 0) |
                 (events & GP__WATCH_WRITE ? UV_WRITABLE : 0);

    watch->events = events;
    return wanted ? uv_poll_start(&watch->poll, wanted, on_poll) : uv_poll_stop(&watch->poll);
}

static void on_closed(uv_handle_t *handle)
{
    gp__free(handle->data);
}

struct gp__watch *gp__watch_start(struct gp__runtime *rt, int fd, unsigned events,
                                  void (*ready)(void *arg, unsigned events), void *arg)
{
    struct gp__watch *watch = gp__alloc(sizeof *watch);
    int result;

    watch->live = gp__live(rt);
    watch->ready = ready;
    watch->arg = arg;
    watch->poll.data = watch;
    result = uv_poll_init(&watch->live->loop, &watch->poll, fd);
    if (result < 0) {
        gp__free(watch);
        errno = -result;
        return NULL;
    }
    result = start(watch, events);
    if (result == 0)
        return watch;
    gp__watch_stop(&watch);
    errno = -result;
    return NULL;
}

void gp__watch_for(struct gp__watch *watch, unsigned events)
{
    if (watch->events != events)
        (void)start(watch, events);
}

void gp__watch_stop(struct gp__watch **watch_)
{
    struct gp__watch *watch = *watch_;

    if (!watch)
        return;
    *watch_ = NULL;
    watch->events = 0;
    (void)uv_poll_stop(&watch->poll);
    uv_close((uv_handle_t *)&watch->poll, on_closed);
}
