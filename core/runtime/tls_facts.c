// SPDX-License-Identifier: Apache-2.0
/* What is known of a TLS connection, as facts of the session. Texts of certificates are whatever
 * somebody put there: only printable ASCII passes. */
#include "core/runtime/tls.h"

#include "core/base/arena.h"
#include "core/base/ascii.h"
#include "core/base/codec.h"
#include "core/runtime/tls_context.h"
#include "core/smtp/session.h"

#include <openssl/x509v3.h>
#include <string.h>

#define SUBJECT_MAX 1000

/* ---- the name in a certificate ---- */

/* A name with a NUL or a control character in it is made to be misread. */
static struct gp_slice text_of(struct gp__arena *arena, const ASN1_STRING *string)
{
    unsigned char *utf8 = NULL;
    int len = ASN1_STRING_to_UTF8(&utf8, string);
    struct gp_slice text = gp_slice(NULL, 0);
    bool clean = len > 0 && len <= 255;

    for (int i = 0; clean && i < len; i++)
        clean = utf8[i] > ' ' && utf8[i] < 0x7f;
    if (clean)
        text = gp__arena_dup(arena, gp_slice((const char *)utf8, (size_t)len));
    OPENSSL_free(utf8);
    return text;
}

static struct gp_slice alt_name(struct gp__arena *arena, const X509 *peer, int type)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(peer, NID_subject_alt_name, NULL, NULL);
    struct gp_slice text = gp_slice(NULL, 0);

    for (int i = 0; i < sk_GENERAL_NAME_num(names) && !gp_slice_present(text); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

        if (name->type == type)
            text = text_of(arena, name->d.ia5);
    }
    GENERAL_NAMES_free(names);
    return text;
}

static struct gp_slice common_name(struct gp__arena *arena, const X509 *peer)
{
    X509_NAME *subject = X509_get_subject_name(peer);
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);

    if (at < 0)
        return gp_slice(NULL, 0);
    return text_of(arena, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
}

static struct gp_slice client_name(struct gp__arena *arena, const X509 *peer)
{
    struct gp_slice name = alt_name(arena, peer, GEN_EMAIL);

    if (!gp_slice_present(name))
        name = common_name(arena, peer);
    return gp_slice_present(name) ? name : alt_name(arena, peer, GEN_DNS);
}

static struct gp_slice subject_of(struct gp__arena *arena, const X509 *peer)
{
    BIO *bio = BIO_new(BIO_s_mem());
    struct gp_slice text = gp_slice(NULL, 0);
    char *data;
    long len;

    if (bio && X509_NAME_print_ex(bio, X509_get_subject_name(peer), 0, XN_FLAG_RFC2253) >= 0) {
        len = BIO_get_mem_data(bio, &data);
        text = gp__arena_dup(
            arena,
            gp_slice_sub(gp_slice(len > 0 ? data : "", len > 0 ? (size_t)len : 0), 0, SUBJECT_MAX));
    }
    BIO_free(bio);
    return text;
}

static struct gp_slice fingerprint_of(struct gp__arena *arena, const X509 *peer)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    char *text;

    if (!X509_digest(peer, EVP_sha256(), hash, &len))
        return gp_slice(NULL, 0);
    text = gp__arena_bytes(arena, (size_t)len * 2);
    for (unsigned i = 0; i < len; i++) {
        text[2 * i] = digits[hash[i] >> 4];
        text[2 * i + 1] = digits[hash[i] & 15];
    }
    return gp_slice(text, (size_t)len * 2);
}

static void client_facts(SSL *ssl, struct gp_session *session)
{
    X509 *peer = SSL_get0_peer_certificate(ssl);

    if (!peer)
        return;
    session->tls_client_subject = subject_of(session->arena, peer);
    session->tls_client_fingerprint = fingerprint_of(session->arena, peer);
    session->tls_client_verified = SSL_get_verify_result(ssl) == X509_V_OK;
    if (session->tls_client_verified)
        session->tls_client_name = client_name(session->arena, peer);
}

/* ---- channel bindings ---- */

static void wipe(void *arg)
{
    OPENSSL_cleanse(arg, GP__TLS_EXPORTER);
}

bool gp__tls_exporter(SSL *ssl, unsigned char out[GP__TLS_EXPORTER])
{
    static const char label[] = "EXPORTER-Channel-Binding";

    if (SSL_version(ssl) < TLS1_3_VERSION && SSL_get_extms_support(ssl) != 1)
        return false;
    return SSL_export_keying_material(ssl, out, GP__TLS_EXPORTER, label, sizeof label - 1,
                                      (const unsigned char *)"", 0, 1) == 1;
}

static struct gp_slice exporter(SSL *ssl, struct gp__arena *arena)
{
    unsigned char *out = gp__arena_alloc(arena, GP__TLS_EXPORTER);

    if (!gp__tls_exporter(ssl, out))
        return gp_slice(NULL, 0);
    gp__arena_cleanup(arena, wipe, out);
    return gp_slice((const char *)out, GP__TLS_EXPORTER);
}

/* ---- all of them ---- */

void gp__tls_session_facts(SSL *ssl, struct gp_session *session)
{
    char name[256];

    session->tls_version = gp_slice_of(SSL_get_version(ssl));
    session->tls_cipher = gp_slice_of(SSL_get_cipher_name(ssl));
    session->tls_server_name = gp__arena_dup(session->arena, gp__tls_server_name(ssl, name));
    session->tls_exporter = exporter(ssl, session->arena);
    session->tls_server_end_point = gp__arena_dup(session->arena, gp__tls_end_point(ssl));
    client_facts(ssl, session);
}
