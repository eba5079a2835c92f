// SPDX-License-Identifier: Apache-2.0
/* Counting calls: verdicts, sums, and quantiles by powers of two. */
#include "core/hook/instance.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts),
        cmocka_unit_test(quantiles),
        cmocka_unit_test(ends_of_the_scale),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
