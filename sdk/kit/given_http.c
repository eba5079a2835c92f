// SPDX-License-Identifier: Apache-2.0
/* What web servers answer. */
#include "core/base/units.h"
#include "sdk/kit/kit.h"

/* The first line: "refuse", "untrusted" (the server's certificate), or a status and, if wanted, how long it takes: "200 after 2s". */
static int read_status(struct gp_slice line, struct gp__sim_answer *answer)
{
    struct gp_slice word = gp_slice_split(&line, ' ');
    int64_t status;

    answer->untrusted = gp_slice_eq(word, GP_S("untrusted"));
    if (answer->untrusted || gp_slice_eq(word, GP_S("refuse")))
        return line.len ? -1 : 0;
    if (gp_slice_to_int(word, 100, 599, &status) < 0)
        return -1;
    answer->status = (unsigned)status;
    if (line.len == 0)
        return 0;
    if (!gp_slice_eq(gp_slice_split(&line, ' '), GP_S("after")))
        return -1;
    return gp__duration_parse(line, &answer->delay_ms);
}

/* Then header fields up to an empty line, then the body; without its last line end. */
void gp__kit_given_http(struct gp__kit *kit, const struct gp__kit_step *step)
{
    struct gp__sim_answer answer = {.status = 0};
    struct gp_slice rest = step->block;
    size_t empty;

    if (read_status(gp_slice_split(&rest, '\n'), &answer) < 0) {
        gp__kit_fail(kit, step,
                     "the first line is \"refuse\", \"untrusted\", or a status: 200, or 200 after "
                     "2s");
        return;
    }
    empty = gp_slice_starts(rest, GP_S("\n")) ? 0 : gp_slice_search(rest, GP_S("\n\n"));
    answer.fields = gp_slice_sub(rest, 0, empty < rest.len ? empty + 1 : rest.len);
    if (empty < rest.len)
        answer.body = gp_slice_sub(rest, empty ? empty + 2 : 1, rest.len);
    if (gp_slice_ends(answer.body, GP_S("\n")))
        answer.body.len--;
    gp__sim_http(kit->rt, step->args[0], &answer);
}
