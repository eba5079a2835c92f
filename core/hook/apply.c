// SPDX-License-Identifier: Apache-2.0
#include "core/hook/apply.h"

#include "core/base/log.h"

#include <stdio.h>

static bool is_refusal(enum gp_verdict verdict)
{
    return verdict == GP_DEFER || verdict == GP_REJECT || verdict == GP_DISCONNECT;
}

static struct gp__arena *arena_of(const struct gp__run *run)
{
    return run->transaction ? run->transaction->arena : run->session->arena;
}

struct gp__trail *gp__trails_of(struct gp__session_policy *session, struct gp__policy *policy)
{
    struct gp__trail **trails = policy ? &policy->trails : &session->trails;

    if (!*trails) {
        struct gp__arena *arena = policy ? policy->transaction->arena : session->session->arena;

        *trails = GP__ARENA_ARRAY(arena, struct gp__trail, session->settings->n_instances);
    }
    return *trails;
}

static void log_ruling(const struct gp__run *run, const struct gp__ruling *ruling,
                       const struct gp_recipient *recipient)
{
    struct gp__log *log = run->session->policy->runtime->log;
    char status[40];
    int len = snprintf(status, sizeof status, "%u %u.%u.%u", ruling->reply.code,
                       ruling->reply.klass, ruling->reply.subject, ruling->reply.detail);

    gp__log(
        log, GP_LOG_INFO, "hook.verdict", GP__F_S("session", gp__session_id(run->session)),
        GP__F_S("transaction",
                run->transaction ? gp__transaction_id(run->transaction) : gp_slice(NULL, 0)),
        GP__F_S("instance", ruling->by->id), GP__F_C("hook", gp__points[ruling->at].name),
        GP__F_C("verdict", gp__verdict_name(ruling->verdict)),
        GP__F_S("recipient", recipient ? recipient->address.text : gp_slice(NULL, 0)),
        GP__F_S("status", ruling->reply.code ? gp_slice(status, (size_t)len) : gp_slice(NULL, 0)),
        GP__F_S("text", ruling->reply.code ? ruling->reply.text : gp_slice(NULL, 0)),
        GP__F_S("bucket", ruling->bucket), GP__F_S("reason", ruling->reason));
}

/* ---- refusals ---- */

bool gp__apply_overridden(const struct gp__run *run, const struct gp__ruling *ruling,
                          struct gp_recipient *recipient)
{
    struct gp__run asked = {
        .point = GP_HOOK_REJECTED,
        .session = run->session,
        .transaction = run->transaction,
        .policy = run->policy,
        .recipient = recipient,
        .message = run->message,
        .rejected = ruling,
    };

    if (run->point == GP_HOOK_REJECTED ||
        !gp__chain_has(run->session->policy->settings->chain, GP_HOOK_REJECTED))
        return false;
    gp__run_chain(&asked);
    return asked.overridden;
}

static bool waits_for_rcpt(const struct gp__run *run, const struct gp__ruling *ruling)
{
    const struct gp__instance *by = ruling->by;
    enum gp__refuse_at at = by->has_refuse_at ? by->refuse_at
                                              : run->session->policy->settings->refuse_at;

    if (ruling->verdict == GP_DISCONNECT || at == GP__REFUSE_AT_NOW)
        return false;
    return run->point == GP_HOOK_CONNECT || run->point == GP_HOOK_TLS ||
           run->point == GP_HOOK_HELO || run->point == GP_HOOK_MAIL;
}

/* Semantics B7: a failure before MAIL that is not to wait for RCPT is a 421, and closes. */
static struct gp__ruling closing(const struct gp__run *run, const struct gp__ruling *ruling)
{
    struct gp__ruling closes = *ruling;

    if (!ruling->fault || ruling->verdict != GP_DEFER || waits_for_rcpt(run, ruling) ||
        (run->point != GP_HOOK_CONNECT && run->point != GP_HOOK_TLS && run->point != GP_HOOK_HELO))
        return closes;
    closes.verdict = GP_DISCONNECT;
    closes.reply.code = 421;
    return closes;
}

static void set_pending(struct gp__run *run, const struct gp__ruling *kept)
{
    struct gp__session_policy *session = run->session->policy;

    if (run->point == GP_HOOK_MAIL) {
        run->policy->pending = kept;
        return;
    }
    session->pending = kept;
    session->pending_authenticated = gp_slice_present(run->session->auth_user);
}

