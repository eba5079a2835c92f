// SPDX-License-Identifier: Apache-2.0
/* The piece table, and carrying a splice over to the copies. */
#include "core/message/body.h"

size_t gp__body_pieces(const struct gp_message *message, const struct gp__body_piece **pieces_r,
                       struct gp__body_piece *whole)
{
    uint64_t start = gp__content_body_offset(message->content);

    if (message->has_table) {
        *pieces_r = message->pieces;
        return message->piece_count;
    }
    *whole = (struct gp__body_piece){.offset = start,
                                     .len = gp__content_size(message->content) - start};
    *pieces_r = whole;
    return whole->len > 0;
}

struct gp_slice gp__body_piece_bytes(const struct gp_message *message,
                                     const struct gp__body_piece *piece)
{
    if (piece->block)
        return gp_slice_sub(piece->block->bytes, (size_t)piece->offset, (size_t)piece->len);
    return gp__content_at(message->content, piece->offset, piece->len);
}

bool gp__body_starts_as_received(const struct gp_message *message)
{
    if (!message->has_table)
        return true;
    return message->piece_count > 0 && !message->pieces[0].block &&
           message->pieces[0].offset == gp__content_body_offset(message->content);
}

static void set_table(struct gp_message *message, const struct gp__body_piece *pieces, size_t count)
{
    message->piece_count = count;
    if (count == 0)
        return;
    GP__ARENA_GROW(message->arena, message->pieces, message->pieces_cap, count);
    memcpy(message->pieces, pieces, count * sizeof *pieces);
}

void gp__body_copy(struct gp_message *to, const struct gp_message *from)
{
    to->has_table = from->has_table;
    to->body_size = from->body_size;
    to->body_version = from->body_version;
    to->body = from->body;
    to->body_built_version = from->body_built_version;
    if (from->has_table)
        set_table(to, from->pieces, from->piece_count);
}

/* Makes sure that there is a table. */
static void open_table(struct gp_message *message)
{
    const struct gp__body_piece *pieces;
    struct gp__body_piece whole;
    size_t count;

    if (message->has_table)
        return;
    count = gp__body_pieces(message, &pieces, &whole);
    set_table(message, pieces, count);
    message->body_size = count ? whole.len : 0;
    message->has_table = true;
}

/* ---- finding bytes ---- */

/* A position between two bytes: in front of byte `within` of a piece. */
struct place {
    size_t piece;
    uint64_t within;
    uint64_t offset; /* in the body */
};

static bool find_offset(const struct gp_message *message, uint64_t offset, struct place *place_r)
{
    uint64_t at = 0;

    for (size_t i = 0; i < message->piece_count; i++) {
        if (offset - at < message->pieces[i].len) {
            *place_r = (struct place){.piece = i, .within = offset - at, .offset = offset};
            return true;
        }
        at += message->pieces[i].len;
    }
    return false;
}

/* Where the byte of that identity is. */
static bool find_byte(const struct gp_message *message, const struct gp__body_block *block,
                      uint64_t source, struct place *place_r)
{
    uint64_t at = 0;

    for (size_t i = 0; i < message->piece_count; i++) {
        const struct gp__body_piece *piece = &message->pieces[i];

        if (piece->block == block && source >= piece->offset &&
            source - piece->offset < piece->len) {
            *place_r = (struct place){.piece = i,
                                      .within = source - piece->offset,
                                      .offset = at + source - piece->offset};
            return true;
        }
        at += piece->len;
    }
    return false;
}

/* Where the byte at offset of one message is in the other. */
static bool find_same(const struct gp_message *from, uint64_t offset, const struct gp_message *to,
                      struct place *place_r)
{
    struct place place;

    return find_offset(from, offset, &place) &&
           find_byte(to, from->pieces[place.piece].block,
                     from->pieces[place.piece].offset + place.within, place_r);
}

/* Goes on by n bytes, at most to the start of the next piece. */
static void advance(const struct gp_message *message, struct place *place, uint64_t n)
{
    place->within += n;
    if (place->within == message->pieces[place->piece].len) {
        place->piece++;
        place->within = 0;
    }
}

