// SPDX-License-Identifier: Apache-2.0
#include "template.h"

struct out {
    char *data;
    size_t len, max;
    bool full;
};

static void put(struct out *out, char c)
{
    if (out->len + 1 >= out->max)
        out->full = true;
    else
        out->data[out->len++] = c;
}

static bool is_plain(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_' || c == '@';
}

static void put_escaped(struct out *out, struct gp_slice text)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];

        if (is_plain(c)) {
            put(out, (char)c);
            continue;
        }
        put(out, '\\');
        put(out, digits[c >> 4]);
        put(out, digits[c & 15]);
    }
}

/* The part of the name that a letter stands for; absent: for none. */
static struct gp_slice part(struct gp_slice user, char letter)
{
    size_t at = gp_slice_rfind(user, '@');

    switch (letter) {
    case 'u':
        return user;
    case 'n':
        return gp_slice_sub(user, 0, at);
    case 'd':
        return at < user.len ? gp_slice_sub(user, at + 1, user.len) : GP_S("");
    case '%':
        return GP_S("%");
    default:
        return gp_slice(NULL, 0);
    }
}

int ldap_template_fill(struct gp_slice template, struct gp_slice user, char *out_, size_t max)
{
    struct out out = {.data = out_, .max = max};

    for (size_t i = 0; i < template.len; i++) {
        char letter = i + 1 < template.len ? template.data[i + 1] : '\0';

        if (template.data[i] != '%') {
            put(&out, template.data[i]);
            continue;
        }
        if (letter == '%')
            put(&out, '%');
        else
            put_escaped(&out, part(user, letter));
        i++;
    }
    out_[out.len] = '\0';
    return out.full ? -1 : 0;
}

bool ldap_template_good(struct gp_slice template)
{
    bool named = false;

    for (size_t i = 0; i < template.len; i++) {
        char letter = i + 1 < template.len ? template.data[i + 1] : '\0';

        if (template.data[i] != '%')
            continue;
        if (!gp_slice_present(part(GP_S("u"), letter)))
            return false;
        named = named || letter == 'u' || letter == 'n';
        i++;
    }
    return named;
}
