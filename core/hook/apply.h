// SPDX-License-Identifier: Apache-2.0
/* What a ruling does to session, transaction and recipients (semantics B1, B4). */
#ifndef GP_HOOK_APPLY_H
#define GP_HOOK_APPLY_H

#include "core/hook/run.h"

/* Applies the ruling of the call to what the run is about. Whether the chain stops here. */
bool gp__apply(struct gp__run *run, struct gp_call *call, const struct gp__ruling *ruling);

/* The records of instances, by their index: the transaction's, or the session's before there is
 * one. They stay where they are. */
struct gp__trail *gp__trails_of(struct gp__session_policy *session, struct gp__policy *policy);

/* Asks the `rejected` hooks about a refusal: whether it is overridden. The recipient may be NULL. */
bool gp__apply_overridden(const struct gp__run *run, const struct gp__ruling *ruling,
                          struct gp_recipient *recipient);

/* The refusal that waits for RCPT, unless an AUTH after it has cleared it; or NULL. */
const struct gp__ruling *gp__pending_of(const struct gp__session_policy *session,
                                        const struct gp__policy *policy);

/*
 * At RCPT: the refusal that still waits for this recipient, or NULL. Exempt recipients, AUTH (but
 * for instances that say even_authenticated) and OVERRIDE clear it.
 */
const struct gp__ruling *gp__apply_pending(struct gp__run *run, struct gp_recipient *recipient);

/* ---- shared by run.c and shadow.c ---- */

/* A call about what the run is about; the instance and its deadline come with gp__call_renew(). */
void gp__run_call_init(struct gp_call *call, const struct gp__run *run);
int gp__run_in_scope(struct gp_call *call);
enum gp_verdict gp__run_invoke(struct gp_call *call);

#endif
