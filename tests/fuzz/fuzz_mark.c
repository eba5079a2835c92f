// SPDX-License-Identifier: Apache-2.0
/* What a journal on a damaged disk may say: a mark that is taken says the same when it is written
 * down and read again. */
#include "core/delivery/mark.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gp__buf out = {.limit = 0}, again = {.limit = 0};
    struct gp__mark mark;

    if (gp__mark_unpack(&mark, gp_slice((const char *)data, size)) < 0)
        return 0;
    gp__mark_pack(&out, &mark);
    if (gp__mark_unpack(&mark, gp__buf_slice(&out)) < 0)
        abort();
    gp__mark_pack(&again, &mark);
    if (!gp_slice_eq(gp__buf_slice(&out), gp__buf_slice(&again)))
        abort();
    gp__buf_free(&out);
    gp__buf_free(&again);
    return 0;
}
