// SPDX-License-Identifier: Apache-2.0
/* Which facts of a condition can be known at the hooks of a plugin. */
#include "core/config/settings_fact.h"
#include "core/hook/point.h"

/* The hooks of the plugin at which the fact is not known, as words; how many know it. */
static size_t count_knowing(struct gp__load *load, const struct gp_plugin *plugin,
                            enum gp__fact fact, struct gp_slice *ignorant_r)
{
    size_t knowing = 0;

    *ignorant_r = gp_slice(NULL, 0);
    for (const struct gp_hook *hook = plugin->hooks; hook && hook->fn; hook++) {
        if ((int)hook->point < 0 || hook->point >= GP_HOOK_COUNT || hook->point == GP_HOOK_TICK)
            continue;
        if (gp__fact_known(fact, hook->point))
            knowing++;
        else
            *ignorant_r = gp__arena_printf(load->arena, GP_FMT "%s%s", GP_ARG(*ignorant_r),
                                           gp_slice_present(*ignorant_r) ? ", " : "",
                                           gp__points[hook->point].name);
    }
    return knowing;
}

void gp__load_when_check(struct gp__load *load, const struct gp__when *when,
                         const struct gp_plugin *plugin, struct gp_slice id,
                         enum gp__severity severity, bool some)
{
    const struct gp__when_at *at = (const struct gp__when_at *)when;
    struct gp_slice ignorant;
    size_t knowing;

    if (!when)
        return;
    for (size_t i = 0; i < when->count; i++)
        gp__load_when_check(load, when->children[i], plugin, id, severity, some);
    if (when->kind != GP__WHEN_FACT)
        return;
    knowing = count_knowing(load, plugin, when->fact, &ignorant);
    if (!gp_slice_present(ignorant) || (knowing && !some))
        return;
    if (knowing)
        gp__diag_add(load->diag, GP__WARNING, at->at,
                     "\"%s\" is not known yet at %s, where \"" GP_FMT
                     "\" also runs: it counts as false there",
                     gp__fact_word(when), ignorant.data, GP_ARG(id));
    else
        gp__diag_add(load->diag, severity, at->at,
                     "\"%s\" is never known to \"" GP_FMT "\", which runs only at %s",
                     gp__fact_word(when), GP_ARG(id), ignorant.data);
}
