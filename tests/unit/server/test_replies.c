// SPDX-License-Identifier: Apache-2.0
/*
 * What becomes of each recipient, and what the client is told, through the whole server: verdicts
 * at every stage, answers of targets, expansions, additions, duplicates, drafts; for SMTP, with one
 * reply for all, and for LMTP, with one for each.
 */
#include "world.h"

/* ---- verdicts by name: "rej@example.test" is rejected ---- */

static enum gp_verdict verdict_of(struct gp_call *call, const struct gp_recipient *recipient)
{
    struct gp_slice local = gp_rcpt_local(recipient);

    if (gp_slice_starts(local, GP_S("rej")))
        return gp_reject(call, "550 5.7.1", "No");
    if (gp_slice_starts(local, GP_S("def")))
        return gp_defer(call, "450 4.7.1", "Later");
    if (gp_slice_starts(local, GP_S("dis")))
        return gp_discard(call, "so");
    if (gp_slice_starts(local, GP_S("qua")))
        return gp_quarantine(call, GP_S("spam"), "so");
    return gp_slice_starts(local, GP_S("acc")) ? GP_ACCEPT : GP_NEXT;
}

static enum gp_verdict judge(struct gp_call *call)
{
    if (gp_rcpt(call))
        return verdict_of(call, gp_rcpt(call));
    for (size_t i = 0; i < gp_rcpt_count(call); i++) {
        struct gp_recipient *recipient = gp_rcpt_at(call, i);

        assert_int_equal(gp_judge(call, recipient, verdict_of(call, recipient)), 0);
    }
    return GP_NEXT;
}

/* ---- answers of the target by name ---- */

static int target_answers(struct gp_call *call, struct gp_delivery *delivery)
{
    (void)call;
    for (size_t i = 0; i < gp_delivery_rcpt_count(delivery); i++) {
        struct gp_slice local = gp_rcpt_local(gp_delivery_rcpt_at(delivery, i));

        if (gp_slice_starts(local, GP_S("fail")))
            gp_delivery_result(delivery, i, GP_OUTCOME_FAILED, "552 5.2.2", "Full");
        else if (gp_slice_starts(local, GP_S("later")))
            gp_delivery_result(delivery, i, GP_OUTCOME_DEFERRED, "450 4.2.1", "Busy");
        else
            gp_delivery_result(delivery, i, GP_OUTCOME_DELIVERED, NULL, NULL);
    }
    return 0;
}

/* ---- a transaction ---- */

enum manner { SMTP, LMTP, PRDR, MANNERS };

static void begin(struct world *world, enum manner manner)
{
    if (manner == LMTP)
        world->entrance.smtp.protocol = GP__PROTOCOL_LMTP;
    world_connect(world);
    say(world, manner == LMTP ? "LHLO client.example\r\n" : HELLO);
    say(world, manner == PRDR ? MAIL_PRDR : MAIL);
    assert_replies(world, 0, "220 250 250");
}

/* Names separated by spaces. */
static void recipients(struct world *world, const char *names)
{
    struct gp_slice rest = gp_slice_of(names);

    while (rest.len) {
        struct gp_slice name = gp_slice_split(&rest, ' ');
        char line[128];

        snprintf(line, sizeof line, "RCPT TO:<" GP_FMT "%s>\r\n", GP_ARG(name),
                 gp_slice_find(name, '@') < name.len ? "" : "@example.test");
        say(world, line);
    }
}

/* The reply to the message, or to DATA if that was refused. */
static void send_message(struct world *world, const char *expected)
{
    char code[4] = "";

    say(world, "DATA\r\n");
    snprintf(code, sizeof code, "%s", replies(world, 0));
    if (strcmp(code, "354") != 0) {
        assert_string_equal(code, expected);
        return;
    }
    say(world, MESSAGE);
    assert_replies(world, 0, expected);
}

/* The session goes on, and nothing is left of the transaction. */
static void end(struct world *world)
{
    say(world, "RSET\r\n");
    say(world, "QUIT\r\n");
    assert_replies(world, 0, "250 221");
    assert_int_equal(world_files(world, "/box/tmp"), 0);
    assert_int_equal(world_files(world, "/held/spam/."), 0);
    assert_int_equal(seen.calls[GP_HOOK_ACCEPTED] + seen.calls[GP_HOOK_RESET], 1);
    world_free(&world);
}

