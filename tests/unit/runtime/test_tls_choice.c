// SPDX-License-Identifier: Apache-2.0
/* What a TLS context chooses, asks for, resumes and refuses; mistakes of the operator. */
#include "core/base/counts.h"
#include "tls_side.h"

#include <sys/stat.h>
#include <unistd.h>

#define HOUR_MS (3600u * 1000u)

/* ---- what is chosen ---- */

static bool shows(struct fixture *f, const struct identity *identity)
{
    X509 *seen = SSL_get1_peer_certificate(f->peer.ssl);
    bool same = seen && X509_cmp(seen, identity->x509) == 0;

    X509_free(seen);
    return same;
}

#define ONLY_RSA "ECDHE-RSA-AES128-GCM-SHA256"

static void test_server_names(void **state)
{
    static const struct {
        const char *name;
        const struct identity *identity;
        bool acknowledged;
    } rows[] = {
        {NULL, &ec, false},
        {"a.example", &ec, true},
        {"b.example", &other, true},
        {"B.EXAMPLE", &other, true},
        {"x.wild.example", &wild, true},
        {"exact.wild.example", &other, true}, /* before the wildcard */
        {"x.y.wild.example", &ec, false},     /* one label only */
        {"wild.example", &ec, false},
        {".wild.example", &ec, false},
        {"nobody.example", &ec, false},
        {"b.example.", &other, true},
        {"b.example\\", &ec, false},
        {"${run{x}}.example", &ec, false},
    };
    struct fixture *f = *state;

    f->certificates[0] = certificate_of(&ec);
    f->certificates[1] = certificate_of(&wild);
    f->certificates[2] = certificate_of(&other);
    f->settings.n_certificates = 3;
    make_context(f, "mx");
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        for (size_t i = 0; i < COUNT(rows); i++) {
            struct tls_peer_options options = {.server_name = rows[i].name, .max_version = version};

            shake(f, &options);
            if (!shows(f, rows[i].identity))
                fail_msg("another certificate for %s", rows[i].name ? rows[i].name : "none");
            check_end_point(f, rows[i].identity);
            for (size_t c = 0; c < f->session->tls_server_name.len; c++)
                assert_null(strchr("\\${}", f->session->tls_server_name.data[c]));
            part(f);
        }
    }
}

/* Names of the configuration stand for those of the certificate. */
static void test_given_names(void **state)
{
    static const struct gp_slice names[] = {{"given.example", 13}};
    struct fixture *f = *state;
    struct tls_peer_options given = {.server_name = "given.example"},
                            own = {.server_name = "b.example"};

    use(f, &ec, &other);
    f->certificates[1].names = names;
    f->certificates[1].n_names = 1;
    make_context(f, "mx");
    shake(f, &given);
    assert_true(shows(f, &other));
    part(f);
    shake(f, &own);
    assert_true(shows(f, &ec));
    part(f);
}

/* RSA and ECDSA for one name: what the client can check. */
static void test_two_kinds(void **state)
{
    struct fixture *f = *state;
    struct tls_peer_options both = {.server_name = "a.example", .max_version = TLS1_2_VERSION};
    struct tls_peer_options only_rsa = {
        .server_name = "a.example", .max_version = TLS1_2_VERSION, .ciphers = ONLY_RSA};
    struct tls_peer_options unknown = {.max_version = TLS1_2_VERSION, .ciphers = ONLY_RSA};

    use(f, &ec, &rsa);
    make_context(f, "mx");
    shake(f, &both);
    assert_true(shows(f, &ec));
    part(f);
    shake(f, &only_rsa);
    assert_true(shows(f, &rsa));
    check_end_point(f, &rsa);
    part(f);
    shake(f, &unknown); /* the default, too */
    assert_true(shows(f, &rsa));
    part(f);
}

static void fails_with(struct fixture *f, const struct tls_peer_options *options,
                       const char *reason)
{
    connect_with(f, options);
    (void)tls_peer_handshake(&f->peer);
    assert_int_equal(f->side.readies, 0);
    assert_int_equal(f->side.errors, 1);
    assert_string_equal(gp__tls_failure(f->side.conn), reason);
    part(f);
}

