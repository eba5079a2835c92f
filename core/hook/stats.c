// SPDX-License-Identifier: Apache-2.0
#include "core/hook/instance.h"

static unsigned bucket_of(uint64_t ns)
{
    unsigned bucket = ns ? 63 - (unsigned)__builtin_clzll(ns) : 0;

    return bucket < GP__LATENCY_BUCKETS ? bucket : GP__LATENCY_BUCKETS - 1;
}

void gp__stats_add(struct gp__hook_stats *stats, enum gp_verdict verdict, uint64_t ns)
{
    stats->calls++;
    if ((unsigned)verdict < GP_VERDICT_COUNT)
        stats->verdicts[verdict]++;
    stats->total_ns += ns;
    stats->latency[bucket_of(ns)]++;
}

uint64_t gp__stats_quantile(const struct gp__hook_stats *stats, unsigned permille)
{
    uint64_t wanted = (stats->calls * permille + 999) / 1000, seen = 0;

    for (unsigned i = 0; i < GP__LATENCY_BUCKETS; i++) {
        seen += stats->latency[i];
        if (seen >= wanted && seen)
            return 1ull << (i + 1);
    }
    return 0;
}
