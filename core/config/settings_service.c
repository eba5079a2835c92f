// SPDX-License-Identifier: Apache-2.0
/*
 * Plugins as services: the sections `tables:` and `targets:`, and tables written where they are
 * used. A table may use other tables; each is made before the one that needs it, and a circle is
 * an error.
 *
 * A table is a list (in place), a mapping {KIND: options}, or the text "KIND:ARGUMENT", where the
 * argument is the value of the plugin's first option. KIND is looked for as KIND_table, then KIND.
 */
#include "core/config/load.h"

#include "core/base/ascii.h"
#include "core/base/domain.h"
#include "core/base/utf8.h"
#include "core/config/record.h"

#define NESTING_MAX 16
#define PLUGIN_NAME_MAX 64

struct table_entry {
    struct gp__table_settings *table;
    const struct gp__node *key, *value;
    const struct gp__node *shown;
    enum { WAITING = 0, LOADING, READY, BROKEN } state;
};

static const char *const later_table_keys[] = {"cache", NULL};

/* ---- plugins ---- */

static bool is_identifier(struct gp_slice name)
{
    if (name.len == 0 || name.len > PLUGIN_NAME_MAX || gp__is_digit(name.data[0]))
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (!gp__is_alnum(name.data[i]) && name.data[i] != '_')
            return false;
    return true;
}

static const struct gp_plugin *find_plugin(struct gp__load *load, struct gp_slice name,
                                           const char **error_r)
{
    const struct gp_plugin *plugin;

    *error_r = NULL;
    if (!is_identifier(name) || !load->host->descriptor)
        return NULL;
    plugin = load->host->descriptor(load->host->arg, gp__arena_dup(load->arena, name), error_r);
    return plugin;
}

static void try_name(void *arg, struct gp_slice name)
{
    gp__suggest_try(arg, name);
}

static void report_plugin(struct gp__load *load, const struct gp__node *at, struct gp_slice name,
                          const char *error)
{
    struct gp__suggest suggest = {.word = name};

    if (error) {
        gp__diag_add(load->diag, GP__ERROR, at, "the plugin \"" GP_FMT "\" cannot be used: %s",
                     GP_ARG(name), error);
        return;
    }
    if (load->host->plugin_names)
        load->host->plugin_names(load->host->arg, try_name, &suggest);
    gp__diag_unknown(load->diag, at, &suggest, "there is no plugin \"" GP_FMT "\"",
                     GP_ARG(gp_slice_sub(name, 0, 200)));
}

const struct gp_plugin *gp__load_plugin(struct gp__load *load, const struct gp__node *at,
                                        struct gp_slice name)
{
    const char *error;
    const struct gp_plugin *plugin = find_plugin(load, name, &error);

    if (!plugin)
        report_plugin(load, at, name, error);
    return plugin;
}

const struct gp_plugin *gp__load_kind(struct gp__load *load, const struct gp__node *at,
                                      const char *prefix, struct gp_slice kind)
{
    struct gp_slice longer = gp__arena_printf(load->arena, "%s_" GP_FMT, prefix, GP_ARG(kind));
    const char *error;
    const struct gp_plugin *plugin = find_plugin(load, longer, &error);

    if (plugin)
        return plugin;
    if (!error)
        return gp__load_plugin(load, at, kind);
    report_plugin(load, at, longer, error);
    return NULL;
}

const void *gp__load_options(struct gp__load *load, const struct gp_plugin *plugin,
                             const struct gp__node *node, const struct gp__node *at,
                             const struct gp__node **shown_r)
{
    struct gp__schema_rows rows = {plugin->options, plugin->option_size, plugin->instance_size,
                                   NULL, NULL};
    struct gp_slice what = gp__arena_printf(load->arena, "the options of \"%s\"", plugin->name);
    void *options = NULL;

    if (plugin->instance_size)
        options = gp__arena_alloc(load->arena, plugin->instance_size);
    gp__bind(&load->binder, node, at, what, &rows, options, shown_r);
    return options;
}

/* ---- tables ---- */

static const struct gp_plugin *table_plugin(struct gp__load *load, const struct gp__node *at,
                                            struct gp_slice kind)
{
    struct gp_slice longer = gp__arena_printf(load->arena, GP_FMT "_table", GP_ARG(kind));
    const char *error;
    const struct gp_plugin *plugin = find_plugin(load, longer, &error);

