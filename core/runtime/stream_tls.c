// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/stream_tls.h"

#include "core/base/alloc.h"

#include <stdio.h>

static struct gp__live_stream_tls *tls_of(const struct gp__live_stream *stream)
{
    return (struct gp__live_stream_tls *)(void *)stream->base.tls;
}

static struct gp__live *live_of(const struct gp__live_stream *stream)
{
    return stream->handle.handle.loop->data;
}

/* ---- the handshake ---- */

static void finish(struct gp__live_stream_tls *tls, int result)
{
    gp__job_finish(&tls->handshake, result);
}

static void fail(struct gp__live_stream *stream, enum gp__tls_failure failure, const char *text)
{
    struct gp__live_stream_tls *tls = tls_of(stream);

    tls->facts.failure = failure;
    (void)snprintf(tls->facts.text, sizeof tls->facts.text, "%s", text);
    finish(tls, GP_ETEMP);
}

static void succeed(struct gp__live_stream *stream)
{
    struct gp__live_stream_tls *tls = tls_of(stream);
    struct gp_slice exporter = gp__tls_dial_exporter(tls->dial);

    if (exporter.len && exporter.len <= sizeof tls->facts.exporter) {
        memcpy(tls->facts.exporter, exporter.data, exporter.len);
        tls->facts.exporter_len = exporter.len;
    }
    tls->done = true;
    tls->facts.verified = tls->wish.trust != GP__TLS_TRUST_ANYBODY;
    tls->facts.observed = gp__tls_dial_observed(tls->dial);
    (void)snprintf(tls->facts.text, sizeof tls->facts.text, "%s", gp__tls_dial_text(tls->dial));
    finish(tls, 0);
}

/* What TLS itself has to say leaves at once: also an alert. 0, or an error. */
static int flush(struct gp__live_stream *stream)
{
    struct gp__buf out = {.limit = 0};
    int error = gp__tls_dial_output(tls_of(stream)->dial, &out) < 0
                    ? GP_ETEMP
                    : gp__live_stream_send(stream, gp__buf_slice(&out));

    gp__buf_free(&out);
    return error;
}

/* As far as it goes. 0, or an error: it failed. */
static int go_on(struct gp__live_stream *stream)
{
    struct gp__live_stream_tls *tls = tls_of(stream);
    enum gp__tls_dial_state state = gp__tls_dial_handshake(tls->dial);
    int error = flush(stream);

    if (state == GP__TLS_DIAL_MORE && !error)
        return 0;
    if (state == GP__TLS_DIAL_READY && !error) {
        succeed(stream);
        return 0;
    }
    if (state == GP__TLS_DIAL_FAILED)
        fail(stream, gp__tls_dial_failure(tls->dial), gp__tls_dial_text(tls->dial));
    else
        fail(stream, GP__TLS_BROKEN, "the connection was lost in the handshake");
    return GP_ECLOSED;
}

static const char *text_of(struct gp_slice s)
{
    return gp_slice_present(s) ? s.data : NULL;
}

static const char *create(struct gp__live_stream *stream)
{
    struct gp__live_stream_tls *tls = tls_of(stream);
    const struct gp__tls_wish *wish = &tls->wish;
    bool dane = wish->trust == GP__TLS_TRUST_DANE;
    struct gp__tls_dial_settings settings = {
        .name = wish->name,
        .verify = wish->trust != GP__TLS_TRUST_ANYBODY,
        .observe = wish->trust == GP__TLS_TRUST_ANYBODY && wish->observe,
        .ca_file = text_of(wish->ca_file),
        .names = wish->names,
        .n_names = wish->n_names,
        .tlsa = dane ? wish->tlsa : NULL,
        .n_tlsa = dane ? wish->n_tlsa : 0,
        .stores = &live_of(stream)->tls_stores,
    };
    const char *why;

    if (dane && wish->n_tlsa == 0)
        return "there are no TLSA records";
    tls->dial = gp__tls_dial_create(&settings, &why);
    return tls->dial ? NULL : why;
}

static void begin(void *arg)
{
    struct gp__live_stream *stream = arg;
    const char *why;

    if (!stream->closing && tls_of(stream)->handshake.op) {
        why = stream->ended ? "the server closed the connection" : create(stream);
        if (stream->ahead.len > 0) /* it was said before there was TLS: an attack, or nonsense */
            why = "plaintext where the handshake begins";
        if (why)
            fail(stream, GP__TLS_BROKEN, why);
        else
            (void)go_on(stream);
    }
    gp__live_stream_release(stream);
}

static void handshake_cancel(struct gp__job *job)
{
    (void)job;
}

void gp__live_stream_secure(struct gp__runtime *rt, struct gp_op *op, struct gp_stream *base,
                            const struct gp__tls_wish *wish)
{
    struct gp__live_stream *stream = (struct gp__live_stream *)base;
    struct gp__live_stream_tls *tls = gp__alloc(sizeof *tls);

    gp__job_start(&tls->handshake, op, handshake_cancel);
    if (base->tls || stream->closing) {
        gp__job_finish(&tls->handshake, GP_EINVAL);
        gp__free(tls);
        return;
    }
    base->tls = &tls->facts;
    tls->wish = *wish;
    stream->uses++;
    rt->ops->defer(rt, begin, stream);
}

/* ---- bytes ---- */

int gp__stream_tls_input(struct gp__live_stream *stream, struct gp_slice bytes)
{
    struct gp__live_stream_tls *tls = tls_of(stream);
    enum gp__tls_dial_state state;

    if (!tls->dial || gp__tls_dial_feed(tls->dial, bytes) < 0)
        return GP_ECLOSED;
    if (!tls->done && (go_on(stream) < 0 || !tls->done))
        return tls->facts.failure ? GP_ECLOSED : 0;
    state = gp__tls_dial_read(tls->dial, &stream->ahead);
    if (flush(stream) < 0 || state == GP__TLS_DIAL_FAILED)
        return GP_ECLOSED;
    return state == GP__TLS_DIAL_CLOSED;
}

int gp__stream_tls_encrypt(struct gp__live_stream *stream, struct gp_slice bytes,
                           struct gp__buf *out)
{
    struct gp__live_stream_tls *tls = tls_of(stream);

    if (!tls->done || gp__tls_dial_write(tls->dial, bytes) < 0)
        return -1;
    return gp__tls_dial_output(tls->dial, out);
}

void gp__stream_tls_end(struct gp__live_stream *stream)
{
    struct gp__live_stream_tls *tls = tls_of(stream);

    if (tls && !tls->done && tls->handshake.op)
        fail(stream, GP__TLS_BROKEN, "the server closed the connection in the handshake");
}

void gp__stream_tls_free(struct gp__live_stream *stream)
{
    struct gp__live_stream_tls *tls = tls_of(stream);

    if (!tls)
        return;
    gp__tls_dial_free(&tls->dial);
    gp__free(tls);
    stream->base.tls = NULL;
}
