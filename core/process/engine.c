// SPDX-License-Identifier: Apache-2.0
#include "core/process/engine.h"

#include "core/config/bind.h"
#include "core/config/node_pack.h"
#include "core/plugin/instance.h"
#include "core/runtime/live.h"

#include <stdio.h>

#define OPEN_STACK ((size_t)128 << 10)
#define DIRS_MAX 100

/* ---- an instance ---- */

struct opening {
    const struct gp__service *service;
    struct gp__runtime *runtime;
    struct gp__instance *instance;
    char error[1024];
    bool done;
};

static void open_on_fiber(void *arg)
{
    struct opening *opening = arg;
    const struct gp__service *service = opening->service;
    struct gp__instance_settings settings = {
        .id = service->name, .plugin = service->plugin, .options = service->options};

    opening->instance = gp__instance_open(&settings, opening->runtime, opening->error,
                                          sizeof opening->error);
}

static void opened(void *arg)
{
    ((struct opening *)arg)->done = true;
}

int gp__engine_open(struct gp__engine *engine, const struct gp__spool_section *section,
                    struct gp__runtime *rt, struct gp__buf *error_r)
{
    struct opening opening = {.runtime = rt};
    int state;

    *engine = (struct gp__engine){.plugin.turn = gp__live_turn};
    if (!section->engine)
        return 0;
    opening.service = &section->engine->service;
    state = rt->ops->run(rt, open_on_fiber, opened, &opening, OPEN_STACK);
    if (state < 0)
        (void)snprintf(opening.error, sizeof opening.error, "no fiber could be had");
    while (state == 0 && !opening.done)
        gp__live_turn(rt);
    engine->plugin.instance = opening.instance;
    if (!opening.instance)
        gp__buf_printf(error_r, "the engine \"" GP_FMT "\" of the spool: %s",
                       GP_ARG(opening.service->name), opening.error);
    return opening.instance ? 0 : -1;
}

void gp__engine_close(struct gp__engine *engine)
{
    gp__instance_close(&engine->plugin.instance);
}

struct gp__spool_settings gp__engine_spool(struct gp__engine *engine,
                                           const struct gp__spool_section *section)
{
    struct gp__spool_settings settings = {.path = section->path,
                                          .keep_free = section->keep_free,
                                          .segment_size = section->segment,
                                          .large_at = section->large};

    if (section->engine) {
        settings.plugin = &engine->plugin;
        settings.kept_by = section->engine->service.plugin->name;
    }
    return settings;
}

/* ---- for the scheduler ---- */

void gp__engine_write(struct gp__buf *out, const struct gp__settings *settings)
{
    const struct gp__engine_settings *engine = settings->spool.engine;
    const struct gp_list *dirs = settings->plugin_path;
    size_t n = gp_list_count(dirs);

    if (!engine)
        return;
    gp__pack_text(out, engine->service.name);
    gp__pack_text(out, gp_slice_of(engine->service.plugin->name));
    gp__pack_number(out, n);
    for (size_t i = 0; i < n; i++)
        gp__pack_text(out, *(const struct gp_slice *)gp_list_at(dirs, i));
    gp__node_pack(out, engine->written);
}

/* What it names of files was read, or is read by the plugin. */
static int read_no_file(void *arg, const char *path, size_t max, struct gp__buf *out, char *error,
                        size_t error_size)
{
    (void)arg;
    (void)path;
    (void)max;
    (void)out;
    (void)snprintf(error, error_size, "the scheduler reads no files");
    return -1;
}

static int bind_options(struct gp__engine_recipe *recipe, struct gp__arena *arena,
                        const struct gp__node *node, struct gp__buf *error_r)
{
    static const struct gp__config_files files = {.read = read_no_file, .directory = ""};
    const struct gp_plugin *plugin = recipe->settings.service.plugin;
    struct gp__schema_rows rows = {plugin->options, plugin->option_size, plugin->instance_size,
                                   NULL, NULL};
    struct gp__diag *diag = gp__diag_create();
    struct gp__binder binder = {.arena = arena, .diag = diag, .files = &files};
    void *options = gp__arena_alloc(arena, plugin->instance_size ? plugin->instance_size : 1);
    int result = gp__bind(&binder, node, node, GP_S("the options of the engine"), &rows, options,
                          NULL);

    if (result < 0)
        gp__diag_print(diag, GP__DIAG_TEXT, error_r);
    gp__diag_free(&diag);
    recipe->settings.service.options = options;
    return result;
}

static int find_plugin(struct gp__engine_recipe *recipe, struct gp__arena *arena,
                       struct gp__unpack *in, struct gp__buf *error_r)
{
    struct gp_slice name = gp__arena_dup(arena, gp__unpack_text(in)), *dirs;
    size_t n = (size_t)gp__unpack_upto(in, DIRS_MAX);
    const char *error = "the configuration names none";

    dirs = GP__ARENA_ARRAY(arena, struct gp_slice, n + 1);
    for (size_t i = 0; i < n; i++)
        dirs[i] = gp__arena_dup(arena, gp__unpack_text(in));
    recipe->plugins = in->bad ? NULL : gp__plugins_create(&error);
    if (recipe->plugins) {
        gp__plugins_add_path(recipe->plugins, dirs, n);
        recipe->settings.service.plugin = gp__plugins_find(recipe->plugins, name, &error);
    }
    if (recipe->settings.service.plugin && recipe->settings.service.plugin->spool)
        return 0;
    gp__buf_printf(error_r, "the engine of the spool, plugin \"" GP_FMT "\": %s", GP_ARG(name),
                   error ? error : "it is there no more");
    return -1;
}

int gp__engine_read(struct gp__engine_recipe *recipe, struct gp__arena *arena,
                    struct gp_slice bytes, struct gp__buf *error_r)
{
    struct gp__unpack in = {.rest = bytes};
    const struct gp__node *node;

    *recipe = (struct gp__engine_recipe){.plugins = NULL};
    if (bytes.len == 0)
        return 0;
    recipe->settings.service.name = gp__arena_dup(arena, gp__unpack_text(&in));
    if (find_plugin(recipe, arena, &in, error_r) < 0)
        return -1;
    node = gp__node_unpack(&in, arena);
    if (node && gp__unpack_ended(&in))
        return bind_options(recipe, arena, node, error_r);
    gp__buf_append(error_r, GP_S("the options of the spool's engine are damaged"));
    return -1;
}

void gp__engine_recipe_done(struct gp__engine_recipe *recipe)
{
    if (recipe->plugins)
        gp__plugins_free(&recipe->plugins);
}
