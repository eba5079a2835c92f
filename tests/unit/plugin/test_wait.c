// SPDX-License-Identifier: Apache-2.0
/* Operations, deadlines, a client that leaves or speaks, DNS, work, tables. */
#include "core/hook/table.h"

#include "tests/unit/plugin/kit.h"

#include <gatepost/plugin.h>

/* ---- operations ---- */

static void sleeps(struct kit *kit, struct gp_call *call)
{
    uint64_t before = gp_now(call);
    int64_t wall = gp_wall_clock(call);
    struct gp_op *ops[3];

    assert_int_equal(gp_sleep(call, 1000), 0);
    assert_int_equal(gp_now(call) - before, 1000);
    assert_int_equal(gp_wall_clock(call) - wall, 1000);
    ops[0] = gp_sleep_start(call, 300);
    ops[1] = NULL;
    ops[2] = gp_sleep_start(call, 100);
    assert_false(gp_op_done(ops[0]));
    assert_int_equal(gp_wait_any(call, ops, 3), 2);
    assert_int_equal(gp_now(call) - before, 1100);
    assert_int_equal(gp_wait_any(call, ops, 3), 2); /* found at once, until it is taken out */
    ops[2] = NULL;
    assert_int_equal(gp_wait_any(call, ops, 3), 0);
    assert_int_equal(gp_now(call) - before, 1300);
    assert_int_equal(gp_wait(call, ops[0]), 0);
    ops[0] = NULL;
    assert_int_equal(gp_wait_any(call, ops, 3), GP_EINVAL);
    assert_int_equal(gp_wait_any(call, NULL, 3), GP_EINVAL);
    assert_true(gp_op_done(NULL));
    gp_op_cancel(NULL);
    ops[0] = gp_sleep_start(call, 100);
    gp_op_cancel(ops[0]);
    assert_true(gp_op_done(ops[0]));
    assert_int_equal(gp_wait(call, ops[0]), GP_ECANCELED);
    assert_clean(call);
    (void)kit;
}

static void many(struct kit *kit, struct gp_call *call)
{
    struct gp_op *ops[GP__CALL_OPS_MAX];

    (void)kit;
    for (int i = 0; i < 3 * GP__CALL_OPS_MAX; i++) /* one after another they do not add up */
        assert_int_equal(gp_sleep(call, 1), 0);
    for (int i = 0; i < GP__CALL_OPS_MAX; i++) {
        ops[i] = gp_sleep_start(call, 1000);
        assert_non_null(ops[i]);
    }
    assert_clean(call);
    assert_null(gp_sleep_start(call, 1000));
    assert_fault(call, "more than 64");
    assert_int_equal(gp_wait(call, NULL), GP_ENOTALLOWED);
    gp_op_cancel(ops[7]);
    assert_int_equal(gp_sleep(call, 1), 0);
}

/* What is unfinished when the hook returns is cancelled. */
static void forgets(struct kit *kit, struct gp_call *call)
{
    (void)kit;
    assert_non_null(gp_sleep_start(call, 1000));
    assert_non_null(gp_dns_start(call, GP_S("slow.example"), GP_DNS_A));
}

static void late(struct kit *kit, struct gp_call *call)
{
    (void)kit;
    assert_int_equal(gp_sleep(call, 1000), GP_ETIMEDOUT);
    assert_int_equal(gp_sleep(call, 1), GP_ETIMEDOUT);
    assert_null(gp_sleep_start(call, 1));
    assert_int_equal(gp_dns(call, GP_S("a.example"), GP_DNS_A, NULL), GP_ETIMEDOUT);
    assert_int_equal(gp_wait_client(call, 1), GP_ETIMEDOUT);
    assert_clean(call);
}

static void where_nobody_waits(struct kit *kit, struct gp_call *call)
{
    (void)kit;
    assert_int_equal(gp_sleep(call, 1), GP_ENOTALLOWED);
    assert_fault(call, "where no hook may wait");
    assert_int_equal(gp_dns(call, GP_S("a.example"), GP_DNS_A, NULL), GP_ENOTALLOWED);
    assert_fault(call, "where no hook may wait");
}

