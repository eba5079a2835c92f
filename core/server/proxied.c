// SPDX-License-Identifier: Apache-2.0
#include "core/server/proxied.h"

#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/base/proxy.h"
#include "core/server/generation.h"
#include "core/server/server.h"

static struct gp__proxied *proxied_of(struct gp__conn *conn)
{
    return conn->user;
}

static void forget(struct gp__proxied *proxied)
{
    struct gp__server *server = proxied->server;
    struct gp__runtime *rt = server->runtime;
    struct gp__generation *generation = proxied->entrance->generation;

    rt->ops->timer_stop(rt, &proxied->timer);
    if (proxied->prev)
        proxied->prev->next = proxied->next;
    else
        server->proxied = proxied->next;
    if (proxied->next)
        proxied->next->prev = proxied->prev;
    gp__buf_free(&proxied->bytes);
    server->n_clients--;
    if (server->stopping) /* it looks whether this was the last one */
        gp__server_stop(server, false);
    gp__generation_unref(&generation);
    gp__free(proxied);
}

static void refuse(struct gp__proxied *proxied, const char *why)
{
    char ip[48];

    gp__log(proxied->server->runtime->log, GP_LOG_WARNING, "session.bad_proxy",
            GP__F_S("listener", proxied->entrance->name),
            GP__F_S("proxy", gp__ip_format(&proxied->conn->peer.ip, ip)), GP__F_C("text", why));
    gp__conn_close(proxied->conn);
}

/* What came after the header is the client's; whoever has the connection now reads it. */
static void hand_over(struct gp__proxied *proxied, const struct gp__proxy *proxy,
                      struct gp_slice rest)
{
    struct gp__conn *conn = proxied->conn;
    struct gp__via via = {.ip = conn->peer.ip, .version = proxy->version, .tlvs = proxy->tlvs};

    if (proxy->known) {
        conn->peer = (struct gp__endpoint){.ip = proxy->client, .port = proxy->client_port};
        conn->local = (struct gp__endpoint){.ip = proxy->server, .port = proxy->server_port};
        conn->credentials.known = false; /* they are the proxy's */
    }
    gp__conn_pause(conn);
    conn->events = NULL;
    gp__client_begin(proxied->server, proxied->entrance, conn, &via);
    forget(proxied);
    if (rest.len && conn->events && conn->events->read)
        conn->events->read(conn, rest);
}

static void on_read(struct gp__conn *conn, struct gp_slice bytes)
{
    struct gp__proxied *proxied = proxied_of(conn);
    size_t before = proxied->bytes.len, used;
    struct gp_slice part = gp_slice_sub(bytes, 0, GP__PROXY_MAX - before);
    struct gp__proxy proxy;
    const char *why;

    if (gp__buf_append(&proxied->bytes, part) < 0) {
        refuse(proxied, "out of memory");
        return;
    }
    switch (gp__proxy_read(gp__buf_slice(&proxied->bytes), &proxy, &used, &why)) {
    case GP__PROXY_MORE:
        return;
    case GP__PROXY_BAD:
        refuse(proxied, why);
        return;
    case GP__PROXY_DONE:
        hand_over(proxied, &proxy, gp_slice_sub(bytes, used - before, bytes.len));
    }
}

/* Also a health check that only connects: nothing to log. */
static void on_eof(struct gp__conn *conn)
{
    gp__conn_close(conn);
}

static void on_error(struct gp__conn *conn, int error)
{
    (void)error;
    gp__conn_close(conn);
}

static void on_closed(struct gp__conn *conn)
{
    forget(proxied_of(conn));
}

static const struct gp__conn_events events = {
    .read = on_read,
    .eof = on_eof,
    .error = on_error,
    .closed = on_closed,
};

static void on_timer(struct gp__timer *timer)
{
    struct gp__proxied *proxied =
        (struct gp__proxied *)(void *)((char *)timer - offsetof(struct gp__proxied, timer));

    refuse(proxied, "no header came");
}

void gp__proxied_start(struct gp__server *server, const struct gp__entrance *entrance,
                       struct gp__conn *conn)
{
    struct gp__runtime *rt = server->runtime;
    struct gp__proxied *proxied = gp__alloc(sizeof *proxied);

    gp__generation_ref(entrance->generation);
    proxied->server = server;
    proxied->entrance = entrance;
    proxied->conn = conn;
    proxied->next = server->proxied;
    if (proxied->next)
        proxied->next->prev = proxied;
    server->proxied = proxied;
    server->n_clients++;
    proxied->bytes.limit = GP__PROXY_MAX;
    proxied->timer.fn = on_timer;
    rt->ops->timer_start(rt, &proxied->timer, rt->ops->now_ms(rt) + GP__PROXIED_MS);
    conn->events = &events;
    conn->user = proxied;
    gp__conn_resume(conn);
}
