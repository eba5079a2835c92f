// SPDX-License-Identifier: Apache-2.0
/*
 * RCPT: syntax (done by the engine) -> resolve hooks -> route -> validity -> relay right -> rcpt
 * hooks -> 250 (semantics B3). So nobody asks policy services about relay attempts and unknown
 * users.
 */
#ifndef GP_SERVER_RCPT_H
#define GP_SERVER_RCPT_H

#include "core/server/client.h"

/* Judges a recipient of the current transaction, on the task's fiber. PROCEED: it, or what it was
 * expanded to, is accepted. Otherwise the reply. */
enum gp__decision gp__rcpt(struct gp__client *client, const struct gp__rcpt *rcpt,
                           struct gp__reply *reply_r);

/* RFC 5321 4.5.1: "postmaster" without a domain is this host's. */
struct gp__address gp__rcpt_with_domain(struct gp__arena *arena, const struct gp__address *to,
                                        struct gp_slice hostname);

/* Routes what instances added since RCPT: from then on it belongs to the message, or is logged and
 * forgotten. On the task's fiber, after the hooks that may add. */
void gp__rcpt_added(struct gp__client *client);

#endif
