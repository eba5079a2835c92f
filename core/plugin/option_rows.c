// SPDX-License-Identifier: Apache-2.0
#include "core/plugin/option_rows.h"

#include <stdalign.h>
#include <stddef.h>

#define STRIDE_1_0 (offsetof(struct gp_option, key) + sizeof(enum gp_type))
#define NAME_MAX_BYTES 64
#define NAMES_MAX 256
#define FLAGS_ALL                                                                                  \
    (GP_OPTION_HIDDEN | GP_OPTION_NOT_EMPTY | GP_OPTION_REPLY | GP_OPTION_NOTE |                   \
     GP_OPTION_QUARANTINE | GP_OPTION_STORE)

/* What a member of each type is. OBJECT has the size its row says. */
static const struct {
    size_t size, align;
} members[GP_TYPE_COUNT] = {
#define MEMBER(type, ctype) [type] = {sizeof(ctype), alignof(ctype)}
    MEMBER(GP_TYPE_STRING, struct gp_slice),
    MEMBER(GP_TYPE_BOOL, bool),
    MEMBER(GP_TYPE_INTEGER, int64_t),
    MEMBER(GP_TYPE_MILLI, int64_t),
    MEMBER(GP_TYPE_SIZE, uint64_t),
    MEMBER(GP_TYPE_DURATION, uint64_t),
    MEMBER(GP_TYPE_ENUM, int),
    MEMBER(GP_TYPE_ADDRESS, struct gp_slice),
    MEMBER(GP_TYPE_NETWORK, void *),
    MEMBER(GP_TYPE_SECRET, struct gp_slice),
    MEMBER(GP_TYPE_TABLE, void *),
    MEMBER(GP_TYPE_REGEX, void *),
    MEMBER(GP_TYPE_PATH, struct gp_slice),
    MEMBER(GP_TYPE_LIST, void *),
    MEMBER(GP_TYPE_MAP, void *),
    MEMBER(GP_TYPE_TARGET, struct gp_slice),
    MEMBER(GP_TYPE_BUCKET, struct gp_slice),
    MEMBER(GP_TYPE_RATE, struct gp_rate),
    MEMBER(GP_TYPE_COMMAND, void *),
    MEMBER(GP_TYPE_RECORDS, void *),
#undef MEMBER
};

struct walk {
    struct gp__arena *arena;
    size_t stride;
    struct gp_slice *why;
};

static bool wrong(struct walk *walk, const char *format, ...) GP_PRINTF(2, 3);

static bool wrong(struct walk *walk, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    *walk->why = gp__arena_vprintf(walk->arena, format, args);
    va_end(args);
    return false;
}

/* The nth row, zero where the plugin knows less. */
static struct gp_option row_at(const struct walk *walk, const struct gp_option *rows, size_t n)
{
    struct gp_option row = {.name = NULL};
    const char *at = (const char *)rows + n * walk->stride;

    memcpy(&row, at, walk->stride < sizeof row ? walk->stride : sizeof row);
    return row;
}

static bool is_name(const char *name)
{
    size_t len = strnlen(name, NAME_MAX_BYTES + 1);

    for (size_t i = 0; i < len; i++) {
        char c = name[i];

        if (!(c >= 'a' && c <= 'z') && !(i && c >= '0' && c <= '9') && !(i && c == '_') &&
            !(i && c == '-'))
            return false;
    }
    return len > 0 && len <= NAME_MAX_BYTES;
}

static bool is_unique(const struct walk *walk, const struct gp_option *rows, size_t n)
{
    struct gp_option row = row_at(walk, rows, n);

    for (size_t i = 0; i < n; i++)
        if (strcmp(row_at(walk, rows, i).name, row.name) == 0)
            return false;
    return true;
}

static bool check_place(struct walk *walk, const struct gp_option *row, size_t size)
{
    size_t len = row->type == GP_TYPE_OBJECT ? row->row_size : members[row->type].size;
    size_t align = row->type == GP_TYPE_OBJECT ? 1 : members[row->type].align;

    if (row->offset > size || len > size - row->offset)
        return wrong(walk, "\"%s\" lies outside of the struct of %zu bytes (.instance_size)",
                     row->name, size);
    if (row->offset % align)
        return wrong(walk, "\"%s\" lies at offset %zu, where its type can't be", row->name,
                     row->offset);
    return true;
}

static bool check_names(struct walk *walk, const struct gp_option *row)
{
    size_t n = 0;

    while (row->names && n < NAMES_MAX && row->names[n])
        n++;
    if (n == 0 || n == NAMES_MAX)
        return wrong(walk, "\"%s\" has no list of names that ends", row->name);
    return true;
}

static bool check_rows(struct walk *walk, const struct gp_option *rows, size_t size,
                       unsigned depth);

