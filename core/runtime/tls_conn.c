// SPDX-License-Identifier: Apache-2.0
/*
 * TLS as a connection over a connection. OpenSSL reads from what the connection below has just
 * handed over, in place, and writes into a buffer of the context that is written out before anybody
 * else runs. Only what arrives while the user pauses is kept here.
 *
 * The connection below is read from while there is a handshake, and then while the user reads.
 */
#include "core/runtime/tls.h"

#include "core/base/alloc.h"
#include "core/base/counts.h"
#include "core/hook/runtime.h"
#include "core/runtime/tls_context.h"
#include "core/runtime/tls_error.h"

#include <stddef.h>

#define RECORD_MAX 16384
#define REASON_MAX 200
#define KEPT_MAX ((size_t)1 << 20) /* far above what one read below can be */
#define OUT_KEEP ((size_t)64 << 10)

struct tls_conn {
    struct gp__conn base;
    struct gp__conn *under; /* NULL: closed */
    struct gp__tls_context *context;
    SSL *ssl;
    struct gp_slice input; /* borrowed, while the connection below hands it over */
    struct gp__buf kept;   /* comes before it */
    struct gp__timer timer;
    size_t handshake_bytes;
    char *reason; /* it failed */
    bool reading; /* the user wants to */
    bool ready;   /* the handshake is done */
    bool ended;   /* nothing more comes: close_notify, or the end below */
    bool eof_told, told;
    bool finishing, closing;
    bool lingering; /* an alert is on its way: the connection below is being finished */
    bool deferred;  /* a turn of its own is due */
};

static struct tls_conn *tls_conn(const struct gp__conn *conn)
{
    return (struct tls_conn *)(uintptr_t)conn;
}

static struct tls_conn *over(const struct gp__conn *under)
{
    return under->user;
}

/* ---- what OpenSSL reads and writes ---- */

