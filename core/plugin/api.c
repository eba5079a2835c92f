// SPDX-License-Identifier: Apache-2.0
#include "core/plugin/api.h"

#include <stdio.h>

static const struct {
    unsigned need;
    const char *name;
} needs[] = {
    {GP_NEEDS_NETWORK, "GP_NEEDS_NETWORK"},
    {GP_NEEDS_FILES, "GP_NEEDS_FILES"},
    {GP_NEEDS_EDIT_ENVELOPE, "GP_NEEDS_EDIT_ENVELOPE"},
    {GP_NEEDS_EDIT_HEADERS, "GP_NEEDS_EDIT_HEADERS"},
    {GP_NEEDS_EDIT_BODY, "GP_NEEDS_EDIT_BODY"},
    {GP_NEEDS_GRANT_RELAY, "GP_NEEDS_GRANT_RELAY"},
    {GP_NEEDS_DRAFT, "GP_NEEDS_DRAFT"},
    {GP_NEEDS_STATE, "GP_NEEDS_STATE"},
    {GP_NEEDS_COMMANDS, "GP_NEEDS_COMMANDS"},
};

static const char *name_of(unsigned need)
{
    for (size_t i = 0; i < sizeof needs / sizeof needs[0]; i++)
        if (needs[i].need == need)
            return needs[i].name;
    return "?";
}

int gp__api_misuse(struct gp_call *call, const char *function, const char *what)
{
    gp__call_fault(call, "%s(): %s", function, what);
    return GP_EINVAL;
}

int gp__api_slice(struct gp_call *call, const char *function, struct gp_slice s)
{
    return gp__api_slice_ok(s) ? 0 : gp__api_misuse(call, function, "NULL with a length");
}

/* ---- rights ---- */

int gp__api_may_use(struct gp_call *call, const char *function, unsigned need)
{
    const struct gp__instance *instance = call->instance;

    if (call->root->sticky)
        return call->root->sticky;
    if (!instance || !need || (instance->plugin->needs & need))
        return 0;
    return gp__call_fault(call, "%s() needs %s, which the descriptor of plugin %s does not declare",
                          function, name_of(need), instance->plugin->name);
}

/* Where the edit would be legal: "headers, message, seal". */
static const char *legal_at(unsigned right, char out[256])
{
    size_t len = 0;

    out[0] = '\0';
    for (int i = 0; i < GP_HOOK_COUNT && len < 200; i++)
        if (gp__points[i].edits & right)
            len += (size_t)snprintf(out + len, 256 - len, "%s%s", len ? ", " : "",
                                    gp__points[i].name);
    return out;
}

int gp__api_may_edit(struct gp_call *call, const char *function, unsigned right, unsigned need)
{
    char points[256];

    if (call->root->sticky)
        return call->root->sticky;
    if (!call->instance)
        return 0;
    if (call->root != call)
        return gp__call_fault(call, "%s() is not for roles", function);
    if (!(gp__points[call->point].edits & right))
        return gp__call_fault(call, "%s() is not allowed at %s, only at %s", function,
                              gp__points[call->point].name, legal_at(right, points));
    return gp__api_may_use(call, function, need);
}

/* ---- handles ---- */

int gp__api_transaction(struct gp_call *call, const char *function)
{
    if (call->policy)
        return 0;
    return gp__call_fault(call, "%s(): there is no transaction at %s", function,
                          gp__points[call->point].name);
}

int gp__api_recipient(struct gp_call *call, const char *function,
                      const struct gp_recipient *recipient)
{
    if (!recipient)
        return gp__api_misuse(call, function, "no recipient");
    if (!call->policy || recipient->policy != call->policy)
        return gp__api_misuse(call, function, "a recipient of another transaction");
    return 0;
}

int gp__api_in_scope(struct gp_call *call, const char *function,
                     const struct gp_recipient *recipient, size_t *index_r)
{
    int error = gp__api_recipient(call, function, recipient);

    if (error)
        return error;
    *index_r = call->n_scope;
    if (recipient == call->recipient)
        return 0;
    for (size_t i = 0; i < call->n_scope; i++) {
        if (call->scope[i] == recipient) {
            *index_r = i;
            return 0;
        }
    }
    return gp__api_misuse(call, function, "a recipient that this call is not about");
}

int gp__api_message(struct gp_call *call, const char *function, const struct gp_message *message)
{
    if (!message)
        return gp__api_misuse(call, function, "no message");
    if (call->transaction && message->arena != call->transaction->arena)
        return gp__api_misuse(call, function, "a message of another transaction");
    return 0;
}

/* Copies that a shadow call made are its own; at seal there is only this copy. */
static bool is_of_a_copy(const struct gp_call *call, const struct gp_message *message)
{
    if (call->shadow) {
        for (const struct gp_copy *copy = call->overlays; copy; copy = copy->next)
            if (copy->message == message)
                return true;
        return false;
    }
    if (!call->policy || call->copy)
        return false;
    for (size_t i = 0; i < call->policy->n_copies; i++)
        if (call->policy->copies[i]->message == message)
            return true;
    return false;
}

int gp__api_own_message(struct gp_call *call, const char *function,
                        const struct gp_message *message)
{
    if (!message)
        return gp__api_misuse(call, function, "no message");
    if (message == call->message || is_of_a_copy(call, message))
        return 0;
    if (call->policy && message == call->policy->original)
        return gp__api_misuse(call, function, "the original is never changed");
    return gp__api_misuse(call, function, "not a message that this call may edit");
}

/* ---- memory and waiting ---- */

bool gp__api_memory(struct gp_call *call, size_t n)
{
    struct gp_call *root = call->root;

    if (n > GP__CALL_MEMORY_MAX - root->arena_used)
        return false;
    root->arena_used += n;
    return true;
}

struct gp_slice gp__api_text(struct gp_call *call, const char *format, va_list args)
{
    char text[GP__API_TEXT_MAX];
    int len = vsnprintf(text, sizeof text, format, args);

    if (len < 0)
        return GP_S("");
    if ((size_t)len >= sizeof text)
        len = (int)sizeof text - 1;
    return gp__arena_dup(gp__call_arena(call), gp_slice(text, (size_t)len));
}

int gp__api_wait(struct gp_call *call, struct gp_op *op)
{
    int result;

    if (!op)
        return call->root->sticky ? call->root->sticky : GP_ENOTALLOWED;
    result = gp__op_wait(call, op);
    gp__op_cancel(op);
    return result;
}
