// SPDX-License-Identifier: Apache-2.0
#include "core/plugin/chain.h"

void gp__chain_build(struct gp__chain *chain_r, struct gp__arena *arena, struct gp_slice name,
                     struct gp__instance *const *instances, size_t n)
{
    *chain_r = (struct gp__chain){.name = gp__arena_dup(arena, name), .count = n};
    chain_r->items = GP__ARENA_ARRAY(arena, struct gp__instance *, n + 1);
    for (size_t i = 0; i < n; i++)
        chain_r->items[i] = instances[i];
    for (int point = 0; point < GP_HOOK_COUNT; point++) {
        struct gp__instance **items = GP__ARENA_ARRAY(arena, struct gp__instance *, n + 1);

        chain_r->at[point].items = items;
        for (size_t i = 0; i < n; i++)
            if (instances[i]->fns[point])
                items[chain_r->at[point].count++] = instances[i];
    }
}
