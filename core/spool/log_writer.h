// SPDX-License-Identifier: Apache-2.0
/* Inside the log: commits on their way from the loop to the writer's thread and back. */
#ifndef GP_SPOOL_LOG_WRITER_H
#define GP_SPOOL_LOG_WRITER_H

#include "core/spool/append.h"
#include "core/spool/layout.h"

/* The base of a large message, that becomes a file of its own. */
struct gp__log_large {
    struct gp_slice id, base;
    struct gp__spill *spill; /* a reference; or NULL */
};

struct gp__log_commit {
    struct gp__log_commit *next;
    void (*done)(void *arg, int error, const struct gp__place *places);
    void *arg;
    int error;
    struct gp__buf heads; /* of all its records, with room before each */
    struct gp__append_record *records;
    struct gp__log_large *large; /* by index of the record; absent id: it is none */
    struct gp__place *places;
    size_t n, cap, cap_large, cap_places;
    uint64_t size;
    struct gp__buf copy; /* of a record that is rewritten */
};

/* Writes down what the entries say. 0, or GP_EINVAL. */
int gp__log_commit_fill(struct gp__log_commit *commit, const struct gp__entry *const *entries,
                        size_t n, uint64_t large_at);

/* Copies a record as it stands. 0, GP_ENOTFOUND, GP_EIO. */
int gp__log_commit_copy(struct gp__log_commit *commit, struct gp__spool *spool,
                        struct gp__place from);

/* Lets go of what it holds but its memory. */
void gp__log_commit_clear(struct gp__log_commit *commit);
void gp__log_commit_free(struct gp__log_commit *commit);

/* On the thread: makes the files of its large messages durable, but for the directory (*linked_r
 * counts what was linked there). 0 or -errno. */
int gp__log_store_large(const struct gp__layout *layout, struct gp__log_commit *commit,
                        size_t *linked_r);

#endif