static void test_operations(void **state)
{
    struct kit kit;

    (void)state;
    kit_begin(&kit);
    gp__sim_dns_add(kit.rt, GP_S("slow.example"), GP_DNS_A, GP_S("192.0.2.1"), 0);
    gp__sim_dns_delay(kit.rt, GP_S("slow.example"), 60000);
    kit_run(&kit, GP_HOOK_CONNECT, sleeps);
    kit_run(&kit, GP_HOOK_CONNECT, many);
    kit_run(&kit, GP_HOOK_CONNECT, forgets);
    kit.deadline_ms = kit.rt->ops->now_ms(kit.rt) + 50;
    kit_run(&kit, GP_HOOK_CONNECT, late);
    kit.deadline_ms = UINT64_MAX;
    kit_run(&kit, GP_HOOK_BODY, where_nobody_waits);
    kit_run(&kit, GP_HOOK_CAPABILITIES, where_nobody_waits);
    kit_end(&kit);
}

/* ---- the client ---- */

static void loses_client(struct kit *kit, struct gp_call *call)
{
    (void)kit;
    assert_int_equal(gp_sleep(call, 100000), GP_ECANCELED);
    assert_int_equal(gp_sleep(call, 1), GP_ECANCELED);
    assert_slice(gp_sender(call), GP_S("From.Me@Example.ORG")); /* slices stay */
}

static void hears_nothing(struct kit *kit, struct gp_call *call)
{
    (void)kit;
    assert_int_equal(gp_wait_client(call, 200), 0);
}

static void hears(struct kit *kit, struct gp_call *call)
{
    (void)kit;
    assert_int_equal(gp_wait_client(call, 100000), 1);
    assert_int_equal(gp_wait_client(call, 100000), 1);
    assert_true(gp_now(call) < 100000);
}

static void test_client(void **state)
{
    struct kit kit;

    (void)state;
    kit_begin(&kit);
    kit_run(&kit, GP_HOOK_CONNECT, hears_nothing);
    kit_start(&kit, GP_HOOK_CONNECT, hears);
    gp__sim_advance(kit.rt, 10);
    assert_false(kit.ended);
    gp__session_client_spoke(kit.session);
    gp__sim_settle(kit.rt);
    assert_true(kit.ended);
    kit.session->policy->spoke = false;
    assert_null(kit.session->policy->watchers);
    kit.session->talked_early = true;
    kit_run(&kit, GP_HOOK_CONNECT, hears);
    kit_run(&kit, GP_HOOK_MAIL, hears_nothing); /* that was before the greeting */
    kit_start(&kit, GP_HOOK_MAIL, loses_client);
    gp__session_cancel_calls(kit.session);
    gp__sim_settle(kit.rt);
    assert_true(kit.ended);
    assert_null(kit.session->policy->parked);
    kit_end(&kit);
}

/* ---- DNS ---- */

