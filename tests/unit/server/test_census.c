// SPDX-License-Identifier: Apache-2.0
// What workers count together, as several of them see it: sessions, rates, memory, failed logins, pages that come and
// go, and a census that is not what it says.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/alloc.h"
#include "core/base/census.h"
#include "core/server/auth_guard.h"
#include "core/server/pace.h"

#define PAGES 4u
#define LOGINS 64u

static void *memory;
static size_t size;
static struct gp__census master, workers[PAGES];

static int setup(void **state)
{
    (void)state;
    size = gp__census_size(PAGES, LOGINS);
    memory = gp__alloc(size);
    gp__census_init(memory, PAGES, LOGINS);
    assert_int_equal(gp__census_open(&master, memory, size, GP__CENSUS_NONE), 0);
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(gp__census_take(&master), i);
        assert_int_equal(gp__census_open(&workers[i], memory, size, i), 0);
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    gp__free(memory);
    return 0;
}

/* ---- sessions ---- */

static void test_sessions(void **state)
{
    (void)state;
    gp__census_set_sessions(&workers[0], 77, 3);
    gp__census_set_sessions(&workers[1], 77, 2);
    gp__census_set_sessions(&workers[1], 79, 9);
    assert_int_equal(gp__census_sessions_elsewhere(&workers[0], 77), 2);
    assert_int_equal(gp__census_sessions_elsewhere(&workers[1], 77), 3);
    assert_int_equal(gp__census_sessions_elsewhere(&workers[0], 79), 9);
    assert_int_equal(gp__census_sessions_elsewhere(&workers[0], 81), 0);
    gp__census_set_sessions(&workers[1], 77, 0);
    assert_int_equal(gp__census_sessions_elsewhere(&workers[0], 77), 0);
}

static void test_clocks(void **state)
{
    _Atomic uint64_t *clock = gp__census_clock(&workers[0], 77);
    struct gp__census alone = {.head = NULL};

    (void)state;
    assert_non_null(clock);
    assert_ptr_equal(gp__census_clock(&workers[1], 77), clock);
    assert_ptr_not_equal(gp__census_clock(&workers[1], 79), clock);
    assert_null(gp__census_clock(&alone, 77));
    gp__census_give_back(&master, 0); /* it outlives who wrote it */
    assert_ptr_equal(gp__census_clock(&workers[1], 77), clock);
}

/* Those that find no place are nobody else's; a place that is free again is taken. */
static void test_full(void **state)
{
    uint64_t entered = 0;

    (void)state;
    for (uint64_t i = 1; i <= 20; i++)
        gp__census_set_sessions(&workers[0], i << 40 | 1, 1);
    for (uint64_t i = 1; i <= 20; i++)
        entered += gp__census_sessions_elsewhere(&workers[1], i << 40 | 1);
    assert_int_equal(entered, 8);
    gp__census_set_sessions(&workers[0], UINT64_C(3) << 40 | 1, 0);
    gp__census_set_sessions(&workers[0], UINT64_C(30) << 40 | 1, 5);
    assert_int_equal(gp__census_sessions_elsewhere(&workers[1], UINT64_C(30) << 40 | 1), 5);
}

static void test_pages(void **state)
{
    (void)state;
    gp__census_set_sessions(&workers[1], 77, 2);
    gp__census_give_back(&master, 1); /* it crashed */
    assert_int_equal(gp__census_sessions_elsewhere(&workers[0], 77), 0);
    assert_int_equal(gp__census_take(&master), 1);
    assert_int_equal(gp__census_sessions_elsewhere(&workers[0], 77), 0);
    assert_int_equal(gp__census_take(&master), 2);
    assert_int_equal(gp__census_take(&master), 3);
    assert_int_equal(gp__census_take(&master), GP__CENSUS_NONE);
    gp__census_give_back(&master, GP__CENSUS_NONE); /* of a worker that had none */
    gp__census_give_back(&master, 2);
    assert_int_equal(gp__census_take(&master), 2);
    assert_int_equal(gp__census_used(&workers[0]), PAGES);
}

static void test_alone(void **state)
{
    struct gp__census none = {.head = NULL};

    (void)state;
    gp__census_set_sessions(&none, 77, 2);
    assert_int_equal(gp__census_sessions_elsewhere(&none, 77), 0);
    assert_int_equal(gp__census_used(&none), 0);
}

