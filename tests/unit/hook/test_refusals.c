// SPDX-License-Identifier: Apache-2.0
/* Refusals before RCPT (semantics B4): when they are given, what clears them, what they skip. */
#include "tests/unit/hook/world.h"

static const enum gp_hook_point early[] = {GP_HOOK_CONNECT, GP_HOOK_TLS, GP_HOOK_HELO,
                                           GP_HOOK_MAIL};

/* The refusal that RCPT meets; begins a transaction unless there is one. */
static const struct gp__ruling *at_rcpt(struct world *world, const char *to)
{
    struct gp_recipient *recipient;
    struct running rcpt;

    if (!world->tx)
        world_mail(world, "a@client.example");
    recipient = world_rcpt(world, to);
    rcpt = world_running(world, GP_HOOK_RCPT);
    return gp__apply_pending(&rcpt.run, recipient);
}

static struct world *world_refused_at(enum gp_hook_point point, enum gp_verdict verdict,
                                      struct fake **fake_r)
{
    struct world *world = world_create();

    *fake_r = world_fake(world, "f", point, verdict);
    if (point == GP_HOOK_MAIL)
        world_mail(world, "a@client.example");
    assert_null(world_run(world, point).stop);
    return world;
}

static void log_in(struct world *world)
{
    world->session->auth_user = GP_S("user");
}

static void waits_for_rcpt(void **unused)
{
    struct fake *fake;

    (void)unused;
    for (size_t i = 0; i < COUNT(early); i++) {
        struct world *world = world_refused_at(early[i], GP_REJECT, &fake);
        const struct gp__ruling *pending = at_rcpt(world, "b@here.example");

        assert_int_equal(pending->verdict, GP_REJECT);
        assert_ptr_equal(pending->by, &fake->instance); /* keeps instance and text */
        assert_int_equal(pending->at, early[i]);
        assert_ptr_equal(at_rcpt(world, "c@here.example"), pending); /* for each */
        world_free(&world);
    }
}

/* Of the listener, or of the instance, which has the last word. */
static void refuses_now(void **unused)
{
    static const struct {
        enum gp__refuse_at listener, own;
        bool has_own, now;
    } rows[] = {
        {GP__REFUSE_AT_RCPT, GP__REFUSE_AT_RCPT, false, false},
        {GP__REFUSE_AT_NOW, GP__REFUSE_AT_RCPT, false, true},
        {GP__REFUSE_AT_RCPT, GP__REFUSE_AT_NOW, true, true},
        {GP__REFUSE_AT_NOW, GP__REFUSE_AT_RCPT, true, false},
    };

    (void)unused;
    for (size_t i = 0; i < COUNT(rows) * COUNT(early); i++) {
        size_t row = i / COUNT(early);
        enum gp_hook_point point = early[i % COUNT(early)];
        struct world *world = world_create();
        struct fake *fake = world_fake(world, "f", point, GP_REJECT);
        struct gp__run run;

        world->settings.refuse_at = rows[row].listener;
        fake->instance.has_refuse_at = rows[row].has_own;
        fake->instance.refuse_at = rows[row].own;
        if (point == GP_HOOK_MAIL)
            world_mail(world, "a@client.example");
        run = world_run(world, point);
        assert_int_equal(run.stop != NULL, rows[row].now);
        assert_int_equal(at_rcpt(world, "b@here.example") != NULL, !rows[row].now);
        world_free(&world);
    }
}

/* DISCONNECT never waits. */
static void disconnects_at_once(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT(early); i++) {
        struct world *world = world_create();
        struct gp__run run;

        world_fake(world, "f", early[i], GP_DISCONNECT);
        world_mail(world, "a@client.example");
        run = world_run(world, early[i]);
        assert_int_equal(run.stop->verdict, GP_DISCONNECT);
        assert_int_equal(run.stop->reply.code, 421);
        world_free(&world);
    }
}

/* 421 means that the session ends: at RCPT it would be a lie. */
static void becomes_450(void **unused)
{
    static const struct {
        const char *status;
        unsigned code, subject;
    } rows[] = {
        {NULL, 450, 7}, {"421 4.7.1", 450, 7}, {"451 4.3.0", 451, 3}, {"450 4.1.1", 450, 1}};

    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct world *world = world_create();
        struct gp__reply reply;

        world_refuser(world, "f", GP_HOOK_CONNECT, GP_DEFER, rows[i].status, "Later");
        world_run(world, GP_HOOK_CONNECT);
        reply = gp__ruling_reply_at_rcpt(at_rcpt(world, "b@here.example"));
        assert_int_equal(reply.code, rows[i].code);
        assert_int_equal(reply.klass, 4);
        assert_int_equal(reply.subject, rows[i].subject);
        world_free(&world);
    }
}

