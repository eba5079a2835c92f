// SPDX-License-Identifier: Apache-2.0
/*
 * The configuration of a scenario: its blocks (`config:` as they are, `chain:` and `listener:` in
 * the place where they belong) and what they leave out: a host name, a listener, a target that
 * keeps what it gets, a route for everyone, a place for held mail. Errors are shown where the lines
 * stand in the scenario file.
 */
#ifndef GP_KIT_CONFIG_TEXT_H
#define GP_KIT_CONFIG_TEXT_H

#include "core/base/buf.h"
#include "core/config/settings.h"
#include "sdk/kit/run.h"
#include "sdk/kit/scenario.h"

#define GP__KIT_LISTENER_NAME GP_S("kit")

/* A line of a generated text: where it comes from. */
struct gp__kit_origin {
    unsigned line; /* of the scenario file; 0: ours */
    int shift;     /* columns that were added in front */
};

struct gp__kit_text {
    struct gp__buf text;
    struct gp__kit_origin *origins;
    size_t n_lines, cap;
};

struct gp__kit_config {
    struct gp__kit_text own, rest; /* of the block `config:`; of everything else */
    struct gp__buf errors, warnings;
    char *path, *rest_path; /* under which the texts are read */
    struct gp__runtime *rt; /* whose disk has other files */
    const struct gp__kit_options *options;
};

/* Writes and loads it. NULL after errors, which are in config->errors as lines for people; warnings
 * are in config->warnings. */
struct gp__settings *gp__kit_config_load(struct gp__kit_config *config,
                                         const struct gp__kit_options *options,
                                         const struct gp__kit_file *file,
                                         const struct gp__kit_scenario *scenario,
                                         struct gp__runtime *rt);

/* Adds what was found wrong later to its errors and warnings, at the lines of the scenario file. */
void gp__kit_config_print(struct gp__kit_config *config, struct gp__diag *diag,
                          const struct gp__kit_file *file);

void gp__kit_config_free(struct gp__kit_config *config);

#endif