/* What a record says refers to nothing of the configuration. */
static bool check_fields(struct walk *walk, const struct gp_option *of)
{
    const unsigned allowed = 1u << GP_TYPE_STRING | 1u << GP_TYPE_BOOL | 1u << GP_TYPE_INTEGER |
                             1u << GP_TYPE_MILLI | 1u << GP_TYPE_SIZE | 1u << GP_TYPE_DURATION |
                             1u << GP_TYPE_ENUM | 1u << GP_TYPE_ADDRESS | 1u << GP_TYPE_SECRET |
                             1u << GP_TYPE_RATE;
    struct gp_option row;

    for (size_t n = 0; n < GP__OPTION_ROWS_MAX && (row = row_at(walk, of->rows, n), row.name);
         n++) {
        enum gp_type type = row.type == GP_TYPE_LIST ? row.item : row.type;

        if ((unsigned)type >= GP_TYPE_COUNT || !(allowed & 1u << type))
            return wrong(walk, "\"%s\" is of a type that no field of a record has", row.name);
    }
    return true;
}

/* What the type, of the row or of its items, needs beside itself. */
static bool check_type(struct walk *walk, const struct gp_option *row, enum gp_type type,
                       unsigned depth)
{
    switch (type) {
    case GP_TYPE_ENUM:
        return check_names(walk, row);
    case GP_TYPE_OBJECT:
        if (!row->rows || row->row_size == 0)
            return wrong(walk, "\"%s\" has no rows, or no size", row->name);
        return check_rows(walk, row->rows, row->row_size, depth + 1);
    case GP_TYPE_RECORDS:
        if (!row->rows || row->row_size == 0)
            return wrong(walk, "\"%s\" has no rows, or no size", row->name);
        return check_fields(walk, row) && check_rows(walk, row->rows, row->row_size, depth + 1);
    case GP_TYPE_LIST:
    case GP_TYPE_MAP:
        return wrong(walk, "\"%s\" is a list of lists or maps: use objects", row->name);
    case GP_TYPE_NONE:
    case GP_TYPE_STRING:
    case GP_TYPE_BOOL:
    case GP_TYPE_INTEGER:
    case GP_TYPE_MILLI:
    case GP_TYPE_SIZE:
    case GP_TYPE_DURATION:
    case GP_TYPE_ADDRESS:
    case GP_TYPE_NETWORK:
    case GP_TYPE_SECRET:
    case GP_TYPE_TABLE:
    case GP_TYPE_REGEX:
    case GP_TYPE_PATH:
    case GP_TYPE_TARGET:
    case GP_TYPE_BUCKET:
    case GP_TYPE_RATE:
    case GP_TYPE_COMMAND:
    case GP_TYPE_COUNT:
        break;
    }
    return type != GP_TYPE_NONE && (unsigned)type < GP_TYPE_COUNT
               ? true
               : wrong(walk, "\"%s\" has an unknown type, %d", row->name, (int)type);
}

static bool check_row(struct walk *walk, const struct gp_option *row, size_t size, unsigned depth)
{
    bool many = row->type == GP_TYPE_LIST || row->type == GP_TYPE_MAP;

    if (!is_name(row->name))
        return wrong(walk, "\"%.64s\" is no lower-case word", row->name);
    if (!check_type(walk, row, many ? row->item : row->type, depth) ||
        !check_place(walk, row, size))
        return false;
    if (row->key != GP_TYPE_NONE && (row->type != GP_TYPE_MAP || row->key != GP_TYPE_TABLE))
        return wrong(walk, "\"%s\" has a .key other than a map's tables", row->name);
    if (row->min > row->max)
        return wrong(walk, "\"%s\" has a minimum above its maximum", row->name);
    if (row->flags & ~(unsigned)FLAGS_ALL)
        return wrong(walk, "\"%s\" has unknown flags, %x", row->name, row->flags);
    if (!row->doc || !row->doc[0])
        return wrong(walk, "\"%s\" has no line of documentation", row->name);
    return true;
}

static bool check_rows(struct walk *walk, const struct gp_option *rows, size_t size, unsigned depth)
{
    if (depth > GP__OPTION_DEPTH_MAX)
        return wrong(walk, "objects in objects deeper than %d", GP__OPTION_DEPTH_MAX);
    for (size_t n = 0; n < GP__OPTION_ROWS_MAX; n++) {
        struct gp_option row = row_at(walk, rows, n);

        if (!row.name)
            return true;
        if (!check_row(walk, &row, size, depth))
            return false;
        if (!is_unique(walk, rows, n))
            return wrong(walk, "\"%s\" stands there twice", row.name);
    }
    return wrong(walk, "more than %d rows; it ends with GP_OPTIONS_END", GP__OPTION_ROWS_MAX);
}

bool gp__option_rows_ok(struct gp__arena *arena, const struct gp_option *rows, size_t stride,
                        size_t size, struct gp_slice *why_r)
{
    struct walk walk = {.arena = arena, .stride = stride, .why = why_r};

    *why_r = gp_slice(NULL, 0);
    if (stride < STRIDE_1_0 || stride > 4096 || stride % alignof(struct gp_option))
        return wrong(&walk, "rows of %zu bytes (at least %zu)", stride, STRIDE_1_0);
    return check_rows(&walk, rows, size, 0);
}
