// SPDX-License-Identifier: Apache-2.0
#include "core/base/alloc.h"
#include "core/base/codec.h"
#include "core/base/password.h"
#include "core/runtime/crypto.h"

#include <argon2.h>
#include <crypt.h>

#define STORED_MAX 1024u
#define ITERATIONS_MAX 10000000

/* Of the cost that gp__password_hash() has; no password gives a hash that ends here. */
#define DECOY "$y$j9T$Nf6Yw3Tn5bJ7kC9qXr1eZ.$"

/* ---- crypt(3) ---- */

/* 1, 0, -1. The text that crypt_r() needs is on the heap because it is 32 KiB. */
static int crypt_verify(const char *stored, const char *password)
{
    struct crypt_data *data = gp__alloc(sizeof *data);
    const char *hash = crypt_r(password, stored, data);
    int result = -1;

    if (hash && hash[0] != '*')
        result = gp__secret_equal(gp_slice_of(hash), gp_slice_of(stored));
    explicit_bzero(data, sizeof *data);
    gp__free(data);
    return result;
}

struct gp_slice gp__password_hash(struct gp__arena *arena, struct gp_slice password)
{
    struct crypt_data *data = gp__alloc(sizeof *data);
    struct gp_slice text = gp__arena_dup(arena, password), result = gp_slice(NULL, 0);
    char setting[CRYPT_GENSALT_OUTPUT_SIZE];
    const char *hash = NULL;

    /* NULL: the library draws the salt from the system. */
    if (crypt_gensalt_rn("$y$", 0, NULL, 0, setting, sizeof setting))
        hash = crypt_r(text.data, setting, data);
    if (hash && hash[0] != '*')
        result = gp__arena_dup(arena, gp_slice_of(hash));
    explicit_bzero(data, sizeof *data);
    gp__free(data);
    return result;
}

/* ---- argon2 ---- */

static int argon2_verify_any(const char *stored, struct gp_slice password)
{
    struct gp_slice text = gp_slice_of(stored);
    argon2_type type = gp_slice_starts(text, GP_S("$argon2id$"))  ? Argon2_id
                       : gp_slice_starts(text, GP_S("$argon2i$")) ? Argon2_i
                                                                  : Argon2_d;

    switch (argon2_verify(stored, password.data, password.len, type)) {
    case ARGON2_OK:
        return 1;
    case ARGON2_VERIFY_MISMATCH:
        return 0;
    default:
        return -1;
    }
}

/* ---- SCRAM ---- */

/* ClientKey and ServerKey of RFC 5802 section 3, the first of them hashed. */
static int scram_keys(enum gp__digest digest, struct gp_slice password, struct gp_slice salt,
                      unsigned iterations, uint8_t stored[GP__DIGEST_MAX],
                      uint8_t server[GP__DIGEST_MAX])
{
    size_t len = gp__digest_len(digest);
    uint8_t salted[GP__DIGEST_MAX], client[GP__DIGEST_MAX];
    int result = gp__pbkdf2(digest, password, salt, iterations, salted);
    struct gp_slice key = gp_slice((const char *)salted, len);

    if (result == 0) {
        gp__digest_hmac(digest, key, GP_S("Client Key"), client);
        gp__digest_hash(digest, gp_slice((const char *)client, len), stored);
        gp__digest_hmac(digest, key, GP_S("Server Key"), server);
    }
    explicit_bzero(salted, sizeof salted);
    explicit_bzero(client, sizeof client);
    return result;
}

struct gp_slice gp__password_scram(struct gp__arena *arena, enum gp__digest digest,
                                   struct gp_slice password, struct gp_slice salt,
                                   unsigned iterations)
{
    uint8_t stored[GP__DIGEST_MAX], server[GP__DIGEST_MAX];
    size_t len = gp__digest_len(digest);

    if (scram_keys(digest, password, salt, iterations, stored, server) < 0)
        return gp_slice(NULL, 0);
    return gp__arena_printf(arena, "SCRAM-SHA-%s$%u:" GP_FMT "$" GP_FMT ":" GP_FMT,
                            digest == GP__SHA1 ? "1" : "256", iterations,
                            GP_ARG(gp__base64_encode(arena, salt)),
                            GP_ARG(gp__base64_encode(arena, gp_slice((const char *)stored, len))),
                            GP_ARG(gp__base64_encode(arena, gp_slice((const char *)server, len))));
}

/* Makes the secret anew from the password and compares. */
static int scram_verify(struct gp__arena *arena, struct gp_slice stored, struct gp_slice password)
{
    struct gp_slice rest = stored, name = gp_slice_split(&rest, '$'), iterations, salt, made;
    int64_t n;

    if (!gp_slice_present(rest))
        return -1;
    salt = gp_slice_split(&rest, '$');
    iterations = gp_slice_split(&salt, ':');
    if (gp_slice_to_int(iterations, 1, ITERATIONS_MAX, &n) < 0 || !gp_slice_present(salt) ||
        gp__base64_decode(arena, salt, &salt) < 0)
        return -1;
    made = gp__password_scram(arena,
                              gp_slice_caseeq(name, GP_S("SCRAM-SHA-1")) ? GP__SHA1 : GP__SHA256,
                              password, salt, (unsigned)n);
    if (!gp_slice_present(made))
        return -1;
    return gp__secret_equal(made, stored);
}

/* ---- any of them ---- */

static int verify(struct gp__arena *arena, struct gp_slice stored, struct gp_slice password)
{
    struct gp_slice hash, text = gp__arena_dup(arena, password);

    switch (gp__password_kind(stored, &hash)) {
    case GP__PASSWORD_CRYPT:
        return crypt_verify(gp__arena_dup(arena, hash).data, text.data);
    case GP__PASSWORD_ARGON2:
        return argon2_verify_any(gp__arena_dup(arena, hash).data, text);
    case GP__PASSWORD_SCRAM:
        return scram_verify(arena, hash, text);
    case GP__PASSWORD_UNKNOWN:
        break;
    }
    return -1;
}

int gp__password_verify(struct gp_slice stored, struct gp_slice password)
{
    struct gp__arena *arena = gp__arena_create();
    bool decoy = !gp_slice_present(stored);
    int result = -1;

    gp__arena_keep_secret(arena);
    /* crypt(3) would take a password up to its first NUL. */
    if (stored.len <= STORED_MAX && gp_slice_find(password, '\0') == password.len)
        result = verify(arena, decoy ? GP_S(DECOY) : stored, password);
    gp__arena_free(&arena);
    return decoy ? 0 : result;
}
