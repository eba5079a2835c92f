// SPDX-License-Identifier: Apache-2.0
/* What senders are told by the scheduler: who, of whom together, and what a crash makes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/delivery/scheduler_world.h"

/* ---- notifications ---- */

static void test_whom_to_tell(void **state)
{
    static const struct {
        struct mail mail;
        const char *outcome;
        const char *id; /* of the notification; NULL: none */
        unsigned held;
        const char *says;
    } cases[] = {
        {{.id = "m1", .to = {"a@one.example"}}, "f", "m1-f0", 0, "Action: failed"},
        {{.id = "m2", .sender = "", .to = {"a@one.example"}}, "f", NULL, 0, NULL},
        {{.id = "m3", .notify = "NEVER", .to = {"a@one.example"}}, "f", NULL, 0, NULL},
        {{.id = "m4", .notify = "SUCCESS", .to = {"a@one.example"}},
         "d",
         "m4-s0",
         0,
         "Action: delivered"},
        {{.id = "m5", .notify = "FAILURE", .to = {"a@one.example"}}, "d", NULL, 0, NULL},
        {{.id = "m6", .notify = "SUCCESS", .to = {"a@one.example"}},
         "r",
         "m6-s0",
         0,
         "Action: relayed"},
        {{.id = "m7", .notify = "SUCCESS", .to = {"a@one.example"}}, "p", NULL, 0, NULL},
        {{.id = "m8", .stranger = true, .to = {"a@one.example"}}, "f", NULL, 1, NULL},
    };
    struct gp__arena *arena = gp__arena_create();
    struct gp__entry entry;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t before = memory.commits;

        n_asked = 0;
        put(&cases[i].mail);
        answer(0, cases[i].outcome);
        assert_int_equal(memory.commits - before, cases[i].id != NULL);
        assert_int_equal(stats().by_state[GP__GROUP_HELD], cases[i].held);
        if (cases[i].id) {
            assert_string_equal(asked[1].message, cases[i].id);
            assert_true(has(newest(&entry, arena), cases[i].says));
            answer(1, "w");
            answer(2, "d");
        }
    }
    restart();
    assert_int_equal(stats().messages, 1);
    assert_int_equal(stats().by_state[GP__GROUP_HELD], 1);
    gp__arena_free(&arena);
}

/* What can't be told yet is not finished. */
static void test_no_space_for_news(void **state)
{
    (void)state;
    put(&(struct mail){.id = "m1", .to = {"a@one.example"}});
    memory.commit_error = GP_ENOSPC;
    answer(0, "f");
    assert_int_equal(stats().by_state[GP__GROUP_WAITING], 1);
    memory.commit_error = 0;
    gp__sim_advance(rt, 2 * MINUTE);
    assert_int_equal(n_asked, 2);
    answer(1, "f");
    assert_string_equal(asked[2].message, "m1-f0");
    answer(2, "w");
    answer(3, "d");
    assert_empty();
}

/* ---- together ---- */

/* What fails at about the same time is told together, whatever destinations and answers it had. */
static void test_together(void **state)
{
    struct gp__arena *arena = gp__arena_create();
    struct gp__entry entry;
    struct gp_slice text;

    (void)state;
    put(&(struct mail){
        .id = "m1", .to = {"a@one.example", "b@two.example", "c@three.example", "d@four.example"}});
    assert_int_equal(n_asked, 4);
    answer_soon(0, "f");
    gp__sim_advance(rt, TOGETHER_MS / 2);
    answer_soon(1, "f");
    answer_soon(2, "d");
    assert_int_equal(memory.commits, 0);
    assert_int_equal(stats().by_state[GP__GROUP_LOOSE], 2);
    gp__sim_advance(rt, TOGETHER_MS / 2);
    assert_int_equal(memory.commits, 1);
    text = newest(&entry, arena);
    assert_true(gp_slice_starts(entry.id, GP_S("m1-f")));
    assert_true(gp_slice_eq(entry.parent, GP_S("m1")));
    for (size_t i = 0; i < 4; i++) {
        static const char *const all[] = {"a@one.example", "b@two.example", "c@three.example",
                                          "d@four.example"};
        size_t index = 0;

        for (size_t k = 0; k < 4; k++)
            if (asked[k].recipients[0] == i)
                index = k;
        assert_int_equal(has(text, all[i]), index < 2);
    }
    assert_int_equal(stats().messages, 2); /* d is under way, and the notification */
    answer(3, "f");                        /* later: for itself */
    assert_int_equal(memory.commits, 2);
    (void)newest(&entry, arena);
    assert_int_equal(stats().messages, 2);
    gp__arena_free(&arena);
}

