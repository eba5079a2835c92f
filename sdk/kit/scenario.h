// SPDX-License-Identifier: Apache-2.0
/*
 * A scenario file, read and checked: what is shared, then the scenarios with their steps. The
 * language is described in docs/plugins/testing.md. Everything lives in one arena.
 */
#ifndef GP_KIT_SCENARIO_H
#define GP_KIT_SCENARIO_H

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/runtime/sim.h"
#include "sdk/kit/verb.h"

#include <gatepost/option.h>

#define GP__KIT_ARGS_MAX 3

/* One line that begins with given, when or expect. What a verb finds where is said by its shape
 * (verb.h). */
struct gp__kit_step {
    const struct gp__kit_verb *verb;
    unsigned line;
    struct gp_slice text; /* the line as it was written */
    bool negated;
    struct gp_slice args[GP__KIT_ARGS_MAX]; /* absent: not given */
    struct gp_slice recipient;              /* after "for" */
    struct gp_slice block;                  /* what stood after <<WORD; lines end with LF */
    const struct gp_regex *regex;
    bool has_number, under, of_state;
    int64_t number;
    unsigned code; /* of a reply; 0: any */
    int choice;    /* of a list of words */
    uint64_t ms;
    struct gp__sim_step *script; /* of a peer */
    size_t n_script;
};

/* Parts of the configuration that a scenario file may hold. */
enum gp__kit_block {
    GP__KIT_CHAIN = 0,
    GP__KIT_CONFIG,
    GP__KIT_LISTENER,
    GP__KIT_BLOCK_COUNT,
};

/* Lines of the file, from 1: the one that begins with the word, and the one after the last. */
struct gp__kit_range {
    unsigned first, end; /* first 0: not given */
};

/* What stands before the first scenario, or in one. */
struct gp__kit_part {
    struct gp__kit_range blocks[GP__KIT_BLOCK_COUNT];
    struct gp__kit_step *steps;
    size_t n_steps, cap;
};

struct gp__kit_scenario {
    struct gp_slice name;
    unsigned line;
    struct gp__kit_part part;
};

struct gp__kit_file {
    struct gp__arena *arena;
    struct gp_slice path;      /* as it was given */
    struct gp_slice directory; /* of it, "." if there is none */
    struct gp_slice *lines;    /* without their ends; lines[0] is line 1 */
    size_t n_lines;
    struct gp__kit_part shared; /* its steps are all `given` */
    struct gp__kit_scenario *scenarios;
    size_t n_scenarios, cap;
};

/* Reads a file's text. NULL after errors, which are appended as "PATH:LINE: text" lines. */
struct gp__kit_file *gp__kit_parse(struct gp_slice path, struct gp_slice text,
                                   struct gp__buf *errors);

void gp__kit_file_free(struct gp__kit_file **file_);

#endif
