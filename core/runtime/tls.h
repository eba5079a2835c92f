// SPDX-License-Identifier: Apache-2.0
/*
 * TLS of listeners, on OpenSSL. A context is what a listener of a generation needs: certificates,
 * profile, client CAs, ticket keys; it is made from PEM texts, reads no file, and never changes.
 * A TLS connection is a struct gp__conn over another one, so whoever uses it does not care:
 *
 *     struct gp__conn *tls = gp__tls_accept(context, conn); // conn belongs to tls from now on
 *     tls->events = &events;   // `ready` comes when the handshake is done, or `error`
 *     tls->user = client;
 *
 * The bytes below pass through OpenSSL's own record buffers and one buffer of the whole context:
 * nothing is kept for an idle connection but the SSL object, some 14 KB. Runs on the loop's stack.
 *
 * After a failure or the peer's close_notify nothing is read any more, encrypted or not. The end of
 * the connection below without a close_notify is an `eof` too.
 */
#ifndef GP_RUNTIME_TLS_H
#define GP_RUNTIME_TLS_H

#include "core/base/buf.h"
#include "core/config/tls_settings.h"
#include "core/runtime/conn.h"

struct gp__runtime;
struct gp__tls_context;

/* What a peer may send before the handshake is done. */
#define GP__TLS_HANDSHAKE_BYTES ((size_t)96 << 10)

/*
 * Borrows the settings and the runtime. `scope` is the name of the listener: tickets of one never
 * resume on another. NULL: *error_r says why.
 */
struct gp__tls_context *gp__tls_context_create(const struct gp__tls_settings *settings,
                                               struct gp_slice scope, struct gp__runtime *rt,
                                               struct gp__buf *error_r);

/* Connections may live on but must not be used. */
void gp__tls_context_free(struct gp__tls_context **context_);

/* Whether it is busy with as many handshakes as the settings allow. */
bool gp__tls_context_full(const struct gp__tls_context *context);

/* Begins a handshake as the server. Takes the connection over, its events and its user. NULL: no
 * memory, and the connection is the caller's. */
struct gp__conn *gp__tls_accept(struct gp__tls_context *context, struct gp__conn *under);

/* Why it failed, for people; NULL: it did not. */
const char *gp__tls_failure(const struct gp__conn *conn);

/* ---- tickets: core/runtime/tls_ticket.c ---- */

/*
 * All processes of a server encrypt tickets with keys derived from one secret, which moves on with
 * each rotation and cannot be turned back. A process makes its own at first use; to share one, hand
 * over what share() gives to join() of a process that has not used it yet. Wipe the copy.
 */
#define GP__TLS_TICKET_STATE 80
#define GP__TLS_TICKET_ROTATION_MS (UINT64_C(6) * 3600 * 1000) /* where nobody says */

/* How often, ms; of contexts made from now on. Another than before begins with a secret of its own. */
void gp__tls_tickets_rotate(uint64_t every_ms);
void gp__tls_tickets_share(uint8_t out[GP__TLS_TICKET_STATE], int64_t wall_ms);
void gp__tls_tickets_join(const uint8_t in[GP__TLS_TICKET_STATE]);

/* ---- certificates, for the loader: core/runtime/tls_check.c ---- */

/* Looks at a chain and its key in PEM. 0: fine. 1: it can be used, but *problem_r says what is
 * wrong with it. -1: it cannot. */
int gp__tls_check_certificate(struct gp_slice chain, struct gp_slice key, int64_t wall_ms,
                              struct gp__buf *problem_r);

/* The same for a file of CA certificates. */
int gp__tls_check_authorities(struct gp_slice pem, struct gp__buf *problem_r);

/* Makes a key (mode 0600) and a certificate for the host name, and the directories they lie in; what
 * is there already is not replaced. Blocks. 0, or -1 with *error_r. */
int gp__tls_self_sign(const char *cert_path, const char *key_path, struct gp_slice hostname,
                      struct gp__buf *error_r);

#endif