    if (!plugin && error) {
        report_plugin(load, at, longer, error);
        return NULL;
    }
    if (!plugin)
        plugin = gp__load_plugin(load, at, kind);
    if (plugin && !plugin->table) {
        gp__diag_add(load->diag, GP__ERROR, at, "the plugin \"%s\" is not a table", plugin->name);
        return NULL;
    }
    return plugin;
}

/* What a list in place holds. */
struct in_place {
    struct gp_map *entries;
    struct gp__table_network *networks;
    size_t n_networks;
};

/* A key such as 192.0.2.0/24 stands for every address in it, and 2001:DB8::1 for the address
 * however it is spelt. 0, or -1 after a report. */
static int add_network(struct gp__load *load, struct in_place *place, const struct gp__node *key,
                       struct gp_slice value)
{
    struct gp__network network;
    int parsed = gp__network_parse(key->text, &network);

    if (parsed == -2) {
        gp__diag_add(load->diag, GP__ERROR, key, "\"" GP_FMT "\" has bits set beyond its length",
                     GP_ARG(key->text));
        return -1;
    }
    if (parsed == 0)
        place->networks[place->n_networks++] = (struct gp__table_network){.network = network,
                                                                          .value = value};
    return 0;
}

static int add_key(struct gp__load *load, struct in_place *place, const struct gp__node *item,
                   struct gp_slice key, struct gp_slice value)
{
    struct gp_slice *entry = gp__value_map_add(place->entries, key);

    if (!entry) {
        gp__diag_add(load->diag, GP__ERROR, item, "\"" GP_FMT "\" is in the table twice",
                     GP_ARG(key));
        return -1;
    }
    *entry = value;
    return 0;
}

/* What is written in U-labels is there in A-labels too, in which domains are looked up. A key may
 * as well be no domain, such as the name of a user. */
static int add_in_a_labels(struct gp__load *load, struct in_place *place,
                           const struct gp__node *item, struct gp_slice key, struct gp_slice value)
{
    struct gp_slice folded;

    if (gp__ascii_only(key))
        return 0;
    folded = gp__domain_key(load->arena, key);
    if (!gp_slice_caseeq(folded, key))
        return add_key(load, place, item, folded, value);
    if (!gp__ascii_only(gp_slice_sub(key, gp_slice_rfind(key, '@'), key.len)))
        gp__diag_add(load->diag, GP__WARNING, item,
                     "the domain of \"" GP_FMT "\" is none (RFC 5891): no address has it",
                     GP_ARG(gp_slice_sub(key, 0, 200)));
    return 0;
}

static int add_entry(struct gp__load *load, struct in_place *place, const struct gp__node *item)
{
    const struct gp__node *key = item, *value = NULL;
    struct gp_slice text;

    if (item->kind == GP__NODE_MAPPING && item->count == 1) {
        key = item->pairs[0].key;
        value = item->pairs[0].value;
    }
    if (key->kind != GP__NODE_SCALAR || (value && value->kind != GP__NODE_SCALAR)) {
        gp__diag_add(load->diag, GP__ERROR, item, "a table in place lists keys, or key: value");
        return -1;
    }
    text = value ? value->text : GP_S("");
    if (add_key(load, place, item, key->text, text) < 0 ||
        add_in_a_labels(load, place, item, key->text, text) < 0)
        return -1;
    return add_network(load, place, key, text);
}

static int load_in_place(struct gp__load *load, struct gp__table_settings *table,
                         const struct gp__node *list)
{
    struct in_place place = {
        .entries = gp__value_map_create(load->arena, 2 * list->count, sizeof(struct gp_slice)),
        .networks = GP__ARENA_ARRAY(load->arena, struct gp__table_network, list->count),
    };
    int result = 0;

    for (size_t i = 0; i < list->count; i++)
        if (add_entry(load, &place, list->items[i]) < 0)
            result = -1;
    table->handle.entries = place.entries;
    table->handle.networks = place.networks;
    table->handle.n_networks = place.n_networks;
    return result;
}

