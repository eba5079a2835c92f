// SPDX-License-Identifier: Apache-2.0
/* Socket addresses: from text, to and from the system's structures. */
#include "core/runtime/address.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

static int parse_port(struct gp_slice text, uint16_t *port_r)
{
    int64_t port;

    if (text.len == 0 || text.len > 5 || gp_slice_to_int(text, 0, 65535, &port) < 0)
        return -1;
    *port_r = (uint16_t)port;
    return 0;
}

static int parse_host(struct gp_slice host, struct gp__address *address)
{
    if (gp__ip4_parse(host, &address->endpoint.ip) == 0) {
        address->kind = GP__ADDRESS_IP;
        return 0;
    }
    if (host.len == 0 || gp_slice_find(host, ':') != host.len)
        return -1;
    address->kind = gp_slice_eq(host, GP_S("*")) ? GP__ADDRESS_ANY : GP__ADDRESS_NAME;
    address->name = host;
    return 0;
}

/* With a zone (RFC 4007 section 11). */
static int parse_ip6(struct gp_slice text, struct gp__address *address)
{
    struct gp_slice rest = text, ip = gp_slice_split(&rest, '%');

    address->kind = GP__ADDRESS_IP;
    if (ip.len < text.len && (rest.len == 0 || rest.len >= GP__ZONE_MAX))
        return -1;
    if (ip.len < text.len)
        address->zone = rest;
    return gp__ip6_parse(ip, &address->endpoint.ip);
}

int gp__address_parse(struct gp_slice text, struct gp__address *address_r)
{
    size_t colon = gp_slice_rfind(text, ':');
    struct gp_slice host = gp_slice_sub(text, 0, colon);

    memset(address_r, 0, sizeof *address_r);
    if (gp_slice_starts(text, GP_S("unix:"))) {
        address_r->kind = GP__ADDRESS_UNIX;
        address_r->name = gp_slice_sub(text, 5, text.len);
        return address_r->name.len > 0 ? 0 : -1;
    }
    if (colon == text.len ||
        parse_port(gp_slice_sub(text, colon + 1, text.len), &address_r->endpoint.port) < 0)
        return -1;
    if (host.len < 2 || host.data[0] != '[' || host.data[host.len - 1] != ']')
        return parse_host(host, address_r);
    return parse_ip6(gp_slice_sub(host, 1, host.len - 2), address_r);
}

int gp__address_find_zone(struct gp__address *address)
{
    char name[GP__ZONE_MAX];

    if (!gp_slice_present(address->zone))
        return 0;
    memcpy(name, address->zone.data, address->zone.len);
    name[address->zone.len] = '\0';
    address->endpoint.scope = if_nametoindex(name);
    return address->endpoint.scope ? 0 : -1;
}

struct gp_slice gp__zone_name(uint32_t scope, char out[GP__ZONE_MAX])
{
    char name[IF_NAMESIZE];

    out[0] = '\0';
    if (scope && if_indextoname(scope, name))
        (void)snprintf(out, GP__ZONE_MAX, "%s", name);
    else if (scope)
        (void)snprintf(out, GP__ZONE_MAX, "%u", (unsigned)scope);
    return gp_slice_of(out);
}

socklen_t gp__endpoint_to_sockaddr(const struct gp__endpoint *endpoint,
                                   struct sockaddr_storage *out)
{
    struct sockaddr_in *in = (struct sockaddr_in *)out;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;

    memset(out, 0, sizeof *out);
    if (endpoint->ip.family == 4) {
        in->sin_family = AF_INET;
        in->sin_port = htons(endpoint->port);
        memcpy(&in->sin_addr, endpoint->ip.bytes, 4);
        return sizeof *in;
    }
    if (endpoint->ip.family == 6) {
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(endpoint->port);
        in6->sin6_scope_id = endpoint->scope;
        memcpy(&in6->sin6_addr, endpoint->ip.bytes, 16);
        return sizeof *in6;
    }
    return 0;
}

socklen_t gp__unix_to_sockaddr(struct gp_slice path, struct sockaddr_storage *out)
{
    struct sockaddr_un *un = (struct sockaddr_un *)out;

    memset(out, 0, sizeof *out);
    if (path.len == 0 || path.len >= sizeof un->sun_path || gp_slice_find(path, '\0') != path.len)
        return 0;
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path, path.data, path.len);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.len + 1);
}

void gp__endpoint_from_sockaddr(const struct sockaddr *addr, struct gp__endpoint *endpoint_r)
{
    *endpoint_r = (struct gp__endpoint){0};
    if (addr->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)addr;

        endpoint_r->ip.family = 4;
        memcpy(endpoint_r->ip.bytes, &in->sin_addr, 4);
        endpoint_r->port = ntohs(in->sin_port);
    } else if (addr->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)addr;

        endpoint_r->ip.family = 6;
        memcpy(endpoint_r->ip.bytes, &in6->sin6_addr, 16);
        endpoint_r->port = ntohs(in6->sin6_port);
        endpoint_r->scope = in6->sin6_scope_id;
        gp__ip_unmap(&endpoint_r->ip);
    }
}
