// SPDX-License-Identifier: Apache-2.0
/* Verdicts with texts, judging apart, command, capabilities, rejected: what is noted and refused.
 * */
#include "core/hook/ruling.h"

#include "tests/unit/plugin/kit.h"

#include <gatepost/plugin.h>

/* What the host makes of a verdict now. */
static enum gp__fault_kind checked(struct gp_call *call, enum gp_verdict verdict,
                                   struct gp__ruling *ruling)
{
    enum gp__fault_kind kind = gp__ruling_check(call, verdict, ruling);

    call->fault = gp_slice(NULL, 0);
    return kind;
}

static void texts(struct kit *kit, struct gp_call *call)
{
    struct gp__ruling ruling;

    (void)kit;
    assert_int_equal(gp_reject(call, "550 5.7.1", "No %s", "thanks"), GP_REJECT);
    assert_int_equal(checked(call, GP_REJECT, &ruling), GP__FAULT_NONE);
    assert_int_equal(ruling.reply.code, 550);
    assert_int_equal(ruling.reply.subject, 7);
    assert_slice(ruling.reply.text, GP_S("No thanks"));
    assert_slice(ruling.reason, GP_S("No thanks"));
    assert_ptr_equal(ruling.by, call->instance);

    /* Another verdict than the noted one takes nothing of it. */
    assert_int_equal(checked(call, GP_DEFER, &ruling), GP__FAULT_NONE);
    assert_int_equal(ruling.reply.code, 0);

    assert_int_equal(gp_defer(call, "450", "Later\r\nor never"), GP_DEFER);
    assert_int_equal(checked(call, GP_DEFER, &ruling), GP__FAULT_NONE);
    assert_int_equal(gp_disconnect(call, "421 4.7.0", "Bye"), GP_DISCONNECT);
    assert_int_equal(checked(call, GP_DISCONNECT, &ruling), GP__FAULT_NONE);
    assert_int_equal(gp_reject(call, NULL, "default"), GP_REJECT);
    assert_int_equal(checked(call, GP_REJECT, &ruling), GP__FAULT_NONE);
    assert_slice(ruling.reply.text, GP_S("default"));
    assert_int_equal(gp_quarantine(call, GP_S("spam"), "score %d", 9), GP_QUARANTINE);
    assert_int_equal(checked(call, GP_QUARANTINE, &ruling), GP__FAULT_NONE);
    assert_slice(ruling.bucket, GP_S("spam"));
    assert_int_equal(gp_discard(call, "junk"), GP_DISCARD);
    assert_int_equal(checked(call, GP_DISCARD, &ruling), GP__FAULT_NONE);
    assert_int_equal(gp_fail(call, "could not %s", "tell"), GP_FAIL);
    assert_int_equal(gp__ruling_check(call, GP_FAIL, &ruling), GP__FAULT_FAILED);
    assert_fault(call, "could not tell");
}

static void bad_texts(struct kit *kit, struct gp_call *call)
{
    static const char *const statuses[] = {"",    "55",  "5500",    "550 4.7.1",  "450",
                                           "250", "abc", "550 5.7", "550 5.7.1 x"};
    static char longest[10000];
    struct gp__ruling ruling;

    (void)kit;
    for (size_t i = 0; i < COUNT(statuses); i++) {
        gp_reject(call, statuses[i], "x");
        if (checked(call, GP_REJECT, &ruling) != GP__FAULT_ILLEGAL)
            fail_msg("status \"%s\"", statuses[i]);
    }
    gp_reject(call, "550", "a\nb");
    assert_int_equal(checked(call, GP_REJECT, &ruling), GP__FAULT_ILLEGAL);
    gp_reject(call, "550", "a\r\n250 ok\x01");
    assert_int_equal(checked(call, GP_REJECT, &ruling), GP__FAULT_ILLEGAL);
    gp_reject(call, NULL, "\xff");
    assert_int_equal(checked(call, GP_REJECT, &ruling), GP__FAULT_ILLEGAL);
    memset(longest, 'x', sizeof longest - 1);
    gp_defer(call, "450", "%s", longest);
    assert_int_equal(checked(call, GP_DEFER, &ruling), GP__FAULT_ILLEGAL);
    gp_quarantine(call, GP_S("nowhere"), "x");
    assert_int_equal(checked(call, GP_QUARANTINE, &ruling), GP__FAULT_ILLEGAL);
    gp_quarantine(call, GP_S("../etc"), "x");
    assert_int_equal(checked(call, GP_QUARANTINE, &ruling), GP__FAULT_ILLEGAL);
    gp_quarantine(call, BAD, "x");
    assert_int_equal(checked(call, GP_QUARANTINE, &ruling), GP__FAULT_ILLEGAL);
}

