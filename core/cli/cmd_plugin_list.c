// SPDX-License-Identifier: Apache-2.0
#include "core/cli/command.h"

#include <stdio.h>

static void list_one(void *arg, struct gp_slice name)
{
    struct gp__plugins *plugins = arg;
    const char *error = NULL;
    const struct gp_plugin *plugin = gp__plugins_find(plugins, name, &error);

    if (plugin)
        printf("%-16s %-6s %s (%s)\n", plugin->name, plugin->version, plugin->summary,
               gp__plugins_file(plugins, name));
    else
        printf("%-16.*s can't be used: %s\n", GP_ARG(name), error ? error : "not found");
}

int gp__cmd_plugin_list(int argc, char **argv)
{
    const char *config = NULL;
    struct gp__config_source source = {0};
    struct gp__settings *settings = NULL;
    int code = 0;

    if (gp__command_option(argc, argv, NULL, &config, &code) == GP__OPTION_EXIT)
        return code;
    if (optind < argc)
        return gp__command_usage("plugin list takes no argument \"%s\"", argv[optind]);
    if (gp__config_source_init(&source) < 0)
        return GP__EXIT_FAILED;
    /* The configuration may name more directories. */
    if (config)
        settings = gp__command_load(&source, config, GP__ERROR);
    gp__plugins_each(source.plugins, list_one, source.plugins);
    gp__settings_free(&settings);
    gp__config_source_done(&source);
    return GP__EXIT_OK;
}
