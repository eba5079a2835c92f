// SPDX-License-Identifier: Apache-2.0
/* Starting processes, and doing what the table of supervise.h says. */
#include "core/process/master.h"

#include "core/base/alloc.h"
#include "core/base/crypto.h"
#include "core/base/pack.h"
#include "core/process/scheduling.h"
#include "core/process/shared_memory.h"
#include "core/process/spawn.h"
#include "core/runtime/tls.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define READY_MS 60000u
#define ABORT_MS 5000u /* after SIGABRT it is killed */
#define PAGES_PER_PROCESS 4u

static uint64_t steady_ms(const struct gp__master *master)
{
    return master->runtime->ops->now_ns(master->runtime) / 1000000;
}

static void arm(struct gp__child *child, uint64_t ms)
{
    struct gp__runtime *rt = child->master->runtime;

    rt->ops->timer_start(rt, &child->timer, rt->ops->now_ms(rt) + ms);
}

static void disarm(struct gp__child *child)
{
    child->master->runtime->ops->timer_stop(child->master->runtime, &child->timer);
}

/* ---- what it says ---- */

static void on_message(void *arg, struct gp__message *message)
{
    struct gp__child *child = arg;
    struct gp__unpack in = {.rest = message->body};

    if (message->type == GP__MSG_READY) {
        disarm(child);
        gp__child_tell(child, GP__CHILD_READY);
        if (child->state == GP__CHILD_TRIED)
            gp__reload_ready(child->master);
    } else if (message->type == GP__MSG_FAILED) {
        gp__buf_clear(&child->failure);
        gp__buf_append(&child->failure, gp__unpack_text(&in));
    } else if (message->type == GP__MSG_ANSWER && gp__roles[child->role].wants_scheduling) {
        gp__queue_answered(child, message);
    } else if (message->type == GP__MSG_ANSWER) {
        gp__child_answered(child, message);
    } else if (message->type == GP__MSG_ASK && child->role == GP__ROLE_CONSOLE) {
        gp__child_wants_metrics(child, message->id);
    } else if (message->type == GP__MSG_RUN) {
        gp__child_asks_run(child, message);
    } else if (message->type == GP__MSG_END_RUN) {
        gp__commands_end(child->master->commands, child, message->id);
    }
}

/* It ends, or has: SIGCHLD tells how. One that lives on without a channel is of no use. */
static void on_closed(void *arg)
{
    struct gp__child *child = arg;

    gp__channel_close(&child->channel);
    arm(child, ABORT_MS);
}

/* ---- starting ---- */

/* So that a session with one worker can be resumed with any other, and all of them make up the same
 * salt for a user who does not exist. */
static void add_secrets(const struct gp__master *master, const struct gp__manifest *manifest,
                        struct gp__buf *body)
{
    const struct gp__crypto *crypto = master->runtime->crypto;
    uint8_t state[GP__TLS_TICKET_STATE];

    gp__tls_tickets_rotate(manifest->ticket_rotation);
    gp__tls_tickets_share(state, master->runtime->ops->wall_ms(master->runtime));
    gp__pack_text(body, gp_slice((const char *)state, sizeof state));
    explicit_bzero(state, sizeof state);
    gp__pack_text(body, gp_slice((const char *)crypto->key, sizeof crypto->key));
}

static int send_start(struct gp__child *child, int board)
{
    const struct gp__conf *conf = child->conf;
    const struct gp__role *role = &gp__roles[child->role];
    struct gp__message start = {.type = GP__MSG_START, .fds = {board}, .n_fds = 1};
    struct gp__buf body = {.limit = 0};
    int result, scheduling = -1;

    gp__pack_number(&body, GP__PROTOCOL_VERSION);
    gp__pack_number(&body, child->slot);
    gp__pack_number(&body, conf->manifest.sandbox);
    gp__pack_text(&body, gp_slice_of(child->master->options->config));
    if (role->wants_bundle) {
        add_secrets(child->master, &conf->manifest, &body);
        gp__pack_number(&body, child->page);
    }
    start.body = gp__buf_slice(&body);
    if (role->wants_bundle)
        start.fds[start.n_fds++] = conf->loaded.bundle;
    if (role->wants_bundle)
        start.fds[start.n_fds++] = child->master->census_fd;
    if (role->wants_scheduling)
        start.fds[start.n_fds++] = scheduling = gp__scheduling_memory(conf->manifest.scheduling);
    if ((role->wants_bundle || role->wants_scheduling) && conf->log_file >= 0)
        start.fds[start.n_fds++] = conf->log_file;
    result = role->wants_scheduling && scheduling < 0 ? -1
                                                      : gp__channel_send(child->channel, &start);
    if (scheduling >= 0)
        (void)close(scheduling); /* the other end has its own */
    explicit_bzero(body.data, body.cap);
    gp__buf_free(&body);
    return result;
}

