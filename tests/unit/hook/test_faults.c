// SPDX-License-Identifier: Apache-2.0
/*
 * A plugin that fails never decides by accident: what counts as a fault, what on_error makes of it,
 * deadlines and budgets on the virtual clock, and a client that leaves.
 */
#include "tests/unit/hook/world.h"

static struct world *world_with_recipients(void)
{
    struct world *world = world_create();

    world_mail(world, "a@client.example");
    world_rcpt(world, "b@here.example");
    world_rcpt(world, "c@here.example");
    return world;
}

/* ---- faults ---- */

static enum gp_verdict fails(struct fake *fake, struct gp_call *call)
{
    (void)fake;
    return gp_fail(call, "no idea");
}

static enum gp_verdict garbage(struct fake *fake, struct gp_call *call)
{
    (void)fake;
    (void)call;
    return (enum gp_verdict)77;
}

static enum gp_verdict illegal(struct fake *fake, struct gp_call *call)
{
    (void)fake;
    (void)call;
    return GP_OVERRIDE;
}

static enum gp_verdict bare_lf(struct fake *fake, struct gp_call *call)
{
    (void)fake;
    return gp_reject(call, "550 5.7.1", "a\nb");
}

static enum gp_verdict control(struct fake *fake, struct gp_call *call)
{
    (void)fake;
    return gp_reject(call, "550 5.7.1",
                     "a\r\n\x01"
                     "250 ok");
}

static enum gp_verdict wrong_class(struct fake *fake, struct gp_call *call)
{
    (void)fake;
    return gp_reject(call, "450 4.7.1", "Later is not never");
}

static enum gp_verdict wrong_enhanced(struct fake *fake, struct gp_call *call)
{
    (void)fake;
    return gp_reject(call, "550 4.7.1", "Classes differ");
}

static enum gp_verdict positive(struct fake *fake, struct gp_call *call)
{
    (void)fake;
    return gp_disconnect(call, "250 2.0.0", "Bye");
}

static enum gp_verdict no_status(struct fake *fake, struct gp_call *call)
{
    (void)fake;
    return gp_reject(call, "5.7.1", "What?");
}

static enum gp_verdict too_long(struct fake *fake, struct gp_call *call)
{
    char text[2002];
    size_t at = 0;

    (void)fake;
    while (at < 2001) {
        size_t line = 2001 - at < 398 ? 2001 - at : 398;

        memset(text + at, 'x', line);
        at += line;
        if (at + 2 <= 2001) {
            memcpy(text + at, "\r\n", 2);
            at += 2;
        }
    }
    text[2001] = '\0';
    return gp_reject(call, "550 5.7.1", "%s", text);
}

static enum gp_verdict long_line(struct fake *fake, struct gp_call *call)
{
    (void)fake;
    return gp_reject(call, "550 5.7.1", "%0401d", 0);
}

static enum gp_verdict unknown_bucket(struct fake *fake, struct gp_call *call)
{
    (void)fake;
    return gp_quarantine(call, GP_S("nowhere"), "?");
}

static enum gp_verdict bucket_is_path(struct fake *fake, struct gp_call *call)
{
    (void)fake;
    return gp_quarantine(call, GP_S("../../etc"), "?");
}

/* What the runtime is asked for is given back although nobody waited. */
static enum gp_verdict too_many_operations(struct fake *fake, struct gp_call *call)
{
    (void)fake;
    for (unsigned i = 0; i < GP__CALL_OPS_MAX; i++)
        assert_non_null(gp_sleep_start(call, 1000));
    assert_null(gp_sleep_start(call, 1000));
    return GP_ACCEPT;
}

static enum gp_verdict misses_deadline(struct fake *fake, struct gp_call *call)
{
    fake->slept = gp_sleep(call, 40000);
    return GP_ACCEPT;
}

