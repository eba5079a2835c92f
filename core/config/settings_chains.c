// SPDX-License-Identifier: Apache-2.0
/*
 * `chains:` a name and a list of items. An item is a mapping with one plugin, whose value are the
 * plugin's options, and beside it keys of the core; or a group: `when:` and `do:`. Groups are
 * resolved here: their conditions become part of those of their items.
 */
#include "core/config/load.h"

#include "core/base/ascii.h"
#include "core/base/units.h"

#define DEADLINE_DEFAULT_MS 30000

/* What the rows of an item fill. */
struct item {
    struct gp_slice id, state;
    uint64_t deadline;
    int on_error, mode, isolation, refuse_at;
    bool even_authenticated;
};

static const char *const on_error_names[] = {"defer", "continue", "reject", "quarantine", NULL};
static const char *const mode_names[] = {"enforce", "shadow", NULL};
static const char *const isolation_names[] = {"inline", "process", NULL};
static const char *const refuse_at_names[] = {"rcpt", "now", NULL};

const struct gp_option gp__use_rows[] = {
    GP_OPTION_STRING("id", struct item, id, GP_OPTIONAL,
                     "Name of this use in logs, notes and metrics; the plugin's name by default. "
                     "A second use of a plugin needs one."),
    GP_OPTION_DURATION("deadline", struct item, deadline, GP_OPTIONAL, 1, 3600000,
                       "How long one call may take; the plugin states the default."),
    GP_OPTION_ENUM("on_error", struct item, on_error, on_error_names, GP_OPTIONAL,
                   "What happens when it fails; the plugin states the default."),
    GP_OPTION_ENUM("mode", struct item, mode, mode_names, "enforce",
                   "Whether its verdicts count, or are only compared with what happened."),
    GP_OPTION_ENUM("isolation", struct item, isolation, isolation_names, "inline",
                   "Where it runs."),
    GP_OPTION_ENUM("refuse_at", struct item, refuse_at, refuse_at_names, GP_OPTIONAL,
                   "When its refusals before RCPT are answered; the listener states the default."),
    GP_OPTION_BOOL("even_authenticated", struct item, even_authenticated, "false",
                   "Its refusals hold also after a successful AUTH."),
    GP_OPTION_STRING("state", struct item, state, GP_OPTIONAL,
                     "Namespace of what it keeps in the state: instances with the same share it. "
                     "Its id by default, and always in shadow mode."),
    GP_OPTIONS_END,
};

/* A place in the nesting of groups. */
struct scope {
    struct gp__load *load;
    struct gp__chain_settings *chain;
    const struct gp__use **items;
    size_t cap;
    struct gp__node *shown;
};

static bool is_core_key(struct gp_slice key)
{
    struct gp_option row;

    for (size_t i = 0; gp__option_row(gp__use_rows, 0, i, &row); i++)
        if (gp_slice_eq(gp_slice_of(row.name), key))
            return true;
    return gp_slice_eq(key, GP_S("when"));
}

/* ---- one item ---- */

static void report_second(struct gp__load *load, const struct gp__node *key,
                          const struct gp__node *first)
{
    struct gp__suggest suggest = {.word = key->text};
    struct gp_option row;

    for (size_t i = 0; gp__option_row(gp__use_rows, 0, i, &row); i++)
        gp__suggest_try(&suggest, gp_slice_of(row.name));
    gp__suggest_try(&suggest, GP_S("when"));
    if (gp_slice_present(suggest.best))
        gp__diag_unknown(load->diag, key, &suggest,
                         "unknown key \"" GP_FMT "\" beside \"" GP_FMT "\"", GP_ARG(key->text),
                         GP_ARG(first->text));
    else
        gp__diag_add(load->diag, GP__ERROR, key,
                     "\"" GP_FMT "\" beside \"" GP_FMT
                     "\": an item is one plugin, and each begins with \"-\"",
                     GP_ARG(gp_slice_sub(key->text, 0, 200)), GP_ARG(first->text));
}

/* The pair whose key is the plugin: the first that is not the core's. */
static const struct gp__pair *plugin_pair(struct gp__load *load, const struct gp__node *node)
{
    const struct gp__pair *found = NULL;

    for (size_t i = 0; i < node->count; i++) {
        const struct gp__pair *pair = &node->pairs[i];

        if (is_core_key(pair->key->text))
            continue;
        if (found)
            report_second(load, pair->key, found->key);
        else
            found = pair;
    }
    if (!found)
        gp__diag_add(load->diag, GP__ERROR, node, "which plugin? an item is {PLUGIN: options}");
    return found;
}

