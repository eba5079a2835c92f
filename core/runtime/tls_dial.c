// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/tls_dial.h"

#include "core/base/alloc.h"
#include "core/base/ip.h"
#include "core/runtime/tls_context.h"

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
    enum gp__tls_failure failure;
    bool observe;
    unsigned char exporter[GP__TLS_EXPORTER];
    char text[200];
};

/* ---- CAs ---- */

static X509_STORE *read_store(const char *ca_file)
{
    X509_STORE *store = X509_STORE_new();
    int result = 0;

    if (store)
        result = ca_file ? X509_STORE_load_file(store, ca_file)
                         : X509_STORE_set_default_paths(store);
    if (result == 1)
        return store;
    X509_STORE_free(store);
    return NULL;
}

static X509_STORE *find_store(const struct gp__tls_stores *stores, const char *ca_file)
{
    for (size_t i = 0; stores && i < stores->count; i++) {
        const char *other = stores->items[i].ca_file;

        if (other && ca_file ? strcmp(other, ca_file) == 0 : other == ca_file)
            return stores->items[i].store;
    }
    return NULL;
}

static void keep_store(struct gp__tls_stores *stores, const char *ca_file, X509_STORE *store)
{
    if (!stores || stores->count == GP__TLS_STORES_MAX || !X509_STORE_up_ref(store))
        return;
    if (ca_file) {
        size_t size = strlen(ca_file) + 1;

        stores->items[stores->count].ca_file = gp__alloc(size);
        memcpy(stores->items[stores->count].ca_file, ca_file, size);
    }
    stores->items[stores->count++].store = store;
}

void gp__tls_stores_free(struct gp__tls_stores *stores)
{
    while (stores->count) {
        stores->count--;
        gp__free(stores->items[stores->count].ca_file);
        X509_STORE_free(stores->items[stores->count].store);
    }
}

/* ---- making one ---- */

static bool trusts_nobody_else(const struct gp__tls_dial_settings *settings)
{
    return (!settings->verify && !settings->observe) || settings->n_tlsa > 0;
}

static int set_trust(SSL_CTX *context, const struct gp__tls_dial_settings *settings)
{
    X509_STORE *store;

    SSL_CTX_set_verify(context, settings->verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    if (trusts_nobody_else(settings))
        return 0;
    store = find_store(settings->stores, settings->ca_file);
    if (store) {
        SSL_CTX_set1_cert_store(context, store);
        return 0;
    }
    store = read_store(settings->ca_file);
    if (!store)
        return -1;
    keep_store(settings->stores, settings->ca_file, store);
    SSL_CTX_set_cert_store(context, store);
    return 0;
}

static bool terminated(char to[NAME_MAX_BYTES + 1], struct gp_slice name)
{
    if (name.len == 0 || name.len > NAME_MAX_BYTES)
        return false;
    memcpy(to, name.data, name.len);
    to[name.len] = '\0';
    return true;
}

static int add_names(SSL *ssl, const struct gp__tls_dial_settings *settings)
{
    char name[NAME_MAX_BYTES + 1];

    for (size_t i = 0; i < settings->n_names; i++)
        if (terminated(name, settings->names[i]) && SSL_add1_host(ssl, name) != 1)
            return -1;
    return 0;
}

static int set_name(SSL *ssl, const struct gp__tls_dial_settings *settings)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    char name[NAME_MAX_BYTES + 1];
    struct gp__ip ip;

    if (!terminated(name, settings->name))
        return settings->verify ? -1 : 0;
    if (gp__ip_parse(settings->name, &ip) == 0)
        return X509_VERIFY_PARAM_set1_ip_asc(param, name) == 1 ? 0 : -1;
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (settings->n_tlsa > 0
            ? SSL_dane_enable(ssl, name) <= 0
            : SSL_set_tlsext_host_name(ssl, name) != 1 || SSL_set1_host(ssl, name) != 1)
        return -1;
    return add_names(ssl, settings);
}

