// SPDX-License-Identifier: Apache-2.0
/*
 * Load shedding: when the workers together have too much memory, or directories are nearly full, no new
 * sessions and no new messages are taken until it is not so any more. Each worker looks for itself, once
 * a second at most, and only when somebody comes.
 */
#ifndef GP_SERVER_OVERLOAD_H
#define GP_SERVER_OVERLOAD_H

#include "core/hook/runtime.h"
#include "core/base/census.h"
#include "core/smtp/reply.h"

struct gp__overload_settings {
    uint64_t memory;    /* of all workers, from which on it is short; 0: never */
    uint64_t keep_free; /* bytes in each of the directories; 0: does not matter */
    const struct gp_slice *paths;
    size_t n_paths;
};

/* Zeroed at first. */
struct gp__overload {
    const struct gp__census *census; /* where others say how much they have; NULL: it is alone */
    const struct gp__reply *reply;   /* what is short; NULL: nothing */
    uint64_t looked_ms;
    bool looked;
};

/* NULL, or the reply to those who come: 452 4.3.1. Logs when it begins and ends. */
const struct gp__reply *gp__overload_look(struct gp__overload *overload, struct gp__runtime *rt,
                                          const struct gp__overload_settings *settings);

#endif
