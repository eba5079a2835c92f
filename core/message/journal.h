// SPDX-License-Identifier: Apache-2.0
/*
 * The journal of edits: who, what, where, in which order, for which copy. A message and all its
 * copies write one journal; each sees the edits that it shows: its own, those it started with, and
 * those of its parent. Lives in the arena of the message. Edits are counted against a budget.
 */
#ifndef GP_MESSAGE_JOURNAL_H
#define GP_MESSAGE_JOURNAL_H

#include "core/base/arena.h"

#include <gatepost/slice.h>
#include <stdint.h>

#define GP__EDITS_MAX 10000 /* of a message and its copies together */

enum gp__edit_kind {
    GP__EDIT_HEADER_ADD = 0,
    GP__EDIT_HEADER_SET,
    GP__EDIT_HEADER_REMOVE,
    GP__EDIT_BODY_SPLICE,
};

struct gp_message;

struct gp__edit {
    enum gp__edit_kind kind;
    struct gp_slice who;
    const struct gp_message *message; /* what was edited: the message or one of its copies */
    struct gp_slice copy;             /* the name of that copy; absent: the message */
    struct gp_slice name;             /* of the header field */
    uint64_t at;                      /* its index, or the offset in the body, then */
    uint64_t removed, added;          /* bytes of the body; of the field */
};

struct gp__journal {
    struct gp__edit *edits;
    size_t count, cap;
};

/* Copies `who` and `name` into the arena. */
void gp__journal_add(struct gp__journal *journal, struct gp__arena *arena,
                     const struct gp__edit *edit);

/* "footer: body splice 812+0 by 154 bytes", "dkim: header add DKIM-Signature at 0 (copy a)". */
struct gp_slice gp__edit_render(struct gp__arena *arena, const struct gp__edit *edit);

#endif
