// SPDX-License-Identifier: Apache-2.0
#include "core/config/paths.h"
#include "core/server/generation.h"

#include "core/base/alloc.h"
#include "core/delivery/verify.h"
#include "core/hook/shadow.h"
#include "core/plugin/chain.h"
#include "core/plugin/instance.h"

/* ---- instances ---- */

/* NULL: it refused, which is noted at its place. The others are made all the same, so that
 * everything that is wrong is found at once. */
static struct gp__instance *remember(struct gp__generation *generation,
                                     const struct gp__instance_settings *settings,
                                     const struct gp__node *at, struct gp__diag *diag)
{
    struct gp__instance *instance;
    char error[1024];

    instance = gp__instance_open(settings, generation->runtime, error, sizeof error);
    if (instance)
        generation->instances[generation->n_instances++] = instance;
    else if (gp_slice_starts(settings->id, GP_S("("))) /* a table without a name */
        gp__diag_add(diag, GP__ERROR, at, "this table cannot be used: %s", error);
    else
        gp__diag_add(diag, GP__ERROR, at, "\"" GP_FMT "\" cannot be used: %s", GP_ARG(settings->id),
                     error);
    return instance;
}

static struct gp__instance_settings of_service(const struct gp__service *service, size_t index)
{
    return (struct gp__instance_settings){
        .id = service->name,
        .index = index,
        .plugin = service->plugin,
        .options = service->options,
        .deadline_ms = service->plugin->deadline_ms,
    };
}

static struct gp__state *state_of(struct gp__generation *generation)
{
    return generation->state.instance ? &generation->state : NULL;
}

static struct gp__instance_settings of_use(struct gp__generation *generation,
                                           const struct gp__use *use)
{
    return (struct gp__instance_settings){
        .id = use->id,
        .index = generation->n_instances,
        .plugin = use->plugin,
        .options = use->options,
        .deadline_ms = use->deadline_ms,
        .on_error = use->on_error,
        .shadow = use->mode == GP__MODE_SHADOW,
        .has_refuse_at = use->has_refuse_at,
        .refuse_at = use->refuse_at,
        .even_authenticated = use->even_authenticated,
        .when = use->when,
        .state = state_of(generation),
        .state_name = use->state_name,
    };
}

static void hold(void *owner)
{
    gp__generation_ref(owner);
}

static void release(void *owner)
{
    struct gp__generation *generation = owner;

    gp__generation_unref(&generation);
}

static void open_state(struct gp__generation *generation, struct gp__diag *diag)
{
    const struct gp__service *service = generation->settings->state;
    struct gp__instance_settings one;

    if (!service)
        return;
    one = of_service(service, generation->n_instances);
    generation->state = (struct gp__state){
        .instance = remember(generation, &one, service->node, diag),
        .hold = hold,
        .release = release,
        .owner = generation,
    };
}

static void open_tables(struct gp__generation *generation, struct gp__diag *diag)
{
    const struct gp__settings *settings = generation->settings;

    for (size_t i = 0; i < settings->n_tables; i++) {
        struct gp__table_settings *table = settings->tables[i];
        struct gp__instance_settings one;

        if (!table->service.plugin)
            continue;
        one = of_service(&table->service, generation->n_instances);
        table->handle.instance = remember(generation, &one, table->service.node, diag);
    }
}

static void open_targets(struct gp__generation *generation, struct gp__diag *diag)
{
    const struct gp__settings *settings = generation->settings;

    generation->targets = GP__ARENA_ARRAY(generation->arena, struct gp__target,
                                          settings->n_targets);
    for (size_t i = 0; i < settings->n_targets; i++) {
        const struct gp__service *service = &settings->targets[i]->service;
        struct gp__instance_settings one = of_service(service, generation->n_instances);

        one.outbound = &generation->outbound;
        generation->targets[i].name = service->name;
        generation->targets[i].instance = remember(generation, &one, service->node, diag);
    }
}

