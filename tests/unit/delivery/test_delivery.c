// SPDX-License-Identifier: Apache-2.0
/* Deliveries in two steps, with fake targets: who is asked, who shows what, what is taken back. */
#include "core/delivery/delivery.h"
#include "tests/unit/hook/world.h"

/* A target; `fake` comes first, so that the instance's self is either. */
struct fake_target {
    struct fake fake;
    struct gp_target_role role;
    struct gp__target target;
    struct gp__route route;

    int delivers, publishes; /* what the functions return */
    bool faults;             /* misuses the API while it delivers */
    enum gp_outcome outcome; /* of recipients, but for those named "later" and "never" */
    uint64_t sleep_ms;
    const char *hangs; /* the steps at which it never answers: "dpr" */
    bool lies;         /* claims success when such a wait was ended */

    unsigned delivered, published, revoked;
    struct gp__waited waited; /* as status output had it in its last step */
};

static char order[64]; /* of all steps: "d1 d2 p1 p2" */

static void note_step(const char *step, const struct fake_target *t)
{
    size_t len = strlen(order);

    snprintf(order + len, sizeof order - len, "%s%s" GP_FMT, len ? " " : "", step,
             GP_ARG(t->fake.instance.id));
}

/* 0, or the error that ended a wait for ever. */
static int hang(struct gp_call *call, const struct fake_target *t, char step)
{
    int error = t->hangs && strchr(t->hangs, step) ? gp_sleep(call, 86400000) : 0;

    return t->lies ? 0 : error;
}

static enum gp_outcome outcome_for(const struct fake_target *t, const struct gp_recipient *r)
{
    struct gp_slice local = gp_rcpt_local(r);

    return gp_slice_eq(local, GP_S("later"))   ? GP_OUTCOME_DEFERRED
           : gp_slice_eq(local, GP_S("never")) ? GP_OUTCOME_FAILED
                                               : t->outcome;
}

static int deliver(struct gp_call *call, void *self, struct gp_delivery *delivery)
{
    struct fake_target *t = self;

    t->waited = call->session->policy->waits_for;
    note_step("d", t);
    t->delivered++;
    t->fake.slept = t->sleep_ms ? gp_sleep(call, t->sleep_ms) : hang(call, t, 'd');
    for (size_t i = 0; i < gp_delivery_rcpt_count(delivery); i++) {
        enum gp_outcome outcome = outcome_for(t, gp_delivery_rcpt_at(delivery, i));

        if (outcome != GP_OUTCOME_NONE)
            gp_delivery_result(delivery, i, outcome, NULL, NULL);
    }
    if (t->faults)
        gp__call_fault(call, "misused");
    return t->fake.slept < 0 ? t->fake.slept : t->delivers;
}

static int publish(struct gp_call *call, void *self, struct gp_delivery *delivery)
{
    struct fake_target *t = self;
    int error;

    (void)delivery;
    t->waited = call->session->policy->waits_for;
    note_step("p", t);
    t->published++;
    if (t->sleep_ms)
        assert_int_equal(gp_sleep(call, 1), 0);
    error = hang(call, t, 'p');
    return error ? error : t->publishes;
}

static void revoke(struct gp_call *call, void *self, struct gp_delivery *delivery)
{
    struct fake_target *t = self;

    (void)delivery;
    note_step("r", t);
    t->revoked++;
    if (hang(call, t, 'r') == 0 && !t->lies)
        assert_int_equal(gp_sleep(call, 1), 0);
}

struct setup {
    struct world *world;
    struct fake_target one, two;
    struct gp__deliveries all;
    enum gp__disposal disposals[8];
    enum gp_outcome outcomes[8];
    bool ended;
    int published;
};

static void target_init(struct setup *s, struct fake_target *t, const char *id, bool two_steps)
{
    *t = (struct fake_target){
        .fake = {.plugin = {.name = id, .target = &t->role, .needs = ~0u},
                 .instance = {.id = gp_slice_of(id),
                              .plugin = &t->fake.plugin,
                              .self = t,
                              .deadline_ms = 30000}},
        .role = {.size = sizeof t->role, .deliver = deliver},
        .target = {.name = gp_slice_of(id), .instance = &t->fake.instance},
        .route = {.name = gp_slice_of(id), .target = &t->target},
        .outcome = GP_OUTCOME_DELIVERED,
    };
    if (two_steps) {
        t->role.publish = publish;
        t->role.revoke = revoke;
    }
    t->fake.world = s->world;
}

