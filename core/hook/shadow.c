// SPDX-License-Identifier: Apache-2.0
#include "core/hook/shadow.h"

#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/hook/apply.h"

/* One call beside the chain. */
struct job {
    struct gp__run run; /* its own copy, on a snapshot of the scope */
    struct gp__instance *instance;
    struct gp__shadow *shadow; /* NULL before there is a transaction */
    struct gp_session *session;
    struct gp_transaction *transaction;
    char *chunk; /* body: a copy of the bytes */
};

static struct gp__shadow *shadow_of(struct gp__policy *policy, struct gp__instance *instance)
{
    struct gp__arena *arena = policy->transaction->arena;
    struct gp__shadow *shadow;

    for (shadow = policy->shadows; shadow; shadow = shadow->next)
        if (shadow->instance == instance)
            return shadow;
    shadow = GP__ARENA_NEW(arena, struct gp__shadow);
    shadow->instance = instance;
    shadow->next = policy->shadows;
    gp__notes_init(&shadow->notes, arena);
    policy->shadows = shadow;
    return shadow;
}

/* ---- agreement ---- */

static int force_of_fate(enum gp__fate fate)
{
    switch (fate) {
    case GP__FATE_REJECTED:
    case GP__FATE_BOUNCED:
        return 4;
    case GP__FATE_DEFERRED:
        return 3;
    case GP__FATE_DROPPED:
        return 2;
    case GP__FATE_HELD:
        return 1;
    case GP__FATE_NONE:
    case GP__FATE_DELIVERED:
    case GP__FATE_QUEUED:
    case GP__FATE_COUNT:
        break;
    }
    return 0;
}

static void count_agreement(const struct gp__shadow *shadow, const struct gp__policy *policy)
{
    struct gp__instance *instance = shadow->instance;

    for (size_t i = 0; i < policy->n_recipients; i++) {
        const struct gp_recipient *recipient = policy->recipients[i];
        int force = shadow->session_force;

        if (recipient->fate == GP__FATE_NONE)
            continue;
        if (i < shadow->n_force && shadow->force[i] > force)
            force = shadow->force[i];
        if (force == force_of_fate(recipient->fate))
            instance->shadow_agreed++;
        else
            instance->shadow_differed++;
    }
}

void gp__shadow_settle(struct gp__policy *policy)
{
    for (struct gp__shadow *shadow = policy->shadows; shadow; shadow = shadow->next) {
        shadow->settled = true;
        if (shadow->running == 0)
            count_agreement(shadow, policy);
    }
}

/* ---- a call ---- */

static void note_force(struct job *job, const struct gp_recipient *recipient, int force)
{
    struct gp__shadow *shadow = job->shadow;

    if (shadow->n_force <= recipient->index) {
        size_t n = shadow->n_force;

        GP__ARENA_GROW(job->transaction->arena, shadow->force, n, recipient->index + 1);
        shadow->n_force = n;
    }
    if (shadow->force[recipient->index] < force)
        shadow->force[recipient->index] = (uint8_t)force;
}

static void note_verdict(struct job *job, const struct gp_call *call,
                         const struct gp__ruling *ruling)
{
    int force = gp__verdict_force(ruling->verdict);

    if (!job->shadow)
        return;
    if (job->run.recipient) {
        note_force(job, job->run.recipient, force);
        return;
    }
    if (call->n_scope == 0 && force > job->shadow->session_force)
        job->shadow->session_force = force;
    for (size_t i = 0; i < call->n_scope; i++) {
        const struct gp__ruling *own = call->judged ? call->judged[i] : NULL;

        note_force(job, call->scope[i], own ? gp__verdict_force(own->verdict) : force);
    }
}

static void log_verdict(const struct job *job, const struct gp_call *call,
                        const struct gp__ruling *ruling)
{
    gp__log(call->runtime->log, GP_LOG_INFO, "hook.shadow",
            GP__F_S("session", gp__session_id(job->session)),
            GP__F_S("transaction",
                    job->transaction ? gp__transaction_id(job->transaction) : gp_slice(NULL, 0)),
            GP__F_S("instance", job->instance->id),
            GP__F_C("hook", gp__points[job->run.point].name),
            GP__F_C("would", gp__verdict_name(ruling->verdict)),
            GP__F_S("reason", gp_slice_present(call->fault) ? call->fault : ruling->reason));
}

