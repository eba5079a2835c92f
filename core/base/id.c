// SPDX-License-Identifier: Apache-2.0
#include "core/base/id.h"

#define COUNT_BITS 35

void gp__id_next(struct gp__id_source *source, uint64_t unix_ms, char out[GP__ID_LEN + 1])
{
    static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";
    uint64_t time, count;

    if (unix_ms > source->last_ms)
        source->last_ms = unix_ms;
    source->count = (source->count + 1) & ((1ull << COUNT_BITS) - 1);
    /* When the count wraps within a millisecond the time moves on: order is kept. */
    if (source->count == 0)
        source->last_ms++;
    time = source->last_ms;
    count = source->count;
    for (int i = GP__ID_LEN - 1; i >= 9; i--, count >>= 5)
        out[i] = digits[count & 31];
    for (int i = 8; i >= 0; i--, time >>= 5)
        out[i] = digits[time & 31];
    out[GP__ID_LEN] = '\0';
}
