// SPDX-License-Identifier: Apache-2.0
/*
 * A worker: sessions and hooks, with few rights. Gets its configuration, its board and its sockets
 * from the master; without a master it lets its sessions end and goes.
 */
#include "core/base/crypto.h"
#include "core/base/hash.h"
#include "core/process/board.h"
#include "core/process/bundle.h"
#include "core/process/channel.h"
#include "core/process/config_host.h"
#include "core/process/control.h"
#include "core/base/pack.h"
#include "core/process/report.h"
#include "core/process/roles.h"
#include "core/process/run_line.h"
#include "core/process/sandbox.h"
#include "core/process/reception.h"
#include "core/process/shared_memory.h"
#include "core/runtime/crash.h"
#include "core/runtime/crypto.h"
#include "core/runtime/live.h"
#include "core/runtime/signal.h"
#include "core/runtime/tls.h"
#include "core/server/stats_log.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BEAT_MS 500

struct worker {
    int fd; /* the channel, until it is on the loop */
    struct gp__channel *channel;
    struct gp__run_line runs;
    struct gp__reception reception;
    struct gp__bundle bundle;
    struct gp__config_source source;
    struct gp__board *board;
    size_t board_room;
    struct gp__census census;
    uint64_t page;
    struct gp__signals *signals;
    struct gp__timer beat;
    uint64_t slot;
    char config[4096];
    uint8_t crypto_key[GP__CRYPTO_KEY]; /* the master's, until there is a runtime */
    int landlock;                       /* its version; 0: none */
    int log_file;                       /* -1: none was passed */
};

/* ---- signs of life ---- */

static void beat(struct worker *worker)
{
    struct gp__runtime *rt = worker->reception.runtime;

    worker->board->heartbeat = rt->ops->now_ns(rt) / 1000000;
    if (worker->reception.generation)
        gp__board_refresh(worker->board, worker->reception.generation);
    rt->ops->timer_start(rt, &worker->beat, rt->ops->now_ms(rt) + BEAT_MS);
}

static void on_beat(struct gp__timer *timer)
{
    beat((struct worker *)(void *)((char *)timer - offsetof(struct worker, beat)));
}

/* ---- what the master says ---- */

static void on_socket(struct worker *worker, struct gp__message *message)
{
    struct gp__unpack in = {.rest = message->body};
    uint64_t id = gp__unpack_number(&in);
    struct gp_slice listener = gp__unpack_text(&in);

    if (in.bad || message->n_fds != 1)
        return;
    message->n_fds = 0; /* taken */
    (void)gp__reception_listen(&worker->reception, id, listener, message->fds[0]);
}

static void on_no_socket(struct worker *worker, struct gp__message *message)
{
    struct gp__unpack in = {.rest = message->body};
    uint64_t id = gp__unpack_number(&in);

    if (!in.bad)
        gp__reception_unlisten(&worker->reception, id);
}

static void on_drain(struct worker *worker, struct gp__message *message)
{
    struct gp__unpack in = {.rest = message->body};
    uint64_t how = gp__unpack_upto(&in, GP__DRAIN_NOW);

    if (!in.bad)
        gp__reception_drain(&worker->reception, (enum gp__drain)how);
}

static void on_log(struct worker *worker, struct gp__message *message)
{
    if (message->n_fds != 1)
        return;
    message->n_fds = 0;
    gp__sink_adopt(worker->reception.sink, message->fds[0]);
}

static void on_ask(struct worker *worker, struct gp__message *message)
{
    struct gp__unpack in = {.rest = message->body};
    uint64_t limit = gp__unpack_number(&in);
    struct gp__buf out = {.limit = GP__CONTROL_ANSWER_MAX};

    (void)gp__report_sessions(&out, &worker->reception.server, limit);
    (void)gp__answer_in_parts(worker->channel, message->id,
                              gp__buf_slice(&out)); /* else closed() tells */
    gp__buf_free(&out);
}

static void on_ran(struct worker *worker, struct gp__message *message)
{
    gp__run_line_ran(&worker->runs, message);
}

static void (*const handlers[GP__MSG_COUNT])(struct worker *worker, struct gp__message *message) = {
    [GP__MSG_SOCKET] = on_socket, [GP__MSG_NO_SOCKET] = on_no_socket,
    [GP__MSG_DRAIN] = on_drain,   [GP__MSG_LOG] = on_log,
    [GP__MSG_ASK] = on_ask,       [GP__MSG_RAN] = on_ran,
};

static void on_message(void *arg, struct gp__message *message)
{
    if (message->type < GP__MSG_COUNT && handlers[message->type])
        handlers[message->type](arg, message);
}

