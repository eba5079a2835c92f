// SPDX-License-Identifier: Apache-2.0
/* Notes, log lines and fields, counters of a call. */
#include "tests/unit/plugin/kit.h"

#include <gatepost/plugin.h>

static void notes(struct kit *kit, struct gp_call *call)
{
    int64_t number = 0;

    assert_int_equal(gp_note_set(call, GP_NOTE_SESSION, NULL, "k", GP_S("session"), 0), 0);
    assert_slice(gp_note_get(call, NULL, GP_S("k")), GP_S("session"));
    assert_int_equal(gp_note_set(call, GP_NOTE_TRANSACTION, NULL, "k", GP_S("transaction"), 0), 0);
    assert_slice(gp_note_get(call, NULL, GP_S("k")), GP_S("transaction"));
    assert_int_equal(gp_note_set(call, GP_NOTE_RECIPIENT, kit->second, "k", GP_S("second"), 0), 0);
    assert_slice(gp_note_get(call, NULL, GP_S("sample.k")), GP_S("transaction"));
    assert_slice(gp_note_get(call, kit->second, GP_S("k")), GP_S("second"));
    assert_int_equal(gp_note_set(call, GP_NOTE_RECIPIENT, NULL, "k", GP_S("first"), 0), 0);
    assert_slice(gp_note_get(call, NULL, GP_S("k")), GP_S("first"));
    assert_int_equal(gp_note_set_milli(call, GP_NOTE_SESSION, NULL, "score", 2500, 0), 0);
    assert_slice(gp_note_get(call, NULL, GP_S("score")), GP_S("2.5"));
    assert_int_equal(gp_note_get_milli(call, NULL, GP_S("score"), &number), 0);
    assert_int_equal(number, 2500);
    assert_int_equal(gp_note_set_int(call, GP_NOTE_SESSION, NULL, "n", 7, GP_NOTE_KEEP), 0);
    assert_int_equal(gp_note_get_int(call, NULL, GP_S("n"), &number), 0);
    assert_int_equal(number, 7);
    assert_int_equal(gp_note_get_int(call, NULL, GP_S("none"), &number), GP_ENOTFOUND);
    assert_int_equal(gp_note_get_int(call, NULL, GP_S("k"), &number), GP_EINVAL);
    assert_int_equal(gp_note_remove(call, GP_NOTE_SESSION, NULL, "n"), 0);
    assert_int_equal(gp_note_remove(call, GP_NOTE_SESSION, NULL, "n"), GP_ENOTFOUND);
    assert_int_equal(gp_note_set(call, GP_NOTE_SESSION, NULL, "Bad key", GP_S("x"), 0), GP_EINVAL);
    assert_int_equal(gp_note_set(call, GP_NOTE_SESSION, NULL, "", GP_S("x"), 0), GP_EINVAL);
    assert_clean(call);
}

static void hostile_notes(struct kit *kit, struct gp_call *call)
{
    struct gp_recipient stranger = {.policy = NULL};

    (void)kit;
    assert_int_equal(gp_note_set(call, GP_NOTE_SESSION, NULL, NULL, GP_S("x"), 0), GP_EINVAL);
    assert_fault(call, "no key");
    assert_int_equal(gp_note_set(call, GP_NOTE_SESSION, NULL, "k", BAD, 0), GP_EINVAL);
    assert_fault(call, "NULL with a length");
    assert_int_equal(gp_note_set(call, (enum gp_note_scope)9, NULL, "k", GP_S("x"), 0), GP_EINVAL);
    assert_fault(call, "no such scope");
    assert_int_equal(gp_note_set(call, GP_NOTE_RECIPIENT, &stranger, "k", GP_S("x"), 0), GP_EINVAL);
    assert_fault(call, "another transaction");
    assert_false(gp_slice_present(gp_note_get(call, &stranger, GP_S("k"))));
    assert_fault(call, "another transaction");
    assert_false(gp_slice_present(gp_note_get(call, NULL, BAD)));
    assert_fault(call, "NULL with a length");
}

static void notes_before_mail(struct kit *kit, struct gp_call *call)
{
    (void)kit;
    assert_int_equal(gp_note_set(call, GP_NOTE_TRANSACTION, NULL, "k", GP_S("x"), 0),
                     GP_ENOTALLOWED);
    assert_fault(call, "there is no transaction at connect");
    assert_int_equal(gp_note_set(call, GP_NOTE_RECIPIENT, NULL, "k", GP_S("x"), 0), GP_EINVAL);
    assert_fault(call, "no recipient");
}

static void notes_outside(struct kit *kit, struct gp_call *call)
{
    (void)kit;
    assert_int_equal(gp_note_set(call, GP_NOTE_SESSION, NULL, "k", GP_S("x"), 0), GP_ENOTALLOWED);
    assert_fault(call, "there is no session at tick");
    assert_false(gp_slice_present(gp_note_get(call, NULL, GP_S("k"))));
}

