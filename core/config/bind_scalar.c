// SPDX-License-Identifier: Apache-2.0
/* Texts, yes and no, numbers with and without units, enums. */
#include "core/base/ascii.h"
#include "core/base/units.h"
#include "core/config/bind_value.h"
#include "core/smtp/reply.h"

#include <stdio.h>
#include <string.h>

static bool is_scalar(const struct gp__node *node)
{
    return node->kind == GP__NODE_SCALAR;
}

int gp__bind_string(const struct gp__bind_for *for_, const struct gp__node *node, void *place)
{
    struct gp_slice *value = place;

    if (!is_scalar(node))
        return gp__bind_wrong(for_, node, "a text");
    if (node->text.len == 0 && (for_->row->flags & GP_OPTION_NOT_EMPTY))
        return gp__bind_bad(for_, node, "must not be empty");
    if ((for_->row->flags & GP_OPTION_REPLY) && !gp__reply_text_ok(node->text))
        return gp__bind_bad(for_, node,
                            "cannot stand in a reply: no control characters, at most 400 bytes a "
                            "line, and \\r\\n between lines");
    *value = node->text;
    if ((for_->row->flags & GP_OPTION_NOTE) && for_->binder->note)
        for_->binder->note(for_->binder->arg, node, node->text);
    if (for_->row->flags & GP_OPTION_QUARANTINE)
        return gp__bind_action(for_->binder, node, node->text);
    return 0;
}

int gp__bind_bool(const struct gp__bind_for *for_, const struct gp__node *node, void *place)
{
    static const char *const words[] = {"false", "true", "off", "on", "no", "yes", NULL};
    bool *value = place;

    for (int i = 0; is_scalar(node) && words[i]; i++) {
        if (!gp_slice_caseeq(node->text, gp_slice_of(words[i])))
            continue;
        *value = i % 2;
        return 0;
    }
    return gp__bind_wrong(for_, node, "true or false");
}

/* ---- numbers ---- */

/* A number as a person would have written it. */
static const char *format_number(enum gp_type type, int64_t n, char out[32])
{
    struct gp_slice text;

    switch (type) {
    case GP_TYPE_DURATION:
        text = gp__duration_format((uint64_t)n, out);
        break;
    case GP_TYPE_SIZE:
        text = gp__size_format((uint64_t)n, out);
        break;
    case GP_TYPE_MILLI:
        snprintf(out, 32, "%g", (double)n / 1000);
        return out;
    default:
        snprintf(out, 32, "%lld", (long long)n);
        return out;
    }
    if (text.data != out) /* "0" is static */
        memcpy(out, text.data, text.len);
    out[text.len] = '\0';
    return out;
}

static int check_range(const struct gp__bind_for *for_, enum gp_type type,
                       const struct gp__node *node, int64_t n)
{
    const struct gp_option *row = for_->row;
    char least[32], most[32];

    if ((row->min == 0 && row->max == 0) || (n >= row->min && n <= row->max))
        return 0;
    return gp__bind_bad(for_, node, "must be from %s to %s, not " GP_FMT,
                        format_number(type, row->min, least), format_number(type, row->max, most),
                        GP_ARG(node->text));
}

int gp__bind_integer(const struct gp__bind_for *for_, const struct gp__node *node, void *place)
{
    int64_t value;

    if (!is_scalar(node) || gp_slice_to_int(node->text, INT64_MIN, INT64_MAX, &value) < 0)
        return gp__bind_wrong(for_, node, "a whole number");
    *(int64_t *)place = value;
    return check_range(for_, GP_TYPE_INTEGER, node, value);
}

int gp__bind_milli(const struct gp__bind_for *for_, const struct gp__node *node, void *place)
{
    int64_t value;

    if (!is_scalar(node) || gp__milli_parse(node->text, &value) < 0)
        return gp__bind_wrong(for_, node, "a number with at most three decimals");
    *(int64_t *)place = value;
    return check_range(for_, GP_TYPE_MILLI, node, value);
}

int gp__bind_size(const struct gp__bind_for *for_, const struct gp__node *node, void *place)
{
    uint64_t value;

    if (!is_scalar(node) || gp__size_parse(node->text, &value) < 0)
        return gp__bind_wrong(for_, node, "a size such as 512, 64KiB or 25MiB");
    *(uint64_t *)place = value;
    return check_range(for_, GP_TYPE_SIZE, node, (int64_t)value);
}

int gp__bind_duration(const struct gp__bind_for *for_, const struct gp__node *node, void *place)
{
    uint64_t value;

    if (!is_scalar(node) || gp__duration_parse(node->text, &value) < 0)
        return gp__bind_wrong(for_, node, "a duration such as 250ms, 30s, 5m or 1h30m");
    *(uint64_t *)place = value;
    return check_range(for_, GP_TYPE_DURATION, node, (int64_t)value);
}

int gp__bind_rate(const struct gp__bind_for *for_, const struct gp__node *node, void *place)
{
    struct gp_rate *rate = place;

    if (!is_scalar(node) || gp__rate_parse(node->text, &rate->count, &rate->period_ms) < 0)
        return gp__bind_wrong(for_, node, "a rate such as 500/h, 2000/d or 30/10m");
    return check_range(for_, GP_TYPE_INTEGER, node, rate->count);
}

/* ---- enums ---- */

static int index_of(const char *const *names, struct gp_slice word)
{
    for (int i = 0; names[i]; i++)
        if (gp_slice_eq(gp_slice_of(names[i]), word))
            return i;
    return -1;
}

int gp__bind_enum_index(const struct gp__node *node, const char *const *names)
{
    int index = node->kind == GP__NODE_SCALAR ? index_of(names, node->text) : -1;

    if (index >= 0 || node->kind != GP__NODE_SCALAR || node->quoted)
        return index;
    if (gp_slice_eq(node->text, GP_S("false")))
        return index_of(names, GP_S("off"));
    return gp_slice_eq(node->text, GP_S("true")) ? index_of(names, GP_S("on")) : -1;
}

static struct gp_slice join_names(struct gp__arena *arena, const char *const *names)
{
    struct gp_slice text = GP_S("");

    for (size_t i = 0; names[i]; i++) {
        const char *glue = i == 0 ? "" : names[i + 1] ? ", " : " or ";

        text = gp__arena_printf(arena, GP_FMT "%s%s", GP_ARG(text), glue, names[i]);
    }
    return text;
}

int gp__bind_enum(const struct gp__bind_for *for_, const struct gp__node *node, void *place)
{
    const char *const *names = for_->row->names;
    struct gp__suggest suggest = {.word = node->text};
    struct gp_slice expected = join_names(for_->binder->arena, names);
    int index = gp__bind_enum_index(node, names);

    if (index >= 0) {
        *(int *)place = index;
        return 0;
    }
    if (!is_scalar(node))
        return gp__bind_wrong(for_, node, expected.data);
    for (size_t i = 0; names[i]; i++)
        gp__suggest_try(&suggest, gp_slice_of(names[i]));
    gp__diag_unknown(for_->binder->diag, node, &suggest,
                     "\"%s\" in " GP_FMT " must be " GP_FMT ", not \"" GP_FMT "\"", for_->row->name,
                     GP_ARG(for_->what), GP_ARG(expected),
                     GP_ARG(gp_slice_sub(node->text, 0, 200)));
    return -1;
}
