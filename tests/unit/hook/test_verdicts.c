// SPDX-License-Identifier: Apache-2.0
/* What verdicts do (semantics B1): passes, marks, stops, at each hook, and over stages. */
#include "tests/unit/hook/world.h"

static const enum gp_hook_point in_session[] = {
    GP_HOOK_CONNECT, GP_HOOK_TLS,     GP_HOOK_HELO,         GP_HOOK_AUTH,    GP_HOOK_MAIL,
    GP_HOOK_RESOLVE, GP_HOOK_RCPT,    GP_HOOK_DATA,         GP_HOOK_HEADERS, GP_HOOK_BODY,
    GP_HOOK_MESSAGE, GP_HOOK_COMMAND, GP_HOOK_CAPABILITIES,
};

static bool before_mail(enum gp_hook_point point)
{
    return gp__points[point].context == GP__CONTEXT_SESSION;
}

/* A world that has come as far as the point, with one recipient if there can be one. */
static struct world *world_at(enum gp_hook_point point)
{
    struct world *world = world_create();

    if (before_mail(point))
        return world;
    world_mail(world, "a@client.example");
    if (point != GP_HOOK_MAIL)
        world_rcpt(world, "b@here.example");
    return world;
}

static bool answers_now(enum gp_hook_point point)
{
    return point == GP_HOOK_AUTH || point == GP_HOOK_RESOLVE || point == GP_HOOK_RCPT ||
           point == GP_HOOK_COMMAND;
}

/* The refusal that the answer led to, wherever it is kept; or NULL. */
static const struct gp__ruling *refusal_in(const struct world *world, const struct gp__run *run)
{
    const struct gp__policy *policy = world->tx ? world->tx->policy : NULL;

    if (run->stop)
        return run->stop;
    if (world->session->policy->pending)
        return world->session->policy->pending;
    if (!policy)
        return NULL;
    if (policy->pending)
        return policy->pending;
    return policy->n_recipients ? policy->recipients[0]->stop : policy->discarded;
}

static enum gp_verdict reply_and_accept(struct fake *fake, struct gp_call *call)
{
    (void)fake;
    gp_reply(call, "250 2.0.0", "Done");
    return GP_ACCEPT;
}

/* ---- legal and illegal ---- */

static void check_answer(enum gp_hook_point point, int answer)
{
    struct world *world = world_at(point);
    struct fake *fake = world_fake(world, "f", point, (enum gp_verdict)answer);
    bool fails = answer == GP_FAIL || !gp__verdict_legal(point, (enum gp_verdict)answer);
    const struct gp__ruling *refusal;
    struct gp__run run;

    if (point == GP_HOOK_COMMAND && answer == GP_ACCEPT)
        fake->fn = reply_and_accept;
    run = world_run(world, point);
    refusal = refusal_in(world, &run);
    assert_int_equal(fake->calls, 1);
    if (fake->stats[point].faults != fails)
        fail_msg("verdict %d at %s: %d faults", answer, gp__points[point].name,
                 (int)fake->stats[point].faults);
    if (point == GP_HOOK_CAPABILITIES)
        assert_null(refusal);
    else if (fails)
        assert_int_equal(refusal->verdict, GP_DEFER); /* on_error */
    else if (gp__verdict_is_stop((enum gp_verdict)answer))
        assert_int_equal(refusal->verdict, answer);
    else
        assert_null(refusal);
    if (refusal && answers_now(point) && answer != GP_DISCARD)
        assert_ptr_equal(run.stop, refusal);
    world_free(&world);
}

static void each_verdict_at_each_hook(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT(in_session); i++) {
        for (int answer = 0; answer < GP_VERDICT_COUNT; answer++)
            check_answer(in_session[i], answer);
        check_answer(in_session[i], 77);
        check_answer(in_session[i], -1);
    }
}