static int spawn(struct gp__child *child)
{
    struct gp__channel_user user = {.message = on_message, .closed = on_closed, .arg = child};
    struct gp__spawn spawn = {
        .role = gp__roles[child->role].name,
        .identity = &child->conf->identity,
        .open_files = child->conf->manifest.open_files,
        .core_files = child->conf->manifest.core_files != 0,
    };
    int ends[2];

    if (gp__channel_pair(ends) < 0)
        return -1;
    spawn.channel = ends[1];
    child->pid = gp__spawn(&spawn);
    (void)close(ends[1]); /* nothing waits in it */
    if (child->pid > 0)
        child->channel = gp__channel_open(child->master->runtime, ends[0], &user);
    else
        child->pid = 0;
    if (child->channel)
        return 0;
    (void)close(ends[0]);
    return -1;
}

/* Enough for two generations and those that end slowly; what is more counts alone. Their size stays
 * until the master is started anew. */
static int open_census(struct gp__master *master, const struct gp__manifest *manifest)
{
    uint32_t pages = (uint32_t)(manifest->workers + manifest->carriers) * PAGES_PER_PROCESS;
    void *memory;

    if (master->census.head)
        return 0;
    if (pages > GP__CENSUS_MAX)
        pages = GP__CENSUS_MAX;
    master->census_size = gp__census_size(pages, (size_t)manifest->logins);
    memory = gp__shared_memory_create("gatepost-census", master->census_size, &master->census_fd);
    if (!memory)
        return -1;
    gp__census_init(memory, pages, (size_t)manifest->logins);
    return gp__census_open(&master->census, memory, master->census_size, GP__CENSUS_NONE);
}

static int take_page(struct gp__child *child)
{
    struct gp__master *master = child->master;

    if (!gp__roles[child->role].wants_bundle)
        return 0;
    if (open_census(master, &child->conf->manifest) < 0)
        return -1;
    child->page = gp__census_take(&master->census);
    if (child->page == GP__CENSUS_NONE)
        gp__log(&master->log, GP_LOG_WARNING, "process.counts_alone", GP__F_I("slot", child->slot));
    return 0;
}

static int launch(struct gp__child *child)
{
    int fd, result;

    if (take_page(child) < 0)
        return -1;
    child->board_room = (size_t)child->conf->manifest.n_stats;
    child->board = gp__board_create(child->board_room, &fd);
    if (!child->board)
        return -1;
    child->started_ms = steady_ms(child->master);
    child->aborted_ms = 0;
    gp__buf_clear(&child->failure);
    arm(child, READY_MS);
    result = spawn(child) < 0 ? -1 : send_start(child, fd);
    (void)close(fd); /* it is mapped */
    return result;
}

/* The place is empty: of a process that ended, or that never began. */
static void clear(struct gp__child *child)
{
    disarm(child);
    gp__child_answers_no_more(child);
    if (gp__roles[child->role].wants_scheduling)
        gp__queue_answers_no_more(child->master);
    gp__commands_forget(child->master->commands, child);
    if (child->board)
        gp__totals_add(&child->master->totals, child->board, child->board_room);
    gp__board_unmap(&child->board, child->board_room);
    gp__census_give_back(&child->master->census, child->page);
    child->page = GP__CENSUS_NONE;
    gp__channel_close(&child->channel);
    child->pid = 0;
    child->n_held = 0;
    child->line_to = 0;
}

static void on_timer(struct gp__timer *timer)
{
    struct gp__child *child = (struct gp__child *)(void *)((char *)timer -
                                                           offsetof(struct gp__child, timer));

    if (child->state == GP__CHILD_WAITING)
        gp__child_tell(child, GP__CHILD_RETRY);
    else if (child->pid && !child->channel)
        (void)kill(child->pid, SIGKILL);
    else
        gp__child_tell(child, GP__CHILD_HUNG);
}

