// SPDX-License-Identifier: Apache-2.0
/*
 * One session with a server: the engine says what is to be written and what is waited for, the
 * stream does it. Everything that waits has a bound: the engine's patience, or the call's deadline.
 */
#include "core/base/alloc.h"
#include "core/delivery/outbound.h"

#define READ_SIZE ((size_t)16 << 10)
#define PIECE ((size_t)64 << 10)
#define WRITE_MS 180000u
#define HANDSHAKE_MS 30000u
#define STAGGER_MS 250u

/* ---- waiting ---- */

/* Waits for an operation of ours at most ms: its result, GP_ETEMP when that was not enough, or a
 * sticky error. */
static int wait_within(struct gp_call *call, struct gp_op *op, uint64_t ms)
{
    struct gp_op *ops[2] = {op, NULL};
    int first;

    if (!op)
        return call->root->sticky ? call->root->sticky : GP_ETEMP;
    if (op->done)
        return op->result;
    ops[1] = gp_sleep_start(call, ms ? ms : 1);
    first = gp_wait_any(call, ops, 2);
    gp_op_cancel(ops[1]);
    if (first != 0)
        gp__op_cancel(op);
    if (first < 0)
        return first;
    return first == 0 ? op->result : GP_ETEMP;
}

/* What the target allows, or less if the job is in a hurry. */
static uint64_t within(const struct gp__outbound_job *job, uint64_t ms)
{
    return job->within_ms && (ms == 0 || job->within_ms < ms) ? job->within_ms : ms;
}

static bool is_sticky(const struct gp__outbound_job *job)
{
    return job->call->root->sticky != 0;
}

static int write_all(struct gp__outbound_job *job, struct gp__outbound_session *session)
{
    struct gp__buf *out = gp__smtp_client_output(session->client);
    struct gp_op *op;
    int error;

    if (out->len == 0)
        return 0;
    op = gp__op_create(job->call);
    if (op) /* the buffer stands still until it is done or forgotten */
        job->call->runtime->ops->stream_write(job->call->runtime, op, session->stream,
                                              gp__buf_slice(out));
    error = wait_within(job->call, op, WRITE_MS);
    gp__buf_clear(out);
    return error;
}

/* Hands the engine what comes, or the end. */
static void read_some(struct gp__outbound_job *job, struct gp__outbound_session *session)
{
    struct gp__runtime *rt = job->call->runtime;
    uint64_t now = rt->ops->now_ms(rt), at = gp__smtp_client_deadline(session->client);
    struct gp_op *op = gp__op_create(job->call);
    size_t room;
    char *to = gp__buf_room(&session->in, READ_SIZE, &room);
    int n;

    if (op && to)
        rt->ops->stream_read(rt, op, session->stream, to, room);
    n = wait_within(job->call, to ? op : NULL, at > now ? at - now : 1);
    if (n > 0) {
        gp__buf_added(&session->in, (size_t)n);
        gp__smtp_client_feed(session->client, gp__buf_slice(&session->in));
        gp__buf_clear(&session->in);
    } else if (n != GP_ETEMP) { /* in time nothing came: the engine sees the clock itself */
        gp__smtp_client_eof(session->client);
    }
}

/* ---- TLS ---- */

static enum gp__tls_trust trust_of(const struct gp__tls_policy *policy)
{
    switch (policy->level) {
    case GP__TLS_LEVEL_NONE:
    case GP__TLS_LEVEL_OPPORTUNISTIC:
    case GP__TLS_LEVEL_ENCRYPTED:
        break;
    case GP__TLS_LEVEL_VERIFIED:
        return GP__TLS_TRUST_AUTHORITIES;
    case GP__TLS_LEVEL_DANE:
        return GP__TLS_TRUST_DANE;
    }
    return GP__TLS_TRUST_ANYBODY;
}

