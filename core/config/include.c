// SPDX-License-Identifier: Apache-2.0
/*
 * Files that include files. Sections that are mappings are merged by name, lists (routes) follow
 * each other: the including file's first, then its includes in the order in which they are named.
 * The same name twice is an error, as is the same file twice.
 */
#include "core/config/load.h"

#include "core/base/alloc.h"
#include "core/config/yaml.h"

#include <string.h>

#define DEPTH_MAX 8
#define FILES_MAX 256

struct including {
    struct gp__load *load;
    struct gp__map seen;           /* absolute path to this struct: read already */
    const struct gp__node **roots; /* of the files, in order */
    size_t count, cap;
    struct gp_slice stack[DEPTH_MAX]; /* absolute paths of the files that are being read */
    size_t depth;
    bool failed;
    /* While a pattern is expanded: */
    const struct gp__node *at;
};

static int include_file(struct including *in, struct gp_slice path, struct gp_slice name,
                        const struct gp__node *at);

static int fail(struct including *in, const struct gp__node *at, struct gp_slice name,
                const char *text)
{
    gp__diag_add(in->load->diag, GP__ERROR, at, GP_FMT ": %s", GP_ARG(name), text);
    in->failed = true;
    return -1;
}

static struct gp_slice directory_of(struct gp_slice path)
{
    size_t slash = gp_slice_rfind(path, '/');

    return slash == 0 || slash == path.len ? GP_S("/") : gp_slice_sub(path, 0, slash);
}

static struct gp__source *read_source(struct including *in, struct gp_slice path,
                                      struct gp_slice name, const struct gp__node *at)
{
    const struct gp__config_files *files = in->load->host->files;
    struct gp__buf content = {0};
    struct gp__source *source = NULL;
    char error[256] = "";

    if (files->read(files->arg, path.data, GP__YAML_SIZE_MAX, &content, error, sizeof error) < 0)
        fail(in, at, name, error);
    else
        source = gp__source_create(in->load->arena, name, directory_of(path),
                                   gp__arena_dup(in->load->arena, gp__buf_slice(&content)));
    if (content.data)
        explicit_bzero(content.data, content.cap);
    gp__buf_free(&content);
    return source;
}

/* ---- include: ---- */

static void found(void *arg, const char *path)
{
    struct including *in = arg;
    struct gp_slice copy = gp__arena_dup(in->load->arena, gp_slice_of(path));

    include_file(in, copy, copy, in->at);
}

static bool is_pattern(struct gp_slice text)
{
    return gp_slice_find(text, '*') < text.len || gp_slice_find(text, '?') < text.len ||
           gp_slice_find(text, '[') < text.len;
}

static void include_one(struct including *in, const struct gp__node *node)
{
    const struct gp__config_files *files = in->load->host->files;
    struct gp_slice path;

    if (node->kind != GP__NODE_SCALAR || node->text.len == 0) {
        gp__diag_add(in->load->diag, GP__ERROR, node,
                     "\"include\" must be a file or a list of files");
        in->failed = true;
        return;
    }
    path = gp__arena_dup(in->load->arena, gp__bind_path(&in->load->binder, node, node->text));
    in->at = node;
    if (!is_pattern(node->text) || !files->glob)
        include_file(in, path, path, node);
    else if (files->glob(files->arg, path.data, found, in) < 0)
        fail(in, node, path, "cannot be listed");
}

static void include_all(struct including *in, const struct gp__node *root)
{
    const struct gp__node *list = gp__node_get(root, GP_S("include"));

    if (!list || list->kind == GP__NODE_NULL)
        return;
    if (list->kind != GP__NODE_SEQUENCE)
        include_one(in, list);
    for (size_t i = 0; list->kind == GP__NODE_SEQUENCE && i < list->count; i++)
        include_one(in, list->items[i]);
}

static int check_again(struct including *in, struct gp_slice path, struct gp_slice name,
                       const struct gp__node *at)
{
    for (size_t i = 0; i < in->depth; i++)
        if (gp_slice_eq(in->stack[i], path))
            return fail(in, at, name, "this file includes itself");
    if (gp__map_find(&in->seen, path))
        return fail(in, at, name, "this file is included twice");
    if (in->depth == DEPTH_MAX)
        return fail(in, at, name, "included through more than 8 files");
    if (in->seen.count == FILES_MAX)
        return fail(in, at, name, "more than 256 files");
    return 0;
}

