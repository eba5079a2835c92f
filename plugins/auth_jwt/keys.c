// SPDX-License-Identifier: Apache-2.0
#include "keys.h"

#include "encoding.h"

#include <gatepost/text.h>
#include <jansson.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <stdio.h>
#include <stdlib.h>

#define KEYS_MAX 100
#define ID_MAX 255
#define NUMBER_MAX ((size_t)1024) /* bytes: RSA keys of 8,192 bits */
#define RSA_BITS_MIN 2048
#define COORDINATE 32 /* bytes of a number of P-256 */

struct key {
    EVP_PKEY *public;
    const char *alg;
    char id[ID_MAX + 1];
};

struct keys {
    size_t count;
    struct key list[KEYS_MAX];
};

/* ---- one key ---- */

struct number {
    unsigned char bytes[NUMBER_MAX];
    size_t len;
};

static const char *text_of(const json_t *jwk, const char *name)
{
    const char *text = json_string_value(json_object_get(jwk, name));

    return text ? text : "";
}

static int take_number(const json_t *jwk, const char *name, struct number *number_r)
{
    int64_t n = jwt_decode(gp_slice_of(text_of(jwk, name)), number_r->bytes,
                           sizeof number_r->bytes);

    number_r->len = n > 0 ? (size_t)n : 0;
    return n > 0 ? 0 : -1;
}

static EVP_PKEY *from_params(const char *type, OSSL_PARAM *params)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *key = NULL;

    if (!context || !params || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
        key = NULL;
    EVP_PKEY_CTX_free(context);
    return key;
}

static EVP_PKEY *rsa_key(const json_t *jwk)
{
    struct number n, e;
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    BIGNUM *modulus = NULL, *exponent = NULL;
    OSSL_PARAM *params = NULL;
    EVP_PKEY *key = NULL;

    if (build && take_number(jwk, "n", &n) == 0 && take_number(jwk, "e", &e) == 0) {
        modulus = BN_bin2bn(n.bytes, (int)n.len, NULL);
        exponent = BN_bin2bn(e.bytes, (int)e.len, NULL);
        if (modulus && exponent &&
            OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, modulus) == 1 &&
            OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, exponent) == 1)
            params = OSSL_PARAM_BLD_to_param(build);
        key = from_params("RSA", params);
    }
    if (key && EVP_PKEY_get_bits(key) < RSA_BITS_MIN) {
        EVP_PKEY_free(key);
        key = NULL;
    }
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    BN_free(modulus);
    BN_free(exponent);
    return key;
}

static EVP_PKEY *p256_key(const json_t *jwk)
{
    unsigned char point[1 + 2 * COORDINATE] = {POINT_CONVERSION_UNCOMPRESSED};
    char group[] = "prime256v1";
    struct number x, y;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point),
        OSSL_PARAM_construct_end(),
    };

    if (take_number(jwk, "x", &x) < 0 || take_number(jwk, "y", &y) < 0 || x.len != COORDINATE ||
        y.len != COORDINATE)
        return NULL;
    memcpy(point + 1, x.bytes, COORDINATE);
    memcpy(point + 1 + COORDINATE, y.bytes, COORDINATE);
    return from_params("EC", params);
}

static EVP_PKEY *ed25519_key(const json_t *jwk)
{
    struct number x;

    if (take_number(jwk, "x", &x) < 0)
        return NULL;
    return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, x.bytes, x.len);
}

static const struct {
    const char *alg, *kty, *crv;
    EVP_PKEY *(*make)(const json_t *jwk);
} kinds[] = {
    {"RS256", "RSA", "", rsa_key},
    {"ES256", "EC", "P-256", p256_key},
    {"EdDSA", "OKP", "Ed25519", ed25519_key},
};

/* 0: taken, or skipped because it is for something else; -1: broken. */
static int add(struct keys *keys, const json_t *jwk)
{
    const char *use = text_of(jwk, "use"), *alg = text_of(jwk, "alg"), *id = text_of(jwk, "kid");
    struct key *key = &keys->list[keys->count];

    if (!json_is_object(jwk) || strlen(id) > ID_MAX)
        return -1;
    if (use[0] && strcmp(use, "sig") != 0)
        return 0;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(text_of(jwk, "kty"), kinds[i].kty) != 0 ||
            strcmp(text_of(jwk, "crv"), kinds[i].crv) != 0 ||
            (alg[0] && strcmp(alg, kinds[i].alg) != 0))
            continue;
        key->public = kinds[i].make(jwk);
        key->alg = kinds[i].alg;
        memcpy(key->id, id, strlen(id) + 1);
        keys->count += key->public != NULL;
        return key->public ? 0 : -1;
    }
    return 0;
}

