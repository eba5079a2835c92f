// SPDX-License-Identifier: Apache-2.0
// SCRAM as a client: the vectors of the RFCs, alone and in an SMTP session, whole and byte by byte; against our own
// server; servers that lie; which mechanism is taken.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/codec.h"
#include "core/runtime/crypto.h"
#include "core/smtp/client.h"
#include "core/smtp/client_scram.h"
#include "core/smtp/sasl.h"
#include "core/smtp/session.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct gp__arena *arena;

static void same_random(void *arg, void *bytes, size_t len)
{
    (void)arg;
    memset(bytes, 7, len);
}

static const struct gp__crypto crypto = {
    .hash = gp__digest_hash, .hmac = gp__digest_hmac, .random = same_random, .pbkdf2 = gp__pbkdf2};

static int setup(void **state)
{
    (void)state;
    arena = gp__arena_create();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    gp__arena_free(&arena);
    gp__arena_pool_free();
    return 0;
}

static void assert_slice(struct gp_slice have, const char *want)
{
    if (!gp_slice_eq(have, gp_slice_of(want)))
        fail_msg("\"" GP_FMT "\", wanted \"%s\"", GP_ARG(have), want);
}

/* ---- vectors ---- */

struct vector {
    enum gp__digest digest;
    const char *mechanism, *nonce, *first, *server_first, *final, *server_final;
};

static const struct vector vectors[] = {
    {GP__SHA1, "SCRAM-SHA-1", "fyko+d2lbbFgONRv9qkxdawL", /* RFC 5802 section 5 */
     "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
     "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
     "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
     "v=rmF9pqV8S7suAoZWja4dJRkFsKQ="},
    {GP__SHA256, "SCRAM-SHA-256", "rOprNGfwEbeRWgbNEkqO", /* RFC 7677 section 3 */
     "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
     "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
     "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
     "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
     "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="},
};

static struct gp__client_scram *begin(const struct vector *vector, const char *user)
{
    struct gp__client_scram_settings settings = {
        .crypto = &crypto,
        .digest = vector->digest,
        .user = gp_slice_of(user),
        .password = GP_S("pencil"),
        .gs2 = GP_S("n,,"),
        .binding = GP_S(""),
        .nonce = gp_slice_of(vector->nonce),
    };

    return gp__client_scram_create(&settings);
}

static void test_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(vectors); i++) {
        struct gp__client_scram *scram = begin(&vectors[i], "user");
        struct gp_slice response;
        const char *why;

        assert_slice(gp__client_scram_first(scram), vectors[i].first);
        assert_int_equal(
            gp__client_scram_answer(scram, gp_slice_of(vectors[i].server_first), &response, &why),
            0);
        assert_slice(response, vectors[i].final);
        assert_false(gp__client_scram_verified(scram));
        assert_int_equal(
            gp__client_scram_answer(scram, gp_slice_of(vectors[i].server_final), &response, &why),
            0);
        assert_slice(response, "");
        assert_true(gp__client_scram_verified(scram));
        assert_int_equal(gp__client_scram_answer(scram, GP_S("v=x"), &response, &why), -1);
        assert_false(gp__client_scram_verified(scram));
        gp__client_scram_free(&scram);
    }
}

static void test_names(void **state)
{
    static const char *const none[] = {"", "a\x01", "\xff"};
    struct gp__client_scram *scram = begin(&vectors[1], "a=b,c");

    (void)state;
    assert_slice(gp__client_scram_first(scram), "n,,n=a=3Db=2Cc,r=rOprNGfwEbeRWgbNEkqO");
    gp__client_scram_free(&scram);
    for (size_t i = 0; i < COUNT(none); i++)
        assert_null(begin(&vectors[1], none[i]));
}

/* ---- servers that lie ---- */

#define NONCE "rOprNGfwEbeRWgbNEkqO"
#define SALT "s=W22ZaJ0SNY7soEsUEjb6gQ=="

