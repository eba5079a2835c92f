// SPDX-License-Identifier: Apache-2.0
#include "core/config/node.h"

#include "core/base/ascii.h"

#include <string.h>

const struct gp__pair *gp__node_pair(const struct gp__node *map, struct gp_slice key)
{
    if (!map || map->kind != GP__NODE_MAPPING)
        return NULL;
    for (size_t i = 0; i < map->count; i++)
        if (gp_slice_eq(map->pairs[i].key->text, key))
            return &map->pairs[i];
    return NULL;
}

const struct gp__node *gp__node_get(const struct gp__node *map, struct gp_slice key)
{
    const struct gp__pair *pair = gp__node_pair(map, key);

    return pair ? pair->value : NULL;
}

const char *gp__node_kind_text(const struct gp__node *node)
{
    switch (node->kind) {
    case GP__NODE_NULL:
        return "nothing";
    case GP__NODE_SCALAR:
        return "a value";
    case GP__NODE_SEQUENCE:
        return "a list";
    case GP__NODE_MAPPING:
        return "a mapping";
    }
    return "nothing";
}

static struct gp__node *make(struct gp__arena *arena, enum gp__node_kind kind,
                             const struct gp__node *at)
{
    struct gp__node *node = GP__ARENA_NEW(arena, struct gp__node);

    node->kind = kind;
    node->height = node->weight = 1;
    if (at) {
        node->source = at->source;
        node->line = at->line;
        node->column = at->column;
        node->offset = node->end = at->offset;
    }
    return node;
}

struct gp__node *gp__node_scalar(struct gp__arena *arena, struct gp_slice text,
                                 const struct gp__node *at)
{
    struct gp__node *node = make(arena, GP__NODE_SCALAR, at);

    node->text = gp__arena_dup(arena, text);
    return node;
}

struct gp__node *gp__node_mapping(struct gp__arena *arena, size_t n, const struct gp__node *at)
{
    struct gp__node *node = make(arena, GP__NODE_MAPPING, at);

    node->pairs = GP__ARENA_ARRAY(arena, struct gp__pair, n);
    return node;
}

struct gp__node *gp__node_sequence(struct gp__arena *arena, size_t n, const struct gp__node *at)
{
    struct gp__node *node = make(arena, GP__NODE_SEQUENCE, at);

    node->items = GP__ARENA_ARRAY(arena, const struct gp__node *, n);
    return node;
}

static void weigh(struct gp__node *node, const struct gp__node *child)
{
    if (child->height >= node->height)
        node->height = child->height + 1;
    if (__builtin_add_overflow(node->weight, child->weight, &node->weight))
        node->weight = UINT32_MAX;
}

void gp__node_put(struct gp__node *map, const struct gp__node *key, const struct gp__node *value)
{
    map->pairs[map->count++] = (struct gp__pair){key, value};
    weigh(map, value);
}

void gp__node_add(struct gp__node *sequence, const struct gp__node *item)
{
    sequence->items[sequence->count++] = item;
    weigh(sequence, item);
}

static bool is_mapping(const struct gp__node *node)
{
    return node && node->kind == GP__NODE_MAPPING;
}

const struct gp__node *gp__node_merge(struct gp__arena *arena, const struct gp__node *over,
                                      const struct gp__node *under)
{
    struct gp__node *merged;

    if (!is_mapping(over) || over->count == 0)
        return is_mapping(under) ? under : over;
    if (!is_mapping(under) || under->count == 0)
        return over;
    merged = gp__node_mapping(arena, over->count + under->count, over);
    for (size_t i = 0; i < over->count; i++)
        gp__node_put(merged, over->pairs[i].key, over->pairs[i].value);
    for (size_t i = 0; i < under->count; i++)
        if (!gp__node_pair(over, under->pairs[i].key->text))
            gp__node_put(merged, under->pairs[i].key, under->pairs[i].value);
    return merged;
}

/* ---- secrets ---- */

static void wipe_text(void *arg)
{
    const struct gp__node *node = arg;

    explicit_bzero((void *)(uintptr_t)node->text.data, node->text.len);
}

void gp__node_hide(struct gp__arena *arena, const struct gp__node *node)
{
    struct gp__hidden *hidden;

    if (node->kind != GP__NODE_SCALAR || !node->source || gp__node_hidden(node))
        return;
    hidden = GP__ARENA_NEW(arena, struct gp__hidden);
    *hidden = (struct gp__hidden){node->source->hidden, node->offset, node->end};
    node->source->hidden = hidden;
    gp__arena_cleanup(arena, wipe_text, (void *)(uintptr_t)node);
}

bool gp__node_hidden(const struct gp__node *node)
{
    const struct gp__hidden *hidden = node->source ? node->source->hidden : NULL;

    for (; hidden; hidden = hidden->next)
        if (node->offset >= hidden->offset && node->end <= hidden->end && node->offset < node->end)
            return true;
    return false;
}

/* ---- sources ---- */

static void wipe_source(void *arg)
{
    const struct gp__source *source = arg;

    explicit_bzero((void *)(uintptr_t)source->text.data, source->text.len);
}

static void find_lines(struct gp__arena *arena, struct gp__source *source)
{
    struct gp_slice text = source->text;
    size_t count = 1, n = 0;
    uint32_t *lines;

    for (size_t i = 0; i < text.len; i++)
        count += text.data[i] == '\n';
    lines = GP__ARENA_ARRAY(arena, uint32_t, count);
    lines[n++] = 0;
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] == '\n')
            lines[n++] = (uint32_t)(i + 1);
    source->lines = lines;
    source->n_lines = count;
}

struct gp__source *gp__source_create(struct gp__arena *arena, struct gp_slice name,
                                     struct gp_slice directory, struct gp_slice text)
{
    struct gp__source *source = GP__ARENA_NEW(arena, struct gp__source);

    source->name = gp__arena_dup(arena, name);
    source->directory = gp__arena_dup(arena, directory);
    source->text = text;
    find_lines(arena, source);
    if (text.len)
        gp__arena_cleanup(arena, wipe_source, source);
    return source;
}

struct gp_slice gp__source_line(struct gp__arena *arena, const struct gp__source *source,
                                uint32_t n)
{
    size_t start, end;
    char *line;

    if (!source || n == 0 || n > source->n_lines)
        return GP_S("");
    start = source->lines[n - 1];
    end = n < source->n_lines ? source->lines[n] - 1 : source->text.len;
    if (end > start && source->text.data[end - 1] == '\r')
        end--;
    line = gp__arena_bytes(arena, end - start + 1);
    if (end > start)
        memcpy(line, source->text.data + start, end - start);
    for (const struct gp__hidden *h = source->hidden; h; h = h->next) {
        size_t from = h->offset > start ? h->offset : start;
        size_t to = h->end < end ? h->end : end;

        if (from < to)
            memset(line + (from - start), '*', to - from);
    }
    return gp_slice(line, end - start);
}

void gp__source_place(const struct gp__source *source, size_t offset, uint32_t *line_r,
                      uint32_t *column_r)
{
    size_t low = 0, high = source->n_lines;
    uint32_t column = 1;

    if (offset > source->text.len)
        offset = source->text.len;
    while (high - low > 1) { /* the last line that begins at or before the offset */
        size_t middle = low + (high - low) / 2;

        if (source->lines[middle] <= offset)
            low = middle;
        else
            high = middle;
    }
    for (size_t i = source->lines[low]; i < offset; i++)
        column += ((unsigned char)source->text.data[i] & 0xc0) != 0x80;
    *line_r = (uint32_t)low + 1;
    *column_r = column;
}
