// SPDX-License-Identifier: Apache-2.0
#include "core/base/ascii.h"
#include "core/spool/entry.h"
#include "core/spool/entry_form.h"

#include <gatepost/types.h>
#include <string.h>

#define ID_MAX 64

bool gp__entry_id_fits(struct gp_slice id)
{
    if (id.len == 0 || id.len > ID_MAX || id.data[0] == '.')
        return false;
    for (size_t i = 0; i < id.len; i++) {
        if (!gp__is_alnum(id.data[i]) && !memchr("._-", id.data[i], 3))
            return false;
    }
    return true;
}

/* ---- what could be read again ---- */

static bool copy_fits(const struct gp__entry *entry, const struct gp__entry_copy *copy)
{
    uint64_t size = 0;

    for (size_t i = 0; i < copy->n_pieces; i++) {
        const struct gp__entry_piece *piece = &copy->pieces[i];
        uint64_t len = gp_slice_present(piece->bytes) ? piece->bytes.len : piece->len;

        if (!gp_slice_present(piece->bytes) &&
            (piece->offset > entry->base_size || len > entry->base_size - piece->offset))
            return false;
        size += len; /* each is below 2^63 and there are few */
    }
    return size == copy->size;
}

bool gp__entry_fits(const struct gp__entry *entry)
{
    if (!gp__entry_id_fits(entry->id) || entry->base_size > INT64_MAX / GP__ENTRY_PIECES_MAX)
        return false;
    for (size_t i = 0; i < entry->n_copies; i++) {
        if (!copy_fits(entry, &entry->copies[i]))
            return false;
    }
    for (size_t i = 0; i < entry->n_recipients; i++) {
        if (entry->recipients[i].copy >= entry->n_copies)
            return false;
    }
    return true;
}

/* ---- writing ---- */

struct output {
    struct gp__buf *head;
    size_t items; /* of all arrays */
};

static void put_u32(char *at, uint32_t n)
{
    for (int i = 0; i < 4; i++)
        at[i] = (char)(n >> (8 * i));
}

static int put_field(struct output *out, uint8_t tag, struct gp_slice value)
{
    size_t len = GP__FIELD_HEAD + value.len, room;
    char *to = gp__buf_room(out->head, len, &room);

    if (!to)
        return -1;
    to[0] = (char)tag;
    put_u32(to + 1, (uint32_t)value.len);
    if (value.len > 0)
        memcpy(to + GP__FIELD_HEAD, value.data, value.len);
    gp__buf_added(out->head, len);
    return 0;
}

static int put_number(struct output *out, const struct gp__form_field *field, uint64_t n)
{
    char bytes[8];
    size_t len = 0;

    if (n == 0)
        return 0;
    for (; n > 0 && field->kind != GP__FIELD_FLAG; n >>= 8)
        bytes[len++] = (char)n;
    return put_field(out, field->tag, gp_slice(bytes, len));
}

static int put_shape(struct output *out, const struct gp__form_shape *shape, const char *at);

static int put_item(struct output *out, const struct gp__form_field *field, const char *item)
{
    struct gp__buf *head = out->head;
    size_t before = head->len;

    if (++out->items > GP__ENTRY_ITEMS_MAX || put_field(out, field->tag, GP_S("")) < 0 ||
        put_shape(out, field->shape, item) < 0)
        return -1;
    put_u32(head->data + head->start + before + 1, (uint32_t)(head->len - before - GP__FIELD_HEAD));
    return 0;
}

static int put_items(struct output *out, const struct gp__form_field *field, const char *at)
{
    const char *items;
    size_t count;

    memcpy(&items, at + field->offset, sizeof items);
    memcpy(&count, at + field->count_offset, sizeof count);
    if (count > field->max)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (put_item(out, field, items + i * field->shape->size) < 0)
            return -1;
    }
    return 0;
}

static int put_member(struct output *out, const struct gp__form_field *field, const char *at)
{
    struct gp_slice text;

    if (field->kind == GP__FIELD_ITEMS)
        return put_items(out, field, at);
    if (field->kind != GP__FIELD_SLICE)
        return put_number(out, field, gp__form_number(field, at + field->offset));
    memcpy(&text, at + field->offset, sizeof text);
    return gp_slice_present(text) ? put_field(out, field->tag, text) : 0;
}

static int put_shape(struct output *out, const struct gp__form_shape *shape, const char *at)
{
    for (size_t i = 0; i < shape->n_fields; i++) {
        if (put_member(out, &shape->fields[i], at) < 0)
            return -1;
    }
    return 0;
}

int gp__entry_write(const struct gp__entry *entry, struct gp__buf *head_r)
{
    struct output out = {.head = head_r};
    size_t before = head_r->len, limit = head_r->limit;
    int done;

    if (!gp__entry_fits(entry))
        return GP_EINVAL;
    head_r->limit = before + GP__ENTRY_HEAD_MAX;
    done = put_shape(&out, &gp__entry_shape, (const char *)entry);
    head_r->limit = limit;
    if (done == 0)
        return 0;
    head_r->len = before;
    return GP_EINVAL;
}