/* Whether each recipient gets a reply; `each` are the replies then. */
static bool has_each(enum manner manner, const char *each)
{
    return manner == LMTP || (manner == PRDR && strchr(each, ' '));
}

/* What the client reads at the end of data. */
static const char *wanted(enum manner manner, const char *one, const char *each)
{
    static char text[64];

    if (!has_each(manner, each))
        return one;
    if (manner == LMTP)
        return each;
    snprintf(text, sizeof text, "353 %s %s", each,
             strstr(each, "250")   ? "250"
             : strstr(each, "450") ? "450"
                                   : one);
    return text;
}

#define MIXED(how)                                                                                 \
    CONFIG_HEAD CONFIG_CHAIN                                                                       \
        "listeners: {l: {address: '127.0.0.1:25', chain: c, mixed_reject: " how "}}\n"

/* ---- after DATA ---- */

struct fates {
    const char *names, *smtp, *lmtp;
    size_t delivered, held; /* files */
    const char *to;
};

static const struct fates after_data[] = {
    {"ok", "250", "250", 1, 0, "ok "},
    {"ok rej", "250", "250 550", 1, 2, "ok "},
    {"rej ok", "250", "550 250", 1, 2, "ok "},
    {"ok def", "450", "250 450", 0, 0, ""},
    {"rej def", "450", "550 450", 0, 0, ""},
    {"rej rej2", "550", "550 550", 0, 0, ""},
    {"def def2", "450", "450 450", 0, 0, ""},
    {"dis", "250", "250", 0, 0, ""},
    {"dis ok", "250", "250 250", 1, 0, "ok "},
    {"dis rej", "250", "250 550", 0, 2, ""},
    {"qua", "250", "250", 0, 2, ""},
    {"qua ok", "250", "250 250", 1, 2, "ok "},
    {"acc ok", "250", "250 250", 1, 0, "acc ok "},
    {"qua rej", "250", "250 550", 0, 4, ""},
};

static void check_fates(const struct fates *fates, enum gp_hook_point stage, enum manner manner)
{
    struct world *world = world_create(CONFIG, 1u << stage | OBSERVERS);
    const char *expected = wanted(manner, fates->smtp, fates->lmtp);
    bool each = has_each(manner, fates->lmtp);
    size_t held = fates->held;

    print_message("%s at %s, manner %d\n", fates->names, gp__points[stage].name, (int)manner);
    seen.fn[stage] = judge;
    begin(world, manner);
    recipients(world, fates->names);
    replies(world, 0);
    /* A refusal of all at DATA is one of the command: any 4xx makes it one. */
    if (stage == GP_HOOK_DATA && !strstr(fates->lmtp, "250"))
        expected = strstr(fates->lmtp, "450") ? "450" : "550";
    send_message(world, expected);
    if (each && held && strstr(fates->names, "rej"))
        held -= 2; /* told so, and not held */
    assert_int_equal(world_files(world, "/box/new"),
                     each && strcmp(fates->names, "ok def") == 0 ? 1 : fates->delivered);
    assert_int_equal(world_files(world, "/held"), held);
    assert_false(world_logged(world, "bad_answer"));
    if (!each)
        assert_to(fates->to);
    end(world);
}

static void test_verdicts_after_data(void **state)
{
    static const enum gp_hook_point stages[] = {GP_HOOK_DATA, GP_HOOK_HEADERS, GP_HOOK_BODY,
                                                GP_HOOK_MESSAGE};

    (void)state;
    for (size_t s = 0; s < COUNT(stages); s++)
        for (size_t i = 0; i < COUNT(after_data); i++)
            for (int manner = 0; manner < MANNERS; manner++)
                check_fates(&after_data[i], stages[s], (enum manner)manner);
}

static void test_mixed_discard(void **state)
{
    struct world *world = world_create(MIXED("discard"), ON(MESSAGE) | OBSERVERS);

    (void)state;
    seen.fn[GP_HOOK_MESSAGE] = judge;
    begin(world, SMTP);
    recipients(world, "ok rej");
    replies(world, 0);
    send_message(world, "250");
    assert_int_equal(world_files(world, "/box/new"), 1);
    assert_int_equal(world_files(world, "/held"), 0);
    end(world);
}

