// SPDX-License-Identifier: Apache-2.0
/* A certificate with its chain, its key and the names it stands for. */
#ifndef GP_RUNTIME_TLS_CERTIFICATE_H
#define GP_RUNTIME_TLS_CERTIFICATE_H

#include "core/base/buf.h"

#include <openssl/ssl.h>

struct gp__arena;

#define GP__TLS_NAMES_MAX 1000

struct gp__tls_certificate {
    X509 *leaf;
    STACK_OF(X509) * chain; /* what follows the leaf */
    EVP_PKEY *key;
    struct gp_slice *names; /* lower case; "*.example.org" stands for one label */
    size_t n_names;
    unsigned char end_point[EVP_MAX_MD_SIZE]; /* tls-server-end-point (RFC 5929) */
    unsigned end_point_len;
};

/* Reads PEM texts; names are put into the arena. 0, or -1 with *error_r. Free it either way. */
int gp__tls_certificate_read(struct gp__tls_certificate *certificate, struct gp_slice chain,
                             struct gp_slice key, struct gp__arena *arena, struct gp__buf *error_r);
void gp__tls_certificate_free(struct gp__tls_certificate *certificate);

/* How well a name of a client (lower case) fits: 2: exactly, 1: a wildcard, 0: not. */
int gp__tls_certificate_fits(const struct gp__tls_certificate *certificate, struct gp_slice name);

/* Whether both have the same kind of key: only one of them can be used in a handshake. */
bool gp__tls_certificate_same_kind(const struct gp__tls_certificate *a,
                                   const struct gp__tls_certificate *b);

#endif
