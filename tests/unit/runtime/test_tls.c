// SPDX-License-Identifier: Apache-2.0
/* TLS over simulated connections: handshakes cut anywhere, data and pauses, ends and breaks, what an
 * idle connection takes. */
#include "tls_side.h"

/* ---- handshakes ---- */

static void test_handshake(void **state)
{
    static const struct {
        int version;
        const char *name, *cipher;
    } rows[] = {{TLS1_3_VERSION, "TLSv1.3", "TLS_AES_256_GCM_SHA384"},
                {TLS1_2_VERSION, "TLSv1.2", "ECDHE-ECDSA-AES128-GCM-SHA256"}};
    static const size_t pieces[] = {0, 1, 7, 600};
    struct fixture *f = *state;

    make_context(f, "mx");
    for (size_t i = 0; i < COUNT(rows) * COUNT(pieces); i++) {
        struct tls_peer_options options = {.max_version = rows[i % COUNT(rows)].version,
                                           .server_name = "A.Example"};

        f->peer.piece = pieces[i / COUNT(rows)];
        connect_with(f, &options);
        assert_true(tls_peer_handshake(&f->peer));
        f->session = gp__session_create("0123456789abcdef");
        gp__conn_facts(f->side.conn, f->session);
        assert_text(f->session->tls_version, rows[i % COUNT(rows)].name);
        assert_text(f->session->tls_cipher, rows[i % COUNT(rows)].cipher);
        assert_text(f->session->tls_server_name, "a.example");
        assert_false(gp_slice_present(f->session->tls_client_subject));
        check_exporter(f);
        check_end_point(f, &ec);
        exchange(f);
        part(f);
    }
}

/* RFC 9266: without extended master secret the exporter may be the same for two connections. */
static void test_no_exporter(void **state)
{
    struct fixture *f = *state;
    struct tls_peer_options options = {.max_version = TLS1_2_VERSION};

    make_context(f, "mx");
    connect_with(f, &options);
    SSL_set_options(f->peer.ssl, SSL_OP_NO_EXTENDED_MASTER_SECRET);
    assert_true(tls_peer_handshake(&f->peer));
    f->session = gp__session_create("0123456789abcdef");
    gp__conn_facts(f->side.conn, f->session);
    assert_false(gp_slice_present(f->session->tls_exporter));
    check_end_point(f, &ec);
    part(f);
}

/* The bytes of a client's first flight. */
static size_t first_flight(struct fixture *f, char bytes[4096])
{
    long n;
    char *data;

    SSL_do_handshake(f->peer.ssl);
    n = BIO_get_mem_data(SSL_get_wbio(f->peer.ssl), &data);
    assert_in_range(n, 100, 4096);
    memcpy(bytes, data, (size_t)n);
    return (size_t)n;
}

/* The client goes away after each byte of its first flight, and before its second. */
static void test_cut_handshake(void **state)
{
    struct fixture *f = *state;
    char bytes[4096];
    size_t n = 4096;

    make_context(f, "mx");
    for (size_t at = 0; at <= n; at++) {
        for (int breaks = 0; breaks < 2; breaks++) {
            connect_with(f, &plain_options);
            n = first_flight(f, bytes);
            gp__sim_client_send(f->peer.client, gp_slice(bytes, at));
            if (breaks)
                gp__sim_client_reset(f->peer.client);
            else
                gp__sim_client_eof(f->peer.client);
            assert_int_equal(f->side.errors, 1);
            assert_int_equal(f->side.error, GP_ECLOSED);
            assert_int_equal(f->side.readies + f->side.eofs, 0);
            part(f);
        }
    }
    assert_false(gp__tls_context_full(f->context));
}

/* A byte damaged anywhere is an error or is not noticed before the client notices; never a crash. */
static void test_damaged_handshake(void **state)
{
    struct fixture *f = *state;
    char bytes[4096];
    size_t n = 1;

    make_context(f, "mx");
    for (size_t at = 0; at < n; at++) {
        connect_with(f, &plain_options);
        n = first_flight(f, bytes);
        bytes[at] ^= 0x55;
        gp__sim_client_send(f->peer.client, gp_slice(bytes, n));
        gp__sim_client_eof(f->peer.client);
        assert_int_equal(f->side.errors, 1);
        assert_int_equal(f->side.readies, 0);
        part(f);
    }
}

