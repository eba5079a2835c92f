// SPDX-License-Identifier: Apache-2.0
/*
 * What tests of TLS share: certificates made on the spot, and a client of OpenSSL's own at the other
 * end of a simulated connection.
 */
#ifndef GP_TEST_TLS_PEER_H
#define GP_TEST_TLS_PEER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/config/tls_settings.h"
#include "core/runtime/sim.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

/* ---- certificates ---- */

#define DAY 86400

struct identity {
    X509 *x509;
    EVP_PKEY *key;
    char cert_pem[4096], key_pem[4096];
};

static inline void add_extension(X509 *x509, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *extension;

    X509V3_set_ctx(&context, issuer, x509, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(x509, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

static inline void to_pem(char out[4096], BIO *bio)
{
    int n = BIO_read(bio, out, 4095);

    assert_in_range(n, 1, 4094);
    out[n] = '\0';
    BIO_free(bio);
}

/*
 * `kind`: "ec", "rsa", or "ca" (an EC key that may sign). `alt`: subjectAltName as OpenSSL writes it,
 * "DNS:a.example,DNS:*.b.example", or NULL. Signed by `issuer`, or itself. Valid from and to, seconds
 * from now.
 */
static inline void make_identity(struct identity *me, const char *kind, const char *common,
                                 const char *alt, const struct identity *issuer, long from, long to)
{
    X509 *x509 = me->x509 = X509_new();
    X509_NAME *subject = X509_get_subject_name(x509);
    static long serial;
    BIO *cert_bio = BIO_new(BIO_s_mem()), *key_bio = BIO_new(BIO_s_mem());

    me->key = strcmp(kind, "rsa") == 0 ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
    assert_non_null(me->key);
    X509_set_version(x509, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(x509), from);
    X509_gmtime_adj(X509_getm_notAfter(x509), to);
    X509_set_pubkey(x509, me->key);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)common, -1, -1,
                               0);
    X509_set_issuer_name(x509, issuer ? X509_get_subject_name(issuer->x509) : subject);
    if (strcmp(kind, "ca") == 0)
        add_extension(x509, x509, NID_basic_constraints, "critical,CA:TRUE");
    if (alt)
        add_extension(x509, x509, NID_subject_alt_name, alt);
    assert_true(X509_sign(x509, issuer ? issuer->key : me->key, EVP_sha256()) > 0);
    PEM_write_bio_X509(cert_bio, x509);
    PEM_write_bio_PrivateKey(key_bio, me->key, NULL, NULL, 0, NULL, NULL);
    to_pem(me->cert_pem, cert_bio);
    to_pem(me->key_pem, key_bio);
}

static inline void free_identity(struct identity *me)
{
    X509_free(me->x509);
    EVP_PKEY_free(me->key);
    memset(me, 0, sizeof *me);
}

static inline struct gp__tls_certificate_settings certificate_of(const struct identity *me)
{
    return (struct gp__tls_certificate_settings){.chain = gp_slice_of(me->cert_pem),
                                                 .key = gp_slice_of(me->key_pem)};
}

/* ---- the client ---- */

struct tls_peer {
    struct gp__sim_client *client;
    SSL_CTX *ctx;
    SSL *ssl;
    size_t piece; /* bytes go to the server so many at a time; 0: all that there are */
};

struct tls_peer_options {
    int min_version, max_version;
    const char *server_name, *ciphers;
    const unsigned char *alpn;
    unsigned alpn_len;
    const struct identity *identity;
    SSL_SESSION *session; /* to resume */
};

static inline void tls_peer_open(struct tls_peer *peer, struct gp__sim_client *client,
                                 const struct tls_peer_options *options)
{
    peer->client = client;
    peer->ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_security_level(peer->ctx, 0);
    SSL_CTX_set_min_proto_version(peer->ctx,
                                  options->min_version ? options->min_version : TLS1_VERSION);
    SSL_CTX_set_max_proto_version(peer->ctx, options->max_version);
    if (options->ciphers)
        assert_int_equal(SSL_CTX_set_cipher_list(peer->ctx, options->ciphers), 1);
    if (options->identity) {
        SSL_CTX_use_certificate(peer->ctx, options->identity->x509);
        SSL_CTX_use_PrivateKey(peer->ctx, options->identity->key);
    }
    peer->ssl = SSL_new(peer->ctx);
    SSL_set_bio(peer->ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(peer->ssl);
    if (options->server_name)
        SSL_set_tlsext_host_name(peer->ssl, options->server_name);
    if (options->alpn)
        SSL_set_alpn_protos(peer->ssl, options->alpn, options->alpn_len);
    if (options->session)
        SSL_set_session(peer->ssl, options->session);
}

static inline void tls_peer_close(struct tls_peer *peer)
{
    SSL_free(peer->ssl);
    SSL_CTX_free(peer->ctx);
    memset(peer, 0, sizeof *peer);
    ERR_clear_error();
}

/* Moves what lies between the two. Whether there was anything. */
static inline bool tls_peer_move(struct tls_peer *peer)
{
    struct gp_slice from_server = gp__sim_client_output(peer->client), to_server;
    char *data;
    long n = BIO_get_mem_data(SSL_get_wbio(peer->ssl), &data);
    bool any = from_server.len || n > 0;

    if (n > 0) {
        char *copy = malloc((size_t)n);

        memcpy(copy, data, (size_t)n);
        (void)BIO_reset(SSL_get_wbio(peer->ssl));
        to_server = gp_slice(copy, (size_t)n);
        if (peer->piece)
            gp__sim_client_send_pieces(peer->client, to_server, peer->piece);
        else
            gp__sim_client_send(peer->client, to_server);
        free(copy);
    }
    from_server = gp__sim_client_output(peer->client);
    if (from_server.len) {
        BIO_write(SSL_get_rbio(peer->ssl), from_server.data, (int)from_server.len);
        gp__sim_client_take(peer->client, from_server.len);
    }
    return any;
}

/* Until both are done with it or nothing moves any more. Whether the client thinks it is done. */
static inline bool tls_peer_handshake(struct tls_peer *peer)
{
    int result;

    do {
        ERR_clear_error();
        result = SSL_do_handshake(peer->ssl);
    } while (tls_peer_move(peer) || (result == 1 && tls_peer_move(peer)));
    return result == 1;
}

static inline void tls_peer_send(struct tls_peer *peer, struct gp_slice bytes)
{
    ERR_clear_error();
    assert_int_equal(SSL_write(peer->ssl, bytes.data, (int)bytes.len), (int)bytes.len);
    tls_peer_move(peer);
}

/* What the server said, as text; valid until the next call. */
static inline struct gp_slice tls_peer_read(struct tls_peer *peer)
{
    static char text[1 << 20];
    size_t len = 0;
    int n;

    tls_peer_move(peer);
    while (ERR_clear_error(), n = SSL_read(peer->ssl, text + len, (int)(sizeof text - len)), n > 0)
        len += (size_t)n;
    return gp_slice(text, len);
}

#endif