static void open_auths(struct gp__generation *generation, struct gp__diag *diag)
{
    const struct gp__settings *settings = generation->settings;

    generation->auths = GP__ARENA_ARRAY(generation->arena, struct gp__instance *,
                                        settings->n_auths);
    for (size_t i = 0; i < settings->n_auths; i++) {
        const struct gp__service *service = &settings->auths[i]->service;
        struct gp__instance_settings one = of_service(service, generation->n_instances);

        generation->auths[i] = remember(generation, &one, service->node, diag);
    }
}

static void open_chain(struct gp__generation *generation, struct gp__chain *chain,
                       const struct gp__chain_settings *settings, struct gp__diag *diag)
{
    struct gp__instance **items = GP__ARENA_ARRAY(generation->arena, struct gp__instance *,
                                                  settings->count);

    size_t n = 0;

    for (size_t i = 0; i < settings->count; i++) {
        struct gp__instance_settings one = of_use(generation, settings->items[i]);

        items[n] = remember(generation, &one, settings->items[i]->node, diag);
        n += items[n] != NULL;
    }
    gp__chain_build(chain, generation->arena, settings->name, items, n);
}

static void open_chains(struct gp__generation *generation, struct gp__diag *diag)
{
    const struct gp__settings *settings = generation->settings;

    generation->chains = GP__ARENA_ARRAY(generation->arena, struct gp__chain, settings->n_chains);
    for (size_t i = 0; i < settings->n_chains; i++)
        open_chain(generation, &generation->chains[i], settings->chains[i], diag);
}

/* ---- TLS ---- */

/* A certificate that the server has yet to make is not there in a tool that only looks. */
static bool has_tls(const struct gp__listener_settings *listener)
{
    for (size_t i = 0; i < listener->tls_settings->n_certificates; i++)
        if (!gp_slice_present(listener->tls_settings->certificates[i].chain))
            return false;
    return listener->tls != GP__TLS_OFF;
}

static void open_tls(struct gp__generation *generation, struct gp__diag *diag)
{
    const struct gp__settings *settings = generation->settings;
    struct gp__buf error = {.limit = 500};

    gp__tls_tickets_rotate(settings->tls->ticket_rotation);
    generation->tls = GP__ARENA_ARRAY(generation->arena, struct gp__tls_context *,
                                      settings->n_listeners);
    for (size_t i = 0; i < settings->n_listeners; i++) {
        const struct gp__listener_settings *listener = settings->listeners[i];

        if (!has_tls(listener))
            continue;
        gp__buf_clear(&error);
        generation->tls[i] = gp__tls_context_create(listener->tls_settings, listener->name,
                                                    generation->runtime, &error);
        if (!generation->tls[i])
            gp__diag_add(diag, GP__ERROR, listener->node, "TLS of \"" GP_FMT "\": " GP_FMT,
                         GP_ARG(listener->name), GP_ARG(gp__buf_slice(&error)));
    }
    gp__buf_free(&error);
}

/* An instance whose table is missing would only complain about that: tables come first. */
static int open_instances(struct gp__generation *generation, struct gp__diag *diag)
{
    size_t errors = gp__diag_count(diag, GP__ERROR);

    open_state(generation, diag);
    open_tables(generation, diag);
    if (gp__diag_count(diag, GP__ERROR) == errors) {
        open_targets(generation, diag);
        open_auths(generation, diag);
        open_chains(generation, diag);
    }
    open_tls(generation, diag);
    gp__diag_seal(diag);
    return gp__diag_count(diag, GP__ERROR) == errors ? 0 : -1;
}

/* A fiber runs all that is asked on it: a hook, the table that it asks, the target of the message. */
static void give_stacks(struct gp__generation *generation)
{
    for (size_t i = 0; i < generation->n_instances; i++)
        if (generation->instances[i]->stack > generation->stack)
            generation->stack = generation->instances[i]->stack;
    for (size_t i = 0; i < generation->n_instances; i++)
        generation->instances[i]->stack = generation->stack;
}

