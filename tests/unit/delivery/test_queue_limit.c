// SPDX-License-Identifier: Apache-2.0
/* Targets whose source addresses are at their limits, in virtual time: their mail waits without being
 * tried, nobody else's does, and asking again costs next to nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/delivery/queue.h"

#define MINUTE 60000u
#define MANY 1000u

static const uint64_t waits[] = {5 * MINUTE};
static const struct gp__plan_queue policy = {.name = {"default", 7},
                                             .retry = {[GP__RETRY_OTHER] = {waits, 1}},
                                             .expire_ms = 60 * MINUTE,
                                             .attempt_ms = 600000,
                                             .connections = 20};
static const struct gp__plan_route routes[] = {
    {.name = {"world", 5}, .target = {"internet", 8}, .per_domain = true},
    {.name = {"inside", 6}, .target = {"exchange", 8}},
};
static const struct gp__plan plan = {
    .queues = &policy, .n_queues = 1, .routes = routes, .n_routes = 2};

static struct gp__queue *queue;
static uint64_t now, id;

static int setup(void **state)
{
    (void)state;
    now = MINUTE;
    id = 0;
    queue = gp__queue_create(7);
    gp__queue_plan(queue, &plan);
    gp__queue_carrier(queue, 0, 64);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    gp__queue_free(&queue);
    return 0;
}

static struct gp__group *add(const char *route, unsigned domain)
{
    char text[32];
    struct gp__queue_message message = {.place = {.segment = 1, .offset = (uint32_t)id},
                                        .id = id + 1,
                                        .sender = 1,
                                        .arrived_ms = now};
    struct gp__queue_group spec = {.left = 1, .route = gp__queue_name(queue, gp_slice_of(route))};
    struct gp__group *group;

    id++;
    snprintf(text, sizeof text, "d%u.example", domain);
    spec.domain = gp_slice_of(text);
    group = gp__queue_add_group(queue, gp__queue_add(queue, &message), &spec);
    gp__queue_wait(queue, group, now, now);
    return group;
}

static struct gp__group *take(void)
{
    return gp__queue_take(queue, now);
}

static bool is_of(const struct gp__group *group, const char *route)
{
    return group && group->route == gp__queue_name(queue, gp_slice_of(route));
}

/* As the scheduler does when a carrier says so. */
static bool put_off(struct gp__group *group, uint64_t wait_ms)
{
    bool is_new;

    gp__queue_give_back(queue, group, GP__FEEDBACK_NONE, 0, now);
    is_new = gp__queue_limit(group, wait_ms, now);
    gp__queue_put_off(queue, group, now);
    return is_new;
}

static void deliver(struct gp__group *group)
{
    gp__queue_give_back(queue, group, GP__FEEDBACK_GOOD, 0, now);
    (void)gp__queue_remove(queue, group);
}

/* A thousand destinations of one target: one attempt finds out for all of them, and mail that goes
 * elsewhere does not notice. */
static void test_waits(void **state)
{
    struct gp__group *group;

    (void)state;
    for (unsigned i = 0; i < MANY; i++)
        (void)add("world", i);
    group = take();
    assert_true(is_of(group, "world"));
    assert_true(put_off(group, 18000));
    assert_null(take());
    assert_int_equal(gp__queue_next(queue), now + 18000);
    (void)add("inside", 0);
    group = take();
    assert_true(is_of(group, "inside"));
    deliver(group);
    assert_null(take());
    now += 17999;
    assert_null(take());
    now++;
    assert_true(is_of(take(), "world"));
    assert_null(take()); /* one at a time until it is known that there is room */
}

/* It was not an attempt: it has no tries, keeps its place, and its time runs. */
static void test_is_no_attempt(void **state)
{
    struct gp__group *first = add("world", 1), *second = add("world", 1), *event;
    struct gp_slice remote;
    uint64_t since = first->due_ms;

    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        assert_ptr_equal(take(), first);
        (void)put_off(first, 10 * MINUTE);
        assert_int_equal(gp__queue_event(queue, now, &event), GP__QUEUE_NOTHING);
        assert_int_equal(first->tries, 0);
        assert_int_equal(first->state, GP__GROUP_READY);
        assert_int_equal(first->due_ms, since);
        assert_int_equal(gp__queue_reply(queue, first, &remote).code, 0);
        now += 10 * MINUTE;
    }
    assert_int_equal(gp__queue_event(queue, now, &event), GP__QUEUE_EXPIRED);
    assert_true(event == first || event == second);
}

