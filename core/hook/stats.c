// SPDX-License-Identifier: Apache-2.0
#include "core/hook/stats.h"

#include <string.h>

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

bool gp__hook_summary(const struct gp__instance *instance, enum gp_hook_point hook,
                      struct gp__hook_summary *summary_r)
{
    const struct gp__hook_stats *stats = instance->stats[hook];

    if (!stats || !stats->calls)
        return false;
    *summary_r = (struct gp__hook_summary){
        .instance = instance->id,
        .hook = hook,
        .calls = stats->calls,
        .faults = stats->faults,
        .timeouts = stats->timeouts,
        .canceled = stats->canceled,
        .mean_ns = stats->total_ns / stats->calls,
        .p50_ns = gp__stats_quantile(stats, 500),
        .p99_ns = gp__stats_quantile(stats, 990),
    };
    memcpy(summary_r->verdicts, stats->verdicts, sizeof summary_r->verdicts);
    return true;
}

bool gp__shadow_summary(const struct gp__instance *instance, struct gp__shadow_summary *summary_r)
{
    if (!instance->shadow)
        return false;
    *summary_r = (struct gp__shadow_summary){
        .instance = instance->id,
        .agreed = instance->shadow_agreed,
        .differed = instance->shadow_differed,
        .skipped = instance->shadows_skipped,
    };
    return true;
}
