// SPDX-License-Identifier: Apache-2.0
/* Shadow mode (semantics B6): asked beside the chain, never obeyed, counted. */
#include "tests/unit/hook/world.h"

static struct fake *shadow_fake(struct world *world, const char *id, enum gp_hook_point point,
                                enum gp_verdict answer)
{
    struct fake *fake = world_fake(world, id, point, answer);

    fake->instance.shadow = true;
    return fake;
}

static struct world *world_with(unsigned n_recipients)
{
    static const char *const to[] = {"b@here.example", "c@here.example", "d@here.example"};
    struct world *world = world_create();

    world_mail(world, "a@client.example");
    for (unsigned i = 0; i < n_recipients; i++)
        world_rcpt(world, to[i]);
    return world;
}

static void set_fates(struct world *world, enum gp__fate fate)
{
    for (size_t i = 0; i < world->tx->policy->n_recipients; i++)
        world->tx->policy->recipients[i]->fate = fate;
}

/* ---- it changes nothing ---- */

/* Whatever it says, however long it takes. */
static void decides_nothing(void **unused)
{
    (void)unused;
    for (int answer = 0; answer <= 77; answer = answer < GP_VERDICT_COUNT ? answer + 1 : 78) {
        struct world *world = world_with(2);
        struct fake *shadow = shadow_fake(world, "s", GP_HOOK_MESSAGE, (enum gp_verdict)answer);
        struct fake *later = world_fake(world, "later", GP_HOOK_MESSAGE, GP_NEXT);
        struct fake *rejected = world_fake(world, "rejected", GP_HOOK_REJECTED, GP_OVERRIDE);
        struct running running = world_running(world, GP_HOOK_MESSAGE);

        shadow->sleep_ms = 5000;
        world_start(world, &running);
        assert_true(running.ended); /* at once */
        assert_int_equal(later->scope, 2);
        assert_int_equal(shadow->calls, 1);
        assert_int_equal(shadow->ended, 0);
        assert_true(gp__sim_run(world->rt, 100000));
        assert_int_equal(shadow->ended, 1);
        assert_int_equal(rejected->calls, 0);
        assert_null(world->tx->policy->recipients[0]->stop);
        assert_false(gp_slice_present(world->tx->policy->recipients[0]->bucket));
        world_free(&world);
    }
}

/* No reply's budget, no client that leaves ends it: only its own deadline. */
static void own_deadline(void **unused)
{
    struct world *world = world_with(1);
    struct fake *shadow = shadow_fake(world, "s", GP_HOOK_MESSAGE, GP_NEXT);

    (void)unused;
    shadow->sleep_ms = 20000;
    gp__policy_reply_within(world->session->policy, 1000);
    world_run(world, GP_HOOK_MESSAGE);
    assert_int_equal(shadow->slept, 0);
    assert_int_equal(world->rt->ops->now_ms(world->rt), 20000);

    shadow->sleep_ms = 40000;
    world_run(world, GP_HOOK_MESSAGE);
    assert_int_equal(shadow->slept, GP_ETIMEDOUT);
    assert_int_equal(world->rt->ops->now_ms(world->rt), 50000);
    assert_int_equal(shadow->stats[GP_HOOK_MESSAGE].timeouts, 1);
    world_free(&world);
}

/* Transaction, session and client are gone; it still reads what it was given. */
static enum gp_verdict reads_all(struct fake *fake, struct gp_call *call)
{
    assert_int_equal(gp_sleep(call, 10000), 0);
    assert_slice(gp_sender(call), "a@client.example");
    assert_slice(gp_rcpt_address(gp_rcpt_at(call, 0)), "b@here.example");
    assert_slice(gp_listener(call), "mx");
    fake->slept = 1;
    return GP_REJECT;
}

static void outlives_all(void **unused)
{
    struct world *world = world_with(1);
    struct fake *shadow = shadow_fake(world, "s", GP_HOOK_MESSAGE, GP_NEXT);
    struct running running;

    (void)unused;
    shadow->fn = reads_all;
    world_message(world, "Subject: x\r\n\r\nbody\r\n");
    running = world_running(world, GP_HOOK_MESSAGE);
    world_start(world, &running);
    set_fates(world, GP__FATE_DELIVERED);
    gp__shadow_settle(world->tx->policy);
    assert_int_equal(shadow->instance.shadow_differed, 0);
    world_end_mail(world);
    gp__session_cancel_calls(world->session);
    gp__session_unref(&world->session);
    assert_true(gp__sim_run(world->rt, 100000));
    assert_int_equal(shadow->slept, 1);
    assert_int_equal(shadow->instance.shadow_differed, 1);
    assert_int_equal(shadow->instance.shadows, 0);
    world_free(&world);
}

