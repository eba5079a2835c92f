// SPDX-License-Identifier: Apache-2.0
/* The lines by which two texts differ. */
#ifndef GP_KIT_DIFF_H
#define GP_KIT_DIFF_H

#include "core/base/arena.h"

#include <gatepost/slice.h>

/*
 * "- line" for those that are in `a` only, "+ line" for those that are in `b` only, in order, each
 * with LF; lines that both have are left out. In the arena. Of texts whose different parts have more
 * than 4,000 lines each the whole parts are given.
 */
struct gp_slice gp__kit_diff(struct gp__arena *arena, struct gp_slice a, struct gp_slice b);

#endif
