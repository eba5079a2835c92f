// SPDX-License-Identifier: Apache-2.0
/* Addresses, networks, regular expressions. */
#include "core/config/bind_value.h"
#include "core/config/endpoint.h"

#include <stdio.h>

int gp__bind_address(const struct gp__bind_for *for_, const struct gp__node *node, void *place)
{
    struct gp__endpoint_text endpoint;
    const char *error;

    if (node->kind != GP__NODE_SCALAR)
        return gp__bind_wrong(for_, node, "an address such as host:25, [::1]:25 or unix:/path");
    error = gp__endpoint_parse(node->text, &endpoint);
    if (error)
        return gp__bind_bad(for_, node, "%s, not \"" GP_FMT "\"", error, GP_ARG(node->text));
    /* A listener's row has a range, and then 0 stands for any free port. */
    if (endpoint.port == 0 && !gp_slice_present(endpoint.path) && for_->row->max == 0)
        return gp__bind_bad(for_, node, "a port is a number from 1 to 65535, not 0");
    *(struct gp_slice *)place = node->text;
    return 0;
}

/* The network that a text with host bits means: "192.0.2.7/24" is in 192.0.2.0/24. */
static struct gp_slice without_host_bits(struct gp__arena *arena, struct gp_slice text)
{
    struct gp_slice rest = text, address = gp_slice_split(&rest, '/');
    struct gp__ip ip;
    char out[48];
    int64_t bits;

    if (gp__ip_parse(address, &ip) < 0 || gp_slice_to_int(rest, 0, 128, &bits) < 0)
        return text;
    for (int64_t bit = bits; bit < (ip.family == 4 ? 32 : 128); bit++)
        ip.bytes[bit / 8] &= (uint8_t) ~(0x80u >> (bit % 8));
    return gp__arena_printf(arena, GP_FMT "/%lld", GP_ARG(gp__ip_format(&ip, out)),
                            (long long)bits);
}

int gp__bind_network(const struct gp__bind_for *for_, const struct gp__node *node, void *place)
{
    struct gp__arena *arena = for_->binder->arena;
    struct gp_network *network = GP__ARENA_NEW(arena, struct gp_network);
    int result = node->kind == GP__NODE_SCALAR ? gp__network_parse(node->text, &network->network)
                                               : -1;

    if (result == -2)
        return gp__bind_bad(for_, node,
                            "bits of the host are set in " GP_FMT "; did you mean " GP_FMT "?",
                            GP_ARG(node->text), GP_ARG(without_host_bits(arena, node->text)));
    if (result < 0)
        return gp__bind_wrong(for_, node, "a network such as 192.0.2.0/24 or 2001:db8::/32");
    *(const struct gp_network **)place = network;
    return 0;
}

int gp__bind_regex(const struct gp__bind_for *for_, const struct gp__node *node, void *place)
{
    struct gp__binder *binder = for_->binder;
    const struct gp_regex *regex;
    char error[256];
    size_t offset;

    if (node->kind != GP__NODE_SCALAR)
        return gp__bind_wrong(for_, node, "a regular expression");
    if (!binder->regex)
        binder->regex = gp__regex_context_create(binder->arena);
    regex = gp__regex_create(binder->arena, binder->regex, node->text, error, &offset);
    if (!regex)
        return gp__bind_bad(for_, node, "not a regular expression: %s (at character %zu)", error,
                            offset + 1);
    *(const struct gp_regex **)place = regex;
    return 0;
}
