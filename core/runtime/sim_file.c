// SPDX-License-Identifier: Apache-2.0
/*
 * A disk that is honest about what it forgets. Each name has two contents: the one that is seen and
 * the one that survives a power cut. Making a file syncs its bytes, so only names are at risk:
 * GP__DIR_SYNC makes those of one directory durable, GP__DIR_MAKE does so for what it makes. The two
 * halves of a rename are one change: both survive, or neither.
 */
#include "core/base/alloc.h"
#include "core/runtime/job.h"
#include "core/runtime/sim_world.h"
#include "core/runtime/spill.h"

#include <stddef.h>

struct inode {
    unsigned refs;
    uint64_t id;
    bool is_dir;
    size_t len;
    char bytes[];
};

struct name {
    struct gp_slice path;
    struct inode *now, *durable;
    uint64_t change; /* the last one that is not durable */
};

struct fault {
    struct fault *next;
    enum gp__file_kind kind;
    unsigned nth;
    int error;
};

struct gp__sim_disk {
    struct name **names; /* by path */
    size_t count, cap;
    uint64_t ids, changes, delay_ms;
    struct fault *faults;
};

/* ---- inodes and names ---- */

static struct inode *inode_create(struct gp__sim_disk *disk, size_t len)
{
    struct inode *inode = gp__alloc(sizeof *inode + len + 1);

    inode->id = ++disk->ids;
    inode->len = len;
    return inode;
}

static void set(struct inode **place, struct inode *inode)
{
    struct inode *before = *place;

    if (inode)
        inode->refs++;
    *place = inode;
    if (before && --before->refs == 0)
        gp__free(before);
}

