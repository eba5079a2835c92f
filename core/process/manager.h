// SPDX-License-Identifier: Apache-2.0
/*
 * The service manager, by the protocols that systemd documents (sd_notify(3), sd_listen_fds(3)) and
 * others follow: told how we are, asked for sockets it made. Without one nothing happens.
 */
#ifndef GP_PROCESS_MANAGER_H
#define GP_PROCESS_MANAGER_H

#include <gatepost/slice.h>
#include <stdint.h>

struct gp__log;

/* Takes what the environment says, and removes it from there: children are none of the manager's
 * business. Once, at the very start. */
void gp__manager_begin(void);

/* Assignments on lines, such as "READY=1\nSTATUS=fine". */
void gp__manager_tell(const char *state);

/* RELOADING=1 with the time that goes with it; READY=1 follows when it is over. */
void gp__manager_tell_reloading(void);

/* How often it wants WATCHDOG=1, in ms: half of what it allows; 0: not at all. */
uint64_t gp__manager_watchdog_ms(void);

/* A listening socket that the manager made for this listener, by its name or its address; -1: none.
 * The caller's from now on. */
int gp__manager_socket(struct gp_slice listener, struct gp_slice address);

/* Closes those that no listener wanted; how many. */
unsigned gp__manager_close_rest(void);

#endif
