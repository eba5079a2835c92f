// SPDX-License-Identifier: Apache-2.0
/* Outgoing TLS against OpenSSL's own server in a thread: whom it trusts, and what it does with bytes. */
#include "test_support.h"
#include "tls_peer.h"

#include "core/runtime/listener.h"
#include "core/runtime/stream.h"
#include "core/runtime/tls_dial.h"

#include <openssl/sha.h>
#include <pthread.h>
#include <sys/socket.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct identity authority, good, expired, other, stranger;
static char ca_file[64] = "/tmp/gatepost-test-ca-XXXXXX";

struct server {
    int fd;
    const struct identity *identity;
    const char *early; /* in plaintext, before the handshake */
    char got[64];
    pthread_t thread;
};

static void write_ca(void)
{
    int fd = mkstemp(ca_file);

    assert_true(fd >= 0);
    assert_true(write(fd, authority.cert_pem, strlen(authority.cert_pem)) > 0);
    close(fd);
}

static int make_all(void **state)
{
    (void)state;
    make_identity(&authority, "ca", "An authority", NULL, NULL, -DAY, DAY);
    make_identity(&good, "ec", "x", "DNS:mx.example,DNS:*.wild.example", &authority, -DAY, DAY);
    make_identity(&expired, "ec", "x", "DNS:mx.example", &authority, -2 * DAY, -DAY);
    make_identity(&other, "ec", "x", "DNS:other.example", &authority, -DAY, DAY);
    make_identity(&stranger, "ec", "x", "DNS:mx.example", NULL, -DAY, DAY);
    write_ca();
    return 0;
}

static int free_all(void **state)
{
    (void)state;
    unlink(ca_file);
    free_identity(&authority);
    free_identity(&good);
    free_identity(&expired);
    free_identity(&other);
    free_identity(&stranger);
    return 0;
}

/* Echoes one read, then says goodbye. */
static void *serve(void *arg)
{
    struct server *server = arg;
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    SSL *ssl;
    int n;

    SSL_CTX_use_certificate(ctx, server->identity->x509);
    SSL_CTX_use_PrivateKey(ctx, server->identity->key);
    SSL_CTX_add1_chain_cert(ctx, authority.x509);
    ssl = SSL_new(ctx);
    SSL_set_fd(ssl, server->fd);
    if (server->early)
        (void)!write(server->fd, server->early, strlen(server->early));
    if (SSL_accept(ssl) == 1) {
        n = SSL_read(ssl, server->got, sizeof server->got - 1);
        if (n > 0)
            SSL_write(ssl, server->got, n);
        SSL_shutdown(ssl);
    }
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    shutdown(server->fd, SHUT_RDWR);
    return NULL;
}

struct side {
    struct gp__runtime *rt;
    struct gp__arena *arena;
    struct gp_stream *stream;
    struct server server;
};

static void side_open(struct side *side, const struct identity *identity, const char *early)
{
    const struct gp__listen_options options = {.address = GP_S("127.0.0.1:0")};
    const struct gp__live_options live = {.dns = {.source = GP__DNS_SERVERS}};
    struct gp__ip ip[2];
    struct gp__endpoint endpoint;
    struct gp_op op;
    const char *step;
    int listening;

    side->rt = gp__live_create(&live, NULL);
    side->arena = gp__arena_create();
    op = test_op(side->rt, side->arena);
    assert_int_equal(gp__listen_socket(&options, &listening, &step), 0);
    gp__listen_endpoint(listening, &endpoint);
    gp__ip_parse(GP_S("127.0.0.2"), &ip[0]); /* nobody is there */
    gp__ip_parse(GP_S("127.0.0.1"), &ip[1]);
    side->rt->ops->dial(
        side->rt, &op,
        &(struct gp__dialling){
            .ips = ip, .n_ips = 2, .port = endpoint.port, .from4 = {4, {127, 0, 0, 7}}});
    TURN_WHILE(side->rt, !op.done);
    assert_int_equal(op.result, 0);
    assert_int_equal(op.number, 1);
    side->stream = op.stream;
    side->server = (struct server){.identity = identity, .early = early};
    side->server.fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
    close(listening);
    assert_int_equal(pthread_create(&side->server.thread, NULL, serve, &side->server), 0);
}

static void side_close(struct side *side)
{
    side->rt->ops->stream_close(side->rt, side->stream);
    gp__live_wakeup(side->rt);
    gp__live_turn(side->rt);
    gp__live_free(&side->rt);
    pthread_join(side->server.thread, NULL);
    close(side->server.fd);
    gp__arena_free(&side->arena);
    gp__arena_pool_free();
}