/* 0, 1: it failed, or a sticky error. */
static int secure(struct gp__outbound_job *job, struct gp__outbound_session *session)
{
    struct gp__runtime *rt = job->call->runtime;
    struct gp_op *op = gp__op_create(job->call);
    int error;

    session->wish = (struct gp__tls_wish){
        .name = gp_slice_present(session->policy.base) ? session->policy.base : session->host,
        .names = session->policy.names,
        .n_names = session->policy.n_names,
        .trust = trust_of(&session->policy),
        .observe = session->policy.observe,
        .tlsa = session->policy.tlsa,
        .n_tlsa = session->policy.n_tlsa,
        .ca_file = session->pool->settings.ca_file,
    };
    if (op)
        rt->ops->stream_secure(rt, op, session->stream, &session->wish);
    error = wait_within(job->call, op, within(job, HANDSHAKE_MS));
    if (is_sticky(job))
        return job->call->root->sticky;
    session->tls_failed = error != 0;
    return error ? 1 : 0;
}

static const char *tls_text(const struct gp__outbound_session *session)
{
    const struct gp__stream_tls *tls = session->stream->tls;

    return tls && tls->failure ? tls->text : "the handshake took too long";
}

/* ---- the engine's events ---- */

static void give_content(struct gp__outbound_session *session)
{
    struct gp_slice piece;

    if (session->rest.len == 0)
        session->rest = gp_message_next(session->message, &session->cursor);
    if (!gp_slice_present(session->rest)) {
        gp__smtp_client_content(session->client, gp_slice("", 0), true);
        return;
    }
    piece = gp_slice_sub(session->rest, 0, PIECE);
    session->rest = gp_slice_sub(session->rest, piece.len, session->rest.len);
    gp__smtp_client_content(session->client, piece, false);
}

/* A login is good for this connection alone where the server can do that. */
static void bind_login(struct gp__outbound_session *session)
{
    const struct gp__stream_tls *tls = session->stream->tls;

    if (tls && tls->exporter_len)
        gp__smtp_client_bind(session->client,
                             gp_slice((const char *)tls->exporter, tls->exporter_len));
}

/* Until the engine is READY, has SENT a mail, or is CLOSED; -1: a sticky error, or the handshake
 * failed. Whoever is left in the middle of something is of no more use. */
static int pump(struct gp__outbound_job *job, struct gp__outbound_session *session)
{
    struct gp__runtime *rt = job->call->runtime;

    session->lost = true;
    for (;;) {
        enum gp__smtp_client_event event = gp__smtp_client_step(session->client,
                                                                rt->ops->now_ms(rt));

        if (write_all(job, session) < 0)
            gp__smtp_client_eof(session->client);
        if (is_sticky(job))
            return -1;
        switch (event) {
        case GP__SMTP_CLIENT_INPUT:
            read_some(job, session);
            break;
        case GP__SMTP_CLIENT_CONTENT:
            give_content(session);
            break;
        case GP__SMTP_CLIENT_STARTTLS:
            if (secure(job, session) != 0)
                return -1;
            bind_login(session);
            gp__smtp_client_secured(session->client);
            break;
        case GP__SMTP_CLIENT_READY:
        case GP__SMTP_CLIENT_SENT:
        case GP__SMTP_CLIENT_CLOSED:
            session->lost = event == GP__SMTP_CLIENT_CLOSED;
            return (int)event;
        }
    }
}

/* ---- connecting ---- */

static struct gp__ip ip_of(const struct gp__origin *source)
{
    return source ? source->ip : (struct gp__ip){.family = 0};
}

static void start_dial(struct gp__outbound_job *job, struct gp_op *op,
                       const struct gp__outbound_host *host, const struct gp__outbound_from *from)
{
    struct gp__runtime *rt = job->call->runtime;
    struct gp__dialling dialling = {
        .ips = host->ips,
        .n_ips = host->n_ips,
        .port = host->port,
        .from4 = ip_of(from->by_family[0]),
        .from6 = ip_of(from->by_family[1]),
        .stagger_ms = STAGGER_MS,
        .attempt_ms = job->pool->settings.connect_ms,
    };

    rt->ops->dial(rt, op, &dialling);
}

/* The address that answered. */
static const struct gp__ip *reached(const struct gp__outbound_host *host, const struct gp_op *op)
{
    return &host->ips[op->number < host->n_ips ? op->number : 0];
}