/* Without a place to hold it nobody gets what is refused for one, and the client is told so: nothing
 * is dropped in silence. The first row is what a configuration says that says nothing. */
static const struct {
    const char *config;
    bool by_target;
    const char *names, *reply;
} refused_for_all[] = {
#define NO_HOLD "hostname: mx.example.test\n" CONFIG_TARGETS CONFIG_CHAIN CONFIG_LISTENER
    {NO_HOLD, false, "ok rej", "550"},
    {NO_HOLD, false, "rej ok", "550"},
    {NO_HOLD, false, "ok rej def", "450"}, /* may be judged otherwise later */
    {NO_HOLD, true, "ok fail", "552"},
    {NO_HOLD, true, "ok fail later", "450"},
    {MIXED("refuse_all"), false, "ok rej qua", "550"},
    {MIXED("refuse_all"), true, "ok fail", "552"},
#undef NO_HOLD
};

static void test_mixed_refuse_all(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(refused_for_all); i++) {
        struct world *world = world_create(refused_for_all[i].config, ON(MESSAGE) | OBSERVERS);

        print_message("%s: %s\n", refused_for_all[i].names, refused_for_all[i].reply);
        seen.fn[GP_HOOK_MESSAGE] = refused_for_all[i].by_target ? NULL : judge;
        seen.deliver = refused_for_all[i].by_target ? target_answers : NULL;
        begin(world, false);
        recipients(world, refused_for_all[i].names);
        replies(world, 0);
        send_message(world, refused_for_all[i].reply);
        assert_int_equal(world_files(world, "/box"), 0);
        assert_int_equal(world_files(world, "/held"), 0);
        assert_int_equal(seen.calls[GP_HOOK_ACCEPTED], 0);
        end(world);
    }
}

/* ---- at RCPT ---- */

static void test_verdicts_at_rcpt(void **state)
{
    struct world *world = world_create(CONFIG, ON(RCPT) | OBSERVERS);

    (void)state;
    seen.fn[GP_HOOK_RCPT] = judge;
    begin(world, SMTP);
    recipients(world, "ok rej def dis qua nobody temp x@elsewhere.test acc");
    assert_replies(world, 0, "250 550 450 250 250 550 451 550 250");
    say(world, "RCPT TO:<Postmaster>\r\n");
    assert_replies(world, 0, "250");
    send_message(world, "250");
    assert_to("ok acc Postmaster ");
    assert_int_equal(world_files(world, "/box/new"), 1);
    assert_int_equal(world_files(world, "/held"), 2);
    end(world);
}

static enum gp_verdict discard(struct gp_call *call)
{
    return gp_discard(call, "so");
}

static enum gp_verdict add_extra(struct gp_call *call)
{
    struct gp_recipient *added;

    assert_int_equal(gp_rcpt_add(call, GP_S("extra@example.test"), &added), 0);
    assert_int_equal(gp_rcpt_add(call, GP_S("nobody@example.test"), NULL), 0);
    assert_int_equal(gp_rcpt_add(call, GP_S("x@elsewhere.test"), NULL), 0);
    return GP_NEXT;
}

/* ---- recipients who are judged differently ---- */

#define CONFIG_SPLIT                                                                               \
    CONFIG_HEAD CONFIG_CHAIN                                                                       \
        "listeners: {l: {address: '127.0.0.1:25', chain: c, split: one_policy}}\n"

/* Its first letter, none for "any…". */
static enum gp_verdict key_by_letter(struct gp_call *call)
{
    struct gp_slice local = gp_rcpt_local(gp_rcpt(call));
    struct gp_slice key = gp_slice_starts(local, GP_S("any")) ? GP_S("")
                                                              : gp_slice_sub(local, 0, 1);

    assert_int_equal(gp_rcpt_policy(call, gp_rcpt(call), key), 0);
    return GP_NEXT;
}