static const struct {
    const char *name;
    enum gp_verdict (*fn)(struct fake *fake, struct gp_call *call);
    const char *log;
} faults[] = {
    {"fail", fails, "no idea"},
    {"garbage", garbage, "(77) is not legal at message"},
    {"illegal", illegal, "override (7) is not legal at message"},
    {"bare LF", bare_lf, "hook.fault"},
    {"control", control, "hook.fault"},
    {"wrong class", wrong_class, "hook.fault"},
    {"wrong enhanced class", wrong_enhanced, "hook.fault"},
    {"positive", positive, "hook.fault"},
    {"no status", no_status, "hook.fault"},
    {"2,001 bytes", too_long, "hook.fault"},
    {"401 bytes a line", long_line, "hook.fault"},
    {"bucket", unknown_bucket, "nowhere"},
    {"bucket path", bucket_is_path, "hook.fault"},
    {"operations", too_many_operations, "64 operations"},
    {"deadline", misses_deadline, "deadline missed"},
};

/* Each fault, and each on_error. */
static void on_error_decides(void **unused)
{
    static const struct {
        enum gp_on_error on_error;
        enum gp_verdict stop;
        unsigned code;
        bool marked;
    } policies[] = {
        {GP_ON_ERROR_CONTINUE, GP_NEXT, 0, false},
        {GP_ON_ERROR_DEFER, GP_DEFER, 451, false},
        {GP_ON_ERROR_REJECT, GP_REJECT, 554, false},
        {GP_ON_ERROR_QUARANTINE, GP_NEXT, 0, true},
    };

    (void)unused;
    for (size_t i = 0; i < COUNT(faults) * COUNT(policies); i++) {
        size_t f = i / COUNT(policies), p = i % COUNT(policies);
        struct world *world = world_with_recipients();
        struct fake *fake = world_fake(world, "f", GP_HOOK_MESSAGE, GP_NEXT);
        struct fake *later = world_fake(world, "later", GP_HOOK_MESSAGE, GP_NEXT);
        struct gp__trail *trail;

        fake->fn = faults[f].fn;
        fake->instance.on_error = policies[p].on_error;
        world_run(world, GP_HOOK_MESSAGE);
        for (size_t n = 0; n < 2; n++) {
            const struct gp_recipient *recipient = world->tx->policy->recipients[n];

            if ((recipient->stop ? recipient->stop->verdict : GP_NEXT) != policies[p].stop)
                fail_msg("%s: policy %zu", faults[f].name, p);
            if (recipient->stop)
                assert_int_equal(recipient->stop->reply.code, policies[p].code);
            assert_int_equal(gp_slice_present(recipient->bucket), policies[p].marked);
            if (policies[p].marked)
                assert_slice(recipient->bucket, "review");
        }
        assert_int_equal(later->calls, policies[p].stop == GP_NEXT);
        assert_int_equal(fake->stats[GP_HOOK_MESSAGE].faults, 1);
        assert_int_equal(fake->stats[GP_HOOK_MESSAGE].timeouts, faults[f].fn == misses_deadline);
        trail = &gp__trails_of(world->session->policy, world->tx->policy)[fake->instance.index];
        assert_true(trail->fault);
        if (!world_logged(world, faults[f].log))
            fail_msg("%s: not in the log: " GP_FMT, faults[f].name,
                     GP_ARG(gp__buf_slice(&world->lines)));
        world_free(&world);
    }
}

/* Exactly 2,000 bytes and 64 operations are fine. */
static enum gp_verdict just_not_too_much(struct fake *fake, struct gp_call *call)
{
    char text[2001];

    (void)fake;
    memset(text, 'x', 2000);
    for (size_t at = 398; at + 2 <= 2000; at += 400)
        memcpy(text + at, "\r\n", 2);
    text[2000] = '\0';
    text[1998] = text[1999] = 'x';
    for (unsigned round = 0; round < 3; round++) {
        struct gp_op *ops[GP__CALL_OPS_MAX];

        for (unsigned i = 0; i < GP__CALL_OPS_MAX; i++)
            ops[i] = gp_sleep_start(call, i);
        for (unsigned i = 0; i < GP__CALL_OPS_MAX; i++)
            assert_int_equal(gp_wait(call, ops[i]), 0);
    }
    return gp_reject(call, "550 5.7.1", "%s", text);
}

static void just_not_a_fault(void **unused)
{
    struct world *world = world_with_recipients();
    struct fake *fake = world_fake(world, "f", GP_HOOK_MESSAGE, GP_NEXT);

    (void)unused;
    fake->fn = just_not_too_much;
    world_run(world, GP_HOOK_MESSAGE);
    assert_int_equal(fake->stats[GP_HOOK_MESSAGE].faults, 0);
    assert_int_equal(world->tx->policy->recipients[0]->stop->reply.text.len, 2000);
    world_free(&world);
}

