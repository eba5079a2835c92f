// SPDX-License-Identifier: Apache-2.0
#include "core/config/peek.h"

#include "core/config/load.h"

static struct gp_slice scalar(const struct gp__node *node)
{
    return node && node->kind == GP__NODE_SCALAR ? node->text : gp_slice(NULL, 0);
}

static bool wants_processes(const struct gp__node *root)
{
    struct gp_slice workers = scalar(gp__node_get(root, GP_S("workers")));

    return gp_slice_present(workers) && !gp_slice_eq(workers, GP_S("0"));
}

static struct gp_slice control_path(struct gp__load *load)
{
    const struct gp__node *control = gp__node_get(load->root, GP_S("control"));
    const struct gp__node *path;

    if (!control || control->kind != GP__NODE_MAPPING)
        return gp_slice(NULL, 0);
    path = gp__node_get(control, GP_S("path"));
    if (!gp_slice_present(scalar(path)))
        return gp_slice_of(gp__control_rows[0].def);
    return gp__arena_dup(load->arena, gp__bind_path(&load->binder, path, path->text));
}

int gp__peek(const char *path, const struct gp__config_files *files, struct gp__arena *arena,
             struct gp__peek *peek_r)
{
    struct gp__diag *diag = gp__diag_create();
    struct gp__config_host host = {.files = files};
    struct gp__load load = {
        .arena = arena,
        .host = &host,
        .diag = diag,
        .binder = {.arena = arena, .diag = diag, .files = files},
    };

    *peek_r = (struct gp__peek){.processes = false};
    load.root = gp__load_files(&load, path);
    if (load.root) {
        peek_r->processes = wants_processes(load.root);
        peek_r->control_path = control_path(&load);
    }
    gp__diag_free(&diag);
    return load.root ? 0 : -1;
}
