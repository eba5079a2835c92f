// SPDX-License-Identifier: Apache-2.0
/*
 * Events as libunbound knows them (those of libevent): a descriptor, bits, a time-out, a callback.
 * It closes descriptors right after it deleted their event, and may free an event within its own
 * callback; so a libuv handle is an allocation of its own, that goes when libuv lets go.
 */
#include "core/runtime/dns_event.h"

#include "core/base/alloc.h"

#include <stddef.h>
#include <sys/time.h>
#include <unbound-event.h>
#include <unbound.h>

struct base {
    struct ub_event_base base; /* first: libunbound's view */
    struct gp__live *live;
};

struct watch {
    uv_poll_t poll;
    struct event *event; /* NULL: closing */
    int fd;
};

struct event {
    struct ub_event base; /* first: libunbound's view */
    struct gp__live *live;
    struct watch *watch; /* of `fd`, once it was added */
    int fd;
    short bits;
    void (*fn)(int fd, short bits, void *arg);
    void *arg;
    struct gp__timer timer;
    uint64_t timeout_ms; /* of a persistent event: starts anew after each callback; 0: none */
};

static struct event *event_of(struct ub_event *base)
{
    return (struct event *)base;
}

static int event_del(struct ub_event *base)
{
    struct event *event = event_of(base);

    if (event->watch)
        uv_poll_stop(&event->watch->poll);
    gp__timers_stop(&event->live->timers, &event->timer);
    return 0;
}

static void set_timer(struct event *event, uint64_t ms)
{
    gp__timers_start(&event->live->timers, &event->timer, uv_now(&event->live->loop) + ms);
}

/* ---- firing ---- */

static void fire(struct event *event, short bits)
{
    if (!(event->bits & UB_EV_PERSIST))
        event_del(&event->base);
    else if (event->timeout_ms)
        set_timer(event, event->timeout_ms);
    event->fn(event->fd, bits, event->arg); /* may free the event */
}

static void on_timeout(struct gp__timer *timer)
{
    fire((struct event *)((char *)timer - offsetof(struct event, timer)), UB_EV_TIMEOUT);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct watch *watch = poll->data;
    struct gp__live *live = poll->loop->data;
    struct event *event = watch->event;
    short bits = 0;

    if (!event)
        return;
    if (events & UV_READABLE || status < 0)
        bits = (short)(bits | (event->bits & UB_EV_READ));
    if (events & UV_WRITABLE || status < 0)
        bits = (short)(bits | (event->bits & UB_EV_WRITE));
    if (bits)
        fire(event, bits);
    gp__live_settle(live);
}

/* ---- watching ---- */

static void on_closed(uv_handle_t *handle)
{
    gp__free(handle->data);
}

static void unwatch(struct event *event)
{
    if (!event->watch)
        return;
    event->watch->event = NULL;
    uv_close((uv_handle_t *)&event->watch->poll, on_closed);
    event->watch = NULL;
}

/* A handle for the event's descriptor. One that was stopped serves again as long as the number is
 * the same: libuv looks at nothing else. */
static int watch_fd(struct event *event)
{
    struct watch *watch;

    if (event->watch && event->watch->fd == event->fd)
        return 0;
    unwatch(event);
    watch = gp__alloc(sizeof *watch);
    if (uv_poll_init(&event->live->loop, &watch->poll, event->fd) < 0) {
        gp__free(watch);
        return -1;
    }
    watch->fd = event->fd;
    watch->event = event;
    watch->poll.data = watch;
    event->watch = watch;
    return 0;
}

static uint64_t milliseconds(const struct timeval *tv)
{
    return (uint64_t)tv->tv_sec * 1000 + ((uint64_t)tv->tv_usec + 999) / 1000;
}

static int event_add(struct ub_event *base, struct timeval *tv)
{
    struct event *event = event_of(base);
    int wanted = (event->bits & UB_EV_READ ? UV_READABLE : 0) |
                 (event->bits & UB_EV_WRITE ? UV_WRITABLE : 0);

    event->timeout_ms = tv && (event->bits & UB_EV_TIMEOUT) ? milliseconds(tv) : 0;
    if (tv && (event->bits & UB_EV_TIMEOUT))
        set_timer(event, event->timeout_ms);
    if (event->fd < 0 || !wanted)
        return 0;
    if (watch_fd(event) < 0)
        return -1;
    return uv_poll_start(&event->watch->poll, wanted, on_poll) < 0 ? -1 : 0;
}

