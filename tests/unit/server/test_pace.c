// SPDX-License-Identifier: Apache-2.0
/* Rates of keys: the window slides, those refused do not count, a flood of keys takes no memory. */
#include "core/server/pace.h"

#include "tests/unit/base/check.h"

static unsigned taken(struct gp__pace *pace, uint64_t key, uint64_t now_ms,
                      const struct gp_rate *rate, unsigned tries)
{
    unsigned n = 0;

    for (unsigned i = 0; i < tries; i++)
        n += gp__pace_take(pace, key, now_ms, rate);
    return n;
}

static void test_window(void **state)
{
    const struct gp_rate rate = {10, 1000}, none = {0, 0};
    struct gp__pace pace = {0};

    (void)state;
    assert_int_equal(taken(&pace, 1, 5000, &none, 100), 100);
    assert_null(pace.slots); /* nobody asked for a rate */
    assert_int_equal(taken(&pace, 1, 5000, &rate, 100), 10);
    assert_int_equal(taken(&pace, 2, 5000, &rate, 3), 3); /* another */
    assert_int_equal(taken(&pace, 1, 5999, &rate, 100), 0);
    assert_int_equal(taken(&pace, 1, 6000, &rate, 100), 0); /* no burst at the turn */
    assert_int_equal(taken(&pace, 1, 6500, &rate, 100), 5);
    assert_int_equal(taken(&pace, 1, 6999, &rate, 100), 5);
    assert_int_equal(taken(&pace, 1, 9000, &rate, 100), 10); /* a period without any between */
    gp__pace_free(&pace);
}

static void test_flood(void **state)
{
    const struct gp_rate rate = {2, 60000};
    struct gp__pace pace = {0};
    unsigned n = 0;

    (void)state;
    assert_int_equal(taken(&pace, 7, 0, &rate, 2), 2);
    for (uint64_t key = 1000; key < 1000000; key++)
        n += gp__pace_take(&pace, key * 0x9e3779b97f4a7c15, 60000, &rate);
    assert_int_equal(n, 999000);
    assert_true(gp__pace_take(&pace, 7, 60001, &rate)); /* forgotten, or its window moved on */
    gp__pace_free(&pace);
    gp__pace_free(&pace);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_window),
        cmocka_unit_test(test_flood),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