static void test_slow_handshake(void **state)
{
    struct fixture *f = *state;

    make_context(f, "mx");
    accept_one(f);
    gp__sim_client_send(f->peer.client, GP_S("\x16\x03\x01"));
    gp__sim_advance(f->rt, 29999);
    assert_int_equal(f->side.errors, 0);
    gp__sim_advance(f->rt, 1);
    assert_int_equal(f->side.errors, 1);
    part(f);
}

/* A handshake message that never ends: 1-byte fragments of a long ClientHello. */
static void test_long_handshake(void **state)
{
    struct fixture *f = *state;
    struct gp__buf bytes = {.limit = 0};

    make_context(f, "mx");
    accept_one(f);
    gp__buf_append(&bytes, gp_slice("\x16\x03\x01\x00\x04\x01\x01\xff\xff", 9));
    while (bytes.len < 2 * GP__TLS_HANDSHAKE_BYTES)
        gp__buf_append(&bytes, gp_slice("\x16\x03\x01\x00\x01\x03", 6));
    gp__sim_client_send_pieces(f->peer.client, gp__buf_slice(&bytes), 4096);
    assert_int_equal(f->side.errors, 1);
    gp__buf_free(&bytes);
    part(f);
}

static void test_too_many_handshakes(void **state)
{
    struct fixture *f = *state;

    f->settings.handshakes = 1;
    make_context(f, "mx");
    assert_false(gp__tls_context_full(f->context));
    connect_with(f, &plain_options);
    assert_true(gp__tls_context_full(f->context));
    assert_true(tls_peer_handshake(&f->peer));
    assert_false(gp__tls_context_full(f->context));
    part(f);
    accept_one(f);
    assert_true(gp__tls_context_full(f->context));
    part(f);
    assert_false(gp__tls_context_full(f->context));
}

/* What people read in the log. */
static void test_reasons(void **state)
{
    static const char *const rows[][2] = {
        {"EHLO client\r\n", "not TLS: the client sent something else"},
        {"GET / HTTP/1.1\r\n\r\n", "not TLS: the client sent an HTTP request"},
    };
    struct fixture *f = *state;
    struct tls_peer_options options = {.max_version = TLS1_2_VERSION};

    make_context(f, "mx");
    for (size_t i = 0; i < COUNT(rows); i++) {
        accept_one(f);
        gp__sim_client_send(f->peer.client, gp_slice_of(rows[i][0]));
        assert_int_equal(f->side.errors, 1);
        assert_string_equal(gp__tls_failure(f->side.conn), rows[i][1]);
        assert_int_equal(gp__conn_write(f->side.conn, GP_S("250 x\r\n")), -1);
        part(f);
    }
    connect_with(f, &options);
    SSL_set_verify(f->peer.ssl, SSL_VERIFY_PEER, NULL);
    assert_false(tls_peer_handshake(&f->peer));
    assert_string_equal(gp__tls_failure(f->side.conn), "the client ended it: unknown CA");
    part(f);
}

/* ---- data ---- */

static void fill(char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        bytes[i] = (char)(i * 7 + i / 251);
}

/* Everything arrives in order, whenever the user stops. */
static void test_pause(void **state)
{
    static const size_t pauses[] = {1, 100, 16384, 20000, 70000};
    static const size_t pieces[] = {0, 1000, 16500};
    static char bytes[100000];
    struct fixture *f = *state;

    fill(bytes, sizeof bytes);
    make_context(f, "mx");
    for (size_t i = 0; i < COUNT(pauses) * COUNT(pieces); i++) {
        shake(f, &plain_options);
        f->peer.piece = pieces[i / COUNT(pauses)];
        f->side.pause_at = pauses[i % COUNT(pauses)];
        tls_peer_send(&f->peer, gp_slice(bytes, sizeof bytes));
        while (f->side.got.len < sizeof bytes) {
            size_t before = f->side.got.len;

            gp__conn_resume(f->side.conn);
            gp__conn_resume(f->side.conn);
            assert_int_equal(f->side.got.len, before); /* not from within a call */
            gp__sim_settle(f->rt);
            assert_true(f->side.got.len > before);
        }
        assert_int_equal(f->side.got.len, sizeof bytes);
        assert_memory_equal(gp__buf_slice(&f->side.got).data, bytes, sizeof bytes);
        part(f);
    }
}

