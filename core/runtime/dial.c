// SPDX-License-Identifier: Apache-2.0
/*
 * Connecting. A name is asked for its A and AAAA records at once; its addresses are tried one after
 * the other, IPv6 first, each for a bounded time. The first that answers wins.
 */
#include "core/base/alloc.h"
#include "core/base/arena.h"
#include "core/runtime/address.h"
#include "core/runtime/dns_record.h"
#include "core/runtime/job.h"
#include "core/runtime/loop.h"
#include "core/runtime/resolver.h"
#include "core/runtime/stream.h"

#include <stddef.h>

#define ADDRESSES_MAX 8
#define ATTEMPT_MS 10000

struct dial {
    struct gp__job job;
    struct gp__live *live;
    struct gp__dns_query *queries[2]; /* AAAA, A; NULL: done */
    struct gp__ip found[2][ADDRESSES_MAX];
    size_t n_found[2], family, next;
    uint16_t port;
    bool no_answer;                 /* of DNS: the failure is temporary */
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
    for (int i = 0; i < 2; i++) {
        if (dial->queries[i])
            gp__dns_forget(dial->queries[i]);
    }
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
    struct gp__endpoint endpoint = {.ip = *ip, .port = dial->port};
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
    for (; dial->family < 2; dial->family++, dial->next = 0) {
        while (dial->next < dial->n_found[dial->family]) {
            if (try_ip(dial, &dial->found[dial->family][dial->next++]) == 0)
                return;
        }
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
    dial->family = 2; /* nothing to try after it */
    uv_pipe_connect(dial->req, &handle->pipe, name, on_connect);
}

/* ---- names ---- */

static void keep_addresses(struct dial *dial, int which, const struct gp_dns_answer *answer)
{
    for (size_t i = 0; i < answer->count && dial->n_found[which] < ADDRESSES_MAX; i++) {
        struct gp__ip *ip = &dial->found[which][dial->n_found[which]];

        if (gp__ip_parse(answer->records[i].text, ip) == 0)
            dial->n_found[which]++;
    }
}

static void answered(struct dial *dial, int which, const struct gp__dns_reply *reply)
{
    struct gp__arena *arena = gp__arena_create();
    struct gp_dns_answer *answer = NULL;
    int result = reply->error;

    dial->queries[which] = NULL;
    if (result == 0)
        result = gp__dns_parse(arena, reply->packet, which ? GP_DNS_A : GP_DNS_AAAA, false,
                               &answer);
    if (result == 0)
        keep_addresses(dial, which, answer);
    else if (result == GP_ETEMP)
        dial->no_answer = true;
    gp__arena_free(&arena);
    if (dial->queries[!which])
        return;
    if (dial->n_found[0] + dial->n_found[1] == 0)
        finish(dial, dial->no_answer ? GP_ETEMP : GP_ENOTFOUND);
    else
        try_next(dial);
}

static void answered_aaaa(void *arg, const struct gp__dns_reply *reply)
{
    answered(arg, 0, reply);
}

static void answered_a(void *arg, const struct gp__dns_reply *reply)
{
    answered(arg, 1, reply);
}

static void ask(struct dial *dial, struct gp_slice name)
{
    struct gp__dns *dns = dial->live->dns;

    if (!gp__dns_name_valid(name)) {
        finish(dial, GP_EINVAL);
        return;
    }
    dial->queries[0] = gp__dns_ask(dns, name, GP_DNS_AAAA, answered_aaaa, dial);
    dial->queries[1] = gp__dns_ask(dns, name, GP_DNS_A, answered_a, dial);
    if (!dial->queries[0] || !dial->queries[1])
        finish(dial, GP_ETEMP);
}

void gp__live_connect(struct gp__runtime *rt, struct gp_op *op, struct gp_slice text)
{
    struct dial *dial = gp__alloc(sizeof *dial);
    struct gp__address address;

    dial->live = gp__live(rt);
    gp__job_start(&dial->job, op, dial_cancel);
    if (gp__address_parse(text, &address) < 0) {
        finish(dial, GP_EINVAL);
        return;
    }
    dial->port = address.endpoint.port;
    switch (address.kind) {
    case GP__ADDRESS_IP:
        dial->found[0][0] = address.endpoint.ip;
        dial->n_found[0] = 1;
        try_next(dial);
        break;
    case GP__ADDRESS_UNIX:
        try_unix(dial, address.name);
        break;
    case GP__ADDRESS_NAME:
        ask(dial, address.name);
        break;
    case GP__ADDRESS_ANY:
        finish(dial, GP_EINVAL);
        break;
    }
}
