// SPDX-License-Identifier: Apache-2.0
/*
 * A generation: a configuration brought to life. Owns its settings and the instances made from
 * them: tables, targets, chains. Never changes; counted, because sessions finish on the generation
 * they began with.
 */
#ifndef GP_SERVER_GENERATION_H
#define GP_SERVER_GENERATION_H

#include "core/config/settings.h"
#include "core/delivery/carrier.h"
#include "core/delivery/tls_policy.h"
#include "core/hook/state.h"
#include "core/plugin/tick.h"
#include "core/server/entrance.h"

struct gp__generation {
    unsigned refs;
    struct gp__arena *arena;
    struct gp__settings *settings;
    struct gp__runtime *runtime;

    /* Made in this order, closed in the reverse: a filter's options may name tables, and the state
     * comes first of all. */
    struct gp__instance **instances;
    size_t n_instances;
    size_t stack; /* the largest that one of them asks for; 0: the usual one */
    struct gp__instance **targets_by_index; /* of settings->targets */
    struct gp__state state;                 /* no instance: there is none */
    struct gp__outbound outbound;
    struct gp__target *targets;
    struct gp__instance **auths; /* of settings->auths */
    const struct gp__crypto *crypto;
    struct gp__chain *chains;
    struct gp__routes routes;
    struct gp__tls_context **tls;       /* as settings->listeners; NULL: off */
    struct gp__entrance *entrances;     /* the same */
    struct gp__policy_settings nowhere; /* of mail that came by no listener that is there */
    struct gp__carriage carriage;       /* what deliveries need of all this */
    struct gp__ticks *ticks;            /* NULL until started */
    struct gp_slice *stores;            /* directories for mail, each once */
    size_t n_stores, stores_cap;
};

/*
 * Makes all instances, on the calling fiber: their create() may wait. Takes the settings over. NULL
 * when some of them refused; the diagnostics, which outlive the call, say which and why.
 */
struct gp__generation *gp__generation_open(struct gp__settings **settings_,
                                           struct gp__runtime *runtime, struct gp__diag *diag);

/*
 * The same from the loop's stack: starts a fiber and calls turn(runtime) until it has ended.
 */
struct gp__generation *gp__generation_create(struct gp__settings **settings_,
                                             struct gp__runtime *runtime,
                                             void (*turn)(struct gp__runtime *runtime),
                                             struct gp__diag *diag);

/* Starts the `tick` hooks. */
void gp__generation_start(struct gp__generation *generation);

/* Ends what runs beside the sessions (ticks, shadow calls), before the last reference goes. Calls
 * that wait unwind in the loop's next turns and keep the generation alive until then. */
void gp__generation_stop(struct gp__generation *generation);

struct gp__generation *gp__generation_ref(struct gp__generation *generation);
void gp__generation_unref(struct gp__generation **generation_);

/* What a listener's sessions need, by its name; NULL: there is none. */
const struct gp__entrance *gp__generation_entrance(const struct gp__generation *generation,
                                                   struct gp_slice name);

#endif
