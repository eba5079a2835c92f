// SPDX-License-Identifier: Apache-2.0
#include "core/process/servant.h"

#include "core/base/hash.h"
#include "core/base/pack.h"
#include "core/process/control.h"
#include "core/process/sandbox.h"
#include "core/process/shared_memory.h"
#include "core/runtime/crash.h"
#include "core/runtime/crypto.h"
#include "core/runtime/live.h"
#include "core/runtime/tls.h"
#include "core/server/stats_log.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BEAT_MS 500

/* ---- signs of life ---- */

static void beat(struct gp__servant *servant)
{
    struct gp__runtime *rt = servant->reception.runtime;

    servant->board->heartbeat = rt->ops->now_ns(rt) / 1000000;
    gp__census_set_memory(&servant->census, rt->ops->memory(rt));
    if (servant->reception.generation)
        gp__board_refresh(servant->board, servant->reception.generation);
    rt->ops->timer_start(rt, &servant->beat, rt->ops->now_ms(rt) + BEAT_MS);
}

static void on_beat(struct gp__timer *timer)
{
    beat((struct gp__servant *)(void *)((char *)timer - offsetof(struct gp__servant, beat)));
}

/* ---- what the master says ---- */

static void on_log(struct gp__servant *servant, struct gp__message *message)
{
    if (message->n_fds != 1)
        return;
    message->n_fds = 0;
    gp__sink_adopt(servant->reception.sink, message->fds[0]);
}

static void on_drain(struct gp__servant *servant, struct gp__message *message)
{
    struct gp__unpack in = {.rest = message->body};
    uint64_t how = gp__unpack_upto(&in, GP__DRAIN_NOW);

    if (!in.bad)
        servant->kind->drain(servant, (enum gp__drain)how);
}

static void on_message(void *arg, struct gp__message *message)
{
    struct gp__servant *servant = arg;

    if (message->type == GP__MSG_DRAIN)
        on_drain(servant, message);
    else if (message->type == GP__MSG_LOG)
        on_log(servant, message);
    else if (message->type == GP__MSG_RAN)
        gp__run_line_ran(&servant->runs, message);
    else
        servant->kind->message(servant, message);
}

static void on_master_gone(void *arg)
{
    struct gp__servant *servant = arg;

    gp__log(&servant->reception.log, GP_LOG_ERROR, "process.no_master",
            GP__F_C("role", servant->kind->name), GP__F_I("slot", servant->slot),
            GP__F_I("busy", servant->kind->busy(servant)));
    servant->kind->drain(servant, GP__DRAIN_SOON);
}

static void tell(struct gp__servant *servant, enum gp__message_type type, struct gp_slice text)
{
    struct gp__message message = {.type = type};
    struct gp__buf body = {.limit = 0};

    if (type == GP__MSG_FAILED)
        gp__pack_text(&body, gp_slice_sub(text, 0, GP__MESSAGE_BODY_MAX / 2));
    message.body = gp__buf_slice(&body);
    if (servant->channel)
        (void)gp__channel_send(servant->channel, &message); /* closed() tells if it is gone */
    else if (gp__message_put(servant->fd, &message) < 0)
        fprintf(stderr, "gatepost: " GP_FMT "\n", GP_ARG(text));
    gp__buf_free(&body);
}

/* ---- signals ---- */

/* The master has a signal of its own for each of these, or tells. */
static void on_terminate(void *arg, int signo)
{
    struct gp__servant *servant = arg;

    if (signo == SIGTERM)
        servant->kind->drain(servant, GP__DRAIN_SOON);
}

static void ignore(void *arg)
{
    (void)arg;
}

static void on_report(void *arg)
{
    struct gp__servant *servant = arg;

    gp__stats_log(servant->reception.generation, &servant->reception.log);
}

