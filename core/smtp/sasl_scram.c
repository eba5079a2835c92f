// SPDX-License-Identifier: Apache-2.0
/*
 * SCRAM (RFC 5802, RFC 7677) with and without channel binding (tls-exporter, RFC 9266;
 * tls-server-end-point, RFC 5929). The server keeps StoredKey and ServerKey, never the password.
 *
 * For a user that is not there everything is done all the same, with a salt that depends on the
 * name and a key of this process: neither the messages nor the work tell who exists.
 */
#include "core/smtp/sasl.h"

#include "core/base/codec.h"
#include "core/smtp/session.h"
#include "core/smtp/text.h"

#define NONCE_BYTES 18u /* 24 characters */
#define NONCE_MAX 128u  /* of a client */
#define MESSAGE_MAX 2048u
#define SALT_MAX 64u
#define FAKE_SALT 16u
#define ITERATIONS_MAX 10000000

enum scram_step {
    SCRAM_BEGIN = 0,
    SCRAM_PROOF,
    SCRAM_DONE, /* the client has our signature; its response is empty */
};

struct gp__scram {
    struct gp_slice gs2, first_bare, server_first, nonce;
    struct gp_slice salt, stored_key, server_key; /* decoded */
    struct gp_slice binding;                      /* the bytes that the client must repeat */
    int64_t iterations;
    bool known;
};

static void wrong(struct gp__sasl *sasl)
{
    gp__sasl_need(sasl, GP__SASL_WRONG);
}

static void malformed(struct gp__sasl *sasl)
{
    gp__sasl_need(sasl, GP__SASL_MALFORMED);
}

/* ---- channel binding ---- */

/* Whether what the client says of bindings is what a client says that saw our real EHLO reply
 * (RFC 5802 section 6): "y" is "I could, but you did not offer it", which somebody between us may
 * have arranged. */
static bool check_binding(struct gp__sasl *sasl, const struct gp__gs2 *gs2)
{
    const struct gp_session *session = sasl->context.session;
    struct gp_slice bytes = gp_slice(NULL, 0);

    sasl->scram->binding = GP_S("");
    if (!sasl->mechanism->binds)
        return gs2->flag == 'n' || (gs2->flag == 'y' && !sasl->context.offers_binding);
    if (gs2->flag != 'p')
        return false;
    if (gp_slice_eq(gs2->binding, GP_S("tls-exporter")))
        bytes = session->tls_exporter;
    else if (gp_slice_eq(gs2->binding, GP_S("tls-server-end-point")))
        bytes = session->tls_server_end_point;
    sasl->scram->binding = bytes;
    return gp_slice_present(bytes);
}

/* ---- the client's first message ---- */

/* "X=value" */
static bool attribute(struct gp_slice *rest, char name, struct gp_slice *value_r)
{
    struct gp_slice item = gp_slice_present(*rest) ? gp_slice_split(rest, ',') : GP_S("");

    if (item.len < 2 || item.data[0] != name || item.data[1] != '=')
        return false;
    *value_r = gp_slice_sub(item, 2, item.len);
    return true;
}

static bool nonce_ok(struct gp_slice nonce)
{
    for (size_t i = 0; i < nonce.len; i++)
        if (nonce.data[i] < '!' || nonce.data[i] > '~' || nonce.data[i] == ',')
            return false;
    return nonce.len > 0 && nonce.len <= NONCE_MAX;
}

static struct gp_slice make_nonce(struct gp__sasl *sasl, struct gp_slice client)
{
    char bytes[NONCE_BYTES];
    struct gp_slice own = sasl->context.nonce;

    if (!gp_slice_present(own)) {
        sasl->context.crypto->random(sasl->context.crypto->arg, bytes, sizeof bytes);
        own = gp__base64_encode(sasl->arena, gp_slice(bytes, sizeof bytes));
    }
    return GP__ARENA_JOIN(sasl->arena, client, own);
}

/* gs2-header [ "m=" ... ] "n=" saslname ",r=" nonce [ "," extensions ]: a mandatory extension is
 * one that we don't know, and so a failure. */
