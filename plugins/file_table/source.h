// SPDX-License-Identifier: Apache-2.0
/*
 * The file behind a table. It is read when the instance is made and again, from `tick`, whenever it
 * has changed; new contents are complete before they replace the old ones in one step, and what is
 * broken or gone replaces nothing. So look-ups never wait, and always see one whole version.
 */
#ifndef FILE_TABLE_SOURCE_H
#define FILE_TABLE_SOURCE_H

#include "line.h"

#define SOURCE_TICK_MS 1000 /* the finest `recheck` */
#define SOURCE_DEADLINE_MS 60000

/* A kind of table: what its contents are and how a line is added to them. */
struct source_kind {
    /* Contents with room for n lines of so many bytes in all; NULL: no memory. */
    void *(*create)(struct gp_call *call, size_t n_lines, size_t n_bytes);
    void (*destroy)(void *contents);
    /* 0, or -1 with a text in error. */
    int (*add)(void *contents, const struct line *line, char error[LINE_ERROR_MAX]);
    size_t batch; /* lines that are added before others get their turn: about 5 ms of work */
};

struct source {
    struct gp_slice path;
    uint64_t recheck_ms, size_max;

    const struct source_kind *kind;
    void *contents; /* never NULL once the instance is made */
    uint64_t version;
    uint64_t next_check_ms;
    struct {
        bool bad;
        int error;        /* what could not be read, or 0: it was read and is wrong */
        uint64_t version; /* of what was wrong */
    } last;               /* outcome of the last attempt: only what differs from it is logged */
};

/* For create(): reads the file, or logs why not. */
int source_open(struct gp_call *call, struct source *source, const struct source_kind *kind);

/* For destroy(). */
void source_close(struct source *source);

/* For tick: reads the file again if it has changed. */
void source_check(struct gp_call *call, struct source *source);

/* The rows of all three tables. */
#define SOURCE_OPTIONS(struct_)                                                                    \
    GP_OPTION_PATH("path", struct_, source.path, NULL, "File to read."),                           \
        GP_OPTION_DURATION("recheck", struct_, source.recheck_ms, "2s", SOURCE_TICK_MS, 86400000,  \
                           "How often to look whether the file has changed."),                     \
        GP_OPTION_SIZE("max_size", struct_, source.size_max, "64MiB", 1, 1 << 30,                  \
                       "A file that is larger is not read.")

#endif
