// SPDX-License-Identifier: Apache-2.0
// Lists of mailboxes: RFC 5322 with its obsolete forms, groups, forgeries, hostile input.
#include "support.h"

#include "core/message/address_list.h"
#include "core/message/charset.h"

#include <time.h>

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

/* "display|local|domain|group" of each mailbox; "-" for what is absent. */
static struct gp_slice draw(const struct gp__address_list *list)
{
    struct gp_slice text = GP_S("");

    for (size_t i = 0; i < list->count; i++) {
        const struct gp__mailbox_entry *entry = &list->items[i];
        struct gp_slice display = gp_slice_present(entry->display) ? entry->display : GP_S("-");
        struct gp_slice group = gp_slice_present(entry->group) ? entry->group : GP_S("-");

        text = gp__arena_printf(arena, GP_FMT "%s" GP_FMT "|" GP_FMT "|" GP_FMT "|" GP_FMT,
                                GP_ARG(text), i ? " + " : "", GP_ARG(display), GP_ARG(entry->local),
                                GP_ARG(entry->domain), GP_ARG(group));
    }
    return text;
}

static const struct {
    const char *text, *drawn;
    size_t malformed;
} cases[] = {
    {"a@b", "-|a|b|-", 0},
    {" a@b\r\n ", "-|a|b|-", 0},
    {"<a@b>", "-|a|b|-", 0},
    {"A B <a@b>", "A B|a|b|-", 0},
    {"\"B, A\" <a@b>", "B, A|a|b|-", 0},
    {"\"A \\\"x\\\"\" <a@b>", "A \"x\"|a|b|-", 0},
    {"A.\r\n B <a@b>", "A. B|a|b|-", 0},
    {"a@b, c@d", "-|a|b|- + -|c|d|-", 0},
    {"a@b,, ,c@d,", "-|a|b|- + -|c|d|-", 0},
    {"a@b (Name)", "Name|a|b|-", 0},
    {"A (comment, with <x@y>) B <a@b>", "A B|a|b|-", 0},
    {"a (x) @ (y) b . (z) c", "z|a|b.c|-", 0},
    {"\"a b\"@c", "-|\"a b\"|c|-", 0},
    {"\"a@b,\"@c", "-|\"a@b,\"|c|-", 0},
    {"a@[192.0.2.1], b@[IPv6:2001:db8::1]", "-|a|[192.0.2.1]|- + -|b|[IPv6:2001:db8::1]|-", 0},
    {"<@x,@y:a@b>", "-|a|b|-", 0},
    {"=?utf-8?Q?caf=C3=A9?= <a@b>", "caf\xc3\xa9|a|b|-", 0},
    {"=?utf-8?Q?a=40evil?= <a@b>", "a@evil|a|b|-", 0},
    {"caf\xc3\xa9@b\xc3\xbc", "-|caf\xc3\xa9|b\xc3\xbc|-", 0},
    /* groups (RFC 6854) */
    {"undisclosed-recipients:;", "", 0},
    {"G: a@b, C <c@d>; e@f", "-|a|b|G + C|c|d|G + -|e|f|-", 0},
    {"\"G: x\": a@b;", "-|a|b|G: x", 0},
    {"G: a@b", "-|a|b|G", 0},
    {":a@b;", "-|a|b|", 1},
    /* lenient, and counted */
    {"a@b; c@d", "-|a|b|- + -|c|d|-", 0},
    {"nobody", "", 1},
    {"nobody <nobody>", "nobody|nobody||-", 0},
    {"<>", "", 1},
    {"A <>", "", 1},
    {"A B c@d", "", 1},
    {"x@y <a@b>", "x@y|a|b|-", 1},
    {"A <a@b> <c@d>", "A|a|b|-", 1},
    {"A <a@b> junk, c@d", "A|a|b|- + -|c|d|-", 1},
    {"A <a@b", "A|a|b|-", 0},
    {"a@b:c, d@e", "-|a|b:c|- + -|d|e|-", 1},
    {"a@b@c", "-|a@b|c|-", 0},
    {"@b", "-||b|-", 1},
    {"a@", "-|a||-", 1},
    {"(a@b", "-|(a|b|-", 0},
    {"\"a@b", "-|\"a|b|-", 0},
    {"", "", 0},
    {"(only a comment)", "", 0},
};

static void test_lists(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct gp__address_list list;

        gp__address_list_parse(arena, gp_slice_of(cases[i].text), &list);
        assert_slice(draw(&list), gp_slice_of(cases[i].drawn));
        if (list.malformed != cases[i].malformed)
            print_error("%s\n", cases[i].text);
        assert_int_equal(list.malformed, cases[i].malformed);
    }
}

static void test_groups(void **state)
{
    struct gp__address_list list;

    (void)state;
    gp__address_list_parse(arena, GP_S("A:;, B: a@b;, c@d"), &list);
    assert_int_equal(list.groups, 2);
    assert_int_equal(list.count, 2);
}

static void test_bounds(void **state)
{
    static const char *const rows[] = {"a@b,", "(",    "\"", "\"\\",       "<",  "[",  ":",
                                       "(a",   "\\\"", ";",  "=?utf-8?Q?", "a:", "<(", "a@"};
    size_t size = 200000;
    char *text = malloc(size);

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        size_t len = strlen(rows[i]);
        struct gp__address_list list;
        clock_t began = clock();

        for (size_t k = 0; k < size; k++)
            text[k] = rows[i][k % len];
        gp__address_list_parse(arena, gp_slice(text, size), &list);
        assert_true(list.count <= GP__MAILBOXES_MAX);
        assert_int_equal(list.too_many, i == 0);
        assert_true(clock() - began < 5 * CLOCKS_PER_SEC);
    }
    free(text);
}

static int teardown_group(void **state)
{
    (void)state;
    gp__charset_cache_free();
    gp__arena_pool_free();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lists, setup, teardown),
        cmocka_unit_test_setup_teardown(test_groups, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bounds, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, teardown_group);
}
