// SPDX-License-Identifier: Apache-2.0
/*
 * The loop over a chain and the single call. What an answer does is in apply.c; what it may be is
 * in ruling.c.
 */
#include "core/hook/run.h"

#include "core/base/log.h"
#include "core/hook/apply.h"
#include "core/hook/running.h"
#include "core/hook/serial.h"
#include "core/hook/shadow.h"
#include "core/hook/stats.h"
#include "core/hook/when_eval.h"
#include "core/message/mime.h"

/* ---- one call ---- */

static uint64_t deadline_of(const struct gp__run *run, const struct gp__instance *instance)
{
    struct gp__session_policy *session = run->session->policy;
    uint64_t own = session->runtime->ops->now_ms(session->runtime) + instance->deadline_ms;

    if (gp__points[run->point].observer)
        return own;
    return own < session->reply_by_ms ? own : session->reply_by_ms;
}

void gp__run_call_init(struct gp_call *call, const struct gp__run *run,
                       struct gp__instance *instance)
{
    gp__call_init(call, run->session->policy->runtime, instance, run->point,
                  deadline_of(run, instance));
    call->session = run->session;
    call->transaction = run->transaction;
    call->policy = run->policy;
    call->recipient = run->recipient;
    call->scope = run->scope;
    call->n_scope = run->n_scope;
    call->copy = run->copy;
    call->message = run->message;
    call->chunk = run->chunk;
    call->last_chunk = run->last_chunk;
    call->verb = run->verb;
    call->argument = run->argument;
    call->capabilities = run->capabilities;
    call->rejected = run->rejected;
}

/* Leaves in scope the recipients for which `when:` holds: how many, or an error. */
static int narrow_scope(struct gp_call *call, const struct gp__when *when)
{
    struct gp_recipient **kept = GP__ARENA_ARRAY(gp__call_arena(call), struct gp_recipient *,
                                                 call->n_scope);
    size_t n = 0;

    for (size_t i = 0; i < call->n_scope; i++) {
        int holds = gp__when_holds(call, when, call->scope[i]);

        if (holds < 0)
            return holds;
        if (holds)
            kept[n++] = call->scope[i];
    }
    call->scope = kept;
    call->n_scope = n;
    return n > 0;
}

/* Whether the instance is to be called at all: 1, 0, or an error of a table. */
int gp__run_in_scope(struct gp_call *call)
{
    const struct gp__when *when = call->instance->when;

    if (!when)
        return 1;
    if (call->n_scope && gp__when_of_recipient(when))
        return narrow_scope(call, when);
    return gp__when_holds(call, when, call->recipient);
}

/* GP_FAIL when its turn did not come: the call says why. */
enum gp_verdict gp__run_invoke(struct gp_call *call)
{
    struct gp__instance *instance = call->instance;
    enum gp_verdict verdict;

    if (gp__serial_enter(call) < 0)
        return GP_FAIL;
    gp__running = (struct gp__running){
        .instance = instance->id.data,
        .hook = gp__points[call->point].name,
        .session = call->session ? call->session->id : NULL,
    };
    verdict = instance->fns[call->point](call, instance->self);
    gp__running.instance = NULL;
    gp__serial_leave(instance);
    return verdict;
}

/* Whether the time for this reply is used up: the instance then counts as timed out. */
static bool out_of_time(const struct gp_call *call)
{
    return call->deadline_ms != UINT64_MAX && !gp__points[call->point].observer &&
           call->runtime->ops->now_ms(call->runtime) >= call->deadline_ms;
}

static void record(const struct gp__run *run, struct gp__instance *instance,
                   enum gp_verdict verdict, enum gp__fault_kind fault, uint64_t ns)
{
    struct gp__hook_stats *stats = instance->stats[run->point];
    struct gp__trail *trail = gp__trail_of(run->session->policy, run->policy, instance);

    gp__stats_add(stats, verdict, ns);
    stats->faults += fault != GP__FAULT_NONE && fault != GP__FAULT_CANCELED;
    stats->timeouts += fault == GP__FAULT_TIMEOUT;
    stats->canceled += fault == GP__FAULT_CANCELED;
    trail->called = true;
    trail->fault |= fault != GP__FAULT_NONE && fault != GP__FAULT_CANCELED;
    trail->ns += ns;
    if (gp__verdict_force(verdict) > gp__verdict_force(trail->verdict) || trail->verdict == GP_NEXT)
        trail->verdict = verdict;
}

