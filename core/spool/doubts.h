// SPDX-License-Identifier: Apache-2.0
/*
 * Doubts: messages that were taken, of which nobody knows whether the client heard so (RFC 1047). For
 * an hour each is remembered by a mark of what the client would send again, and by its id.
 *
 * Each process writes a file of its own below SPOOL/doubts, when its first doubt arises, and reads
 * those of the others: records of a fixed size, written in one piece, never changed. They outlive
 * the process, not the machine. A file is removed by whoever finds it when all in it is past.
 *
 * A process that dies, or a machine without power, writes nothing of the kind. Its doubts are what it
 * had committed last, and entries have the mark of their transaction: see dead.h.
 */
#ifndef GP_SPOOL_DOUBTS_H
#define GP_SPOOL_DOUBTS_H

#include <gatepost/slice.h>
#include <stdbool.h>
#include <stdint.h>

#define GP__DOUBT_MS 3600000
#define GP__DOUBT_ID_MAX 32
#define GP__DOUBTS_MAX 4096 /* remembered at once; the oldest go first */

struct gp__doubts;

/* What the client would send again. */
struct gp__doubt_mark {
    uint64_t content, envelope;
};

/* The same as an entry has it. */
#define GP__FINGERPRINT_LEN 16
void gp__doubt_fingerprint(const struct gp__doubt_mark *mark, char out[GP__FINGERPRINT_LEN]);

/* `path` is that of the spool; absent: this process remembers for itself. Never NULL; what can't be
 * read or written is not remembered. */
struct gp__doubts *gp__doubts_open(struct gp_slice path);
void gp__doubts_close(struct gp__doubts **doubts_);

/* Times are milliseconds since 1970. */
void gp__doubts_add(struct gp__doubts *doubts, const struct gp__doubt_mark *mark,
                    struct gp_slice id, int64_t now_ms);

/* The id under which it was taken, until the next call; absent: it is new. Costs one system call
 * while there are no doubts. */
struct gp_slice gp__doubts_find(struct gp__doubts *doubts, const struct gp__doubt_mark *mark,
                                int64_t now_ms);

/* Whether there are any: if not, a mark need not be made. Looks for those of others. `closely`: also
 * whether somebody died, which is looked at every GP__DOUBTS_LOOK_MS anyway. */
#define GP__DOUBTS_LOOK_MS 10
bool gp__doubts_any(struct gp__doubts *doubts, int64_t now_ms, bool closely);

#endif
