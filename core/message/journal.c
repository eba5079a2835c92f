// SPDX-License-Identifier: Apache-2.0
/* The journal of edits, and how an entry reads. */
#include "core/message/journal.h"

#include <inttypes.h>

void gp__journal_add(struct gp__journal *journal, struct gp__arena *arena,
                     const struct gp__edit *edit)
{
    struct gp__edit *entry;

    GP__ARENA_GROW(arena, journal->edits, journal->cap, journal->count + 1);
    entry = &journal->edits[journal->count++];
    *entry = *edit;
    entry->who = gp__arena_dup(arena, edit->who);
    entry->name = gp__arena_dup(arena, edit->name);
}

struct gp_slice gp__edit_render(struct gp__arena *arena, const struct gp__edit *edit)
{
    static const char *const verbs[] = {
        [GP__EDIT_HEADER_ADD] = "add",
        [GP__EDIT_HEADER_SET] = "set",
        [GP__EDIT_HEADER_REMOVE] = "remove",
    };
    struct gp_slice what;

    if (edit->kind == GP__EDIT_BODY_SPLICE)
        what = gp__arena_printf(arena, "body splice %" PRIu64 "+%" PRIu64 " by %" PRIu64 " bytes",
                                edit->at, edit->removed, edit->added);
    else
        what = gp__arena_printf(arena, "header %s " GP_FMT " at %" PRIu64, verbs[edit->kind],
                                GP_ARG(edit->name), edit->at);
    if (!gp_slice_present(edit->copy))
        return gp__arena_printf(arena, GP_FMT ": " GP_FMT, GP_ARG(edit->who), GP_ARG(what));
    return gp__arena_printf(arena, GP_FMT ": " GP_FMT " (copy " GP_FMT ")", GP_ARG(edit->who),
                            GP_ARG(what), GP_ARG(edit->copy));
}
