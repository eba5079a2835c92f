// SPDX-License-Identifier: Apache-2.0
/* SERIAL instances: one call at a time, first come, first served, whatever ends a wait. */
#include "core/hook/serial.h"
#include "core/hook/table.h"
#include "tests/unit/hook/world.h"

static struct {
    int inside, most;
    unsigned order[8], n;
} seen;

/* Sessions of one generation that share an instance: a world each would not share it. */
struct visitor {
    struct gp_session *session;
    struct running running;
    unsigned number;
};

static enum gp_verdict one_at_a_time(struct fake *fake, struct gp_call *call)
{
    (void)fake;
    seen.inside++;
    seen.most = seen.inside > seen.most ? seen.inside : seen.most;
    seen.order[seen.n++] = gp_client_port(call);
    gp_sleep(call, 1000);
    seen.inside--;
    return GP_NEXT;
}

static struct fake *serial_fake(struct world *world, enum gp_hook_point point)
{
    struct fake *fake = world_fake(world, "serial", point, GP_NEXT);

    memset(&seen, 0, sizeof seen);
    fake->fn = one_at_a_time;
    fake->plugin.flags = GP_PLUGIN_SERIAL;
    return fake;
}

static void visit(struct world *world, struct visitor *visitor, unsigned number)
{
    *visitor = (struct visitor){.number = number};
    visitor->session = gp__session_create("fedcba9876543210");
    visitor->session->client_port = (uint16_t)number;
    visitor->session->listener = GP_S("mx");
    gp__session_policy_create(visitor->session, world->rt, &world->settings);
    visitor->running.run = (struct gp__run){.point = GP_HOOK_CONNECT, .session = visitor->session};
    world_start(world, &visitor->running);
}

static void leave(struct visitor *visitor)
{
    assert_true(visitor->running.ended);
    assert_null(visitor->session->policy->parked);
    gp__session_unref(&visitor->session);
}

static void finish(struct world *world, struct fake *fake, struct visitor *visitors, size_t n)
{
    assert_true(gp__sim_run(world->rt, 1000000));
    for (size_t i = 0; i < n; i++)
        leave(&visitors[i]);
    assert_false(fake->instance.busy);
    assert_null(fake->instance.waiting.first);
    assert_null(fake->instance.waiting.last);
    world_free(&world);
}

static void calls_queue(void **unused)
{
    struct world *world = world_create();
    struct fake *fake = serial_fake(world, GP_HOOK_CONNECT);
    struct visitor visitors[4];

    (void)unused;
    for (unsigned i = 0; i < 4; i++)
        visit(world, &visitors[i], i + 1);
    assert_int_equal(seen.n, 1);
    assert_true(gp__sim_run(world->rt, 100000));
    assert_int_equal(seen.n, 4);
    assert_int_equal(seen.most, 1);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(seen.order[i], i + 1);
    assert_int_equal(world->rt->ops->now_ms(world->rt), 4000);
    finish(world, fake, visitors, 4);
}

/* Without the flag they run beside each other: the test above can fail. */
static void others_do_not(void **unused)
{
    struct world *world = world_create();
    struct fake *fake = serial_fake(world, GP_HOOK_CONNECT);
    struct visitor visitors[3];

    (void)unused;
    fake->plugin.flags = 0;
    for (unsigned i = 0; i < 3; i++)
        visit(world, &visitors[i], i + 1);
    assert_int_equal(seen.most, 3);
    finish(world, fake, visitors, 3);
}

struct newcomer {
    struct gp__timer timer;
    struct world *world;
    struct visitor *visitor;
};

static void newcomer_comes(struct gp__timer *timer)
{
    struct newcomer *newcomer = (struct newcomer *)(void *)((char *)timer -
                                                            offsetof(struct newcomer, timer));

    newcomer->visitor->number = 9;
    newcomer->world->rt->ops->run(newcomer->world->rt, world_run_fiber, world_run_done,
                                  &newcomer->visitor->running, 0);
}

/* One who comes in the moment in which the instance is handed over does not overtake. */
static void nobody_overtakes(void **unused)
{
    struct world *world = world_create();
    struct fake *fake = serial_fake(world, GP_HOOK_CONNECT);
    struct visitor visitors[3];
    struct newcomer newcomer = {.world = world, .visitor = &visitors[2]};

    (void)unused;
    newcomer.timer.fn = newcomer_comes;
    visit(world, &visitors[0], 1);
    visit(world, &visitors[1], 2);
    visitors[2] = visitors[1];
    visitors[2].session = gp__session_create("fedcba9876543210");
    visitors[2].session->client_port = 9;
    gp__session_policy_create(visitors[2].session, world->rt, &world->settings);
    visitors[2].running = (struct running){
        .run = {.point = GP_HOOK_CONNECT, .session = visitors[2].session}};
    world->rt->ops->timer_start(world->rt, &newcomer.timer, 1000);
    assert_true(gp__sim_run(world->rt, 100000));
    assert_int_equal(seen.order[0], 1);
    assert_int_equal(seen.order[1], 2);
    assert_int_equal(seen.order[2], 9);
    assert_int_equal(seen.most, 1);
    finish(world, fake, visitors, 3);
}

/* The client of a queued call leaves: first, middle and last of the queue. */
static void cancelled_in_the_queue(void **unused)
{
    (void)unused;
    for (unsigned gone = 1; gone < 4; gone++) {
        struct world *world = world_create();
        struct fake *fake = serial_fake(world, GP_HOOK_CONNECT);
        struct visitor visitors[4];

        for (unsigned i = 0; i < 4; i++)
            visit(world, &visitors[i], i + 1);
        gp__session_cancel_calls(visitors[gone].session);
        gp__sim_settle(world->rt);
        assert_true(visitors[gone].running.ended);
        assert_true(visitors[gone].running.run.canceled);
        assert_true(gp__sim_run(world->rt, 100000));
        assert_int_equal(seen.n, 3);
        assert_int_equal(fake->stats[GP_HOOK_CONNECT].canceled, 1);
        finish(world, fake, visitors, 4);
    }
}

