// SPDX-License-Identifier: Apache-2.0
/* The folder of a spool: what is where in it, making it, and whose it is. */
#ifndef GP_SPOOL_LAYOUT_H
#define GP_SPOOL_LAYOUT_H

#include "core/spool/append.h"
#include "core/spool/spool.h"

struct gp__layout {
    const struct gp__disk *disk;
    char *root, *segments, *marks, *messages, *journal, *owner, *wake;
    char *format; /* what the file of this name says */
    bool bare;    /* of an engine that keeps its things elsewhere: no directories */
};

/* Paths, nothing is touched. */
void gp__layout_init(struct gp__layout *layout, const struct gp__spool_settings *settings);
void gp__layout_free(struct gp__layout *layout);

/* 1: a spool of this version is there, 0: none; else with a text, GP_EINVAL: another version, or
 * GP_EIO. */
int gp__layout_look(const struct gp__layout *layout, struct gp__buf *error_r);

/* As gp__spool_prepare(); the same for one that must be there. */
int gp__layout_prepare(const struct gp__layout *layout, struct gp__buf *error_r);
int gp__layout_check(const struct gp__layout *layout, struct gp__buf *error_r);

/* Takes the owner's lock: a descriptor that holds it, or -1 with a text. */
int gp__layout_own(const struct gp__layout *layout, struct gp__buf *error_r);

/* A number for a new segment that is larger than all that are, or ever were as far as is known. */
uint64_t gp__layout_next_segment(const struct gp__layout *layout);

/* The largest number of a log file in a directory; 0: none. */
uint64_t gp__layout_last(const struct gp__layout *layout, const char *directory);

/* The file of a large message, "messages/ID", or "messages/ID~1" and so on where that was taken by
 * other bytes; false: the id can't be one. */
#define GP__FILES_MAX 1000u /* of one id */
bool gp__layout_message(const struct gp__layout *layout, struct gp_slice id, unsigned file,
                        char path[GP__LOG_PATH_MAX]);

/* What a mark says. */
static inline uint64_t gp__mark_segment(uint64_t mark)
{
    return mark >> 32;
}

static inline uint64_t gp__mark_durable(uint64_t mark)
{
    return (mark & UINT32_MAX) * GP__BLOCK;
}

static inline uint64_t gp__mark_of(uint64_t segment, uint64_t durable)
{
    return segment << 32 | durable / GP__BLOCK;
}

#endif
