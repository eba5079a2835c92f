// SPDX-License-Identifier: Apache-2.0
#include "core/config/record.h"

#include "core/base/ascii.h"
#include "core/base/utf8.h"
#include "core/config/bind.h"

/* ---- the text ---- */

struct reader {
    struct gp__arena *arena;
    struct gp_slice text;
    size_t at;
    char *scratch;   /* for one text, which is never longer than how it is written */
    const char *why; /* the first thing that is wrong */
};

static const char not_json[] = "is no JSON object of texts, numbers, true, false and lists of them";

static void *fail(struct reader *reader, const char *why)
{
    if (!reader->why)
        reader->why = why;
    return NULL;
}

static char peek(struct reader *reader)
{
    while (reader->at < reader->text.len &&
           gp_slice_find(GP_S(" \t\r\n"), reader->text.data[reader->at]) < 4)
        reader->at++;
    return reader->at < reader->text.len ? reader->text.data[reader->at] : '\0';
}

static bool take(struct reader *reader, char c)
{
    if (peek(reader) != c)
        return false;
    reader->at++;
    return true;
}

/* Four digits of \uXXXX; -1: they are none. */
static int32_t take_unit(struct reader *reader)
{
    int32_t unit = 0;

    for (int i = 0; i < 4; i++) {
        int digit = reader->at < reader->text.len ? gp__hex_value(reader->text.data[reader->at++])
                                                  : -1;

        if (digit < 0)
            return -1;
        unit = unit << 4 | digit;
    }
    return unit;
}

/* After "\u". Surrogates make one character, and are none alone. */
static int32_t take_code(struct reader *reader)
{
    int32_t high = take_unit(reader), low;

    if (high < 0xd800 || high > 0xdfff)
        return high;
    if (high > 0xdbff || !gp_slice_starts(gp_slice_sub(reader->text, reader->at, 2), GP_S("\\u")))
        return -1;
    reader->at += 2;
    low = take_unit(reader);
    return low < 0xdc00 || low > 0xdfff ? -1 : 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

/* After a backslash: the bytes, of which there are none for what is no escape. */
static size_t take_escape(struct reader *reader, char out[4])
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    char c = reader->at < reader->text.len ? reader->text.data[reader->at++] : '\0';
    size_t place = gp_slice_find(gp_slice_of(from), c);
    int32_t code;

    if (c && place < sizeof from - 1) {
        out[0] = to[place];
        return 1;
    }
    code = c == 'u' ? take_code(reader) : -1;
    return code < 0 ? 0 : gp__utf8_encode((uint32_t)code, out);
}

static bool is_clean(struct gp_slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (gp__is_control(text.data[i]))
            return false;
    return gp__utf8_valid(text);
}

static struct gp__node *take_string(struct reader *reader)
{
    struct gp__node *node;
    char *out = reader->scratch;
    size_t n = 0;

    reader->at++; /* the quote */
    while (reader->at < reader->text.len && reader->text.data[reader->at] != '"') {
        char c = reader->text.data[reader->at++];
        size_t len = 1;

        if (c == '\\')
            len = take_escape(reader, out + n);
        else
            out[n] = c;
        if (len == 0)
            return fail(reader, not_json);
        n += len;
    }
    if (reader->at++ >= reader->text.len)
        return fail(reader, not_json);
    if (n > GP__RECORD_TEXT_MAX)
        return fail(reader, "has a text of more than 1024 bytes");
    if (!is_clean(gp_slice(out, n)))
        return fail(reader, "has a text with control characters, or one that is not UTF-8");
    node = gp__node_scalar(reader->arena, gp_slice(out, n), NULL);
    node->quoted = true;
    return node;
}

/* A number as it stands there, true, false; null counts as not there. */
static struct gp__node *take_word(struct reader *reader)
{
    size_t start = reader->at;
    struct gp_slice word;
    struct gp__node *node;