static void test_alpn(void **state)
{
    struct fixture *f = *state;
    struct tls_peer_options http = {.alpn = (const unsigned char *)"\x08http/1.1\x02h2",
                                    .alpn_len = 12};
    struct tls_peer_options smtp = {.alpn = (const unsigned char *)"\x02h2\x04smtp", .alpn_len = 8};
    const unsigned char *chosen;
    unsigned len;

    make_context(f, "mx");
    fails_with(f, &http, "the client wants another protocol (ALPN)");
    shake(f, &smtp);
    SSL_get0_alpn_selected(f->peer.ssl, &chosen, &len);
    assert_int_equal(len, 4);
    assert_memory_equal(chosen, "smtp", 4);
    part(f);
}

#define NO_VERSION "the client has no version of TLS that the profile allows"

static void test_profiles(void **state)
{
    static const struct {
        enum gp__tls_profile profile;
        int version;
        bool works;
    } rows[] = {
        {GP__TLS_MODERN, TLS1_3_VERSION, true},
        {GP__TLS_MODERN, TLS1_2_VERSION, false},
        {GP__TLS_INTERMEDIATE, TLS1_3_VERSION, true},
        {GP__TLS_INTERMEDIATE, TLS1_2_VERSION, true},
        {GP__TLS_INTERMEDIATE, TLS1_1_VERSION, false},
        {GP__TLS_OLD, TLS1_3_VERSION, true},
        {GP__TLS_OLD, TLS1_2_VERSION, true},
        {GP__TLS_OLD, TLS1_1_VERSION, true},
        {GP__TLS_OLD, TLS1_VERSION, true},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct tls_peer_options options = {.max_version = rows[i].version};

        f->settings.profile = rows[i].profile;
        make_context(f, "mx");
        if (rows[i].works) {
            shake(f, &options);
            exchange(f);
            part(f);
        } else {
            fails_with(f, &options, NO_VERSION);
        }
        gp__tls_context_free(&f->context);
    }
}

/* Without forward secrecy or AEAD there is nothing in common. */
static void test_ciphers(void **state)
{
    static const char *const bad[] = {"AES128-GCM-SHA256", "ECDHE-RSA-AES128-SHA",
                                      "ECDHE-RSA-AES256-SHA384", "AES256-SHA", "NULL-SHA256"};
    struct fixture *f = *state;

    use(f, &rsa, NULL);
    make_context(f, "mx");
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct tls_peer_options options = {.max_version = TLS1_2_VERSION, .ciphers = bad[i]};

        fails_with(f, &options, "no cipher in common with the client");
    }
}

static void test_renegotiation(void **state)
{
    struct fixture *f = *state;
    struct tls_peer_options options = {.max_version = TLS1_2_VERSION};

    make_context(f, "mx");
    shake(f, &options);
    SSL_renegotiate(f->peer.ssl);
    (void)tls_peer_handshake(&f->peer);
    assert_false(SSL_is_init_finished(f->peer.ssl));
    assert_int_equal(f->side.readies, 1);
    assert_int_equal(f->side.got.len, 0);
    part(f);
}

/* ---- certificates of clients ---- */

static void expect_client(struct fixture *f, const struct identity *identity, bool verified,
                          const char *name)
{
    struct tls_peer_options options = {.identity = identity};

    shake(f, &options);
    assert_int_equal(f->session->tls_client_verified, verified);
    if (name)
        assert_text(f->session->tls_client_name, name);
    else
        assert_false(gp_slice_present(f->session->tls_client_name));
    assert_int_equal(gp_slice_present(f->session->tls_client_subject), identity != NULL);
    assert_int_equal(f->session->tls_client_fingerprint.len, identity ? 64 : 0);
    part(f);
}