/* ---- routes and entrances ---- */

static void clear_verifier(void *arg)
{
    gp__verifier_clear(arg);
}

/* Without a state its answers live as long as the generation. */
static struct gp__verifier *make_verifier(struct gp__generation *generation,
                                          const struct gp__route_settings *from)
{
    struct gp__verifier *verifier;

    if (!from->ask)
        return NULL;
    verifier = GP__ARENA_NEW(generation->arena, struct gp__verifier);
    verifier->target = &generation->targets[from->ask->service.index];
    verifier->yes_ms = from->ask_yes;
    verifier->no_ms = from->ask_no;
    verifier->unsure_accepts = from->ask_unsure_accepts;
    verifier->state = generation->outbound.state;
    gp__arena_cleanup(generation->arena, clear_verifier, verifier);
    return verifier;
}

static void make_routes(struct gp__generation *generation)
{
    const struct gp__settings *settings = generation->settings;
    struct gp__route *routes = GP__ARENA_ARRAY(generation->arena, struct gp__route,
                                               settings->n_routes);

    for (size_t i = 0; i < settings->n_routes; i++) {
        const struct gp__route_settings *from = settings->routes[i];

        routes[i] = (struct gp__route){
            .name = from->name,
            .match = from->match,
            .relay = from->relay,
            .valid = from->valid,
            .verifier = make_verifier(generation, from),
            .target = &generation->targets[from->to->service.index],
            .direct = from->direct,
            .fallback = from->fallback ? &generation->targets[from->fallback->service.index] : NULL,
        };
    }
    generation->routes = (struct gp__routes){.items = routes, .count = settings->n_routes};
}

static struct gp__auth_backends backends_of(const struct gp__generation *generation,
                                            const struct gp__listener_settings *listener)
{
    struct gp__instance **items = GP__ARENA_ARRAY(generation->arena, struct gp__instance *,
                                                  listener->n_auths);

    for (size_t i = 0; i < listener->n_auths; i++)
        items[i] = generation->auths[listener->auths[i]->service.index];
    return (struct gp__auth_backends){items, listener->n_auths};
}

/* What may be offered and what somebody can serve. EXTERNAL needs nobody. */
static void set_auth(struct gp__entrance *entrance, const struct gp__generation *generation,
                     const struct gp__listener_settings *listener)
{
    unsigned served = 1u << GP__SASL_EXTERNAL;

    entrance->auth = backends_of(generation, listener);
    for (size_t i = 0; i < entrance->auth.count; i++)
        served |= gp__auth_mechanisms(entrance->auth.items[i]);
    entrance->smtp.auth.mechanisms = listener->auth_mechanisms & served;
    entrance->smtp.auth.crypto = generation->crypto;
}

/* With a key that other processes have too, and the next one, if the configuration gives one. */
static const struct gp__crypto *crypto_of(const struct gp__generation *generation)
{
    struct gp_slice key = generation->settings->auth_guard.decoy_key;
    struct gp__crypto *own;

    if (!gp_slice_present(key))
        return generation->runtime->crypto;
    own = GP__ARENA_NEW(generation->arena, struct gp__crypto);
    gp__arena_keep_secret(generation->arena);
    *own = *generation->runtime->crypto;
    own->hash(GP__SHA256, key, own->key);
    return own;
}

static struct gp__policy_settings policy_of(const struct gp__generation *generation,
                                            const struct gp__listener_settings *listener)
{
    const struct gp__settings *settings = generation->settings;

    return (struct gp__policy_settings){
        .chain = listener->chain ? &generation->chains[listener->chain->index] : NULL,
        .n_instances = generation->n_instances,
        .refuse_at = listener->refuse_at,
        .mixed_reject = listener->mixed_reject,
        .one_policy = listener->one_policy,
        .exempt = listener->exempt,
        .n_exempt = listener->n_exempt,
        .default_bucket = settings->hold_bucket,
        .buckets = settings->buckets,
        .n_buckets = settings->n_buckets,
        .greeting_ms = settings->answer_within.greeting,
        .command_ms = settings->answer_within.command,
        .data_ms = settings->answer_within.data,
        .message_ms = settings->answer_within.message,
        .mime_parts = (size_t)listener->smtp.limits.mime_parts,
        .mime_depth = (size_t)listener->smtp.limits.mime_depth,
        .message_size = listener->smtp.limits.message_size,
        .shadows_max = 100,
    };
}

