// SPDX-License-Identifier: Apache-2.0
/* Routes: the first match owns the recipient, valid or not; what a table can't say is no answer. */
#include "core/config/value.h"
#include "core/delivery/route.h"
#include "tests/unit/hook/world.h"

static struct {
    int result;
    uint64_t sleep_ms;
    unsigned asked;
} answer;

static int lookup(struct gp_call *call, void *self, struct gp_slice key, struct gp_slice *value_r)
{
    (void)self;
    (void)value_r;
    answer.asked++;
    if (answer.sleep_ms && gp_sleep(call, answer.sleep_ms) < 0)
        return GP_ETEMP;
    if (answer.result == GP_OK && !gp_slice_eq(key, GP_S("known@a.example")))
        return GP_ENOTFOUND;
    return answer.result;
}

static const struct gp_table_role role = {sizeof role, lookup};

static const struct gp__pattern a_example[] = {{GP__PATTERN_DOMAIN, {"a.example", 9}}};
static const struct gp__pattern examples[] = {{GP__PATTERN_SUBDOMAIN, {"example", 7}}};
static const struct gp__when is_a = {
    .kind = GP__WHEN_FACT, .fact = GP__FACT_RECIPIENT, .patterns = a_example, .n_patterns = 1};
static const struct gp__when is_example = {
    .kind = GP__WHEN_FACT, .fact = GP__FACT_RECIPIENT, .patterns = examples, .n_patterns = 1};
static const struct gp__when may_relay = {
    .kind = GP__WHEN_FACT, .fact = GP__FACT_RELAY, .flag = true};

struct routed {
    struct world *world;
    const struct gp__routes *routes;
    struct gp_recipient *recipient;
    uint64_t deadline_ms;
    enum gp__routing routing;
    bool ended;
};

static void route_fiber(void *arg)
{
    struct routed *routed = arg;
    struct gp_call call;

    gp__call_init(&call, routed->world->rt, NULL, GP_HOOK_RCPT, routed->deadline_ms);
    call.session = routed->world->session;
    call.transaction = routed->world->tx;
    call.policy = routed->world->tx->policy;
    routed->routing = gp__route_recipient(&call, routed->routes, routed->recipient);
    gp__call_end(&call);
    routed->ended = true;
}

static void start(struct routed *routed)
{
    assert_true(routed->world->rt->ops->run(routed->world->rt, route_fiber, world_run_done, routed,
                                            0) >= 0);
    gp__sim_settle(routed->world->rt);
}

/* a.example by a table, other .example whoever it is, the rest by right to relay. */
static struct world *world_of_routes(struct gp__route routes[3], struct gp_table *table)
{
    struct world *world = world_create();
    struct fake *fake = world_plugin(world, "table");

    memset(&answer, 0, sizeof answer);
    fake->plugin.table = &role;
    *table = (struct gp_table){.name = GP_S("people"), .instance = &fake->instance};
    routes[0] = (struct gp__route){.name = GP_S("a"), .match = &is_a, .valid = table};
    routes[1] = (struct gp__route){.name = GP_S("others"), .match = &is_example};
    routes[2] = (struct gp__route){.name = GP_S("out"), .match = &may_relay, .relay = true};
    world_mail(world, "s@client.org");
    return world;
}

static void who_gets_it(void **unused)
{
    static const struct {
        const char *to, *route;
        int table;
        bool relay;
        enum gp__routing routing;
        enum gp_recipient_class class;
        unsigned code, subject, detail;
    } rows[] = {
        {"known@a.example", "a", GP_OK, false, GP__ROUTED, GP_CLASS_OURS, 0, 0, 0},
        /* no falling through to "others", which would take whoever it is */
        {"who@a.example", "a", GP_OK, false, GP__ROUTE_UNKNOWN, GP_CLASS_OURS, 550, 1, 1},
        {"who@a.example", "a", GP_OK, true, GP__ROUTE_UNKNOWN, GP_CLASS_OURS, 550, 1, 1},
        {"known@a.example", "a", GP_ETEMP, false, GP__ROUTE_TEMPORARY, GP_CLASS_OURS, 451, 3, 0},
        {"who@a.example", "a", GP_EIO, true, GP__ROUTE_TEMPORARY, GP_CLASS_OURS, 451, 3, 0},
        {"who@b.example", "others", GP_EIO, false, GP__ROUTED, GP_CLASS_OURS, 0, 0, 0},
        {"who@x.org", "", GP_OK, false, GP__ROUTE_NONE, GP_CLASS_NONE, 550, 7, 1},
        {"who@x.org", "out", GP_OK, true, GP__ROUTED, GP_CLASS_RELAY, 0, 0, 0},
    };

    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct gp__route routes[3];
        struct gp_table table;
        struct world *world = world_of_routes(routes, &table);
        struct gp__routes all = {routes, 3};
        struct gp_recipient *recipient = world_rcpt(world, rows[i].to);
        struct routed routed = {
            .world = world, .routes = &all, .recipient = recipient, .deadline_ms = UINT64_MAX};
        struct gp__reply reply;

        answer.result = rows[i].table;
        world->tx->policy->relay_granted = rows[i].relay;
        start(&routed);
        if (routed.routing != rows[i].routing)
            fail_msg("row %zu: %d", i, routed.routing);
        assert_int_equal(recipient->class, rows[i].class);
        assert_true(gp_slice_eq(recipient->route_name, gp_slice_of(rows[i].route)));
        assert_int_equal(recipient->valid, routed.routing == GP__ROUTED);
        reply = gp__route_reply(routed.routing);
        assert_int_equal(reply.code, rows[i].code);
        assert_int_equal(reply.subject, rows[i].subject);
        assert_int_equal(reply.detail, rows[i].detail);
        if (reply.code)
            assert_true(gp__reply_ok(&reply, 0));
        world_free(&world);
    }
}

