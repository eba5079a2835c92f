// SPDX-License-Identifier: Apache-2.0
/* What the scheduler reads of a loader and of carriers that may have been subverted: what is taken
 * is the same when it is written down and read again. */
#include "core/base/arena.h"
#include "core/delivery/attempt.h"
#include "core/delivery/plan.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require_same(struct gp__buf *out, struct gp_slice bytes)
{
    if (!gp_slice_eq(gp__buf_slice(out), bytes))
        abort();
    gp__buf_free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gp__arena *arena = gp__arena_create();
    struct gp_slice bytes = gp_slice((const char *)data, size);
    struct gp__buf out = {.limit = 0};
    struct gp__attempt_answer answer;
    struct gp__attempt attempt;
    struct gp__plan plan;

    if (gp__plan_unpack(&plan, arena, bytes) == 0) {
        gp__plan_pack(&out, &plan);
        require_same(&out, bytes);
    }
    if (gp__attempt_unpack(&attempt, arena, bytes) == 0) {
        gp__attempt_pack(&out, &attempt);
        require_same(&out, bytes);
    }
    if (gp__answer_unpack(&answer, arena, bytes) == 0) {
        gp__answer_pack(&out, &answer);
        require_same(&out, bytes);
    }
    gp__arena_free(&arena);
    return 0;
}
