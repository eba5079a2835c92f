// SPDX-License-Identifier: Apache-2.0
#include "core/spool/layout.h"

#include "core/base/alloc.h"

#include <errno.h>
#include <gatepost/types.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define FORMAT "gatepost spool 1\n"
#define FORMAT_OF "gatepost spool of " /* and the name of a plugin */
#define EPOCH 1577836800 /* 2020: seconds since then are the least number of a segment */

/* ---- paths ---- */

static char *join(const char *directory, const char *name)
{
    size_t len = strlen(directory) + strlen(name) + 2;
    char *path = gp__alloc(len);

    (void)snprintf(path, len, "%s/%s", directory, name);
    return path;
}

static char *format_of(const char *kept_by)
{
    char text[128];

    if (!kept_by)
        return gp__strdup(FORMAT);
    (void)snprintf(text, sizeof text, FORMAT_OF "%s\n", kept_by);
    return gp__strdup(text);
}

void gp__layout_init(struct gp__layout *layout, const struct gp__spool_settings *settings)
{
    layout->disk = settings->disk ? settings->disk : &gp__disk_system;
    layout->root = gp__alloc(settings->path.len + 1);
    memcpy(layout->root, settings->path.data, settings->path.len);
    layout->segments = join(layout->root, "segments");
    layout->marks = join(layout->root, "marks");
    layout->messages = join(layout->root, "messages");
    layout->journal = join(layout->root, "journal");
    layout->owner = join(layout->root, "owner");
    layout->wake = join(layout->root, "wake");
    layout->bare = settings->kept_by != NULL;
    layout->format = format_of(settings->kept_by);
}

void gp__layout_free(struct gp__layout *layout)
{
    gp__free(layout->root);
    gp__free(layout->segments);
    gp__free(layout->marks);
    gp__free(layout->messages);
    gp__free(layout->journal);
    gp__free(layout->owner);
    gp__free(layout->wake);
    gp__free(layout->format);
    *layout = (struct gp__layout){.disk = NULL};
}

bool gp__layout_message(const struct gp__layout *layout, struct gp_slice id, unsigned file,
                        char path[GP__LOG_PATH_MAX])
{
    char number[16] = "";

    if (!gp__entry_id_fits(id))
        return false;
    if (file > 0)
        (void)snprintf(number, sizeof number, "~%u", file);
    (void)snprintf(path, GP__LOG_PATH_MAX, "%s/" GP_FMT "%s", layout->messages, GP_ARG(id), number);
    return true;
}

/* ---- making it ---- */

static int failed(struct gp__buf *error_r, const char *path, int error)
{
    gp__buf_printf(error_r, "%s: %s", path, strerror(-error));
    return GP_EIO;
}

static int wrong_format(const struct gp__layout *layout, const char *path, const char *text,
                        struct gp__buf *error_r)
{
    int found = (int)strcspn(text, "\n"), wanted = (int)strcspn(layout->format, "\n");

    if (layout->bare || strncmp(text, FORMAT_OF, sizeof FORMAT_OF - 1) == 0)
        gp__buf_printf(error_r,
                       "%s: here is the spool of another engine (\"%.*s\", not \"%.*s\"): take "
                       "another path, and its mail along with gatepost spool export and import",
                       path, found, text, wanted, layout->format);
    else
        gp__buf_printf(error_r, "%s: \"%.*s\" is not a spool that this version reads (\"%.*s\")",
                       path, found, text, wanted, layout->format);
    return GP_EINVAL;
}

/* Whether the file says what this version writes: 1; 0: there is no such file; else with a text,
 * GP_EINVAL: it says something else, or GP_EIO. */
static int check_format(const struct gp__layout *layout, const char *path, struct gp__buf *error_r)
{
    const struct gp__disk *disk = layout->disk;
    char text[128] = "";
    int fd = disk->open(disk->arg, path, GP__DISK_READ);
    int64_t len;

    if (fd < 0)
        return fd == -ENOENT ? 0 : failed(error_r, path, fd);
    len = gp__disk_read_all(disk, fd, text, sizeof text - 1, 0);
    disk->close(disk->arg, fd);
    if (len < 0)
        return failed(error_r, path, (int)len);
    return strcmp(text, layout->format) == 0 ? 1 : wrong_format(layout, path, text, error_r);
}

static int write_format(const struct gp__layout *layout, const char *path)
{
    const struct gp__disk *disk = layout->disk;
    struct iovec piece = {layout->format, strlen(layout->format)};
    int fd = disk->open(disk->arg, layout->root, GP__DISK_NAMELESS);
    int error;

    if (fd < 0)
        return fd;
    error = gp__disk_write_all(disk, fd, &piece, 1, 0);
    if (error == 0)
        error = disk->sync(disk->arg, fd);
    if (error == 0)
        error = disk->link(disk->arg, fd, path);
    disk->close(disk->arg, fd);
    return error == -EEXIST ? 0 : error;
}