/* Before MAIL, and for bytes that lie in the engine's buffers. */
static enum gp_verdict reads_command(struct fake *fake, struct gp_call *call)
{
    assert_int_equal(gp_sleep(call, 100), 0);
    assert_slice(gp_command_verb(call), "XFOO");
    assert_slice(gp_command_argument(call), "bar");
    fake->slept = 1;
    return GP_NEXT;
}

static void outlives_the_command(void **unused)
{
    struct world *world = world_create();
    struct fake *shadow = shadow_fake(world, "s", GP_HOOK_COMMAND, GP_NEXT);
    struct running running = world_running(world, GP_HOOK_COMMAND);
    char *verb = gp__strdup("XFOO"), *argument = gp__strdup("bar");

    (void)unused;
    shadow->fn = reads_command;
    running.run.verb = gp_slice_of(verb);
    running.run.argument = gp_slice_of(argument);
    world_start(world, &running);
    gp__free(verb);
    gp__free(argument);
    gp__session_unref(&world->session);
    assert_true(gp__sim_run(world->rt, 1000));
    assert_int_equal(shadow->slept, 1);
    world_free(&world);
}

static enum gp_verdict reads_chunk(struct fake *fake, struct gp_call *call)
{
    assert_slice(gp_body_chunk(call), fake->calls == 1 ? "first" : "");
    return GP_NEXT;
}

static void outlives_the_chunk(void **unused)
{
    struct world *world = world_with(1);
    struct fake *shadow = shadow_fake(world, "s", GP_HOOK_BODY, GP_NEXT);
    char *bytes = gp__strdup("first");
    struct running first, last;

    (void)unused;
    shadow->fn = reads_chunk;
    first = world_running(world, GP_HOOK_BODY);
    first.run.chunk = gp_slice_of(bytes);
    last = world_running(world, GP_HOOK_BODY);
    last.run.chunk = GP_S("");
    last.run.last_chunk = true;
    gp__run_chain(&first.run); /* on the loop's stack: nothing else ran yet */
    gp__free(bytes);
    gp__run_chain(&last.run);
    assert_int_equal(shadow->calls, 0);
    gp__sim_settle(world->rt);
    assert_int_equal(shadow->calls, 2);
    world_free(&world);
}

static enum gp_verdict adds_capability(struct fake *fake, struct gp_call *call)
{
    fake->slept = gp_capability_add(call, GP_S("XSHADOW"));
    return GP_NEXT;
}

static void no_capabilities(void **unused)
{
    struct world *world = world_create();
    struct fake *shadow = shadow_fake(world, "s", GP_HOOK_CAPABILITIES, GP_NEXT);
    struct gp__buf *lines = gp__alloc(sizeof *lines);
    struct running running = world_running(world, GP_HOOK_CAPABILITIES);

    (void)unused;
    shadow->fn = adds_capability;
    shadow->slept = -1;
    running.run.capabilities = lines;
    gp__run_chain(&running.run);
    assert_int_equal(lines->len, 0);
    gp__buf_free(lines);
    gp__free(lines);
    gp__sim_settle(world->rt);
    assert_int_equal(shadow->slept, 0);
    world_free(&world);
}

/* ---- the overlay ---- */

static enum gp_verdict edits_or_looks(struct fake *fake, struct gp_call *call)
{
    struct gp_message *message = gp_message(call);

    if (fake->calls == 1) {
        gp_header_add(call, message, GP_HEADER_TOP, GP_S("X-Shadow"), GP_S("1"));
        gp_note_set(call, GP_NOTE_TRANSACTION, NULL, "seen", GP_S("yes"), 0);
        return GP_NEXT;
    }
    fake->slept = gp_header_find(message, GP_S("X-Shadow"), 0) != NULL;
    assert_slice(gp_note_get(call, NULL, GP_S("seen")), "yes");
    assert_non_null(gp_header_find(message, GP_S("A"), 0));
    return GP_NEXT;
}

