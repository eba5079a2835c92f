// SPDX-License-Identifier: Apache-2.0
/* Buffers: content across growth and reuse, the limit to the byte, and what misuse does. */
#include "check.h"

#include "core/base/buf.h"

static void appends(void **state)
{
    struct gp__buf buf = {0};

    (void)state;
    assert_slice(gp__buf_slice(&buf), GP_S(""));
    assert_int_equal(gp__buf_append(&buf, GP_S("")), 0);
    assert_int_equal(gp__buf_append(&buf, gp_slice(NULL, 0)), 0);
    assert_int_equal(gp__buf_append(&buf, GP_S("ab\0c")), 0);
    assert_int_equal(gp__buf_printf(&buf, "-%d", 7), 0);
    assert_int_equal(gp__buf_printf(&buf, "%s", ""), 0);
    assert_slice(gp__buf_slice(&buf), GP_S("ab\0c-7"));
    gp__buf_consume(&buf, 4);
    assert_slice(gp__buf_slice(&buf), GP_S("-7"));
    gp__buf_consume(&buf, 0);
    gp__buf_consume(&buf, 2);
    assert_slice(gp__buf_slice(&buf), GP_S(""));
    assert_int_equal(buf.start, 0); /* all of the memory is free again */
    gp__buf_append(&buf, GP_S("x"));
    gp__buf_clear(&buf);
    assert_int_equal(buf.len, 0);
    gp__buf_free(&buf);
    gp__buf_free(&buf);
    assert_null(buf.data);
}

static void limit_to_the_byte(void **state)
{
    static const struct {
        size_t limit, have, add;
        int result;
    } cases[] = {
        {10, 0, 10, 0},     {10, 0, 11, -1},     {10, 9, 1, 0},         {10, 10, 0, 0},
        {10, 10, 1, -1},    {1, 0, 1, 0},        {256, 0, 256, 0},      {256, 255, 2, -1},
        {300, 200, 100, 0}, {300, 200, 101, -1}, {SIZE_MAX, 0, 300, 0}, {0, 300, 300, 0},
    };
    static char fill[1024];

    (void)state;
    memset(fill, 'x', sizeof fill);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct gp__buf append = {.limit = cases[i].limit}, print = {.limit = cases[i].limit};
        size_t want = cases[i].have + (cases[i].result ? 0 : cases[i].add);

        assert_int_equal(gp__buf_append(&append, gp_slice(fill, cases[i].have)), 0);
        assert_int_equal(gp__buf_append(&append, gp_slice(fill, cases[i].add)), cases[i].result);
        assert_slice(gp__buf_slice(&append), gp_slice(fill, want));
        assert_int_equal(gp__buf_printf(&print, "%.*s", (int)cases[i].have, fill), 0);
        assert_int_equal(gp__buf_printf(&print, "%.*s", (int)cases[i].add, fill), cases[i].result);
        assert_slice(gp__buf_slice(&print), gp_slice(fill, want));
        gp__buf_free(&append);
        gp__buf_free(&print);
        assert_int_equal(append.limit, cases[i].limit);
    }
}

static void room(void **state)
{
    struct gp__buf buf = {.limit = 1000};
    size_t room = 0;
    char *to = gp__buf_room(&buf, 0, &room);

    (void)state;
    assert_non_null(to); /* NULL means failure only */
    to = gp__buf_room(&buf, 600, &room);
    assert_non_null(to);
    assert_in_range(room, 600, 1000);
    memset(to, 'a', room);
    gp__buf_added(&buf, 600);
    to = gp__buf_room(&buf, 400, &room);
    assert_non_null(to);
    assert_int_equal(room, 400); /* there is more memory than the limit lets one use */
    memset(to, 'b', room);
    gp__buf_added(&buf, 400);
    assert_null(gp__buf_room(&buf, 1, &room));
    assert_non_null(gp__buf_room(&buf, 0, &room));
    assert_int_equal(room, 0);
    gp__buf_consume(&buf, 1);
    assert_non_null(gp__buf_room(&buf, 1, &room));
    assert_int_equal(room, 1);
    assert_int_equal(gp__buf_slice(&buf).data[598], 'a');
    assert_int_equal(gp__buf_slice(&buf).data[599], 'b');
    assert_null(gp__buf_room(&buf, SIZE_MAX, &room));
    assert_null(gp__buf_room(&buf, SIZE_MAX - 998, &room));
    buf.limit = 5; /* lowered below the content: nothing more fits */
    assert_null(gp__buf_room(&buf, 0, &room));
    gp__buf_free(&buf);
}

