// SPDX-License-Identifier: Apache-2.0
#include "core/smtp/client_scram.h"

#include "core/base/codec.h"
#include "core/base/saslprep.h"

#define NONCE_BYTES 18u   /* 24 characters */
#define MESSAGE_MAX 2048u /* of a server */
#define SALT_MAX 1024u

enum step {
    STEP_FIRST = 0, /* our first message is under way */
    STEP_FINAL,     /* our proof is */
    STEP_VERIFIED,
    STEP_OVER,
};

struct gp__client_scram {
    struct gp__arena *arena; /* keeps secrets; this is in it, too */
    const struct gp__crypto *crypto;
    enum gp__digest digest;
    enum step step;
    struct gp_slice password, nonce, gs2, binding, first_bare;
    struct gp_slice server_signature;
};

/* ---- the first message ---- */

/* A saslname (RFC 5802 section 5.1). */
static struct gp_slice escape(struct gp__arena *arena, struct gp_slice name)
{
    char *out = gp__arena_bytes(arena, 3 * name.len + 1);
    size_t n = 0;

    for (size_t i = 0; i < name.len; i++) {
        if (name.data[i] != ',' && name.data[i] != '=') {
            out[n++] = name.data[i];
            continue;
        }
        memcpy(out + n, name.data[i] == ',' ? "=2C" : "=3D", 3);
        n += 3;
    }
    return gp_slice(out, n);
}

static struct gp_slice make_nonce(struct gp__client_scram *scram)
{
    char bytes[NONCE_BYTES];

    scram->crypto->random(scram->crypto->arg, bytes, sizeof bytes);
    return gp__base64_encode(scram->arena, gp_slice(bytes, sizeof bytes));
}

struct gp__client_scram *gp__client_scram_create(const struct gp__client_scram_settings *settings)
{
    struct gp__arena *arena = gp__arena_create();
    struct gp__client_scram *scram = GP__ARENA_NEW(arena, struct gp__client_scram);
    struct gp_slice user;

    gp__arena_keep_secret(arena);
    scram->arena = arena;
    scram->crypto = settings->crypto;
    scram->digest = settings->digest;
    if (gp__saslprep(arena, settings->user, &user) < 0 || user.len == 0 ||
        gp__saslprep(arena, settings->password, &scram->password) < 0 || scram->password.len == 0) {
        gp__client_scram_free(&scram);
        return NULL;
    }
    scram->gs2 = gp__arena_dup(arena, settings->gs2);
    scram->binding = gp__arena_dup(arena, settings->binding);
    scram->nonce = gp_slice_present(settings->nonce) ? gp__arena_dup(arena, settings->nonce)
                                                     : make_nonce(scram);
    scram->first_bare = GP__ARENA_JOIN(arena, GP_S("n="), escape(arena, user), GP_S(",r="),
                                       scram->nonce);
    return scram;
}

void gp__client_scram_free(struct gp__client_scram **scram_)
{
    struct gp__arena *arena = *scram_ ? (*scram_)->arena : NULL;

    *scram_ = NULL;
    gp__arena_free(&arena);
}

struct gp_slice gp__client_scram_first(const struct gp__client_scram *scram)
{
    return GP__ARENA_JOIN(scram->arena, scram->gs2, scram->first_bare);
}

/* ---- the server's first message ---- */

struct server_first {
    struct gp_slice nonce, salt;
    int64_t iterations;
};

/* "X=value" */
static bool attribute(struct gp_slice *rest, char name, struct gp_slice *value_r)
{
    struct gp_slice item = gp_slice_present(*rest) ? gp_slice_split(rest, ',') : GP_S("");

    if (item.len < 3 || item.data[0] != name || item.data[1] != '=')
        return false;
    *value_r = gp_slice_sub(item, 2, item.len);
    return true;
}

static bool visible(struct gp_slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < '!' || text.data[i] > '~')
            return false;
    return true;
}

/* "r=" nonce ",s=" salt ",i=" iterations [ "," extensions ]; a mandatory extension ("m=…") comes
 * first, and so does not pass. NULL, or what is wrong. */
static const char *read_first(const struct gp__client_scram *scram, struct gp_slice message,
                              struct server_first *first_r)
{
    struct gp_slice rest = message, salt, iterations;

    if (message.len > MESSAGE_MAX || !attribute(&rest, 'r', &first_r->nonce) ||
        !attribute(&rest, 's', &salt) || !attribute(&rest, 'i', &iterations) ||
        gp__base64_decode(scram->arena, salt, &first_r->salt) < 0 || first_r->salt.len == 0 ||
        first_r->salt.len > SALT_MAX || !visible(first_r->nonce) ||
        gp_slice_to_int(iterations, 1, INT64_MAX, &first_r->iterations) < 0)
        return "the server's challenge is none of SCRAM";
    if (!gp_slice_starts(first_r->nonce, scram->nonce) || first_r->nonce.len == scram->nonce.len)
        return "the server's challenge is to somebody else";
    if (first_r->iterations < GP__CLIENT_SCRAM_ITERATIONS_MIN ||
        first_r->iterations > GP__CLIENT_SCRAM_ITERATIONS_MAX)
        return "the server wants too few or too many iterations";
    return NULL;
}

