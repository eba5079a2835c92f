// SPDX-License-Identifier: Apache-2.0
/*
 * Runs the chain of a hook point: asks each instance that has a hook there, in the order of the
 * configuration, and merges their answers by the rules of verdicts. Straight-line: call it on a
 * fiber, or where nobody may wait on the loop's own stack.
 */
#ifndef GP_HOOK_RUN_H
#define GP_HOOK_RUN_H

#include "core/hook/ruling.h"

struct gp__run {
    enum gp_hook_point point;
    struct gp_session *session;
    struct gp_transaction *transaction; /* NULL before MAIL */
    struct gp__policy *policy;          /* its policy */

    /* What the point is about; see struct gp_call. */
    struct gp_recipient *recipient;
    struct gp_recipient **scope;
    size_t n_scope;
    struct gp_copy *copy;
    struct gp_message *message;
    struct gp_slice chunk;
    bool last_chunk;
    struct gp_slice verb, argument;
    struct gp__buf *capabilities;
    const struct gp__ruling *rejected;

    /* What came of it. */
    const struct gp__ruling *stop;   /* session, transaction, recipient: who stopped it; or NULL */
    struct gp__reply reply;          /* command */
    bool accepted;                   /* an ACCEPT ended it */
    bool overridden;                 /* rejected: somebody said OVERRIDE */
    const struct gp__ruling *failed; /* seal: an instance failed and must not be passed over */
    bool canceled;                   /* the client is gone: the answers no longer matter */
};

/* Whether any instance has a hook at this point: if not, running it costs nothing and is not
 * needed. */
static inline bool gp__chain_has(const struct gp__chain *chain, enum gp_hook_point point)
{
    return chain && chain->at[point].count > 0;
}

/* Asks the chain of the session's listener. */
void gp__run_chain(struct gp__run *run);

/* The recipients that are still to be judged at a message hook: accepted, not refused so far.
 * In the transaction's arena. */
size_t gp__run_scope(struct gp__policy *policy, struct gp_recipient ***scope_r);

#endif