static void no_limit_is_not_endless(void **state)
{
    struct gp__buf buf = {0};
    size_t room;

    (void)state;
    assert_null(gp__buf_room(&buf, SIZE_MAX, &room));
    assert_null(gp__buf_room(&buf, SIZE_MAX / 2, &room));
    buf.limit = SIZE_MAX;
    assert_null(gp__buf_room(&buf, SIZE_MAX / 2 + 2, &room));
    if (!UNDER_ASAN) /* which ends the process instead */
        assert_null(gp__buf_room(&buf, SIZE_MAX / 4, &room));
    assert_int_equal(buf.cap, 0);
}

/* A queue of bytes against a plain model: what goes in comes out, and memory stays in proportion. */
static void queue(void **state)
{
    static const struct {
        size_t in, out, level;
    } cases[] = {{1, 1, 0}, {1, 1, 250}, {1, 1, 255}, {7, 7, 100}, {300, 300, 10}, {13, 13, 4000}};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct gp__buf buf = {0};
        size_t in = 0, out = 0;

        for (size_t n = 0; n < cases[i].level; n++, in++)
            assert_int_equal(gp__buf_append(&buf, gp_slice((char[]){(char)(in & 0x7f)}, 1)), 0);
        for (int round = 0; round < 3000; round++) {
            for (size_t n = 0; n < cases[i].in; n++, in++)
                assert_int_equal(gp__buf_append(&buf, gp_slice((char[]){(char)(in & 0x7f)}, 1)), 0);
            for (size_t n = 0; n < cases[i].out; n++, out++)
                assert_int_equal(gp__buf_slice(&buf).data[n], out & 0x7f);
            gp__buf_consume(&buf, cases[i].out);
            assert_int_equal(buf.len, cases[i].level);
        }
        assert_true(buf.cap <= 4 * (cases[i].level + cases[i].in) + 256);
        gp__buf_free(&buf);
    }
}

/* A nearly full buffer is not moved for every byte that passes through it. */
static void moves_are_rare(void **state)
{
    struct gp__buf buf = {0};
    size_t moves = 0;

    (void)state;
    for (int i = 0; i < 65535; i++)
        gp__buf_append(&buf, GP_S("x"));
    for (int i = 0; i < 65536; i++) {
        size_t start = buf.start;

        gp__buf_consume(&buf, 1);
        gp__buf_append(&buf, GP_S("y"));
        moves += buf.start < start;
    }
    assert_in_range(moves, 0, 3);
    gp__buf_free(&buf);
}

static void consume_too_much(void)
{
    struct gp__buf buf = {0};

    gp__buf_append(&buf, GP_S("abc"));
    gp__buf_consume(&buf, 4);
}

static void add_too_much(void)
{
    struct gp__buf buf = {0};

    gp__buf_append(&buf, GP_S("abc"));
    gp__buf_added(&buf, buf.cap);
}

static void misuse_aborts(void **state)
{
    (void)state;
    assert_true(aborts(consume_too_much));
    assert_true(aborts(add_too_much));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends),       cmocka_unit_test(limit_to_the_byte),
        cmocka_unit_test(room),          cmocka_unit_test(no_limit_is_not_endless),
        cmocka_unit_test(queue),         cmocka_unit_test(moves_are_rare),
        cmocka_unit_test(misuse_aborts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
