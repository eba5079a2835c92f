// SPDX-License-Identifier: Apache-2.0
/* The lines of a table's file. Nothing here allocates: slices point into the file's bytes. */
#ifndef FILE_TABLE_LINE_H
#define FILE_TABLE_LINE_H

#include <gatepost/plugin.h>

#define LINE_BYTES_MAX 65535u
#define LINE_ERROR_MAX 256

struct line {
    struct gp_slice text; /* without its line end; at least one byte */
    unsigned number;      /* from 1 */
    char *room;           /* of LINE_BYTES_MAX bytes, for what can't be a slice of the text */
};

struct line_reader {
    struct gp_slice rest;
    struct line line; /* the one read last */
};

void line_reader_init(struct line_reader *reader, struct gp_slice bytes, char *room);

/* The next line that is neither empty nor a comment: 1, 0 at the end, -1 with a text in error (too
 * long, a control character, white space at its beginning). */
int line_next(struct line_reader *reader, char error[LINE_ERROR_MAX]);

/*
 * Splits `key value`, `key: value` or `"key" value`. The value is what remains, without white space
 * at both ends; empty if there is none. A key in quotes goes to line->room without them, where \"
 * and \\ stand for themselves. 0, or -1 with a text in error.
 */
int line_split(const struct line *line, struct gp_slice *key_r, struct gp_slice *value_r,
               char error[LINE_ERROR_MAX]);

/* What follows a key: nothing, or white space (with a colon before or in it) and the value. -1: it
 * is neither. */
int line_value(struct gp_slice after_key, struct gp_slice *value_r);

#endif