static void first(struct gp__sasl *sasl, struct gp_slice message)
{
    struct gp__scram *scram = sasl->scram = GP__ARENA_NEW(sasl->arena, struct gp__scram);
    struct gp_slice bare, rest, escaped, name, nonce;
    struct gp__gs2 gs2;

    message = gp__arena_dup(sasl->arena, message);
    if (message.len > MESSAGE_MAX || gp__sasl_gs2(sasl->arena, message, &gs2, &bare) < 0) {
        malformed(sasl);
        return;
    }
    rest = bare;
    if (!attribute(&rest, 'n', &escaped) || !attribute(&rest, 'r', &nonce) || !nonce_ok(nonce) ||
        gp__sasl_unescape(sasl->arena, escaped, &name) < 0) {
        malformed(sasl);
        return;
    }
    scram->gs2 = gs2.header;
    scram->first_bare = bare;
    scram->nonce = make_nonce(sasl, nonce);
    if (!check_binding(sasl, &gs2) || !gp__sasl_set_user(sasl, name) ||
        (gs2.authzid.len && !gp_slice_eq(gs2.authzid, name)))
        wrong(sasl);
    else
        gp__sasl_need(sasl, GP__SASL_SECRET);
}

/* ---- the stored secret ---- */

/* "SCRAM-SHA-256$ITERATIONS:SALT$STOREDKEY:SERVERKEY" (RFC 5803 section 2) */
static int read_secret(struct gp__sasl *sasl, struct gp_slice text)
{
    struct gp__scram *scram = sasl->scram;
    size_t len = gp__digest_len(sasl->mechanism->digest);
    struct gp_slice name = gp_slice_split(&text, '$'), salt, keys = text, stored;

    salt = gp_slice_present(keys) ? gp_slice_split(&keys, '$') : GP_S("");
    stored = gp_slice_present(keys) ? gp_slice_split(&keys, ':') : GP_S("");
    if (!gp_slice_present(keys) || !gp_slice_caseeq(name, sasl->mechanism->stored) ||
        gp_slice_to_int(gp_slice_split(&salt, ':'), 1, ITERATIONS_MAX, &scram->iterations) < 0)
        return -1;
    if (gp__base64_decode(sasl->arena, salt, &scram->salt) < 0 || scram->salt.len == 0 ||
        scram->salt.len > SALT_MAX ||
        gp__base64_decode(sasl->arena, stored, &scram->stored_key) < 0 ||
        gp__base64_decode(sasl->arena, keys, &scram->server_key) < 0)
        return -1;
    return scram->stored_key.len == len && scram->server_key.len == len ? 0 : -1;
}

/* The same for the same name, as a real one is, and as long. */
static struct gp_slice fake_salt(struct gp__sasl *sasl, size_t len)
{
    const struct gp__crypto *crypto = sasl->context.crypto;
    struct gp_slice what = GP__ARENA_JOIN(sasl->arena, sasl->mechanism->stored, GP_S(":"),
                                          sasl->user);
    uint8_t salt[GP__DIGEST_MAX];

    crypto->hmac(GP__SHA256, gp_slice((const char *)crypto->key, sizeof crypto->key), what, salt);
    return gp__arena_dup(sasl->arena,
                         gp_slice((const char *)salt, len < sizeof salt ? len : sizeof salt));
}

/* A secret that no password fits. */
static void make_up_secret(struct gp__sasl *sasl, struct gp_slice like)
{
    struct gp__scram *scram = sasl->scram;
    size_t len = gp__digest_len(sasl->mechanism->digest);
    bool has_model = read_secret(sasl, like) == 0;
    char *key = gp__arena_bytes(sasl->arena, len);

    sasl->context.crypto->random(sasl->context.crypto->arg, key, len);
    scram->salt = fake_salt(sasl, has_model ? scram->salt.len : FAKE_SALT);
    if (!has_model)
        scram->iterations = GP__SASL_SCRAM_ITERATIONS;
    scram->stored_key = scram->server_key = gp_slice(key, len);
}

void gp__sasl_scram_answer(struct gp__sasl *sasl, bool found, struct gp_slice value)
{
    struct gp__scram *scram = sasl->scram;
    struct gp__text text;

    scram->known = found && read_secret(sasl, value) == 0;
    if (!scram->known)
        make_up_secret(sasl, found ? GP_S("") : value);
    text.len = 0;
    gp__text_add(&text, GP_S("r="));
    gp__text_add(&text, scram->nonce);
    gp__text_add(&text, GP_S(",s="));
    gp__text_add(&text, gp__base64_encode(sasl->arena, scram->salt));
    gp__text_add(&text, GP_S(",i="));
    gp__text_add_number(&text, (uint64_t)scram->iterations);
    scram->server_first = gp__arena_dup(sasl->arena, gp__text_slice(&text));
    sasl->step = SCRAM_PROOF;
    gp__sasl_challenge(sasl, scram->server_first);
}

