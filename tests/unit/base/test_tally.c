// SPDX-License-Identifier: Apache-2.0
#include "core/base/tally.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct gp_slice key_of(unsigned n, char out[16])
{
    return gp_slice(out, (size_t)snprintf(out, 16, "192.0.2.%u", n));
}

static void test_counts(void **state)
{
    struct gp__tally tally = {0};

    (void)state;
    assert_int_equal(gp__tally_get(&tally, GP_S("a")), 0);
    gp__tally_remove(&tally, GP_S("a"));
    assert_int_equal(gp__tally_add(&tally, GP_S("a")), 1);
    assert_int_equal(gp__tally_add(&tally, GP_S("a")), 2);
    assert_int_equal(gp__tally_add(&tally, GP_S("")), 1);
    assert_int_equal(gp__tally_get(&tally, GP_S("a")), 2);
    gp__tally_remove(&tally, GP_S("b"));
    gp__tally_remove(&tally, GP_S("a"));
    gp__tally_remove(&tally, GP_S("a"));
    gp__tally_remove(&tally, GP_S("a"));
    assert_int_equal(gp__tally_get(&tally, GP_S("a")), 0);
    assert_int_equal(tally.entries, 1);
    gp__tally_free(&tally);
    assert_int_equal(gp__tally_get(&tally, GP_S("")), 0);
}

static void test_many(void **state)
{
    struct gp__tally tally = {0};
    char text[16];

    (void)state;
    for (unsigned n = 0; n < 5000; n++)
        for (unsigned i = 0; i <= n % 3; i++)
            assert_int_equal(gp__tally_add(&tally, key_of(n, text)), i + 1);
    for (unsigned n = 0; n < 5000; n++)
        assert_int_equal(gp__tally_get(&tally, key_of(n, text)), n % 3 + 1);
    for (unsigned n = 0; n < 5000; n++)
        for (unsigned i = 0; i <= n % 3; i++)
            gp__tally_remove(&tally, key_of(n, text));
    assert_int_equal(tally.entries, 0);
    gp__tally_free(&tally);
}

/* Keys are cut, never read past: two that differ only beyond the cut are one. */
static void test_long_keys(void **state)
{
    struct gp__tally tally = {0};

    (void)state;
    gp__tally_add(&tally, GP_S("0123456789012345678901234567890123456789A"));
    assert_int_equal(gp__tally_get(&tally, GP_S("0123456789012345678901234567890123456789B")), 1);
    assert_int_equal(gp__tally_get(&tally, GP_S("01234567890123456789012345678901")), 1);
    gp__tally_free(&tally);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_long_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
