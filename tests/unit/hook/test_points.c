// SPDX-License-Identifier: Apache-2.0
/* The table of hook points is whole, and says what the verdict table of the design says. */
#include "core/hook/point.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define V(name) (1u << GP_##name)

static void every_point_is_described(void **unused)
{
    (void)unused;
    for (int i = 0; i < GP_HOOK_COUNT; i++) {
        const struct gp__point *point = &gp__points[i];

        assert_non_null(point->name);
        assert_true(strlen(point->name) > 0);
        assert_int_equal(gp__point_find(gp_slice_of(point->name)), i);
        assert_non_null(point->when);
        /* A sentence. */
        assert_true(point->when[0] >= 'A' && point->when[0] <= 'Z');
        assert_int_equal(point->when[strlen(point->when) - 1], '.');
        /* Nothing to say and a failure are legal everywhere. */
        assert_true(gp__verdict_legal((enum gp_hook_point)i, GP_NEXT));
        assert_true(gp__verdict_legal((enum gp_hook_point)i, GP_FAIL));
        assert_int_equal(point->verdicts >> GP_VERDICT_COUNT, 0);
    }
}

static void observers_neither_wait_nor_judge(void **unused)
{
    (void)unused;
    for (int i = 0; i < GP_HOOK_COUNT; i++) {
        const struct gp__point *point = &gp__points[i];

        if (!point->observer)
            continue;
        assert_false(point->waits);
        assert_int_equal(point->edits, 0);
        assert_int_equal(point->verdicts, V(NEXT) | V(FAIL));
    }
    assert_false(gp__points[GP_HOOK_BODY].waits);
    assert_int_equal(gp__points[GP_HOOK_BODY].edits, 0);
}

static void only_tick_is_outside_of_sessions(void **unused)
{
    (void)unused;
    for (int i = 0; i < GP_HOOK_COUNT; i++)
        assert_int_equal(gp__points[i].context == GP__CONTEXT_NONE, i == GP_HOOK_TICK);
}

/* Semantics B1. */
static void verdicts(void **unused)
{
    const unsigned passes = V(NEXT) | V(ACCEPT) | V(FAIL);
    const unsigned refusals = V(DEFER) | V(REJECT) | V(DISCONNECT);
    const unsigned session = passes | V(QUARANTINE) | refusals; /* DISCARD is illegal */
    const unsigned all = session | V(DISCARD);
    const struct {
        enum gp_hook_point point;
        unsigned verdicts;
    } rows[] = {
        {GP_HOOK_CONNECT, session},
        {GP_HOOK_TLS, session},
        {GP_HOOK_HELO, session},
        {GP_HOOK_AUTH, session},
        {GP_HOOK_MAIL, all},
        {GP_HOOK_RESOLVE, passes}, /* never refuses */
        {GP_HOOK_RCPT, all},
        {GP_HOOK_DATA, all},
        {GP_HOOK_HEADERS, all},
        {GP_HOOK_BODY, all},
        {GP_HOOK_MESSAGE, all},
        {GP_HOOK_SEAL, V(NEXT) | V(FAIL)}, /* after all verdicts */
        {GP_HOOK_COMMAND, passes | refusals},
        {GP_HOOK_CAPABILITIES, V(NEXT) | V(FAIL)},
        {GP_HOOK_REJECTED, V(NEXT) | V(FAIL) | V(OVERRIDE)},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (gp__points[rows[i].point].verdicts != rows[i].verdicts)
            fail_msg("verdicts at %s", gp__points[rows[i].point].name);
    for (int i = 0; i < GP_HOOK_COUNT; i++)
        assert_int_equal(gp__verdict_legal((enum gp_hook_point)i, GP_OVERRIDE),
                         i == GP_HOOK_REJECTED);
}

static void what_is_no_verdict_is_not_legal(void **unused)
{
    static const int garbage[] = {-1, GP_VERDICT_COUNT, 31, 32, 33, 64, 77, 0x7fffffff};

    (void)unused;
    for (int i = 0; i < GP_HOOK_COUNT; i++)
        for (size_t n = 0; n < sizeof garbage / sizeof garbage[0]; n++)
            assert_false(gp__verdict_legal((enum gp_hook_point)i, (enum gp_verdict)garbage[n]));
}

static void order_of_force(void **unused)
{
    static const enum gp_verdict order[] = {GP_NEXT, GP_QUARANTINE, GP_DISCARD, GP_DEFER,
                                            GP_REJECT};

    (void)unused;
    for (size_t i = 1; i < sizeof order / sizeof order[0]; i++)
        assert_true(gp__verdict_force(order[i]) > gp__verdict_force(order[i - 1]));
    assert_int_equal(gp__verdict_force(GP_ACCEPT), gp__verdict_force(GP_NEXT));
    assert_int_equal(gp__verdict_force(GP_OVERRIDE), 0);
    assert_int_equal(gp__verdict_force(GP_FAIL), 0);
    assert_int_equal(gp__verdict_force(GP_DISCONNECT), gp__verdict_force(GP_REJECT));
    for (int i = 0; i < GP_VERDICT_COUNT; i++)
        assert_int_equal(gp__verdict_is_stop((enum gp_verdict)i),
                         i == GP_DISCARD || i == GP_DEFER || i == GP_REJECT || i == GP_DISCONNECT);
}

static void names(void **unused)
{
    (void)unused;
    assert_int_equal(gp__point_find(GP_S("Rcpt")), -1);
    assert_int_equal(gp__point_find(GP_S("")), -1);
    assert_int_equal(gp__point_find(gp_slice(NULL, 0)), -1);
    assert_int_equal(gp__point_find(GP_S("rcp")), -1);
    for (int i = 0; i < GP_VERDICT_COUNT; i++)
        assert_string_not_equal(gp__verdict_name((enum gp_verdict)i), "invalid");
    assert_string_equal(gp__verdict_name((enum gp_verdict)77), "invalid");
    assert_string_equal(gp__verdict_name((enum gp_verdict) - 1), "invalid");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_point_is_described),
        cmocka_unit_test(observers_neither_wait_nor_judge),
        cmocka_unit_test(only_tick_is_outside_of_sessions),
        cmocka_unit_test(verdicts),
        cmocka_unit_test(what_is_no_verdict_is_not_legal),
        cmocka_unit_test(order_of_force),
        cmocka_unit_test(names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