/* A refusal of the session, the transaction or the one recipient asked about. */
static bool refuse(struct gp__run *run, const struct gp__ruling *ruling)
{
    struct gp__ruling refusal = closing(run, ruling);
    const struct gp__ruling *kept = gp__ruling_keep(arena_of(run), &refusal);

    log_ruling(run, kept, run->recipient);
    if (gp__apply_overridden(run, kept, run->recipient))
        return false;
    run->canceled = run->session->gone; /* while others were asked to override */
    if (run->canceled)
        return true;
    if (waits_for_rcpt(run, kept))
        set_pending(run, kept);
    else
        run->stop = kept;
    return true;
}

static bool is_exempt(const struct gp__policy_settings *settings,
                      const struct gp_recipient *recipient)
{
    for (size_t i = 0; i < settings->n_exempt; i++)
        if (gp__pattern_matches_address(&settings->exempt[i], &recipient->given->to))
            return true;
    return false;
}

/* What `mail` refused is not cleared: AUTH comes before MAIL or not at all (RFC 4954 section 4). */
const struct gp__ruling *gp__pending_of(const struct gp__session_policy *session,
                                        const struct gp__policy *policy)
{
    const struct gp__ruling *pending = session->pending;
    bool late = gp_slice_present(session->session->auth_user) && !session->pending_authenticated;

    if (pending && (!late || pending->by->even_authenticated))
        return pending;
    return policy ? policy->pending : NULL;
}

const struct gp__ruling *gp__apply_pending(struct gp__run *run, struct gp_recipient *recipient)
{
    struct gp__session_policy *session = run->session->policy;
    const struct gp__ruling *pending = gp__pending_of(session, run->policy);

    if (!pending)
        return NULL;
    if (is_exempt(session->settings, recipient) || gp__apply_overridden(run, pending, recipient))
        return NULL;
    return pending;
}

/* ---- marks ---- */

/* The last bucket that was named counts; a mark that names none (on_error) only where none is. */
static void set_mark(const struct gp__run *run, const struct gp__ruling *kept,
                     struct gp_slice *bucket, const struct gp__instance **marked_by)
{
    if (gp_slice_present(kept->bucket))
        *bucket = kept->bucket;
    else if (*marked_by)
        return;
    else if (!gp_slice_present(*bucket)) /* it was not let out of one just now */
        *bucket = run->session->policy->settings->default_bucket;
    *marked_by = kept->by;
}

static void mark(struct gp__run *run, const struct gp__ruling *ruling)
{
    const struct gp__ruling *kept = gp__ruling_keep(arena_of(run), ruling);
    struct gp__session_policy *session = run->session->policy;

    log_ruling(run, kept, run->recipient);
    if (run->recipient)
        set_mark(run, kept, &run->recipient->bucket, &run->recipient->marked_by);
    else if (run->policy)
        set_mark(run, kept, &run->policy->bucket, &run->policy->marked_by);
    else
        set_mark(run, kept, &session->bucket, &session->marked_by);
}

/* ---- message hooks: each recipient for itself ---- */

static void leave_scope(struct gp__run *run, const struct gp_recipient *recipient)
{
    for (size_t i = 0; i < run->n_scope; i++) {
        if (run->scope[i] != recipient)
            continue;
        run->n_scope--;
        memmove(&run->scope[i], &run->scope[i + 1], (run->n_scope - i) * sizeof run->scope[i]);
        return;
    }
}

static void judge(struct gp__run *run, struct gp_recipient *recipient,
                  const struct gp__ruling *kept)
{
    switch (kept->verdict) {
    case GP_QUARANTINE:
        set_mark(run, kept, &recipient->bucket, &recipient->marked_by);
        return;
    case GP_DISCARD:
    case GP_DEFER:
    case GP_REJECT:
    case GP_DISCONNECT:
        if (!recipient->stop ||
            gp__verdict_force(kept->verdict) > gp__verdict_force(recipient->stop->verdict))
            recipient->stop = kept;
        leave_scope(run, recipient);
        return;
    case GP_ACCEPT:
        leave_scope(run, recipient);
        return;
    case GP_NEXT:
    case GP_OVERRIDE:
    case GP_FAIL:
    case GP_VERDICT_COUNT:
        return;
    }
}

static void judge_one(struct gp__run *run, struct gp_recipient *recipient,
                      const struct gp__ruling *kept)
{
    if (kept->verdict == GP_NEXT)
        return;
    if (is_refusal(kept->verdict) && gp__apply_overridden(run, kept, recipient))
        return;
    run->canceled |= run->session->gone; /* while others were asked to override */
    if (!run->canceled)
        judge(run, recipient, kept);
}

