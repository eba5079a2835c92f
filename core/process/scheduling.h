// SPDX-License-Identifier: Apache-2.0
/* What the process of the scheduler is told of a configuration: where the spool is, what keeps it, how
 * to log, and the plan. Written by the loader, passed on by the master as it is, in sealed memory. */
#ifndef GP_PROCESS_SCHEDULING_H
#define GP_PROCESS_SCHEDULING_H

#include "core/base/buf.h"
#include "core/config/settings.h"

#define GP__SCHEDULING_MAX ((size_t)64 << 20)

struct gp__scheduling {
    struct gp__spool_section spool; /* its path ends with a NUL; nothing of an engine */
    struct gp_slice engine;         /* packed: engine.h; empty: the log */
    struct gp_slice log_to;
    uint64_t log_format, log_level;
    struct gp_slice plan; /* packed: plan.h */
};

/* Of loaded settings; nothing if they have no spool. */
void gp__scheduling_write(struct gp__buf *out, const struct gp__settings *settings);

/* Texts are copied into the arena; engine and plan point into the bytes. 0, or -1: it is none. */
int gp__scheduling_read(struct gp__scheduling *scheduling_r, struct gp__arena *arena,
                        struct gp_slice bytes);

/* Sealed memory with these bytes, or -1 with errno; and all that is in such memory, appended. 0, or
 * -1: too much, or it can still change. */
int gp__scheduling_memory(struct gp_slice bytes);
int gp__scheduling_take(int fd, struct gp__buf *bytes_r);

#endif
