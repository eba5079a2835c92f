// SPDX-License-Identifier: Apache-2.0
#include "core/server/client_milter.h"

#include "core/base/alloc.h"
#include "core/base/counts.h"
#include "core/base/log.h"
#include "core/server/generation.h"
#include "core/server/proxied.h"
#include "core/server/server.h"

static const struct gp__conn_events conn_events;

static void step(struct gp__client *client);
static void pump(struct gp__client *client);

static struct gp__client *client_of(struct gp__conn *conn)
{
    return conn->user;
}

/* ---- the end ---- */

static void destroy(struct gp__client *client)
{
    struct gp__server *server = client->server;

    client->runtime->ops->timer_stop(client->runtime, &client->timer);
    gp__client_doubt_end(client);
    GP__COUNT(sessions_ended);
    gp__smtp_free(&client->smtp);
    gp__session_unref(&client->session);
    gp__buf_free(&client->stash);
    gp__spill_unref(&client->spill);
    gp__admission_end(server, &client->admission);
    gp__server_forget(server, client);
    gp__free(client);
}

/* Observers of the end; once. */
static void disconnected(struct gp__client *client)
{
    struct gp__run run = gp__client_run_of(client, GP_HOOK_DISCONNECT);

    if (client->disconnected)
        return;
    client->disconnected = true;
    run.transaction = NULL;
    run.policy = NULL;
    if (client->began)
        gp__run_chain(&run);
    gp__client_record_session(client);
}

/* Ends the session for good: never waits, and its observers are told. */
static void run_out(struct gp__client *client)
{
    gp__smtp_abort(client->smtp, NULL);
    client->waiting = false;
    while (!client->ended && !client->busy)
        step(client);
}

static void destroy_when_done(struct gp__client *client)
{
    if (client->busy || client->conn)
        return;
    run_out(client);
    disconnected(client);
    destroy(client);
}

static void on_closed(struct gp__conn *conn)
{
    struct gp__client *client = client_of(conn);

    client->conn = NULL;
    destroy_when_done(client);
}

/* The client left: what waits for it is cancelled, its transaction ends, the connection goes. */
static void client_gone(struct gp__client *client)
{
    client->doubt.broke = true;
    gp__session_cancel_calls(client->session);
    if (client->busy || !client->began) {
        gp__conn_close(client->conn);
        return;
    }
    gp__smtp_abort(client->smtp, NULL);
    pump(client);
}

/* ---- output ---- */

/* False: the client can't be reached any more, and no event of the connection will say so. */
static bool flush(struct gp__client *client)
{
    struct gp__buf *out = gp__smtp_output(client->smtp);

    if (!client->conn || out->len == 0)
        return true;
    if (gp__conn_write(client->conn, gp__buf_slice(out)) < 0)
        client->session->gone = client->doubt.broke = true;
    gp__buf_clear(out);
    gp__smtp_trim(client->smtp);
    return !client->session->gone;
}

/* Stops reading from a client that sends on while a hook waits, or does not read its replies. */
static void adjust_reading(struct gp__client *client)
{
    size_t pending = gp__smtp_pending(client->smtp);
    bool ahead;

    if (!client->conn || client->eof)
        return;
    ahead = pending >= client->entrance->smtp.limits.pipeline;
    if (client->busy && ahead && !client->ahead)
        GP__LIMIT_HIT(pipeline);
    client->ahead = ahead && (client->ahead || client->busy);
    if ((client->busy && ahead) || gp__conn_unsent(client->conn) > 0)
        gp__conn_pause(client->conn);
    else
        gp__conn_resume(client->conn);
}

/* ---- time ---- */

static void arm(struct gp__client *client)
{
    uint64_t at = client->busy ? UINT64_MAX : gp__smtp_deadline(client->smtp);
    const struct gp__runtime_ops *ops = client->runtime->ops;

    if (client->ended || at == UINT64_MAX)
        return;
    /* A later deadline need not be armed: on_timer() looks again. Commands move it all the time. */
    if (client->timer.slot && client->timer.at_ms <= at)
        return;
    ops->timer_start(client->runtime, &client->timer, at);
}

/* We are about to give up: a 250 that is still on its way will not be heard. */
static void lose_touch(struct gp__client *client)
{
    if (client->doubt.id_len && client->conn && gp__conn_unheard(client->conn))
        client->doubt.unheard = true;
}

static void on_timer(struct gp__timer *timer)
{
    struct gp__client *client = (struct gp__client *)(void *)((char *)timer -
                                                              offsetof(struct gp__client, timer));

    if (client->busy || client->ended) {
        arm(client);
        return;
    }
    if (client->runtime->ops->now_ms(client->runtime) >= gp__smtp_deadline(client->smtp))
        lose_touch(client);
    pump(client);
}