/* Nothing is told to a user that does not read, the end neither. */
static void test_paused_from_the_start(void **state)
{
    struct fixture *f = *state;

    make_context(f, "mx");
    connect_with(f, &plain_options);
    f->side.no_resume = true;
    assert_true(tls_peer_handshake(&f->peer));
    tls_peer_send(&f->peer, GP_S("NOOP\r\n"));
    SSL_shutdown(f->peer.ssl);
    tls_peer_move(&f->peer);
    gp__sim_client_eof(f->peer.client);
    assert_int_equal(f->side.got.len, 0);
    assert_int_equal(f->side.eofs, 0);
    gp__conn_resume(f->side.conn);
    gp__sim_settle(f->rt);
    assert_got(f, "NOOP\r\n");
    assert_int_equal(f->side.eofs, 1);
    part(f);
}

static void test_close_while_deferred(void **state)
{
    struct fixture *f = *state;

    make_context(f, "mx");
    shake(f, &plain_options);
    f->side.pause_at = 1;
    tls_peer_send(&f->peer, GP_S("a"));
    tls_peer_send(&f->peer, GP_S("b"));
    gp__conn_resume(f->side.conn);
    gp__conn_close(f->side.conn);
    gp__sim_settle(f->rt);
    assert_int_equal(f->side.got.len, 1);
    assert_int_equal(f->side.closed, 1);
    part(f);
}

static void test_slow_reader(void **state)
{
    static char bytes[200000];
    struct fixture *f = *state;
    int result;

    fill(bytes, sizeof bytes);
    make_context(f, "mx");
    shake(f, &plain_options);
    gp__sim_client_window(f->peer.client, 1000);
    assert_int_equal(gp__conn_write(f->side.conn, gp_slice(bytes, sizeof bytes)), 0);
    assert_true(gp__conn_unsent(f->side.conn) > 190000);
    gp__sim_client_window(f->peer.client, SIZE_MAX);
    assert_int_equal(f->side.drains, 1);
    assert_int_equal(gp__conn_unsent(f->side.conn), 0);
    assert_int_equal(tls_peer_read(&f->peer).len, sizeof bytes);
    gp__sim_client_window(f->peer.client, 0);
    do
        result = gp__conn_write(f->side.conn, gp_slice(bytes, sizeof bytes));
    while (result == 0);
    assert_int_equal(result, -1);
    assert_int_equal(gp__conn_write(f->side.conn, GP_S("x")), -1);
    part(f);
}

/* ---- the end ---- */

/* After close_notify the connection is dead: what comes then, encrypted or not, is not looked at. */
static void test_plaintext_after_the_end(void **state)
{
    struct fixture *f = *state;

    make_context(f, "mx");
    for (int max = TLS1_2_VERSION; max <= TLS1_3_VERSION; max++) {
        struct tls_peer_options options = {.max_version = max};

        shake(f, &options);
        tls_peer_send(&f->peer, GP_S("BDAT 100\r\nabc"));
        SSL_shutdown(f->peer.ssl);
        tls_peer_move(&f->peer);
        assert_int_equal(f->side.eofs, 1);
        assert_true(gp__conn_gone(f->side.conn));
        gp__sim_client_send(f->peer.client, GP_S("a plaintext byte\r\n"));
        gp__conn_resume(f->side.conn);
        gp__sim_advance(f->rt, 100);
        assert_got(f, "BDAT 100\r\nabc");
        assert_int_equal(f->side.eofs, 1);
        assert_int_equal(gp__conn_write(f->side.conn, GP_S("421 bye\r\n")), 1);
        gp__conn_finish(f->side.conn);
        gp__sim_advance(f->rt, 100);
        gp__sim_client_eof(f->peer.client);
        gp__sim_advance(f->rt, 100);
        assert_int_equal(f->side.closed, 1);
        part(f);
    }
}

