// SPDX-License-Identifier: Apache-2.0
/* Ends operations: each exactly once. */
#include "core/runtime/job.h"

void gp__job_finish(struct gp__job *job, int result)
{
    struct gp_op *op = job->op;

    if (!op)
        return;
    job->op = NULL;
    op->job = NULL;
    gp__op_finish(op, result);
}

void gp__job_cancel(struct gp__runtime *rt, struct gp_op *op)
{
    struct gp__job *job = op->job;

    (void)rt;
    if (op->done)
        return;
    op->job = NULL;
    if (job) {
        job->op = NULL;
        job->cancel(job);
    }
    gp__op_finish(op, GP_ECANCELED);
}
