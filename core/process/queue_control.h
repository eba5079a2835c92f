// SPDX-License-Identifier: Apache-2.0
/*
 * Operators' questions and orders about the queue, over the control socket:
 *
 *     {"v":1,"do":"queue","what":"list","filter":"sender=a@example.org","after":"12:4096","limit":100}
 *
 * `what` is list, show, stats, routes, hold, release, retry, delete, bounce, reroute (with "route"), pause
 * or resume. Answers come in pages: one that says "more" is gone on with by asking again with its
 * "after". So no question takes long, however long the queue is.
 */
#ifndef GP_PROCESS_QUEUE_CONTROL_H
#define GP_PROCESS_QUEUE_CONTROL_H

#include "core/base/buf.h"
#include "core/delivery/scheduler.h"

/* What the master knows of the queue, in the memory that it reads: for status and metrics. */
struct gp__queue_figures {
    uint64_t ready; /* 1: the spool was read */
    uint64_t messages, groups, by_state[GP__GROUP_STATES];
    uint64_t destinations, down, segments, bytes, oldest_ms, now_ms;
};

void gp__queue_figures(struct gp__scheduler *scheduler, struct gp__queue_figures *figures_r);
uint64_t gp__queue_count(struct gp__scheduler *scheduler);

/* "waiting", …: of a group, as filters have them. */
const char *gp__group_state_name(enum gp__group_state state);

/* Answers a call with what gp__queue_control() said. */
struct gp__control_call;
void gp__queue_answer_control(struct gp__control_call **call_, struct gp_slice text);

/* Does what the request says; say(arg, text) once, when what was ordered is durable: a line of JSON, or
 * "!" and what is wrong. */
void gp__queue_control(struct gp__scheduler *scheduler, struct gp_slice request,
                       void (*say)(void *arg, struct gp_slice text), void *arg);

#endif
