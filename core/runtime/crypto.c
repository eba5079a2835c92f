// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/crypto.h"

#include "core/base/alloc.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/params.h>
#include <stdlib.h>

static const EVP_MD *md_of(enum gp__digest digest)
{
    switch (digest) {
    case GP__SHA1:
        return EVP_sha1();
    case GP__SHA256:
        break;
    }
    return EVP_sha256();
}

/* These fail only without memory, or with an OpenSSL that has no digests: better no process. */
void gp__digest_hash(enum gp__digest digest, struct gp_slice data, uint8_t out[GP__DIGEST_MAX])
{
    if (EVP_Digest(data.data, data.len, out, NULL, md_of(digest), NULL) != 1)
        abort();
}

void gp__digest_hmac(enum gp__digest digest, struct gp_slice key, struct gp_slice data,
                     uint8_t out[GP__DIGEST_MAX])
{
    const unsigned char *bytes = (const unsigned char *)data.data;

    if (!HMAC(md_of(digest), key.data, (int)key.len, bytes, data.len, out, NULL))
        abort();
}

void gp__digest_hmac_pieces(enum gp__digest digest, struct gp_slice key,
                            const struct gp_slice *pieces, size_t n, uint8_t out[GP__DIGEST_MAX])
{
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;
    char names[][8] = {[GP__SHA1] = "SHA1", [GP__SHA256] = "SHA256"};
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, names[digest], 0),
        OSSL_PARAM_construct_end(),
    };
    bool ok = ctx && EVP_MAC_init(ctx, (const unsigned char *)key.data, key.len, params) == 1;
    size_t len;

    for (size_t i = 0; ok && i < n; i++)
        ok = EVP_MAC_update(ctx, (const unsigned char *)pieces[i].data, pieces[i].len) == 1;
    if (!ok || EVP_MAC_final(ctx, out, &len, GP__DIGEST_MAX) != 1)
        abort();
    EVP_MAC_CTX_free(ctx);
    EVP_MAC_free(mac);
}

int gp__pbkdf2(enum gp__digest digest, struct gp_slice password, struct gp_slice salt,
               unsigned iterations, uint8_t out[GP__DIGEST_MAX])
{
    return PKCS5_PBKDF2_HMAC(password.data, (int)password.len, (const unsigned char *)salt.data,
                             (int)salt.len, (int)iterations, md_of(digest),
                             (int)gp__digest_len(digest), out) == 1
               ? 0
               : -1;
}

static void random_bytes(void *arg, void *bytes, size_t len)
{
    struct gp__runtime *rt = arg;

    rt->ops->random(rt, bytes, len);
}

struct gp__crypto *gp__crypto_create(struct gp__runtime *rt)
{
    struct gp__crypto *crypto = gp__alloc(sizeof *crypto);

    *crypto = (struct gp__crypto){
        .hash = gp__digest_hash,
        .hmac = gp__digest_hmac,
        .hmac_pieces = gp__digest_hmac_pieces,
        .random = random_bytes,
        .arg = rt,
        .pbkdf2 = gp__pbkdf2,
        .password_verify = gp__password_verify,
    };
    random_bytes(rt, crypto->key, sizeof crypto->key);
    return crypto;
}

void gp__crypto_free(struct gp__crypto **crypto_)
{
    if (*crypto_)
        explicit_bzero(*crypto_, sizeof **crypto_);
    GP__FREE(*crypto_);
}