static void setup(struct setup *s, bool one_two_steps, bool two_two_steps)
{
    memset(s, 0, sizeof *s);
    order[0] = '\0';
    s->world = world_create();
    target_init(s, &s->one, "1", one_two_steps);
    target_init(s, &s->two, "2", two_two_steps);
    world_mail(s->world, "a@client.example");
    s->all.policy = s->world->tx->policy;
}

static struct gp_recipient *add(struct setup *s, const char *to, const struct fake_target *t)
{
    struct gp_recipient *recipient = world_rcpt(s->world, to);

    recipient->route = &t->route;
    s->disposals[recipient->index] = GP__DISPOSE_TARGET;
    return recipient;
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

static void plan(struct setup *s)
{
    if (!s->world->tx->policy->message)
        world_message(s->world, "A: b\r\n\r\nbody\r\n");
    gp__deliveries_plan(&s->all, s->disposals);
}

static void finish(struct setup *s)
{
    world_free(&s->world);
}

/* ---- planning ---- */

static void grouped_by_copy_and_target(void **unused)
{
    struct setup s;
    struct gp_recipient *a, *b, *c, *d, *e;

    (void)unused;
    setup(&s, true, true);
    a = add(&s, "a@x.example", &s.one);
    b = add(&s, "b@x.example", &s.two);
    c = add(&s, "c@x.example", &s.one);
    d = add(&s, "d@x.example", &s.one);
    e = add(&s, "e@x.example", &s.one);
    world_message(s.world, "A: b\r\n\r\nbody\r\n");
    gp__copy_for(d, &s.one.fake.instance, GP_S("own"));
    s.disposals[e->index] = GP__DISPOSE_DROP;
    plan(&s);
    assert_int_equal(s.all.count, 3);
    assert_int_equal(s.all.items[0]->count, 2);
    assert_ptr_equal(s.all.items[0]->recipients[0], a);
    assert_ptr_equal(s.all.items[0]->recipients[1], c);
    assert_ptr_equal(s.all.items[1]->recipients[0], b);
    assert_ptr_equal(s.all.items[2]->recipients[0], d);
    assert_slice(s.all.items[0]->id, "0123456789abcdef.1.a.1");
    assert_slice(s.all.items[1]->id, "0123456789abcdef.1.a.2");
    assert_slice(s.all.items[2]->id, "0123456789abcdef.1.b.3");
    assert_ptr_equal(gp_delivery_message(s.all.items[2]), d->copy->message);
    assert_ptr_equal(gp_delivery_rcpt_at(s.all.items[0], 1), c);
    assert_null(gp_delivery_rcpt_at(s.all.items[0], 2));
    finish(&s);
}

/* The same key again is the same copy. */
static void copies_by_key(void **unused)
{
    struct setup s;
    struct gp_recipient *a, *b;
    struct gp_copy *first;

    (void)unused;
    setup(&s, true, true);
    a = add(&s, "a@x.example", &s.one);
    b = add(&s, "b@x.example", &s.one);
    world_message(s.world, "A: b\r\n\r\nbody\r\n");
    first = gp__copy_for(a, &s.one.fake.instance, GP_S("k"));
    assert_ptr_equal(gp__copy_for(a, &s.one.fake.instance, GP_S("k")), first);
    assert_ptr_equal(gp__copy_for(b, &s.one.fake.instance, GP_S("k")), first);
    assert_ptr_not_equal(gp__copy_for(a, &s.two.fake.instance, GP_S("k")), first);
    assert_ptr_not_equal(gp__copy_for(b, &s.one.fake.instance, GP_S("l")), first);
    assert_int_equal(s.world->tx->policy->n_copies, 4);
    finish(&s);
}

/* ---- the good way ---- */

/* Status output says whom the client waits for, in both steps and no longer. */
static void client_waits_for_target(void **unused)
{
    struct setup s;

    (void)unused;
    setup(&s, true, true);
    add(&s, "a@x.example", &s.one);
    plan(&s);
    run(&s, prepare_fiber);
    assert_ptr_equal(s.one.waited.instance, &s.one.fake.instance);
    assert_string_equal(s.one.waited.role, "target");
    assert_null(s.one.waited.hook);
    s.one.waited.instance = NULL;
    run(&s, publish_fiber);
    assert_ptr_equal(s.one.waited.instance, &s.one.fake.instance);
    assert_null(s.world->session->policy->waits_for.instance);
    finish(&s);
}

static void all_prepare_before_one_shows(void **unused)
{
    struct setup s;

    (void)unused;
    setup(&s, true, true);
    add(&s, "a@x.example", &s.one);
    add(&s, "b@x.example", &s.two);
    s.one.sleep_ms = 10;
    plan(&s);
    run(&s, prepare_fiber);
    assert_int_equal(s.outcomes[0], GP_OUTCOME_DELIVERED);
    assert_int_equal(s.outcomes[1], GP_OUTCOME_DELIVERED);
    assert_int_equal(s.one.published + s.two.published, 0);
    /* from now on the client may leave */
    gp__session_cancel_calls(s.world->session);
    run(&s, publish_fiber);
    assert_int_equal(s.published, 0);
    assert_string_equal(order, "d1 d2 p1 p2");
    finish(&s);
}

/* ---- fallbacks ---- */

/* What the first can't take now goes to the second at once; what it refuses for good does not. */
static void fallback(void **unused)
{
    (void)unused;
    for (unsigned two_steps = 0; two_steps < 2; two_steps++) {
        struct setup s;

        setup(&s, false, two_steps);
        s.one.route.fallback = &s.two.target;
        add(&s, "a@x.example", &s.one);
        add(&s, "later@x.example", &s.one);
        add(&s, "never@x.example", &s.one);
        plan(&s);
        run(&s, prepare_fiber);
        /* "later" is not for the second either: what it says counts */
        assert_int_equal(s.outcomes[0], GP_OUTCOME_DELIVERED);
        assert_int_equal(s.outcomes[1], GP_OUTCOME_DEFERRED);
        assert_int_equal(s.outcomes[2], GP_OUTCOME_FAILED);
        assert_string_equal(order, "d1 d2");
        assert_int_equal(s.all.count, 2);
        finish(&s);

        setup(&s, false, two_steps);
        s.one.route.fallback = &s.two.target;
        s.one.outcome = GP_OUTCOME_DEFERRED;
        add(&s, "a@x.example", &s.one);
        add(&s, "b@x.example", &s.one);
        add(&s, "never@x.example", &s.one);
        plan(&s);
        s.all.items[0]->advice = GP_ADVICE_DOWN;
        run(&s, prepare_fiber);
        assert_int_equal(s.outcomes[0], GP_OUTCOME_DELIVERED);
        assert_int_equal(s.outcomes[2], GP_OUTCOME_FAILED);
        /* the first delivery says so as well, for who looks only there */
        assert_int_equal(s.all.items[0]->outcomes[1], GP_OUTCOME_DELIVERED);
        assert_int_equal(s.all.items[1]->count, 2);
        run(&s, publish_fiber);
        assert_int_equal(s.published, 0);
        assert_string_equal(order, two_steps ? "d1 d2 p2" : "d1 d2");
        run(&s, revoke_fiber);
        assert_int_equal(s.all.doubled, 2); /* not four */
        finish(&s);
    }
}

/* A fallback that could not show what it had prepared: the first delivery knows. */
static void fallback_that_does_not_show(void **unused)
{
    struct setup s;

    (void)unused;
    setup(&s, false, true);
    s.one.route.fallback = &s.two.target;
    s.one.outcome = GP_OUTCOME_DEFERRED;
    s.two.publishes = GP_EIO;
    add(&s, "a@x.example", &s.one);
    plan(&s);
    run(&s, prepare_fiber);
    assert_int_equal(s.all.items[0]->outcomes[0], GP_OUTCOME_DELIVERED);
    assert_int_equal(s.all.items[0]->advice, 0);
    run(&s, publish_fiber);
    assert_int_equal(s.published, -1);
    assert_int_equal(s.all.items[0]->outcomes[0], GP_OUTCOME_DEFERRED);
    assert_int_equal(s.world->tx->policy->recipients[0]->reply.code, 451);
    finish(&s);
}

/* It has no fallback of its own, and none is asked where all was taken. */
static void no_fallback(void **unused)
{
    struct setup s;

    (void)unused;
    setup(&s, false, false);
    s.one.route.fallback = &s.two.target;
    s.two.outcome = GP_OUTCOME_DEFERRED;
    add(&s, "a@x.example", &s.one);
    plan(&s);
    run(&s, prepare_fiber);
    assert_string_equal(order, "d1");
    s.one.outcome = GP_OUTCOME_DEFERRED;
    run(&s, prepare_fiber);
    assert_string_equal(order, "d1 d1 d2");
    assert_int_equal(s.outcomes[0], GP_OUTCOME_DEFERRED);
    finish(&s);
}

/* ---- failures of the first step ---- */

/* What the second target prepared is taken back because of the first, and the other way round. */
static void prepare_fails(void **unused)
{
    (void)unused;
    for (unsigned first = 0; first < 2; first++) {
        struct setup s;
        struct fake_target *bad, *good;

        setup(&s, true, true);
        bad = first ? &s.one : &s.two;
        good = first ? &s.two : &s.one;
        add(&s, "a@x.example", &s.one);
        add(&s, "b@x.example", &s.two);
        bad->delivers = GP_ENOSPC;
        plan(&s);
        run(&s, prepare_fiber);
        /* it had said DELIVERED, but there is nothing to show */
        assert_int_equal(s.outcomes[first ? 0 : 1], GP_OUTCOME_DEFERRED);
        assert_int_equal(s.world->tx->policy->recipients[first ? 0 : 1]->reply.code, 452);
        assert_int_equal(s.outcomes[first ? 1 : 0], GP_OUTCOME_DELIVERED);
        assert_int_equal(bad->revoked, 1); /* tidies up at once */
        run(&s, revoke_fiber);
        assert_int_equal(bad->revoked, 1);
        assert_int_equal(good->revoked, 1);
        assert_int_equal(s.all.doubled, 0);
        assert_true(world_logged(s.world, "delivery.failed"));
        finish(&s);
    }
}

/* A target with one step has done what it said before it broke. */
static void one_step_breaks(void **unused)
{
    struct setup s;

    (void)unused;
    setup(&s, false, true);
    add(&s, "done@x.example", &s.one);
    add(&s, "never@x.example", &s.one);
    add(&s, "later@x.example", &s.one);
    s.one.delivers = GP_ECLOSED;
    plan(&s);
    run(&s, prepare_fiber);
    assert_int_equal(s.outcomes[0], GP_OUTCOME_DELIVERED);
    assert_int_equal(s.outcomes[1], GP_OUTCOME_FAILED);
    assert_int_equal(s.outcomes[2], GP_OUTCOME_DEFERRED);
    run(&s, revoke_fiber);
    assert_int_equal(s.all.doubled, 1);
    finish(&s);
}

static void silence_is_deferred(void **unused)
{
    struct setup s;
    struct gp_recipient *recipient;

    (void)unused;
    for (unsigned steps = 1; steps <= 2; steps++) {
        setup(&s, steps == 2, true);
        recipient = add(&s, "a@x.example", &s.one);
        s.one.outcome = GP_OUTCOME_NONE;
        plan(&s);
        run(&s, prepare_fiber);
        assert_int_equal(s.outcomes[0], GP_OUTCOME_DEFERRED);
        assert_int_equal(recipient->reply.code, 451);
        run(&s, publish_fiber);
        assert_int_equal(s.one.published, 0);
        finish(&s);
    }
}

/* Whoever breaks the rules of the API did not deliver. */
static void fault_while_delivering(void **unused)
{
    struct setup s;

    (void)unused;
    setup(&s, true, true);
    add(&s, "a@x.example", &s.one);
    s.one.faults = true;
    plan(&s);
    run(&s, prepare_fiber);
    assert_int_equal(s.outcomes[0], GP_OUTCOME_DEFERRED);
    assert_int_equal(s.one.revoked, 1);
    assert_true(world_logged(s.world, "misused"));
    finish(&s);
}

static void client_leaves_while_delivering(void **unused)
{
    struct setup s;

    (void)unused;
    setup(&s, true, false);
    add(&s, "a@x.example", &s.one);
    add(&s, "b@x.example", &s.two);
    s.one.sleep_ms = 10000;
    plan(&s);
    start(&s, prepare_fiber);
    gp__session_cancel_calls(s.world->session);
    assert_true(gp__sim_run(s.world->rt, 100000));
    assert_true(s.ended);
    assert_int_equal(s.one.fake.slept, GP_ECANCELED);
    assert_int_equal(s.outcomes[0], GP_OUTCOME_DEFERRED);
    assert_int_equal(s.one.revoked, 1); /* and that could wait */
    /* the client retries: nobody else is to get it now */
    assert_int_equal(s.two.delivered, 0);
    assert_int_equal(s.outcomes[1], GP_OUTCOME_DEFERRED);
    finish(&s);
}

static void time_is_up(void **unused)
{
    struct setup s;

    (void)unused;
    setup(&s, true, true);
    add(&s, "a@x.example", &s.one);
    add(&s, "b@x.example", &s.two);
    s.one.sleep_ms = 20000;
    gp__policy_reply_within(s.world->session->policy, 10000);
    plan(&s);
    run(&s, prepare_fiber);
    assert_int_equal(s.one.fake.slept, GP_ETIMEDOUT);
    assert_int_equal(s.one.revoked, 1);
    /* who was not asked has nothing to take back */
    assert_int_equal(s.two.delivered + s.two.revoked, 0);
    assert_int_equal(s.outcomes[0], GP_OUTCOME_DEFERRED);
    assert_int_equal(s.outcomes[1], GP_OUTCOME_DEFERRED);
    finish(&s);
}

/* ---- failures of the second step ---- */

/* Nothing is visible yet: the client can keep it all. */
static void first_publish_fails(void **unused)
{
    struct setup s;

    (void)unused;
    setup(&s, true, true);
    add(&s, "a@x.example", &s.one);
    add(&s, "b@x.example", &s.two);
    s.one.publishes = GP_EIO;
    plan(&s);
    run(&s, prepare_fiber);
    run(&s, publish_fiber);
    assert_int_equal(s.published, -1);
    assert_int_equal(s.two.published, 0);
    run(&s, revoke_fiber);
    assert_int_equal(s.one.revoked + s.two.revoked, 2);
    assert_int_equal(s.all.doubled, 0);
    finish(&s);
}

/* Something is visible: no more is shown, the rest is taken back, the doubles are counted. */
static void later_publish_fails(void **unused)
{
    struct setup s;
    struct gp_recipient *lost, *held;

    (void)unused;
    setup(&s, true, true);
    add(&s, "a@x.example", &s.one);
    lost = add(&s, "b@x.example", &s.two);
    held = add(&s, "c@x.example", &s.one);
    world_message(s.world, "A: b\r\n\r\nbody\r\n");
    gp__copy_for(held, &s.one.fake.instance, GP_S("own")); /* a delivery of its own, the last */
    s.two.publishes = GP_EIO;
    plan(&s);
    run(&s, prepare_fiber);
    run(&s, publish_fiber);
    assert_int_equal(s.published, -1);
    assert_int_equal(lost->reply.code, 451);
    run(&s, revoke_fiber);
    assert_string_equal(order, "d1 d2 d1 p1 p2 r2 r1");
    assert_int_equal(s.all.doubled, 1);
    finish(&s);
}

/* What a target with one step delivered is visible, wherever it stands in the list. */
static void one_step_is_visible(void **unused)
{
    struct setup s;

    (void)unused;
    setup(&s, true, false);
    add(&s, "a@x.example", &s.one);
    add(&s, "b@x.example", &s.two);
    add(&s, "never@x.example", &s.two);
    s.one.publishes = GP_EIO;
    plan(&s);
    run(&s, prepare_fiber);
    run(&s, publish_fiber);
    assert_int_equal(s.published, -1);
    run(&s, revoke_fiber);
    assert_int_equal(s.all.doubled, 1); /* not the one who was refused */
    finish(&s);
}

/* Within one delivery: some have it, some not. */
static void partial(void **unused)
{
    struct setup s;

    (void)unused;
    setup(&s, true, true);
    add(&s, "a@x.example", &s.one);
    add(&s, "later@x.example", &s.one);
    add(&s, "never@x.example", &s.one);
    plan(&s);
    run(&s, prepare_fiber);
    assert_int_equal(s.outcomes[0], GP_OUTCOME_DELIVERED);
    assert_int_equal(s.outcomes[1], GP_OUTCOME_DEFERRED);
    assert_int_equal(s.outcomes[2], GP_OUTCOME_FAILED);
    assert_int_equal(s.world->tx->policy->recipients[1]->reply.code, 451);
    assert_int_equal(s.world->tx->policy->recipients[2]->reply.code, 554);
    run(&s, publish_fiber);
    assert_int_equal(s.published, 0);
    assert_int_equal(s.one.published, 1);
    finish(&s);
}

/* SERIAL holds for targets too. */
static void serial_target(void **unused)
{
    struct setup s, t;

    (void)unused;
    setup(&s, true, true);
    add(&s, "a@x.example", &s.one);
    plan(&s);
    s.one.fake.plugin.flags = GP_PLUGIN_SERIAL;
    s.one.sleep_ms = 1000;
    t = s;
    t.world = s.world;
    t.all.items = NULL;
    t.all.count = t.all.cap = 0;
    gp__deliveries_plan(&t.all, t.disposals);
    start(&s, prepare_fiber);
    start(&t, prepare_fiber);
    assert_int_equal(s.one.delivered, 1);
    assert_true(gp__sim_run(s.world->rt, 100000));
    assert_int_equal(s.one.delivered, 2);
    assert_int_equal(s.world->rt->ops->now_ms(s.world->rt), 2000);
    finish(&s);
}

/* ---- targets that never answer ---- */

/* Two targets, a recipient each; the time for the reply is up after 20 s. */
struct silence {
    const char *one, *two; /* where they hang */
    uint64_t deadline_ms;  /* of both */
    uint64_t ends_ms;      /* when the session can go on; a revoke() that answers takes 1 ms */
    const char *order;
    size_t doubled;
};

static const struct silence silences[] = {
    /* until their own deadline */
    {"d", "", 3000, 3002, "d1 r1 d2 r2", 0},
    {"", "d", 3000, 3002, "d1 d2 r2 r1", 0},
    {"dr", "", 3000, 6001, "d1 r1 d2 r2", 0},
    {"p", "", 3000, 3002, "d1 d2 p1 r1 r2", 0},
    {"", "p", 3000, 3001, "d1 d2 p1 p2 r2", 1},
    {"pr", "", 3000, 6001, "d1 d2 p1 r1 r2", 1}, /* shown or not: nobody knows */
    {"", "pr", 3000, 6000, "d1 d2 p1 p2 r2", 2},
    /* until the reply is due, or a little later when that saves from doing it by halves */
    {"d", "", 600000, 20001, "d1 r1", 0}, /* two is not asked any more */
    {"dr", "", 600000, 40000, "d1 r1", 0},
    {"p", "", 600000, 30002, "d1 d2 p1 r1 r2", 0},
    {"", "p", 600000, 30001, "d1 d2 p1 p2 r2", 1},
    {"pr", "r", 600000, 40000, "d1 d2 p1 r1 r2", 1},
    {"", "pr", 600000, 40000, "d1 d2 p1 p2 r2", 2},
};

/* The steps as the end of a message takes them. */
static void all_fiber(void *arg)
{
    struct setup *s = arg;
    bool ready;

    gp__deliveries_prepare(&s->all, s->world->session, s->outcomes);
    ready = s->outcomes[0] == GP_OUTCOME_DELIVERED && s->outcomes[1] == GP_OUTCOME_DELIVERED;
    s->published = ready ? gp__deliveries_publish(&s->all, s->world->session) : -1;
    if (s->published)
        gp__deliveries_revoke(&s->all, s->world->session);
    s->ended = true;
}

static void hang_setup(struct setup *s, const struct silence *row, bool lies)
{
    setup(s, true, true);
    add(s, "a@x.example", &s->one);
    add(s, "b@x.example", &s->two);
    s->one.hangs = row->one;
    s->two.hangs = row->two;
    s->one.lies = s->two.lies = lies;
    s->one.fake.instance.deadline_ms = s->two.fake.instance.deadline_ms = row->deadline_ms;
    gp__policy_reply_within(s->world->session->policy, 20000);
    plan(s);
}

static void hang_check(struct setup *s, const struct silence *row)
{
    struct gp_recipient **recipients = s->world->tx->policy->recipients;

    assert_true(s->ended);
    assert_int_equal(s->published, -1);
    assert_int_equal(s->all.doubled, row->doubled);
    /* somebody's reply says so to the client */
    assert_true(recipients[0]->reply.code == 451 || recipients[1]->reply.code == 451);
    assert_true(world_logged(s->world, "delivery.failed"));
    assert_null(s->world->session->policy->parked);
    finish(s);
}

static void never_answers(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT(silences); i++) {
        struct setup s;

        print_message("hangs at %s, %s\n", silences[i].one, silences[i].two);
        hang_setup(&s, &silences[i], false);
        run(&s, all_fiber);
        assert_int_equal(s.world->rt->ops->now_ms(s.world->rt), silences[i].ends_ms);
        assert_string_equal(order, silences[i].order);
        hang_check(&s, &silences[i]);
    }
}

