// SPDX-License-Identifier: Apache-2.0
#include "core/config/suggest.h"

#include "core/base/ascii.h"

#define WORD_MAX 64

static size_t least(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;

    return ab < c ? ab : c;
}

static bool same(struct gp_slice a, size_t i, struct gp_slice b, size_t j)
{
    return gp__to_lower(a.data[i]) == gp__to_lower(b.data[j]);
}

/* Three rows of the usual matrix: the one before the last is needed for swaps. */
static size_t distance(struct gp_slice a, struct gp_slice b)
{
    size_t rows[3][WORD_MAX + 1];

    for (size_t j = 0; j <= b.len; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t *row = rows[i % 3], *above = rows[(i - 1) % 3], *before = rows[(i + 1) % 3];

        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t cost = same(a, i - 1, b, j - 1) ? 0 : 1;

            row[j] = least(above[j] + 1, row[j - 1] + 1, above[j - 1] + cost);
            if (i > 1 && j > 1 && same(a, i - 1, b, j - 2) && same(a, i - 2, b, j - 1) &&
                before[j - 2] + 1 < row[j])
                row[j] = before[j - 2] + 1;
        }
    }
    return rows[a.len % 3][b.len];
}

void gp__suggest_try(struct gp__suggest *suggest, struct gp_slice candidate)
{
    size_t longest = candidate.len > suggest->word.len ? candidate.len : suggest->word.len;
    size_t d;

    if (longest > WORD_MAX || candidate.len == 0 || suggest->word.len == 0)
        return;
    d = distance(suggest->word, candidate);
    /* A third of the letters may be wrong, at least one: beyond that it is another word. */
    if (d > (longest < 6 ? 1u + (longest > 3) : longest / 3))
        return;
    if (d >= longest || (gp_slice_present(suggest->best) && d >= suggest->distance))
        return;
    suggest->best = candidate;
    suggest->distance = d;
}
