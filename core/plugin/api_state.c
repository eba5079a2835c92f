// SPDX-License-Identifier: Apache-2.0
/*
 * State: <gatepost/state.h>. A plain request runs inside the call that asks. One of several, and
 * one that nobody waits for, runs on a fiber of its own under a call of the host: it holds whatever
 * it needs until it is done, and a change is made although its operation was cancelled.
 */
#include "core/hook/state.h"

#include "core/base/alloc.h"
#include "core/base/hash.h"
#include "core/base/log.h"
#include "core/plugin/api.h"

#include <stdio.h>

#define LATER_MS 10000 /* for a change that nobody waits for */

/* ---- what a plugin may ask ---- */

/* 0, or what is wrong with the caller. */
static int check_call(struct gp_call *call, const char *function)
{
    int error = gp__api_may_use(call, function, GP_NEEDS_STATE);

    if (error)
        return error;
    if (!call->instance || !call->instance->state)
        return gp__call_fault(call, "%s(): there is no state behind this call", function);
    return 0;
}

/* 0, or what is wrong with what it gave. Sizes may come from a peer: no fault. */
static int check_entry(struct gp_call *call, const char *function, struct gp_slice key,
                       struct gp_slice value)
{
    if (gp__api_slice(call, function, key) || gp__api_slice(call, function, value))
        return GP_EINVAL;
    if (key.len == 0)
        return gp__api_misuse(call, function, "an empty key");
    return key.len > GP__STATE_KEY_MAX || value.len > GP__STATE_VALUE_MAX ? GP_ELIMIT : 0;
}

/* "NAMESPACE/KEY": no name of an instance has a slash. */
static struct gp_slice whole_key(struct gp_call *call, struct gp_slice key)
{
    return GP__ARENA_JOIN(gp__call_arena(call), call->instance->state_name, GP_S("/"), key);
}

static int prepare(struct gp_call *call, const char *function, struct gp__state_request *request)
{
    int error = check_call(call, function);

    if (!error)
        error = check_entry(call, function, request->key, request->value);
    if (error)
        return error;
    if (!gp__api_memory(call, request->key.len + call->instance->state_name.len + 2))
        return GP_ELIMIT;
    request->key = whole_key(call, request->key);
    return 0;
}

/* A store may not need to wait today: it does so elsewhere, or tomorrow. */
static int check_wait(struct gp_call *call, const char *function)
{
    if (gp__call_may_wait(call))
        return 0;
    return gp__call_fault(call, "%s() waits, and at %s no hook may: use gp_state_..._later()",
                          function, gp__points[call->point].name);
}

/* ---- inside the call ---- */

static int run(struct gp_call *call, const char *function, struct gp__state_request *request)
{
    int error = prepare(call, function, request);

    if (!error)
        error = check_wait(call, function);
    return error ? error : gp__state_run(call, call->instance->state, request);
}

int gp_state_get(struct gp_call *call, struct gp_slice key, struct gp_slice *value_r)
{
    struct gp__state_request request = {.what = GP__STATE_GET, .key = key};
    int result = run(call, "gp_state_get", &request);

    if (value_r)
        *value_r = request.found;
    return result;
}

int gp_state_put(struct gp_call *call, struct gp_slice key, struct gp_slice value, uint64_t ttl_ms)
{
    struct gp__state_request request = {GP__STATE_PUT, .key = key, .value = value,
                                        .ttl_ms = ttl_ms};

    return run(call, "gp_state_put", &request);
}

int gp_state_put_if_new(struct gp_call *call, struct gp_slice key, struct gp_slice value,
                        uint64_t ttl_ms, struct gp_slice *value_r)
{
    struct gp__state_request request = {GP__STATE_PUT_IF_NEW, .key = key, .value = value,
                                        .ttl_ms = ttl_ms};
    int result = run(call, "gp_state_put_if_new", &request);

    if (value_r)
        *value_r = request.found;
    return result;
}

int gp_state_add(struct gp_call *call, struct gp_slice key, int64_t n, uint64_t ttl_ms,
                 int64_t *sum_r)
{
    struct gp__state_request request = {GP__STATE_ADD, .key = key, .n = n, .ttl_ms = ttl_ms};
    int result = run(call, "gp_state_add", &request);

    if (sum_r)
        *sum_r = request.sum;
    return result;
}

int gp_state_delete(struct gp_call *call, struct gp_slice key)
{
    struct gp__state_request request = {.what = GP__STATE_REMOVE, .key = key};

    return run(call, "gp_state_delete", &request);
}

/* ---- each ---- */

