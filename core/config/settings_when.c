// SPDX-License-Identifier: Apache-2.0
/*
 * Conditions: `when:` of an instance or a group, `match:` of a route. A mapping of facts, all of
 * which must hold; `any`, `all` and `none` take a list of such mappings. A closed list of facts, no
 * expressions: what a condition needs to know, and when it is known, can be told in advance.
 */
#include "core/config/settings_fact.h"

static const struct gp__when *load_mapping(struct gp__load *load, const struct gp__node *node,
                                           enum gp__when_place place);

struct gp__when_at *gp__when_make(struct gp__load *load, enum gp__when_kind kind,
                                  const struct gp__node *at)
{
    struct gp__when_at *when = GP__ARENA_NEW(load->arena, struct gp__when_at);

    when->when.kind = kind;
    when->at = at;
    return when;
}

static const struct gp__when *load_group(struct gp__load *load, const struct gp__pair *pair,
                                         enum gp__when_kind kind, enum gp__when_place place)
{
    const struct gp__node *list = pair->value;
    bool many = list->kind == GP__NODE_SEQUENCE;
    size_t count = many ? list->count : 1;
    struct gp__when_at *when = gp__when_make(load, kind, pair->key);
    const struct gp__when **children = GP__ARENA_ARRAY(load->arena, const struct gp__when *, count);

    for (size_t i = 0; i < count; i++) {
        const struct gp__when *child = load_mapping(load, many ? list->items[i] : list, place);

        if (!child)
            return NULL;
        children[when->when.count++] = child;
    }
    when->when.children = children;
    if (count)
        return &when->when;
    gp__diag_add(load->diag, GP__ERROR, list, "\"" GP_FMT "\" needs at least one condition",
                 GP_ARG(pair->key->text));
    return NULL;
}

static int group_kind(struct gp_slice key)
{
    if (gp_slice_eq(key, GP_S("all")))
        return GP__WHEN_ALL;
    if (gp_slice_eq(key, GP_S("any")))
        return GP__WHEN_ANY;
    return gp_slice_eq(key, GP_S("none")) ? GP__WHEN_NONE : -1;
}

static const struct gp__when *load_pair(struct gp__load *load, const struct gp__pair *pair,
                                        enum gp__when_place place)
{
    int kind = group_kind(pair->key->text);

    return kind < 0 ? gp__load_fact(load, pair, place)
                    : load_group(load, pair, (enum gp__when_kind)kind, place);
}

/* `is` belongs to the `note` beside it. */
static int load_is(struct gp__load *load, const struct gp__pair *pair, struct gp__when_at *note)
{
    if (!note) {
        gp__diag_add(load->diag, GP__ERROR, pair->key, "\"is\" goes with \"note\"");
        return -1;
    }
    if (pair->value->kind != GP__NODE_SCALAR) {
        gp__diag_add(load->diag, GP__ERROR, pair->value, "\"is\" must be a text, not %s",
                     gp__node_kind_text(pair->value));
        return -1;
    }
    note->when.is = pair->value->text;
    return 0;
}

static const struct gp__when *load_mapping(struct gp__load *load, const struct gp__node *node,
                                           enum gp__when_place place)
{
    const struct gp__when **children;
    const struct gp__pair *is = NULL;
    struct gp__when_at *all, *note = NULL;
    bool failed = false;

    if (node->kind != GP__NODE_MAPPING) {
        gp__diag_add(load->diag, GP__ERROR, node, "a condition is a mapping of facts, not %s",
                     gp__node_kind_text(node));
        return NULL;
    }
    all = gp__when_make(load, GP__WHEN_ALL, node);
    children = GP__ARENA_ARRAY(load->arena, const struct gp__when *, node->count);
    for (size_t i = 0; i < node->count; i++) {
        const struct gp__when *child;

        if (place == GP__WHEN_OF_INSTANCE && gp_slice_eq(node->pairs[i].key->text, GP_S("is"))) {
            is = &node->pairs[i];
            continue;
        }
        child = load_pair(load, &node->pairs[i], place);
        if (child && child->kind == GP__WHEN_FACT && child->fact == GP__FACT_NOTE)
            note = (struct gp__when_at *)(uintptr_t)child;
        failed = failed || !child;
        if (child)
            children[all->when.count++] = child;
    }
    if (is && load_is(load, is, note) < 0)
        return NULL;
    all->when.children = children;
    if (failed)
        return NULL;
    return all->when.count == 1 ? children[0] : &all->when;
}

const struct gp__when *gp__load_when(struct gp__load *load, const struct gp__node *node,
                                     enum gp__when_place place)
{
    return node && node->kind != GP__NODE_NULL ? load_mapping(load, node, place) : NULL;
}

const struct gp__when *gp__load_when_both(struct gp__load *load, const struct gp__when *a,
                                          const struct gp__when *b)
{
    const struct gp__when **children;
    struct gp__when_at *both;

    if (!a || !b)
        return a ? a : b;
    both = gp__when_make(load, GP__WHEN_ALL, NULL);
    children = GP__ARENA_ARRAY(load->arena, const struct gp__when *, 2);
    children[0] = a;
    children[1] = b;
    both->when.children = children;
    both->when.count = 2;
    return &both->when;
}
