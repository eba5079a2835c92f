// SPDX-License-Identifier: Apache-2.0
/* Inside the process that does everything: what its files share. */
#ifndef GP_PROCESS_ALONE_H
#define GP_PROCESS_ALONE_H

#include "core/console/http.h"
#include "core/delivery/carrier.h"
#include "core/delivery/scheduler.h"
#include "core/process/commands.h"
#include "core/process/config_host.h"
#include "core/process/control.h"
#include "core/process/reception.h"
#include "core/process/serve.h"
#include "core/runtime/live.h"
#include "core/runtime/runner.h"

/* Programs that run for plugins. */
struct gp__alone_commands {
    struct gp__commands *running;
    struct gp__runner runner;
    struct gp__arena *arena; /* of what follows */
    struct gp__manifest manifest;
    struct gp__identity *identities;
};

struct gp__alone {
    const struct gp__serve_options *options;
    struct gp__config_source source;
    struct gp__reception reception;
    int *doors; /* sockets that are only bound, in the order of addresses; -1: handed on */
    size_t n_doors;
    struct gp__signals *signals;
    struct gp__control *control;
    struct gp__http *metrics;
    struct gp__scheduler *scheduler; /* NULL: there is no spool */
    struct gp__carrier *carrier;     /* the same */
    struct gp__timer patience;       /* with its attempts, at the end */
    int wake;                        /* its socket; and the watch on it */
    struct gp__watch *wake_watch;
    uint64_t began_ms;
    struct gp__timer watchdog; /* of the service manager */
    struct gp__alone_commands commands;
};

/* The sockets of all listeners: first bound, then listened on. 0, or -1 after a line on standard
 * error. Closing is for those that were only bound. */
int gp__alone_bind_doors(struct gp__alone *alone);
int gp__alone_open_doors(struct gp__alone *alone);
void gp__alone_close_doors(struct gp__alone *alone);

/* The scheduler, if the configuration has a spool. 0, or -1 after a line on standard error. */
int gp__alone_open_queue(struct gp__alone *alone);
void gp__alone_close_queue(struct gp__alone *alone);

/* The control socket, if the configuration has one. 0, or -1 after a line on standard error. */
int gp__alone_open_control(struct gp__alone *alone);

/* Starts programs itself; before rights are given up. 0, or -1 after a line on standard error. */
int gp__alone_open_commands(struct gp__alone *alone);
void gp__alone_close_commands(struct gp__alone *alone);

/* And the end point for metrics. */
int gp__alone_open_metrics(struct gp__alone *alone);

#endif
