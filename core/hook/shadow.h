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

/* What one shadow instance thinks of one transaction, in the transaction's arena; of the session
 * before MAIL, in the session's. */
struct gp__shadow {
    struct gp__instance *instance;
    struct gp__shadow *next; /* of the transaction, or of the session */
    struct gp__notes notes;
    struct gp_message *message; /* overlay: a view of its own; NULL until needed */
    uint64_t untouched;         /* its version as long as the shadow has edited nothing */
    unsigned running;           /* calls under way */
    bool settled;               /* the fates are known */
    bool incomplete;            /* a call was skipped: its opinion is not known */
    bool authenticated;         /* the client was, when `force` was given */
    int force;                  /* of a verdict on the whole transaction, or session */
};

/* What it thinks of one recipient. */
struct gp__opinion {
    const struct gp__shadow *shadow;
    struct gp__opinion *next; /* of the recipient */
    int force;
};

/* Starts a call beside the chain; at most settings->shadows_max at once for an instance, then the
 * call is skipped and counted. */
void gp__shadow_start(const struct gp__run *run, struct gp__instance *instance);

/* Ends the waits of all its calls: the process stops. */
void gp__shadow_cancel(struct gp__instance *instance);

/* The fates of the transaction are known: counts agreement, once, now or when the last call ends.
 * What a shadow would have said before MAIL counts as if AUTH clears it (semantics B4). */
void gp__shadow_settle(struct gp__policy *policy);

#endif
