// SPDX-License-Identifier: Apache-2.0
// Mechanisms alone: the vectors of their RFCs, what is malformed, what is wrong, and that a user who is not there
// costs as much as one who is.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/smtp/sasl.h"
#include "core/smtp/session.h"
#include "core/base/codec.h"
#include "core/runtime/crypto.h"
#include "sdk/kit/scram.h"

static struct gp_session session;
static struct gp__arena *arena;
static unsigned hashes, hmacs, randoms;

static void count_hash(enum gp__digest digest, struct gp_slice data, uint8_t out[GP__DIGEST_MAX])
{
    hashes++;
    gp__digest_hash(digest, data, out);
}

static void count_hmac(enum gp__digest digest, struct gp_slice key, struct gp_slice data,
                       uint8_t out[GP__DIGEST_MAX])
{
    hmacs++;
    gp__digest_hmac(digest, key, data, out);
}

static void count_random(void *arg, void *bytes, size_t len)
{
    (void)arg;
    memset(bytes, (int)++randoms, len);
}

static const struct gp__crypto crypto = {
    .hash = count_hash, .hmac = count_hmac, .random = count_random, .key = "of this process"};

static int setup(void **state)
{
    (void)state;
    arena = gp__arena_create();
    session = (struct gp_session){.refs = 1};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    gp__arena_free(&arena);
    gp__arena_pool_free();
    return 0;
}

static struct gp__sasl *begin(const char *name, bool offers_binding, const char *nonce)
{
    struct gp__sasl_context context = {.crypto = &crypto,
                                       .session = &session,
                                       .offers_binding = offers_binding,
                                       .nonce = gp_slice_of(nonce)};
    enum gp__sasl_name number;
    const struct gp__sasl_mechanism *mechanism = gp__sasl_find(gp_slice_of(name), &number);

    assert_non_null(mechanism);
    assert_ptr_equal(mechanism, gp__sasl_mechanism(number));
    return gp__sasl_create(mechanism, &context);
}

static enum gp__sasl_need respond(struct gp__sasl *sasl, struct gp_slice text)
{
    gp__sasl_respond(sasl, text);
    return sasl->need;
}

static void assert_slice(struct gp_slice have, const char *want)
{
    if (!gp_slice_eq(have, gp_slice_of(want)))
        fail_msg("\"" GP_FMT "\", wanted \"%s\"", GP_ARG(have), want);
}

static struct gp_slice secret_of(enum gp__digest digest, const char *password, struct gp_slice salt)
{
    return gp__password_scram(arena, digest, gp_slice_of(password), salt, 4096);
}

/* ---- SCRAM ---- */

