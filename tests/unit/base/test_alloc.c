// SPDX-License-Identifier: Apache-2.0
/* Small allocations: zeroed, never NULL, growing, and the process ends rather than overflow. */
#include "check.h"

#include "core/base/alloc.h"

static void is_zeroed(void **state)
{
    (void)state;
    for (size_t size = 0; size < 200; size += 7) {
        char *memory = gp__alloc(size);

        for (size_t i = 0; i < size; i++)
            assert_int_equal(memory[i], 0);
        memset(memory, 0xff, size);
        GP__FREE(memory);
        assert_null(memory);
    }
}

static void arrays(void **state)
{
    uint64_t *array = gp__alloc_array(5, sizeof *array);

    (void)state;
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(array[i], 0);
    GP__FREE(array);
    array = gp__alloc_array(0, 8);
    assert_non_null(array);
    GP__FREE(array);
    array = gp__alloc_array(SIZE_MAX, 0);
    assert_non_null(array);
    GP__FREE(array);
}

static void grows(void **state)
{
    struct {
        uint32_t a, b, c;
    } *items = NULL;
    size_t cap = 0;

    (void)state;
    GP__GROW(items, cap, 0);
    assert_null(items);
    for (uint32_t i = 0; i < 1000; i++) {
        GP__GROW(items, cap, i + 1);
        assert_true(cap > i);
        assert_int_equal(items[i].b, 0);
        items[cap - 1].c = 0;
        items[i].a = i;
        items[i].b = ~i;
    }
    for (uint32_t i = 0; i < 1000; i++) {
        assert_int_equal(items[i].a, i);
        assert_int_equal(items[i].b, ~i);
    }
    GP__GROW(items, cap, 5000);
    assert_true(cap >= 5000);
    assert_int_equal(items[4999].a, 0);
    GP__FREE(items);
}

static void copies_text(void **state)
{
    char *copy = gp__strdup("gatepost");

    (void)state;
    assert_string_equal(copy, "gatepost");
    GP__FREE(copy);
    copy = gp__strdup("");
    assert_string_equal(copy, "");
    GP__FREE(copy);
    gp__free(NULL);
}

static void overflow_array(void)
{
    gp__free(gp__alloc_array(SIZE_MAX / 2, 3));
}

static void overflow_grow(void)
{
    uint64_t *items = NULL;
    size_t cap = 0;

    GP__GROW(items, cap, SIZE_MAX / 8 + 1);
    gp__free(items);
}

static void overflow_grow_count(void)
{
    char *items = gp__alloc(8);
    size_t cap = 8;

    /* Doubling alone would never get there. */
    gp__grow((void **)&items, &cap, SIZE_MAX, 2);
    gp__free(items);
}

static void overflow_aborts(void **state)
{
    (void)state;
    assert_true(aborts(overflow_array));
    assert_true(aborts(overflow_grow));
    assert_true(aborts(overflow_grow_count));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_zeroed),   cmocka_unit_test(arrays),          cmocka_unit_test(grows),
        cmocka_unit_test(copies_text), cmocka_unit_test(overflow_aborts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
