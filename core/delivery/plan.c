// SPDX-License-Identifier: Apache-2.0
#include "core/delivery/plan.h"

#include "core/base/arena.h"
#include "core/base/pack.h"

#define TEXT_MAX 4096
#define MS_MAX ((uint64_t)1 << 42) /* over a hundred years: sums of a few do not overflow */

/* ---- writing ---- */

/* A text may be absent, which is not the same as empty. */
static void pack_text(struct gp__buf *out, struct gp_slice text)
{
    gp__pack_number(out, gp_slice_present(text));
    gp__pack_text(out, text);
}

static void pack_queue(struct gp__buf *out, const struct gp__plan_queue *queue)
{
    pack_text(out, queue->name);
    for (int i = 0; i < GP__RETRY_CLASSES; i++) {
        gp__pack_number(out, queue->retry[i].n);
        for (size_t k = 0; k < queue->retry[i].n; k++)
            gp__pack_number(out, queue->retry[i].ms[k]);
    }
    gp__pack_number(out, queue->expire_ms);
    gp__pack_number(out, queue->warn_ms);
    gp__pack_number(out, queue->attempt_ms);
    gp__pack_number(out, queue->connections);
    gp__pack_number(out, queue->rate);
    gp__pack_number(out, queue->rate_period_ms);
    pack_text(out, queue->fair_instance);
    pack_text(out, queue->fair_key);
}

static void pack_lists(struct gp__buf *out, const struct gp__plan *plan)
{
    gp__pack_number(out, plan->n_queues);
    for (size_t i = 0; i < plan->n_queues; i++)
        pack_queue(out, &plan->queues[i]);
    gp__pack_number(out, plan->n_routes);
    for (size_t i = 0; i < plan->n_routes; i++) {
        pack_text(out, plan->routes[i].name);
        pack_text(out, plan->routes[i].target);
        gp__pack_number(out, plan->routes[i].queue);
        gp__pack_number(out, plan->routes[i].per_domain);
    }
    gp__pack_number(out, plan->n_buckets);
    for (size_t i = 0; i < plan->n_buckets; i++) {
        pack_text(out, plan->buckets[i].name);
        gp__pack_number(out, plan->buckets[i].expire_ms);
        gp__pack_number(out, plan->buckets[i].then);
        gp__pack_number(out, plan->buckets[i].release);
    }
}

void gp__plan_pack(struct gp__buf *out, const struct gp__plan *plan)
{
    pack_text(out, plan->hostname);
    pack_text(out, plan->daemon);
    pack_text(out, plan->bounce_bucket);
    gp__pack_number(out, plan->bounce_rate);
    gp__pack_number(out, plan->bounce_period_ms);
    pack_text(out, plan->failed);
    pack_text(out, plan->delayed);
    pack_text(out, plan->delivered);
    pack_lists(out, plan);
}

/* ---- reading ---- */

static struct gp_slice unpack_upto(struct gp__unpack *in, struct gp__arena *arena, size_t max)
{
    bool present = gp__unpack_upto(in, 1) != 0;
    struct gp_slice text = gp__unpack_text(in);

    in->bad |= text.len > max || (!present && text.len);
    return present && !in->bad ? gp__arena_dup(arena, text) : gp_slice(NULL, 0);
}

static struct gp_slice unpack_text(struct gp__unpack *in, struct gp__arena *arena)
{
    return unpack_upto(in, arena, TEXT_MAX);
}

static struct gp_slice unpack_name(struct gp__unpack *in, struct gp__arena *arena)
{
    struct gp_slice name = unpack_text(in, arena);

    in->bad |= name.len == 0;
    return name;
}

static struct gp__plan_waits unpack_waits(struct gp__unpack *in, struct gp__arena *arena)
{
    size_t n = (size_t)gp__unpack_upto(in, GP__PLAN_WAITS_MAX);
    uint64_t *ms = GP__ARENA_ARRAY(arena, uint64_t, n + 1);

    for (size_t i = 0; i < n; i++)
        ms[i] = gp__unpack_upto(in, MS_MAX);
    return (struct gp__plan_waits){ms, n};
}

