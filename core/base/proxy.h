// SPDX-License-Identifier: Apache-2.0
/*
 * The header that a proxy puts before a connection to say whose it is: PROXY protocol, versions 1
 * and 2 (haproxy.org, proxy-protocol.txt). Bytes in, facts out; whom to believe is the caller's
 * business.
 */
#ifndef GP_BASE_PROXY_H
#define GP_BASE_PROXY_H

#include "core/base/ip.h"

/* Most bytes of a header that are read: the protocol allows 64 KiB, real ones have a few hundred. */
#define GP__PROXY_MAX 4096u

enum gp__proxy_result {
    GP__PROXY_MORE = 0, /* so far it is right */
    GP__PROXY_DONE,
    GP__PROXY_BAD,
};

struct gp__proxy {
    unsigned version; /* 1 or 2 */
    bool known;       /* the addresses are; else those of the socket hold (LOCAL, UNKNOWN, UNIX) */
    struct gp__ip client, server;
    uint16_t client_port, server_port;
    struct gp_slice tlvs; /* version 2: well-formed; of the bytes that were read */
};

/*
 * Reads a header at the beginning of `bytes`: all that has come so far. DONE: *used_r bytes were
 * the header. BAD: *why_r is a static text. A header is refused at its first wrong byte, and when
 * it is longer than GP__PROXY_MAX.
 */
enum gp__proxy_result gp__proxy_read(struct gp_slice bytes, struct gp__proxy *proxy_r,
                                     size_t *used_r, const char **why_r);

/* The value of the first TLV of a type (of PP2_TYPE_SSL's own too: 0x21 to 0x25); or absent. */
struct gp_slice gp__proxy_tlv(struct gp_slice tlvs, unsigned type);

#endif
