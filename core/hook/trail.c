// SPDX-License-Identifier: Apache-2.0
#include "core/hook/trail.h"

#include "core/base/ascii.h"

static char *put(char *to, struct gp_slice text)
{
    memcpy(to, text.data, text.len);
    return to + text.len;
}

/* "instance":"verdict 12us", with "!" when it failed. */
static void verdict(struct gp__buf *out, struct gp_slice before, struct gp_slice id,
                    const struct gp__trail *trail)
{
    struct gp_slice name = gp_slice_of(gp__verdict_name(trail->verdict));
    size_t room;
    char *begin = gp__buf_room(out, id.len + name.len + 40, &room), *to = begin;

    if (!begin)
        return;
    to = put(to, before);
    to = put(to, id);
    to = put(to, GP_S("\":\""));
    to = put(to, name);
    to = put(to, trail->fault ? GP_S("! ") : GP_S(" "));
    to = gp__put_decimal(to, trail->ns / 1000, 1);
    to = put(to, GP_S("us\""));
    gp__buf_added(out, (size_t)(to - begin));
}

void gp__verdicts_json(struct gp__buf *out, const struct gp__policy *policy)
{
    const struct gp__chain *chain = policy->session->settings->chain;
    size_t n = 0;

    gp__buf_append(out, GP_S("{"));
    for (size_t i = 0; chain && policy->trails && i < chain->count; i++) {
        const struct gp__instance *instance = chain->items[i];

        if (policy->trails[instance->index].called)
            verdict(out, n++ ? GP_S(",\"") : GP_S("\""), instance->id,
                    &policy->trails[instance->index]);
    }
    gp__buf_append(out, GP_S("}"));
}
