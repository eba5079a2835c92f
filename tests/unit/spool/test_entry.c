// SPDX-License-Identifier: Apache-2.0
/* Entries are read as they were written; whatever else stands there is refused, at every length. */
#include "support.h"

#include "core/spool/entry_form.h"

struct fixture {
    struct gp__arena *arena;
    struct gp__buf head;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    f->arena = gp__arena_create();
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    gp__buf_free(&f->head);
    gp__arena_free(&f->arena);
    gp__arena_pool_free();
    free(f);
    return 0;
}

static int read_bytes(struct fixture *f, struct gp_slice bytes, struct gp__entry *entry_r)
{
    *entry_r = (struct gp__entry){.base = GP_S(BASE)};
    return gp__entry_read(entry_r, f->arena, bytes);
}

static void test_everything(void **state)
{
    struct fixture *f = *state;
    struct gp__entry entry = full_entry(), again;

    assert_int_equal(gp__entry_write(&entry, &f->head), 0);
    assert_int_equal(read_bytes(f, gp__buf_slice(&f->head), &again), 0);
    assert_same_entry(&again, &entry);
    assert_true(gp_slice_eq(again.user, GP_S("alice")));
    assert_true(gp_slice_present(again.envid) && again.envid.len == 0);
    assert_int_equal(again.received_ms, entry.received_ms);
    assert_int_equal(again.notes[1].number, -2500);
    assert_int_equal(again.n_recipients, 2);
    assert_int_equal(again.recipients[1].copy, 1);
    assert_false(gp_slice_present(again.recipients[1].route));
    assert_true(gp_slice_eq(again.recipients[1].bucket, GP_S("spam")));
    assert_int_equal(again.copies[1].n_pieces, 3);
    assert_true(gp_slice_present(again.copies[1].pieces[1].bytes));
    assert_false(gp_slice_present(again.copies[1].pieces[0].bytes));
    assert_true(again.copies[0].eight_bit && !again.copies[1].eight_bit);
    assert_int_equal(again.client_port, 40125);
    assert_int_equal(again.n_forwarded, 2);
    assert_true(gp_slice_eq(again.forwarded[1].value, GP_S("198.51.100.9")));
    assert_true(again.recipients[0].relay && !again.recipients[1].relay);
}

static void test_little(void **state)
{
    struct fixture *f = *state;
    struct gp__entry entry = {.id = GP_S("x")}, again;

    assert_int_equal(gp__entry_write(&entry, &f->head), 0);
    assert_int_equal(read_bytes(f, gp__buf_slice(&f->head), &again), 0);
    assert_false(gp_slice_present(again.sender_given));
    assert_int_equal(again.n_copies, 0);
}

/* Cut anywhere it either can't be read, or is one that lacks what was cut off. */
static void test_cut(void **state)
{
    struct fixture *f = *state;
    struct gp__entry entry = full_entry(), again;
    size_t read = 0;

    assert_int_equal(gp__entry_write(&entry, &f->head), 0);
    for (size_t len = 0; len < f->head.len; len++) {
        char *exact = malloc(len ? len : 1);

        memcpy(exact, f->head.data, len);
        read += read_bytes(f, gp_slice(exact, len), &again) == 0;
        free(exact);
    }
    assert_in_range(read, 1, COUNT((char[32]){0}));
}

/* A changed byte never crashes a reader, and what is taken can be written again. */
static void test_flipped(void **state)
{
    struct fixture *f = *state;
    struct gp__entry entry = full_entry(), again;
    struct gp__buf out = {.limit = 0};

    assert_int_equal(gp__entry_write(&entry, &f->head), 0);
    for (size_t i = 0; i < f->head.len * 8; i++) {
        f->head.data[i / 8] ^= (char)(1 << i % 8);
        if (read_bytes(f, gp__buf_slice(&f->head), &again) == 0) {
            gp__buf_clear(&out);
            assert_int_equal(gp__entry_write(&again, &out), 0);
        }
        f->head.data[i / 8] ^= (char)(1 << i % 8);
    }
    gp__buf_free(&out);
}

#define ID "\x01\x01\0\0\0x"