static int catch_signals(struct gp__servant *servant, struct gp__buf *error)
{
    struct gp__signal_user user = {.terminate = on_terminate,
                                   .reload = ignore,
                                   .reopen = ignore,
                                   .report = on_report,
                                   .arg = servant};

    servant->signals = gp__signals_start(servant->reception.runtime, &user);
    if (!servant->signals)
        gp__buf_printf(error, "signals: %s", strerror(errno));
    return servant->signals ? 0 : -1;
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
static int take_census(struct gp__servant *servant, int fd)
{
    size_t size;
    void *memory;

    if (servant->page >= GP__CENSUS_NONE)
        return 0;
    memory = gp__shared_memory_map(fd, 1, &size);
    return memory ? gp__census_open(&servant->census, memory, size, (uint32_t)servant->page) : -1;
}

static int take_secrets(struct gp__servant *servant, struct gp__unpack *in)
{
    struct gp_slice tickets = gp__unpack_text(in), key = gp__unpack_text(in);

    if (tickets.len != GP__TLS_TICKET_STATE || key.len != sizeof servant->crypto_key)
        return -1;
    gp__tls_tickets_join((const uint8_t *)tickets.data);
    memcpy(servant->crypto_key, key.data, key.len);
    seed_hash(key);
    servant->page = gp__unpack_number(in);
    return 0;
}

static int take_start(struct gp__servant *servant, struct gp__message *start, struct gp__buf *error)
{
    struct gp__unpack in = {.rest = start->body};
    uint64_t version = gp__unpack_number(&in);
    const char *why = "the master speaks nonsense";
    struct gp_slice config;

    if (version != GP__PROTOCOL_VERSION) {
        gp__buf_append(error, GP_S("the program was replaced while it ran: restart it"));
        return -1;
    }
    servant->slot = gp__unpack_number(&in);
    (void)gp__unpack_number(&in); /* its own configuration tells, too */
    config = gp__unpack_text(&in);
    if (take_secrets(servant, &in) < 0 || in.bad || config.len >= sizeof servant->config ||
        start->n_fds < 3) {
        gp__buf_append(error, gp_slice_of(why));
        return -1;
    }
    memcpy(servant->config, config.data, config.len);
    servant->board = gp__board_map(start->fds[0], &servant->board_room);
    if (!servant->board || gp__bundle_open(&servant->bundle, start->fds[1], &why) < 0 ||
        take_census(servant, start->fds[2]) < 0) {
        gp__buf_printf(error, "what the master passed: %s", servant->board ? why : strerror(errno));
        return -1;
    }
    if (start->n_fds > 3) {
        servant->log_file = start->fds[3];
        start->n_fds = 3; /* taken */
    }
    return 0;
}

static int load(struct gp__servant *servant, struct gp__buf *error)
{
    struct gp__diag *diag = gp__diag_create();

    if (gp__config_source_with(&servant->source, &servant->bundle.files) == 0)
        servant->reception.settings = gp__config_load(&servant->source, servant->config, diag);
    if (!servant->reception.settings)
        gp__diag_print(diag, GP__DIAG_TEXT, error);
    gp__diag_free(&diag);
    gp__bundle_close(&servant->bundle); /* it holds secrets */
    return servant->reception.settings ? 0 : -1;
}

static int open_channel(struct gp__servant *servant, struct gp__buf *error)
{
    struct gp__channel_user user = {
        .message = on_message, .closed = on_master_gone, .arg = servant};

    servant->channel = gp__channel_open(servant->reception.runtime, servant->fd, &user);
    if (!servant->channel)
        gp__buf_printf(error, "channel: %s", strerror(errno));
    return servant->channel ? 0 : -1;
}

/* One that cannot be locked up does not serve: `sandbox: off` is for kernels that refuse. */
static int lock_files(struct gp__servant *servant, struct gp__buf *error)
{
    int version;

    if (!servant->reception.settings->process.sandbox)
        return 0;
    version = gp__sandbox_files(servant->reception.settings);
    if (version < 0)
        gp__buf_printf(error, "sandbox: Landlock: %s; `sandbox: off` does without",
                       strerror(errno));
    servant->landlock = version;
    return version < 0 ? -1 : 0;
}

static int lock_calls(struct gp__servant *servant, struct gp__buf *error)
{
    if (!servant->reception.generation->settings->process.sandbox)
        return 0;
    if (gp__sandbox_calls() < 0) {
        gp__buf_printf(error, "sandbox: seccomp: %s; `sandbox: off` does without", strerror(errno));
        return -1;
    }
    gp__log(&servant->reception.log, GP_LOG_INFO, "process.sandbox",
            GP__F_C("role", servant->kind->name), GP__F_I("slot", servant->slot),
            GP__F_I("landlock", servant->landlock), GP__F_B("seccomp", true));
    return 0;
}

/* The channel comes last: what the master says is about one that is complete. */
static int start(struct gp__servant *servant, struct gp__message *message, struct gp__buf *error)
{
    if (gp__reception_seed() < 0 || take_start(servant, message, error) < 0 ||
        load(servant, error) < 0)
        return -1;
    if (gp__reception_open_log(&servant->reception, servant->log_file) < 0) {
        gp__buf_append(error, GP_S("the log cannot be opened"));
        return -1;
    }
    servant->log_file = -1;
    if (lock_files(servant, error) < 0 ||
        gp__reception_open_runtime(&servant->reception, error) < 0)
        return -1;
    if (servant->census.head)
        servant->reception.runtime->census = &servant->census;
    memcpy(servant->reception.runtime->crypto->key, servant->crypto_key,
           sizeof servant->crypto_key);
    explicit_bzero(servant->crypto_key, sizeof servant->crypto_key);
    gp__run_line_open(&servant->runs, servant->reception.runtime, &servant->channel);
    gp__crash_words(&servant->board->words);
    gp__counts_into(&servant->board->counts);
    servant->beat.fn = on_beat;
    beat(servant);
    if (gp__reception_open_generation(&servant->reception, error) < 0)
        return -1;
    gp__board_take_stats(servant->board, servant->board_room, servant->reception.generation);
    if (servant->kind->open(servant, error) < 0)
        return -1;
    return catch_signals(servant, error) < 0 || open_channel(servant, error) < 0 ||
                   lock_calls(servant, error) < 0
               ? -1
               : 0;
}

static void close_all(struct gp__servant *servant)
{
    servant->kind->close(servant);
    gp__channel_close(&servant->channel);
    if (servant->signals)
        gp__signals_stop(&servant->signals);
    if (servant->reception.runtime)
        servant->reception.runtime->ops->timer_stop(servant->reception.runtime, &servant->beat);
    gp__reception_close(&servant->reception);
    gp__config_source_done(&servant->source);
    gp__bundle_close(&servant->bundle);
    /* The board stays: it is counted on to the last, and what it says then is kept. */
}

int gp__servant_main(struct gp__servant *servant, int channel)
{
    struct gp__buf place = {.limit = 0}, error = {.limit = 0};
    struct gp__message message;
    int failed;

    servant->fd = channel;
    servant->log_file = -1;
    /* The master was told to stop by the same Ctrl-C, and tells. */
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    if (gp__message_get(channel, &place, &message) != 1 || message.type != GP__MSG_START)
        return 1;
    failed = start(servant, &message, &error);
    gp__message_close_fds(&message);
    explicit_bzero(place.data, place.cap); /* the secrets in it */
    gp__buf_free(&place);
    tell(servant, failed ? GP__MSG_FAILED : GP__MSG_READY, gp__buf_slice(&error));
    gp__buf_free(&error);
    if (!failed)
        gp__reception_run(&servant->reception);
    close_all(servant);
    return failed ? 1 : 0;
}
