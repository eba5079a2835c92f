// SPDX-License-Identifier: Apache-2.0
/*
 * Sortable ids: 16 characters of Crockford's base32, 45 bits of milliseconds and 35 bits that
 * start at random and count up, so that ids of one process never repeat and sort by time.
 */
#ifndef GP_BASE_ID_H
#define GP_BASE_ID_H

#include <gatepost/slice.h>
#include <stdint.h>

#define GP__ID_LEN 16

struct gp__id_source {
    uint64_t last_ms;
    uint64_t count; /* 35 bits */
};

/* Writes an id and a NUL; time never runs backwards within one source. */
void gp__id_next(struct gp__id_source *source, uint64_t unix_ms, char out[GP__ID_LEN + 1]);

#endif
