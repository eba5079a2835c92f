// SPDX-License-Identifier: Apache-2.0
/* What a spool can't write is told when it begins, when it changes, and when it is over: a disk that
 * is full is one fact, however many messages meet it. */
#ifndef GP_SPOOL_TROUBLE_H
#define GP_SPOOL_TROUBLE_H

#include <stdint.h>

#define GP__TROUBLE_MS 10000 /* without another failure, until it counts as over */

struct gp__log;

/* Zeroed: there is none. */
struct gp__trouble {
    int error;      /* -errno; 0: none */
    uint64_t times; /* that something could not be written */
    uint64_t since_ms, last_ms;
};

/* Something could not be written; times are milliseconds of any clock that only goes forward. */
void gp__trouble_add(struct gp__trouble *trouble, struct gp__log *log, const char *path,
                     const char *step, int error, uint64_t now_ms);

/* Something could. */
void gp__trouble_ease(struct gp__trouble *trouble, struct gp__log *log, const char *path,
                      uint64_t now_ms);

#endif