static int include_file(struct including *in, struct gp_slice path, struct gp_slice name,
                        const struct gp__node *at)
{
    const struct gp__node *root;
    struct gp__source *source;

    if (check_again(in, path, name, at) < 0)
        return -1;
    gp__map_set(&in->seen, path, in);
    source = read_source(in, path, name, at);
    root = source ? gp__yaml_parse(in->load->arena, source, in->load->diag) : NULL;
    if (!root) {
        in->failed = true;
        return -1;
    }
    if (root->kind != GP__NODE_MAPPING && root->kind != GP__NODE_NULL) {
        gp__diag_add(in->load->diag, GP__ERROR, root, "a configuration is a mapping, not %s",
                     gp__node_kind_text(root));
        in->failed = true;
        return -1;
    }
    GP__GROW(in->roots, in->cap, in->count + 1);
    in->roots[in->count++] = root;
    in->stack[in->depth++] = path;
    include_all(in, root);
    in->depth--;
    return 0;
}

/* ---- merging ---- */

static void report_twice(struct including *in, const struct gp__node *again,
                         const struct gp__node *first, const char *where)
{
    gp__diag_add(in->load->diag, GP__ERROR, again,
                 "\"" GP_FMT "\"%s is given twice, first in " GP_FMT ":%u", GP_ARG(again->text),
                 where, GP_ARG(first->source->name), first->line);
    in->failed = true;
}

static const struct gp__node *join_lists(struct including *in, const struct gp__node *a,
                                         const struct gp__node *b)
{
    struct gp__node *joined = gp__node_sequence(in->load->arena, a->count + b->count, a);

    for (size_t i = 0; i < a->count; i++)
        gp__node_add(joined, a->items[i]);
    for (size_t i = 0; i < b->count; i++)
        gp__node_add(joined, b->items[i]);
    return joined;
}

static const struct gp__node *join_mappings(struct including *in, const struct gp__node *a,
                                            const struct gp__node *b)
{
    for (size_t i = 0; i < b->count; i++) {
        const struct gp__pair *first = gp__node_pair(a, b->pairs[i].key->text);

        if (first)
            report_twice(in, b->pairs[i].key, first->key, "");
    }
    return gp__node_merge(in->load->arena, a, b);
}

static void merge_pair(struct including *in, struct gp__node *merged, const struct gp__pair *pair)
{
    struct gp__pair *first = NULL;

    for (size_t i = 0; i < merged->count && !first; i++)
        if (gp_slice_eq(merged->pairs[i].key->text, pair->key->text))
            first = &merged->pairs[i];
    if (!first)
        gp__node_put(merged, pair->key, pair->value);
    else if (pair->value->kind == GP__NODE_NULL)
        return;
    else if (first->value->kind == GP__NODE_NULL)
        *first = *pair;
    else if (first->value->kind != pair->value->kind || pair->value->kind == GP__NODE_SCALAR)
        report_twice(in, pair->key, first->key, " at the top");
    else if (pair->value->kind == GP__NODE_SEQUENCE)
        first->value = join_lists(in, first->value, pair->value);
    else
        first->value = join_mappings(in, first->value, pair->value);
}

static const struct gp__node *merge(struct including *in)
{
    struct gp__node *merged;
    size_t pairs = 0;

    for (size_t i = 0; i < in->count; i++)
        pairs += in->roots[i]->count;
    merged = gp__node_mapping(in->load->arena, pairs, in->count ? in->roots[0] : NULL);
    for (size_t i = 0; i < in->count; i++)
        for (size_t j = 0; j < in->roots[i]->count; j++)
            if (!gp_slice_eq(in->roots[i]->pairs[j].key->text, GP_S("include")))
                merge_pair(in, merged, &in->roots[i]->pairs[j]);
    return merged;
}

const struct gp__node *gp__load_files(struct gp__load *load, const char *path)
{
    const char *directory = load->host->files->directory;
    struct gp_slice name = gp__arena_dup(load->arena, gp_slice_of(path)), full = name;
    struct including in = {.load = load};
    const struct gp__node *merged = NULL;

    if (path[0] != '/' && directory) {
        struct gp_slice rest = name;

        while (gp_slice_starts(rest, GP_S("./")))
            rest = gp_slice_sub(rest, 2, rest.len);
        full = gp__arena_printf(load->arena, "%s/" GP_FMT, directory, GP_ARG(rest));
    }
    include_file(&in, full, name, NULL);
    if (!in.failed)
        merged = merge(&in);
    if (in.failed)
        merged = NULL;
    gp__free(in.roots);
    gp__map_free(&in.seen);
    return merged;
}