/* ---- waiting where nobody may ---- */

static enum gp_verdict waits(struct fake *fake, struct gp_call *call)
{
    fake->slept = gp_sleep(call, 1);
    return GP_ACCEPT;
}

static void waiting_at_body(void **unused)
{
    static const enum gp_hook_point points[] = {GP_HOOK_BODY, GP_HOOK_CAPABILITIES,
                                                GP_HOOK_ACCEPTED, GP_HOOK_RESET};

    (void)unused;
    for (size_t i = 0; i < COUNT(points); i++) {
        struct world *world = world_with_recipients();
        struct fake *fake = world_fake(world, "f", points[i], GP_NEXT);
        struct gp_recipient *recipient = world->tx->policy->recipients[0];

        fake->fn = waits;
        world_run(world, points[i]);
        assert_int_equal(fake->slept, GP_ENOTALLOWED);
        assert_int_equal(fake->stats[points[i]].faults, 1);
        assert_int_equal(recipient->stop != NULL, points[i] == GP_HOOK_BODY);
        world_free(&world);
    }
}

/* Without a fiber there is nothing to park. */
static void waiting_on_the_loop(void **unused)
{
    struct world *world = world_with_recipients();
    struct fake *fake = world_fake(world, "f", GP_HOOK_MESSAGE, GP_NEXT);
    struct running running = world_running(world, GP_HOOK_MESSAGE);

    (void)unused;
    fake->fn = waits;
    gp__run_chain(&running.run);
    assert_int_equal(fake->slept, GP_ENOTALLOWED);
    assert_int_equal(world->tx->policy->recipients[0]->stop->verdict, GP_DEFER);
    world_free(&world);
}

/* ---- deadlines ---- */

static void own_deadline(void **unused)
{
    static const struct {
        uint64_t sleep_ms;
        int slept;
    } rows[] = {{4999, 0}, {5001, GP_ETIMEDOUT}, {100000, GP_ETIMEDOUT}};

    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct world *world = world_with_recipients();
        struct fake *fake = world_fake(world, "f", GP_HOOK_MESSAGE, GP_NEXT);
        uint64_t until = rows[i].sleep_ms < 5000 ? rows[i].sleep_ms : 5000;

        fake->sleep_ms = rows[i].sleep_ms;
        fake->instance.deadline_ms = 5000;
        world_run(world, GP_HOOK_MESSAGE);
        assert_int_equal(fake->slept, rows[i].slept);
        assert_int_equal(world->rt->ops->now_ms(world->rt), until);
        assert_int_equal(world->tx->policy->recipients[0]->stop != NULL, rows[i].slept != 0);
        world_free(&world);
    }
}

/* Both at the same millisecond: one of them, and the verdict fits it. */
static void answer_at_the_deadline(void **unused)
{
    struct world *world = world_with_recipients();
    struct fake *fake = world_fake(world, "f", GP_HOOK_MESSAGE, GP_QUARANTINE);
    struct gp_recipient *recipient = world->tx->policy->recipients[0];

    (void)unused;
    fake->sleep_ms = fake->instance.deadline_ms = 5000;
    world_run(world, GP_HOOK_MESSAGE);
    assert_int_equal(fake->ended, 1);
    assert_true(fake->slept == 0 || fake->slept == GP_ETIMEDOUT);
    assert_int_equal(gp_slice_present(recipient->bucket), fake->slept == 0);
    assert_int_equal(recipient->stop != NULL, fake->slept != 0);
    world_free(&world);
}

static enum gp_verdict goes_on_after_timeout(struct fake *fake, struct gp_call *call)
{
    const struct gp_dns_answer *answer;
    uint64_t before;

    assert_int_equal(gp_sleep(call, 60000), GP_ETIMEDOUT);
    before = gp_now(call);
    assert_int_equal(gp_sleep(call, 1), GP_ETIMEDOUT);
    assert_int_equal(gp_dns(call, GP_S("x.example"), GP_DNS_A, &answer), GP_ETIMEDOUT);
    assert_null(gp_sleep_start(call, 1));
    assert_int_equal(gp_now(call), before);
    fake->slept = 1;
    return gp_reject(call, "550 5.7.1", "All the same");
}

