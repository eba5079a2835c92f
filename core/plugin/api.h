// SPDX-License-Identifier: Apache-2.0
/*
 * What the implementations of the plugin API share: whether a call may do what it asks for, and
 * whether what it gave is sound. Everything a plugin gives is hostile. Two kinds of refusals:
 *
 * - a value that is not acceptable may have come from a peer: GP_EINVAL, and nothing else;
 * - what only a wrong program does (a right it lacks, NULL with a length, a handle of another
 *   transaction) is a fault of the call as well: the instance's on_error decides about its verdict.
 *
 * The host's own calls (no instance) have every right.
 */
#ifndef GP_PLUGIN_API_H
#define GP_PLUGIN_API_H

#include "core/hook/call.h"
#include "core/hook/point.h"
#include "core/hook/policy.h"
#include "core/hook/shadow.h"

/* A text of a plugin that is longer than any that is accepted, and still short. */
#define GP__API_TEXT_MAX ((size_t)4096)

/* NULL stands for absent only: it never has a length. */
static inline bool gp__api_slice_ok(struct gp_slice s)
{
    return s.data != NULL || s.len == 0;
}

/* A fault that names the function; returns GP_EINVAL. */
int gp__api_misuse(struct gp_call *call, const char *function, const char *what);

/* Checks a slice that a plugin gave: 0, or GP_EINVAL after a fault. */
int gp__api_slice(struct gp_call *call, const char *function, struct gp_slice s);

/* Whether the descriptor declares the need (one of enum gp_needs): 0, the sticky error of the
 * call, or GP_ENOTALLOWED after a fault. */
int gp__api_may_use(struct gp_call *call, const char *function, unsigned need);

/* The same, and whether the hook point allows the edit (one of enum gp__edit_right). `need` 0:
 * none. A role edits nothing. */
int gp__api_may_edit(struct gp_call *call, const char *function, unsigned right, unsigned need);

/* Whether there is a transaction: 0, or GP_ENOTALLOWED after a fault. */
int gp__api_transaction(struct gp_call *call, const char *function);

/* Whether the recipient is one of this call's transaction: 0, or GP_EINVAL after a fault. */
int gp__api_recipient(struct gp_call *call, const char *function,
                      const struct gp_recipient *recipient);

/* The same, and one that the call is about: its place in the scope, or n_scope for the recipient
 * of resolve and rcpt. */
int gp__api_in_scope(struct gp_call *call, const char *function,
                     const struct gp_recipient *recipient, size_t *index_r);

/* Whether the message may be read here: 0, or GP_EINVAL after a fault. */
int gp__api_message(struct gp_call *call, const char *function, const struct gp_message *message);

/* Whether it may be edited here: this call's, or that of a copy. 0, or GP_EINVAL after a fault. */
int gp__api_own_message(struct gp_call *call, const char *function,
                        const struct gp_message *message);

/* The name under which journals and notes know who called. */
static inline struct gp_slice gp__api_who(const struct gp_call *call)
{
    return call->instance ? call->instance->id : GP_S("core");
}

/* printf into the call's memory, of what is beyond GP__API_TEXT_MAX only so much that it is seen
 * to be too long. */
struct gp_slice gp__api_text(struct gp_call *call, const char *format, va_list args)
    GP_PRINTF(2, 0);

/* Waits for an operation that the API started and forgets it: its result or the sticky error.
 * NULL, from gp__op_create(): why there is none. */
int gp__api_wait(struct gp_call *call, struct gp_op *op);

/* Counts n bytes of the call's memory. False when there are not so many left. */
bool gp__api_memory(struct gp_call *call, size_t n);

#endif