static int event_add_timer(struct ub_event *base, struct ub_event_base *events,
                           void (*fn)(int, short, void *), void *arg, struct timeval *tv)
{
    struct event *event = event_of(base);

    (void)events;
    event->fn = fn;
    event->arg = arg;
    event->bits = UB_EV_TIMEOUT;
    event->timeout_ms = 0;
    set_timer(event, milliseconds(tv));
    return 0;
}

/* ---- changing ---- */

static void event_add_bits(struct ub_event *base, short bits)
{
    event_of(base)->bits = (short)(event_of(base)->bits | bits);
}

static void event_del_bits(struct ub_event *base, short bits)
{
    event_of(base)->bits = (short)(event_of(base)->bits & ~bits);
}

static void event_set_fd(struct ub_event *base, int fd)
{
    struct event *event = event_of(base);

    if (fd != event->fd)
        unwatch(event);
    event->fd = fd;
}

static void event_free(struct ub_event *base)
{
    struct event *event = event_of(base);

    event_del(base);
    unwatch(event);
    gp__free(event);
}

/* ---- what libunbound never calls ---- */

static int event_add_signal(struct ub_event *base, struct timeval *tv)
{
    (void)base;
    (void)tv;
    return -1;
}

static int event_del_signal(struct ub_event *base)
{
    (void)base;
    return -1;
}

static void event_unregister(struct ub_event *base)
{
    (void)base;
}

static void event_wouldblock(struct ub_event *base, int bits)
{
    (void)base;
    (void)bits;
}

static void base_free(struct ub_event_base *base)
{
    (void)base; /* ours to free */
}

static int base_dispatch(struct ub_event_base *base)
{
    (void)base;
    return -1;
}

static int base_loopexit(struct ub_event_base *base, struct timeval *tv)
{
    (void)base;
    (void)tv;
    return 0;
}

static struct ub_event *base_new_signal(struct ub_event_base *base, int fd,
                                        void (*fn)(int, short, void *), void *arg)
{
    (void)base;
    (void)fd;
    (void)fn;
    (void)arg;
    return NULL;
}

static struct ub_event *base_register(struct ub_event_base *base, void *wsaevent,
                                      void (*fn)(int, short, void *), void *arg)
{
    (void)base;
    (void)wsaevent;
    (void)fn;
    (void)arg;
    return NULL;
}

/* ---- the tables ---- */

static struct ub_event_vmt event_vmt = {
    .add_bits = event_add_bits,
    .del_bits = event_del_bits,
    .set_fd = event_set_fd,
    .free = event_free,
    .add = event_add,
    .del = event_del,
    .add_timer = event_add_timer,
    .del_timer = event_del,
    .add_signal = event_add_signal,
    .del_signal = event_del_signal,
    .winsock_unregister_wsaevent = event_unregister,
    .winsock_tcp_wouldblock = event_wouldblock,
};

static struct ub_event *base_new_event(struct ub_event_base *base, int fd, short bits,
                                       void (*fn)(int, short, void *), void *arg)
{
    struct event *event = gp__alloc(sizeof *event);

    event->base.magic = UB_EVENT_MAGIC;
    event->base.vmt = &event_vmt;
    event->live = ((struct base *)base)->live;
    event->fd = fd;
    event->bits = bits;
    event->fn = fn;
    event->arg = arg;
    event->timer.fn = on_timeout;
    return &event->base;
}

static struct ub_event_base_vmt base_vmt = {
    .free = base_free,
    .dispatch = base_dispatch,
    .loopexit = base_loopexit,
    .new_event = base_new_event,
    .new_signal = base_new_signal,
    .winsock_register_wsaevent = base_register,
};

struct ub_event_base *gp__dns_base_create(struct gp__live *live)
{
    struct base *base = gp__alloc(sizeof *base);

    base->base.magic = UB_EVENT_MAGIC;
    base->base.vmt = &base_vmt;
    base->live = live;
    return &base->base;
}

void gp__dns_base_free(struct ub_event_base **base_)
{
    gp__free(*base_);
    *base_ = NULL;
}