/* Nobody minds what an observer says. */
static void observers_decide_nothing(void **unused)
{
    static const enum gp_hook_point points[] = {GP_HOOK_ACCEPTED, GP_HOOK_RESET,
                                                GP_HOOK_DISCONNECT};

    (void)unused;
    for (size_t i = 0; i < COUNT(points); i++) {
        for (int answer = 0; answer < GP_VERDICT_COUNT; answer++) {
            struct world *world = world_at(GP_HOOK_MESSAGE);
            struct fake *first = world_fake(world, "f", points[i], (enum gp_verdict)answer);
            struct fake *second = world_fake(world, "g", points[i], GP_NEXT);
            struct gp__run run;

            world->session->gone = true; /* they run even then */
            run = world_run(world, points[i]);
            assert_null(refusal_in(world, &run));
            assert_false(run.canceled);
            assert_false(gp_slice_present(world->tx->policy->recipients[0]->bucket));
            assert_int_equal(first->calls + second->calls, 2);
            world_free(&world);
        }
    }
}

/* The default replies, where the plugin gave none. */
static void default_replies(void **unused)
{
    static const struct {
        enum gp_hook_point point;
        enum gp_verdict verdict;
        unsigned code;
    } rows[] = {
        {GP_HOOK_CONNECT, GP_REJECT, 554},  {GP_HOOK_CONNECT, GP_DEFER, 421},
        {GP_HOOK_HELO, GP_REJECT, 550},     {GP_HOOK_HELO, GP_DEFER, 450},
        {GP_HOOK_AUTH, GP_REJECT, 535},     {GP_HOOK_AUTH, GP_DEFER, 454},
        {GP_HOOK_MAIL, GP_REJECT, 550},     {GP_HOOK_MAIL, GP_DEFER, 451},
        {GP_HOOK_RCPT, GP_REJECT, 550},     {GP_HOOK_RCPT, GP_DEFER, 450},
        {GP_HOOK_DATA, GP_REJECT, 554},     {GP_HOOK_MESSAGE, GP_REJECT, 554},
        {GP_HOOK_MESSAGE, GP_DEFER, 451},   {GP_HOOK_COMMAND, GP_REJECT, 502},
        {GP_HOOK_RCPT, GP_DISCONNECT, 421}, {GP_HOOK_CONNECT, GP_DISCONNECT, 421},
    };

    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct world *world = world_at(rows[i].point);
        const struct gp__ruling *refusal;
        struct gp__run run;

        world_fake(world, "f", rows[i].point, rows[i].verdict);
        run = world_run(world, rows[i].point);
        refusal = refusal_in(world, &run);
        assert_int_equal(refusal->reply.code, rows[i].code);
        assert_int_equal(refusal->reply.klass, rows[i].code / 100);
        assert_true(gp__reply_ok(&refusal->reply, 0));
        world_free(&world);
    }
}

/* The reply outlives the call it was made in. */
static void own_reply(void **unused)
{
    struct world *world = world_at(GP_HOOK_RCPT);
    struct gp__run run;

    (void)unused;
    world_refuser(world, "f", GP_HOOK_RCPT, GP_REJECT, "552 5.2.2", "Mailbox\r\nfull");
    run = world_run(world, GP_HOOK_RCPT);
    assert_int_equal(run.stop->reply.code, 552);
    assert_int_equal(run.stop->reply.subject, 2);
    assert_slice(run.stop->reply.text, "Mailbox\r\nfull");
    assert_slice(run.stop->by->id, "f");
    assert_int_equal(run.stop->at, GP_HOOK_RCPT);
    assert_true(world_logged(world, "hook.verdict"));
    world_free(&world);
}

/* The text was for another verdict than the one that was returned. */
static void noted_for_another_verdict(void **unused)
{
    struct world *world = world_at(GP_HOOK_RCPT);
    struct fake *fake = world_refuser(world, "f", GP_HOOK_RCPT, GP_REJECT, "552 5.2.2", "Full");
    struct gp__run run;

    (void)unused;
    fake->answer = GP_DEFER;
    fake->text = NULL;
    run = world_run(world, GP_HOOK_RCPT);
    assert_int_equal(run.stop->reply.code, 450);
    world_free(&world);
}

/* ---- ACCEPT ---- */

