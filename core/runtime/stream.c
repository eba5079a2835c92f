// SPDX-License-Identifier: Apache-2.0
/*
 * Outgoing streams of hooks. What arrives is read ahead into a bounded buffer, so that the
 * operation that asks for it is usually done at once; the socket is not read while the buffer is
 * full. At most one read is under way at a time, any number of writes up to a bound. A write that
 * is cancelled leaves a stream of which nobody knows where it stands: it is broken from then on.
 */
#include "core/base/alloc.h"
#include "core/base/buf.h"
#include "core/runtime/job.h"
#include "core/runtime/loop.h"
#include "core/runtime/stream.h"
#include "core/runtime/stream_tls.h"

#include <limits.h>

#define READ_AHEAD ((size_t)64 << 10)
#define UNSENT_MAX ((size_t)16 << 20)

struct read {
    struct gp__job job;
    struct gp__live_stream *stream;
    char *bytes;
    size_t size;
};

struct write {
    struct gp__job job;
    uv_write_t req;
    struct gp__live_stream *stream;
    struct gp_slice plain; /* to be encrypted; its owner is the operation's */
    struct gp__buf rest;
};

static struct gp__live *live_of(const struct gp__live_stream *stream)
{
    return stream->handle.handle.loop->data;
}

static struct gp__live_stream *live_stream(struct gp_stream *stream)
{
    return (struct gp__live_stream *)stream;
}

/* ---- reading ---- */

static void on_read(uv_stream_t *handle, ssize_t n, const uv_buf_t *buf);

static void take_input(struct gp__live_stream *stream, char *bytes, size_t *size)
{
    struct gp_slice have = gp__buf_slice(&stream->ahead);

    if (*size > have.len)
        *size = have.len;
    memcpy(bytes, have.data, *size);
    gp__buf_consume(&stream->ahead, *size);
    if (stream->ahead.len == 0)
        gp__buf_free(&stream->ahead);
}

static void keep_reading(struct gp__live_stream *stream)
{
    bool wanted = !stream->closing && !stream->ended && stream->ahead.len < READ_AHEAD;

    if (wanted && !stream->reading)
        (void)uv_read_start(&stream->handle.stream, gp__uv_read_buffer, on_read);
    else if (!wanted && stream->reading)
        uv_read_stop(&stream->handle.stream);
    stream->reading = wanted;
}

/* Answers the read under way if there is something to say. */
static void serve_read(struct gp__live_stream *stream)
{
    struct read *read = stream->read;
    size_t size;

    if (!read || (stream->ahead.len == 0 && !stream->ended))
        return;
    stream->read = NULL;
    if (stream->ahead.len > 0) {
        size = read->size;
        take_input(stream, read->bytes, &size);
        gp__job_finish(&read->job, (int)size);
    } else {
        gp__job_finish(&read->job, stream->error);
    }
    gp__free(read);
}

static void end_input(struct gp__live_stream *stream, int error)
{
    if (stream->ended)
        return;
    stream->ended = true;
    stream->error = error;
    gp__stream_tls_end(stream);
}

static void take_bytes(struct gp__live_stream *stream, struct gp_slice bytes)
{
    int result = 0;

    if (stream->base.tls)
        result = gp__stream_tls_input(stream, bytes);
    else if (gp__buf_append(&stream->ahead, bytes) < 0)
        result = GP_ELIMIT;
    if (result)
        end_input(stream, result < 0 ? result : 0);
}

static void on_read(uv_stream_t *handle, ssize_t n, const uv_buf_t *buf)
{
    struct gp__live_stream *stream = handle->data;
    struct gp__live *live = live_of(stream);

    if (n == 0)
        return;
    if (n < 0)
        end_input(stream, n == UV_EOF ? 0 : GP_ECLOSED);
    else
        take_bytes(stream, gp_slice(buf->base, (size_t)n));
    serve_read(stream);
    keep_reading(stream);
    gp__live_settle(live);
}

static void read_cancel(struct gp__job *job)
{
    struct read *read = (struct read *)job;

    read->stream->read = NULL;
    gp__free(read);
}

void gp__live_stream_read(struct gp__runtime *rt, struct gp_op *op, struct gp_stream *base,
                          void *bytes, size_t size)
{
    struct gp__live_stream *stream = live_stream(base);
    struct read *read = gp__alloc(sizeof *read);

    (void)rt;
    gp__job_start(&read->job, op, read_cancel);
    if (stream->read || size == 0) {
        gp__job_finish(&read->job, GP_EINVAL);
        gp__free(read);
        return;
    }
    read->stream = stream;
    read->bytes = bytes;
    read->size = size < INT_MAX ? size : INT_MAX;
    stream->read = read;
    serve_read(stream);
    keep_reading(stream);
}

/* ---- writing ---- */

static void write_free(struct write *write)
{
    gp__buf_free(&write->rest);
    gp__free(write);
}

static void write_cancel(struct gp__job *job)
{
    ((struct write *)job)->stream->broken = true;
}

static void on_written(uv_write_t *req, int status)
{
    struct write *write = req->data;
    struct gp__live_stream *stream = write->stream;
    struct gp__live *live = live_of(stream);

    stream->unsent -= write->rest.len;
    stream->broken = stream->broken || status < 0;
    gp__job_finish(&write->job, status < 0 ? GP_ECLOSED : 0);
    write_free(write);
    gp__live_settle(live);
}

