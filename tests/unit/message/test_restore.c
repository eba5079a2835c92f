// SPDX-License-Identifier: Apache-2.0
/* Messages taken apart into runs and put together again: what comes out has the same bytes, fields
 * and body, whatever was edited and however odd the message was. */
#include "support.h"

#define WHO GP_S("tester")

static struct gp__arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = gp__arena_create();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    gp__arena_free(&arena);
    return 0;
}

static void check_same(struct gp_message *message)
{
    struct gp__message_run *runs;
    size_t count = gp__message_runs(message, arena, &runs);
    struct gp_message *back = gp__message_restore(arena, message->content, runs, count);

    assert_non_null(back);
    assert_slice(emitted(arena, back), emitted(arena, message));
    assert_slice(gp_body(back), gp_body(message));
    assert_int_equal(gp_header_count(back), gp_header_count(message));
    for (size_t i = 0; i < gp_header_count(back); i++)
        assert_slice(gp_header_name(gp_header_at(back, i)),
                     gp_header_name(gp_header_at(message, i)));
}

static const char *const odd[] = {
    "A: b\r\n\r\nbody\r\n",
    "A: b\r\nC: d\r\n e\r\n\r\n",
    "\r\nonly a body\r\n",
    "",
    "A: b\r\n",
    "A: b",
    "no field at all\r\n",
    "A: b\r\nno blank line before\r\n",
    "A: b\nC: d\n\nbare\n",
    "A: b\r\n\r\n\xc3\xa9 8 bit\r\n",
};

static void edit(struct gp_message *message, int how)
{
    uint64_t size = gp_body_size(message);

    if (how & 1)
        assert_int_equal(gp__message_header_insert(message, WHO, 0, GP_S("Received"), GP_S("x")),
                         0);
    if (how & 2)
        assert_int_equal(gp__message_body_splice(message, WHO, 0, size / 2, GP_S("new: ")), 0);
    if (how & 4)
        assert_int_equal(
            gp__message_body_splice(message, WHO, gp_body_size(message), 0, GP_S("end\r\n")), 0);
    while (how & 8 && gp_header_count(message))
        assert_int_equal(gp__message_header_remove(message, WHO, gp_header_at(message, 0)), 0);
    if (how & 16)
        assert_int_equal(gp__message_body_splice(message, WHO, 0, gp_body_size(message), GP_S("")),
                         0);
}

static void test_odd(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(odd); i++) {
        for (int how = 0; how < 32; how++) {
            struct gp_message *message = message_of(arena, gp_slice_of(odd[i]));

            edit(message, how);
            check_same(message);
        }
    }
}

/* An edit of the parent shows in the copy; one of the copy in it alone. */
static void test_copies(void **state)
{
    struct gp_message *message = message_of(arena, GP_S("A: b\r\nC: d\r\n\r\none\r\ntwo\r\n"));
    struct gp_message *copy = gp__message_clone(message, GP_S("x.b"));

    (void)state;
    edit(message, 5);
    edit(copy, 2);
    check_same(message);
    check_same(copy);
}

static void test_unedited_is_one_run(void **state)
{
    struct gp_message *message = message_of(arena, gp_slice_of(odd[0]));
    struct gp__message_run *runs;

    (void)state;
    assert_int_equal(gp__message_runs(message, arena, &runs), 1);
    assert_false(gp_slice_present(runs[0].bytes));
    assert_int_equal(runs[0].len, strlen(odd[0]));
    edit(message, 1);
    assert_int_equal(gp__message_runs(message, arena, &runs), 2);
    assert_int_equal(runs[1].len, strlen(odd[0]));
}

static void test_run_outside(void **state)
{
    struct gp_message *message = message_of(arena, gp_slice_of(odd[0]));
    struct gp__message_run run = {.offset = 5, .len = 100};

    (void)state;
    assert_null(gp__message_restore(arena, message->content, &run, 1));
}

static void release(void *arg)
{
    ++*(int *)arg;
}

/* A content over foreign bytes: its body is not copied, and they are let go with it. */
static void test_over(void **state)
{
    char *large = gp__arena_bytes(arena, 1 << 20);
    struct gp__content *content;
    int released = 0;

    (void)state;
    memset(large, 'x', 1 << 20);
    memcpy(large, "A: b\r\nB: c\r\n\r\n", 14);
    content = gp__content_over(gp_slice(large, 1 << 20), release, &released);
    assert_int_equal(gp__content_size(content), 1 << 20);
    assert_int_equal(gp__content_field_count(content), 2);
    assert_int_equal(gp__content_body_offset(content), 14);
    assert_ptr_equal(gp__content_at(content, 14, 1000).data, large + 14);
    assert_slice(gp__content_head_at(content, 0, 4), GP_S("A: b"));
    gp__content_unref(&content);
    assert_int_equal(released, 1);

    for (size_t i = 0; i < COUNT(odd); i++) {
        content = gp__content_over(gp_slice_of(odd[i]), release, &released);
        assert_slice(gp__content_at(content, 0, strlen(odd[i])), gp_slice_of(odd[i]));
        gp__content_unref(&content);
        assert_int_equal(released, (int)i + 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_odd, setup, teardown),
        cmocka_unit_test_setup_teardown(test_copies, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unedited_is_one_run, setup, teardown),
        cmocka_unit_test_setup_teardown(test_run_outside, setup, teardown),
        cmocka_unit_test_setup_teardown(test_over, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