/* A worker believes nothing that does not fit. */
static void test_nonsense(void **state)
{
    struct gp__census census;
    uint64_t *words = memory;

    (void)state;
    assert_int_equal(gp__census_open(&census, memory, 8, 0), -1);
    assert_int_equal(gp__census_open(&census, memory, size - 1, 0), -1);
    assert_int_equal(gp__census_open(&census, memory, size, PAGES), -1);
    for (int word = 0; word < 3; word++) {
        static const uint64_t values[] = {0, 65, UINT64_MAX, UINT64_C(1) << 60};
        uint64_t old = words[word];

        for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
            words[word] = values[i];
            assert_int_equal(gp__census_open(&census, memory, size, 0), -1);
            assert_null(census.head);
        }
        words[word] = old;
    }
    assert_int_equal(gp__census_open(&census, memory, size, 0), 0);
}

/* ---- rates ---- */

static unsigned taken(struct gp__pace paces[2], uint64_t key, uint64_t now_ms, unsigned tries)
{
    static const struct gp_rate rate = {10, 1000};
    unsigned n = 0;

    for (unsigned i = 0; i < tries; i++)
        n += gp__pace_take(&paces[i % 2], key, now_ms, &rate);
    return n;
}

static void test_rates(void **state)
{
    struct gp__pace paces[2] = {{.slots = NULL}};

    (void)state;
    for (int i = 0; i < 2; i++)
        gp__pace_join(&paces[i], &workers[i]);
    assert_int_equal(taken(paces, 7, 5000, 3), 3);
    assert_int_equal(taken(paces, 7, 5100, 40), 7);
    assert_int_equal(taken(paces, 8, 5100, 40), 10); /* another */
    assert_int_equal(taken(paces, 7, 6000, 40), 0);  /* no burst at the turn */
    assert_int_equal(taken(paces, 7, 6500, 40),
                     5); /* halves of 5 and 5 are not rounded one by one */
    assert_int_equal(taken(paces, 7, 9000, 40), 10);
    for (int i = 0; i < 2; i++)
        gp__pace_free(&paces[i]);
}

/* A worker whose clock is a little ahead is in the next period already. */
static void test_rates_of_clocks(void **state)
{
    static const struct gp_rate rate = {3, 1000};
    struct gp__pace paces[2] = {{.slots = NULL}};

    (void)state;
    for (int i = 0; i < 2; i++)
        gp__pace_join(&paces[i], &workers[i]);
    assert_true(gp__pace_take(&paces[0], 7, 5998, &rate));
    assert_true(gp__pace_take(&paces[0], 7, 6000, &rate));
    assert_true(gp__pace_take(&paces[1], 7, 5999, &rate));
    assert_false(gp__pace_take(&paces[1], 7, 5999, &rate));
}

/* What was counted outlives the worker: a crash or a reload is no new start. */
static void test_rates_of_a_worker_replaced(void **state)
{
    struct gp__pace paces[2] = {{.slots = NULL}};

    (void)state;
    for (int i = 0; i < 2; i++)
        gp__pace_join(&paces[i], &workers[i]);
    assert_int_equal(taken(paces, 7, 5000, 8), 8);
    gp__pace_free(&paces[1]);
    gp__census_give_back(&master, 1);
    assert_int_equal(gp__census_take(&master), 1);
    gp__pace_join(&paces[1], &workers[1]);
    assert_int_equal(taken(paces, 7, 5001, 8), 2);
}

/* ---- memory ---- */

static void test_memory(void **state)
{
    struct gp__census none = {.head = NULL};

    (void)state;
    gp__census_set_memory(&workers[0], 300);
    gp__census_set_memory(&workers[1], 200);
    assert_int_equal(gp__census_memory_elsewhere(&workers[0]), 200);
    assert_int_equal(gp__census_memory_elsewhere(&workers[1]), 300);
    gp__census_give_back(&master, 1); /* it crashed */
    assert_int_equal(gp__census_memory_elsewhere(&workers[0]), 0);
    gp__census_set_memory(&none, 5);
    gp__census_set_memory(&master, 5);
    assert_int_equal(gp__census_memory_elsewhere(&none), 0);
}

/* ---- failed logins ---- */

static const struct gp__auth_guard_settings settings = {.delay = 1000,
                                                        .max_delay = 16000,
                                                        .client_failures = 4,
                                                        .user_failures = 6,
                                                        .lock = 60000,
                                                        .remembered = 100};

static struct gp_session session_from(uint8_t last)
{
    struct gp_session session = {.client_ip = {.family = 4}};

    session.client_ip.bytes[3] = last;
    return session;
}