static void accept_ends_this_hook_only(void **unused)
{
    struct world *world = world_at(GP_HOOK_MESSAGE);
    struct fake *marker = world_fake(world, "marker", GP_HOOK_MESSAGE, GP_QUARANTINE);
    struct fake *friend = world_fake(world, "friend", GP_HOOK_MESSAGE, GP_ACCEPT);
    struct fake *later = world_fake(world, "later", GP_HOOK_MESSAGE, GP_REJECT);
    struct fake *sealer = world_fake(world, "sealer", GP_HOOK_SEAL, GP_NEXT);
    struct fake *observer = world_fake(world, "observer", GP_HOOK_ACCEPTED, GP_NEXT);
    struct running seal;

    (void)unused;
    marker->bucket = "spam";
    world_hook(world, friend, GP_HOOK_DATA);
    world_hook(world, later, GP_HOOK_DATA);
    world_message(world, "A: b\r\n\r\n");
    world_run(world, GP_HOOK_MESSAGE);
    assert_int_equal(friend->calls, 1);
    assert_int_equal(later->calls, 0);
    /* ACCEPT undoes nothing */
    assert_slice(world->tx->policy->recipients[0]->bucket, "spam");
    assert_null(world->tx->policy->recipients[0]->stop);
    /* and reaches no other hook */
    friend->answer = GP_NEXT;
    world_run(world, GP_HOOK_DATA);
    assert_int_equal(later->calls, 1);
    seal = world_running(world, GP_HOOK_SEAL);
    seal.run.copy = world->tx->policy->copies[0];
    world_run_with(world, &seal);
    assert_int_equal(sealer->calls, 1);
    world_run(world, GP_HOOK_ACCEPTED);
    assert_int_equal(observer->calls, 1);
    world_free(&world);
}

static void accept_keeps_earlier_refusals(void **unused)
{
    struct world *world = world_at(GP_HOOK_CONNECT);
    struct gp_recipient *recipient;
    struct running rcpt;

    (void)unused;
    world_fake(world, "blocker", GP_HOOK_CONNECT, GP_REJECT);
    world_fake(world, "friend", GP_HOOK_RCPT, GP_ACCEPT);
    world_run(world, GP_HOOK_CONNECT);
    world_mail(world, "a@client.example");
    recipient = world_rcpt(world, "b@here.example");
    rcpt = world_running(world, GP_HOOK_RCPT);
    assert_true(world_run_with(world, &rcpt).accepted);
    assert_non_null(gp__apply_pending(&rcpt.run, recipient));
    world_free(&world);
}

static void accept_before_the_recipient(void **unused)
{
    static const enum gp_hook_point points[] = {GP_HOOK_CONNECT, GP_HOOK_HELO, GP_HOOK_MAIL,
                                                GP_HOOK_RESOLVE, GP_HOOK_RCPT};

    (void)unused;
    for (size_t i = 0; i < COUNT(points); i++) {
        struct world *world = world_at(points[i]);
        struct fake *friend = world_fake(world, "friend", points[i], GP_ACCEPT);
        struct fake *later = world_fake(world, "later", points[i], GP_NEXT);

        assert_true(world_run(world, points[i]).accepted);
        assert_int_equal(friend->calls, 1);
        assert_int_equal(later->calls, 0);
        world_free(&world);
    }
}

/* ---- marks ---- */

static void marks_are_handed_down(void **unused)
{
    struct world *world = world_at(GP_HOOK_CONNECT);
    struct fake *fake = world_fake(world, "f", GP_HOOK_CONNECT, GP_QUARANTINE);
    struct fake *mail = world_fake(world, "m", GP_HOOK_MAIL, GP_NEXT);

    (void)unused;
    world_run(world, GP_HOOK_CONNECT);
    assert_slice(world->session->policy->bucket, "review");
    world_mail(world, "a@client.example");
    assert_slice(world_rcpt(world, "b@here.example")->bucket, "review");
    assert_ptr_equal(world->tx->policy->recipients[0]->marked_by, &fake->instance);
    world_end_mail(world);

    world_mail(world, "a@client.example");
    mail->answer = GP_QUARANTINE;
    mail->bucket = "virus";
    world_run(world, GP_HOOK_MAIL);
    assert_slice(world_rcpt(world, "b@here.example")->bucket, "virus");
    /* the next transaction has the session's mark only */
    world_end_mail(world);
    world_mail(world, "a@client.example");
    assert_slice(world_rcpt(world, "b@here.example")->bucket, "review");
    world_free(&world);
}

