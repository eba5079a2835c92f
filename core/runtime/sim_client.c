// SPDX-License-Identifier: Apache-2.0
/*
 * Two ends of a connection in memory. What the client does is noted and told to the server's end
 * from the loop's stack (deliver), in the order bytes, end, break; as a socket does, only while the
 * server reads.
 */
#include "core/base/alloc.h"
#include "core/runtime/sim_world.h"

#include <stddef.h>

struct sim_conn {
    struct gp__conn base;
    struct gp__sim *sim;
    struct gp__sim_client *client;
    struct gp__buf unsent;
    struct gp__timer linger;
    bool reading, finishing, closing, queued;
    bool eof_told, error_told, drain_due;
};

struct gp__sim_client {
    struct gp__sim_client *next;
    struct gp__sim *sim;
    struct sim_conn *conn; /* NULL: closed */
    struct gp__buf sent;   /* to the server, not read yet */
    struct gp__buf output;
    size_t window;
    bool eof, reset, eof_seen, closed;
    void (*facts)(void *arg, struct gp_session *session);
    void *facts_arg;
};

static struct sim_conn *sim_conn(const struct gp__conn *conn)
{
    return (struct sim_conn *)(uintptr_t)conn;
}

/* ---- the server's end ---- */

static void conn_free(struct sim_conn *conn)
{
    const struct gp__conn_events *events = conn->base.events;

    conn->client->conn = NULL;
    conn->client->closed = conn->client->eof_seen = true;
    gp__timers_stop(&conn->sim->timers, &conn->linger);
    if (events && events->closed)
        events->closed(&conn->base);
    gp__buf_free(&conn->unsent);
    gp__free(conn);
}

static void deliver_bytes(struct sim_conn *conn)
{
    struct gp__buf sent = conn->client->sent;

    conn->client->sent = (struct gp__buf){0};
    if (!conn->finishing)
        conn->base.events->read(&conn->base, gp__buf_slice(&sent));
    gp__buf_free(&sent);
}

static void close_conn(struct gp__conn *base);

static void deliver_end(struct sim_conn *conn)
{
    if (conn->client->reset && !conn->error_told) {
        conn->error_told = true;
        if (conn->finishing)
            close_conn(&conn->base);
        else
            conn->base.events->error(&conn->base, GP_ECLOSED);
    } else if (conn->client->eof && !conn->eof_told) {
        conn->eof_told = true;
        if (!conn->finishing)
            conn->base.events->eof(&conn->base);
        else if (conn->unsent.len == 0)
            close_conn(&conn->base);
    }
}

/* One event, then it queues itself again if there is more. */
static bool deliver_one(struct sim_conn *conn)
{
    bool reading = conn->reading || conn->finishing;

    if (conn->drain_due) {
        conn->drain_due = false;
        if (conn->base.events->drain)
            conn->base.events->drain(&conn->base);
    } else if (reading && !conn->client->reset && conn->client->sent.len > 0) {
        deliver_bytes(conn);
    } else if (reading && ((conn->client->reset && !conn->error_told) ||
                           (!conn->client->reset && conn->client->eof && !conn->eof_told))) {
        deliver_end(conn);
    } else {
        return false;
    }
    return true;
}

static void deliver(void *arg);

static void queue(struct sim_conn *conn)
{
    if (conn->queued)
        return;
    conn->queued = true;
    gp__tasks_defer(conn->sim->base.tasks, deliver, conn);
}

static void deliver(void *arg)
{
    struct sim_conn *conn = arg;

    conn->queued = false;
    if (conn->closing)
        conn_free(conn);
    else if (conn->base.events && deliver_one(conn))
        queue(conn);
}

static void close_conn(struct gp__conn *base)
{
    struct sim_conn *conn = sim_conn(base);

    conn->closing = true;
    queue(conn);
}

static void half_close(struct sim_conn *conn)
{
    conn->client->eof_seen = true;
    if (conn->client->eof && conn->eof_told)
        close_conn(&conn->base);
    else
        gp__sim_after(conn->sim, &conn->linger, GP__CONN_LINGER_MS);
}

static void linger_over(struct gp__timer *timer)
{
    close_conn(&((struct sim_conn *)((char *)timer - offsetof(struct sim_conn, linger)))->base);
}

static void finish_conn(struct gp__conn *base)
{
    struct sim_conn *conn = sim_conn(base);

    if (conn->closing || conn->finishing)
        return;
    conn->finishing = true;
    conn->drain_due = false;
    if (conn->error_told)
        close_conn(base);
    else if (conn->unsent.len == 0)
        half_close(conn);
    queue(conn);
}

/* Moves unsent bytes to the client, as far as it reads. */
static void move_output(struct sim_conn *conn)
{
    struct gp__sim_client *client = conn->client;
    struct gp_slice part = gp_slice_sub(gp__buf_slice(&conn->unsent), 0, client->window);

    if (part.len == 0)
        return;
    (void)gp__buf_append(&client->output, part);
    if (client->window != SIZE_MAX)
        client->window -= part.len;
    gp__buf_consume(&conn->unsent, part.len);
}

