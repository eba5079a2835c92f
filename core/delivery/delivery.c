// SPDX-License-Identifier: Apache-2.0
#include "core/delivery/delivery.h"

#include "core/base/ascii.h"
#include "core/base/log.h"
#include "core/hook/serial.h"

/* ---- planning ---- */

static struct gp_delivery *find(struct gp__deliveries *all, const struct gp_copy *copy,
                                const struct gp__target *target, struct gp_slice bucket)
{
    for (size_t i = 0; i < all->count; i++) {
        struct gp_delivery *delivery = all->items[i];

        if (delivery->copy == copy && delivery->target == target &&
            gp_slice_eq(delivery->bucket, bucket))
            return delivery;
    }
    return NULL;
}

struct gp_slice gp__delivery_id(struct gp__arena *arena, const struct gp_copy *copy, size_t number)
{
    char digits[20], *end = gp__put_decimal(digits, number, 1);

    return GP__ARENA_JOIN(arena, copy->id, GP_S("."), gp_slice(digits, (size_t)(end - digits)));
}

static struct gp_delivery *create(struct gp__deliveries *all, struct gp_copy *copy,
                                  const struct gp__target *target, struct gp_slice bucket)
{
    struct gp__arena *arena = all->policy->transaction->arena;
    struct gp_delivery *delivery = GP__ARENA_NEW(arena, struct gp_delivery);

    delivery->policy = all->policy;
    delivery->copy = copy;
    delivery->target = target;
    delivery->bucket = bucket;
    delivery->hostname = all->policy->transaction->session->hostname;
    delivery->id = gp__delivery_id(arena, copy, all->count + 1);
    GP__ARENA_GROW(arena, all->items, all->cap, all->count + 1);
    all->items[all->count++] = delivery;
    return delivery;
}

static void add(struct gp_delivery *delivery, struct gp_recipient *recipient)
{
    struct gp__arena *arena = delivery->policy->transaction->arena;
    size_t n = delivery->count + 1;

    GP__ARENA_GROW(arena, delivery->recipients, delivery->cap, n);
    GP__ARENA_GROW(arena, delivery->outcomes, delivery->outcomes_cap, n);
    GP__ARENA_GROW(arena, delivery->replies, delivery->replies_cap, n);
    GP__ARENA_GROW(arena, delivery->peers, delivery->peers_cap, n);
    delivery->recipients[delivery->count++] = recipient;
}

struct gp_slice gp__delivery_bucket(const struct gp_recipient *recipient)
{
    return gp_slice_present(recipient->bucket)
               ? recipient->bucket
               : recipient->policy->session->settings->default_bucket;
}

void gp__deliveries_plan(struct gp__deliveries *all, const enum gp__disposal *disposals)
{
    struct gp__policy *policy = all->policy;

    for (size_t i = 0; i < policy->n_recipients; i++) {
        struct gp_recipient *recipient = policy->recipients[i];
        struct gp_copy *copy = recipient->copy ? recipient->copy : policy->copies[0];
        const struct gp__route *route = recipient->route;
        const struct gp__target *target = NULL;
        struct gp_slice bucket = gp_slice(NULL, 0);
        struct gp_delivery *delivery;

        if (disposals[i] == GP__DISPOSE_TARGET)
            target = route->target;
        else if (disposals[i] == GP__DISPOSE_HOLD || disposals[i] == GP__DISPOSE_BOUNCE)
            bucket = gp__delivery_bucket(recipient);
        else
            continue;
        delivery = find(all, copy, target, bucket);
        add(delivery ? delivery : create(all, copy, target, bucket), recipient);
    }
}

/* ---- asking targets ---- */

#define HOLD_DEADLINE_MS 60000

/* Its own deadline, or what is left for the reply and `late_ms` more. */
static uint64_t deadline_of(const struct gp_delivery *delivery, struct gp_session *session,
                            uint64_t late_ms)
{
    struct gp__runtime *rt = session->policy->runtime;
    uint64_t own = delivery->target ? delivery->target->instance->deadline_ms : HOLD_DEADLINE_MS;
    uint64_t at = rt->ops->now_ms(rt) + own, reply_by = session->policy->reply_by_ms;

    return reply_by < UINT64_MAX - late_ms && reply_by + late_ms < at ? reply_by + late_ms : at;
}

/* Nobody waits for a bucket: it is a file. */
static void begin_wait(const struct gp_call *call, const struct gp_delivery *delivery)
{
    call->session->policy->waits_for = (struct gp__waited){
        .instance = delivery->target->instance,
        .role = "target",
        .since_ms = call->runtime->ops->now_ms(call->runtime),
    };
}

static void end_wait(const struct gp_call *call)
{
    call->session->policy->waits_for.instance = NULL;
}

static void call_init(struct gp_call *call, struct gp_delivery *delivery,
                      struct gp_session *session, uint64_t late_ms)
{
    gp__call_init(call, session->policy->runtime,
                  delivery->target ? delivery->target->instance : NULL, GP_HOOK_ATTEMPT,
                  deadline_of(delivery, session, late_ms));
    call->session = session;
    call->transaction = delivery->policy->transaction;
    call->policy = delivery->policy;
    call->copy = delivery->copy;
    call->message = delivery->copy->message;
}