/* A virus scanner after the mark may still refuse. */
static void quarantine_then_reject(void **unused)
{
    struct world *world = world_at(GP_HOOK_MESSAGE);
    struct fake *scanner;

    (void)unused;
    world_fake(world, "marker", GP_HOOK_MESSAGE, GP_QUARANTINE);
    scanner = world_refuser(world, "scanner", GP_HOOK_MESSAGE, GP_REJECT, "554 5.7.1", "Virus");
    world_run(world, GP_HOOK_MESSAGE);
    assert_int_equal(scanner->calls, 1);
    assert_slice(world->tx->policy->recipients[0]->bucket, "review");
    assert_int_equal(world->tx->policy->recipients[0]->stop->verdict, GP_REJECT);
    world_free(&world);
}

static void which_bucket(void **unused)
{
    struct world *world = world_at(GP_HOOK_MESSAGE);
    struct fake *first = world_fake(world, "first", GP_HOOK_MESSAGE, GP_QUARANTINE);
    struct fake *second = world_fake(world, "second", GP_HOOK_MESSAGE, GP_QUARANTINE);
    struct fake *broken = world_fake(world, "broken", GP_HOOK_MESSAGE, GP_FAIL);
    struct gp_recipient *recipient = world->tx->policy->recipients[0];

    (void)unused;
    first->bucket = "spam";
    second->bucket = "virus";
    broken->instance.on_error = GP_ON_ERROR_QUARANTINE;
    world_run(world, GP_HOOK_MESSAGE);
    assert_int_equal(broken->calls, 1);
    /* the last that was named; a failure names none */
    assert_slice(recipient->bucket, "virus");
    assert_ptr_equal(recipient->marked_by, &second->instance);
    world_free(&world);
}

/* ---- stops ---- */

static void first_stop_wins(void **unused)
{
    static const enum gp_verdict stops[] = {GP_DISCARD, GP_DEFER, GP_REJECT, GP_DISCONNECT};

    (void)unused;
    for (size_t a = 0; a < COUNT(stops); a++) {
        for (size_t b = 0; b < COUNT(stops); b++) {
            struct world *world = world_at(GP_HOOK_MESSAGE);
            struct fake *second;

            world_fake(world, "first", GP_HOOK_MESSAGE, stops[a]);
            second = world_fake(world, "second", GP_HOOK_MESSAGE, stops[b]);
            world_run(world, GP_HOOK_MESSAGE);
            assert_int_equal(second->calls, 0);
            assert_int_equal(world->tx->policy->recipients[0]->stop->verdict, stops[a]);
            world_free(&world);
        }
    }
}

/* Over stages the order of force counts, and among equals the first. */
static void force_over_stages(void **unused)
{
    static const struct {
        enum gp_verdict before, after, wins;
        bool asked;
    } rows[] = {
        {GP_DISCARD, GP_NEXT, GP_DISCARD, true},
        {GP_DISCARD, GP_QUARANTINE, GP_DISCARD, true},
        {GP_DISCARD, GP_DISCARD, GP_DISCARD, true},
        {GP_DISCARD, GP_DEFER, GP_DEFER, true},
        {GP_DISCARD, GP_REJECT, GP_REJECT, true},
        {GP_DEFER, GP_REJECT, GP_DEFER, false}, /* refused: nobody is asked any more */
        {GP_REJECT, GP_DEFER, GP_REJECT, false},
    };

    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct world *world = world_at(GP_HOOK_MESSAGE);
        struct fake *before = world_fake(world, "before", GP_HOOK_HEADERS, rows[i].before);
        struct fake *after = world_fake(world, "after", GP_HOOK_MESSAGE, rows[i].after);
        struct running message;
        const struct gp__ruling *stop;

        world_run(world, GP_HOOK_HEADERS);
        message = world_running(world, GP_HOOK_MESSAGE);
        assert_int_equal(message.run.n_scope, rows[i].asked);
        if (rows[i].asked)
            world_run_with(world, &message);
        stop = world->tx->policy->recipients[0]->stop;
        assert_int_equal(stop->verdict, rows[i].wins);
        assert_ptr_equal(stop->by,
                         rows[i].wins == rows[i].before ? &before->instance : &after->instance);
        world_free(&world);
    }
}