/* ---- the proof ---- */

static struct gp_slice digest_of(const struct gp__client_scram *scram, const uint8_t *bytes)
{
    return gp_slice((const char *)bytes, gp__digest_len(scram->digest));
}

static struct gp_slice hmac(const struct gp__client_scram *scram, struct gp_slice key,
                            struct gp_slice data)
{
    uint8_t *out = gp__arena_alloc(scram->arena, GP__DIGEST_MAX);

    scram->crypto->hmac(scram->digest, key, data, out);
    return digest_of(scram, out);
}

/* ClientKey XOR HMAC(H(ClientKey), AuthMessage) */
static struct gp_slice proof_of(const struct gp__client_scram *scram, struct gp_slice salted,
                                struct gp_slice auth_message)
{
    struct gp_slice key = hmac(scram, salted, GP_S("Client Key")), signature;
    uint8_t *stored = gp__arena_alloc(scram->arena, GP__DIGEST_MAX);
    char *proof = gp__arena_bytes(scram->arena, key.len);

    scram->crypto->hash(scram->digest, key, stored);
    signature = hmac(scram, digest_of(scram, stored), auth_message);
    for (size_t i = 0; i < key.len; i++)
        proof[i] = (char)(key.data[i] ^ signature.data[i]);
    return gp_slice(proof, key.len);
}

static struct gp_slice final_of(struct gp__client_scram *scram, struct gp_slice server_first,
                                const struct server_first *first, struct gp_slice salted)
{
    struct gp__arena *arena = scram->arena;
    struct gp_slice channel = gp__base64_encode(arena,
                                                GP__ARENA_JOIN(arena, scram->gs2, scram->binding));
    struct gp_slice without_proof = GP__ARENA_JOIN(arena, GP_S("c="), channel, GP_S(",r="),
                                                   first->nonce);
    struct gp_slice auth_message = GP__ARENA_JOIN(arena, scram->first_bare, GP_S(","), server_first,
                                                  GP_S(","), without_proof);
    struct gp_slice proof = proof_of(scram, salted, auth_message);

    scram->server_signature = hmac(scram, hmac(scram, salted, GP_S("Server Key")), auth_message);
    return GP__ARENA_JOIN(arena, without_proof, GP_S(",p="), gp__base64_encode(arena, proof));
}

static const char *prove(struct gp__client_scram *scram, struct gp_slice challenge,
                         struct gp_slice *response_r)
{
    uint8_t *salted = gp__arena_alloc(scram->arena, GP__DIGEST_MAX);
    struct server_first first;
    const char *wrong = read_first(scram, challenge, &first);

    if (wrong)
        return wrong;
    if (scram->crypto->pbkdf2(scram->digest, scram->password, first.salt,
                              (unsigned)first.iterations, salted) < 0)
        return "no key could be derived from the password";
    *response_r = final_of(scram, challenge, &first, digest_of(scram, salted));
    scram->step = STEP_FINAL;
    return NULL;
}

/* ---- the server's final message ---- */

/* "v=" signature, or "e=" what it did not like */
static const char *verify(struct gp__client_scram *scram, struct gp_slice challenge)
{
    struct gp_slice rest = challenge, encoded, signature;

    if (gp_slice_starts(challenge, GP_S("e=")))
        return "the server refused the login";
    if (challenge.len > MESSAGE_MAX || !attribute(&rest, 'v', &encoded) ||
        gp__base64_decode(scram->arena, encoded, &signature) < 0 ||
        !gp__secret_equal(signature, scram->server_signature))
        return "the server does not know the password: it is not the one that it seems to be";
    scram->step = STEP_VERIFIED;
    return NULL;
}

int gp__client_scram_answer(struct gp__client_scram *scram, struct gp_slice challenge,
                            struct gp_slice *response_r, const char **why_r)
{
    *response_r = GP_S("");
    *why_r = "the server asks on and on";
    challenge = gp__arena_dup(scram->arena, challenge);
    switch (scram->step) {
    case STEP_FIRST:
        *why_r = prove(scram, challenge, response_r);
        break;
    case STEP_FINAL:
        *why_r = verify(scram, challenge);
        break;
    case STEP_VERIFIED:
    case STEP_OVER:
        break;
    }
    if (*why_r)
        scram->step = STEP_OVER;
    return *why_r ? -1 : 0;
}

bool gp__client_scram_verified(const struct gp__client_scram *scram)
{
    return scram->step == STEP_VERIFIED;
}