static void dns(struct kit *kit, struct gp_call *call)
{
    static const char *const malformed[] = {
        "", ".", "a..b", ".a", "a b", "a\\.b", "\xc3\xa9.example"};
    const struct gp_dns_answer *answer;
    char label[80];

    (void)kit;
    assert_int_equal(gp_dns(call, GP_S("mx.example"), GP_DNS_MX, &answer), 0);
    assert_int_equal(gp_dns_count(answer), 1);
    assert_slice(gp_dns_text(answer, 0), GP_S("a.example"));
    assert_int_equal(gp_dns_preference(answer, 0), 10);
    assert_true(gp_dns_ttl(answer) > 0);
    assert_int_equal(gp_dns_ttl(NULL), 0);
    assert_false(gp_slice_present(gp_dns_text(answer, 1)));
    assert_int_equal(gp_dns(call, GP_S("mx.example."), GP_DNS_TXT, &answer), GP_ENOTFOUND);
    assert_int_equal(gp_dns(call, GP_S("none.example"), GP_DNS_A, &answer), GP_ENOTFOUND);
    assert_true(gp_dns_nxdomain(answer));
    assert_int_equal(gp_dns(call, GP_S("bad.example"), GP_DNS_A, NULL), GP_ETEMP);
    for (size_t i = 0; i < COUNT(malformed); i++)
        assert_int_equal(gp_dns(call, gp_slice_of(malformed[i]), GP_DNS_A, &answer), GP_EINVAL);
    memset(label, 'a', sizeof label);
    assert_int_equal(gp_dns(call, gp_slice(label, 64), GP_DNS_A, NULL), GP_EINVAL);
    assert_int_equal(gp_dns(call, gp_slice(label, 63), GP_DNS_A, NULL), GP_ENOTFOUND);
    assert_int_equal(gp_dns(call, GP_S("mx.example"), (enum gp_dns_type)255, NULL), GP_EINVAL);
    assert_int_equal(gp_dns_count(NULL), 0);
    assert_false(gp_dns_secure(NULL));
    assert_clean(call);
    assert_int_equal(gp_dns(call, BAD, GP_DNS_A, NULL), GP_ENOTALLOWED);
    assert_fault(call, "NULL with a length");
}

static void test_dns(void **state)
{
    struct kit kit;

    (void)state;
    kit_begin(&kit);
    gp__sim_dns_add(kit.rt, GP_S("mx.example"), GP_DNS_MX, GP_S("a.example"), 10);
    gp__sim_dns_outcome(kit.rt, GP_S("bad.example"), 0, GP__SIM_DNS_SERVFAIL);
    kit_run(&kit, GP_HOOK_MAIL, dns);
    kit_end(&kit);
}

/* ---- work ---- */

static void double_it(void *block)
{
    *(int *)block *= 2;
}

static void works(struct kit *kit, struct gp_call *call)
{
    int number = 21;

    (void)kit;
    assert_int_equal(gp_work(call, double_it, &number, sizeof number), 0);
    assert_int_equal(number, 42);
    assert_int_equal(gp_work(call, NULL, &number, sizeof number), GP_EINVAL);
    assert_fault(call, "gp_work()");
    assert_int_equal(gp_work(call, double_it, NULL, sizeof number), GP_EINVAL);
    assert_fault(call, "gp_work()");
    assert_int_equal(gp_work(call, double_it, &number, SIZE_MAX), GP_ELIMIT);
}

static void test_work(void **state)
{
    struct kit kit;

    (void)state;
    kit_begin(&kit);
    kit_run(&kit, GP_HOOK_MAIL, works);
    kit_end(&kit);
}

/* ---- tables that are plugins ---- */

static int answers;

static int lookup(struct gp_call *call, void *self, struct gp_slice key, struct gp_slice *value_r)
{
    int error = gp_sleep(call, 500);

    (void)self;
    answers++;
    if (error)
        return error;
    if (gp_slice_eq(key, GP_S("edit")))
        return gp_sender_set(call, GP_S("x@example.org"));
    if (gp_slice_eq(key, GP_S("file")))
        return gp_file_read(call, GP_S("/etc/x"), 10, value_r);
    if (!gp_slice_eq(key, GP_S("example.org")))
        return GP_ENOTFOUND;
    *value_r = gp_format(call, "value of " GP_FMT, GP_ARG(key));
    return 0;
}

static struct gp_table slow_table;

