// SPDX-License-Identifier: Apache-2.0
/*
 * The runtime's part of an operation (gp_op) that is under way: who asked, and how to forget it.
 * Each kind of operation embeds one. Once a job is finished or cancelled its op is NULL and the
 * operation is never touched again; the job itself goes when whoever works for it lets go.
 */
#ifndef GP_RUNTIME_JOB_H
#define GP_RUNTIME_JOB_H

#include "core/hook/runtime.h"

struct gp__job {
    struct gp_op *op; /* NULL: nobody waits any more */
    void (*cancel)(
        struct gp__job *job); /* op is NULL already; may free the job, at once or later */
};

/* Ties both together. */
static inline void gp__job_start(struct gp__job *job, struct gp_op *op,
                                 void (*cancel)(struct gp__job *job))
{
    job->op = op;
    job->cancel = cancel;
    op->job = job;
}

/* Finishes the operation, if anybody still waits. Does not free the job. */
void gp__job_finish(struct gp__job *job, int result);

/* The cancel() of both runtimes' tables. */
void gp__job_cancel(struct gp__runtime *rt, struct gp_op *op);

#endif