/* The core's own keys of the item, as a mapping of their own. */
static const struct gp__node *core_keys(struct gp__load *load, const struct gp__node *node)
{
    struct gp__node *keys = gp__node_mapping(load->arena, node->count, node);

    for (size_t i = 0; i < node->count; i++)
        if (is_core_key(node->pairs[i].key->text) &&
            !gp_slice_eq(node->pairs[i].key->text, GP_S("when")))
            gp__node_put(keys, node->pairs[i].key, node->pairs[i].value);
    return keys;
}

static bool given(const struct gp__node *node, const char *key)
{
    const struct gp__node *value = gp__node_get(node, gp_slice_of(key));

    return value && value->kind != GP__NODE_NULL;
}

static void set_id(struct gp__load *load, struct gp__use *instance, const struct gp__node *node,
                   const struct gp__pair *plugin, struct gp_slice id)
{
    const struct gp__pair *pair = gp__node_pair(node, GP_S("id"));
    const struct gp__node *at = id.len && pair ? pair->value : plugin->key;
    const struct gp__use *before;

    instance->id = id.len ? id : plugin->key->text;
    if (id.len && !gp__load_name(load, at, "id"))
        return;
    before = gp__map_get(&load->ids, instance->id);
    if (!before) {
        gp__map_set(&load->ids, instance->id, instance);
        return;
    }
    if (id.len)
        gp__diag_add(load->diag, GP__ERROR, at,
                     "the id \"" GP_FMT "\" is used twice, first in " GP_FMT ":%u", GP_ARG(id),
                     GP_ARG(before->node->source->name), before->node->line);
    else
        gp__diag_add(load->diag, GP__ERROR, at,
                     "\"" GP_FMT "\" is used twice, first in " GP_FMT
                     ":%u: give this one an `id` of its own",
                     GP_ARG(instance->id), GP_ARG(before->node->source->name), before->node->line);
}

/* A shadow writes nothing that others read; its own is warm on the day it is enforced. */
static void set_state_name(struct gp__load *load, struct gp__use *instance,
                           const struct gp__node *node, struct gp_slice name)
{
    const struct gp__node *at = gp__node_get(node, GP_S("state"));

    instance->state_name = instance->id;
    if (!gp_slice_present(name) || !gp__load_name(load, at, "namespace"))
        return;
    if (!(instance->plugin->needs & GP_NEEDS_STATE))
        gp__diag_add(load->diag, GP__WARNING, at, "the plugin \"%s\" keeps no state",
                     instance->plugin->name);
    if (instance->mode != GP__MODE_SHADOW)
        instance->state_name = name;
}

static void check_on_error(struct gp__load *load, const struct gp__use *instance,
                           const struct gp__node *node)
{
    const struct gp__pair *pair = gp__node_pair(node, GP_S("on_error"));
    const struct gp__node *at = pair ? pair->value : node;

    if (instance->on_error == GP_ON_ERROR_QUARANTINE && !gp__settings_can_hold(load->settings))
        gp__diag_add(load->diag, GP__ERROR, at,
                     "\"" GP_FMT "\" is to quarantine when it fails, but there is no "
                     "`spool:` or `hold:` to keep mail in",
                     GP_ARG(instance->id));
    if (instance->on_error != GP_ON_ERROR_CONTINUE || instance->mode == GP__MODE_SHADOW)
        return;
    if (instance->plugin->flags & GP_PLUGIN_SIGNS)
        gp__diag_add(load->diag, GP__WARNING, at,
                     "\"" GP_FMT "\" signs or journals: when it fails, mail goes out without",
                     GP_ARG(instance->id));
    else
        gp__diag_add(load->diag, GP__NOTICE, at,
                     "\"" GP_FMT "\" fails open: when it fails, mail passes unjudged",
                     GP_ARG(instance->id));
}

static void check_needs(struct gp__load *load, const struct gp__use *use)
{
    if (use->plugin->needs & GP_NEEDS_GRANT_RELAY)
        gp__diag_add(load->diag, GP__NOTICE, use->node,
                     "\"" GP_FMT "\" may give clients the right to relay", GP_ARG(use->id));
}