/* Queues what did not leave at once: 0, or an error. */
static int queue(struct write *write, struct gp_slice rest)
{
    struct gp__live_stream *stream = write->stream;
    uv_buf_t buf;

    if (rest.len > UNSENT_MAX - stream->unsent)
        return GP_ELIMIT;
    if (gp__buf_append(&write->rest, rest) < 0)
        return GP_ETEMP;
    write->req.data = write;
    rest = gp__buf_slice(&write->rest);
    buf = uv_buf_init((char *)(uintptr_t)rest.data, (unsigned)rest.len);
    if (uv_write(&write->req, &stream->handle.stream, &buf, 1, on_written) < 0)
        return GP_ECLOSED;
    stream->unsent += rest.len;
    return 0;
}

/* How many bytes left at once, or GP_ECLOSED. */
static int try_write(struct gp__live_stream *stream, struct gp_slice bytes)
{
    uv_buf_t buf = uv_buf_init((char *)(uintptr_t)bytes.data,
                               (unsigned)(bytes.len < INT_MAX ? bytes.len : INT_MAX));
    int n;

    if (stream->broken || stream->closing)
        return GP_ECLOSED;
    n = bytes.len > 0 ? uv_try_write(&stream->handle.stream, &buf, 1) : 0;
    if (n == UV_EAGAIN)
        return 0;
    stream->broken = n < 0;
    return n < 0 ? GP_ECLOSED : n;
}

/* Nothing of what is encrypted may be lost, so it is queued if it must be. */
static int64_t send_encrypted(struct gp__live_stream *stream, struct gp_slice bytes)
{
    struct gp__buf out = {.limit = 0};
    int error = gp__stream_tls_encrypt(stream, bytes, &out) < 0
                    ? GP_ECLOSED
                    : gp__live_stream_send(stream, gp__buf_slice(&out));

    gp__buf_free(&out);
    return error ? error : (int64_t)bytes.len;
}

int64_t gp__live_stream_write_now(struct gp__runtime *rt, struct gp_stream *base,
                                  struct gp_slice bytes)
{
    struct gp__live_stream *stream = live_stream(base);
    int n;

    (void)rt;
    if (base->tls)
        return send_encrypted(stream, bytes);
    n = try_write(stream, bytes);
    /* Whoever writes on would begin in the middle of what did not leave. */
    stream->broken = stream->broken || (n >= 0 && (size_t)n < bytes.len);
    return n;
}

/* 1: written. 0: under way. Or an error. */
static int write_start(struct write *write, struct gp_slice bytes)
{
    struct gp__live_stream *stream = write->stream;
    int n = try_write(stream, bytes);

    if (n < 0)
        return n;
    bytes = gp_slice_sub(bytes, (size_t)n, bytes.len);
    n = bytes.len > 0 ? queue(write, bytes) : 1;
    stream->broken = stream->broken || n < 0;
    return n;
}

static struct write *write_create(struct gp__live_stream *stream)
{
    struct write *write = gp__alloc(sizeof *write);

    write->stream = stream;
    write->rest.secret = true;
    write->job.cancel = write_cancel;
    return write;
}

/* Frees what is over. */
static int write_begin(struct write *write, struct gp_slice bytes)
{
    int result = write_start(write, bytes);

    if (result == 0)
        return 0;
    gp__job_finish(&write->job, result == 1 ? 0 : result);
    write_free(write);
    return result == 1 ? 0 : result;
}

int gp__live_stream_send(struct gp__live_stream *stream, struct gp_slice bytes)
{
    return bytes.len ? write_begin(write_create(stream), bytes) : 0;
}

/* On the loop's stack. */
static void encrypt(void *arg)
{
    struct write *write = arg;
    struct gp__live_stream *stream = write->stream;
    struct gp__buf out = {.limit = 0};

    if (!write->job.op) {
        write_free(write);
    } else if (gp__stream_tls_encrypt(stream, write->plain, &out) < 0) {
        stream->broken = true;
        gp__job_finish(&write->job, GP_ECLOSED);
        write_free(write);
    } else {
        (void)write_begin(write, gp__buf_slice(&out));
    }
    gp__buf_free(&out);
    gp__live_stream_release(stream);
}

void gp__live_stream_write(struct gp__runtime *rt, struct gp_op *op, struct gp_stream *base,
                           struct gp_slice bytes)
{
    struct write *write = write_create(live_stream(base));

    gp__job_start(&write->job, op, write_cancel);
    if (!base->tls) {
        (void)write_begin(write, bytes);
        return;
    }
    write->plain = bytes;
    write->stream->uses++;
    rt->ops->defer(rt, encrypt, write);
}

/* ---- life ---- */

struct gp__live_stream *gp__live_stream_create(struct gp__live *live)
{
    struct gp__live_stream *stream = gp__alloc(sizeof *stream);

    stream->base.runtime = &live->base;
    return stream;
}

void gp__live_stream_begin(struct gp__live_stream *stream)
{
    keep_reading(stream);
}

static void stream_free(struct gp__live_stream *stream)
{
    gp__stream_tls_free(stream);
    gp__buf_free(&stream->ahead);
    gp__free(stream);
}

void gp__live_stream_release(struct gp__live_stream *stream)
{
    if (--stream->uses == 0 && stream->closed)
        stream_free(stream);
}

static void on_closed(uv_handle_t *handle)
{
    struct gp__live_stream *stream = handle->data;

    stream->closed = true;
    if (stream->uses == 0)
        stream_free(stream);
}

void gp__live_stream_close(struct gp__runtime *rt, struct gp_stream *base)
{
    struct gp__live_stream *stream = live_stream(base);
    struct read *read = stream->read;

    (void)rt;
    if (stream->closing)
        return;
    stream->closing = true;
    gp__stream_tls_end(stream);
    stream->read = NULL;
    if (read) {
        gp__job_finish(&read->job, GP_ECANCELED);
        gp__free(read);
    }
    uv_close(&stream->handle.handle, on_closed);
}