static int bio_read(BIO *bio, char *to, int size)
{
    struct tls_conn *conn = BIO_get_data(bio);
    struct gp_slice from = conn->kept.len ? gp__buf_slice(&conn->kept) : conn->input;
    size_t n = from.len < (size_t)size ? from.len : (size_t)size;

    BIO_clear_retry_flags(bio);
    if (n == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    memcpy(to, from.data, n);
    if (conn->kept.len)
        gp__buf_consume(&conn->kept, n);
    else
        conn->input = gp_slice_sub(conn->input, n, conn->input.len);
    if (!conn->ready)
        conn->handshake_bytes += n;
    return (int)n;
}

static int bio_write(BIO *bio, const char *from, int size)
{
    struct tls_conn *conn = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    if (gp__buf_append(&conn->context->out, gp_slice(from, (size_t)size)) < 0)
        return -1;
    return size;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

static const BIO_METHOD *bio_method(void)
{
    static BIO_METHOD *method;

    if (method)
        return method;
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "gatepost");
    if (method) {
        BIO_meth_set_read(method, bio_read);
        BIO_meth_set_write(method, bio_write);
        BIO_meth_set_ctrl(method, bio_control);
    }
    return method;
}

/* Writes out what OpenSSL said; as gp__conn_write(). */
static int flush(struct tls_conn *conn)
{
    struct gp__buf *out = &conn->context->out;
    int result = 1;

    if (out->len && conn->under)
        result = gp__conn_write(conn->under, gp__buf_slice(out));
    gp__buf_clear(out);
    if (out->cap > OUT_KEEP)
        gp__buf_free(out);
    return result;
}

/* ---- failing ---- */

/* The first of the two counters of the version: that of success. */
static unsigned counter_of(const SSL *ssl)
{
    if (!SSL_get_current_cipher(ssl) && !SSL_get_pending_cipher(ssl))
        return GP__COUNTER(tls_none_success); /* nothing was agreed upon yet */
    switch (SSL_version(ssl)) {
    case TLS1_3_VERSION:
        return GP__COUNTER(tls_1_3_success);
    case TLS1_2_VERSION:
        return GP__COUNTER(tls_1_2_success);
    default:
        return GP__COUNTER(tls_old_success);
    }
}

static void count(const struct tls_conn *conn)
{
    gp__count_at(counter_of(conn->ssl) + !conn->ready);
    if (conn->ready && SSL_session_reused(conn->ssl))
        GP__COUNT(tls_resumed);
}

static void handshake_over(struct tls_conn *conn)
{
    if (!conn->timer.fn)
        return;
    count(conn);
    conn->context->rt->ops->timer_stop(conn->context->rt, &conn->timer);
    conn->timer.fn = NULL;
    conn->context->handshakes--;
}

static void set_reason(struct tls_conn *conn, const char *reason)
{
    struct gp__buf text = {.limit = REASON_MAX};

    if (conn->reason)
        return;
    if (reason)
        gp__buf_append(&text, gp_slice_of(reason));
    else
        gp__tls_error_of(&text, conn->ssl);
    gp__buf_append(&text, gp_slice("", 1));
    conn->reason = gp__strdup(gp__buf_slice(&text).data);
    gp__buf_free(&text);
}

/* Nothing is read any more from here on. The alert shall arrive: what the peer has sent and nobody
 * reads would make a close a reset. */
static void break_down(struct tls_conn *conn, const char *reason, int error)
{
    set_reason(conn, reason);
    handshake_over(conn);
    if (conn->under && !conn->finishing && !conn->closing && error != GP_ECLOSED) {
        conn->lingering = true;
        gp__conn_finish(conn->under);
    }
    if (conn->told || conn->closing || conn->finishing)
        return;
    conn->told = true;
    conn->base.events->error(&conn->base, error);
}

/* ---- reading ---- */

static bool stopped(const struct tls_conn *conn)
{
    return conn->reason || conn->closing || conn->finishing;
}

static void tell_end(struct tls_conn *conn)
{
    if (conn->eof_told)
        return;
    conn->eof_told = true;
    if (conn->under)
        gp__conn_pause(conn->under);
    conn->base.events->eof(&conn->base);
}

/* What a call of OpenSSL's came to: true: there is more to do. */
static bool look_at(struct tls_conn *conn, int result)
{
    int error = SSL_get_error(conn->ssl, result);
    int sent = flush(conn);

    if (result > 0 && sent >= 0)
        return true;
    if (sent < 0)
        break_down(conn, "the connection broke", GP_ECLOSED);
    else if (error == SSL_ERROR_ZERO_RETURN)
        conn->ended = true;
    else if (error != SSL_ERROR_WANT_READ)
        break_down(conn, NULL, GP_EIO);
    return false;
}

static void shake_hands(struct tls_conn *conn)
{
    ERR_clear_error();
    if (look_at(conn, SSL_do_handshake(conn->ssl))) {
        conn->ready = true;
        handshake_over(conn);
        conn->base.events->ready(&conn->base);
    } else if (!conn->reason && conn->handshake_bytes > GP__TLS_HANDSHAKE_BYTES) {
        break_down(conn, "the handshake is too long", GP_EIO);
    }
}

/* Hands over what can be decrypted, one record at a time: the user may stop at any. */
static void read_on(struct tls_conn *conn)
{
    char plain[RECORD_MAX];
    size_t n, most = 0;

    while (conn->reading && !conn->ended && !stopped(conn)) {
        ERR_clear_error();
        if (!look_at(conn, SSL_read_ex(conn->ssl, plain, sizeof plain, &n)))
            break;
        conn->base.events->read(&conn->base, gp_slice(plain, n));
        most = n > most ? n : most;
    }
    OPENSSL_cleanse(plain, most);
}

/* What was not decrypted stays until the user reads again. */
static void keep_input(struct tls_conn *conn)
{
    struct gp_slice rest = conn->input;

    conn->input = gp_slice(NULL, 0);
    if (stopped(conn) || conn->ended)
        gp__buf_free(&conn->kept);
    else if (rest.len && gp__buf_append(&conn->kept, rest) < 0)
        break_down(conn, "out of memory", GP_EIO);
    else if (conn->kept.len == 0)
        gp__buf_free(&conn->kept);
}

static void adjust_below(struct tls_conn *conn)
{
    if (!conn->under || stopped(conn) || conn->ended)
        return;
    if (!conn->ready || conn->reading)
        gp__conn_resume(conn->under);
    else
        gp__conn_pause(conn->under);
}

static void turn(struct tls_conn *conn)
{
    if (!conn->ready && !stopped(conn))
        shake_hands(conn);
    if (conn->ready)
        read_on(conn);
    keep_input(conn);
    if (conn->ended && conn->ready && conn->reading && !stopped(conn))
        tell_end(conn);
    adjust_below(conn);
}

/* ---- events of the connection below ---- */

static void on_read(struct gp__conn *under, struct gp_slice bytes)
{
    struct tls_conn *conn = over(under);

    if (stopped(conn) || conn->ended)
        return;
    conn->input = bytes;
    turn(conn);
}

/* Cut off without close_notify: an end like any other, the protocol above knows whether it was in
 * the middle of something. */
static void on_eof(struct gp__conn *under)
{
    struct tls_conn *conn = over(under);

    if (stopped(conn))
        return;
    if (!conn->ready) {
        break_down(conn, "the client left", GP_ECLOSED);
        return;
    }
    conn->ended = true;
    if (conn->reading)
        tell_end(conn);
}

static void on_error(struct gp__conn *under, int error)
{
    (void)error;
    break_down(over(under), "the connection broke", GP_ECLOSED);
}

static void on_drain(struct gp__conn *under)
{
    struct tls_conn *conn = over(under);

    if (conn->ready && !stopped(conn) && conn->base.events->drain)
        conn->base.events->drain(&conn->base);
}

static void destroy(struct tls_conn *conn)
{
    gp__buf_free(&conn->kept);
    gp__free(conn->reason);
    gp__free(conn);
}

static void on_closed(struct gp__conn *under)
{
    struct tls_conn *conn = over(under);

    conn->under = NULL;
    conn->closing = true;
    handshake_over(conn);
    SSL_free(conn->ssl);
    if (conn->base.events && conn->base.events->closed)
        conn->base.events->closed(&conn->base);
    if (!conn->deferred)
        destroy(conn);
}

static const struct gp__conn_events below = {
    .read = on_read,
    .eof = on_eof,
    .error = on_error,
    .drain = on_drain,
    .closed = on_closed,
};

/* ---- operations ---- */

static int conn_write(struct gp__conn *base, struct gp_slice bytes)
{
    struct tls_conn *conn = tls_conn(base);
    size_t n = 0;
    int result = 1;

    if (!conn->ready || stopped(conn))
        return -1;
    ERR_clear_error();
    if (bytes.len)
        result = SSL_write_ex(conn->ssl, bytes.data, bytes.len, &n);
    if (result != 1 || n != bytes.len) {
        set_reason(conn, NULL);
        (void)flush(conn);
        return -1;
    }
    result = flush(conn);
    if (result < 0)
        set_reason(conn, "the connection broke");
    return result < 0 ? -1 : gp__conn_unsent(conn->under) == 0;
}

static void conn_pause(struct gp__conn *base)
{
    struct tls_conn *conn = tls_conn(base);

    conn->reading = false;
    adjust_below(conn);
}

static void own_turn(void *arg)
{
    struct tls_conn *conn = arg;

    conn->deferred = false;
    if (!conn->under)
        destroy(conn);
    else if (!stopped(conn))
        turn(conn);
}

/* What is there already comes from the loop's stack, as everything does. */
static void conn_resume(struct gp__conn *base)
{
    struct tls_conn *conn = tls_conn(base);

    if (conn->reading || stopped(conn))
        return;
    conn->reading = true;
    if (!conn->ready)
        return;
    if (conn->kept.len == 0 && !SSL_has_pending(conn->ssl) && !conn->ended) {
        gp__conn_resume(conn->under);
    } else if (!conn->deferred) {
        conn->deferred = true;
        conn->context->rt->ops->defer(conn->context->rt, own_turn, conn);
    }
}

static void conn_finish(struct gp__conn *base)
{
    struct tls_conn *conn = tls_conn(base);

    if (conn->closing || conn->finishing)
        return;
    conn->finishing = true;
    handshake_over(conn);
    if (conn->ready && !conn->reason) {
        ERR_clear_error();
        (void)SSL_shutdown(conn->ssl); /* close_notify; the peer's is not waited for */
        (void)flush(conn);
    }
    gp__conn_finish(conn->under);
}

/* The first time an alert that is on its way may still arrive. */
static void conn_close(struct gp__conn *base)
{
    struct tls_conn *conn = tls_conn(base);
    bool linger = conn->lingering && !conn->closing;

    conn->closing = true;
    handshake_over(conn);
    if (!linger && conn->under)
        gp__conn_close(conn->under);
}

static size_t conn_unsent(const struct gp__conn *base)
{
    const struct tls_conn *conn = tls_conn(base);

    return conn->under ? gp__conn_unsent(conn->under) : 0;
}

static bool conn_gone(struct gp__conn *base)
{
    struct tls_conn *conn = tls_conn(base);

    return conn->ended || stopped(conn) || !conn->under || gp__conn_gone(conn->under);
}

static bool conn_unheard(struct gp__conn *base)
{
    struct tls_conn *conn = tls_conn(base);

    return !conn->under || gp__conn_unheard(conn->under);
}

static void conn_facts(struct gp__conn *base, struct gp_session *session)
{
    if (tls_conn(base)->ready)
        gp__tls_session_facts(tls_conn(base)->ssl, session);
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
    .facts = conn_facts,
};

/* ---- the beginning ---- */

static void too_slow(struct gp__timer *timer)
{
    struct tls_conn *conn = (struct tls_conn *)(void *)((char *)timer -
                                                        offsetof(struct tls_conn, timer));

    break_down(conn, "the handshake takes too long", GP_ECLOSED);
}

static SSL *ssl_create(struct tls_conn *conn)
{
    const BIO_METHOD *method = bio_method();
    BIO *bio = method ? BIO_new(method) : NULL;
    SSL *ssl = bio ? SSL_new(conn->context->ctx) : NULL;

    if (!ssl) {
        BIO_free(bio);
        return NULL;
    }
    BIO_set_data(bio, conn);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    SSL_set_accept_state(ssl);
    return ssl;
}

struct gp__conn *gp__tls_accept(struct gp__tls_context *context, struct gp__conn *under)
{
    struct gp__runtime *rt = context->rt;
    struct tls_conn *conn = gp__alloc(sizeof *conn);

    conn->context = context;
    conn->ssl = ssl_create(conn);
    if (!conn->ssl) {
        gp__free(conn);
        return NULL;
    }
    conn->base.ops = &ops;
    conn->base.local = under->local;
    conn->base.peer = under->peer;
    conn->base.credentials = under->credentials;
    conn->kept.limit = KEPT_MAX;
    conn->under = under;
    under->events = &below;
    under->user = conn;
    conn->timer.fn = too_slow;
    context->handshakes++;
    rt->ops->timer_start(rt, &conn->timer,
                         rt->ops->now_ms(rt) + context->settings->handshake_timeout);
    gp__conn_resume(under);
    return &conn->base;
}

const char *gp__tls_failure(const struct gp__conn *conn)
{
    return tls_conn(conn)->reason;
}