static void discard_of_the_transaction(void **unused)
{
    struct world *world = world_at(GP_HOOK_MAIL);
    struct fake *later;

    (void)unused;
    world_fake(world, "f", GP_HOOK_MAIL, GP_DISCARD);
    later = world_fake(world, "later", GP_HOOK_MAIL, GP_REJECT);
    assert_null(world_run(world, GP_HOOK_MAIL).stop);
    assert_int_equal(world->tx->policy->discarded->verdict, GP_DISCARD);
    assert_int_equal(later->calls, 0);
    world_free(&world);
}

/* ---- gp_judge ---- */

static enum gp_verdict judges_apart(struct fake *fake, struct gp_call *call)
{
    (void)fake;
    gp_judge(call, gp_rcpt_at(call, 3), gp_reject(call, "550 5.7.1", "Not you"));
    gp_judge(call, gp_rcpt_at(call, 1), gp_quarantine(call, GP_S("spam"), "score"));
    gp_judge(call, gp_rcpt_at(call, 2), GP_NEXT);
    return GP_DISCARD;
}

static struct world *world_of_four(void)
{
    struct world *world = world_create();

    world_mail(world, "a@client.example");
    world_rcpt(world, "one@here.example");
    world_rcpt(world, "two@here.example");
    world_rcpt(world, "three@there.example");
    world_rcpt(world, "four@there.example");
    return world;
}

static void recipients_are_judged_apart(void **unused)
{
    struct world *world = world_of_four();
    struct gp_recipient **r = world->tx->policy->recipients;
    struct fake *fake = world_fake(world, "f", GP_HOOK_MESSAGE, GP_NEXT);
    struct fake *later = world_fake(world, "later", GP_HOOK_MESSAGE, GP_NEXT);

    (void)unused;
    fake->fn = judges_apart;
    world_run(world, GP_HOOK_MESSAGE);
    assert_int_equal(r[3]->stop->verdict, GP_REJECT);
    assert_slice(r[3]->stop->reply.text, "Not you");
    assert_null(r[1]->stop);
    assert_slice(r[1]->bucket, "spam");
    assert_null(r[2]->stop);
    assert_false(gp_slice_present(r[2]->bucket));
    assert_int_equal(r[0]->stop->verdict, GP_DISCARD);
    /* those who were stopped are not shown to later ones */
    assert_int_equal(later->scope, 2);
    world_free(&world);
}

static enum gp_verdict judges_and_fails(struct fake *fake, struct gp_call *call)
{
    judges_apart(fake, call);
    return gp_fail(call, "and then it broke");
}

/* Half an opinion is none: on_error decides about all. */
static void failing_undoes_judging(void **unused)
{
    struct world *world = world_of_four();
    struct gp_recipient **r = world->tx->policy->recipients;
    struct fake *fake = world_fake(world, "f", GP_HOOK_MESSAGE, GP_NEXT);

    (void)unused;
    fake->fn = judges_and_fails;
    world_run(world, GP_HOOK_MESSAGE);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(r[i]->stop->verdict, GP_DEFER);
        assert_int_equal(r[i]->stop->reply.code, 451);
        assert_false(gp_slice_present(r[i]->bucket));
    }
    assert_true(world_logged(world, "and then it broke"));
    world_free(&world);
}

/* ---- when: for some recipients ---- */

static const struct gp__pattern here[] = {{GP__PATTERN_DOMAIN, {"here.example", 12}}};
static const struct gp__when for_here = {
    .kind = GP__WHEN_FACT, .fact = GP__FACT_RECIPIENT, .patterns = here, .n_patterns = 1};