/* A wait that was ended is no success, though the target says so. */
static void claims_success(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT(silences); i++) {
        struct setup s;

        print_message("lies after %s, %s\n", silences[i].one, silences[i].two);
        hang_setup(&s, &silences[i], true);
        run(&s, all_fiber);
        hang_check(&s, &silences[i]);
    }
}

/* The client leaves while they hang: who delivers is told, the others go on to their deadlines. */
static void never_answers_and_client_leaves(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT(silences); i++) {
        struct setup s;

        print_message("left at %s, %s\n", silences[i].one, silences[i].two);
        hang_setup(&s, &silences[i], false);
        start(&s, all_fiber);
        gp__sim_advance(s.world->rt, 1000);
        assert_false(s.ended);
        gp__session_cancel_calls(s.world->session);
        assert_true(gp__sim_run(s.world->rt, 86400000));
        assert_true(s.world->rt->ops->now_ms(s.world->rt) <= silences[i].ends_ms);
        hang_check(&s, &silences[i]);
    }
}

/* ---- hostile results ---- */

static void results(void **unused)
{
    static const struct {
        enum gp_outcome said, means;
        const char *status, *text;
        unsigned code; /* 0: none given */
        const char *reply;
    } rows[] = {
        {GP_OUTCOME_DELIVERED, GP_OUTCOME_DELIVERED, "250 2.1.5", "Stored", 250, "Stored"},
        {GP_OUTCOME_DELIVERED, GP_OUTCOME_DELIVERED, NULL, NULL, 0, NULL},
        {GP_OUTCOME_DELIVERED, GP_OUTCOME_DELIVERED, "250", NULL, 250, "Ok"},
        {GP_OUTCOME_DEFERRED, GP_OUTCOME_DEFERRED, "452 4.2.2", "Over quota", 452, "Over quota"},
        {GP_OUTCOME_FAILED, GP_OUTCOME_FAILED, "550 5.1.1", "Nobody", 550, "Nobody"},
        {GP_OUTCOME_FAILED, GP_OUTCOME_FAILED, "550 5.1.1", NULL, 550,
         "The target refused the message"},
        /* status and outcome contradict each other: the outcome counts */
        {GP_OUTCOME_FAILED, GP_OUTCOME_FAILED, "250 2.0.0", "Ok", 0, NULL},
        {GP_OUTCOME_DELIVERED, GP_OUTCOME_DELIVERED, "550 5.1.1", "No", 0, NULL},
        {GP_OUTCOME_DEFERRED, GP_OUTCOME_DEFERRED, "550 5.1.1", "No", 0, NULL},
        /* garbage */
        {GP_OUTCOME_FAILED, GP_OUTCOME_FAILED, "xyz", "No", 0, NULL},
        {GP_OUTCOME_FAILED, GP_OUTCOME_FAILED, "", "No", 0, NULL},
        {GP_OUTCOME_FAILED, GP_OUTCOME_FAILED, "550 5.1.1", "a\nb", 0, NULL},
        {GP_OUTCOME_FAILED, GP_OUTCOME_FAILED, "550 5.1.1", "a\r\n\r\nMAIL FROM:<x>\x7f", 0, NULL},
        {GP_OUTCOME_FAILED, GP_OUTCOME_FAILED, "550 5.1.1", "\xff\xfe", 0, NULL},
        {(enum gp_outcome)77, GP_OUTCOME_DEFERRED, "250 2.0.0", "Ok", 0, NULL},
        {(enum gp_outcome) - 1, GP_OUTCOME_DEFERRED, NULL, NULL, 0, NULL},
        {GP_OUTCOME_NONE, GP_OUTCOME_DEFERRED, NULL, NULL, 0, NULL},
    };

    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct setup s;
        struct gp_delivery *delivery;

        setup(&s, true, true);
        add(&s, "a@x.example", &s.one);
        plan(&s);
        delivery = s.all.items[0];
        /* what was said before is forgotten */
        gp_delivery_result(delivery, 0, GP_OUTCOME_DEFERRED, "450 4.0.0", "Before");
        gp_delivery_result(delivery, 0, rows[i].said, rows[i].status, rows[i].text);
        gp_delivery_result(delivery, 1, GP_OUTCOME_FAILED, "550", "past the end");
        gp_delivery_result(delivery, SIZE_MAX, GP_OUTCOME_FAILED, "550", "past the end");
        assert_int_equal(delivery->outcomes[0], rows[i].means);
        if (delivery->replies[0].code != rows[i].code)
            fail_msg("row %zu: %u", i, delivery->replies[0].code);
        if (rows[i].reply)
            assert_slice(delivery->replies[0].text, rows[i].reply);
        finish(&s);
    }
}

