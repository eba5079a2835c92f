// SPDX-License-Identifier: Apache-2.0
/*
 * `tls:` and what it names. Files are read here, so that whoever makes TLS from it need not be able
 * to: keys are secrets of the generation.
 */
#include "core/base/domain.h"
#include "core/config/load.h"

#include <string.h>

#define CHAIN_MAX ((size_t)256 << 10)
#define AUTHORITIES_MAX ((size_t)4 << 20)

struct raw_certificate {
    struct gp_slice cert, key;
    const struct gp_list *names;
    bool self_signed;
};

static const struct gp_option certificate_rows[] = {
    GP_OPTION_PATH("cert", struct raw_certificate, cert, NULL,
                   "The certificate and what leads to its CA, in PEM."),
    GP_OPTION_PATH("key", struct raw_certificate, key, NULL, "Its private key, in PEM."),
    GP_OPTION_LIST("names", struct raw_certificate, names, GP_TYPE_STRING, "[]",
                   "Host names that it is shown for, instead of those that stand in it."),
    GP_OPTION_BOOL("self_signed", struct raw_certificate, self_signed, "false",
                   "Whether the server makes both files when the certificate is not there."),
    GP_OPTIONS_END,
};

static const char *const profile_names[] = {"intermediate", "modern", "old", NULL};
static const char *const client_names[] = {"off", "request", "require", NULL};

/* Of the global section and of a listener's own. */
#define TLS_ROWS                                                                                   \
    GP_OPTION_LIST("certificates", struct gp__raw_tls, certificates, GP_TYPE_OBJECT, "[]",         \
                   "Chosen by the name that the client asks for; the first is for all others.",    \
                   .rows = certificate_rows, .row_size = sizeof(struct raw_certificate)),          \
        GP_OPTION_ENUM(                                                                            \
            "profile", struct gp__raw_tls, profile, profile_names, "intermediate",                 \
            "TLS 1.2 and 1.3 with good ciphers, only 1.3 (modern), or 1.0 and up (old)."),         \
        GP_OPTION_ENUM("client_certificates", struct gp__raw_tls, client_certificates,             \
                       client_names, "off",                                                        \
                       "Whether clients are asked for a certificate, and must have a good one."),  \
        GP_OPTION_PATH("client_ca", struct gp__raw_tls, client_ca, GP_OPTIONAL,                    \
                       "CA certificates that vouch for clients, in PEM."),                         \
        GP_OPTION_BOOL("tickets", struct gp__raw_tls, tickets, "true",                             \
                       "Whether clients may resume sessions."),                                    \
        GP_OPTION_DURATION("handshake_timeout", struct gp__raw_tls, handshake_timeout, "30s",      \
                           1000, 300000, "How long a handshake may take."),                        \
        GP_OPTION_INTEGER("handshakes", struct gp__raw_tls, handshakes, "1000", 1, 1000000,        \
                          "Handshakes of a listener at once; STARTTLS gets 454 4.7.0 beyond.")

const struct gp_option gp__tls_rows[] = {TLS_ROWS, GP_OPTIONS_END};

const struct gp_option gp__tls_top_rows[] = {
    TLS_ROWS,
    GP_OPTION_DURATION(
        "ticket_rotation", struct gp__raw_tls, ticket_rotation, "6h", 1000, 7ll * 24 * 3600 * 1000,
        "How often the keys of tickets change, in all processes at once; what a client "
        "resumes is no older."),
    GP_OPTION_MAP("outbound", struct gp__raw_tls, outbound, GP_TYPE_OBJECT, "{}",
                  "TLS to other servers: by domain (.example.org: all below it), and `default` for "
                  "all others.",
                  .rows = gp__destination_rows, .row_size = sizeof(struct gp__raw_destination)),
    GP_OPTION_OBJECT("reports", struct gp__raw_tls, reports, gp__reports_rows, GP_OPTIONAL,
                     "Tells domains that want to know how TLS with their hosts went (RFC 8460)."),
    GP_OPTIONS_END,
};

