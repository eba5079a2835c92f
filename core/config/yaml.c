// SPDX-License-Identifier: Apache-2.0
/*
 * The only file that knows libfyaml: a builder that turns its events into our nodes. Our own stack
 * bounds the depth; aliases share subtrees, so memory grows with the file and not with what its
 * anchors expand to, and the weight of shared subtrees is counted against GP__YAML_NODES_MAX.
 */
#include "core/config/yaml.h"

#include "core/base/map.h"
#include "core/base/utf8.h"

#include <libfyaml.h>
#include <limits.h>

/* A collection that is still open. */
struct level {
    struct gp__node *node;
    size_t cap;
    const struct gp__node *key; /* of a mapping: waits for its value */
    struct gp_slice anchor;
    struct gp__map keys; /* of a mapping: those seen */
};

struct builder {
    struct gp__arena *arena;
    struct gp__source *source;
    struct gp__diag *diag;
    struct gp__map anchors; /* name to complete node */
    struct level levels[GP__NODE_DEPTH_MAX];
    size_t depth;
    const struct gp__node *root;
    size_t documents;
    size_t nodes; /* that a walk would meet */
    size_t last;  /* end of the last token with a place */
};

static struct gp__node *new_node(struct builder *b, enum gp__node_kind kind, struct fy_token *token)
{
    const struct fy_mark *start = token ? fy_token_start_mark(token) : NULL;
    const struct fy_mark *end = token ? fy_token_end_mark(token) : NULL;
    struct gp__node *node = GP__ARENA_NEW(b->arena, struct gp__node);

    node->kind = kind;
    node->source = b->source;
    node->height = node->weight = 1;
    node->offset = start ? start->input_pos : b->last;
    node->end = end && end->input_pos > node->offset ? end->input_pos : node->offset;
    if (node->end > b->source->text.len)
        node->end = b->source->text.len;
    b->last = node->end;
    gp__source_place(b->source, node->offset, &node->line, &node->column);
    return node;
}

static struct gp_slice token_text(struct builder *b, struct fy_token *token)
{
    size_t len = 0;
    const char *text = token ? fy_token_get_text(token, &len) : NULL;

    return gp__arena_dup(b->arena, text ? gp_slice(text, len) : GP_S(""));
}

static int fail(struct builder *b, const struct gp__node *at, const char *text)
{
    gp__diag_add(b->diag, GP__ERROR, at, "%s", text);
    return -1;
}

static int refuse_tag(struct builder *b, struct fy_token *tag)
{
    return tag ? fail(b, new_node(b, GP__NODE_NULL, tag), "tags are not used here") : 0;
}

static int add_key(struct builder *b, struct level *level, const struct gp__node *node)
{
    const struct gp__node *before;

    if (node->kind == GP__NODE_NULL)
        return fail(b, node, "a key is missing");
    if (node->kind != GP__NODE_SCALAR)
        return fail(b, node, "a key must be a plain word, not a list or a mapping");
    before = gp__map_set(&level->keys, node->text, (void *)(uintptr_t)node);
    if (before) {
        gp__diag_add(b->diag, GP__ERROR, node, "duplicate key \"" GP_FMT "\", first in line %u",
                     GP_ARG(node->text), before->line);
        return -1;
    }
    level->key = node;
    return 0;
}

/* Puts a complete node where it belongs: into the open collection, or at the root. `cost` is how
 * many nodes it adds to those already counted. */
static int place(struct builder *b, const struct gp__node *node, uint32_t cost)
{
    struct level *level;

    b->nodes += cost;
    if (b->nodes > GP__YAML_NODES_MAX)
        return fail(b, node, "too many values: anchors expand to more than 200000");
    if (b->depth + node->height > GP__NODE_DEPTH_MAX)
        return fail(b, node, "nested more than 64 levels deep");
    if (b->depth == 0) {
        b->root = node;
        return 0;
    }
    level = &b->levels[b->depth - 1];
    if (level->node->kind == GP__NODE_MAPPING && !level->key)
        return add_key(b, level, node);
    if (level->node->kind == GP__NODE_MAPPING) {
        GP__ARENA_GROW(b->arena, level->node->pairs, level->cap, level->node->count + 1);
        gp__node_put(level->node, level->key, node);
        level->key = NULL;
        return 0;
    }
    GP__ARENA_GROW(b->arena, level->node->items, level->cap, level->node->count + 1);
    gp__node_add(level->node, node);
    return 0;
}

