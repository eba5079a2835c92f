// SPDX-License-Identifier: Apache-2.0
/*
 * Inside the master: what its files share. The master binds, opens, starts processes and looks after
 * them. It loads no plugin and parses no configuration.
 */
#ifndef GP_PROCESS_MASTER_H
#define GP_PROCESS_MASTER_H

#include "core/process/board.h"
#include "core/process/channel.h"
#include "core/process/commands.h"
#include "core/process/control.h"
#include "core/process/identity.h"
#include "core/process/load.h"
#include "core/process/manifest.h"
#include "core/process/messages.h"
#include "core/process/roles.h"
#include "core/process/serve.h"
#include "core/process/sockets.h"
#include "core/process/supervise.h"
#include "core/process/totals.h"
#include "core/runtime/sink.h"
#include "core/base/census.h"
#include "core/runtime/signal.h"

/* A process of ours, or the place of one that waits to be started again. */
struct gp__child {
    struct gp__child *next;
    struct gp__master *master;
    struct gp__conf *conf;
    enum gp__role_id role;
    uint32_t slot;
    enum gp__child_state state;
    pid_t pid; /* 0: it is not running */
    struct gp__channel *channel;
    struct gp__board *board;
    size_t board_room;
    uint32_t page; /* GP__CENSUS_NONE: it has none */
    struct gp__backoff backoff;
    struct gp__timer timer; /* until it is started again, or must be ready */
    uint64_t started_ms;    /* of the runtime's clock */
    uint64_t aborted_ms;    /* 0: not; killed a while after */
    struct gp__buf failure; /* why it said it cannot be */
    uint32_t asked;         /* id of the question it has not answered; 0: none */
    bool answering;
    pid_t line_to;  /* of the scheduler that it has a line to; 0: none */
    uint64_t *held; /* ids of the sockets it accepts from */
    size_t n_held, held_cap;
};

/* A configuration, with what belongs to it. Children hold it. */
struct gp__conf {
    unsigned refs;
    uint64_t generation;
    struct gp__arena *arena;
    struct gp__manifest manifest;
    struct gp__loaded loaded;
    struct gp__identity identity;
    struct gp__identity *identities; /* of the manifest's commands */
    int log_file;                    /* of all its processes; -1: they open their own */
};

/* Who is told what a reload came to. */
struct gp__reload_waiter {
    struct gp__reload_waiter *next;
    void (*done)(void *arg, bool ok, struct gp_slice text);
    void *arg;
};

struct gp__master {
    const struct gp__serve_options *options;
    struct gp__runtime *runtime;
    struct gp__signals *signals;
    struct gp__sink *sink;
    struct gp__log log;
    struct gp__sockets sockets;
    struct gp__child *children;
    struct gp__conf *conf; /* that is in force; NULL: none yet */
    uint64_t generations;
    struct gp__timer pulse;
    uint64_t looked_ms, watchdog_at_ms; /* looked: at files that change by themselves */
    uint64_t began_ms;                  /* steady */
    struct gp__control *control;
    struct gp__commands *commands; /* programs that run for plugins */
    struct gp__ask *asks;
    struct gp__queue_ask *queue_asks;
    uint32_t n_asks;
    struct gp__totals totals; /* of processes that left */
    struct gp__census census; /* of workers; made with the first one */
    size_t census_size;
    int census_fd;
    bool stopping, failed, looking;
    uint64_t stop_at_ms; /* what is still there is killed */

    /* The reload under way. */
    struct gp__load_job *load;
    struct gp__conf *candidate;
    uint64_t reload_began_ms;
    bool reload_wanted; /* asked for while one was under way */
    struct gp__reload_waiter *waiters, *next_waiters;
};

/* ---- children.c ---- */

/* Starts a process of a configuration that is tried. */
void gp__child_create(struct gp__master *master, struct gp__conf *conf, enum gp__role_id role,
                      uint32_t slot);
void gp__child_tell(struct gp__child *child, enum gp__child_event event);

/* Those that ended: of SIGCHLD. */
void gp__children_reap(struct gp__master *master);

