// SPDX-License-Identifier: Apache-2.0
#include "core/config/record.h"

#include "core/base/ascii.h"
#include "core/base/utf8.h"
#include "core/config/bind.h"

#include <gatepost/text.h>
#include <jansson.h>
#include <stdlib.h>

/* ---- the text ---- */

struct reader {
    struct gp__arena *arena;
    const char *why; /* the first thing that is wrong */
};

static const char not_json[] = "is no JSON object of texts, numbers, true, false and lists of them";

static void *fail(struct reader *reader, const char *why)
{
    if (!reader->why)
        reader->why = why;
    return NULL;
}

static bool is_clean(struct gp_slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (gp__is_control(text.data[i]))
            return false;
    return gp__utf8_valid(text);
}

static struct gp__node *text_of(struct reader *reader, struct gp_slice text)
{
    struct gp__node *node;

    if (text.len > GP__RECORD_TEXT_MAX)
        return fail(reader, "has a text of more than 1024 bytes");
    if (!is_clean(text))
        return fail(reader, "has a text with control characters, or one that is not UTF-8");
    node = gp__node_scalar(reader->arena, gp__arena_dup(reader->arena, text), NULL);
    node->quoted = true;
    return node;
}

/* null counts as not there. */
static struct gp__node *word_of(struct reader *reader, const json_t *value)
{
    char *word = json_dumps(value, JSON_ENCODE_ANY);
    struct gp__node *node = gp__node_scalar(reader->arena,
                                            gp__arena_dup(reader->arena, gp_slice_of(word)), NULL);

    free(word);
    if (json_is_null(value))
        node->kind = GP__NODE_NULL;
    return node;
}

static struct gp__node *scalar_of(struct reader *reader, const json_t *value)
{
    if (json_is_string(value))
        return text_of(reader, gp_slice(json_string_value(value), json_string_length(value)));
    return json_is_object(value) || json_is_array(value) ? fail(reader, not_json)
                                                         : word_of(reader, value);
}

static struct gp__node *list_of(struct reader *reader, const json_t *value)
{
    struct gp__node *list = gp__node_sequence(reader->arena, GP__RECORD_ITEMS_MAX, NULL);

    if (json_array_size(value) > GP__RECORD_ITEMS_MAX)
        return fail(reader, "has a list of more than 32 values");
    for (size_t i = 0; i < json_array_size(value); i++) {
        struct gp__node *item = scalar_of(reader, json_array_get(value, i));

        if (!item)
            return NULL;
        gp__node_add(list, item);
    }
    return list;
}

static struct gp__node *map_of(struct reader *reader, json_t *object)
{
    struct gp__node *map = gp__node_mapping(reader->arena, GP__RECORD_FIELDS_MAX, NULL);
    const char *name;
    json_t *value;

    if (json_object_size(object) > GP__RECORD_FIELDS_MAX)
        return fail(reader, "has more than 32 fields");
    json_object_foreach(object, name, value)
    {
        struct gp__node *key = text_of(reader, gp_slice_of(name));
        struct gp__node *field = json_is_array(value) ? list_of(reader, value)
                                                      : scalar_of(reader, value);

        if (!key || !field)
            return NULL;
        gp__node_put(map, key, field);
    }
    return map;
}

static struct gp__node *read_object(struct reader *reader, struct gp_slice text)
{
    json_error_t error;
    json_t *object = NULL;
    struct gp__node *map = NULL;

    if (!gp_json_is_shallow(text))
        return fail(reader, not_json);
    object = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (!object)
        return fail(reader, json_error_code(&error) == json_error_duplicate_key
                                ? "has a field twice"
                                : not_json);
    if (json_is_object(object))
        map = map_of(reader, object);
    json_decref(object);
    return map;
}

static struct gp__node *first_field(struct reader *reader, struct gp_slice first,
                                    struct gp_slice text)
{
    struct gp__node *map = gp__node_mapping(reader->arena, 1, NULL);
    struct gp__node *value = text_of(reader, text);

    if (!value)
        return NULL;
    value->quoted = false;
    gp__node_put(map, gp__node_scalar(reader->arena, first, NULL), value);
    return map;
}

const char *gp__record_parse(struct gp__arena *arena, struct gp_slice text, struct gp_slice first,
                             const struct gp__node **map_r)
{
    struct reader reader = {.arena = arena};

    *map_r = NULL;
    if (text.len > GP__RECORD_BYTES_MAX)
        return "has more than 4096 bytes";
    text = gp_slice_trim(text);
    if (text.len == 0)
        return "is empty";
    *map_r = text.data[0] == '{' ? read_object(&reader, text) : first_field(&reader, first, text);
    return reader.why;
}

/* ---- the fields ---- */

int gp__record_read(struct gp__arena *arena, const struct gp_records *records, struct gp_slice text,
                    void *record, const struct gp__node **shown_r, struct gp_slice *why_r)
{
    struct gp__schema_rows rows = {
        .rows = records->rows, .stride = records->stride, .size = records->size};
    struct gp__binder binder = {.arena = arena};
    const struct gp__node *map = NULL;
    struct gp_option first;
    const char *why;
    int result = 0;

    gp__option_row(records->rows, records->stride, 0, &first);
    why = gp__record_parse(arena, text, gp_slice_of(first.name), &map);
    if (why) {
        *why_r = gp_slice_of(why);
        return -1;
    }
    binder.diag = gp__diag_create();
    if (gp__bind(&binder, map, map, GP_S("it"), &rows, record, shown_r) < 0) {
        *why_r = gp__arena_dup(arena, gp__diag_first(binder.diag));
        result = -1;
    }
    gp__diag_free(&binder.diag);
    return result;
}

static struct gp_option row_of(const struct gp_records *records, struct gp_slice name)
{
    struct gp_option row;

    for (size_t i = 0; gp__option_row(records->rows, records->stride, i, &row); i++)
        if (gp_slice_eq(gp_slice_of(row.name), name))
            break;
    return row;
}

struct gp_slice gp__record_field(struct gp__arena *arena, const struct gp_records *records,
                                 const struct gp__pair *field)
{
    struct gp_slice text = GP__ARENA_JOIN(arena, field->key->text, GP_S(" "));
    const struct gp__node *value = field->value;

    if (row_of(records, field->key->text).type == GP_TYPE_SECRET)
        return GP__ARENA_JOIN(arena, text, GP_S("(secret)"));
    if (value->kind != GP__NODE_SEQUENCE)
        return GP__ARENA_JOIN(arena, text, value->text);
    for (size_t i = 0; i < value->count; i++)
        text = GP__ARENA_JOIN(arena, text, i ? GP_S(", ") : GP_S(""), value->items[i]->text);
    return text;
}

bool gp__record_is_secret(const struct gp_records *records)
{
    struct gp_option row;

    for (size_t i = 0; gp__option_row(records->rows, records->stride, i, &row); i++)
        if (row.type == GP_TYPE_SECRET)
            return true;
    return false;
}

const struct gp_records *gp__record_option(const struct gp_option *rows, size_t stride,
                                           const void *options)
{
    const struct gp_records *records = NULL;
    struct gp_option row;

    for (size_t i = 0; !records && gp__option_row(rows, stride, i, &row); i++)
        if (row.type == GP_TYPE_RECORDS)
            memcpy(&records, (const char *)options + row.offset, sizeof(records));
    return records;
}
