// SPDX-License-Identifier: Apache-2.0
/* Addresses as texts: spelling, and lists of them. */
#include "expand.h"

struct gp_slice rewrite_canonical(struct gp_call *call, struct gp_slice address, bool fold)
{
    size_t at = gp_slice_rfind(address, '@');
    struct gp_slice domain = gp_slice_sub(address, at, address.len);
    struct gp_slice lower = gp_lower(call, domain);

    if (fold)
        return gp_lower(call, address);
    if (gp_slice_eq(lower, domain))
        return address;
    return gp_format(call, GP_FMT GP_FMT, GP_ARG(gp_slice_sub(address, 0, at)), GP_ARG(lower));
}

bool rewrite_same(struct gp_call *call, struct gp_slice a, struct gp_slice b)
{
    return gp_slice_eq(gp_domain_key(call, a), gp_domain_key(call, b));
}

/* Where the first comma outside of quotes stands, or list.len. */
static size_t comma(struct gp_slice list)
{
    bool quoted = false;

    for (size_t i = 0; i < list.len; i++) {
        char c = list.data[i];

        if (c == '\\' && quoted)
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (c == ',' && !quoted)
            return i;
    }
    return list.len;
}

bool rewrite_next(struct gp_slice *list, struct gp_slice *address_r)
{
    while (list->len) {
        size_t end = comma(*list);

        *address_r = gp_slice_trim(gp_slice_sub(*list, 0, end));
        *list = gp_slice_sub(*list, end + 1, list->len);
        if (address_r->len)
            return true;
    }
    return false;
}
