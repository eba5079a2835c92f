// SPDX-License-Identifier: Apache-2.0
/* Addresses of sockets as people write them: "host:25", "192.0.2.1:25", "[::1]:25", "*:25",
 * "[fe80::1%eth0]:25", "unix:/path". */
#ifndef GP_RUNTIME_ADDRESS_H
#define GP_RUNTIME_ADDRESS_H

#include "core/runtime/conn.h"

#include <sys/socket.h>

enum gp__address_kind {
    GP__ADDRESS_IP = 0,
    GP__ADDRESS_NAME,
    GP__ADDRESS_ANY,
    GP__ADDRESS_UNIX,
};

struct gp__address {
    enum gp__address_kind kind;
    struct gp__endpoint endpoint; /* IP; of NAME and ANY the port only */
    struct gp_slice name;         /* NAME; UNIX: the path; of the text that was parsed */
    struct gp_slice zone;         /* IP: "eth0" of "[fe80::1%eth0]:25"; or absent */
};

/* 0, or -1. Without look-ups. */
int gp__address_parse(struct gp_slice text, struct gp__address *address_r);

/* Fills in the scope of an address with a zone. 0, or -1 with errno: there is no such interface. */
int gp__address_find_zone(struct gp__address *address);

/* The length of the sockaddr, or 0: no such family, or the path is too long. */
socklen_t gp__endpoint_to_sockaddr(const struct gp__endpoint *endpoint,
                                   struct sockaddr_storage *out);
socklen_t gp__unix_to_sockaddr(struct gp_slice path, struct sockaddr_storage *out);

/* IPv4 that came mapped into IPv6 is IPv4. Family 0 for anything but IP. */
void gp__endpoint_from_sockaddr(const struct sockaddr *addr, struct gp__endpoint *endpoint_r);

#endif
