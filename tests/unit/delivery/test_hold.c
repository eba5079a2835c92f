// SPDX-License-Identifier: Apache-2.0
/* Held mail on the simulated disk: pairs of files, all of them or none, whatever fails. */
#include "core/delivery/delivery.h"
#include "tests/unit/hook/world.h"

#define MESSAGE "Subject: x\r\n\r\n.body\r\n"

struct setup {
    struct world *world;
    struct gp__deliveries all;
    enum gp__disposal disposals[4];
    enum gp_outcome outcomes[4];
    int published;
    bool ended;
};

/* One for "spam", one for no bucket in particular, one that would bounce, one that is not held. */
static void setup(struct setup *s, const char *path)
{
    static const enum gp__disposal disposals[] = {GP__DISPOSE_HOLD, GP__DISPOSE_HOLD,
                                                  GP__DISPOSE_BOUNCE, GP__DISPOSE_DROP};

    memset(s, 0, sizeof *s);
    memcpy(s->disposals, disposals, sizeof disposals);
    s->world = world_create();
    world_mail(s->world, "a@client.example");
    world_rcpt(s->world, "spam@x.example")->bucket = GP_S("spam");
    world_rcpt(s->world, "refused@x.example");
    world_rcpt(s->world, "bounced@x.example");
    world_rcpt(s->world, "dropped@x.example");
    world_message(s->world, MESSAGE);
    s->all.policy = s->world->tx->policy;
    s->all.hold_path = gp_slice_of(path);
    gp__deliveries_plan(&s->all, s->disposals);
}

static void prepare_fiber(void *arg)
{
    struct setup *s = arg;

    gp__deliveries_prepare(&s->all, s->world->session, s->outcomes);
    s->ended = true;
}

static void publish_fiber(void *arg)
{
    struct setup *s = arg;

    s->published = gp__deliveries_publish(&s->all, s->world->session);
    s->ended = true;
}

static void revoke_fiber(void *arg)
{
    struct setup *s = arg;

    gp__deliveries_revoke(&s->all, s->world->session);
    s->ended = true;
}

static void start(struct setup *s, void (*fn)(void *arg))
{
    s->ended = false;
    assert_true(s->world->rt->ops->run(s->world->rt, fn, world_run_done, s, 0) >= 0);
    gp__sim_settle(s->world->rt);
}

static void run(struct setup *s, void (*fn)(void *arg))
{
    start(s, fn);
    assert_true(gp__sim_run(s->world->rt, 10000000));
    assert_true(s->ended);
}

static size_t files(const struct setup *s)
{
    return gp__sim_file_count(s->world->rt, GP_S("/hold/"));
}

static void pairs_of_files(void **unused)
{
    static const char *const names[] = {
        "/hold/review/0123456789abcdef.1.a.2.eml", "/hold/review/0123456789abcdef.1.a.2.json",
        "/hold/spam/0123456789abcdef.1.a.1.eml", "/hold/spam/0123456789abcdef.1.a.1.json"};
    struct gp_slice bytes;
    struct setup s;

    (void)unused;
    setup(&s, "/hold");
    assert_int_equal(s.all.count, 2);
    assert_int_equal(s.all.items[1]->count, 2);
    run(&s, prepare_fiber);
    /* out of sight until it is published */
    for (size_t i = 0; i < 4; i++) {
        struct gp_slice name = gp__sim_file_name(s.world->rt, GP_S("/hold/"), i);

        assert_true(gp_slice_search(name, GP_S("/.")) < name.len);
    }
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(s.outcomes[i], GP_OUTCOME_DELIVERED);
    run(&s, publish_fiber);
    assert_int_equal(s.published, 0);
    assert_int_equal(files(&s), 4);
    for (size_t i = 0; i < 4; i++)
        assert_slice(gp__sim_file_name(s.world->rt, GP_S("/hold/"), i), names[i]);
    assert_int_equal(gp__sim_file_get(s.world->rt, gp_slice_of(names[2]), &bytes), 0);
    assert_slice(bytes, MESSAGE);
    assert_int_equal(gp__sim_file_get(s.world->rt, gp_slice_of(names[1]), &bytes), 0);
    assert_true(gp_slice_search(bytes, GP_S("\"bucket\":\"review\"")) < bytes.len);
    assert_true(gp_slice_search(bytes, GP_S("refused@x.example")) < bytes.len);
    assert_true(gp_slice_search(bytes, GP_S("bounced@x.example")) < bytes.len);
    assert_true(gp_slice_search(bytes, GP_S("spam@x.example")) == bytes.len);
    world_free(&s.world);
}

/* What was answered for is there after the power went. */
static void durable(void **unused)
{
    struct setup s;

    (void)unused;
    setup(&s, "/hold");
    run(&s, prepare_fiber);
    run(&s, publish_fiber);
    gp__sim_power_cut(s.world->rt, GP__SIM_LOSE_ALL);
    assert_int_equal(files(&s), 4);
    world_free(&s.world);
}

