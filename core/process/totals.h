// SPDX-License-Identifier: Apache-2.0
/* The sum of boards: of processes that left, kept for good, and of those that are there. */
#ifndef GP_PROCESS_TOTALS_H
#define GP_PROCESS_TOTALS_H

#include "core/base/map.h"
#include "core/process/board.h"

/* Zeroed: nothing counted yet. */
struct gp__totals {
    struct gp__counts counts;
    struct gp__map stats; /* chain, instance and hook to struct gp__board_stats, in chain order */
};

#define GP__TOTALS_MAX 100000

/* Adds what a board counted; it may be of a process that still writes. Rows beyond the room are not
 * looked at, whatever the board says. */
void gp__totals_add(struct gp__totals *totals, const struct gp__board *board, size_t room);
void gp__totals_add_row(struct gp__totals *totals, const struct gp__board_stats *row);
void gp__totals_add_totals(struct gp__totals *totals, const struct gp__totals *other);
void gp__totals_free(struct gp__totals *totals);

#endif