/* A name may be given again: what follows means the newer one (YAML 1.2, 3.2.2.2). */
static void set_anchor(struct builder *b, struct gp_slice name, const struct gp__node *node)
{
    if (name.len)
        gp__map_set(&b->anchors, name, (void *)(uintptr_t)node);
}

static bool is_null_word(struct gp_slice s)
{
    return s.len == 0 || gp_slice_eq(s, GP_S("~")) || gp_slice_eq(s, GP_S("null")) ||
           gp_slice_eq(s, GP_S("Null")) || gp_slice_eq(s, GP_S("NULL"));
}

/* libfyaml's marks of a text in quotes stand inside of them; errors point at the whole. */
static void include_quotes(struct builder *b, struct gp__node *node, struct fy_token *value)
{
    enum fy_scalar_style style = value ? fy_token_scalar_style(value) : FYSS_PLAIN;
    struct gp_slice text = b->source->text;

    node->quoted = style != FYSS_PLAIN;
    if ((style != FYSS_SINGLE_QUOTED && style != FYSS_DOUBLE_QUOTED) || node->offset == 0)
        return;
    node->offset--;
    if (node->end < text.len)
        node->end++;
    gp__source_place(b->source, node->offset, &node->line, &node->column);
}

static int on_scalar(struct builder *b, struct fy_event *event)
{
    struct fy_token *value = event->scalar.value;
    struct gp__node *node = new_node(b, GP__NODE_SCALAR, value);
    bool key = b->depth && b->levels[b->depth - 1].node->kind == GP__NODE_MAPPING &&
               !b->levels[b->depth - 1].key;

    if (refuse_tag(b, event->scalar.tag) < 0)
        return -1;
    node->text = token_text(b, value);
    include_quotes(b, node, value);
    if (gp_slice_find(node->text, '\0') < node->text.len)
        return fail(b, node, "a NUL byte");
    if (!node->quoted && is_null_word(node->text) && (!key || node->text.len == 0)) {
        node->kind = GP__NODE_NULL;
        node->text = gp_slice(NULL, 0);
    }
    set_anchor(b, token_text(b, event->scalar.anchor), node);
    return place(b, node, 1);
}

static int on_alias(struct builder *b, struct fy_event *event)
{
    struct gp_slice name = token_text(b, event->alias.anchor);
    const struct gp__node *node = gp__map_get(&b->anchors, name);

    if (node)
        return place(b, node, node->weight);
    gp__diag_add(b->diag, GP__ERROR, new_node(b, GP__NODE_NULL, event->alias.anchor),
                 "no complete anchor \"" GP_FMT "\" above", GP_ARG(name));
    return -1;
}

static int open_level(struct builder *b, enum gp__node_kind kind, struct fy_token *token,
                      struct fy_token *anchor, struct fy_token *tag)
{
    struct gp__node *node = new_node(b, kind, token);

    if (refuse_tag(b, tag) < 0)
        return -1;
    if (b->depth == GP__NODE_DEPTH_MAX)
        return fail(b, node, "nested more than 64 levels deep");
    b->levels[b->depth++] = (struct level){.node = node, .anchor = token_text(b, anchor)};
    return 0;
}

static int close_level(struct builder *b)
{
    struct level *level = &b->levels[--b->depth];

    gp__map_free(&level->keys);
    set_anchor(b, level->anchor, level->node);
    return place(b, level->node, 1);
}

static int on_document(struct builder *b, struct fy_event *event)
{
    if (b->documents++ == 0)
        return 0;
    return fail(b, new_node(b, GP__NODE_NULL, event->document_start.document_start),
                "a second document: one file is one document");
}

static int on_event(struct builder *b, struct fy_event *event)
{
    switch (event->type) {
    case FYET_DOCUMENT_START:
        return on_document(b, event);
    case FYET_MAPPING_START:
        return open_level(b, GP__NODE_MAPPING, event->mapping_start.mapping_start,
                          event->mapping_start.anchor, event->mapping_start.tag);
    case FYET_SEQUENCE_START:
        return open_level(b, GP__NODE_SEQUENCE, event->sequence_start.sequence_start,
                          event->sequence_start.anchor, event->sequence_start.tag);
    case FYET_MAPPING_END:
    case FYET_SEQUENCE_END:
        return close_level(b);
    case FYET_SCALAR:
        return on_scalar(b, event);
    case FYET_ALIAS:
        return on_alias(b, event);
    case FYET_NONE:
    case FYET_STREAM_START:
    case FYET_STREAM_END:
    case FYET_DOCUMENT_END:
        return 0;
    }
    return 0;
}

