// SPDX-License-Identifier: Apache-2.0
/* Maps: many keys, order of insertion, replacement, keys with any byte, either way with case. */
#include "check.h"

#include "core/base/map.h"

static int values[3];

static void empty(void **state)
{
    struct gp__map map = {0};

    (void)state;
    assert_null(gp__map_get(&map, GP_S("a")));
    assert_null(gp__map_find(&map, gp_slice(NULL, 0)));
    gp__map_free(&map);
    gp__map_free(&map);
}

static void sets(void **state)
{
    struct gp__map map = {0};

    (void)state;
    assert_null(gp__map_set(&map, GP_S("a"), &values[0]));
    assert_null(gp__map_set(&map, GP_S(""), &values[1]));
    assert_null(gp__map_set(&map, GP_S("a\0b"), NULL));
    assert_ptr_equal(gp__map_get(&map, GP_S("a")), &values[0]);
    assert_ptr_equal(gp__map_get(&map, gp_slice(NULL, 0)), &values[1]); /* absent is empty here */
    assert_non_null(gp__map_find(&map, GP_S("a\0b")));
    assert_null(gp__map_get(&map, GP_S("a\0b")));
    assert_null(gp__map_find(&map, GP_S("a\0c")));
    assert_null(gp__map_find(&map, GP_S("A")));
    assert_ptr_equal(gp__map_set(&map, GP_S("a"), &values[2]), &values[0]);
    assert_ptr_equal(gp__map_get(&map, GP_S("a")), &values[2]);
    assert_int_equal(map.count, 3);
    assert_slice(map.entries[0].key, GP_S("a")); /* replaced in its place */
    gp__map_free(&map);
    assert_int_equal(map.count, 0);
    assert_null(gp__map_set(&map, GP_S("again"), &values[0]));
    assert_ptr_equal(gp__map_get(&map, GP_S("again")), &values[0]);
    gp__map_free(&map);
}

static void nocase(void **state)
{
    struct gp__map map = {.nocase = true};

    (void)state;
    assert_null(gp__map_set(&map, GP_S("Example.ORG"), &values[0]));
    assert_ptr_equal(gp__map_get(&map, GP_S("eXAMPLE.org")), &values[0]);
    assert_ptr_equal(gp__map_set(&map, GP_S("example.org"), &values[1]), &values[0]);
    assert_slice(map.entries[0].key, GP_S("Example.ORG")); /* the first spelling stays */
    assert_null(gp__map_set(&map, GP_S("@"), &values[0]));
    assert_null(gp__map_find(&map, GP_S("`")));
    assert_null(gp__map_set(&map, GP_S("\xc4"), &values[0]));
    assert_null(gp__map_find(&map, GP_S("\xe4")));
    assert_int_equal(map.count, 3);
    gp__map_free(&map);
    assert_true(map.nocase);
}

static void many(void **state)
{
    enum { N = 20000 };
    static char keys[N][12];
    struct gp__map map = {0};

    (void)state;
    for (size_t i = 0; i < N; i++) {
        snprintf(keys[i], sizeof keys[i], "key%zu", i * 7919 % N);
        assert_null(gp__map_set(&map, gp_slice_of(keys[i]), keys[i]));
        if (i % 997 == 0)
            assert_ptr_equal(gp__map_get(&map, gp_slice_of(keys[i / 2])), keys[i / 2]);
    }
    assert_int_equal(map.count, N);
    assert_true(map.slots_cap >= 2 * map.count);
    for (size_t i = 0; i < N; i++) {
        char other[32];

        assert_ptr_equal(map.entries[i].value, keys[i]); /* in order */
        assert_ptr_equal(gp__map_get(&map, gp_slice_of(keys[i])), keys[i]);
        sprintf(other, "key%zux", i);
        assert_null(gp__map_find(&map, gp_slice_of(other)));
        assert_ptr_equal(gp__map_set(&map, gp_slice_of(keys[i]), values), keys[i]);
    }
    assert_int_equal(map.count, N);
    gp__map_free(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty),
        cmocka_unit_test(sets),
        cmocka_unit_test(nocase),
        cmocka_unit_test(many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
