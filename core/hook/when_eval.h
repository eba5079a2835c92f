// SPDX-License-Identifier: Apache-2.0
/* Evaluating conditions (when.h) against what is known of a session at a hook. */
#ifndef GP_HOOK_WHEN_EVAL_H
#define GP_HOOK_WHEN_EVAL_H

#include "core/hook/call.h"

/*
 * Whether the condition holds for the recipient (NULL: none in particular; facts about recipients
 * are then not known). 1, 0, or an error when a table could not answer. `call` gives session,
 * transaction and the right to wait.
 */
int gp__when_holds(struct gp_call *call, const struct gp__when *when,
                   struct gp_recipient *recipient);

/* Whether any fact of the condition is about recipients: then it is asked for each of them. */
bool gp__when_of_recipient(const struct gp__when *when);

#endif
