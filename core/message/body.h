// SPDX-License-Identifier: Apache-2.0
/*
 * The body of a message as a table of pieces. Every byte has an identity (the content, or the edit
 * that brought it, and an offset there) that is the same in a message and its copies; that is how a
 * splice of the parent finds its place in a copy. For message.c.
 */
#ifndef GP_MESSAGE_BODY_H
#define GP_MESSAGE_BODY_H

#include "core/message/message.h"

/* The body as one piece if nobody spliced it; else as the table has it. */
size_t gp__body_pieces(const struct gp_message *message, const struct gp__body_piece **pieces_r,
                       struct gp__body_piece *whole);

/* The bytes of a piece; absent when they are not to be had. */
struct gp_slice gp__body_piece_bytes(const struct gp_message *message,
                                     const struct gp__body_piece *piece);

/* Whether the body begins with the byte that it began with when received. */
bool gp__body_starts_as_received(const struct gp_message *message);

/* Gives `to` a table of its own like that of `from`. */
void gp__body_copy(struct gp_message *to, const struct gp_message *from);

/* Finds where the splice of the message goes in all its clones (clone->splice_at). 0, or
 * GP_ECONFLICT. Changes nothing else. */
int gp__body_map_splice(struct gp_message *message, uint64_t offset, uint64_t len);

/* Makes the splice in the message and, at splice_at, in its clones. block NULL: only removes. */
void gp__body_apply_splice(struct gp_message *message, uint64_t offset, uint64_t len,
                           const struct gp__body_block *block);

#endif