/* Whether the len bytes at a of one and at b of the other are the same ones. */
static bool same_run(const struct gp_message *one, struct place a, const struct gp_message *other,
                     struct place b, uint64_t len)
{
    while (len > 0) {
        const struct gp__body_piece *p, *q;
        uint64_t n = len;

        if (a.piece >= one->piece_count || b.piece >= other->piece_count)
            return false;
        p = &one->pieces[a.piece];
        q = &other->pieces[b.piece];
        if (p->block != q->block || p->offset + a.within != q->offset + b.within)
            return false;
        if (n > p->len - a.within)
            n = p->len - a.within;
        if (n > q->len - b.within)
            n = q->len - b.within;
        advance(one, &a, n);
        advance(other, &b, n);
        len -= n;
    }
    return true;
}

/* ---- carrying over ---- */

static bool map_replacement(const struct gp_message *message, uint64_t offset, uint64_t len,
                            struct gp_message *clone)
{
    struct place here, there;

    if (!find_offset(message, offset, &here) || !find_same(message, offset, clone, &there) ||
        !same_run(message, here, clone, there, len))
        return false;
    clone->splice_at = there.offset;
    return true;
}

static bool map_insertion(const struct gp_message *message, uint64_t offset,
                          struct gp_message *clone)
{
    struct place there;

    if (offset == 0)
        clone->splice_at = 0;
    else if (offset == message->body_size)
        clone->splice_at = clone->body_size;
    else if (find_same(message, offset, clone, &there))
        clone->splice_at = there.offset;
    else if (find_same(message, offset - 1, clone, &there))
        clone->splice_at = there.offset + 1;
    else
        return false;
    return true;
}

/* For all that come from `parent`; a clone of a clone too is compared with what is edited. */
static int map_clones(const struct gp_message *message, struct gp_message *parent, uint64_t offset,
                      uint64_t len)
{
    for (struct gp_message *clone = parent->clones; clone; clone = clone->next_clone) {
        open_table(clone);
        if (len ? !map_replacement(message, offset, len, clone)
                : !map_insertion(message, offset, clone))
            return GP_ECONFLICT;
        if (map_clones(message, clone, offset, len) < 0)
            return GP_ECONFLICT;
    }
    return 0;
}

int gp__body_map_splice(struct gp_message *message, uint64_t offset, uint64_t len)
{
    open_table(message);
    message->splice_at = offset;
    return map_clones(message, message, offset, len);
}

/* Makes a piece begin at the offset; its index (the count at the end of the body). */
static size_t split(struct gp_message *message, uint64_t offset)
{
    struct gp__body_piece *piece;
    struct place place;

    if (!find_offset(message, offset, &place))
        return message->piece_count;
    if (place.within == 0)
        return place.piece;
    GP__ARENA_GROW(message->arena, message->pieces, message->pieces_cap, message->piece_count + 1);
    piece = &message->pieces[place.piece];
    memmove(piece + 1, piece, (message->piece_count - place.piece) * sizeof *piece);
    message->piece_count++;
    piece[0].len = place.within;
    piece[1].offset += place.within;
    piece[1].len -= place.within;
    return place.piece + 1;
}

static void splice_one(struct gp_message *message, uint64_t offset, uint64_t len,
                       const struct gp__body_block *block)
{
    size_t first = split(message, offset), end = split(message, offset + len);
    size_t tail = message->piece_count - end, added = block ? 1 : 0;

    GP__ARENA_GROW(message->arena, message->pieces, message->pieces_cap, first + added + tail);
    memmove(message->pieces + first + added, message->pieces + end, tail * sizeof *message->pieces);
    if (block)
        message->pieces[first] = (struct gp__body_piece){.block = block, .len = block->bytes.len};
    message->piece_count = first + added + tail;
    message->body_size = message->body_size - len + (block ? block->bytes.len : 0);
    message->body_version++;
    message->version++;
}

void gp__body_apply_splice(struct gp_message *message, uint64_t offset, uint64_t len,
                           const struct gp__body_block *block)
{
    splice_one(message, offset, len, block);
    for (struct gp_message *clone = message->clones; clone; clone = clone->next_clone)
        gp__body_apply_splice(clone, clone->splice_at, len, block);
}
