// SPDX-License-Identifier: Apache-2.0
#include "core/config/show.h"

#include "core/base/ascii.h"
#include "core/base/utf8.h"

static int put_node(struct gp__buf *out, const struct gp__node *node, int indent);

/* Texts that YAML reads as themselves without quotes. */
static bool is_plain(const struct gp__node *node)
{
    struct gp_slice s = node->text;

    if (node->quoted || s.len == 0 || (!gp__is_alnum(s.data[0]) && s.data[0] != '/'))
        return false;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.data[i];
        bool inner = c == ':' && i + 1 < s.len;

        if (!gp__is_alnum(c) && c != '_' && c != '.' && c != '/' && c != '@' && c != '+' &&
            c != '-' && c != '%' && !inner)
            return false;
    }
    return true;
}

static int put_quoted(struct gp__buf *out, struct gp_slice s)
{
    int result = gp__buf_append(out, GP_S("\""));

    while (s.len && result == 0) {
        uint32_t code = 0;
        size_t len = gp__utf8_decode(s, &code);

        if (s.data[0] == '"' || s.data[0] == '\\')
            result = gp__buf_printf(out, "\\%c", s.data[0]);
        else if (len == 0 || gp__is_control(s.data[0]))
            result = gp__buf_printf(out, "\\x%02x", (unsigned char)s.data[0]);
        else if (len > 1)
            result = gp__buf_printf(out, code > 0xffff ? "\\U%08x" : "\\u%04x", code);
        else
            result = gp__buf_append(out, gp_slice_sub(s, 0, 1));
        s = gp_slice_sub(s, len ? len : 1, s.len);
    }
    return result < 0 ? -1 : gp__buf_append(out, GP_S("\""));
}

static int put_text(struct gp__buf *out, const struct gp__node *node)
{
    if (node->kind == GP__NODE_NULL)
        return gp__buf_append(out, GP_S("~"));
    if (gp__node_hidden(node))
        return gp__buf_append(out, GP_S("(secret)"));
    return is_plain(node) ? gp__buf_append(out, node->text) : put_quoted(out, node->text);
}

static int put_origin(struct gp__buf *out, const struct gp__node *node)
{
    if (!node->source || node->source->builtin)
        return gp__buf_append(out, GP_S("  # default\n"));
    return gp__buf_printf(out, "  # " GP_FMT ":%u\n", GP_ARG(node->source->name), node->line);
}

static bool is_leaf(const struct gp__node *node)
{
    return node->kind == GP__NODE_NULL || node->kind == GP__NODE_SCALAR || node->count == 0;
}

/* A value that fits behind its key or dash. */
static int put_leaf(struct gp__buf *out, const struct gp__node *node)
{
    int result;

    if (node->kind == GP__NODE_MAPPING)
        result = gp__buf_append(out, GP_S("{}"));
    else if (node->kind == GP__NODE_SEQUENCE)
        result = gp__buf_append(out, GP_S("[]"));
    else
        result = put_text(out, node);
    return result < 0 ? -1 : put_origin(out, node);
}

static int put_pair(struct gp__buf *out, const struct gp__pair *pair, int indent)
{
    if (put_text(out, pair->key) < 0)
        return -1;
    if (is_leaf(pair->value))
        return gp__buf_append(out, GP_S(": ")) < 0 ? -1 : put_leaf(out, pair->value);
    if (gp__buf_append(out, GP_S(":\n")) < 0)
        return -1;
    return put_node(out, pair->value, indent + 2);
}

/* The first pair of a mapping in a list stands behind the dash. */
static int put_pairs(struct gp__buf *out, const struct gp__node *map, int indent, bool behind_dash)
{
    for (size_t i = 0; i < map->count; i++) {
        if ((i > 0 || !behind_dash) && gp__buf_printf(out, "%*s", indent, "") < 0)
            return -1;
        if (put_pair(out, &map->pairs[i], indent) < 0)
            return -1;
    }
    return 0;
}

static int put_item(struct gp__buf *out, const struct gp__node *item, int indent)
{
    if (gp__buf_printf(out, "%*s-", indent, "") < 0)
        return -1;
    if (item->kind == GP__NODE_SEQUENCE && item->count)
        return gp__buf_append(out, GP_S("\n")) < 0 ? -1 : put_node(out, item, indent + 2);
    if (gp__buf_append(out, GP_S(" ")) < 0)
        return -1;
    return is_leaf(item) ? put_leaf(out, item) : put_pairs(out, item, indent + 2, true);
}

static int put_node(struct gp__buf *out, const struct gp__node *node, int indent)
{
    if (node->kind == GP__NODE_MAPPING)
        return put_pairs(out, node, indent, false);
    for (size_t i = 0; i < node->count; i++)
        if (put_item(out, node->items[i], indent) < 0)
            return -1;
    return 0;
}

int gp__show(const struct gp__settings *settings, struct gp__buf *out)
{
    return put_node(out, settings->shown, 0);
}
