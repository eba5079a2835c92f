// SPDX-License-Identifier: Apache-2.0
#include "core/config/value.h"

struct gp_list *gp__value_list_create(struct gp__arena *arena, size_t n, size_t item_size)
{
    struct gp_list *list = GP__ARENA_NEW(arena, struct gp_list);

    list->item_size = item_size;
    list->items = gp__arena_alloc_array(arena, n, item_size);
    return list;
}

void *gp__value_list_add(struct gp_list *list)
{
    return list->items + list->item_size * list->count++;
}

static void free_index(void *arg)
{
    gp__map_free(arg);
}

struct gp_map *gp__value_map_create(struct gp__arena *arena, size_t n, size_t item_size)
{
    struct gp_map *map = GP__ARENA_NEW(arena, struct gp_map);

    map->item_size = item_size;
    map->items = gp__arena_alloc_array(arena, n, item_size);
    map->index.nocase = true;
    gp__arena_cleanup(arena, free_index, &map->index);
    return map;
}

void *gp__value_map_add(struct gp_map *map, struct gp_slice key)
{
    void *place = map->items + map->item_size * map->count;

    if (gp__map_find(&map->index, key))
        return NULL;
    gp__map_set(&map->index, key, place);
    map->count++;
    return place;
}

size_t gp_list_count(const struct gp_list *list)
{
    return list ? list->count : 0;
}

size_t gp_map_count(const struct gp_map *map)
{
    return map ? map->count : 0;
}

const void *gp_list_at(const struct gp_list *list, size_t n)
{
    return n < gp_list_count(list) ? list->items + n * list->item_size : NULL;
}

const void *gp_map_at(const struct gp_map *map, size_t n)
{
    return n < gp_map_count(map) ? map->items + n * map->item_size : NULL;
}

struct gp_slice gp_map_key(const struct gp_map *map, size_t n)
{
    return n < gp_map_count(map) ? map->index.entries[n].key : gp_slice(NULL, 0);
}

const void *gp_map_find(const struct gp_map *map, struct gp_slice key)
{
    return map ? gp__map_get(&map->index, key) : NULL;
}

struct gp_table *gp_map_table(const struct gp_map *map, size_t n)
{
    return map && map->tables && n < map->count ? map->tables[n] : NULL;
}
