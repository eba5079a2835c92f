// SPDX-License-Identifier: Apache-2.0
#include "core/hook/state.h"

#include "core/base/log.h"
#include "core/hook/serial.h"

/* ---- inside the call that asks ---- */

/* What a store may say of each request beside 0; anything else it says is "could not tell". */
static bool is_answer(enum gp__state_what what, int result)
{
    switch (what) {
    case GP__STATE_GET:
    case GP__STATE_REMOVE:
        return result == GP_ENOTFOUND;
    case GP__STATE_PUT_IF_NEW:
        return result == GP_EEXIST;
    case GP__STATE_ADD:
        return result == GP_EINVAL || result == GP_ELIMIT;
    case GP__STATE_PUT:
        break;
    }
    return false;
}

static int ask(struct gp_call *call, struct gp__instance *instance,
               struct gp__state_request *request)
{
    const struct gp_state_role *role = instance->plugin->state;
    void *self = instance->self;

    switch (request->what) {
    case GP__STATE_GET:
        return role->get(call, self, request->key, &request->found);
    case GP__STATE_PUT:
        return role->put(call, self, request->key, request->value, request->ttl_ms);
    case GP__STATE_PUT_IF_NEW:
        return role->put_if_new(call, self, request->key, request->value, request->ttl_ms,
                                &request->found);
    case GP__STATE_ADD:
        return role->add(call, self, request->key, request->n, request->ttl_ms, &request->sum);
    case GP__STATE_REMOVE:
        return role->remove(call, self, request->key);
    }
    return GP_EINVAL;
}

/* What came of it: the sticky error, or GP_ETEMP after a fault of the store. */
static int judge(struct gp_call *call, const struct gp_call *nested, struct gp__state *state,
                 int result)
{
    if (gp_slice_present(nested->fault)) {
        gp__log(call->runtime->log, GP_LOG_WARNING, "state.fault",
                GP__F_S("state", state->instance->id), GP__F_S("error", nested->fault));
        result = GP_ETEMP;
    }
    if (call->root->sticky)
        result = call->root->sticky;
    state->requests++;
    state->failed += result == GP_ETEMP || result == GP_ENOSPC;
    return result;
}

int gp__state_run(struct gp_call *call, struct gp__state *state, struct gp__state_request *request)
{
    struct gp_call nested;
    int result;

    gp__call_nest(&nested, call, state->instance);
    result = gp__serial_enter(&nested);
    if (result == 0) {
        result = ask(&nested, state->instance, request);
        gp__serial_leave(state->instance);
    }
    gp__call_end(&nested);
    if (result != GP_OK && result != GP_ENOSPC && !is_answer(request->what, result))
        result = GP_ETEMP;
    return judge(call, &nested, state, result);
}

int gp__state_each(struct gp_call *call, struct gp__state *state, struct gp_slice prefix,
                   bool (*fn)(void *arg, struct gp_slice key, struct gp_slice value), void *arg)
{
    struct gp__instance *instance = state->instance;
    struct gp_call nested;
    int result;

    /* It does not take its turn of a SERIAL store: fn may ask the store again. */
    gp__call_nest(&nested, call, instance);
    result = instance->plugin->state->each(&nested, instance->self, prefix, fn, arg);
    gp__call_end(&nested);
    return judge(call, &nested, state, result == GP_OK ? GP_OK : GP_ETEMP);
}