/* ---- the client's final message ---- */

static struct gp_slice hmac(struct gp__sasl *sasl, struct gp_slice key, struct gp_slice data)
{
    enum gp__digest digest = sasl->mechanism->digest;
    uint8_t *out = gp__arena_alloc(sasl->arena, GP__DIGEST_MAX);

    sasl->context.crypto->hmac(digest, key, data, out);
    return gp_slice((const char *)out, gp__digest_len(digest));
}

/* Whether the proof is one of who knows the password (RFC 5802 section 3). */
static bool proof_ok(struct gp__sasl *sasl, struct gp_slice proof, struct gp_slice auth_message)
{
    struct gp__scram *scram = sasl->scram;
    struct gp_slice signature = hmac(sasl, scram->stored_key, auth_message);
    uint8_t key[GP__DIGEST_MAX], hash[GP__DIGEST_MAX];
    bool equal;

    for (size_t i = 0; i < proof.len; i++)
        key[i] = (uint8_t)(proof.data[i] ^ signature.data[i]);
    sasl->context.crypto->hash(sasl->mechanism->digest, gp_slice((const char *)key, proof.len),
                               hash);
    equal = gp__secret_equal(gp_slice((const char *)hash, proof.len), scram->stored_key);
    explicit_bzero(key, sizeof key);
    return equal && scram->known;
}

/* Whether "c=" repeats the gs2-header and the binding of this very channel. */
static bool channel_ok(struct gp__sasl *sasl, struct gp_slice said)
{
    struct gp__scram *scram = sasl->scram;

    return gp__secret_equal(said, GP__ARENA_JOIN(sasl->arena, scram->gs2, scram->binding));
}

static void sign(struct gp__sasl *sasl, struct gp_slice auth_message)
{
    struct gp_slice signature = hmac(sasl, sasl->scram->server_key, auth_message);

    sasl->step = SCRAM_DONE;
    gp__sasl_challenge(
        sasl, GP__ARENA_JOIN(sasl->arena, GP_S("v="), gp__base64_encode(sasl->arena, signature)));
}

/* "c=" base64 ",r=" nonce [ "," extensions ] ",p=" base64 */
static void final(struct gp__sasl *sasl, struct gp_slice message)
{
    struct gp__scram *scram = sasl->scram;
    size_t comma = gp_slice_rfind(message, ',');
    struct gp_slice without_proof = gp_slice_sub(message, 0, comma), rest = without_proof;
    struct gp_slice last = gp_slice_sub(message, comma + 1, message.len);
    struct gp_slice encoded, nonce, channel, encoded_proof, proof, auth_message;
    bool right;

    if (message.len > MESSAGE_MAX || !attribute(&rest, 'c', &encoded) ||
        !attribute(&rest, 'r', &nonce) || !attribute(&last, 'p', &encoded_proof) ||
        gp__base64_decode(sasl->arena, encoded, &channel) < 0 ||
        gp__base64_decode(sasl->arena, encoded_proof, &proof) < 0 ||
        proof.len != gp__digest_len(sasl->mechanism->digest)) {
        malformed(sasl);
        return;
    }
    auth_message = GP__ARENA_JOIN(sasl->arena, scram->first_bare, GP_S(","), scram->server_first,
                                  GP_S(","), without_proof);
    right = proof_ok(sasl, proof, auth_message);
    if (right && gp__secret_equal(nonce, scram->nonce) && channel_ok(sasl, channel))
        sign(sasl, auth_message);
    else
        wrong(sasl);
}

void gp__sasl_scram_respond(struct gp__sasl *sasl, struct gp_slice response)
{
    switch ((enum scram_step)sasl->step) {
    case SCRAM_BEGIN:
        first(sasl, response);
        return;
    case SCRAM_PROOF:
        final(sasl, response);
        return;
    case SCRAM_DONE:
        gp__sasl_need(sasl, response.len ? GP__SASL_MALFORMED : GP__SASL_SUCCESS);
    }
}