static void test_vectors(void **state)
{
    static const struct {
        const char *mechanism, *client_nonce, *nonce, *salt;
        enum gp__digest digest;
        const char *server_first, *proof, *signature;
    } rows[] = {
        {"SCRAM-SHA-1", "fyko+d2lbbFgONRv9qkxdawL", "3rfcNHYJY1ZVvWVs7j", "QSXCR+Q6sek8bf92",
         GP__SHA1, /* RFC 5802 section 5 */
         "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
         "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
         "v=rmF9pqV8S7suAoZWja4dJRkFsKQ="},
        {"SCRAM-SHA-256", "rOprNGfwEbeRWgbNEkqO", "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
         "W22ZaJ0SNY7soEsUEjb6gQ==", GP__SHA256, /* RFC 7677 section 3 */
         "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
         "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
         "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
         "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct gp__sasl *sasl = begin(rows[i].mechanism, false, rows[i].nonce);
        struct gp_slice salt;

        assert_int_equal(gp__base64_decode(arena, gp_slice_of(rows[i].salt), &salt), 0);
        assert_int_equal(
            respond(sasl, gp__arena_printf(arena, "n,,n=user,r=%s", rows[i].client_nonce)),
            GP__SASL_SECRET);
        assert_slice(sasl->user, "user");
        gp__sasl_answer(sasl, true, secret_of(rows[i].digest, "pencil", salt));
        assert_int_equal(sasl->need, GP__SASL_RESPONSE);
        assert_slice(sasl->challenge, rows[i].server_first);
        assert_int_equal(respond(sasl, gp_slice_of(rows[i].proof)), GP__SASL_RESPONSE);
        assert_slice(sasl->challenge, rows[i].signature);
        assert_int_equal(respond(sasl, GP_S("")), GP__SASL_SUCCESS);
        assert_slice(sasl->user, "user");
        gp__sasl_free(&sasl);
    }
}

/* The secret of RFC 7677's example, as it is stored. */
static void test_stored_secret(void **state)
{
    struct gp_slice salt;

    (void)state;
    gp__base64_decode(arena, GP_S("W22ZaJ0SNY7soEsUEjb6gQ=="), &salt);
    assert_slice(secret_of(GP__SHA256, "pencil", salt),
                 "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
                 "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
                 "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=");
}

struct attempt {
    const char *mechanism, *gs2, *binding, *password;
    bool offers_binding, known;
};

/* A whole exchange; the need it ends with. */
static enum gp__sasl_need attempt(const struct attempt *a)
{
    struct gp__sasl *sasl = begin(a->mechanism, a->offers_binding, NULL);
    struct gp__kit_scram client = {.arena = arena,
                                   .digest = sasl->mechanism->digest,
                                   .gs2 = gp_slice_of(a->gs2),
                                   .binding = gp_slice_of(a->binding),
                                   .bare = GP_S("n=anna,r=abcdef"),
                                   .password = gp_slice_of(a->password)};
    enum gp__sasl_need need = respond(sasl, GP__ARENA_JOIN(arena, client.gs2, client.bare));

    if (need == GP__SASL_SECRET) {
        gp__sasl_answer(sasl, a->known,
                        a->known ? secret_of(client.digest, "secret", GP_S("0123456789abcdef"))
                                 : gp_slice(NULL, 0));
        assert_int_equal(sasl->need, GP__SASL_RESPONSE);
        need = respond(sasl, gp__kit_scram_final(&client, sasl->challenge));
        if (need == GP__SASL_RESPONSE) {
            assert_true(gp_slice_eq(gp_slice_sub(sasl->challenge, 2, sasl->challenge.len),
                                    client.signature));
            need = respond(sasl, GP_S(""));
        }
    }
    gp__sasl_free(&sasl);
    return need;
}

static void test_scram(void **state)
{
#define YES GP__SASL_SUCCESS
#define WRONG GP__SASL_WRONG
#define BAD GP__SASL_MALFORMED
    static const struct {
        struct attempt attempt;
        enum gp__sasl_need want;
    } rows[] = {
        {{"SCRAM-SHA-256", "n,,", "", "secret", false, true}, YES},
        {{"SCRAM-SHA-1", "n,,", "", "secret", false, true}, YES},
        {{"scram-sha-256", "y,,", "", "secret", false, true}, YES},
        {{"SCRAM-SHA-256", "n,a=anna,", "", "secret", false, true}, YES},
        {{"SCRAM-SHA-256", "n,,", "", "wrong", false, true}, WRONG},
        {{"SCRAM-SHA-256", "n,,", "", "secret", false, false}, WRONG},
        {{"SCRAM-SHA-256", "n,a=berta,", "", "secret", false, true}, WRONG},
        /* Somebody took -PLUS out of our offer: the client could, and says that we didn't. */
        {{"SCRAM-SHA-256", "y,,", "", "secret", true, true}, WRONG},
        {{"SCRAM-SHA-256", "n,,", "", "secret", true, true}, YES},
        {{"SCRAM-SHA-256-PLUS", "p=tls-exporter,,", "EXPORTER", "secret", true, true}, YES},
        {{"SCRAM-SHA-1-PLUS", "p=tls-exporter,,", "EXPORTER", "secret", true, true}, YES},
        {{"SCRAM-SHA-256-PLUS", "p=tls-server-end-point,,", "END", "secret", true, true}, YES},
        /* The client speaks TLS with somebody else. */
        {{"SCRAM-SHA-256-PLUS", "p=tls-exporter,,", "OTHER", "secret", true, true}, WRONG},
        {{"SCRAM-SHA-256-PLUS", "p=tls-server-end-point,,", "EXPORTER", "secret", true, true},
         WRONG},
        {{"SCRAM-SHA-256-PLUS", "p=tls-unique,,", "X", "secret", true, true}, WRONG},
        {{"SCRAM-SHA-256-PLUS", "n,,", "", "secret", true, true}, WRONG},
        {{"SCRAM-SHA-256-PLUS", "y,,", "", "secret", true, true}, WRONG},
        {{"SCRAM-SHA-256", "p=tls-exporter,,", "EXPORTER", "secret", true, true}, WRONG},
        {{"SCRAM-SHA-256", "x,,", "", "secret", false, true}, BAD},
        {{"SCRAM-SHA-256", "nn,,", "", "secret", false, true}, BAD},
        {{"SCRAM-SHA-256", "n,b=x,", "", "secret", false, true}, BAD},
        {{"SCRAM-SHA-256", "n,a=,", "", "secret", false, true}, BAD},
        {{"SCRAM-SHA-256", "p=,,", "", "secret", false, true}, BAD},
        {{"SCRAM-SHA-256", "n,", "", "secret", false, true}, BAD},
        {{"SCRAM-SHA-256", "", "", "secret", false, true}, BAD},
    };

    (void)state;
    session.tls_exporter = GP_S("EXPORTER");
    session.tls_server_end_point = GP_S("END");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (attempt(&rows[i].attempt) != rows[i].want)
            fail_msg("row %zu: %d", i, attempt(&rows[i].attempt));
    session.tls_exporter = gp_slice(NULL, 0);
    assert_int_equal(attempt(&rows[9].attempt), WRONG);
}

static void test_scram_first(void **state)
{
    static const struct {
        struct gp_slice message;
        enum gp__sasl_need want;
        const char *user;
    } rows[] = {
        {GP_S("n,,n=a=2Cb=3Dc,r=x"), GP__SASL_SECRET, "a,b=c"},
        {GP_S("n,,n=user,r=x,ext=1"), GP__SASL_SECRET, "user"},
        {GP_S("n,,n=\xc2\xaa,r=x"), GP__SASL_SECRET, "a"}, /* RFC 4013 section 3 */
        {GP_S("n,,m=x,n=user,r=x"), BAD, ""},
        {GP_S("n,,n=user"), BAD, ""},
        {GP_S("n,,n=user,r="), BAD, ""},
        {GP_S("n,,n=user,r=a b"), BAD, ""},
        {GP_S("n,,n=a=2cb,r=x"), BAD, ""},
        {GP_S("n,,n=a=,r=x"), BAD, ""},
        {GP_S("n,,n=a\0b,r=x"), BAD, ""},
        {GP_S("n,,r=x,n=user"), BAD, ""},
        {GP_S("n,,n=,r=x"), WRONG, ""},
        {GP_S("n,,n=\xff,r=x"), WRONG, ""},
        {GP_S(""), BAD, ""},
    };
    char nonce[300];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct gp__sasl *sasl = begin("SCRAM-SHA-256", false, NULL);

        if (respond(sasl, rows[i].message) != rows[i].want)
            fail_msg("row %zu: %d", i, sasl->need);
        if (sasl->need == GP__SASL_SECRET)
            assert_slice(sasl->user, rows[i].user);
        gp__sasl_free(&sasl);
    }
    memset(nonce, 'x', sizeof nonce);
    for (int len = 128; len < 130; len++) { /* a bound that is reached */
        struct gp__sasl *sasl = begin("SCRAM-SHA-256", false, NULL);

        respond(sasl, gp__arena_printf(arena, "n,,n=user,r=%.*s", len, nonce));
        assert_int_equal(sasl->need, len == 128 ? GP__SASL_SECRET : BAD);
        gp__sasl_free(&sasl);
    }
}

