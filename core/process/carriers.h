// SPDX-License-Identifier: Apache-2.0
/* The lines between the scheduler's process and those of the carriers: at the scheduler's end. */
#ifndef GP_PROCESS_CARRIERS_H
#define GP_PROCESS_CARRIERS_H

#include "core/delivery/scheduler.h"
#include "core/process/channel.h"

struct gp__carriers;

struct gp__carrier_line {
    struct gp__carriers *carriers; /* NULL: free */
    struct gp__channel *channel;
};

/* Zeroed but for the first two. */
struct gp__carriers {
    struct gp__runtime *runtime;
    struct gp__scheduler *scheduler;
    struct gp__carrier_line lines[GP__QUEUE_CARRIERS_MAX];
};

/* A carrier is at the other end of the descriptor, which is owned from now on. It gets attempts once
 * it says how many it takes. */
void gp__carriers_add(struct gp__carriers *carriers, int fd);

void gp__carriers_close(struct gp__carriers *carriers);

#endif