/* ---- what a target sees ---- */

static void getters(void **unused)
{
    struct setup s;
    struct gp_delivery *delivery;
    struct gp_call call;

    (void)unused;
    setup(&s, true, true);
    add(&s, "a@x.example", &s.one);
    plan(&s);
    delivery = s.all.items[0];
    gp__call_init(&call, s.world->rt, NULL, GP_HOOK_ATTEMPT, UINT64_MAX);
    assert_slice(gp_delivery_return_path(&call, delivery), "Return-Path: <a@client.example>\r\n");
    assert_slice(gp_delivery_delivered_to(&call, gp_delivery_rcpt_at(delivery, 0)),
                 "Delivered-To: a@x.example\r\n");
    assert_false(gp_slice_present(gp_delivery_bucket(delivery)));
    /* a reverse-path of the copy's own, the null one */
    delivery->copy->own_sender = true;
    delivery->copy->sender.text = GP_S("");
    assert_slice(gp_delivery_sender(delivery), "");
    assert_slice(gp_delivery_return_path(&call, delivery), "Return-Path: <>\r\n");
    gp_delivery_data_set(delivery, gp_delivery_alloc(delivery, 100));
    assert_int_equal(((char *)gp_delivery_data(delivery))[99], 0);
    gp__call_end(&call);
    finish(&s);
}

