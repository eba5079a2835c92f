// SPDX-License-Identifier: Apache-2.0
/* What stands behind the opaque values of <gatepost/option.h>. All live in a generation's arena. */
#ifndef GP_CONFIG_VALUE_H
#define GP_CONFIG_VALUE_H

#include "core/base/arena.h"
#include "core/base/ip.h"
#include "core/base/map.h"

#include <gatepost/option.h>

struct gp_list {
    size_t count, item_size;
    char *items;
};

struct gp_map {
    size_t count, item_size;
    char *items;
    struct gp_table **tables; /* by index, where the names are tables; or NULL */
    struct gp__map index;     /* key (case ignored) to item; its entries are in the same order */
};

/* In the order in which they stand in the configuration, which is the same in all processes. */
struct gp_command {
    struct gp_command *next;
    size_t number;
    const struct gp_list *argv; /* struct gp_slice, NUL-terminated; the first an absolute path */
    struct gp_slice user, group, directory;
    uint64_t cpu_ms, memory, files; /* memory, files: 0: no limit */
};

struct gp_network {
    struct gp__network network;
};

/* Shared by the expressions of a generation: their limits, and a stack for compiled code, because
 * hooks run on small stacks. */
struct gp__regex_context;

/* A list or map with room for n items of item_size zero bytes. */
struct gp_list *gp__value_list_create(struct gp__arena *arena, size_t n, size_t item_size);
struct gp_map *gp__value_map_create(struct gp__arena *arena, size_t n, size_t item_size);

/* The place of the next item. The key must live as long as the map; NULL when it is there. */
void *gp__value_list_add(struct gp_list *list);
void *gp__value_map_add(struct gp_map *map, struct gp_slice key);

struct gp__regex_context *gp__regex_context_create(struct gp__arena *arena);

/* Compiles. NULL, and then a text for people in error[256] and the place in the pattern. */
const struct gp_regex *gp__regex_create(struct gp__arena *arena, struct gp__regex_context *context,
                                        struct gp_slice pattern, char error[256], size_t *offset_r);

#endif
