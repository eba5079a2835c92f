// SPDX-License-Identifier: Apache-2.0
/*
 * Operations, time, chance, DNS and blocking code: <gatepost/wait.h>. A blocking call is its start
 * form and a wait. What the runtime is given lies in the call's memory, never on the fiber's stack.
 */
#include "core/plugin/api.h"

#define DNS_NAME_MAX 253 /* RFC 1035 2.3.4, as text without the last dot */
#define DNS_LABEL_MAX 63

/* ---- operations ---- */

/* A handle of another call is as wrong as it gets: its memory may be gone. */
static bool is_own(const struct gp_call *call, const struct gp_op *op)
{
    for (const struct gp_op *own = call->root->ops; own; own = own->next)
        if (own == op)
            return true;
    return op->call == call->root && op->done;
}

/* The index of one that is done, n: none is, or GP_EINVAL. */
static int find_done(struct gp_call *call, struct gp_op *const *ops, size_t n, bool *any_r)
{
    *any_r = false;
    for (size_t i = 0; i < n; i++) {
        if (!ops[i])
            continue;
        if (!is_own(call, ops[i]))
            return gp__api_misuse(call, "gp_wait_any", "an operation of another call");
        *any_r = true;
        if (ops[i]->done)
            return (int)i;
    }
    return (int)n;
}

int gp_wait_any(struct gp_call *call, struct gp_op *const *ops, size_t n)
{
    bool any = false;
    int found;

    if (call->root->sticky)
        return call->root->sticky;
    if (!ops || n > GP__CALL_OPS_MAX * GP__CALL_OPS_MAX)
        return GP_EINVAL;
    while ((found = find_done(call, ops, n, &any)) == (int)n && any) {
        struct gp__fiber *fiber = call->runtime->ops->fiber(call->runtime);
        int error;

        for (size_t i = 0; i < n; i++)
            if (ops[i])
                ops[i]->waiter = fiber;
        error = gp__call_park(call);
        for (struct gp_op *op = call->root->ops; op; op = op->next)
            op->waiter = NULL;
        if (error)
            return error;
    }
    if (found == (int)n)
        return GP_EINVAL;
    if (found >= 0)
        gp__op_cancel(ops[found]); /* it is done: only its place is given back */
    return found;
}

int gp_wait(struct gp_call *call, struct gp_op *op)
{
    if (op && !is_own(call, op))
        return gp__api_misuse(call, "gp_wait", "an operation of another call");
    return gp__api_wait(call, op);
}

bool gp_op_done(const struct gp_op *op)
{
    return !op || op->done;
}

void gp_op_cancel(struct gp_op *op)
{
    if (op)
        gp__op_cancel(op);
}

/* ---- time and chance ---- */

struct gp_op *gp_sleep_start(struct gp_call *call, uint64_t ms)
{
    struct gp_op *op = gp__op_create(call);

    if (op)
        call->runtime->ops->sleep(call->runtime, op, ms);
    return op;
}

int gp_sleep(struct gp_call *call, uint64_t ms)
{
    /* Not to wait at all would give nobody else a turn. */
    return gp__api_wait(call, gp_sleep_start(call, ms ? ms : 1));
}

static void watch(struct gp_call *root, struct gp__session_policy *policy)
{
    root->watching = policy->watchers;
    policy->watchers = root;
}

static void unwatch(const struct gp_call *root, struct gp__session_policy *policy)
{
    struct gp_call **link = &policy->watchers;

    while (*link != root)
        link = &(*link)->watching;
    *link = root->watching;
}

static int sleep_or_hear(struct gp_call *call, struct gp_op *op, struct gp__session_policy *policy)
{
    int error = 0;

    watch(call->root, policy);
    while (!op->done && !policy->spoke && !error) {
        op->waiter = call->runtime->ops->fiber(call->runtime);
        error = gp__call_park(call);
    }
    unwatch(call->root, policy);
    return error ? error : policy->spoke;
}

int gp_wait_client(struct gp_call *call, uint64_t ms)
{
    struct gp__session_policy *policy = call->session ? call->session->policy : NULL;
    struct gp_op *op;
    int result;

    if (!policy)
        return gp__call_fault(call, "gp_wait_client(): there is no client at %s",
                              gp__points[call->point].name);
    if (call->root->sticky)
        return call->root->sticky;
    if (policy->spoke || (call->point == GP_HOOK_CONNECT && call->session->talked_early))
        return 1;
    op = gp_sleep_start(call, ms);
    if (!op)
        return gp__api_wait(call, op);
    result = sleep_or_hear(call, op, policy);
    gp__op_cancel(op);
    return result;
}