/* Sticky: every later wait says the same at once; and the verdict comes too late. */
static void too_late(void **unused)
{
    struct world *world = world_with_recipients();
    struct fake *fake = world_fake(world, "f", GP_HOOK_MESSAGE, GP_NEXT);

    (void)unused;
    fake->fn = goes_on_after_timeout;
    world_run(world, GP_HOOK_MESSAGE);
    assert_int_equal(fake->slept, 1);
    assert_int_equal(world->tx->policy->recipients[0]->stop->verdict, GP_DEFER);
    assert_int_equal(fake->stats[GP_HOOK_MESSAGE].timeouts, 1);
    world_free(&world);
}

/* The budget of the reply is shared: the rest of the chain counts as timed out, uncalled. */
static void budget_of_the_reply(void **unused)
{
    struct world *world = world_with_recipients();
    struct fake *slow = world_fake(world, "slow", GP_HOOK_MESSAGE, GP_NEXT);
    struct fake *late = world_fake(world, "late", GP_HOOK_MESSAGE, GP_ACCEPT);
    struct fake *last = world_fake(world, "last", GP_HOOK_MESSAGE, GP_NEXT);
    struct fake *observer = world_fake(world, "observer", GP_HOOK_ACCEPTED, GP_NEXT);

    (void)unused;
    slow->sleep_ms = 20000;
    slow->instance.on_error = GP_ON_ERROR_CONTINUE;
    late->instance.on_error = GP_ON_ERROR_QUARANTINE;
    gp__policy_reply_within(world->session->policy, 10000);
    world_run(world, GP_HOOK_MESSAGE);
    assert_int_equal(world->rt->ops->now_ms(world->rt), 10000);
    assert_int_equal(slow->slept, GP_ETIMEDOUT);
    assert_int_equal(late->calls, 0);
    assert_int_equal(late->stats[GP_HOOK_MESSAGE].timeouts, 1);
    assert_slice(world->tx->policy->recipients[0]->bucket, "review");
    assert_int_equal(last->calls, 0);
    assert_int_equal(world->tx->policy->recipients[0]->stop->verdict, GP_DEFER);
    /* observers are not part of a reply */
    world_run(world, GP_HOOK_ACCEPTED);
    assert_int_equal(observer->calls, 1);
    world_free(&world);
}

/* ---- several operations ---- */

static enum gp_verdict waits_for_several(struct fake *fake, struct gp_call *call)
{
    struct gp_op *ops[4] = {gp_sleep_start(call, 300), gp_sleep_start(call, 100),
                            gp_sleep_start(call, 200), gp_sleep_start(call, 100)};
    int order[4], n = 0;

    for (; n < 4; n++) {
        order[n] = gp_wait_any(call, ops, 4);
        assert_in_range(order[n], 0, 3);
        ops[order[n]] = NULL;
    }
    assert_true(order[0] == 1 || order[0] == 3);
    assert_true(order[1] == 1 || order[1] == 3);
    assert_int_equal(order[2], 2);
    assert_int_equal(order[3], 0);
    assert_int_equal(gp_now(call), 300);
    fake->slept = 1;
    return GP_NEXT;
}

static void several_operations(void **unused)
{
    struct world *world = world_with_recipients();
    struct fake *fake = world_fake(world, "f", GP_HOOK_MESSAGE, GP_NEXT);

    (void)unused;
    fake->fn = waits_for_several;
    world_run(world, GP_HOOK_MESSAGE);
    assert_int_equal(fake->slept, 1);
    assert_null(world->tx->policy->recipients[0]->stop);
    world_free(&world);
}

static enum gp_verdict several_with_deadline(struct fake *fake, struct gp_call *call)
{
    struct gp_op *ops[3] = {gp_sleep_start(call, 40000), gp_sleep_start(call, 50000), NULL};

    fake->slept = gp_wait_any(call, ops, 3);
    return GP_NEXT;
}

