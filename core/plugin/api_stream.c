// SPDX-License-Identifier: Apache-2.0
/*
 * Byte streams and descriptors: <gatepost/wait.h>. Bytes come into the stream's own buffer and are
 * handed out from there; bytes that go out are copied to the heap first: the runtime never sees a
 * fiber's stack. A stream ends with the call that made it, unless the instance keeps it.
 */
#include "core/plugin/api.h"

#include "core/base/alloc.h"

#define ADDRESS_MAX 512
#define READ_SIZE ((size_t)16 << 10)
#define WRITE_SIZE ((size_t)64 << 10)
#define LINE_MAX_BYTES ((size_t)1 << 20)

static int check_stream(struct gp_call *call, const char *function, const struct gp_stream *stream)
{
    int error = gp__api_may_use(call, function, GP_NEEDS_NETWORK);

    if (error)
        return error;
    if (!stream)
        return gp__api_misuse(call, function, "no stream");
    if (stream->call && stream->call != call)
        return gp__api_misuse(call, function, "a stream of another call");
    return 0;
}

/* ---- life ---- */

static void link_to_call(struct gp_call *call, struct gp_stream *stream)
{
    stream->call = call;
    stream->next = call->streams;
    call->streams = stream;
}

static void unlink_from_call(struct gp_stream *stream)
{
    struct gp_stream **link;

    if (!stream->call)
        return;
    for (link = &stream->call->streams; *link; link = &(*link)->next) {
        if (*link == stream) {
            *link = stream->next;
            break;
        }
    }
    stream->call = NULL;
    stream->next = NULL;
}

/* Waits for an operation, but at most ms (0: no bound of its own): GP_ETEMP when that was not
 * enough. The operation is forgotten then. */
static int wait_within(struct gp_call *call, struct gp_op *op, uint64_t ms)
{
    struct gp_op *ops[2] = {op, NULL};
    int first;

    if (!op || op->done || ms == 0)
        return gp__api_wait(call, op);
    ops[1] = gp_sleep_start(call, ms);
    if (!ops[1])
        return gp__api_wait(call, NULL);
    first = gp_wait_any(call, ops, 2);
    gp_op_cancel(ops[1]);
    if (first == 1)
        gp__op_cancel(op);
    if (first < 0)
        return first;
    return first == 0 ? op->result : GP_ETEMP;
}

int gp_connect(struct gp_call *call, struct gp_slice address, struct gp_stream **stream_r)
{
    return gp_connect_within(call, address, 0, stream_r);
}

int gp_connect_within(struct gp_call *call, struct gp_slice address, uint64_t ms,
                      struct gp_stream **stream_r)
{
    int result = gp__api_may_use(call, "gp_connect", GP_NEEDS_NETWORK);
    struct gp_op *op;

    if (!stream_r)
        return gp__api_misuse(call, "gp_connect", "nowhere to put it");
    *stream_r = NULL;
    if (!result)
        result = gp__api_slice(call, "gp_connect", address);
    if (result)
        return result;
    if (address.len == 0 || address.len > ADDRESS_MAX || gp_slice_find(address, '\0') < address.len)
        return GP_EINVAL;
    op = gp__op_create(call);
    if (op)
        call->runtime->ops->connect(call->runtime, op, gp__arena_dup(op->arena, address));
    result = wait_within(call, op, ms);
    /* It may be there although the deadline came first: then the call's end closes it. */
    if (op && op->stream)
        link_to_call(call, op->stream);
    if (result == 0)
        *stream_r = op->stream;
    return result;
}

void gp_stream_timeout(struct gp_stream *stream, uint64_t ms)
{
    if (stream)
        stream->timeout_ms = ms;
}

void gp_stream_keep(struct gp_stream *stream)
{
    if (stream)
        unlink_from_call(stream);
}

void gp_stream_close(struct gp_stream **stream_)
{
    struct gp_stream *stream = stream_ ? *stream_ : NULL;
    struct gp__runtime *rt;

    if (!stream)
        return;
    *stream_ = NULL;
    unlink_from_call(stream);
    gp__buf_free(&stream->input);
    rt = stream->runtime;
    rt->ops->stream_close(rt, stream);
}

/* ---- reading ---- */

/* Waits for more bytes: how many, 0 at the end, or an error. */
static int fill(struct gp_call *call, struct gp_stream *stream)
{
    struct gp_op *op;
    size_t room = 0;
    char *to;
    int result;

    if (stream->reading)
        return gp__api_misuse(call, "gp_stream_read", "another call reads from this stream");
    to = gp__buf_room(&stream->input, READ_SIZE, &room);
    if (!to)
        return GP_ETEMP;
    op = gp__op_create(call);
    if (op) {
        stream->reading = true;
        call->runtime->ops->stream_read(call->runtime, op, stream, to, room);
    }
    result = wait_within(call, op, stream->timeout_ms);
    if (result == GP_ECANCELED && !call->root->sticky)
        return GP_ECLOSED; /* another call of the instance closed it: it is gone */
    if (op)
        stream->reading = false;
    if (result > 0)
        gp__buf_added(&stream->input, (size_t)result);
    return result;
}