static void test_verdicts(void **state)
{
    struct kit kit;

    (void)state;
    kit_begin(&kit);
    kit_run(&kit, GP_HOOK_MESSAGE, texts);
    kit_run(&kit, GP_HOOK_MESSAGE, bad_texts);
    kit_end(&kit);
}

/* ---- judging apart ---- */

static void judges(struct kit *kit, struct gp_call *call)
{
    struct gp_recipient stranger = {.policy = kit->policy};

    assert_int_equal(gp_judge(call, kit->second, gp_reject(call, "550 5.1.1", "not you")), 0);
    assert_null(call->judged[0]);
    assert_int_equal(call->judged[1]->verdict, GP_REJECT);
    assert_slice(call->judged[1]->reply.text, GP_S("not you"));
    assert_int_equal(call->noted.verdict, GP_NEXT);
    assert_int_equal(gp_judge(call, kit->second, GP_ACCEPT), 0);
    assert_int_equal(call->judged[1]->verdict, GP_ACCEPT);
    assert_clean(call);
    assert_int_equal(gp_judge(call, &stranger, GP_ACCEPT), GP_EINVAL);
    assert_fault(call, "not about");
    assert_int_equal(gp_judge(call, kit->first, GP_DISCONNECT), GP_EINVAL);
    assert_fault(call, "disconnect is no verdict on one recipient");
    assert_int_equal(gp_judge(call, kit->first, (enum gp_verdict)99), GP_EINVAL);
    assert_fault(call, "invalid is no verdict");
    assert_int_equal(gp_judge(call, kit->first, gp_quarantine(call, GP_S("nowhere"), "x")),
                     GP_EINVAL);
    assert_fault(call, "no such bucket");
    assert_null(call->judged[0]);
}

static void judges_at_rcpt(struct kit *kit, struct gp_call *call)
{
    assert_int_equal(gp_judge(call, kit->first, GP_REJECT), GP_ENOTALLOWED);
    assert_fault(call, "gp_judge() is not allowed at");
}

static void test_judge(void **state)
{
    static const enum gp_hook_point elsewhere[] = {GP_HOOK_CONNECT, GP_HOOK_MAIL, GP_HOOK_RESOLVE,
                                                   GP_HOOK_RCPT,    GP_HOOK_SEAL, GP_HOOK_ACCEPTED,
                                                   GP_HOOK_TICK};
    struct kit kit;

    (void)state;
    kit_begin(&kit);
    kit_run(&kit, GP_HOOK_MESSAGE, judges);
    for (size_t i = 0; i < COUNT(elsewhere); i++)
        kit_run(&kit, elsewhere[i], judges_at_rcpt);
    kit_end(&kit);
}

/* ---- command, capabilities, rejected ---- */

static void command(struct kit *kit, struct gp_call *call)
{
    (void)kit;
    call->verb = GP_S("XFOO");
    call->argument = GP_S("bar");
    assert_slice(gp_command_verb(call), GP_S("XFOO"));
    assert_slice(gp_command_argument(call), GP_S("bar"));
    assert_int_equal(gp_reply(call, "250 2.0.0", "Hello %s", "you"), 0);
    assert_int_equal(call->reply.code, 250);
    assert_slice(call->reply.text, GP_S("Hello you"));
    assert_int_equal(gp_reply(call, "250", "a\nb"), GP_EINVAL);
    assert_slice(call->reply.text, GP_S("Hello you"));
    assert_clean(call);
    assert_int_equal(gp_reply(call, "20", "x"), GP_EINVAL);
    assert_fault(call, "the status is a reply code");
    assert_int_equal(gp_reply(call, NULL, "x"), GP_EINVAL);
    assert_fault(call, "the status is a reply code");
}

