// SPDX-License-Identifier: Apache-2.0
/* The log as an engine: opening it, and what concerns its folder as a whole. */
#include "core/spool/log_engine.h"

#include "core/base/alloc.h"
#include "core/spool/wake.h"

#include <errno.h>
#include <gatepost/types.h>
#include <stdio.h>
#include <unistd.h>

#define SWEEP_AGE_S 3600

static int log_prepare(const struct gp__spool_settings *settings, struct gp__buf *error_r)
{
    struct gp__layout layout;
    int done;

    gp__layout_init(&layout, settings);
    done = gp__layout_prepare(&layout, error_r);
    gp__layout_free(&layout);
    return done;
}

/* ---- may we? ---- */

struct trying {
    const char *directory;
    struct gp__buf *error_r;
    int error;
};

/* With the rights that opening it would need; a socket that is there is bound anew. */
static void try_path(struct trying *trying, const char *path, int rights)
{
    if (trying->error || access(path, rights) == 0 || errno == ENOENT)
        return;
    gp__buf_printf(trying->error_r, "%s: %s", path, strerror(errno));
    trying->error = GP_EIO;
}

static void try_file(void *arg, const char *name)
{
    struct trying *trying = arg;
    char path[GP__LOG_PATH_MAX];

    (void)snprintf(path, sizeof path, "%s/%s", trying->directory, name);
    try_path(trying, path, R_OK | W_OK);
}

static int try_all(const struct gp__layout *layout, struct gp__buf *error_r)
{
    const char *const logs[] = {layout->segments, layout->marks, layout->journal};
    struct trying trying = {.error_r = error_r};

    try_path(&trying, layout->root, R_OK | W_OK | X_OK);
    try_path(&trying, layout->messages, R_OK | W_OK | X_OK);
    try_path(&trying, layout->owner, R_OK | W_OK);
    for (size_t i = 0; i < sizeof logs / sizeof *logs && !trying.error; i++) {
        trying.directory = logs[i];
        try_path(&trying, logs[i], R_OK | W_OK | X_OK);
        (void)layout->disk->list(layout->disk->arg, logs[i], try_file, &trying);
    }
    return trying.error;
}

static int log_check(const struct gp__spool_settings *settings, struct gp__buf *error_r)
{
    struct gp__layout layout;
    int found;

    gp__layout_init(&layout, settings);
    found = gp__layout_look(&layout, error_r);
    if (found > 0)
        found = try_all(&layout, error_r);
    gp__layout_free(&layout);
    return found;
}

struct gp__spool *gp__log_open(struct gp__runtime *rt, const struct gp__spool_settings *settings,
                               enum gp__spool_mode mode, struct gp__buf *error_r)
{
    struct gp__log_spool *spool = gp__alloc(sizeof *spool);
    int done;

    (void)rt;
    gp__layout_init(&spool->layout, settings);
    spool->log = settings->log;
    spool->owner_fd = -1;
    if (mode == GP__SPOOL_OWN)
        done = gp__layout_prepare(&spool->layout, error_r);
    else
        done = gp__layout_check(&spool->layout, error_r);
    if (done == 0 && mode == GP__SPOOL_OWN)
        spool->owner_fd = gp__layout_own(&spool->layout, error_r);
    if (done == 0 && (mode != GP__SPOOL_OWN || spool->owner_fd >= 0))
        return &spool->base;
    gp__log_close(&spool->base);
    return NULL;
}

/* ---- files of large messages ---- */

int gp__log_remove_large(struct gp__spool *base, struct gp_slice id)
{
    const struct gp__log_spool *spool = (const struct gp__log_spool *)base;
    const struct gp__disk *disk = spool->layout.disk;
    char path[GP__LOG_PATH_MAX];

    if (spool->owner_fd < 0)
        return GP_EINVAL;
    for (unsigned file = 0; file < GP__FILES_MAX; file++) {
        int error = gp__layout_message(&spool->layout, id, file, path)
                        ? disk->unlink(disk->arg, path)
                        : -EINVAL;

        if (error == -ENOENT && file > 0)
            break;
        if (error && error != -ENOENT)
            return GP_EIO;
    }
    return 0;
}

struct sweep {
    struct gp__log_spool *spool;
    bool (*alive)(void *arg, struct gp_slice id);
    void *arg;
    char **names; /* paths */
    size_t n, cap;
};

/* Collected first: a directory that is read while it changes may show a name twice or never. */
static void note_orphan(void *arg, const char *name)
{
    struct sweep *sweep = arg;
    const struct gp__layout *layout = &sweep->spool->layout;
    struct gp_slice id = gp_slice(name, strcspn(name, "~"));
    char path[GP__LOG_PATH_MAX];

    if (!gp__layout_message(layout, id, 0, path))
        return;
    (void)snprintf(path, sizeof path, "%s/%s", layout->messages, name);
    if (layout->disk->age(layout->disk->arg, path) < SWEEP_AGE_S || sweep->alive(sweep->arg, id))
        return;
    GP__GROW(sweep->names, sweep->cap, sweep->n + 1);
    sweep->names[sweep->n++] = gp__strdup(path);
}

static int remove_orphan(const struct gp__disk *disk, const char *path)
{
    int error = disk->unlink(disk->arg, path);

    return error == 0 || error == -ENOENT ? 0 : GP_EIO;
}

int gp__log_sweep(struct gp__spool *base, bool (*alive)(void *arg, struct gp_slice id), void *arg)
{
    struct sweep sweep = {.spool = (struct gp__log_spool *)base, .alive = alive, .arg = arg};
    const struct gp__layout *layout = &sweep.spool->layout;
    int error = 0, count = 0;

    if (sweep.spool->owner_fd < 0)
        return GP_EINVAL;
    if (layout->disk->list(layout->disk->arg, layout->messages, note_orphan, &sweep) < 0)
        error = GP_EIO;
    for (size_t i = 0; i < sweep.n; i++) {
        if (!error)
            error = remove_orphan(layout->disk, sweep.names[i]);
        count += !error;
        gp__free(sweep.names[i]);
    }
    gp__free(sweep.names);
    return error ? error : count;
}

int gp__log_wake_open(struct gp__spool *base, struct gp__buf *error_r)
{
    return gp__wake_bind(((const struct gp__log_spool *)base)->layout.wake, error_r);
}

const struct gp__spool_engine gp__spool_log = {
    .name = "log",
    .prepare = log_prepare,
    .check = log_check,
    .writer_open = gp__log_writer_open,
    .commit = gp__log_writer_commit,
    .rewrite = gp__log_writer_rewrite,
    .writer_close = gp__log_writer_close,
    .open = gp__log_open,
    .close = gp__log_close,
    .read = gp__log_read,
    .read_head = gp__log_read_head,
    .tail = gp__log_tail,
    .segments = gp__log_segments,
    .verify = gp__log_verify,
    .remove = gp__log_remove,
    .remove_large = gp__log_remove_large,
    .sweep = gp__log_sweep,
    .wake_open = gp__log_wake_open,
    .journal_open = gp__log_journal_open,
    .journal_append = gp__log_journal_append,
    .compact_begin = gp__log_compact_begin,
    .compact_put = gp__log_compact_put,
    .compact_end = gp__log_compact_end,
    .journal_size = gp__log_journal_size,
    .journal_close = gp__log_journal_close,
};