static void unpack_queue(struct gp__unpack *in, struct gp__arena *arena,
                         struct gp__plan_queue *queue)
{
    queue->name = unpack_name(in, arena);
    for (int i = 0; i < GP__RETRY_CLASSES; i++)
        queue->retry[i] = unpack_waits(in, arena);
    queue->expire_ms = gp__unpack_upto(in, MS_MAX);
    queue->warn_ms = gp__unpack_upto(in, MS_MAX);
    queue->attempt_ms = gp__unpack_upto(in, MS_MAX);
    queue->connections = gp__unpack_upto(in, UINT32_MAX);
    queue->rate = gp__unpack_upto(in, UINT32_MAX);
    queue->rate_period_ms = gp__unpack_upto(in, MS_MAX);
    queue->fair_instance = unpack_text(in, arena);
    queue->fair_key = unpack_text(in, arena);
    in->bad |= queue->retry[GP__RETRY_OTHER].n == 0 || queue->attempt_ms == 0 ||
               queue->connections == 0 || (queue->rate && !queue->rate_period_ms);
}

static void unpack_queues(struct gp__unpack *in, struct gp__arena *arena, struct gp__plan *plan)
{
    size_t n = (size_t)gp__unpack_upto(in, GP__PLAN_QUEUES_MAX);
    struct gp__plan_queue *queues = GP__ARENA_ARRAY(arena, struct gp__plan_queue, n + 1);

    for (size_t i = 0; i < n && !in->bad; i++)
        unpack_queue(in, arena, &queues[i]);
    in->bad |= n == 0;
    plan->queues = queues;
    plan->n_queues = n;
}

static void unpack_routes(struct gp__unpack *in, struct gp__arena *arena, struct gp__plan *plan)
{
    size_t n = (size_t)gp__unpack_upto(in, GP__PLAN_ROUTES_MAX);
    struct gp__plan_route *routes = GP__ARENA_ARRAY(arena, struct gp__plan_route, n + 1);

    for (size_t i = 0; i < n && !in->bad; i++) {
        routes[i].name = unpack_name(in, arena);
        routes[i].target = unpack_name(in, arena);
        routes[i].queue = gp__unpack_upto(in, plan->n_queues ? plan->n_queues - 1 : 0);
        routes[i].per_domain = gp__unpack_upto(in, 1) != 0;
    }
    plan->routes = routes;
    plan->n_routes = n;
}

static void unpack_buckets(struct gp__unpack *in, struct gp__arena *arena, struct gp__plan *plan)
{
    size_t n = (size_t)gp__unpack_upto(in, GP__PLAN_BUCKETS_MAX);
    struct gp__plan_bucket *buckets = GP__ARENA_ARRAY(arena, struct gp__plan_bucket, n + 1);

    for (size_t i = 0; i < n && !in->bad; i++) {
        buckets[i].name = unpack_name(in, arena);
        buckets[i].expire_ms = gp__unpack_upto(in, MS_MAX);
        buckets[i].then = (enum gp__bucket_then)gp__unpack_upto(in, GP__THEN_COUNT - 1);
        buckets[i].release = (enum gp__bucket_owner)gp__unpack_upto(in, GP__RELEASE_BY_COUNT - 1);
    }
    plan->buckets = buckets;
    plan->n_buckets = n;
}

int gp__plan_unpack(struct gp__plan *plan, struct gp__arena *arena, struct gp_slice bytes)
{
    struct gp__unpack in = {.rest = bytes};

    *plan = (struct gp__plan){.hostname = unpack_name(&in, arena)};
    plan->daemon = unpack_name(&in, arena);
    plan->bounce_bucket = unpack_text(&in, arena);
    plan->bounce_rate = gp__unpack_upto(&in, UINT32_MAX);
    plan->bounce_period_ms = gp__unpack_upto(&in, MS_MAX);
    in.bad |= plan->bounce_rate && !plan->bounce_period_ms;
    plan->failed = unpack_upto(&in, arena, GP__PLAN_TEXT_MAX);
    plan->delayed = unpack_upto(&in, arena, GP__PLAN_TEXT_MAX);
    plan->delivered = unpack_upto(&in, arena, GP__PLAN_TEXT_MAX);
    unpack_queues(&in, arena, plan);
    unpack_routes(&in, arena, plan);
    unpack_buckets(&in, arena, plan);
    return gp__unpack_ended(&in) ? 0 : -1;
}

uint64_t gp__plan_wait(const struct gp__plan_queue *queue, enum gp__retry_class why, size_t step)
{
    const struct gp__plan_waits *waits = &queue->retry[why];

    if (waits->n == 0 || (why == GP__RETRY_GREYLIST && step >= waits->n))
        waits = &queue->retry[GP__RETRY_OTHER];
    return waits->ms[step < waits->n ? step : waits->n - 1];
}
