// SPDX-License-Identifier: Apache-2.0
/*
 * A process's memory that the master can read: a sign of life, its last words, what it counts, and
 * what each instance did at each hook. The process alone writes, without locks; the master made the
 * memory, so its size cannot change, and believes nothing in it but numbers.
 */
#ifndef GP_PROCESS_BOARD_H
#define GP_PROCESS_BOARD_H

#include "core/base/counts.h"
#include "core/hook/instance.h"
#include "core/process/queue_control.h"
#include "core/runtime/crash.h"

struct gp__generation;

/* One instance at one hook. Texts may lack their NUL. */
struct gp__board_stats {
    char chain[64]; /* empty: a table or target */
    char instance[64];
    char hook[16];
    uint64_t shadow_agreed, shadow_differed;
    struct gp__hook_stats stats;
};

struct gp__board {
    uint64_t heartbeat; /* steady clock, ms; 0: none yet */
    struct gp__last_words words;
    struct gp__counts counts;
    struct gp__queue_figures queue; /* of the scheduler */
    uint64_t n_stats;               /* filled */
    struct gp__board_stats stats[];
};

/* A board with room for n rows, shared through *fd_r. NULL with errno. */
struct gp__board *gp__board_create(size_t n, int *fd_r);

/* The same memory in another process; *n_r: its room. NULL with errno. */
struct gp__board *gp__board_map(int fd, size_t *n_r);

/* Of either; n is the room. */
void gp__board_unmap(struct gp__board **board_, size_t n);

/* The instances of a generation count on the board from now on: until it is closed. */
void gp__board_take_stats(struct gp__board *board, size_t room, struct gp__generation *generation);

/* Copies what the instances keep elsewhere. */
void gp__board_refresh(struct gp__board *board, const struct gp__generation *generation);

#endif
