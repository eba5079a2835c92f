// SPDX-License-Identifier: Apache-2.0
/*
 * The one door to the outside, as a table of operations: what hooks and plugins can ask of the
 * world. Implemented live (libuv) and simulated (virtual clock, DNS, network, disk) in
 * core/runtime; handed over at start. Everything runs on one thread, the loop's.
 *
 * An operation (struct gp_op) belongs to the call that asked. The runtime finishes it exactly once
 * with gp__op_finish(), possibly before the start function returns, and never touches it again;
 * after cancel() it has forgotten it. Memory that a start function is given (names, blocks, bytes)
 * is copied or lives in the call's heap until the operation is done: never on a fiber's stack.
 */
#ifndef GP_HOOK_RUNTIME_H
#define GP_HOOK_RUNTIME_H

#include "core/base/buf.h"
#include "core/base/ip.h"

#include <gatepost/message.h>
#include <gatepost/slice.h>
#include <gatepost/types.h>
#include <gatepost/wait.h>
#include <stdbool.h>
#include <stdint.h>

struct gp__arena;
struct gp__census;
struct gp__crypto;
struct gp__fiber;
struct gp__log;
struct gp__runtime;
struct gp__origin;
struct gp__spill;
struct gp__tasks;

/* ---- operations ---- */

struct gp_op {
    struct gp__runtime *runtime;
    struct gp__fiber *waiter; /* parked until this (or a sibling) is done; or NULL */
    struct gp_call *call;     /* who asked; NULL for the host's own */
    struct gp_op *next;       /* of the call's operations */
    void *job;                /* the runtime's part while it is under way; NULL when done */
    int result;               /* 0, a count, or an enum gp_error; valid when done */
    bool done;

    /* Results, in memory that lives until the call ends (copied into `arena` by the runtime). */
    struct gp__arena *arena;
    struct gp_dns_answer *dns;
    struct gp_stream *stream;
    struct gp_slice bytes; /* file contents, table values, a line */
    uint64_t number;       /* file version */

    /* Of an operation that is not the runtime's (a table looked up on another fiber): forgets it.
     * NULL: the runtime's cancel(). */
    void (*cancel)(struct gp_op *op);
    void *own;
};

/* Called by a runtime: sets the result and wakes the fiber that waits for the operation. */
void gp__op_finish(struct gp_op *op, int result);

/* ---- DNS answers: plain data, made by gp__dns_answer_* in the runtime ---- */

#define GP__DNS_RECORDS_MAX 100

struct gp__dns_record {
    struct gp_slice text;
    uint16_t preference;
};

struct gp_dns_answer {
    struct gp__dns_record *records;
    size_t count;
    uint32_t ttl; /* seconds, the least of the records' */
    bool secure, nxdomain;
    struct gp_slice canonical; /* where aliases led; absent: there were none */
};

/* ---- files: one blocking step, done by the file pool ---- */

enum gp__file_kind {
    GP__FILE_PUT = 0, /* create exclusively, write pieces, sync, close; unlink on failure */
    GP__FILE_RENAME,
    GP__FILE_REMOVE,
    GP__FILE_READ,    /* whole file, at most max bytes; op->bytes */
    GP__FILE_VERSION, /* op->number */
    GP__DIR_MAKE,
    GP__DIR_SYNC,
    GP__FILE_SPILL, /* append the pieces to `spill`, a nameless file in the directory `path` */
};

struct gp__file_job {
    enum gp__file_kind kind;
    struct gp_slice path, to;      /* NUL-terminated; `to`: rename */
    const struct gp_slice *pieces; /* PUT: immutable until the operation is done */
    size_t n_pieces;
    struct gp__spill *spill; /* SPILL */
    size_t max;              /* READ */
    unsigned mode;           /* DIR_MAKE */
    /* Keeps what the pieces point into alive, also after the operation was cancelled while a
     * thread still writes: called from the loop's thread when the job really ended. */
    void (*release)(void *arg);
    void *release_arg;
};

/* ---- commands ---- */

/* A program of the configuration, by its number there. All of it lies in the memory of the call. */
struct gp__command_job {
    size_t command;
    struct gp_slice name;       /* of the program, for a simulation */
    const struct gp_slice *env; /* "NAME=value", checked */
    size_t n_env;
    const struct gp_slice *input; /* in pieces */
    size_t n_input;
    size_t output_max;
};

/* ---- streams ---- */

/* What every stream of an implementation begins with; the rest is its own. Made by connect(), to
 * be given back with stream_close(), which cancels what is under way. */
