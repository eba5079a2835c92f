// SPDX-License-Identifier: Apache-2.0
/*
 * A nameless temporary file that a large message goes to while it comes in, and that is mapped when
 * it is complete. Nothing is left behind, however the process ends. Filled by GP__FILE_SPILL jobs,
 * one at a time; counted, because a job may outlive whoever wanted it. Loop thread only, but for
 * the job at work.
 */
#ifndef GP_RUNTIME_SPILL_H
#define GP_RUNTIME_SPILL_H

#include "core/hook/runtime.h"

struct gp__spill {
    unsigned refs;
    int fd;                /* -1: not opened yet */
    struct gp__buf memory; /* the simulated disk's */
    char *map;
    size_t size;
};

struct gp__spill *gp__spill_create(void);
struct gp__spill *gp__spill_ref(struct gp__spill *spill);
void gp__spill_unref(struct gp__spill **spill_);

/* All of it as one run of bytes, until the last reference goes. 0, GP_ENOSPC, GP_EIO. */
int gp__spill_map(struct gp__spill *spill, struct gp_slice *bytes_r);

#endif