static void test_refused(void **state)
{
    static const struct {
        const char *what;
        struct gp_slice bytes;
        int error;
    } cases[] = {
        {"only an id", GP_S(ID), 0},
        {"nothing", GP_S(""), GP_EINVAL},
        {"no id", GP_S("\x05\x01\0\0\0s"), GP_EINVAL},
        {"id that is a path", GP_S("\x01\x03\0\0\0../"), GP_EINVAL},
        {"id that is hidden", GP_S("\x01\x02\0\0\0.x"), GP_EINVAL},
        {"an id with a NUL", GP_S("\x01\x02\0\0\0x\0"), GP_EINVAL},
        {"id twice", GP_S(ID ID), GP_EINVAL},
        {"tag 0", GP_S(ID "\0\0\0\0\0"), GP_EINVAL},
        {"tag of tomorrow", GP_S(ID "\x1d\0\0\0\0"), GP_EINVAL},
        {"last tag of tomorrow", GP_S(ID "\x7f\0\0\0\0"), GP_EINVAL},
        {"tag to pass over", GP_S(ID "\x80\x02\0\0\0zz"), 0},
        {"tag to pass over, twice", GP_S(ID "\xff\0\0\0\0\xff\0\0\0\0"), 0},
        {"value too long", GP_S(ID "\x04\xff\xff\xff\xff"), GP_EINVAL},
        {"number", GP_S(ID "\x03\x01\0\0\0\x05"), 0},
        {"number without bytes", GP_S(ID "\x03\0\0\0\0"), GP_EINVAL},
        {"number with a zero", GP_S(ID "\x03\x02\0\0\0\x05\0"), GP_EINVAL},
        {"number too long", GP_S(ID "\x03\x09\0\0\0\1\1\1\1\1\1\1\1\1"), GP_EINVAL},
        {"number too large", GP_S(ID "\x0e\x05\0\0\0\1\1\1\1\1"), GP_EINVAL},
        {"flag", GP_S(ID "\x0f\0\0\0\0"), 0},
        {"flag with a value", GP_S(ID "\x0f\x01\0\0\0\1"), GP_EINVAL},
        {"base too large", GP_S(ID "\x17\x08\0\0\0\1\1\1\1\1\1\1\1"), GP_EINVAL},
        {"recipient of no copy", GP_S(ID "\x19\0\0\0\0"), GP_EINVAL},
        {"recipient of a copy", GP_S(ID "\x19\0\0\0\0\x18\0\0\0\0"), 0},
        {"recipient of another copy", GP_S(ID "\x19\x06\0\0\0\5\1\0\0\0\1\x18\0\0\0\0"), GP_EINVAL},
        {"copy of a wrong size", GP_S(ID "\x18\x06\0\0\0\3\1\0\0\0\1"), GP_EINVAL},
        {"piece outside", GP_S(ID "\x18\x11\0\0\0\3\1\0\0\0\1\6\6\0\0\0\3\1\0\0\0\1"), GP_EINVAL},
        {"piece inside", GP_S(ID "\x17\1\0\0\0\1\x18\x11\0\0\0\3\1\0\0\0\1\6\6\0\0\0\3\1\0\0\0\1"),
         0},
        {"damage in an item", GP_S(ID "\x18\x03\0\0\0\3\1\0"), GP_EINVAL},
    };
    struct fixture *f = *state;
    struct gp__entry entry;

    for (size_t i = 0; i < COUNT(cases); i++) {
        int error = read_bytes(f, cases[i].bytes, &entry);

        if (error != cases[i].error)
            fail_msg("%s: %d", cases[i].what, error);
    }
}

/* ---- limits ---- */

static void append_items(struct gp__buf *head, uint8_t tag, size_t n)
{
    const char field[GP__FIELD_HEAD] = {(char)tag};

    for (size_t i = 0; i < n; i++)
        gp__buf_append(head, gp_slice(field, sizeof field));
}

static void test_limits(void **state)
{
    struct fixture *f = *state;
    struct gp__entry_note *notes = calloc(GP__ENTRY_NOTES_MAX + 1, sizeof *notes);
    struct gp__entry entry = {.id = GP_S("x"), .notes = notes}, again;

    entry.n_notes = GP__ENTRY_NOTES_MAX;
    assert_int_equal(gp__entry_write(&entry, &f->head), 0);
    assert_int_equal(read_bytes(f, gp__buf_slice(&f->head), &again), 0);
    append_items(&f->head, 20, 1);
    assert_int_equal(read_bytes(f, gp__buf_slice(&f->head), &again), GP_EINVAL);
    gp__buf_clear(&f->head);
    entry.n_notes++;
    assert_int_equal(gp__entry_write(&entry, &f->head), GP_EINVAL);
    assert_int_equal(f->head.len, 0);
    free(notes);
}

static void test_limit_of_all(void **state)
{
    struct fixture *f = *state;
    const size_t n = GP__ENTRY_ITEMS_MAX / GP__ENTRY_NOTES_MAX + 1;
    struct gp__entry_note *notes = calloc(GP__ENTRY_NOTES_MAX, sizeof *notes);
    struct gp__entry_recipient *recipients = calloc(n, sizeof *recipients);
    struct gp__entry_copy copy = {.id = GP_S("a")};
    struct gp__entry entry = {.id = GP_S("x"),
                              .copies = &copy,
                              .n_copies = 1,
                              .recipients = recipients,
                              .n_recipients = n - 2};

    for (size_t i = 0; i < n; i++)
        recipients[i] = (struct gp__entry_recipient){.notes = notes,
                                                     .n_notes = GP__ENTRY_NOTES_MAX};
    assert_int_equal(gp__entry_write(&entry, &f->head), 0);
    entry.n_recipients = n;
    assert_int_equal(gp__entry_write(&entry, &f->head), GP_EINVAL);
    free(recipients);
    free(notes);
}

static void test_ids(void **state)
{
    char long_id[66];

    (void)state;
    memset(long_id, 'a', sizeof long_id);
    assert_true(gp__entry_id_fits(gp_slice(long_id, 64)));
    assert_false(gp__entry_id_fits(gp_slice(long_id, 65)));
    assert_true(gp__entry_id_fits(GP_S("A.b_c-1")));
    assert_false(gp__entry_id_fits(GP_S("")));
    assert_false(gp__entry_id_fits(GP_S("a/b")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_everything, setup, teardown),
        cmocka_unit_test_setup_teardown(test_little, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(test_flipped, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_limit_of_all, setup, teardown),
        cmocka_unit_test(test_ids),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