struct walk {
    size_t namespace_len; /* with its slash */
    bool (*fn)(void *arg, struct gp_slice key, struct gp_slice value);
    void *arg;
};

static bool show(void *arg, struct gp_slice key, struct gp_slice value)
{
    struct walk *walk = arg;

    return walk->fn(walk->arg, gp_slice_sub(key, walk->namespace_len, key.len), value);
}

int gp_state_each(struct gp_call *call, struct gp_slice prefix,
                  bool (*fn)(void *arg, struct gp_slice key, struct gp_slice value), void *arg)
{
    struct walk walk = {.fn = fn, .arg = arg};
    int error = check_call(call, "gp_state_each");

    if (!error)
        error = check_wait(call, "gp_state_each");
    if (!error)
        error = gp__api_slice(call, "gp_state_each", prefix);
    if (!error && !fn)
        error = gp__api_misuse(call, "gp_state_each", "no function");
    if (error)
        return error;
    if (prefix.len > GP__STATE_KEY_MAX)
        return GP_OK; /* no key is so long */
    walk.namespace_len = call->instance->state_name.len + 1;
    return gp__state_each(call, call->instance->state, whole_key(call, prefix), show, &walk);
}

/* ---- on a fiber of its own ---- */

struct errand {
    struct gp__state *state;
    struct gp__instance *instance; /* whose change it is; NULL: somebody waits for it */
    struct gp_op *op;              /* NULL: nobody waits, or not any more */
    struct gp_call call;           /* the host's, on the other fiber */
    struct gp__state_request request;
    char bytes[]; /* key and value */
};

static void errand_free(void *arg)
{
    struct errand *errand = arg;
    struct gp__state *state = errand->state;

    if (errand->instance)
        errand->instance->state_later--;
    gp__free(errand);
    state->release(state->owner);
}

static bool is_change(const struct errand *errand)
{
    return errand->request.what != GP__STATE_GET;
}

static void errand_cancel(struct gp_op *op)
{
    struct errand *errand = op->own;

    errand->op = NULL;
    if (!is_change(errand))
        gp__call_cancel(&errand->call, GP_ECANCELED);
}

static void errand_finish(struct errand *errand, int result)
{
    struct gp_op *op = errand->op;

    if (errand->instance && result != GP_OK && result != GP_ENOTFOUND)
        gp__log(errand->call.runtime->log, GP_LOG_WARNING, "state.failed",
                GP__F_S("instance", errand->instance->id), GP__F_C("error", gp_strerror(result)));
    if (!op)
        return;
    errand->op = NULL;
    op->bytes = gp__arena_dup(op->arena, errand->request.found);
    op->number = (uint64_t)errand->request.sum;
    gp__op_finish(op, result);
}

static void errand_run(void *arg)
{
    struct errand *errand = arg;
    int result = gp__state_run(&errand->call, errand->state, &errand->request);

    errand_finish(errand, result);
    gp__call_end(&errand->call);
}

/* From the loop's stack: a fiber starts no fiber. */
static void errand_begin(void *arg)
{
    struct errand *errand = arg;
    struct gp__runtime *rt = errand->call.runtime;
    size_t stack = errand->state->instance->stack;
    int began = errand->op || is_change(errand)
                    ? rt->ops->run(rt, errand_run, errand_free, errand, stack)
                    : 1;

    if (began < 0)
        errand_finish(errand, GP_ETEMP);
    if (began != 0)
        errand_free(errand);
}

static struct errand *errand_create(struct gp_call *call, const struct gp__state_request *request,
                                    uint64_t deadline_ms)
{
    struct gp_slice key = request->key, value = request->value;
    struct errand *errand = gp__alloc(sizeof *errand + key.len + value.len + 1);

    gp__call_init(&errand->call, call->runtime, NULL, GP_HOOK_TICK, deadline_ms);
    errand->state = call->instance->state;
    errand->request = *request;
    memcpy(errand->bytes, key.data, key.len);
    if (value.len)
        memcpy(errand->bytes + key.len, value.data, value.len);
    errand->request.key = gp_slice(errand->bytes, key.len);
    errand->request.value = gp_slice(errand->bytes + key.len, value.len);
    errand->state->hold(errand->state->owner);
    return errand;
}

/* ---- several at once ---- */

static struct gp_op *start(struct gp_call *call, const char *function,
                           struct gp__state_request *request)
{
    struct gp_op *op;
    struct errand *errand;
    int error = prepare(call, function, request);

