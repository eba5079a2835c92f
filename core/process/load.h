// SPDX-License-Identifier: Apache-2.0
/*
 * The master's side of loading a configuration: starts a loader, opens for it the files it names,
 * and takes what it made. Nothing is parsed here.
 */
#ifndef GP_PROCESS_LOAD_H
#define GP_PROCESS_LOAD_H

#include "core/base/buf.h"
#include "core/process/identity.h"

#include <stdbool.h>
#include <sys/stat.h>

struct gp__runtime;
struct gp__load_job;

#define GP__WATCHED_MAX 1024

/* A certificate, key or other secret as it was when it was opened. */
struct gp__watched {
    char *path;
    struct stat st;
};

struct gp__loaded {
    bool usable, processes;
    struct gp__buf text; /* diagnostics for people */
    int bundle;          /* -1: none */
    struct gp__watched *watched;
    size_t n_watched;
};

void gp__loaded_free(struct gp__loaded *loaded);

/* Whether one of the files is not what it was. */
bool gp__loaded_changed(const struct gp__loaded *loaded);

/* Whether the configuration asks for processes: 1; 0: no, or it cannot even be read, which loading
 * it will tell; -1 after a line on standard error. Waits for the answer. */
int gp__load_peek(const char *config);

/* Loads; then calls done(arg, loaded) once, which owns what it is given. NULL with errno. */
struct gp__load_job *gp__load_start(struct gp__runtime *rt, const char *config,
                                    const struct gp__identity *identity,
                                    void (*done)(void *arg, struct gp__loaded *loaded), void *arg);

/* Ends the loader; done() is not called any more. NULL is fine. */
void gp__load_stop(struct gp__load_job **job_);

#endif