static void look_up(struct kit *kit, struct gp_call *call)
{
    struct gp_slice value = gp_slice(NULL, 0);
    struct gp_op *ops[2];
    uint64_t before;

    (void)kit;
    assert_slice(gp_table_name(&slow_table), GP_S("slow"));
    assert_int_equal(gp_table_lookup(call, &slow_table, GP_S("example.org"), &value), 0);
    assert_slice(value, GP_S("value of example.org"));
    assert_int_equal(gp_table_lookup(call, &slow_table, GP_S("other"), NULL), GP_ENOTFOUND);
    assert_int_equal(gp_table_lookup_address(call, &slow_table, GP_S("a@example.org"), &value), 0);
    assert_clean(call);
    /* A table has its own rights, and edits nothing; its faults are "could not tell". */
    assert_int_equal(gp_table_lookup(call, &slow_table, GP_S("edit"), NULL), GP_ETEMP);
    assert_int_equal(gp_table_lookup(call, &slow_table, GP_S("file"), NULL), GP_ETEMP);
    assert_clean(call);
    assert_int_equal(gp_table_lookup(call, NULL, GP_S("x"), NULL), GP_EINVAL);
    assert_fault(call, "no table");
    assert_int_equal(gp_table_lookup(call, &slow_table, BAD, NULL), GP_EINVAL);
    assert_fault(call, "NULL with a length");

    before = gp_now(call); /* both at once */
    ops[0] = gp_table_lookup_start(call, &slow_table, GP_S("example.org"));
    ops[1] = gp_table_lookup_start(call, &slow_table, GP_S("other"));
    assert_int_equal(gp_wait(call, ops[0]), 0);
    assert_int_equal(gp_wait(call, ops[1]), GP_ENOTFOUND);
    assert_int_equal(gp_now(call) - before, 500);
    assert_slice(gp_table_value(ops[0]), GP_S("value of example.org"));
    assert_false(gp_slice_present(gp_table_value(ops[1])));
    assert_false(gp_slice_present(gp_table_value(NULL)));
}

/* The look-up goes on after the hook that wanted it has returned, and its answer is dropped. */
static void starts_and_leaves(struct kit *kit, struct gp_call *call)
{
    (void)kit;
    assert_non_null(gp_table_lookup_start(call, &slow_table, GP_S("example.org")));
    assert_int_equal(gp_sleep(call, 100), 0);
}

static void starts_and_leaves_at_once(struct kit *kit, struct gp_call *call)
{
    (void)kit;
    assert_non_null(gp_table_lookup_start(call, &slow_table, GP_S("example.org")));
}

static void looks_up_late(struct kit *kit, struct gp_call *call)
{
    struct gp_op *op = gp_table_lookup_start(call, &slow_table, GP_S("example.org"));

    (void)kit;
    assert_int_equal(gp_wait(call, op), GP_ETIMEDOUT);
    assert_int_equal(gp_table_lookup(call, &slow_table, GP_S("example.org"), NULL), GP_ETIMEDOUT);
}

static void test_tables(void **state)
{
    static const struct gp_table_role role = {.size = sizeof role, .lookup = lookup};
    struct gp_plugin plugin = {.name = "slow", .table = &role};
    struct gp__instance_settings settings = {.id = GP_S("slow"), .index = 1, .plugin = &plugin};
    struct kit kit;
    char error[100];

    (void)state;
    kit_begin(&kit);
    slow_table = (struct gp_table){.name = GP_S("slow")};
    slow_table.instance = gp__instance_open(&settings, kit.rt, error, sizeof error);
    kit_run(&kit, GP_HOOK_MAIL, look_up);
    answers = 0;
    kit_run(&kit, GP_HOOK_MAIL, starts_and_leaves);
    assert_int_equal(answers, 1);
    kit_run(&kit, GP_HOOK_MAIL, starts_and_leaves_at_once);
    gp__sim_run(kit.rt, 1000);
    kit.deadline_ms = kit.rt->ops->now_ms(kit.rt) + 50;
    kit_run(&kit, GP_HOOK_MAIL, looks_up_late);
    gp__sim_run(kit.rt, 1000);
    assert_int_equal(kit.session->refs, 2); /* ours and the transaction's */
    gp__instance_close(&slow_table.instance);
    kit_end(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_operations), cmocka_unit_test(test_client),
        cmocka_unit_test(test_dns),        cmocka_unit_test(test_work),
        cmocka_unit_test(test_tables),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
