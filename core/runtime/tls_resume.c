// SPDX-License-Identifier: Apache-2.0
/* Resumption: by tickets only, whose keys depend on all that a ticket could carry around. */
#include "core/runtime/tls_context.h"

#include "core/hook/runtime.h"

#include <string.h>

static int on_ticket_key(SSL *ssl, unsigned char name[16], unsigned char iv[EVP_MAX_IV_LENGTH],
                         EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int enc)
{
    struct gp__tls_context *context = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

    return gp__tls_ticket_key_callback(&context->tickets, context->rt->ops->wall_ms(context->rt),
                                       name, iv, cipher, mac, enc);
}

/* ---- the certificate that was seen ---- */

static struct gp_slice end_point_of(const struct gp__tls_context *context, const X509 *leaf)
{
    for (size_t i = 0; leaf && i < context->n_certificates; i++)
        if (X509_cmp(context->certificates[i].leaf, leaf) == 0)
            return gp_slice((const char *)context->certificates[i].end_point,
                            context->certificates[i].end_point_len);
    return gp_slice(NULL, 0);
}

/* A resumed handshake shows no certificate: which one it was is kept in the ticket. When a ticket is
 * renewed, the hash lies in what is about to be freed. */
static int on_new_ticket(SSL *ssl, void *arg)
{
    struct gp_slice hash = gp__tls_end_point(ssl);
    char copy[EVP_MAX_MD_SIZE];

    (void)arg;
    hash = gp_slice_sub(hash, 0, sizeof copy);
    memcpy(copy, hash.len ? hash.data : "", hash.len);
    return SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), copy, hash.len);
}

static SSL_TICKET_RETURN on_ticket(SSL *ssl, SSL_SESSION *session, const unsigned char *name,
                                   size_t name_len, SSL_TICKET_STATUS status, void *arg)
{
    (void)ssl;
    (void)session;
    (void)name;
    (void)name_len;
    (void)arg;
    switch (status) {
    case SSL_TICKET_SUCCESS:
        return SSL_TICKET_RETURN_USE;
    case SSL_TICKET_SUCCESS_RENEW:
        return SSL_TICKET_RETURN_USE_RENEW;
    case SSL_TICKET_EMPTY:
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    default:
        return SSL_TICKET_RETURN_IGNORE;
    }
}

struct gp_slice gp__tls_end_point(SSL *ssl)
{
    void *hash = NULL;
    size_t len = 0;

    if (!SSL_session_reused(ssl))
        return end_point_of(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)), SSL_get_certificate(ssl));
    SSL_SESSION_get0_ticket_appdata(SSL_get_session(ssl), &hash, &len);
    return len ? gp_slice(hash, len) : gp_slice(NULL, 0);
}

/* ---- the scope ---- */

static void add(EVP_MD_CTX *digest, struct gp_slice text)
{
    uint64_t len = text.len;

    EVP_DigestUpdate(digest, &len, sizeof len);
    EVP_DigestUpdate(digest, text.data, text.len);
}

/* What a client had to prove is part of it: a reload that asks for more must not be got round with
 * an old ticket. */
static int make_scope(struct gp__tls_context *context, struct gp_slice name)
{
    const struct gp__tls_settings *settings = context->settings;
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    char how[2] = {(char)settings->profile, (char)settings->client_certificates};
    int result;

    EVP_DigestInit_ex(digest, EVP_sha256(), NULL);
    add(digest, name);
    add(digest, gp_slice(how, sizeof how));
    add(digest, settings->client_ca);
    result = EVP_DigestFinal_ex(digest, context->tickets.scope, NULL) == 1 ? 0 : -1;
    EVP_MD_CTX_free(digest);
    return result;
}

int gp__tls_resume_by(struct gp__tls_context *context, struct gp_slice scope)
{
    SSL_CTX *ctx = context->ctx;

    SSL_CTX_set_app_data(ctx, context);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    if (make_scope(context, scope) < 0 ||
        !SSL_CTX_set_session_id_context(ctx, context->tickets.scope, sizeof context->tickets.scope))
        return -1;
    if (!context->settings->tickets) {
        SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
        return SSL_CTX_set_num_tickets(ctx, 0) ? 0 : -1;
    }
    SSL_CTX_set_timeout(ctx, gp__tls_tickets_lifetime_s());
    SSL_CTX_set_num_tickets(ctx, 1);
    SSL_CTX_set_session_ticket_cb(ctx, on_new_ticket, on_ticket, NULL);
    return SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket_key) ? 0 : -1;
}