static void test_scram_final(void **state)
{
    static const struct {
        const char *message;
        enum gp__sasl_need want;
    } rows[] = {
        {"", BAD},
        {"c=biws", BAD},
        {"c=biws,r=xN", BAD},
        {"c=biws,r=xN,p=!", BAD},
        {"c=biws,r=xN,p=AAAA", BAD},
        {"c=!,r=xN,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=", BAD},
        {"r=xN,c=biws,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=", BAD},
        {"c=biws,r=xN,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=,x=1", BAD},
        {"c=biws,r=xN,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=", WRONG},
        {"c=biws,r=xM,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=", WRONG},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct gp__sasl *sasl = begin("SCRAM-SHA-1", false, "N");

        assert_int_equal(respond(sasl, GP_S("n,,n=user,r=x")), GP__SASL_SECRET);
        gp__sasl_answer(sasl, true, secret_of(GP__SHA1, "secret", GP_S("salt")));
        if (respond(sasl, gp_slice_of(rows[i].message)) != rows[i].want)
            fail_msg("row %zu: %d", i, sasl->need);
        gp__sasl_free(&sasl);
    }
}

/* A stored secret that can't be read is that of nobody. */
static void test_bad_secrets(void **state)
{
    static const char *const secrets[] = {
        "",
        "SCRAM-SHA-256",
        "SCRAM-SHA-256$4096",
        "SCRAM-SHA-256$0:c2FsdA==$AAAA:AAAA",
        "SCRAM-SHA-256$4096:c2FsdA==$AAAA:AAAA",
        "SCRAM-SHA-1$4096:c2FsdA==$AAAA:AAAA",
        ("SCRAM-SHA-256$4096:$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
         "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=")};

    (void)state;
    for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++) {
        struct gp__sasl *sasl = begin("SCRAM-SHA-256", false, NULL);

        assert_int_equal(respond(sasl, GP_S("n,,n=user,r=x")), GP__SASL_SECRET);
        gp__sasl_answer(sasl, true, gp_slice_of(secrets[i]));
        assert_int_equal(sasl->need, GP__SASL_RESPONSE);
        assert_true(gp_slice_ends(sasl->challenge, GP_S(",i=10000")));
        gp__sasl_free(&sasl);
    }
}

