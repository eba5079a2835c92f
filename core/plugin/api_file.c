// SPDX-License-Identifier: Apache-2.0
/*
 * Files: <gatepost/file.h>. One job of the file pool each. A thread may still be writing when the
 * call has given up and its memory is gone, so what it writes is held until the job really ends:
 * a copy on the heap, or a reference to the transaction whose message it is.
 */
#include "core/plugin/api.h"

#include "core/base/alloc.h"
#include "core/base/ascii.h"
#include "core/base/utf8.h"

#include <stdlib.h>

#define PATH_BYTES_MAX 4095
#define ELEMENT_BYTES_MAX 255

bool gp_path_safe(struct gp_slice element)
{
    if (!element.data || element.len == 0 || element.len > ELEMENT_BYTES_MAX ||
        gp_slice_eq(element, GP_S(".")) || gp_slice_eq(element, GP_S("..")))
        return false;
    for (size_t i = 0; i < element.len; i++)
        if (element.data[i] == '/' || gp__is_control(element.data[i]))
            return false;
    return gp__utf8_valid(element);
}

/* ---- jobs ---- */

static int check_path(struct gp_call *call, const char *function, struct gp_slice path)
{
    int error = gp__api_may_use(call, function, GP_NEEDS_FILES);

    if (!error)
        error = gp__api_slice(call, function, path);
    if (error)
        return error;
    if (path.len == 0 || path.len > PATH_BYTES_MAX || gp_slice_find(path, '\0') < path.len)
        return GP_EINVAL;
    return 0;
}

/* Starts the job, which releases what it holds in any case. */
static struct gp_op *start(struct gp_call *call, struct gp__file_job *job)
{
    struct gp_op *op = gp__op_create(call);

    if (!op) {
        if (job->release)
            job->release(job->release_arg);
        return NULL;
    }
    job->path = gp__arena_dup(op->arena, job->path);
    if (job->to.len)
        job->to = gp__arena_dup(op->arena, job->to);
    call->runtime->ops->file(call->runtime, op, job);
    return op;
}

static int run(struct gp_call *call, struct gp__file_job *job)
{
    return gp__api_wait(call, start(call, job));
}

static int run_on_path(struct gp_call *call, const char *function, enum gp__file_kind kind,
                       struct gp_slice path)
{
    struct gp__file_job job = {.kind = kind, .path = path};
    int error = check_path(call, function, path);

    return error ? error : run(call, &job);
}

/* ---- directories, names ---- */

int gp_dir_make(struct gp_call *call, struct gp_slice path, unsigned mode)
{
    struct gp__file_job job = {.kind = GP__DIR_MAKE, .path = path, .mode = mode ? mode : 0700};
    int error = check_path(call, "gp_dir_make", path);

    if (error)
        return error;
    return mode & ~01777u ? GP_EINVAL : run(call, &job);
}

int gp_dir_sync(struct gp_call *call, struct gp_slice path)
{
    return run_on_path(call, "gp_dir_sync", GP__DIR_SYNC, path);
}

int gp_file_rename(struct gp_call *call, struct gp_slice from, struct gp_slice to)
{
    struct gp__file_job job = {.kind = GP__FILE_RENAME, .path = from, .to = to};
    int error = check_path(call, "gp_file_rename", from);

    if (!error)
        error = check_path(call, "gp_file_rename", to);
    return error ? error : run(call, &job);
}

int gp_file_remove(struct gp_call *call, struct gp_slice path)
{
    return run_on_path(call, "gp_file_remove", GP__FILE_REMOVE, path);
}

/* ---- reading ---- */