static void test_client_certificates(void **state)
{
    struct fixture *f = *state;
    struct identity nul = {0}, dns = {0}, plain = {0};

    make_identity(&dns, "ec", "with space", "DNS:relay.example", &ca, -DAY, DAY);
    make_identity(&plain, "ec", "relay2.example", NULL, &ca, -DAY, DAY);
    make_identity(&nul, "ec", "a\nb", NULL, &ca, -DAY, DAY);
    f->settings.client_certificates = GP__TLS_CLIENT_REQUEST;
    f->settings.client_ca = gp_slice_of(ca.cert_pem);
    make_context(f, "mx");
    expect_client(f, NULL, false, NULL);
    expect_client(f, &anna, true, "anna@example.org");
    expect_client(f, &dns, true, "relay.example");
    expect_client(f, &plain, true, "relay2.example");
    expect_client(f, &nul, true, NULL);
    expect_client(f, &impostor, false, NULL);
    gp__tls_context_free(&f->context);

    f->settings.client_certificates = GP__TLS_CLIENT_REQUIRE;
    make_context(f, "mx");
    expect_client(f, &anna, true, "anna@example.org");
    fails_with(f, &plain_options, "the client showed no certificate");
    {
        struct tls_peer_options options = {.identity = &impostor};

        fails_with(f, &options, "the client's certificate: unable to get local issuer certificate");
    }
    free_identity(&nul);
    free_identity(&dns);
    free_identity(&plain);
}

static void test_subject(void **state)
{
    struct fixture *f = *state;
    struct tls_peer_options options = {.identity = &anna};

    f->settings.client_certificates = GP__TLS_CLIENT_REQUEST;
    make_context(f, "mx");
    shake(f, &options);
    assert_text(f->session->tls_client_subject, "CN=Anna \\C3\\84\\0A");
    assert_false(f->session->tls_client_verified); /* no CA was named */
    part(f);
}

/* ---- resumption ---- */

/* A session that can be resumed: the ticket of TLS 1.3 comes after the handshake. */
static SSL_SESSION *ticket_of(struct fixture *f, const struct tls_peer_options *options)
{
    SSL_SESSION *session;

    shake(f, options);
    assert_false(SSL_session_reused(f->peer.ssl));
    exchange(f);
    session = SSL_get1_session(f->peer.ssl);
    SSL_shutdown(f->peer.ssl); /* or OpenSSL thinks that it went wrong and forgets it */
    part(f);
    return session;
}

static bool resumes(struct fixture *f, const struct tls_peer_options *options, SSL_SESSION *session)
{
    struct tls_peer_options again = *options;
    bool reused;

    again.session = session;
    shake(f, &again);
    exchange(f);
    reused = SSL_session_reused(f->peer.ssl);
    if (reused)
        check_end_point(f, &ec);
    SSL_shutdown(f->peer.ssl);
    part(f);
    return reused;
}

static void test_resumption(void **state)
{
    struct fixture *f = *state;

    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        struct tls_peer_options options = {.max_version = version, .server_name = "a.example"};
        SSL_SESSION *session;

        use(f, &ec, &rsa);
        make_context(f, "mx");
        session = ticket_of(f, &options);
        assert_true(resumes(f, &options, session));
        gp__tls_context_free(&f->context);
        make_context(f, "mx"); /* a new generation of the same listener */
        assert_true(resumes(f, &options, session));
        gp__tls_context_free(&f->context);
        make_context(f, "submission"); /* another listener */
        assert_false(resumes(f, &options, session));
        gp__tls_context_free(&f->context);
        f->settings.client_certificates = GP__TLS_CLIENT_REQUEST; /* one that asks for more */
        make_context(f, "mx");
        assert_false(resumes(f, &options, session));
        gp__tls_context_free(&f->context);
        f->settings.client_certificates = GP__TLS_CLIENT_OFF;
        f->settings.tickets = false;
        make_context(f, "mx");
        assert_false(resumes(f, &options, session));
        gp__tls_context_free(&f->context);
        f->settings.tickets = true;
        SSL_SESSION_free(session);
    }
}

/* ---- counters ---- */

