// SPDX-License-Identifier: Apache-2.0
/*
 * Copies: <gatepost/message.h>. The real ones are core/hook/policy's; a shadow call gets copies of
 * its own, made of the overlay and forgotten with the call.
 */
#include "core/plugin/api.h"

#define KEY_MAX 256

/* ---- of a shadow call ---- */

static struct gp_copy *overlay_create(struct gp_call *call, struct gp_slice key)
{
    struct gp_copy *copy = GP__ARENA_NEW(gp__call_arena(call), struct gp_copy);

    copy->policy = call->policy;
    copy->by = call->instance;
    copy->key = gp__arena_dup(gp__call_arena(call), key);
    copy->id = gp__arena_printf(gp__call_arena(call), GP_FMT ".shadow",
                                GP_ARG(gp__transaction_id(call->transaction)));
    copy->next = call->overlays;
    call->overlays = copy;
    return copy;
}

static struct gp_copy *overlay_for(struct gp_call *call, struct gp_recipient *recipient,
                                   struct gp_slice key)
{
    struct gp_copy *copy = call->overlays;

    while (copy && !gp_slice_eq(copy->key, key))
        copy = copy->next;
    if (!copy) {
        copy = overlay_create(call, key);
        if (call->message)
            copy->message = gp__message_clone(call->message, copy->id);
    }
    GP__ARENA_GROW(gp__call_arena(call), copy->recipients, copy->recipients_cap,
                   copy->n_recipients + 1);
    copy->recipients[copy->n_recipients++] = recipient;
    return copy;
}

/* At seal a shadow call sees the copy as the overlay has it. */
static struct gp_copy *overlay_of_current(struct gp_call *call)
{
    struct gp_copy *copy;

    if (call->overlays)
        return call->overlays;
    copy = overlay_create(call, call->copy->key);
    copy->id = call->copy->id;
    copy->by = call->copy->by;
    copy->parent = call->copy->parent;
    copy->message = call->message;
    copy->recipients = call->copy->recipients;
    copy->n_recipients = call->copy->n_recipients;
    return copy;
}

/* ---- the API ---- */

static int check_copy(struct gp_call *call, struct gp_recipient *recipient, struct gp_slice key)
{
    int error = gp__api_may_edit(call, "gp_copy", GP__EDIT_COPY, 0);
    size_t index;

    if (!error)
        error = gp__api_slice(call, "gp_copy", key);
    if (!error)
        error = gp__api_in_scope(call, "gp_copy", recipient, &index);
    if (error)
        return error;
    return key.len > 0 && key.len <= KEY_MAX ? 0 : GP_EINVAL;
}

int gp_copy(struct gp_call *call, struct gp_recipient *recipient, struct gp_slice key,
            struct gp_copy **copy_r)
{
    struct gp_copy *copy = NULL;
    int error = check_copy(call, recipient, key);

    if (!error) {
        copy = call->shadow ? overlay_for(call, recipient, key)
                            : gp__copy_for(recipient, call->instance, key);
        error = copy ? 0 : GP_ELIMIT;
    }
    if (copy_r)
        *copy_r = copy;
    return error;
}

struct gp_copy *gp_copy_current(struct gp_call *call)
{
    return call->copy && call->shadow ? overlay_of_current(call) : call->copy;
}

struct gp_slice gp_copy_id(const struct gp_copy *copy)
{
    return copy ? copy->id : gp_slice(NULL, 0);
}

struct gp_slice gp_copy_key(struct gp_call *call, const struct gp_copy *copy)
{
    for (; copy; copy = copy->parent)
        if (copy->by && copy->by == call->instance)
            return copy->key;
    return gp_slice(NULL, 0);
}

struct gp_message *gp_copy_message(struct gp_copy *copy)
{
    return copy ? copy->message : NULL;
}

/* ---- who gets it: as settled before seal, until then as it stands ---- */

static bool gets(const struct gp_copy *copy, const struct gp_recipient *recipient)
{
    bool first = copy->policy->n_copies > 0 && copy == copy->policy->copies[0];

    return (recipient->copy == copy || (first && !recipient->copy)) && recipient->accepted &&
           !recipient->replaced && !recipient->stop;
}

size_t gp_copy_rcpt_count(const struct gp_copy *copy)
{
    size_t count = 0;

    if (!copy || copy->n_recipients)
        return copy ? copy->n_recipients : 0;
    for (size_t i = 0; i < copy->policy->n_recipients; i++)
        count += gets(copy, copy->policy->recipients[i]);
    return count;
}

struct gp_recipient *gp_copy_rcpt_at(const struct gp_copy *copy, size_t index)
{
    if (!copy)
        return NULL;
    if (copy->n_recipients)
        return index < copy->n_recipients ? copy->recipients[index] : NULL;
    for (size_t i = 0; i < copy->policy->n_recipients; i++)
        if (gets(copy, copy->policy->recipients[i]) && index-- == 0)
            return copy->policy->recipients[i];
    return NULL;
}
