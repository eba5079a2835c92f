// SPDX-License-Identifier: Apache-2.0
/*
 * Accepting. The listening socket is polled, and a bounded number of clients taken a turn, so that
 * a flood of them does not starve those that are served. When descriptors run out, the spare one is
 * given up for as long as it takes to tell one client 421.
 */
#include "core/runtime/listener.h"

#include "core/base/alloc.h"
#include "core/base/counts.h"
#include "core/base/log.h"
#include "core/runtime/address.h"
#include "core/runtime/live_conn.h"
#include "core/runtime/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPTS_A_TURN 32
#define RESERVE 64 /* descriptors for files, hooks and the log, or an eighth of all */
#define PAUSE_MS 100
#define PAUSE_MAX_MS 1000

struct gp__listener {
    struct gp__live *live;
    struct gp__listener_user user;
    uv_poll_t poll;
    struct gp__timer timer; /* armed: short of descriptors */
    uint64_t pause_ms;      /* of this episode; 0: none */
    struct gp__endpoint local;
    int fd, spare;
    int fd_max;  /* descriptors from here on are not for clients */
    bool scarce; /* only reserved descriptors were left */
};

static void on_readable(uv_poll_t *poll, int status, int events);

static int open_spare(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void listen_again(struct gp__listener *listener)
{
    if (!listener->timer.slot)
        uv_poll_start(&listener->poll, UV_READABLE, on_readable);
}

/* ---- short of descriptors ---- */

static const char too_many[] = "421 4.3.2 Too many connections, try again later\r\n";

static void shortage_over(struct gp__timer *timer)
{
    struct gp__listener *listener = (struct gp__listener *)((char *)timer -
                                                            offsetof(struct gp__listener, timer));

    if (listener->spare < 0)
        listener->spare = open_spare();
    listen_again(listener);
}

/* One client at least learns why (RFC 5321 3.8). */
static void turn_away(struct gp__listener *listener)
{
    int fd;

    if (listener->spare < 0)
        return;
    (void)close(listener->spare);
    fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        GP__COUNT(away_descriptors);
        (void)send(fd, too_many, sizeof too_many - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
        (void)close(fd);
    }
    listener->spare = open_spare();
}

static int fd_max(void)
{
    struct rlimit limit;
    rlim_t all = 1024;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < INT_MAX)
        all = limit.rlim_cur;
    return (int)(all - (all / 8 < RESERVE ? all / 8 : RESERVE));
}

/* A client whose descriptor is one of the last: those are for who is being served. */
static void turn_away_reserved(struct gp__listener *listener, int fd)
{
    if (!listener->scarce)
        gp__log(listener->live->base.log, GP_LOG_WARNING, "listener.shortage",
                GP__F_C("error", "only the reserve of descriptors is left"),
                GP__F_I("port", listener->local.port));
    listener->scarce = true;
    GP__COUNT(away_descriptors);
    (void)send(fd, too_many, sizeof too_many - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)close(fd);
}

static void shortage(struct gp__listener *listener, int error)
{
    if (listener->pause_ms == 0)
        gp__log(listener->live->base.log, GP_LOG_WARNING, "listener.shortage",
                GP__F_C("error", strerror(error)), GP__F_I("port", listener->local.port));
    if (error == EMFILE || error == ENFILE)
        turn_away(listener);
    listener->pause_ms = listener->pause_ms ? listener->pause_ms * 2 : PAUSE_MS;
    if (listener->pause_ms > PAUSE_MAX_MS)
        listener->pause_ms = PAUSE_MAX_MS;
    uv_poll_stop(&listener->poll);
    gp__timers_start(&listener->live->timers, &listener->timer,
                     uv_now(&listener->live->loop) + listener->pause_ms);
}

/* ---- accepting ---- */

/* Who connected to a UNIX socket. */
static void find_credentials(struct gp__conn *conn, int fd)
{
#ifdef SO_PEERCRED
    struct ucred from;
    socklen_t len = sizeof from;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &from, &len) == 0)
        conn->credentials = (struct gp__credentials){
            .known = true, .uid = from.uid, .gid = from.gid, .pid = from.pid};
#else
    (void)conn;
    (void)fd;
#endif
}

static void hand_over(struct gp__listener *listener, int fd, const struct sockaddr *from)
{
    struct gp__endpoint peer, local = listener->local;
    struct gp__conn *conn;

    gp__endpoint_from_sockaddr(from, &peer);
    if (local.ip.family != 0)
        (void)gp__listen_endpoint(fd, &local);
    conn = gp__live_conn_create(listener->live, fd, &local, &peer);
    if (!conn)
        return;
    if (local.ip.family == 0)
        find_credentials(conn, fd);
    listener->user.accept(listener->user.arg, conn);
    if (!conn->events)
        gp__conn_close(conn);
    gp__live_settle(listener->live);
}

/* Whether to try the next. Errors of one client are not the listener's (accept(2)). */
static bool accept_one(struct gp__listener *listener)
{
    struct sockaddr_storage from = {0};
    socklen_t len = sizeof from;
    int fd = accept4(listener->fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd >= listener->fd_max) {
        turn_away_reserved(listener, fd);
        return true;
    }
    if (fd >= 0) {
        if (listener->pause_ms || listener->scarce)
            gp__log(listener->live->base.log, GP_LOG_NOTICE, "listener.recovered",
                    GP__F_I("port", listener->local.port));
        listener->pause_ms = 0;
        listener->scarce = false;
        hand_over(listener, fd, (struct sockaddr *)&from);
        return true;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK)
        return false;
    if (errno != EMFILE && errno != ENFILE && errno != ENOMEM && errno != ENOBUFS)
        return true;
    shortage(listener, errno);
    return false;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct gp__listener *listener = poll->data;

    (void)status;
    (void)events;
    for (int n = 0; n < ACCEPTS_A_TURN; n++) {
        if (listener->fd < 0 || !accept_one(listener))
            break;
    }
}

struct gp__listener *gp__listener_start(struct gp__runtime *rt, int fd,
                                        const struct gp__listener_user *user)
{
    struct gp__listener *listener = gp__alloc(sizeof *listener);

    listener->live = gp__live(rt);
    listener->user = *user;
    listener->fd = fd;
    listener->spare = open_spare();
    listener->fd_max = fd_max();
    listener->timer.fn = shortage_over;
    (void)gp__listen_endpoint(fd, &listener->local);
    if (uv_poll_init(&listener->live->loop, &listener->poll, fd) < 0) {
        (void)close(listener->spare);
        gp__free(listener);
        return NULL;
    }
    listener->poll.data = listener;
    listen_again(listener);
    return listener;
}

static void on_closed(uv_handle_t *handle)
{
    gp__free(handle->data);
}

void gp__listener_stop(struct gp__listener **listener_)
{
    struct gp__listener *listener = *listener_;

    if (!listener)
        return;
    *listener_ = NULL;
    gp__timers_stop(&listener->live->timers, &listener->timer);
    uv_poll_stop(&listener->poll);
    (void)close(listener->fd);
    if (listener->spare >= 0)
        (void)close(listener->spare);
    listener->fd = -1;
    uv_close((uv_handle_t *)&listener->poll, on_closed);
}
