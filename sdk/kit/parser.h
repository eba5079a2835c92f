// SPDX-License-Identifier: Apache-2.0
/* A scenario file while it is being read: shared by the reader of lines and that of arguments. */
#ifndef GP_KIT_PARSER_H
#define GP_KIT_PARSER_H

#include "core/config/suggest.h"
#include "core/config/value.h"
#include "sdk/kit/scenario.h"

struct gp__kit_parser {
    struct gp__kit_file *file;
    struct gp__regex_context *regex;
    struct gp__buf *errors;
    unsigned line; /* the one that is being read; from 1 */
    unsigned n_errors;
};

/* Adds an error about the current line; returns -1. */
int gp__kit_error(struct gp__kit_parser *parser, const char *format, ...) GP_PRINTF(2, 3);

/* The index of the word in a list, or -1 after an error with a suggestion. `what` names the kind of
 * word. */
int gp__kit_choose(struct gp__kit_parser *parser, struct gp_slice word, const char *const *list,
                   const char *what);

/* Takes the lines of a block up to the one that is the word; they are moved past. 0, or -1. */
int gp__kit_take_block(struct gp__kit_parser *parser, struct gp_slice word,
                       struct gp_slice *block_r);

/* Reads the arguments of the step by the shape of its verb. 0, or -1 after an error. */
int gp__kit_arguments(struct gp__kit_parser *parser, struct gp__kit_step *step,
                      struct gp_slice rest);

/* DNS types by their names; 0: none of them. */
unsigned gp__kit_dns_type(struct gp_slice name);

#endif