static int bind_table(struct gp__load *load, struct gp__table_settings *table,
                      const struct gp__node *key, struct gp_slice kind,
                      const struct gp__node *options, const struct gp__node **shown_r)
{
    const struct gp__node *shown_options;
    struct gp__node *shown;

    table->service.plugin = table_plugin(load, key, kind);
    if (!table->service.plugin)
        return -1;
    table->service.options = gp__load_options(load, table->service.plugin, options, key,
                                              &shown_options);
    shown = gp__node_mapping(load->arena, 1, key);
    gp__node_put(shown, gp__node_scalar(load->arena, kind, key), shown_options);
    *shown_r = shown;
    return 0;
}

/* "KIND:ARGUMENT" */
static int load_short(struct gp__load *load, struct gp__table_settings *table,
                      const struct gp__node *node, const struct gp__node **shown_r)
{
    struct gp_slice argument = node->text, kind = gp_slice_split(&argument, ':');
    const struct gp_plugin *plugin = table_plugin(load, node, kind);
    struct gp_option first;
    struct gp__node *options;

    if (!plugin)
        return -1;
    if (!gp__option_row(plugin->options, plugin->option_size, 0, &first)) {
        gp__diag_add(load->diag, GP__ERROR, node, "the plugin \"%s\" takes no argument",
                     plugin->name);
        return -1;
    }
    options = gp__node_mapping(load->arena, 1, node);
    gp__node_put(options, gp__node_scalar(load->arena, gp_slice_of(first.name), node),
                 gp__node_scalar(load->arena, argument, node));
    return bind_table(load, table, node, kind, options, shown_r);
}

static bool is_later(struct gp_slice key)
{
    for (const char *const *later = later_table_keys; *later; later++)
        if (gp_slice_eq(gp_slice_of(*later), key))
            return true;
    return false;
}

/* {KIND: options}; the core will have keys of its own beside it. */
static int load_mapping(struct gp__load *load, struct gp__table_settings *table,
                        const struct gp__node *node, const struct gp__node **shown_r)
{
    const struct gp__pair *kind = NULL;

    for (size_t i = 0; i < node->count; i++) {
        const struct gp__pair *pair = &node->pairs[i];

        if (is_later(pair->key->text)) {
            gp__diag_add(load->diag, GP__ERROR, pair->key,
                         "\"" GP_FMT "\" in a table is not available in this version",
                         GP_ARG(pair->key->text));
        } else if (kind) {
            gp__diag_add(load->diag, GP__ERROR, pair->key,
                         "a table is of one kind: \"" GP_FMT "\" is a second",
                         GP_ARG(pair->key->text));
        } else {
            kind = pair;
        }
    }
    if (!kind) {
        gp__diag_add(load->diag, GP__ERROR, node, "what kind of table? write {KIND: options}");
        return -1;
    }
    return bind_table(load, table, kind->key, kind->key->text, kind->value, shown_r);
}

static int load_table(struct gp__load *load, struct gp__table_settings *table,
                      const struct gp__node *node, const struct gp__node **shown_r)
{
    int result;

    *shown_r = node;
    table->service.node = node;
    if (load->table_depth >= NESTING_MAX) {
        gp__diag_add(load->diag, GP__ERROR, node, "tables use each other too deep");
        return -1;
    }
    load->table_depth++;
    if (node->kind == GP__NODE_SEQUENCE)
        result = load_in_place(load, table, node);
    else if (node->kind == GP__NODE_MAPPING)
        result = load_mapping(load, table, node, shown_r);
    else
        result = load_short(load, table, node, shown_r);
    load->table_depth--;
    if (result < 0)
        return -1;
    table->service.index = load->settings->n_tables;
    GP__ARENA_GROW(load->arena, load->table_list, load->table_cap, load->settings->n_tables + 1);
    load->table_list[load->settings->n_tables++] = table;
    load->settings->tables = load->table_list;
    return 0;
}

static int load_named(struct gp__load *load, struct table_entry *entry)
{
    const struct gp__node *value = entry->value;

    entry->state = LOADING;
    if (value->kind == GP__NODE_NULL ||
        (value->kind == GP__NODE_SCALAR && gp_slice_find(value->text, ':') == value->text.len)) {
        gp__diag_add(load->diag, GP__ERROR, value->kind == GP__NODE_NULL ? entry->key : value,
                     "a table is a list, {KIND: options} or KIND:ARGUMENT");
        entry->state = BROKEN;
        return -1;
    }
    entry->state = load_table(load, entry->table, value, &entry->shown) < 0 ? BROKEN : READY;
    return entry->state == READY ? 0 : -1;
}