int gp_file_read(struct gp_call *call, struct gp_slice path, size_t max, struct gp_slice *bytes_r)
{
    struct gp__file_job job = {.kind = GP__FILE_READ, .path = path, .max = max};
    int error = check_path(call, "gp_file_read", path);
    struct gp_op *op;

    if (!error && !bytes_r)
        error = gp__api_misuse(call, "gp_file_read", "nowhere to put it");
    if (error)
        return error;
    op = start(call, &job);
    error = gp__api_wait(call, op);
    *bytes_r = gp_slice(NULL, 0);
    if (!error)
        *bytes_r = op->bytes.data ? op->bytes : GP_S("");
    return error;
}

int gp_file_version(struct gp_call *call, struct gp_slice path, uint64_t *version_r)
{
    struct gp__file_job job = {.kind = GP__FILE_VERSION, .path = path};
    int error = check_path(call, "gp_file_version", path);
    struct gp_op *op;

    if (error)
        return error;
    op = start(call, &job);
    error = gp__api_wait(call, op);
    if (!error && version_r)
        *version_r = op->number;
    return error;
}

/* ---- writing ---- */

static void release_copy(void *copy)
{
    free(copy);
}

static void release_transaction(void *arg)
{
    struct gp_transaction *transaction = arg;

    gp__transaction_unref(&transaction);
}

/* Makes the job hold a copy of its pieces, as one. 0, or GP_ETEMP: no memory. */
static int hold_copy(struct gp_call *call, struct gp__file_job *job)
{
    struct gp_slice *whole = GP__ARENA_NEW(gp__call_arena(call), struct gp_slice);
    size_t len = 0;
    char *copy, *to;

    for (size_t i = 0; i < job->n_pieces; i++)
        len += job->pieces[i].len;
    copy = to = malloc(len ? len : 1);
    if (!copy)
        return GP_ETEMP;
    for (size_t i = 0; i < job->n_pieces; i++) {
        if (job->pieces[i].len)
            memcpy(to, job->pieces[i].data, job->pieces[i].len);
        to += job->pieces[i].len;
    }
    *whole = gp_slice(copy, len);
    job->pieces = whole;
    job->n_pieces = 1;
    job->release = release_copy;
    job->release_arg = copy;
    return 0;
}

int gp_file_put(struct gp_call *call, struct gp_slice path, struct gp_slice bytes)
{
    struct gp__file_job job = {.kind = GP__FILE_PUT, .path = path, .pieces = &bytes, .n_pieces = 1};
    int error = check_path(call, "gp_file_put", path);

    if (!error)
        error = gp__api_slice(call, "gp_file_put", bytes);
    if (!error)
        error = hold_copy(call, &job);
    return error ? error : run(call, &job);
}

/* The prefix and what the message consists of, in the message's memory but for the prefix. */
static void collect(struct gp_call *call, struct gp__file_job *job, struct gp__arena *arena,
                    struct gp_slice prefix, struct gp_message *message)
{
    struct gp_slice *pieces, *all;
    size_t n = gp__message_pieces(message, gp__call_arena(call), &pieces);

    all = GP__ARENA_ARRAY(gp__call_arena(call), struct gp_slice, n + 1);
    all[0] = prefix.len ? gp__arena_dup(arena, prefix) : GP_S("");
    if (n)
        memcpy(all + 1, pieces, n * sizeof *pieces);
    job->pieces = all;
    job->n_pieces = n + 1;
}

int gp_file_put_message(struct gp_call *call, struct gp_slice path, struct gp_slice prefix,
                        struct gp_message *message)
{
    static const char function[] = "gp_file_put_message";
    struct gp__file_job job = {.kind = GP__FILE_PUT, .path = path};
    int error = check_path(call, function, path);

    if (!error)
        error = gp__api_slice(call, function, prefix);
    if (!error)
        error = gp__api_message(call, function, message);
    if (error)
        return error;
    collect(call, &job, message->arena, prefix, message);
    if (call->transaction) {
        job.release = release_transaction;
        job.release_arg = gp__transaction_ref(call->transaction);
    } else {
        error = hold_copy(call, &job);
    }
    return error ? error : run(call, &job);
}
