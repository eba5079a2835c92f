// SPDX-License-Identifier: Apache-2.0
#include "core/config/node_pack.h"

void gp__node_pack(struct gp__buf *out, const struct gp__node *node)
{
    gp__pack_number(out, node->kind);
    switch (node->kind) {
    case GP__NODE_NULL:
        return;
    case GP__NODE_SCALAR:
        gp__pack_number(out, node->quoted);
        gp__pack_text(out, node->text);
        return;
    case GP__NODE_SEQUENCE:
        gp__pack_number(out, node->count);
        for (size_t i = 0; i < node->count; i++)
            gp__node_pack(out, node->items[i]);
        return;
    case GP__NODE_MAPPING:
        gp__pack_number(out, node->count);
        for (size_t i = 0; i < node->count; i++) {
            gp__pack_text(out, node->pairs[i].key->text);
            gp__node_pack(out, node->pairs[i].value);
        }
    }
}

struct unpacking {
    struct gp__unpack *in;
    struct gp__arena *arena;
    size_t left; /* nodes */
    unsigned depth;
};

static struct gp__node *unpack(struct unpacking *u);

static struct gp__node *unpack_scalar(struct unpacking *u)
{
    bool quoted = gp__unpack_upto(u->in, 1) != 0;
    struct gp__node *node = gp__node_scalar(u->arena, gp__unpack_text(u->in), NULL);

    node->quoted = quoted;
    return node;
}

static struct gp__node *unpack_items(struct unpacking *u)
{
    size_t n = (size_t)gp__unpack_upto(u->in, u->left);
    struct gp__node *node = gp__node_sequence(u->arena, n, NULL);

    while (!u->in->bad && node->count < n)
        gp__node_add(node, unpack(u));
    return node;
}

static struct gp__node *unpack_pairs(struct unpacking *u)
{
    size_t n = (size_t)gp__unpack_upto(u->in, u->left);
    struct gp__node *node = gp__node_mapping(u->arena, n, NULL);

    while (!u->in->bad && node->count < n) {
        const struct gp__node *key = gp__node_scalar(u->arena, gp__unpack_text(u->in), NULL);

        gp__node_put(node, key, unpack(u));
    }
    return node;
}

/* Never NULL; nothing where it is bad. */
static struct gp__node *unpack(struct unpacking *u)
{
    struct gp__node *node = NULL;

    u->in->bad |= u->left == 0 || u->depth >= GP__NODE_DEPTH_MAX;
    if (!u->in->bad) {
        u->left--;
        u->depth++;
        switch ((enum gp__node_kind)gp__unpack_upto(u->in, GP__NODE_MAPPING)) {
        case GP__NODE_NULL:
            break;
        case GP__NODE_SCALAR:
            node = unpack_scalar(u);
            break;
        case GP__NODE_SEQUENCE:
            node = unpack_items(u);
            break;
        case GP__NODE_MAPPING:
            node = unpack_pairs(u);
        }
        u->depth--;
    }
    return node ? node : GP__ARENA_NEW(u->arena, struct gp__node);
}

const struct gp__node *gp__node_unpack(struct gp__unpack *in, struct gp__arena *arena)
{
    struct unpacking u = {.in = in, .arena = arena, .left = GP__NODE_PACK_MAX};
    const struct gp__node *node = unpack(&u);

    return in->bad ? NULL : node;
}
