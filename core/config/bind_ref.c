// SPDX-License-Identifier: Apache-2.0
/* What refers to something else: secrets, tables, targets, paths. */
#include "core/config/bind_value.h"
#include "core/config/record.h"

#include <stdio.h>
#include <string.h>

#define SECRET_MAX 65536u

struct gp_slice gp__bind_path(struct gp__binder *binder, const struct gp__node *node,
                              struct gp_slice path)
{
    struct gp_slice directory = node->source ? node->source->directory : GP_S("");

    if (path.len && path.data[0] == '/')
        return path;
    while (gp_slice_starts(path, GP_S("./")))
        path = gp_slice_sub(path, 2, path.len);
    if (gp_slice_eq(directory, GP_S("/")))
        directory = GP_S("");
    return gp__arena_printf(binder->arena, GP_FMT "/" GP_FMT, GP_ARG(directory), GP_ARG(path));
}

int gp__bind_path_value(const struct gp__bind_for *for_, const struct gp__node *node, void *place)
{
    if (node->kind != GP__NODE_SCALAR)
        return gp__bind_wrong(for_, node, "a path");
    if (node->text.len == 0)
        return gp__bind_bad(for_, node, "must not be empty");
    *(struct gp_slice *)place = gp__bind_path(for_->binder, node, node->text);
    return 0;
}

int gp__bind_table(const struct gp__bind_for *for_, const struct gp__node *node, void *place)
{
    struct gp__binder *binder = for_->binder;
    struct gp_slice ref = node->kind == GP__NODE_SCALAR ? node->text : gp_slice(NULL, 0);

    if (!binder->table)
        return gp__bind_bad(for_, node, "tables cannot be used here");
    if (binder->table(binder->arg, node, ref, place) < 0)
        return -1;
    return gp__bind_actions(for_, *(struct gp_table **)place);
}

int gp__bind_records(const struct gp__bind_for *for_, const struct gp__node *node, void *place)
{
    struct gp__binder *binder = for_->binder;
    struct gp_records *records = GP__ARENA_NEW(binder->arena, struct gp_records);

    if (gp__bind_table(for_, node, &records->table) < 0)
        return -1;
    records->rows = for_->row->rows;
    records->stride = for_->stride;
    records->size = for_->row->row_size;
    *(const struct gp_records **)place = records;
    return binder->records ? binder->records(binder->arg, records) : 0;
}

int gp__bind_actions(const struct gp__bind_for *for_, struct gp_table *table)
{
    struct gp__binder *binder = for_->binder;

    if (!(for_->row->flags & GP_OPTION_QUARANTINE) || !binder->actions)
        return 0;
    return binder->actions(binder->arg, table);
}

int gp__bind_action(struct gp__binder *binder, const struct gp__node *node, struct gp_slice text)
{
    struct gp_slice rest = gp_slice_trim(text), word = gp_slice_split(&rest, ' ');

    rest = gp_slice_trim(rest);
    if (!gp_slice_caseeq(word, GP_S("quarantine")) || rest.len == 0 || !binder->bucket)
        return 0;
    return binder->bucket(binder->arg, node, rest);
}

int gp__bind_target(const struct gp__bind_for *for_, const struct gp__node *node, void *place)
{
    struct gp__binder *binder = for_->binder;

    if (node->kind != GP__NODE_SCALAR)
        return gp__bind_wrong(for_, node, "the name of a target");
    if (!binder->target)
        return gp__bind_bad(for_, node, "targets cannot be used here");
    if (binder->target(binder->arg, node, node->text) < 0)
        return -1;
    *(struct gp_slice *)place = node->text;
    return 0;
}

int gp__bind_bucket(const struct gp__bind_for *for_, const struct gp__node *node, void *place)
{
    struct gp__binder *binder = for_->binder;

    if (node->kind != GP__NODE_SCALAR)
        return gp__bind_wrong(for_, node, "the name of a bucket");
    if (!binder->bucket)
        return gp__bind_bad(for_, node, "buckets cannot be used here");
    if (binder->bucket(binder->arg, node, node->text) < 0)
        return -1;
    *(struct gp_slice *)place = node->text;
    return 0;
}

/* ---- secrets ---- */

static void wipe(void *arg)
{
    const struct gp_slice *secret = arg;

    explicit_bzero((void *)(uintptr_t)secret->data, secret->len);
}

