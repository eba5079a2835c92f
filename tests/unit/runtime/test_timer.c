// SPDX-License-Identifier: Apache-2.0
/* The heap of timers: order, moving, stopping, many. */
#include "test_support.h"

#include "core/base/alloc.h"
#include "core/runtime/timer.h"

static uint64_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 33;
}

static void check_heap(const struct gp__timers *timers)
{
    for (size_t i = 0; i < timers->count; i++) {
        assert_int_equal(timers->slots[i].timer->slot, i + 1);
        assert_true(timers->slots[i].key <= timers->slots[i].timer->at_ms);
        if (i > 0)
            assert_true(timers->slots[(i - 1) / 2].key <= timers->slots[i].key);
    }
}

static void test_same_time_first_come(void **state)
{
    struct gp__timers timers = {0};
    struct gp__timer t[20] = {0};

    (void)state;
    for (int i = 0; i < 20; i++)
        gp__timers_start(&timers, &t[i], i < 10 ? 5 : 3);
    for (int i = 0; i < 20; i++)
        assert_ptr_equal(gp__timers_due(&timers, 5), &t[(i + 10) % 20]);
    assert_null(gp__timers_due(&timers, UINT64_MAX - 1));
    gp__timers_free(&timers);
}

static void test_later_is_lazy_earlier_is_not(void **state)
{
    struct gp__timers timers = {0};
    struct gp__timer a = {0}, b = {0};

    (void)state;
    gp__timers_start(&timers, &a, 10);
    gp__timers_start(&timers, &b, 20);
    gp__timers_start(&timers, &a, 30);
    assert_int_equal(gp__timers_look(&timers), 10); /* only a wake-up too early */
    assert_null(gp__timers_due(&timers, 15));
    assert_int_equal(gp__timers_first(&timers), 20);
    gp__timers_start(&timers, &a, 5);
    assert_int_equal(gp__timers_first(&timers), 5);
    assert_null(gp__timers_due(&timers, 4));
    assert_ptr_equal(gp__timers_due(&timers, 5), &a);
    assert_int_equal(a.slot, 0);
    gp__timers_stop(&timers, &a); /* not armed: fine */
    gp__timers_stop(&timers, &b);
    assert_int_equal(gp__timers_first(&timers), UINT64_MAX);
    gp__timers_free(&timers);
}

/* Random starts, moves and stops against a plain array. */
static void test_random_against_model(void **state)
{
    enum { COUNT = 64, STEPS = 20000 };
    struct gp__timers timers = {0};
    struct gp__timer t[COUNT] = {0};
    uint64_t seed = 7, now = 0;

    (void)state;
    for (int step = 0; step < STEPS; step++) {
        struct gp__timer *timer = &t[next_random(&seed) % COUNT];
        uint64_t first = UINT64_MAX;

        switch (next_random(&seed) % 4) {
        case 0:
        case 1:
            gp__timers_start(&timers, timer, now + next_random(&seed) % 100);
            break;
        case 2:
            gp__timers_stop(&timers, timer);
            break;
        default:
            now += next_random(&seed) % 10;
            while ((timer = gp__timers_due(&timers, now)))
                assert_true(timer->at_ms <= now && timer->slot == 0);
        }
        for (int i = 0; i < COUNT; i++) {
            if (t[i].slot && t[i].at_ms < first)
                first = t[i].at_ms;
        }
        assert_int_equal(gp__timers_first(&timers), first);
        if (step % 97 == 0)
            check_heap(&timers);
    }
    gp__timers_free(&timers);
}

static void test_many_moved_to_later(void **state)
{
    enum { COUNT = 50000 };
    struct gp__timers timers = {0};
    struct gp__timer *t = gp__alloc_array(COUNT, sizeof *t);
    uint64_t last = 0;
    int n = 0;

    (void)state;
    for (int i = 0; i < COUNT; i++)
        gp__timers_start(&timers, &t[i], 1000 + (uint64_t)i % 100);
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < COUNT; i++)
            gp__timers_start(&timers, &t[i], 2000 + (uint64_t)round + (uint64_t)i % 100);
    }
    assert_int_equal(gp__timers_look(&timers), 1000);
    assert_int_equal(gp__timers_first(&timers), 2019);
    for (struct gp__timer *timer; (timer = gp__timers_due(&timers, 5000)); n++) {
        assert_true(timer->at_ms >= last);
        last = timer->at_ms;
    }
    assert_int_equal(n, COUNT);
    gp__timers_free(&timers);
    gp__free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_time_first_come),
        cmocka_unit_test(test_later_is_lazy_earlier_is_not),
        cmocka_unit_test(test_random_against_model),
        cmocka_unit_test(test_many_moved_to_later),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