/* Two domains that expire in the same moment, and that are late in the same moment. */
static void test_expire_together(void **state)
{
    struct gp__arena *arena = gp__arena_create();
    struct gp__entry entry;
    struct gp_slice text;

    (void)state;
    put(&(struct mail){.id = "m1", .to = {"a@one.example", "b@two.example"}});
    defer_for(5);
    assert_int_equal(memory.commits, 1);
    text = newest(&entry, arena);
    assert_true(has(text, "Action: delayed"));
    assert_true(has(text, "a@one.example") && has(text, "b@two.example"));
    defer_for(60);
    assert_int_equal(asked[n_asked - 2].kind, GP__ATTEMPT_TELL);
    gp__scheduler_answer(scheduler, 0,
                         &(struct gp__attempt_answer){.number = asked[n_asked - 2].number});
    tell_bounced(n_asked - 1);
    assert_int_equal(memory.commits, 2);
    text = newest(&entry, arena);
    assert_true(has(text, "Action: failed"));
    assert_true(has(text, "a@one.example") && has(text, "b@two.example"));
    gp__arena_free(&arena);
}

/* A crash when the news of one was durable and nothing else: the other one is told all the same. */
static void test_crash_between_two(void **state)
{
    struct gp__arena *arena = gp__arena_create();
    struct gp__entry entry;

    (void)state;
    put(&(struct mail){.id = "m1", .to = {"a@one.example", "b@two.example"}});
    memory.journal_stops = true;
    answer(asked[0].recipients[0] == 0 ? 0 : 1, "f"); /* m1-f0 */
    restart();
    memory.journal_stops = false;
    for (size_t i = 0, n = n_asked; i < n; i++)
        if (asked[i].kind == GP__ATTEMPT_DELIVER)
            answer_soon(i, "f");
    gp__sim_advance(rt, TOGETHER_MS);
    assert_true(has(newest(&entry, arena), "b@two.example"));
    assert_false(gp_slice_eq(entry.id, GP_S("m1-f0")));
    assert_int_equal(stats().messages, 2); /* both notifications */
    gp__arena_free(&arena);
}

/* While news is on its way, what else happens to the message leaves those it tells of alone. */
static void test_given_up_stays(void **state)
{
    (void)state;
    put(&(struct mail){.id = "m1", .route = "old", .to = {"a@one.example", "b@two.example"}});
    answer(0, "wi");
    assert_int_equal(n_asked, 3);
    answer_soon(1, "f");
    memory.commit_error = GP_ENOSPC;
    assert_int_equal(stats().by_state[GP__GROUP_LOOSE], 1);
    answer_soon(2, "t");
    assert_int_equal(stats().by_state[GP__GROUP_LOOSE], 1);
    gp__sim_advance(rt, TOGETHER_MS);
    assert_int_equal(stats().by_state[GP__GROUP_LOOSE], 0); /* it could not be written: later */
    assert_int_equal(stats().by_state[GP__GROUP_WAITING], 2);
    memory.commit_error = 0;
}

/* The notification is there, that its parent is finished is not. */
static void test_crash_after_notification(void **state)
{
    (void)state;
    put(&(struct mail){.id = "m1", .to = {"a@one.example"}});
    memory.journal_stops = true;
    answer(0, "f");
    restart();
    assert_int_equal(stats().messages, 2);
    assert_int_equal(n_asked, 2);
    answer(asked[0].kind == GP__ATTEMPT_DELIVER ? 0 : 1, "f");
    assert_int_equal(memory.commits, 2);
    assert_int_equal(stats().messages, 1); /* the second was dropped */
    restart();
    assert_int_equal(stats().messages, 1);
    answer(0, "w");
    answer(1, "d");
    assert_empty();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_whom_to_tell),
        TEST(test_no_space_for_news),
        TEST(test_together),
        TEST(test_expire_together),
        TEST(test_crash_between_two),
        TEST(test_given_up_stays),
        TEST(test_crash_after_notification),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