/* Those that show no sign of life; called once a pulse. */
void gp__children_look(struct gp__master *master);

/* Tells each of a configuration (NULL: all). */
void gp__children_tell(struct gp__master *master, const struct gp__conf *conf,
                       enum gp__child_event event);

/* All end: hurries also those that end already. */
void gp__children_drain(struct gp__master *master, enum gp__drain how);

/* Forgets those that are gone. How many are left. */
size_t gp__children_sweep(struct gp__master *master);

/* Those that run and are not on their way up. */
void gp__children_signal(struct gp__master *master, int signo);

/* The same message to all that run. */
void gp__children_send(struct gp__master *master, const struct gp__message *message);

/* Sockets go to whom they belong now: after one came, went, or became another. */
void gp__children_share(struct gp__master *master);
void gp__children_free(struct gp__master *master);

/* ---- lines.c ---- */

/* Each process that carries gets a line to the scheduler, as soon as both serve. */
void gp__lines_make(struct gp__master *master);

/* The process of the scheduler, or the place of one that waits to be started again; NULL: none. */
struct gp__child *gp__scheduler_child(const struct gp__master *master);

/* The scheduler stays, and belongs to this configuration now. */
void gp__scheduler_adopt(struct gp__master *master, struct gp__conf *conf);

/* What a running scheduler cannot be told. 0, or -1 and what. */
int gp__scheduler_fits(const struct gp__master *master, const struct gp__conf *conf,
                       struct gp__buf *error_r);

/* ---- control_master.c ---- */

/* Opens the control socket of the configuration in force, unless that of the old one is the same. 0,
 * or -1 and why. */
int gp__master_open_control(struct gp__master *master, const struct gp__manifest *old,
                            struct gp__buf *error_r);
void gp__master_close_control(struct gp__master *master);

/* A part of an answer; and that there will be none. */
void gp__child_answered(struct gp__child *child, struct gp__message *message);
void gp__child_answers_no_more(struct gp__child *child);

/* The console asked. */
void gp__child_wants_metrics(struct gp__child *child, uint32_t id);

/* ---- control_queue.c ---- */

/* Asks the scheduler. */
void gp__master_ask_queue(struct gp__master *master, struct gp__control_call *call,
                          const struct gp__control_request *request);

/* A part of its answer; and that there will be none. */
void gp__queue_answered(struct gp__child *child, struct gp__message *message);
void gp__queue_answers_no_more(struct gp__master *master);

/* ---- commands_master.c ---- */

void gp__master_open_commands(struct gp__master *master);

/* It wants a program to be run. */
void gp__child_asks_run(struct gp__child *child, const struct gp__message *message);

/* ---- conf.c ---- */

/* From what a loader made. NULL and why. Owns what was loaded in any case. */
struct gp__conf *gp__conf_create(struct gp__master *master, struct gp__loaded *loaded,
                                 struct gp__buf *error_r);
void gp__conf_unref(struct gp__conf **conf_);

/* Opens the log's file anew and passes it on. 0, or -1 with errno: the old one is used. */
int gp__conf_reopen_log(struct gp__conf *conf, struct gp__master *master);

/* ---- reload.c ---- */

/* Loads the configuration, the first time or again; done() is told what it came to, or NULL. */
void gp__reload(struct gp__master *master, void (*done)(void *arg, bool ok, struct gp_slice text),
                void *arg);

/* A child of the candidate is ready, or cannot be. */
void gp__reload_ready(struct gp__master *master);
void gp__reload_failed(struct gp__master *master, struct gp_slice why);
void gp__reload_stop(struct gp__master *master);

/* ---- master.c ---- */

/* No more connections; ends when the last child has. */
void gp__master_stop(struct gp__master *master, enum gp__drain how);

/* The first configuration is in force, or cannot be. */
void gp__master_started(struct gp__master *master);
void gp__master_cannot_start(struct gp__master *master, struct gp_slice why);

/* Adds up all that was ever counted. */
void gp__master_totals(const struct gp__master *master, struct gp__totals *totals);

/* A child may have gone for good: forgets it, and ends when it was the last. */
void gp__master_look_around(struct gp__master *master);

#endif
