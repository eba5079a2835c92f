// SPDX-License-Identifier: Apache-2.0
#include "core/config/paths.h"

#include "core/config/bind.h"
#include "core/config/value.h"

#define DEPTH_MAX 8

struct walk {
    size_t stride;  /* of the plugin's rows, of which it may know less than we do */
    unsigned flags; /* only rows that have them */
    void (*found)(void *arg, struct gp_slice path);
    void *arg;
};

static void visit_rows(const struct walk *walk, const struct gp_option *rows, const char *options,
                       unsigned depth);

static void visit(const struct walk *walk, const struct gp_option *row, enum gp_type type,
                  const char *value, unsigned depth)
{
    if (type == GP_TYPE_PATH) {
        struct gp_slice path = *(const struct gp_slice *)(const void *)value;

        if (path.len && (row->flags & walk->flags) == walk->flags)
            walk->found(walk->arg, path);
    } else if (type == GP_TYPE_OBJECT && depth < DEPTH_MAX) {
        visit_rows(walk, row->rows, value, depth + 1);
    }
}

static void visit_row(const struct walk *walk, const struct gp_option *row, const char *options,
                      unsigned depth)
{
    const char *value = options + row->offset, *items = NULL;
    size_t count = 0, size = 0;

    if (row->type == GP_TYPE_LIST) {
        const struct gp_list *list = *(const struct gp_list *const *)(const void *)value;

        items = list ? list->items : NULL;
        count = list ? list->count : 0;
        size = list ? list->item_size : 0;
    } else if (row->type == GP_TYPE_MAP) {
        const struct gp_map *map = *(const struct gp_map *const *)(const void *)value;

        items = map ? map->items : NULL;
        count = map ? map->count : 0;
        size = map ? map->item_size : 0;
    } else {
        visit(walk, row, row->type, value, depth);
    }
    for (size_t i = 0; i < count; i++)
        visit(walk, row, row->item, items + i * size, depth);
}

static void visit_rows(const struct walk *walk, const struct gp_option *rows, const char *options,
                       unsigned depth)
{
    struct gp_option row;

    for (size_t i = 0; rows && gp__option_row(rows, walk->stride, i, &row); i++)
        visit_row(walk, &row, options, depth);
}

static void visit_plugin(struct walk *walk, const struct gp_plugin *plugin, const void *options)
{
    if (!plugin || !options)
        return;
    walk->stride = plugin->option_size;
    visit_rows(walk, plugin->options, options, 0);
}

static void visit_own(const struct walk *walk, const struct gp__settings *settings)
{
    const struct gp_slice paths[] = {settings->spool.path, settings->hold_path,
                                     settings->memory.spill_to};

    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        if (paths[i].len)
            walk->found(walk->arg, paths[i]);
}

static void visit_engine(struct walk *walk, const struct gp__settings *settings)
{
    if (settings->spool.engine)
        visit_plugin(walk, settings->spool.engine->service.plugin,
                     settings->spool.engine->service.options);
}

static void visit_targets(struct walk *walk, const struct gp__settings *settings)
{
    for (size_t i = 0; i < settings->n_targets; i++)
        visit_plugin(walk, settings->targets[i]->service.plugin,
                     settings->targets[i]->service.options);
}

void gp__settings_paths(const struct gp__settings *settings,
                        void (*found)(void *arg, struct gp_slice path), void *arg)
{
    struct walk walk = {.found = found, .arg = arg};

    visit_own(&walk, settings);
    visit_engine(&walk, settings);
    if (settings->dns.root_key.len)
        found(arg, settings->dns.root_key);
    if (settings->state)
        visit_plugin(&walk, settings->state->plugin, settings->state->options);
    for (size_t i = 0; i < settings->n_tables; i++)
        visit_plugin(&walk, settings->tables[i]->service.plugin,
                     settings->tables[i]->service.options);
    visit_targets(&walk, settings);
    for (size_t i = 0; i < settings->n_instances; i++)
        visit_plugin(&walk, settings->instances[i]->plugin, settings->instances[i]->options);
}

void gp__settings_stores(const struct gp__settings *settings,
                         void (*found)(void *arg, struct gp_slice path), void *arg)
{
    struct walk walk = {.flags = GP_OPTION_STORE, .found = found, .arg = arg};

    visit_own(&walk, settings);
    visit_engine(&walk, settings);
    visit_targets(&walk, settings);
}

void gp__settings_engine_stores(const struct gp__settings *settings,
                                void (*found)(void *arg, struct gp_slice path), void *arg)
{
    struct walk walk = {.flags = GP_OPTION_STORE, .found = found, .arg = arg};

    visit_engine(&walk, settings);
}