static void add_instance(struct gp__load *load, struct gp__use *instance)
{
    size_t n = load->settings->n_instances++;

    GP__ARENA_GROW(load->arena, load->instance_list, load->instance_cap, n + 1);
    load->instance_list[n] = instance;
    load->settings->instances = (const struct gp__use *const *)load->instance_list;
    instance->index = n;
}

/* Shows what the plugin states when the configuration does not. */
static void show_default(struct gp__load *load, struct gp__node *shown, const struct gp__node *node,
                         const char *key, const char *value)
{
    if (!given(node, key))
        gp__node_put(shown, gp__node_scalar(load->arena, gp_slice_of(key), node),
                     gp__bind_default(&load->binder, value));
}

static const struct gp__node *show(struct gp__load *load, const struct gp__use *instance,
                                   const struct gp__node *node, const struct gp__pair *plugin,
                                   const struct gp__node *options, const struct gp__node *core)
{
    struct gp__node *shown = gp__node_mapping(load->arena, core->count + 6, node);
    const struct gp__pair *when = gp__node_pair(node, GP_S("when"));
    char text[32];

    gp__node_put(shown, plugin->key, options);
    for (size_t i = 0; i < core->count; i++)
        gp__node_put(shown, core->pairs[i].key, core->pairs[i].value);
    show_default(load, shown, node, "id", instance->id.data);
    show_default(load, shown, node, "deadline",
                 gp__arena_dup(load->arena, gp__duration_format(instance->deadline_ms, text)).data);
    show_default(load, shown, node, "on_error", on_error_names[instance->on_error]);
    if (when)
        gp__node_put(shown, when->key, when->value);
    return shown;
}

static void fill(struct gp__use *instance, const struct item *item, const struct gp__node *node)
{
    const struct gp_plugin *plugin = instance->plugin;

    instance->deadline_ms = given(node, "deadline") ? item->deadline : plugin->deadline_ms;
    if (instance->deadline_ms == 0)
        instance->deadline_ms = DEADLINE_DEFAULT_MS;
    instance->on_error = given(node, "on_error") ? (enum gp_on_error)item->on_error
                                                 : plugin->on_error;
    if ((int)instance->on_error < 0 || instance->on_error > GP_ON_ERROR_QUARANTINE)
        instance->on_error = GP_ON_ERROR_DEFER;
    instance->mode = (enum gp__mode)item->mode;
    instance->has_refuse_at = given(node, "refuse_at");
    instance->refuse_at = (enum gp__refuse_at)item->refuse_at;
    instance->even_authenticated = item->even_authenticated;
}

static void load_item(struct scope *scope, const struct gp__node *node,
                      const struct gp__when *outer)
{
    struct gp__load *load = scope->load;
    struct gp__schema_rows rows = {gp__use_rows, 0, sizeof(struct item), NULL, NULL};
    const struct gp__pair *pair = plugin_pair(load, node);
    const struct gp_plugin *plugin = pair ? gp__load_plugin(load, pair->key, pair->key->text)
                                          : NULL;
    const struct gp__node *options, *core;
    const struct gp__when *own;
    struct gp__use *instance;
    struct item item = {0};

    if (!plugin)
        return;
    instance = GP__ARENA_NEW(load->arena, struct gp__use);
    *instance = (struct gp__use){.plugin = plugin, .node = pair->key};
    gp__bind(&load->binder, core_keys(load, node), node,
             gp__arena_printf(load->arena, "the item \"" GP_FMT "\"", GP_ARG(pair->key->text)),
             &rows, &item, &core);
    if (!plugin->hooks || !plugin->hooks->fn)
        gp__diag_add(load->diag, GP__ERROR, pair->key,
                     "the plugin \"%s\" has no hooks and cannot stand in a chain", plugin->name);
    if (item.isolation != GP__ISOLATION_INLINE)
        gp__diag_add(load->diag, GP__ERROR, gp__node_get(node, GP_S("isolation")),
                     "\"isolation: process\" is not available in this version");
    fill(instance, &item, node);
    set_id(load, instance, node, pair, item.id);
    instance->options = gp__load_options(load, plugin, pair->value, pair->key, &options);
    set_state_name(load, instance, node, item.state);
    own = gp__load_when(load, gp__node_get(node, GP_S("when")), GP__WHEN_OF_INSTANCE);
    gp__load_when_check(load, own, plugin, instance->id, GP__ERROR, true);
    gp__load_when_check(load, outer, plugin, instance->id, GP__WARNING, false);
    instance->when = gp__load_when_both(load, outer, own);
    check_on_error(load, instance, node);
    check_needs(load, instance);
    add_instance(load, instance);
    GP__ARENA_GROW(load->arena, scope->items, scope->cap, scope->chain->count + 1);
    scope->items[scope->chain->count++] = instance;
    gp__node_add(scope->shown, show(load, instance, node, pair, options, core));
}

