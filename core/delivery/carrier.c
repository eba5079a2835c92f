// SPDX-License-Identifier: Apache-2.0
#include "core/delivery/carrier.h"

#include "core/base/alloc.h"
#include "core/base/counts.h"
#include "core/base/log.h"
#include "core/delivery/spooled.h"
#include "core/hook/run.h"
#include "core/hook/shadow.h"

/* One attempt. Lives from take() until it is answered. */
struct carrying {
    struct gp__carrier *carrier;
    struct carrying *prev, *next;
    struct gp__arena *arena; /* this struct, and what the scheduler said */
    struct gp__attempt attempt;
    struct gp__restored restored; /* session NULL before and after */
    struct gp_recipient **going;  /* restored ones who are to get it */
    size_t n_going;
    struct gp__attempt_result *results;
    struct gp__attempt_answer answer;
    bool canceled;
};

struct gp__carrier {
    struct gp__carrier_options options;
    struct gp__spool *spool;
    struct carrying *under_way;
    struct carrying *ended; /* at once, within take(): answered in the next turn */
    size_t count;
    struct gp__timer timer;
};

static const struct gp__reply cut_short = {
    .code = 451, .klass = 4, .subject = 3, .detail = 2, .text = {"The attempt was cut short", 25}};

/* ---- outcomes ---- */

static void set_all(struct carrying *carrying, enum gp_outcome outcome,
                    const struct gp__reply *reply)
{
    for (size_t i = 0; i < carrying->attempt.n; i++) {
        carrying->results[i].outcome = outcome;
        carrying->results[i].reply = *reply;
    }
}

static void defer_all(struct carrying *carrying, struct gp__reply reply)
{
    set_all(carrying, GP_OUTCOME_DEFERRED, &reply);
}

/* Of those who would have got it. */
static void stop_going(struct carrying *carrying, const struct gp__reply *reply)
{
    for (size_t i = 0; i < carrying->n_going; i++) {
        struct gp__attempt_result *result = &carrying->results[carrying->going[i]->index];

        result->outcome = reply->code < 500 ? GP_OUTCOME_DEFERRED : GP_OUTCOME_FAILED;
        result->reply = *reply;
    }
    carrying->n_going = 0;
}

/* ---- bringing it to life ---- */

static struct gp__reply unreadable(int error)
{
    if (error == GP_ENOTFOUND)
        return GP__REPLY(451, 4, 3, 0, "The message is not where the spool had it");
    return GP__REPLY(451, 4, 3, 0, "The message can't be read from the spool");
}

static uint64_t reply_by(const struct carrying *carrying)
{
    struct gp__runtime *rt = carrying->carrier->options.runtime;
    uint64_t most = carrying->attempt.deadline_ms;

    /* What was begun may overrun this (delivery.h): all of it is to fit. */
    most = most > 2 * GP__REVOKE_LATE_MS ? most - GP__REVOKE_LATE_MS : most / 2;
    return rt->ops->now_ms(rt) + most;
}

/* 0, or an error: there is nothing to deliver. */
static int restore(struct carrying *carrying)
{
    const struct gp__carrier_options *options = &carrying->carrier->options;
    const struct gp__attempt *attempt = &carrying->attempt;
    struct gp_session *session = gp__restore_begin();
    struct gp__entry *entry = GP__ARENA_NEW(session->arena, struct gp__entry);
    int error = gp__spool_read(carrying->carrier->spool, attempt->place, session->arena, entry);
    struct gp__restoring restoring = {.runtime = options->runtime,
                                      .hostname = options->carriage->hostname};

    if (!error && !gp_slice_eq(entry->id, attempt->message))
        error = GP_ENOTFOUND;
    if (error) {
        gp__session_unref(&session);
        return error;
    }
    restoring.settings = options->carriage->settings(options->carriage->arg, entry->listener);
    error = gp__restore(&carrying->restored, session, entry, &restoring, attempt->recipients,
                        attempt->n);
    if (error)
        return error;
    session->policy->reply_by_ms = reply_by(carrying);
    carrying->n_going = carrying->restored.n;
    carrying->going = GP__ARENA_ARRAY(carrying->arena, struct gp_recipient *, carrying->n_going);
    memcpy(carrying->going, carrying->restored.recipients,
           carrying->n_going * sizeof(struct gp_recipient *));
    return 0;
}

