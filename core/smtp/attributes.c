// SPDX-License-Identifier: Apache-2.0
#include "core/smtp/attributes.h"

#include "core/base/ascii.h"
#include "core/base/codec.h"
#include "core/base/utf8.h"

#define VALUE_MAX 255u

static const struct gp__reply bad_syntax = GP__REPLY_INIT(
    501, 5, 5, 4, "Syntax: NAME=VALUE, separated by spaces");
static const struct gp__reply unknown = GP__REPLY_INIT(501, 5, 5, 4, "Unknown attribute");
static const struct gp__reply duplicate = GP__REPLY_INIT(501, 5, 5, 4, "Attribute given twice");
static const struct gp__reply bad_value = GP__REPLY_INIT(
    501, 5, 5, 4, "A value is xtext of at most 255 printable characters");

static const struct gp_slice names[] = {
#define X(name) {#name, sizeof #name - 1},
    GP__ATTRIBUTES(X)
#undef X
};

struct gp_slice gp__attribute_name(enum gp__attribute attribute)
{
    return names[attribute];
}

static int find(struct gp_slice name)
{
    for (int i = 0; i < GP__ATTRIBUTE_COUNT; i++)
        if (gp_slice_caseeq(names[i], name))
            return i;
    return -1;
}

static bool is_unavailable(struct gp_slice value)
{
    return gp_slice_caseeq(value, GP_S("[UNAVAILABLE]")) ||
           gp_slice_caseeq(value, GP_S("[TEMPUNAVAIL]"));
}

bool gp__attribute_known(const struct gp__attributes *attributes, enum gp__attribute attribute)
{
    struct gp_slice value = attributes->values[attribute];

    return gp_slice_present(value) && !is_unavailable(value);
}

struct gp_slice gp__attribute_find(const struct gp__attributes *attributes, struct gp_slice name)
{
    int i = find(name);

    return i < 0 ? gp_slice(NULL, 0) : attributes->values[i];
}

/* Text that may stand in logs and fields. */
static bool printable(struct gp_slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (gp__is_control(s.data[i]))
            return false;
    return s.len > 0 && s.len <= VALUE_MAX && gp__utf8_valid(s);
}

int gp__attribute_set(struct gp__attributes *attributes, struct gp_slice name,
                      struct gp_slice value)
{
    int i = find(name);

    if (i < 0 || !printable(value))
        return -1;
    attributes->values[i] = value;
    return 0;
}

static int read_value(struct gp__arena *arena, struct gp_slice text, struct gp_slice *value_r)
{
    if (gp_slice_caseeq(text, GP_S("[UNAVAILABLE]"))) {
        *value_r = GP_S("[UNAVAILABLE]");
        return 0;
    }
    if (gp_slice_caseeq(text, GP_S("[TEMPUNAVAIL]"))) {
        *value_r = GP_S("[TEMPUNAVAIL]");
        return 0;
    }
    return gp__xtext_decode(arena, text, value_r) == 0 && printable(*value_r) ? 0 : -1;
}

static const struct gp__reply *read_one(struct gp__arena *arena, struct gp_slice word, unsigned set,
                                        struct gp__attributes *attributes)
{
    struct gp_slice text = word, name = gp_slice_split(&text, '=');
    int i = find(name);

    if (name.len == 0 || !gp_slice_present(text))
        return &bad_syntax;
    if (i < 0 || !(set & 1u << i))
        return &unknown;
    if (gp_slice_present(attributes->values[i]))
        return &duplicate;
    return read_value(arena, text, &attributes->values[i]) < 0 ? &bad_value : NULL;
}

const struct gp__reply *gp__attributes_read(struct gp__arena *arena, struct gp_slice text,
                                            unsigned set, struct gp__attributes *attributes_r)
{
    struct gp_slice rest = text;

    memset(attributes_r, 0, sizeof *attributes_r);
    if (text.len == 0)
        return &bad_syntax;
    while (gp_slice_present(rest)) {
        struct gp_slice word = gp_slice_split(&rest, ' ');
        const struct gp__reply *refusal = word.len ? read_one(arena, word, set, attributes_r)
                                                   : NULL;

        if (refusal)
            return refusal;
    }
    return NULL;
}
