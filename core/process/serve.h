// SPDX-License-Identifier: Apache-2.0
/*
 * A server process: configuration, log, runtime, generation, listeners, signals, in that order;
 * and back in the reverse when it is told to stop. SIGTERM and SIGINT drain: no new connections,
 * sessions end at their next command, after a while all at once. SIGUSR1 reopens the log file,
 * SIGUSR2 logs the statistics of all instances.
 */
#ifndef GP_PROCESS_SERVE_H
#define GP_PROCESS_SERVE_H

#include <gatepost/slice.h>

struct gp__serve_options {
    const char *config; /* path of the configuration */
    /* Told once it serves: the address of each listener. May be NULL. */
    void (*ready)(void *arg, struct gp_slice listener, struct gp_slice address);
    void *arg;
};

/* Serves until it is told to stop. 0, 1: could not start (said on standard error). */
int gp__serve(const struct gp__serve_options *options);

#endif
