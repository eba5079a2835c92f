// SPDX-License-Identifier: Apache-2.0
/*
 * `engines:` a name and {KIND: options}, where KIND is looked for as spool_KIND, then KIND: what may
 * keep the spool in the place of the log, by its name in `spool: {engine: NAME}`.
 *
 * The scheduler's process gets the options alone: they are written down for it once more, with
 * absolute paths.
 */
#include "core/config/load.h"
#include "core/config/paths.h"

#define DEPTH_MAX 8

/* ---- options that travel ---- */

struct rows {
    const struct gp_option *rows;
    size_t stride;
    unsigned depth;
};

static bool travels(enum gp_type type)
{
    return type != GP_TYPE_TABLE && type != GP_TYPE_SECRET && type != GP_TYPE_TARGET &&
           type != GP_TYPE_BUCKET && type != GP_TYPE_COMMAND;
}

/* The first option that does not travel, or NULL. */
static const char *stays(const struct rows *rows)
{
    struct gp_option row;

    for (size_t i = 0; rows->depth < DEPTH_MAX && gp__option_row(rows->rows, rows->stride, i, &row);
         i++) {
        bool holds = row.type == GP_TYPE_LIST || row.type == GP_TYPE_MAP;
        enum gp_type type = holds ? row.item : row.type;
        struct rows inner = {row.rows, rows->stride, rows->depth + 1};

        if (!travels(type))
            return row.name;
        if (type == GP_TYPE_OBJECT && stays(&inner))
            return row.name;
    }
    return NULL;
}

static const struct gp__node *absolute(struct gp__load *load, const struct rows *rows,
                                       const struct gp__node *map);

static const struct gp__node *absolute_value(struct gp__load *load, const struct rows *rows,
                                             const struct gp_option *row, enum gp_type type,
                                             const struct gp__node *node)
{
    struct rows inner = {row->rows, rows->stride, rows->depth + 1};

    if (type == GP_TYPE_PATH && node->kind == GP__NODE_SCALAR && node->text.len)
        return gp__node_scalar(load->arena, gp__bind_path(&load->binder, node, node->text), node);
    return type == GP_TYPE_OBJECT ? absolute(load, &inner, node) : node;
}

static const struct gp__node *absolute_row(struct gp__load *load, const struct rows *rows,
                                           const struct gp_option *row, const struct gp__node *node)
{
    struct gp__node *made;

    if (row->type == GP_TYPE_LIST && node->kind == GP__NODE_SEQUENCE) {
        made = gp__node_sequence(load->arena, node->count, node);
        for (size_t i = 0; i < node->count; i++)
            gp__node_add(made, absolute_value(load, rows, row, row->item, node->items[i]));
        return made;
    }
    if (row->type == GP_TYPE_MAP && node->kind == GP__NODE_MAPPING) {
        made = gp__node_mapping(load->arena, node->count, node);
        for (size_t i = 0; i < node->count; i++)
            gp__node_put(made, node->pairs[i].key,
                         absolute_value(load, rows, row, row->item, node->pairs[i].value));
        return made;
    }
    return absolute_value(
        load, rows, row,
        row->type == GP_TYPE_LIST || row->type == GP_TYPE_MAP ? row->item : row->type, node);
}

static const struct gp__node *absolute(struct gp__load *load, const struct rows *rows,
                                       const struct gp__node *map)
{
    struct gp__node *made;
    struct gp_option row;

    if (map->kind != GP__NODE_MAPPING || rows->depth >= DEPTH_MAX)
        return map;
    made = gp__node_mapping(load->arena, map->count, map);
    for (size_t i = 0; gp__option_row(rows->rows, rows->stride, i, &row); i++) {
        const struct gp__pair *pair = gp__node_pair(map, gp_slice_of(row.name));

        if (pair)
            gp__node_put(made, pair->key, absolute_row(load, rows, &row, pair->value));
    }
    return made;
}

/* ---- the section ---- */

