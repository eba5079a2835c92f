// SPDX-License-Identifier: Apache-2.0
/* MIME parts of a call: <gatepost/mime.h>. The walk and its budgets are core/message/mime. */
#include "core/plugin/api.h"

#include "core/message/mime.h"

#define ABSENT gp_slice(NULL, 0)

/* Where there is no listener to say otherwise. */
#define PARTS 1000
#define DEPTH 30
#define HEADER_BYTES ((size_t)1 << 20)

static struct gp__mime *walk(struct gp_call *call, const char *function, struct gp_message *message)
{
    struct gp__mime_limits limits = {.parts = PARTS, .depth = DEPTH, .header_bytes = HEADER_BYTES};

    if (gp__api_message(call, function, message))
        return NULL;
    if (call->session && call->session->policy) {
        const struct gp__policy_settings *settings = call->session->policy->settings;

        limits.parts = settings->mime_parts ? settings->mime_parts : PARTS;
        limits.depth = settings->mime_depth ? (unsigned)settings->mime_depth : DEPTH;
    }
    return gp__mime_walk(message, &limits);
}

struct gp_part *gp_part_first(struct gp_call *call, struct gp_message *message)
{
    struct gp__mime *mime = walk(call, "gp_part_first", message);

    return mime ? mime->first : NULL;
}

unsigned gp_mime_defects(struct gp_call *call, struct gp_message *message)
{
    const struct gp__mime *mime = walk(call, "gp_mime_defects", message);

    return mime ? mime->defects : 0;
}

struct gp_slice gp_part_parameter(struct gp_call *call, const struct gp_part *part,
                                  struct gp_slice name)
{
    if (!part || gp__api_slice(call, "gp_part_parameter", name))
        return ABSENT;
    return gp__part_parameter(gp__call_arena(call), part, name);
}

struct gp_slice gp_part_filename(struct gp_call *call, const struct gp_part *part)
{
    return part ? gp__part_filename(gp__call_arena(call), part) : ABSENT;
}

struct gp_slice gp_part_header(struct gp_call *call, const struct gp_part *part,
                               struct gp_slice name)
{
    if (!part || gp__api_slice(call, "gp_part_header", name))
        return ABSENT;
    return gp__part_header(gp__call_arena(call), part, name);
}

struct gp_slice gp_part_decoded(struct gp_call *call, const struct gp_part *part)
{
    return part ? gp__part_decoded(gp__call_arena(call), part) : ABSENT;
}

struct gp_slice gp_part_text(struct gp_call *call, const struct gp_part *part)
{
    return part ? gp__part_text(gp__call_arena(call), part) : ABSENT;
}

int gp_part_set_text(struct gp_call *call, struct gp_message *message, const struct gp_part *part,
                     struct gp_slice text)
{
    static const char function[] = "gp_part_set_text";
    int error = gp__api_may_edit(call, function, GP__EDIT_BODY, GP_NEEDS_EDIT_BODY);

    if (!error)
        error = gp__api_own_message(call, function, message);
    if (!error)
        error = gp__api_slice(call, function, text);
    if (error)
        return error;
    if (!part || part->message != message)
        return gp__api_misuse(call, function, "not a part of this message");
    return gp__part_set_text(message, gp__api_who(call), part, text);
}
