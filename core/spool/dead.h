// SPDX-License-Identifier: Apache-2.0
/*
 * What writers that died had committed last: nobody knows whether its clients heard so. The segment
 * itself tells it, so it costs nothing before: a segment that nobody holds, that does not end as a
 * writer's does that was closed, and that no other follows. Its owner keeps such a segment for as
 * long as doubts last.
 */
#ifndef GP_SPOOL_DEAD_H
#define GP_SPOOL_DEAD_H

#include <gatepost/slice.h>
#include <stdint.h>

struct gp__dead;

/* The end of a segment is what came in so long before the last of it. Of each session only its last
 * message is in doubt: it went on after the others, so it had their replies. */
#define GP__DEAD_END_MS 10000

/* How long a segment is looked at, in seconds, and kept for that. */
#define GP__DEAD_KEEP_S 3600

/* Of the spool at this path. Never NULL; what can't be read is passed over. */
struct gp__dead *gp__dead_open(struct gp_slice path);
void gp__dead_close(struct gp__dead **dead_);

/* Calls found() for what came to light since the last time: fingerprint, id and time of an entry,
 * until it returns. While nobody died that costs a few system calls; a segment takes up to a
 * millisecond a MiB, once. */
void gp__dead_look(struct gp__dead *dead,
                   void (*found)(void *arg, struct gp_slice fingerprint, struct gp_slice id,
                                 int64_t received_ms),
                   void *arg);

#endif
