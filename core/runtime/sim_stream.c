// SPDX-License-Identifier: Apache-2.0
/*
 * Scripted peers. Each connection walks down its script: what it sends is there to be read at once,
 * what it expects is compared as it is written. A script that does not get what it expects says so
 * in the failures and hangs up.
 */
#include "core/base/alloc.h"
#include "core/runtime/job.h"
#include "core/runtime/sim_world.h"

#include <limits.h>
#include <stddef.h>
#include <stdio.h>

struct script {
    struct script *next; /* of the same address */
    struct gp__sim_step *steps;
    size_t n;
};

struct peer {
    struct gp_slice address;
    struct script *first, *last;
};

struct read {
    struct gp__job job;
    struct sim_stream *stream;
    char *bytes;
    size_t size;
};

struct sim_stream {
    struct gp_stream base;
    struct gp__sim *sim;
    const struct peer *peer;
    const struct script *script;
    size_t step;
    struct gp__buf in, out; /* to be read by the hook; written by it, not yet looked at */
    struct gp__timer timer; /* the peer's next move */
    struct read *read;
    bool delayed, ended, reset;
};

/* ---- scripts ---- */

void gp__sim_peer(struct gp__runtime *rt, struct gp_slice address, const struct gp__sim_step *steps,
                  size_t n)
{
    struct gp__sim *sim = gp__sim(rt);
    struct peer *peer = gp__map_get(&sim->peers, address);
    struct script *script = GP__ARENA_NEW(sim->arena, struct script);

    if (!peer) {
        peer = GP__ARENA_NEW(sim->arena, struct peer);
        peer->address = gp__arena_dup(sim->arena, address);
        gp__map_set(&sim->peers, peer->address, peer);
    }
    script->steps = GP__ARENA_ARRAY(sim->arena, struct gp__sim_step, n + 1);
    script->n = n;
    for (size_t i = 0; i < n; i++) {
        script->steps[i] = steps[i];
        script->steps[i].bytes = gp__arena_dup(sim->arena, steps[i].bytes);
    }
    if (peer->last)
        peer->last->next = script;
    else
        peer->first = script;
    peer->last = script;
}

/* The script of this connection; the last one stays. */
static const struct script *take_script(struct peer *peer)
{
    struct script *script = peer->first;

    if (script->next)
        peer->first = script->next;
    return script;
}

/* ---- the peer's moves ---- */

static void serve_read(struct sim_stream *stream)
{
    struct read *read = stream->read;
    size_t size;

    if (!read || (stream->in.len == 0 && !stream->ended))
        return;
    stream->read = NULL;
    size = read->size < stream->in.len ? read->size : stream->in.len;
    memcpy(read->bytes, gp__buf_slice(&stream->in).data, size);
    gp__buf_consume(&stream->in, size);
    gp__job_finish(&read->job, size == 0 && stream->reset ? GP_ECLOSED : (int)size);
    gp__free(read);
}

static void end(struct sim_stream *stream, bool reset)
{
    stream->ended = true;
    stream->reset = reset;
    if (reset)
        gp__buf_clear(&stream->in);
    serve_read(stream);
}

static void mismatch(struct sim_stream *stream, struct gp_slice wanted)
{
    struct gp_slice got = gp_slice_sub(gp__buf_slice(&stream->out), 0, 200);

    gp__sim_failure(stream->sim, GP_FMT " step %zu: expected \"" GP_FMT "\", got \"" GP_FMT "\"",
                    GP_ARG(stream->peer->address), stream->step + 1, GP_ARG(wanted), GP_ARG(got));
    end(stream, false);
}

/* The expectations: 1 met, 0 more must come, -1 not met. */
static int expect(struct sim_stream *stream, struct gp_slice wanted)
{
    struct gp_slice out = gp__buf_slice(&stream->out);
    size_t n = out.len < wanted.len ? out.len : wanted.len;

    if (!gp_slice_eq(gp_slice_sub(out, 0, n), gp_slice_sub(wanted, 0, n)))
        return -1;
    if (n < wanted.len)
        return 0;
    gp__buf_consume(&stream->out, n);
    return 1;
}

