// SPDX-License-Identifier: Apache-2.0
/* What `gatepost check` can tell of certificates before anybody connects. */
#include "core/runtime/tls.h"

#include "core/base/arena.h"
#include "core/base/date.h"
#include "core/runtime/tls_certificate.h"
#include "core/runtime/tls_error.h"

#include <openssl/pem.h>

#define SOON_S (14 * 86400)

static int64_t unix_of(const ASN1_TIME *time)
{
    ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
    int days = 0, seconds = 0;

    (void)ASN1_TIME_diff(&days, &seconds, epoch, time);
    ASN1_TIME_free(epoch);
    return (int64_t)days * 86400 + seconds;
}

static struct gp_slice date_of(const ASN1_TIME *time, char out[48])
{
    return gp__date_rfc5322(unix_of(time), out);
}

/* The server can run with it, and clients that do not care will not; the others will. */
static int check_dates(const X509 *leaf, int64_t now_s, struct gp__buf *problem_r)
{
    const ASN1_TIME *from = X509_get0_notBefore(leaf), *until = X509_get0_notAfter(leaf);
    char date[48];

    if (unix_of(from) > now_s)
        gp__buf_printf(problem_r, "the certificate is not valid before " GP_FMT,
                       GP_ARG(date_of(from, date)));
    else if (unix_of(until) < now_s)
        gp__buf_printf(problem_r, "the certificate expired on " GP_FMT,
                       GP_ARG(date_of(until, date)));
    else if (unix_of(until) < now_s + SOON_S)
        gp__buf_printf(problem_r, "the certificate expires on " GP_FMT,
                       GP_ARG(date_of(until, date)));
    return problem_r->len ? 1 : 0;
}

/* As the profile `intermediate` has it. */
static int try(const struct gp__tls_certificate *certificate, struct gp__buf *problem_r)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    int result = 0;

    if (ctx)
        SSL_CTX_set_security_level(ctx, 2);
    if (!ctx || SSL_CTX_use_cert_and_key(ctx, certificate->leaf, certificate->key,
                                         certificate->chain, 1) != 1) {
        gp__tls_error(problem_r, "the certificate cannot be used");
        result = -1;
    }
    SSL_CTX_free(ctx);
    return result;
}

int gp__tls_check_certificate(struct gp_slice chain, struct gp_slice key, int64_t wall_ms,
                              struct gp__buf *problem_r)
{
    struct gp__tls_certificate certificate = {0};
    struct gp__arena *arena = gp__arena_create();
    int result = gp__tls_certificate_read(&certificate, chain, key, arena, problem_r);

    if (result == 0)
        result = try(&certificate, problem_r);
    if (result == 0)
        result = check_dates(certificate.leaf, wall_ms / 1000, problem_r);
    gp__tls_certificate_free(&certificate);
    gp__arena_free(&arena);
    return result;
}

int gp__tls_check_authorities(struct gp_slice pem, struct gp__buf *problem_r)
{
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    X509 *one = PEM_read_bio_X509(bio, NULL, NULL, NULL);

    BIO_free(bio);
    if (!one) {
        gp__tls_error(problem_r, "there is no CA certificate in PEM");
        return -1;
    }
    X509_free(one);
    return 0;
}
