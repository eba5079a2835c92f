// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/tls_certificate.h"

#include "core/base/arena.h"
#include "core/base/ascii.h"
#include "core/runtime/tls_error.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#define CHAIN_MAX 20

/* ---- PEM ---- */

/* A key with a passphrase can't be read: there is nobody to ask. */
static int no_passphrase(char *buf, int size, int for_writing, void *arg)
{
    bool *asked = arg;

    (void)buf;
    (void)size;
    (void)for_writing;
    *asked = true;
    return -1;
}

static BIO *reader(struct gp_slice pem)
{
    return BIO_new_mem_buf(pem.data, (int)pem.len);
}

static int read_chain(struct gp__tls_certificate *certificate, struct gp_slice pem)
{
    BIO *bio = reader(pem);
    X509 *one;

    certificate->leaf = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL);
    certificate->chain = sk_X509_new_null();
    for (int i = 0; certificate->leaf && i < CHAIN_MAX; i++) {
        one = PEM_read_bio_X509(bio, NULL, NULL, NULL);
        if (!one)
            break;
        sk_X509_push(certificate->chain, one);
    }
    BIO_free(bio);
    return certificate->leaf ? 0 : -1;
}

static int read_key(struct gp__tls_certificate *certificate, struct gp_slice pem,
                    struct gp__buf *error_r)
{
    BIO *bio = reader(pem);
    bool asked = false;

    certificate->key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, &asked);
    BIO_free(bio);
    if (certificate->key)
        return 0;
    if (asked)
        gp__buf_append(error_r, GP_S("the key is protected with a passphrase: take that off"));
    else
        gp__tls_error(error_r, "there is no private key in PEM");
    return -1;
}

/* ---- names ---- */

static bool is_name(struct gp_slice name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!gp__is_alnum(name.data[i]) && !strchr("-._*", name.data[i]))
            return false;
    return name.len > 0 && name.len <= 253;
}

static void add_name(struct gp__tls_certificate *certificate, struct gp__arena *arena,
                     const ASN1_STRING *text)
{
    struct gp_slice name = gp_slice((const char *)ASN1_STRING_get0_data(text),
                                    (size_t)ASN1_STRING_length(text));
    char *lower;

    if (!is_name(name) || certificate->n_names >= GP__TLS_NAMES_MAX)
        return;
    lower = gp__arena_bytes(arena, name.len);
    for (size_t i = 0; i < name.len; i++)
        lower[i] = gp__to_lower(name.data[i]);
    certificate->names[certificate->n_names++] = gp_slice(lower, name.len);
}

/* The DNS names of subjectAltName, or else the common name. */
static void read_names(struct gp__tls_certificate *certificate, struct gp__arena *arena)
{
    GENERAL_NAMES *alt = X509_get_ext_d2i(certificate->leaf, NID_subject_alt_name, NULL, NULL);
    X509_NAME *subject = X509_get_subject_name(certificate->leaf);
    int n = sk_GENERAL_NAME_num(alt), at; /* -1 for none */

    certificate->names = GP__ARENA_ARRAY(
        arena, struct gp_slice, (n > 0 && n < GP__TLS_NAMES_MAX) ? (size_t)n : GP__TLS_NAMES_MAX);
    for (int i = 0; i < n; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(alt, i);

        if (name->type == GEN_DNS)
            add_name(certificate, arena, name->d.dNSName);
    }
    GENERAL_NAMES_free(alt);
    at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (certificate->n_names == 0 && at >= 0)
        add_name(certificate, arena, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
}

int gp__tls_certificate_fits(const struct gp__tls_certificate *certificate, struct gp_slice name)
{
    size_t dot = gp_slice_find(name, '.');
    struct gp_slice parent = gp_slice_sub(name, dot, name.len);
    int best = 0;

    for (size_t i = 0; i < certificate->n_names; i++) {
        struct gp_slice own = certificate->names[i];

        if (gp_slice_eq(own, name))
            return 2;
        if (parent.len && dot && gp_slice_starts(own, GP_S("*.")) &&
            gp_slice_eq(gp_slice_sub(own, 1, own.len), parent))
            best = 1;
    }
    return best;
}

bool gp__tls_certificate_same_kind(const struct gp__tls_certificate *a,
                                   const struct gp__tls_certificate *b)
{
    return EVP_PKEY_get_base_id(a->key) == EVP_PKEY_get_base_id(b->key);
}

/* ---- the whole ---- */

/* The hash of its signature; SHA-256 where that is MD5, SHA-1 or none (RFC 5929 4.1). */
static void hash_end_point(struct gp__tls_certificate *certificate)
{
    const EVP_MD *md = NULL;
    int nid = NID_undef;

    if (X509_get_signature_info(certificate->leaf, &nid, NULL, NULL, NULL) && nid != NID_undef &&
        nid != NID_md5 && nid != NID_sha1)
        md = EVP_get_digestbynid(nid);
    if (!X509_digest(certificate->leaf, md ? md : EVP_sha256(), certificate->end_point,
                     &certificate->end_point_len))
        certificate->end_point_len = 0;
}

int gp__tls_certificate_read(struct gp__tls_certificate *certificate, struct gp_slice chain,
                             struct gp_slice key, struct gp__arena *arena, struct gp__buf *error_r)
{
    ERR_clear_error();
    if (read_chain(certificate, chain) < 0) {
        gp__tls_error(error_r, "there is no certificate in PEM");
        return -1;
    }
    ERR_clear_error(); /* the end of the file is no error */
    if (read_key(certificate, key, error_r) < 0)
        return -1;
    if (X509_check_private_key(certificate->leaf, certificate->key) != 1) {
        gp__buf_append(error_r, GP_S("the key does not belong to the certificate"));
        ERR_clear_error();
        return -1;
    }
    read_names(certificate, arena);
    hash_end_point(certificate);
    return 0;
}

void gp__tls_certificate_free(struct gp__tls_certificate *certificate)
{
    X509_free(certificate->leaf);
    sk_X509_pop_free(certificate->chain, X509_free);
    EVP_PKEY_free(certificate->key);
    *certificate = (struct gp__tls_certificate){0};
}
