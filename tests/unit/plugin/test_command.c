// SPDX-License-Identifier: Apache-2.0
/* Programs: what may be asked for, what comes back, and that a deadline ends them. */
#include "core/config/value.h"
#include "tests/unit/plugin/kit.h"

#include <gatepost/plugin.h>

static struct gp_slice path = {"/bin/take", 9};
static struct gp_list argv = {.count = 1, .item_size = sizeof path, .items = (char *)&path};
static const struct gp_command command = {.argv = &argv, .number = 3};

static void given(struct kit *kit, unsigned code, uint64_t delay_ms, const char *output)
{
    struct gp__sim_result result = {code, delay_ms, gp_slice_of(output)};

    gp__sim_command(kit->rt, path, &result);
}

static void runs(struct kit *kit, struct gp_call *call)
{
    struct gp_run *run = gp_run_create(call, &command);

    assert_slice(gp_command_name(&command), path);
    assert_int_equal(gp_run_environment(run, "SENDER", GP_S("a\r\nB=c\xff\xc3\xa9")), 0);
    assert_int_equal(gp_run_input(run, GP_S("X: y\r\n"), gp_message(call)), 0);
    assert_int_equal(gp_run_wait(run), 0);
    assert_int_equal(gp_run_exit(run), 75);
    assert_slice(gp_run_output(run), GP_S("not now"));
    assert_string_equal(gp_run_error(run), "");
    assert_true(gp__sim_called(kit->rt, GP_S("command SENDER=a??B=c?\xc3\xa9")));
    assert_clean(call);
    assert_int_equal(gp_run_wait(run), GP_EINVAL);
    assert_fault(call, "started already");
}

static void fails(struct kit *kit, struct gp_call *call)
{
    struct gp_run *run = gp_run_create(call, &command);

    (void)kit;
    assert_int_equal(gp_run_wait(run), GP_ETEMP);
    assert_string_equal(gp_run_error(run), "the program can't be started");
    run = gp_run_create(call, &command);
    assert_int_equal(gp_run_wait_within(run, 10), GP_ETIMEDOUT);
    assert_string_equal(gp_run_error(run), "the program takes too long");
    assert_clean(call);
    run = gp_run_create(call, &command); /* within, but the deadline comes first */
    assert_int_equal(gp_run_wait_within(run, 3600000), GP_ETIMEDOUT);
}

static void unfit(struct kit *kit, struct gp_call *call)
{
    static const char *const names[] = {"",     "a",   "A B",        "1A",       "A=B",
                                        "PATH", "IFS", "LD_PRELOAD", "BASH_ENV", "GATEPOST_X"};
    static char large[4097];
    struct gp_run *run;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        run = gp_run_create(call, &command);
        assert_int_equal(gp_run_environment(run, names[i], GP_S("x")), GP_EINVAL);
        assert_int_equal(gp_run_wait(run), GP_EINVAL);
    }
    memset(large, 'x', sizeof large);
    run = gp_run_create(call, &command);
    assert_int_equal(gp_run_environment(run, "A", gp_slice(large, sizeof large)), GP_EINVAL);
    run = gp_run_create(call, &command);
    for (unsigned i = 0; i < 64; i++)
        assert_int_equal(gp_run_environment(run, "A_1", gp_slice(NULL, 0)), 0);
    assert_int_equal(gp_run_environment(run, "A", GP_S("x")), GP_ELIMIT);
    assert_clean(call);
    run = gp_run_create(call, &command);
    assert_int_equal(gp_run_environment(run, NULL, GP_S("x")), GP_EINVAL);
    assert_fault(call, "no name");
    run = gp_run_create(call, &command);
    assert_int_equal(gp_run_input(run, BAD, NULL), GP_EINVAL);
    assert_fault(call, "NULL with a length");
    run = gp_run_create(call, NULL);
    assert_fault(call, "no command");
    assert_int_equal(gp_run_wait(run), GP_EINVAL);
    kit->plugin.needs = 0;
    run = gp_run_create(call, &command);
    assert_fault(call, "GP_NEEDS_COMMANDS");
    assert_int_equal(gp_run_wait(run), GP_ENOTALLOWED);
    kit->plugin.needs = KIT_NEEDS;
}

static void test_runs(void **state)
{
    struct kit kit;

    (void)state;
    kit_begin(&kit);
    kit_message(&kit, GP_S("Subject: a\r\n\r\nbody\r\n"));
    given(&kit, 75, 5, "not now");
    given(&kit, 256, 0, "");
    given(&kit, 0, 7200000, "");
    kit_run(&kit, GP_HOOK_MESSAGE, runs);
    kit.deadline_ms = 60000;
    kit_run(&kit, GP_HOOK_MESSAGE, fails);
    assert_true(gp__sim_called(kit.rt, GP_S("cancel")));
    kit_end(&kit);
}

static void test_unfit(void **state)
{
    struct kit kit;

    (void)state;
    kit_begin(&kit);
    kit_run(&kit, GP_HOOK_MESSAGE, unfit);
    kit_end(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_runs), cmocka_unit_test(test_unfit)};

    return cmocka_run_group_tests_name("command", tests, NULL, NULL);
}
