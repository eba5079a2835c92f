// SPDX-License-Identifier: Apache-2.0
/*
 * From what a plugin answered to what counts: checks the answer, applies the instance's on_error
 * to faults, fills in default replies.
 */
#ifndef GP_HOOK_RULING_H
#define GP_HOOK_RULING_H

#include "core/hook/policy.h"

/* Why an answer does not count. */
enum gp__fault_kind {
    GP__FAULT_NONE = 0,
    GP__FAULT_TIMEOUT,
    GP__FAULT_ILLEGAL,  /* verdict, edit, wait or reply that is not allowed */
    GP__FAULT_FAILED,   /* the plugin said GP_FAIL */
    GP__FAULT_CANCELED, /* the client is gone: nobody's fault, nothing to decide */
};

/*
 * Judges the answer of a finished call. NONE: *ruling_r is what the plugin said, its texts still
 * in the call's memory.
 */
enum gp__fault_kind gp__ruling_check(struct gp_call *call, enum gp_verdict verdict,
                                     struct gp__ruling *ruling_r);

/* What the instance's policy makes of a fault at this point. */
struct gp__ruling gp__ruling_of_fault(const struct gp__instance *instance,
                                      enum gp_hook_point point);

/* A copy in the arena, with the default reply of the point where none was given. */
const struct gp__ruling *gp__ruling_keep(struct gp__arena *arena, const struct gp__ruling *ruling);

/* Its reply when it is answered at RCPT instead of at its own point (421 would close). */
struct gp__reply gp__ruling_reply_at_rcpt(const struct gp__ruling *ruling);

/* Whether a verdict noted by gp_reject() and its kin is well-formed for the verdict. */
bool gp__ruling_well_formed(const struct gp__ruling *ruling,
                            const struct gp__policy_settings *settings);

#endif
