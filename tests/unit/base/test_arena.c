// SPDX-License-Identifier: Apache-2.0
/* Arenas: alignment, zeroing, large allocations, cleanups in order, recycling of chunks. */
#include "check.h"

#include "core/base/arena.h"

#define CHUNK 2048u

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
    gp__arena_pool_free();
    return arena ? -1 : 0;
}

static void is_aligned_and_zeroed(void **state)
{
    (void)state;
    for (int round = 0; round < 3; round++) {
        for (size_t size = 0; size < 5000; size = size * 5 / 4 + 1) {
            char *text = gp__arena_bytes(arena, size % 7);
            char *memory = gp__arena_alloc(arena, size);

            memset(text, 0xaa, size % 7);
            assert_int_equal((uintptr_t)memory % _Alignof(max_align_t), 0);
            for (size_t i = 0; i < size; i++)
                assert_int_equal(memory[i], 0);
            memset(memory, 0xff, size);
        }
        gp__arena_free(&arena); /* the next round gets the dirty chunks of this one */
        arena = gp__arena_create();
    }
}

/* Every allocation keeps its bytes while others come. */
static void does_not_overlap(void **state)
{
    enum { N = 600 };
    unsigned char *places[N];
    size_t sizes[N];

    (void)state;
    for (size_t i = 0; i < N; i++) {
        sizes[i] = i * 37 % 301 + (i % 50 == 0 ? 3000 : 0);
        places[i] = i % 2 ? gp__arena_alloc(arena, sizes[i])
                          : (unsigned char *)gp__arena_bytes(arena, sizes[i]);
        memset(places[i], (int)(i & 0xff), sizes[i]);
    }
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < sizes[i]; j++)
            assert_int_equal(places[i][j], i & 0xff);
}

/* A chunk is filled to its last byte, and one byte more takes another. */
static void fills_chunks(void **state)
{
    static const struct {
        size_t size;
        size_t chunks;
    } cases[] = {{CHUNK - 16, 1}, {CHUNK - 15, 1}, {CHUNK, 1}, {1, 1}, {0, 0}};
    size_t before;

    (void)state;
    if (UNDER_ASAN)
        skip(); /* one chunk an allocation there */
    assert_int_equal(gp__arena_size(arena), CHUNK);
    while (gp__arena_size(arena) == CHUNK)
        gp__arena_bytes(arena, 1); /* the last one opened a second chunk */
    gp__arena_bytes(arena, CHUNK - 16 - 1);
    assert_int_equal(gp__arena_size(arena), 2 * CHUNK);
    for (size_t i = 0; i < COUNT(cases); i++) {
        before = gp__arena_size(arena);
        memset(gp__arena_bytes(arena, cases[i].size), 1, cases[i].size);
        assert_int_equal(gp__arena_size(arena) > before, cases[i].chunks);
    }
}

/* A large allocation does not waste what is left of the chunk that small ones come from. */
static void large_stand_apart(void **state)
{
    char *a, *b;

    (void)state;
    if (UNDER_ASAN)
        skip();
    a = gp__arena_bytes(arena, 10);
    memset(gp__arena_alloc(arena, 1 << 20), 1, 1 << 20);
    b = gp__arena_bytes(arena, 10);
    assert_in_range(b - a, 10, 10 + _Alignof(max_align_t));
    assert_in_range(gp__arena_size(arena), (1 << 20) + CHUNK, (1 << 20) + CHUNK + 64);
}

static void recycles(void **state)
{
    void *first, *again;

    (void)state;
    if (UNDER_ASAN)
        skip();
    first = gp__arena_alloc(arena, 64);
    for (int i = 0; i < 100; i++)
        gp__arena_alloc(arena, 1000);
    gp__arena_free(&arena);
    arena = gp__arena_create();
    for (int i = 0; i < 100; i++)
        gp__arena_alloc(arena, 1000);
    gp__arena_free(&arena);
    arena = gp__arena_create();
    again = gp__arena_alloc(arena, 64);
    assert_ptr_equal(again, first); /* freed newest first, so the oldest is on top of the pool */
}

/* More chunks than the pool keeps, freed and taken anew. */
static void pool_is_bounded(void **state)
{
    (void)state;
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 2500; i++)
            memset(gp__arena_bytes(arena, 1500), i, 1500);
        gp__arena_free(&arena);
        arena = gp__arena_create();
    }
}

static struct {
    int order[16];
    size_t count;
} seen;

static void note(void *arg)
{
    seen.order[seen.count++] = *(int *)arg;
}

static void note_and_add(void *arg)
{
    static int late = 99;

    note(arg);
    gp__arena_cleanup(arena, note, &late);
}

