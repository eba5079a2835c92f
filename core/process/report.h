// SPDX-License-Identifier: Apache-2.0
/* What the control socket tells, as JSON without line breaks. Written here for the master and for a
 * process that is alone; read by the commands of core/cli. */
#ifndef GP_PROCESS_REPORT_H
#define GP_PROCESS_REPORT_H

#include "core/base/buf.h"
#include "core/process/queue_control.h"
#include "core/process/totals.h"

struct gp__server;

/* A process, as `gatepost status` lists them. */
struct gp__report_process {
    const char *role, *state;
    uint32_t slot;
    int64_t pid; /* 0: it is not running */
    uint64_t generation, seconds, sessions, crashes;
};

/* An object, member after member. */
void gp__report_begin(struct gp__buf *out);
void gp__report_text(struct gp__buf *out, const char *key, struct gp_slice value); /* if present */
void gp__report_number(struct gp__buf *out, const char *key, uint64_t value);
void gp__report_raw(struct gp__buf *out, const char *key, struct gp_slice json);
void gp__report_end(struct gp__buf *out);

/* "processes":[…] of an object that is begun. */
void gp__report_processes(struct gp__buf *out, const struct gp__report_process *list, size_t n);

/* "queue":{…}: how long it is, by state. */
void gp__report_queue(struct gp__buf *out, const struct gp__queue_figures *figures);

/* "totals":{…}: every counter by its name, or its name and label. */
void gp__report_totals(struct gp__buf *out, const struct gp__counts *counts);

/* {"hooks":[…]}: instances by chain, in its order. */
void gp__report_hooks(struct gp__buf *out, const struct gp__totals *totals);

/* The sessions of a process, at most `limit`, as objects with commas between. How many. */
size_t gp__report_sessions(struct gp__buf *out, const struct gp__server *server, uint64_t limit);

#endif
