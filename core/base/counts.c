// SPDX-License-Identifier: Apache-2.0
#include "core/base/counts.h"

static struct gp__counts own;

struct gp__counts *gp__counts = &own;

const struct gp__count_row gp__count_rows[GP__COUNT_ROWS] = {
#define GP__ROW(member, name_, labels_, help_)                                                     \
    {.name = name_,                                                                                \
     .labels = labels_,                                                                            \
     .help = help_,                                                                                \
     .offset = offsetof(struct gp__counts, member)},
    GP__COUNTS
#undef GP__ROW
};

void gp__counts_into(struct gp__counts *counts)
{
    struct gp__counts *from = gp__counts;

    gp__counts = counts ? counts : &own;
    if (from == gp__counts)
        return;
    gp__counts_add(gp__counts, from);
    *from = (struct gp__counts){.sessions = 0};
}

uint64_t gp__count_get(const struct gp__counts *counts, const struct gp__count_row *row)
{
    return *(const uint64_t *)(const void *)((const char *)counts + row->offset);
}

void gp__counts_add(struct gp__counts *sum, const struct gp__counts *counts)
{
    for (size_t i = 0; i < GP__COUNT_ROWS; i++) {
        size_t offset = gp__count_rows[i].offset;

        *(uint64_t *)(void *)((char *)sum + offset) += gp__count_get(counts, &gp__count_rows[i]);
    }
}