static void test_one_policy(void **state)
{
    static const struct {
        const char *config;
        enum manner manner;
        const char *names, *replies, *to;
    } cases[] = {
        {CONFIG_SPLIT, SMTP, "any1 a1 b1 a2 any2 b2", "250 250 452 250 250 452",
         "any1 a1 a2 any2 "},
        {CONFIG_SPLIT, SMTP, "noone b1 a1", "550 250 452", "b1 "}, /* who is refused has no say */
        {CONFIG_SPLIT, LMTP, "a1 b1", "250 250", "a1 b1 "},
        {CONFIG, SMTP, "a1 b1", "250 250", "a1 b1 "},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct world *world = world_create(cases[i].config, ON(RCPT) | OBSERVERS);

        seen.fn[GP_HOOK_RCPT] = key_by_letter;
        begin(world, cases[i].manner);
        recipients(world, cases[i].names);
        assert_replies(world, 0, cases[i].replies);
        send_message(world, cases[i].manner == LMTP ? "250 250" : "250");
        assert_to(cases[i].to);
        end(world);
    }
}

/* Dropped as a whole at MAIL: also for those who are added later. */
static void test_discard_at_mail(void **state)
{
    struct world *world = world_create(CONFIG, ON(MAIL) | ON(DATA) | OBSERVERS);

    (void)state;
    seen.fn[GP_HOOK_MAIL] = discard;
    seen.fn[GP_HOOK_DATA] = add_extra;
    begin(world, SMTP);
    recipients(world, "ok ok2");
    replies(world, 0);
    send_message(world, "250");
    assert_to("");
    end(world);
}

static void test_quarantine_before_rcpt(void **state)
{
    static const enum gp_hook_point stages[] = {GP_HOOK_CONNECT, GP_HOOK_HELO, GP_HOOK_MAIL};

    (void)state;
    for (size_t i = 0; i < COUNT(stages); i++) {
        struct world *world = world_create(CONFIG, 1u << stages[i] | OBSERVERS);

        seen.verdict[stages[i]] = GP_QUARANTINE;
        begin(world, SMTP);
        recipients(world, "ok");
        replies(world, 0);
        send_message(world, "250");
        assert_to("");
        assert_int_equal(world_files(world, "/held"), 2);
        end(world);
    }
}

/* ---- targets ---- */

static const struct fates by_target[] = {
    {"fail", "552", "552", 0, 0, NULL},           {"later", "450", "450", 0, 0, NULL},
    {"fail later", "450", "552 450", 0, 0, NULL}, {"ok later", "450", "250 450", 1, 0, NULL},
    {"ok fail", "250", "250 552", 1, 2, NULL}, /* nothing is lost: held */
};

static void test_targets(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(by_target); i++) {
        for (int manner = 0; manner < MANNERS; manner++) {
            const struct fates *fates = &by_target[i];
            bool each = has_each((enum manner)manner, fates->lmtp);
            struct world *world = world_create(CONFIG, OBSERVERS);

            print_message("target: %s, manner %d\n", fates->names, manner);
            seen.deliver = target_answers;
            begin(world, (enum manner)manner);
            recipients(world, fates->names);
            replies(world, 0);
            send_message(world, wanted((enum manner)manner, fates->smtp, fates->lmtp));
            assert_int_equal(world_files(world, "/box/new"),
                             each || fates->held ? fates->delivered : 0);
            assert_int_equal(world_files(world, "/held"), each ? 0 : fates->held);
            end(world);
        }
    }
}

/* A direct target is asked on the fiber of the session, and gets the stack that it asks for. */
static int target_goes_deep(struct gp_call *call, struct gp_delivery *delivery)
{
    volatile char deep[BOX_STACK / 4 * 3];

    (void)call;
    for (size_t i = 0; i < sizeof deep; i += 1024)
        deep[i] = 1;
    gp_delivery_result(delivery, 0, deep[0] ? GP_OUTCOME_DELIVERED : GP_OUTCOME_FAILED, NULL, NULL);
    return 0;
}

static void test_stack_of_a_target(void **state)
{
    struct world *world = world_create(CONFIG, OBSERVERS);

    (void)state;
    seen.deliver = target_goes_deep;
    begin(world, SMTP);
    recipients(world, "ok");
    replies(world, 0);
    send_message(world, "250");
    end(world);
}

