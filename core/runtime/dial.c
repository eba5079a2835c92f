// SPDX-License-Identifier: Apache-2.0
/*
 * Connecting. A name is asked for its A and AAAA records at once; its addresses are raced (RFC 8305
 * 5): when one has not answered for a moment the next is tried as well, IPv6 and IPv4 in turn. The
 * first that answers wins.
 */
#include "core/base/alloc.h"
#include "core/runtime/address.h"
#include "core/runtime/job.h"
#include "core/runtime/lookup.h"
#include "core/runtime/loop.h"
#include "core/runtime/stream.h"

#include <stddef.h>

#define ATTEMPT_MS 10000u
#define STAGGER_MS 250u

struct attempt {
    struct dial *dial;
    struct gp__live_stream *stream; /* being connected; NULL: this place is free */
    uv_connect_t *req;              /* its memory goes with the callback */
    struct gp__timer timer;         /* when it is given up */
};

struct dial {
    struct gp__job job;
    struct gp__live *live;
    struct gp__lookup *lookup; /* under way, or NULL */
    struct gp__addresses found;
    size_t next, under_way;
    uint32_t scope; /* of an address that was given */
    uint16_t port;
    struct gp__ip from4, from6;
    uint64_t stagger_ms, attempt_ms;
    struct gp__timer stagger;                /* when the next is tried as well */
    struct attempt attempts[GP__LOOKUP_MAX]; /* by index of the address */
};

/* ---- the end ---- */

static void stop_attempt(struct attempt *attempt)
{
    struct dial *dial = attempt->dial;

    if (!attempt->stream)
        return;
    gp__timers_stop(&dial->live->timers, &attempt->timer);
    if (attempt->req)
        attempt->req->data = NULL;
    attempt->req = NULL;
    gp__live_stream_close(&dial->live->base, &attempt->stream->base);
    attempt->stream = NULL;
    dial->under_way--;
}

static void dial_free(struct dial *dial)
{
    gp__timers_stop(&dial->live->timers, &dial->stagger);
    for (size_t i = 0; i < dial->next; i++)
        stop_attempt(&dial->attempts[i]);
    gp__lookup_forget(&dial->lookup);
    gp__free(dial);
}

static void dial_cancel(struct gp__job *job)
{
    dial_free((struct dial *)job);
}

static void finish(struct dial *dial, int result)
{
    gp__job_finish(&dial->job, result);
    dial_free(dial);
}

static void connected(struct attempt *attempt)
{
    struct dial *dial = attempt->dial;

    gp__timers_stop(&dial->live->timers, &attempt->timer);
    dial->job.op->stream = &attempt->stream->base;
    dial->job.op->number = (uint64_t)(attempt - dial->attempts);
    gp__live_stream_begin(attempt->stream);
    attempt->stream = NULL;
    attempt->req = NULL;
    finish(dial, 0);
}

/* ---- attempts ---- */

static void try_next(struct dial *dial);

static void failed(struct attempt *attempt)
{
    stop_attempt(attempt);
    try_next(attempt->dial);
}

static void on_connect(uv_connect_t *req, int status)
{
    struct attempt *attempt = req->data;
    struct gp__live *live = req->handle->loop->data;

    gp__free(req);
    if (!attempt)
        return;
    attempt->req = NULL;
    if (status == 0)
        connected(attempt);
    else
        failed(attempt);
    gp__live_settle(live);
}

static void attempt_over(struct gp__timer *timer)
{
    failed((struct attempt *)((char *)timer - offsetof(struct attempt, timer)));
}

static void begin_attempt(struct attempt *attempt, struct dial *dial)
{
    attempt->dial = dial;
    attempt->stream = gp__live_stream_create(dial->live);
    attempt->stream->handle.handle.data = attempt->stream;
    attempt->req = gp__alloc(sizeof *attempt->req);
    attempt->req->data = attempt;
    attempt->timer.fn = attempt_over;
    gp__timers_start(&dial->live->timers, &attempt->timer,
                     uv_now(&dial->live->loop) + dial->attempt_ms);
    dial->under_way++;
}

static int bind_to(const struct dial *dial, uv_tcp_t *tcp, const struct gp__ip *to)
{
    struct gp__endpoint from = {.ip = to->family == 6 ? dial->from6 : dial->from4};
    struct sockaddr_storage addr;

    if (from.ip.family == 0)
        return 0;
    if (gp__endpoint_to_sockaddr(&from, &addr) == 0)
        return -1;
    return uv_tcp_bind(tcp, (struct sockaddr *)&addr, 0);
}

static int try_ip(struct dial *dial, size_t index)
{
    const struct gp__ip *ip = &dial->found.items[index];
    struct attempt *attempt = &dial->attempts[index];
    struct gp__endpoint endpoint = {.ip = *ip, .port = dial->port, .scope = dial->scope};
    struct sockaddr_storage addr;
    union gp__uv_stream *handle;

    if (gp__endpoint_to_sockaddr(&endpoint, &addr) == 0)
        return -1;
    begin_attempt(attempt, dial);
    handle = &attempt->stream->handle;
    (void)uv_tcp_init(&dial->live->loop, &handle->tcp);
    handle->handle.data = attempt->stream;
    (void)uv_tcp_nodelay(&handle->tcp, 1);
    if (bind_to(dial, &handle->tcp, ip) == 0 &&
        uv_tcp_connect(attempt->req, &handle->tcp, (struct sockaddr *)&addr, on_connect) == 0)
        return 0;
    GP__FREE(attempt->req);
    stop_attempt(attempt);
    return -1;
}