static void test_logins(void **state)
{
    struct gp_session session = session_from(1), other = session_from(2);
    struct gp__auth_guard guards[2] = {{.count = 0}};

    (void)state;
    for (int i = 0; i < 2; i++)
        gp__auth_guard_join(&guards[i], &workers[i]);
    assert_int_equal(gp__auth_guard_failed(&guards[0], &settings, &session, GP_S("a"), 1000), 1000);
    /* The other has looked at its clock a little earlier. */
    assert_int_equal(gp__auth_guard_failed(&guards[1], &settings, &session, GP_S("b"), 999), 2000);
    assert_int_equal(gp__auth_guard_failed(&guards[0], &settings, &session, GP_S("c"), 1002), 4000);
    for (int i = 0; i < 2; i++)
        assert_int_equal(gp__auth_guard_locked(&guards[i], &settings, &session, GP_S("d"), 1003),
                         GP__AUTH_NOT_LOCKED);
    gp__auth_guard_failed(&guards[1], &settings, &session, GP_S("d"), 1004);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(gp__auth_guard_locked(&guards[i], &settings, &session, GP_S("e"), 1005),
                         GP__AUTH_CLIENT_LOCKED);
        assert_int_equal(gp__auth_guard_locked(&guards[i], &settings, &other, GP_S("e"), 1005),
                         GP__AUTH_NOT_LOCKED);
        assert_int_equal(gp__auth_guard_locked(&guards[i], &settings, &session, GP_S("e"), 70000),
                         GP__AUTH_NOT_LOCKED);
        gp__auth_guard_free(&guards[i]);
    }
}

/* Where somebody has logged in with one worker their name is not locked with another. */
static void test_known_place(void **state)
{
    struct gp_session home = session_from(1), away = session_from(2);
    struct gp__auth_guard guards[2] = {{.count = 0}};

    (void)state;
    for (int i = 0; i < 2; i++)
        gp__auth_guard_join(&guards[i], &workers[i]);
    gp__auth_guard_succeeded(&guards[0], &settings, &home, GP_S("anna"), 1000);
    for (uint8_t i = 0; i < 6; i++) {
        struct gp_session from = session_from((uint8_t)(10 + i));

        gp__auth_guard_failed(&guards[i % 2], &settings, &from, GP_S("anna"), 2000);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(gp__auth_guard_locked(&guards[i], &settings, &away, GP_S("anna"), 3000),
                         GP__AUTH_USER_LOCKED);
        assert_int_equal(gp__auth_guard_locked(&guards[i], &settings, &home, GP_S("anna"), 3000),
                         GP__AUTH_NOT_LOCKED);
        gp__auth_guard_free(&guards[i]);
    }
}

/* What failed outlives the worker that counted it, and the one that has its page then goes on. */
static void test_worker_replaced(void **state)
{
    struct gp_session session = session_from(1);
    struct gp__auth_guard first = {.count = 0}, second = {.count = 0}, other = {.count = 0};

    (void)state;
    gp__auth_guard_join(&first, &workers[1]);
    for (int i = 0; i < 3; i++)
        gp__auth_guard_failed(&first, &settings, &session, GP_S("a"), 1000);
    gp__auth_guard_free(&first);
    gp__census_give_back(&master, 1);
    gp__auth_guard_join(&other, &workers[0]);
    gp__auth_guard_failed(&other, &settings, &session, GP_S("a"), 1001);
    assert_int_equal(gp__auth_guard_locked(&other, &settings, &session, GP_S("a"), 1002),
                     GP__AUTH_CLIENT_LOCKED);
    assert_int_equal(gp__census_take(&master), 1);
    gp__auth_guard_join(&second, &workers[1]);
    assert_int_equal(gp__auth_guard_locked(&second, &settings, &session, GP_S("a"), 1002),
                     GP__AUTH_CLIENT_LOCKED);
    gp__auth_guard_free(&second);
    gp__auth_guard_free(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sessions, setup, teardown),
        cmocka_unit_test_setup_teardown(test_clocks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pages, setup, teardown),
        cmocka_unit_test_setup_teardown(test_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nonsense, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rates, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rates_of_clocks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rates_of_a_worker_replaced, setup, teardown),
        cmocka_unit_test_setup_teardown(test_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(test_logins, setup, teardown),
        cmocka_unit_test_setup_teardown(test_known_place, setup, teardown),
        cmocka_unit_test_setup_teardown(test_worker_replaced, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
