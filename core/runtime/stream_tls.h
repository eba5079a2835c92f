// SPDX-License-Identifier: Apache-2.0
/*
 * TLS over a stream that is connected: what the live stream asks for. Everything here runs on the
 * loop's stack: a handshake needs more than a fiber has.
 */
#ifndef GP_RUNTIME_STREAM_TLS_H
#define GP_RUNTIME_STREAM_TLS_H

#include "core/runtime/job.h"
#include "core/runtime/stream.h"
#include "core/runtime/tls_dial.h"

struct gp__live_stream_tls {
    struct gp__stream_tls facts; /* what everybody may see: first */
    struct gp__tls_wish wish;
    struct gp__tls_dial *dial; /* NULL: it has not begun */
    struct gp__job handshake;  /* no op: it is over, or nobody waits for it */
    bool done;                 /* the handshake */
};

/* Bytes that came from the network: decrypted to the stream's input, or the handshake goes on. 0;
 * 1: the other side said that nothing more comes; or an error, and the stream is of no more use. */
int gp__stream_tls_input(struct gp__live_stream *stream, struct gp_slice bytes);

/* What the bytes become on the wire, appended to `out`. 0, or -1. */
int gp__stream_tls_encrypt(struct gp__live_stream *stream, struct gp_slice bytes,
                           struct gp__buf *out);

/* The stream ends: so does the handshake. */
void gp__stream_tls_end(struct gp__live_stream *stream);

void gp__stream_tls_free(struct gp__live_stream *stream);

#endif