/* What a hook `route` wants: whatever matches, but with the table and the right to relay. */
static void wishes(void **unused)
{
    static const struct {
        const char *to, *wish;
        bool relay, own;
        enum gp__routing routing;
    } rows[] = {
        {"who@x.org", "others", false, false, GP__ROUTED},
        {"known@a.example", "others", false, false, GP__ROUTED},
        {"known@a.example", "a", false, false, GP__ROUTED},
        {"who@x.org", "a", false, false, GP__ROUTE_UNKNOWN},
        {"known@a.example", "out", false, false, GP__ROUTE_NONE},
        {"known@a.example", "out", true, false, GP__ROUTED},
        {"known@a.example", "out", false, true, GP__ROUTED},
        {"known@a.example", "nowhere", true, false, GP__ROUTE_TEMPORARY},
    };

    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct gp__route routes[3];
        struct gp_table table;
        struct world *world = world_of_routes(routes, &table);
        struct gp__routes all = {routes, 3};
        struct gp_recipient *recipient = world_rcpt(world, rows[i].to);
        struct routed routed = {
            .world = world, .routes = &all, .recipient = recipient, .deadline_ms = UINT64_MAX};

        recipient->route_wish = gp_slice_of(rows[i].wish);
        recipient->relay_granted = rows[i].own;
        world->tx->policy->relay_granted = rows[i].relay;
        start(&routed);
        if (routed.routing != rows[i].routing)
            fail_msg("row %zu: %d", i, routed.routing);
        if (routed.routing == GP__ROUTED)
            assert_true(gp_slice_eq(recipient->route_name, gp_slice_of(rows[i].wish)));
        world_free(&world);
    }
}

/* One recipient may be relayed to, the others not. */
static void granted_one(void **unused)
{
    struct gp__route routes[3];
    struct gp_table table;
    struct world *world = world_of_routes(routes, &table);
    struct gp__routes all = {routes, 3};
    struct gp_recipient *may = world_rcpt(world, "a@x.org"), *not = world_rcpt(world, "b@x.org");
    struct routed routed = {
        .world = world, .routes = &all, .recipient = may, .deadline_ms = UINT64_MAX};

    (void)unused;
    may->relay_granted = true;
    start(&routed);
    assert_int_equal(routed.routing, GP__ROUTED);
    assert_int_equal(may->class, GP_CLASS_RELAY);
    routed.recipient = not ;
    start(&routed);
    assert_int_equal(routed.routing, GP__ROUTE_NONE);
    world_free(&world);
}

/* A table in `match:` that can't answer owns nobody and passes nobody on. */
static void match_that_fails(void **unused)
{
    struct gp__route routes[3];
    struct gp_table table, *tables = &table;
    struct world *world = world_of_routes(routes, &table);
    struct gp__when by_table = {
        .kind = GP__WHEN_FACT, .fact = GP__FACT_RECIPIENT, .tables = &tables, .n_tables = 1};
    struct gp__routes all = {routes, 3};
    struct gp_recipient *recipient = world_rcpt(world, "who@b.example");
    struct routed routed = {
        .world = world, .routes = &all, .recipient = recipient, .deadline_ms = UINT64_MAX};

    (void)unused;
    routes[0].match = &by_table;
    answer.result = GP_ETEMP;
    start(&routed);
    assert_int_equal(routed.routing, GP__ROUTE_TEMPORARY);
    assert_null(recipient->route);
    assert_false(recipient->valid);
    world_free(&world);
}

static void time_and_client(void **unused)
{
    (void)unused;
    for (unsigned leaves = 0; leaves < 2; leaves++) {
        struct gp__route routes[3];
        struct gp_table table;
        struct world *world = world_of_routes(routes, &table);
        struct gp__routes all = {routes, 3};
        struct gp_recipient *recipient = world_rcpt(world, "known@a.example");
        struct routed routed = {
            .world = world, .routes = &all, .recipient = recipient, .deadline_ms = 5000};

        answer.sleep_ms = 10000;
        start(&routed);
        assert_false(routed.ended);
        if (leaves)
            gp__session_cancel_calls(world->session);
        assert_true(gp__sim_run(world->rt, 100000));
        assert_int_equal(world->rt->ops->now_ms(world->rt), leaves ? 0 : 5000);
        assert_int_equal(routed.routing, leaves ? GP__ROUTE_CANCELED : GP__ROUTE_TEMPORARY);
        assert_false(recipient->valid);
        assert_int_equal(gp__route_reply(routed.routing).code, 451);
        world_free(&world);
    }
}

static void no_routes(void **unused)
{
    struct world *world = world_create();
    struct gp__routes none = {NULL, 0};
    struct routed routed = {.world = world, .routes = &none, .deadline_ms = UINT64_MAX};

    (void)unused;
    world_mail(world, "s@client.org");
    world->tx->policy->relay_granted = true;
    routed.recipient = world_rcpt(world, "a@b.example");
    start(&routed);
    assert_int_equal(routed.routing, GP__ROUTE_NONE);
    assert_int_equal(routed.recipient->class, GP_CLASS_NONE);
    world_free(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_gets_it),     cmocka_unit_test(wishes),
        cmocka_unit_test(granted_one),     cmocka_unit_test(match_that_fails),
        cmocka_unit_test(time_and_client), cmocka_unit_test(no_routes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
