// SPDX-License-Identifier: Apache-2.0
// Contents: finding the header section (whole, byte by byte, in twos and threes), budgets, growing
// without moving the head, spilling and mapping.
#include "support.h"

static const struct {
    struct gp_slice bytes;
    size_t fields, separator, body;
    bool malformed;
} sections[] = {
    {GP_S(""), 0, 0, 0, false},
    {GP_S("\r\n"), 0, 0, 2, false},
    {GP_S("\r\nbody"), 0, 0, 2, false},
    {GP_S("A: b\r\n\r\nbody\r\n"), 1, 6, 8, false},
    {GP_S("A: b\r\n\r\n"), 1, 6, 8, false},
    {GP_S("A: b\r\n"), 1, 6, 6, false},
    {GP_S("A: b"), 1, 4, 4, false},
    {GP_S("A:"), 1, 2, 2, false},
    {GP_S("A"), 0, 0, 0, true},
    {GP_S("A: b\r\n folded\r\n\tmore\r\nC: d\r\n\r\nx"), 2, 28, 30, false},
    {GP_S("A: b\r\n \r\nC: d\r\n\r\n"), 2, 15, 17, false},
    {GP_S("A: b\nC: d\n\nbody"), 2, 10, 11, false},
    {GP_S("A : b\r\n\r\n"), 1, 7, 9, false},
    {GP_S("hello world\r\nA: b\r\n\r\n"), 0, 0, 0, true},
    {GP_S("A: b\r\nhello world\r\nC: d\r\n\r\n"), 1, 6, 6, true},
    {GP_S(" A: b\r\n\r\n"), 0, 0, 0, true},
    {GP_S(": b\r\n\r\n"), 0, 0, 0, true},
    {GP_S("A\xc3\xa4: b\r\n\r\n"), 0, 0, 0, true},
    {GP_S("A\0: b\r\n\r\n"), 0, 0, 0, true},
    {GP_S("From x@y Mon Nov 23\r\nA: b\r\n\r\n"), 0, 0, 0, true},
    {GP_S("A: \0\r \r\n\r\n"), 1, 8, 10, false},
    {GP_S("A: b\r\n\rx: y\r\n\r\n"), 1, 6, 6, true},
};

static void check_sections(size_t step)
{
    for (size_t i = 0; i < COUNT(sections); i++) {
        struct gp__content_settings settings = {.headers = 100, .header_bytes = 1000};
        struct gp__content *content = gp__content_create(&settings);
        struct gp_slice bytes = sections[i].bytes;

        for (size_t at = 0; at < bytes.len; at += step)
            assert_int_equal(gp__content_append(content, gp_slice_sub(bytes, at, step)), 0);
        gp__content_end(content);
        assert_int_equal(gp__content_header_state(content), GP__HEADERS_COMPLETE);
        assert_int_equal(gp__content_field_count(content), sections[i].fields);
        assert_int_equal(gp__content_separator_offset(content), sections[i].separator);
        assert_int_equal(gp__content_body_offset(content), sections[i].body);
        assert_int_equal(gp__content_malformed(content), sections[i].malformed);
        assert_slice(gp__content_at(content, 0, bytes.len), bytes);
        assert_int_equal(gp__content_append(content, GP_S("x")), -1);
        gp__content_unref(&content);
    }
}

static void test_sections(void **state)
{
    (void)state;
    check_sections(SIZE_MAX / 2);
    check_sections(1);
    check_sections(2);
    check_sections(3);
}

static void test_fields(void **state)
{
    struct gp__content *content = gp__content_of(
        GP_S("A: b\r\n c\r\nReceived: x\r\nrecEIVED : y\r\nReceivedx: z\r\n\r\n"));
    const struct gp__field *field = gp__content_field(content, 0);

    (void)state;
    assert_int_equal(gp__content_received(content), 2);
    assert_slice(gp__content_at(content, field->start, field->len), GP_S("A: b\r\n c\r\n"));
    field = gp__content_field(content, 2);
    assert_slice(gp__content_at(content, field->start, field->name_len), GP_S("recEIVED"));
    assert_slice(gp__content_at(content, field->value, 2), GP_S(" y"));
    assert_null(gp__content_field(content, 4));
    gp__content_unref(&content);
    assert_null(content);
    gp__content_unref(&content);
}

