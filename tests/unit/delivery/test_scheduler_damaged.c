// SPDX-License-Identifier: Apache-2.0
/* A message whose content the disk has lost, and a disk without space: neither is in the way of others,
 * and nobody waits for ever. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/delivery/scheduler_world.h"

/* The sender is told, without what can't be read; and the message is finished. */
static void test_sender_is_told(void **state)
{
    struct gp__arena *arena = gp__arena_create();
    struct gp__entry entry;
    struct gp_slice text;

    (void)state;
    put(&(struct mail){.id = "m1", .to = {"a@one.example"}});
    memory.segments[0].entries[0].damaged = true;
    answer(0, "f");
    assert_int_equal(memory.commits, 1);
    text = newest(&entry, arena);
    assert_true(has(text, "Action: failed"));
    assert_false(has(text, "Subject: hello"));
    assert_int_equal(stats().messages, 1); /* the notification */
    gp__arena_free(&arena);
}

/* A segment with one that waits, and otherwise history. */
static void fill_segment(const char *waiting)
{
    put(&(struct mail){.id = waiting, .to = {"a@one.example"}});
    answer(n_asked - 1, "t");
    for (unsigned i = 1; i < SEGMENT_ENTRIES; i++) {
        char id[32];

        snprintf(id, sizeof id, "%s-%u", waiting, i);
        put(&(struct mail){.id = id, .to = {"a@two.example"}});
        answer(n_asked - 1, "d");
    }
}

static void test_others_are_moved(void **state)
{
    (void)state;
    fill_segment("damaged");
    fill_segment("sound");
    put(&(struct mail){.id = "last", .to = {"a@two.example"}});
    memory.segments[0].entries[0].damaged = true;
    gp__sim_advance(rt, 5 * MINUTE + 20000);
    assert_false(memory.segments[0].removed);
    assert_true(memory.segments[1].removed);
    assert_int_equal(stats().messages, 3);
    gp__sim_advance(rt, 10 * MINUTE);
    assert_int_equal(n_asked, 2 * SEGMENT_ENTRIES + 1 + 2); /* both are tried again */
}

static void test_no_space(void **state)
{
    (void)state;
    fill_segment("m");
    put(&(struct mail){.id = "last", .to = {"a@two.example"}});
    memory.commit_error = GP_ENOSPC;
    gp__sim_advance(rt, 5 * MINUTE + 5000);
    memory.commit_error = 0;
    gp__sim_advance(rt, MINUTE / 2); /* it is not asked all the time whether there is some */
    assert_false(memory.segments[0].removed);
    gp__sim_advance(rt, MINUTE);
    assert_true(memory.segments[0].removed);
    assert_int_equal(stats().messages, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sender_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(test_others_are_moved, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_space, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