static enum gp_verdict looks(struct fake *fake, struct gp_call *call)
{
    assert_null(gp_header_find(gp_message(call), GP_S("X-Shadow"), 0));
    assert_false(gp_slice_present(gp_note_get(call, NULL, GP_S("s.seen"))));
    (void)fake;
    return GP_NEXT;
}

static void overlay_is_its_own(void **unused)
{
    struct world *world = world_with(1);
    struct fake *shadow = shadow_fake(world, "s", GP_HOOK_HEADERS, GP_NEXT);
    struct fake *other = shadow_fake(world, "other", GP_HOOK_MESSAGE, GP_NEXT);
    struct fake *real = world_fake(world, "real", GP_HOOK_MESSAGE, GP_NEXT);

    (void)unused;
    world_hook(world, shadow, GP_HOOK_MESSAGE);
    shadow->fn = edits_or_looks;
    other->fn = looks;
    real->fn = looks;
    world_message(world, "A: b\r\n\r\nbody\r\n");
    world_run(world, GP_HOOK_HEADERS);
    world_run(world, GP_HOOK_MESSAGE);
    assert_int_equal(shadow->slept, 1);
    assert_int_equal(shadow->stats[GP_HOOK_HEADERS].faults, 0);
    assert_int_equal(other->ended + real->ended, 2);
    assert_null(gp_header_find(world->tx->policy->message, GP_S("X-Shadow"), 0));
    assert_false(gp__message_edited(world->tx->policy->message));
    world_free(&world);
}

static enum gp_verdict replaces_body(struct fake *fake, struct gp_call *call)
{
    fake->slept = gp_body_splice(call, gp_message(call), 0, 4, GP_S("x"));
    return GP_NEXT;
}

/* A body edit of a shadow must not make a real one fail. */
static void no_conflict_with_real_edits(void **unused)
{
    struct world *world = world_with(1);
    struct fake *shadow = shadow_fake(world, "s", GP_HOOK_MESSAGE, GP_NEXT);
    struct gp_message *message;

    (void)unused;
    shadow->fn = replaces_body;
    world_message(world, "A: b\r\n\r\nbody text\r\n");
    world_run(world, GP_HOOK_MESSAGE);
    assert_int_equal(shadow->slept, 0);
    message = world->tx->policy->message;
    assert_int_equal(gp__message_body_splice(message, GP_S("real"), 1, 5, GP_S("y")), 0);
    assert_int_equal(gp_body_size(message), 7);
    world_free(&world);
}

static enum gp_verdict finds_real_edit(struct fake *fake, struct gp_call *call)
{
    fake->slept = gp_header_find(gp_message(call), GP_S("X-Real"), 0) != NULL;
    return GP_NEXT;
}

/* As long as it edited nothing it sees what all see. */
static void sees_real_edits(void **unused)
{
    struct world *world = world_with(1);
    struct fake *shadow = shadow_fake(world, "s", GP_HOOK_HEADERS, GP_NEXT);

    (void)unused;
    world_hook(world, shadow, GP_HOOK_MESSAGE);
    shadow->fn = finds_real_edit;
    world_message(world, "A: b\r\n\r\nbody\r\n");
    world_run(world, GP_HOOK_HEADERS);
    assert_int_equal(shadow->slept, 0);
    gp__message_header_insert(world->tx->policy->message, GP_S("real"), 0, GP_S("X-Real"),
                              GP_S("1"));
    world_run(world, GP_HOOK_MESSAGE);
    assert_int_equal(shadow->slept, 1);
    world_free(&world);
}

static enum gp_verdict notes_before_mail(struct fake *fake, struct gp_call *call)
{
    if (gp_hook_point(call) == GP_HOOK_CONNECT)
        gp_note_set(call, GP_NOTE_SESSION, NULL, "seen", GP_S("yes"), 0);
    else
        fake->slept = gp_slice_eq(gp_note_get(call, NULL, GP_S("seen")), GP_S("yes"));
    return GP_NEXT;
}

static void notes_before_mail_stay(void **unused)
{
    struct world *world = world_create();
    struct fake *shadow = shadow_fake(world, "s", GP_HOOK_CONNECT, GP_NEXT);

    (void)unused;
    world_hook(world, shadow, GP_HOOK_HELO);
    world_hook(world, shadow, GP_HOOK_RCPT);
    shadow->fn = notes_before_mail;
    world_run(world, GP_HOOK_CONNECT);
    world_run(world, GP_HOOK_HELO);
    assert_int_equal(shadow->slept, 1);
    shadow->slept = 0;
    world_mail(world, "a@client.example");
    world_rcpt(world, "b@here.example");
    world_run(world, GP_HOOK_RCPT);
    assert_int_equal(shadow->slept, 1);
    assert_true(!world->session->policy->notes || !world->session->policy->notes->first);
    world_free(&world);
}

