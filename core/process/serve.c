// SPDX-License-Identifier: Apache-2.0
#include "core/process/serve.h"

#include "core/process/load.h"
#include "core/process/manager.h"

#include <stdio.h>

void gp__complain(struct gp_slice why)
{
    bool is_line = gp_slice_find(why, '\n') == why.len;

    fprintf(stderr, "%s" GP_FMT "%s", is_line ? "gatepost: " : "", GP_ARG(why),
            is_line ? "\n" : "");
}

int gp__serve(const struct gp__serve_options *options)
{
    gp__manager_begin();
    switch (gp__load_peek(options->config)) {
    case 1:
        return gp__serve_as_master(options);
    case 0:
        return gp__serve_alone(options);
    default:
        return 1;
    }
}