/* ---- users that are not there ---- */

struct seen {
    struct gp_slice salt, iterations;
    unsigned hashes, hmacs;
    size_t length;
};

static struct seen look(const char *user, bool known, struct gp_slice secret)
{
    struct gp__sasl *sasl = begin("SCRAM-SHA-256", false, NULL);
    struct gp__kit_scram client = {.arena = arena,
                                   .digest = GP__SHA256,
                                   .gs2 = GP_S("n,,"),
                                   .binding = GP_S(""),
                                   .bare = gp__arena_printf(arena, "n=%s,r=x", user),
                                   .password = GP_S("wrong")};
    struct seen seen;

    respond(sasl, GP__ARENA_JOIN(arena, client.gs2, client.bare));
    hashes = hmacs = 0;
    gp__sasl_answer(sasl, known, secret);
    seen.salt = gp__arena_dup(arena, gp__kit_scram_attribute(sasl->challenge, 's'));
    seen.iterations = gp__arena_dup(arena, gp__kit_scram_attribute(sasl->challenge, 'i'));
    seen.length = sasl->challenge.len;
    hmacs -= hmacs && !known ? 1 : 0; /* the one that makes the salt, against a look-up's work */
    assert_int_equal(respond(sasl, gp__kit_scram_final(&client, sasl->challenge)), GP__SASL_WRONG);
    seen.hashes = hashes;
    seen.hmacs = hmacs;
    gp__sasl_free(&sasl);
    return seen;
}

