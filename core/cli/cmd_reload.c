// SPDX-License-Identifier: Apache-2.0
#include "core/cli/ask.h"
#include "core/cli/command.h"

#include <string.h>

int gp__cmd_reload(int argc, char **argv)
{
    struct gp__ask_options options;
    json_t *result;
    const char *text;
    int code = GP__EXIT_OK;

    if (gp__ask_read_options(&options, argc, argv, 0, &code) < 0)
        return code;
    result = gp__ask(&options, "reload", 0);
    if (!result)
        return GP__EXIT_FAILED;
    text = gp__ask_text(result, "text");
    if (options.as_json)
        gp__ask_print_json(result);
    else
        printf("%sgeneration %lld is in force\n", strcmp(text, "-") == 0 ? "" : text,
               (long long)gp__ask_number(result, "generation"));
    json_decref(result);
    return GP__EXIT_OK;
}
