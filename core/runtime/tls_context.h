// SPDX-License-Identifier: Apache-2.0
/* Inside TLS: what the connections of a context share. */
#ifndef GP_RUNTIME_TLS_CONTEXT_H
#define GP_RUNTIME_TLS_CONTEXT_H

#include "core/runtime/tls_certificate.h"
#include "core/runtime/tls_ticket.h"

struct gp__tls_context {
    SSL_CTX *ctx;
    struct gp__runtime *rt;
    const struct gp__tls_settings *settings;
    struct gp__arena *arena; /* names of certificates */
    struct gp__tls_certificate *certificates;
    size_t n_certificates;
    struct gp__tls_tickets tickets;
    size_t handshakes; /* under way */
    /* What OpenSSL wants to send: filled and written within one call, so one does for all. */
    struct gp__buf out;
};

/* ---- tls_select.c: by what the client offers ---- */

/* Sets the callbacks that choose certificates (SNI) and the protocol (ALPN). */
void gp__tls_select_by(struct gp__tls_context *context);

/* The name that the client asked for, in lower case, in `name`; absent: none, or not a host name. */
struct gp_slice gp__tls_server_name(const SSL *ssl, char name[256]);

/* ---- tls_facts.c ---- */

struct gp_session;
void gp__tls_session_facts(SSL *ssl, struct gp_session *session);

/* ---- tls_resume.c ---- */

/* Tickets, or none at all; never a cache of sessions. */
int gp__tls_resume_by(struct gp__tls_context *context, struct gp_slice scope);

/* The hash of the certificate that the client saw (RFC 5929), also when the session was resumed. */
struct gp_slice gp__tls_end_point(SSL *ssl);

/* What a login can be bound to as tls-exporter (RFC 9266): only with TLS 1.3, or with the extended
 * master secret (RFC 7627), is it unique. Whether there is. */
#define GP__TLS_EXPORTER 32
bool gp__tls_exporter(SSL *ssl, unsigned char out[GP__TLS_EXPORTER]);

#endif
