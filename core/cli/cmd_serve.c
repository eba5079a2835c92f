// SPDX-License-Identifier: Apache-2.0
#include "core/cli/command.h"
#include "core/process/serve.h"

#include <stdio.h>

/* One line a listener on standard output, for scripts that wait for it. */
static void ready(void *arg, struct gp_slice listener, struct gp_slice address)
{
    (void)arg;
    printf("listening " GP_FMT " " GP_FMT "\n", GP_ARG(listener), GP_ARG(address));
    fflush(stdout);
}

int gp__cmd_serve(int argc, char **argv)
{
    struct gp__serve_options options = {.config = gp__default_config(), .ready = ready};
    int code = 0;

    if (gp__command_option(argc, argv, NULL, &options.config, &code) == GP__OPTION_EXIT)
        return code;
    if (optind < argc)
        return gp__command_usage("serve takes no argument \"%s\"", argv[optind]);
    code = gp__serve(&options);
    if (code)
        gp__command_no_config(options.config);
    return code;
}