static void test_challenges(void **state)
{
    static const struct {
        const char *challenge, *why; /* NULL: good */
    } rows[] = {
        {"r=" NONCE "x," SALT ",i=4096", NULL},
        {"r=" NONCE "x," SALT ",i=4096,x=extension", NULL},
        {"r=" NONCE "x," SALT ",i=1000000", NULL},
        {"r=" NONCE "x," SALT ",i=4095", "iterations"},
        {"r=" NONCE "x," SALT ",i=1000001", "iterations"},
        {"r=" NONCE "x," SALT ",i=99999999999999999999", "none of SCRAM"},
        {"r=" NONCE "x," SALT ",i=0", "none of SCRAM"},
        {"r=" NONCE "x," SALT ",i=-4096", "none of SCRAM"},
        {"r=" NONCE "x," SALT ",i=", "none of SCRAM"},
        {"r=" NONCE "x," SALT, "none of SCRAM"},
        {"r=" NONCE "x,s=,i=4096", "none of SCRAM"},
        {"r=" NONCE "x,s=A,i=4096", "none of SCRAM"},
        {"r=" NONCE "x,i=4096," SALT, "none of SCRAM"},
        {"m=new,r=" NONCE "x," SALT ",i=4096", "none of SCRAM"},
        {"r=" NONCE " x," SALT ",i=4096", "none of SCRAM"},
        {"r=" NONCE "," SALT ",i=4096", "somebody else"},
        {"r=" NONCE, "none of SCRAM"},
        {"r=rOprNGfwEbeRWgbNEkqPx," SALT ",i=4096", "somebody else"},
        {"r=x," SALT ",i=4096", "somebody else"},
        {"r=", "none of SCRAM"},
        {"e=unknown-user", "none of SCRAM"},
        {"", "none of SCRAM"},
        {",,,", "none of SCRAM"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct gp__client_scram *scram = begin(&vectors[1], "user");
        struct gp_slice response;
        const char *why;
        int result = gp__client_scram_answer(scram, gp_slice_of(rows[i].challenge), &response,
                                             &why);

        if (rows[i].why ? result == 0 || !strstr(why, rows[i].why) : result < 0)
            fail_msg("\"%s\": %d, %s", rows[i].challenge, result, why ? why : "-");
        assert_true(result == 0 || response.len == 0);
        gp__client_scram_free(&scram);
    }
}

static void test_long_challenge(void **state)
{
    struct gp__client_scram *scram = begin(&vectors[1], "user");
    char padding[2100];
    struct gp_slice response;
    const char *why;

    (void)state;
    memset(padding, 'x', sizeof padding - 1);
    padding[sizeof padding - 1] = '\0';
    assert_int_equal(gp__client_scram_answer(
                         scram, gp__arena_printf(arena, "r=" NONCE "%s," SALT ",i=4096", padding),
                         &response, &why),
                     -1);
    gp__client_scram_free(&scram);
}

static void test_signatures(void **state)
{
    static const struct {
        const char *challenge, *why;
    } rows[] = {
        {"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=,x=y", NULL},
        {"v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", "does not know the password"},
        {"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95A==", "does not know the password"},
        {"v=", "does not know the password"},
        {"v=====", "does not know the password"},
        {"", "does not know the password"},
        {"e=invalid-proof", "refused the login"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct gp__client_scram *scram = begin(&vectors[1], "user");
        struct gp_slice response;
        const char *why;
        int result;

        gp__client_scram_answer(scram, gp_slice_of(vectors[1].server_first), &response, &why);
        result = gp__client_scram_answer(scram, gp_slice_of(rows[i].challenge), &response, &why);
        if (rows[i].why ? result == 0 || !strstr(why, rows[i].why) : result < 0)
            fail_msg("\"%s\": %d, %s", rows[i].challenge, result, why ? why : "-");
        assert_int_equal(gp__client_scram_verified(scram), rows[i].why == NULL);
        gp__client_scram_free(&scram);
    }
}

/* ---- our own server ---- */

static bool log_in(enum gp__sasl_name name, const char *gs2, const char *binding,
                   const char *password)
{
    const struct gp__sasl_mechanism *mechanism = gp__sasl_mechanism(name);
    struct gp_session session = {.tls_exporter = GP_S("EXPORTER")};
    struct gp__sasl_context context = {
        .crypto = &crypto, .session = &session, .offers_binding = mechanism->binds};
    struct gp__sasl *server = gp__sasl_create(mechanism, &context);
    struct gp__client_scram_settings settings = {.crypto = &crypto,
                                                 .digest = mechanism->digest,
                                                 .user = GP_S("a,b=\xc3\xa9"),
                                                 .password = gp_slice_of(password),
                                                 .gs2 = gp_slice_of(gs2),
                                                 .binding = gp_slice_of(binding)};
    struct gp__client_scram *client = gp__client_scram_create(&settings);
    struct gp_slice response = gp__client_scram_first(client);
    const char *why;
    bool in;

    gp__sasl_respond(server, response);
    if (server->need == GP__SASL_SECRET)
        gp__sasl_answer(server, true,
                        gp__password_scram(arena, mechanism->digest, GP_S("secret\xc3\xa9"),
                                           GP_S("0123456789abcdef"), 4096));
    for (int i = 0; i < 2 && server->need == GP__SASL_RESPONSE; i++) {
        assert_int_equal(gp__client_scram_answer(client, server->challenge, &response, &why), 0);
        gp__sasl_respond(server, response);
    }
    in = server->need == GP__SASL_SUCCESS;
    assert_int_equal(gp__client_scram_verified(client), in);
    gp__client_scram_free(&client);
    gp__sasl_free(&server);
    return in;
}

static void test_own_server(void **state)
{
    (void)state;
    for (int sha = 0; sha < 2; sha++) {
        enum gp__sasl_name plain = sha ? GP__SASL_SCRAM_SHA_1 : GP__SASL_SCRAM_SHA_256;
        enum gp__sasl_name plus = sha ? GP__SASL_SCRAM_SHA_1_PLUS : GP__SASL_SCRAM_SHA_256_PLUS;

        assert_true(log_in(plain, "n,,", "", "secret\xc3\xa9"));
        assert_true(log_in(plain, "y,,", "", "secret\xc3\xa9"));
        assert_true(log_in(plain, "n,,", "", "secrete\xcc\x81")); /* the same, composed */
        assert_false(log_in(plain, "n,,", "", "secret"));
        assert_true(log_in(plus, "p=tls-exporter,,", "EXPORTER", "secret\xc3\xa9"));
        assert_false(log_in(plus, "p=tls-exporter,,", "ANOTHER", "secret\xc3\xa9"));
        assert_false(log_in(plus, "n,,", "", "secret\xc3\xa9"));
    }
}

/* ---- in a session ---- */

static struct gp__smtp_client_settings settings_of(const char *nonce, unsigned mechanisms)
{
    return (struct gp__smtp_client_settings){.hostname = GP_S("me.example"),
                                             .encrypted = true,
                                             .user = GP_S("user"),
                                             .password = GP_S("pencil"),
                                             .mechanisms = mechanisms,
                                             .crypto = &crypto,
                                             .nonce = gp_slice_of(nonce)};
}

/* Feeds a reply, whole or a byte at a time; what is said to it. */
static const char *say(struct gp__smtp_client *client, struct gp_slice reply, bool bytes)
{
    struct gp__buf *out = gp__smtp_client_output(client);
    struct gp_slice said;

    while (reply.len) {
        size_t n = bytes ? 1 : reply.len;

        gp__smtp_client_feed(client, gp_slice_sub(reply, 0, n));
        reply = gp_slice_sub(reply, n, reply.len);
        gp__smtp_client_step(client, 1);
    }
    said = gp__arena_printf(arena, GP_FMT, GP_ARG(gp__buf_slice(out)));
    gp__buf_clear(out);
    return said.data;
}

static struct gp_slice encoded(const char *before, const char *text)
{
    return gp__arena_printf(arena, "%s" GP_FMT "\r\n", before,
                            GP_ARG(gp__base64_encode(arena, gp_slice_of(text))));
}

static struct gp__smtp_client *greet(const struct gp__smtp_client_settings *settings,
                                     const char *offer, const char *exporter, const char **said_r)
{
    struct gp__smtp_client *client = gp__smtp_client_create(settings, 0);

    gp__smtp_client_bind(client, gp_slice_of(exporter));
    say(client, GP_S("220 x\r\n"), false);
    *said_r = say(client, gp__arena_printf(arena, "250-x\r\n250 AUTH %s\r\n", offer), false);
    return client;
}

static void test_session(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * COUNT(vectors); i++) {
        const struct vector *vector = &vectors[i / 2];
        struct gp__smtp_client_settings settings = settings_of(vector->nonce, 0);
        bool bytes = i % 2;
        const char *said;
        struct gp__smtp_client *client = greet(&settings, vector->mechanism, "", &said);
        struct gp_slice verb = gp__arena_printf(arena, "AUTH %s ", vector->mechanism);

        assert_slice(encoded(verb.data, vector->first), said);
        said = say(client, encoded("334 ", vector->server_first), bytes);
        assert_slice(encoded("", vector->final), said);
        said = say(client, encoded("334 ", vector->server_final), bytes);
        assert_string_equal(said, "\r\n");
        assert_false(gp__smtp_client_authenticated(client));
        say(client, GP_S("235 2.7.0 in\r\n"), bytes);
        assert_true(gp__smtp_client_authenticated(client));
        assert_int_equal(gp__smtp_client_step(client, 1), GP__SMTP_CLIENT_READY);
        gp__smtp_client_free(&client);
    }
}

/* From which reply on it is not the one of the vector; it ends there. */
static void test_lying_server(void **state)
{
    static const struct {
        const char *replies[3], *error;
    } rows[] = {
        {{"235 in\r\n"}, "without a proof"},
        {{NULL, "235 in\r\n"}, "without a proof"},
        {{NULL, "535 5.7.8 no\r\n"}, "refused the login"},
        {{NULL, NULL, "535 5.7.8 no\r\n"}, "refused the login"},
        {{NULL, NULL, "334 \r\n"}, "on and on"},
        {{"334 ***\r\n"}, "not base64"},
        {{"334 \r\n"}, "none of SCRAM"},
        {{"334-cj0=\r\n334 cj0=\r\n"}, "not base64"},
        {{NULL, "334 dj1BQUFB\r\n"}, "does not know the password"},
    };

    (void)state;
    for (size_t i = 0; i < 2 * COUNT(rows); i++) {
        const struct vector *vector = &vectors[1];
        const char *const usual[] = {vector->server_first, vector->server_final};
        struct gp__smtp_client_settings settings = settings_of(vector->nonce, 0);
        const char *said, *why;
        struct gp__smtp_client *client = greet(&settings, vector->mechanism, "", &said);

        for (size_t n = 0; n < 3; n++) {
            const char *reply = rows[i / 2].replies[n];

            say(client, reply ? gp_slice_of(reply) : encoded("334 ", usual[n % 2]), i % 2);
            if (reply)
                break;
        }
        why = gp__smtp_client_error(client);
        if (!why || !strstr(why, rows[i / 2].error))
            fail_msg("row %zu: %s", i / 2, why ? why : "no error");
        assert_false(gp__smtp_client_authenticated(client));
        assert_int_equal(gp__smtp_client_step(client, 1), GP__SMTP_CLIENT_CLOSED);
        gp__smtp_client_free(&client);
    }
}

/* ---- which mechanism ---- */

#define ALL "LOGIN PLAIN SCRAM-SHA-1 SCRAM-SHA-1-PLUS SCRAM-SHA-256 SCRAM-SHA-256-PLUS EXTERNAL X"

static void test_choice(void **state)
{
    static const struct {
        const char *offer, *exporter;
        unsigned mechanisms;
        const char *begin; /* of the command, with the gs2-header in base64; NULL: none */
    } rows[] = {
        {ALL, "EXPORTER", 0, "AUTH SCRAM-SHA-256-PLUS cD10bHMtZXhwb3J0ZXIsLG49"},
        {ALL, "", 0, "AUTH SCRAM-SHA-256 biwsbj1"},
        {"PLAIN SCRAM-SHA-256 SCRAM-SHA-1-PLUS", "EXPORTER", 0, "AUTH SCRAM-SHA-1-PLUS cD10bHM"},
        {"scram-sha-1 SCRAM-SHA-256", "EXPORTER", 0, "AUTH SCRAM-SHA-256 eSwsbj1"},
        {"PLAIN SCRAM-SHA-1", "", 0, "AUTH SCRAM-SHA-1 biwsbj1"},
        {"LOGIN PLAIN SCRAM-SHA-256-PLUS", "", 0, "AUTH PLAIN "},
        {"LOGIN", "EXPORTER", 0, "AUTH LOGIN\r\n"},
        {ALL, "EXPORTER", 1u << GP__SASL_PLAIN, "AUTH PLAIN "},
        {ALL, "EXPORTER", 1u << GP__SASL_LOGIN, "AUTH LOGIN\r\n"},
        {ALL, "EXPORTER", 1u << GP__SASL_SCRAM_SHA_1, "AUTH SCRAM-SHA-1 biws"},
        {"SCRAM-SHA-1", "EXPORTER", 1u << GP__SASL_SCRAM_SHA_1 | 1u << GP__SASL_SCRAM_SHA_1_PLUS,
         "AUTH SCRAM-SHA-1 eSws"},
        {"PLAIN", "EXPORTER", 1u << GP__SASL_SCRAM_SHA_256, NULL},
        {ALL, "", 1u << GP__SASL_SCRAM_SHA_256_PLUS, NULL},
        {"EXTERNAL OAUTHBEARER XOAUTH2", "EXPORTER", 0, NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct gp__smtp_client_settings settings = settings_of("x", rows[i].mechanisms);
        const char *said;
        struct gp__smtp_client *client = greet(&settings, rows[i].offer, rows[i].exporter, &said);

        if (rows[i].begin ? strncmp(said, rows[i].begin, strlen(rows[i].begin)) != 0
                          : !gp__smtp_client_error(client))
            fail_msg("row %zu: \"%s\"", i, said);
        gp__smtp_client_free(&client);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_vectors, setup, teardown),
        cmocka_unit_test_setup_teardown(test_names, setup, teardown),
        cmocka_unit_test_setup_teardown(test_challenges, setup, teardown),
        cmocka_unit_test_setup_teardown(test_long_challenge, setup, teardown),
        cmocka_unit_test_setup_teardown(test_signatures, setup, teardown),
        cmocka_unit_test_setup_teardown(test_own_server, setup, teardown),
        cmocka_unit_test_setup_teardown(test_session, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lying_server, setup, teardown),
        cmocka_unit_test_setup_teardown(test_choice, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
