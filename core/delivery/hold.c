// SPDX-License-Identifier: Apache-2.0
/*
 * Held mail before there is a queue: below the hold directory a directory for each bucket, in it
 * ID.a.r.eml with the message as it would have left and ID.a.r.json with envelope and facts. The
 * .json appears last: a pair is complete when it is there.
 */
#include "core/delivery/delivery.h"

#include <gatepost/file.h>

struct held {
    struct gp_slice directory, temporary, eml, json_temporary, json;
};

static struct held *paths(struct gp__arena *arena, struct gp_slice root,
                          const struct gp_delivery *delivery)
{
    struct held *held = GP__ARENA_NEW(arena, struct held);
    struct gp_slice id = delivery->id, dir;

    dir = gp__arena_printf(arena, GP_FMT "/" GP_FMT, GP_ARG(root), GP_ARG(delivery->bucket));
    held->directory = dir;
    held->temporary = gp__arena_printf(arena, GP_FMT "/." GP_FMT ".eml", GP_ARG(dir), GP_ARG(id));
    held->eml = gp__arena_printf(arena, GP_FMT "/" GP_FMT ".eml", GP_ARG(dir), GP_ARG(id));
    held->json_temporary = gp__arena_printf(arena, GP_FMT "/." GP_FMT ".json", GP_ARG(dir),
                                            GP_ARG(id));
    held->json = gp__arena_printf(arena, GP_FMT "/" GP_FMT ".json", GP_ARG(dir), GP_ARG(id));
    return held;
}

/* On an error the caller revokes. */
static int write_both(struct gp_call *call, struct gp_delivery *delivery, const struct held *held)
{
    int error = gp_dir_make(call, held->directory, 0700);

    if (!error)
        error = gp_file_put_message(call, held->temporary, GP_S(""), delivery->copy->message);
    if (error)
        return error;
    return gp_file_put(call, held->json_temporary, gp_delivery_json(call, delivery));
}

int gp__hold_prepare(struct gp_call *call, struct gp_slice path, struct gp_delivery *delivery)
{
    struct held *held;
    int error;

    if (!gp_slice_present(path)) {
        gp__call_fault(call, "nothing can be held: the configuration has no hold: path");
        return GP_ENOTALLOWED;
    }
    held = paths(delivery->policy->transaction->arena, path, delivery);
    delivery->data = held;
    error = write_both(call, delivery, held);
    if (error)
        return error;
    for (size_t i = 0; i < delivery->count; i++)
        delivery->outcomes[i] = GP_OUTCOME_DELIVERED;
    return 0;
}

int gp__hold_publish(struct gp_call *call, struct gp_delivery *delivery)
{
    const struct held *held = delivery->data;
    int error = gp_file_rename(call, held->temporary, held->eml);

    if (!error)
        error = gp_file_rename(call, held->json_temporary, held->json);
    return error ? error : gp_dir_sync(call, held->directory);
}

void gp__hold_revoke(struct gp_call *call, struct gp_delivery *delivery)
{
    const struct held *held = delivery->data;

    if (!held)
        return;
    /* The .json first: without it the .eml is no pair. */
    gp_file_remove(call, held->json_temporary);
    gp_file_remove(call, held->json);
    gp_file_remove(call, held->temporary);
    gp_file_remove(call, held->eml);
}