/* What can't be held is not accepted. */
static void test_target_refuses_and_no_space(void **state)
{
    struct world *world = world_create(CONFIG, OBSERVERS);

    (void)state;
    seen.deliver = target_answers;
    begin(world, SMTP);
    recipients(world, "ok fail");
    replies(world, 0);
    gp__sim_file_fault(world->rt, GP__FILE_PUT, 2, GP_ENOSPC);
    send_message(world, "452");
    assert_int_equal(world_files(world, "/box/new"), 0);
    assert_int_equal(world_files(world, "/held"), 0);
    end(world);
}

/* ---- DISCONNECT ---- */

static enum gp_verdict bye(struct gp_call *call)
{
    return gp_disconnect(call, "554 5.7.1", "Go away");
}

static const struct {
    enum gp_hook_point at;
    const char *says, *expected;
} byes[] = {
    {GP_HOOK_CONNECT, "", "554"},
    {GP_HOOK_HELO, HELLO, "220 554"},
    {GP_HOOK_MAIL, HELLO MAIL, "220 250 554"},
    {GP_HOOK_RCPT, HELLO MAIL RCPT, "220 250 250 554"},
    {GP_HOOK_DATA, HELLO MAIL RCPT "DATA\r\n", "220 250 250 250 554"},
    {GP_HOOK_HEADERS, HELLO MAIL RCPT "DATA\r\n" MESSAGE, "220 250 250 250 354 554"},
    {GP_HOOK_BODY, HELLO MAIL RCPT "DATA\r\n" MESSAGE, "220 250 250 250 354 554"},
    {GP_HOOK_MESSAGE, HELLO MAIL RCPT "DATA\r\n" MESSAGE, "220 250 250 250 354 554"},
    {GP_HOOK_COMMAND, HELLO "XFOO\r\n", "220 250 554"},
};

static void test_disconnect(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(byes); i++) {
        struct world *world = world_create(CONFIG, 1u << byes[i].at | OBSERVERS);
        struct gp_slice rest = gp_slice_of(byes[i].says);

        print_message("disconnects at %s\n", gp__points[byes[i].at].name);
        seen.fn[byes[i].at] = bye;
        world_connect(world);
        /* The listener defers refusals to RCPT; one that closes does not wait for it. */
        while (rest.len) {
            size_t line = gp_slice_find(rest, '\n') + 1;

            gp__sim_client_send(world->client, gp_slice_sub(rest, 0, line));
            rest = gp_slice_sub(rest, line, rest.len);
        }
        assert_replies(world, 0, byes[i].expected);
        assert_true(gp__sim_client_eof_seen(world->client));
        gp__sim_advance(world->rt, 3000);
        assert_int_equal(world->server.n_clients, 0);
        assert_int_equal(seen.calls[GP_HOOK_DISCONNECT], 1);
        assert_int_equal(world_files(world, "/box"), 0);
        world_free(&world);
    }
}

/* For one of two recipients: the message is taken, then the connection is closed. */
static void test_disconnect_mixed(void **state)
{
    struct world *world = world_create(
        CONFIG_HEAD
        "chains: {c: [{probe: {}, when: {recipient: bye@example.test}}]}\n" CONFIG_LISTENER,
        ON(MESSAGE) | OBSERVERS);

    (void)state;
    seen.fn[GP_HOOK_MESSAGE] = bye;
    begin(world, SMTP);
    recipients(world, "ok bye");
    replies(world, 0);
    send_message(world, "250");
    assert_to("ok ");
    assert_true(gp__sim_client_eof_seen(world->client));
    world_free(&world);
}

/* ---- expansions and additions ---- */

static enum gp_verdict expand(struct gp_call *call)
{
    struct gp_slice local = gp_rcpt_local(gp_rcpt(call));
    bool keeps = gp_slice_starts(local, GP_S("keep"));