static void log_fault(const struct gp__run *run, const struct gp_call *call,
                      const struct gp__ruling *ruling)
{
    gp__log(call->runtime->log, GP_LOG_WARNING, "hook.fault",
            GP__F_S("instance", call->instance->id), GP__F_C("hook", gp__points[run->point].name),
            GP__F_S("session", gp__session_id(run->session)),
            GP__F_S("transaction",
                    run->transaction ? gp__transaction_id(run->transaction) : gp_slice(NULL, 0)),
            GP__F_S("error", call->fault), GP__F_C("taken_as", gp__verdict_name(ruling->verdict)));
}

/* Asks one instance and applies its answer. Whether the chain stops here. */
static bool run_one(struct gp__run *run, struct gp__instance *instance, uint64_t *clock_ns)
{
    struct gp__session_policy *session = run->session->policy;
    struct gp__runtime *rt = session->runtime;
    struct gp__ruling ruling = {.verdict = GP_NEXT};
    enum gp__fault_kind fault;
    enum gp_verdict verdict = GP_FAIL;
    struct gp_call call;
    uint64_t before = *clock_ns;
    bool stop;
    int in_scope;

    gp__run_call_init(&call, run, instance);
    in_scope = gp__run_in_scope(&call);
    if (in_scope == 0) {
        gp__call_end(&call);
        return false;
    }
    session->running = instance;
    if (out_of_time(&call))
        call.sticky = GP_ETIMEDOUT;
    else if (in_scope < 0)
        gp__call_fault(&call, "its condition could not be evaluated: %s", gp_strerror(in_scope));
    else
        verdict = gp__run_invoke(&call);
    session->running = NULL;

    fault = gp__ruling_check(&call, verdict, &ruling);
    if (fault == GP__FAULT_CANCELED) {
        run->canceled = true;
    } else if (fault != GP__FAULT_NONE) {
        ruling = gp__ruling_of_fault(instance, run->point);
        call.judged = NULL; /* half an opinion is none */
        log_fault(run, &call, &ruling);
    }
    *clock_ns = rt->ops->now_ns(rt);
    record(run, instance, ruling.verdict, fault, *clock_ns - before);
    stop = run->canceled || gp__apply(run, &call, &ruling);
    gp__call_end(&call);
    if (run->message)
        gp__mime_collect(run->message); /* walks of versions before its edits */
    return stop;
}

/* ---- the chain ---- */

/* With a refusal pending, nobody else judges what comes before RCPT (semantics B4). */
static bool is_moot(const struct gp__run *run)
{
    if (!gp__pending_of(run->session->policy, run->policy))
        return false;
    return run->point == GP_HOOK_TLS || run->point == GP_HOOK_HELO || run->point == GP_HOOK_MAIL;
}

static bool client_gone(const struct gp__run *run)
{
    return run->session->gone && !gp__points[run->point].observer;
}

/* Recipients that an ACCEPT or a stop at this hook took out are not shown to later instances. */
static bool nobody_left(const struct gp__run *run, size_t n_before)
{
    return n_before > 0 && run->n_scope == 0;
}

void gp__run_chain(struct gp__run *run)
{
    struct gp__session_policy *session = run->session->policy;
    const struct gp__chain *chain = session->settings->chain;
    size_t n_scope = run->n_scope;
    uint64_t clock_ns;

    if (!gp__chain_has(chain, run->point) || is_moot(run))
        return;
    clock_ns = session->runtime->ops->now_ns(session->runtime);
    for (size_t i = 0; i < chain->at[run->point].count; i++) {
        struct gp__instance *instance = chain->at[run->point].items[i];

        if (client_gone(run)) {
            run->canceled = true;
            return;
        }
        if (instance->shadow) {
            gp__shadow_start(run, instance);
            continue;
        }
        if (run_one(run, instance, &clock_ns) || nobody_left(run, n_scope))
            return;
    }
}

size_t gp__run_scope(struct gp__policy *policy, struct gp_recipient ***scope_r)
{
    struct gp_recipient **scope = GP__ARENA_ARRAY(policy->transaction->arena, struct gp_recipient *,
                                                  policy->n_recipients);
    size_t n = 0;

    for (size_t i = 0; i < policy->n_recipients; i++) {
        struct gp_recipient *recipient = policy->recipients[i];

        /* A dropped recipient may still be rejected: REJECT is stronger (semantics B1). */
        if (recipient->accepted && !recipient->replaced &&
            (!recipient->stop || recipient->stop->verdict == GP_DISCARD))
            scope[n++] = recipient;
    }
    *scope_r = scope;
    return n;
}
