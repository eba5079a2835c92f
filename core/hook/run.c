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

static uint64_t deadline_of(const struct gp__run *run, const struct gp__instance *instance,
                            uint64_t now_ms)
{
    const struct gp__session_policy *session = run->session->policy;
    uint64_t own = now_ms + instance->deadline_ms;

    if (gp__points[run->point].observer)
        return own;
    return own < session->reply_by_ms ? own : session->reply_by_ms;
}

void gp__run_call_init(struct gp_call *call, const struct gp__run *run)
{
    gp__call_init(call, run->session->policy->runtime, NULL, run->point, UINT64_MAX);
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

/* What the calls of a chain share. */
struct pass {
    struct gp__run *run;
    struct gp__trail *trails; /* by index of instance */
    uint64_t clock_ns;        /* when the last call ended, and so the next began */
    struct gp_call call;
};

static void count(struct pass *pass, enum gp_verdict verdict, struct gp__trail *trail)
{
    const struct gp_call *call = &pass->call;
    uint64_t before = pass->clock_ns;

    pass->clock_ns = call->runtime->ops->now_ns(call->runtime);
    gp__stats_add(call->instance->stats[call->point], verdict, pass->clock_ns - before);
    trail->called = true;
    trail->ns += pass->clock_ns - before;
}

static void count_fault(struct gp__hook_stats *stats, struct gp__trail *trail,
                        enum gp__fault_kind fault)
{
    if (fault == GP__FAULT_NONE)
        return;
    if (fault == GP__FAULT_CANCELED) {
        stats->canceled++;
        return;
    }
    stats->faults++;
    stats->timeouts += fault == GP__FAULT_TIMEOUT;
    trail->fault = true;
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

/* Checks an answer and applies it. Whether the chain stops here. */
static bool judge(struct pass *pass, enum gp_verdict verdict, struct gp__trail *trail)
{
    struct gp__run *run = pass->run;
    struct gp_call *call = &pass->call;
    struct gp__ruling ruling = {.verdict = GP_NEXT};
    enum gp__fault_kind fault = gp__ruling_check(call, verdict, &ruling);

    if (fault == GP__FAULT_CANCELED) {
        run->canceled = true;
    } else if (fault != GP__FAULT_NONE) {
        ruling = gp__ruling_of_fault(call->instance, run->point);
        call->judged = NULL; /* half an opinion is none */
        log_fault(run, call, &ruling);
    }
    count(pass, ruling.verdict, trail);
    count_fault(call->instance->stats[run->point], trail, fault);
    if (gp__verdict_force(ruling.verdict) > gp__verdict_force(trail->verdict) ||
        trail->verdict == GP_NEXT)
        trail->verdict = ruling.verdict;
    return run->canceled || gp__apply(run, call, &ruling);
}

/* Nothing went wrong and nobody objects, which is legal everywhere: the usual answer. */
static bool is_plain(const struct gp_call *call, enum gp_verdict verdict)
{
    return verdict == GP_NEXT && !call->sticky && !gp_slice_present(call->fault) && !call->judged;
}

static uint64_t now_of(const struct gp_call *call)
{
    return call->runtime->ops->now_ms(call->runtime);
}

static enum gp_verdict ask(struct gp_call *call, int in_scope, uint64_t now_ms)
{
    struct gp__session_policy *session = call->session->policy;
    enum gp_verdict verdict = GP_FAIL;

    session->waits_for = (struct gp__waited){
        .instance = call->instance, .hook = gp__points[call->point].name, .since_ms = now_ms};
    /* The time for this reply is used up: the instance counts as timed out. */
    if (now_ms >= call->deadline_ms && !gp__points[call->point].observer)
        call->sticky = GP_ETIMEDOUT;
    else if (in_scope < 0)
        gp__call_fault(call, "its condition could not be evaluated: %s", gp_strerror(in_scope));
    else
        verdict = gp__run_invoke(call);
    session->waits_for.instance = NULL;
    return verdict;
}

/* Asks one instance and applies its answer. Whether the chain stops here. */
static bool run_one(struct pass *pass, struct gp__instance *instance)
{
    struct gp__run *run = pass->run;
    struct gp_call *call = &pass->call;
    struct gp__trail *trail = &pass->trails[instance->index];
    uint64_t now_ms = now_of(call);
    bool stop = false;
    int in_scope = 1;

    gp__call_renew(call, instance, deadline_of(run, instance, now_ms));
    call->scope = run->scope;
    call->n_scope = run->n_scope;
    if (instance->when) {
        in_scope = gp__run_in_scope(call);
        now_ms = now_of(call); /* a table may have been asked */
    }
    if (in_scope) {
        enum gp_verdict verdict = ask(call, in_scope, now_ms);

        if (is_plain(call, verdict))
            count(pass, verdict, trail);
        else
            stop = judge(pass, verdict, trail);
    }
    gp__call_end(call);
    if (run->message && in_scope)
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
    struct pass pass;

    if (!gp__chain_has(chain, run->point) || is_moot(run))
        return;
    pass.run = run;
    pass.trails = gp__trails_of(session, run->policy);
    pass.clock_ns = session->runtime->ops->now_ns(session->runtime);
    gp__run_call_init(&pass.call, run);
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
        if (run_one(&pass, instance) || nobody_left(run, n_scope))
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