/* libfyaml's own findings, as ours. Its lines and columns count from 1 and are of characters. */
static void report_errors(struct builder *b, struct fy_diag *fy)
{
    struct fy_diag_error *error;
    void *iterator = NULL;
    size_t count = 0;

    while (count < GP__DIAG_MAX && (error = fy_diag_errors_iterate(fy, &iterator))) {
        struct gp__node *at = new_node(b, GP__NODE_NULL, NULL);

        if (error->type != FYET_ERROR)
            continue;
        at->line = error->line > 0 ? (uint32_t)error->line : 1;
        at->column = error->column > 0 ? (uint32_t)error->column : 1;
        gp__diag_add(b->diag, GP__ERROR, at, "%s", error->msg ? error->msg : "not valid YAML");
        count++;
    }
    if (count == 0)
        fail(b, new_node(b, GP__NODE_NULL, NULL), "not valid YAML");
}

/* libfyaml writes to stderr unless it is given somewhere else to write. */
static void swallow(struct fy_diag *diag, void *user, const char *text, size_t len)
{
    (void)diag;
    (void)user;
    (void)text;
    (void)len;
}

static struct fy_diag *quiet_diag(void)
{
    struct fy_diag_cfg cfg;
    struct fy_diag *diag;

    fy_diag_cfg_default(&cfg);
    cfg.fp = NULL;
    cfg.output_fn = swallow;
    diag = fy_diag_create(&cfg);
    if (diag)
        fy_diag_set_collect_errors(diag, true);
    return diag;
}

static int run(struct builder *b, struct fy_parser *parser, struct fy_diag *fy)
{
    struct fy_event *event;
    int result = 0;

    while (result == 0 && (event = fy_parser_parse(parser))) {
        result = on_event(b, event);
        fy_parser_event_free(parser, event);
    }
    if (result == 0 && fy_parser_get_stream_error(parser)) {
        report_errors(b, fy);
        result = -1;
    }
    while (b->depth)
        gp__map_free(&b->levels[--b->depth].keys);
    return result;
}

static int parse(struct builder *b)
{
    struct gp_slice text = b->source->text;
    struct fy_diag *fy = quiet_diag();
    struct fy_parse_cfg cfg = {.flags = FYPCF_DEFAULT_VERSION_1_2, .diag = fy};
    struct fy_parser *parser = fy ? fy_parser_create(&cfg) : NULL;
    int result = -1;

    if (parser && fy_parser_set_string(parser, text.data, text.len) == 0)
        result = run(b, parser, fy);
    else
        fail(b, NULL, "libfyaml could not be started");
    if (parser)
        fy_parser_destroy(parser);
    if (fy)
        fy_diag_destroy(fy);
    gp__map_free(&b->anchors);
    return result;
}

/* What libfyaml would take silently, or not say clearly. */
static int check_bytes(struct builder *b)
{
    struct gp_slice text = b->source->text;
    struct gp__node *at = new_node(b, GP__NODE_NULL, NULL);
    size_t i = 0, len;
    uint32_t code;

    if (text.len > GP__YAML_SIZE_MAX)
        return fail(b, at, "larger than 4 MiB");
    while (i < text.len && text.data[i]) {
        len = gp__utf8_decode(gp_slice_sub(text, i, 4), &code);
        if (len == 0)
            break;
        i += len;
    }
    if (i == text.len)
        return 0;
    gp__source_place(b->source, i, &at->line, &at->column);
    return fail(b, at, text.data[i] ? "not UTF-8" : "a NUL byte");
}

const struct gp__node *gp__yaml_parse(struct gp__arena *arena, struct gp__source *source,
                                      struct gp__diag *diag)
{
    struct builder b = {.arena = arena, .source = source, .diag = diag};

    if (check_bytes(&b) < 0)
        return NULL;
    if (source->text.len && parse(&b) < 0)
        return NULL;
    return b.root ? b.root : new_node(&b, GP__NODE_NULL, NULL);
}
