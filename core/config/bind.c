// SPDX-License-Identifier: Apache-2.0
#include "core/config/bind.h"

#include "core/config/bind_value.h"
#include "core/config/yaml.h"

#include <string.h>

#define DEPTH_MAX 32
#define ROWS_MAX 500 /* of one table */

bool gp__option_row(const struct gp_option *rows, size_t stride, size_t n, struct gp_option *row_r)
{
    size_t known = stride && stride < sizeof *row_r ? stride : sizeof *row_r;

    memset(row_r, 0, sizeof *row_r);
    if (!rows || n >= ROWS_MAX)
        return false;
    memcpy(row_r, (const char *)rows + n * (stride ? stride : sizeof *row_r), known);
    return row_r->name != NULL;
}

/* ---- messages ---- */

int gp__bind_wrong(const struct gp__bind_for *for_, const struct gp__node *node,
                   const char *expected)
{
    if (node->kind == GP__NODE_SCALAR && for_->row->type != GP_TYPE_SECRET)
        gp__diag_add(for_->binder->diag, GP__ERROR, node,
                     "\"%s\" in " GP_FMT " must be %s, not \"" GP_FMT "\"", for_->row->name,
                     GP_ARG(for_->what), expected, GP_ARG(gp_slice_sub(node->text, 0, 200)));
    else
        gp__diag_add(for_->binder->diag, GP__ERROR, node, "\"%s\" in " GP_FMT " must be %s, not %s",
                     for_->row->name, GP_ARG(for_->what), expected, gp__node_kind_text(node));
    return -1;
}

int gp__bind_bad(const struct gp__bind_for *for_, const struct gp__node *node, const char *format,
                 ...)
{
    struct gp_slice text;
    va_list args;

    va_start(args, format);
    text = gp__arena_vprintf(for_->binder->arena, format, args);
    va_end(args);
    gp__diag_add(for_->binder->diag, GP__ERROR, node, "\"%s\" in " GP_FMT ": " GP_FMT,
                 for_->row->name, GP_ARG(for_->what), GP_ARG(text));
    return -1;
}

/* ---- one value ---- */

size_t gp__bind_size_of(enum gp_type type, const struct gp_option *row)
{
    switch (type) {
    case GP_TYPE_STRING:
    case GP_TYPE_ADDRESS:
    case GP_TYPE_SECRET:
    case GP_TYPE_PATH:
    case GP_TYPE_TARGET:
    case GP_TYPE_BUCKET:
        return sizeof(struct gp_slice);
    case GP_TYPE_BOOL:
        return sizeof(bool);
    case GP_TYPE_INTEGER:
    case GP_TYPE_MILLI:
    case GP_TYPE_SIZE:
    case GP_TYPE_DURATION:
        return sizeof(int64_t);
    case GP_TYPE_ENUM:
        return sizeof(int);
    case GP_TYPE_RATE:
        return sizeof(struct gp_rate);
    case GP_TYPE_NETWORK:
    case GP_TYPE_COMMAND:
    case GP_TYPE_RECORDS:
    case GP_TYPE_TABLE:
    case GP_TYPE_REGEX:
    case GP_TYPE_LIST:
    case GP_TYPE_MAP:
        return sizeof(void *);
    case GP_TYPE_OBJECT:
        return row->row_size;
    case GP_TYPE_NONE:
    case GP_TYPE_COUNT:
        return 0;
    }
    return 0; /* of a plugin that is newer, or wrong */
}