/* ---- hooks ---- */

static struct gp__run run_of(struct carrying *carrying, enum gp_hook_point point)
{
    struct gp__restored *restored = &carrying->restored;

    return (struct gp__run){
        .point = point,
        .session = restored->session,
        .transaction = restored->transaction,
        .policy = restored->policy,
        .copy = restored->copy,
        .message = restored->copy->message,
        .scope = carrying->going,
        .n_scope = carrying->n_going,
    };
}

/* ---- mail that was let go ---- */

static struct gp__reply said_by(struct carrying *carrying, const char *what,
                                const struct gp__instance *by)
{
    return (struct gp__reply){
        .text = gp__arena_printf(carrying->arena, "%s by " GP_FMT, what, GP_ARG(by->id))};
}

/* Whether it goes on to the recipient; else the result says what becomes of it. The fate is what
 * shadow instances are compared with. */
static bool passes(struct carrying *carrying, struct gp_recipient *recipient)
{
    struct gp__attempt_result *result = &carrying->results[recipient->index];
    const struct gp__ruling *stop = recipient->stop;

    if (stop && stop->verdict == GP_DISCARD) {
        recipient->fate = GP__FATE_DROPPED;
        result->filtered = GP__FILTERED_DROPPED;
        result->reply = said_by(carrying, "discarded", stop->by);
    } else if (stop) {
        recipient->fate = stop->reply.code < 500 ? GP__FATE_DEFERRED : GP__FATE_REJECTED;
        result->outcome = stop->reply.code < 500 ? GP_OUTCOME_DEFERRED : GP_OUTCOME_FAILED;
        result->reply = stop->reply;
    } else if (recipient->marked_by) {
        recipient->fate = GP__FATE_HELD;
        result->filtered = GP__FILTERED_HELD;
        result->bucket = recipient->bucket;
        result->reply = said_by(carrying, "held", recipient->marked_by);
    } else {
        recipient->fate = GP__FATE_DELIVERED;
    }
    return recipient->fate == GP__FATE_DELIVERED;
}

/* Recipients know the bucket that they were let out of, and by default go back there. */
static void begin_filters(struct carrying *carrying, struct gp__run *run)
{
    run->scope = GP__ARENA_ARRAY(carrying->arena, struct gp_recipient *, carrying->n_going);
    memcpy(run->scope, carrying->going, carrying->n_going * sizeof(struct gp_recipient *));
    for (size_t i = 0; i < carrying->n_going; i++)
        carrying->going[i]->bucket = carrying->attempt.from;
}

/*
 * Asks the filters of mail that was let go, at each attempt: what they change of the message then
 * need not be kept anywhere, and one who lets it pass today is asked again tomorrow.
 */
static void filter(struct carrying *carrying)
{
    struct gp__run run = run_of(carrying, GP_HOOK_RELEASE);
    size_t n = carrying->n_going;

    if (carrying->attempt.from.len == 0 ||
        !gp__chain_has(carrying->restored.session->policy->settings->chain, GP_HOOK_RELEASE))
        return;
    begin_filters(carrying, &run);
    gp__run_chain(&run);
    if (run.canceled) {
        stop_going(carrying, &cut_short);
        return;
    }
    carrying->n_going = 0;
    for (size_t i = 0; i < n; i++)
        if (passes(carrying, carrying->going[i]))
            carrying->going[carrying->n_going++] = carrying->going[i];
    gp__shadow_settle(carrying->restored.policy);
}

/* ---- hooks of an attempt ---- */

/* Unless somebody objects: then that is the outcome. */
static void ask_for_attempt(struct carrying *carrying)
{
    struct gp__run run = run_of(carrying, GP_HOOK_ATTEMPT);

    if (carrying->n_going == 0)
        return;
    gp__run_chain(&run);
    if (run.canceled)
        stop_going(carrying, &cut_short);
    else if (run.stop)
        stop_going(carrying, &run.stop->reply);
}

