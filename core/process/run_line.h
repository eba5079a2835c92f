// SPDX-License-Identifier: Apache-2.0
/* Programs for a process that may not start any: it asks the master over its channel. */
#ifndef GP_PROCESS_RUN_LINE_H
#define GP_PROCESS_RUN_LINE_H

#include "core/process/channel.h"
#include "core/runtime/runner.h"

struct gp__run_line {
    struct gp__runner runner;
    struct gp__runtime *runtime;
    struct gp__channel **channel; /* NULL in it: the master is gone */
};

/* `channel` is where the process keeps its channel; it and the line outlive the runtime. */
void gp__run_line_open(struct gp__run_line *line, struct gp__runtime *rt,
                       struct gp__channel **channel);

/* The master said GP__MSG_RAN. */
void gp__run_line_ran(struct gp__run_line *line, const struct gp__message *message);

#endif