static int expect_line(struct sim_stream *stream, struct gp_slice wanted)
{
    struct gp_slice out = gp__buf_slice(&stream->out);
    size_t end_of_line = gp_slice_find(out, '\n');

    if (end_of_line == out.len)
        return 0;
    if (!gp_slice_starts(gp_slice_sub(out, 0, end_of_line), wanted))
        return -1;
    gp__buf_consume(&stream->out, end_of_line + 1);
    return 1;
}

static int skip(struct sim_stream *stream, struct gp_slice wanted)
{
    struct gp_slice out = gp__buf_slice(&stream->out);
    size_t at = gp_slice_search(out, wanted);

    if (at == out.len && wanted.len > 0)
        return 0;
    gp__buf_consume(&stream->out, at + wanted.len);
    return 1;
}

static int delay(struct sim_stream *stream, uint64_t ms)
{
    if (!stream->delayed) {
        stream->delayed = true;
        gp__sim_after(stream->sim, &stream->timer, ms);
        return 0;
    }
    if (stream->timer.slot)
        return 0;
    stream->delayed = false;
    return 1;
}

/* One step: 1 done, 0 not yet, -1 not met. */
static int take_step(struct sim_stream *stream, const struct gp__sim_step *step)
{
    switch (step->type) {
    case GP__SIM_EXPECT:
        return expect(stream, step->bytes);
    case GP__SIM_EXPECT_LINE:
        return expect_line(stream, step->bytes);
    case GP__SIM_SKIP:
        return skip(stream, step->bytes);
    case GP__SIM_SEND:
        (void)gp__buf_append(&stream->in, step->bytes);
        serve_read(stream);
        return 1;
    case GP__SIM_DELAY:
        return delay(stream, step->ms);
    case GP__SIM_CLOSE:
    case GP__SIM_RESET:
    case GP__SIM_REFUSE:
        end(stream, step->type != GP__SIM_CLOSE);
        return 1;
    case GP__SIM_HANG:
    case GP__SIM_SECURE: /* until a handshake begins */
        return 0;
    }
    return 0;
}

static void on_move(struct gp__timer *timer)
{
    struct sim_stream *stream = (struct sim_stream *)((char *)timer -
                                                      offsetof(struct sim_stream, timer));

    while (!stream->ended && stream->step < stream->script->n) {
        const struct gp__sim_step *step = &stream->script->steps[stream->step];
        int result = take_step(stream, step);

        if (result == 0)
            return;
        if (result < 0)
            mismatch(stream, step->bytes);
        else
            stream->step++;
    }
    if (!stream->ended)
        end(stream, false);
}

static void move_soon(struct sim_stream *stream)
{
    if (!stream->timer.slot && !stream->ended)
        gp__sim_after(stream->sim, &stream->timer, 0);
}

/* ---- connecting ---- */

#define DIALS_MAX 16

struct dial {
    struct gp__job job;
    struct gp__timer timer;
    struct gp__sim *sim;
    struct peer *peer;            /* NULL: nobody is there */
    struct gp__ip ips[DIALS_MAX]; /* of a race: those to be tried */
    size_t n_ips, next;
    uint16_t port;
    uint64_t stagger_ms, attempt_ms;
};

static void dial_cancel(struct gp__job *job)
{
    struct dial *dial = (struct dial *)job;

    gp__sim_call(dial->sim, "cancel");
    gp__timers_stop(&dial->sim->timers, &dial->timer);
    gp__free(dial);
}

static void become_stream(struct dial *dial, const struct script *script)
{
    struct sim_stream *stream = gp__alloc(sizeof *stream);

    stream->base.runtime = &dial->sim->base;
    stream->sim = dial->sim;
    stream->peer = dial->peer;
    stream->script = script;
    stream->timer.fn = on_move;
    move_soon(stream);
    dial->job.op->stream = &stream->base;
    gp__job_finish(&dial->job, 0);
}

static void on_dialled(struct gp__timer *timer)
{
    struct dial *dial = (struct dial *)((char *)timer - offsetof(struct dial, timer));
    const struct script *script = dial->peer ? take_script(dial->peer) : NULL;
    enum gp__sim_step_type first = script && script->n > 0 ? script->steps[0].type : GP__SIM_CLOSE;

    if (first == GP__SIM_HANG)
        return; /* until it is cancelled */
    if (!script || first == GP__SIM_REFUSE)
        gp__job_finish(&dial->job, GP_ETEMP);
    else
        become_stream(dial, script);
    gp__free(dial);
}