static void scope_is_narrowed(void **unused)
{
    static const enum gp_verdict answers[] = {GP_QUARANTINE, GP_DISCARD, GP_DEFER, GP_REJECT,
                                              GP_ACCEPT};

    (void)unused;
    for (size_t i = 0; i < COUNT(answers); i++) {
        struct world *world = world_of_four();
        struct gp_recipient **r = world->tx->policy->recipients;
        struct fake *fake = world_fake(world, "f", GP_HOOK_MESSAGE, answers[i]);
        struct fake *later = world_fake(world, "later", GP_HOOK_MESSAGE, GP_NEXT);
        bool marks = answers[i] == GP_QUARANTINE, stops = gp__verdict_is_stop(answers[i]);

        fake->instance.when = &for_here;
        world_run(world, GP_HOOK_MESSAGE);
        assert_int_equal(fake->calls, 1); /* once, for both */
        assert_int_equal(fake->scope, 2);
        for (size_t n = 0; n < 4; n++) {
            assert_int_equal(gp_slice_present(r[n]->bucket), marks && n < 2);
            assert_int_equal(r[n]->stop != NULL, stops && n < 2);
        }
        assert_int_equal(later->scope, marks ? 4 : 2);
        world_free(&world);
    }
}

static void nobody_in_scope(void **unused)
{
    struct world *world = world_create();
    struct fake *fake = world_fake(world, "f", GP_HOOK_MESSAGE, GP_REJECT);
    struct gp_recipient *recipient;

    (void)unused;
    world_mail(world, "a@client.example");
    recipient = world_rcpt(world, "x@there.example");
    fake->instance.when = &for_here;
    world_run(world, GP_HOOK_MESSAGE);
    assert_int_equal(fake->calls, 0);
    assert_int_equal(fake->stats[GP_HOOK_MESSAGE].calls, 0);
    assert_null(recipient->stop);
    world_free(&world);
}

/* ---- OVERRIDE ---- */

static enum gp_verdict overrides_first(struct fake *fake, struct gp_call *call)
{
    struct gp_recipient *recipient = gp_rcpt(call);

    (void)fake;
    assert_slice(gp_rejected_by(call), "f");
    if (!recipient)
        return GP_NEXT;
    return gp_slice_starts(gp_rcpt_address(recipient), GP_S("one@")) ? GP_OVERRIDE : GP_NEXT;
}

static void override_for_one_recipient(void **unused)
{
    struct world *world = world_of_four();
    struct gp_recipient **r = world->tx->policy->recipients;
    struct fake *later, *first, *second;

    (void)unused;
    world_fake(world, "f", GP_HOOK_MESSAGE, GP_REJECT);
    later = world_fake(world, "later", GP_HOOK_MESSAGE, GP_QUARANTINE);
    first = world_fake(world, "first", GP_HOOK_REJECTED, GP_NEXT);
    first->fn = overrides_first;
    second = world_fake(world, "second", GP_HOOK_REJECTED, GP_OVERRIDE);
    second->fn = overrides_first;
    world_run(world, GP_HOOK_MESSAGE);
    assert_int_equal(first->calls, 4);
    assert_int_equal(second->calls, 4); /* all see it */
    assert_null(r[0]->stop);
    for (size_t i = 1; i < 4; i++)
        assert_int_equal(r[i]->stop->verdict, GP_REJECT);
    /* the chain goes on for the one */
    assert_int_equal(later->calls, 1);
    assert_int_equal(later->scope, 1);
    assert_true(gp_slice_present(r[0]->bucket));
    world_free(&world);
}

static size_t count_lines(struct world *world, const char *text)
{
    struct gp_slice rest = gp__buf_slice(&world->lines);
    size_t n = 0;

    while (gp_slice_present(rest)) {
        struct gp_slice line = gp_slice_split(&rest, '\n');

        n += gp_slice_search(line, gp_slice_of(text)) < line.len;
    }
    return n;
}