/* Where the path stands, or would. */
static size_t position(const struct gp__sim_disk *disk, struct gp_slice path)
{
    size_t low = 0, high = disk->count;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (gp_slice_cmp(disk->names[middle]->path, path) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct name *find(const struct gp__sim_disk *disk, struct gp_slice path)
{
    size_t at = position(disk, path);

    if (at == disk->count || !gp_slice_eq(disk->names[at]->path, path))
        return NULL;
    return disk->names[at];
}

static struct name *find_or_add(struct gp__sim *sim, struct gp_slice path)
{
    struct gp__sim_disk *disk = sim->disk;
    struct name *name = find(disk, path);
    size_t at = position(disk, path);

    if (name)
        return name;
    GP__GROW(disk->names, disk->cap, disk->count + 1);
    memmove(&disk->names[at + 1], &disk->names[at], (disk->count - at) * sizeof(struct name *));
    disk->count++;
    name = disk->names[at] = GP__ARENA_NEW(sim->arena, struct name);
    name->path = gp__arena_dup(sim->arena, path);
    return name;
}

static struct gp_slice parent_of(struct gp_slice path)
{
    size_t slash = gp_slice_rfind(path, '/');

    if (slash == path.len)
        return GP_S(".");
    return slash == 0 ? GP_S("/") : gp_slice_sub(path, 0, slash);
}

static struct gp_slice trimmed(struct gp_slice path)
{
    while (path.len > 1 && path.data[path.len - 1] == '/')
        path.len--;
    return path;
}

static bool is_dir(const struct gp__sim_disk *disk, struct gp_slice path)
{
    const struct name *name = find(disk, path);

    return gp_slice_eq(path, GP_S("/")) || gp_slice_eq(path, GP_S(".")) ||
           (name && name->now && name->now->is_dir);
}

static void change(struct gp__sim_disk *disk, struct name *name, struct inode *inode)
{
    set(&name->now, inode);
    name->change = disk->changes;
}

/* ---- operations ---- */

static int put(struct gp__sim *sim, const struct gp__file_job *job)
{
    struct name *name = find(sim->disk, job->path);
    struct inode *inode;
    size_t len = 0;

    if (name && name->now)
        return GP_EEXIST;
    if (!is_dir(sim->disk, parent_of(job->path)))
        return GP_ENOTFOUND;
    for (size_t i = 0; i < job->n_pieces; i++)
        len += job->pieces[i].len;
    inode = inode_create(sim->disk, len);
    len = 0;
    for (size_t i = 0; i < job->n_pieces; i++) {
        if (job->pieces[i].len > 0)
            memcpy(inode->bytes + len, job->pieces[i].data, job->pieces[i].len);
        len += job->pieces[i].len;
    }
    sim->disk->changes++;
    change(sim->disk, find_or_add(sim, job->path), inode);
    return 0;
}

static int rename_name(struct gp__sim *sim, const struct gp__file_job *job)
{
    struct name *from = find(sim->disk, job->path);
    struct name *to;

    if (!from || !from->now || !is_dir(sim->disk, parent_of(job->to)))
        return GP_ENOTFOUND;
    if (from->now->is_dir || is_dir(sim->disk, job->to))
        return GP_EIO;
    to = find_or_add(sim, job->to);
    if (to == from)
        return 0;
    sim->disk->changes++;
    change(sim->disk, to, from->now);
    change(sim->disk, from, NULL);
    return 0;
}

static int remove_name(struct gp__sim *sim, const struct gp__file_job *job)
{
    struct name *name = find(sim->disk, job->path);

    if (!name || !name->now)
        return 0;
    if (name->now->is_dir)
        return GP_EIO;
    sim->disk->changes++;
    change(sim->disk, name, NULL);
    return 0;
}

static int read_name(struct gp__sim *sim, struct gp_op *op, const struct gp__file_job *job)
{
    const struct name *name = find(sim->disk, job->path);

    if (!name || !name->now)
        return GP_ENOTFOUND;
    if (name->now->is_dir)
        return GP_EINVAL;
    if (name->now->len > job->max)
        return GP_ELIMIT;
    op->bytes = gp__arena_dup(op->arena, gp_slice(name->now->bytes, name->now->len));
    return 0;
}

static int version(struct gp__sim *sim, struct gp_op *op, const struct gp__file_job *job)
{
    const struct name *name = find(sim->disk, job->path);

    if (!name || !name->now)
        return GP_ENOTFOUND;
    op->number = name->now->id;
    return 0;
}

static int make_one(struct gp__sim *sim, struct gp_slice path)
{
    struct name *name;

    if (path.len == 0 || is_dir(sim->disk, path))
        return 0;
    name = find_or_add(sim, path);
    if (name->now)
        return GP_EEXIST;
    set(&name->now, inode_create(sim->disk, 0));
    name->now->is_dir = true;
    set(&name->durable, name->now);
    return 0;
}

static int make_dirs(struct gp__sim *sim, struct gp_slice path)
{
    for (size_t i = 1; i < path.len; i++) {
        int error = path.data[i] == '/' ? make_one(sim, gp_slice_sub(path, 0, i)) : 0;

        if (error)
            return error;
    }
    return make_one(sim, path);
}

static int sync_dir(struct gp__sim *sim, struct gp_slice path)
{
    if (!is_dir(sim->disk, path))
        return GP_ENOTFOUND;
    for (size_t i = 0; i < sim->disk->count; i++) {
        struct name *name = sim->disk->names[i];

        if (gp_slice_eq(parent_of(name->path), path))
            set(&name->durable, name->now);
    }
    return 0;
}

/* The error that was planned for this operation, or 0. */
static int planned(struct gp__sim_disk *disk, enum gp__file_kind kind)
{
    for (struct fault **link = &disk->faults; *link;) {
        struct fault *fault = *link;
        int error = fault->error;

        if (fault->kind == kind && --fault->nth == 0) {
            *link = fault->next;
            gp__free(fault);
            return error;
        }
        link = &fault->next;
    }
    return 0;
}

static int spill(const struct gp__file_job *job)
{
    for (size_t i = 0; i < job->n_pieces; i++)
        if (gp__buf_append(&job->spill->memory, job->pieces[i]) < 0)
            return GP_ENOSPC;
    return 0;
}

static int execute(struct gp__sim *sim, struct gp_op *op, const struct gp__file_job *job)
{
    int error = planned(sim->disk, job->kind);

    if (error)
        return error;
    switch (job->kind) {
    case GP__FILE_PUT:
        return put(sim, job);
    case GP__FILE_RENAME:
        return rename_name(sim, job);
    case GP__FILE_REMOVE:
        return remove_name(sim, job);
    case GP__FILE_READ:
        return read_name(sim, op, job);
    case GP__FILE_VERSION:
        return version(sim, op, job);
    case GP__DIR_MAKE:
        return make_dirs(sim, trimmed(job->path));
    case GP__DIR_SYNC:
        return sync_dir(sim, trimmed(job->path));
    case GP__FILE_SPILL:
        return spill(job);
    }
    return GP_EINVAL;
}

/* ---- the operation as a job ---- */

struct task {
    struct gp__job job;
    struct gp__timer timer;
    struct gp__sim *sim;
    struct gp__file_job file;
    struct gp__arena *arena;
};

static void task_free(struct task *task)
{
    if (task->file.release)
        task->file.release(task->file.release_arg);
    gp__arena_free(&task->arena);
    gp__free(task);
}

/* Nothing has happened yet. */
static void task_cancel(struct gp__job *job)
{
    struct task *task = (struct task *)job;

    gp__sim_call(task->sim, "cancel");
    gp__timers_stop(&task->sim->timers, &task->timer);
    task_free(task);
}

static void task_due(struct gp__timer *timer)
{
    struct task *task = (struct task *)((char *)timer - offsetof(struct task, timer));

    gp__job_finish(&task->job, execute(task->sim, task->job.op, &task->file));
    task_free(task);
}

static void note_call(struct gp__sim *sim, const struct gp__file_job *job)
{
    static const char *const names[] = {
        [GP__FILE_PUT] = "file put",         [GP__FILE_RENAME] = "file rename",
        [GP__FILE_REMOVE] = "file remove",   [GP__FILE_READ] = "file read",
        [GP__FILE_VERSION] = "file version", [GP__DIR_MAKE] = "dir make",
        [GP__DIR_SYNC] = "dir sync",         [GP__FILE_SPILL] = "file spill",
    };
    size_t len = 0;

    for (size_t i = 0; i < job->n_pieces; i++)
        len += job->pieces[i].len;
    if (job->kind == GP__FILE_PUT || job->kind == GP__FILE_SPILL)
        gp__sim_call(sim, "%s " GP_FMT " %zu", names[job->kind], GP_ARG(job->path), len);
    else if (job->kind == GP__FILE_RENAME)
        gp__sim_call(sim, "%s " GP_FMT " " GP_FMT, names[job->kind], GP_ARG(job->path),
                     GP_ARG(job->to));
    else
        gp__sim_call(sim, "%s " GP_FMT, names[job->kind], GP_ARG(job->path));
}

void gp__sim_op_file(struct gp__runtime *rt, struct gp_op *op, const struct gp__file_job *job)
{
    struct gp__sim *sim = gp__sim(rt);
    struct task *task = gp__alloc(sizeof *task);
    struct gp_slice *pieces;

    note_call(sim, job);
    task->sim = sim;
    task->arena = gp__arena_create();
    task->file = *job;
    task->file.path = gp__arena_dup(task->arena, job->path);
    task->file.to = gp__arena_dup(task->arena, job->to);
    pieces = GP__ARENA_ARRAY(task->arena, struct gp_slice, job->n_pieces + 1);
    for (size_t i = 0; i < job->n_pieces; i++)
        pieces[i] = job->release ? job->pieces[i] : gp__arena_dup(task->arena, job->pieces[i]);
    task->file.pieces = pieces;
    task->timer.fn = task_due;
    gp__job_start(&task->job, op, task_cancel);
    gp__sim_after(sim, &task->timer, sim->disk->delay_ms);
}

/* ---- what tests see and do ---- */

int gp__sim_file_get(const struct gp__runtime *rt, struct gp_slice path, struct gp_slice *bytes_r)
{
    const struct name *name = find(gp__sim(rt)->disk, path);

    if (!name || !name->now || name->now->is_dir)
        return GP_ENOTFOUND;
    *bytes_r = gp_slice(name->now->bytes, name->now->len);
    return 0;
}

void gp__sim_file_set(struct gp__runtime *rt, struct gp_slice path, struct gp_slice bytes)
{
    struct gp__sim *sim = gp__sim(rt);
    struct inode *inode = inode_create(sim->disk, bytes.len);
    struct name *name;

    if (bytes.len > 0)
        memcpy(inode->bytes, bytes.data, bytes.len);
    (void)make_dirs(sim, parent_of(path));
    name = find_or_add(sim, path);
    set(&name->now, inode);
    set(&name->durable, inode);
}

static bool is_listed(const struct name *name, struct gp_slice prefix)
{
    return name->now && !name->now->is_dir && gp_slice_starts(name->path, prefix);
}

size_t gp__sim_file_count(const struct gp__runtime *rt, struct gp_slice prefix)
{
    const struct gp__sim_disk *disk = gp__sim(rt)->disk;
    size_t n = 0;

    for (size_t i = 0; i < disk->count; i++)
        n += is_listed(disk->names[i], prefix);
    return n;
}

struct gp_slice gp__sim_file_name(const struct gp__runtime *rt, struct gp_slice prefix, size_t n)
{
    const struct gp__sim_disk *disk = gp__sim(rt)->disk;

    for (size_t i = 0; i < disk->count; i++) {
        if (is_listed(disk->names[i], prefix) && n-- == 0)
            return disk->names[i]->path;
    }
    return gp_slice(NULL, 0);
}

void gp__sim_file_fault(struct gp__runtime *rt, enum gp__file_kind kind, unsigned nth, int error)
{
    struct gp__sim_disk *disk = gp__sim(rt)->disk;
    struct fault *fault = gp__alloc(sizeof *fault);

    *fault = (struct fault){.next = disk->faults, .kind = kind, .nth = nth, .error = error};
    disk->faults = fault;
}

void gp__sim_file_delay(struct gp__runtime *rt, uint64_t ms)
{
    gp__sim(rt)->disk->delay_ms = ms;
}

/* A change survives or not as a whole: chance is asked once for each. */
static bool survives(struct gp__sim *sim, uint64_t changed, uint64_t salt)
{
    uint64_t before = sim->random;
    bool result;

    sim->random = salt + changed;
    result = gp__sim_random(sim) & 1;
    sim->random = before;
    return result;
}

void gp__sim_power_cut(struct gp__runtime *rt, enum gp__sim_loss loss)
{
    struct gp__sim *sim = gp__sim(rt);
    uint64_t salt = gp__sim_random(sim);

    for (size_t i = 0; i < sim->disk->count; i++) {
        struct name *name = sim->disk->names[i];

        if (name->now == name->durable)
            continue;
        if (loss == GP__SIM_LOSE_SOME && survives(sim, name->change, salt))
            set(&name->durable, name->now);
        else
            set(&name->now, name->durable);
    }
}

/* ---- life ---- */

struct gp__sim_disk *gp__sim_disk_create(void)
{
    return gp__alloc(sizeof(struct gp__sim_disk));
}

void gp__sim_disk_free(struct gp__sim_disk **disk_)
{
    struct gp__sim_disk *disk = *disk_;

    *disk_ = NULL;
    for (size_t i = 0; i < disk->count; i++) {
        set(&disk->names[i]->now, NULL);
        set(&disk->names[i]->durable, NULL);
    }
    while (disk->faults) {
        struct fault *fault = disk->faults;

        disk->faults = fault->next;
        gp__free(fault);
    }
    gp__free(disk->names);
    gp__free(disk);
}