uint64_t gp_now(struct gp_call *call)
{
    return call->runtime->ops->now_ms(call->runtime);
}

int64_t gp_wall_clock(struct gp_call *call)
{
    return call->runtime->ops->wall_ms(call->runtime);
}

void gp_random(struct gp_call *call, void *bytes, size_t len)
{
    if (bytes && len)
        call->runtime->ops->random(call->runtime, bytes, len);
}

/* ---- DNS ---- */

/* Labels of visible ASCII; a backslash would start an escape, of which there are none here. */
static bool is_name(struct gp_slice name)
{
    size_t label = 0;

    if (gp_slice_ends(name, GP_S(".")))
        name.len--;
    if (name.len == 0 || name.len > DNS_NAME_MAX)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];

        if (c <= ' ' || c >= 0x7f || c == '\\' || (c == '.' && label == 0))
            return false;
        label = c == '.' ? 0 : label + 1;
        if (label > DNS_LABEL_MAX)
            return false;
    }
    return label > 0;
}

static bool is_type(enum gp_dns_type type)
{
    switch (type) {
    case GP_DNS_A:
    case GP_DNS_CNAME:
    case GP_DNS_PTR:
    case GP_DNS_MX:
    case GP_DNS_TXT:
    case GP_DNS_AAAA:
    case GP_DNS_TLSA:
        return true;
    }
    return false;
}

struct gp_op *gp_dns_start(struct gp_call *call, struct gp_slice name, enum gp_dns_type type)
{
    struct gp_op *op;

    if (gp__api_slice(call, "gp_dns", name))
        return NULL;
    op = gp__op_create(call);
    if (!op)
        return NULL;
    if (is_name(name) && is_type(type))
        call->runtime->ops->dns(call->runtime, op, gp__arena_dup(op->arena, name), type);
    else
        gp__op_finish(op, GP_EINVAL);
    return op;
}

int gp_dns(struct gp_call *call, struct gp_slice name, enum gp_dns_type type,
           const struct gp_dns_answer **answer_r)
{
    struct gp_op *op = gp_dns_start(call, name, type);
    int result = gp__api_wait(call, op);

    if (answer_r)
        *answer_r = gp_dns_answer(op);
    return result;
}

const struct gp_dns_answer *gp_dns_answer(const struct gp_op *op)
{
    return op && op->done ? op->dns : NULL;
}

size_t gp_dns_count(const struct gp_dns_answer *answer)
{
    return answer ? answer->count : 0;
}

struct gp_slice gp_dns_text(const struct gp_dns_answer *answer, size_t n)
{
    return n < gp_dns_count(answer) ? answer->records[n].text : gp_slice(NULL, 0);
}

unsigned gp_dns_preference(const struct gp_dns_answer *answer, size_t n)
{
    return n < gp_dns_count(answer) ? answer->records[n].preference : 0;
}

bool gp_dns_secure(const struct gp_dns_answer *answer)
{
    return answer && answer->secure;
}

bool gp_dns_nxdomain(const struct gp_dns_answer *answer)
{
    return answer && answer->nxdomain;
}

uint32_t gp_dns_ttl(const struct gp_dns_answer *answer)
{
    return answer ? answer->ttl : 0;
}

/* ---- threads ---- */

struct gp_op *gp_waker_start(struct gp_call *call, struct gp_waker **waker_r)
{
    struct gp_op *op = gp__op_create(call);

    *waker_r = op ? call->runtime->ops->waker(call->runtime, op) : NULL;
    return op;
}

void gp_waker_fire(struct gp_waker *waker)
{
    waker->fire(waker);
}

/* ---- blocking code ---- */

int gp_work(struct gp_call *call, void (*fn)(void *block), void *block, size_t size)
{
    struct gp_op *op;
    void *copy;
    int result;

    if (!fn || (!block && size))
        return gp__api_misuse(call, "gp_work", "no function, or no block");
    if (!gp__api_memory(call, size))
        return GP_ELIMIT;
    op = gp__op_create(call);
    if (!op)
        return gp__api_wait(call, op);
    copy = gp__arena_alloc(op->arena, size ? size : 1);
    if (size)
        memcpy(copy, block, size);
    call->runtime->ops->work(call->runtime, op, fn, copy, size);
    result = gp__api_wait(call, op);
    if (result == 0 && size)
        memcpy(block, copy, size);
    return result;
}
