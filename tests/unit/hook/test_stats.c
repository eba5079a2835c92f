// SPDX-License-Identifier: Apache-2.0
/* Counting calls: verdicts, sums, and quantiles by powers of two. */
#include "core/hook/stats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static void counts(void **unused)
{
    struct gp__hook_stats stats = {0};

    (void)unused;
    gp__stats_add(&stats, GP_NEXT, 10);
    gp__stats_add(&stats, GP_REJECT, 20);
    gp__stats_add(&stats, GP_REJECT, 30);
    gp__stats_add(&stats, (enum gp_verdict)77, 40); /* counted as a call, as no verdict */
    gp__stats_add(&stats, (enum gp_verdict) - 1, 0);
    assert_int_equal(stats.calls, 5);
    assert_int_equal(stats.total_ns, 100);
    assert_int_equal(stats.verdicts[GP_NEXT], 1);
    assert_int_equal(stats.verdicts[GP_REJECT], 2);
    assert_int_equal(stats.verdicts[GP_ACCEPT], 0);
}

static void quantiles(void **unused)
{
    struct gp__hook_stats stats = {0};

    (void)unused;
    assert_int_equal(gp__stats_quantile(&stats, 500), 0);
    /* 90 of 1,000 to 1,023 ns: bucket 9, below 1,024; 10 of 1 ms: bucket 19, below 2^20. */
    for (unsigned i = 0; i < 90; i++)
        gp__stats_add(&stats, GP_NEXT, 1000 + i % 24);
    for (unsigned i = 0; i < 10; i++)
        gp__stats_add(&stats, GP_NEXT, 1000000);
    assert_int_equal(gp__stats_quantile(&stats, 0), 1024);
    assert_int_equal(gp__stats_quantile(&stats, 1), 1024);
    assert_int_equal(gp__stats_quantile(&stats, 500), 1024);
    assert_int_equal(gp__stats_quantile(&stats, 900), 1024);
    assert_int_equal(gp__stats_quantile(&stats, 901), 1 << 20);
    assert_int_equal(gp__stats_quantile(&stats, 1000), 1 << 20);
}

static void ends_of_the_scale(void **unused)
{
    struct gp__hook_stats stats = {0};

    (void)unused;
    gp__stats_add(&stats, GP_NEXT, 0);
    assert_int_equal(stats.latency[0], 1);
    gp__stats_add(&stats, GP_NEXT, 1);
    assert_int_equal(stats.latency[0], 2);
    gp__stats_add(&stats, GP_NEXT, 2);
    assert_int_equal(stats.latency[1], 1);
    gp__stats_add(&stats, GP_NEXT, UINT64_MAX / 2);
    assert_int_equal(stats.latency[GP__LATENCY_BUCKETS - 1], 1);
    assert_true(gp__stats_quantile(&stats, 1000) == UINT64_C(1) << GP__LATENCY_BUCKETS);
}

static void hook_summary(void **unused)
{
    struct gp__hook_stats stats = {.faults = 3, .timeouts = 2, .canceled = 1};
    struct gp__instance instance = {.id = GP_S("i")};
    struct gp__hook_summary summary;

    (void)unused;
    assert_false(gp__hook_summary(&instance, GP_HOOK_RCPT, &summary));
    instance.stats[GP_HOOK_RCPT] = &stats;
    assert_false(gp__hook_summary(&instance, GP_HOOK_RCPT, &summary)); /* never called */
    for (unsigned i = 0; i < 98; i++)
        gp__stats_add(&stats, GP_NEXT, 1000);
    gp__stats_add(&stats, GP_REJECT, 1000000);
    gp__stats_add(&stats, GP_REJECT, 1000000);
    assert_true(gp__hook_summary(&instance, GP_HOOK_RCPT, &summary));
    assert_memory_equal(summary.instance.data, "i", 1);
    assert_int_equal(summary.hook, GP_HOOK_RCPT);
    assert_int_equal(summary.calls, 100);
    assert_int_equal(summary.verdicts[GP_NEXT], 98);
    assert_int_equal(summary.verdicts[GP_REJECT], 2);
    assert_int_equal(summary.faults, 3);
    assert_int_equal(summary.timeouts, 2);
    assert_int_equal(summary.canceled, 1);
    assert_int_equal(summary.mean_ns, (98 * 1000 + 2 * 1000000) / 100);
    assert_int_equal(summary.p50_ns, 1024);
    assert_int_equal(summary.p99_ns, 1 << 20);
}

static void shadow_summary(void **unused)
{
    struct gp__instance instance = {
        .id = GP_S("i"), .shadow_agreed = 3, .shadow_differed = 2, .shadows_skipped = 1};
    struct gp__shadow_summary summary;

    (void)unused;
    assert_false(gp__shadow_summary(&instance, &summary));
    instance.shadow = true;
    assert_true(gp__shadow_summary(&instance, &summary));
    assert_memory_equal(summary.instance.data, "i", 1);
    assert_int_equal(summary.agreed, 3);
    assert_int_equal(summary.differed, 2);
    assert_int_equal(summary.skipped, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts),
        cmocka_unit_test(quantiles),
        cmocka_unit_test(ends_of_the_scale),
        cmocka_unit_test(hook_summary),
        cmocka_unit_test(shadow_summary),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
