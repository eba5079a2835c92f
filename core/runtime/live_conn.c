// SPDX-License-Identifier: Apache-2.0
/*
 * A socket as a connection. An idle one is one allocation: what a write that does not leave at once
 * and what a lingering close need is allocated while it is needed. Reads go into the loop's buffer.
 */
#include "core/runtime/live_conn.h"

#include "core/base/alloc.h"
#include "core/base/buf.h"
#include "core/runtime/fiber.h"

#include <errno.h>
#include <limits.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Waiting for a peer to take what is unsent before a close. */
#define FLUSH_MS 10000

#ifndef POLLRDHUP
#define POLLRDHUP 0
#endif

/* What did not leave at once: one part is with libuv, the rest waits behind it. */
struct unsent {
    uv_write_t req;
    struct gp__buf active, next;
};

struct lingering {
    struct gp__timer timer;
    struct live_conn *conn;
    size_t bytes;
};

struct live_conn {
    struct gp__conn base;
    union gp__uv_stream handle;
    struct unsent *unsent;
    struct lingering *linger; /* being finished */
    bool eof, broken, told, closing;
};

static struct live_conn *live_conn(const struct gp__conn *conn)
{
    return (struct live_conn *)(uintptr_t)conn;
}

static struct gp__live *live_of(const struct live_conn *conn)
{
    return conn->handle.handle.loop->data;
}

static int fd_of(const struct live_conn *conn)
{
    uv_os_fd_t fd = -1;

    (void)uv_fileno(&conn->handle.handle, &fd);
    return fd;
}

/* ---- the end ---- */

static void unsent_free(struct live_conn *conn)
{
    if (!conn->unsent)
        return;
    gp__buf_free(&conn->unsent->active);
    gp__buf_free(&conn->unsent->next);
    GP__FREE(conn->unsent);
}

static void on_closed(uv_handle_t *handle)
{
    struct live_conn *conn = handle->data;
    struct gp__live *live = live_of(conn);

    if (conn->base.events && conn->base.events->closed)
        conn->base.events->closed(&conn->base);
    unsent_free(conn);
    gp__free(conn);
    gp__live_settle(live);
}

static void conn_close(struct gp__conn *base)
{
    struct live_conn *conn = live_conn(base);

    if (conn->closing)
        return;
    conn->closing = true;
    if (conn->linger) {
        gp__timers_stop(&live_of(conn)->timers, &conn->linger->timer);
        GP__FREE(conn->linger);
    }
    uv_close(&conn->handle.handle, on_closed);
}

/* Tells the user once; whoever is finishing is closed instead. */
static void break_down(struct live_conn *conn, int error)
{
    conn->broken = true;
    if (conn->closing)
        return;
    uv_read_stop(&conn->handle.stream);
    if (conn->linger) {
        conn_close(&conn->base);
    } else if (!conn->told) {
        conn->told = true;
        conn->base.events->error(&conn->base, error);
    }
}

static int error_of(ssize_t status)
{
    switch (status) {
    case UV_ECONNRESET:
    case UV_EPIPE:
    case UV_ECONNABORTED:
    case UV_ENOTCONN:
    case UV_ETIMEDOUT:
        return GP_ECLOSED;
    default:
        return GP_EIO;
    }
}

/* ---- reading ---- */

/* While finishing, what arrives is only counted. */
static void discard(struct live_conn *conn, size_t n)
{
    conn->linger->bytes += n;
    if (conn->linger->bytes > GP__CONN_LINGER_BYTES)
        conn_close(&conn->base);
}

static void end_of_input(struct live_conn *conn)
{
    conn->eof = true;
    uv_read_stop(&conn->handle.stream);
    if (!conn->linger)
        conn->base.events->eof(&conn->base);
    else if (!conn->unsent)
        conn_close(&conn->base);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct live_conn *conn = stream->data;
    struct gp__live *live = live_of(conn);

    if (n == 0 || conn->closing)
        return;
    if (n == UV_EOF)
        end_of_input(conn);
    else if (n < 0)
        break_down(conn, error_of(n));
    else if (conn->linger)
        discard(conn, (size_t)n);
    else
        conn->base.events->read(&conn->base, gp_slice(buf->base, (size_t)n));
    gp__live_settle(live);
}

static void conn_pause(struct gp__conn *base)
{
    struct live_conn *conn = live_conn(base);

    if (!conn->closing && !conn->linger)
        uv_read_stop(&conn->handle.stream);
}

static void start_reading(struct live_conn *conn)
{
    if (!conn->closing && !conn->eof && !conn->broken)
        (void)uv_read_start(&conn->handle.stream, gp__uv_read_buffer, on_read);
}

static void conn_resume(struct gp__conn *base)
{
    start_reading(live_conn(base));
}