static void observe(struct carrying *carrying, enum gp_hook_point point, enum gp_outcome outcome)
{
    struct gp__run run = run_of(carrying, point);

    run.scope = GP__ARENA_ARRAY(carrying->arena, struct gp_recipient *, carrying->attempt.n);
    run.n_scope = 0;
    for (size_t i = 0; i < carrying->attempt.n; i++) {
        struct gp_recipient *recipient = carrying->restored.recipients[i];

        if (carrying->results[i].outcome != outcome || carrying->results[i].untried)
            continue;
        recipient->reply = carrying->results[i].reply;
        run.scope[run.n_scope++] = recipient;
    }
    if (run.n_scope)
        gp__run_chain(&run);
}

static void observe_all(struct carrying *carrying)
{
    observe(carrying, GP_HOOK_DELIVERED, GP_OUTCOME_DELIVERED);
    observe(carrying, GP_HOOK_DEFERRED, GP_OUTCOME_DEFERRED);
    observe(carrying, GP_HOOK_BOUNCED, GP_OUTCOME_FAILED);
}

/* ---- the target ---- */

static const struct gp__route *find_route(const struct gp__routes *routes, struct gp_slice name)
{
    for (size_t i = 0; i < routes->count; i++)
        if (gp_slice_eq(routes->items[i].name, name))
            return &routes->items[i];
    return NULL;
}

static void take_results(struct carrying *carrying, const struct gp_delivery *delivery)
{
    struct gp__attempt_answer *answer = &carrying->answer;

    for (size_t i = 0; i < delivery->count; i++) {
        struct gp__attempt_result *result = &carrying->results[delivery->recipients[i]->index];

        result->outcome = delivery->outcomes[i];
        result->reply = delivery->replies[i];
        result->remote = delivery->peers[i].remote;
        result->untried = delivery->peers[i].untried;
        result->passed = delivery->peers[i].passed;
        answer->relayed = answer->relayed || delivery->peers[i].relayed;
    }
    answer->untried_ms = delivery->untried_ms;
    answer->retry_after_ms = delivery->retry_after_ms;
    answer->destination_down = delivery->advice & GP_ADVICE_DOWN;
    answer->slow_down = delivery->advice & GP_ADVICE_SLOWDOWN;
}

/* Some have it, or may have it, though the target says that it failed: they get it again. */
static void count_doubled(const struct carrying *carrying, size_t doubled)
{
    GP__COUNT_BY(doubled, doubled);
    if (doubled)
        gp__log(carrying->carrier->options.runtime->log, GP_LOG_WARNING, "delivery.doubled",
                GP__F_S("transaction", gp__transaction_id(carrying->restored.transaction)),
                GP__F_I("recipients", doubled));
}

static void set_route(struct carrying *carrying, const struct gp__route *route)
{
    for (size_t i = 0; i < carrying->restored.n; i++) {
        struct gp_recipient *recipient = carrying->restored.recipients[i];

        recipient->route = route;
        recipient->route_name = route->name;
        recipient->class = route->relay ? GP_CLASS_RELAY : GP_CLASS_OURS;
    }
}

static void deliver(struct carrying *carrying)
{
    struct gp__restored *restored = &carrying->restored;
    struct gp__arena *arena = restored->transaction->arena;
    struct gp__deliveries all = {.policy = restored->policy};
    enum gp__disposal *disposals = GP__ARENA_ARRAY(arena, enum gp__disposal, restored->n);
    enum gp_outcome *outcomes = GP__ARENA_ARRAY(arena, enum gp_outcome, restored->n);

    for (size_t i = 0; i < carrying->n_going; i++)
        disposals[carrying->going[i]->index] = GP__DISPOSE_TARGET;
    gp__deliveries_plan(&all, disposals);
    /* The same at each attempt, and of no other recipients: what targets recognise it by. */
    all.items[0]->id = gp__delivery_id(
        arena, restored->copy, (size_t)carrying->attempt.recipients[carrying->going[0]->index] + 1);
    gp__deliveries_prepare(&all, restored->session, outcomes);
    if (gp__deliveries_publish(&all, restored->session) < 0) {
        gp__deliveries_revoke(&all, restored->session);
        count_doubled(carrying, all.doubled);
    }
    take_results(carrying, all.items[0]);
}

