// SPDX-License-Identifier: Apache-2.0
// Notes: types and what reads as what, names, budgets, copies.
#include "support.h"

#include "core/message/notes.h"

static struct gp__arena *arena;
static struct gp__notes notes;

static int setup(void **state)
{
    (void)state;
    arena = gp__arena_create();
    gp__notes_init(&notes, arena);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    gp__arena_free(&arena);
    return 0;
}

#define ME GP_S("me")

static void test_types(void **state)
{
    static const struct {
        enum gp__note_type type;
        const char *text;
        int64_t number;
        const char *as_text;
        int int_result;
        int64_t as_int;
        int milli_result;
        int64_t as_milli;
    } cases[] = {
        {GP__NOTE_TEXT, "hello", 0, "hello", GP_EINVAL, 0, GP_EINVAL, 0},
        {GP__NOTE_TEXT, "", 0, "", GP_EINVAL, 0, GP_EINVAL, 0},
        {GP__NOTE_TEXT, "-12", 0, "-12", 0, -12, 0, -12000},
        {GP__NOTE_TEXT, "2.5", 0, "2.5", GP_EINVAL, 0, 0, 2500},
        {GP__NOTE_TEXT, "-0.125", 0, "-0.125", GP_EINVAL, 0, 0, -125},
        {GP__NOTE_TEXT, "1.2345", 0, "1.2345", GP_EINVAL, 0, GP_EINVAL, 0},
        {GP__NOTE_TEXT, "1.-5", 0, "1.-5", GP_EINVAL, 0, GP_EINVAL, 0},
        {GP__NOTE_TEXT, "1.", 0, "1.", GP_EINVAL, 0, GP_EINVAL, 0},
        {GP__NOTE_TEXT, ".5", 0, ".5", GP_EINVAL, 0, GP_EINVAL, 0},
        {GP__NOTE_TEXT, "1.5.1", 0, "1.5.1", GP_EINVAL, 0, GP_EINVAL, 0},
        {GP__NOTE_INT, NULL, 7, "7", 0, 7, 0, 7000},
        {GP__NOTE_INT, NULL, INT64_MIN, "-9223372036854775808", 0, INT64_MIN, GP_EINVAL, 0},
        {GP__NOTE_MILLI, NULL, 2500, "2.5", GP_EINVAL, 0, 0, 2500},
        {GP__NOTE_MILLI, NULL, -3000, "-3", 0, -3, 0, -3000},
        {GP__NOTE_MILLI, NULL, -5, "-0.005", GP_EINVAL, 0, 0, -5},
        {GP__NOTE_MILLI, NULL, 100000, "100", 0, 100, 0, 100000},
        {GP__NOTE_MILLI, NULL, INT64_MIN, "-9223372036854775.808", GP_EINVAL, 0, 0, INT64_MIN},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct gp__note *note;
        int64_t value = 0;

        if (cases[i].type == GP__NOTE_TEXT)
            gp__notes_set(&notes, ME, GP_S("k"), gp_slice_of(cases[i].text), 0);
        else if (cases[i].type == GP__NOTE_INT)
            gp__notes_set_int(&notes, ME, GP_S("k"), cases[i].number, 0);
        else
            gp__notes_set_milli(&notes, ME, GP_S("k"), cases[i].number, 0);
        note = gp__notes_find(&notes, ME, GP_S("k"));
        assert_int_equal(note->type, cases[i].type);
        assert_slice(gp__note_text(arena, note), gp_slice_of(cases[i].as_text));
        assert_int_equal(gp__note_int(note, &value), cases[i].int_result);
        if (cases[i].int_result == 0)
            assert_true(value == cases[i].as_int);
        assert_int_equal(gp__note_milli(note, &value), cases[i].milli_result);
        if (cases[i].milli_result == 0)
            assert_true(value == cases[i].as_milli);
    }
}