/* Peers' text stays inside its quotes. */
static void json(void **unused)
{
    struct setup s;
    struct gp_recipient *a, *b;
    struct gp__ruling by_core = {.verdict = GP_REJECT};
    struct gp_call call;
    struct gp_slice text;

    (void)unused;
    setup(&s, true, true);
    a = add(&s, "\"q\\\"uote\"@x.example", &s.one);
    b = add(&s, "b@x.example", &s.one);
    b->stop = &by_core;
    a->marked_by = &s.two.fake.instance;
    a->route_name = GP_S("one");
    memcpy(s.world->session->helo_text, "a\"},{\n\x01\xff", 8);
    s.world->session->helo_len = 8;
    s.world->session->helo_seen = true;
    plan(&s);
    gp__call_init(&call, s.world->rt, NULL, GP_HOOK_ATTEMPT, UINT64_MAX);
    text = gp_delivery_json(&call, s.all.items[0]);
    assert_slice(text,
                 "{\"id\":\"0123456789abcdef.1.a.1\",\"transaction\":\"0123456789abcdef.1\","
                 "\"received\":\"2026-01-01T00:00:00.000Z\",\"listener\":\"mx\","
                 "\"helo\":\"a\\\"},{\\n\\u0001\\ufffd\",\"sender\":\"a@client.example\","
                 "\"sender_given\":\"a@client.example\",\"recipients\":["
                 "{\"to\":\"\\\"q\\\\\\\"uote\\\"@x.example\",\"route\":\"one\","
                 "\"given\":\"\\\"q\\\\\\\"uote\\\"@x.example\",\"marked_by\":\"2\"},"
                 "{\"to\":\"b@x.example\",\"given\":\"b@x.example\",\"refused_by\":\"core\"}]}\n");
    gp__call_end(&call);
    finish(&s);
}