static void do_deliver(struct carrying *carrying)
{
    const struct gp__carriage *carriage = carrying->carrier->options.carriage;
    const struct gp__route *route = find_route(carriage->routes, carrying->attempt.route);

    if (!route) { /* the scheduler will hear of this configuration, too */
        defer_all(carrying, GP__REPLY(451, 4, 3, 5, "There is no such route any more"));
        return;
    }
    set_route(carrying, route);
    filter(carrying);
    ask_for_attempt(carrying);
    if (carrying->n_going)
        deliver(carrying);
    observe_all(carrying);
}

/* ---- finding the route again ---- */

/* A recipient that is there no more was one when it was accepted: its route has it, and the target
 * decides. */
static void route_one(struct carrying *carrying, struct gp_call *call, size_t i)
{
    const struct gp__carriage *carriage = carrying->carrier->options.carriage;
    struct gp_recipient *recipient = carrying->restored.recipients[i];
    struct gp__attempt_result *result = &carrying->results[i];
    enum gp__routing routing = gp__route_recipient(call, carriage->routes, recipient);

    if (routing == GP__ROUTE_TEMPORARY || routing == GP__ROUTE_CANCELED) {
        result->outcome = GP_OUTCOME_DEFERRED;
        result->reply = gp__route_reply(routing);
        return;
    }
    result->outcome = GP_OUTCOME_DELIVERED;
    if (routing != GP__ROUTE_NONE)
        result->route = recipient->route_name;
}

static void do_route(struct carrying *carrying)
{
    struct gp__restored *restored = &carrying->restored;
    struct gp_call call;

    gp__call_init(&call, carrying->carrier->options.runtime, NULL, GP_HOOK_ROUTE,
                  restored->session->policy->reply_by_ms);
    call.session = restored->session;
    call.transaction = restored->transaction;
    call.policy = restored->policy;
    for (size_t i = 0; i < carrying->attempt.n; i++)
        route_one(carrying, &call, i);
    gp__call_end(&call);
}

/* ---- on the fiber ---- */

static void carry(void *arg)
{
    struct carrying *carrying = arg;
    int error = restore(carrying);

    if (error) {
        defer_all(carrying, unreadable(error));
        gp__log(carrying->carrier->options.runtime->log, GP_LOG_ERROR, "attempt.unreadable",
                GP__F_S("message", carrying->attempt.message),
                GP__F_I("segment", carrying->attempt.place.segment),
                GP__F_I("offset", carrying->attempt.place.offset),
                GP__F_C("error", gp_strerror(error)));
        return;
    }
    carrying->restored.session->gone = carrying->canceled;
    switch (carrying->attempt.kind) {
    case GP__ATTEMPT_DELIVER:
        do_deliver(carrying);
        return;
    case GP__ATTEMPT_ROUTE:
        do_route(carrying);
        return;
    case GP__ATTEMPT_TELL:
        set_all(carrying, GP_OUTCOME_FAILED, &carrying->results[0].reply);
        observe(carrying, GP_HOOK_BOUNCED, GP_OUTCOME_FAILED);
        return;
    case GP__ATTEMPT_KINDS:
        break;
    }
}

/* ---- life of an attempt ---- */

static void unlink_carrying(struct carrying *carrying)
{
    if (carrying->prev)
        carrying->prev->next = carrying->next;
    else
        carrying->carrier->under_way = carrying->next;
    if (carrying->next)
        carrying->next->prev = carrying->prev;
    carrying->carrier->count--;
}

static void answer(struct carrying *carrying)
{
    const struct gp__carrier_options *options = &carrying->carrier->options;
    struct gp__restored restored = carrying->restored;
    struct gp__arena *arena = carrying->arena;

    options->answer(options->arg, &carrying->answer);
    gp__restore_end(&restored); /* texts of the answer were in it */
    gp__arena_free(&arena);
}

static void on_ended(void *arg)
{
    struct carrying *carrying = arg;

    unlink_carrying(carrying);
    answer(carrying);
}