static int refer(struct gp__load *load, const struct gp__node *node, struct table_entry *entry,
                 struct gp_table **table_r)
{
    if (entry->state == LOADING) {
        gp__diag_add(load->diag, GP__ERROR, node, "the table \"" GP_FMT "\" needs itself",
                     GP_ARG(entry->key->text));
        return -1;
    }
    if (entry->state == WAITING)
        load_named(load, entry);
    *table_r = &entry->table->handle; /* what is broken was reported already */
    return 0;
}

int gp__load_table_ref(void *arg, const struct gp__node *node, struct gp_slice ref,
                       struct gp_table **table_r)
{
    struct gp__load *load = arg;
    struct table_entry *entry = gp_slice_present(ref) ? gp__map_get(&load->tables, ref) : NULL;
    struct gp__table_settings *table;
    const struct gp__node *shown;
    struct gp__network network;
    bool alone = false;

    if (entry)
        return refer(load, node, entry, table_r);
    if (node->kind == GP__NODE_SCALAR)
        alone = gp__network_parse(ref, &network) != -1;
    if (node->kind == GP__NODE_SCALAR && !alone && gp_slice_find(ref, ':') == ref.len) {
        gp__load_unknown(load, node, ref, "table", &load->tables);
        return -1;
    }
    table = GP__ARENA_NEW(load->arena, struct gp__table_settings);
    table->service.name = table->handle.name = gp__arena_printf(
        load->arena, "(" GP_FMT ":%u)", GP_ARG(node->source ? node->source->name : GP_S("")),
        node->line);
    *table_r = &table->handle;
    if (alone) { /* an address or a network is a table of its own */
        struct gp__node *list = gp__node_sequence(load->arena, 1, node);

        gp__node_add(list, node);
        node = list;
    }
    return load_table(load, table, node, &shown);
}

/* An entry of a list in place: "key" or {key: value}. */
static const struct gp__node *value_of_entry(const struct gp__node *item)
{
    bool pair = item->kind == GP__NODE_MAPPING && item->count == 1;

    return pair && item->pairs[0].value->kind == GP__NODE_SCALAR ? item->pairs[0].value : NULL;
}

static struct gp__table_settings *settings_of(struct gp_table *handle)
{
    return (struct gp__table_settings *)(void *)((char *)handle -
                                                 offsetof(struct gp__table_settings, handle));
}

int gp__load_table_actions(void *arg, struct gp_table *handle)
{
    struct gp__load *load = arg;
    struct gp__table_settings *table = settings_of(handle);
    const struct gp__node *list = table->service.node;
    int result = 0;

    if (table->actions_checked || !list || list->kind != GP__NODE_SEQUENCE)
        return 0;
    table->actions_checked = true;
    for (size_t i = 0; i < list->count; i++) {
        const struct gp__node *value = value_of_entry(list->items[i]);

        if (value && gp__bind_action(&load->binder, value, value->text) < 0)
            result = -1;
    }
    return result;
}

/* A value may hold a password: whoever is shown the configuration is not shown that. */
int gp__load_table_records(void *arg, const struct gp_records *records)
{
    struct gp__load *load = arg;
    const struct gp__node *list = settings_of(records->table)->service.node;
    void *scratch = gp__arena_alloc(load->arena, records->size);
    int result = 0;

    if (!list || list->kind != GP__NODE_SEQUENCE)
        return 0;
    for (size_t i = 0; i < list->count; i++) {
        const struct gp__node *value = value_of_entry(list->items[i]);
        struct gp_slice why;

        if (value && gp__record_is_secret(records))
            gp__node_hide(load->arena, value);
        if (value && gp__record_read(load->arena, records, value->text, scratch, NULL, &why) == 0)
            continue;
        gp__diag_add(load->diag, GP__ERROR, value ? value : list->items[i],
                     "the table must say fields here: what it says " GP_FMT,
                     GP_ARG(value ? why : GP_S("is empty")));
        result = -1;
    }
    return result;
}

