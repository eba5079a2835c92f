// SPDX-License-Identifier: Apache-2.0
#include "core/cli/command.h"
#include "core/config/show.h"

#include <stdio.h>

static int show(struct gp__config_source *source, const char *config)
{
    struct gp__settings *settings = gp__command_load(source, config, GP__ERROR);
    struct gp__buf out = {.limit = 0};

    if (!settings)
        return GP__EXIT_FAILED;
    gp__show(settings, &out);
    fwrite(gp__buf_slice(&out).data, 1, out.len, stdout);
    gp__buf_free(&out);
    gp__settings_free(&settings);
    return GP__EXIT_OK;
}

int gp__cmd_config_show(int argc, char **argv)
{
    const char *config = gp__default_config();
    struct gp__config_source source = {0};
    int code = 0;

    if (gp__command_option(argc, argv, NULL, &config, &code) == GP__OPTION_EXIT)
        return code;
    if (optind < argc)
        return gp__command_usage("config show takes no argument \"%s\"", argv[optind]);
    if (gp__config_source_init(&source) < 0)
        return GP__EXIT_FAILED;
    code = show(&source, config);
    gp__config_source_done(&source);
    return code;
}
