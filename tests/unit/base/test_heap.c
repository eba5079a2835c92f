// SPDX-License-Identifier: Apache-2.0
/* The heap and the table of links, against what a plain array says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/heap.h"
#include "core/base/links.h"

#define N 10000u

struct item {
    struct gp__link link;
    uint64_t key; /* UINT64_MAX: not in the heap */
    uint32_t place;
};

static struct item items[N];
static uint64_t x = 88172645463325252u;

static uint64_t draw(uint64_t bound)
{
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return x % bound;
}

static void test_order(void **state)
{
    struct gp__heap heap = {.place = offsetof(struct item, place)};
    uint64_t before = 0;
    uint32_t in = 0;

    (void)state;
    for (uint32_t i = 0; i < N; i++)
        items[i].key = UINT64_MAX;
    /* Puts in, moves and takes out at random. */
    for (uint32_t i = 0; i < 5 * N; i++) {
        struct item *item = &items[draw(N)];

        if (draw(4) == 0) {
            gp__heap_remove(&heap, item);
            item->key = UINT64_MAX;
        } else {
            item->key = draw(1000);
            gp__heap_set(&heap, item, item->key);
        }
    }
    for (uint32_t i = 0; i < N; i++) {
        in += items[i].key != UINT64_MAX;
        assert_int_equal(items[i].key != UINT64_MAX, items[i].place != 0);
    }
    assert_int_equal(heap.count, in);
    while (heap.count) {
        struct item *first = gp__heap_first(&heap);

        assert_int_equal(gp__heap_first_key(&heap), first->key);
        assert_true(first->key >= before);
        before = first->key;
        gp__heap_remove(&heap, first);
        in--;
    }
    assert_int_equal(in, 0);
    assert_null(gp__heap_first(&heap));
    assert_int_equal(gp__heap_first_key(&heap), UINT64_MAX);
    assert_true(gp__heap_memory(&heap) < 3 * 4096 * sizeof(struct gp__heap_slot)); /* gave back */
    gp__heap_free(&heap);
}

static void test_links(void **state)
{
    struct gp__links links = {.count = 0};
    size_t left = N;

    (void)state;
    assert_null(gp__links_first(&links, 1));
    assert_null(gp__links_any(&links));
    for (uint32_t i = 0; i < N; i++) {
        items[i].link.hash = i / 2; /* two of each */
        gp__links_add(&links, &items[i].link);
    }
    for (uint32_t i = 0; i < N; i += 2) {
        struct gp__link *first = gp__links_first(&links, i / 2), *next = gp__links_next(first);

        assert_non_null(next);
        assert_null(gp__links_next(next));
        assert_true(first != next && first->hash == i / 2 && next->hash == i / 2);
    }
    for (uint32_t i = 0; i < N; i += 2, left--)
        gp__links_remove(&links, &items[i].link);
    assert_int_equal(links.count, left);
    assert_ptr_equal(gp__links_first(&links, 7), &items[15].link);
    while (gp__links_any(&links))
        gp__links_remove(&links, gp__links_any(&links));
    assert_int_equal(links.count, 0);
    gp__links_free(&links);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_links),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