static void on_timer(struct gp__timer *timer)
{
    struct gp__carrier *carrier =
        (struct gp__carrier *)(void *)((char *)timer - offsetof(struct gp__carrier, timer));
    struct carrying *list = carrier->ended;

    carrier->ended = NULL;
    while (list) {
        struct carrying *carrying = list;

        list = carrying->next;
        carrier->count--;
        answer(carrying);
    }
}

/* It ended within take(): the scheduler is not ready for an answer. */
static void answer_soon(struct carrying *carrying)
{
    struct gp__carrier *carrier = carrying->carrier;
    struct gp__runtime *rt = carrier->options.runtime;

    unlink_carrying(carrying);
    carrier->count++;
    carrying->next = carrier->ended;
    carrier->ended = carrying;
    if (!carrier->timer.slot)
        rt->ops->timer_start(rt, &carrier->timer, rt->ops->now_ms(rt));
}

static struct carrying *create(struct gp__carrier *carrier, const struct gp__attempt *attempt)
{
    struct gp__arena *arena = gp__arena_create();
    struct carrying *carrying = GP__ARENA_NEW(arena, struct carrying);
    uint32_t *recipients = GP__ARENA_ARRAY(arena, uint32_t, attempt->n);

    memcpy(recipients, attempt->recipients, attempt->n * sizeof *recipients);
    carrying->arena = arena;
    carrying->carrier = carrier;
    carrying->attempt = *attempt;
    carrying->attempt.recipients = recipients;
    carrying->attempt.message = gp__arena_dup(arena, attempt->message);
    carrying->attempt.route = gp__arena_dup(arena, attempt->route);
    carrying->attempt.from = gp__arena_dup(arena, attempt->from);
    carrying->results = GP__ARENA_ARRAY(arena, struct gp__attempt_result, attempt->n);
    for (size_t i = 0; i < attempt->n; i++)
        carrying->results[i] = (struct gp__attempt_result){
            .remote = {NULL, 0}, .route = {NULL, 0}, .bucket = {NULL, 0}};
    carrying->answer = (struct gp__attempt_answer){
        .number = attempt->number, .results = carrying->results, .n = attempt->n};
    carrying->next = carrier->under_way;
    if (carrying->next)
        carrying->next->prev = carrying;
    carrier->under_way = carrying;
    carrier->count++;
    return carrying;
}

void gp__carrier_take(struct gp__carrier *carrier, const struct gp__attempt *attempt)
{
    struct gp__runtime *rt = carrier->options.runtime;
    bool full = carrier->count >= GP__ATTEMPTS_MAX;
    struct carrying *carrying = create(carrier, attempt);

    switch (full ? -1
                 : rt->ops->run(rt, carry, on_ended, carrying, carrier->options.carriage->stack)) {
    case 0:
        return;
    case 1:
        answer_soon(carrying);
        return;
    default:
        defer_all(carrying, GP__REPLY(451, 4, 3, 2, "Too busy, tried again later"));
        answer_soon(carrying);
    }
}

/* ---- life ---- */

struct gp__carrier *gp__carrier_open(const struct gp__carrier_options *options,
                                     struct gp__buf *error_r)
{
    struct gp__carrier *carrier = gp__alloc(sizeof *carrier);

    carrier->options = *options;
    carrier->timer.fn = on_timer;
    carrier->spool = gp__spool_open(options->runtime, options->spool, GP__SPOOL_READ, error_r);
    if (!carrier->spool)
        gp__free(carrier);
    return carrier->spool ? carrier : NULL;
}

size_t gp__carrier_busy(const struct gp__carrier *carrier)
{
    return carrier->count;
}

void gp__carrier_cancel(struct gp__carrier *carrier)
{
    for (struct carrying *carrying = carrier->under_way; carrying; carrying = carrying->next) {
        carrying->canceled = true;
        if (carrying->restored.session)
            gp__session_cancel_calls(carrying->restored.session);
    }
}

void gp__carrier_close(struct gp__carrier **carrier_)
{
    struct gp__carrier *carrier = *carrier_;

    *carrier_ = NULL;
    if (!carrier)
        return;
    carrier->options.runtime->ops->timer_stop(carrier->options.runtime, &carrier->timer);
    gp__spool_close(&carrier->spool);
    gp__free(carrier);
}