static int conn_write(struct gp__conn *base, struct gp_slice bytes)
{
    struct sim_conn *conn = sim_conn(base);

    if (conn->closing || conn->finishing || conn->client->reset ||
        gp__buf_append(&conn->unsent, bytes) < 0)
        return -1;
    move_output(conn);
    return conn->unsent.len == 0;
}

static void conn_pause(struct gp__conn *base)
{
    sim_conn(base)->reading = false;
}

static void conn_resume(struct gp__conn *base)
{
    sim_conn(base)->reading = true;
    queue(sim_conn(base));
}

static size_t conn_unsent(const struct gp__conn *base)
{
    return sim_conn(base)->unsent.len;
}

static bool conn_gone(struct gp__conn *base)
{
    const struct sim_conn *conn = sim_conn(base);

    return conn->closing || conn->client->eof || conn->client->reset;
}

static bool conn_unheard(struct gp__conn *base)
{
    return sim_conn(base)->unsent.len > 0;
}

static void conn_facts(struct gp__conn *base, struct gp_session *session)
{
    const struct gp__sim_client *client = sim_conn(base)->client;

    if (client->facts)
        client->facts(client->facts_arg, session);
}

static const struct gp__conn_ops ops = {
    .write = conn_write,
    .pause = conn_pause,
    .resume = conn_resume,
    .finish = finish_conn,
    .close = close_conn,
    .unsent = conn_unsent,
    .gone = conn_gone,
    .unheard = conn_unheard,
    .facts = conn_facts,
};

/* ---- the client's end ---- */

struct gp__sim_client *gp__sim_connect(struct gp__runtime *rt, const struct gp__endpoint *peer,
                                       const struct gp__endpoint *local)
{
    struct gp__sim *sim = gp__sim(rt);
    struct gp__sim_client *client = gp__alloc(sizeof *client);
    struct sim_conn *conn = gp__alloc(sizeof *conn);

    client->sim = conn->sim = sim;
    client->conn = conn;
    client->window = SIZE_MAX;
    client->next = sim->clients;
    sim->clients = client;
    conn->client = client;
    conn->base.ops = &ops;
    conn->base.peer = *peer;
    conn->base.local = *local;
    conn->unsent.limit = GP__CONN_UNSENT_MAX;
    conn->linger.fn = linger_over;
    return client;
}

struct gp__conn *gp__sim_client_conn(struct gp__sim_client *client)
{
    return client->conn ? &client->conn->base : NULL;
}

void gp__sim_client_facts(struct gp__sim_client *client,
                          void (*facts)(void *arg, struct gp_session *session), void *arg)
{
    client->facts = facts;
    client->facts_arg = arg;
}

static void settle(struct gp__sim_client *client)
{
    if (client->conn)
        queue(client->conn);
    gp__sim_settle(&client->sim->base);
}

void gp__sim_client_send(struct gp__sim_client *client, struct gp_slice bytes)
{
    if (client->conn && !client->eof && !client->reset)
        (void)gp__buf_append(&client->sent, bytes);
    settle(client);
}

void gp__sim_client_send_pieces(struct gp__sim_client *client, struct gp_slice bytes, size_t piece)
{
    for (size_t at = 0; at < bytes.len; at += piece)
        gp__sim_client_send(client, gp_slice_sub(bytes, at, piece));
}

struct gp_slice gp__sim_client_output(const struct gp__sim_client *client)
{
    return gp__buf_slice(&client->output);
}

void gp__sim_client_take(struct gp__sim_client *client, size_t n)
{
    gp__buf_consume(&client->output, n < client->output.len ? n : client->output.len);
}

void gp__sim_client_window(struct gp__sim_client *client, size_t bytes)
{
    struct sim_conn *conn = client->conn;
    bool waiting = conn && conn->unsent.len > 0;

    client->window = bytes;
    if (waiting && !conn->closing) {
        move_output(conn);
        if (conn->unsent.len == 0 && conn->finishing)
            half_close(conn);
        else if (conn->unsent.len == 0)
            conn->drain_due = true;
    }
    settle(client);
}

void gp__sim_client_eof(struct gp__sim_client *client)
{
    client->eof = true;
    settle(client);
}

void gp__sim_client_reset(struct gp__sim_client *client)
{
    client->reset = true;
    settle(client);
}

bool gp__sim_client_eof_seen(const struct gp__sim_client *client)
{
    return client->eof_seen;
}

bool gp__sim_client_closed(const struct gp__sim_client *client)
{
    return client->closed;
}

void gp__sim_clients_free(struct gp__sim *sim)
{
    for (struct gp__sim_client *client = sim->clients; client; client = client->next) {
        if (client->conn)
            close_conn(&client->conn->base);
    }
    (void)gp__tasks_settle(sim->base.tasks);
    while (sim->clients) {
        struct gp__sim_client *client = sim->clients;

        sim->clients = client->next;
        gp__buf_free(&client->sent);
        gp__buf_free(&client->output);
        gp__free(client);
    }
}
