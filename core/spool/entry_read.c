// SPDX-License-Identifier: Apache-2.0
/*
 * Reads what entry_write.c wrote, and nothing else: each number has one spelling, no field comes
 * twice, items are counted before there is memory for them.
 */
#include "core/spool/entry.h"
#include "core/spool/entry_form.h"

#include <gatepost/types.h>
#include <limits.h>
#include <string.h>

struct input {
    struct gp__arena *arena;
    size_t items; /* of all arrays */
};

struct value {
    uint8_t tag;
    struct gp_slice bytes;
};

/* 1: a field was taken off *rest; 0: there is none; -1: damaged. */
static int take(struct gp_slice *rest, struct value *value_r)
{
    uint32_t len = 0;

    if (rest->len == 0)
        return 0;
    if (rest->len < GP__FIELD_HEAD)
        return -1;
    for (int i = 0; i < 4; i++)
        len |= (uint32_t)(unsigned char)rest->data[1 + i] << (8 * i);
    if (len > rest->len - GP__FIELD_HEAD)
        return -1;
    value_r->tag = (uint8_t)rest->data[0];
    value_r->bytes = gp_slice(rest->data + GP__FIELD_HEAD, len);
    *rest = gp_slice(value_r->bytes.data + len, rest->len - GP__FIELD_HEAD - len);
    return 1;
}

/* Tags count from 1 without a gap, so that they find their row. */
static const struct gp__form_field *field_of(const struct gp__form_shape *shape, uint8_t tag)
{
    return tag >= 1 && tag <= shape->n_fields ? &shape->fields[tag - 1] : NULL;
}

/* ---- numbers ---- */

static int read_number(struct gp_slice bytes, uint64_t max, uint64_t *n_r)
{
    uint64_t n = 0;

    if (bytes.len == 0 || bytes.len > sizeof n || bytes.data[bytes.len - 1] == 0)
        return -1;
    for (size_t i = bytes.len; i-- > 0;)
        n = n << 8 | (unsigned char)bytes.data[i];
    *n_r = n;
    return n <= max ? 0 : -1;
}

static int set_wide(void *at, struct gp_slice bytes)
{
    uint64_t n;

    if (read_number(bytes, UINT64_MAX, &n) < 0)
        return -1;
    memcpy(at, &n, sizeof n);
    return 0;
}

static int set_narrow(void *at, struct gp_slice bytes)
{
    uint64_t n;
    uint32_t narrow;

    if (read_number(bytes, UINT32_MAX, &n) < 0)
        return -1;
    narrow = (uint32_t)n;
    memcpy(at, &narrow, sizeof narrow);
    return 0;
}

static int set_flag(void *at, struct gp_slice bytes)
{
    const bool flag = true;

    memcpy(at, &flag, sizeof flag);
    return bytes.len == 0 ? 0 : -1;
}

_Static_assert(sizeof(unsigned) == sizeof(uint32_t), "a plain unsigned is read as 32 bits");

/* ---- items ---- */

static int read_shape(struct input *in, const struct gp__form_shape *shape, char *at,
                      struct gp_slice rest);

/* Makes room for the items of each array, as many as there are fields of it. */
static int make_room(struct input *in, const struct gp__form_shape *shape, char *at,
                     struct gp_slice rest)
{
    size_t counts[GP__FIELDS_MAX] = {0};
    struct value value;
    int more;

    while ((more = take(&rest, &value)) > 0) {
        if (value.tag < GP__FIELDS_MAX)
            counts[value.tag]++;
    }
    for (size_t i = 0; i < shape->n_fields && more == 0; i++) {
        const struct gp__form_field *field = &shape->fields[i];
        size_t count = counts[field->tag];
        void *items;

        if (field->kind != GP__FIELD_ITEMS || count == 0)
            continue;
        in->items += count;
        if (count > field->max || in->items > GP__ENTRY_ITEMS_MAX)
            return -1;
        items = gp__arena_alloc_array(in->arena, count, field->shape->size);
        memcpy(at + field->offset, &items, sizeof items);
    }
    return more;
}

static int read_item(struct input *in, const struct gp__form_field *field, char *at,
                     struct gp_slice bytes)
{
    char *items;
    size_t count;

    memcpy(&items, at + field->offset, sizeof items);
    memcpy(&count, at + field->count_offset, sizeof count);
    items += count * field->shape->size;
    count++;
    memcpy(at + field->count_offset, &count, sizeof count);
    return read_shape(in, field->shape, items, bytes);
}

/* ---- fields ---- */

static int read_member(struct input *in, const struct gp__form_field *field, char *at,
                       struct gp_slice bytes)
{
    switch (field->kind) {
    case GP__FIELD_SLICE:
        memcpy(at + field->offset, &bytes, sizeof bytes);
        return 0;
    case GP__FIELD_U64:
    case GP__FIELD_I64:
        return set_wide(at + field->offset, bytes);
    case GP__FIELD_U32:
    case GP__FIELD_UNSIGNED:
        return set_narrow(at + field->offset, bytes);
    case GP__FIELD_FLAG:
        return set_flag(at + field->offset, bytes);
    case GP__FIELD_ITEMS:
        return read_item(in, field, at, bytes);
    }
    return -1;
}

static int read_shape(struct input *in, const struct gp__form_shape *shape, char *at,
                      struct gp_slice rest)
{
    uint32_t seen = 0;
    struct value value;
    int more;

    if (make_room(in, shape, at, rest) < 0)
        return -1;
    while ((more = take(&rest, &value)) > 0) {
        const struct gp__form_field *field = field_of(shape, value.tag);

        if (!field && value.tag >= GP__FIELD_MAY_SKIP)
            continue;
        if (!field || (field->kind != GP__FIELD_ITEMS && seen >> value.tag & 1) ||
            read_member(in, field, at, value.bytes) < 0)
            return -1;
        seen |= UINT32_C(1) << value.tag;
    }
    return more;
}

int gp__entry_read(struct gp__entry *entry_r, struct gp__arena *arena, struct gp_slice head)
{
    struct gp_slice base = entry_r->base;
    uint32_t crc = entry_r->base_crc;
    struct input in = {.arena = arena};

    *entry_r = (struct gp__entry){.base = base, .base_crc = crc};
    if (head.len > GP__ENTRY_HEAD_MAX ||
        read_shape(&in, &gp__entry_shape, (char *)entry_r, head) < 0)
        return GP_EINVAL;
    return gp__entry_fits(entry_r) ? 0 : GP_EINVAL;
}
