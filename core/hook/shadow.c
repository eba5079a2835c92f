// SPDX-License-Identifier: Apache-2.0
#include "core/hook/shadow.h"

#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/hook/apply.h"
#include "core/hook/stats.h"

/* One call beside the chain. */
struct gp__shadow_job {
    struct gp__shadow_job *next, **link; /* of the instance's */
    struct gp_call *call;                /* while it runs */
    struct gp__run run;                  /* its own copy, on a snapshot of the scope */
    struct gp__instance *instance;
    struct gp__shadow *shadow; /* of the transaction, or of the session before MAIL */
    struct gp_session *session;
    struct gp_transaction *transaction;
    char *bytes; /* copies of what lies in the engine's buffers: chunk, verb, argument */
};

static struct gp__shadow *find(struct gp__shadow *shadows, const struct gp__instance *instance)
{
    while (shadows && shadows->instance != instance)
        shadows = shadows->next;
    return shadows;
}

static struct gp__shadow *add(struct gp__shadow **shadows, struct gp__arena *arena,
                              struct gp__instance *instance)
{
    struct gp__shadow *shadow = GP__ARENA_NEW(arena, struct gp__shadow);

    shadow->instance = instance;
    shadow->next = *shadows;
    gp__notes_init(&shadow->notes, arena);
    *shadows = shadow;
    return shadow;
}

static struct gp__shadow *of_session(struct gp__session_policy *session,
                                     struct gp__instance *instance)
{
    struct gp__shadow *shadow = find(session->shadows, instance);

    return shadow ? shadow : add(&session->shadows, session->session->arena, instance);
}

/* It knows what it noted before MAIL. */
static struct gp__shadow *of_transaction(struct gp__policy *policy, struct gp__instance *instance)
{
    const struct gp__shadow *before = find(policy->session->shadows, instance);
    struct gp__shadow *shadow = find(policy->shadows, instance);

    if (shadow)
        return shadow;
    shadow = add(&policy->shadows, policy->transaction->arena, instance);
    if (before)
        gp__notes_copy(&shadow->notes, &before->notes, 0);
    return shadow;
}