static void cleanups_newest_first(void **state)
{
    struct gp__arena *own = gp__arena_create();

    (void)state;
    seen.count = 0;
    for (int i = 1; i <= 5; i++) {
        int *number = GP__ARENA_NEW(own, int); /* still there when its cleanup runs */

        *number = i;
        gp__arena_cleanup(own, note, number);
        gp__arena_alloc(own, 1500);
    }
    gp__arena_free(&own);
    assert_null(own);
    assert_int_equal(seen.count, 5);
    for (int i = 0; i < 5; i++)
        assert_int_equal(seen.order[i], 5 - i);
}

static void cleanup_may_use_the_arena(void **state)
{
    struct gp__arena *own = gp__arena_create(), *other = arena;
    int one = 1, two = 2;

    (void)state;
    seen.count = 0;
    arena = own; /* note_and_add adds to it while it is freed */
    gp__arena_cleanup(own, note, &one);
    gp__arena_cleanup(own, note_and_add, &two);
    gp__arena_free(&own);
    arena = other;
    assert_int_equal(seen.count, 3);
    assert_int_equal(seen.order[0], 2);
    assert_int_equal(seen.order[1], 99);
    assert_int_equal(seen.order[2], 1);
    gp__arena_free(&own); /* NULL by now: nothing happens */
}

static void copies_slices(void **state)
{
    static const struct gp_slice cases[] = {{"", 0}, {"a", 1}, {"\0b\0", 3}, {"four", 4}};
    struct gp_slice copy;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct gp_slice from = tight(cases[i]);

        copy = gp__arena_dup(arena, from);
        tight_free(from);
        assert_slice(copy, cases[i]);
        assert_int_equal(copy.data[copy.len], '\0');
    }
    copy = gp__arena_dup(arena, gp_slice(NULL, 0));
    assert_false(gp_slice_present(copy));
}

static void prints(void **state)
{
    struct gp_slice text = gp__arena_printf(arena, "%s-%d", "x", 42);

    (void)state;
    assert_slice(text, GP_S("x-42"));
    assert_int_equal(text.data[4], '\0');
    assert_slice(gp__arena_printf(arena, "%s", ""), GP_S(""));
    text = gp__arena_printf(arena, "%5000d", 7);
    assert_int_equal(text.len, 5000);
    assert_int_equal(text.data[4999], '7');
}

static void joins(void **state)
{
    struct gp_slice text = GP__ARENA_JOIN(arena, GP_S("a"), gp_slice(NULL, 0), GP_S(""),
                                          GP_S("bc"));

    (void)state;
    assert_slice(text, GP_S("abc"));
    assert_int_equal(text.data[3], '\0');
    assert_slice(gp__arena_join(arena, NULL, 0), GP_S(""));
    for (int len = 250; len < 260; len++) { /* around what is formatted once */
        text = gp__arena_printf(arena, "%*d", len, 7);
        assert_int_equal(text.len, len);
        assert_int_equal(text.data[len - 1], '7');
        assert_int_equal(text.data[len], '\0');
    }
}

static void grows(void **state)
{
    uint32_t *items = NULL;
    size_t cap = 0;

    (void)state;
    for (uint32_t i = 0; i < 3000; i++) {
        GP__ARENA_GROW(arena, items, cap, i + 1);
        assert_int_equal(items[i], 0);
        items[i] = i;
    }
    for (uint32_t i = 0; i < 3000; i++)
        assert_int_equal(items[i], i);
    assert_true(cap < 3000 * 2);
    assert_non_null(GP__ARENA_ARRAY(arena, uint64_t, 0));
}

static void overflow_array(void)
{
    gp__arena_alloc_array(arena, SIZE_MAX / 4, 8);
}

static void overflow_chunk(void)
{
    gp__arena_bytes(arena, SIZE_MAX - 4); /* with the header of its chunk: 11 */
}

static void overflow_grow(void)
{
    uint16_t *items = NULL;
    size_t cap = 0;

    GP__ARENA_GROW(arena, items, cap, SIZE_MAX / 2 + 2);
}

static void overflow_aborts(void **state)
{
    (void)state;
    assert_true(aborts(overflow_array));
    assert_true(aborts(overflow_chunk));
    assert_true(aborts(overflow_grow));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(is_aligned_and_zeroed),
        TEST(does_not_overlap),
        TEST(fills_chunks),
        TEST(large_stand_apart),
        TEST(recycles),
        TEST(pool_is_bounded),
        TEST(cleanups_newest_first),
        TEST(cleanup_may_use_the_arena),
        TEST(copies_slices),
        TEST(prints),
        TEST(joins),
        TEST(grows),
        TEST(overflow_aborts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