/* What is no use is left out; whether any is left. With usage 3 names and dates do not count (RFC
 * 7672 3.1.1). */
static bool set_tlsa(SSL *ssl, const struct gp__tls_dial_settings *settings)
{
    size_t usable = 0;

    SSL_dane_set_flags(ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
    for (size_t i = 0; i < settings->n_tlsa; i++) {
        const unsigned char *bytes = (const unsigned char *)settings->tlsa[i].data;

        if (settings->tlsa[i].len > 3 && bytes[0] >= 2) /* without CAs (RFC 7672 3.1.3) */
            usable += SSL_dane_tlsa_add(ssl, bytes[0], bytes[1], bytes[2], bytes + 3,
                                        settings->tlsa[i].len - 3) == 1;
    }
    return usable > 0;
}

static const char *make_ssl(struct gp__tls_dial *tls, const struct gp__tls_dial_settings *settings)
{
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
    if (set_name(tls->ssl, settings) < 0)
        return "the server has no name that could be verified";
    if (settings->n_tlsa > 0 && !set_tlsa(tls->ssl, settings))
        return "none of the TLSA records can be used";
    return NULL;
}

static const char *set_up(struct gp__tls_dial *tls, const struct gp__tls_dial_settings *settings)
{
    tls->observe = settings->observe;
    tls->context = SSL_CTX_new(TLS_client_method());
    if (!tls->context || SSL_CTX_set_min_proto_version(tls->context, TLS1_2_VERSION) != 1 ||
        (settings->n_tlsa > 0 && SSL_CTX_dane_enable(tls->context) <= 0))
        return "no memory for TLS";
    SSL_CTX_set_options(tls->context, SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_mode(tls->context, SSL_MODE_RELEASE_BUFFERS);
    /* A short key of somebody whom nobody verifies is better than plaintext (RFC 7435). */
    if (!settings->verify)
        SSL_CTX_set_security_level(tls->context, 1);
    if (set_trust(tls->context, settings) < 0) {
        if (settings->verify)
            return "the CA certificates cannot be read";
        tls->observe = false; /* nobody is accused for what is missing here */
    }
    return make_ssl(tls, settings);
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
    explicit_bzero(tls->exporter, sizeof tls->exporter);
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

static enum gp__tls_failure failure_of(long verified)
{
    switch (verified) {
    case X509_V_OK:
        return GP__TLS_BROKEN;
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return GP__TLS_EXPIRED;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return GP__TLS_MISNAMED;
    default:
        return GP__TLS_UNTRUSTED;
    }
}

static void say_why(struct gp__tls_dial *tls)
{
    long verified = SSL_get_verify_result(tls->ssl);
    const char *reason = ERR_reason_error_string(ERR_peek_error());

    tls->failure = GP__TLS_BROKEN;
    if (verified != X509_V_OK && (SSL_get_verify_mode(tls->ssl) & SSL_VERIFY_PEER)) {
        reason = X509_verify_cert_error_string(verified);
        tls->failure = failure_of(verified);
    }
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

enum gp__tls_failure gp__tls_dial_failure(const struct gp__tls_dial *tls)
{
    return tls->failure;
}

enum gp__tls_failure gp__tls_dial_observed(const struct gp__tls_dial *tls)
{
    long verified = SSL_get_verify_result(tls->ssl);

    return tls->observe && verified != X509_V_OK ? failure_of(verified) : GP__TLS_FINE;
}

struct gp_slice gp__tls_dial_exporter(struct gp__tls_dial *tls)
{
    return gp__tls_exporter(tls->ssl, tls->exporter)
               ? gp_slice((const char *)tls->exporter, sizeof tls->exporter)
               : gp_slice(NULL, 0);
}

const char *gp__tls_dial_text(const struct gp__tls_dial *tls)
{
    return tls->text;
}