static struct gp_slice remote_of(struct gp__arena *arena, const struct gp__outbound_host *host,
                                 const struct gp_op *op)
{
    char text[48];
    struct gp_slice ip;

    if (host->is_unix)
        return gp__arena_dup(arena, host->name);
    ip = gp__ip_format(reached(host, op), text);
    if (host->literal)
        return gp__arena_printf(arena, "[" GP_FMT "]", GP_ARG(ip));
    return gp__arena_printf(arena, GP_FMT " [" GP_FMT "]", GP_ARG(host->name), GP_ARG(ip));
}

static int dial(struct gp__outbound_job *job, struct gp__outbound_session *session,
                const struct gp__outbound_host *host, struct gp__outbound_from *from)
{
    struct gp__runtime *rt = job->call->runtime;
    struct gp_op *op = gp__op_create(job->call);
    int error;

    if (op && host->is_unix)
        rt->ops->connect(rt, op, gp__arena_dup(job->arena, host->key));
    else if (op)
        start_dial(job, op, host, from);
    error = wait_within(job->call, op, within(job, job->pool->settings.connect_ms));
    if (op && op->stream) /* also when the deadline came with it: it is ours to close */
        session->stream = op->stream;
    gp__outbound_keep_source(session, from,
                             session->stream && !host->is_unix ? reached(host, op)->family : 0);
    if (is_sticky(job))
        return job->call->root->sticky;
    if (error || !session->stream) {
        job->failure = (struct gp__outbound_failure){
            .reply = GP__REPLY(451, 4, 4, 1, "No connection to the host"),
            .remote = host->key,
            .advice = GP_ADVICE_DOWN,
        };
        return 1;
    }
    session->remote = remote_of(session->arena, host, op);
    return 0;
}

static void set_settings(struct gp__outbound_job *job, struct gp__outbound_session *session)
{
    const struct gp_smtp_settings *from = &job->pool->settings;
    const struct gp__outbound_hop *hop = job->hop;
    struct gp_slice name = gp_slice_present(from->helo) ? from->helo : job->delivery->hostname;
    enum gp__tls_level level = session->policy.level;

    if (gp_slice_present(hop->password))
        gp__arena_keep_secret(session->arena);
    session->settings = (struct gp__smtp_client_settings){
        .protocol = from->lmtp ? GP__PROTOCOL_LMTP : GP__PROTOCOL_SMTP,
        .hostname = gp__arena_dup(session->arena, name),
        .patience = {.command = within(job, from->command_ms), .end = from->final_ms},
        .tls = hop->implicit_tls || level == GP__TLS_LEVEL_NONE ? GP__CLIENT_TLS_NONE
               : level == GP__TLS_LEVEL_OPPORTUNISTIC           ? GP__CLIENT_TLS_OFFERED
                                                                : GP__CLIENT_TLS_REQUIRED,
        .encrypted = hop->implicit_tls,
        .user = gp__arena_dup(session->arena, hop->user),
        .password = gp__arena_dup(session->arena, hop->password),
        .plain_auth = from->plain_auth,
        .crypto = job->call->runtime->crypto,
        .bdat = from->chunking,
    };
}

/* ---- failures ---- */

static struct gp__reply quoted(struct gp__arena *arena, const struct gp__reply *said,
                               const char *what)
{
    struct gp_slice text = gp__reply_format(arena, said);

    text = gp__arena_printf(arena, "%s: " GP_FMT, what, GP_ARG(gp_slice_sub(text, 0, 300)));
    if (!gp__reply_text_ok(text)) /* it was cut within a character */
        text = gp_slice_of(what);
    return (struct gp__reply){.code = 451, .klass = 4, .subject = 4, .text = text};
}

/* It never became ready. What a server says for good it may say of us alone, or for today: only
 * 521, "no mail here, ever", ends it (RFC 7504). */
