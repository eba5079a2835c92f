// SPDX-License-Identifier: Apache-2.0
#include "core/cli/ask.h"
#include "core/cli/command.h"

int gp__cmd_stop(int argc, char **argv)
{
    struct gp__ask_options options;
    json_t *result;
    int code = GP__EXIT_OK;

    if (gp__ask_read_options(&options, argc, argv, 0, &code) < 0)
        return code;
    result = gp__ask(&options, "stop", 1);
    if (!result)
        return GP__EXIT_FAILED;
    if (options.as_json)
        gp__ask_print_json(result);
    json_decref(result);
    return GP__EXIT_OK;
}