static void add_table(struct gp__load *load, const struct gp__pair *pair)
{
    struct table_entry *entry = GP__ARENA_NEW(load->arena, struct table_entry);

    entry->key = pair->key;
    entry->value = entry->shown = pair->value;
    entry->table = GP__ARENA_NEW(load->arena, struct gp__table_settings);
    entry->table->service.name = entry->table->handle.name = pair->key->text;
    entry->table->service.node = pair->value;
    if (gp__load_name(load, pair->key, "table"))
        gp__map_set(&load->tables, pair->key->text, entry);
}

static void load_tables(struct gp__load *load, const struct gp__node *section)
{
    struct gp__node *shown;

    shown = gp__node_mapping(load->arena, load->tables.count, section);
    for (size_t i = 0; i < load->tables.count; i++) {
        struct table_entry *entry = load->tables.entries[i].value;

        if (entry->state == WAITING)
            load_named(load, entry);
        gp__node_put(shown, entry->key, entry->shown);
    }
    gp__load_show(load, "tables", shown);
}

/* ---- targets ---- */

int gp__load_target_ref(void *arg, const struct gp__node *node, struct gp_slice name)
{
    struct gp__load *load = arg;
    struct gp__target_settings *target = gp__map_get(&load->targets, name);

    if (!target) {
        gp__load_unknown(load, node, name, "target", &load->targets);
        return -1;
    }
    target->used = true;
    return 0;
}

const struct gp__node *gp__load_service(struct gp__load *load, const struct gp__pair *pair,
                                        const char *form, gp__load_pick_fn *pick,
                                        struct gp__service *service)
{
    const struct gp__node *value = pair->value, *kind, *shown_options;
    struct gp__node *shown;

    if (value->kind != GP__NODE_MAPPING || value->count != 1) {
        gp__diag_add(load->diag, GP__ERROR, value->line ? value : pair->key, "%s", form);
        return value;
    }
    kind = value->pairs[0].key;
    service->plugin = pick(load, kind);
    if (!service->plugin)
        return value;
    service->options = gp__load_options(load, service->plugin, value->pairs[0].value, kind,
                                        &shown_options);
    shown = gp__node_mapping(load->arena, 1, value);
    gp__node_put(shown, kind, shown_options);
    return shown;
}

static const struct gp_plugin *target_plugin(struct gp__load *load, const struct gp__node *kind)
{
    const struct gp_plugin *plugin = gp__load_plugin(load, kind, kind->text);

    if (!plugin || plugin->target)
        return plugin;
    gp__diag_add(load->diag, GP__ERROR, kind, "the plugin \"%s\" is not a target", plugin->name);
    return NULL;
}

/* Before any is bound: options of tables and targets may name targets. */
static void add_targets(struct gp__load *load, const struct gp__node *section,
                        struct gp__target_settings **list)
{
    for (size_t i = 0; i < section->count; i++) {
        struct gp__target_settings *target = GP__ARENA_NEW(load->arena, struct gp__target_settings);

        target->service.name = section->pairs[i].key->text;
        target->service.index = i;
        target->service.node = section->pairs[i].value;
        list[i] = target;
        if (gp__load_name(load, section->pairs[i].key, "target"))
            gp__map_set(&load->targets, target->service.name, target);
    }
}

static void load_targets(struct gp__load *load, const struct gp__node *section,
                         struct gp__target_settings **list)
{
    struct gp__node *shown = gp__node_mapping(load->arena, section->count, section);

    for (size_t i = 0; i < section->count; i++)
        gp__node_put(shown, section->pairs[i].key,
                     gp__load_service(load, &section->pairs[i], "a target is {PLUGIN: options}",
                                      target_plugin, &list[i]->service));
    gp__load_show(load, "targets", shown);
}

void gp__load_services(struct gp__load *load)
{
    const struct gp__node *tables = gp__load_section(load, "tables");
    const struct gp__node *targets = gp__load_section(load, "targets");
    struct gp__target_settings **list = NULL;

    for (size_t i = 0; tables && i < tables->count; i++)
        add_table(load, &tables->pairs[i]);
    if (targets) {
        list = GP__ARENA_ARRAY(load->arena, struct gp__target_settings *, targets->count);
        add_targets(load, targets, list);
        load->settings->targets = list;
        load->settings->n_targets = targets->count;
    }
    if (tables)
        load_tables(load, tables);
    if (targets)
        load_targets(load, targets, list);
}
