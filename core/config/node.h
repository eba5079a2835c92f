// SPDX-License-Identifier: Apache-2.0
/*
 * A YAML file as a tree of our own: immutable after parsing, in the arena of its generation. Each
 * node knows its place in its file, so that every later error can show it. Subtrees may be shared
 * (anchors, `like:`), the number of nodes that a walk meets is bounded by the parser.
 */
#ifndef GP_CONFIG_NODE_H
#define GP_CONFIG_NODE_H

#include "core/base/arena.h"

#include <gatepost/slice.h>
#include <stdbool.h>
#include <stdint.h>

#define GP__NODE_DEPTH_MAX 64

/* A file, or the built-in defaults. */
struct gp__source {
    struct gp_slice name;      /* as the user knows it */
    struct gp_slice directory; /* absolute, without a slash at the end but for "/" */
    struct gp_slice text;      /* absent: only a name */
    bool builtin;              /* defaults of the program */
    const uint32_t *lines;     /* offset of each line */
    size_t n_lines;
    struct gp__hidden *hidden; /* secrets in the text */
};

/* Bytes of a source that must never be shown. */
struct gp__hidden {
    struct gp__hidden *next;
    size_t offset, end;
};

enum gp__node_kind {
    GP__NODE_NULL = 0, /* nothing, ~ or null */
    GP__NODE_SCALAR,
    GP__NODE_SEQUENCE,
    GP__NODE_MAPPING,
};

struct gp__pair {
    const struct gp__node *key; /* always a scalar */
    const struct gp__node *value;
};

struct gp__node {
    enum gp__node_kind kind;
    bool quoted;          /* a scalar in quotes or a block */
    struct gp_slice text; /* of a scalar, followed by a NUL that is not counted */
    union {
        const struct gp__node **items; /* of a sequence */
        struct gp__pair *pairs;        /* of a mapping, in the order of the file */
    };
    size_t count;
    struct gp__source *source; /* NULL for nodes that are made, not read */
    uint32_t line, column;     /* from 1; column in characters; line 0: no place */
    size_t offset, end;        /* bytes of the source */
    uint32_t height, weight;   /* of the tree from here: levels, nodes */
};

/* The value of a key, or NULL. */
const struct gp__node *gp__node_get(const struct gp__node *map, struct gp_slice key);
const struct gp__pair *gp__node_pair(const struct gp__node *map, struct gp_slice key);

/* "a mapping", "a list", "a value", "nothing": for messages. */
const char *gp__node_kind_text(const struct gp__node *node);

/* A scalar made by the program; the text is copied. `at` gives the place, or NULL. */
struct gp__node *gp__node_scalar(struct gp__arena *arena, struct gp_slice text,
                                 const struct gp__node *at);

/* An empty mapping or sequence with room for n entries, at the place of `at` (NULL: nowhere). */
struct gp__node *gp__node_mapping(struct gp__arena *arena, size_t n, const struct gp__node *at);
struct gp__node *gp__node_sequence(struct gp__arena *arena, size_t n, const struct gp__node *at);

/* Adds an entry to a node with room for it. */
void gp__node_put(struct gp__node *map, const struct gp__node *key, const struct gp__node *value);
void gp__node_add(struct gp__node *sequence, const struct gp__node *item);

/* The entries of `over` and those of `under` that it does not have; one level. Either may be NULL
 * or null. */
const struct gp__node *gp__node_merge(struct gp__arena *arena, const struct gp__node *over,
                                      const struct gp__node *under);

/* Never shows the bytes of this node again, in diagnostics or elsewhere; wipes them when the
 * arena is freed. */
void gp__node_hide(struct gp__arena *arena, const struct gp__node *node);
bool gp__node_hidden(const struct gp__node *node);

/* A source over text that the arena owns, wiped when the arena is freed. `name` is copied. */
struct gp__source *gp__source_create(struct gp__arena *arena, struct gp_slice name,
                                     struct gp_slice directory, struct gp_slice text);

/* Line n from 1, without its line break, with stars for what is hidden; "" past the end. */
struct gp_slice gp__source_line(struct gp__arena *arena, const struct gp__source *source,
                                uint32_t n);

/* Line and column (in characters) of a byte, both from 1. */
void gp__source_place(const struct gp__source *source, size_t offset, uint32_t *line_r,
                      uint32_t *column_r);

#endif
