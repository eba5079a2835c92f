// SPDX-License-Identifier: Apache-2.0
/*
 * Who comes how often: sliding windows by key, summed over the workers that share a census. Memory is
 * fixed however many there are: a table of sets, in which a newcomer takes the place of the one that
 * was idle for longest. Under a flood of addresses some are forgotten too early and get more than
 * their rate. Two workers that let somebody in at the same moment may go over it by one each.
 */
#ifndef GP_SERVER_PACE_H
#define GP_SERVER_PACE_H

#include "core/base/census.h"

#include <gatepost/option.h>

/* Zeroed: empty; the table is made when first needed. */
struct gp__pace {
    struct gp__pace_slot *slots;     /* its own, or those of its page */
    const struct gp__census *census; /* NULL: it counts alone */
};

/* Counts together with other workers from now on: before anybody came. The census stays. */
void gp__pace_join(struct gp__pace *pace, const struct gp__census *census);

/* Counts one more, unless that would be more than the rate: false, and it is not counted. A rate
 * without a count is none. `key` is a hash, the same in all workers; its rate is, too. */
bool gp__pace_take(struct gp__pace *pace, uint64_t key, uint64_t now_ms,
                   const struct gp_rate *rate);

void gp__pace_free(struct gp__pace *pace);

#endif
