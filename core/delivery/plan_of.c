// SPDX-License-Identifier: Apache-2.0
/* The plan of a configuration. */
#include "core/config/record.h"
#include "core/config/settings.h"
#include "core/delivery/plan.h"

_Static_assert(GP__QUEUES_MAX <= GP__PLAN_QUEUES_MAX && GP__BUCKETS_MAX <= GP__PLAN_BUCKETS_MAX &&
                   GP__ROUTES_MAX <= GP__PLAN_ROUTES_MAX && GP__WAITS_MAX <= GP__PLAN_WAITS_MAX,
               "what a configuration may have, a scheduler takes");

/* Not there, or greylisted: soon again at first, whatever the policy is for the rest. */
static const uint64_t greylist_ms[] = {60000, 300000, 600000, 1200000, 1800000};

static struct gp__plan_waits waits_of(struct gp__arena *arena, const struct gp__waits *from)
{
    uint64_t *waits = GP__ARENA_ARRAY(arena, uint64_t, from->n + 1);

    for (size_t i = 0; i < from->n; i++)
        waits[i] = from->ms[i];
    return (struct gp__plan_waits){waits, from->n};
}

static struct gp__plan_queue queue_of(struct gp__arena *arena,
                                      const struct gp__queue_settings *from)
{
    struct gp__plan_queue queue = {
        .name = from->name,
        .expire_ms = from->expire_ms,
        .warn_ms = from->warn_ms,
        .attempt_ms = GP__ATTEMPT_MS,
        .connections = (uint64_t)from->connections,
        .rate = (uint64_t)from->rate.count,
        .rate_period_ms = from->rate.period_ms,
        .fair_instance = {NULL, 0},
        .fair_key = {NULL, 0},
    };
    size_t dot = gp_slice_rfind(from->fair_by, '.');

    queue.retry[GP__RETRY_OTHER] = waits_of(arena, &from->retry);
    queue.retry[GP__RETRY_CONNECT] = waits_of(arena, &from->unreachable);
    queue.retry[GP__RETRY_GREYLIST] = waits_of(arena, &from->greylisted);
    queue.retry[GP__RETRY_FULL] = waits_of(arena, &from->full);
    queue.retry[GP__RETRY_LIMITED] = waits_of(arena, &from->busy);
    /* Only if that is sooner. */
    if (from->greylisted.n == 0 && from->retry.n && from->retry.ms[0] >= greylist_ms[1])
        queue.retry[GP__RETRY_GREYLIST] = (struct gp__plan_waits){
            greylist_ms, sizeof greylist_ms / sizeof *greylist_ms};
    if (gp_slice_present(from->fair_by)) {
        queue.fair_instance = dot < from->fair_by.len ? gp_slice_sub(from->fair_by, 0, dot)
                                                      : gp_slice(NULL, 0);
        queue.fair_key = dot < from->fair_by.len
                             ? gp_slice_sub(from->fair_by, dot + 1, from->fair_by.len)
                             : from->fair_by;
    }
    return queue;
}

/* Where a table says to which hosts mail goes, domains are mostly those of different ones. */
static bool is_per_domain(const struct gp__service *target)
{
    const struct gp_plugin *plugin = target->plugin;
    const struct gp_target_role *role = plugin->target;

    if (role && role->size >= offsetof(struct gp_target_role, per_domain) + sizeof(bool) &&
        role->per_domain)
        return true;
    return target->options &&
           gp__record_option(plugin->options, plugin->option_size, target->options) != NULL;
}

static void set_queues(struct gp__plan *plan, struct gp__arena *arena,
                       const struct gp__settings *settings)
{
    struct gp__plan_queue *queues = GP__ARENA_ARRAY(arena, struct gp__plan_queue,
                                                    settings->n_queues);
    size_t n = 1;

    for (size_t i = 0; i < settings->n_queues; i++) {
        bool first = gp_slice_eq(settings->queues[i].name, GP_S("default"));

        queues[first ? 0 : n++] = queue_of(arena, &settings->queues[i]);
    }
    plan->queues = queues;
    plan->n_queues = settings->n_queues;
}

static uint64_t queue_index(const struct gp__plan *plan, const struct gp__queue_settings *queue)
{
    for (size_t i = 0; queue && i < plan->n_queues; i++)
        if (gp_slice_eq(plan->queues[i].name, queue->name))
            return i;
    return 0;
}

static void set_routes(struct gp__plan *plan, struct gp__arena *arena,
                       const struct gp__settings *settings)
{
    struct gp__plan_route *routes = GP__ARENA_ARRAY(arena, struct gp__plan_route,
                                                    settings->n_routes);

    for (size_t i = 0; i < settings->n_routes; i++) {
        const struct gp__route_settings *route = settings->routes[i];

        routes[i] = (struct gp__plan_route){
            .name = route->name,
            .target = route->to->service.name,
            .queue = queue_index(plan, route->queue),
            .per_domain = is_per_domain(&route->to->service),
        };
    }
    plan->routes = routes;
    plan->n_routes = settings->n_routes;
}

static void set_buckets(struct gp__plan *plan, struct gp__arena *arena,
                        const struct gp__settings *settings)
{
    static const enum gp__bucket_then thens[] = {
        [GP__HELD_DELETE] = GP__THEN_DELETE,
        [GP__HELD_BOUNCE] = GP__THEN_BOUNCE,
        [GP__HELD_DELIVER] = GP__THEN_DELIVER,
    };
    static const enum gp__bucket_owner owners[] = {
        [GP__RELEASE_ADMIN] = GP__RELEASE_BY_NOBODY,
        [GP__RELEASE_RECIPIENT] = GP__RELEASE_BY_RECIPIENT,
        [GP__RELEASE_SENDER] = GP__RELEASE_BY_SENDER,
    };
    struct gp__plan_bucket *buckets = GP__ARENA_ARRAY(arena, struct gp__plan_bucket,
                                                      settings->n_buckets);

    for (size_t i = 0; i < settings->n_buckets; i++)
        buckets[i] = (struct gp__plan_bucket){
            .name = settings->bucket_list[i].name,
            .expire_ms = settings->bucket_list[i].expire_ms,
            .then = thens[settings->bucket_list[i].then],
            .release = owners[settings->bucket_list[i].release],
        };
    plan->buckets = buckets;
    plan->n_buckets = settings->n_buckets;
}

void gp__plan_of(struct gp__plan *plan, struct gp__arena *arena,
                 const struct gp__settings *settings)
{
    *plan = (struct gp__plan){
        .hostname = settings->hostname,
        .daemon = GP__ARENA_JOIN(arena, GP_S("MAILER-DAEMON@"), settings->hostname),
        .bounce_bucket = settings->hold_bucket,
        .failed = settings->bounces.failed,
        .delayed = settings->bounces.delayed,
        .delivered = settings->bounces.delivered,
        .bounce_rate = GP__BOUNCE_RATE,
        .bounce_period_ms = GP__BOUNCE_PERIOD_MS,
    };
    set_queues(plan, arena, settings);
    set_routes(plan, arena, settings);
    set_buckets(plan, arena, settings);
}