/* ---- groups and chains ---- */

static void load_items(struct scope *scope, const struct gp__node *list,
                       const struct gp__when *outer);

static void load_group(struct scope *scope, const struct gp__node *node,
                       const struct gp__when *outer)
{
    static const char *const own[] = {"when", "do", NULL};
    struct gp__schema_rows rows = {.own = own};
    struct gp__load *load = scope->load;
    const struct gp__node *when = gp__node_get(node, GP_S("when"));
    const struct gp__node *list = gp__node_get(node, GP_S("do"));
    struct gp__node *shown, *items, *parent = scope->shown;

    gp__bind(&load->binder, node, node, GP_S("a group"), &rows, NULL, NULL);
    if (!when || when->kind == GP__NODE_NULL)
        gp__diag_add(load->diag, GP__ERROR, node, "\"when\" is missing in a group");
    shown = gp__node_mapping(load->arena, 2, node);
    items = gp__node_sequence(load->arena, list->kind == GP__NODE_SEQUENCE ? list->count : 0, list);
    if (when)
        gp__node_put(shown, gp__node_pair(node, GP_S("when"))->key, when);
    scope->shown = items;
    load_items(scope, list,
               gp__load_when_both(load, outer, gp__load_when(load, when, GP__WHEN_OF_INSTANCE)));
    scope->shown = parent;
    gp__node_put(shown, gp__node_pair(node, GP_S("do"))->key, items);
    gp__node_add(parent, shown);
}

static void load_items(struct scope *scope, const struct gp__node *list,
                       const struct gp__when *outer)
{
    struct gp__load *load = scope->load;

    if (list->kind == GP__NODE_NULL)
        return;
    if (list->kind != GP__NODE_SEQUENCE) {
        gp__diag_add(load->diag, GP__ERROR, list, "a chain is a list of items, not %s",
                     gp__node_kind_text(list));
        return;
    }
    for (size_t i = 0; i < list->count; i++) {
        const struct gp__node *node = list->items[i];

        if (node->kind == GP__NODE_SCALAR)
            gp__diag_add(load->diag, GP__ERROR, node,
                         "an item is a mapping: write \"- " GP_FMT ": {}\"",
                         GP_ARG(gp_slice_sub(node->text, 0, 100)));
        else if (node->kind != GP__NODE_MAPPING)
            gp__diag_add(load->diag, GP__ERROR, node, "an item is {PLUGIN: options}, not %s",
                         gp__node_kind_text(node));
        else if (gp__node_pair(node, GP_S("do")))
            load_group(scope, node, outer);
        else
            load_item(scope, node, outer);
    }
}

static const struct gp__node *load_chain(struct gp__load *load, struct gp__chain_settings *chain,
                                         const struct gp__pair *pair)
{
    size_t count = pair->value->kind == GP__NODE_SEQUENCE ? pair->value->count : 0;
    struct scope scope = {.load = load, .chain = chain};

    chain->name = pair->key->text;
    chain->node = pair->key;
    if (gp__load_name(load, pair->key, "chain"))
        gp__map_set(&load->chains, chain->name, chain);
    scope.shown = gp__node_sequence(load->arena, count, pair->value);
    load_items(&scope, pair->value, NULL);
    chain->items = scope.items;
    return scope.shown;
}

void gp__load_chains(struct gp__load *load)
{
    const struct gp__node *section = gp__load_section(load, "chains");
    const struct gp__chain_settings **list;
    struct gp__node *shown;

    if (!section)
        return;
    list = GP__ARENA_ARRAY(load->arena, const struct gp__chain_settings *, section->count);
    shown = gp__node_mapping(load->arena, section->count, section);
    for (size_t i = 0; i < section->count; i++) {
        struct gp__chain_settings *chain = GP__ARENA_NEW(load->arena, struct gp__chain_settings);

        chain->index = i;
        list[i] = chain;
        gp__node_put(shown, section->pairs[i].key, load_chain(load, chain, &section->pairs[i]));
    }
    load->settings->chains = list;
    load->settings->n_chains = section->count;
    gp__load_show(load, "chains", shown);
}
