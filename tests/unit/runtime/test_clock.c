// SPDX-License-Identifier: Apache-2.0
/* The clock for short times: measured against another, right between measurements, never back. */
#include "test_support.h"

#include "core/runtime/clock.h"

static uint64_t exact;

static uint64_t exact_ns(void)
{
    return exact;
}

/* At 3 GHz, with both clocks at zero. */
static struct gp__clock clock_make(void)
{
    exact = 0;
    return (struct gp__clock){.exact_ns = exact_ns, .counts = true};
}

static uint64_t at_3ghz(struct gp__clock *clock, uint64_t ns)
{
    exact = ns;
    return gp__clock_at(clock, ns * 3);
}

static void test_exact_until_measured(void **state)
{
    struct gp__clock clock = clock_make();

    (void)state;
    assert_int_equal(at_3ghz(&clock, 1), 1);
    assert_int_equal(at_3ghz(&clock, 9999999), 9999999);
    assert_int_equal(clock.ns_per_cycle, 0);
    assert_int_equal(at_3ghz(&clock, 10000000), 10000000);
    assert_true(clock.ns_per_cycle > 0);
}

/* Then the other clock is asked no more, but now and again. */
static void test_counts(void **state)
{
    struct gp__clock clock = clock_make();
    uint64_t ns;

    (void)state;
    at_3ghz(&clock, 20000000);
    exact = 0;
    for (uint64_t passed = 0; passed < 300000000; passed += 1234567) {
        ns = gp__clock_at(&clock, (20000000 + passed) * 3);
        assert_in_range(ns, 20000000 + passed - passed / 1000000 - 2, 20000000 + passed);
    }
    ns = at_3ghz(&clock, 500000000); /* long after: set anew */
    assert_int_equal(ns, 500000000);
    assert_int_equal(clock.base_ns, 500000000);
    assert_int_equal(at_3ghz(&clock, UINT64_C(86400000000000)), UINT64_C(86400000000000));
}

static void test_never_back(void **state)
{
    struct gp__clock clock = clock_make();
    uint64_t before;

    (void)state;
    /* measured as too slow by a quarter: it was ahead when it is set anew */
    exact = 12500000;
    gp__clock_at(&clock, 30000000);
    exact = 0;
    before = gp__clock_at(&clock, 30000000 + 900000000);
    exact = 12500000 + 360000000;
    assert_int_equal(gp__clock_at(&clock, 30000000 + 1080000000), before);
    /* the counter falls back, as after a move to another machine */
    exact += 50000000;
    before = gp__clock_at(&clock, 5);
    assert_int_equal(before, exact);
    assert_int_equal(clock.ns_per_cycle, 0);
    exact += 20000000;
    assert_int_equal(gp__clock_at(&clock, 5 + 60000000), exact);
    assert_in_range(gp__clock_at(&clock, 5 + 60000300), exact + 99, exact + 100);
}

/* A counter that stands still, or crawls, measures nothing. */
static void test_useless_counter(void **state)
{
    struct gp__clock clock = clock_make();

    (void)state;
    for (exact = 0; exact < 100000000; exact += 5000000) {
        assert_int_equal(gp__clock_at(&clock, 0), exact);
        assert_int_equal(clock.ns_per_cycle, 0);
    }
    clock = clock_make();
    for (exact = 0; exact < 100000000; exact += 5000000) {
        assert_int_equal(gp__clock_at(&clock, exact / 2), exact);
        assert_int_equal(clock.ns_per_cycle, 0);
    }
}

/* Whatever this machine has. */
static void test_here(void **state)
{
    struct gp__clock clock;
    uint64_t before;

    (void)state;
    exact = 7;
    gp__clock_init(&clock, exact_ns);
    before = gp__clock_ns(&clock);
    assert_int_equal(before, 7);
    clock.counts = false;
    exact = 8;
    assert_int_equal(gp__clock_ns(&clock), 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact_until_measured),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_never_back),
        cmocka_unit_test(test_useless_counter),
        cmocka_unit_test(test_here),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
