// SPDX-License-Identifier: Apache-2.0
/*
 * TLS as a client, without I/O: what came from the network goes in, what is to be written comes out.
 * So it serves a fiber that reads and writes a stream, whoever that is. Needs some 100 KB of stack in
 * a handshake: not for a fiber of the usual size.
 */
#ifndef GP_RUNTIME_TLS_DIAL_H
#define GP_RUNTIME_TLS_DIAL_H

#include "core/base/buf.h"
#include "core/hook/runtime.h"

#include <stdbool.h>

struct gp__tls_dial;

/* CAs that were read, so that not every connection reads them again. Zeroed: none yet. */
#define GP__TLS_STORES_MAX 8
struct gp__tls_stores {
    struct {
        char *ca_file; /* NULL: the system's */
        void *store;
    } items[GP__TLS_STORES_MAX];
    size_t count;
};

void gp__tls_stores_free(struct gp__tls_stores *stores);

struct gp__tls_dial_settings {
    struct gp_slice name; /* of the server, for SNI and its certificate; or its IP address */
    bool verify;          /* the certificate must be of that name, by a CA that we trust */
    bool observe;         /* without verify: what is wrong with it is only noted */
    const char *ca_file;  /* NULL: the system's CAs */
    const struct gp_slice *names; /* it may also be of these */
    size_t n_names;
    const struct gp_slice *tlsa; /* if there are any, they say whom to trust instead of CAs */
    size_t n_tlsa;
    struct gp__tls_stores *stores; /* NULL: CAs are read for this connection alone */
};

enum gp__tls_dial_state {
    GP__TLS_DIAL_MORE = 0, /* write the output, then feed it */
    GP__TLS_DIAL_READY,    /* the handshake is done */
    GP__TLS_DIAL_CLOSED,   /* the server said that nothing more comes */
    GP__TLS_DIAL_FAILED,
};

/* NULL: *error_r says why (static). */
struct gp__tls_dial *gp__tls_dial_create(const struct gp__tls_dial_settings *settings,
                                         const char **error_r);
void gp__tls_dial_free(struct gp__tls_dial **tls_);

/* Bytes from the network. 0, or -1 without memory. */
int gp__tls_dial_feed(struct gp__tls_dial *tls, struct gp_slice bytes);

/* Goes on with the handshake as far as it can. */
enum gp__tls_dial_state gp__tls_dial_handshake(struct gp__tls_dial *tls);

/* Decrypts all that is there, to the end of `out`. MORE: that was all for now. */
enum gp__tls_dial_state gp__tls_dial_read(struct gp__tls_dial *tls, struct gp__buf *out);

/* Encrypts all of it. 0, or -1. */
int gp__tls_dial_write(struct gp__tls_dial *tls, struct gp_slice bytes);

/* What is to be written, appended to `out`. 0, or -1 without memory. */
int gp__tls_dial_output(struct gp__tls_dial *tls, struct gp__buf *out);

/* After FAILED of a handshake: in which way. */
enum gp__tls_failure gp__tls_dial_failure(const struct gp__tls_dial *tls);

/* After READY, with `observe`: what verifying the certificate would have failed by. */
enum gp__tls_failure gp__tls_dial_observed(const struct gp__tls_dial *tls);

/* After READY: the channel's tls-exporter (RFC 9266), as long as the connection; absent: it has none. */
struct gp_slice gp__tls_dial_exporter(struct gp__tls_dial *tls);

/* After FAILED: why, for people. After READY: "TLSv1.3, TLS_AES_256_GCM_SHA384". */
const char *gp__tls_dial_text(const struct gp__tls_dial *tls);

#endif