static bool conn_gone(struct gp__conn *base)
{
    struct live_conn *conn = live_conn(base);
    struct pollfd poller = {.fd = fd_of(conn), .events = POLLRDHUP};

    if (conn->eof || conn->broken || conn->closing)
        return true;
    return poll(&poller, 1, 0) > 0 && (poller.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

static bool conn_unheard(struct gp__conn *base)
{
    struct live_conn *conn = live_conn(base);
    int waiting = 0;

    return conn->unsent || (ioctl(fd_of(conn), SIOCOUTQ, &waiting) == 0 && waiting > 0);
}

/* ---- finishing ---- */

/* All was written: says so to the peer, and waits for it to close. */
static void half_close(struct live_conn *conn)
{
    if (conn->eof || shutdown(fd_of(conn), SHUT_WR) < 0) {
        conn_close(&conn->base);
        return;
    }
    gp__timers_start(&live_of(conn)->timers, &conn->linger->timer,
                     uv_now(&live_of(conn)->loop) + GP__CONN_LINGER_MS);
}

static void linger_over(struct gp__timer *timer)
{
    conn_close(
        &((struct lingering *)((char *)timer - offsetof(struct lingering, timer)))->conn->base);
}

static void conn_finish(struct gp__conn *base)
{
    struct live_conn *conn = live_conn(base);
    struct gp__live *live = live_of(conn);

    if (conn->closing || conn->linger)
        return;
    if (conn->broken || (conn->eof && !conn->unsent)) {
        conn_close(base);
        return;
    }
    conn->linger = gp__alloc(sizeof *conn->linger);
    conn->linger->conn = conn;
    conn->linger->timer.fn = linger_over;
    gp__timers_start(&live->timers, &conn->linger->timer, uv_now(&live->loop) + FLUSH_MS);
    start_reading(conn);
    if (!conn->unsent)
        half_close(conn);
}

/* ---- writing ---- */

static int send_unsent(struct live_conn *conn);

static void all_sent(struct live_conn *conn)
{
    unsent_free(conn);
    if (conn->linger)
        half_close(conn);
    else if (conn->base.events->drain)
        conn->base.events->drain(&conn->base);
}

static void on_written(uv_write_t *req, int status)
{
    struct live_conn *conn = req->handle->data;
    struct gp__live *live = live_of(conn);

    if (conn->closing)
        return;
    gp__buf_free(&conn->unsent->active);
    if (status == 0 && conn->unsent->next.len > 0)
        status = send_unsent(conn);
    else if (status == 0)
        all_sent(conn);
    if (status < 0)
        break_down(conn, error_of(status));
    gp__live_settle(live);
}

static int send_unsent(struct live_conn *conn)
{
    struct unsent *unsent = conn->unsent;
    struct gp_slice bytes;
    uv_buf_t buf;

    unsent->active = unsent->next;
    unsent->next = (struct gp__buf){.limit = GP__CONN_UNSENT_MAX};
    bytes = gp__buf_slice(&unsent->active);
    buf = uv_buf_init((char *)(uintptr_t)bytes.data, (unsigned)bytes.len);
    return uv_write(&unsent->req, &conn->handle.stream, &buf, 1, on_written);
}

static int keep(struct live_conn *conn, struct gp_slice bytes)
{
    bool first = !conn->unsent;

    if (first) {
        conn->unsent = gp__alloc(sizeof *conn->unsent);
        conn->unsent->next.limit = GP__CONN_UNSENT_MAX;
    }
    if (conn->unsent->active.len + conn->unsent->next.len + bytes.len > GP__CONN_UNSENT_MAX ||
        gp__buf_append(&conn->unsent->next, bytes) < 0 || (first && send_unsent(conn) < 0)) {
        conn->broken = true;
        if (first)
            unsent_free(conn);
        return -1;
    }
    return 0;
}

static int conn_write(struct gp__conn *base, struct gp_slice bytes)
{
    struct live_conn *conn = live_conn(base);
    uv_buf_t buf;
    int n = 0;

    if (conn->broken || conn->closing || conn->linger)
        return -1;
    if (!conn->unsent && bytes.len > 0) {
        buf = uv_buf_init((char *)(uintptr_t)bytes.data,
                          (unsigned)(bytes.len < INT_MAX ? bytes.len : INT_MAX));
        n = uv_try_write(&conn->handle.stream, &buf, 1);
        if (n < 0 && n != UV_EAGAIN) {
            conn->broken = true;
            return -1;
        }
        bytes = gp_slice_sub(bytes, n > 0 ? (size_t)n : 0, bytes.len);
    }
    if (bytes.len == 0)
        return conn->unsent ? 0 : 1;
    return keep(conn, bytes);
}

static size_t conn_unsent(const struct gp__conn *base)
{
    const struct live_conn *conn = live_conn(base);

    return conn->unsent ? conn->unsent->active.len + conn->unsent->next.len : 0;
}

static const struct gp__conn_ops ops = {
    .write = conn_write,
    .pause = conn_pause,
    .resume = conn_resume,
    .finish = conn_finish,
    .close = conn_close,
    .unsent = conn_unsent,
    .gone = conn_gone,
    .unheard = conn_unheard,
};

/* ---- beginning ---- */

void gp__uv_read_buffer(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
    struct gp__live *live = handle->loop->data;

    (void)size;
    *buf = uv_buf_init(live->read_buffer, GP__READ_BUFFER);
}

static void handle_closed(uv_handle_t *handle)
{
    gp__free(handle->data);
}

int gp__uv_stream_open(struct gp__live *live, union gp__uv_stream *handle, int fd, bool is_unix)
{
    int on = 1;

    if (is_unix) {
        (void)uv_pipe_init(&live->loop, &handle->pipe, 0);
        return uv_pipe_open(&handle->pipe, fd);
    }
    /* Replies are small and complete: nothing to wait for. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)uv_tcp_init(&live->loop, &handle->tcp);
    return uv_tcp_open(&handle->tcp, fd);
}

struct gp__conn *gp__live_conn_create(struct gp__live *live, int fd,
                                      const struct gp__endpoint *local,
                                      const struct gp__endpoint *peer)
{
    struct live_conn *conn = gp__alloc(sizeof *conn);
    int result;

    conn->base.ops = &ops;
    conn->base.local = *local;
    conn->base.peer = *peer;
    result = gp__uv_stream_open(live, &conn->handle, fd, local->ip.family == 0);
    conn->handle.handle.data = conn;
    if (result == 0)
        return &conn->base;
    (void)close(fd);
    uv_close(&conn->handle.handle, handle_closed);
    return NULL;
}