static void several_and_the_deadline(void **unused)
{
    struct world *world = world_with_recipients();
    struct fake *fake = world_fake(world, "f", GP_HOOK_MESSAGE, GP_NEXT);

    (void)unused;
    fake->fn = several_with_deadline;
    world_run(world, GP_HOOK_MESSAGE);
    assert_int_equal(fake->slept, GP_ETIMEDOUT);
    /* those still under way were cancelled: nothing is left that time could bring */
    assert_int_equal(world->rt->ops->now_ms(world->rt), 30000);
    world_free(&world);
}

static enum gp_verdict leaves_things(struct fake *fake, struct gp_call *call)
{
    struct gp_stream *stream = NULL;
    const struct gp_dns_answer *answer;

    gp_sleep_start(call, 100000);
    gp_dns_start(call, GP_S("x.example"), GP_DNS_A);
    memset(gp_alloc(call, 100000), 1, 100000);
    gp_format(call, "%s", "bytes");
    fake->slept = gp_connect(call, GP_S("peer.example:25"), &stream);
    gp_dns(call, GP_S("y.example"), GP_DNS_MX, &answer);
    return GP_NEXT;
}

/* Operations, streams and memory end with the call; the sanitizer counts. */
static void all_is_given_back(void **unused)
{
    static const struct gp__sim_step open[] = {{.type = GP__SIM_DELAY, .ms = 10},
                                               {.type = GP__SIM_HANG}};
    struct world *world = world_with_recipients();
    struct fake *fake = world_fake(world, "f", GP_HOOK_MESSAGE, GP_NEXT);

    (void)unused;
    fake->fn = leaves_things;
    gp__sim_peer(world->rt, GP_S("peer.example:25"), open, COUNT(open));
    world_run(world, GP_HOOK_MESSAGE);
    assert_int_equal(fake->ended, 1);
    assert_int_equal(fake->slept, 0);
    assert_true(world->rt->ops->now_ms(world->rt) < 100000);
    world_free(&world);
}

/* ---- the client leaves ---- */

static const enum gp_hook_point waiting[] = {
    GP_HOOK_CONNECT, GP_HOOK_TLS,     GP_HOOK_HELO,    GP_HOOK_AUTH,
    GP_HOOK_MAIL,    GP_HOOK_RESOLVE, GP_HOOK_RCPT,    GP_HOOK_DATA,
    GP_HOOK_HEADERS, GP_HOOK_MESSAGE, GP_HOOK_COMMAND,
};

static enum gp_verdict sticks_to_it(struct fake *fake, struct gp_call *call)
{
    assert_int_equal(gp_sleep(call, 1), GP_ECANCELED);
    assert_null(gp_sleep_start(call, 1));
    (void)fake;
    return GP_REJECT;
}

static void client_leaves(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT(waiting); i++) {
        struct world *world = world_with_recipients();
        struct fake *fake = world_fake(world, "f", waiting[i], GP_REJECT);
        struct fake *later = world_fake(world, "later", waiting[i], GP_REJECT);
        struct running running = world_running(world, waiting[i]);

        fake->sleep_ms = 10000;
        fake->fn = sticks_to_it;
        world_start(world, &running);
        gp__sim_advance(world->rt, 1000);
        assert_false(running.ended);
        gp__session_cancel_calls(world->session);
        assert_false(running.ended); /* only scheduled */
        gp__sim_settle(world->rt);
        assert_true(running.ended);
        assert_true(running.run.canceled);
        assert_int_equal(fake->slept, GP_ECANCELED);
        assert_int_equal(later->calls, 0);
        /* no verdict was applied, and nobody is to blame */
        assert_null(running.run.stop);
        assert_null(world->session->policy->pending);
        assert_null(world->tx->policy->pending);
        assert_null(world->tx->policy->recipients[0]->stop);
        assert_int_equal(fake->stats[waiting[i]].faults, 0);
        assert_int_equal(fake->stats[waiting[i]].canceled, 1);
        assert_null(world->session->policy->parked);
        world_free(&world);
    }
}

/* Gone before the chain begins, or while an instance that does not wait is at it. */
static void client_left_before(void **unused)
{
    struct world *world = world_with_recipients();
    struct fake *fake = world_fake(world, "f", GP_HOOK_MESSAGE, GP_REJECT);

    (void)unused;
    gp__session_cancel_calls(world->session);
    assert_true(world_run(world, GP_HOOK_MESSAGE).canceled);
    assert_int_equal(fake->calls, 0);
    assert_null(world->tx->policy->recipients[0]->stop);
    world_free(&world);
}

