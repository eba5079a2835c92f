// SPDX-License-Identifier: Apache-2.0
#include "core/delivery/verify.h"

#include "core/base/alloc.h"
#include "core/base/counts.h"
#include "core/base/log.h"
#include "core/delivery/delivery.h"
#include "core/hook/serial.h"
#include "core/hook/state.h"

#define YES GP_S("yes")
#define NO GP_S("no")

/* ---- answers ---- */

enum answer {
    ANSWER_NONE = 0,
    ANSWER_YES,
    ANSWER_NO,
};

struct kept {
    enum answer answer;
    uint64_t until_ms;
    char key[];
};

void gp__verifier_clear(struct gp__verifier *verifier)
{
    for (size_t i = 0; i < verifier->answers.count; i++)
        gp__free(verifier->answers.entries[i].value);
    gp__map_free(&verifier->answers);
}

static uint64_t now_of(struct gp_call *call)
{
    return call->runtime->ops->now_ms(call->runtime);
}

/* Of a target's name: routes that ask the same one share its answers. */
static struct gp_slice state_key(struct gp_call *call, const struct gp__verifier *verifier,
                                 struct gp_slice key)
{
    return GP__ARENA_JOIN(gp__call_arena(call), GP_S("call-ahead/"), verifier->target->name,
                          GP_S("/"), key);
}

/* A state that does not answer costs a question, and no more. */
static enum answer from_state(struct gp_call *call, const struct gp__verifier *verifier,
                              struct gp_slice key)
{
    struct gp__state_request request = {.what = GP__STATE_GET};

    request.key = state_key(call, verifier, key);
    if (gp__state_run(call, verifier->state, &request) != GP_OK)
        return ANSWER_NONE;
    return gp_slice_eq(request.found, YES)  ? ANSWER_YES
           : gp_slice_eq(request.found, NO) ? ANSWER_NO
                                            : ANSWER_NONE;
}

static enum answer kept_answer(struct gp_call *call, const struct gp__verifier *verifier,
                               struct gp_slice key)
{
    const struct kept *kept;

    if (verifier->state)
        return from_state(call, verifier, key);
    kept = gp__map_get(&verifier->answers, key);
    return kept && kept->until_ms > now_of(call) ? kept->answer : ANSWER_NONE;
}

static void into_state(struct gp_call *call, const struct gp__verifier *verifier,
                       struct gp_slice key, enum answer answer, uint64_t ms)
{
    struct gp__state_request request = {
        .what = GP__STATE_PUT, .value = answer == ANSWER_YES ? YES : NO, .ttl_ms = ms};

    request.key = state_key(call, verifier, key);
    (void)gp__state_run(call, verifier->state, &request);
}

/* A full memory is emptied: what is needed comes back. */
static void into_memory(struct gp_call *call, struct gp__verifier *verifier, struct gp_slice key,
                        enum answer answer, uint64_t ms)
{
    struct kept *kept = gp__map_get(&verifier->answers, key);

    if (!kept) {
        if (verifier->answers.count >= GP__VERIFIED_MAX)
            gp__verifier_clear(verifier);
        kept = gp__alloc(sizeof *kept + key.len);
        memcpy(kept->key, key.data, key.len);
        gp__map_set(&verifier->answers, gp_slice(kept->key, key.len), kept);
    }
    kept->answer = answer;
    kept->until_ms = now_of(call) + ms;
}

static void keep(struct gp_call *call, struct gp__verifier *verifier, struct gp_slice key,
                 enum answer answer)
{
    uint64_t ms = answer == ANSWER_YES ? verifier->yes_ms : verifier->no_ms;

    if (ms == 0) /* which the state takes for "for ever" */
        return;
    if (verifier->state)
        into_state(call, verifier, key, answer, ms);
    else
        into_memory(call, verifier, key, answer, ms);
}

/* ---- asking ---- */

static enum gp_outcome ask(struct gp_call *call, const struct gp__verifier *verifier,
                           struct gp_recipient *recipient)
{
    struct gp__instance *instance = verifier->target->instance;
    struct gp_copy copy = {.policy = call->policy};
    enum gp_outcome outcome = GP_OUTCOME_NONE;
    struct gp__reply reply = {.code = 0};
    struct gp__delivery_peer peer = {.remote = GP_S("")};
    struct gp_delivery delivery = {
        .policy = call->policy,
        .id = gp__transaction_id(call->transaction),
        .target = verifier->target,
        .copy = &copy,
        .recipients = &recipient,
        .outcomes = &outcome,
        .replies = &reply,
        .peers = &peer,
        .count = 1,
        .hostname = call->session->hostname,
    };
    struct gp_call nested;
    int error;