void gp__sim_op_connect(struct gp__runtime *rt, struct gp_op *op, struct gp_slice address)
{
    struct gp__sim *sim = gp__sim(rt);
    struct dial *dial = gp__alloc(sizeof *dial);

    gp__sim_call(sim, "connect " GP_FMT, GP_ARG(address));
    dial->sim = sim;
    dial->peer = gp__map_get(&sim->peers, address);
    dial->timer.fn = on_dialled;
    gp__job_start(&dial->job, op, dial_cancel);
    gp__sim_after(sim, &dial->timer, 0);
}

/* ---- racing: one after the other, for whoever hangs costs the others a moment ---- */

static struct peer *peer_of(struct dial *dial, const struct gp__ip *ip)
{
    char text[48], address[64];
    struct gp_slice s = gp__ip_format(ip, text);
    int n = snprintf(address, sizeof address, ip->family == 6 ? "[%.*s]:%u" : "%.*s:%u", (int)s.len,
                     s.data, dial->port);

    gp__sim_call(dial->sim, "connect %s", address);
    return gp__map_get(&dial->sim->peers, gp_slice(address, (size_t)n));
}

static void on_raced(struct gp__timer *timer)
{
    struct dial *dial = (struct dial *)((char *)timer - offsetof(struct dial, timer));

    while (dial->next < dial->n_ips) {
        const struct script *script;
        enum gp__sim_step_type first;

        dial->peer = peer_of(dial, &dial->ips[dial->next++]);
        script = dial->peer ? take_script(dial->peer) : NULL;
        first = script && script->n > 0 ? script->steps[0].type : GP__SIM_CLOSE;
        if (first == GP__SIM_HANG) {
            gp__sim_after(dial->sim, &dial->timer,
                          dial->next < dial->n_ips ? dial->stagger_ms : dial->attempt_ms);
            return;
        }
        if (script && first != GP__SIM_REFUSE) {
            dial->job.op->number = dial->next - 1;
            become_stream(dial, script);
            gp__free(dial);
            return;
        }
    }
    gp__job_finish(&dial->job, GP_ETEMP);
    gp__free(dial);
}

void gp__sim_op_dial(struct gp__runtime *rt, struct gp_op *op, const struct gp__dialling *dialling)
{
    struct dial *dial = gp__alloc(sizeof *dial);

    dial->sim = gp__sim(rt);
    dial->port = dialling->port;
    dial->stagger_ms = dialling->stagger_ms;
    dial->attempt_ms = dialling->attempt_ms;
    while (dial->n_ips < dialling->n_ips && dial->n_ips < DIALS_MAX) {
        dial->ips[dial->n_ips] = dialling->ips[dial->n_ips];
        dial->n_ips++;
    }
    dial->timer.fn = on_raced;
    gp__job_start(&dial->job, op, dial_cancel);
    gp__sim_after(dial->sim, &dial->timer, 0);
}

static void no_cancel(struct gp__job *job)
{
    (void)job;
}

/* ---- TLS: what the script says of it ---- */

static enum gp__tls_failure failure_of(struct gp_slice word)
{
    if (gp_slice_eq(word, GP_S("expired")))
        return GP__TLS_EXPIRED;
    if (gp_slice_eq(word, GP_S("misnamed")))
        return GP__TLS_MISNAMED;
    if (gp_slice_eq(word, GP_S("untrusted")))
        return GP__TLS_UNTRUSTED;
    return word.len ? GP__TLS_BROKEN : GP__TLS_FINE;
}

/* Bad certificates trouble only those who look at them. */
static enum gp__tls_failure shake_hands(struct sim_stream *stream, const struct gp__tls_wish *wish,
                                        enum gp__tls_failure *observed_r)
{
    const struct gp__sim_step *step = stream->step < stream->script->n
                                          ? &stream->script->steps[stream->step]
                                          : NULL;
    enum gp__tls_failure failure;

    if (!step || step->type != GP__SIM_SECURE)
        return GP__TLS_BROKEN;
    stream->step++;
    failure = failure_of(step->bytes);
    if (failure <= GP__TLS_BROKEN || wish->trust != GP__TLS_TRUST_ANYBODY)
        return failure;
    *observed_r = wish->observe ? failure : GP__TLS_FINE;
    return GP__TLS_FINE;
}

