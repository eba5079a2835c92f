// SPDX-License-Identifier: Apache-2.0
#include "core/hook/serial.h"

static void append(struct gp__call_queue *queue, struct gp_call *call)
{
    call->queued = NULL;
    if (queue->last)
        queue->last->queued = call;
    else
        queue->first = call;
    queue->last = call;
}

static void take_out(struct gp__call_queue *queue, const struct gp_call *call)
{
    struct gp_call *before = NULL;

    for (struct gp_call *at = queue->first; at; before = at, at = at->queued) {
        if (at != call)
            continue;
        if (before)
            before->queued = at->queued;
        else
            queue->first = at->queued;
        if (queue->last == at)
            queue->last = before;
        return;
    }
}

/* Until it is this call's turn: 0 or the error that ended the wait. */
static int wait_for_turn(struct gp_call *call)
{
    struct gp__instance *instance = call->instance;
    int error;

    call->turn = false;
    append(&instance->waiting, call);
    do
        error = gp__call_park(call);
    while (!error && !call->turn);
    if (!error)
        return 0;
    if (call->turn)
        gp__serial_give(instance); /* handed over in the same moment: to the next */
    else
        take_out(&instance->waiting, call);
    return error;
}

int gp__serial_take(struct gp_call *call)
{
    struct gp__instance *instance = call->instance;

    if (!instance->busy) {
        instance->busy = true;
        return 0;
    }
    /* A call that may not wait (body, capabilities) can't queue either. */
    if (!gp__call_may_wait(call))
        return gp__call_fault(call, "instance is busy and %s may not wait",
                              gp__points[call->point].name);
    return wait_for_turn(call);
}

void gp__serial_give(struct gp__instance *instance)
{
    struct gp_call *next = instance->waiting.first;

    instance->busy = next != NULL;
    if (!next)
        return;
    instance->waiting.first = next->queued;
    if (!next->queued)
        instance->waiting.last = NULL;
    next->turn = true;
    gp__call_unpark(next);
}