static void test_unknown_users(void **state)
{
    struct gp_slice secret = secret_of(GP__SHA256, "secret", GP_S("0123456789abcdef"));
    struct seen known = look("anna", true, secret), unknown = look("berta", false, secret);
    struct seen again = look("berta", false, gp_slice(NULL, 0)),
                other = look("carla", false, secret);

    (void)state;
    assert_int_equal(known.hashes, unknown.hashes);
    assert_int_equal(known.hmacs, unknown.hmacs);
    assert_int_equal(known.length, unknown.length);
    assert_true(gp_slice_eq(known.iterations, unknown.iterations)); /* as the model has them */
    assert_slice(again.iterations, "10000");
    assert_true(gp_slice_eq(unknown.salt, again.salt));  /* a name has one salt, */
    assert_false(gp_slice_eq(unknown.salt, other.salt)); /* and its own */
}

/* ---- the others ---- */

static void test_plain(void **state)
{
    static const struct {
        struct gp_slice message;
        enum gp__sasl_need want;
    } rows[] = {
        {GP_S("\0user\0pass"), GP__SASL_PASSWORD},
        {GP_S("user\0user\0pass"), GP__SASL_PASSWORD},
        {GP_S("other\0user\0pass"), WRONG},
        {GP_S("\0user\0"), BAD},
        {GP_S("\0\0pass"), BAD},
        {GP_S("\0user"), BAD},
        {GP_S("user"), BAD},
        {GP_S(""), BAD},
        {GP_S("\0user\0pa\0ss"), BAD},
        {GP_S("\0user\0pass\0"), BAD},
        {GP_S("\0us\x01er\0pass"), WRONG},
        {GP_S("\0user\0pa\x7fss"), WRONG},
        {GP_S("\0user\0\xff"), WRONG},
        {GP_S("\0\xc2\xad\0pass"), WRONG}, /* a soft hyphen is nothing, and so no name */
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct gp__sasl *sasl = begin("PLAIN", false, NULL);

        if (respond(sasl, rows[i].message) != rows[i].want)
            fail_msg("row %zu: %d", i, sasl->need);
        if (sasl->need == GP__SASL_PASSWORD) {
            assert_slice(sasl->user, "user");
            assert_slice(sasl->secret, "pass");
            gp__sasl_answer(sasl, i == 0, GP_S(""));
            assert_int_equal(sasl->need, i == 0 ? GP__SASL_SUCCESS : WRONG);
        }
        gp__sasl_free(&sasl);
    }
}

static void test_plain_limits(void **state)
{
    static const struct {
        int user, password;
        enum gp__sasl_need want;
    } rows[] = {{255, 500, GP__SASL_PASSWORD}, {256, 500, WRONG}, {255, 501, WRONG}};
    char text[600];

    (void)state;
    memset(text, 'a', sizeof text);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct gp__sasl *sasl = begin("PLAIN", false, NULL);
        struct gp_slice nul = GP_S("\0");

        respond(sasl, GP__ARENA_JOIN(arena, nul, gp_slice(text, (size_t)rows[i].user), nul,
                                     gp_slice(text, (size_t)rows[i].password)));
        assert_int_equal(sasl->need, rows[i].want);
        gp__sasl_free(&sasl);
    }
}

