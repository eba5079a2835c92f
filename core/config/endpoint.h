// SPDX-License-Identifier: Apache-2.0
/* Where to listen or connect, as written: "host:port", "[v6]:port", "[v6%zone]:port" or
 * "unix:/path". Text only: the runtime makes socket addresses of it. */
#ifndef GP_CONFIG_ENDPOINT_H
#define GP_CONFIG_ENDPOINT_H

#include "core/base/ip.h"

#include <gatepost/slice.h>
#include <stdbool.h>
#include <stdint.h>

struct gp__endpoint_text {
    struct gp_slice text; /* the whole, as written */
    struct gp_slice path; /* of a unix socket; absent otherwise */
    struct gp_slice host; /* without brackets; of IPv6 with its zone: "fe80::1%eth0" */
    struct gp__ip ip;     /* family 0 when the host is a name */
    uint16_t port;        /* 0 where allowed: any free port */
};

/* Reads text; the slices of *endpoint_r point into it. NULL, or why it is not one (static text).
 * Paths are absolute and at most 107 bytes (sun_path). */
const char *gp__endpoint_parse(struct gp_slice text, struct gp__endpoint_text *endpoint_r);

/* Whether it is made like a host name (RFC 1123, and underscores): letters, digits, "-", "_" and
 * single dots, at most 253 bytes. */
bool gp__host_name_valid(struct gp_slice host);

#endif
