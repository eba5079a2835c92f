// SPDX-License-Identifier: Apache-2.0
#include "core/config/markdown.h"

#include "core/base/units.h"
#include "core/config/bind.h"
#include "core/config/load.h"

#include <stdio.h>
#include <string.h>

#define DEPTH_MAX 4 /* of nested structs */

static const char *const type_names[GP_TYPE_COUNT] = {
    [GP_TYPE_STRING] = "text",
    [GP_TYPE_BOOL] = "true or false",
    [GP_TYPE_INTEGER] = "integer",
    [GP_TYPE_MILLI] = "number",
    [GP_TYPE_SIZE] = "size",
    [GP_TYPE_DURATION] = "duration",
    [GP_TYPE_ENUM] = "word",
    [GP_TYPE_ADDRESS] = "address",
    [GP_TYPE_NETWORK] = "network",
    [GP_TYPE_SECRET] = "secret",
    [GP_TYPE_TABLE] = "table",
    [GP_TYPE_REGEX] = "regular expression",
    [GP_TYPE_PATH] = "path",
    [GP_TYPE_LIST] = "list",
    [GP_TYPE_MAP] = "map",
    [GP_TYPE_OBJECT] = "mapping",
    [GP_TYPE_TARGET] = "target",
    [GP_TYPE_BUCKET] = "bucket",
    [GP_TYPE_RATE] = "rate",
    [GP_TYPE_COMMAND] = "command",
    [GP_TYPE_RECORDS] = "table of records",
};

static const char *type_name(enum gp_type type)
{
    return type > GP_TYPE_NONE && type < GP_TYPE_COUNT ? type_names[type] : "value";
}

/* A cell ends at a bar or a line break. */
static int put_cell(struct gp__buf *out, const char *text)
{
    int result = 0;

    for (; *text && result == 0; text++) {
        if (*text == '|')
            result = gp__buf_append(out, GP_S("\\|"));
        else
            result = gp__buf_append(out, *text == '\n' ? GP_S(" ") : gp_slice(text, 1));
    }
    return result;
}

static const char *number_text(enum gp_type type, int64_t n, char out[40])
{
    char text[32];
    struct gp_slice s;

    if (type == GP_TYPE_DURATION)
        s = gp__duration_format((uint64_t)n, text);
    else if (type == GP_TYPE_SIZE)
        s = gp__size_format((uint64_t)n, text);
    else if (type == GP_TYPE_MILLI)
        s = gp_slice(text, (size_t)snprintf(text, sizeof text, "%g", (double)n / 1000));
    else
        s = gp_slice(text, (size_t)snprintf(text, sizeof text, "%lld", (long long)n));
    snprintf(out, 40, GP_FMT, GP_ARG(s));
    return out;
}

static bool is_number(enum gp_type type)
{
    return type == GP_TYPE_INTEGER || type == GP_TYPE_MILLI || type == GP_TYPE_SIZE ||
           type == GP_TYPE_DURATION;
}

static int put_type(struct gp__buf *out, const struct gp_option *row)
{
    bool holds = row->type == GP_TYPE_LIST || row->type == GP_TYPE_MAP;
    enum gp_type type = holds ? row->item : row->type;
    char least[40], most[40];

    if (gp__buf_printf(out, "%s%s", holds ? type_name(row->type) : "", holds ? " of " : "") < 0)
        return -1;
    if (type == GP_TYPE_ENUM && row->names) {
        for (size_t i = 0; row->names[i]; i++)
            if (gp__buf_printf(out, "%s`%s`", i ? ", " : "", row->names[i]) < 0)
                return -1;
        return 0;
    }
    if (!is_number(type) || (row->min == 0 && row->max == 0))
        return gp__buf_printf(out, "%s", type_name(type));
    return gp__buf_printf(out, "%s, %s to %s", type_name(type), number_text(type, row->min, least),
                          number_text(type, row->max, most));
}

static int put_default(struct gp__buf *out, const struct gp_option *row)
{
    if (!row->def)
        return gp__buf_append(out, GP_S("**required**"));
    if (strcmp(row->def, GP_OPTIONAL) == 0 || row->type == GP_TYPE_OBJECT)
        return 0;
    if (row->def[0] == '\0')
        return gp__buf_append(out, GP_S("empty"));
    return gp__buf_append(out, GP_S("`")) < 0 || put_cell(out, row->def) < 0
               ? -1
               : gp__buf_append(out, GP_S("`"));
}

static int put_rows(struct gp__buf *out, const struct gp_option *rows, size_t stride,
                    const char *prefix, int depth);

static int put_row(struct gp__buf *out, const struct gp_option *row, size_t stride,
                   const char *prefix, int depth)
{
    bool holds = row->type == GP_TYPE_LIST || row->type == GP_TYPE_MAP;
    char inner[256];

    if (row->flags & GP_OPTION_HIDDEN)
        return 0;
    if (gp__buf_printf(out, "| `%s%s` | ", prefix, row->name) < 0 || put_type(out, row) < 0 ||
        gp__buf_append(out, GP_S(" | ")) < 0 || put_default(out, row) < 0 ||
        gp__buf_append(out, GP_S(" | ")) < 0 || put_cell(out, row->doc ? row->doc : "") < 0 ||
        gp__buf_append(out, GP_S(" |\n")) < 0)
        return -1;
    if (!row->rows || (row->type != GP_TYPE_OBJECT && row->type != GP_TYPE_RECORDS &&
                       !(holds && row->item == GP_TYPE_OBJECT)))
        return 0;
    snprintf(inner, sizeof inner, "%s%s%s", prefix, row->name,
             row->type == GP_TYPE_LIST  ? "[]."
             : row->type == GP_TYPE_MAP ? ".NAME."
                                        : ".");
    return put_rows(out, row->rows, stride, inner, depth + 1);
}

static int put_rows(struct gp__buf *out, const struct gp_option *rows, size_t stride,
                    const char *prefix, int depth)
{
    struct gp_option row;

    for (size_t i = 0; depth < DEPTH_MAX && gp__option_row(rows, stride, i, &row); i++)
        if (put_row(out, &row, stride, prefix, depth) < 0)
            return -1;
    return 0;
}

int gp__markdown_options(const struct gp_option *rows, size_t stride, struct gp__buf *out)
{
    struct gp_option first;

    if (!gp__option_row(rows, stride, 0, &first))
        return 0;
    if (gp__buf_append(out, GP_S("| Option | Value | Default | Meaning |\n"
                                 "|---|---|---|---|\n")) < 0)
        return -1;
    return put_rows(out, rows, stride, "", 0);
}

int gp__markdown_settings(struct gp__buf *out)
{
    static const struct {
        const char *title;
        const struct gp_option *rows;
    } sections[] = {
        {"The top of the file", gp__top_rows},
        {"`listeners:` a mapping of names to", gp__listener_rows},
        {"`chains:` beside the plugin, each item of a list", gp__use_rows},
        {"`routes:` each item of the list", gp__route_rows},
        {"`queue:` a mapping of names to", gp__queue_rows},
        {"`buckets:` a mapping of names to", gp__bucket_rows},
    };

    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++)
        if (gp__buf_printf(out, "%s## %s\n\n", i ? "\n" : "", sections[i].title) < 0 ||
            gp__markdown_options(sections[i].rows, 0, out) < 0)
            return -1;
    return 0;
}
