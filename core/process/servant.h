// SPDX-License-Identifier: Apache-2.0
/*
 * What a worker and a carrier have in common: a process that the master started, with a configuration,
 * few rights, signs of life, a log, and a channel to be told by. Without a master it ends what it has
 * begun, and goes.
 */
#ifndef GP_PROCESS_SERVANT_H
#define GP_PROCESS_SERVANT_H

#include "core/base/crypto.h"
#include "core/process/board.h"
#include "core/process/bundle.h"
#include "core/process/channel.h"
#include "core/process/config_host.h"
#include "core/process/reception.h"
#include "core/process/run_line.h"
#include "core/runtime/signal.h"

struct gp__servant;

/* What makes one of it. */
struct gp__servant_kind {
    const char *name;

    /* With generation and rights as they will be; 0, or -1 and why. */
    int (*open)(struct gp__servant *servant, struct gp__buf *error_r);
    void (*message)(struct gp__servant *servant, struct gp__message *message);
    void (*drain)(struct gp__servant *servant, enum gp__drain how);
    size_t (*busy)(const struct gp__servant *servant); /* for the log */
    void (*close)(struct gp__servant *servant); /* also when open() failed, or was not called */
};

struct gp__servant {
    const struct gp__servant_kind *kind;
    void *arg; /* the kind's */
    int fd;    /* the channel, until it is on the loop */
    struct gp__channel *channel;
    struct gp__reception reception;
    struct gp__bundle bundle;
    struct gp__config_source source;
    struct gp__board *board;
    size_t board_room;
    struct gp__census census; /* of workers and carriers */
    uint64_t page;            /* in it; GP__CENSUS_NONE */
    struct gp__run_line runs;
    struct gp__signals *signals;
    struct gp__timer beat;
    uint64_t slot;
    char config[4096];
    uint8_t crypto_key[GP__CRYPTO_KEY]; /* the master's, until there is a runtime */
    int landlock;                       /* its version; 0: none */
    int log_file;                       /* -1: none was passed */
};

/* Runs it until it has ended; its exit code. `servant` has its kind and arg, the rest is zero. */
int gp__servant_main(struct gp__servant *servant, int channel);

#endif