static struct gp__shadow *shadow_of(const struct gp__run *run, struct gp__instance *instance)
{
    return run->policy ? of_transaction(run->policy, instance)
                       : of_session(run->session->policy, instance);
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

/* Of a verdict before MAIL; -1: not known. */
static int force_before(const struct gp__policy *policy, const struct gp__instance *instance)
{
    const struct gp__shadow *before = find(policy->session->shadows, instance);
    bool authenticated = gp_slice_present(policy->transaction->session->auth_user);

    if (!before)
        return 0;
    if (before->incomplete || before->running)
        return -1;
    if (authenticated && !before->authenticated && !instance->even_authenticated)
        return 0;
    return before->force;
}

static int force_of_opinion(const struct gp_recipient *recipient, const struct gp__shadow *shadow)
{
    for (const struct gp__opinion *o = recipient->opinions; o; o = o->next)
        if (o->shadow == shadow)
            return o->force;
    return 0;
}

static void count_agreement(const struct gp__shadow *shadow, const struct gp__policy *policy)
{
    struct gp__instance *instance = shadow->instance;
    int before = force_before(policy, instance);
    int whole = before > shadow->force ? before : shadow->force;

    if (shadow->incomplete || before < 0)
        return;
    for (size_t i = 0; i < policy->n_recipients; i++) {
        const struct gp_recipient *recipient = policy->recipients[i];
        int force = force_of_opinion(recipient, shadow);

        if (recipient->fate == GP__FATE_NONE)
            continue;
        if ((force > whole ? force : whole) == force_of_fate(recipient->fate))
            instance->shadow_agreed++;
        else
            instance->shadow_differed++;
    }
}

void gp__shadow_settle(struct gp__policy *policy)
{
    for (struct gp__shadow *before = policy->session->shadows; before; before = before->next)
        of_transaction(policy, before->instance);
    for (struct gp__shadow *shadow = policy->shadows; shadow; shadow = shadow->next) {
        if (shadow->settled)
            continue;
        shadow->settled = true;
        if (shadow->running == 0)
            count_agreement(shadow, policy);
    }
}

/* ---- a call ---- */

static void note_force(struct gp__shadow_job *job, struct gp_recipient *recipient, int force)
{
    struct gp__opinion *opinion = recipient->opinions;

    while (opinion && opinion->shadow != job->shadow)
        opinion = opinion->next;
    if (!opinion) {
        opinion = GP__ARENA_NEW(job->transaction->arena, struct gp__opinion);
        opinion->shadow = job->shadow;
        opinion->next = recipient->opinions;
        recipient->opinions = opinion;
    }
    if (opinion->force < force)
        opinion->force = force;
}

static void note_verdict(struct gp__shadow_job *job, const struct gp_call *call,
                         const struct gp__ruling *ruling)
{
    int force = gp__verdict_force(ruling->verdict);

    if (job->run.recipient) {
        note_force(job, job->run.recipient, force);
        return;
    }
    if (call->n_scope == 0 && force > job->shadow->force) {
        job->shadow->force = force;
        job->shadow->authenticated = gp_slice_present(job->session->auth_user);
    }
    for (size_t i = 0; i < call->n_scope; i++) {
        const struct gp__ruling *own = call->judged ? call->judged[i] : NULL;

        note_force(job, call->scope[i], own ? gp__verdict_force(own->verdict) : force);
    }
}

static void log_verdict(const struct gp__shadow_job *job, const struct gp_call *call,
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

/* What it would have said. False: its `when:` does not hold. */
static bool ask(struct gp_call *call, struct gp__ruling *ruling_r)
{
    struct gp__hook_stats *stats = call->instance->stats[call->point];
    enum gp_verdict verdict = GP_FAIL;
    enum gp__fault_kind fault;
    int in_scope = gp__run_in_scope(call);

    if (in_scope == 0)
        return false;
    if (in_scope < 0)
        gp__call_fault(call, "its condition could not be evaluated: %s", gp_strerror(in_scope));
    else
        verdict = gp__run_invoke(call);
    fault = gp__ruling_check(call, verdict, ruling_r);
    if (fault != GP__FAULT_NONE) {
        stats->faults++;
        stats->timeouts += fault == GP__FAULT_TIMEOUT;
        *ruling_r = gp__ruling_of_fault(call->instance, call->point);
        call->judged = NULL;
    }
    return true;
}

static void run_job(void *arg)
{
    struct gp__shadow_job *job = arg;
    struct gp__runtime *rt = job->session->policy->runtime;
    struct gp__ruling ruling = {.verdict = GP_NEXT};
    uint64_t before = rt->ops->now_ns(rt);
    struct gp_call call;

    gp__run_call_init(&call, &job->run);
    gp__call_renew(&call, job->instance, rt->ops->now_ms(rt) + job->instance->deadline_ms);
    call.shadow = job->shadow;
    if (ask(&call, &ruling)) {
        gp__stats_add(job->instance->stats[job->run.point], ruling.verdict,
                      rt->ops->now_ns(rt) - before);
        note_verdict(job, &call, &ruling);
        if (ruling.verdict != GP_NEXT || gp_slice_present(call.fault))
            log_verdict(job, &call, &ruling);
    }
    job->call = NULL;
    gp__call_end(&call);
}

static void list(struct gp__shadow_job *job)
{
    job->next = job->instance->shadow_jobs;
    job->link = &job->instance->shadow_jobs;
    if (job->next)
        job->next->link = &job->next;
    job->instance->shadow_jobs = job;
    job->instance->shadows++;
}

static void unlist(struct gp__shadow_job *job)
{
    *job->link = job->next;
    if (job->next)
        job->next->link = job->link;
    job->instance->shadows--;
}

void gp__shadow_cancel(struct gp__instance *instance)
{
    for (struct gp__shadow_job *job = instance->shadow_jobs; job; job = job->next)
        if (job->call)
            gp__call_cancel(job->call, GP_ECANCELED);
}

static void job_done(void *arg)
{
    struct gp__shadow_job *job = arg;

    unlist(job);
    if (--job->shadow->running == 0 && job->shadow->settled)
        count_agreement(job->shadow, job->transaction->policy);
    gp__transaction_unref(&job->transaction);
    gp__session_unref(&job->session);
    gp__free(job->bytes);
    gp__free(job);
}

static void skip(const struct gp__run *run, struct gp__instance *instance)
{
    instance->shadows_skipped++;
    shadow_of(run, instance)->incomplete = true;
}

/* A fiber starts no fiber: this runs from the loop's stack. */
static void job_start(void *arg)
{
    struct gp__shadow_job *job = arg;
    struct gp__runtime *rt = job->session->policy->runtime;
    int started = rt->ops->run(rt, run_job, job_done, job, job->instance->stack);

    if (started == 0)
        return;
    if (started < 0)
        skip(&job->run, job->instance);
    job_done(job);
}

/* A view of its own that gets no edits of others: those could conflict with the shadow's, and then
 * the others would notice. */
static struct gp_message *detached(struct gp_message *message, struct gp_slice name)
{
    struct gp_message *view = gp__message_split(message, name);

    view->parent->clones = view->next_clone;
    view->next_clone = NULL;
    view->parent = NULL;
    return view;
}

/* What shadow hooks edit, their later ones see; as long as they edited nothing, what all see. At
 * `seal` each copy is seen as it is. */
static struct gp_message *overlay(const struct gp__run *run, struct gp__shadow *shadow)
{
    if (!run->message)
        return NULL;
    if (run->copy)
        return detached(run->message, shadow->instance->id);
    if (shadow->message && (shadow->running > 0 || run->point == GP_HOOK_BODY ||
                            shadow->message->version != shadow->untouched))
        return shadow->message;
    shadow->message = detached(run->message, shadow->instance->id);
    shadow->untouched = shadow->message->version;
    return shadow->message;
}

static struct gp_slice take_bytes(char **at, struct gp_slice from)
{
    struct gp_slice copy = gp_slice(*at, from.len);

    if (!gp_slice_present(from))
        return from;
    if (from.len)
        memcpy(*at, from.data, from.len);
    *at += from.len;
    return copy;
}

/* Chunk, verb and argument lie in buffers that are gone when the fiber runs. */
static void copy_bytes(struct gp__shadow_job *job)
{
    struct gp__run *run = &job->run;
    char *at = gp__alloc(run->chunk.len + run->verb.len + run->argument.len);

    job->bytes = at;
    run->chunk = take_bytes(&at, run->chunk);
    run->verb = take_bytes(&at, run->verb);
    run->argument = take_bytes(&at, run->argument);
}

static void snapshot(struct gp__shadow_job *job, const struct gp__run *run)
{
    job->run = *run;
    job->run.capabilities = NULL; /* the caller's; nobody would see the edits */
    copy_bytes(job);
    job->shadow = shadow_of(run, job->instance);
    if (run->transaction) {
        job->transaction = gp__transaction_ref(run->transaction);
        job->run.message = overlay(run, job->shadow);
        job->run.scope = GP__ARENA_ARRAY(run->transaction->arena, struct gp_recipient *,
                                         run->n_scope);
        if (run->n_scope)
            memcpy(job->run.scope, run->scope, run->n_scope * sizeof *run->scope);
    }
    job->shadow->running++;
}

void gp__shadow_start(const struct gp__run *run, struct gp__instance *instance)
{
    struct gp__session_policy *session = run->session->policy;
    struct gp__shadow_job *job;

    if (gp__points[run->point].observer || run->point == GP_HOOK_REJECTED)
        return;
    if (instance->shadows >= session->settings->shadows_max) {
        skip(run, instance);
        return;
    }
    job = gp__alloc(sizeof *job);
    job->instance = instance;
    list(job);
    job->session = gp__session_ref(run->session);
    snapshot(job, run);
    session->runtime->ops->defer(session->runtime, job_start, job);
}
