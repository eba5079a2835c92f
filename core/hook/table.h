// SPDX-License-Identifier: Apache-2.0
/*
 * Tables: written in place in the configuration, or a plugin with the role `table`. A look-up runs
 * inside the call that asks: it shares its fiber, its deadline and its cancellation.
 */
#ifndef GP_HOOK_TABLE_H
#define GP_HOOK_TABLE_H

#include "core/base/ip.h"
#include "core/base/map.h"
#include "core/hook/instance.h"

/* A key of a table in place that is a network: matches every address in it. */
struct gp__table_network {
    struct gp__network network;
    struct gp_slice value;
};

struct gp_table {
    struct gp_slice name;
    const struct gp_map *entries; /* in place: keys to values (struct gp_slice); or NULL */
    const struct gp__table_network *networks; /* in place; the longest that matches counts */
    size_t n_networks;
    struct gp__instance *instance; /* set when the generation is made; NULL for one in place */
    uint64_t lookups, found, failed;
};

/* As gp_table_lookup; `call` may be a host's call. */
int gp__table_lookup(struct gp_call *call, struct gp_table *table, struct gp_slice key,
                     struct gp_slice *value_r);

/* As gp_table_lookup_address. */
int gp__table_lookup_address(struct gp_call *call, struct gp_table *table, struct gp_slice address,
                             struct gp_slice *value_r);

#endif