    while (reader->at < reader->text.len &&
           (gp__is_alnum(reader->text.data[reader->at]) ||
            gp_slice_find(GP_S("+-."), reader->text.data[reader->at]) < 3))
        reader->at++;
    word = gp_slice_sub(reader->text, start, reader->at - start);
    if (word.len == 0 || word.len > 32 ||
        !(gp__is_digit(word.data[0]) || word.data[0] == '-' || gp_slice_eq(word, GP_S("true")) ||
          gp_slice_eq(word, GP_S("false")) || gp_slice_eq(word, GP_S("null"))))
        return fail(reader, not_json);
    node = gp__node_scalar(reader->arena, word, NULL);
    if (gp_slice_eq(word, GP_S("null")))
        node->kind = GP__NODE_NULL;
    return node;
}

static struct gp__node *take_scalar(struct reader *reader)
{
    return peek(reader) == '"' ? take_string(reader) : take_word(reader);
}

static struct gp__node *take_list(struct reader *reader)
{
    struct gp__node *list = gp__node_sequence(reader->arena, GP__RECORD_ITEMS_MAX, NULL);

    reader->at++; /* the bracket */
    if (take(reader, ']'))
        return list;
    do {
        struct gp__node *item = take_scalar(reader);

        if (!item)
            return NULL;
        if (list->count == GP__RECORD_ITEMS_MAX)
            return fail(reader, "has a list of more than 32 values");
        gp__node_add(list, item);
    } while (take(reader, ','));
    return take(reader, ']') ? list : fail(reader, not_json);
}

static struct gp__node *take_field(struct reader *reader, struct gp__node *map)
{
    struct gp__node *key = peek(reader) == '"' ? take_string(reader) : fail(reader, not_json);
    struct gp__node *value;

    if (!key || !take(reader, ':'))
        return fail(reader, not_json);
    if (map->count == GP__RECORD_FIELDS_MAX)
        return fail(reader, "has more than 32 fields");
    if (gp__node_get(map, key->text))
        return fail(reader, "has a field twice");
    value = peek(reader) == '[' ? take_list(reader) : take_scalar(reader);
    if (value)
        gp__node_put(map, key, value);
    return value;
}

static struct gp__node *take_object(struct reader *reader)
{
    struct gp__node *map = gp__node_mapping(reader->arena, GP__RECORD_FIELDS_MAX, NULL);

    reader->at++; /* the brace */
    if (take(reader, '}'))
        return map;
    do {
        if (!take_field(reader, map))
            return NULL;
    } while (take(reader, ','));
    return take(reader, '}') ? map : fail(reader, not_json);
}

static struct gp__node *first_field(struct reader *reader, struct gp_slice first)
{
    struct gp__node *map = gp__node_mapping(reader->arena, 1, NULL);

    if (reader->text.len > GP__RECORD_TEXT_MAX || !is_clean(reader->text))
        return fail(reader, "has control characters, is not UTF-8, or has more than 1024 bytes");
    gp__node_put(map, gp__node_scalar(reader->arena, first, NULL),
                 gp__node_scalar(reader->arena, reader->text, NULL));
    return map;
}

const char *gp__record_parse(struct gp__arena *arena, struct gp_slice text, struct gp_slice first,
                             const struct gp__node **map_r)
{
    struct reader reader = {.arena = arena, .text = gp_slice_trim(text)};

    *map_r = NULL;
    if (text.len > GP__RECORD_BYTES_MAX)
        return "has more than 4096 bytes";
    if (reader.text.len == 0)
        return "is empty";
    if (reader.text.data[0] != '{') {
        *map_r = first_field(&reader, first);
        return reader.why;
    }
    reader.scratch = gp__arena_bytes(arena, reader.text.len);
    *map_r = take_object(&reader);
    (void)peek(&reader);
    if (reader.at < reader.text.len)
        fail(&reader, not_json);
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