    gp__call_nest(&nested, call, instance);
    error = gp__serial_enter(&nested);
    if (error == 0) {
        error = instance->plugin->target->verify(&nested, instance->self, &delivery);
        gp__serial_leave(instance);
    }
    gp__call_end(&nested);
    return error || call->root->sticky ? GP_OUTCOME_NONE : outcome;
}

/* Somebody of the same domain whom nobody can have. */
static enum gp_outcome ask_for_nobody(struct gp_call *call, const struct gp__verifier *verifier,
                                      const struct gp_recipient *recipient)
{
    struct gp__arena *arena = call->transaction->arena;
    struct gp__rcpt given = {.notify = GP__NOTIFY_NEVER};
    struct gp_recipient nobody = {.policy = call->policy, .given = &given};
    uint64_t chance;
    struct gp_slice text;

    call->runtime->ops->random(call->runtime, &chance, sizeof chance);
    text = gp__arena_printf(arena, "no-such-user-%016llx@" GP_FMT, (unsigned long long)chance,
                            GP_ARG(recipient->address.domain));
    if (gp__mailbox_parse(arena, text, GP__ADDRESS_UTF8, &nobody.address) != GP__ADDRESS_OK)
        return GP_OUTCOME_NONE;
    given.to = nobody.address;
    return ask(call, verifier, &nobody);
}

/* After a yes: whether this host says so to everybody. */
static void look_through(struct gp_call *call, struct gp__verifier *verifier,
                         const struct gp_recipient *recipient, struct gp_slice everybody)
{
    enum gp_outcome outcome = ask_for_nobody(call, verifier, recipient);

    if (outcome == GP_OUTCOME_DELIVERED)
        gp__log(call->runtime->log, GP_LOG_WARNING, "route.accepts_all",
                GP__F_S("target", verifier->target->name),
                GP__F_S("domain", recipient->address.domain));
    if (outcome == GP_OUTCOME_DELIVERED || outcome == GP_OUTCOME_FAILED)
        keep(call, verifier, everybody, outcome == GP_OUTCOME_DELIVERED ? ANSWER_YES : ANSWER_NO);
}

static enum gp__routing unsure(struct gp_call *call, const struct gp__verifier *verifier)
{
    if (call->root->sticky)
        return call->root->sticky == GP_ECANCELED ? GP__ROUTE_CANCELED : GP__ROUTE_TEMPORARY;
    return verifier->unsure_accepts ? GP__ROUTED : GP__ROUTE_TEMPORARY;
}

enum gp__routing gp__verify(struct gp_call *call, struct gp__verifier *verifier,
                            struct gp_recipient *recipient)
{
    struct gp__arena *arena = call->transaction->arena;
    struct gp_slice everybody = GP__ARENA_JOIN(arena, GP_S("@"), recipient->address.domain);
    struct gp_slice key = recipient->address.text;
    enum answer kept = kept_answer(call, verifier, key);

    if (kept == ANSWER_NONE && kept_answer(call, verifier, everybody) == ANSWER_YES)
        kept = ANSWER_YES;
    if (kept != ANSWER_NONE) {
        GP__COUNT(ahead_kept);
        return kept == ANSWER_YES ? GP__ROUTED : GP__ROUTE_UNKNOWN;
    }
    GP__COUNT(ahead_asked);
    switch (ask(call, verifier, recipient)) {
    case GP_OUTCOME_DELIVERED:
        keep(call, verifier, key, ANSWER_YES);
        if (kept_answer(call, verifier, everybody) == ANSWER_NONE)
            look_through(call, verifier, recipient, everybody);
        return GP__ROUTED;
    case GP_OUTCOME_FAILED:
        keep(call, verifier, key, ANSWER_NO);
        return GP__ROUTE_UNKNOWN;
    case GP_OUTCOME_NONE:
    case GP_OUTCOME_DEFERRED:
        break;
    }
    return unsure(call, verifier);
}