static void note_closed(struct gp__outbound_job *job, const struct gp__outbound_session *session)
{
    const struct gp__reply *last = gp__smtp_client_last(session->client);
    const char *why = gp__smtp_client_error(session->client);
    struct gp__outbound_failure *failure = &job->failure;

    *failure = (struct gp__outbound_failure){.remote = gp__arena_dup(job->arena, session->remote)};
    if (last->code >= 400 && (last->code < 500 || last->code == 521)) {
        failure->reply = *last;
        failure->reply.text = gp__arena_dup(job->arena, last->text);
        failure->advice = last->code < 500 ? GP_ADVICE_SLOWDOWN : 0;
    } else if (last->code >= 500) {
        failure->reply = quoted(job->arena, last, why ? why : "the server refused us");
    } else {
        failure->reply = GP__REPLY(451, 4, 4, 2, why ? why : "the server closed the connection");
        failure->advice = last->code ? 0 : GP_ADVICE_DOWN;
    }
    if (why && !session->stream->tls && session->settings.tls == GP__CLIENT_TLS_REQUIRED &&
        gp_slice_search(gp_slice_of(why), GP_S("STARTTLS")) < strlen(why)) {
        failure->reply = GP__REPLY(451, 4, 7, 4, why);
        failure->tls = true;
    }
}

static void note_tls(struct gp__outbound_job *job, struct gp__outbound_session *session)
{
    const struct gp__stream_tls *tls = session->stream->tls;

    session->tls_failure = tls && tls->failure ? tls->failure : GP__TLS_BROKEN;
    job->failure = (struct gp__outbound_failure){
        .reply = {.code = 451,
                  .klass = 4,
                  .subject = 7,
                  .detail = 5,
                  .text = gp__arena_printf(job->arena, "TLS: %s", tls_text(session))},
        .remote = gp__arena_dup(job->arena, session->remote),
        .tls = true,
    };
}

/* ---- the steps ---- */

int gp__outbound_open(struct gp__outbound_job *job, struct gp__outbound_session *session,
                      const struct gp__outbound_host *host, struct gp__outbound_from *from)
{
    struct gp__runtime *rt = job->call->runtime;
    int result = dial(job, session, host, from), event;

    if (result)
        return result;
    session->host = host->is_unix ? gp_slice("", 0) : gp__arena_dup(session->arena, host->name);
    set_settings(job, session);
    if (session->settings.encrypted) {
        result = secure(job, session);
        if (result > 0)
            note_tls(job, session);
        if (result)
            return result;
    }
    session->client = gp__smtp_client_create(&session->settings, rt->ops->now_ms(rt));
    bind_login(session);
    event = pump(job, session);
    if (is_sticky(job))
        return job->call->root->sticky;
    if (event == GP__SMTP_CLIENT_READY)
        return 0;
    if (session->tls_failed)
        note_tls(job, session);
    else
        note_closed(job, session);
    return 1;
}

int gp__outbound_send(struct gp__outbound_job *job, struct gp__outbound_session *session,
                      const struct gp__smtp_client_mail *mail)
{
    session->message = job->message.message;
    session->cursor = 0;
    session->rest = gp_slice("", 0);
    session->mails++;
    gp__smtp_client_send(session->client, mail);
    (void)pump(job, session);
    session->message = NULL;
    return job->call->root->sticky;
}

bool gp__outbound_ready(struct gp__outbound_job *job, struct gp__outbound_session *session)
{
    return !session->lost && pump(job, session) == GP__SMTP_CLIENT_READY;
}

void gp__outbound_close(struct gp__outbound_session **session_)
{
    struct gp__outbound_session *session = *session_;
    struct gp__runtime *rt;

    *session_ = NULL;
    if (!session)
        return;
    rt = session->pool->runtime;
    if (session->client)
        gp__smtp_client_quit(session->client); /* nothing, unless it is ready */
    if (session->client && session->stream && gp__smtp_client_output(session->client)->len)
        (void)rt->ops->stream_write_now(rt, session->stream,
                                        gp__buf_slice(gp__smtp_client_output(session->client)));
    gp__smtp_client_free(&session->client);
    if (session->stream)
        rt->ops->stream_close(rt, session->stream);
    if (session->source)
        gp__origin_leave(rt, session->source);
    gp__buf_free(&session->in);
    gp__arena_free(&session->arena);
    gp__free(session);
}