static void revoked(void **unused)
{
    struct setup s;

    (void)unused;
    setup(&s, "/hold");
    run(&s, prepare_fiber);
    assert_int_equal(files(&s), 4);
    run(&s, revoke_fiber);
    assert_int_equal(files(&s), 0);
    assert_int_equal(s.all.doubled, 0);
    world_free(&s.world);
}

static void nothing_can_be_held(void **unused)
{
    struct setup s;

    (void)unused;
    setup(&s, NULL);
    run(&s, prepare_fiber);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(s.outcomes[i], GP_OUTCOME_DEFERRED);
    assert_false(s.all.items[0]->prepared);
    run(&s, publish_fiber);
    run(&s, revoke_fiber);
    assert_int_equal(gp__sim_file_count(s.world->rt, GP_S("")), 0);
    assert_true(world_logged(s.world, "hold: path"));
    world_free(&s.world);
}

/* ---- each operation fails once ---- */

struct failure {
    enum gp__file_kind kind;
    unsigned nth;
    bool prepares; /* it is the second step that fails */
    unsigned doubled;
};

static void one_failure(const struct failure *failure, int error)
{
    struct setup s;
    unsigned code = error == GP_ENOSPC ? 452 : 451, deferred = 0;

    setup(&s, "/hold");
    gp__sim_file_fault(s.world->rt, failure->kind, failure->nth, error);
    run(&s, prepare_fiber);
    for (size_t i = 0; i < 3; i++)
        deferred += s.outcomes[i] == GP_OUTCOME_DEFERRED;
    assert_int_equal(deferred > 0, !failure->prepares);
    if (failure->prepares) {
        run(&s, publish_fiber);
        assert_int_equal(s.published, -1);
    }
    deferred = 0;
    for (size_t i = 0; i < 3; i++)
        deferred += s.world->tx->policy->recipients[i]->reply.code == code;
    assert_true(deferred > 0);
    run(&s, revoke_fiber);
    /* nothing is left but what others can't be made to forget */
    if (files(&s) != (failure->doubled ? 2 : 0))
        fail_msg("kind %d nth %u: %zu files", failure->kind, failure->nth, files(&s));
    assert_int_equal(s.all.doubled, failure->doubled);
    world_free(&s.world);
}

static void each_operation_fails(void **unused)
{
    static const struct failure failures[] = {
        {GP__DIR_MAKE, 1, false, 0},   {GP__DIR_MAKE, 2, false, 0},   {GP__FILE_PUT, 1, false, 0},
        {GP__FILE_PUT, 2, false, 0},   {GP__FILE_PUT, 3, false, 0},   {GP__FILE_PUT, 4, false, 0},
        {GP__FILE_RENAME, 1, true, 0}, {GP__FILE_RENAME, 2, true, 0}, {GP__DIR_SYNC, 1, true, 0},
        {GP__FILE_RENAME, 3, true, 1}, {GP__FILE_RENAME, 4, true, 1}, {GP__DIR_SYNC, 2, true, 1},
    };

    (void)unused;
    for (size_t i = 0; i < COUNT(failures); i++) {
        one_failure(&failures[i], GP_EIO);
        one_failure(&failures[i], GP_ENOSPC);
    }
}

/* The client leaves at any moment of the first step: nothing stays. */
static void client_leaves(void **unused)
{
    (void)unused;
    for (unsigned ms = 0; ms < 60; ms += 5) {
        struct setup s;

        setup(&s, "/hold");
        gp__sim_file_delay(s.world->rt, 10);
        start(&s, prepare_fiber);
        gp__sim_advance(s.world->rt, ms);
        gp__session_cancel_calls(s.world->session);
        assert_true(gp__sim_run(s.world->rt, 10000));
        assert_true(s.ended);
        run(&s, revoke_fiber);
        if (files(&s))
            fail_msg("%u ms: %zu files", ms, files(&s));
        world_free(&s.world);
    }
}

/* In the second step it may leave: what is begun is ended. */
static void client_leaves_too_late(void **unused)
{
    struct setup s;

    (void)unused;
    setup(&s, "/hold");
    run(&s, prepare_fiber);
    gp__sim_file_delay(s.world->rt, 10);
    start(&s, publish_fiber);
    gp__sim_advance(s.world->rt, 15);
    gp__session_cancel_calls(s.world->session);
    assert_true(gp__sim_run(s.world->rt, 10000));
    assert_true(s.ended);
    assert_int_equal(s.published, 0);
    assert_int_equal(files(&s), 4);
    world_free(&s.world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_of_files),
        cmocka_unit_test(durable),
        cmocka_unit_test(revoked),
        cmocka_unit_test(nothing_can_be_held),
        cmocka_unit_test(each_operation_fails),
        cmocka_unit_test(client_leaves),
        cmocka_unit_test(client_leaves_too_late),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
