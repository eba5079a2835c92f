// SPDX-License-Identifier: Apache-2.0
/*
 * Call-ahead: whether a recipient exists is asked of the target that would take its mail, and the
 * answer is kept. A host that says yes to anybody is found out by asking for somebody who is not
 * there; it is not asked for single recipients then. With a state answers are those of all processes,
 * and outlive them; without one each process asks for itself.
 */
#ifndef GP_DELIVERY_VERIFY_H
#define GP_DELIVERY_VERIFY_H

#include "core/delivery/route.h"

#define GP__VERIFIED_MAX 20000 /* answers that are kept */

struct gp__verifier {
    const struct gp__target *target;
    uint64_t yes_ms, no_ms;  /* how long an answer is kept */
    bool unsure_accepts;     /* who can't be told is taken */
    struct gp__state *state; /* where answers are kept; NULL: */
    struct gp__map answers;  /* here */
};

enum gp__routing gp__verify(struct gp_call *call, struct gp__verifier *verifier,
                            struct gp_recipient *recipient);

/* Forgets all answers. */
void gp__verifier_clear(struct gp__verifier *verifier);

#endif