/* In either order, and in the same millisecond. */
static void deadline_and_cancellation(void **unused)
{
    (void)unused;
    for (unsigned deadline_first = 0; deadline_first < 2; deadline_first++) {
        struct world *world = world_with_recipients();
        struct fake *fake = world_fake(world, "f", GP_HOOK_MESSAGE, GP_REJECT);
        struct fake *later = world_fake(world, "later", GP_HOOK_MESSAGE, GP_NEXT);
        struct running running = world_running(world, GP_HOOK_MESSAGE);

        fake->sleep_ms = 60000;
        world_start(world, &running);
        if (deadline_first) {
            gp__sim_advance(world->rt, 29999);
            /* the timer is due when time moves; the client leaves before the fiber runs */
            world->session->policy->parked->sticky = GP_ETIMEDOUT;
        }
        gp__session_cancel_calls(world->session);
        gp__sim_settle(world->rt);
        assert_true(running.ended);
        assert_int_equal(fake->slept, deadline_first ? GP_ETIMEDOUT : GP_ECANCELED);
        assert_int_equal(later->calls, 0);
        assert_true(gp__sim_run(world->rt, 100000));
        world_free(&world);
    }
}

/* The client leaves while others are asked to override: the refusal was not settled. */
static void client_leaves_at_rejected(void **unused)
{
    static const enum gp_hook_point points[] = {GP_HOOK_CONNECT, GP_HOOK_RCPT, GP_HOOK_MESSAGE};

    (void)unused;
    for (size_t i = 0; i < COUNT(points); i++) {
        struct world *world = world_with_recipients();
        struct fake *asked = world_fake(world, "asked", GP_HOOK_REJECTED, GP_NEXT);
        struct running running = world_running(world, points[i]);

        world_fake(world, "f", points[i], GP_REJECT);
        asked->sleep_ms = 1000;
        world_start(world, &running);
        gp__session_cancel_calls(world->session);
        gp__sim_settle(world->rt);
        assert_true(running.ended);
        assert_true(running.run.canceled);
        assert_null(running.run.stop);
        assert_null(world->session->policy->pending);
        assert_null(world->tx->policy->recipients[0]->stop);
        world_free(&world);
    }
}

static void commits(void *arg)
{
    struct world *world = arg;
    struct gp_call call;

    gp__call_init(&call, world->rt, NULL, GP_HOOK_ATTEMPT, UINT64_MAX);
    call.session = world->session;
    call.steadfast = true;
    assert_int_equal(gp_sleep(&call, 1000), 0);
    assert_int_equal(gp_sleep(&call, 1000), 0); /* also a wait that begins afterwards */
    gp__call_end(&call);
    world->fakes[0]->slept = 1;
}

/* What commits goes on. */
static void steadfast_calls(void **unused)
{
    struct world *world = world_with_recipients();
    struct fake *fake = world_plugin(world, "f");

    (void)unused;
    world->rt->ops->run(world->rt, commits, world_run_done, world, 0);
    gp__session_cancel_calls(world->session);
    gp__sim_settle(world->rt);
    assert_int_equal(fake->slept, 0);
    assert_true(gp__sim_run(world->rt, 10000));
    assert_int_equal(fake->slept, 1);
    world_free(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(on_error_decides),
        cmocka_unit_test(just_not_a_fault),
        cmocka_unit_test(waiting_at_body),
        cmocka_unit_test(waiting_on_the_loop),
        cmocka_unit_test(own_deadline),
        cmocka_unit_test(answer_at_the_deadline),
        cmocka_unit_test(too_late),
        cmocka_unit_test(budget_of_the_reply),
        cmocka_unit_test(several_operations),
        cmocka_unit_test(several_and_the_deadline),
        cmocka_unit_test(all_is_given_back),
        cmocka_unit_test(client_leaves),
        cmocka_unit_test(client_left_before),
        cmocka_unit_test(deadline_and_cancellation),
        cmocka_unit_test(client_leaves_at_rejected),
        cmocka_unit_test(steadfast_calls),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
