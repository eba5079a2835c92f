// SPDX-License-Identifier: Apache-2.0
/* The line between scheduler and carrier: attempts and answers as messages, and a carrier that goes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/arena.h"
#include "core/base/pack.h"
#include "core/process/carriers.h"
#include "core/process/messages.h"
#include "core/runtime/live.h"
#include "tests/unit/delivery/memory_spool.h"

static const uint64_t waits[] = {600000};
static const struct gp__plan_queue policy = {.name = {"default", 7},
                                             .retry = {[GP__RETRY_OTHER] = {waits, 1}},
                                             .expire_ms = 100000000,
                                             .attempt_ms = 100000000,
                                             .connections = 20};
static const struct gp__plan_route route = {.name = {"world", 5}, .target = {"internet", 8}};
static const struct gp__plan plan = {.hostname = {"mx.example.org", 14},
                                     .daemon = {"d@mx.example.org", 16},
                                     .queues = &policy,
                                     .n_queues = 1,
                                     .routes = &route,
                                     .n_routes = 1};

static struct gp__runtime *rt;
static struct gp__scheduler *scheduler;
static struct gp__carriers carriers;

/* The other end. */
static struct gp__channel *carrier;
static unsigned n_attempts;
static struct gp__attempt_answer last; /* to the last attempt */
static bool closed;

static void on_message(void *arg, struct gp__message *message)
{
    struct gp__arena *arena = gp__arena_create();
    struct gp__attempt attempt;

    (void)arg;
    assert_int_equal(message->type, GP__MSG_ATTEMPT);
    assert_int_equal(gp__attempt_unpack(&attempt, arena, message->body), 0);
    assert_true(gp_slice_eq(attempt.message, GP_S("m1")));
    assert_true(gp_slice_eq(attempt.route, GP_S("world")));
    assert_int_equal(attempt.n, 1);
    last.number = attempt.number;
    n_attempts++;
    gp__arena_free(&arena);
}

static void on_closed(void *arg)
{
    (void)arg;
    closed = true;
}

static int setup(void **state)
{
    struct gp__spool_settings spool = {.engine = &memory_engine};
    struct gp__buf bytes = {.limit = 0}, error = {.limit = 0};
    struct gp__scheduler_options options = {.spool = &spool};

    (void)state;
    memory_rewind();
    n_attempts = 0;
    closed = false;
    rt = options.runtime = gp__live_create(NULL, NULL);
    gp__plan_pack(&bytes, &plan);
    options.plan = gp__buf_slice(&bytes);
    scheduler = gp__scheduler_open(&options, &error);
    assert_non_null(scheduler);
    carriers = (struct gp__carriers){.runtime = rt, .scheduler = scheduler};
    gp__buf_free(&bytes);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    gp__channel_close(&carrier);
    gp__carriers_close(&carriers);
    gp__scheduler_close(&scheduler);
    gp__live_turn(rt);
    gp__live_free(&rt);
    memory_free();
    return 0;
}

static void add_carrier(void)
{
    struct gp__channel_user user = {.message = on_message, .closed = on_closed};
    int ends[2];

    assert_int_equal(gp__channel_pair(ends), 0);
    gp__carriers_add(&carriers, ends[0]);
    carrier = gp__channel_open(rt, ends[1], &user);
    assert_non_null(carrier);
}

static void say_room(uint64_t room)
{
    struct gp__message message = {.type = GP__MSG_ROOM};
    struct gp__buf body = {.limit = 0};

    gp__pack_number(&body, room);
    message.body = gp__buf_slice(&body);
    assert_int_equal(gp__channel_send(carrier, &message), 0);
    gp__buf_free(&body);
}

static void say_answer(enum gp_outcome outcome)
{
    struct gp__attempt_result result = {.outcome = outcome};
    struct gp__message message = {.type = GP__MSG_ATTEMPTED};
    struct gp__buf body = {.limit = 0};

    last.results = &result;
    last.n = 1;
    gp__answer_pack(&body, &last);
    message.body = gp__buf_slice(&body);
    assert_int_equal(gp__channel_send(carrier, &message), 0);
    gp__buf_free(&body);
}

static void put(void)
{
    struct gp__entry_copy copy = {.id = GP_S("c"), .sender = GP_S("s@example.com")};
    struct gp__entry_recipient recipient = {.address = GP_S("a@one.example"),
                                            .route = GP_S("world")};
    struct gp__entry entry = {.id = GP_S("m1"),
                              .received_ms = rt->ops->wall_ms(rt),
                              .copies = &copy,
                              .n_copies = 1,
                              .recipients = &recipient,
                              .n_recipients = 1};

    (void)memory_put(&entry);
    gp__scheduler_look(scheduler);
}

static uint64_t count(enum gp__group_state state)
{
    struct gp__queue_stats stats;

    gp__queue_stats(gp__scheduler_queue(scheduler), &stats);
    return state == GP__GROUP_STATES ? stats.messages : stats.by_state[state];
}

static void test_delivered(void **state)
{
    (void)state;
    add_carrier();
    put();
    while (count(GP__GROUP_READY) == 0)
        gp__live_turn(rt);
    assert_int_equal(n_attempts, 0); /* it has not said that it is there */
    say_room(8);
    while (n_attempts == 0)
        gp__live_turn(rt);
    say_answer(GP_OUTCOME_DELIVERED);
    while (count(GP__GROUP_STATES) > 0)
        gp__live_turn(rt);
}

/* What the one had, the next one gets. */
static void test_lost(void **state)
{
    (void)state;
    add_carrier();
    say_room(8);
    put();
    while (n_attempts == 0)
        gp__live_turn(rt);
    gp__channel_close(&carrier);
    while (count(GP__GROUP_TAKEN) > 0)
        gp__live_turn(rt);
    add_carrier();
    say_room(8);
    while (n_attempts == 1)
        gp__live_turn(rt);
    say_answer(GP_OUTCOME_DELIVERED);
    while (count(GP__GROUP_STATES) > 0)
        gp__live_turn(rt);
}

/* One that takes no more, and says nonsense, is harmless; one too many is turned away. */
static void test_odd(void **state)
{
    struct gp__message message = {.type = GP__MSG_ATTEMPTED, .body = GP_S("nonsense")};

    (void)state;
    add_carrier();
    say_room(8);
    say_room(0);
    assert_int_equal(gp__channel_send(carrier, &message), 0);
    message.type = GP__MSG_ROOM;
    assert_int_equal(gp__channel_send(carrier, &message), 0);
    for (int i = 0; i < 10; i++) {
        put();
        gp__live_turn(rt);
    }
    assert_int_equal(n_attempts, 0);
    for (unsigned i = 1; i < GP__QUEUE_CARRIERS_MAX; i++)
        carriers.lines[i].carriers = &carriers; /* taken */
    gp__channel_close(&carrier);
    while (carriers.lines[0].carriers)
        gp__live_turn(rt);
    carriers.lines[0].carriers = &carriers;
    add_carrier();
    while (!closed)
        gp__live_turn(rt);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_delivered),
        TEST(test_lost),
        TEST(test_odd),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