static void later_policy_is_skipped(void **unused)
{
    struct fake *fake, *second, *helo, *auth, *mail, *command;
    struct world *world = world_create();

    (void)unused;
    fake = world_fake(world, "f", GP_HOOK_CONNECT, GP_REJECT);
    second = world_fake(world, "second", GP_HOOK_CONNECT, GP_NEXT);
    helo = world_fake(world, "helo", GP_HOOK_HELO, GP_NEXT);
    auth = world_fake(world, "auth", GP_HOOK_AUTH, GP_NEXT);
    mail = world_fake(world, "mail", GP_HOOK_MAIL, GP_NEXT);
    command = world_fake(world, "command", GP_HOOK_COMMAND, GP_NEXT);
    world_run(world, GP_HOOK_CONNECT);
    world_run(world, GP_HOOK_HELO);
    world_run(world, GP_HOOK_COMMAND);
    world_run(world, GP_HOOK_AUTH);
    assert_int_equal(fake->calls, 1);
    assert_int_equal(second->calls, 0);
    assert_int_equal(helo->calls, 0);
    assert_int_equal(auth->calls, 1); /* AUTH still works */
    assert_int_equal(command->calls, 1);
    world_mail(world, "a@client.example");
    world_run(world, GP_HOOK_MAIL);
    assert_int_equal(mail->calls, 0);
    /* once AUTH has cleared it, nobody is skipped any more */
    log_in(world);
    world_run(world, GP_HOOK_MAIL);
    world_run(world, GP_HOOK_HELO);
    assert_int_equal(mail->calls, 1);
    assert_int_equal(helo->calls, 1);
    world_free(&world);
}

static void auth_clears(void **unused)
{
    struct fake *fake;

    (void)unused;
    for (size_t i = 0; i < 6; i++) {
        bool even = i % 2;
        struct world *world = world_refused_at(early[i / 2], GP_REJECT, &fake);

        fake->instance.even_authenticated = even;
        log_in(world);
        assert_int_equal(at_rcpt(world, "b@here.example") != NULL, even);
        world_free(&world);
    }
}

/* What was decided about a client that was known to be authenticated is not cleared by that. */
static void refused_after_auth(void **unused)
{
    static const enum gp_hook_point points[] = {GP_HOOK_HELO, GP_HOOK_MAIL};

    (void)unused;
    for (size_t i = 0; i < COUNT(points); i++) {
        struct world *world = world_create();

        log_in(world);
        world_fake(world, "f", points[i], GP_REJECT);
        world_mail(world, "a@client.example");
        world_run(world, points[i]);
        assert_non_null(at_rcpt(world, "b@here.example"));
        world_free(&world);
    }
}

/* connect refused, AUTH cleared it, then mail refuses by itself. */
static void mail_refuses_after_a_cleared_one(void **unused)
{
    struct world *world = world_create();
    struct fake *mail;

    (void)unused;
    world_fake(world, "connect", GP_HOOK_CONNECT, GP_REJECT);
    mail = world_fake(world, "mail", GP_HOOK_MAIL, GP_DEFER);
    world_run(world, GP_HOOK_CONNECT);
    log_in(world);
    world_mail(world, "a@client.example");
    world_run(world, GP_HOOK_MAIL);
    assert_ptr_equal(at_rcpt(world, "b@here.example")->by, &mail->instance);
    world_free(&world);
}

static void ends_with_the_transaction(void **unused)
{
    struct fake *fake;
    struct world *world = world_refused_at(GP_HOOK_MAIL, GP_REJECT, &fake);

    (void)unused;
    assert_non_null(at_rcpt(world, "b@here.example"));
    world_end_mail(world);
    assert_null(at_rcpt(world, "b@here.example"));
    world_free(&world);
}

