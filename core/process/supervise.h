// SPDX-License-Identifier: Apache-2.0
/*
 * What becomes of a process when something happens to it: the states a child of the master can be
 * in, as one table, and how long a crashed one waits. No system calls: the master does what the
 * table says.
 */
#ifndef GP_PROCESS_SUPERVISE_H
#define GP_PROCESS_SUPERVISE_H

#include <stdbool.h>
#include <stdint.h>

enum gp__child_state {
    GP__CHILD_TRYING = 0, /* of a new generation that may still fail: starting */
    GP__CHILD_TRIED,      /* and ready; waits for the others */
    GP__CHILD_STARTING,   /* replaces one that crashed */
    GP__CHILD_SERVING,
    GP__CHILD_ENDING,  /* told to end, or killed for good */
    GP__CHILD_WAITING, /* not running: to be started again */
    GP__CHILD_GONE,
    GP__CHILD_STATES
};

enum gp__child_event {
    GP__CHILD_READY = 0, /* it said so */
    GP__CHILD_COMMIT,    /* all of its generation are */
    GP__CHILD_RETIRE,    /* it is not wanted any more */
    GP__CHILD_HUNG,      /* no sign of life, or not ready in time */
    GP__CHILD_EXIT,
    GP__CHILD_RETRY, /* it has waited long enough */
    GP__CHILD_EVENTS
};

enum gp__child_action {
    GP__CHILD_SERVE = 1 << 0, /* give it its sockets */
    GP__CHILD_DRAIN = 1 << 1,
    GP__CHILD_KILL = 1 << 2,
    GP__CHILD_ABORT = 1 << 3, /* so that it says where it hung; killed if it does not end */
    GP__CHILD_WAIT = 1 << 4,  /* lend its sockets, start the clock */
    GP__CHILD_SPAWN = 1 << 5,
    GP__CHILD_FAIL = 1 << 6, /* the new generation cannot be */
};

struct gp__child_step {
    enum gp__child_state state;
    unsigned actions;
};

struct gp__child_step gp__child_step(enum gp__child_state state, enum gp__child_event event);

const char *gp__child_state_name(enum gp__child_state state);

/* How often it crashed in a row; zeroed to begin with. */
struct gp__backoff {
    unsigned crashes;
};

#define GP__BACKOFF_MAX_MS 60000u
#define GP__BACKOFF_CALM_MS 60000u /* one that ran so long begins anew */

/* It ended after so long. How long to wait: the first time not at all, then twice as long each. */
uint64_t gp__backoff_next(struct gp__backoff *backoff, uint64_t ran_ms);

#endif