/* ---- where it stands ---- */

static const struct gp__node *value_of(const struct gp__node *node, const char *key)
{
    const struct gp__node *value = gp__node_get(node, gp_slice_of(key));

    return value ? value : node;
}

static const struct gp__node *item_of(const struct gp__node *node, size_t n)
{
    const struct gp__node *list = gp__node_get(node, GP_S("certificates"));

    if (list && list->kind == GP__NODE_SEQUENCE && n < list->count)
        return list->items[n];
    return list ? list : node;
}

/* ---- files ---- */

static int read_text(struct gp__load *load, struct gp_slice path, size_t max,
                     struct gp_slice *text_r, char *error, size_t error_size)
{
    const struct gp__config_files *files = load->host->files;
    struct gp_slice full = gp__arena_dup(load->arena, path);
    struct gp__buf content = {0};
    int result = files->read(files->arg, full.data, max, &content, error, error_size);

    if (result == 0)
        *text_r = gp__arena_dup(load->arena, gp__buf_slice(&content));
    gp__buf_free(&content);
    return result;
}

static void cannot_read(struct gp__load *load, const struct gp__node *at, struct gp_slice path,
                        const char *error)
{
    gp__diag_add(load->diag, GP__ERROR, at, "cannot read " GP_FMT ": %s", GP_ARG(path), error);
}

/* ---- a certificate ---- */

/* Makes the files, or says that the server will. Whether there is something to read now. */
static bool self_sign(struct gp__load *load, const struct raw_certificate *raw,
                      const struct gp__node *at, struct gp_slice hostname, const char *problem)
{
    const struct gp__config_host *host = load->host;
    struct gp_slice cert = gp__arena_dup(load->arena, raw->cert);
    struct gp_slice key = gp__arena_dup(load->arena, raw->key);
    struct gp__buf error = {.limit = 500};
    int result = -1;

    if (!host->self_sign)
        gp__diag_add(load->diag, GP__NOTICE, at,
                     GP_FMT ": %s; `gatepost serve` makes it, signed by nobody but itself",
                     GP_ARG(cert), problem);
    else if (result = host->self_sign(host->arg, cert.data, key.data, hostname, &error), result < 0)
        gp__diag_add(load->diag, GP__ERROR, at, "cannot read " GP_FMT ": %s; " GP_FMT, GP_ARG(cert),
                     problem, GP_ARG(gp__buf_slice(&error)));
    gp__buf_free(&error);
    return result == 0;
}

static void judge(struct gp__load *load, const struct gp__tls_certificate_settings *certificate,
                  const struct gp__node *at)
{
    const struct gp__config_host *host = load->host;
    struct gp__buf problem = {.limit = 500};
    int result = 0;

    if (host->certificate)
        result = host->certificate(host->arg, certificate->chain, certificate->key, &problem);
    if (result)
        gp__diag_add(load->diag, result < 0 ? GP__ERROR : GP__WARNING, at, GP_FMT,
                     GP_ARG(gp__buf_slice(&problem)));
    gp__buf_free(&problem);
}

static void read_certificate(struct gp__load *load,
                             struct gp__tls_certificate_settings *certificate,
                             const struct raw_certificate *raw, const struct gp__node *node,
                             struct gp_slice hostname)
{
    const struct gp__node *cert_at = value_of(node, "cert"), *key_at = value_of(node, "key");
    struct gp_slice key_path = gp__arena_dup(load->arena, raw->key);
    char error[256] = "";
    int result = read_text(load, raw->cert, CHAIN_MAX, &certificate->chain, error, sizeof error);

    if (result < 0 && raw->self_signed) {
        if (!self_sign(load, raw, cert_at, hostname, error))
            return;
        result = read_text(load, raw->cert, CHAIN_MAX, &certificate->chain, error, sizeof error);
    }
    if (result < 0)
        cannot_read(load, cert_at, raw->cert, error);
    else if (gp__bind_secret_file(&load->binder, key_path.data, &certificate->key, error,
                                  sizeof error) < 0)
        cannot_read(load, key_at, raw->key, error);
    else
        judge(load, certificate, cert_at);
}

