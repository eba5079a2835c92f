// SPDX-License-Identifier: Apache-2.0
/* The live runtime's streams, shared by those who connect them (dial.c) and use them (stream.c). */
#ifndef GP_RUNTIME_STREAM_H
#define GP_RUNTIME_STREAM_H

#include "core/runtime/loop.h"

struct gp__live_stream {
    struct gp_stream base;
    union gp__uv_stream handle; /* its data is the stream */
    struct gp__buf ahead;       /* read, not yet asked for */
    struct read *read;          /* under way, or NULL */
    size_t unsent;
    unsigned uses; /* deferred calls that will look at it: it stays until then */
    int error;     /* once it ended: 0, or why */
    bool reading, ended, broken, closing, closed;
};

/* The handle is not initialised yet; once it is, gp__live_stream_close() frees both. */
struct gp__live_stream *gp__live_stream_create(struct gp__live *live);

/* It is connected: reads ahead from now on. */
void gp__live_stream_begin(struct gp__live_stream *stream);

/* Writes bytes that nobody waits for. 0, or an error. */
int gp__live_stream_send(struct gp__live_stream *stream, struct gp_slice bytes);

/* A deferred call has looked at it. */
void gp__live_stream_release(struct gp__live_stream *stream);

#endif