/* The answer holds for those in the call's scope that were not judged apart by gp_judge(). */
static bool apply_to_recipients(struct gp__run *run, struct gp_call *call,
                                const struct gp__ruling *ruling)
{
    struct gp__arena *arena = arena_of(run);
    const struct gp__ruling *kept = NULL;
    /* The call's scope may be the run's own array, which shrinks as recipients leave it. */
    size_t n = call->n_scope;
    struct gp_recipient **scope;

    if (ruling->verdict == GP_NEXT && !call->judged)
        return false;
    scope = GP__ARENA_ARRAY(gp__call_arena(call), struct gp_recipient *, n);
    memcpy(scope, call->scope, n * sizeof *scope);
    for (size_t i = 0; i < n; i++) {
        const struct gp__ruling *own = call->judged ? call->judged[i] : NULL;

        if (own) {
            own = gp__ruling_keep(arena, own);
            if (own->verdict != GP_NEXT && own->verdict != GP_ACCEPT)
                log_ruling(run, own, scope[i]);
        } else if (!kept) {
            kept = gp__ruling_keep(arena, ruling);
            if (kept->verdict != GP_NEXT && kept->verdict != GP_ACCEPT)
                log_ruling(run, kept, NULL);
        }
        judge_one(run, scope[i], own ? own : kept);
    }
    return run->canceled;
}

/* ---- the other contexts ---- */

/* A seal that fails is no verdict on the mail: the copy is deferred or held (semantics B7). */
static bool apply_to_copy(struct gp__run *run, const struct gp__ruling *ruling)
{
    struct gp_copy *copy = run->copy;

    switch (ruling->verdict) {
    case GP_DEFER:
    case GP_REJECT:
        run->failed = gp__ruling_keep(arena_of(run), ruling);
        return true;
    case GP_QUARANTINE:
        for (size_t i = 0; i < copy->n_recipients; i++)
            judge(run, copy->recipients[i], gp__ruling_keep(arena_of(run), ruling));
        return false;
    default:
        return false;
    }
}

static bool apply_to_one(struct gp__run *run, struct gp_call *call, const struct gp__ruling *ruling)
{
    switch (ruling->verdict) {
    case GP_NEXT:
        return false;
    case GP_ACCEPT:
        run->accepted = true;
        if (run->point == GP_HOOK_COMMAND) {
            run->reply = call->reply;
            run->reply.text = gp__arena_dup(arena_of(run), call->reply.text);
        }
        return true;
    case GP_OVERRIDE:
        if (run->overridden)
            return false; /* all are asked, the first one did it */
        run->overridden = true;
        gp__log(call->runtime->log, GP_LOG_INFO, "hook.override",
                GP__F_S("session", gp__session_id(run->session)),
                GP__F_S("instance", call->instance->id),
                GP__F_S("refused_by", run->rejected->by->id));
        return false;
    case GP_QUARANTINE:
        mark(run, ruling);
        return false;
    case GP_DISCARD:
        log_ruling(run, ruling, run->recipient);
        if (run->recipient)
            run->recipient->stop = gp__ruling_keep(arena_of(run), ruling);
        else
            run->policy->discarded = gp__ruling_keep(arena_of(run), ruling);
        return true;
    case GP_DEFER:
    case GP_REJECT:
    case GP_DISCONNECT:
        return refuse(run, ruling);
    case GP_FAIL:
    case GP_VERDICT_COUNT:
        break;
    }
    return false;
}

bool gp__apply(struct gp__run *run, struct gp_call *call, const struct gp__ruling *ruling)
{
    if (gp__points[run->point].observer || run->point == GP_HOOK_TICK ||
        run->point == GP_HOOK_CAPABILITIES)
        return false;
    /* At `rejected` a fault overrides nothing, whatever on_error says. */
    if (run->point == GP_HOOK_REJECTED && ruling->verdict != GP_OVERRIDE)
        return false;
    switch (gp__points[run->point].context) {
    case GP__CONTEXT_MESSAGE:
        return apply_to_recipients(run, call, ruling);
    case GP__CONTEXT_COPY:
        return apply_to_copy(run, ruling);
    case GP__CONTEXT_NONE:
    case GP__CONTEXT_SESSION:
    case GP__CONTEXT_TRANSACTION:
    case GP__CONTEXT_RECIPIENT:
    case GP__CONTEXT_DELIVERY:
        break;
    }
    return apply_to_one(run, call, ruling);
}
