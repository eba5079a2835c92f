// SPDX-License-Identifier: Apache-2.0
// Command lines and message data: the same bytes give the same lines and the same content however they are cut.
#include <stdlib.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/smtp/data.h"
#include "core/smtp/lexer.h"

/* Lines, each as flaw, length and text, of input that arrives in pieces of `piece` bytes. */
static void lines(struct gp_slice input, size_t piece, bool lenient, struct gp__buf *out)
{
    struct gp__lexer lexer = {.limit = 32, .lenient = lenient};
    size_t at = 0, have = 0;

    while (have < input.len) {
        size_t used;

        have = input.len - have < piece ? input.len : have + piece;
        do {
            struct gp_slice line = gp_slice(NULL, 0), window;
            enum gp__line_flaw flaw;
            bool found;

            at += gp__lexer_skip(&lexer, gp_slice_sub(input, at, have - at));
            window = gp_slice_sub(input, at, have - at);
            found = gp__lexer_next(&lexer, window, &used, &line, &flaw);
            at += used;
            if (!found)
                break;
            gp__buf_printf(out, "%d:%zu:", (int)flaw, flaw ? 0 : line.len);
            if (!flaw)
                gp__buf_append(out, line);
        } while (used);
    }
}

/* The content, its flaw and where it ended. Content that comes before a flaw may be held back. */
static void content(struct gp_slice input, size_t piece, const bool mode[2], struct gp__buf *out)
{
    struct gp__data data;
    enum gp__data_result result = GP__DATA_MORE;
    size_t at = 0;

    gp__data_init(&data, 20, mode[0], mode[1]);
    while (at < input.len && result != GP__DATA_END) {
        struct gp_slice part = gp_slice_sub(input, at, piece), rest = part, run;

        while ((result = gp__data_next(&data, &rest, &run)) == GP__DATA_RUN)
            gp__buf_append(out, run);
        at += part.len - rest.len;
    }
    if (!mode[0]) {
        struct gp_slice run;

        while (gp__data_finish(&data, &run) == GP__DATA_RUN)
            gp__buf_append(out, run);
    }
    if (data.flaw)
        gp__buf_clear(out);
    gp__buf_printf(out, "|%d %zu %d", data.flaw != 0, at, (int)result);
}

static void compare(struct gp__buf *a, struct gp__buf *b)
{
    if (!gp_slice_eq(gp__buf_slice(a), gp__buf_slice(b)))
        abort();
    gp__buf_free(a);
    gp__buf_free(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct gp__buf whole = {0}, cut = {0};
    struct gp_slice input;
    size_t piece;
    bool mode[2];

    if (size < 1)
        return 0;
    input = gp_slice((const char *)bytes + 1, size - 1);
    piece = (bytes[0] >> 2) % 16 + 1u;
    mode[0] = bytes[0] & 1;
    mode[1] = bytes[0] & 2;
    content(input, input.len + 1, mode, &whole);
    content(input, piece, mode, &cut);
    compare(&whole, &cut);
    lines(input, input.len + 1, mode[1], &whole);
    lines(input, piece, mode[1], &cut);
    compare(&whole, &cut);
    return 0;
}