    if (gp_slice_starts(local, GP_S("alias")))
        assert_int_equal(gp_rcpt_rewrite(call, gp_rcpt(call), GP_S("real@example.test")), 0);
    if (!keeps && !gp_slice_starts(local, GP_S("list")))
        return GP_NEXT;
    if (gp_slice_ends(local, GP_S("bad"))) {
        assert_int_equal(gp_rcpt_add(call, GP_S("nobody@example.test"), NULL), 0);
    } else if (gp_slice_ends(local, GP_S("temp"))) {
        assert_int_equal(gp_rcpt_add(call, GP_S("m1@example.test"), NULL), 0);
        assert_int_equal(gp_rcpt_add(call, GP_S("temp@example.test"), NULL), 0);
    } else {
        assert_int_equal(gp_rcpt_add(call, GP_S("m1@example.test"), NULL), 0);
        assert_int_equal(gp_rcpt_add(call, GP_S("nobody@example.test"), NULL), 0);
        assert_int_equal(gp_rcpt_add(call, GP_S("m2@example.test"), NULL), 0);
        assert_int_equal(gp_rcpt_add(call, GP_S("fail@example.test"), NULL), 0);
    }
    if (!keeps)
        assert_int_equal(gp_rcpt_replace(call), 0);
    return GP_NEXT;
}

static const struct {
    const char *names, *rcpt, *smtp, *lmtp, *to;
} expansions[] = {
    {"list", "250", "250", "552", "m1 m2 fail "},
    {"keep", "250", "250", "250", "keep m1 m2 fail "},
    {"alias", "250", "250", "250", "real "},
    {"ok listbad", "250 550", "250", "250", "ok "},
    {"ok listtemp", "250 451", "250", "250", "ok "},
    {"m1 list", "250 250", "250", "250 552", "m1 m2 fail "},
    {"list m1", "250 250", "250", "552 250", "m1 m2 fail "},
    {"b b", "250 250", "250", "250 250", "b "},
    {"alias real", "250 250", "250", "250 250", "real "},
    {"fail fail", "250 250", "552", "552 552", "fail "},
    {"ok fail fail", "250 250 250", "250", "250 552 552", "ok fail "},
    {"list ok", "250 250", "250", "552 250", "m1 m2 fail ok "},
};

static void test_expansions(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(expansions); i++) {
        for (int manner = 0; manner < MANNERS; manner++) {
            struct world *world = world_create(CONFIG, ON(RESOLVE) | OBSERVERS);

            print_message("expands %s, manner %d\n", expansions[i].names, manner);
            seen.fn[GP_HOOK_RESOLVE] = expand;
            seen.deliver = target_answers;
            begin(world, (enum manner)manner);
            recipients(world, expansions[i].names);
            assert_replies(world, 0, expansions[i].rcpt);
            send_message(world,
                         wanted((enum manner)manner, expansions[i].smtp, expansions[i].lmtp));
            assert_to(expansions[i].to);
            end(world);
        }
    }
}

/* Hook `route`: by name, whoever matches; it gives no right to relay, and a failure is temporary. */
static enum gp_verdict wants_route(struct gp_call *call)
{
    struct gp_slice local = gp_rcpt_local(gp_rcpt(call));

    assert_false(gp_slice_present(gp_rcpt_route(gp_rcpt(call))));
    if (gp_slice_eq(local, GP_S("out")) || gp_slice_eq(local, GP_S("nowhere")))
        assert_int_equal(gp_route_to(call, local), 0);
    return gp_slice_eq(local, GP_S("broken")) ? gp_fail(call, "no idea") : GP_NEXT;
}

static void test_route_hook(void **state)
{
    struct world *world = world_create(CONFIG, ON(ROUTE) | OBSERVERS);

    (void)state;
    seen.fn[GP_HOOK_ROUTE] = wants_route;
    begin(world, (enum manner)0);
    recipients(world, "ok ok@elsewhere.example out nowhere broken");
    assert_replies(world, 0, "250 550 550 451 451");
    assert_int_equal(seen.ended[GP_HOOK_ROUTE], 5);
    end(world);
}

