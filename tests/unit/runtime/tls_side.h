// SPDX-License-Identifier: Apache-2.0
/* The server's side of a TLS connection for tests, identities, and what is looked at. */
#ifndef GP_TEST_TLS_SIDE_H
#define GP_TEST_TLS_SIDE_H

#include "tls_peer.h"

#include <stdlib.h>

#include "core/base/alloc.h"
#include "core/base/arena.h"
#include "core/hook/runtime.h"
#include "core/runtime/tls.h"
#include "core/smtp/session.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct identity rsa, ec, other, wild, ca, stranger, anna, impostor;

/* ---- the server's side ---- */

struct side {
    struct gp__conn *conn;
    struct gp__buf got;
    int readies, eofs, errors, error, drains, closed;
    size_t pause_at; /* bytes after which it stops to read; 0: never */
    bool no_resume;
};

struct fixture {
    struct gp__runtime *rt;
    struct gp__tls_settings settings;
    struct gp__tls_certificate_settings certificates[4];
    struct gp__tls_context *context;
    struct gp_session *session;
    struct side side;
    struct tls_peer peer;
};

static inline void on_ready(struct gp__conn *conn)
{
    struct side *side = conn->user;

    side->readies++;
    if (!side->no_resume)
        gp__conn_resume(conn);
}

static inline void on_read(struct gp__conn *conn, struct gp_slice bytes)
{
    struct side *side = conn->user;

    assert_int_equal(side->readies, 1);
    assert_int_equal(side->eofs + side->errors + side->closed, 0);
    gp__buf_append(&side->got, bytes);
    if (side->pause_at && side->got.len >= side->pause_at)
        gp__conn_pause(conn);
}

static inline void on_eof(struct gp__conn *conn)
{
    ((struct side *)conn->user)->eofs++;
}

static inline void on_error(struct gp__conn *conn, int error)
{
    struct side *side = conn->user;

    side->errors++;
    side->error = error;
    gp__conn_close(conn);
}

static inline void on_drain(struct gp__conn *conn)
{
    ((struct side *)conn->user)->drains++;
}

static inline void on_closed(struct gp__conn *conn)
{
    struct side *side = conn->user;

    side->closed++;
    side->conn = NULL;
}

static const struct gp__conn_events events = {.read = on_read,
                                              .eof = on_eof,
                                              .error = on_error,
                                              .drain = on_drain,
                                              .ready = on_ready,
                                              .closed = on_closed};

static inline void make_context(struct fixture *f, const char *scope)
{
    struct gp__buf error = {.limit = 500};

    f->settings.certificates = f->certificates;
    f->context = gp__tls_context_create(&f->settings, gp_slice_of(scope), f->rt, &error);
    if (!f->context)
        fail_msg(GP_FMT, GP_ARG(gp__buf_slice(&error)));
    gp__buf_free(&error);
}

static inline void use(struct fixture *f, const struct identity *one, const struct identity *two)
{
    f->certificates[0] = certificate_of(one);
    f->settings.n_certificates = two ? 2 : 1;
    if (two)
        f->certificates[1] = certificate_of(two);
}

static inline int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    f->rt = gp__sim_create(1, NULL);
    f->settings.tickets = true;
    f->settings.handshake_timeout = 30000;
    f->settings.handshakes = 100;
    use(f, &ec, NULL);
    *state = f;
    return 0;
}

static inline void accept_one(struct fixture *f)
{
    struct gp__endpoint peer = {.port = 4711}, local = {.port = 465};
    struct gp__sim_client *client;

    gp__ip_parse(GP_S("192.0.2.1"), &peer.ip);
    gp__ip_parse(GP_S("192.0.2.2"), &local.ip);
    client = gp__sim_connect(f->rt, &peer, &local);
    memset(&f->side, 0, sizeof f->side);
    f->side.conn = gp__tls_accept(f->context, gp__sim_client_conn(client));
    assert_non_null(f->side.conn);
    assert_int_equal(f->side.conn->peer.port, 4711);
    f->side.conn->events = &events;
    f->side.conn->user = &f->side;
    f->peer.client = client;
}