static void add_store(void *arg, struct gp_slice path)
{
    struct gp__generation *generation = arg;

    for (size_t i = 0; i < generation->n_stores; i++)
        if (gp_slice_eq(generation->stores[i], path))
            return;
    GP__ARENA_GROW(generation->arena, generation->stores, generation->stores_cap,
                   generation->n_stores + 1);
    generation->stores[generation->n_stores++] = path;
}

static void make_entrances(struct gp__generation *generation)
{
    const struct gp__settings *settings = generation->settings;

    gp__settings_stores(settings, add_store, generation);
    generation->entrances = GP__ARENA_ARRAY(generation->arena, struct gp__entrance,
                                            settings->n_listeners);
    for (size_t i = 0; i < settings->n_listeners; i++) {
        const struct gp__listener_settings *listener = settings->listeners[i];
        struct gp__entrance *entrance = &generation->entrances[i];

        *entrance = (struct gp__entrance){
            .name = listener->name,
            .generation = generation,
            .smtp = listener->smtp,
            .policy = policy_of(generation, listener),
            .routes = &generation->routes,
            .relay = listener->relay,
            .n_relay = listener->n_relay,
            .relay_authenticated = listener->relay_authenticated,
            .relay_local = listener->relay_local,
            .proxy = listener->proxy,
            .xclient = listener->xclient,
            .xforward = listener->xforward,
            .auth_guard = &settings->auth_guard,
            .submission = listener->submission,
            .sessions = (uint64_t)listener->sessions,
            .sessions_per_client = (uint64_t)listener->sessions_per_client,
            .rate = listener->rate,
            .rate_per_client = listener->rate_per_client,
            .overload = {.memory = settings->overload.memory,
                         .keep_free = settings->overload.keep_free,
                         .paths = generation->stores,
                         .n_paths = generation->n_stores},
            .hold_path = settings->hold_path,
            .bounce_to = settings->bounces.to,
            .dedupe = listener->dedupe,
            .spill_path = settings->memory.spill_to,
            .spill_at = settings->memory.message,
            .authserv_id = settings->authserv_id,
            .tls = generation->tls[i] ? listener->tls : GP__TLS_OFF,
            .tls_context = generation->tls[i],
            .stack = generation->stack,
        };
        set_auth(entrance, generation, listener);
    }
}

/* ---- deliveries ---- */

static const struct gp__policy_settings *settings_of(const void *arg, struct gp_slice listener)
{
    const struct gp__generation *generation = arg;
    const struct gp__entrance *entrance = gp__generation_entrance(generation, listener);

    return entrance ? &entrance->policy : &generation->nowhere;
}

static void make_carriage(struct gp__generation *generation)
{
    const struct gp__settings *settings = generation->settings;

    generation->nowhere = (struct gp__policy_settings){
        .n_instances = generation->n_instances,
        .default_bucket = settings->hold_bucket,
        .buckets = settings->buckets,
        .n_buckets = settings->n_buckets,
        .mime_parts = (size_t)settings->limits.mime_parts,
        .mime_depth = (size_t)settings->limits.mime_depth,
        .message_size = settings->limits.message_size,
    };
    generation->carriage = (struct gp__carriage){
        .hostname = settings->hostname,
        .routes = &generation->routes,
        .settings = settings_of,
        .arg = generation,
        .stack = generation->stack,
    };
}

/* ---- life ---- */