/* ---- the set ---- */

/* NULL, or what is wrong. */
static const char *add_all(struct keys *keys, const json_t *list, size_t *at_r)
{
    size_t count = json_array_size(list);

    if (!json_is_array(list))
        return "no array \"keys\"";
    for (*at_r = 0; *at_r < count; ++*at_r) {
        if (keys->count == KEYS_MAX)
            return "too many keys";
        if (add(keys, json_array_get(list, *at_r)) < 0)
            return "a broken key";
    }
    return keys->count ? NULL : "no key for RS256, ES256 or EdDSA";
}

struct keys *keys_parse(struct gp_slice json, char error[KEYS_ERROR_MAX])
{
    struct keys *keys = calloc(1, sizeof *keys);
    json_t *root = gp_json_is_shallow(json)
                       ? json_loadb(json.data, json.len, JSON_REJECT_DUPLICATES, NULL)
                       : NULL;
    const char *wrong = "no memory";
    size_t at = 0;

    if (keys)
        wrong = root ? add_all(keys, json_object_get(root, "keys"), &at) : "not JSON";
    json_decref(root);
    ERR_clear_error();
    if (!wrong)
        return keys;
    snprintf(error, KEYS_ERROR_MAX, "%s (key %zu)", wrong, at + 1);
    keys_free(&keys);
    return NULL;
}

void keys_free(struct keys **keys_)
{
    struct keys *keys = *keys_;

    *keys_ = NULL;
    for (size_t i = 0; keys && i < keys->count; i++)
        EVP_PKEY_free(keys->list[i].public);
    free(keys);
}

size_t keys_count(const struct keys *keys)
{
    return keys->count;
}

/* ---- signatures ---- */

/* Two numbers side by side (RFC 7518 section 3.4) as OpenSSL wants them: how long, 0: they are
 * none. */
static size_t to_der(struct gp_slice signature, unsigned char **der_r)
{
    const unsigned char *bytes = (const unsigned char *)signature.data;
    ECDSA_SIG *pair = ECDSA_SIG_new();
    BIGNUM *r, *s;
    int len = 0;

    *der_r = NULL;
    if (pair && signature.len == 2 * COORDINATE) {
        r = BN_bin2bn(bytes, COORDINATE, NULL);
        s = BN_bin2bn(bytes + COORDINATE, COORDINATE, NULL);
        if (r && s && ECDSA_SIG_set0(pair, r, s) == 1) {
            len = i2d_ECDSA_SIG(pair, der_r);
        } else {
            BN_free(r);
            BN_free(s);
        }
    }
    ECDSA_SIG_free(pair);
    return len > 0 ? (size_t)len : 0;
}

static bool fits(const struct key *key, struct gp_slice input, const unsigned char *signature,
                 size_t len)
{
    const EVP_MD *digest = strcmp(key->alg, "EdDSA") == 0 ? NULL : EVP_sha256();
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = context && EVP_DigestVerifyInit(context, NULL, digest, NULL, key->public) == 1 &&
                EVP_DigestVerify(context, signature, len, (const unsigned char *)input.data,
                                 input.len) == 1;

    EVP_MD_CTX_free(context);
    return good;
}

bool keys_verify(const struct keys *keys, struct gp_slice alg, struct gp_slice kid,
                 struct gp_slice input, struct gp_slice signature)
{
    const unsigned char *bytes = (const unsigned char *)signature.data;
    unsigned char *der = NULL;
    size_t len = signature.len;
    bool good = false;

    if (gp_slice_eq(alg, GP_S("ES256"))) {
        len = to_der(signature, &der);
        bytes = der;
    }
    for (size_t i = 0; len && !good && i < keys->count; i++)
        good = gp_slice_eq(alg, gp_slice_of(keys->list[i].alg)) &&
               (!gp_slice_present(kid) || gp_slice_eq(kid, gp_slice_of(keys->list[i].id))) &&
               fits(&keys->list[i], input, bytes, len);
    OPENSSL_free(der);
    ERR_clear_error();
    return good;
}