int64_t gp_stream_read(struct gp_call *call, struct gp_stream *stream, void *bytes, size_t size)
{
    int result = check_stream(call, "gp_stream_read", stream);

    if (!result && (!bytes || size == 0))
        result = gp__api_misuse(call, "gp_stream_read", "no buffer");
    if (!result && stream->input.len == 0) {
        result = fill(call, stream);
        if (result == 0)
            return 0;
    }
    if (result < 0)
        return result;
    if (size > stream->input.len)
        size = stream->input.len;
    memcpy(bytes, gp__buf_slice(&stream->input).data, size);
    gp__buf_consume(&stream->input, size);
    return (int64_t)size;
}

/* Takes a line off the buffer if there is a whole one: 1, 0, or GP_ELIMIT. */
static int take_line(struct gp_call *call, struct gp_stream *stream, size_t max,
                     struct gp_slice *line_r)
{
    struct gp_slice input = gp__buf_slice(&stream->input);
    size_t end = gp_slice_find(input, '\n');
    struct gp_slice line = gp_slice_sub(input, 0, end);

    if (end == input.len)
        return end > max + 1 ? GP_ELIMIT : 0; /* one more: it may be the CR */
    if (gp_slice_ends(line, GP_S("\r")))
        line.len--;
    if (line.len > max || !gp__api_memory(call, line.len + 1))
        return GP_ELIMIT;
    *line_r = gp__arena_dup(gp__call_arena(call), line);
    gp__buf_consume(&stream->input, end + 1);
    return 1;
}

int gp_stream_read_line(struct gp_call *call, struct gp_stream *stream, size_t max,
                        struct gp_slice *line_r)
{
    int result = check_stream(call, "gp_stream_read_line", stream);

    if (!result && !line_r)
        result = gp__api_misuse(call, "gp_stream_read_line", "nowhere to put it");
    if (result)
        return result;
    *line_r = gp_slice(NULL, 0);
    if (max > LINE_MAX_BYTES)
        max = LINE_MAX_BYTES;
    while ((result = take_line(call, stream, max, line_r)) == 0) {
        result = fill(call, stream);
        if (result < 0)
            return result;
        if (result == 0)
            return stream->input.len ? GP_ECLOSED : 0; /* half a line is no line */
    }
    return result;
}

/* ---- writing ---- */

/* The bytes stay where they are until the operation is done or forgotten. */
static int write_stable(struct gp_call *call, struct gp_stream *stream, struct gp_slice bytes)
{
    struct gp_op *op = gp__op_create(call);

    if (op)
        call->runtime->ops->stream_write(call->runtime, op, stream, bytes);
    return wait_within(call, op, stream->timeout_ms);
}

int gp_stream_write(struct gp_call *call, struct gp_stream *stream, struct gp_slice bytes)
{
    int result = check_stream(call, "gp_stream_write", stream);
    size_t size = bytes.len < WRITE_SIZE ? bytes.len : WRITE_SIZE;
    char *copy;

    if (!result)
        result = gp__api_slice(call, "gp_stream_write", bytes);
    if (result || bytes.len == 0)
        return result;
    copy = gp__alloc(size);
    while (bytes.len > 0 && !result) {
        size_t n = bytes.len < WRITE_SIZE ? bytes.len : WRITE_SIZE;

        memcpy(copy, bytes.data, n);
        result = write_stable(call, stream, gp_slice(copy, n));
        bytes = gp_slice_sub(bytes, n, bytes.len);
    }
    explicit_bzero(copy, size); /* a backend's question has a password in it */
    gp__free(copy);
    return result;
}

int gp_stream_write_message(struct gp_call *call, struct gp_stream *stream,
                            struct gp_message *message)
{
    static const char function[] = "gp_stream_write_message";
    int result = check_stream(call, function, stream);
    uint64_t cursor = 0;
    struct gp_slice piece;

    if (!result)
        result = gp__api_message(call, function, message);
    /* Pieces live as long as the message, and so longer than this call; large ones go in parts. */
    while (!result && (piece = gp_message_next(message, &cursor), gp_slice_present(piece))) {
        while (!result && piece.len > 0) {
            result = write_stable(call, stream, gp_slice_sub(piece, 0, WRITE_SIZE));
            piece = gp_slice_sub(piece, WRITE_SIZE, piece.len);
        }
    }
    return result;
}

int gp_stream_write_now(struct gp_stream *stream, struct gp_slice bytes)
{
    struct gp__runtime *rt = stream ? stream->runtime : NULL;
    int64_t written;

    if (!rt || !gp__api_slice_ok(bytes))
        return GP_EINVAL;
    written = rt->ops->stream_write_now(rt, stream, bytes);
    if (written < 0)
        return (int)written;
    return (size_t)written == bytes.len ? 0 : GP_ETEMP;
}

/* ---- descriptors ---- */

int gp_wait_fd(struct gp_call *call, int fd, unsigned events)
{
    int result = gp__api_may_use(call, "gp_wait_fd", GP_NEEDS_NETWORK);
    struct gp_op *op;

    if (result)
        return result;
    if (fd < 0 || !events || (events & ~(unsigned)(GP_FD_READ | GP_FD_WRITE)))
        return GP_EINVAL;
    op = gp__op_create(call);
    if (op)
        call->runtime->ops->wait_fd(call->runtime, op, fd, events);
    return gp__api_wait(call, op);
}
