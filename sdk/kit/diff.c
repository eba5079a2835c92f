// SPDX-License-Identifier: Apache-2.0
#include "sdk/kit/diff.h"

#include "core/base/alloc.h"
#include "core/base/buf.h"

#include <stdint.h>

#define LINES_MAX 4000

struct lines {
    struct gp_slice *at;
    size_t count;
};

static struct lines split(struct gp__arena *arena, struct gp_slice text)
{
    struct lines lines = {.count = 0};
    size_t n = 1;

    for (size_t i = 0; i < text.len; i++)
        n += text.data[i] == '\n';
    lines.at = GP__ARENA_ARRAY(arena, struct gp_slice, n);
    while (text.len) {
        struct gp_slice line = gp_slice_split(&text, '\n');

        if (gp_slice_ends(line, GP_S("\r")))
            line.len--;
        lines.at[lines.count++] = line;
    }
    return lines;
}

/* What both begin and end with makes no difference. */
static void cut_common(struct lines *a, struct lines *b)
{
    while (a->count && b->count && gp_slice_eq(a->at[0], b->at[0])) {
        a->at++, a->count--;
        b->at++, b->count--;
    }
    while (a->count && b->count && gp_slice_eq(a->at[a->count - 1], b->at[b->count - 1])) {
        a->count--;
        b->count--;
    }
}

static void put(struct gp__buf *out, char sign, struct gp_slice line)
{
    gp__buf_append(out, gp_slice(&sign, 1));
    gp__buf_append(out, line.len ? GP_S(" ") : GP_S(""));
    gp__buf_append(out, line);
    gp__buf_append(out, GP_S("\n"));
}

/* Lengths of the longest common subsequences of the rests: row i, column j at i * (n + 1) + j. */
static uint16_t *lengths(const struct lines *a, const struct lines *b)
{
    size_t width = b->count + 1;
    uint16_t *table = gp__alloc_array((a->count + 1) * width, sizeof *table);

    for (size_t i = a->count; i-- > 0;) {
        for (size_t j = b->count; j-- > 0;) {
            uint16_t down = table[(i + 1) * width + j], right = table[i * width + j + 1];

            if (gp_slice_eq(a->at[i], b->at[j]))
                table[i * width + j] = (uint16_t)(table[(i + 1) * width + j + 1] + 1);
            else
                table[i * width + j] = down > right ? down : right;
        }
    }
    return table;
}

static void walk(struct gp__buf *out, const struct lines *a, const struct lines *b)
{
    size_t width = b->count + 1, i = 0, j = 0;
    uint16_t *table = lengths(a, b);

    while (i < a->count || j < b->count) {
        if (i < a->count && j < b->count && gp_slice_eq(a->at[i], b->at[j])) {
            i++, j++;
        } else if (j == b->count ||
                   (i < a->count && table[(i + 1) * width + j] >= table[i * width + j + 1])) {
            put(out, '-', a->at[i++]);
        } else {
            put(out, '+', b->at[j++]);
        }
    }
    gp__free(table);
}

struct gp_slice gp__kit_diff(struct gp__arena *arena, struct gp_slice a, struct gp_slice b)
{
    struct lines from = split(arena, a), to = split(arena, b);
    struct gp__buf out = {.limit = 0};
    struct gp_slice text;

    cut_common(&from, &to);
    if (from.count <= LINES_MAX && to.count <= LINES_MAX) {
        walk(&out, &from, &to);
    } else {
        for (size_t i = 0; i < from.count; i++)
            put(&out, '-', from.at[i]);
        for (size_t i = 0; i < to.count; i++)
            put(&out, '+', to.at[i]);
    }
    text = gp__arena_dup(arena, gp__buf_slice(&out));
    gp__buf_free(&out);
    return text;
}
