// SPDX-License-Identifier: Apache-2.0
#include "core/hook/call.h"

#include "core/hook/policy.h"
#include "core/hook/running.h"

#include <stdio.h>
#include <stdlib.h>

_Thread_local struct gp__running gp__running;

static struct gp__arena *arena_of(struct gp_call *root)
{
    if (root->arena)
        return root->arena;
    root->arena = gp__arena_create();
    if (root->instance && root->instance->plugin->auth)
        gp__arena_keep_secret(root->arena); /* it is told passwords, and reads files of them */
    return root->arena;
}

struct gp__arena *gp__call_arena(struct gp_call *call)
{
    return arena_of(call->root);
}

void gp__call_init(struct gp_call *call, struct gp__runtime *runtime, struct gp__instance *instance,
                   enum gp_hook_point point, uint64_t deadline_ms)
{
    memset(call, 0, sizeof *call);
    call->magic = GP__CALL_MAGIC;
    call->runtime = runtime;
    call->instance = instance;
    call->point = point;
    call->root = call;
    call->deadline_ms = deadline_ms;
}

void gp__call_renew(struct gp_call *call, struct gp__instance *instance, uint64_t deadline_ms)
{
    memset(&call->noted, 0, sizeof *call - offsetof(struct gp_call, noted));
    call->magic = GP__CALL_MAGIC;
    call->instance = instance;
    call->root = call;
    call->deadline_ms = deadline_ms;
}

void gp__call_nest(struct gp_call *call, struct gp_call *parent, struct gp__instance *instance)
{
    gp__call_init(call, parent->runtime, instance, parent->point, parent->root->deadline_ms);
    call->root = parent->root;
    call->session = parent->session;
    call->transaction = parent->transaction;
    call->policy = parent->policy;
    call->shadow = parent->shadow;
}

static void close_streams(struct gp_call *call)
{
    while (call->streams) {
        struct gp_stream *stream = call->streams;

        call->streams = stream->next;
        gp__buf_free(&stream->input);
        call->runtime->ops->stream_close(call->runtime, stream);
    }
}

void gp__call_release(struct gp_call *call)
{
    close_streams(call);
    if (call->root != call)
        return;
    while (call->ops)
        gp__op_cancel(call->ops);
    if (call->timer.slot)
        call->runtime->ops->timer_stop(call->runtime, &call->timer);
    if (call->arena)
        gp__arena_free(&call->arena);
}

int gp__call_fault(struct gp_call *call, const char *format, ...)
{
    va_list args;

    if (gp_slice_present(call->fault))
        return GP_ENOTALLOWED;
    va_start(args, format);
    call->fault = gp__arena_vprintf(gp__call_arena(call), format, args);
    va_end(args);
    return GP_ENOTALLOWED;
}

bool gp__call_may_wait(const struct gp_call *call)
{
    const struct gp_call *root = call->root;

    /* The host's own calls and roles may wait wherever there is a fiber to park. */
    return (!root->instance || gp__points[root->point].waits) &&
           root->runtime->ops->fiber(root->runtime) != NULL;
}

/* ---- operations ---- */

struct gp_op *gp__op_create(struct gp_call *call)
{
    struct gp_call *root = call->root;
    struct gp_op *op;

    if (root->sticky)
        return NULL;
    if (!gp__call_may_wait(call)) {
        gp__call_fault(call, "waits at %s, where no hook may wait", gp__points[call->point].name);
        return NULL;
    }
    if (root->n_ops >= GP__CALL_OPS_MAX) {
        gp__call_fault(call, "more than %d operations at a time", GP__CALL_OPS_MAX);
        return NULL;
    }
    op = GP__ARENA_NEW(arena_of(root), struct gp_op);
    op->runtime = root->runtime;
    op->call = root;
    op->arena = root->arena;
    op->next = root->ops;
    root->ops = op;
    root->n_ops++;
    return op;
}

void gp__op_cancel(struct gp_op *op)
{
    struct gp_call *root = op->call;

    op->waiter = NULL;
    if (!op->done && op->cancel)
        op->cancel(op);
    else if (!op->done)
        op->runtime->ops->cancel(op->runtime, op);
    if (!op->done)
        gp__op_finish(op, GP_ECANCELED);
    if (!root)
        return;
    for (struct gp_op **link = &root->ops; *link; link = &(*link)->next) {
        if (*link == op) {
            *link = op->next;
            return;
        }
    }
}