struct gp_stream {
    struct gp__runtime *runtime;
    struct gp_call *call;       /* whose end closes it; NULL: kept by the instance */
    struct gp_stream *next;     /* of the call's streams */
    struct gp__buf input;       /* read ahead; of the plugin layer, as is: */
    bool reading;               /* a call waits for bytes */
    uint64_t timeout_ms;        /* how long an operation of it may wait; 0: as long as its call */
    struct gp__stream_tls *tls; /* what stream_secure() came to, as long as the stream; or NULL */
};

/* Connecting to the first of some addresses that answers (RFC 8305 5). */
struct gp__dialling {
    const struct gp__ip *ips; /* best first */
    size_t n_ips;
    uint16_t port;
    struct gp__ip from4, from6; /* addresses of ours; family 0: the system's choice */
    uint64_t stagger_ms;        /* before the next is tried as well */
    uint64_t attempt_ms;        /* that each of them has */
};

/* Whose certificate is good. */
enum gp__tls_trust {
    GP__TLS_TRUST_ANYBODY = 0,
    GP__TLS_TRUST_AUTHORITIES, /* one that a CA vouches for, of one of the names */
    GP__TLS_TRUST_DANE,        /* one that the TLSA records stand for (RFC 7672) */
};

struct gp__tls_wish {
    struct gp_slice name;         /* to be said in the handshake (SNI), and of the certificate; or
                                   * an address, or empty */
    const struct gp_slice *names; /* the certificate may also be of these */
    size_t n_names;
    enum gp__tls_trust trust;
    bool observe; /* of ANYBODY: what authorities say of the certificate is noted, and no more */
    const struct gp_slice *tlsa; /* octets of records */
    size_t n_tlsa;
    struct gp_slice ca_file; /* absent: the system's CAs */
};

enum gp__tls_failure {
    GP__TLS_FINE = 0,
    GP__TLS_BROKEN,    /* the handshake failed, or the connection did */
    GP__TLS_EXPIRED,   /* the certificate is, or is not valid yet */
    GP__TLS_MISNAMED,  /* it is of another host */
    GP__TLS_UNTRUSTED, /* nobody we trust vouches for it */
};

struct gp__stream_tls {
    enum gp__tls_failure failure;
    bool verified;                 /* as was wished, and not by ANYBODY */
    enum gp__tls_failure observed; /* what it would have failed by, if that was to be observed */
    char text[200];                /* why not; or "TLSv1.3, TLS_AES_256_GCM_SHA384" */
    uint8_t exporter[64];          /* channel binding (RFC 9266) */
    size_t exporter_len;           /* 0: there is none */
};

/* ---- wakers ---- */

/* What every waker of an implementation begins with; the rest is its own. */
struct gp_waker {
    void (*fire)(struct gp_waker *waker); /* from any thread; frees it, sooner or later */
};

/* ---- lanes ---- */

/* A thread of its own for one owner, whose work waits behind nobody else's. What every lane of an
 * implementation begins with; the rest is its own. Made by lane_open(). */
struct gp__lane {
    struct gp__runtime *runtime;
    void (*run)(void *arg);     /* on the thread, after a kick: does all that there is to do */
    void (*collect)(void *arg); /* on the loop's stack, after a report */
    void *arg;
};

/* ---- timers ---- */

/* Owned by whoever embeds it; stop it before freeing. Resolution 1 ms. */
struct gp__timer {
    uint64_t at_ms; /* absolute, runtime time */
    size_t slot;    /* in the runtime's heap + 1; 0: not armed */
    void (*fn)(struct gp__timer *timer);
};

/* ---- the table ---- */

struct gp__runtime_ops {
    const char *name; /* "live", "simulated" */

    uint64_t (*now_ms)(struct gp__runtime *rt); /* steady; of this turn of the loop */
    uint64_t (*now_ns)(struct gp__runtime *rt); /* steady, exact: for latencies */
    int64_t (*wall_ms)(struct gp__runtime *rt); /* since 1970, UTC */
    void (*random)(struct gp__runtime *rt, void *bytes, size_t len);

    /* Bytes of memory that the process has for itself, 0: nobody knows; bytes that are free for us in
     * the file system of a local directory (NUL-terminated), UINT64_MAX: nobody knows. */
    uint64_t (*memory)(struct gp__runtime *rt);
    uint64_t (*space)(struct gp__runtime *rt, struct gp_slice path);