    if (error && error != GP_ELIMIT)
        return NULL;
    op = gp__op_create(call);
    if (!op)
        return NULL;
    if (error) {
        gp__op_finish(op, error);
        return op;
    }
    errand = errand_create(call, request, call->root->deadline_ms);
    errand->op = op;
    op->own = errand;
    op->cancel = errand_cancel;
    call->runtime->ops->defer(call->runtime, errand_begin, errand);
    return op;
}

struct gp_op *gp_state_get_start(struct gp_call *call, struct gp_slice key)
{
    struct gp__state_request request = {.what = GP__STATE_GET, .key = key};

    return start(call, "gp_state_get_start", &request);
}

struct gp_op *gp_state_put_if_new_start(struct gp_call *call, struct gp_slice key,
                                        struct gp_slice value, uint64_t ttl_ms)
{
    struct gp__state_request request = {GP__STATE_PUT_IF_NEW, .key = key, .value = value,
                                        .ttl_ms = ttl_ms};

    return start(call, "gp_state_put_if_new_start", &request);
}

struct gp_op *gp_state_add_start(struct gp_call *call, struct gp_slice key, int64_t n,
                                 uint64_t ttl_ms)
{
    struct gp__state_request request = {GP__STATE_ADD, .key = key, .n = n, .ttl_ms = ttl_ms};

    return start(call, "gp_state_add_start", &request);
}

struct gp_slice gp_state_value(const struct gp_op *op)
{
    return op && op->done ? op->bytes : gp_slice(NULL, 0);
}

int64_t gp_state_sum(const struct gp_op *op)
{
    return op && op->done ? (int64_t)op->number : 0;
}

/* ---- without waiting ---- */

static int later(struct gp_call *call, const char *function, struct gp__state_request *request)
{
    struct gp__runtime *rt = call->runtime;
    struct errand *errand;
    int error = prepare(call, function, request);

    if (error)
        return error;
    if (call->instance->state_later >= GP__STATE_LATER_MAX)
        return GP_ELIMIT;
    errand = errand_create(call, request, rt->ops->now_ms(rt) + LATER_MS);
    errand->instance = call->instance;
    errand->instance->state_later++;
    rt->ops->defer(rt, errand_begin, errand);
    return GP_OK;
}

int gp_state_put_later(struct gp_call *call, struct gp_slice key, struct gp_slice value,
                       uint64_t ttl_ms)
{
    struct gp__state_request request = {GP__STATE_PUT, .key = key, .value = value,
                                        .ttl_ms = ttl_ms};

    return later(call, "gp_state_put_later", &request);
}

int gp_state_add_later(struct gp_call *call, struct gp_slice key, int64_t n, uint64_t ttl_ms)
{
    struct gp__state_request request = {GP__STATE_ADD, .key = key, .n = n, .ttl_ms = ttl_ms};

    return later(call, "gp_state_add_later", &request);
}

int gp_state_delete_later(struct gp_call *call, struct gp_slice key)
{
    struct gp__state_request request = {.what = GP__STATE_REMOVE, .key = key};

    return later(call, "gp_state_delete_later", &request);
}

/* ---- keys ---- */

#define HASH_LEN ((size_t)33) /* "#" and 128 bits in hex */

static bool is_plain(unsigned char c)
{
    return c > ' ' && c != '%' && c != 0x7f;
}

static size_t put_text(char *to, struct gp_slice text)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t len = 0;

    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];

        if (is_plain(c)) {
            to[len++] = (char)c;
            continue;
        }
        to[len++] = '%';
        to[len++] = digits[c >> 4];
        to[len++] = digits[c & 15];
    }
    return len;
}

struct gp_slice gp_state_key(struct gp_call *call, const struct gp_slice *texts, size_t n)
{
    size_t len = 0, most = HASH_LEN + 1;
    struct gp_slice whole;
    char *key;

    for (size_t i = 0; i < n; i++) {
        if (gp__api_slice(call, "gp_state_key", texts[i]))
            return gp_slice(NULL, 0);
        most += 3 * texts[i].len + 1;
    }
    key = gp_alloc(call, most);
    if (!key)
        return gp_slice(NULL, 0);
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            key[len++] = ' ';
        len += put_text(key + len, texts[i]);
    }
    whole = gp_slice(key, len);
    if (len > GP__STATE_KEY_MAX) {
        uint64_t high = gp__hash_fixed(whole, 1), low = gp__hash_fixed(whole, 2);

        len = GP__STATE_KEY_MAX;
        (void)snprintf(key + len - HASH_LEN, HASH_LEN + 1, "#%016llx%016llx",
                       (unsigned long long)high, (unsigned long long)low);
    }
    return gp_slice(key, len);
}
