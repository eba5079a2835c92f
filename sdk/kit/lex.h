// SPDX-License-Identifier: Apache-2.0
/* Pieces of a line of a scenario file. A cursor is the part of the line that is not read yet. */
#ifndef GP_KIT_LEX_H
#define GP_KIT_LEX_H

#include "core/base/arena.h"

#include <gatepost/slice.h>

/* The line without a comment ("#" after white space, outside of "…" and /…/) and trimmed. */
struct gp_slice gp__kit_strip(struct gp_slice line);

/* Takes the next word; absent at the end. */
struct gp_slice gp__kit_word(struct gp_slice *cursor);

/* What gp__kit_word() would take. */
struct gp_slice gp__kit_peek(struct gp_slice cursor);

/*
 * Takes the next word, or a text in quotes with its escapes (\r \n \t \0 \" \\ \xHH) resolved.
 * 1, 0: nothing there, -1: the quotes do not end or an escape is unknown.
 */
int gp__kit_quoted(struct gp__arena *arena, struct gp_slice *cursor, struct gp_slice *text_r);

/* The same for the whole of a text; quotes around it are not needed. 0, or -1. */
int gp__kit_unescape(struct gp__arena *arena, struct gp_slice text, struct gp_slice *bytes_r);

/* Takes an expression between slashes, which ends with a slash before white space or the end:
 * 1, 0: none here, -1: it does not end. */
int gp__kit_expression(struct gp_slice *cursor, struct gp_slice *pattern_r);

#endif