static void exempt_recipients(void **unused)
{
    static const struct gp__pattern exempt[] = {
        {GP__PATTERN_LOCAL, {"postmaster", 10}},
        {GP__PATTERN_ADDRESS, {"abuse@here.example", 18}},
    };
    static const struct {
        const char *to;
        bool refused;
    } rows[] = {
        {"postmaster@here.example", false},
        {"Postmaster@any.example", false},
        {"abuse@HERE.example", false},
        {"abuse@there.example", true},
        {"b@here.example", true},
        {"notpostmaster@here.example", true},
        {"postmaster", false},
    };
    struct fake *fake;

    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct world *world = world_refused_at(GP_HOOK_CONNECT, GP_REJECT, &fake);

        world->settings.exempt = exempt;
        world->settings.n_exempt = COUNT(exempt);
        assert_int_equal(at_rcpt(world, rows[i].to) != NULL, rows[i].refused);
        world_free(&world);
    }
}

static enum gp_verdict overrides_b(struct fake *fake, struct gp_call *call)
{
    (void)fake;
    return gp_rcpt(call) && gp_slice_eq(gp_rcpt_local(gp_rcpt(call)), GP_S("b")) ? GP_OVERRIDE
                                                                                 : GP_NEXT;
}

static void at_rcpt_fiber(void *arg)
{
    struct world *world = arg;

    assert_null(at_rcpt(world, "b@here.example"));
    assert_non_null(at_rcpt(world, "c@here.example"));
}

/* `rejected` is asked when the refusal is made, and again for each recipient it would hit. */
static void override_at_rcpt(void **unused)
{
    struct world *world = world_create();
    struct fake *asked;

    (void)unused;
    world_fake(world, "f", GP_HOOK_CONNECT, GP_REJECT);
    asked = world_fake(world, "asked", GP_HOOK_REJECTED, GP_NEXT);
    asked->fn = overrides_b;
    asked->sleep_ms = 10;
    world_run(world, GP_HOOK_CONNECT);
    assert_int_equal(asked->calls, 1);
    assert_non_null(world->session->policy->pending);
    world->rt->ops->run(world->rt, at_rcpt_fiber, world_run_done, world, 0);
    assert_true(gp__sim_run(world->rt, 1000));
    assert_int_equal(asked->ended, 3);
    world_free(&world);
}

/* B7: failures at connect and helo. */
static void failures_before_mail(void **unused)
{
    static const struct {
        enum gp_on_error on_error;
        bool now;
        unsigned stop, pending; /* codes; 0: none */
    } rows[] = {
        {GP_ON_ERROR_CONTINUE, false, 0, 0},   {GP_ON_ERROR_CONTINUE, true, 0, 0},
        {GP_ON_ERROR_DEFER, false, 0, 451},    {GP_ON_ERROR_DEFER, true, 421, 0},
        {GP_ON_ERROR_REJECT, false, 0, 554},   {GP_ON_ERROR_REJECT, true, 554, 0},
        {GP_ON_ERROR_QUARANTINE, false, 0, 0}, {GP_ON_ERROR_QUARANTINE, true, 0, 0},
    };

    (void)unused;
    for (size_t i = 0; i < COUNT(rows) * 2; i++) {
        size_t row = i / 2;
        enum gp_hook_point point = i % 2 ? GP_HOOK_HELO : GP_HOOK_CONNECT;
        struct world *world = world_create();
        struct fake *fake = world_fake(world, "f", point, GP_FAIL);
        const struct gp__ruling *pending;
        struct gp__run run;

        fake->instance.on_error = rows[row].on_error;
        world->settings.refuse_at = rows[row].now ? GP__REFUSE_AT_NOW : GP__REFUSE_AT_RCPT;
        run = world_run(world, point);
        assert_int_equal(run.stop ? run.stop->reply.code : 0, rows[row].stop);
        assert_int_equal(run.stop && run.stop->verdict == GP_DISCONNECT, rows[row].stop == 421);
        pending = at_rcpt(world, "b@here.example");
        assert_int_equal(pending ? pending->reply.code : 0, rows[row].pending);
        assert_int_equal(gp_slice_present(world->tx->policy->recipients[0]->bucket),
                         rows[row].on_error == GP_ON_ERROR_QUARANTINE);
        world_free(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_for_rcpt),
        cmocka_unit_test(refuses_now),
        cmocka_unit_test(disconnects_at_once),
        cmocka_unit_test(becomes_450),
        cmocka_unit_test(later_policy_is_skipped),
        cmocka_unit_test(auth_clears),
        cmocka_unit_test(refused_after_auth),
        cmocka_unit_test(mail_refuses_after_a_cleared_one),
        cmocka_unit_test(ends_with_the_transaction),
        cmocka_unit_test(exempt_recipients),
        cmocka_unit_test(override_at_rcpt),
        cmocka_unit_test(failures_before_mail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
