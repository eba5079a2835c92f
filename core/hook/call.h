// SPDX-License-Identifier: Apache-2.0
/*
 * A call: one hook of one instance, or the host itself, asking and waiting. It owns what it asks
 * for (operations, scratch memory), knows its deadline, and is where client-gone and deadline turn
 * into sticky errors. Lives on the fiber that runs it; a nested call (a table asked by a filter)
 * shares the root call's waiting.
 */
#ifndef GP_HOOK_CALL_H
#define GP_HOOK_CALL_H

#include "core/hook/instance.h"
#include "core/hook/runtime.h"
#include "core/smtp/reply.h"
#include "core/smtp/session.h"
#include "core/smtp/transaction.h"

#define GP__CALL_OPS_MAX 64
#define GP__CALL_MEMORY_MAX (16u << 20)
#define GP__CALL_DRAFTS_MAX 10

struct gp__policy; /* of a transaction */
struct gp__shadow; /* overlay of a shadow call */

/* A verdict with everything that belongs to it. */
struct gp__ruling {
    enum gp_verdict verdict;
    struct gp__reply reply;        /* DEFER, REJECT, DISCONNECT; code 0: the default of the point */
    struct gp_slice bucket;        /* QUARANTINE */
    struct gp_slice reason;        /* for the log */
    const struct gp__instance *by; /* NULL: the core */
    enum gp_hook_point at;
    bool fault; /* by on_error, not by the plugin */
};

struct gp_call {
    unsigned magic;
    struct gp__runtime *runtime;
    struct gp__instance *instance; /* NULL: the host's own */
    enum gp_hook_point point;
    struct gp_session *session;         /* NULL: outside of sessions */
    struct gp_transaction *transaction; /* NULL: outside of transactions */
    struct gp__policy *policy;          /* the transaction's, or NULL */

    /* Who and what it is about. */
    struct gp_recipient *recipient; /* resolve, rcpt */
    struct gp_recipient **scope;
    size_t n_scope;
    struct gp_message *message;
    struct gp_copy *copy;
    struct gp_slice chunk; /* body */
    bool last_chunk;
    struct gp_slice verb, argument;    /* command */
    struct gp__buf *capabilities;      /* capabilities */
    const struct gp__ruling *rejected; /* rejected */
    struct gp__shadow *shadow;         /* edits and notes go here */

    /* From here on what a call makes of itself: the next of its chain begins with zeros. */
    struct gp__ruling noted;    /* the verdict in the making, by gp_reject() and its kin */
    struct gp__ruling **judged; /* by index in scope, from gp_judge(); NULL: none yet */
    struct gp__reply reply;     /* command: from gp_reply() */
    struct gp_slice fault;      /* why this call is a fault, absent if it is not */
    struct gp_slice login;      /* auth: from gp_auth_login_as() */

    /* Memory and waiting; a nested call uses its root's. */
    struct gp_call *root;
    struct gp__arena *arena; /* NULL until used */
    size_t arena_used;
    struct gp_op *ops;
    size_t n_ops;              /* under way */
    struct gp_stream *streams; /* to be closed at the end */
    struct gp_copy *overlays;  /* copies that a shadow call made */
    unsigned drafts;
    uint64_t deadline_ms; /* absolute; UINT64_MAX: none */
    struct gp__timer timer;
    struct gp__fiber *parked; /* NULL: running */
    int sticky;               /* 0, GP_ETIMEDOUT or GP_ECANCELED */
    struct gp_call *next;     /* in the session's list of parked calls */
    struct gp_call *watching; /* in the session's list of those that wait for bytes */
    struct gp_call *queued;   /* in an instance's queue */
    bool turn;                /* the instance was handed to it */
    bool listed;
    bool steadfast;             /* goes on when the client leaves: it commits, or cleans up */
    struct gp__buf *complaints; /* create(): the errors that it logs; NULL: nobody collects them */
};

#define GP__CALL_MAGIC 0x63616c6cu

/* Prepares a call; the caller fills in what it is about. deadline_ms is absolute. */
void gp__call_init(struct gp_call *call, struct gp__runtime *runtime, struct gp__instance *instance,
                   enum gp_hook_point point, uint64_t deadline_ms);

/* The same call again for another instance of a chain: what it is about stays. */
void gp__call_renew(struct gp_call *call, struct gp__instance *instance, uint64_t deadline_ms);

/* A call within a call: same session, transaction, fiber, deadline. */
void gp__call_nest(struct gp_call *call, struct gp_call *parent, struct gp__instance *instance);

/* Of a call that has something: gp__call_end(). */
void gp__call_release(struct gp_call *call);

/* Cancels what is under way, closes streams, frees memory. */
static inline void gp__call_end(struct gp_call *call)
{
    if (call->streams || call->ops || call->arena || call->timer.slot)
        gp__call_release(call);
    call->magic = 0;
}

/* Scratch memory of the call (of its root). */
struct gp__arena *gp__call_arena(struct gp_call *call);

/* Whether this call may wait at all: its point allows it and it runs on a fiber. */
bool gp__call_may_wait(const struct gp_call *call);

/* Notes a fault (the first one stays); returns GP_ENOTALLOWED for convenience. */
int gp__call_fault(struct gp_call *call, const char *format, ...) GP_PRINTF(2, 3);

/* A new operation of the call, not started; NULL after a fault (too many, may not wait, sticky). */
struct gp_op *gp__op_create(struct gp_call *call);

/* Parks until the operation is done: its result, or the sticky error. */
int gp__op_wait(struct gp_call *call, struct gp_op *op);

/* Forgets an operation and takes it off the call's list; finished ones keep their results. */
void gp__op_cancel(struct gp_op *op);

/* Ends all waits of the session's parked calls with GP_ECANCELED: the client is gone. */
void gp__session_cancel_calls(struct gp_session *session);

/* Bytes of the client wait for the engine: ends gp_wait_client(). The owner of the session clears
 * policy->spoke when the engine has taken them. */
void gp__session_client_spoke(struct gp_session *session);

/* The same for one call, with any sticky error. */
void gp__call_cancel(struct gp_call *call, int error);

/* Parks the call without an operation until gp__call_unpark() or a sticky error. 0 or sticky. */
int gp__call_park(struct gp_call *call);
void gp__call_unpark(struct gp_call *call);

#endif