static void override_of_each_refusal(void **unused)
{
    static const enum gp_hook_point points[] = {GP_HOOK_CONNECT, GP_HOOK_HELO, GP_HOOK_MAIL,
                                                GP_HOOK_RCPT, GP_HOOK_DATA};
    static const enum gp_verdict refusals[] = {GP_DEFER, GP_REJECT, GP_DISCONNECT};

    (void)unused;
    for (size_t i = 0; i < COUNT(points) * COUNT(refusals); i++) {
        enum gp_hook_point point = points[i / COUNT(refusals)];
        struct world *world = world_at(point);
        struct fake *later, *second;
        struct gp__run run;

        world_fake(world, "f", point, refusals[i % COUNT(refusals)]);
        later = world_fake(world, "later", point, GP_NEXT);
        world_fake(world, "first", GP_HOOK_REJECTED, GP_OVERRIDE);
        second = world_fake(world, "second", GP_HOOK_REJECTED, GP_OVERRIDE);
        run = world_run(world, point);
        assert_null(refusal_in(world, &run));
        assert_int_equal(later->calls, 1);
        assert_int_equal(second->calls, 1);
        assert_int_equal(count_lines(world, "hook.override"), 1); /* the first did it */
        assert_true(world_logged(world, "first"));
        world_free(&world);
    }
}

/* What overrides badly overrides nothing; DISCARD and the core's own are not asked about. */
static void what_does_not_override(void **unused)
{
    static const struct {
        enum gp_verdict verdict, said;
        unsigned asked;
    } rows[] = {
        {GP_REJECT, GP_NEXT, 1},  {GP_REJECT, GP_FAIL, 1},      {GP_REJECT, GP_ACCEPT, 1},
        {GP_REJECT, GP_DEFER, 1}, {GP_DISCARD, GP_OVERRIDE, 0},
    };

    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct world *world = world_at(GP_HOOK_MESSAGE);
        struct fake *asked;

        world_fake(world, "f", GP_HOOK_MESSAGE, rows[i].verdict);
        asked = world_fake(world, "asked", GP_HOOK_REJECTED, rows[i].said);
        asked->instance.on_error = GP_ON_ERROR_CONTINUE;
        world_run(world, GP_HOOK_MESSAGE);
        assert_int_equal(asked->calls, rows[i].asked);
        assert_int_equal(world->tx->policy->recipients[0]->stop->verdict, rows[i].verdict);
        world_free(&world);
    }
}

/* One that fails at `rejected` neither decides nor keeps others from being asked. */
static void failing_at_rejected(void **unused)
{
    static const enum gp_on_error policies[] = {GP_ON_ERROR_DEFER, GP_ON_ERROR_REJECT,
                                                GP_ON_ERROR_QUARANTINE, GP_ON_ERROR_CONTINUE};

    (void)unused;
    for (size_t i = 0; i < COUNT(policies); i++) {
        struct world *world = world_at(GP_HOOK_MESSAGE);
        struct gp_recipient *recipient = world->tx->policy->recipients[0];
        struct fake *broken;

        world_fake(world, "f", GP_HOOK_MESSAGE, GP_REJECT);
        broken = world_fake(world, "broken", GP_HOOK_REJECTED, GP_FAIL);
        broken->instance.on_error = policies[i];
        world_fake(world, "overrides", GP_HOOK_REJECTED, GP_OVERRIDE);
        world_run(world, GP_HOOK_MESSAGE);
        assert_int_equal(broken->stats[GP_HOOK_REJECTED].faults, 1);
        assert_null(recipient->stop);
        assert_false(gp_slice_present(recipient->bucket));
        assert_false(gp_slice_present(world->session->policy->bucket));
        world_free(&world);
    }
}

/* ---- seal, command ---- */