/* In one piece with the last record, too. */
static void test_plaintext_glued_to_the_end(void **state)
{
    struct fixture *f = *state;
    char *data;
    long n;

    make_context(f, "mx");
    shake(f, &plain_options);
    SSL_write(f->peer.ssl, "NOOP\r\n", 6);
    SSL_shutdown(f->peer.ssl);
    BIO_write(SSL_get_wbio(f->peer.ssl), "QUIT\r\n", 6);
    n = BIO_get_mem_data(SSL_get_wbio(f->peer.ssl), &data);
    gp__sim_client_send(f->peer.client, gp_slice(data, (size_t)n));
    assert_got(f, "NOOP\r\n");
    assert_int_equal(f->side.eofs, 1);
    part(f);
}

static void test_plaintext_in_the_middle(void **state)
{
    struct fixture *f = *state;

    make_context(f, "mx");
    shake(f, &plain_options);
    tls_peer_send(&f->peer, GP_S("NOOP\r\n"));
    gp__sim_client_send(f->peer.client, GP_S("QUIT\r\nMAIL FROM:<>\r\n"));
    assert_int_equal(f->side.errors, 1);
    assert_int_equal(f->side.error, GP_EIO);
    assert_got(f, "NOOP\r\n");
    gp__sim_client_send(f->peer.client, GP_S("QUIT\r\n"));
    gp__sim_advance(f->rt, 5000);
    assert_got(f, "NOOP\r\n");
    part(f);
}

static void test_truncated(void **state)
{
    struct fixture *f = *state;

    make_context(f, "mx");
    for (int breaks = 0; breaks < 2; breaks++) {
        shake(f, &plain_options);
        tls_peer_send(&f->peer, GP_S("DATA"));
        if (breaks)
            gp__sim_client_reset(f->peer.client);
        else
            gp__sim_client_eof(f->peer.client);
        assert_int_equal(f->side.eofs, !breaks);
        assert_int_equal(f->side.errors, breaks);
        part(f);
    }
}

/* The last words reach the client, then a close_notify. */
static void test_finish(void **state)
{
    struct fixture *f = *state;

    make_context(f, "mx");
    shake(f, &plain_options);
    gp__conn_write(f->side.conn, GP_S("221 bye\r\n"));
    gp__conn_finish(f->side.conn);
    assert_int_equal(gp__conn_write(f->side.conn, GP_S("x")), -1);
    gp__sim_settle(f->rt);
    assert_text(tls_peer_read(&f->peer), "221 bye\r\n");
    assert_int_equal(SSL_get_shutdown(f->peer.ssl), SSL_RECEIVED_SHUTDOWN);
    assert_true(gp__sim_client_eof_seen(f->peer.client));
    part(f);
}

/* ---- anything in any order ---- */

static unsigned dice(uint64_t *seed, unsigned sides)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(*seed >> 33) % sides;
}

/* One thing that the client, the user or time does. What the client has sent is counted. */
static void do_something(struct fixture *f, uint64_t *seed, size_t *sent)
{
    static char bytes[40000];
    size_t n = dice(seed, 3) ? dice(seed, 100) + 1 : dice(seed, sizeof bytes) + 1;
    struct gp__conn *conn = f->side.conn;

    switch (dice(seed, 12)) {
    case 0:
    case 1:
    case 2:
        ERR_clear_error();
        if (SSL_is_init_finished(f->peer.ssl) && SSL_write(f->peer.ssl, bytes, (int)n) > 0)
            *sent += n;
        break;
    case 3:
        if (dice(seed, 6) == 0)
            SSL_shutdown(f->peer.ssl);
        break;
    case 4:
        if (dice(seed, 20) == 0)
            gp__sim_client_eof(f->peer.client);
        break;
    case 5:
        if (dice(seed, 30) == 0)
            gp__sim_client_reset(f->peer.client);
        break;
    case 6:
        if (dice(seed, 20) == 0)
            gp__sim_client_send(f->peer.client, gp_slice(bytes, n));
        break;
    case 7:
        gp__sim_client_window(f->peer.client, dice(seed, 2) ? SIZE_MAX : n);
        break;
    case 8:
        if (conn)
            (dice(seed, 3) ? gp__conn_resume : gp__conn_pause)(conn);
        break;
    case 9:
        if (conn && !f->side.errors)
            (void)gp__conn_write(conn, gp_slice(bytes, n));
        break;
    case 10:
        if (conn && dice(seed, 20) == 0)
            (dice(seed, 2) ? gp__conn_finish : gp__conn_close)(conn);
        break;
    default:
        gp__sim_advance(f->rt, dice(seed, 3) ? dice(seed, 10) : dice(seed, 40000));
    }
    ERR_clear_error();
    if (!SSL_is_init_finished(f->peer.ssl))
        (void)SSL_do_handshake(f->peer.ssl);
    f->peer.piece = dice(seed, 2) ? dice(seed, 2000) + 1 : 0;
    tls_peer_move(&f->peer);
}