static void test_names(void **state)
{
    (void)state;
    assert_int_equal(gp__notes_set(&notes, GP_S("spf.1"), GP_S("result"), GP_S("pass"), 0), 0);
    assert_int_equal(gp__notes_set(&notes, ME, GP_S("result"), GP_S("mine"), 0), 0);
    assert_slice(gp__notes_find(&notes, ME, GP_S("result"))->text, GP_S("mine"));
    assert_slice(gp__notes_find(&notes, ME, GP_S("spf.1.result"))->text, GP_S("pass"));
    assert_null(gp__notes_find(&notes, ME, GP_S("spf.result")));
    assert_null(gp__notes_find(&notes, GP_S("other"), GP_S("result")));
    assert_int_equal(gp__notes_set(&notes, ME, GP_S("Upper"), GP_S(""), 0), GP_EINVAL);
    assert_int_equal(gp__notes_set(&notes, ME, GP_S("a.b"), GP_S(""), 0), GP_EINVAL);
    assert_int_equal(gp__notes_set(&notes, ME, GP_S(""), GP_S(""), 0), GP_EINVAL);
    assert_int_equal(gp__notes_set(&notes, ME, GP_S("a"), GP_S(""), 8), GP_EINVAL);
    assert_int_equal(gp__notes_set(&notes, ME, gp__arena_printf(arena, "%064d", 0), GP_S(""), 0),
                     0);
    assert_int_equal(gp__notes_set(&notes, ME, gp__arena_printf(arena, "%065d", 0), GP_S(""), 0),
                     GP_EINVAL);
}

static void test_budgets(void **state)
{
    char text[GP__NOTE_TEXT_MAX + 1];

    (void)state;
    memset(text, 'x', sizeof text);
    assert_int_equal(gp__notes_set(&notes, ME, GP_S("k"), gp_slice(text, GP__NOTE_TEXT_MAX + 1), 0),
                     GP_ELIMIT);
    assert_int_equal(gp__notes_set(&notes, ME, GP_S("k"), gp_slice(text, GP__NOTE_TEXT_MAX), 0), 0);
    for (int i = 1; i < GP__NOTES_MAX; i++)
        assert_int_equal(gp__notes_set_int(&notes, ME, gp__arena_printf(arena, "k%d", i), i, 0), 0);
    assert_int_equal(gp__notes_set_int(&notes, ME, GP_S("more"), 1, 0), GP_ELIMIT);
    assert_int_equal(gp__notes_set_int(&notes, ME, GP_S("k5"), 1, 0), 0);
    assert_int_equal(gp__notes_set_int(&notes, GP_S("other"), GP_S("more"), 1, 0), 0);
    assert_int_equal(gp__notes_remove(&notes, ME, GP_S("k5")), 0);
    assert_int_equal(gp__notes_remove(&notes, ME, GP_S("k5")), GP_ENOTFOUND);
    assert_int_equal(gp__notes_set_int(&notes, ME, GP_S("more"), 1, 0), 0);
}

/* Setting again and again takes no more memory, and removing and setting neither. */
static void test_memory(void **state)
{
    char text[GP__NOTE_TEXT_MAX];
    size_t before;

    (void)state;
    memset(text, 'x', sizeof text);
    gp__notes_set(&notes, ME, GP_S("k"), gp_slice(text, 10), 0);
    gp__notes_set(&notes, ME, GP_S("k"), gp_slice(text, sizeof text), 0);
    before = gp__arena_size(arena);
    for (size_t i = 0; i < 1000; i++) {
        gp__notes_set(&notes, ME, GP_S("k"), gp_slice(text, i), 0);
        assert_int_equal(gp__notes_find(&notes, ME, GP_S("k"))->text.len, i);
        gp__notes_remove(&notes, ME, GP_S("k"));
        gp__notes_set(&notes, ME, GP_S("k"), gp_slice(text, sizeof text), 0);
    }
    assert_int_equal(gp__arena_size(arena), before);
}

static void test_copy(void **state)
{
    struct gp__arena *other = gp__arena_create();
    struct gp__notes all, kept;

    (void)state;
    gp__notes_set(&notes, ME, GP_S("a"), GP_S("text"), GP_NOTE_KEEP);
    gp__notes_set_milli(&notes, ME, GP_S("b"), 5, 0);
    gp__notes_init(&all, other);
    gp__notes_init(&kept, other);
    gp__notes_copy(&all, &notes, 0);
    gp__notes_copy(&kept, &notes, GP_NOTE_KEEP);
    gp__notes_set(&notes, ME, GP_S("a"), GP_S("else"), 0);
    assert_slice(gp__notes_find(&all, ME, GP_S("a"))->text, GP_S("text"));
    assert_int_equal(gp__notes_find(&all, ME, GP_S("b"))->number, 5);
    assert_int_equal(gp__notes_find(&kept, ME, GP_S("a"))->flags, GP_NOTE_KEEP);
    assert_null(gp__notes_find(&kept, ME, GP_S("b")));
    gp__arena_free(&other);
}

static int teardown_group(void **state)
{
    (void)state;
    gp__arena_pool_free();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_types, setup, teardown),
        cmocka_unit_test_setup_teardown(test_names, setup, teardown),
        cmocka_unit_test_setup_teardown(test_budgets, setup, teardown),
        cmocka_unit_test_setup_teardown(test_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(test_copy, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, teardown_group);
}
