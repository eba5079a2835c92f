// SPDX-License-Identifier: Apache-2.0
/* Lists, maps, and structs within structs. */
#include "core/config/bind_value.h"

/* What is written as a value or a list is the one row that can be written so. */
static const struct gp__node *spelt_out(const struct gp__bind_for *for_,
                                        const struct gp__node *node)
{
    struct gp__arena *arena = for_->binder->arena;
    struct gp_option row;
    struct gp__node *map;

    if (node->kind != GP__NODE_SCALAR && node->kind != GP__NODE_SEQUENCE)
        return node;
    for (size_t i = 0; gp__option_row(for_->row->rows, for_->stride, i, &row); i++) {
        if (!(row.flags & GP__OPTION_ALONE))
            continue;
        map = gp__node_mapping(arena, 1, node);
        gp__node_put(map, gp__node_scalar(arena, gp_slice_of(row.name), node), node);
        return map;
    }
    return node;
}

int gp__bind_object(const struct gp__bind_for *for_, const struct gp__node *node, void *place,
                    const struct gp__node **shown_r)
{
    struct gp__schema_rows rows = {
        .rows = for_->row->rows, .stride = for_->stride, .size = for_->row->row_size};
    struct gp_slice what = gp__arena_printf(for_->binder->arena, "\"%s\" of " GP_FMT,
                                            for_->row->name, GP_ARG(for_->what));

    return gp__bind(for_->binder, spelt_out(for_, node), node, what, &rows, place, shown_r);
}

static int check_empty(const struct gp__bind_for *for_, const struct gp__node *node, size_t count)
{
    if (count == 0 && (for_->row->flags & GP_OPTION_NOT_EMPTY))
        return gp__bind_bad(for_, node, "must not be empty");
    return 0;
}

/* An item that is null: an object without keys, and a mistake otherwise. */
static int bind_item(const struct gp__bind_for *for_, const struct gp__node *node, void *place,
                     const struct gp__node **shown_r)
{
    *shown_r = node;
    if (node->kind == GP__NODE_NULL && for_->row->item != GP_TYPE_OBJECT)
        return gp__bind_bad(for_, node, "an item is empty");
    return gp__bind_any(for_, for_->row->item, node, place, shown_r);
}

int gp__bind_list(const struct gp__bind_for *for_, const struct gp__node *node, void *place,
                  const struct gp__node **shown_r)
{
    struct gp__arena *arena = for_->binder->arena;
    bool many = node->kind == GP__NODE_SEQUENCE;
    size_t count = many ? node->count : 1;
    struct gp_list *list = gp__value_list_create(arena, count,
                                                 gp__bind_size_of(for_->row->item, for_->row));
    struct gp__node *shown = gp__node_sequence(arena, count, node);
    int result = check_empty(for_, node, count);

    for (size_t i = 0; i < count; i++) {
        const struct gp__node *item_shown;

        if (bind_item(for_, many ? node->items[i] : node, gp__value_list_add(list), &item_shown) <
            0)
            result = -1;
        gp__node_add(shown, item_shown);
    }
    *shown_r = shown;
    *(const struct gp_list **)place = list;
    return result;
}

/* The names of the map are tables. */
static int bind_key(const struct gp__bind_for *for_, const struct gp__node *key, struct gp_map *map)
{
    struct gp__binder *binder = for_->binder;

    if (for_->row->key != GP_TYPE_TABLE)
        return 0;
    if (!binder->table)
        return gp__bind_bad(for_, key, "tables cannot be used here");
    if (binder->table(binder->arg, key, key->text, &map->tables[map->count - 1]) < 0)
        return -1;
    return gp__bind_actions(for_, map->tables[map->count - 1]);
}

int gp__bind_map(const struct gp__bind_for *for_, const struct gp__node *node, void *place,
                 const struct gp__node **shown_r)
{
    struct gp__arena *arena = for_->binder->arena;
    int result = 0;
    struct gp__node *shown;
    struct gp_map *map;

    if (node->kind != GP__NODE_MAPPING)
        return gp__bind_wrong(for_, node, "a mapping");
    result = check_empty(for_, node, node->count);
    map = gp__value_map_create(arena, node->count, gp__bind_size_of(for_->row->item, for_->row));
    if (for_->row->key == GP_TYPE_TABLE)
        map->tables = GP__ARENA_ARRAY(arena, struct gp_table *, node->count);
    shown = gp__node_mapping(arena, node->count, node);
    for (size_t i = 0; i < node->count; i++) {
        const struct gp__pair *pair = &node->pairs[i];
        const struct gp__node *item_shown = pair->value;
        void *item = gp__value_map_add(map, pair->key->text);

        if (!item) {
            result = gp__bind_bad(for_, pair->key, "\"" GP_FMT "\" is there in another case",
                                  GP_ARG(pair->key->text));
            continue;
        }
        if (bind_key(for_, pair->key, map) < 0 ||
            bind_item(for_, pair->value, item, &item_shown) < 0)
            result = -1;
        gp__node_put(shown, pair->key, item_shown);
    }
    *shown_r = shown;
    *(const struct gp_map **)place = map;
    return result;
}