static int secure(struct side *side, const struct gp__tls_wish *wish)
{
    struct gp_op op = test_op(side->rt, side->arena);

    side->rt->ops->stream_secure(side->rt, &op, side->stream, wish);
    TURN_WHILE(side->rt, !op.done);
    return op.result;
}

static void talk(struct side *side)
{
    struct gp_op op = test_op(side->rt, side->arena);
    char bytes[16] = "";
    size_t got = 0;
    int n = 1;

    side->rt->ops->stream_write(side->rt, &op, side->stream, GP_S("EHLO\r\n"));
    TURN_WHILE(side->rt, !op.done);
    assert_int_equal(op.result, 0);
    while (n > 0) {
        op = test_op(side->rt, side->arena);
        side->rt->ops->stream_read(side->rt, &op, side->stream, bytes + got, sizeof bytes - got);
        TURN_WHILE(side->rt, !op.done);
        n = op.result;
        got += n > 0 ? (size_t)n : 0;
    }
    assert_int_equal(n, 0); /* said in order */
    assert_string_equal(bytes, "EHLO\r\n");
}

/* usage 3: of the key; usage 2: of the authority's whole certificate. */
static struct gp_slice tlsa(struct gp__arena *arena, unsigned usage, const struct identity *of)
{
    unsigned char *der = NULL, digest[32];
    int len = usage == 3 ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(of->x509), &der)
                         : i2d_X509(of->x509, &der);
    char *out = gp__arena_alloc(arena, 35);

    SHA256(der, (size_t)len, digest);
    OPENSSL_free(der);
    out[0] = (char)usage;
    out[1] = usage == 3;
    out[2] = 1;
    memcpy(out + 3, digest, sizeof digest);
    return gp_slice(out, 35);
}

#define ANY GP__TLS_TRUST_ANYBODY
#define CA GP__TLS_TRUST_AUTHORITIES
#define DANE GP__TLS_TRUST_DANE

static const struct {
    const char *name;
    const struct identity *server;
    enum gp__tls_trust trust;
    const char *host, *also;
    unsigned usage;
    const struct identity *record;
    enum gp__tls_failure failure;
} rows[] = {
    {"anybody is good enough", &stranger, ANY, "mx.example", NULL, 0, NULL, GP__TLS_FINE},
    {"even out of date", &expired, ANY, "", NULL, 0, NULL, GP__TLS_FINE},
    {"a CA vouches for it", &good, CA, "mx.example", NULL, 0, NULL, GP__TLS_FINE},
    {"a wildcard is one label", &good, CA, "a.wild.example", NULL, 0, NULL, GP__TLS_FINE},
    {"and no more", &good, CA, "a.b.wild.example", NULL, 0, NULL, GP__TLS_MISNAMED},
    {"of another host", &other, CA, "mx.example", NULL, 0, NULL, GP__TLS_MISNAMED},
    {"which is allowed, too", &other, CA, "mx.example", "other.example", 0, NULL, GP__TLS_FINE},
    {"out of date", &expired, CA, "mx.example", NULL, 0, NULL, GP__TLS_EXPIRED},
    {"nobody vouches for it", &stranger, CA, "mx.example", NULL, 0, NULL, GP__TLS_UNTRUSTED},
    {"no name to verify", &good, CA, "", NULL, 0, NULL, GP__TLS_BROKEN},
    {"usage 3", &stranger, DANE, "mx.example", NULL, 3, &stranger, GP__TLS_FINE},
    {"usage 3: neither names nor dates", &expired, DANE, "elsewhere.example", NULL, 3, &expired,
     GP__TLS_FINE},
    {"usage 3: another key", &good, DANE, "mx.example", NULL, 3, &stranger, GP__TLS_UNTRUSTED},
    {"usage 2", &good, DANE, "mx.example", NULL, 2, &authority, GP__TLS_FINE},
    {"usage 2: names count", &other, DANE, "mx.example", NULL, 2, &authority, GP__TLS_MISNAMED},
    {"usage 2: also the domain's", &other, DANE, "mx.example", "other.example", 2, &authority,
     GP__TLS_FINE},
    {"usage 2: dates count", &expired, DANE, "mx.example", NULL, 2, &authority, GP__TLS_EXPIRED},
    {"usage 2: another authority", &stranger, DANE, "mx.example", NULL, 2, &authority,
     GP__TLS_UNTRUSTED},
    {"usage 1 is of no use here", &good, DANE, "mx.example", NULL, 1, &good, GP__TLS_BROKEN},
    {"no record at all", &good, DANE, "mx.example", NULL, 0, NULL, GP__TLS_BROKEN},
};

