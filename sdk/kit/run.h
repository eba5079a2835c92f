// SPDX-License-Identifier: Apache-2.0
/* Runs scenario files: docs/plugins/testing.md. */
#ifndef GP_KIT_RUN_H
#define GP_KIT_RUN_H

#include "core/base/buf.h"

#include <gatepost/plugin.h>
#include <stdbool.h>

struct gp__kit_options {
    /* The descriptor of a plugin, as struct gp__config_host has it. */
    const struct gp_plugin *(*descriptor)(void *arg, struct gp_slice name, const char **error_r);
    void (*plugin_names)(void *arg, void (*found)(void *found_arg, struct gp_slice name),
                         void *found_arg); /* may be NULL */
    /* Called after each scenario: may print what is in `out` and clear it, so that it is not lost
     * should the next one crash. May be NULL. */
    void (*progress)(void *arg, struct gp__buf *out);
    void *arg;
    struct gp_slice filter; /* runs only scenarios whose name has this in it; absent: all */
    bool verbose;           /* shows the log and the session of every failed scenario */
    bool colour;
};

struct gp__kit_totals {
    size_t passed, failed;
    size_t broken; /* files that could not be read or understood */
};

/* Runs the scenarios of a text; appends what there is to say to out. */
void gp__kit_run_text(const struct gp__kit_options *options, struct gp_slice path,
                      struct gp_slice text, struct gp__buf *out, struct gp__kit_totals *totals);

/* The same with a file. */
void gp__kit_run_file(const struct gp__kit_options *options, const char *path, struct gp__buf *out,
                      struct gp__kit_totals *totals);

#endif