static void start(struct gp__child *child)
{
    if (launch(child) == 0)
        return;
    gp__buf_printf(&child->failure, "start a process: %s", strerror(errno));
    gp__log(&child->master->log, GP_LOG_ERROR, "process.spawn", GP__F_I("slot", child->slot),
            GP__F_C("error", strerror(errno)));
    if (child->pid)
        (void)kill(child->pid, SIGKILL); /* SIGCHLD follows */
    else {
        clear(child);
        gp__child_tell(child, GP__CHILD_EXIT);
    }
}

void gp__child_create(struct gp__master *master, struct gp__conf *conf, enum gp__role_id role,
                      uint32_t slot)
{
    struct gp__child *child = gp__alloc(sizeof *child);

    child->master = master;
    child->conf = conf;
    conf->refs++;
    child->role = role;
    child->slot = slot;
    child->page = GP__CENSUS_NONE;
    child->timer.fn = on_timer;
    child->next = master->children;
    master->children = child;
    start(child);
}

/* ---- the table ---- */

static void send_drain(struct gp__child *child, enum gp__drain how)
{
    struct gp__message drain = {.type = GP__MSG_DRAIN};
    struct gp__buf body = {.limit = 0};

    gp__pack_number(&body, how);
    drain.body = gp__buf_slice(&body);
    if (child->channel)
        (void)gp__channel_send(child->channel, &drain); /* else closed() tells */
    child->n_held = 0;
    gp__buf_free(&body);
}

static void wait_to_retry(struct gp__child *child)
{
    uint64_t wait = gp__backoff_next(&child->backoff, steady_ms(child->master) - child->started_ms);

    if (wait == 0) {
        gp__child_tell(child, GP__CHILD_RETRY);
        return;
    }
    gp__log(&child->master->log, GP_LOG_WARNING, "process.wait",
            GP__F_C("role", gp__roles[child->role].name), GP__F_I("slot", child->slot),
            GP__F_I("crashes", child->backoff.crashes), GP__F_I("ms", wait));
    arm(child, wait);
    gp__children_share(child->master);
}

static void fail(struct gp__child *child)
{
    struct gp__buf why = {.limit = 0};

    gp__buf_append(&why, child->failure.len ? gp__buf_slice(&child->failure)
                                            : GP_S("a process did not become ready in time"));
    gp__reload_failed(child->master, gp__buf_slice(&why));
    gp__buf_free(&why);
}

void gp__child_tell(struct gp__child *child, enum gp__child_event event)
{
    struct gp__child_step step = gp__child_step(child->state, event);

    child->state = step.state;
    if (step.actions & GP__CHILD_DRAIN)
        send_drain(child, child->master->stopping ? GP__DRAIN_SOON : GP__DRAIN_GENTLY);
    if ((step.actions & GP__CHILD_KILL) && child->pid)
        (void)kill(child->pid, SIGKILL);
    if ((step.actions & GP__CHILD_ABORT) && child->pid) {
        (void)kill(child->pid, SIGABRT);
        child->aborted_ms = steady_ms(child->master);
    }
    if (step.actions & GP__CHILD_SPAWN)
        start(child);
    if (step.actions & GP__CHILD_WAIT)
        wait_to_retry(child);
    if ((step.actions & GP__CHILD_SERVE) && event == GP__CHILD_READY)
        gp__children_share(child->master);
    if (step.actions & GP__CHILD_FAIL)
        fail(child);
}

void gp__children_tell(struct gp__master *master, const struct gp__conf *conf,
                       enum gp__child_event event)
{
    for (struct gp__child *child = master->children; child; child = child->next)
        if (!conf || child->conf == conf)
            gp__child_tell(child, event);
}

void gp__children_drain(struct gp__master *master, enum gp__drain how)
{
    gp__children_tell(master, NULL, GP__CHILD_RETIRE);
    for (struct gp__child *child = master->children; child; child = child->next)
        if (child->state == GP__CHILD_ENDING)
            send_drain(child, how);
}

void gp__children_send(struct gp__master *master, const struct gp__message *message)
{
    for (struct gp__child *child = master->children; child; child = child->next)
        if (child->channel)
            (void)gp__channel_send(child->channel, message); /* else closed() tells */
}

/* ---- how it ended ---- */