void gp__sim_op_secure(struct gp__runtime *rt, struct gp_op *op, struct gp_stream *base,
                       const struct gp__tls_wish *wish)
{
    static const char *const trusts[] = {"anybody", "authorities", "dane"};
    struct sim_stream *stream = (struct sim_stream *)base;
    struct gp__stream_tls *tls = GP__ARENA_NEW(gp__sim(rt)->arena, struct gp__stream_tls);
    struct gp__job job;

    gp__sim_call(gp__sim(rt), "secure " GP_FMT " " GP_FMT " %s", GP_ARG(stream->peer->address),
                 GP_ARG(wish->name), trusts[wish->trust]);
    on_move(&stream->timer); /* what was written is looked at */
    base->tls = tls;
    tls->failure = shake_hands(stream, wish, &tls->observed);
    tls->verified = !tls->failure && wish->trust != GP__TLS_TRUST_ANYBODY;
    (void)snprintf(tls->text, sizeof tls->text, "%s",
                   tls->failure ? "the script says so" : "TLSv1.3, simulated");
    gp__job_start(&job, op, no_cancel);
    gp__job_finish(&job, tls->failure ? GP_ETEMP : 0);
    move_soon(stream);
}

/* ---- reading, writing, closing ---- */

static void read_cancel(struct gp__job *job)
{
    struct read *read = (struct read *)job;

    gp__sim_call(read->stream->sim, "cancel");
    read->stream->read = NULL;
    gp__free(read);
}

void gp__sim_op_read(struct gp__runtime *rt, struct gp_op *op, struct gp_stream *base, void *bytes,
                     size_t size)
{
    struct sim_stream *stream = (struct sim_stream *)base;
    struct read *read = gp__alloc(sizeof *read);

    (void)rt;
    read->stream = stream;
    read->bytes = bytes;
    read->size = size < INT_MAX ? size : INT_MAX;
    gp__job_start(&read->job, op, read_cancel);
    if (stream->read || size == 0) {
        gp__job_finish(&read->job, GP_EINVAL);
        gp__free(read);
        return;
    }
    stream->read = read;
    serve_read(stream);
}

int64_t gp__sim_write_now(struct gp__runtime *rt, struct gp_stream *base, struct gp_slice bytes)
{
    struct sim_stream *stream = (struct sim_stream *)base;

    gp__sim_call(gp__sim(rt), "write " GP_FMT " %zu", GP_ARG(stream->peer->address), bytes.len);
    if (stream->reset || stream->ended || gp__buf_append(&stream->out, bytes) < 0)
        return GP_ECLOSED;
    move_soon(stream);
    return (int64_t)bytes.len;
}

void gp__sim_op_write(struct gp__runtime *rt, struct gp_op *op, struct gp_stream *base,
                      struct gp_slice bytes)
{
    struct gp__job job;

    gp__job_start(&job, op, no_cancel);
    gp__job_finish(&job, gp__sim_write_now(rt, base, bytes) < 0 ? GP_ECLOSED : 0);
}

/* What a script still waited for when its connection was closed. */
static void check_end(struct sim_stream *stream)
{
    for (size_t i = stream->step; !stream->ended && i < stream->script->n; i++) {
        const struct gp__sim_step *step = &stream->script->steps[i];

        if (step->type != GP__SIM_EXPECT && step->type != GP__SIM_EXPECT_LINE &&
            step->type != GP__SIM_SKIP)
            continue;
        gp__sim_failure(stream->sim, GP_FMT " step %zu: \"" GP_FMT "\" never came",
                        GP_ARG(stream->peer->address), i + 1, GP_ARG(step->bytes));
        return;
    }
}

void gp__sim_op_close(struct gp__runtime *rt, struct gp_stream *base)
{
    struct sim_stream *stream = (struct sim_stream *)base;
    struct read *read = stream->read;

    (void)rt;
    stream->read = NULL;
    if (read) {
        gp__job_finish(&read->job, GP_ECANCELED);
        gp__free(read);
    }
    if (!stream->delayed) {
        gp__timers_stop(&stream->sim->timers, &stream->timer);
        on_move(&stream->timer); /* what was written last is still looked at */
    }
    check_end(stream);
    gp__timers_stop(&stream->sim->timers, &stream->timer);
    gp__buf_free(&stream->in);
    gp__buf_free(&stream->out);
    gp__free(stream);
}
