// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/tls_dial.h"

#include "core/base/alloc.h"
#include "core/base/ip.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#define NAME_MAX_BYTES 255u

struct gp__tls_dial {
    SSL_CTX *context;
    SSL *ssl;
    BIO *in, *out; /* the SSL's */
    char text[200];
};

/* ---- making one ---- */

static int set_trust(SSL_CTX *context, const struct gp__tls_dial_settings *settings)
{
    SSL_CTX_set_verify(context, settings->verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    if (settings->ca_file)
        return SSL_CTX_load_verify_locations(context, settings->ca_file, NULL) == 1 ? 0 : -1;
    return SSL_CTX_set_default_verify_paths(context) == 1 ? 0 : -1;
}

static int set_name(SSL *ssl, const struct gp__tls_dial_settings *settings)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    char name[NAME_MAX_BYTES + 1];
    struct gp__ip ip;

    if (settings->name.len == 0 || settings->name.len > NAME_MAX_BYTES)
        return settings->verify ? -1 : 0;
    memcpy(name, settings->name.data, settings->name.len);
    name[settings->name.len] = '\0';
    if (gp__ip_parse(settings->name, &ip) == 0)
        return X509_VERIFY_PARAM_set1_ip_asc(param, name) == 1 ? 0 : -1;
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set_tlsext_host_name(ssl, name) == 1 && SSL_set1_host(ssl, name) == 1 ? 0 : -1;
}

static const char *set_up(struct gp__tls_dial *tls, const struct gp__tls_dial_settings *settings)
{
    tls->context = SSL_CTX_new(TLS_client_method());
    if (!tls->context || SSL_CTX_set_min_proto_version(tls->context, TLS1_2_VERSION) != 1)
        return "no memory for TLS";
    SSL_CTX_set_options(tls->context, SSL_OP_NO_RENEGOTIATION);
    if (set_trust(tls->context, settings) < 0)
        return "the CA certificates cannot be read";
    tls->ssl = SSL_new(tls->context);
    tls->in = BIO_new(BIO_s_mem());
    tls->out = BIO_new(BIO_s_mem());
    if (!tls->ssl || !tls->in || !tls->out) {
        BIO_free(tls->in);
        BIO_free(tls->out);
        return "no memory for TLS";
    }
    BIO_set_mem_eof_return(tls->in, -1); /* nothing there is no end */
    SSL_set_bio(tls->ssl, tls->in, tls->out);
    SSL_set_connect_state(tls->ssl);
    return set_name(tls->ssl, settings) < 0 ? "the server has no name that could be verified"
                                            : NULL;
}

struct gp__tls_dial *gp__tls_dial_create(const struct gp__tls_dial_settings *settings,
                                         const char **error_r)
{
    struct gp__tls_dial *tls = gp__alloc(sizeof *tls);

    *error_r = set_up(tls, settings);
    ERR_clear_error();
    if (*error_r)
        gp__tls_dial_free(&tls);
    return tls;
}

void gp__tls_dial_free(struct gp__tls_dial **tls_)
{
    struct gp__tls_dial *tls = *tls_;

    *tls_ = NULL;
    if (!tls)
        return;
    SSL_free(tls->ssl);
    SSL_CTX_free(tls->context);
    gp__free(tls);
}

/* ---- bytes ---- */

int gp__tls_dial_feed(struct gp__tls_dial *tls, struct gp_slice bytes)
{
    size_t n;

    return bytes.len == 0 ||
                   (BIO_write_ex(tls->in, bytes.data, bytes.len, &n) == 1 && n == bytes.len)
               ? 0
               : -1;
}

int gp__tls_dial_output(struct gp__tls_dial *tls, struct gp__buf *out)
{
    char *bytes;
    long n = BIO_get_mem_data(tls->out, &bytes);

    if (n <= 0)
        return 0;
    if (gp__buf_append(out, gp_slice(bytes, (size_t)n)) < 0)
        return -1;
    (void)BIO_reset(tls->out);
    return 0;
}

/* ---- states ---- */

static void say_why(struct gp__tls_dial *tls)
{
    long verified = SSL_get_verify_result(tls->ssl);
    const char *reason = ERR_reason_error_string(ERR_peek_error());

    if (verified != X509_V_OK && (SSL_get_verify_mode(tls->ssl) & SSL_VERIFY_PEER))
        reason = X509_verify_cert_error_string(verified);
    (void)snprintf(tls->text, sizeof tls->text, "%s", reason ? reason : "broken off");
}

static enum gp__tls_dial_state state_of(struct gp__tls_dial *tls, int result)
{
    switch (SSL_get_error(tls->ssl, result)) {
    case SSL_ERROR_NONE:
        return GP__TLS_DIAL_READY;
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return GP__TLS_DIAL_MORE;
    case SSL_ERROR_ZERO_RETURN:
        return GP__TLS_DIAL_CLOSED;
    default:
        say_why(tls);
        return GP__TLS_DIAL_FAILED;
    }
}

enum gp__tls_dial_state gp__tls_dial_handshake(struct gp__tls_dial *tls)
{
    enum gp__tls_dial_state state;

    ERR_clear_error();
    state = state_of(tls, SSL_do_handshake(tls->ssl));
    if (state == GP__TLS_DIAL_READY)
        (void)snprintf(tls->text, sizeof tls->text, "%s, %s", SSL_get_version(tls->ssl),
                       SSL_get_cipher_name(tls->ssl));
    return state;
}

enum gp__tls_dial_state gp__tls_dial_read(struct gp__tls_dial *tls, struct gp__buf *out)
{
    for (;;) {
        size_t room, n;
        char *to = gp__buf_room(out, (size_t)16 << 10, &room);
        int result;

        if (!to)
            return GP__TLS_DIAL_FAILED;
        ERR_clear_error();
        result = SSL_read_ex(tls->ssl, to, room, &n);
        if (result != 1)
            return state_of(tls, result);
        gp__buf_added(out, n);
    }
}

int gp__tls_dial_write(struct gp__tls_dial *tls, struct gp_slice bytes)
{
    size_t n;

    ERR_clear_error();
    return bytes.len == 0 || SSL_write_ex(tls->ssl, bytes.data, bytes.len, &n) == 1 ? 0 : -1;
}

const char *gp__tls_dial_text(const struct gp__tls_dial *tls)
{
    return tls->text;
}
