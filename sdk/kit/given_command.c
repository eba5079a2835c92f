// SPDX-License-Identifier: Apache-2.0
/* What programs do. */
#include "core/base/units.h"
#include "sdk/kit/kit.h"

/* The first line: "refuse", or an exit code and, if wanted, how long it takes: "75 after 2s". */
static int read_code(struct gp_slice line, struct gp__sim_result *result)
{
    struct gp_slice word = gp_slice_split(&line, ' ');
    int64_t code;

    result->code = 256;
    if (gp_slice_eq(word, GP_S("refuse")))
        return line.len ? -1 : 0;
    if (gp_slice_to_int(word, 0, 255, &code) < 0)
        return -1;
    result->code = (unsigned)code;
    if (line.len == 0)
        return 0;
    if (!gp_slice_eq(gp_slice_split(&line, ' '), GP_S("after")))
        return -1;
    return gp__duration_parse(line, &result->delay_ms);
}

void gp__kit_given_command(struct gp__kit *kit, const struct gp__kit_step *step)
{
    struct gp__sim_result result = {.code = 0};
    struct gp_slice rest = step->block;

    if (read_code(gp_slice_split(&rest, '\n'), &result) < 0) {
        gp__kit_fail(kit, step,
                     "the first line is \"refuse\", or an exit code: 75, or 75 after 2s");
        return;
    }
    result.output = gp_slice_present(rest) ? rest : GP_S("");
    gp__sim_command(kit->rt, step->args[0], &result);
}