static const struct gp_plugin *engine_plugin(struct gp__load *load, const struct gp__node *kind)
{
    const struct gp_plugin *plugin = gp__load_kind(load, kind, "spool", kind->text);
    struct rows rows = {plugin ? plugin->options : NULL, plugin ? plugin->option_size : 0, 0};

    if (!plugin)
        return NULL;
    if (!plugin->spool)
        gp__diag_add(load->diag, GP__ERROR, kind, "the plugin \"%s\" is not a spool", plugin->name);
    else if (stays(&rows))
        gp__diag_add(load->diag, GP__ERROR, kind,
                     "the plugin \"%s\" can't be a spool: its option \"%s\" is of a kind that the "
                     "scheduler can't be given",
                     plugin->name, stays(&rows));
    else
        return plugin;
    return NULL;
}

static const struct gp__node *load_engine(struct gp__load *load, struct gp__engine_settings *engine,
                                          const struct gp__pair *pair)
{
    const struct gp__node *shown = gp__load_service(
        load, pair, "an engine of the spool is {KIND: options}", engine_plugin, &engine->service);
    const struct gp_plugin *plugin = engine->service.plugin;

    if (plugin)
        engine->written = absolute(load, &(struct rows){plugin->options, plugin->option_size, 0},
                                   shown->pairs[0].value);
    return shown;
}

static void load_section(struct gp__load *load, const struct gp__node *section)
{
    struct gp__node *shown = gp__node_mapping(load->arena, section->count, section);

    for (size_t i = 0; i < section->count; i++) {
        const struct gp__pair *pair = &section->pairs[i];
        struct gp__engine_settings *engine = GP__ARENA_NEW(load->arena, struct gp__engine_settings);

        engine->service.name = pair->key->text;
        engine->service.node = pair->key;
        if (gp__load_name(load, pair->key, "engine"))
            gp__map_set(&load->engines, pair->key->text, engine);
        gp__node_put(shown, pair->key, load_engine(load, engine, pair));
    }
    gp__load_show(load, "engines", shown);
}

/* ---- the one that counts ---- */

static void check_store(void *arg, struct gp_slice path)
{
    struct gp__load *load = arg;
    const struct gp__config_host *host = load->host;
    struct gp__buf problem = {.limit = 0};

    if (host->store && host->store(host->arg, gp__arena_dup(load->arena, path).data, &problem))
        gp__diag_add(load->diag, GP__WARNING, load->settings->spool.engine->service.node,
                     "the spool: " GP_FMT, GP_ARG(gp__buf_slice(&problem)));
    gp__buf_free(&problem);
}

static void check_folder(struct gp__load *load, const char *kept_by)
{
    const struct gp__config_host *host = load->host;
    struct gp__buf problem = {.limit = 0};
    int answer = host->spool
                     ? host->spool(host->arg, load->settings->spool.path.data, kept_by, &problem)
                     : 0;

    if (answer)
        gp__diag_add(load->diag, answer < 0 ? GP__ERROR : GP__WARNING,
                     gp__load_place(load, "spool", "path"), "the spool: " GP_FMT,
                     GP_ARG(gp__buf_slice(&problem)));
    gp__buf_free(&problem);
}

static void check_engine(struct gp__load *load)
{
    const struct gp__engine_settings *engine = load->settings->spool.engine;

    if (!engine->service.plugin)
        return; /* that was reported */
    check_folder(load, engine->service.plugin->name);
    gp__settings_engine_stores(load->settings, check_store, load);
}

void gp__load_engines(struct gp__load *load)
{
    const struct gp__node *section = gp__load_section(load, "engines");
    struct gp__spool_section *spool = &load->settings->spool;

    if (section)
        load_section(load, section);
    if (!gp_slice_present(spool->path))
        return;
    if (!gp_slice_present(spool->engine_name)) {
        check_folder(load, NULL);
        return;
    }
    spool->engine = gp__map_get(&load->engines, spool->engine_name);
    if (spool->engine)
        check_engine(load);
    else
        gp__load_unknown(load, gp__load_place(load, "spool", "engine"), spool->engine_name,
                         "engine", &load->engines);
}

void gp__load_engine_check(struct gp__load *load)
{
    for (size_t i = 0; i < load->engines.count; i++) {
        const struct gp__engine_settings *engine = load->engines.entries[i].value;

        if (engine != load->settings->spool.engine)
            gp__diag_add(load->diag, GP__WARNING, engine->service.node,
                         "the engine \"" GP_FMT "\" is not used: `spool: {engine: NAME}` says "
                         "which one is",
                         GP_ARG(engine->service.name));
    }
}