static void destroy(struct gp__generation *generation)
{
    while (generation->n_instances)
        gp__instance_close(&generation->instances[--generation->n_instances]);
    for (size_t i = 0; generation->tls && i < generation->settings->n_listeners; i++)
        gp__tls_context_free(&generation->tls[i]);
    gp__sts_cache_free(&generation->outbound.sts);
    gp__settings_free(&generation->settings);
    gp__arena_free(&generation->arena);
}

struct gp__generation *gp__generation_open(struct gp__settings **settings_,
                                           struct gp__runtime *runtime, struct gp__diag *diag)
{
    struct gp__arena *arena = gp__arena_create();
    struct gp__generation *generation = GP__ARENA_NEW(arena, struct gp__generation);
    const struct gp__settings *settings = *settings_;

    generation->refs = 1;
    generation->arena = arena;
    generation->settings = *settings_;
    generation->runtime = runtime;
    generation->outbound.settings = settings->outbound;
    generation->outbound.hostname = settings->hostname;
    generation->outbound.spooled = gp_slice_present(settings->spool.path);
    *settings_ = NULL;
    generation->instances = GP__ARENA_ARRAY(arena, struct gp__instance *,
                                            1 + settings->n_tables + settings->n_targets +
                                                settings->n_auths + settings->n_instances);
    generation->outbound.state = settings->state ? &generation->state : NULL;
    generation->outbound.sts.state = generation->outbound.state;
    if (open_instances(generation, diag) < 0) {
        destroy(generation);
        return NULL;
    }
    give_stacks(generation);
    generation->crypto = crypto_of(generation);
    make_routes(generation);
    make_entrances(generation);
    make_carriage(generation);
    return generation;
}

struct opening {
    struct gp__settings **settings_;
    struct gp__runtime *runtime;
    struct gp__diag *diag;
    struct gp__generation *generation;
    bool done;
};

static void open_main(void *arg)
{
    struct opening *opening = arg;

    opening->generation = gp__generation_open(opening->settings_, opening->runtime, opening->diag);
}

static void open_done(void *arg)
{
    struct opening *opening = arg;

    opening->done = true;
}

struct gp__generation *gp__generation_create(struct gp__settings **settings_,
                                             struct gp__runtime *runtime,
                                             void (*turn)(struct gp__runtime *runtime),
                                             struct gp__diag *diag)
{
    struct opening opening = {.settings_ = settings_, .runtime = runtime, .diag = diag};
    /* create() of a plugin may want the stack that its hooks want. */
    int state = runtime->ops->run(runtime, open_main, open_done, &opening, 512u << 10);

    if (state < 0)
        gp__diag_add(diag, GP__ERROR, NULL, "no memory for a fiber");
    while (state == 0 && !opening.done)
        turn(runtime);
    return opening.generation;
}

void gp__generation_start(struct gp__generation *generation)
{
    if (!generation->ticks)
        generation->ticks = gp__ticks_start(generation->runtime, generation->instances,
                                            generation->n_instances);
}

static void ticks_ended(void *arg)
{
    struct gp__generation *generation = arg;

    gp__generation_unref(&generation);
}

void gp__generation_stop(struct gp__generation *generation)
{
    for (size_t i = 0; i < generation->n_instances; i++)
        gp__shadow_cancel(generation->instances[i]);
    /* A tick that waits still uses its instance. */
    if (generation->ticks)
        gp__ticks_stop_then(&generation->ticks, ticks_ended, gp__generation_ref(generation));
}

struct gp__generation *gp__generation_ref(struct gp__generation *generation)
{
    generation->refs++;
    return generation;
}

void gp__generation_unref(struct gp__generation **generation_)
{
    struct gp__generation *generation = *generation_;

    *generation_ = NULL;
    if (generation && --generation->refs == 0)
        destroy(generation);
}

const struct gp__entrance *gp__generation_entrance(const struct gp__generation *generation,
                                                   struct gp_slice name)
{
    for (size_t i = 0; i < generation->settings->n_listeners; i++)
        if (gp_slice_eq(generation->entrances[i].name, name))
            return &generation->entrances[i];
    return NULL;
}