/* ---- tasks ---- */

static void task_main(void *arg)
{
    struct gp__client *client = arg;

    client->task(client);
}

static void task_done(void *arg)
{
    struct gp__client *client = arg;

    client->busy = false;
    gp__smtp_excuse(client->smtp,
                    client->runtime->ops->now_ms(client->runtime) - client->busy_since);
    /* Also when nobody is there to read it: what was taken is no transaction that was reset. */
    client->after(client);
    if (client->session->gone)
        run_out(client);
    pump(client);
    destroy_when_done(client);
}

/* Nobody can judge: what may be said without waiting is said. */
static void not_run(struct gp__client *client)
{
    static const struct gp__reply busy = {.code = 451,
                                          .klass = 4,
                                          .subject = 3,
                                          .detail = 2,
                                          .text = {"Too busy, try again later", 25}};

    gp__log(client->runtime->log, GP_LOG_ERROR, "session.no_fiber",
            GP__F_S("session", gp__session_id(client->session)));
    client->refusal = busy;
    gp__smtp_drain(client->smtp);
    if (client->task == gp__client_ask_message)
        client->task(client);
    else
        gp__client_refuse(client, GP__REFUSE, &busy);
}

void gp__client_run(struct gp__client *client, void (*task)(struct gp__client *client),
                    void (*after)(struct gp__client *client))
{
    struct gp__runtime *rt = client->runtime;

    client->task = task;
    client->after = after;
    client->busy = true;
    client->busy_since = rt->ops->now_ms(rt);
    switch (rt->ops->run(rt, task_main, task_done, client, client->entrance->stack)) {
    case 0:
        return;
    case 1:
        client->busy = false;
        after(client);
        return;
    default:
        client->busy = false;
        not_run(client);
        after(client);
    }
}

/* ---- TLS ---- */

/* False: there is no memory for it; the connection is as it was. */
static bool encrypt(struct gp__client *client)
{
    struct gp__conn *tls = gp__tls_accept(client->entrance->tls_context, client->conn);

    if (!tls)
        return false;
    tls->events = &conn_events;
    tls->user = client;
    client->conn = tls;
    client->encrypted = true;
    client->handshaking = true;
    return true;
}

/* The 220 leaves in plaintext; nothing else does, and nothing more is read so. */
static void start_tls(struct gp__client *client)
{
    if (!flush(client) || !encrypt(client))
        gp__smtp_abort(client->smtp, NULL);
}

static void on_ready(struct gp__conn *conn)
{
    struct gp__client *client = client_of(conn);

    client->handshaking = false;
    client->began = true;
    gp__conn_facts(conn, client->session);
    gp__smtp_secured(client->smtp);
    pump(client);
}

static void log_reason(const struct gp__client *client, const char *reason)
{
    gp__log(client->runtime->log, GP_LOG_NOTICE, "tls.failed",
            GP__F_S("session", gp__session_id(client->session)),
            GP__F_S("listener", client->entrance->name),
            GP__F_C("client", client->session->client_ip_text), GP__F_C("text", reason));
}

/* A client that goes away is nothing to tell; that it and we do not understand each other is. */
static void log_failure(const struct gp__client *client, int error)
{
    const char *reason = client->encrypted ? gp__tls_failure(client->conn) : NULL;

    if (reason && (client->handshaking || error != GP_ECLOSED))
        log_reason(client, reason);
}

/* TLS from the first byte; nothing can be said if it is not to be had. */
static void encrypt_first(struct gp__client *client)
{
    const char *reason = NULL;

    if (gp__tls_context_full(client->entrance->tls_context))
        reason = "too many handshakes are under way";
    else if (!encrypt(client))
        reason = "out of memory";
    if (!reason)
        return;
    log_reason(client, reason);
    gp__conn_close(client->conn);
}

/* ---- the loop ---- */

static void step(struct gp__client *client)
{
    struct gp__smtp_event event = gp__smtp_step(client->smtp,
                                                client->runtime->ops->now_ms(client->runtime));

    switch (event.type) {
    case GP__SMTP_INPUT:
        client->waiting = true;
        return;
    case GP__SMTP_ASK:
        gp__client_ask(client, &event);
        return;
    case GP__SMTP_DATA:
        gp__client_data(client, event.data);
        return;
    case GP__SMTP_RESET:
        gp__client_reset(client, &event);
        return;
    case GP__SMTP_STARTTLS:
        start_tls(client);
        return;
    case GP__SMTP_CLOSE:
        client->ended = true;
        return;
    }
}

