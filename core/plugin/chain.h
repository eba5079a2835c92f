// SPDX-License-Identifier: Apache-2.0
/* Builds the chain of the hook layer (struct gp__chain) from instances in their order. */
#ifndef GP_PLUGIN_CHAIN_H
#define GP_PLUGIN_CHAIN_H

#include "core/base/arena.h"
#include "core/hook/instance.h"

/* Fills *chain_r; its arrays and a copy of its name live in the arena. Borrows the instances. */
void gp__chain_build(struct gp__chain *chain_r, struct gp__arena *arena, struct gp_slice name,
                     struct gp__instance *const *instances, size_t n);

#endif
