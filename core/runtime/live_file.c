// SPDX-License-Identifier: Apache-2.0
/*
 * File operations as jobs of the file pool. Paths are copied; pieces too, unless the job says how
 * to release what they point into. A PUT that ends after it was cancelled is taken back: the caller
 * has given up on it, so nobody would ever remove the file.
 */
#include "core/base/alloc.h"
#include "core/base/arena.h"
#include "core/base/log.h"
#include "core/runtime/file.h"
#include "core/runtime/job.h"
#include "core/runtime/loop.h"
#include "core/runtime/pool.h"

#include <stddef.h>
#include <stdlib.h>

struct task {
    struct gp__job job;
    struct gp__pool_item item;
    struct gp__live *live;
    struct gp__file_job file;
    struct gp__file_result result;
    struct gp_slice *pieces;
    char *copy; /* of paths and, without release(), of all pieces */
};

static struct task *task_of(struct gp__pool_item *item)
{
    return (struct task *)((char *)item - offsetof(struct task, item));
}

static void task_free(struct task *task)
{
    if (task->file.release)
        task->file.release(task->file.release_arg);
    free(task->result.bytes);
    gp__free(task->pieces);
    gp__free(task->copy);
    gp__free(task);
}

static void task_run(struct gp__pool_item *item)
{
    struct task *task = task_of(item);

    gp__file_execute(&task->file, &task->result);
}

/* What is not there, or there already, or too large, is an answer; the rest is trouble. A directory
 * that cannot be made is trouble in any case. */
static void log_failure(const struct task *task)
{
    const struct gp__file_result *result = &task->result;

    if (result->error == 0 ||
        (result->error != GP_EIO && result->error != GP_ENOSPC && task->file.kind != GP__DIR_MAKE))
        return;
    gp__log(task->live->base.log, GP_LOG_ERROR, "file.failed",
            GP__F_C("step", gp__file_step_name(result->step)), GP__F_S("path", task->file.path),
            GP__F_C("error", strerror(result->system_error)));
}

static void take_back(struct task *task);

static void hand_over(struct task *task)
{
    struct gp_op *op = task->job.op;

    if (!op)
        return;
    if (task->result.bytes) {
        op->bytes = gp_slice(task->result.bytes, task->result.len);
        gp__arena_cleanup(op->arena, free, task->result.bytes);
        task->result.bytes = NULL;
    }
    op->number = task->result.version;
    gp__job_finish(&task->job, task->result.error);
}

static void task_done(struct gp__pool_item *item, bool ran)
{
    struct task *task = task_of(item);

    if (!ran)
        task->result.error = GP_ETEMP;
    log_failure(task);
    if (!task->job.op && ran && task->file.kind == GP__FILE_PUT && task->result.error == 0) {
        take_back(task);
        return;
    }
    hand_over(task);
    task_free(task);
}

static void taken_back(struct gp__pool_item *item, bool ran)
{
    struct task *task = task_of(item);

    if (!ran)
        gp__file_execute(&task->file, &task->result);
    log_failure(task);
    task_free(task);
}

static void take_back(struct task *task)
{
    task->file.kind = GP__FILE_REMOVE;
    task->item.done = taken_back;
    if (!task->live->files || gp__pool_submit(task->live->files, &task->item) < 0)
        taken_back(&task->item, false);
}

static void task_cancel(struct gp__job *job)
{
    struct task *task = (struct task *)job;

    if (gp__pool_withdraw(task->live->files, &task->item))
        task_free(task);
}

static struct gp_slice copy_into(char **at, struct gp_slice s)
{
    struct gp_slice copy = gp_slice(*at, s.len);

    if (s.len > 0)
        memcpy(*at, s.data, s.len);
    (*at)[s.len] = '\0';
    *at += s.len + 1;
    return copy;
}

static size_t pieces_len(const struct gp__file_job *job)
{
    size_t len = 0;

    for (size_t i = 0; i < job->n_pieces; i++)
        len += job->pieces[i].len + 1;
    return len;
}

static struct task *task_create(struct gp__live *live, const struct gp__file_job *job)
{
    struct task *task = gp__alloc(sizeof *task);
    size_t paths = job->path.len + job->to.len + 2;
    char *at = task->copy = gp__alloc(paths + (job->release ? 0 : pieces_len(job)));

    task->live = live;
    task->file = *job;
    task->file.path = copy_into(&at, job->path);
    task->file.to = copy_into(&at, job->to);
    task->pieces = gp__alloc_array(job->n_pieces + 1, sizeof *task->pieces);
    for (size_t i = 0; i < job->n_pieces; i++)
        task->pieces[i] = job->release ? job->pieces[i] : copy_into(&at, job->pieces[i]);
    task->file.pieces = task->pieces;
    task->item.run = task_run;
    task->item.done = task_done;
    return task;
}

static bool has_nul(struct gp_slice path)
{
    return gp_slice_find(path, '\0') != path.len;
}

void gp__live_file(struct gp__runtime *rt, struct gp_op *op, const struct gp__file_job *job)
{
    struct gp__live *live = gp__live(rt);
    struct task *task = task_create(live, job);

    gp__job_start(&task->job, op, task_cancel);
    if (has_nul(job->path) || has_nul(job->to)) {
        gp__job_finish(&task->job, GP_EINVAL);
        task_free(task);
    } else if (gp__pool_submit(live->files, &task->item) < 0) {
        task_done(&task->item, false);
    }
}
