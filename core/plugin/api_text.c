// SPDX-License-Identifier: Apache-2.0
/* Texts of mail, over what the lower layers parse anyway. */
#include "core/base/ascii.h"
#include "core/base/date.h"
#include "core/base/domain.h"
#include "core/base/units.h"
#include "core/message/address_list.h"
#include "core/message/authres.h"
#include "core/message/notes.h"
#include "core/plugin/api.h"

#include <gatepost/text.h>

#define AUTH_RESULTS_MAX 50
#define JSON_DEPTH_MAX 32

static bool has_capital(struct gp_slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] >= 'A' && text.data[i] <= 'Z')
            return true;
    return false;
}

struct gp_slice gp_lower(struct gp_call *call, struct gp_slice text)
{
    char *lower;

    if (gp__api_slice(call, "gp_lower", text) < 0)
        return gp_slice(NULL, 0);
    if (!has_capital(text))
        return text;
    lower = gp_alloc(call, text.len + 1);
    for (size_t i = 0; lower && i < text.len; i++)
        lower[i] = gp__to_lower(text.data[i]);
    return gp_slice(lower, lower ? text.len : 0);
}

struct gp_slice gp_domain_key(struct gp_call *call, struct gp_slice text)
{
    if (gp__api_slice(call, "gp_domain_key", text) < 0)
        return gp_slice(NULL, 0);
    return gp__domain_key(gp__call_arena(call), text);
}

int gp_milli_parse(struct gp_slice text, int64_t *milli_r)
{
    return gp__api_slice_ok(text) && gp__milli_parse(text, milli_r) == 0 ? GP_OK : GP_EINVAL;
}

struct gp_slice gp_milli_text(struct gp_call *call, int64_t milli)
{
    return gp__milli_format(gp__call_arena(call), milli);
}

int gp_date_parse(struct gp_slice text, int64_t *unix_s_r)
{
    return gp__api_slice_ok(text) && gp__date_parse(text, unix_s_r) == 0 ? GP_OK : GP_EINVAL;
}

/* What a parser would take for an end is none: what closes nothing it refuses by itself. */
bool gp_json_is_shallow(struct gp_slice json)
{
    bool quoted = false;
    int depth = 0;

    for (size_t i = 0; i < json.len && depth <= JSON_DEPTH_MAX; i++) {
        char c = json.data[i];

        if (quoted && c == '\\')
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && (c == '{' || c == '['))
            depth++;
        else if (!quoted && (c == '}' || c == ']') && depth > 0)
            depth--;
    }
    return depth <= JSON_DEPTH_MAX;
}

/* ---- mailboxes ---- */

struct gp_mailboxes {
    struct gp__address_list list;
};

size_t gp_mailboxes_parse(struct gp_call *call, struct gp_slice value,
                          const struct gp_mailboxes **mailboxes_r, size_t *malformed_r)
{
    struct gp_mailboxes *mailboxes = GP__ARENA_NEW(gp__call_arena(call), struct gp_mailboxes);

    *mailboxes_r = mailboxes;
    if (gp__api_slice(call, "gp_mailboxes_parse", value) == 0)
        gp__address_list_parse(gp__call_arena(call), value, &mailboxes->list);
    if (malformed_r)
        *malformed_r = mailboxes->list.malformed;
    return mailboxes->list.count;
}

struct gp_slice gp_mailbox(const struct gp_mailboxes *mailboxes, size_t index,
                           enum gp_mailbox_part part)
{
    const struct gp__mailbox_entry *entry;

    if (!mailboxes || index >= mailboxes->list.count)
        return gp_slice(NULL, 0);
    entry = &mailboxes->list.items[index];
    switch (part) {
    case GP_MAILBOX_ADDRESS:
        return entry->address;
    case GP_MAILBOX_LOCAL:
        return entry->local;
    case GP_MAILBOX_DOMAIN:
        return entry->domain;
    case GP_MAILBOX_NAME:
        return entry->display;
    case GP_MAILBOX_GROUP:
        return entry->group;
    }
    return gp_slice(NULL, 0);
}

/* ---- Authentication-Results ---- */

static bool is_keyword(struct gp_slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!gp__is_alnum(text.data[i]) && !memchr("-_.", text.data[i], 3))
            return false;
    return text.len > 0 && text.len <= 64;
}

static struct gp__auth_result **list_of(struct gp_call *call, struct gp__arena **arena_r)
{
    *arena_r = call->policy ? call->transaction->arena : call->session->arena;
    return call->policy ? &call->policy->auth_results : &call->session->policy->auth_results;
}

int gp_auth_result(struct gp_call *call, struct gp_slice method, struct gp_slice result,
                   struct gp_slice property, struct gp_slice value, struct gp_slice reason)
{
    struct gp__auth_result **end, *added;
    struct gp__arena *arena;
    size_t n = 0;

    if (!call->session || gp__points[call->point].observer || call->point == GP_HOOK_SEAL)
        return gp__call_fault(call, "gp_auth_result() is only allowed from connect to message");
    if (gp__api_slice(call, "gp_auth_result", value) < 0 ||
        gp__api_slice(call, "gp_auth_result", reason) < 0 || !is_keyword(method) ||
        !is_keyword(result) || (gp_slice_present(property) && !is_keyword(property)))
        return GP_EINVAL;
    if (call->shadow)
        return GP_OK;
    for (end = list_of(call, &arena); *end; end = &(*end)->next)
        if (++n >= AUTH_RESULTS_MAX)
            return GP_ELIMIT;
    added = GP__ARENA_NEW(arena, struct gp__auth_result);
    added->method = gp__arena_dup(arena, method);
    added->result = gp__arena_dup(arena, result);
    added->property = gp__arena_dup(arena, property);
    added->value = gp__arena_dup(arena, gp_slice_sub(value, 0, 1000));
    added->reason = gp__arena_dup(arena, gp_slice_sub(reason, 0, 1000));
    *end = added;
    return GP_OK;
}
