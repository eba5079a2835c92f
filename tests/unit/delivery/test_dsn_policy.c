// SPDX-License-Identifier: Apache-2.0
/* Who is told what became of a message: all combinations, and how often. */
#include "core/delivery/dsn_policy.h"
#include "tests/unit/base/check.h"

#define ALICE GP_S("alice@a.example")

/* The rules once more, as a list of what is told; everything else is silence. */
static enum gp__dsn_answer want(const struct gp__dsn_question *q)
{
    bool failure = q->action == GP__DSN_FAILED, delay = q->action == GP__DSN_DELAYED;
    bool success = !failure && !delay;

    if (q->sender.len == 0)
        return GP__DSN_SILENT;
    if (success && !(q->notify & GP__NOTIFY_SUCCESS))
        return GP__DSN_SILENT;
    if (failure && q->notify && !(q->notify & GP__NOTIFY_FAILURE))
        return GP__DSN_SILENT;
    if (delay && (!q->authenticated || (q->notify && !(q->notify & GP__NOTIFY_DELAY))))
        return GP__DSN_SILENT;
    if (q->authenticated || q->vouched)
        return GP__DSN_SEND;
    return failure ? GP__DSN_KEEP : GP__DSN_SILENT;
}

static void test_all(void **state)
{
    unsigned counts[3] = {0};

    (void)state;
    for (unsigned action = 0; action < GP__DSN_ACTION_COUNT; action++)
        for (unsigned notify = 0; notify < 16; notify++)
            for (unsigned bits = 0; bits < 8; bits++) {
                struct gp__dsn_question question = {
                    .action = (enum gp__dsn_action)action,
                    .sender = bits & 4 ? GP_S("") : ALICE,
                    .notify = notify,
                    .authenticated = bits & 1,
                    .vouched = bits & 2,
                };
                enum gp__dsn_answer answer = gp__dsn_wanted(&question);

                assert_int_equal(answer, want(&question));
                counts[answer]++;
            }
    for (unsigned i = 0; i < 3; i++)
        assert_true(counts[i] > 0);
}

static void test_named(void **state)
{
    static const struct {
        const char *what;
        struct gp__dsn_question question;
        enum gp__dsn_answer answer;
    } cases[] = {
        {"a failure, as usual",
         {.action = GP__DSN_FAILED, .sender = {"a@b", 3}, .authenticated = true},
         GP__DSN_SEND},
        {"a failure of the null sender's mail",
         {.action = GP__DSN_FAILED, .sender = {"", 0}, .authenticated = true},
         GP__DSN_SILENT},
        {"no sender at all", {.action = GP__DSN_FAILED, .authenticated = true}, GP__DSN_SILENT},
        {"a failure of somebody whom nobody vouched for",
         {.action = GP__DSN_FAILED, .sender = {"a@b", 3}},
         GP__DSN_KEEP},
        {"NOTIFY=NEVER",
         {.action = GP__DSN_FAILED,
          .sender = {"a@b", 3},
          .notify = GP__NOTIFY_NEVER,
          .authenticated = true},
         GP__DSN_SILENT},
        {"a success that nobody asked for",
         {.action = GP__DSN_DELIVERED, .sender = {"a@b", 3}, .authenticated = true},
         GP__DSN_SILENT},
        {"a success, asked for",
         {.action = GP__DSN_RELAYED,
          .sender = {"a@b", 3},
          .notify = GP__NOTIFY_SUCCESS,
          .vouched = true},
         GP__DSN_SEND},
        {"a delay of a stranger's",
         {.action = GP__DSN_DELAYED,
          .sender = {"a@b", 3},
          .notify = GP__NOTIFY_DELAY,
          .vouched = true},
         GP__DSN_SILENT},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        if (gp__dsn_wanted(&cases[i].question) != cases[i].answer)
            fail_msg("%s", cases[i].what);
}

static struct gp__dsn_rate rate;

static void test_rate(void **state)
{
    (void)state;
    memset(&rate, 0, sizeof rate);
    rate.count = 3;
    rate.period_ms = 3000;
    for (unsigned i = 0; i < 3; i++)
        assert_true(gp__dsn_rate_take(&rate, ALICE, 10000));
    assert_false(gp__dsn_rate_take(&rate, ALICE, 10000));
    assert_false(gp__dsn_rate_take(&rate, GP_S("ALICE@A.example"), 10999));
    assert_true(gp__dsn_rate_take(&rate, GP_S("bob@a.example"), 10999));
    assert_true(gp__dsn_rate_take(&rate, ALICE, 11000)); /* a third of the period: one more */
    assert_false(gp__dsn_rate_take(&rate, ALICE, 11000));
    for (unsigned i = 0; i < 3; i++)
        assert_true(gp__dsn_rate_take(&rate, ALICE, 100000)); /* and never more than three */
    assert_false(gp__dsn_rate_take(&rate, ALICE, 100000));
}

static void test_no_rate(void **state)
{
    (void)state;
    memset(&rate, 0, sizeof rate);
    for (unsigned i = 0; i < 1000; i++)
        assert_true(gp__dsn_rate_take(&rate, ALICE, 1));
}

/* A flood of addresses: each new one is told, the table stays as large as it is. */
static void test_flood(void **state)
{
    (void)state;
    memset(&rate, 0, sizeof rate);
    rate.count = 1;
    rate.period_ms = 3600000;
    for (unsigned i = 0; i < 5 * GP__DSN_RATE_SLOTS; i++) {
        char address[40];
        int len = snprintf(address, sizeof address, "u%u@a.example", i);

        assert_true(gp__dsn_rate_take(&rate, gp_slice(address, (size_t)len), 1000 + i));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all),     cmocka_unit_test(test_named), cmocka_unit_test(test_rate),
        cmocka_unit_test(test_no_rate), cmocka_unit_test(test_flood),
    };

    return cmocka_run_group_tests_name("dsn_policy", tests, NULL, NULL);
}