static void test_additions(void **state)
{
    static const enum gp_hook_point stages[] = {GP_HOOK_RCPT, GP_HOOK_DATA, GP_HOOK_HEADERS,
                                                GP_HOOK_MESSAGE};

    (void)state;
    for (size_t i = 0; i < COUNT(stages); i++) {
        for (int manner = 0; manner < MANNERS; manner++) {
            struct world *world = world_create(CONFIG, 1u << stages[i] | OBSERVERS);

            print_message("adds at %s, manner %d\n", gp__points[stages[i]].name, manner);
            seen.fn[stages[i]] = add_extra;
            begin(world, (enum manner)manner);
            recipients(world, "ok");
            replies(world, 0);
            send_message(world, "250");
            assert_to("ok extra ");
            assert_true(world_logged(world, "recipient.bad_expansion"));
            end(world);
        }
    }
}

/* The recipient whose hook added them is refused, and they with it. */
static enum gp_verdict add_and_reject(struct gp_call *call)
{
    if (!gp_slice_starts(gp_rcpt_local(gp_rcpt(call)), GP_S("rej")))
        return GP_NEXT;
    add_extra(call);
    return GP_REJECT;
}

static void test_addition_refused(void **state)
{
    struct world *world = world_create(CONFIG, ON(RCPT) | OBSERVERS);

    (void)state;
    seen.fn[GP_HOOK_RCPT] = add_and_reject;
    begin(world, SMTP);
    recipients(world, "ok rej ok2");
    assert_replies(world, 0, "250 550 250");
    send_message(world, "250");
    assert_to("ok ok2 ");
    end(world);
}

/* ---- drafts ---- */

static const char *draft_to;

static enum gp_verdict make_draft(struct gp_call *call)
{
    struct gp_slice rest = gp_slice_of(draft_to);
    struct gp_draft *draft;

    assert_int_equal(gp_draft_create(call, &draft), 0);
    while (rest.len) {
        struct gp_slice address = gp_slice_split(&rest, ' ');

        assert_int_equal(gp_draft_rcpt(draft, address), 0);
    }
    assert_int_equal(gp_draft_header(draft, GP_S("Subject"), GP_S("A notice")), 0);
    assert_int_equal(gp_draft_write(draft, GP_S("Hear, hear\r\n")), 0);
    assert_int_equal(gp_draft_submit(draft), 0);
    return GP_NEXT;
}

/* How many files of the target have the text in them. */
static size_t files_with(const struct world *world, const char *text)
{
    size_t n = 0;

    for (size_t i = 0; i < world_files(world, "/box/new"); i++) {
        struct gp_slice bytes;

        assert_int_equal(
            gp__sim_file_get(world->rt, gp__sim_file_name(world->rt, GP_S("/box/new"), i), &bytes),
            0);
        n += gp_slice_search(bytes, gp_slice_of(text)) < bytes.len;
    }
    return n;
}

static const struct {
    const char *names, *draft_to, *reply, *to;
    enum gp__file_kind fault; /* with nth */
    unsigned nth;
    size_t delivered, drafts;
    const char *logged;
} drafts[] = {
    {"ok", "d@example.test", "250", "ok d ", GP__FILE_PUT, 0, 2, 1, "draft"},
    {"ok", "d@example.test x@elsewhere.test", "250", "ok d x ", GP__FILE_PUT, 0, 3, 2, "draft"},
    {"ok", "nobody@example.test d@example.test", "250", "ok d ", GP__FILE_PUT, 0, 2, 1,
     "draft.lost_recipient"},
    {"ok", "nobody@example.test", "250", "ok ", GP__FILE_PUT, 0, 1, 0, "draft.lost_recipient"},
    {"ok", "fail@example.test", "250", "ok fail ", GP__FILE_PUT, 0, 1, 0, "draft.lost_recipient"},
    {"ok", "temp@example.test", "451", "ok ", GP__FILE_PUT, 0, 0, 0, NULL},
    {"ok", "later@example.test", "451", "ok later ", GP__FILE_PUT, 0, 0, 0, NULL},
    {"ok", "d@example.test", "451", "ok d ", GP__FILE_PUT, 2, 0, 0, "delivery.failed"},
    {"ok", "d@example.test", "451", "ok d ", GP__FILE_RENAME, 1, 0, 0, "delivery.failed"},
    {"ok", "d@example.test", "451", "ok d ", GP__FILE_RENAME, 2, 1, 0, "delivery.doubled"},
    {"rej", "d@example.test", "550", "", GP__FILE_PUT, 0, 0, 0, NULL},
    {"def", "d@example.test", "450", "", GP__FILE_PUT, 0, 0, 0, NULL},
    {"qua", "d@example.test", "250", "d ", GP__FILE_PUT, 0, 1, 1, "draft"},
    {"dis", "d@example.test", "250", "d ", GP__FILE_PUT, 0, 1, 1, "draft"},
};