static void on_master_gone(void *arg)
{
    struct worker *worker = arg;

    gp__log(&worker->reception.log, GP_LOG_ERROR, "worker.no_master", GP__F_I("slot", worker->slot),
            GP__F_I("sessions", worker->reception.server.n_clients));
    gp__reception_drain(&worker->reception, GP__DRAIN_SOON);
}

static void tell(struct worker *worker, enum gp__message_type type, struct gp_slice text)
{
    struct gp__message message = {.type = type};
    struct gp__buf body = {.limit = 0};

    if (type == GP__MSG_FAILED)
        gp__pack_text(&body, gp_slice_sub(text, 0, GP__MESSAGE_BODY_MAX / 2));
    message.body = gp__buf_slice(&body);
    if (worker->channel)
        (void)gp__channel_send(worker->channel, &message); /* closed() tells if it is gone */
    else if (gp__message_put(worker->fd, &message) < 0)
        fprintf(stderr, "gatepost: " GP_FMT "\n", GP_ARG(text));
    gp__buf_free(&body);
}

/* ---- signals ---- */

/* The master has a signal of its own for each of these, or tells. */
static void on_terminate(void *arg, int signo)
{
    struct worker *worker = arg;

    if (signo == SIGTERM)
        gp__reception_drain(&worker->reception, GP__DRAIN_SOON);
}

static void ignore(void *arg)
{
    (void)arg;
}

static void on_report(void *arg)
{
    struct worker *worker = arg;

    gp__stats_log(worker->reception.generation, &worker->reception.log);
}

static int catch_signals(struct worker *worker, struct gp__buf *error)
{
    struct gp__signal_user user = {.terminate = on_terminate,
                                   .reload = ignore,
                                   .reopen = ignore,
                                   .report = on_report,
                                   .arg = worker};

    worker->signals = gp__signals_start(worker->reception.runtime, &user);
    if (!worker->signals)
        gp__buf_printf(error, "signals: %s", strerror(errno));
    return worker->signals ? 0 : -1;
}

/* ---- start ---- */

/* Workers know sessions and logins of each other by hashes. */
static void seed_hash(struct gp_slice key)
{
    uint8_t seed[GP__DIGEST_MAX];

    gp__digest_hmac(GP__SHA256, key, GP_S("hash"), seed);
    gp__hash_seed(seed);
    explicit_bzero(seed, sizeof seed);
}

/* One without a page counts alone. */
static int take_census(struct worker *worker, int fd)
{
    size_t size;
    void *memory;

    if (worker->page >= GP__CENSUS_NONE)
        return 0;
    memory = gp__shared_memory_map(fd, 1, &size);
    return memory ? gp__census_open(&worker->census, memory, size, (uint32_t)worker->page) : -1;
}

static int take_secrets(struct worker *worker, struct gp__unpack *in)
{
    struct gp_slice tickets = gp__unpack_text(in), key = gp__unpack_text(in);

    if (tickets.len != GP__TLS_TICKET_STATE || key.len != sizeof worker->crypto_key)
        return -1;
    gp__tls_tickets_join((const uint8_t *)tickets.data);
    memcpy(worker->crypto_key, key.data, key.len);
    seed_hash(key);
    worker->page = gp__unpack_number(in);
    return 0;
}

static int take_start(struct worker *worker, struct gp__message *start, struct gp__buf *error)
{
    struct gp__unpack in = {.rest = start->body};
    uint64_t version = gp__unpack_number(&in);
    const char *why = "the master speaks nonsense";
    struct gp_slice config;

    if (version != GP__PROTOCOL_VERSION) {
        gp__buf_append(error, GP_S("the program was replaced while it ran: restart it"));
        return -1;
    }
    worker->slot = gp__unpack_number(&in);
    (void)gp__unpack_number(&in); /* its own configuration tells, too */
    config = gp__unpack_text(&in);
    if (take_secrets(worker, &in) < 0 || in.bad || config.len >= sizeof worker->config ||
        start->n_fds < 3) {
        gp__buf_append(error, gp_slice_of(why));
        return -1;
    }
    memcpy(worker->config, config.data, config.len);
    worker->board = gp__board_map(start->fds[0], &worker->board_room);
    if (!worker->board || gp__bundle_open(&worker->bundle, start->fds[1], &why) < 0 ||
        take_census(worker, start->fds[2]) < 0) {
        gp__buf_printf(error, "what the master passed: %s", worker->board ? why : strerror(errno));
        return -1;
    }
    if (start->n_fds > 3) {
        worker->log_file = start->fds[3];
        start->n_fds = 3; /* taken */
    }
    return 0;
}

