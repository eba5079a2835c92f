// SPDX-License-Identifier: Apache-2.0
/*
 * What receives mail in a process, be it the only one or a worker: log, runtime, generation,
 * listeners and sessions, in that order; and how it ends.
 */
#ifndef GP_PROCESS_RECEPTION_H
#define GP_PROCESS_RECEPTION_H

#include "core/process/engine.h"
#include "core/process/messages.h"
#include "core/runtime/sink.h"
#include "core/server/generation.h"
#include "core/server/server.h"

struct gp__door;

/* Zeroed but for `settings` to begin with. */
struct gp__reception {
    struct gp__settings *settings; /* until the generation takes them */
    struct gp__sink *sink;
    struct gp__log log;
    struct gp__runtime *runtime;
    struct gp__generation *generation;
    struct gp__server server;
    struct gp__engine engine; /* of the spool */
    struct gp__door *doors;
    struct gp__timer clock; /* of the drain */
    enum gp__drain draining;
    bool ending;
};

/* Opens the log that the settings name, or goes on with a file that somebody else opened (-1: none).
 * 0, or -1 after a line on standard error. */
int gp__reception_open_log(struct gp__reception *reception, int file);

/* 0, or -1 and why. */
int gp__reception_open_runtime(struct gp__reception *reception, struct gp__buf *error_r);
int gp__reception_open_generation(struct gp__reception *reception, struct gp__buf *error_r);

/* Settings of the spool of the configuration; makes the instance of its engine when it is asked
 * first. 0, or -1 and why. */
int gp__reception_spool(struct gp__reception *reception, struct gp__spool_settings *settings_r,
                        struct gp__buf *error_r);

/* Where the configuration has a spool: opens it for this process to keep mail in, with the rights
 * that it has from now on. `name` is of this writer: "w0". 0, or -1 and why. */
int gp__reception_open_spool(struct gp__reception *reception, struct gp_slice name,
                             struct gp__buf *error_r);

/* Accepts connections for a listener of the generation; owns the descriptor. `id` is the caller's,
 * to close it with. 0, or -1: there is no such listener, or no memory; the descriptor is closed. */
int gp__reception_listen(struct gp__reception *reception, uint64_t id, struct gp_slice listener,
                         int fd);
void gp__reception_unlisten(struct gp__reception *reception, uint64_t id);

/* Stops accepting and ends as the sessions end; calling it again only hurries. */
void gp__reception_drain(struct gp__reception *reception, enum gp__drain how);

/* Serves until a drain is over and all has unwound. */
void gp__reception_run(struct gp__reception *reception);

/* Whatever was opened. */
void gp__reception_close(struct gp__reception *reception);

/* Once a process, before the first map is made: peers must not know which keys collide. 0, or -1
 * after a line on standard error. */
int gp__reception_seed(void);

/* Milliseconds since 1970, for a log. */
int64_t gp__reception_wall_clock(void *arg);

/* The sink that `to` of the log names. NULL after a line on standard error. */
struct gp__sink *gp__reception_sink(struct gp_slice to);

/* "127.0.0.1:25" of a listening socket, or the address as configured if it has no port. */
struct gp_slice gp__reception_endpoint(int fd, struct gp_slice configured, char out[80]);

#endif
