// SPDX-License-Identifier: Apache-2.0
/*
 * A connection as the server layer sees it, whoever is below: a socket (listener.h), a simulated
 * client (sim.h), TLS over either (tls.h). The implementation owns the connection from accept until
 * `closed` returned; the user sets `events` and `user` when it is handed over, then calls
 * gp__conn_resume() to be told what arrives.
 *
 * Events come from the loop's stack, never from within a call of the user's, one at a time. After
 * gp__conn_close() or gp__conn_finish() only `closed` comes, exactly once, as the last.
 */
#ifndef GP_RUNTIME_CONN_H
#define GP_RUNTIME_CONN_H

#include "core/base/peer.h"

#include <gatepost/slice.h>
#include <stdbool.h>

struct gp__conn;
struct gp_session;

struct gp__endpoint {
    struct gp__ip ip; /* family 0: a UNIX socket */
    uint16_t port;
    uint32_t scope; /* the interface of a link-local IPv6 address; 0: none */
};

struct gp__conn_events {
    /* The bytes are valid during the call only: they lie in a buffer of the whole loop. */
    void (*read)(struct gp__conn *conn, struct gp_slice bytes);

    /* The other side will send no more; it may still read. Reading has stopped. */
    void (*eof)(struct gp__conn *conn);

    /* The connection is broken (GP_ECLOSED) or out of order (GP_EIO): close it. Comes once. */
    void (*error)(struct gp__conn *conn, int error);

    /* All that was written has left, after a write that returned 0. */
    void (*drain)(struct gp__conn *conn);

    /* The TLS handshake is done; before the first `read`. Of TLS connections only. */
    void (*ready)(struct gp__conn *conn);

    /* The connection is gone, and `conn` with it when this returns. */
    void (*closed)(struct gp__conn *conn);
};

struct gp__conn_ops {
    int (*write)(struct gp__conn *conn, struct gp_slice bytes);
    void (*pause)(struct gp__conn *conn);
    void (*resume)(struct gp__conn *conn);
    void (*finish)(struct gp__conn *conn);
    void (*close)(struct gp__conn *conn);
    size_t (*unsent)(const struct gp__conn *conn);
    bool (*gone)(struct gp__conn *conn);
    bool (*unheard)(struct gp__conn *conn);
    void (*facts)(struct gp__conn *conn, struct gp_session *session); /* or NULL */
};

struct gp__conn {
    const struct gp__conn_ops *ops;
    const struct gp__conn_events *events; /* NULL until the user sets it */
    void *user;
    struct gp__endpoint local, peer;
    struct gp__credentials credentials; /* of a UNIX socket's peer */
};

/* The name of a scope's interface; its number when it has none, empty for 0. */
struct gp_slice gp__zone_name(uint32_t scope, char out[GP__ZONE_MAX]);

/* Most bytes that are kept for a peer that does not read. */
#define GP__CONN_UNSENT_MAX ((size_t)1 << 20)

/* How gp__conn_finish() waits for the peer to close: so long and for so many bytes of it. */
#define GP__CONN_LINGER_MS 2000
#define GP__CONN_LINGER_BYTES ((size_t)256 << 10)

/* Writes: 1: it has all left. 0: some is kept and written when the peer reads; `drain` follows.
 * -1: too much is unsent, or the connection is broken: nothing more will leave. */
static inline int gp__conn_write(struct gp__conn *conn, struct gp_slice bytes)
{
    return conn->ops->write(conn, bytes);
}

/* Wipes bytes that `read` gave: they were credentials. During that call only. */
static inline void gp__conn_wipe(struct gp_slice bytes)
{
    explicit_bzero((void *)(uintptr_t)bytes.data, bytes.len); /* its own buffer, not constant */
}

/* Stops and starts `read` and `eof`. A new connection is paused. */
static inline void gp__conn_pause(struct gp__conn *conn)
{
    conn->ops->pause(conn);
}

static inline void gp__conn_resume(struct gp__conn *conn)
{
    conn->ops->resume(conn);
}

/* Closes so that the last reply reaches the peer: writes what is unsent, says that no more comes,
 * drops what still arrives until the peer closes or the limits above are reached. */
static inline void gp__conn_finish(struct gp__conn *conn)
{
    conn->ops->finish(conn);
}

/* Closes at once; what is unsent is lost. Also after gp__conn_finish(), to hurry. */
static inline void gp__conn_close(struct gp__conn *conn)
{
    conn->ops->close(conn);
}

/* Bytes that are kept. */
static inline size_t gp__conn_unsent(const struct gp__conn *conn)
{
    return conn->ops->unsent(conn);
}

/* Whether something that was written has not reached the peer's machine yet, as far as ours knows. */
static inline bool gp__conn_unheard(struct gp__conn *conn)
{
    return conn->ops->unheard(conn);
}

/* Looks whether the peer has left (closed its side or reset) without reading anything: for the
 * last moment before a commit, also while paused. */
static inline bool gp__conn_gone(struct gp__conn *conn)
{
    return conn->ops->gone(conn);
}

/* What is known of it beyond the addresses, as facts of the session: TLS, when it is ready. */
static inline void gp__conn_facts(struct gp__conn *conn, struct gp_session *session)
{
    if (conn->ops->facts)
        conn->ops->facts(conn, session);
}

#endif