static void log_failure(const struct gp_delivery *delivery, const struct gp_call *call, int error,
                        const char *step)
{
    gp__log(call->runtime->log, GP_LOG_ERROR, "delivery.failed", GP__F_S("delivery", delivery->id),
            GP__F_S("target", delivery->target ? delivery->target->name : gp_slice(NULL, 0)),
            GP__F_S("bucket", delivery->bucket), GP__F_C("step", step),
            GP__F_C("error", gp_strerror(error)), GP__F_S("fault", call->fault));
}

static struct gp__reply reply_of(int error)
{
    if (error == GP_ENOSPC)
        return GP__REPLY(452, 4, 3, 1, "No space left here, try again later");
    return GP__REPLY(451, 4, 3, 0, "Can't store the message now, try again later");
}

static const struct gp_target_role *role_of(const struct gp_delivery *delivery)
{
    return delivery->target ? delivery->target->instance->plugin->target : NULL;
}

static bool has_second_step(const struct gp_delivery *delivery)
{
    return !delivery->target || role_of(delivery)->publish;
}

static void defer(struct gp_delivery *delivery, size_t i, int error)
{
    delivery->outcomes[i] = GP_OUTCOME_DEFERRED;
    if (delivery->replies[i].code / 100 != 4)
        delivery->replies[i] = reply_of(error);
}

/* What the target said nothing about is deferred; after an error so is what it only prepared. A
 * target with one step has done what it said, whatever happened then. */
static void settle(struct gp_delivery *delivery, int error)
{
    for (size_t i = 0; i < delivery->count; i++) {
        switch (delivery->outcomes[i]) {
        case GP_OUTCOME_DELIVERED:
            if (error && has_second_step(delivery))
                defer(delivery, i, error);
            break;
        case GP_OUTCOME_FAILED:
            if (!delivery->replies[i].code)
                delivery->replies[i] = GP__REPLY(554, 5, 0, 0, "The target refused the message");
            break;
        case GP_OUTCOME_NONE:
        case GP_OUTCOME_DEFERRED:
            defer(delivery, i, error);
            break;
        }
    }
}

static void steadfast_init(struct gp_call *call, struct gp_delivery *delivery,
                           struct gp_session *session, uint64_t late_ms)
{
    call_init(call, delivery, session, late_ms);
    call->steadfast = true;
}

/* Whoever broke a rule, or went on when the time was up, did not succeed, whatever it returns. */
static int result_of(const struct gp_call *call, int error)
{
    if (error || call->sticky)
        return error ? error : call->sticky;
    return gp_slice_present(call->fault) ? GP_ETEMP : 0;
}

static int take_back(struct gp_call *call, struct gp_delivery *delivery)
{
    int error;

    if (!delivery->target) {
        gp__hold_revoke(call, delivery);
        return 0;
    }
    if (!role_of(delivery)->revoke)
        return GP_ENOTALLOWED;
    error = gp__serial_enter(call);
    if (error)
        return error;
    role_of(delivery)->revoke(call, delivery->target->instance->self, delivery);
    gp__serial_leave(delivery->target->instance);
    return 0;
}

/* 0, or -1: nobody knows what is left of it. */
static int revoke(struct gp_delivery *delivery, struct gp_session *session)
{
    struct gp_call call;
    int error;

    steadfast_init(&call, delivery, session, GP__REVOKE_LATE_MS);
    error = result_of(&call, take_back(&call, delivery));
    if (error)
        log_failure(delivery, &call, error, "revoke");
    delivery->prepared = false;
    gp__call_end(&call);
    return error ? -1 : 0;
}

static int ask(struct gp_call *call, struct gp_delivery *delivery, struct gp_slice hold_path)
{
    int error;

    if (!delivery->target) {
        delivery->asked = true;
        return gp__hold_prepare(call, hold_path, delivery);
    }
    begin_wait(call, delivery);
    error = gp__serial_enter(call);
    if (!error) {
        delivery->asked = true;
        error = role_of(delivery)->deliver(call, delivery->target->instance->self, delivery);
        gp__serial_leave(delivery->target->instance);
    }
    end_wait(call);
    return error;
}

static void prepare(struct gp_delivery *delivery, struct gp_session *session,
                    struct gp_slice hold_path)
{
    struct gp_call call;
    int error;

    call_init(&call, delivery, session, 0);
    if (session->gone)
        error = GP_ECANCELED;
    else if (call.deadline_ms <= call.runtime->ops->now_ms(call.runtime))
        error = GP_ETIMEDOUT;
    else
        error = result_of(&call, ask(&call, delivery, hold_path));
    if (error)
        log_failure(delivery, &call, error, "prepare");
    delivery->prepared = !error || !has_second_step(delivery);
    settle(delivery, error);
    gp__call_end(&call);
    /* A call that was cancelled could not tidy up by itself. */
    if (error && delivery->asked && has_second_step(delivery))
        revoke(delivery, session);
}

/* ---- fallbacks ---- */

