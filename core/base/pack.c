// SPDX-License-Identifier: Apache-2.0
#include "core/base/pack.h"

#include <string.h>

void gp__pack_number(struct gp__buf *out, uint64_t number)
{
    gp__buf_append(out, gp_slice((const char *)&number, sizeof number));
}

void gp__pack_text(struct gp__buf *out, struct gp_slice text)
{
    gp__pack_number(out, text.len);
    gp__buf_append(out, text);
}

static bool take(struct gp__unpack *in, uint64_t len, struct gp_slice *taken_r)
{
    if (in->bad || len > in->rest.len) {
        in->bad = true;
        return false;
    }
    *taken_r = gp_slice_sub(in->rest, 0, (size_t)len);
    in->rest = gp_slice_sub(in->rest, (size_t)len, in->rest.len);
    return true;
}

uint64_t gp__unpack_number(struct gp__unpack *in)
{
    struct gp_slice bytes;
    uint64_t number = 0;

    if (take(in, sizeof number, &bytes))
        memcpy(&number, bytes.data, sizeof number);
    return number;
}

uint64_t gp__unpack_upto(struct gp__unpack *in, uint64_t max)
{
    uint64_t number = gp__unpack_number(in);

    if (number <= max)
        return number;
    in->bad = true;
    return 0;
}

struct gp_slice gp__unpack_text(struct gp__unpack *in)
{
    uint64_t len = gp__unpack_number(in);
    struct gp_slice text = GP_S("");

    return take(in, len, &text) ? text : GP_S("");
}

bool gp__unpack_ended(const struct gp__unpack *in)
{
    return !in->bad && in->rest.len == 0;
}