/* ---- at most so many ---- */

static void too_many_are_skipped(void **unused)
{
    struct world *world = world_with(1);
    struct fake *shadow = shadow_fake(world, "s", GP_HOOK_MESSAGE, GP_NEXT);
    struct running running[7];

    (void)unused;
    shadow->sleep_ms = 1000;
    for (size_t i = 0; i < COUNT(running); i++) {
        running[i] = world_running(world, GP_HOOK_MESSAGE);
        world_start(world, &running[i]);
    }
    assert_int_equal(shadow->calls, 4);
    assert_int_equal(shadow->instance.shadows, 4);
    assert_int_equal(shadow->instance.shadows_skipped, 3);
    assert_true(gp__sim_run(world->rt, 10000));
    assert_int_equal(shadow->instance.shadows, 0);
    /* half an opinion is not counted */
    set_fates(world, GP__FATE_DELIVERED);
    gp__shadow_settle(world->tx->policy);
    assert_int_equal(shadow->instance.shadow_agreed + shadow->instance.shadow_differed, 0);
    world_free(&world);
}

/* ---- agreement ---- */

static void agreement(void **unused)
{
    static const struct {
        enum gp_verdict would;
        enum gp__fate fate;
        bool agrees;
    } rows[] = {
        {GP_NEXT, GP__FATE_DELIVERED, true},      {GP_NEXT, GP__FATE_QUEUED, true},
        {GP_ACCEPT, GP__FATE_DELIVERED, true},    {GP_NEXT, GP__FATE_REJECTED, false},
        {GP_REJECT, GP__FATE_REJECTED, true},     {GP_REJECT, GP__FATE_BOUNCED, true},
        {GP_DISCONNECT, GP__FATE_REJECTED, true}, {GP_REJECT, GP__FATE_DEFERRED, false},
        {GP_DEFER, GP__FATE_DEFERRED, true},      {GP_DISCARD, GP__FATE_DROPPED, true},
        {GP_QUARANTINE, GP__FATE_HELD, true},     {GP_QUARANTINE, GP__FATE_DELIVERED, false},
        {GP_FAIL, GP__FATE_DEFERRED, true}, /* its on_error would have deferred */
    };

    (void)unused;
    for (size_t i = 0; i < COUNT(rows) * 2; i++) {
        size_t row = i / 2;
        struct world *world = world_with(2);
        struct fake *shadow = shadow_fake(world, "s", GP_HOOK_MESSAGE, rows[row].would);
        struct running running = world_running(world, GP_HOOK_MESSAGE);

        shadow->sleep_ms = 100;
        world_start(world, &running);
        /* whichever comes first: its end or the fates */
        if (i % 2)
            gp__sim_run(world->rt, 1000);
        set_fates(world, rows[row].fate);
        gp__shadow_settle(world->tx->policy);
        gp__shadow_settle(world->tx->policy); /* once */
        assert_int_equal(shadow->instance.shadow_agreed + shadow->instance.shadow_differed,
                         i % 2 ? 2 : 0);
        assert_true(gp__sim_run(world->rt, 1000));
        assert_int_equal(shadow->instance.shadow_agreed, rows[row].agrees ? 2 : 0);
        assert_int_equal(shadow->instance.shadow_differed, rows[row].agrees ? 0 : 2);
        world_free(&world);
    }
}

static enum gp_verdict rejects_c(struct fake *fake, struct gp_call *call)
{
    (void)fake;
    gp_judge(call, gp_rcpt_at(call, 1), gp_reject(call, NULL, "No"));
    return GP_NEXT;
}

static void agreement_for_each(void **unused)
{
    struct world *world = world_with(3);
    struct gp_recipient **r = world->tx->policy->recipients;
    struct fake *shadow = shadow_fake(world, "s", GP_HOOK_MESSAGE, GP_NEXT);

    (void)unused;
    shadow->fn = rejects_c;
    world_run(world, GP_HOOK_MESSAGE);
    r[0]->fate = GP__FATE_DELIVERED;
    r[1]->fate = GP__FATE_DELIVERED;
    r[2]->fate = GP__FATE_NONE; /* never settled: does not count */
    gp__shadow_settle(world->tx->policy);
    assert_int_equal(shadow->instance.shadow_agreed, 1);
    assert_int_equal(shadow->instance.shadow_differed, 1);
    world_free(&world);
}

