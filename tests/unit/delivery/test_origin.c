// SPDX-License-Identifier: Apache-2.0
/* Addresses that mail is sent from, in virtual time: what two processes that share a census may send
 * together, and one without a census alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/alloc.h"
#include "core/base/census.h"
#include "core/delivery/origin.h"
#include "core/runtime/sim.h"

#define PROCESSES 3

static void *memory;
static struct gp__census censuses[PROCESSES];
static struct gp__runtime *rts[PROCESSES];
static struct gp__origin *sources[PROCESSES];

static const struct gp__ip ip = {.family = 4, .bytes = {192, 0, 2, 1}};
static const struct gp__ip other_ip = {.family = 4, .bytes = {192, 0, 2, 2}};

/* The first two together, the third without a census. */
static int setup(void **state)
{
    size_t size = gp__census_size(2, 8);
    struct gp__census master;

    (void)state;
    memory = gp__alloc(size);
    gp__census_init(memory, 2, 8);
    assert_int_equal(gp__census_open(&master, memory, size, GP__CENSUS_NONE), 0);
    for (uint32_t i = 0; i < PROCESSES; i++) {
        rts[i] = gp__sim_create(1, NULL);
        if (i < 2) {
            assert_int_equal(gp__census_take(&master), i);
            assert_int_equal(gp__census_open(&censuses[i], memory, size, i), 0);
            rts[i]->census = &censuses[i];
        }
        sources[i] = gp__origin_ref(rts[i], &ip);
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < PROCESSES; i++) {
        gp__origin_unref(rts[i], &sources[i]);
        assert_null(rts[i]->sources);
        gp__sim_free(&rts[i]);
    }
    gp__free(memory);
    return 0;
}

static void advance(uint64_t ms)
{
    for (uint32_t i = 0; i < PROCESSES; i++)
        gp__sim_advance(rts[i], ms);
}

static uint64_t take(uint32_t i, const struct gp__origin_limits *limits)
{
    return gp__origin_take(rts[i], sources[i], limits);
}

/* One in ten seconds: whoever comes first has it, and the others hear how long to wait. */
static void test_rate(void **state)
{
    static const struct gp__origin_limits limits = {.rate = {.count = 6, .period_ms = 60000}};

    (void)state;
    assert_int_equal(take(0, &limits), 0);
    assert_int_equal(take(1, &limits), 9000);
    assert_int_equal(take(0, &limits), 9000);
    assert_int_equal(take(2, &limits), 0); /* counts alone */
    advance(4000);
    assert_int_equal(take(1, &limits), 5000);
    advance(5000);
    assert_int_equal(take(1, &limits), 0);
    assert_int_equal(take(0, &limits), 10000);
    gp__origin_give_back(sources[1], &limits);
    assert_int_equal(take(0, &limits), 0);
}

/* However many ask, an hour brings no more than the rate and a second's worth. */
static void test_rate_of_an_hour(void **state)
{
    static const struct gp__origin_limits limits = {.rate = {.count = 7200, .period_ms = 3600000}};
    unsigned sent = 0;

    (void)state;
    for (unsigned i = 0; i < 3600 * 4; i++) {
        for (uint32_t p = 0; p < 2; p++)
            for (unsigned n = 0; n < 3; n++)
                sent += take(p, &limits) == 0;
        advance(250);
    }
    assert_in_range(sent, 7200, 7202);
}

static void test_no_rate(void **state)
{
    static const struct gp__origin_limits none = {.sessions = 0};

    (void)state;
    for (int i = 0; i < 1000; i++)
        assert_int_equal(take(0, &none), 0);
    gp__origin_give_back(sources[0], &none);
}

static void test_sessions(void **state)
{
    static const struct gp__origin_limits limits = {.sessions = 2};
    struct gp__census master;

    (void)state;
    assert_true(gp__origin_enter(rts[0], sources[0], &limits));
    assert_true(gp__origin_enter(rts[1], sources[1], &limits));
    assert_false(gp__origin_enter(rts[0], sources[0], &limits));
    assert_false(gp__origin_enter(rts[1], sources[1], &limits));
    assert_true(gp__origin_enter(rts[2], sources[2], &limits));
    gp__origin_leave(rts[2], sources[2]);
    gp__origin_leave(rts[0], sources[0]);
    assert_true(gp__origin_enter(rts[1], sources[1], &limits));
    assert_false(gp__origin_enter(rts[0], sources[0], &limits));
    /* Those of a process that died are nobody's. */
    assert_int_equal(gp__census_open(&master, memory, gp__census_size(2, 8), GP__CENSUS_NONE), 0);
    gp__census_give_back(&master, 1);
    assert_true(gp__origin_enter(rts[0], sources[0], &limits));
    gp__origin_leave(rts[0], sources[0]);
}

static void test_each_for_itself(void **state)
{
    static const struct gp__origin_limits limits = {.rate = {.count = 1, .period_ms = 60000},
                                                    .sessions = 1};
    struct gp__origin *other = gp__origin_ref(rts[0], &other_ip),
                      *same = gp__origin_ref(rts[0], &ip);

    (void)state;
    assert_ptr_equal(same, sources[0]);
    assert_ptr_not_equal(other, sources[0]);
    assert_int_equal(take(0, &limits), 0);
    assert_int_equal(gp__origin_take(rts[0], other, &limits), 0);
    assert_true(gp__origin_enter(rts[0], other, &limits));
    assert_true(gp__origin_enter(rts[0], same, &limits));
    gp__origin_leave(rts[0], other);
    gp__origin_leave(rts[0], same);
    gp__origin_unref(rts[0], &other);
    gp__origin_unref(rts[0], &same);
}

/* More addresses than have a place in the memory: the rest is counted by each process for itself. */
static void test_many(void **state)
{
    static const struct gp__origin_limits limits = {.rate = {.count = 1, .period_ms = 60000}};
    struct gp__origin *many[1100], *there;
    unsigned shared = 0;

    (void)state;
    for (unsigned i = 0; i < 1100; i++) {
        struct gp__ip one = {.family = 4, .bytes = {10, 0, (uint8_t)(i / 256), (uint8_t)i}};

        many[i] = gp__origin_ref(rts[0], &one);
        assert_int_equal(gp__origin_take(rts[0], many[i], &limits), 0);
        there = gp__origin_ref(rts[1], &one);
        shared += gp__origin_take(rts[1], there, &limits) != 0;
        gp__origin_unref(rts[1], &there);
    }
    assert_int_equal(shared, 1023); /* one more has the address of all tests */
    for (unsigned i = 0; i < 1100; i++)
        gp__origin_unref(rts[0], &many[i]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_rate),     TEST(test_rate_of_an_hour), TEST(test_no_rate),
        TEST(test_sessions), TEST(test_each_for_itself), TEST(test_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