static inline void connect_with(struct fixture *f, const struct tls_peer_options *options)
{
    accept_one(f);
    tls_peer_open(&f->peer, f->peer.client, options);
}

/* Both sides are done with each other. */
static inline void part(struct fixture *f)
{
    if (f->side.conn)
        gp__conn_close(f->side.conn);
    gp__sim_advance(f->rt, 10000);
    assert_int_equal(f->side.closed, 1);
    gp__buf_free(&f->side.got);
    if (f->session)
        gp__session_unref(&f->session);
    if (f->peer.ssl)
        tls_peer_close(&f->peer);
    f->peer.piece = 0;
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;

    gp__tls_context_free(&f->context);
    gp__sim_free(&f->rt);
    gp__arena_pool_free();
    free(f);
    return 0;
}

static const struct tls_peer_options plain_options;

/* A handshake that must succeed; the facts. */
static inline void shake(struct fixture *f, const struct tls_peer_options *options)
{
    connect_with(f, options);
    assert_true(tls_peer_handshake(&f->peer));
    assert_int_equal(f->side.readies, 1);
    assert_int_equal(f->side.errors, 0);
    f->session = gp__session_create("0123456789abcdef");
    gp__conn_facts(f->side.conn, f->session);
}

#define assert_text(slice, text)                                                                   \
    do {                                                                                           \
        if (!gp_slice_eq((slice), gp_slice_of(text)))                                              \
            fail_msg("\"" GP_FMT "\" instead of \"%s\"", GP_ARG(slice), text);                     \
    } while (0)

#define assert_got(f, text) assert_text(gp__buf_slice(&(f)->side.got), text)

static inline void check_exporter(struct fixture *f)
{
    unsigned char ours[32];

    assert_int_equal(SSL_export_keying_material(f->peer.ssl, ours, sizeof ours,
                                                "EXPORTER-Channel-Binding", 24,
                                                (const unsigned char *)"", 0, 1),
                     1);
    assert_int_equal(f->session->tls_exporter.len, 32);
    assert_memory_equal(f->session->tls_exporter.data, ours, 32);
}

static inline void check_end_point(struct fixture *f, const struct identity *identity)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    X509_digest(identity->x509, EVP_sha256(), hash, &len);
    assert_int_equal(f->session->tls_server_end_point.len, len);
    assert_memory_equal(f->session->tls_server_end_point.data, hash, len);
}

static inline void exchange(struct fixture *f)
{
    tls_peer_send(&f->peer, GP_S("EHLO client\r\n"));
    assert_got(f, "EHLO client\r\n");
    assert_int_equal(gp__conn_write(f->side.conn, GP_S("250 hello\r\n")), 1);
    assert_text(tls_peer_read(&f->peer), "250 hello\r\n");
}

static inline void make_identities(void)
{
    make_identity(&ec, "ec", "a.example", "DNS:a.example", NULL, -DAY, 100 * DAY);
    make_identity(&rsa, "rsa", "a.example", "DNS:a.example", NULL, -DAY, 100 * DAY);
    make_identity(&other, "ec", "b", "DNS:B.example,DNS:exact.wild.example", NULL, -DAY, 100 * DAY);
    make_identity(&wild, "ec", "w", "DNS:*.wild.example", NULL, -DAY, 100 * DAY);
    make_identity(&ca, "ca", "A CA", NULL, NULL, -DAY, 100 * DAY);
    make_identity(&stranger, "ca", "Another CA", NULL, NULL, -DAY, 100 * DAY);
    make_identity(&anna, "ec", "Anna \xc3\x84\n", "DNS:laptop.example,email:anna@example.org", &ca,
                  -DAY, 100 * DAY);
    make_identity(&impostor, "ec", "Anna", "email:anna@example.org", &stranger, -DAY, 100 * DAY);
}

static inline void free_identities(void)
{
    struct identity *all[] = {&ec, &rsa, &other, &wild, &ca, &stranger, &anna, &impostor};

    for (size_t i = 0; i < COUNT(all); i++)
        free_identity(all[i]);
}

#endif
