// SPDX-License-Identifier: Apache-2.0
/*
 * Who comes how often: sliding windows by key, of this process. Memory is fixed however many there
 * are: a table of sets, in which a newcomer takes the place of the one that was idle for longest.
 * Under a flood of addresses some are forgotten too early and get more than their rate.
 */
#ifndef GP_SERVER_PACE_H
#define GP_SERVER_PACE_H

#include <gatepost/option.h>
#include <stdbool.h>
#include <stdint.h>

struct gp__pace_slot;

/* Zeroed: empty; the table is made when first needed. */
struct gp__pace {
    struct gp__pace_slot *slots;
};

/* Counts one more, unless that would be more than the rate: false, and it is not counted. A rate
 * without a count is none. `key` is a hash. */
bool gp__pace_take(struct gp__pace *pace, uint64_t key, uint64_t now_ms,
                   const struct gp_rate *rate);

void gp__pace_free(struct gp__pace *pace);

#endif
