// SPDX-License-Identifier: Apache-2.0
// Message content: dot-unstuffing, flaws, the end; each case whole and in pieces of every size.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/buf.h"
#include "core/smtp/data.h"

#define LINE_MAX_BYTES 20

static const struct {
    struct gp_slice in;
    const char *strict;      /* content, NULL: flawed */
    const char *lenient;     /* the same; NULL: flawed */
    enum gp__data_flaw flaw; /* when strict */
    bool ends;
} cases[] = {
    {GP_S(".\r\n"), "", "", 0, true},
    {GP_S("\r\n.\r\n"), "\r\n", "\r\n", 0, true},
    {GP_S("a\r\n.\r\n"), "a\r\n", "a\r\n", 0, true},
    {GP_S("a\r\n..\r\n.\r\n"), "a\r\n.\r\n", "a\r\n.\r\n", 0, true},
    {GP_S("..\r\n.\r\n"), ".\r\n", ".\r\n", 0, true},
    {GP_S("...\r\n.\r\n"), "..\r\n", "..\r\n", 0, true},
    {GP_S(".a\r\n.\r\n"), "a\r\n", "a\r\n", 0, true},
    {GP_S("a.\r\n.\r\n"), "a.\r\n", "a.\r\n", 0, true},
    {GP_S("a\r\n.b\r\n..c\r\nd\r\n.\r\n"), "a\r\nb\r\n.c\r\nd\r\n", "a\r\nb\r\n.c\r\nd\r\n", 0,
     true},
    {GP_S("\xff\x80\r\n.\r\n"), "\xff\x80\r\n", "\xff\x80\r\n", 0, true},
    {GP_S("\x01\t\x7f\r\n.\r\n"), "\x01\t\x7f\r\n", "\x01\t\x7f\r\n", 0, true},
    {GP_S("a\r\n"), "a\r\n", "a\r\n", 0, false},
    {GP_S("a"), "a", "a", 0, false},
    {GP_S("a\r"), "a", "a", 0, false},
    {GP_S("."), "", "", 0, false},
    {GP_S(".\r"), "", "", 0, false},
    {GP_S("a\nb\r\n.\r\n"), NULL, "a\r\nb\r\n", GP__DATA_BARE_LF, true},
    {GP_S("a\rb\r\n.\r\n"), NULL, "a\r\nb\r\n", GP__DATA_BARE_CR, true},
    {GP_S("\n.\r\n.\r\n"), NULL, "\r\n.\r\n", GP__DATA_BARE_LF, true},
    {GP_S("\r.\r\n.\r\n"), NULL, "\r\n.\r\n", GP__DATA_BARE_CR, true},
    {GP_S(".\n.\r\n.\r\n"), NULL, "\r\n.\r\n", GP__DATA_BARE_LF, true},
    {GP_S(".\r.\r\n.\r\n"), NULL, "\r\n.\r\n", GP__DATA_BARE_CR, true},
    {GP_S(".\r\r\n.\r\n"), NULL, "\r\n\r\n", GP__DATA_BARE_CR, true},
    {GP_S("a\r\r\n.\r\n"), NULL, "a\r\n\r\n", GP__DATA_BARE_CR, true},
    {GP_S("a\n\r\n.\r\n"), NULL, "a\r\n\r\n", GP__DATA_BARE_LF, true},
    {GP_S("a\r\n\n.\n\r\n.\r\n"), NULL, "a\r\n\r\n.\r\n\r\n", GP__DATA_BARE_LF, true},
    {GP_S("a\n.\n"), NULL, "a\r\n.\r\n", GP__DATA_BARE_LF, false},
    {GP_S("a\r.\rb"), NULL, "a\r\n.\r\nb", GP__DATA_BARE_CR, false},
    {GP_S("a\0b\r\n.\r\n"), NULL, NULL, GP__DATA_NUL, true},
    {GP_S("\0\r\n.\r\n"), NULL, NULL, GP__DATA_NUL, true},
    {GP_S("x23456789012345678\r\n.\r\n"), "x23456789012345678\r\n", "x23456789012345678\r\n", 0,
     true},
    {GP_S("x234567890123456789\r\n.\r\n"), NULL, NULL, GP__DATA_LONG_LINE, true},
    {GP_S(".x23456789012345678\r\n.\r\n"), "x23456789012345678\r\n", "x23456789012345678\r\n", 0,
     true},
    {GP_S("x23456789012345678901234567890"), NULL, NULL, GP__DATA_LONG_LINE, false},
    {GP_S("x2345678901234567\nx234567890123456789\n.\r\n"), NULL, NULL, GP__DATA_BARE_LF, false},
};

