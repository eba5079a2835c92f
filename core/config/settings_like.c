// SPDX-License-Identifier: Apache-2.0
/* `like: NAME`: what takes over from another entry of its section all that it does not say itself. */
#include "core/config/load.h"

#define LIKE_MAX 16

/* A mapping of which each key is taken over by itself. */
static void merge_key(struct gp__load *load, struct gp__node *over, const struct gp__node *node,
                      const struct gp__node *base, struct gp_slice key)
{
    const struct gp__node *merged = gp__node_merge(load->arena, gp__node_get(node, key),
                                                   gp__node_get(base, key));

    if (merged)
        gp__node_put(over, gp__node_scalar(load->arena, key, node), merged);
}

static const struct gp__node *take_over(struct gp__load *load, const struct gp__node *node,
                                        const struct gp__node *base, const struct gp__like *how)
{
    struct gp__node *over = gp__node_mapping(load->arena, GP__LIKE_INNER, node);

    for (size_t i = 0; i < GP__LIKE_INNER && gp_slice_present(how->inner[i]); i++)
        merge_key(load, over, node, base, how->inner[i]);
    return gp__node_merge(load->arena, gp__node_merge(load->arena, over, node), base);
}

static const struct gp__node *resolve(struct gp__load *load, const struct gp__node *section,
                                      const struct gp__node *node, const struct gp__like *how,
                                      unsigned depth)
{
    const struct gp__node *like = gp__node_get(node, GP_S("like")), *base;

    if (!like || like->kind == GP__NODE_NULL)
        return node;
    base = like->kind == GP__NODE_SCALAR ? gp__node_get(section, like->text) : NULL;
    if (!base && like->kind == GP__NODE_SCALAR && gp_slice_eq(like->text, how->built_in))
        return node;
    if (!base) {
        gp__load_unknown(load, like, like->text, how->what, how->known);
        return NULL;
    }
    if (depth >= LIKE_MAX) {
        gp__diag_add(load->diag, GP__ERROR, like, "\"like\" goes round in a circle");
        return NULL;
    }
    base = resolve(load, section, base, how, depth + 1);
    return base && base->kind == GP__NODE_MAPPING ? take_over(load, node, base, how) : NULL;
}

const struct gp__node *gp__load_like(struct gp__load *load, const struct gp__node *section,
                                     const struct gp__node *node, const struct gp__like *how)
{
    return resolve(load, section, node, how, 0);
}
