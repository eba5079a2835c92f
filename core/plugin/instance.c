// SPDX-License-Identifier: Apache-2.0
#include "core/plugin/instance.h"

#include "core/base/alloc.h"
#include "core/hook/call.h"

#include <stdio.h>
#include <stdlib.h>

#define DEADLINE_MS 30000
#define COMPLAINTS_MAX 4000 /* bytes */

/* ---- create() on a fiber of its own ---- */

struct creation {
    struct gp__instance *instance;
    struct gp_call call; /* create()'s */
    struct gp_call host; /* who waits for it */
    struct gp_op *op;    /* the host's: done when create() is */
    struct gp__buf complaints;
    char *error;
    size_t error_size;
};

/* A verdict on itself: what it returned, or how it misbehaved. */
static int judge(struct creation *creation, int result)
{
    struct gp_call *call = &creation->call;

    if (call->sticky)
        result = call->sticky;
    if (gp_slice_present(call->fault))
        (void)snprintf(creation->error, creation->error_size, "create(): " GP_FMT,
                       GP_ARG(call->fault));
    else if (result != 0 && creation->complaints.len)
        (void)snprintf(creation->error, creation->error_size, GP_FMT,
                       GP_ARG(gp__buf_slice(&creation->complaints)));
    else if (result != 0)
        (void)snprintf(creation->error, creation->error_size, "create() failed: %s",
                       gp_strerror(result));
    return result == 0 && gp_slice_present(call->fault) ? GP_ENOTALLOWED : result;
}

static void run_create(void *arg)
{
    struct creation *creation = arg;
    struct gp__instance *instance = creation->instance;
    int result = instance->plugin->create(&creation->call, instance->self);

    result = judge(creation, result);
    gp__call_end(&creation->call);
    gp__op_finish(creation->op, result);
}

static void ended(void *arg)
{
    (void)arg;
}

/* From the loop's stack: a fiber starts no fiber. */
static void begin(void *arg)
{
    struct creation *creation = arg;
    struct gp__runtime *rt = creation->host.runtime;

    if (rt->ops->run(rt, run_create, ended, creation, creation->instance->stack) < 0) {
        (void)snprintf(creation->error, creation->error_size, "no fiber for create()");
        gp__op_finish(creation->op, GP_ETEMP);
    }
}

/* The creation is on the heap and stays until create() has returned: its deadline is its own. */
static int create(struct gp__instance *instance, struct gp__runtime *rt, char *error,
                  size_t error_size)
{
    struct creation *creation = gp__alloc(sizeof *creation);
    int result;

    creation->instance = instance;
    creation->error = error;
    creation->error_size = error_size;
    gp__call_init(&creation->host, rt, NULL, GP_HOOK_TICK, UINT64_MAX);
    gp__call_init(&creation->call, rt, instance, GP_HOOK_TICK, rt->ops->now_ms(rt) + GP__CREATE_MS);
    creation->complaints.limit = COMPLAINTS_MAX;
    creation->call.complaints = &creation->complaints;
    creation->op = gp__op_create(&creation->host);
    if (creation->op) {
        rt->ops->defer(rt, begin, creation);
        result = gp__op_wait(&creation->host, creation->op);
    } else {
        (void)snprintf(error, error_size, "it must be made on a fiber");
        result = GP_ENOTALLOWED;
    }
    gp__call_end(&creation->host);
    gp__buf_free(&creation->complaints);
    gp__free(creation);
    return result;
}

/* ---- life ---- */

static void take_hooks(struct gp__instance *instance)
{
    for (const struct gp_hook *hook = instance->plugin->hooks; hook && hook->fn; hook++) {
        instance->fns[hook->point] = hook->fn;
        instance->stats[hook->point] = gp__alloc(sizeof *instance->stats[0]);
    }
}

static struct gp__instance *make(const struct gp__instance_settings *settings)
{
    struct gp__instance *instance = gp__alloc(sizeof *instance);
    const struct gp_plugin *plugin = settings->plugin;
    uint64_t deadline = settings->deadline_ms ? settings->deadline_ms : plugin->deadline_ms;
    char *id = gp__alloc(settings->id.len + 1);

    if (settings->id.len)
        memcpy(id, settings->id.data, settings->id.len);
    *instance = (struct gp__instance){
        .id = gp_slice(id, settings->id.len),
        .index = settings->index,
        .plugin = plugin,
        .stack = plugin->stack,
        .deadline_ms = deadline ? deadline : DEADLINE_MS,
        .on_error = settings->on_error,
        .shadow = settings->shadow,
        .has_refuse_at = settings->has_refuse_at,
        .refuse_at = settings->refuse_at,
        .even_authenticated = settings->even_authenticated,
        .when = settings->when,
        .state = settings->state,
        .state_name = settings->state_name,
        .outbound = settings->outbound,
    };
    if (plugin->instance_size) {
        instance->self = gp__alloc(plugin->instance_size);
        if (settings->options)
            memcpy(instance->self, settings->options, plugin->instance_size);
    }
    take_hooks(instance);
    return instance;
}

static void dispose(struct gp__instance *instance)
{
    for (int i = 0; i < GP_HOOK_COUNT && !instance->stats_shared; i++)
        gp__free(instance->stats[i]);
    /* It holds secrets of the configuration. */
    if (instance->self)
        explicit_bzero(instance->self, instance->plugin->instance_size);
    gp__free(instance->self);
    gp__free((char *)(uintptr_t)instance->id.data);
    gp__free(instance);
}

struct gp__instance *gp__instance_open(const struct gp__instance_settings *settings,
                                       struct gp__runtime *runtime, char *error, size_t error_size)
{
    struct gp__instance *instance = make(settings);

    if (error_size)
        error[0] = '\0';
    if (!settings->plugin->create || create(instance, runtime, error, error_size) == 0)
        return instance;
    dispose(instance);
    return NULL;
}

void gp__instance_close(struct gp__instance **instance_)
{
    struct gp__instance *instance = *instance_;

    if (!instance)
        return;
    *instance_ = NULL;
    if (instance->busy || instance->shadows)
        abort(); /* a call would go on in freed memory */
    if (instance->plugin->destroy)
        instance->plugin->destroy(instance->self);
    dispose(instance);
}