/* The state is known as soon as it can be. */
static void test_state_while_receiving(void **state)
{
    struct gp__content_settings settings = {.headers = 2, .header_bytes = 40};
    struct gp__content *content = gp__content_create(&settings);

    (void)state;
    assert_int_equal(gp__content_append(content, GP_S("A: b\r\n\r")), 0);
    assert_int_equal(gp__content_header_state(content), GP__HEADERS_MORE);
    assert_false(gp_slice_present(gp__content_at(content, 0, 4)));
    assert_int_equal(gp__content_append(content, GP_S("\nbo")), 0);
    assert_int_equal(gp__content_header_state(content), GP__HEADERS_COMPLETE);
    assert_slice(gp__content_at(content, 0, 4), GP_S("A: b"));
    assert_false(gp_slice_present(gp__content_at(content, 8, 2)));
    gp__content_end(content);
    assert_slice(gp__content_at(content, 8, 2), GP_S("bo"));
    assert_false(gp_slice_present(gp__content_at(content, 8, 3)));
    assert_false(gp_slice_present(gp__content_at(content, UINT64_MAX, 2)));
    gp__content_unref(&content);
}

static void test_budgets(void **state)
{
    static const struct {
        struct gp_slice bytes;
        enum gp__header_state state;
        size_t fields;
    } cases[] = {
        {GP_S("A: b\r\nC: d\r\n\r\n"), GP__HEADERS_COMPLETE, 2},
        {GP_S("A: b\r\nC: d\r\nE: f\r\n\r\n"), GP__HEADERS_TOO_MANY, 2},
        {GP_S("A: b\r\nC: 45678901234567890123456789\r\n\r\n"), GP__HEADERS_COMPLETE, 2},
        {GP_S("A: b\r\nC: 456789012345678901234567890\r\n\r\n"), GP__HEADERS_TOO_LONG, 2},
        {GP_S("A: 34567890123456789012345678901234567890123456789"), GP__HEADERS_TOO_LONG, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        for (size_t step = 1; step <= cases[i].bytes.len; step += cases[i].bytes.len - 1) {
            struct gp__content_settings settings = {.headers = 2, .header_bytes = 39};
            struct gp__content *content = gp__content_create(&settings);

            for (size_t at = 0; at < cases[i].bytes.len; at += step)
                gp__content_append(content, gp_slice_sub(cases[i].bytes, at, step));
            assert_int_equal(gp__content_header_state(content), cases[i].state);
            assert_int_equal(gp__content_field_count(content), cases[i].fields);
            gp__content_unref(&content);
        }
    }
}

static void append_many(struct gp__content *content, size_t n)
{
    char line[1000];

    memset(line, 'x', sizeof line);
    for (; n > 0; n -= n < sizeof line ? n : sizeof line)
        assert_int_equal(
            gp__content_append(content, gp_slice(line, n < sizeof line ? n : sizeof line)), 0);
}

/* Slices of the section stay where they are while the body grows; all is one run at the end. */
static void test_growing(void **state)
{
    static const uint64_t hints[] = {0, 100, 3 << 20, UINT64_MAX};

    (void)state;
    for (size_t i = 0; i < COUNT(hints); i++) {
        struct gp__content_settings settings = {.size_hint = hints[i]};
        struct gp__content *content = gp__content_create(&settings);
        struct gp_slice head, all;

        gp__content_append(content, GP_S("A: b\r\n\r\n"));
        head = gp__content_head_at(content, 0, 6);
        append_many(content, 3 << 20);
        assert_slice(head, GP_S("A: b\r\n"));
        assert_ptr_equal(gp__content_head_at(content, 0, 6).data, head.data);
        gp__content_end(content);
        all = gp__content_at(content, 0, gp__content_size(content));
        assert_int_equal(all.len, (3 << 20) + 8);
        assert_slice(gp_slice_sub(all, 0, 9), GP_S("A: b\r\n\r\nx"));
        assert_slice(head, GP_S("A: b\r\n"));
        gp__content_unref(&content);
    }
}

static int released;

static void release(void *arg)
{
    assert_ptr_equal(arg, &released);
    released++;
}

static void spill(struct gp__content *content, char *file, size_t *len)
{
    struct gp_slice taken = gp__content_take_for_spill(content);

    assert_true(gp_slice_present(taken));
    memcpy(file + *len, taken.data, taken.len);
    *len += taken.len;
    gp__content_block_free(&taken);
    assert_false(gp_slice_present(taken));
}

static void test_spilling(void **state)
{
    struct gp__content *content = gp__content_create(&(struct gp__content_settings){0});
    char *file = malloc(1 << 20);
    struct gp_slice head;
    size_t len = 0;

    (void)state;
    gp__content_append(content, GP_S("A: b\r\n\r"));
    assert_false(gp_slice_present(gp__content_take_for_spill(content)));
    gp__content_append(content, GP_S("\n"));
    head = gp__content_head_at(content, 0, 6);
    append_many(content, 100000);
    spill(content, file, &len);
    assert_int_equal(gp__content_held(content), 0);
    assert_false(gp_slice_present(gp__content_take_for_spill(content)));
    assert_slice(head, GP_S("A: b\r\n"));
    append_many(content, 5000);
    gp__content_end(content);
    assert_int_equal(gp__content_size(content), 105008);
    assert_int_equal(gp__content_map(content, file, 105008, release, &released), -1);
    spill(content, file, &len);
    assert_int_equal(len, 105008);
    assert_slice(gp__content_at(content, 0, 6), GP_S("A: b\r\n"));
    assert_false(gp_slice_present(gp__content_at(content, 8, 1)));
    assert_int_equal(gp__content_map(content, file, 105007, release, &released), -1);
    assert_int_equal(gp__content_map(content, file, 105008, release, &released), 0);
    assert_int_equal(gp__content_map(content, file, 105008, release, &released), -1);
    assert_ptr_equal(gp__content_at(content, 0, 105008).data, file);
    assert_slice(head, GP_S("A: b\r\n"));
    assert_int_equal(released, 0);
    gp__content_unref(&content);
    assert_int_equal(released, 1);
    free(file);
}

/* Taken before the header section has a block of its own. */
static void test_spilling_early(void **state)
{
    struct gp__content *content = gp__content_create(&(struct gp__content_settings){0});
    struct gp_slice head, taken;

    (void)state;
    gp__content_append(content, GP_S("A: b\r\n\r\nbody"));
    head = gp__content_head_at(content, 0, 6);
    taken = gp__content_take_for_spill(content);
    assert_slice(taken, GP_S("A: b\r\n\r\nbody"));
    gp__content_block_free(&taken);
    gp__content_append(content, GP_S("more"));
    assert_slice(head, GP_S("A: b\r\n"));
    assert_slice(gp__content_at(content, 0, 6), GP_S("A: b\r\n"));
    taken = gp__content_take_for_spill(content);
    assert_slice(taken, GP_S("more"));
    gp__content_unref(&content);
    assert_slice(taken, GP_S("more"));
    gp__content_block_free(&taken);
}

static int teardown(void **state)
{
    (void)state;
    gp__content_pool_free();
    gp__arena_pool_free();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sections),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_state_while_receiving),
        cmocka_unit_test(test_budgets),
        cmocka_unit_test(test_growing),
        cmocka_unit_test(test_spilling),
        cmocka_unit_test(test_spilling_early),
    };

    return cmocka_run_group_tests(tests, NULL, teardown);
}