/* Who said so, and advice: of peers, so only what is sound is kept. */
static void peers(void **unused)
{
    struct setup s;
    struct gp_delivery *delivery;
    char big[500];

    (void)unused;
    setup(&s, true, true);
    add(&s, "a@x.example", &s.one);
    plan(&s);
    delivery = s.all.items[0];
    memset(big, 'x', sizeof big);
    gp_delivery_remote(delivery, 0, GP_S("a\nb"));
    gp_delivery_remote(delivery, 0, GP_S("a\r\nb"));
    gp_delivery_remote(delivery, 0, gp_slice(big, sizeof big));
    assert_false(gp_slice_present(delivery->peers[0].remote));
    gp_delivery_remote(delivery, 0, GP_S("mx.example [192.0.2.1]"));
    gp_delivery_remote(delivery, 1, GP_S("past the end"));
    gp_delivery_relayed(delivery, 0);
    gp_delivery_relayed(delivery, 1);
    assert_slice(delivery->peers[0].remote, "mx.example [192.0.2.1]");
    assert_true(delivery->peers[0].relayed);
    gp_delivery_advise(delivery, GP_ADVICE_SLOWDOWN | 0x80, 5000);
    gp_delivery_advise(delivery, GP_ADVICE_DOWN, 10);
    assert_int_equal(delivery->advice, GP_ADVICE_DOWN | GP_ADVICE_SLOWDOWN);
    assert_int_equal(delivery->retry_after_ms, 5000);
    finish(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(peers),
        cmocka_unit_test(grouped_by_copy_and_target),
        cmocka_unit_test(copies_by_key),
        cmocka_unit_test(client_waits_for_target),
        cmocka_unit_test(all_prepare_before_one_shows),
        cmocka_unit_test(fallback),
        cmocka_unit_test(fallback_that_does_not_show),
        cmocka_unit_test(no_fallback),
        cmocka_unit_test(prepare_fails),
        cmocka_unit_test(one_step_breaks),
        cmocka_unit_test(silence_is_deferred),
        cmocka_unit_test(fault_while_delivering),
        cmocka_unit_test(client_leaves_while_delivering),
        cmocka_unit_test(time_is_up),
        cmocka_unit_test(first_publish_fails),
        cmocka_unit_test(later_publish_fails),
        cmocka_unit_test(one_step_is_visible),
        cmocka_unit_test(partial),
        cmocka_unit_test(serial_target),
        cmocka_unit_test(never_answers),
        cmocka_unit_test(claims_success),
        cmocka_unit_test(never_answers_and_client_leaves),
        cmocka_unit_test(results),
        cmocka_unit_test(getters),
        cmocka_unit_test(json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