/* What became of recipients at the fallback is what became of them. */
static void tell_first(const struct gp_delivery *fallback)
{
    struct gp_delivery *first = fallback->instead_of;
    size_t delivered = 0;

    if (!first)
        return;
    first->elsewhere = 0;
    for (size_t i = 0; i < first->count; i++) {
        for (size_t n = 0; n < fallback->count; n++) {
            if (first->recipients[i] != fallback->recipients[n])
                continue;
            first->outcomes[i] = fallback->outcomes[n];
            first->replies[i] = fallback->replies[n];
            first->peers[i] = fallback->peers[n];
            first->elsewhere += fallback->outcomes[n] == GP_OUTCOME_DELIVERED;
        }
        delivered += first->outcomes[i] == GP_OUTCOME_DELIVERED;
    }
    /* Others go the same way: there is no reason to hold them back. */
    if (delivered == first->count)
        first->advice = 0;
}

/* Deliveries to the fallbacks of those whom the target could not take now, at the end of the list. */
static void add_fallbacks(struct gp__deliveries *all, struct gp_delivery *first)
{
    size_t begin = all->count;

    if (!first->target || first->instead_of || has_second_step(first))
        return;
    for (size_t i = 0; i < first->count; i++) {
        struct gp_recipient *recipient = first->recipients[i];
        const struct gp__route *route = recipient->route;
        struct gp_delivery *fallback = NULL;

        if (first->outcomes[i] != GP_OUTCOME_DEFERRED || !route->fallback)
            continue;
        for (size_t n = begin; n < all->count; n++)
            if (all->items[n]->target == route->fallback)
                fallback = all->items[n];
        if (!fallback)
            fallback = create(all, first->copy, route->fallback, gp_slice(NULL, 0));
        fallback->instead_of = first;
        add(fallback, recipient);
    }
}

void gp__deliveries_prepare(struct gp__deliveries *all, struct gp_session *session,
                            enum gp_outcome *outcomes_r)
{
    for (size_t i = 0; i < all->count; i++) {
        struct gp_delivery *delivery = all->items[i];

        prepare(delivery, session, all->hold_path);
        tell_first(delivery);
        add_fallbacks(all, delivery);
        for (size_t n = 0; n < delivery->count; n++) {
            outcomes_r[delivery->recipients[n]->index] = delivery->outcomes[n];
            delivery->recipients[n]->reply = delivery->replies[n];
            delivery->recipients[n]->remote = delivery->peers[n].remote;
            delivery->recipients[n]->passed = delivery->peers[n].passed;
            delivery->recipients[n]->relayed = delivery->peers[n].relayed;
        }
    }
}

/* ---- the second step ---- */

static size_t count_delivered(const struct gp_delivery *delivery)
{
    size_t n = 0;

    for (size_t i = 0; i < delivery->count; i++)
        n += delivery->outcomes[i] == GP_OUTCOME_DELIVERED;
    return n;
}

static void defer_all(struct gp_delivery *delivery, int error)
{
    for (size_t i = 0; i < delivery->count; i++) {
        if (delivery->outcomes[i] != GP_OUTCOME_DELIVERED)
            continue;
        defer(delivery, i, error);
        delivery->recipients[i]->reply = delivery->replies[i];
    }
    tell_first(delivery);
}

static int show(struct gp_call *call, struct gp_delivery *delivery)
{
    int error;

    if (!delivery->target)
        return gp__hold_publish(call, delivery);
    begin_wait(call, delivery);
    error = gp__serial_enter(call);
    if (!error) {
        error = role_of(delivery)->publish(call, delivery->target->instance->self, delivery);
        gp__serial_leave(delivery->target->instance);
    }
    end_wait(call);
    return error;
}

static int publish(struct gp_delivery *delivery, struct gp_session *session)
{
    struct gp_call call;
    int error;

    steadfast_init(&call, delivery, session, GP__PUBLISH_LATE_MS);
    error = result_of(&call, show(&call, delivery));
    if (error) {
        log_failure(delivery, &call, error, "publish");
        delivery->in_doubt = count_delivered(delivery);
        defer_all(delivery, error);
    }
    delivery->published = !error;
    gp__call_end(&call);
    return error;
}

int gp__deliveries_publish(struct gp__deliveries *all, struct gp_session *session)
{
    for (size_t i = 0; i < all->count; i++) {
        struct gp_delivery *delivery = all->items[i];

        if (!delivery->prepared || !has_second_step(delivery))
            continue;
        if (!count_delivered(delivery)) {
            revoke(delivery, session); /* nothing of it is to be shown */
            continue;
        }
        /* The client keeps it all: whoever is shown it now would get it twice. */
        if (publish(delivery, session) != 0)
            return -1;
    }
    return 0;
}

void gp__deliveries_revoke(struct gp__deliveries *all, struct gp_session *session)
{
    for (size_t i = 0; i < all->count; i++) {
        struct gp_delivery *delivery = all->items[i];

        if (delivery->published || !has_second_step(delivery))
            all->doubled += count_delivered(delivery) - delivery->elsewhere;
        else if (delivery->prepared && revoke(delivery, session) != 0)
            all->doubled += delivery->in_doubt;
    }
}