/* All leave at once, the one inside too. */
static void all_leave(void **unused)
{
    struct world *world = world_create();
    struct fake *fake = serial_fake(world, GP_HOOK_CONNECT);
    struct visitor visitors[4];

    (void)unused;
    for (unsigned i = 0; i < 4; i++)
        visit(world, &visitors[i], i + 1);
    for (unsigned i = 0; i < 4; i++)
        gp__session_cancel_calls(visitors[i].session);
    gp__sim_settle(world->rt);
    assert_int_equal(seen.n, 1);
    finish(world, fake, visitors, 4);
}

/* Handed over and cancelled in the same turn: the next one gets it. */
static void cancelled_when_handed_over(void **unused)
{
    struct world *world = world_create();
    struct fake *fake = serial_fake(world, GP_HOOK_CONNECT);
    struct visitor visitors[3];

    (void)unused;
    for (unsigned i = 0; i < 3; i++)
        visit(world, &visitors[i], i + 1);
    /* 1 ends and hands over to 2, whose fiber has not run when its client is gone */
    gp__session_cancel_calls(visitors[0].session);
    visitors[1].session->policy->parked->sticky = GP_ECANCELED;
    assert_true(gp__sim_run(world->rt, 100000));
    assert_int_equal(seen.n, 2);
    assert_int_equal(seen.order[1], 3);
    finish(world, fake, visitors, 3);
}

/* The time in the queue is time of the call. */
static void deadline_in_the_queue(void **unused)
{
    struct world *world = world_create();
    struct fake *fake = serial_fake(world, GP_HOOK_CONNECT);
    struct visitor visitors[4];

    (void)unused;
    for (unsigned i = 0; i < 4; i++) {
        fake->instance.deadline_ms = i < 3 ? 2500 : 2400;
        visit(world, &visitors[i], i + 1);
    }
    assert_true(gp__sim_run(world->rt, 100000));
    assert_int_equal(seen.n, 3); /* the third got in and was cut short */
    assert_int_equal(fake->stats[GP_HOOK_CONNECT].timeouts, 2);
    assert_int_equal(world->rt->ops->now_ms(world->rt), 2500);
    finish(world, fake, visitors, 4);
}

static void busy_where_nobody_may_wait(void **unused)
{
    struct world *world = world_create();
    struct fake *fake = serial_fake(world, GP_HOOK_CONNECT);
    struct visitor visitor;
    struct running capabilities;

    (void)unused;
    world_hook(world, fake, GP_HOOK_CAPABILITIES);
    visit(world, &visitor, 1);
    capabilities = world_running(world, GP_HOOK_CAPABILITIES);
    world_start(world, &capabilities);
    assert_true(capabilities.ended);
    assert_int_equal(fake->stats[GP_HOOK_CAPABILITIES].faults, 1);
    assert_true(fake->instance.busy);
    assert_true(world_logged(world, "capabilities may not wait"));
    finish(world, fake, &visitor, 1);
}

/* ---- roles queue as well ---- */

static int slow_lookup(struct gp_call *call, void *self, struct gp_slice key,
                       struct gp_slice *value_r)
{
    (void)self;
    (void)key;
    (void)value_r;
    seen.inside++;
    seen.most = seen.inside > seen.most ? seen.inside : seen.most;
    seen.order[seen.n++] = gp_client_port(call);
    gp_sleep(call, 1000);
    seen.inside--;
    return GP_ENOTFOUND;
}

static const struct gp_table_role slow_table = {sizeof slow_table, slow_lookup};
static struct gp_table *asked_table;

static enum gp_verdict asks_table(struct fake *fake, struct gp_call *call)
{
    fake->slept = gp_table_lookup(call, asked_table, GP_S("key"), NULL);
    return GP_NEXT;
}

static void tables_queue(void **unused)
{
    struct world *world = world_create();
    struct fake *filter = world_fake(world, "filter", GP_HOOK_CONNECT, GP_NEXT);
    struct fake *table = world_plugin(world, "table");
    struct gp_table row = {.name = GP_S("t"), .instance = &table->instance};
    struct visitor visitors[3];

    (void)unused;
    memset(&seen, 0, sizeof seen);
    filter->fn = asks_table;
    table->plugin.table = &slow_table;
    table->plugin.flags = GP_PLUGIN_SERIAL;
    asked_table = &row;
    for (unsigned i = 0; i < 3; i++)
        visit(world, &visitors[i], i + 1);
    gp__sim_advance(world->rt, 500);
    gp__session_cancel_calls(visitors[1].session);
    assert_true(gp__sim_run(world->rt, 100000));
    assert_int_equal(seen.most, 1);
    assert_int_equal(seen.n, 2);
    assert_int_equal(row.lookups, 3);
    finish(world, table, visitors, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_queue),
        cmocka_unit_test(others_do_not),
        cmocka_unit_test(nobody_overtakes),
        cmocka_unit_test(cancelled_in_the_queue),
        cmocka_unit_test(all_leave),
        cmocka_unit_test(cancelled_when_handed_over),
        cmocka_unit_test(deadline_in_the_queue),
        cmocka_unit_test(busy_where_nobody_may_wait),
        cmocka_unit_test(tables_queue),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
