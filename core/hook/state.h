// SPDX-License-Identifier: Apache-2.0
/*
 * The state of a generation: a plugin with the role `state`. A request runs inside the call that
 * asks: it shares its fiber, its deadline and its cancellation.
 */
#ifndef GP_HOOK_STATE_H
#define GP_HOOK_STATE_H

#include "core/hook/call.h"

#define GP__STATE_KEY_MAX ((size_t)400) /* of a plugin, without the namespace */
#define GP__STATE_VALUE_MAX ((size_t)16 << 10)
#define GP__STATE_LATER_MAX 1000 /* changes of an instance that nobody waits for */

struct gp__state {
    struct gp__instance *instance;
    uint64_t requests, failed;

    /* Keeps the instances while a change is made that nobody waits for. */
    void (*hold)(void *owner);
    void (*release)(void *owner);
    void *owner;
};

enum gp__state_what {
    GP__STATE_GET = 0,
    GP__STATE_PUT,
    GP__STATE_PUT_IF_NEW,
    GP__STATE_ADD,
    GP__STATE_REMOVE,
};

/* Keys with their namespace. */
struct gp__state_request {
    enum gp__state_what what;
    struct gp_slice key, value;
    uint64_t ttl_ms;
    int64_t n;
    struct gp_slice found; /* the answer: a value, in the call's memory; */
    int64_t sum;           /* of ADD */
};

/* 0 or one of the errors of gp_state_…; `call` may be a host's call. */
int gp__state_run(struct gp_call *call, struct gp__state *state, struct gp__state_request *request);

/* As gp_state_each, with whole keys. */
int gp__state_each(struct gp_call *call, struct gp__state *state, struct gp_slice prefix,
                   bool (*fn)(void *arg, struct gp_slice key, struct gp_slice value), void *arg);

#endif
