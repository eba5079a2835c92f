// SPDX-License-Identifier: Apache-2.0
/*
 * What the scheduler's journal says: one record for each thing that became of recipients. Read again
 * at start, in order, the marks of an entry tell what is left of it. Compact, because there are two
 * or three for each message; the journal file has checksums.
 *
 * A mark names an entry by its place and by a check of its id, so that one about a segment that is
 * gone can never be taken to be about a later one of the same number.
 */
#ifndef GP_DELIVERY_MARK_H
#define GP_DELIVERY_MARK_H

#include "core/base/buf.h"
#include "core/smtp/reply.h"
#include "core/spool/spool.h"

enum gp__mark_kind {
    GP__MARK_DONE = 1, /* delivered, failed, deleted …: these recipients are finished */
    GP__MARK_DEFERRED, /* until `at_ms`, after so many tries, because of the reply */
    GP__MARK_HELD,     /* in the bucket `name`, until `at_ms` (0: for ever) */
    GP__MARK_RELEASED, /* to be tried at once */
    GP__MARK_ROUTED,   /* by the route `name` now */
    GP__MARK_WARNED,   /* their sender was told of the delay */
    GP__MARK_MOVED,    /* the entry lies at `to` now */
    GP__MARK_ONLY,     /* forget what was said: what STATE says next is all that is left */
    GP__MARK_STATE,    /* of a group: all of the above in one */
    GP__MARK_ALL_DONE, /* the entry is finished */
    GP__MARK_PAUSED,   /* `name` is the text of a pause; no entry */
    GP__MARK_RESUMED,
    GP__MARK_LET_GO, /* out of the bucket `name` at `at_ms`: filters are asked at each attempt */
    GP__MARK_KINDS
};

struct gp__mark {
    enum gp__mark_kind kind;
    struct gp__place place;
    uint32_t check; /* gp__mark_check() of the id */
    uint32_t first; /* bit i of `some`: the recipient of index first + i */
    uint64_t some;
    struct gp__place to;
    uint64_t at_ms;
    uint32_t tries;
    struct gp__reply reply;
    struct gp_slice remote; /* absent: nobody was reached */
    struct gp_slice name;   /* STATE: of the route; absent: none */
    struct gp_slice bucket; /* STATE: held there; absent: not held */
    bool warned;
    bool let_go;     /* STATE: no longer held in the bucket, but let go out of it */
    uint16_t held_h; /* STATE: hours that it was held until then */
};

/* The same in every process. */
uint64_t gp__mark_id(struct gp_slice id);

static inline uint32_t gp__mark_check(uint64_t id)
{
    return (uint32_t)id;
}

/* Appends it; what its kind does not have is left out. */
void gp__mark_pack(struct gp__buf *out, const struct gp__mark *mark);

/* Slices point into the bytes. 0, or -1: damaged, or of a later version. */
int gp__mark_unpack(struct gp__mark *mark_r, struct gp_slice bytes);

#endif
