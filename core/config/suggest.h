// SPDX-License-Identifier: Apache-2.0
/* "Did you mean": the candidate nearest to a word, by the optimal string alignment distance
 * (insert, delete, replace, swap neighbours), if it is near enough to be meant. */
#ifndef GP_CONFIG_SUGGEST_H
#define GP_CONFIG_SUGGEST_H

#include <gatepost/slice.h>

struct gp__suggest {
    struct gp_slice word; /* set by the caller, the rest zero */
    struct gp_slice best; /* absent: nothing near */
    size_t distance;
};

/* Looks at one candidate, which must outlive the suggestion. Words over 64 bytes are passed by. */
void gp__suggest_try(struct gp__suggest *suggest, struct gp_slice candidate);

#endif
