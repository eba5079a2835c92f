// SPDX-License-Identifier: Apache-2.0
/*
 * A log file that is being read, batch by batch. What is damaged below something that was durable
 * is corruption: told, passed over, the rest kept. What is damaged at the end is a torn tail, which
 * nobody was promised: the file ends before it. Records that count together are told together.
 */
#ifndef GP_SPOOL_SCAN_H
#define GP_SPOOL_SCAN_H

#include "core/base/buf.h"
#include "core/spool/disk.h"
#include "core/spool/format.h"

struct gp__scan_record {
    uint64_t offset;
    struct gp__record_head head;
    struct gp_slice bytes; /* the head's; until the next record or gp__scan_body_fits() */
};

struct gp__scan {
    const struct gp__disk *disk;
    int fd;
    struct gp__log_head head;
    uint64_t offset;   /* of the next batch */
    uint64_t sequence; /* of the last one */
    uint64_t durable;  /* all before it is known to have been durable; set by the owner */
    bool ended;        /* its writer is no more: what is valid past `durable` counts, too */
    uint64_t limit;    /* with `ended`: nothing counts past it; 0: no limit */
    bool whole;    /* of the last batch all counts, or nothing: who goes on here overwrites it */
    uint64_t torn; /* bytes of a torn tail, once it was met */

    void (*record)(void *arg, const struct gp__scan_record *record);
    void (*corrupt)(void *arg, uint64_t offset, const char *what);
    void *arg;

    struct gp__buf window; /* of the file, from window_at on */
    uint64_t window_at;
};

/* Reads the head of an open file. 0; 1: it is damaged, but the first batch says the salt, too;
 * GP_EINVAL: nothing can be read, or no such file; GP_ENOTALLOWED: of a later version. */
int gp__scan_open(struct gp__scan *scan, const struct gp__disk *disk, int fd,
                  enum gp__log_kind kind);

/* Forgets what was read ahead: the file has more by now. */
void gp__scan_again(struct gp__scan *scan);

/* One batch: 1, or 0: there is no more (now). */
int gp__scan_batch(struct gp__scan *scan);

/* Whether the file ends as one does whose writer closed it. */
bool gp__scan_is_closed(struct gp__scan *scan);

/* Whether the body of a record has the checksum that its head says. */
bool gp__scan_body_fits(struct gp__scan *scan, const struct gp__scan_record *record);

/* Memory; the descriptor stays the caller's. */
void gp__scan_close(struct gp__scan *scan);

#endif