int gp__bind_any(const struct gp__bind_for *for_, enum gp_type type, const struct gp__node *node,
                 void *place, const struct gp__node **shown_r)
{
    static gp__bind_fn *const simple[GP_TYPE_COUNT] = {
        [GP_TYPE_STRING] = gp__bind_string,   [GP_TYPE_BOOL] = gp__bind_bool,
        [GP_TYPE_INTEGER] = gp__bind_integer, [GP_TYPE_MILLI] = gp__bind_milli,
        [GP_TYPE_SIZE] = gp__bind_size,       [GP_TYPE_DURATION] = gp__bind_duration,
        [GP_TYPE_ENUM] = gp__bind_enum,       [GP_TYPE_ADDRESS] = gp__bind_address,
        [GP_TYPE_NETWORK] = gp__bind_network, [GP_TYPE_SECRET] = gp__bind_secret,
        [GP_TYPE_TABLE] = gp__bind_table,     [GP_TYPE_REGEX] = gp__bind_regex,
        [GP_TYPE_PATH] = gp__bind_path_value, [GP_TYPE_TARGET] = gp__bind_target,
        [GP_TYPE_BUCKET] = gp__bind_bucket,   [GP_TYPE_RATE] = gp__bind_rate,
        [GP_TYPE_COMMAND] = gp__bind_command, [GP_TYPE_RECORDS] = gp__bind_records,
    };

    *shown_r = node;
    if (type == GP_TYPE_LIST)
        return gp__bind_list(for_, node, place, shown_r);
    if (type == GP_TYPE_MAP)
        return gp__bind_map(for_, node, place, shown_r);
    if (type == GP_TYPE_OBJECT)
        return gp__bind_object(for_, node, place, shown_r);
    return simple[type](for_, node, place);
}

/* ---- defaults ---- */

const struct gp__node *gp__bind_default(struct gp__binder *binder, const char *text)
{
    const struct gp__node *node;
    struct gp__source *source;
    struct gp__node *scalar;

    if (!text || strcmp(text, GP_OPTIONAL) == 0)
        return NULL;
    if (!binder->defaults) {
        binder->defaults = gp__source_create(binder->arena, GP_S("default"), GP_S("/"),
                                             gp_slice(NULL, 0));
        binder->defaults->builtin = true;
    }
    if (text[0] != '[' && text[0] != '{') {
        scalar = gp__node_scalar(binder->arena, gp_slice_of(text), NULL);
        scalar->source = binder->defaults;
        return scalar;
    }
    source = gp__source_create(binder->arena, GP_S("default"), GP_S("/"),
                               gp__arena_dup(binder->arena, gp_slice_of(text)));
    source->builtin = true;
    node = gp__yaml_parse(binder->arena, source, binder->diag);
    return node && node->kind != GP__NODE_NULL ? node : NULL;
}

/* ---- a mapping ---- */

/* One mapping on its way into one struct. */
struct binding {
    struct gp__binder *binder;
    const struct gp__node *map; /* NULL: nothing was given */
    const struct gp__node *at;
    struct gp_slice what;
    const struct gp__schema_rows *rows;
    char *out;
    struct gp__node *shown;
};

/* A plugin whose table does not fit its struct would make us write elsewhere. */
static int check_row(struct binding *b, const struct gp_option *row)
{
    size_t size = gp__bind_size_of(row->type, row);
    bool holds = row->type == GP_TYPE_LIST || row->type == GP_TYPE_MAP;
    bool fits = (size || (row->type == GP_TYPE_OBJECT && row->rows)) && size <= b->rows->size &&
                row->offset <= b->rows->size - size;

    if (holds)
        fits = fits && row->item != GP_TYPE_LIST && row->item != GP_TYPE_MAP &&
               gp__bind_size_of(row->item, row) != 0;
    if (row->type == GP_TYPE_ENUM || (holds && row->item == GP_TYPE_ENUM))
        fits = fits && row->names;
    if (fits)
        return 0;
    gp__diag_add(b->binder->diag, GP__ERROR, b->at,
                 "the option \"%s\" of " GP_FMT " is not declared properly in its plugin",
                 row->name, GP_ARG(b->what));
    return -1;
}

static const struct gp__node *made_key(struct binding *b, const char *name)
{
    return gp__node_scalar(b->binder->arena, gp_slice_of(name), b->at);
}

