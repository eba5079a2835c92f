// SPDX-License-Identifier: Apache-2.0
#include "core/cli/command.h"
#include "core/config/markdown.h"
#include "core/hook/point.h"

#include <stdio.h>

static const char *const needs_names[] = {
    "network", "files", "edit-envelope", "edit-headers", "edit-body", "grant-relay", "draft"};
static const char *const on_error_names[] = {"defer", "continue", "reject", "quarantine"};

static void print_hooks(const struct gp_plugin *plugin)
{
    printf("hooks:   ");
    for (const struct gp_hook *hook = plugin->hooks; hook && hook->fn; hook++)
        printf(" %s", gp__points[hook->point].name);
    printf(plugin->hooks ? "\n" : " none\n");
}

static void print_roles(const struct gp_plugin *plugin)
{
    bool any = plugin->table || plugin->target || plugin->auth || plugin->state || plugin->spool;

    printf("roles:   %s%s%s%s%s%s\n", plugin->table ? " table" : "",
           plugin->target ? " target" : "", plugin->auth ? " auth" : "",
           plugin->state ? " state" : "", plugin->spool ? " spool" : "", any ? "" : " none");
}

static void print_needs(const struct gp_plugin *plugin)
{
    printf("needs:   ");
    for (size_t i = 0; i < sizeof needs_names / sizeof *needs_names; i++)
        if (plugin->needs & 1u << i)
            printf(" %s", needs_names[i]);
    printf(plugin->needs ? "\n" : " nothing\n");
}

static void print_options(const struct gp_plugin *plugin)
{
    struct gp__buf out = {.limit = 0};

    gp__markdown_options(plugin->options, plugin->option_size, &out);
    fwrite(gp__buf_slice(&out).data, 1, out.len, stdout);
    gp__buf_free(&out);
}

static int info(struct gp__plugins *plugins, const char *name, bool markdown)
{
    const char *error = NULL;
    const struct gp_plugin *plugin = gp__plugins_find(plugins, gp_slice_of(name), &error);

    if (!plugin) {
        fprintf(stderr, "gatepost plugin info: %s: %s\n", name,
                error ? error : "no such plugin; `gatepost plugin list` lists them");
        return GP__EXIT_FAILED;
    }
    if (!markdown) {
        printf("%s %s: %s\n\n", plugin->name, plugin->version, plugin->summary);
        print_hooks(plugin);
        print_roles(plugin);
        print_needs(plugin);
        printf("on_error: %s unless the configuration says otherwise\n\n",
               on_error_names[plugin->on_error]);
    }
    print_options(plugin);
    return GP__EXIT_OK;
}

int gp__cmd_plugin_info(int argc, char **argv)
{
    static const struct option own[] = {{"markdown", no_argument, NULL, 'm'},
                                        {"plugins", required_argument, NULL, 'p'},
                                        {NULL, 0, NULL, 0}};
    const char *config = NULL;
    struct gp__config_source source = {0};
    struct gp_slice directory = gp_slice(NULL, 0);
    bool markdown = false;
    int option, code = 0;

    while ((option = gp__command_option(argc, argv, own, &config, &code)) != -1) {
        if (option == GP__OPTION_EXIT)
            return code;
        if (option == 'p')
            directory = gp_slice_of(optarg);
        markdown |= option == 'm';
    }
    if (optind != argc - 1)
        return gp__command_usage("plugin info takes the name of one plugin");
    if (gp__config_source_init(&source) < 0)
        return GP__EXIT_FAILED;
    if (gp_slice_present(directory))
        gp__plugins_add_path(source.plugins, &directory, 1);
    code = info(source.plugins, argv[optind], markdown);
    gp__config_source_done(&source);
    return code;
}