static void test_trust(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct side side;
        struct gp_slice record, also;
        struct gp__tls_wish wish = {.name = gp_slice_of(rows[i].host), .trust = rows[i].trust};

        side_open(&side, rows[i].server, NULL);
        wish.ca_file = gp_slice_of(ca_file);
        if (rows[i].record) {
            record = tlsa(side.arena, rows[i].usage, rows[i].record);
            wish.tlsa = &record;
            wish.n_tlsa = 1;
        }
        if (rows[i].also) {
            also = gp_slice_of(rows[i].also);
            wish.names = &also;
            wish.n_names = 1;
        }
        if (secure(&side, &wish) != (rows[i].failure ? GP_ETEMP : 0) ||
            side.stream->tls->failure != rows[i].failure)
            fail_msg("%s: %d, %s", rows[i].name, side.stream->tls->failure, side.stream->tls->text);
        assert_int_equal(side.stream->tls->verified, !rows[i].failure && rows[i].trust != ANY);
        if (!rows[i].failure)
            talk(&side);
        side_close(&side);
    }
}

/* Nobody insists on the certificate; what verifying it would have said is noted. */
static void test_observed(void **state)
{
    static const struct {
        const struct identity *server;
        const char *host, *cas;
        enum gp__tls_failure observed;
    } cases[] = {
        {&good, "mx.example", ca_file, GP__TLS_FINE},
        {&other, "mx.example", ca_file, GP__TLS_MISNAMED},
        {&expired, "mx.example", ca_file, GP__TLS_EXPIRED},
        {&stranger, "mx.example", ca_file, GP__TLS_UNTRUSTED},
        {&stranger, "mx.example", "/nonexistent", GP__TLS_FINE},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct gp__tls_wish wish = {.name = gp_slice_of(cases[i].host),
                                    .ca_file = gp_slice_of(cases[i].cas),
                                    .observe = true};
        struct side side;

        side_open(&side, cases[i].server, NULL);
        assert_int_equal(secure(&side, &wish), 0);
        assert_int_equal(side.stream->tls->failure, GP__TLS_FINE);
        assert_int_equal(side.stream->tls->observed, cases[i].observed);
        assert_false(side.stream->tls->verified);
        talk(&side);
        side_close(&side);
    }
}

/* CAs are read once, and kept. */
static void test_stores(void **state)
{
    struct gp__tls_stores stores = {.count = 0};
    struct gp__tls_dial_settings settings = {
        .name = GP_S("mx.example"), .verify = true, .ca_file = ca_file, .stores = &stores};
    const char *why;

    (void)state;
    for (int i = 0; i < 3; i++) {
        struct gp__tls_dial *dial = gp__tls_dial_create(&settings, &why);

        if (!dial)
            fail_msg("%s", why);
        gp__tls_dial_free(&dial);
    }
    assert_int_equal(stores.count, 1);
    settings.ca_file = "/nonexistent";
    assert_null(gp__tls_dial_create(&settings, &why));
    assert_string_equal(why, "the CA certificates cannot be read");
    gp__tls_stores_free(&stores);
}

/* What was said in the clear is not taken for something said inside TLS. */
static void test_injected(void **state)
{
    struct gp__tls_wish wish = {.name = GP_S("mx.example")};
    struct side side;
    struct gp__live_stream *stream;

    (void)state;
    side_open(&side, &good, "250 injected\r\n");
    stream = (struct gp__live_stream *)side.stream;
    TURN_WHILE(side.rt, stream->ahead.len == 0);
    assert_int_equal(secure(&side, &wish), GP_ETEMP);
    assert_string_equal(side.stream->tls->text, "plaintext where the handshake begins");
    assert_int_equal(side.rt->ops->stream_write_now(side.rt, side.stream, GP_S("x")), GP_ECLOSED);
    side_close(&side);
}

/* Whoever gives up a handshake may close the stream at once. */
static void test_given_up(void **state)
{
    struct gp__tls_wish wish = {.name = GP_S("mx.example")};
    struct side side;
    struct gp_op op, second;

    (void)state;
    side_open(&side, &good, NULL);
    op = test_op(side.rt, side.arena);
    second = test_op(side.rt, side.arena);
    side.rt->ops->stream_secure(side.rt, &op, side.stream, &wish);
    side.rt->ops->stream_secure(side.rt, &second, side.stream, &wish);
    assert_int_equal(second.result, GP_EINVAL);
    side.rt->ops->cancel(side.rt, &op);
    assert_int_equal(op.result, GP_ECANCELED);
    side_close(&side);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trust),    cmocka_unit_test(test_observed),
        cmocka_unit_test(test_stores),   cmocka_unit_test(test_injected),
        cmocka_unit_test(test_given_up),
    };

    return cmocka_run_group_tests(tests, make_all, free_all);
}