static int bind_row(struct binding *b, const struct gp_option *row)
{
    const struct gp__pair *pair = gp__node_pair(b->map, gp_slice_of(row->name));
    struct gp__bind_for for_ = {b->binder, row, b->rows->stride, b->what};
    const struct gp__node *node = pair ? pair->value : NULL;
    const struct gp__node *shown = NULL;
    int result;

    if (check_row(b, row) < 0)
        return -1;
    if (node && node->kind == GP__NODE_NULL && row->type != GP_TYPE_OBJECT)
        node = NULL;
    if (!node && !row->def) {
        gp__diag_add(b->binder->diag, GP__ERROR, pair ? pair->key : b->at,
                     "\"%s\" is missing in " GP_FMT, row->name, GP_ARG(b->what));
        return -1;
    }
    if (!node)
        node = gp__bind_default(b->binder, row->def);
    if (!node)
        return 0;
    result = gp__bind_any(&for_, row->type, node, b->out + row->offset, &shown);
    gp__node_put(b->shown, pair ? pair->key : made_key(b, row->name), shown ? shown : node);
    return result;
}

static int bind_rows(struct binding *b)
{
    struct gp_option row;
    int result = 0;

    for (size_t i = 0; gp__option_row(b->rows->rows, b->rows->stride, i, &row); i++)
        if (bind_row(b, &row) < 0)
            result = -1;
    return result;
}

static bool in_words(const char *const *words, struct gp_slice word)
{
    for (; words && *words; words++)
        if (gp_slice_eq(gp_slice_of(*words), word))
            return true;
    return false;
}

static bool is_row(struct binding *b, struct gp_slice key)
{
    struct gp_option row;

    for (size_t i = 0; gp__option_row(b->rows->rows, b->rows->stride, i, &row); i++)
        if (gp_slice_eq(gp_slice_of(row.name), key))
            return true;
    return false;
}

static void report_unknown(struct binding *b, const struct gp__node *key)
{
    struct gp__suggest suggest = {.word = key->text};
    struct gp_option row;

    for (size_t i = 0; gp__option_row(b->rows->rows, b->rows->stride, i, &row); i++)
        if (!(row.flags & GP_OPTION_HIDDEN))
            gp__suggest_try(&suggest, gp_slice_of(row.name));
    for (const char *const *own = b->rows->own; own && *own; own++)
        gp__suggest_try(&suggest, gp_slice_of(*own));
    gp__diag_unknown(b->binder->diag, key, &suggest, "unknown key \"" GP_FMT "\" in " GP_FMT,
                     GP_ARG(gp_slice_sub(key->text, 0, 200)), GP_ARG(b->what));
}

static int check_keys(struct binding *b)
{
    int result = 0;

    for (size_t i = 0; b->map && i < b->map->count; i++) {
        const struct gp__node *key = b->map->pairs[i].key;

        if (is_row(b, key->text) || in_words(b->rows->own, key->text))
            continue;
        result = -1;
        if (in_words(b->rows->later, key->text))
            gp__diag_add(b->binder->diag, GP__ERROR, key,
                         "\"" GP_FMT "\" in " GP_FMT " is not available in this version",
                         GP_ARG(key->text), GP_ARG(b->what));
        else
            report_unknown(b, key);
    }
    return result;
}

static size_t count_rows(const struct gp__schema_rows *rows)
{
    struct gp_option row;
    size_t n = 0;

    while (gp__option_row(rows->rows, rows->stride, n, &row))
        n++;
    return n;
}

int gp__bind(struct gp__binder *binder, const struct gp__node *map, const struct gp__node *at,
             struct gp_slice what, const struct gp__schema_rows *rows, void *out,
             const struct gp__node **shown_r)
{
    struct binding b = {binder, map, at ? at : map, what, rows, out, NULL};
    int result;

    b.shown = gp__node_mapping(binder->arena, count_rows(rows), b.at);
    if (shown_r)
        *shown_r = b.shown;
    if (map && map->kind == GP__NODE_NULL)
        b.map = NULL;
    if (b.map && b.map->kind != GP__NODE_MAPPING) {
        gp__diag_add(binder->diag, GP__ERROR, map, GP_FMT " must be a mapping, not %s",
                     GP_ARG(what), gp__node_kind_text(map));
        return -1;
    }
    if (binder->depth >= DEPTH_MAX) {
        gp__diag_add(binder->diag, GP__ERROR, b.at, GP_FMT " is nested too deep", GP_ARG(what));
        return -1;
    }
    binder->depth++;
    result = check_keys(&b);
    if (bind_rows(&b) < 0)
        result = -1;
    binder->depth--;
    return result;
}