/* A recipient that was refused at RCPT leaves its place to the next. */
static void places_are_used_again(void **unused)
{
    struct world *world = world_with(1);
    struct gp__policy *policy = world->tx->policy;
    struct fake *shadow = shadow_fake(world, "s", GP_HOOK_RCPT, GP_REJECT);

    (void)unused;
    world_run(world, GP_HOOK_RCPT);
    policy->n_recipients = 0;
    shadow->answer = GP_NEXT;
    world_rcpt(world, "next@here.example");
    world_run(world, GP_HOOK_RCPT);
    set_fates(world, GP__FATE_DELIVERED);
    gp__shadow_settle(policy);
    assert_int_equal(shadow->instance.shadow_agreed, 1);
    assert_int_equal(shadow->instance.shadow_differed, 0);
    world_free(&world);
}

/* What it would have said at connect, for all that follows; AUTH would have cleared it. */
static void agreement_before_mail(void **unused)
{
    static const struct {
        bool auth, even;
        enum gp__fate agrees;
    } rows[] = {
        {false, false, GP__FATE_REJECTED},
        {true, false, GP__FATE_DELIVERED},
        {true, true, GP__FATE_REJECTED},
    };

    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct world *world = world_create();
        struct fake *shadow = shadow_fake(world, "s", GP_HOOK_CONNECT, GP_REJECT);

        shadow->instance.even_authenticated = rows[i].even;
        world_run(world, GP_HOOK_CONNECT);
        if (rows[i].auth)
            world->session->auth_user = GP_S("user");
        for (unsigned n = 0; n < 2; n++) {
            world_mail(world, "a@client.example");
            world_rcpt(world, "b@here.example");
            set_fates(world, rows[i].agrees);
            gp__shadow_settle(world->tx->policy);
            world_end_mail(world);
        }
        assert_int_equal(shadow->instance.shadow_agreed, 2);
        assert_int_equal(shadow->instance.shadow_differed, 0);
        world_free(&world);
    }
}

static void logs_what_it_would(void **unused)
{
    struct world *world = world_with(1);

    (void)unused;
    shadow_fake(world, "s", GP_HOOK_MESSAGE, GP_REJECT);
    world_run(world, GP_HOOK_MESSAGE);
    assert_true(world_logged(world, "hook.shadow"));
    assert_true(world_logged(world, "reject"));
    assert_false(world_logged(world, "hook.verdict"));
    world_free(&world);
}

/* Observers and `rejected` are not for shadows. */
static void not_asked(void **unused)
{
    static const enum gp_hook_point points[] = {GP_HOOK_ACCEPTED, GP_HOOK_RESET, GP_HOOK_DISCONNECT,
                                                GP_HOOK_REJECTED};

    (void)unused;
    for (size_t i = 0; i < COUNT(points); i++) {
        struct world *world = world_with(1);
        struct fake *shadow = shadow_fake(world, "s", points[i], GP_OVERRIDE);

        world_fake(world, "f", GP_HOOK_MESSAGE, GP_REJECT);
        world_run(world, GP_HOOK_MESSAGE);
        world_run(world, points[i]);
        assert_int_equal(shadow->calls, 0);
        assert_non_null(world->tx->policy->recipients[0]->stop);
        world_free(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decides_nothing),
        cmocka_unit_test(own_deadline),
        cmocka_unit_test(outlives_all),
        cmocka_unit_test(outlives_the_command),
        cmocka_unit_test(outlives_the_chunk),
        cmocka_unit_test(no_capabilities),
        cmocka_unit_test(overlay_is_its_own),
        cmocka_unit_test(no_conflict_with_real_edits),
        cmocka_unit_test(sees_real_edits),
        cmocka_unit_test(notes_before_mail_stay),
        cmocka_unit_test(too_many_are_skipped),
        cmocka_unit_test(agreement),
        cmocka_unit_test(agreement_for_each),
        cmocka_unit_test(places_are_used_again),
        cmocka_unit_test(agreement_before_mail),
        cmocka_unit_test(logs_what_it_would),
        cmocka_unit_test(not_asked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
