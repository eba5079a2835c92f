// SPDX-License-Identifier: Apache-2.0
/*
 * What is chosen by what the client offers. Certificates: for the name that fits exactly, else by a
 * wildcard, else the default one; one of each kind of key (RSA, ECDSA), so that OpenSSL takes the
 * one that the client can check. ALPN: "smtp" or none; who wants another protocol (HTTP, say) was
 * led here by somebody (RFC 7301 3.2, the ALPACA attack).
 */
#include "core/base/ascii.h"
#include "core/runtime/tls_context.h"

#define KINDS_MAX 4

/* ---- names ---- */

static bool is_host_char(char c)
{
    return gp__is_alnum(c) || c == '-' || c == '.' || c == '_';
}

struct gp_slice gp__tls_server_name(const SSL *ssl, char name[256])
{
    struct gp_slice given = gp_slice_of(SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name));

    if (given.len > 1 && given.data[given.len - 1] == '.')
        given.len--;
    if (given.len == 0 || given.len > 253)
        return gp_slice(NULL, 0);
    for (size_t i = 0; i < given.len; i++) {
        if (!is_host_char(given.data[i]))
            return gp_slice(NULL, 0);
        name[i] = gp__to_lower(given.data[i]);
    }
    return gp_slice(name, given.len);
}

/* ---- certificates ---- */

struct choice {
    const struct gp__tls_certificate *items[KINDS_MAX];
    size_t count;
};

/* The first of its kind stays. */
static void choose(struct choice *choice, const struct gp__tls_certificate *certificate)
{
    for (size_t i = 0; i < choice->count; i++)
        if (gp__tls_certificate_same_kind(choice->items[i], certificate))
            return;
    if (choice->count < KINDS_MAX)
        choice->items[choice->count++] = certificate;
}

static void choose_by_name(const struct gp__tls_context *context, struct gp_slice name, int fit,
                           struct choice *choice)
{
    for (size_t i = 0; i < context->n_certificates; i++)
        if (gp__tls_certificate_fits(&context->certificates[i], name) == fit)
            choose(choice, &context->certificates[i]);
}

/* The first, and others for the same name. */
static void choose_default(const struct gp__tls_context *context, struct choice *choice)
{
    const struct gp__tls_certificate *first = &context->certificates[0];

    choose(choice, first);
    for (size_t i = 1; i < context->n_certificates; i++)
        if (first->n_names && context->certificates[i].n_names &&
            gp_slice_eq(first->names[0], context->certificates[i].names[0]))
            choose(choice, &context->certificates[i]);
}

/* Of full handshakes, when all of the ClientHello is known. 1, or 0: an alert. */
static int on_certificate(SSL *ssl, void *arg)
{
    const struct gp__tls_context *context = arg;
    struct choice choice = {.count = 0};
    char text[256];
    struct gp_slice name = gp__tls_server_name(ssl, text);

    for (int fit = 2; gp_slice_present(name) && fit > 0 && choice.count == 0; fit--)
        choose_by_name(context, name, fit, &choice);
    if (choice.count == 0)
        choose_default(context, &choice);
    SSL_certs_clear(ssl);
    for (size_t i = 0; i < choice.count; i++)
        if (SSL_use_cert_and_key(ssl, choice.items[i]->leaf, choice.items[i]->key,
                                 choice.items[i]->chain, 1) != 1)
            return 0;
    return 1;
}

/* The name is acknowledged if we have a certificate for it; it is never a reason to refuse. */
static int on_server_name(SSL *ssl, int *alert, void *arg)
{
    const struct gp__tls_context *context = arg;
    char text[256];
    struct gp_slice name = gp__tls_server_name(ssl, text);

    (void)alert;
    for (size_t i = 0; gp_slice_present(name) && i < context->n_certificates; i++)
        if (gp__tls_certificate_fits(&context->certificates[i], name))
            return SSL_TLSEXT_ERR_OK;
    return SSL_TLSEXT_ERR_NOACK;
}

/* ---- ALPN ---- */

static int on_protocols(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                        const unsigned char *in, unsigned in_len, void *arg)
{
    struct gp_slice rest = gp_slice((const char *)in, in_len);

    (void)ssl;
    (void)arg;
    while (rest.len) {
        size_t len = (unsigned char)rest.data[0];
        struct gp_slice one = gp_slice_sub(rest, 1, len);

        if (gp_slice_eq(one, GP_S("smtp"))) {
            *out = (const unsigned char *)one.data;
            *out_len = (unsigned char)one.len;
            return SSL_TLSEXT_ERR_OK;
        }
        rest = gp_slice_sub(rest, 1 + len, rest.len);
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

void gp__tls_select_by(struct gp__tls_context *context)
{
    SSL_CTX_set_cert_cb(context->ctx, on_certificate, context);
    SSL_CTX_set_tlsext_servername_callback(context->ctx, on_server_name);
    SSL_CTX_set_tlsext_servername_arg(context->ctx, context);
    SSL_CTX_set_alpn_select_cb(context->ctx, on_protocols, context);
}