static void test_counted(void **state)
{
    struct fixture *f = *state;
    struct tls_peer_options tls_1_2 = {.max_version = TLS1_2_VERSION}, tls_1_3 = {.max_version = 0};
    struct tls_peer_options tls_1_1 = {.max_version = TLS1_1_VERSION};
    struct tls_peer_options bad = {.max_version = TLS1_2_VERSION, .identity = &impostor};
    struct gp__counts before = *gp__counts, after;
    SSL_SESSION *session;

    use(f, &ec, &rsa);
    make_context(f, "mx");
    shake(f, &tls_1_2);
    part(f);
    session = ticket_of(f, &tls_1_3);
    assert_true(resumes(f, &tls_1_3, session));
    SSL_SESSION_free(session);
    fails_with(f, &tls_1_1, NO_VERSION);
    gp__tls_context_free(&f->context);
    f->settings.client_certificates = GP__TLS_CLIENT_REQUIRE;
    f->settings.client_ca = gp_slice_of(ca.cert_pem);
    make_context(f, "mx");
    fails_with(f, &bad, "the client's certificate: unable to get local issuer certificate");
    after = *gp__counts;
    assert_int_equal(after.tls_1_2_success - before.tls_1_2_success, 1);
    assert_int_equal(after.tls_1_2_failure - before.tls_1_2_failure, 1);
    assert_int_equal(after.tls_1_3_success - before.tls_1_3_success, 2);
    assert_int_equal(after.tls_1_3_failure - before.tls_1_3_failure, 0);
    assert_int_equal(after.tls_none_failure - before.tls_none_failure, 1);
    assert_int_equal(after.tls_resumed - before.tls_resumed, 1);
}

static void test_no_tickets(void **state)
{
    struct fixture *f = *state;

    f->settings.tickets = false;
    make_context(f, "mx");
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        struct tls_peer_options options = {.max_version = version};
        SSL_SESSION *session = ticket_of(f, &options);

        assert_false(SSL_SESSION_has_ticket(session));
        assert_false(resumes(f, &options, session));
        SSL_SESSION_free(session);
    }
}

/* Keys live for two rotations; a ticket of the older one is renewed. */
static void test_rotation(void **state)
{
    struct fixture *f = *state;
    struct tls_peer_options options = {.max_version = TLS1_2_VERSION};
    SSL_SESSION *session;

    make_context(f, "mx");
    session = ticket_of(f, &options);
    gp__sim_advance(f->rt, 6 * HOUR_MS);
    assert_true(resumes(f, &options, session));
    gp__sim_advance(f->rt, 6 * HOUR_MS);
    assert_false(resumes(f, &options, session));
    SSL_SESSION_free(session);
}

/* Another rotation begins with another secret: nothing counts on as if it were the old one's. */
static void test_other_rotation(void **state)
{
    struct fixture *f = *state;
    struct tls_peer_options options = {.max_version = TLS1_2_VERSION};
    SSL_SESSION *session;

    gp__tls_tickets_rotate(HOUR_MS);
    make_context(f, "mx");
    session = ticket_of(f, &options);
    assert_true(resumes(f, &options, session));
    gp__tls_tickets_rotate(HOUR_MS);
    assert_true(resumes(f, &options, session));
    gp__sim_advance(f->rt, 2 * HOUR_MS);
    assert_false(resumes(f, &options, session));
    SSL_SESSION_free(session);
    session = ticket_of(f, &options);
    gp__tls_tickets_rotate(GP__TLS_TICKET_ROTATION_MS);
    assert_false(resumes(f, &options, session));
    SSL_SESSION_free(session);
}

