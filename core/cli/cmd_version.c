// SPDX-License-Identifier: Apache-2.0
#include "core/cli/command.h"
#include "core/runtime/versions.h"

#include <gatepost/abi.h>
#include <stdio.h>

#ifndef GP_VERSION
#define GP_VERSION "unknown"
#endif

int gp__cmd_version(int argc, char **argv)
{
    const char *config = NULL;
    int code = 0;

    if (argc > 0 && gp__command_option(argc, argv, NULL, &config, &code) == GP__OPTION_EXIT)
        return code;
    if (optind < argc)
        return gp__command_usage("version takes no argument \"%s\"", argv[optind]);
    printf("gatepost %s\nplugin interface %d.%d\n%s\n", GP_VERSION, GP_ABI_MAJOR, GP_ABI_MINOR,
           gp__runtime_versions());
    return GP__EXIT_OK;
}