static void end_connection(struct gp__client *client)
{
    client->runtime->ops->timer_stop(client->runtime, &client->timer);
    if (!client->conn)
        return;
    if (client->session->gone)
        gp__conn_close(client->conn);
    else
        gp__conn_finish(client->conn);
}

static void leave(struct gp__client *client)
{
    static const struct gp__reply leaving = {.code = 421,
                                             .klass = 4,
                                             .subject = 3,
                                             .detail = 2,
                                             .text = {"Service is shutting down", 24}};

    lose_touch(client);
    gp__smtp_abort(client->smtp, &leaving);
    run_out(client);
}

static void pump(struct gp__client *client)
{
    bool ended_before = client->ended;

    client->waiting = false;
    client->session->policy->spoke = false; /* the engine takes what came */
    while (!client->busy && !client->ended && !client->waiting)
        step(client);
    /* All that a half-closed client said was answered: nothing more can come. */
    if (client->eof && client->waiting && !client->ended)
        run_out(client);
    /* An MTA would take it for a failure: it ends its sessions itself. */
    if (client->server->stopping && client->waiting && !client->session->transaction &&
        !gp__client_is_mta(client))
        leave(client);
    gp__smtp_settle(client->smtp);
    if (!flush(client) && !client->ended) {
        client_gone(client);
        return;
    }
    if (client->ended && !client->busy) {
        if (!ended_before)
            end_connection(client);
        return;
    }
    adjust_reading(client);
    arm(client);
}

static void on_read(struct gp__conn *conn, struct gp_slice bytes)
{
    struct gp__client *client = client_of(conn);

    if (client->ended)
        return;
    if (!client->busy) {
        client->doubt.id_len = 0;
        client->doubt.unheard = false;
    }
    gp__smtp_feed(client->smtp, bytes);
    if (client->busy) {
        gp__session_client_spoke(client->session);
        gp__smtp_settle(client->smtp);
        adjust_reading(client);
    } else {
        pump(client);
    }
    if (gp__smtp_fed_secret(client->smtp))
        gp__conn_wipe(bytes);
}

static void on_eof(struct gp__conn *conn)
{
    struct gp__client *client = client_of(conn);

    client->eof = true;
    if (client->ended)
        return;
    /* Half-closed with commands still to be done: a client that only writes, such as a script.
     * With nothing left it has given up (RFC 1047: it will come again). */
    if (client->busy && gp__smtp_pending(client->smtp) > 0)
        return;
    if (client->busy)
        client_gone(client);
    else
        pump(client);
}

static void on_error(struct gp__conn *conn, int error)
{
    struct gp__client *client = client_of(conn);

    log_failure(client, error);
    client->doubt.broke = true;
    if (client->ended) { /* whatever it is, the client can't be reached any more */
        gp__conn_close(conn);
        return;
    }
    client_gone(client);
}

static void on_drain(struct gp__conn *conn)
{
    struct gp__client *client = client_of(conn);

    if (!client->ended)
        adjust_reading(client);
}

static const struct gp__conn_events conn_events = {
    .read = on_read,
    .eof = on_eof,
    .error = on_error,
    .drain = on_drain,
    .ready = on_ready,
    .closed = on_closed,
};

/* ---- the beginning ---- */

static void unref_generation(void *arg)
{
    struct gp__generation *generation = arg;

    gp__generation_unref(&generation);
}

static const struct gp__via *via_copy(struct gp__arena *arena, const struct gp__via *from)
{
    struct gp__via *via = from ? GP__ARENA_NEW(arena, struct gp__via) : NULL;

    if (!via)
        return NULL;
    *via = *from;
    via->tlvs = gp__arena_dup(arena, from->tlvs);
    return via;
}

/* Shadow runs may outlive the client with the session: so it is the session that holds the
 * generation. */
static struct gp_session *session_create(struct gp__server *server,
                                         const struct gp__entrance *entrance, struct gp__conn *conn,
                                         const struct gp__via *via)
{
    char id[GP__ID_LEN + 1];
    struct gp_session *session;

    gp__server_next_id(server, id);
    session = gp__session_create(id);
    gp__arena_cleanup(session->arena, unref_generation, gp__generation_ref(entrance->generation));
    session->protocol = entrance->smtp.protocol;
    session->listener = entrance->name;
    session->hostname = entrance->smtp.hostname;
    gp__session_set_client(session, &conn->peer.ip, conn->peer.port);
    gp__session_set_server(session, &conn->local.ip, conn->local.port);
    gp__zone_name(conn->peer.scope, session->client_zone);
    session->credentials = conn->credentials;
    session->via = via_copy(session->arena, via);
    session->may_xclient = gp__peers_have(&entrance->xclient, &conn->peer.ip);
    session->may_xforward = gp__peers_have(&entrance->xforward, &conn->peer.ip);
    gp__conn_facts(conn, session);
    gp__session_policy_create(session, server->runtime, &entrance->policy);
    return session;
}