static void run_job(void *arg)
{
    struct job *job = arg;
    struct gp__runtime *rt = job->session->policy->runtime;
    struct gp__hook_stats *stats = job->instance->stats[job->run.point];
    struct gp__ruling ruling = {.verdict = GP_NEXT};
    uint64_t before = rt->ops->now_ns(rt);
    struct gp__shadow early = {.instance = job->instance};
    struct gp_call call;

    gp__run_call_init(&call, &job->run, job->instance);
    gp__notes_init(&early.notes, gp__call_arena(&call));
    call.deadline_ms = rt->ops->now_ms(rt) + job->instance->deadline_ms;
    call.shadow = job->shadow ? job->shadow : &early; /* before MAIL nothing is remembered */
    if (gp__run_in_scope(&call) > 0) {
        enum gp_verdict verdict = gp__run_invoke(&call);

        if (gp__ruling_check(&call, verdict, &ruling) != GP__FAULT_NONE) {
            stats->faults++;
            ruling = gp__ruling_of_fault(job->instance, job->run.point, gp_slice(NULL, 0));
        }
        gp__stats_add(stats, ruling.verdict, rt->ops->now_ns(rt) - before);
        note_verdict(job, &call, &ruling);
        if (ruling.verdict != GP_NEXT || gp_slice_present(call.fault))
            log_verdict(job, &call, &ruling);
    }
    gp__call_end(&call);
}

static void job_done(void *arg)
{
    struct job *job = arg;

    job->instance->shadows--;
    if (job->shadow && --job->shadow->running == 0 && job->shadow->settled)
        count_agreement(job->shadow, job->transaction->policy);
    gp__transaction_unref(&job->transaction);
    gp__session_unref(&job->session);
    gp__free(job->chunk);
    gp__free(job);
}

/* A fiber starts no fiber: this runs from the loop's stack. */
static void job_start(void *arg)
{
    struct job *job = arg;
    struct gp__runtime *rt = job->session->policy->runtime;

    if (rt->ops->run(rt, run_job, job_done, job, job->instance->plugin->stack) != 0)
        job_done(job);
}

/* The overlay of the message: what shadow hooks edit, their later ones see. */
static struct gp_message *overlay(const struct gp__run *run, struct gp__shadow *shadow)
{
    if (!run->message)
        return NULL;
    if (run->copy)
        return gp__message_split(run->message, shadow->instance->id);
    if (!shadow->message)
        shadow->message = gp__message_split(run->message, shadow->instance->id);
    return shadow->message;
}

static void snapshot(struct job *job, const struct gp__run *run)
{
    struct gp__arena *arena;

    job->run = *run;
    if (!run->transaction)
        return;
    arena = run->transaction->arena;
    job->transaction = gp__transaction_ref(run->transaction);
    job->shadow = shadow_of(run->policy, job->instance);
    job->shadow->running++;
    job->run.message = overlay(run, job->shadow);
    job->run.scope = GP__ARENA_ARRAY(arena, struct gp_recipient *, run->n_scope);
    if (run->n_scope)
        memcpy(job->run.scope, run->scope, run->n_scope * sizeof *run->scope);
    /* The chunk lies in a buffer that is gone when the fiber runs. */
    job->chunk = memcpy(gp__alloc(run->chunk.len), run->chunk.len ? run->chunk.data : "",
                        run->chunk.len);
    job->run.chunk = gp_slice(job->chunk, run->chunk.len);
}

void gp__shadow_start(const struct gp__run *run, struct gp__instance *instance)
{
    struct gp__session_policy *session = run->session->policy;
    struct job *job;

    if (gp__points[run->point].observer || run->point == GP_HOOK_REJECTED)
        return;
    if (instance->shadows >= session->settings->shadows_max) {
        instance->shadows_skipped++;
        return;
    }
    instance->shadows++;
    job = gp__alloc(sizeof *job);
    job->instance = instance;
    job->session = gp__session_ref(run->session);
    snapshot(job, run);
    session->runtime->ops->defer(session->runtime, job_start, job);
}
