// SPDX-License-Identifier: Apache-2.0
/*
 * A program's run as seen by who waits for it: standard input is a file in memory, filled before the
 * program starts; the output is read from a pipe, and what is too much of it thrown away. The run is
 * over when the runner says so: what the program left running may hold the pipe for ever.
 */
#include "core/base/alloc.h"
#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/runtime/job.h"
#include "core/runtime/loop.h"
#include "core/runtime/runner.h"
#include "core/runtime/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

struct gp__command_run {
    struct gp__job job;
    struct gp__command_run *next;
    struct gp__live *live;
    struct gp__watch *watch;
    struct gp__buf output;
    size_t output_max;
    uint32_t id;
    int fd; /* the pipe's end; -1: closed */
};

void gp__live_set_runner(struct gp__runtime *rt, const struct gp__runner *runner)
{
    gp__live(rt)->runner = runner;
}

/* ---- standard input ---- */

static int write_at(int fd, struct gp_slice bytes, off_t at)
{
    while (bytes.len > 0) {
        ssize_t n = pwrite(fd, bytes.data, bytes.len, at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        bytes = gp_slice_sub(bytes, (size_t)n, bytes.len);
        at += n;
    }
    return 0;
}

/* Its offset stays at the beginning. -1 with errno. */
static int make_input(const struct gp__command_job *job)
{
    int fd = memfd_create("gatepost-input", MFD_CLOEXEC);
    off_t at = 0;

    for (size_t i = 0; fd >= 0 && i < job->n_input; i++) {
        if (write_at(fd, job->input[i], at) < 0) {
            (void)close(fd); /* a memory file */
            return -1;
        }
        at += (off_t)job->input[i].len;
    }
    return fd;
}

/* ---- the output ---- */

static void close_output(struct gp__command_run *run)
{
    gp__watch_stop(&run->watch);
    if (run->fd >= 0)
        (void)close(run->fd); /* a pipe that is read */
    run->fd = -1;
}

/* What is there now. */
static void read_output(struct gp__command_run *run)
{
    char *bytes = run->live->read_buffer;

    while (run->fd >= 0) {
        ssize_t n = read(run->fd, bytes, GP__READ_BUFFER);

        if (n > 0) {
            struct gp_slice part = gp_slice(bytes, (size_t)n);

            (void)gp__buf_append(&run->output,
                                 gp_slice_sub(part, 0, run->output_max - run->output.len));
        } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
            close_output(run);
        } else if (errno == EAGAIN) {
            return;
        }
    }
}

static void on_output(void *arg, unsigned events)
{
    (void)events;
    read_output(arg);
}

/* ---- life ---- */

static void forget(struct gp__command_run *run)
{
    struct gp__command_run **link = &run->live->runs;

    while (*link != run)
        link = &(*link)->next;
    *link = run->next;
    close_output(run);
    gp__buf_free(&run->output);
    gp__free(run);
}

static void cancel(struct gp__job *job)
{
    struct gp__command_run *run = (struct gp__command_run *)job;

    run->live->runner->end(run->live->runner->arg, run->id);
    forget(run);
}

static void finish(struct gp__command_run *run, int result, uint64_t code)
{
    struct gp_op *op = run->job.op;

    if (op && result == 0) {
        read_output(run);
        op->number = code;
        op->bytes = gp__arena_dup(op->arena, gp__buf_slice(&run->output));
    }
    gp__job_finish(&run->job, result);
    forget(run);
}

void gp__live_ran(struct gp__runtime *rt, uint32_t id, uint64_t code)
{
    for (struct gp__command_run *run = gp__live(rt)->runs; run; run = run->next)
        if (run->id == id) {
            finish(run, code >= GP__RUN_FAILED ? GP_ETEMP : 0, code);
            break;
        }
    gp__live_settle(gp__live(rt));
}

static int start(struct gp__command_run *run, const struct gp__command_job *job)
{
    const struct gp__runner *runner = run->live->runner;
    int ends[2], input, result = -1;

    if (!runner || pipe2(ends, O_CLOEXEC) < 0)
        return -1;
    run->fd = ends[0];
    input = make_input(job);
    if (input >= 0 && fcntl(run->fd, F_SETFL, O_NONBLOCK) == 0)
        run->watch = gp__watch_start(&run->live->base, run->fd, GP__WATCH_READ, on_output, run);
    if (run->watch)
        result = runner->start(runner->arg, run->id, job->command, job->env, job->n_env, input,
                               ends[1]);
    (void)close(ends[1]); /* nothing was written to them by us */
    if (input >= 0)
        (void)close(input);
    return result;
}

void gp__live_command(struct gp__runtime *rt, struct gp_op *op, const struct gp__command_job *job)
{
    struct gp__command_run *run = gp__alloc(sizeof *run);

    run->live = gp__live(rt);
    run->fd = -1;
    run->output_max = job->output_max;
    run->id = ++run->live->n_runs;
    run->next = run->live->runs;
    run->live->runs = run;
    gp__job_start(&run->job, op, cancel);
    if (start(run, job) < 0)
        finish(run, GP_ETEMP, 0);
}