static void turn_away(struct gp__server *server, const struct gp__entrance *entrance,
                      struct gp__conn *conn, enum gp__admit why, const struct gp__reply *reply)
{
    static const struct gp__conn_events none = {.read = NULL};
    struct gp__buf *out = gp__server_scratch(server);
    char ip[48];

    gp__log(server->runtime->log, GP_LOG_NOTICE, "session.turned_away",
            GP__F_S("listener", entrance->name),
            GP__F_S("client", gp__ip_format(&conn->peer.ip, ip)),
            GP__F_C("limit", gp__admit_name(why)), GP__F_S("text", reply->text));
    gp__buf_clear(out);
    gp__reply_write(out, reply);
    conn->events = &none;
    if (entrance->tls != GP__TLS_IMPLICIT) /* a client that waits for TLS can't read it */
        gp__conn_write(conn, gp__buf_slice(out));
    gp__conn_finish(conn);
}

static void log_open(const struct gp__client *client)
{
    const struct gp_session *session = client->session;
    char proxy[48];

    gp__log(client->runtime->log, GP_LOG_INFO, "session.open",
            GP__F_S("session", gp__session_id(session)), GP__F_S("listener", session->listener),
            GP__F_C("client", session->client_ip_text), GP__F_I("port", session->client_port),
            GP__F_S("zone", session->client_zone[0] ? gp_slice_of(session->client_zone)
                                                    : gp_slice(NULL, 0)),
            GP__F_S("proxy",
                    session->via ? gp__ip_format(&session->via->ip, proxy) : gp_slice(NULL, 0)));
}

void gp__client_renew(struct gp__client *client)
{
    struct gp_session *before = client->session, *session;

    if (!client->conn)
        return;
    disconnected(client);
    session = session_create(client->server, client->entrance, client->conn, before->via);
    gp__smtp_renew(client->smtp, session);
    gp__log(client->runtime->log, GP_LOG_INFO, "session.xclient",
            GP__F_S("session", gp__session_id(session)), GP__F_S("before", gp__session_id(before)));
    client->session = session;
    client->disconnected = false;
    gp__session_unref(&before);
}

void gp__client_start(struct gp__server *server, const struct gp__entrance *entrance,
                      struct gp__conn *conn)
{
    if (gp__peers_have(&entrance->proxy, &conn->peer.ip))
        gp__proxied_start(server, entrance, conn);
    else
        gp__client_begin(server, entrance, conn, NULL);
}

void gp__client_begin(struct gp__server *server, const struct gp__entrance *entrance,
                      struct gp__conn *conn, const struct gp__via *via)
{
    uint64_t now = server->runtime->ops->now_ms(server->runtime);
    struct gp__admission admission;
    struct gp__client *client;
    struct gp__reply reply;
    enum gp__admit admit = gp__admit(server, entrance, conn, &admission, &reply);

    if (admit != GP__ADMIT_OK) {
        turn_away(server, entrance, conn, admit, &reply);
        return;
    }
    GP__COUNT(sessions);
    client = gp__alloc(sizeof *client);
    client->admission = admission;

    client->server = server;
    client->began_ms = now;
    client->runtime = server->runtime;
    client->entrance = entrance;
    client->conn = conn;
    client->session = session_create(server, entrance, conn, via);
    client->smtp = gp__smtp_create(&entrance->smtp, client->session, now);
    client->timer.fn = on_timer;
    client->stash.limit = entrance->smtp.limits.message_size;
    conn->events = &conn_events;
    conn->user = client;
    gp__server_remember(server, client);
    log_open(client);
    client->began = entrance->tls != GP__TLS_IMPLICIT;
    if (client->began)
        pump(client);
    else
        encrypt_first(client);
}

void gp__client_stop(struct gp__client *client, bool at_once)
{
    if (at_once) {
        gp__session_cancel_calls(client->session);
        if (client->conn)
            gp__conn_close(client->conn);
        return;
    }
    if (client->handshaking)
        gp__conn_close(client->conn);
    /* Otherwise it leaves when it next waits for a command. */
    else if (!client->busy && !client->ended)
        pump(client);
}
