// SPDX-License-Identifier: Apache-2.0
/*
 * The schedule against scripted destinations, in virtual time: one that takes a minute for each
 * message, one that defers all of a hundred thousand, and a normal one, whose mail must not come
 * later than twice as late as when it is alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/alloc.h"
#include "core/base/heap.h"
#include "core/delivery/queue.h"

#define DEFERRED 100000u
#define SLOW 2000u
#define NORMAL 3000u
#define EVERY_MS 20u /* a message for the normal one */
#define PLACES 64u

static const uint64_t waits[] = {60000};
static const struct gp__plan_queue policy = {.name = {"default", 7},
                                             .retry = {[GP__RETRY_OTHER] = {waits, 1}},
                                             .expire_ms = 1u << 30,
                                             .attempt_ms = 600000,
                                             .connections = 20};
static const struct gp__plan_route route = {
    .name = {"world", 5}, .target = {"internet", 8}, .per_domain = true};
static const struct gp__plan plan = {
    .queues = &policy, .n_queues = 1, .routes = &route, .n_routes = 1};

/* What a destination does with each attempt. */
static const struct script {
    struct gp_slice domain;
    uint64_t ms;
    bool defers;
} scripts[] = {
    {{"normal.example", 14}, 50, false},
    {{"slow.example", 12}, 60000, false},
    {{"defers.example", 14}, 15, true},
};

struct attempt {
    uint32_t place;
    struct gp__group *group;
};

struct world {
    struct gp__queue *queue;
    struct gp__heap attempts; /* by when they end */
    uint64_t now, id;
    uint64_t sum, worst, delivered; /* of the normal one */
};

static void add(struct world *world, uint32_t script)
{
    struct gp__queue_message message = {
        .place = {.segment = 1 + world->id / 10000, .offset = (uint32_t)(world->id % 10000)},
        .id = ++world->id,
        .sender = 1,
        .arrived_ms = world->now};
    struct gp__queue_group group = {.left = 1,
                                    .copy = script,
                                    .route = gp__queue_name(world->queue, GP_S("world")),
                                    .domain = scripts[script].domain};

    gp__queue_wait(world->queue,
                   gp__queue_add_group(world->queue, gp__queue_add(world->queue, &message), &group),
                   world->now, world->now);
}

static void take(struct world *world)
{
    struct gp__group *group;

    while ((group = gp__queue_take(world->queue, world->now))) {
        struct attempt *attempt = gp__alloc(sizeof *attempt);

        attempt->group = group;
        gp__heap_set(&world->attempts, attempt, world->now + scripts[group->copy].ms);
    }
}

static void end(struct world *world, struct gp__group *group)
{
    struct gp__queue_answer answer = {.reply = GP__REPLY(450, 4, 2, 0, "busy")};
    uint64_t late = world->now - group->message->arrived_ms;
    bool defers = scripts[group->copy].defers;

    gp__queue_give_back(world->queue, group, defers ? GP__FEEDBACK_NONE : GP__FEEDBACK_GOOD, 0,
                        world->now);
    if (defers) {
        gp__queue_wait(world->queue, group,
                       gp__queue_tried(world->queue, group, &answer, world->now), world->now);
        return;
    }
    if (group->copy == 0) {
        world->delivered++;
        world->sum += late;
        world->worst = late > world->worst ? late : world->worst;
    }
    gp__queue_remove(world->queue, group);
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void run(struct world *world, bool alone)
{
    uint64_t next_normal = 0;
    unsigned left = NORMAL;

    world->queue = gp__queue_create(7);
    world->attempts.place = offsetof(struct attempt, place);
    gp__queue_plan(world->queue, &plan);
    gp__queue_carrier(world->queue, 0, PLACES / 2);
    gp__queue_carrier(world->queue, 1, PLACES / 2);
    for (uint32_t i = 0; i < DEFERRED && !alone; i++) {
        add(world, 2);
        if (i < SLOW)
            add(world, 1);
    }
    while (world->delivered < NORMAL) {
        struct gp__group *group;

        world->now = least(
            least(gp__heap_first_key(&world->attempts), gp__queue_next(world->queue)),
            left ? next_normal : UINT64_MAX);
        while (gp__heap_first_key(&world->attempts) <= world->now) {
            struct attempt *attempt = gp__heap_first(&world->attempts);

            gp__heap_remove(&world->attempts, attempt);
            end(world, attempt->group);
            gp__free(attempt);
        }
        for (; left && next_normal <= world->now; left--, next_normal += EVERY_MS)
            add(world, 0);
        assert_int_equal(gp__queue_event(world->queue, world->now, &group), GP__QUEUE_NOTHING);
        take(world);
    }
    while (gp__heap_first(&world->attempts)) {
        struct attempt *attempt = gp__heap_first(&world->attempts);

        gp__heap_remove(&world->attempts, attempt);
        gp__free(attempt);
    }
    gp__heap_free(&world->attempts);
    gp__queue_free(&world->queue);
}

static void test_normal_is_not_delayed(void **state)
{
    struct world alone = {.now = 0}, together = {.now = 0};

    (void)state;
    run(&alone, true);
    run(&together, false);
    print_message("mean %llu ms, worst %llu ms alone; %llu ms and %llu ms beside the others\n",
                  (unsigned long long)(alone.sum / NORMAL), (unsigned long long)alone.worst,
                  (unsigned long long)(together.sum / NORMAL), (unsigned long long)together.worst);
    assert_true(together.sum <= 2 * alone.sum);
    assert_true(together.worst <= 2 * alone.worst);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_normal_is_not_delayed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