/* One route leads everywhere else, for those who may relay: a draft may. */
static const char relay_config[] =
    "hostname: mx.example.test\n"
    "hold: {path: /held}\n"
    "buckets: {spam: {}}\n"
    "tables: {users: {list: {}}}\n"
    "targets: {box: {box: {}}, away: {box: {}}}\n"
    "routes: [{name: box, match: {recipient: [example.test]}, valid: users, to: box, "
    "mode: direct}, {name: out, match: {relay: true}, to: away, mode: direct}]\n" CONFIG_CHAIN
        CONFIG_LISTENER;

static enum gp_verdict draft_and_judge(struct gp_call *call)
{
    make_draft(call);
    return judge(call);
}

static void check_draft(size_t i, enum gp_hook_point stage)
{
    struct world *world = world_create(relay_config, 1u << stage | OBSERVERS);

    print_message("draft %zu to %s at %s\n", i, drafts[i].draft_to, gp__points[stage].name);
    draft_to = drafts[i].draft_to;
    seen.fn[stage] = draft_and_judge;
    seen.deliver = target_answers;
    begin(world, SMTP);
    recipients(world, drafts[i].names);
    replies(world, 0);
    if (drafts[i].nth)
        gp__sim_file_fault(world->rt, drafts[i].fault, drafts[i].nth, GP_EIO);
    send_message(world, drafts[i].reply);
    assert_to(drafts[i].to);
    assert_int_equal(world_files(world, "/box/new"), drafts[i].delivered);
    assert_int_equal(files_with(world, "Auto-Submitted: auto-generated\r\n"), drafts[i].drafts);
    assert_int_equal(files_with(world, "Subject: A notice\r\n\r\nHear, hear\r\n"),
                     drafts[i].drafts);
    if (drafts[i].logged)
        assert_true(world_logged(world, drafts[i].logged));
    end(world);
}

static void test_drafts(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(drafts); i++) {
        check_draft(i, GP_HOOK_HEADERS);
        check_draft(i, GP_HOOK_MESSAGE);
    }
}

/* The client leaves while the draft is being delivered: neither is. */
static void test_draft_and_client_gone(void **state)
{
    struct world *world = world_create(relay_config, ON(MESSAGE) | OBSERVERS);

    (void)state;
    draft_to = "d@example.test";
    seen.fn[GP_HOOK_MESSAGE] = make_draft;
    seen.deliver_ms = 1000;
    begin(world, SMTP);
    recipients(world, "ok");
    say(world, "DATA\r\n");
    say(world, MESSAGE);
    gp__sim_advance(world->rt, 1500);
    assert_int_equal(world_files(world, "/box/tmp"), 2);
    gp__sim_client_reset(world->client);
    gp__sim_advance(world->rt, 5000);
    assert_int_equal(world_files(world, "/box"), 0);
    assert_int_equal(seen.calls[GP_HOOK_RESET], 1);
    world_free(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdicts_after_data),
        cmocka_unit_test(test_mixed_discard),
        cmocka_unit_test(test_mixed_refuse_all),
        cmocka_unit_test(test_verdicts_at_rcpt),
        cmocka_unit_test(test_one_policy),
        cmocka_unit_test(test_discard_at_mail),
        cmocka_unit_test(test_quarantine_before_rcpt),
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_stack_of_a_target),
        cmocka_unit_test(test_target_refuses_and_no_space),
        cmocka_unit_test(test_disconnect),
        cmocka_unit_test(test_disconnect_mixed),
        cmocka_unit_test(test_expansions),
        cmocka_unit_test(test_route_hook),
        cmocka_unit_test(test_additions),
        cmocka_unit_test(test_addition_refused),
        cmocka_unit_test(test_drafts),
        cmocka_unit_test(test_draft_and_client_gone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
