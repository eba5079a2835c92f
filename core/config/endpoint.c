// SPDX-License-Identifier: Apache-2.0
#include "core/config/endpoint.h"

#include "core/base/ascii.h"

#define UNIX_PATH_MAX 107
#define ZONE_MAX 15

static const char *parse_unix(struct gp_slice path, struct gp__endpoint_text *endpoint)
{
    if (path.len == 0 || path.data[0] != '/')
        return "the path of a UNIX socket must be absolute";
    if (path.len > UNIX_PATH_MAX)
        return "the path of a UNIX socket has at most 107 bytes";
    if (gp_slice_find(path, '\0') < path.len)
        return "a NUL byte in the path";
    endpoint->path = path;
    return NULL;
}

bool gp__host_name_valid(struct gp_slice host)
{
    if (host.len == 0 || host.len > 253)
        return false;
    for (size_t i = 0; i < host.len; i++) {
        char c = host.data[i];

        if (!gp__is_alnum(c) && c != '_' && c != '-' && c != '.')
            return false;
        if ((c == '-' || c == '.') && (i == 0 || (c == '.' && host.data[i - 1] == '.')))
            return false;
    }
    return true;
}

/* Whether only digits and dots: an IPv4 address, or a mistake, but no name. */
static bool looks_like_ip4(struct gp_slice host)
{
    for (size_t i = 0; i < host.len; i++)
        if (!gp__is_digit(host.data[i]) && host.data[i] != '.')
            return false;
    return true;
}

/* With the name of an interface, where a link-local address needs one (RFC 4007 section 11). */
static const char *parse_ip6(struct gp_slice text, struct gp__ip *ip)
{
    struct gp_slice zone = text, address = gp_slice_split(&zone, '%');

    if (gp__ip6_parse(address, ip) < 0)
        return "not an IPv6 address between the brackets";
    if (address.len == text.len)
        return NULL;
    for (size_t i = 0; i < zone.len; i++)
        if (zone.data[i] <= ' ' || zone.data[i] > '~' || zone.data[i] == '/')
            return "not the name of an interface after \"%\"";
    return zone.len > 0 && zone.len <= ZONE_MAX ? NULL : "not the name of an interface after \"%\"";
}

static const char *parse_host(struct gp_slice host, struct gp__endpoint_text *endpoint)
{
    endpoint->host = host;
    if (host.len && host.data[0] == '[') {
        if (host.data[host.len - 1] != ']')
            return "\"]\" is missing";
        endpoint->host = gp_slice_sub(host, 1, host.len - 2);
        return parse_ip6(endpoint->host, &endpoint->ip);
    }
    if (gp_slice_find(host, ':') < host.len)
        return "an IPv6 address is written in brackets: \"[::1]:25\"";
    if (gp__ip4_parse(host, &endpoint->ip) == 0)
        return NULL;
    if (!gp__host_name_valid(host) || looks_like_ip4(host))
        return "not a host name or an IP address before the port";
    return NULL;
}

const char *gp__endpoint_parse(struct gp_slice text, struct gp__endpoint_text *endpoint_r)
{
    size_t colon = gp_slice_rfind(text, ':');
    int64_t port;

    *endpoint_r = (struct gp__endpoint_text){.text = text};
    if (gp_slice_starts(text, GP_S("unix:")))
        return parse_unix(gp_slice_sub(text, 5, text.len), endpoint_r);
    if (colon == text.len || gp_slice_ends(text, GP_S("]")))
        return "no port: write host:port";
    if (gp_slice_to_int(gp_slice_sub(text, colon + 1, text.len), 0, 65535, &port) < 0 ||
        !gp__is_digit(text.data[colon + 1]))
        return "a port is a number from 1 to 65535";
    endpoint_r->port = (uint16_t)port;
    return parse_host(gp_slice_sub(text, 0, colon), endpoint_r);
}