static struct gp_slice keep_secret(struct gp__arena *arena, struct gp_slice text)
{
    struct gp_slice *secret = GP__ARENA_NEW(arena, struct gp_slice);

    *secret = gp__arena_dup(arena, text);
    gp__arena_cleanup(arena, wipe, secret);
    return *secret;
}

static int from_env(const struct gp__bind_for *for_, const struct gp__node *node,
                    struct gp_slice name, struct gp_slice *secret_r)
{
    struct gp__binder *binder = for_->binder;
    struct gp_slice copy = gp__arena_dup(binder->arena, name);
    const char *value = binder->files->env ? binder->files->env(binder->files->arg, copy.data)
                                           : NULL;

    if (!value || !*value)
        return gp__bind_bad(for_, node, "the environment has no " GP_FMT, GP_ARG(name));
    *secret_r = keep_secret(binder->arena, gp_slice_of(value));
    return 0;
}

/* One line break at the end is the editor's, not the secret's. */
static struct gp_slice without_newline(struct gp_slice text)
{
    if (gp_slice_ends(text, GP_S("\n")))
        text.len--;
    if (gp_slice_ends(text, GP_S("\r")))
        text.len--;
    return text;
}

int gp__bind_secret_file(struct gp__binder *binder, const char *path, struct gp_slice *secret_r,
                         char *error, size_t error_size)
{
    const struct gp__config_files *files = binder->files;
    struct gp__buf content = {0};
    struct gp_slice text;
    size_t room;
    int result = -1;

    /* All at once, so that no copy stays behind where the buffer grew. */
    if (!gp__buf_room(&content, SECRET_MAX + 4097, &room)) {
        snprintf(error, error_size, "out of memory");
        return -1;
    }
    if (files->read(files->arg, path, SECRET_MAX, &content, error, error_size) == 0) {
        text = without_newline(gp__buf_slice(&content));
        if (text.len)
            *secret_r = keep_secret(binder->arena, text);
        else
            snprintf(error, error_size, "is empty");
        result = text.len ? 0 : -1;
    }
    explicit_bzero(content.data, content.cap);
    gp__buf_free(&content);
    return result;
}

static int from_file(const struct gp__bind_for *for_, const struct gp__node *node,
                     struct gp_slice path, struct gp_slice *secret_r)
{
    struct gp__binder *binder = for_->binder;
    struct gp_slice full = gp__arena_dup(binder->arena, gp__bind_path(binder, node, path));
    char error[256] = "";

    if (gp__bind_secret_file(binder, full.data, secret_r, error, sizeof error) == 0)
        return 0;
    return gp__bind_bad(for_, node, "cannot read " GP_FMT ": %s", GP_ARG(full), error);
}

static int from_mapping(const struct gp__bind_for *for_, const struct gp__node *node,
                        struct gp_slice *secret_r)
{
    const struct gp__node *key = node->count == 1 ? node->pairs[0].key : NULL;
    const struct gp__node *value = key ? node->pairs[0].value : NULL;

    if (key && value->kind == GP__NODE_SCALAR && gp_slice_eq(key->text, GP_S("env")))
        return from_env(for_, value, value->text, secret_r);
    if (key && value->kind == GP__NODE_SCALAR && gp_slice_eq(key->text, GP_S("file")))
        return from_file(for_, value, value->text, secret_r);
    return gp__bind_wrong(for_, node, "a text, {file: PATH} or {env: NAME}");
}

int gp__bind_secret(const struct gp__bind_for *for_, const struct gp__node *node, void *place)
{
    struct gp_slice *value = place, text = node->text;

    if (node->kind == GP__NODE_MAPPING && for_->binder->files)
        return from_mapping(for_, node, value);
    if (node->kind != GP__NODE_SCALAR)
        return gp__bind_wrong(for_, node, "a text, {file: PATH} or {env: NAME}");
    if (for_->binder->files && gp_slice_starts(text, GP_S("env:")))
        return from_env(for_, node, gp_slice_sub(text, 4, text.len), value);
    if (for_->binder->files && gp_slice_starts(text, GP_S("file:")))
        return from_file(for_, node, gp_slice_sub(text, 5, text.len), value);
    gp__node_hide(for_->binder->arena, node);
    if (text.len == 0 && (for_->row->flags & GP_OPTION_NOT_EMPTY))
        return gp__bind_bad(for_, node, "must not be empty");
    *value = keep_secret(for_->binder->arena, text);
    return 0;
}