/* A host name, or one with "*" as its first label, as clients send it (RFC 6066 3): in A-labels. */
static struct gp_slice server_name(struct gp__load *load, const struct gp__node *at,
                                   struct gp_slice name)
{
    struct gp_slice key = gp__domain_key(load->arena, name);
    bool any = gp_slice_starts(key, GP_S("*."));

    if (!gp__host_name_valid(gp_slice_sub(key, any ? 2 : 0, key.len)))
        gp__diag_add(load->diag, GP__ERROR, at, "\"" GP_FMT "\" is not a host name",
                     GP_ARG(gp_slice_sub(name, 0, 200)));
    return key;
}

static void set_names(struct gp__load *load, struct gp__tls_certificate_settings *certificate,
                      const struct gp_list *names, const struct gp__node *at)
{
    size_t count = gp_list_count(names);
    struct gp_slice *list = GP__ARENA_ARRAY(load->arena, struct gp_slice, count);

    certificate->names = list;
    for (size_t i = 0; i < count; i++)
        list[certificate->n_names++] = server_name(load, at,
                                                   *(const struct gp_slice *)gp_list_at(names, i));
}

static void read_certificates(struct gp__load *load, struct gp__tls_settings *tls,
                              const struct gp__raw_tls *raw, const struct gp__node *node,
                              struct gp_slice hostname)
{
    size_t count = gp_list_count(raw->certificates);
    struct gp__tls_certificate_settings *list = GP__ARENA_ARRAY(
        load->arena, struct gp__tls_certificate_settings, count);

    tls->certificates = list;
    for (size_t i = 0; i < count; i++) {
        const struct raw_certificate *from = gp_list_at(raw->certificates, i);
        const struct gp__node *at = item_of(node, i);

        if (from->cert.len == 0 || from->key.len == 0)
            continue; /* reported already */
        set_names(load, &list[tls->n_certificates], from->names, value_of(at, "names"));
        read_certificate(load, &list[tls->n_certificates++], from, at, hostname);
    }
}

/* ---- clients ---- */

static void read_client_ca(struct gp__load *load, struct gp__tls_settings *tls,
                           const struct gp__raw_tls *raw, const struct gp__node *node)
{
    const struct gp__config_host *host = load->host;
    const struct gp__node *at = value_of(node, "client_ca");
    struct gp__buf problem = {.limit = 500};
    char error[256] = "";

    if (!gp_slice_present(raw->client_ca)) {
        if (tls->client_certificates == GP__TLS_CLIENT_REQUIRE)
            gp__diag_add(load->diag, GP__ERROR, value_of(node, "client_certificates"),
                         "\"client_certificates: require\" needs `client_ca`, or nobody gets in");
        return;
    }
    if (read_text(load, raw->client_ca, AUTHORITIES_MAX, &tls->client_ca, error, sizeof error) < 0)
        cannot_read(load, at, raw->client_ca, error);
    else if (host->authorities && host->authorities(host->arg, tls->client_ca, &problem))
        gp__diag_add(load->diag, GP__ERROR, at, GP_FMT, GP_ARG(gp__buf_slice(&problem)));
    gp__buf_free(&problem);
}

const struct gp__tls_settings *gp__load_tls(struct gp__load *load, const struct gp__raw_tls *raw,
                                            const struct gp__node *node, struct gp_slice hostname)
{
    struct gp__tls_settings *tls = GP__ARENA_NEW(load->arena, struct gp__tls_settings);

    tls->profile = (enum gp__tls_profile)raw->profile;
    tls->client_certificates = (enum gp__tls_client)raw->client_certificates;
    tls->tickets = raw->tickets;
    tls->handshake_timeout = raw->handshake_timeout;
    tls->handshakes = raw->handshakes;
    tls->ticket_rotation = raw->ticket_rotation;
    read_certificates(load, tls, raw, node, hostname);
    read_client_ca(load, tls, raw, node);
    return tls;
}