/* A verified client stays one when it resumes. */
static void test_client_resumes(void **state)
{
    struct fixture *f = *state;
    struct tls_peer_options options = {.identity = &anna};
    SSL_SESSION *session;

    f->settings.client_certificates = GP__TLS_CLIENT_REQUEST;
    f->settings.client_ca = gp_slice_of(ca.cert_pem);
    for (int good = 0; good < 2; good++) {
        options.identity = good ? &anna : &impostor;
        options.session = NULL;
        make_context(f, "mx");
        session = ticket_of(f, &options);
        options.session = session;
        shake(f, &options);
        assert_true(SSL_session_reused(f->peer.ssl));
        assert_int_equal(f->session->tls_client_verified, good);
        assert_int_equal(gp_slice_present(f->session->tls_client_name), good);
        assert_true(gp_slice_present(f->session->tls_client_subject));
        part(f);
        gp__tls_context_free(&f->context);
        SSL_SESSION_free(session);
    }
}

/* Another process takes the state over; a later one does not know the keys of before. */
static void test_shared_state(void **state)
{
    struct fixture *f = *state;
    uint8_t now[GP__TLS_TICKET_STATE], none[GP__TLS_TICKET_STATE] = {0};
    SSL_SESSION *session;

    make_context(f, "mx");
    session = ticket_of(f, &plain_options);
    gp__tls_tickets_share(now, f->rt->ops->wall_ms(f->rt));
    gp__tls_context_free(&f->context);
    gp__tls_tickets_join(none);
    make_context(f, "mx");
    assert_false(resumes(f, &plain_options, session));
    gp__tls_context_free(&f->context);
    gp__tls_tickets_join(now);
    make_context(f, "mx");
    assert_true(resumes(f, &plain_options, session));
    SSL_SESSION_free(session);
}

/* ---- mistakes of the operator ---- */

static void check_report(struct gp_slice chain, struct gp_slice key, int result, const char *text)
{
    struct gp__buf problem = {.limit = 500};

    assert_int_equal(gp__tls_check_certificate(chain, key, (int64_t)time(NULL) * 1000, &problem),
                     result);
    if (!gp_slice_starts(gp__buf_slice(&problem), gp_slice_of(text)))
        fail_msg(GP_FMT, GP_ARG(gp__buf_slice(&problem)));
    gp__buf_free(&problem);
}

static void encrypted_key(const struct identity *identity, char pem[4096])
{
    BIO *bio = BIO_new(BIO_s_mem());

    PEM_write_bio_PrivateKey(bio, identity->key, EVP_aes_128_cbc(), NULL, 0, NULL,
                             (void *)(uintptr_t) "secret");
    to_pem(pem, bio);
}

static void test_check(void **state)
{
    struct identity expired = {0}, future = {0}, soon = {0};
    struct gp__buf problem = {.limit = 500};
    struct gp_slice good = gp_slice_of(ec.cert_pem), key = gp_slice_of(ec.key_pem);
    char protected[4096];

    (void)state;
    make_identity(&expired, "ec", "x", NULL, NULL, -2 * DAY, -DAY);
    make_identity(&future, "ec", "x", NULL, NULL, DAY, 2 * DAY);
    make_identity(&soon, "ec", "x", NULL, NULL, -DAY, 13 * DAY);
    encrypted_key(&ec, protected);
    check_report(good, key, 0, "");
    check_report(good, gp_slice_of(rsa.key_pem), -1, "the key does not belong to the certificate");
    check_report(good, gp_slice_of(other.key_pem), -1,
                 "the key does not belong to the certificate");
    check_report(good, good, -1, "there is no private key in PEM");
    check_report(key, key, -1, "there is no certificate in PEM");
    check_report(GP_S(""), key, -1, "there is no certificate in PEM");
    check_report(gp_slice_sub(good, 0, 200), key, -1, "there is no certificate in PEM");
    check_report(good, gp_slice_of(protected), -1,
                 "the key is protected with a passphrase: take that off");
    check_report(gp_slice_of(expired.cert_pem), gp_slice_of(expired.key_pem), 1,
                 "the certificate expired on ");
    check_report(gp_slice_of(future.cert_pem), gp_slice_of(future.key_pem), 1,
                 "the certificate is not valid before ");
    check_report(gp_slice_of(soon.cert_pem), gp_slice_of(soon.key_pem), 1,
                 "the certificate expires on ");
    assert_int_equal(gp__tls_check_authorities(good, &problem), 0);
    assert_int_equal(gp__tls_check_authorities(key, &problem), -1);
    gp__buf_free(&problem);
    free_identity(&expired);
    free_identity(&future);
    free_identity(&soon);
}