static void test_login(void **state)
{
    struct gp__sasl *sasl = begin("LOGIN", false, NULL);

    (void)state;
    assert_int_equal(respond(sasl, GP_S("")), GP__SASL_RESPONSE);
    assert_slice(sasl->challenge, "Username:");
    assert_int_equal(respond(sasl, GP_S("user")), GP__SASL_RESPONSE);
    assert_slice(sasl->challenge, "Password:");
    assert_int_equal(respond(sasl, GP_S("pass")), GP__SASL_PASSWORD);
    assert_slice(sasl->user, "user");
    assert_slice(sasl->secret, "pass");
    gp__sasl_answer(sasl, true, GP_S("user@example.org")); /* the backend's name for it */
    assert_int_equal(sasl->need, GP__SASL_SUCCESS);
    assert_slice(sasl->user, "user@example.org");
    gp__sasl_free(&sasl);

    sasl = begin("LOGIN", false, NULL); /* the name as initial response */
    assert_int_equal(respond(sasl, GP_S("user")), GP__SASL_RESPONSE);
    assert_slice(sasl->challenge, "Password:");
    assert_int_equal(respond(sasl, GP_S("")), WRONG);
    gp__sasl_free(&sasl);

    sasl = begin("LOGIN", false, NULL);
    respond(sasl, GP_S(""));
    assert_int_equal(respond(sasl, GP_S("us\0er")), BAD);
    gp__sasl_free(&sasl);
}

static void test_external(void **state)
{
    static const struct {
        struct gp_slice certificate, message;
        enum gp__sasl_need want;
    } rows[] = {
        {GP_S("client.example"), GP_S(""), YES},
        {GP_S("client.example"), GP_S("client.example"), YES},
        {GP_S("client.example"), GP_S("other.example"), WRONG},
        {GP_S("client.example"), GP_S("client.example\0"), BAD},
        {GP_S(""), GP_S(""), WRONG},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct gp__sasl *sasl = begin("EXTERNAL", false, NULL);

        session.tls_client_name = rows[i].certificate;
        assert_int_equal(respond(sasl, rows[i].message), rows[i].want);
        if (rows[i].want == YES)
            assert_slice(sasl->user, "client.example");
        gp__sasl_free(&sasl);
    }
}