/* Sessions at once: as many attempts as went through, and one more now and then. */
static void test_sessions(void **state)
{
    struct gp__group *going[5], *group;

    (void)state;
    for (unsigned i = 0; i < MANY; i++)
        (void)add("world", i);
    for (unsigned i = 0; i < 5; i++)
        going[i] = take();
    assert_true(put_off(take(), 0));
    assert_null(take());
    deliver(going[0]);
    going[0] = take();
    assert_non_null(going[0]);
    assert_null(take());
    now += 1000;
    assert_int_equal(gp__queue_next(queue), now);
    group = take();
    assert_non_null(group);
    assert_null(take());
    assert_false(put_off(group, 0)); /* still five */
    assert_null(take());
    for (unsigned i = 0; i < 5; i++)
        deliver(going[i]);
    for (unsigned i = 0; i < 5; i++) { /* and a sixth, for five have ended */
        going[i] = take();
        assert_non_null(going[i]);
    }
    assert_non_null(take());
    assert_null(take());
}

/* All sessions are others': asked again after a second, not at once. */
static void test_nothing_of_ours(void **state)
{
    (void)state;
    (void)add("world", 1);
    assert_true(put_off(take(), 0));
    assert_null(take());
    assert_int_equal(gp__queue_next(queue), now + 1000);
    now += 1000;
    assert_non_null(take());
}

/* 50 messages a second by a limit that the queue does not know: they go at that pace, and few
 * attempts are made in vain. */
static void test_pace(void **state)
{
    uint64_t at = 0, began;
    unsigned delivered = 0, vain = 0;

    (void)state;
    for (unsigned i = 0; i < MANY; i++)
        (void)add("world", i % 100);
    for (began = now; delivered < MANY; now++) {
        struct gp__group *group;

        while ((group = take())) {
            if (at > now) {
                (void)put_off(group, at - now);
                vain++;
            } else {
                at = now + 20;
                deliver(group);
                delivered++;
            }
        }
    }
    assert_in_range(now - began, 19 * MANY, 22 * MANY);
    assert_in_range(vain, 1, 2 * MANY);
}

/* Time is long over when the limit says for ever. */
static void test_bounded(void **state)
{
    (void)state;
    (void)add("world", 1);
    (void)put_off(take(), UINT64_MAX / 2);
    assert_int_equal(gp__queue_next(queue), now + 60 * MINUTE);
}

/* Whoever is parked may be held, or go, or be tried at once by an operator. */
static void test_leaves(void **state)
{
    struct gp__group *group;

    (void)state;
    (void)put_off((add("world", 1), take()), 20 * MINUTE);
    group = add("world", 2);
    (void)add("world", 3);
    assert_null(take());
    gp__queue_loosen(queue, group);
    gp__queue_hold(queue, group, gp__queue_name(queue, GP_S("spam")), 0);
    gp__queue_loosen(queue, group);
    gp__queue_wait(queue, group, now, now);
    gp__queue_wake(queue, group, now);
    assert_null(take());
    gp__queue_loosen(queue, group);
    (void)gp__queue_remove(queue, group);
    now += 20 * MINUTE;
    assert_non_null(take());
}

static void look(void *arg, const struct gp__queue_target_stats *stats)
{
    *(struct gp__queue_target_stats *)arg = *stats;
}

static void test_figures(void **state)
{
    struct gp__queue_target_stats stats = {.put_off = 0};

    (void)state;
    (void)add("inside", 1);
    deliver(take());
    gp__queue_each_limited(queue, now, look, &stats);
    assert_int_equal(stats.put_off, 0);
    (void)add("world", 1);
    (void)put_off(take(), MINUTE);
    gp__queue_each_limited(queue, now, look, &stats);
    assert_int_equal(stats.put_off, 1);
    assert_int_equal(stats.window, 1);
    assert_int_equal(stats.ready_at_ms, now + MINUTE);
    assert_true(gp_slice_eq(stats.target, GP_S("internet")));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_waits), TEST(test_is_no_attempt), TEST(test_sessions), TEST(test_nothing_of_ours),
        TEST(test_pace),  TEST(test_bounded),       TEST(test_leaves),   TEST(test_figures),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
