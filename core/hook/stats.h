// SPDX-License-Identifier: Apache-2.0
/*
 * Statistics of instances: counting is done by the thread that calls them, summaries are plain
 * numbers for whoever shows them (a log record, a socket). A summary has no pointer into an
 * instance but its id.
 */
#ifndef GP_HOOK_STATS_H
#define GP_HOOK_STATS_H

#include "core/hook/instance.h"

/* Adds one answered call. */
void gp__stats_add(struct gp__hook_stats *stats, enum gp_verdict verdict, uint64_t ns);

/* The latency in ns below which the given share (in thousandths) of calls stayed; an estimate by
 * bucket, for people. */
uint64_t gp__stats_quantile(const struct gp__hook_stats *stats, unsigned permille);

/* What an instance did at one hook. */
struct gp__hook_summary {
    struct gp_slice instance;
    enum gp_hook_point hook;
    uint64_t calls;
    uint64_t verdicts[GP_VERDICT_COUNT]; /* what counted: of a fault that of on_error */
    uint64_t faults;                     /* timeouts among them */
    uint64_t timeouts;
    uint64_t canceled; /* the client left meanwhile */
    uint64_t mean_ns;
    uint64_t p50_ns, p99_ns; /* upper bounds, powers of two */
};

/* False: the instance has no hook there, or it was never called. */
bool gp__hook_summary(const struct gp__instance *instance, enum gp_hook_point hook,
                      struct gp__hook_summary *summary_r);

/* What an instance in shadow mode would have done to recipients, and what became of them. */
struct gp__shadow_summary {
    struct gp_slice instance;
    uint64_t agreed, differed;
    uint64_t skipped; /* calls: too many were under way */
};

/* False: it is not in shadow mode. */
bool gp__shadow_summary(const struct gp__instance *instance, struct gp__shadow_summary *summary_r);

#endif