    void (*timer_start)(struct gp__runtime *rt, struct gp__timer *timer, uint64_t at_ms);
    void (*timer_stop)(struct gp__runtime *rt, struct gp__timer *timer);

    /* Calls fn(arg) from the loop's stack before the loop waits again. */
    void (*defer)(struct gp__runtime *rt, void (*fn)(void *arg), void *arg);

    /*
     * Runs fn(arg) on a fiber. 1: it ended already. 0: it is parked; done(arg) is called from the
     * loop's stack once it has ended. -1: no fiber could be had; fn did not run.
     */
    int (*run)(struct gp__runtime *rt, void (*fn)(void *arg), void (*done)(void *arg), void *arg,
               size_t stack);
    struct gp__fiber *(*fiber)(struct gp__runtime *rt);            /* the current one, or NULL */
    void (*park)(struct gp__runtime *rt);                          /* on a fiber only */
    void (*wake)(struct gp__runtime *rt, struct gp__fiber *fiber); /* resumes it soon */

    void (*sleep)(struct gp__runtime *rt, struct gp_op *op, uint64_t ms);
    void (*dns)(struct gp__runtime *rt, struct gp_op *op, struct gp_slice name,
                enum gp_dns_type type);
    void (*work)(struct gp__runtime *rt, struct gp_op *op, void (*fn)(void *block), void *block,
                 size_t size);
    void (*file)(struct gp__runtime *rt, struct gp_op *op, const struct gp__file_job *job);
    void (*connect)(struct gp__runtime *rt, struct gp_op *op, struct gp_slice address);
    /* op->number: which of the addresses it is. The dialling is copied. */
    void (*dial)(struct gp__runtime *rt, struct gp_op *op, const struct gp__dialling *dialling);
    /* A handshake as the client, on a stream of which nothing is under way; then all is encrypted.
     * GP_ETEMP: it failed, stream->tls says how, and the stream is of no more use. What the wish
     * points to must stand still until the operation is done. */
    void (*stream_secure)(struct gp__runtime *rt, struct gp_op *op, struct gp_stream *stream,
                          const struct gp__tls_wish *wish);
    void (*stream_read)(struct gp__runtime *rt, struct gp_op *op, struct gp_stream *stream,
                        void *bytes, size_t size); /* result: bytes read, 0 at the end */
    void (*stream_write)(struct gp__runtime *rt, struct gp_op *op, struct gp_stream *stream,
                         struct gp_slice bytes);
    /* Without an operation: how many bytes could leave at once, or GP_ECLOSED. */
    int64_t (*stream_write_now)(struct gp__runtime *rt, struct gp_stream *stream,
                                struct gp_slice bytes);
    void (*stream_close)(struct gp__runtime *rt, struct gp_stream *stream);
    void (*wait_fd)(struct gp__runtime *rt, struct gp_op *op, int fd, unsigned events);
    struct gp_waker *(*waker)(struct gp__runtime *rt, struct gp_op *op);

    /* NULL: no thread could be had. kick(): run() is called, once more if it is at work. report(),
     * from run(): collect() is called, soon. close() lets run() do what it was kicked for, and ends
     * the thread; collect() is not called any more. */
    struct gp__lane *(*lane_open)(struct gp__runtime *rt, void (*run)(void *arg),
                                  void (*collect)(void *arg), void *arg);
    void (*lane_kick)(struct gp__lane *lane);
    void (*lane_report)(struct gp__lane *lane);
    void (*lane_close)(struct gp__lane **lane_);

    /* Fills in the answer; the request (core/hook/http.h) is sound and stands still until then. */
    void (*http)(struct gp__runtime *rt, struct gp_op *op, struct gp_http *http);

    /* Runs it: op->number is its exit code, or 128 and a signal, op->bytes its output. GP_ETEMP: it
     * cannot be started. Cancelling ends the program. */
    void (*command)(struct gp__runtime *rt, struct gp_op *op, const struct gp__command_job *job);

    /* Forgets an operation that is not done: it is done with GP_ECANCELED when this returns. */
    void (*cancel)(struct gp__runtime *rt, struct gp_op *op);
};

/* What every implementation begins with. */
struct gp__runtime {
    const struct gp__runtime_ops *ops;
    struct gp__log *log;
    struct gp__tasks *tasks; /* fibers and deferred calls: core/runtime/tasks.h */
    struct gp__crypto *crypto;
    struct gp__census *census;  /* what all processes count together; NULL: it is alone */
    struct gp__origin *sources; /* of this process: core/delivery/origin.h */
};

#endif
