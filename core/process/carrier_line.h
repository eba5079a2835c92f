// SPDX-License-Identifier: Apache-2.0
/* A carrier's end of the line to its scheduler: attempts come, answers go. When it is to end it takes
 * nothing new, and is idle once all that it has is answered. */
#ifndef GP_PROCESS_CARRIER_LINE_H
#define GP_PROCESS_CARRIER_LINE_H

#include "core/delivery/carrier.h"

struct gp__channel;
struct gp__log;

struct gp__carrier_line {
    struct gp__runtime *runtime;
    struct gp__log *log;
    struct gp__carrier *carrier;   /* whose answers go to gp__carrier_line_answer() */
    struct gp__channel *scheduler; /* NULL: there is none now */
    void (*idle)(void *arg);       /* once, after gp__carrier_line_drain() */
    void *arg;
    bool draining, over;
};

/* A scheduler, in place of one that may have been there; owns its descriptor. */
void gp__carrier_line_open(struct gp__carrier_line *line, int fd);

/* As gp__carrier_options.answer; arg is the line. */
void gp__carrier_line_answer(void *arg, const struct gp__attempt_answer *answer);

/* Nothing new from now on. Again: looks again whether it is idle. */
void gp__carrier_line_drain(struct gp__carrier_line *line);

void gp__carrier_line_close(struct gp__carrier_line *line);

#endif