/* What a shadow sets nobody else sees; it sees the others' notes below its own. */
static void notes_in_shadow(struct kit *kit, struct gp_call *call)
{
    assert_slice(gp_note_get(call, kit->second, GP_S("k")), GP_S("second"));
    assert_int_equal(gp_note_set(call, GP_NOTE_RECIPIENT, kit->second, "k", GP_S("shadow"), 0), 0);
    assert_int_equal(gp_note_set(call, GP_NOTE_SESSION, NULL, "own", GP_S("mine"), 0), 0);
    assert_slice(gp_note_get(call, kit->second, GP_S("k")), GP_S("shadow"));
    assert_slice(gp_note_get(call, kit->second, GP_S("sample.k")), GP_S("shadow"));
    assert_slice(gp_note_get(call, kit->first, GP_S("k")), GP_S("first"));
    assert_slice(gp_note_get(call, NULL, GP_S("own")), GP_S("mine"));
    assert_int_equal(gp_note_remove(call, GP_NOTE_RECIPIENT, kit->second, "k"), 0);
    assert_slice(gp_note_get(call, kit->second, GP_S("k")), GP_S("second"));
}

static void after_shadow(struct kit *kit, struct gp_call *call)
{
    assert_slice(gp_note_get(call, kit->second, GP_S("k")), GP_S("second"));
    assert_false(gp_slice_present(gp_note_get(call, NULL, GP_S("own"))));
}

static void test_notes(void **state)
{
    struct gp__shadow shadow;
    struct kit kit;

    (void)state;
    kit_begin(&kit);
    kit_run(&kit, GP_HOOK_CONNECT, notes_before_mail);
    kit_run(&kit, GP_HOOK_TICK, notes_outside);
    kit_run(&kit, GP_HOOK_RCPT, hostile_notes);
    /* At rcpt, so that there is a recipient to mean. */
    kit.point = GP_HOOK_RCPT;
    kit_run(&kit, GP_HOOK_RCPT, notes);
    shadow = (struct gp__shadow){.instance = kit.instance};
    gp__notes_init(&shadow.notes, kit.transaction->arena);
    kit.shadow = &shadow;
    kit_run(&kit, GP_HOOK_MESSAGE, notes_in_shadow);
    kit.shadow = NULL;
    kit_run(&kit, GP_HOOK_MESSAGE, after_shadow);
    kit_end(&kit);
}

/* ---- log ---- */

static void logs(struct kit *kit, struct gp_call *call)
{
    static char longest[3000];
    size_t before;

    assert_int_equal(gp_log_field(call, "score", GP_S("7")), 0);
    assert_int_equal(gp_log_field(call, "score", GP_S("8\r\nfake: line")), 0);
    gp_log(call, GP_LOG_WARNING, "hello %s\n", "there");
    assert_true(kit_logged(kit, "plugin.log"));
    assert_true(kit_logged(kit, "sample.score"));
    assert_true(kit_logged(kit, "hello there"));
    assert_false(kit_logged(kit, "\nfake"));
    before = kit->logged.len;
    gp_log(call, GP_LOG_DEBUG, "not shown");
    gp_log(call, (enum gp_log_level)99, "not shown");
    assert_int_equal(kit->logged.len, before);
    memset(longest, 'x', sizeof longest - 1);
    gp_log(call, GP_LOG_ERROR, "%s", longest);
    assert_in_range(kit->logged.len - before, 1000, 1300);
    assert_int_equal(gp_log_field(call, "Bad", GP_S("x")), GP_EINVAL);
    assert_int_equal(gp_log_field(call, "a b", GP_S("x")), GP_EINVAL);
    assert_int_equal(gp_log_field(call, NULL, GP_S("x")), GP_EINVAL);
    assert_clean(call);
    for (int i = 0; i < 30; i++) {
        char key[8];

        snprintf(key, sizeof key, "f%d", i);
        assert_int_equal(gp_log_field(call, key, GP_S("x")), 0);
    }
}

static void counts(struct kit *kit, struct gp_call *call)
{
    struct gp__instance *instance = kit->instance;

    gp_count(call, "seen", 2);
    gp_count(call, "seen", 3);
    assert_clean(call);
    gp_count(call, "Not A Word", 1);
    assert_fault(call, "lower-case word");
    gp_count(call, NULL, 1);
    assert_fault(call, "lower-case word");
    gp_count(call, "a_name_that_is_longer_than_31_bytes", 1);
    assert_fault(call, "lower-case word");
    for (int i = 0; i < 100; i++) {
        char name[8];

        snprintf(name, sizeof name, "c%d", i);
        gp_count(call, name, 1);
    }
    assert_int_equal(instance->n_counters, GP__COUNTERS_MAX);
    assert_string_equal(instance->counters[0].name, "log_fields_dropped");
    assert_int_equal(instance->counters[0].value, 15);
    assert_string_equal(instance->counters[1].name, "seen");
    assert_int_equal(instance->counters[1].value, 5);
}

static void log_outside(struct kit *kit, struct gp_call *call)
{
    (void)kit;
    assert_int_equal(gp_log_field(call, "score", GP_S("7")), 0);
    gp_log(call, GP_LOG_INFO, "from tick");
    assert_true(kit_logged(kit, "from tick"));
}

static void test_log(void **state)
{
    struct kit kit;
    size_t n = 0;

    (void)state;
    kit_begin(&kit);
    kit_run(&kit, GP_HOOK_TICK, log_outside);
    kit_run(&kit, GP_HOOK_MAIL, logs);
    kit_run(&kit, GP_HOOK_MAIL, counts);
    for (struct gp__record_field *field = kit.policy->fields; field; field = field->next)
        n++;
    assert_int_equal(n, 16);
    kit_end(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_notes), cmocka_unit_test(test_log)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
