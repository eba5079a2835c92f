// SPDX-License-Identifier: Apache-2.0
#include "core/base/codec.h"
#include "core/base/utf8.h"
#include "core/spool/entry.h"
#include "core/spool/entry_form.h"

#include <gatepost/types.h>
#include <jansson.h>
#include <string.h>

/* ---- writing ---- */

static json_t *text_of(struct gp__arena *arena, struct gp_slice text)
{
    struct gp_slice coded;

    if (gp__utf8_valid(text) && gp_slice_find(text, '\0') == text.len)
        return json_stringn(text.data, text.len);
    coded = gp__base64_encode(arena, text);
    return json_pack("{s:s%}", "base64", coded.data, coded.len);
}

static json_t *shape_of(struct gp__arena *arena, const struct gp__form_shape *shape,
                        const char *at);

static json_t *items_of(struct gp__arena *arena, const struct gp__form_field *field, const char *at)
{
    json_t *list;
    const char *items;
    size_t count;

    memcpy(&items, at + field->offset, sizeof items);
    memcpy(&count, at + field->count_offset, sizeof count);
    if (count == 0)
        return NULL;
    list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, shape_of(arena, field->shape, items + i * field->shape->size));
    return list;
}

/* NULL: it is left out. */
static json_t *member_of(struct gp__arena *arena, const struct gp__form_field *field,
                         const char *at)
{
    struct gp_slice text;
    uint64_t number;

    if (field->kind == GP__FIELD_ITEMS)
        return items_of(arena, field, at);
    if (field->kind == GP__FIELD_SLICE) {
        memcpy(&text, at + field->offset, sizeof text);
        return gp_slice_present(text) ? text_of(arena, text) : NULL;
    }
    number = gp__form_number(field, at + field->offset);
    if (number == 0)
        return NULL;
    return field->kind == GP__FIELD_FLAG ? json_true() : json_integer((json_int_t)number);
}

static json_t *shape_of(struct gp__arena *arena, const struct gp__form_shape *shape, const char *at)
{
    json_t *object = json_object();

    for (size_t i = 0; i < shape->n_fields; i++) {
        json_t *member = member_of(arena, &shape->fields[i], at);

        if (member)
            json_object_set_new(object, shape->fields[i].name, member);
    }
    return object;
}

static int append(const char *bytes, size_t len, void *out)
{
    return gp__buf_append(out, gp_slice(bytes, len));
}

int gp__entry_json_write(const struct gp__entry *entry, struct gp__buf *json_r)
{
    struct gp__arena *arena = gp__arena_create();
    json_t *object = shape_of(arena, &gp__entry_shape, (const char *)entry);
    int done = json_dump_callback(object, append, json_r, JSON_INDENT(2));

    json_decref(object);
    gp__arena_free(&arena);
    return done == 0 && gp__buf_append(json_r, GP_S("\n")) == 0 ? 0 : GP_EINVAL;
}

/* ---- reading ---- */

struct input {
    struct gp__arena *arena;
    struct gp__buf *error;
    size_t items;
};

static int wrong(struct input *in, const char *name, const char *what)
{
    gp__buf_printf(in->error, "\"%s\" %s", name, what);
    return -1;
}

static int read_text(struct input *in, const char *name, const json_t *value, void *at)
{
    const json_t *coded = json_object_get(value, "base64");
    struct gp_slice text;

    if (json_is_string(value))
        text = gp__arena_dup(in->arena,
                             gp_slice(json_string_value(value), json_string_length(value)));
    else if (!json_is_string(coded) ||
             gp__base64_decode(in->arena,
                               gp_slice(json_string_value(coded), json_string_length(coded)),
                               &text) < 0)
        return wrong(in, name, "is neither a text nor {\"base64\": \"...\"}");
    memcpy(at, &text, sizeof text);
    return 0;
}

static int read_number(struct input *in, const struct gp__form_field *field, const json_t *value,
                       void *at)
{
    bool wide = field->kind == GP__FIELD_U64 || field->kind == GP__FIELD_I64;
    uint64_t number = (uint64_t)json_integer_value(value);
    uint32_t narrow = (uint32_t)number;

    if (!json_is_integer(value) || (field->kind != GP__FIELD_I64 && number > INT64_MAX) ||
        (!wide && number > UINT32_MAX))
        return wrong(in, field->name, "is not such a number");
    if (wide)
        memcpy(at, &number, sizeof number);
    else
        memcpy(at, &narrow, sizeof narrow);
    return 0;
}

static int read_shape(struct input *in, const struct gp__form_shape *shape, const char *name,
                      json_t *object, char *at);

static int read_items(struct input *in, const struct gp__form_field *field, json_t *list, char *at)
{
    size_t count = json_array_size(list), i;
    json_t *item;
    char *items;

    in->items += count;
    if (!json_is_array(list) || count > field->max || in->items > GP__ENTRY_ITEMS_MAX)
        return wrong(in, field->name, "is no list, or too long");
    items = gp__arena_alloc_array(in->arena, count ? count : 1, field->shape->size);
    memcpy(at + field->offset, &items, sizeof items);
    memcpy(at + field->count_offset, &count, sizeof count);
    json_array_foreach(list, i, item)
    {
        if (read_shape(in, field->shape, field->name, item, items + i * field->shape->size) < 0)
            return -1;
    }
    return 0;
}

static int read_member(struct input *in, const struct gp__form_field *field, json_t *value,
                       char *at)
{
    bool flag = json_is_true(value);

    switch (field->kind) {
    case GP__FIELD_SLICE:
        return read_text(in, field->name, value, at + field->offset);
    case GP__FIELD_ITEMS:
        return read_items(in, field, value, at);
    case GP__FIELD_FLAG:
        if (!json_is_boolean(value))
            return wrong(in, field->name, "is neither true nor false");
        memcpy(at + field->offset, &flag, sizeof flag);
        return 0;
    case GP__FIELD_U64:
    case GP__FIELD_I64:
    case GP__FIELD_U32:
    case GP__FIELD_UNSIGNED:
        return read_number(in, field, value, at + field->offset);
    }
    return -1;
}

static int read_shape(struct input *in, const struct gp__form_shape *shape, const char *name,
                      json_t *object, char *at)
{
    const char *key;
    json_t *value;

    if (!json_is_object(object))
        return wrong(in, name, "is no object");
    json_object_foreach(object, key, value)
    {
        size_t i = 0;

        while (i < shape->n_fields && strcmp(shape->fields[i].name, key) != 0)
            i++;
        if (i == shape->n_fields)
            return wrong(in, key, "is not known");
        if (read_member(in, &shape->fields[i], value, at) < 0)
            return -1;
    }
    return 0;
}

int gp__entry_json_read(struct gp__entry *entry_r, struct gp__arena *arena, struct gp_slice json,
                        struct gp__buf *error_r)
{
    struct input in = {.arena = arena, .error = error_r};
    json_error_t error;
    json_t *object = json_loadb(json.data, json.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL,
                                &error);
    int done;

    *entry_r = (struct gp__entry){.base = gp_slice(NULL, 0)};
    if (!object) {
        gp__buf_printf(error_r, "line %d: %s", error.line, error.text);
        return GP_EINVAL;
    }
    done = read_shape(&in, &gp__entry_shape, "the entry", object, (char *)entry_r);
    json_decref(object);
    if (done == 0 && !gp__entry_fits(entry_r))
        done = wrong(&in, "the entry", "does not fit together: its id, or copies and their bytes");
    return done == 0 ? 0 : GP_EINVAL;
}
