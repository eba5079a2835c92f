// SPDX-License-Identifier: Apache-2.0
#include "core/server/stats_log.h"

#include "core/base/log.h"
#include "core/hook/stats.h"

#include <stdio.h>

/* Those that were given, by name: {"next":7,"reject":1}. */
static void add_verdicts(struct gp__buf *out, const struct gp__hook_summary *summary)
{
    gp__buf_append(out, GP_S("{"));
    for (unsigned i = 0; i < GP_VERDICT_COUNT; i++)
        if (summary->verdicts[i])
            gp__buf_printf(out, "%s\"%s\":%llu", out->len > 1 ? "," : "",
                           gp__verdict_name((enum gp_verdict)i),
                           (unsigned long long)summary->verdicts[i]);
    gp__buf_append(out, GP_S("}"));
}

#define US_SIZE 32

/* Nanoseconds as microseconds with three decimals. */
static struct gp_slice us(uint64_t ns, char out[US_SIZE])
{
    int len = snprintf(out, US_SIZE, "%llu.%03llu", (unsigned long long)(ns / 1000),
                       (unsigned long long)(ns % 1000));

    return gp_slice(out, (size_t)len);
}

static void log_hook(struct gp__log *log, const struct gp__hook_summary *summary)
{
    struct gp__buf verdicts = {.limit = 0};
    char mean[US_SIZE], p50[US_SIZE], p99[US_SIZE];

    add_verdicts(&verdicts, summary);
    gp__log(log, GP_LOG_NOTICE, "hook.stats", GP__F_S("instance", summary->instance),
            GP__F_C("hook", gp__points[summary->hook].name), GP__F_I("calls", summary->calls),
            GP__F_RAW("verdicts", gp__buf_slice(&verdicts)), GP__F_I("faults", summary->faults),
            GP__F_I("timeouts", summary->timeouts), GP__F_I("canceled", summary->canceled),
            GP__F_RAW("mean_us", us(summary->mean_ns, mean)),
            GP__F_RAW("p50_us", us(summary->p50_ns, p50)),
            GP__F_RAW("p99_us", us(summary->p99_ns, p99)));
    gp__buf_free(&verdicts);
}

static void log_instance(struct gp__log *log, const struct gp__instance *instance)
{
    struct gp__hook_summary hook;
    struct gp__shadow_summary shadow;

    for (unsigned point = 0; point < GP_HOOK_COUNT; point++)
        if (gp__hook_summary(instance, (enum gp_hook_point)point, &hook))
            log_hook(log, &hook);
    if (gp__shadow_summary(instance, &shadow))
        gp__log(log, GP_LOG_NOTICE, "shadow.stats", GP__F_S("instance", shadow.instance),
                GP__F_I("agreed", shadow.agreed), GP__F_I("differed", shadow.differed),
                GP__F_I("skipped", shadow.skipped));
}

void gp__stats_log(const struct gp__generation *generation, struct gp__log *log)
{
    for (size_t i = 0; i < generation->n_instances; i++)
        log_instance(log, generation->instances[i]);
}
