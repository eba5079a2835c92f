// SPDX-License-Identifier: Apache-2.0
#include "core/base/alloc.h"
#include "core/cli/command.h"
#include "core/config/schema.h"

#include <stdio.h>

struct chosen {
    struct gp__plugins *plugins;
    const struct gp_plugin **items;
    size_t count, cap;
    bool failed;
};

static void choose(struct chosen *chosen, struct gp_slice name)
{
    const char *error = NULL;
    const struct gp_plugin *plugin = gp__plugins_find(chosen->plugins, name, &error);

    if (!plugin) {
        fprintf(stderr, "gatepost schema: plugin " GP_FMT ": %s\n", GP_ARG(name),
                error ? error : "not found");
        chosen->failed = true;
        return;
    }
    GP__GROW(chosen->items, chosen->cap, chosen->count + 1);
    chosen->items[chosen->count++] = plugin;
}

static void choose_found(void *arg, struct gp_slice name)
{
    choose(arg, name);
}

static int print(struct chosen *chosen)
{
    struct gp__buf out = {.limit = 0};
    int code = gp__schema(chosen->items, chosen->count, &out) < 0 ? GP__EXIT_FAILED : GP__EXIT_OK;

    fwrite(gp__buf_slice(&out).data, 1, out.len, stdout);
    gp__buf_free(&out);
    return code;
}

int gp__cmd_schema(int argc, char **argv)
{
    const char *config = NULL;
    struct gp__config_source source = {0};
    struct chosen chosen = {0};
    int code = 0;

    if (gp__command_option(argc, argv, NULL, &config, &code) == GP__OPTION_EXIT)
        return code;
    if (gp__config_source_init(&source) < 0)
        return GP__EXIT_FAILED;
    chosen.plugins = source.plugins;
    if (optind == argc)
        gp__plugins_each(source.plugins, choose_found, &chosen);
    for (int i = optind; i < argc; i++)
        choose(&chosen, gp_slice_of(argv[i]));
    /* A broken plugin on the search path is said, but must not take completion away. */
    code = chosen.failed && optind < argc ? GP__EXIT_FAILED : print(&chosen);
    gp__free(chosen.items);
    gp__config_source_done(&source);
    return code;
}
