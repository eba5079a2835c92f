// SPDX-License-Identifier: Apache-2.0
/* Reads the default column of the table in limits.h; a unit test proves that all can be read. */
#include "core/smtp/limits.h"

#include "core/base/units.h"

/* The texts are ours and tested: one that cannot be read would leave a limit of 0. */
static uint64_t read_SIZE(const char *text)
{
    uint64_t bytes = 0;

    (void)gp__size_parse(gp_slice_of(text), &bytes);
    return bytes;
}

static int64_t read_INTEGER(const char *text)
{
    int64_t number = 0;

    (void)gp_slice_to_int(gp_slice_of(text), 0, INT64_MAX, &number);
    return number;
}

static uint64_t read_DURATION(const char *text)
{
    uint64_t ms = 0;

    (void)gp__duration_parse(gp_slice_of(text), &ms);
    return ms;
}

void gp__limits_default(struct gp__limits *limits)
{
#define X(kind, name, def, least, most, doc) limits->name = read_##kind(def);
    GP__LIMITS(X)
#undef X
}