static void test_bad_context(void **state)
{
    struct fixture *f = *state;
    struct gp__buf error = {.limit = 500};

    f->settings.certificates = f->certificates;
    f->certificates[0].key = gp_slice_of(rsa.key_pem);
    assert_null(gp__tls_context_create(&f->settings, GP_S("mx"), f->rt, &error));
    assert_text(gp__buf_slice(&error), "the key does not belong to the certificate");
    gp__buf_clear(&error);
    use(f, &ec, NULL);
    f->settings.client_certificates = GP__TLS_CLIENT_REQUIRE;
    f->settings.client_ca = GP_S("nothing");
    assert_null(gp__tls_context_create(&f->settings, GP_S("mx"), f->rt, &error));
    assert_text(gp__buf_slice(&error), "there is no CA certificate in PEM");
    gp__buf_free(&error);
}

/* ---- a certificate of our own ---- */

static void read_text(const char *path, char text[4096])
{
    FILE *file = fopen(path, "rb");
    size_t n;

    assert_non_null(file);
    n = fread(text, 1, 4095, file);
    text[n] = '\0';
    fclose(file);
}

static void test_self_sign(void **state)
{
    char directory[] = "/tmp/gatepost-test-XXXXXX", cert[100], key[100], cert_pem[4096],
         key_pem[4096];
    struct gp__buf error = {.limit = 500};
    struct stat status;

    (void)state;
    assert_non_null(mkdtemp(directory));
    snprintf(cert, sizeof cert, "%s/a/b/cert.pem", directory);
    snprintf(key, sizeof key, "%s/a/c/key.pem", directory);
    assert_int_equal(gp__tls_self_sign(cert, key, GP_S("mx.example.test"), &error), 0);
    assert_int_equal(stat(key, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    read_text(cert, cert_pem);
    read_text(key, key_pem);
    check_report(gp_slice_of(cert_pem), gp_slice_of(key_pem), 0, "");
    assert_int_equal(gp__tls_self_sign(cert, key, GP_S("mx.example.test"), &error), -1);
    assert_true(gp_slice_ends(gp__buf_slice(&error), GP_S("cert.pem is there already, and stays")));
    gp__buf_clear(&error);
    assert_int_equal(unlink(cert), 0);
    assert_int_equal(gp__tls_self_sign(cert, key, GP_S("mx.example.test"), &error), -1);
    assert_true(gp_slice_ends(gp__buf_slice(&error), GP_S("key.pem is there already, and stays")));
    gp__buf_clear(&error);
    snprintf(cert, sizeof cert, "%s/a/c/key.pem/cert.pem", directory);
    snprintf(key, sizeof key, "%s/a/new.pem", directory);
    assert_int_equal(gp__tls_self_sign(cert, key, GP_S("mx.example.test"), &error), -1);
    assert_true(gp__buf_slice(&error).len > 0);
    gp__buf_free(&error);
    snprintf(key, sizeof key, "rm -rf %s", directory);
    assert_int_equal(system(key), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_server_names),   TEST(test_given_names),
        TEST(test_two_kinds),      TEST(test_alpn),
        TEST(test_profiles),       TEST(test_ciphers),
        TEST(test_renegotiation),  TEST(test_client_certificates),
        TEST(test_subject),        TEST(test_resumption),
        TEST(test_counted),        TEST(test_no_tickets),
        TEST(test_rotation),       TEST(test_other_rotation),
        TEST(test_client_resumes), TEST(test_shared_state),
        TEST(test_check),          TEST(test_bad_context),
        TEST(test_self_sign),
    };
#undef TEST
    int result;

    make_identities();
    result = cmocka_run_group_tests(tests, NULL, NULL);
    free_identities();
    return result;
}
