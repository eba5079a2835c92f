// SPDX-License-Identifier: Apache-2.0
/* The table of supervise.h from every side, and the waits between restarts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/process/supervise.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Ways through life, each as events, and where each ends. */
static const struct {
    enum gp__child_event events[6];
    size_t n;
    enum gp__child_state end;
    unsigned all; /* actions on the way */
} lives[] = {
    {{GP__CHILD_READY, GP__CHILD_COMMIT, GP__CHILD_RETIRE, GP__CHILD_EXIT},
     4,
     GP__CHILD_GONE,
     GP__CHILD_SERVE | GP__CHILD_DRAIN},
    /* It crashes and is replaced. */
    {{GP__CHILD_READY, GP__CHILD_COMMIT, GP__CHILD_EXIT, GP__CHILD_RETRY, GP__CHILD_READY},
     5,
     GP__CHILD_SERVING,
     GP__CHILD_SERVE | GP__CHILD_WAIT | GP__CHILD_SPAWN},
    /* It hangs. */
    {{GP__CHILD_READY, GP__CHILD_COMMIT, GP__CHILD_HUNG, GP__CHILD_EXIT},
     4,
     GP__CHILD_WAITING,
     GP__CHILD_SERVE | GP__CHILD_ABORT | GP__CHILD_WAIT},
    /* The new configuration cannot be, for it or for another. */
    {{GP__CHILD_EXIT}, 1, GP__CHILD_GONE, GP__CHILD_FAIL},
    {{GP__CHILD_HUNG, GP__CHILD_EXIT}, 2, GP__CHILD_GONE, GP__CHILD_KILL | GP__CHILD_FAIL},
    {{GP__CHILD_READY, GP__CHILD_RETIRE, GP__CHILD_EXIT}, 3, GP__CHILD_GONE, GP__CHILD_KILL},
    /* A reload while it waits, and while it starts again. */
    {{GP__CHILD_READY, GP__CHILD_COMMIT, GP__CHILD_EXIT, GP__CHILD_RETIRE},
     4,
     GP__CHILD_GONE,
     GP__CHILD_SERVE | GP__CHILD_WAIT},
    {{GP__CHILD_READY, GP__CHILD_COMMIT, GP__CHILD_EXIT, GP__CHILD_RETRY, GP__CHILD_RETIRE,
      GP__CHILD_EXIT},
     6,
     GP__CHILD_GONE,
     GP__CHILD_SERVE | GP__CHILD_WAIT | GP__CHILD_SPAWN | GP__CHILD_KILL},
    /* One that hangs while it ends. */
    {{GP__CHILD_READY, GP__CHILD_COMMIT, GP__CHILD_RETIRE, GP__CHILD_HUNG, GP__CHILD_EXIT},
     5,
     GP__CHILD_GONE,
     GP__CHILD_SERVE | GP__CHILD_DRAIN | GP__CHILD_KILL},
};

static void test_lives(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(lives); i++) {
        enum gp__child_state now = GP__CHILD_TRYING;
        unsigned all = 0;

        for (size_t k = 0; k < lives[i].n; k++) {
            struct gp__child_step step = gp__child_step(now, lives[i].events[k]);

            now = step.state;
            all |= step.actions;
        }
        assert_int_equal(now, lives[i].end);
        assert_int_equal(all, lives[i].all);
    }
}

/* Whatever happens: gone is gone, only an exit ends a process, only a retry starts one, and a new
 * generation fails only while it is tried. */
static void test_every_cell(void **state)
{
    (void)state;
    for (int from = 0; from < GP__CHILD_STATES; from++) {
        for (int event = 0; event < GP__CHILD_EVENTS; event++) {
            struct gp__child_step step = gp__child_step((enum gp__child_state)from,
                                                        (enum gp__child_event)event);

            assert_in_range(step.state, 0, GP__CHILD_STATES - 1);
            assert_non_null(gp__child_state_name(step.state));
            if (from == GP__CHILD_GONE)
                assert_true(step.state == GP__CHILD_GONE && step.actions == 0);
            if (step.state == GP__CHILD_GONE && from != GP__CHILD_GONE && from != GP__CHILD_WAITING)
                assert_int_equal(event, GP__CHILD_EXIT);
            assert_int_equal(step.actions & GP__CHILD_SPAWN,
                             from == GP__CHILD_WAITING && event == GP__CHILD_RETRY ? GP__CHILD_SPAWN
                                                                                   : 0);
            if (step.actions & GP__CHILD_FAIL)
                assert_true(from == GP__CHILD_TRYING || from == GP__CHILD_TRIED);
            if (event == GP__CHILD_EXIT && from != GP__CHILD_WAITING)
                assert_true(step.state == GP__CHILD_GONE || step.state == GP__CHILD_WAITING);
        }
    }
}

static void test_backoff(void **state)
{
    static const uint64_t waits[] = {0,     1000,  2000,  4000,  8000, 16000,
                                     32000, 60000, 60000, 60000, 60000};
    struct gp__backoff backoff = {0};

    (void)state;
    for (size_t i = 0; i < COUNT(waits); i++)
        assert_int_equal(gp__backoff_next(&backoff, 100), waits[i]);
    assert_int_equal(gp__backoff_next(&backoff, GP__BACKOFF_CALM_MS), 0);
    assert_int_equal(gp__backoff_next(&backoff, GP__BACKOFF_CALM_MS - 1), 1000);
    for (int i = 0; i < 100; i++)
        assert_in_range(gp__backoff_next(&backoff, 0), 1000, GP__BACKOFF_MAX_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lives),
        cmocka_unit_test(test_every_cell),
        cmocka_unit_test(test_backoff),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