static void log_signal(const struct gp__child *child, int signo)
{
    struct gp__last_words words = {.signo = 0};

    if (child->board)
        words = child->board->words;
    words.instance[sizeof words.instance - 1] = '\0';
    words.hook[sizeof words.hook - 1] = '\0';
    words.session[sizeof words.session - 1] = '\0';
    gp__log(&child->master->log, GP_LOG_ERROR, "process.crash",
            GP__F_C("role", gp__roles[child->role].name), GP__F_I("slot", child->slot),
            GP__F_I("pid", child->pid), GP__F_I("signal", signo),
            GP__F_C("instance", words.instance[0] ? words.instance : NULL),
            GP__F_C("hook", words.hook[0] ? words.hook : NULL),
            GP__F_C("session", words.session[0] ? words.session : NULL));
}

static void log_end(struct gp__child *child, int status)
{
    bool expected = child->state == GP__CHILD_ENDING;

    if (WIFSIGNALED(status) && !child->failure.len)
        gp__buf_printf(&child->failure, "a process ended by signal %d while it started",
                       WTERMSIG(status));
    else if (WIFEXITED(status) && !child->failure.len)
        gp__buf_printf(&child->failure,
                       "a process ended with code %d while it started; standard error says why",
                       WEXITSTATUS(status));
    if (WIFSIGNALED(status) && !(expected && WTERMSIG(status) == SIGKILL))
        log_signal(child, WTERMSIG(status));
    else if (expected)
        gp__log(&child->master->log, GP_LOG_INFO, "process.end",
                GP__F_C("role", gp__roles[child->role].name), GP__F_I("slot", child->slot),
                GP__F_I("pid", child->pid));
    else
        gp__log(&child->master->log, GP_LOG_WARNING, "process.exit",
                GP__F_C("role", gp__roles[child->role].name), GP__F_I("slot", child->slot),
                GP__F_I("pid", child->pid),
                GP__F_I("code", WIFEXITED(status) ? WEXITSTATUS(status) : -1));
}

void gp__children_reap(struct gp__master *master)
{
    int status;

    gp__commands_reap(master->commands);
    for (struct gp__child *child = master->children; child; child = child->next) {
        if (!child->pid || waitpid(child->pid, &status, WNOHANG) != child->pid)
            continue;
        if (child->channel)
            gp__channel_read_rest(child->channel);
        log_end(child, status);
        clear(child);
        gp__child_tell(child, GP__CHILD_EXIT);
    }
    gp__master_look_around(master);
}

static void look(struct gp__child *child, uint64_t now)
{
    uint64_t beat = child->board ? child->board->heartbeat : 0;

    if (!child->pid || beat == 0 || beat + child->conf->manifest.heartbeat >= now)
        return;
    if (child->aborted_ms) {
        if (now > child->aborted_ms + ABORT_MS)
            (void)kill(child->pid, SIGKILL);
        return;
    }
    gp__log(&child->master->log, GP_LOG_ERROR, "process.hung",
            GP__F_C("role", gp__roles[child->role].name), GP__F_I("slot", child->slot),
            GP__F_I("pid", child->pid), GP__F_I("ms", now - beat));
    gp__child_tell(child, GP__CHILD_HUNG);
}

void gp__children_look(struct gp__master *master)
{
    uint64_t now = steady_ms(master);

    for (struct gp__child *child = master->children; child; child = child->next)
        look(child, now);
}

void gp__children_signal(struct gp__master *master, int signo)
{
    for (struct gp__child *child = master->children; child; child = child->next)
        if (child->pid && (child->state == GP__CHILD_SERVING || child->state == GP__CHILD_ENDING))
            (void)kill(child->pid, signo);
}

static void free_child(struct gp__child *child)
{
    clear(child);
    gp__conf_unref(&child->conf);
    gp__buf_free(&child->failure);
    gp__free(child->held);
    gp__free(child);
}

size_t gp__children_sweep(struct gp__master *master)
{
    struct gp__child **link = &master->children;
    size_t left = 0;

    while (*link) {
        struct gp__child *child = *link;

        if (child->state != GP__CHILD_GONE || child->pid) {
            link = &child->next;
            left++;
            continue;
        }
        *link = child->next;
        free_child(child);
    }
    return left;
}

void gp__children_free(struct gp__master *master)
{
    while (master->children) {
        struct gp__child *child = master->children;

        master->children = child->next;
        if (child->pid) {
            (void)kill(child->pid, SIGKILL);
            (void)waitpid(child->pid, NULL, 0);
        }
        free_child(child);
    }
    gp__shared_memory_unmap(master->census.head, master->census_size);
    if (master->census.head)
        (void)close(master->census_fd);
    master->census = (struct gp__census){.count = 0};
}
