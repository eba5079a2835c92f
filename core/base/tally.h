// SPDX-License-Identifier: Apache-2.0
/* Counts by short keys, of which only those that are not zero take memory: who has how many. */
#ifndef GP_BASE_TALLY_H
#define GP_BASE_TALLY_H

#include <gatepost/slice.h>
#include <stdint.h>

#define GP__TALLY_KEY_MAX 32

struct gp__tally_entry;

/* Zeroed: empty. */
struct gp__tally {
    struct gp__tally_entry **slots;
    size_t slots_count, entries;
};

/* The count of a key; 0 for one that was never added. Keys over GP__TALLY_KEY_MAX are cut. */
uint64_t gp__tally_get(const struct gp__tally *tally, struct gp_slice key);

/* Adds one; the new count. */
uint64_t gp__tally_add(struct gp__tally *tally, struct gp_slice key);

/* Takes one off; a key that comes to zero is forgotten. */
void gp__tally_remove(struct gp__tally *tally, struct gp_slice key);

void gp__tally_free(struct gp__tally *tally);

#endif
