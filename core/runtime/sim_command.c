// SPDX-License-Identifier: Apache-2.0
/* Programs as a table of paths. */
#include "core/base/alloc.h"
#include "core/runtime/job.h"
#include "core/runtime/sim_world.h"

#include <stddef.h>

/* The results of a program, in order; the last one is for all that follow. */
struct result {
    struct result *next;
    struct gp__sim_result result;
};

struct program {
    struct result *result, **last;
};

void gp__sim_command(struct gp__runtime *rt, struct gp_slice path,
                     const struct gp__sim_result *result)
{
    struct gp__sim *sim = gp__sim(rt);
    struct program *program = gp__map_get(&sim->programs, path);
    struct result *row = GP__ARENA_NEW(sim->arena, struct result);

    if (!program) {
        program = GP__ARENA_NEW(sim->arena, struct program);
        program->last = &program->result;
        gp__map_set(&sim->programs, gp__arena_dup(sim->arena, path), program);
    }
    row->result = *result;
    row->result.output = gp__arena_dup(sim->arena, result->output);
    *program->last = row;
    program->last = &row->next;
}

/* ---- the operation ---- */

struct run {
    struct gp__job job;
    struct gp__timer timer;
    struct gp__sim *sim;
    struct gp__sim_result result;
    size_t output_max;
    bool there;
};

static void run_cancel(struct gp__job *job)
{
    struct run *run = (struct run *)job;

    gp__sim_call(run->sim, "cancel");
    gp__timers_stop(&run->sim->timers, &run->timer);
    gp__free(run);
}

static void run_over(struct gp__timer *timer)
{
    struct run *run = (struct run *)(void *)((char *)timer - offsetof(struct run, timer));
    struct gp_op *op = run->job.op;

    if (op && run->there) {
        op->number = run->result.code;
        op->bytes = gp__arena_dup(op->arena, gp_slice_sub(run->result.output, 0, run->output_max));
    }
    gp__job_finish(&run->job, run->there ? 0 : GP_ETEMP);
    gp__free(run);
}

void gp__sim_op_command(struct gp__runtime *rt, struct gp_op *op, const struct gp__command_job *job)
{
    struct gp__sim *sim = gp__sim(rt);
    struct run *run = gp__alloc(sizeof *run);
    struct program *program = gp__map_get(&sim->programs, job->name);
    uint64_t bytes = 0;

    for (size_t i = 0; i < job->n_input; i++)
        bytes += job->input[i].len;
    gp__sim_call(sim, "command " GP_FMT " %llu", GP_ARG(job->name), (unsigned long long)bytes);
    for (size_t i = 0; i < job->n_env; i++)
        gp__sim_call(sim, "command " GP_FMT, GP_ARG(job->env[i]));
    run->sim = sim;
    run->output_max = job->output_max;
    run->timer.fn = run_over;
    run->there = program && program->result->result.code < 256;
    if (program) {
        run->result = program->result->result;
        if (program->result->next)
            program->result = program->result->next;
    }
    gp__job_start(&run->job, op, run_cancel);
    gp__sim_after(sim, &run->timer, run->result.delay_ms);
}