static void test_oauth(void **state)
{
    static const struct {
        const char *mechanism;
        struct gp_slice message;
        enum gp__sasl_need want;
        const char *user;
    } rows[] = {
        /* RFC 7628 section 4.1 */
        {"OAUTHBEARER",
         GP_S("n,a=user@example.com,\1host=server.example.com\1port=143\1"
              "auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\1\1"),
         GP__SASL_TOKEN, "user@example.com"},
        {"OAUTHBEARER", GP_S("n,,\1auth=bearer abc\1\1"), GP__SASL_TOKEN, ""},
        {"OAUTHBEARER", GP_S("y,,\1auth=Bearer abc\1\1"), GP__SASL_TOKEN, ""},
        {"OAUTHBEARER", GP_S("p=tls-exporter,,\1auth=Bearer abc\1\1"), BAD, ""},
        {"OAUTHBEARER", GP_S("n,,\1\1"), BAD, ""},
        {"OAUTHBEARER", GP_S("n,,\1auth=Bearer abc\1"), BAD, ""},
        {"OAUTHBEARER", GP_S("n,,\1auth=Bearer abc\1\1x"), BAD, ""},
        {"OAUTHBEARER", GP_S("n,,\1auth=Bearer \1\1"), BAD, ""},
        {"OAUTHBEARER", GP_S("n,,\1auth=Bearer a b\1\1"), BAD, ""},
        {"OAUTHBEARER", GP_S("n,,\1auth=Basic abc\1\1"), BAD, ""},
        {"OAUTHBEARER", GP_S("n,,\1auth=Bearer a\1auth=Bearer b\1\1"), BAD, ""},
        {"OAUTHBEARER", GP_S("n,,\1noequals\1auth=Bearer a\1\1"), BAD, ""},
        {"OAUTHBEARER", GP_S("n,,auth=Bearer abc\1\1"), BAD, ""},
        {"OAUTHBEARER", GP_S("n,a=\xff,\1auth=Bearer abc\1\1"), WRONG, ""},
        {"OAUTHBEARER", GP_S(""), BAD, ""},
        {"XOAUTH2", GP_S("user=someuser@example.com\1auth=Bearer ya29.vF9dft4qmTc2Nvb3RlckB\1\1"),
         GP__SASL_TOKEN, "someuser@example.com"},
        {"XOAUTH2", GP_S("auth=Bearer abc\1\1"), BAD, ""},
        {"XOAUTH2", GP_S("user=a\1\1"), BAD, ""},
        {"XOAUTH2", GP_S("user=a\1auth=Bearer abc"), BAD, ""},
        {"XOAUTH2", GP_S(""), BAD, ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct gp__sasl *sasl = begin(rows[i].mechanism, false, NULL);

        if (respond(sasl, rows[i].message) != rows[i].want)
            fail_msg("row %zu: %d", i, sasl->need);
        if (sasl->need == GP__SASL_TOKEN) {
            assert_slice(sasl->user, rows[i].user);
            gp__sasl_answer(sasl, true, GP_S("anna"));
            assert_int_equal(sasl->need, YES);
            assert_slice(sasl->user, "anna");
        }
        gp__sasl_free(&sasl);
    }
}

/* What is wrong is said in JSON, and the client's dummy response ends it. */
static void test_oauth_failure(void **state)
{
    static const char *const names[] = {"OAUTHBEARER", "XOAUTH2"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct gp__sasl *sasl = begin(names[i], false, NULL);

        respond(sasl,
                i == 0 ? GP_S("n,,\1auth=Bearer abc\1\1") : GP_S("user=a\1auth=Bearer abc\1\1"));
        gp__sasl_answer(sasl, false, gp_slice(NULL, 0));
        assert_int_equal(sasl->need, GP__SASL_RESPONSE);
        assert_true(gp_slice_starts(sasl->challenge, GP_S("{\"status\":\"")));
        assert_int_equal(respond(sasl, i == 0 ? GP_S("\1") : GP_S("")), WRONG);
        gp__sasl_free(&sasl);
    }
    for (size_t i = 0; i < 2; i++) { /* a token that is nobody's in particular */
        struct gp__sasl *sasl = begin("OAUTHBEARER", false, NULL);

        respond(sasl, i ? GP_S("n,a=x,\1auth=Bearer abc\1\1") : GP_S("n,,\1auth=Bearer abc\1\1"));
        gp__sasl_answer(sasl, true, gp_slice(NULL, 0));
        assert_int_equal(sasl->need, i ? YES : WRONG);
        gp__sasl_free(&sasl);
    }
}

static void test_out_of_turn(void **state)
{
    struct gp__sasl *sasl = begin("PLAIN", false, NULL);

    (void)state;
    gp__sasl_answer(sasl, true, GP_S("x")); /* nothing was asked */
    assert_int_equal(sasl->need, GP__SASL_RESPONSE);
    respond(sasl, GP_S("\0user\0pass"));
    assert_int_equal(respond(sasl, GP_S("\0user\0pass")), GP__SASL_PASSWORD);
    gp__sasl_free(&sasl);
    gp__sasl_free(&sasl);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_vectors, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stored_secret, setup, teardown),
        cmocka_unit_test_setup_teardown(test_scram, setup, teardown),
        cmocka_unit_test_setup_teardown(test_scram_first, setup, teardown),
        cmocka_unit_test_setup_teardown(test_scram_final, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_secrets, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unknown_users, setup, teardown),
        cmocka_unit_test_setup_teardown(test_plain, setup, teardown),
        cmocka_unit_test_setup_teardown(test_plain_limits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_login, setup, teardown),
        cmocka_unit_test_setup_teardown(test_external, setup, teardown),
        cmocka_unit_test_setup_teardown(test_oauth, setup, teardown),
        cmocka_unit_test_setup_teardown(test_oauth_failure, setup, teardown),
        cmocka_unit_test_setup_teardown(test_out_of_turn, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
