// SPDX-License-Identifier: Apache-2.0
/* A listener's SSL_CTX. OpenSSL's global configuration may be stricter than ours is asked to be:
 * what a profile says is set in full. */
#include "core/runtime/tls_context.h"

#include "core/base/alloc.h"
#include "core/base/arena.h"
#include "core/runtime/tls_error.h"

#include <openssl/pem.h>

#define VERIFY_DEPTH 8
#define CLIENT_CHAIN_MAX (32 << 10) /* bytes of a client's certificates */

/* By what is recommended to servers (RFC 9325; Mozilla's list, version 5.7): forward secrecy and
 * AEAD. DHE is left out: who knows TLS 1.2 and no elliptic curve has no business on the Internet. */
#define CIPHERS_INTERMEDIATE                                                                       \
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"     \
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
#define CIPHERS_OLD                                                                                \
    CIPHERS_INTERMEDIATE                                                                           \
    ":DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-SHA256:"              \
    "ECDHE-RSA-AES128-SHA256:ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA:"  \
    "ECDHE-RSA-AES256-SHA:DHE-RSA-AES128-SHA:AES128-GCM-SHA256:AES256-GCM-SHA384:AES128-SHA256:"   \
    "AES128-SHA:AES256-SHA"

static const struct {
    int min_version;
    const char *ciphers; /* of TLS 1.2 and below */
    int level;           /* of security, as OpenSSL counts: TLS 1.0 needs SHA-1, which is below 1 */
} profiles[] = {
    [GP__TLS_INTERMEDIATE] = {TLS1_2_VERSION, CIPHERS_INTERMEDIATE, 2},
    [GP__TLS_MODERN] = {TLS1_3_VERSION, CIPHERS_INTERMEDIATE, 2},
    [GP__TLS_OLD] = {TLS1_VERSION, CIPHERS_OLD, 0},
};

/* Which groups, best first: the hybrid where the library has it. */
static int set_groups(SSL_CTX *ctx)
{
    return SSL_CTX_set1_groups_list(ctx, "X25519MLKEM768:X25519:P-256:P-384") ||
           SSL_CTX_set1_groups_list(ctx, "X25519:P-256:P-384");
}

static int set_profile(SSL_CTX *ctx, enum gp__tls_profile profile)
{
    SSL_CTX_set_security_level(ctx, profiles[profile].level);
    SSL_CTX_set_dh_auto(ctx, 1);
    return SSL_CTX_set_min_proto_version(ctx, profiles[profile].min_version) &&
           SSL_CTX_set_max_proto_version(ctx, 0) &&
           SSL_CTX_set_cipher_list(ctx, profiles[profile].ciphers) && set_groups(ctx);
}

static void set_options(SSL_CTX *ctx)
{
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_clear_options(ctx, SSL_OP_LEGACY_SERVER_CONNECT |
                                   SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION |
                                   SSL_OP_ALLOW_CLIENT_RENEGOTIATION);
    /* Buffers of 16 KiB each are there only while a record is in them. */
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(ctx, 0);
}

/* ---- certificates ---- */

/* A trial, so that what OpenSSL thinks of a key is known now and not at the first handshake. */
static int try_certificate(struct gp__tls_context *context,
                           const struct gp__tls_certificate *certificate, struct gp__buf *error_r)
{
    if (SSL_CTX_use_cert_and_key(context->ctx, certificate->leaf, certificate->key,
                                 certificate->chain, 1) == 1)
        return 0;
    gp__tls_error(error_r, "the certificate cannot be used");
    return -1;
}

static int read_certificates(struct gp__tls_context *context, struct gp__buf *error_r)
{
    const struct gp__tls_settings *settings = context->settings;

    context->certificates = gp__alloc_array(settings->n_certificates,
                                            sizeof *context->certificates);
    for (size_t i = 0; i < settings->n_certificates; i++) {
        const struct gp__tls_certificate_settings *from = &settings->certificates[i];
        struct gp__tls_certificate *to = &context->certificates[context->n_certificates++];

        if (gp__tls_certificate_read(to, from->chain, from->key, context->arena, error_r) < 0 ||
            try_certificate(context, to, error_r) < 0)
            return -1;
        if (from->n_names) {
            to->names = (struct gp_slice *)(uintptr_t)from->names;
            to->n_names = from->n_names;
        }
    }
    return 0;
}

