// SPDX-License-Identifier: Apache-2.0
/*
 * `gatepost serve`: one process that does everything, or a master and its workers, as `workers` of
 * the configuration says. SIGTERM and SIGINT drain, SIGHUP reloads, SIGUSR1 reopens the log file,
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

/* Why it could not start, on standard error: diagnostics as they are, one line with our name. */
void gp__complain(struct gp_slice why);

/* ---- the two ways ---- */

int gp__serve_alone(const struct gp__serve_options *options);
int gp__serve_as_master(const struct gp__serve_options *options);

#endif