static void stagger_over(struct gp__timer *timer)
{
    try_next((struct dial *)((char *)timer - offsetof(struct dial, stagger)));
}

/* Tries addresses until one more is under way; without any under way it is over. */
static void try_next(struct dial *dial)
{
    bool trying = false;

    gp__timers_stop(&dial->live->timers, &dial->stagger);
    while (!trying && dial->next < dial->found.count)
        trying = try_ip(dial, dial->next++) == 0;
    if (dial->under_way == 0) {
        finish(dial, GP_ETEMP);
    } else if (dial->next < dial->found.count) {
        dial->stagger.fn = stagger_over;
        gp__timers_start(&dial->live->timers, &dial->stagger,
                         uv_now(&dial->live->loop) + dial->stagger_ms);
    }
}

static void try_unix(struct dial *dial, struct gp_slice path)
{
    struct attempt *attempt = &dial->attempts[dial->next];
    struct sockaddr_storage addr;
    union gp__uv_stream *handle;
    char name[sizeof addr];

    if (gp__unix_to_sockaddr(path, &addr) == 0) {
        finish(dial, GP_EINVAL);
        return;
    }
    memcpy(name, path.data, path.len);
    name[path.len] = '\0';
    dial->next++;
    begin_attempt(attempt, dial);
    handle = &attempt->stream->handle;
    (void)uv_pipe_init(&dial->live->loop, &handle->pipe, 0);
    handle->handle.data = attempt->stream;
    uv_pipe_connect(attempt->req, &handle->pipe, name, on_connect);
}

/* ---- names ---- */

/* One of each family in turn, IPv6 first, in DNS's order otherwise. */
static void interleave(struct gp__addresses *to, const struct gp__addresses *from)
{
    size_t at[2] = {0, 0};
    static const uint8_t families[2] = {6, 4};

    to->count = 0;
    for (size_t turn = 0; to->count < from->count; turn ^= 1) {
        size_t *i = &at[turn];

        while (*i < from->count && from->items[*i].family != families[turn])
            (*i)++;
        if (*i < from->count)
            to->items[to->count++] = from->items[(*i)++];
    }
}

static void looked_up(void *arg, int error, const struct gp__addresses *addresses)
{
    struct dial *dial = arg;

    dial->lookup = NULL;
    interleave(&dial->found, addresses);
    if (error)
        finish(dial, error);
    else
        try_next(dial);
}

static void look_up(struct dial *dial, struct gp_slice name)
{
    int error;

    dial->lookup = gp__lookup_start(dial->live, name, looked_up, dial, &error);
    if (!dial->lookup)
        finish(dial, error);
}

static struct dial *dial_create(struct gp__runtime *rt, struct gp_op *op)
{
    struct dial *dial = gp__alloc(sizeof *dial);

    dial->live = gp__live(rt);
    dial->stagger_ms = STAGGER_MS;
    dial->attempt_ms = ATTEMPT_MS;
    gp__job_start(&dial->job, op, dial_cancel);
    return dial;
}

void gp__live_connect(struct gp__runtime *rt, struct gp_op *op, struct gp_slice text)
{
    struct dial *dial = dial_create(rt, op);
    struct gp__address address;

    if (gp__address_parse(text, &address) < 0 || gp__address_find_zone(&address) < 0) {
        finish(dial, GP_EINVAL);
        return;
    }
    dial->port = address.endpoint.port;
    switch (address.kind) {
    case GP__ADDRESS_IP:
        dial->found.items[dial->found.count++] = address.endpoint.ip;
        dial->scope = address.endpoint.scope;
        try_next(dial);
        break;
    case GP__ADDRESS_UNIX:
        try_unix(dial, address.name);
        break;
    case GP__ADDRESS_NAME:
        look_up(dial, address.name);
        break;
    case GP__ADDRESS_ANY:
        finish(dial, GP_EINVAL);
        break;
    }
}

void gp__live_dial(struct gp__runtime *rt, struct gp_op *op, const struct gp__dialling *dialling)
{
    struct dial *dial = dial_create(rt, op);

    for (size_t i = 0; i < dialling->n_ips && i < GP__LOOKUP_MAX; i++)
        dial->found.items[dial->found.count++] = dialling->ips[i];
    dial->port = dialling->port;
    dial->from4 = dialling->from4;
    dial->from6 = dialling->from6;
    if (dialling->stagger_ms)
        dial->stagger_ms = dialling->stagger_ms;
    if (dialling->attempt_ms)
        dial->attempt_ms = dialling->attempt_ms;
    try_next(dial);
}