/* ---- certificates of clients ---- */

/* With `request` a certificate that cannot be verified is as good as none: the result says so. */
static int verify(X509_STORE_CTX *store, void *arg)
{
    const struct gp__tls_context *context = arg;
    int result = X509_verify_cert(store);

    if (result > 0 || context->settings->client_certificates == GP__TLS_CLIENT_REQUIRE)
        return result;
    if (X509_STORE_CTX_get_error(store) == X509_V_OK)
        X509_STORE_CTX_set_error(store, X509_V_ERR_UNSPECIFIED);
    ERR_clear_error();
    return 1;
}

static int read_authorities(SSL_CTX *ctx, struct gp_slice pem, struct gp__buf *error_r)
{
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    X509_STORE *store = SSL_CTX_get_cert_store(ctx);
    size_t n = 0;
    X509 *one;

    while (one = PEM_read_bio_X509(bio, NULL, NULL, NULL), one) {
        n += X509_STORE_add_cert(store, one) == 1 && SSL_CTX_add_client_CA(ctx, one) == 1;
        X509_free(one);
    }
    BIO_free(bio);
    if (n == 0)
        gp__tls_error(error_r, "there is no CA certificate in PEM");
    ERR_clear_error();
    return n ? 0 : -1;
}

static int ask_clients(struct gp__tls_context *context, struct gp__buf *error_r)
{
    const struct gp__tls_settings *settings = context->settings;
    SSL_CTX *ctx = context->ctx;
    int mode = SSL_VERIFY_PEER;

    if (settings->client_certificates == GP__TLS_CLIENT_OFF)
        return 0;
    if (settings->client_certificates == GP__TLS_CLIENT_REQUIRE)
        mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    SSL_CTX_set_verify(ctx, mode, NULL);
    SSL_CTX_set_verify_depth(ctx, VERIFY_DEPTH);
    SSL_CTX_set_max_cert_list(ctx, CLIENT_CHAIN_MAX);
    SSL_CTX_set_cert_verify_callback(ctx, verify, context);
    if (!gp_slice_present(settings->client_ca))
        return 0;
    return read_authorities(ctx, settings->client_ca, error_r);
}

/* ---- life ---- */

static int build(struct gp__tls_context *context, struct gp_slice scope, struct gp__buf *error_r)
{
    context->ctx = SSL_CTX_new(TLS_server_method());
    if (!context->ctx || !set_profile(context->ctx, context->settings->profile)) {
        gp__tls_error(error_r, "OpenSSL");
        return -1;
    }
    set_options(context->ctx);
    gp__tls_select_by(context);
    if (read_certificates(context, error_r) < 0 || ask_clients(context, error_r) < 0)
        return -1;
    if (gp__tls_resume_by(context, scope) == 0)
        return 0;
    gp__tls_error(error_r, "session tickets");
    return -1;
}

struct gp__tls_context *gp__tls_context_create(const struct gp__tls_settings *settings,
                                               struct gp_slice scope, struct gp__runtime *rt,
                                               struct gp__buf *error_r)
{
    struct gp__tls_context *context = gp__alloc(sizeof *context);

    context->rt = rt;
    context->settings = settings;
    context->arena = gp__arena_create();
    context->out.limit = GP__CONN_UNSENT_MAX * 2;
    if (build(context, scope, error_r) < 0)
        gp__tls_context_free(&context);
    return context;
}

void gp__tls_context_free(struct gp__tls_context **context_)
{
    struct gp__tls_context *context = *context_;

    *context_ = NULL;
    if (!context)
        return;
    for (size_t i = 0; i < context->n_certificates; i++)
        gp__tls_certificate_free(&context->certificates[i]);
    gp__free(context->certificates);
    SSL_CTX_free(context->ctx);
    gp__tls_tickets_wipe(&context->tickets);
    gp__buf_free(&context->out);
    gp__arena_free(&context->arena);
    gp__free(context);
}

bool gp__tls_context_full(const struct gp__tls_context *context)
{
    return context->handshakes >= (uint64_t)context->settings->handshakes;
}
