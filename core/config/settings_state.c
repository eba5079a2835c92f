// SPDX-License-Identifier: Apache-2.0
/* `state:` the plugin that keeps small values for others: {KIND: options}. */
#include "core/config/load.h"

/* The section, or NULL: there is none. */
static const struct gp__node *section_of(const struct gp__load *load)
{
    const struct gp__node *section = gp__node_get(load->root, GP_S("state"));

    return section && section->kind != GP__NODE_NULL ? section : NULL;
}

/* {KIND: options}, or NULL after a report. */
static const struct gp__pair *kind_of(struct gp__load *load, const struct gp__node *section)
{
    if (section->kind == GP__NODE_MAPPING && section->count == 1)
        return &section->pairs[0];
    gp__diag_add(load->diag, GP__ERROR, section, "the state is {KIND: options}");
    return NULL;
}

void gp__load_state(struct gp__load *load)
{
    const struct gp__node *section = section_of(load), *options;
    const struct gp__pair *kind = section ? kind_of(load, section) : NULL;
    const struct gp_plugin *plugin = kind ? gp__load_kind(load, kind->key, "state", kind->key->text)
                                          : NULL;
    struct gp__service *service;
    struct gp__node *shown;

    if (!plugin)
        return;
    if (!plugin->state) {
        gp__diag_add(load->diag, GP__ERROR, kind->key, "the plugin \"%s\" is not a state",
                     plugin->name);
        return;
    }
    service = GP__ARENA_NEW(load->arena, struct gp__service);
    service->name = GP_S("state");
    service->plugin = plugin;
    service->node = section;
    service->options = gp__load_options(load, plugin, kind->value, kind->key, &options);
    load->settings->state = service;
    shown = gp__node_mapping(load->arena, 1, section);
    gp__node_put(shown, kind->key, options);
    gp__load_show(load, "state", shown);
}

static void check_shared(struct gp__load *load, const struct gp__use *use)
{
    const struct gp__use *owner = gp__map_get(&load->ids, use->state_name);

    if (owner && owner != use && owner->mode == GP__MODE_SHADOW)
        gp__diag_add(load->diag, GP__ERROR, use->node,
                     "\"" GP_FMT "\" would share the state of \"" GP_FMT
                     "\", which is in shadow mode: nobody may read what a shadow writes",
                     GP_ARG(use->id), GP_ARG(owner->id));
}

void gp__load_state_check(struct gp__load *load)
{
    const struct gp__settings *settings = load->settings;

    for (size_t i = 0; i < settings->n_instances; i++) {
        const struct gp__use *use = settings->instances[i];

        if (!(use->plugin->needs & GP_NEEDS_STATE))
            continue;
        if (!section_of(load))
            gp__diag_add(load->diag, GP__ERROR, use->node,
                         "\"" GP_FMT "\" keeps a state, but there is none: write "
                         "`state: {lmdb: {path: DIR}}`",
                         GP_ARG(use->id));
        check_shared(load, use);
    }
}
