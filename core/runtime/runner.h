// SPDX-License-Identifier: Apache-2.0
/*
 * Who starts programs for a live runtime: the master, asked over the channel, or the process itself
 * where it is the only one. The runtime makes standard input and reads the output.
 */
#ifndef GP_RUNTIME_RUNNER_H
#define GP_RUNTIME_RUNNER_H

#include <gatepost/slice.h>
#include <stdint.h>

struct gp__runtime;

struct gp__runner {
    /* Starts a command of the configuration; `id` names the run. The descriptors stay the caller's.
     * 0, or -1: it can't be. */
    int (*start)(void *arg, uint32_t id, uint64_t command, const struct gp_slice *env, size_t n_env,
                 int input, int output);
    /* Nobody waits for it any more: it is to end. */
    void (*end)(void *arg, uint32_t id);
    void *arg;
};

/* `code` of gp__live_ran(): it could not be started. */
#define GP__RUN_FAILED 256

void gp__live_set_runner(struct gp__runtime *rt, const struct gp__runner *runner);

/* A run is over: its exit code, 128 and a signal, or GP__RUN_FAILED. Unknown ids are ignored. */
void gp__live_ran(struct gp__runtime *rt, uint32_t id, uint64_t code);

#endif
