// SPDX-License-Identifier: Apache-2.0
/*
 * An LMDB environment of this process with the one thread that uses it. LMDB must not be opened
 * twice in a process: instances that name the same directory share one environment.
 */
#ifndef STATE_LMDB_ENVIRONMENT_H
#define STATE_LMDB_ENVIRONMENT_H

#include "request.h"

struct environment;

/* Makes the directory if it is not there. NULL, and what is wrong in `error`. */
struct environment *environment_open(struct gp_slice path, uint64_t max_bytes, uint64_t sync_ms,
                                     char *error, size_t size);

/* With the last reference the thread answers what it was asked, syncs and ends. */
void environment_close(struct environment **environment_);

/* Hands a request over; its waker is fired in any case. */
void environment_ask(struct environment *environment, struct request *request);

/* The last error of LMDB or of the device since this was asked last, or 0. */
int environment_failure(struct environment *environment);
const char *environment_failure_text(int failure);

#endif
