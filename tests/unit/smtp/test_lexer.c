// SPDX-License-Identifier: Apache-2.0
// Command lines: ends, flaws, lengths; each case whole and in pieces of every size.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/buf.h"
#include "core/smtp/lexer.h"

/* Lines as "[text]", flaws as their letter: r bare CR, n bare LF, c control, l long. */
static const struct {
    struct gp_slice in;
    const char *strict, *lenient;
} cases[] = {
    {GP_S("NOOP\r\n"), "[NOOP]", "[NOOP]"},
    {GP_S("\r\n"), "[]", "[]"},
    {GP_S("a\r\nb\r\n"), "[a][b]", "[a][b]"},
    {GP_S("a"), "", ""},
    {GP_S("a\r"), "", "[a]"},
    {GP_S("a\tb\r\n"), "[a\tb]", "[a\tb]"},
    {GP_S("a\xff\r\n"), "[a\xff]", "[a\xff]"},
    {GP_S("a\nb\r\nc\r\n"), "n[c]", "[a][b][c]"},
    {GP_S("a\rb\r\nc\r\n"), "r[c]", "[a][b][c]"},
    {GP_S("\na\r\nc\r\n"), "n[c]", "[][a][c]"},
    {GP_S("a\n\r\nc\r\n"), "n[c]", "[a][][c]"},
    {GP_S("a\r\r\nc\r\n"), "r[c]", "[a][][c]"},
    {GP_S("a\nb\rc\nd\r\ne\r\n"), "n[e]", "[a][b][c][d][e]"},
    {GP_S("a\0b\r\nc\r\n"), "c[c]", "c[c]"},
    {GP_S("a\x7f\r\nc\r\n"), "c[c]", "c[c]"},
    {GP_S("\x1b\r\nc\r\n"), "c[c]", "c[c]"},
    {GP_S("12345678\r\nc\r\n"), "[12345678][c]", "[12345678][c]"},
    {GP_S("123456789\r\nc\r\n"), "l[c]", "l[c]"},
    {GP_S("12345678901234567890\r\nc\r\n"), "l[c]", "l[c]"},
    {GP_S("12345678901234567890\nx\r\nc\r\n"), "l[c]", "l[x][c]"},
    {GP_S("12345678901234567890\rx\r\nc\r\n"), "l[c]", "l[c]"},
    {GP_S("12345678901234567890"), "", ""},
};

static void collect(struct gp__lexer *lexer, struct gp_slice in, size_t piece, struct gp__buf *out)
{
    static const char letters[] = "-rncl";
    size_t at = 0, have = 0;

    while (have < in.len) {
        bool found = true;

        have = in.len - have < piece ? in.len : have + piece;
        while (found) {
            struct gp_slice window, line = gp_slice(NULL, 0);
            enum gp__line_flaw flaw;
            char *copy;
            size_t used;

            at += gp__lexer_skip(lexer, gp_slice_sub(in, at, have - at));
            window = gp_slice_sub(in, at, have - at);
            copy = malloc(window.len + 1);
            memcpy(copy, window.data, window.len);
            found = gp__lexer_next(lexer, gp_slice(copy, window.len), &used, &line, &flaw);
            at += used;
            if (found && flaw)
                gp__buf_append(out, gp_slice(&letters[flaw], 1));
            else if (found)
                gp__buf_printf(out, "[" GP_FMT "]", GP_ARG(line));
            free(copy);
        }
    }
}

static void test_lines(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * sizeof cases / sizeof cases[0]; i++) {
        struct gp_slice in = cases[i / 2].in;
        const char *want = i % 2 ? cases[i / 2].lenient : cases[i / 2].strict;

        for (size_t piece = 1; piece <= in.len; piece++) {
            struct gp__lexer lexer = {.limit = 10, .lenient = i % 2};
            struct gp__buf out = {0};

            collect(&lexer, in, piece, &out);
            if (!gp_slice_eq(gp__buf_slice(&out), gp_slice_of(want)))
                fail_msg("\"" GP_FMT "\" by %zu: wanted %s, got " GP_FMT, GP_ARG(in), piece, want,
                         GP_ARG(gp__buf_slice(&out)));
            gp__buf_free(&out);
        }
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {cmocka_unit_test(test_lines)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
