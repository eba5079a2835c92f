// SPDX-License-Identifier: Apache-2.0
/*
 * Shadow mode (semantics B6): an instance that is asked but not obeyed. Its calls run beside the
 * chain on fibers of their own and never delay a reply; what they edit or note goes to an overlay
 * that only their own later hooks see; what they would have decided is counted against what
 * finally happened to each recipient.
 */
#ifndef GP_HOOK_SHADOW_H
#define GP_HOOK_SHADOW_H

#include "core/hook/run.h"

/* What one shadow instance thinks of one transaction; in the transaction's arena. */
struct gp__shadow {
    struct gp__instance *instance;
    struct gp__shadow *next; /* of the transaction */
    struct gp__notes notes;
    struct gp_message *message; /* overlay: a clone of the shared message; NULL until needed */
    unsigned running;           /* calls under way */
    bool settled;               /* the fates are known */
    int session_force;          /* of a verdict on the whole transaction */
    uint8_t *force;             /* by index of recipient */
    size_t n_force;
};

/* Starts a call beside the chain; at most settings->shadows_max at once for an instance, then the
 * call is skipped and counted. */
void gp__shadow_start(const struct gp__run *run, struct gp__instance *instance);

/* The fates of the transaction are known: counts agreement, now or when the last call ends. */
void gp__shadow_settle(struct gp__policy *policy);

#endif