static int load(struct worker *worker, struct gp__buf *error)
{
    struct gp__diag *diag = gp__diag_create();

    if (gp__config_source_with(&worker->source, &worker->bundle.files) == 0)
        worker->reception.settings = gp__config_load(&worker->source, worker->config, diag);
    if (!worker->reception.settings)
        gp__diag_print(diag, GP__DIAG_TEXT, error);
    gp__diag_free(&diag);
    gp__bundle_close(&worker->bundle); /* it holds secrets */
    return worker->reception.settings ? 0 : -1;
}

static int open_channel(struct worker *worker, struct gp__buf *error)
{
    struct gp__channel_user user = {.message = on_message, .closed = on_master_gone, .arg = worker};

    worker->channel = gp__channel_open(worker->reception.runtime, worker->fd, &user);
    if (!worker->channel)
        gp__buf_printf(error, "channel: %s", strerror(errno));
    return worker->channel ? 0 : -1;
}

/* A worker that cannot be locked up does not serve: `sandbox: off` is for kernels that refuse. */
static int lock_files(struct worker *worker, struct gp__buf *error)
{
    int version;

    if (!worker->reception.settings->process.sandbox)
        return 0;
    version = gp__sandbox_files(worker->reception.settings);
    if (version < 0)
        gp__buf_printf(error, "sandbox: Landlock: %s; `sandbox: off` does without",
                       strerror(errno));
    worker->landlock = version;
    return version < 0 ? -1 : 0;
}

static int lock_calls(struct worker *worker, struct gp__buf *error)
{
    if (!worker->reception.generation->settings->process.sandbox)
        return 0;
    if (gp__sandbox_calls() < 0) {
        gp__buf_printf(error, "sandbox: seccomp: %s; `sandbox: off` does without", strerror(errno));
        return -1;
    }
    gp__log(&worker->reception.log, GP_LOG_INFO, "worker.sandbox", GP__F_I("slot", worker->slot),
            GP__F_I("landlock", worker->landlock), GP__F_B("seccomp", true));
    return 0;
}

/* The channel comes last: what the master says is about a worker that is complete. */
static int start(struct worker *worker, struct gp__message *message, struct gp__buf *error)
{
    if (gp__reception_seed() < 0 || take_start(worker, message, error) < 0 ||
        load(worker, error) < 0)
        return -1;
    if (gp__reception_open_log(&worker->reception, worker->log_file) < 0) {
        gp__buf_append(error, GP_S("the log cannot be opened"));
        return -1;
    }
    worker->log_file = -1;
    if (lock_files(worker, error) < 0 || gp__reception_open_runtime(&worker->reception, error) < 0)
        return -1;
    memcpy(worker->reception.runtime->crypto->key, worker->crypto_key, sizeof worker->crypto_key);
    explicit_bzero(worker->crypto_key, sizeof worker->crypto_key);
    gp__run_line_open(&worker->runs, worker->reception.runtime, &worker->channel);
    gp__crash_words(&worker->board->words);
    gp__counts_into(&worker->board->counts);
    worker->beat.fn = on_beat;
    beat(worker);
    if (gp__reception_open_generation(&worker->reception, error) < 0)
        return -1;
    gp__server_join(&worker->reception.server, &worker->census);
    gp__board_take_stats(worker->board, worker->board_room, worker->reception.generation);
    return catch_signals(worker, error) < 0 || open_channel(worker, error) < 0 ||
                   lock_calls(worker, error) < 0
               ? -1
               : 0;
}

static void close_all(struct worker *worker)
{
    gp__channel_close(&worker->channel);
    if (worker->signals)
        gp__signals_stop(&worker->signals);
    if (worker->reception.runtime)
        worker->reception.runtime->ops->timer_stop(worker->reception.runtime, &worker->beat);
    gp__reception_close(&worker->reception);
    gp__config_source_done(&worker->source);
    gp__bundle_close(&worker->bundle);
    /* The board stays: it is counted on to the last, and what it says then is kept. */
}

int gp__worker_main(int channel)
{
    struct worker worker = {.fd = channel, .log_file = -1};
    struct gp__buf place = {.limit = 0}, error = {.limit = 0};
    struct gp__message message;
    int failed;

    /* The master was told to stop by the same Ctrl-C, and tells. */
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    if (gp__message_get(channel, &place, &message) != 1 || message.type != GP__MSG_START)
        return 1;
    failed = start(&worker, &message, &error);
    gp__message_close_fds(&message);
    explicit_bzero(place.data, place.cap); /* the secrets in it */
    gp__buf_free(&place);
    tell(&worker, failed ? GP__MSG_FAILED : GP__MSG_READY, gp__buf_slice(&error));
    gp__buf_free(&error);
    if (!failed)
        gp__reception_run(&worker.reception);
    close_all(&worker);
    return failed ? 1 : 0;
}