static void reply_elsewhere(struct kit *kit, struct gp_call *call)
{
    (void)kit;
    assert_int_equal(gp_reply(call, "250 2.0.0", "x"), GP_ENOTALLOWED);
    assert_fault(call, "gp_reply() is not allowed at mail, only at command");
    assert_int_equal(gp_capability_add(call, GP_S("XFOO")), GP_ENOTALLOWED);
    assert_fault(call, "only at capabilities");
}

static void capabilities(struct kit *kit, struct gp_call *call)
{
    static const char *const bad[] = {"",     "-X",         "X FOO ", "X  FOO",     "X\tY",
                                      "X\nY", "X\r\n250 Y", " X",     "X \xc3\xa9", "X_Y"};
    struct gp__buf lines = {0};

    (void)kit;
    call->capabilities = &lines;
    assert_int_equal(gp__buf_append(&lines, GP_S("SIZE 100\nSTARTTLS\n8BITMIME\n")), 0);
    assert_int_equal(gp_capability_add(call, GP_S("XFOO a=b c")), 0);
    assert_int_equal(gp_capability_remove(call, GP_S("starttls")), 0);
    assert_int_equal(gp_capability_remove(call, GP_S("SIZ")), GP_ENOTFOUND);
    assert_slice(gp__buf_slice(&lines), GP_S("SIZE 100\n8BITMIME\nXFOO a=b c\n"));
    assert_int_equal(gp_capability_remove(call, GP_S("XFOO")), 0);
    for (size_t i = 0; i < COUNT(bad); i++)
        if (gp_capability_add(call, gp_slice_of(bad[i])) != GP_EINVAL)
            fail_msg("\"%s\"", bad[i]);
    assert_int_equal(gp_capability_remove(call, GP_S("SIZE 100")), GP_EINVAL);
    assert_slice(gp__buf_slice(&lines), GP_S("SIZE 100\n8BITMIME\n"));
    assert_clean(call);
    assert_int_equal(gp_capability_add(call, BAD), GP_EINVAL);
    assert_fault(call, "NULL with a length");
    gp__buf_free(&lines);
}

static void rejected(struct kit *kit, struct gp_call *call)
{
    struct gp__ruling ruling = {.verdict = GP_DEFER,
                                .at = GP_HOOK_RCPT,
                                .reply = GP__REPLY(450, 4, 7, 1, "Greylisted"),
                                .by = kit->instance};

    assert_false(gp_slice_present(gp_rejected_by(call)));
    assert_false(gp_slice_present(gp_rejected_reply(call)));
    call->rejected = &ruling;
    assert_slice(gp_rejected_by(call), GP_S("sample"));
    assert_int_equal(gp_rejected_at(call), GP_HOOK_RCPT);
    assert_slice(gp_rejected_reply(call), GP_S("450 4.7.1 Greylisted"));
}

static void test_others(void **state)
{
    struct kit kit;

    (void)state;
    kit_begin(&kit);
    kit_run(&kit, GP_HOOK_COMMAND, command);
    kit_run(&kit, GP_HOOK_MAIL, reply_elsewhere);
    kit_run(&kit, GP_HOOK_CAPABILITIES, capabilities);
    kit_run(&kit, GP_HOOK_REJECTED, rejected);
    kit_end(&kit);
}

static void test_strerror(void **state)
{
    (void)state;
    for (int error = 0; error >= GP_ECLOSED; error--)
        assert_string_not_equal(gp_strerror(error), "unknown error");
    assert_string_equal(gp_strerror(GP_ECLOSED - 1), "unknown error");
    assert_string_equal(gp_strerror(1), "unknown error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_judge),
        cmocka_unit_test(test_others),
        cmocka_unit_test(test_strerror),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
