// SPDX-License-Identifier: Apache-2.0
/*
 * Connecting. A name is asked for its A and AAAA records at once; its addresses are tried one after
 * the other, IPv6 first, each for a bounded time. The first that answers wins.
 */
#include "core/base/alloc.h"
#include "core/runtime/address.h"
#include "core/runtime/job.h"
#include "core/runtime/lookup.h"
#include "core/runtime/loop.h"
#include "core/runtime/stream.h"

#include <stddef.h>

#define ATTEMPT_MS 10000

struct dial {
    struct gp__job job;
    struct gp__live *live;
    struct gp__lookup *lookup; /* under way, or NULL */
    struct gp__addresses found;
    size_t next;
    uint32_t scope; /* of an address that was given */
    uint16_t port;
    struct gp__live_stream *stream; /* being connected */
    uv_connect_t *req;              /* its memory goes with the callback */
    struct gp__timer timer;
};

/* ---- the end ---- */

static void stop_attempt(struct dial *dial)
{
    gp__timers_stop(&dial->live->timers, &dial->timer);
    if (dial->req)
        dial->req->data = NULL;
    dial->req = NULL;
    if (dial->stream)
        gp__live_stream_close(&dial->live->base, &dial->stream->base);
    dial->stream = NULL;
}

static void dial_free(struct dial *dial)
{
    stop_attempt(dial);
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

static void connected(struct dial *dial)
{
    dial->job.op->stream = &dial->stream->base;
    gp__live_stream_begin(dial->stream);
    dial->stream = NULL;
    dial->req = NULL;
    finish(dial, 0);
}

/* ---- attempts ---- */

static void try_next(struct dial *dial);

static void on_connect(uv_connect_t *req, int status)
{
    struct dial *dial = req->data;
    struct gp__live *live = req->handle->loop->data;

    gp__free(req);
    if (!dial)
        return;
    dial->req = NULL;
    if (status == 0) {
        connected(dial);
    } else {
        stop_attempt(dial);
        try_next(dial);
    }
    gp__live_settle(live);
}

static void attempt_over(struct gp__timer *timer)
{
    struct dial *dial = (struct dial *)((char *)timer - offsetof(struct dial, timer));

    stop_attempt(dial);
    try_next(dial);
}

static void begin_attempt(struct dial *dial)
{
    dial->stream = gp__live_stream_create(dial->live);
    dial->stream->handle.handle.data = dial->stream;
    dial->req = gp__alloc(sizeof *dial->req);
    dial->req->data = dial;
    dial->timer.fn = attempt_over;
    gp__timers_start(&dial->live->timers, &dial->timer, uv_now(&dial->live->loop) + ATTEMPT_MS);
}

static int try_ip(struct dial *dial, const struct gp__ip *ip)
{
    struct gp__endpoint endpoint = {.ip = *ip, .port = dial->port, .scope = dial->scope};
    struct sockaddr_storage addr;
    union gp__uv_stream *handle;

    if (gp__endpoint_to_sockaddr(&endpoint, &addr) == 0)
        return -1;
    begin_attempt(dial);
    handle = &dial->stream->handle;
    (void)uv_tcp_init(&dial->live->loop, &handle->tcp);
    handle->handle.data = dial->stream;
    (void)uv_tcp_nodelay(&handle->tcp, 1);
    if (uv_tcp_connect(dial->req, &handle->tcp, (struct sockaddr *)&addr, on_connect) == 0)
        return 0;
    GP__FREE(dial->req);
    stop_attempt(dial);
    return -1;
}

/* Tries addresses until one is under way, or none is left. */
static void try_next(struct dial *dial)
{
    while (dial->next < dial->found.count) {
        if (try_ip(dial, &dial->found.items[dial->next++]) == 0)
            return;
    }
    finish(dial, GP_ETEMP);
}

static void try_unix(struct dial *dial, struct gp_slice path)
{
    struct sockaddr_storage addr;
    union gp__uv_stream *handle;
    char name[sizeof addr];

    if (gp__unix_to_sockaddr(path, &addr) == 0) {
        finish(dial, GP_EINVAL);
        return;
    }
    memcpy(name, path.data, path.len);
    name[path.len] = '\0';
    begin_attempt(dial);
    handle = &dial->stream->handle;
    (void)uv_pipe_init(&dial->live->loop, &handle->pipe, 0);
    handle->handle.data = dial->stream;
    uv_pipe_connect(dial->req, &handle->pipe, name, on_connect);
}

/* ---- names ---- */

static void looked_up(void *arg, int error, const struct gp__addresses *addresses)
{
    struct dial *dial = arg;

    dial->lookup = NULL;
    dial->found = *addresses;
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

void gp__live_connect(struct gp__runtime *rt, struct gp_op *op, struct gp_slice text)
{
    struct dial *dial = gp__alloc(sizeof *dial);
    struct gp__address address;

    dial->live = gp__live(rt);
    gp__job_start(&dial->job, op, dial_cancel);
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
