// SPDX-License-Identifier: Apache-2.0
/* The scheduler among the master's processes: it stays when others are renewed, and has a line to
 * each process that carries. The master makes the lines and does not listen in. */
#include "core/process/master.h"

#include "core/base/arena.h"
#include "core/process/scheduling.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

struct gp__child *gp__scheduler_child(const struct gp__master *master)
{
    struct gp__child *child = master->children;

    while (child && (!gp__roles[child->role].wants_scheduling || child->state == GP__CHILD_ENDING ||
                     child->state == GP__CHILD_GONE))
        child = child->next;
    return child;
}

/* ---- lines ---- */

static int give_end(struct gp__child *child, enum gp__message_type type, int fd)
{
    struct gp__message message = {.type = type, .fds = {fd}, .n_fds = 1};

    return gp__channel_send(child->channel, &message);
}

/* A line of which one end could not be given is seen to be closed at the other. */
static void make_line(struct gp__child *scheduler, struct gp__child *carrier)
{
    int ends[2];

    if (gp__channel_pair(ends) < 0) {
        gp__log(&carrier->master->log, GP_LOG_ERROR, "process.line", GP__F_I("slot", carrier->slot),
                GP__F_C("error", strerror(errno)));
        return;
    }
    carrier->line_to = scheduler->pid;
    if (give_end(scheduler, GP__MSG_CARRIER, ends[0]) == 0)
        (void)give_end(carrier, GP__MSG_SCHEDULER, ends[1]); /* else closed() tells */
    (void)close(ends[0]);                                    /* both were duplicated */
    (void)close(ends[1]);
}

void gp__lines_make(struct gp__master *master)
{
    struct gp__child *scheduler = gp__scheduler_child(master);

    if (!scheduler || scheduler->state != GP__CHILD_SERVING || !scheduler->channel)
        return;
    for (struct gp__child *child = master->children; child; child = child->next)
        if (gp__roles[child->role].carries && child->state == GP__CHILD_SERVING && child->channel &&
            child->line_to != scheduler->pid)
            make_line(scheduler, child);
}

/* ---- configurations ---- */

static void send_plan(struct gp__child *child)
{
    struct gp__message message = {.type = GP__MSG_PLAN, .n_fds = 1};
    int fd = gp__scheduling_memory(child->conf->manifest.scheduling);

    message.fds[0] = fd;
    if (child->conf->log_file >= 0)
        message.fds[message.n_fds++] = child->conf->log_file;
    if (fd < 0)
        gp__log(&child->master->log, GP_LOG_ERROR, "process.plan",
                GP__F_C("error", strerror(errno)));
    else if (child->channel)
        (void)gp__channel_send(child->channel, &message); /* else closed() tells */
    if (fd >= 0)
        (void)close(fd); /* it was duplicated */
}

void gp__scheduler_adopt(struct gp__master *master, struct gp__conf *conf)
{
    struct gp__child *child = gp__scheduler_child(master);

    if (!child || child->conf == conf || !conf->manifest.scheduling.len)
        return;
    gp__conf_unref(&child->conf);
    child->conf = conf;
    conf->refs++;
    if (child->pid)
        send_plan(child);
}

int gp__scheduler_fits(const struct gp__master *master, const struct gp__conf *conf,
                       struct gp__buf *error_r)
{
    struct gp__child *child = gp__scheduler_child(master);
    struct gp__arena *arena;
    struct gp__scheduling old, new;
    int result = 0;

    if (!child || child->conf == conf || !conf->manifest.scheduling.len)
        return 0;
    arena = gp__arena_create();
    if (gp__scheduling_read(&old, arena, child->conf->manifest.scheduling) < 0 ||
        gp__scheduling_read(&new, arena, conf->manifest.scheduling) < 0 ||
        !gp_slice_eq(old.spool.path, new.spool.path)) {
        gp__buf_append(error_r, GP_S("another path of `spool:` takes effect with a restart"));
        result = -1;
    } else if (!gp_slice_eq(old.engine, new.engine)) {
        gp__buf_append(error_r, GP_S("another engine of `spool:`, or other options of it, take "
                                     "effect with a restart"));
        result = -1;
    }
    gp__arena_free(&arena);
    return result;
}
