// SPDX-License-Identifier: Apache-2.0
/*
 * Programs that the configuration names, started for plugins: by the master, or by the only process.
 * Who asks says which by its number; argv, user and limits are those of the configuration. What it
 * sends along, environment and descriptors, is checked: a process that was broken into can do no
 * more than run what it was configured to.
 */
#ifndef GP_PROCESS_COMMANDS_H
#define GP_PROCESS_COMMANDS_H

#include "core/process/identity.h"
#include "core/process/manifest.h"

#define GP__RUNS_MAX 1024 /* at once, of all processes */
#define GP__RUN_ENV_MAX 64

struct gp__commands;
struct gp__log;
struct gp__runtime;

/* One request. `owner` tells askers apart. */
struct gp__run_request {
    const struct gp__manifest_command *command;
    const struct gp__identity *identity;
    void *owner;
    uint32_t id;
    const struct gp_slice *env; /* "NAME=value" */
    size_t n_env;
    int input, output; /* stay the caller's */
};

/* ran(): a run is over: exit code, 128 and a signal. */
struct gp__commands *gp__commands_create(struct gp__runtime *rt, struct gp__log *log,
                                         void (*ran)(void *owner, uint32_t id, uint64_t code));

/* Ends what runs. NULL is fine. */
void gp__commands_free(struct gp__commands **commands_);

/* 0, or -1: it can't be started; that was logged. */
int gp__commands_run(struct gp__commands *commands, const struct gp__run_request *request);

/* Nobody waits for it any more: SIGTERM to its process group, then SIGKILL. */
void gp__commands_end(struct gp__commands *commands, void *owner, uint32_t id);

/* The same of all runs of an owner that is gone. */
void gp__commands_forget(struct gp__commands *commands, const void *owner);

/* Of SIGCHLD. */
void gp__commands_reap(struct gp__commands *commands);

/* Whom each command of a manifest runs as. 0, or -1 and why. */
int gp__commands_identities(const struct gp__manifest *manifest, struct gp__arena *arena,
                            const struct gp__identity *usual, struct gp__identity **identities_r,
                            struct gp__buf *error_r);

#endif