static void seal_that_fails(void **unused)
{
    static const enum gp_on_error policies[] = {GP_ON_ERROR_DEFER, GP_ON_ERROR_REJECT,
                                                GP_ON_ERROR_QUARANTINE, GP_ON_ERROR_CONTINUE};

    (void)unused;
    for (size_t i = 0; i < COUNT(policies); i++) {
        struct world *world = world_at(GP_HOOK_MESSAGE);
        struct fake *fake = world_fake(world, "f", GP_HOOK_SEAL, GP_FAIL);
        struct gp_recipient *recipient = world->tx->policy->recipients[0];
        bool fails = policies[i] == GP_ON_ERROR_DEFER || policies[i] == GP_ON_ERROR_REJECT;
        struct running seal;

        fake->instance.on_error = policies[i];
        world_message(world, "A: b\r\n\r\n");
        gp__copies_settle(world->tx->policy);
        seal = world_running(world, GP_HOOK_SEAL);
        seal.run.copy = world->tx->policy->copies[0];
        world_run_with(world, &seal);
        assert_int_equal(seal.run.failed != NULL, fails);
        assert_int_equal(gp_slice_present(recipient->bucket),
                         policies[i] == GP_ON_ERROR_QUARANTINE);
        assert_null(recipient->stop);
        world_free(&world);
    }
}

static void command_reply(void **unused)
{
    struct world *world = world_at(GP_HOOK_COMMAND);
    struct fake *fake = world_fake(world, "f", GP_HOOK_COMMAND, GP_ACCEPT);
    struct gp__run run;

    (void)unused;
    /* an answer without a reply would leave the client waiting */
    run = world_run(world, GP_HOOK_COMMAND);
    assert_false(run.accepted);
    assert_int_equal(run.stop->reply.code, 451);
    fake->fn = reply_and_accept;
    run = world_run(world, GP_HOOK_COMMAND);
    assert_true(run.accepted);
    assert_int_equal(run.reply.code, 250);
    assert_slice(run.reply.text, "Done");
    world_free(&world);
}

/* ---- the trail ---- */

static void trails(void **unused)
{
    struct world *world = world_at(GP_HOOK_MESSAGE);
    struct fake *fake = world_fake(world, "f", GP_HOOK_DATA, GP_QUARANTINE);
    struct gp__trail *trail;

    (void)unused;
    world_hook(world, fake, GP_HOOK_MESSAGE);
    world_run(world, GP_HOOK_DATA);
    fake->answer = GP_ACCEPT;
    world_run(world, GP_HOOK_MESSAGE);
    trail = &gp__trails_of(world->session->policy, world->tx->policy)[fake->instance.index];
    assert_true(trail->called);
    assert_false(trail->fault);
    assert_int_equal(trail->verdict, GP_QUARANTINE); /* the one with most force */
    assert_int_equal(fake->stats[GP_HOOK_DATA].verdicts[GP_QUARANTINE], 1);
    assert_int_equal(fake->stats[GP_HOOK_MESSAGE].verdicts[GP_ACCEPT], 1);
    world_free(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_verdict_at_each_hook),
        cmocka_unit_test(observers_decide_nothing),
        cmocka_unit_test(default_replies),
        cmocka_unit_test(own_reply),
        cmocka_unit_test(noted_for_another_verdict),
        cmocka_unit_test(accept_ends_this_hook_only),
        cmocka_unit_test(accept_keeps_earlier_refusals),
        cmocka_unit_test(accept_before_the_recipient),
        cmocka_unit_test(marks_are_handed_down),
        cmocka_unit_test(quarantine_then_reject),
        cmocka_unit_test(which_bucket),
        cmocka_unit_test(first_stop_wins),
        cmocka_unit_test(force_over_stages),
        cmocka_unit_test(discard_of_the_transaction),
        cmocka_unit_test(recipients_are_judged_apart),
        cmocka_unit_test(failing_undoes_judging),
        cmocka_unit_test(scope_is_narrowed),
        cmocka_unit_test(nobody_in_scope),
        cmocka_unit_test(override_for_one_recipient),
        cmocka_unit_test(override_of_each_refusal),
        cmocka_unit_test(what_does_not_override),
        cmocka_unit_test(failing_at_rejected),
        cmocka_unit_test(seal_that_fails),
        cmocka_unit_test(command_reply),
        cmocka_unit_test(trails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