static int make_dir(const struct gp__layout *layout, const char *path, struct gp__buf *error_r)
{
    int error = layout->disk->make_dir(layout->disk->arg, path);

    return error == 0 || error == -EEXIST ? 0 : failed(error_r, path, error);
}

static int sync_dir(const struct gp__layout *layout, const char *path, struct gp__buf *error_r)
{
    int error = layout->disk->sync_dir(layout->disk->arg, path);

    return error ? failed(error_r, path, error) : 0;
}

static int sync_parent(const struct gp__layout *layout, struct gp__buf *error_r)
{
    const char *slash = strrchr(layout->root, '/');
    char *parent = gp__strdup(slash == layout->root ? "/" : slash ? layout->root : ".");
    int done;

    if (slash && slash != layout->root)
        parent[slash - layout->root] = '\0';
    done = sync_dir(layout, parent, error_r);
    gp__free(parent);
    return done;
}

static int make_dirs(const struct gp__layout *layout, struct gp__buf *error_r)
{
    const char *const dirs[] = {layout->root, layout->segments, layout->marks, layout->messages,
                                layout->journal};

    size_t n = layout->bare ? 1 : sizeof dirs / sizeof *dirs;

    for (size_t i = 0; i < n; i++) {
        if (make_dir(layout, dirs[i], error_r) < 0)
            return -1;
    }
    return sync_parent(layout, error_r);
}

int gp__layout_look(const struct gp__layout *layout, struct gp__buf *error_r)
{
    char *path = join(layout->root, "format");
    int done = check_format(layout, path, error_r);

    gp__free(path);
    return done;
}

int gp__layout_check(const struct gp__layout *layout, struct gp__buf *error_r)
{
    int done = gp__layout_look(layout, error_r);

    if (done == 0)
        gp__buf_printf(error_r, "%s: no spool is there", layout->root);
    return done > 0 ? 0 : -1;
}

/* What says that a spool is there comes last. Synced in any case: whoever made it may not have come
 * to that yet. */
int gp__layout_prepare(const struct gp__layout *layout, struct gp__buf *error_r)
{
    char *path = join(layout->root, "format");
    int done = check_format(layout, path, error_r), error = 0;

    if (done == 0) {
        done = make_dirs(layout, error_r) == 0 ? sync_dir(layout, layout->root, error_r) : -1;
        error = done == 0 ? write_format(layout, path) : 0;
    }
    if (error)
        done = failed(error_r, path, error);
    gp__free(path);
    return done < 0 ? -1 : sync_dir(layout, layout->root, error_r);
}

int gp__layout_own(const struct gp__layout *layout, struct gp__buf *error_r)
{
    const struct gp__disk *disk = layout->disk;
    int fd = disk->open(disk->arg, layout->owner, GP__DISK_CREATE);
    int error = fd < 0 ? fd : disk->lock(disk->arg, fd);

    if (error == 0)
        return fd;
    if (fd >= 0)
        disk->close(disk->arg, fd);
    if (error == -EWOULDBLOCK)
        gp__buf_printf(error_r, "%s: the spool is in use: a server runs on it, or another tool",
                       layout->root);
    else
        failed(error_r, layout->owner, error);
    return -1;
}

/* ---- numbers ---- */

static void larger(void *arg, const char *name)
{
    uint64_t *last = arg, number = gp__log_number(name);

    if (number > *last)
        *last = number;
}

uint64_t gp__layout_last(const struct gp__layout *layout, const char *directory)
{
    uint64_t last = 0;

    (void)layout->disk->list(layout->disk->arg, directory, larger, &last); /* none: 0 */
    return last;
}

struct marks {
    const struct gp__layout *layout;
    uint64_t last;
};

static void read_mark(void *arg, const char *name)
{
    struct marks *marks = arg;
    const struct gp__disk *disk = marks->layout->disk;
    char *path = join(marks->layout->marks, name);
    int fd = disk->open(disk->arg, path, GP__DISK_READ);
    uint64_t mark = 0;

    if (fd >= 0) {
        if (gp__disk_read_all(disk, fd, &mark, sizeof mark, 0) == (int64_t)sizeof mark &&
            gp__mark_segment(mark) > marks->last)
            marks->last = gp__mark_segment(mark);
        disk->close(disk->arg, fd);
    }
    gp__free(path);
}

uint64_t gp__layout_next_segment(const struct gp__layout *layout)
{
    struct marks marks = {.layout = layout, .last = gp__layout_last(layout, layout->segments)};
    uint64_t least = (uint64_t)(time(NULL) - EPOCH);

    (void)layout->disk->list(layout->disk->arg, layout->marks, read_mark, &marks);
    return marks.last + 1 > least ? marks.last + 1 : least;
}
