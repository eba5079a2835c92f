// SPDX-License-Identifier: Apache-2.0
/*
 * Connections that come through a proxy: the PROXY protocol's header is read before anything else
 * happens, and the session begins as if its client had connected itself. Only for peers that the
 * listener trusts with it, and of those it is required: whoever may choose whether to send one
 * could choose an address, or hide behind the proxy's.
 */
#ifndef GP_SERVER_PROXIED_H
#define GP_SERVER_PROXIED_H

#include "core/base/buf.h"
#include "core/runtime/conn.h"
#include "core/server/entrance.h"

struct gp__server;

/* How long a proxy may take for its header. */
#define GP__PROXIED_MS 10000u

/* A connection whose header has not come yet. */
struct gp__proxied {
    struct gp__server *server;
    const struct gp__entrance *entrance;
    struct gp__conn *conn;
    struct gp__proxied *prev, *next; /* of the server's */
    struct gp__timer timer;
    struct gp__buf bytes;
};

/* Reads the header and then starts the client; or closes. */
void gp__proxied_start(struct gp__server *server, const struct gp__entrance *entrance,
                       struct gp__conn *conn);

#endif
