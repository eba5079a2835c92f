// SPDX-License-Identifier: Apache-2.0
/* IP addresses and networks as values: text in, text out, no sockets, no name look-ups. */
#ifndef GP_BASE_IP_H
#define GP_BASE_IP_H

#include <gatepost/slice.h>
#include <stdbool.h>
#include <stdint.h>

struct gp__ip {
    uint8_t family; /* 0 none, 4 or 6 */
    uint8_t bytes[16];
};

struct gp__network {
    struct gp__ip ip;
    uint8_t bits;
};

/* Dotted quad without leading zeros, or any form of RFC 4291 2.2, without scope. 0, or -1. */
int gp__ip4_parse(struct gp_slice text, struct gp__ip *ip_r);
int gp__ip6_parse(struct gp_slice text, struct gp__ip *ip_r);
int gp__ip_parse(struct gp_slice text, struct gp__ip *ip_r);

/* RFC 5952 for IPv6; empty for family 0. */
struct gp_slice gp__ip_format(const struct gp__ip *ip, char out[48]);

/* "192.0.2.0/24", "2001:db8::/32" or a lone address; mapped IPv4 (::ffff:192.0.2.0/120) becomes
 * IPv4. 0, -1, or -2: host bits are set. */
int gp__network_parse(struct gp_slice text, struct gp__network *network_r);
bool gp__network_has(const struct gp__network *network, const struct gp__ip *ip);

/* The network of an address: its first `bits` bits, all of them when it has no more. */
struct gp__network gp__network_of(const struct gp__ip *ip, unsigned bits);

/* An IPv4 address that came as ::ffff:a.b.c.d on a dual-stack socket, as IPv4. */
void gp__ip_unmap(struct gp__ip *ip);

/* Octets (nibbles for IPv6) reversed and dotted, for DNS lists and PTR: "2.0.0.127". */
struct gp_slice gp__ip_reverse(const struct gp__ip *ip, char out[64]);

#endif