void gp__op_finish(struct gp_op *op, int result)
{
    struct gp__fiber *waiter = op->waiter;

    if (op->call && !op->done)
        op->call->n_ops--;
    op->done = true;
    op->result = result;
    op->job = NULL;
    op->waiter = NULL;
    if (!waiter)
        return;
    if (op->call)
        gp__call_unpark(op->call);
    else
        op->runtime->ops->wake(op->runtime, waiter);
}

/* ---- parking ---- */

static void on_deadline(struct gp__timer *timer)
{
    struct gp_call *call = (struct gp_call *)(void *)((char *)timer -
                                                      offsetof(struct gp_call, timer));

    gp__call_cancel(call, GP_ETIMEDOUT);
}

/* The clock starts with the first wait: a hook that never waits never pays for a timer. */
static int check_deadline(struct gp_call *root)
{
    if (root->sticky || root->deadline_ms == UINT64_MAX || root->timer.slot)
        return root->sticky;
    if (root->runtime->ops->now_ms(root->runtime) >= root->deadline_ms) {
        root->sticky = GP_ETIMEDOUT;
        return root->sticky;
    }
    root->timer.fn = on_deadline;
    root->runtime->ops->timer_start(root->runtime, &root->timer, root->deadline_ms);
    return 0;
}

static void list_parked(struct gp_call *root)
{
    struct gp__session_policy *policy = root->session ? root->session->policy : NULL;

    if (!policy || root->shadow)
        return;
    root->next = policy->parked;
    policy->parked = root;
    root->listed = true;
}

static void unlist_parked(struct gp_call *root)
{
    struct gp_call **link;

    if (!root->listed)
        return;
    root->listed = false;
    for (link = &root->session->policy->parked; *link; link = &(*link)->next) {
        if (*link == root) {
            *link = root->next;
            return;
        }
    }
}

int gp__call_park(struct gp_call *call)
{
    struct gp_call *root = call->root;
    struct gp__runtime *rt = root->runtime;
    struct gp__running running;

    if (root->session && root->session->gone && !root->shadow && !root->steadfast &&
        !gp__points[root->point].observer)
        root->sticky = root->sticky ? root->sticky : GP_ECANCELED;
    if (check_deadline(root))
        return root->sticky;
    root->parked = rt->ops->fiber(rt);
    if (!root->parked) {
        gp__call_fault(call, "waits outside of a fiber");
        return GP_ENOTALLOWED;
    }
    list_parked(root);
    running = gp__running;
    rt->ops->park(rt);
    gp__running = running; /* others ran meanwhile */
    unlist_parked(root);
    return root->sticky;
}

void gp__call_unpark(struct gp_call *call)
{
    struct gp_call *root = call->root;
    struct gp__fiber *fiber = root->parked;

    if (!fiber)
        return;
    root->parked = NULL;
    for (struct gp_op *op = root->ops; op; op = op->next)
        op->waiter = NULL;
    root->runtime->ops->wake(root->runtime, fiber);
}

int gp__op_wait(struct gp_call *call, struct gp_op *op)
{
    struct gp__fiber *fiber = call->runtime->ops->fiber(call->runtime);
    int error;

    if (call->root->sticky)
        return call->root->sticky;
    while (!op->done) {
        op->waiter = fiber;
        error = gp__call_park(call);
        op->waiter = NULL;
        if (error)
            return error;
    }
    return op->result;
}

void gp__call_cancel(struct gp_call *call, int error)
{
    if (!call->root->sticky)
        call->root->sticky = error;
    gp__call_unpark(call);
}

void gp__session_cancel_calls(struct gp_session *session)
{
    struct gp__session_policy *policy = session->policy;

    session->gone = true;
    if (!policy)
        return;
    /* Unparking only schedules: the list changes when the fibers run. */
    for (struct gp_call *call = policy->parked; call; call = call->next)
        if (!call->steadfast)
            gp__call_cancel(call, GP_ECANCELED);
}

void gp__session_client_spoke(struct gp_session *session)
{
    struct gp__session_policy *policy = session->policy;

    if (!policy)
        return;
    policy->spoke = true;
    /* Unparking only schedules: the list changes when the fibers run. */
    for (struct gp_call *call = policy->watchers; call; call = call->watching)
        gp__call_unpark(call);
}