static const struct {
    struct gp_slice in;
    const char *strict, *lenient;
} chunks[] = {
    {GP_S(".\r\n..\r\n"), ".\r\n..\r\n", ".\r\n..\r\n"},
    {GP_S("a\r\n.\r\nb"), "a\r\n.\r\nb", "a\r\n.\r\nb"},
    {GP_S("a\r"), NULL, "a\r\n"},
    {GP_S("\r"), NULL, "\r\n"},
    {GP_S("a\n"), NULL, "a\r\n"},
    {GP_S("a\r\r\n"), NULL, "a\r\n\r\n"},
    {GP_S(""), "", ""},
    {GP_S("\0"), NULL, NULL},
};

static struct gp__buf out;

/* Feeds in pieces, each of its own size; returns the last result. */
static enum gp__data_result run(struct gp__data *data, struct gp_slice in, size_t piece,
                                size_t *used_r)
{
    enum gp__data_result result = GP__DATA_MORE;

    gp__buf_clear(&out);
    for (*used_r = 0; *used_r < in.len && result != GP__DATA_END;) {
        struct gp_slice part = gp_slice_sub(in, *used_r, piece), rest, bytes;
        char *copy = malloc(part.len);

        memcpy(copy, part.data, part.len);
        rest = gp_slice(copy, part.len);
        while ((result = gp__data_next(data, &rest, &bytes)) == GP__DATA_RUN) {
            assert_true(bytes.len > 0);
            gp__buf_append(&out, bytes);
        }
        assert_true(result == GP__DATA_END || rest.len == 0);
        *used_r += part.len - rest.len;
        free(copy);
    }
    return result;
}

static void check(struct gp_slice in, const char *want, const struct gp__data *data)
{
    if ((want == NULL) != (data->flaw != GP__DATA_FINE))
        fail_msg("\"" GP_FMT "\": flaw %d", GP_ARG(in), data->flaw);
    if (want && !gp_slice_eq(gp__buf_slice(&out), gp_slice_of(want)))
        fail_msg("\"" GP_FMT "\": wanted \"%s\", got \"" GP_FMT "\"", GP_ARG(in), want,
                 GP_ARG(gp__buf_slice(&out)));
}

static void test_data(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t piece = 1; piece <= cases[i].in.len; piece++) {
            struct gp__data data;
            size_t used;

            gp__data_init(&data, LINE_MAX_BYTES, true, false);
            assert_int_equal(run(&data, cases[i].in, piece, &used) == GP__DATA_END, cases[i].ends);
            assert_int_equal(used, cases[i].in.len);
            check(cases[i].in, cases[i].strict, &data);
            assert_int_equal(data.flaw, cases[i].flaw);
            gp__data_init(&data, LINE_MAX_BYTES, true, true);
            assert_int_equal(run(&data, cases[i].in, piece, &used) == GP__DATA_END, cases[i].ends);
            check(cases[i].in, cases[i].lenient, &data);
        }
    }
}

static void test_chunks(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * sizeof chunks / sizeof chunks[0]; i++) {
        struct gp_slice in = chunks[i / 2].in, last;
        bool lenient = i % 2;

        for (size_t piece = 1; piece <= in.len + 1; piece++) {
            struct gp__data data;
            size_t used;

            gp__data_init(&data, LINE_MAX_BYTES, false, lenient);
            assert_int_equal(run(&data, in, piece, &used), GP__DATA_MORE);
            while (gp__data_finish(&data, &last) == GP__DATA_RUN)
                gp__buf_append(&out, last);
            check(in, lenient ? chunks[i / 2].lenient : chunks[i / 2].strict, &data);
        }
    }
}

/* What is behind the end is not touched, and a run is as long as it can be. */
static void test_runs(void **state)
{
    struct gp_slice in = GP_S("a\r\nb\r\nc\r\n.\r\nMAIL"), run_;
    struct gp__data data;

    (void)state;
    gp__data_init(&data, 1000, true, false);
    assert_int_equal(gp__data_next(&data, &in, &run_), GP__DATA_RUN);
    assert_int_equal(run_.len, 9);
    assert_int_equal(gp__data_next(&data, &in, &run_), GP__DATA_END);
    assert_true(gp_slice_eq(in, GP_S("MAIL")));
}

static int teardown(void **state)
{
    (void)state;
    gp__buf_free(&out);
    return 0;
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_data),
        cmocka_unit_test(test_chunks),
        cmocka_unit_test(test_runs),
    };

    return cmocka_run_group_tests(tests, NULL, teardown);
}