/* The user's callbacks hold what comes against the rules of conn.h; all that is read was sent. */
static void test_anything(void **state)
{
    struct fixture *f = *state;

    make_context(f, "mx");
    for (uint64_t round = 1; round <= 500; round++) {
        uint64_t seed = round;
        size_t sent = 0;

        connect_with(f, &plain_options);
        f->side.no_resume = dice(&seed, 4) == 0;
        for (int i = 0; i < 60; i++) {
            do_something(f, &seed, &sent);
            assert_true(f->side.got.len <= sent);
            assert_true(f->side.readies <= 1 && f->side.eofs <= 1 && f->side.errors <= 1);
        }
        part(f);
        assert_false(gp__tls_context_full(f->context));
    }
}

/* ---- memory ---- */

static size_t allocated;

static void *count_malloc(size_t size, const char *file, int line)
{
    size_t *block = malloc(size + 16);

    (void)file;
    (void)line;
    if (!block)
        return NULL;
    *block = size;
    allocated += size;
    return (char *)block + 16;
}

static void count_free(void *memory, const char *file, int line)
{
    size_t *block = memory ? (size_t *)(void *)((char *)memory - 16) : NULL;

    (void)file;
    (void)line;
    if (!block)
        return;
    allocated -= *block;
    free(block);
}

static void *count_realloc(void *memory, size_t size, const char *file, int line)
{
    size_t old = memory ? *(size_t *)(void *)((char *)memory - 16) : 0;
    void *fresh = count_malloc(size, file, line);

    if (fresh && memory)
        memcpy(fresh, memory, old < size ? old : size);
    if (fresh)
        count_free(memory, file, line);
    return fresh;
}

/* After a handshake and full records, what OpenSSL keeps for an idle connection. */
static void test_idle_memory(void **state)
{
    static char bytes[60000];
    struct fixture *f = *state;
    size_t before;

    make_context(f, "mx");
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        struct tls_peer_options options = {.max_version = version};

        for (int round = 0; round < 2; round++) { /* the first warms caches up */
            connect_with(f, &options);
            tls_peer_close(&f->peer);
            part(f);
            before = allocated;
            shake(f, &options);
            tls_peer_send(&f->peer, gp_slice(bytes, sizeof bytes));
            gp__conn_write(f->side.conn, gp_slice(bytes, sizeof bytes));
            tls_peer_read(&f->peer);
            SSL_free(f->peer.ssl);
            SSL_CTX_free(f->peer.ctx);
            f->peer.ssl = NULL;
            if (round)
                print_message("TLS 1.%d: %zu bytes\n", version - TLS1_VERSION, allocated - before);
            assert_in_range(allocated - before, 1000, 20000);
            part(f);
        }
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_handshake),
        TEST(test_no_exporter),
        TEST(test_cut_handshake),
        TEST(test_damaged_handshake),
        TEST(test_slow_handshake),
        TEST(test_long_handshake),
        TEST(test_too_many_handshakes),
        TEST(test_reasons),
        TEST(test_pause),
        TEST(test_paused_from_the_start),
        TEST(test_close_while_deferred),
        TEST(test_slow_reader),
        TEST(test_plaintext_after_the_end),
        TEST(test_plaintext_glued_to_the_end),
        TEST(test_plaintext_in_the_middle),
        TEST(test_truncated),
        TEST(test_finish),
        TEST(test_anything),
        TEST(test_idle_memory),
    };
#undef TEST
    int result;

    if (!CRYPTO_set_mem_functions(count_malloc, count_realloc, count_free))
        return 1;
    make_identities();
    result = cmocka_run_group_tests(tests, NULL, NULL);
    free_identities();
    return result;
}
