// SPDX-License-Identifier: Apache-2.0
#include "substitute.h"

/* Takes up to two digits off the text: a number, or -1. */
static int take_number(struct gp_slice *text)
{
    int number = -1;

    for (int i = 0; i < 2 && text->len && text->data[0] >= '0' && text->data[0] <= '9'; i++) {
        number = (number < 0 ? 0 : number * 10) + (text->data[0] - '0');
        *text = gp_slice_sub(*text, 1, text->len);
    }
    return number;
}

/* Takes what follows a "$": the number of a group, -2 for another "$", -1 for anything else. */
static int take_reference(struct gp_slice *text)
{
    int number;

    if (text->len && text->data[0] == '$') {
        *text = gp_slice_sub(*text, 1, text->len);
        return -2;
    }
    if (!text->len || text->data[0] != '{')
        return take_number(text);
    *text = gp_slice_sub(*text, 1, text->len);
    number = take_number(text);
    if (!text->len || text->data[0] != '}')
        return -1;
    *text = gp_slice_sub(*text, 1, text->len);
    return number;
}

const char *substitute_check(struct gp_slice value, unsigned n_groups)
{
    while (gp_slice_find(value, '$') < value.len) {
        int number;

        value = gp_slice_sub(value, gp_slice_find(value, '$') + 1, value.len);
        number = take_reference(&value);
        if (number == -1)
            return "write $$ for a dollar sign that refers to no group";
        if (number > (int)n_groups)
            return "the value refers to a group that the expression does not have";
    }
    return NULL;
}

static size_t append(char *out, size_t at, struct gp_slice text)
{
    if (out && text.len)
        memcpy(out + at, text.data, text.len);
    return at + text.len;
}

size_t substitute(struct gp_slice value, const struct gp_slice *groups, char *out)
{
    size_t len = 0;

    while (value.len) {
        size_t dollar = gp_slice_find(value, '$');
        bool refers = dollar < value.len;
        int number;

        len = append(out, len, gp_slice_sub(value, 0, dollar));
        value = gp_slice_sub(value, dollar + 1, value.len);
        if (!refers)
            break;
        number = take_reference(&value);
        if (number == -2)
            len = append(out, len, GP_S("$"));
        else if (number >= 0)
            len = append(out, len, groups[number]);
    }
    return len;
}
