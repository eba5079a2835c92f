// SPDX-License-Identifier: Apache-2.0
/* Who is at the other end of a socket, and whether that is somebody to be believed. */
#ifndef GP_BASE_PEER_H
#define GP_BASE_PEER_H

#include "core/base/ip.h"

#define GP__ZONE_MAX 16 /* the name of an interface with its NUL */

/* The process at the other end of a UNIX socket when it connected. */
struct gp__credentials {
    bool known;
    uint32_t uid, gid;
    int32_t pid;
};

/* Peers that are trusted with something: by their address, or because their socket is a UNIX one. */
struct gp__peers {
    const struct gp__network *networks;
    size_t count;
    bool unix_sockets;
};

/* Whether they have the peer; family 0: a UNIX socket. */
static inline bool gp__peers_have(const struct gp__peers *peers, const struct gp__ip *ip)
{
    if (ip->family == 0)
        return peers->unix_sockets;
    for (size_t i = 0; i < peers->count; i++)
        if (gp__network_has(&peers->networks[i], ip))
            return true;
    return false;
}

#endif
