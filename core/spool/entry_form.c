// SPDX-License-Identifier: Apache-2.0
#include "core/spool/entry_form.h"

#include "core/spool/entry.h"

#include <string.h>

#define FIELD(number, what, type, member)                                                          \
    {                                                                                              \
        .name = #member, .tag = (number), .kind = GP__FIELD_##what,                                \
        .offset = offsetof(struct type, member)                                                    \
    }
#define ITEMS(number, type, member, of, most)                                                      \
    {                                                                                              \
        .name = #member, .tag = (number), .kind = GP__FIELD_ITEMS,                                 \
        .offset = offsetof(struct type, member), .shape = &(of),                                   \
        .count_offset = offsetof(struct type, n_##member), .max = (most)                           \
    }
#define SHAPE(type, rows)                                                                          \
    {                                                                                              \
        .fields = (rows), .n_fields = sizeof(rows) / sizeof *(rows), .size = sizeof(struct type)   \
    }

static const struct gp__form_field note_fields[] = {
    FIELD(1, SLICE, gp__entry_note, instance), FIELD(2, SLICE, gp__entry_note, key),
    FIELD(3, UNSIGNED, gp__entry_note, type),  FIELD(4, SLICE, gp__entry_note, text),
    FIELD(5, I64, gp__entry_note, number),
};
static const struct gp__form_shape note_shape = SHAPE(gp__entry_note, note_fields);

static const struct gp__form_field forwarded_fields[] = {
    FIELD(1, SLICE, gp__entry_forwarded, name),
    FIELD(2, SLICE, gp__entry_forwarded, value),
};
static const struct gp__form_shape forwarded_shape = SHAPE(gp__entry_forwarded, forwarded_fields);

static const struct gp__form_field piece_fields[] = {
    FIELD(1, SLICE, gp__entry_piece, bytes),
    FIELD(2, U64, gp__entry_piece, offset),
    FIELD(3, U64, gp__entry_piece, len),
};
static const struct gp__form_shape piece_shape = SHAPE(gp__entry_piece, piece_fields);

static const struct gp__form_field copy_fields[] = {
    FIELD(1, SLICE, gp__entry_copy, id),
    FIELD(2, SLICE, gp__entry_copy, sender),
    FIELD(3, U64, gp__entry_copy, size),
    FIELD(4, FLAG, gp__entry_copy, eight_bit),
    FIELD(5, FLAG, gp__entry_copy, utf8_headers),
    ITEMS(6, gp__entry_copy, pieces, piece_shape, GP__ENTRY_PIECES_MAX),
};
static const struct gp__form_shape copy_shape = SHAPE(gp__entry_copy, copy_fields);

static const struct gp__form_field recipient_fields[] = {
    FIELD(1, SLICE, gp__entry_recipient, address),
    FIELD(2, SLICE, gp__entry_recipient, given),
    FIELD(3, SLICE, gp__entry_recipient, orcpt),
    FIELD(4, SLICE, gp__entry_recipient, notify),
    FIELD(5, U32, gp__entry_recipient, copy),
    FIELD(6, SLICE, gp__entry_recipient, route),
    FIELD(7, SLICE, gp__entry_recipient, bucket),
    FIELD(8, SLICE, gp__entry_recipient, reason),
    ITEMS(9, gp__entry_recipient, notes, note_shape, GP__ENTRY_NOTES_MAX),
    FIELD(10, FLAG, gp__entry_recipient, relay),
};
static const struct gp__form_shape recipient_shape = SHAPE(gp__entry_recipient, recipient_fields);

static const struct gp__form_field entry_fields[] = {
    FIELD(1, SLICE, gp__entry, id),
    FIELD(2, SLICE, gp__entry, parent),
    FIELD(3, I64, gp__entry, received_ms),
    FIELD(4, SLICE, gp__entry, listener),
    FIELD(5, SLICE, gp__entry, session),
    FIELD(6, SLICE, gp__entry, client_ip),
    FIELD(7, SLICE, gp__entry, client_name),
    FIELD(8, SLICE, gp__entry, helo),
    FIELD(9, SLICE, gp__entry, user),
    FIELD(10, SLICE, gp__entry, tls),
    FIELD(11, SLICE, gp__entry, protocol),
    FIELD(12, SLICE, gp__entry, sender_given),
    FIELD(13, SLICE, gp__entry, envid),
    FIELD(14, UNSIGNED, gp__entry, ret),
    FIELD(15, FLAG, gp__entry, smtputf8),
    FIELD(16, FLAG, gp__entry, requiretls),
    FIELD(17, FLAG, gp__entry, eight_bit),
    FIELD(18, UNSIGNED, gp__entry, bounce),
    FIELD(19, UNSIGNED, gp__entry, draft_depth),
    ITEMS(20, gp__entry, notes, note_shape, GP__ENTRY_NOTES_MAX),
    FIELD(21, SLICE, gp__entry, verdicts),
    FIELD(22, FLAG, gp__entry, large),
    FIELD(23, U64, gp__entry, base_size),
    ITEMS(24, gp__entry, copies, copy_shape, GP__ENTRY_COPIES_MAX),
    ITEMS(25, gp__entry, recipients, recipient_shape, GP__ENTRY_RECIPIENTS_MAX),
    FIELD(26, UNSIGNED, gp__entry, client_port),
    ITEMS(27, gp__entry, forwarded, forwarded_shape, GP__ENTRY_FORWARDED_MAX),
    FIELD(28, SLICE, gp__entry, fingerprint),
};
_Static_assert(sizeof entry_fields / sizeof *entry_fields < GP__FIELDS_MAX,
               "tags of the largest shape are below GP__FIELDS_MAX");
const struct gp__form_shape gp__entry_shape = SHAPE(gp__entry, entry_fields);

uint64_t gp__form_number(const struct gp__form_field *field, const void *at)
{
    uint64_t wide;
    uint32_t narrow;
    unsigned plain;
    bool flag;

    switch (field->kind) {
    case GP__FIELD_U64:
    case GP__FIELD_I64:
        memcpy(&wide, at, sizeof wide);
        return wide;
    case GP__FIELD_U32:
        memcpy(&narrow, at, sizeof narrow);
        return narrow;
    case GP__FIELD_UNSIGNED:
        memcpy(&plain, at, sizeof plain);
        return plain;
    case GP__FIELD_FLAG:
        memcpy(&flag, at, sizeof flag);
        return flag;
    case GP__FIELD_SLICE:
    case GP__FIELD_ITEMS:
        return 0;
    }
    return 0;
}
