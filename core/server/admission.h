// SPDX-License-Identifier: Apache-2.0
/*
 * Whether a client is let in: how many sessions a listener has at once and how many begin in a time,
 * in all and of one client; and whether anything is short. All workers count together. A client is an
 * IPv4 address, or a /64 of IPv6 addresses: who has one of these has all.
 */
#ifndef GP_SERVER_ADMISSION_H
#define GP_SERVER_ADMISSION_H

#include "core/base/tally.h"
#include "core/server/entrance.h"

#include "core/runtime/conn.h"

struct gp__server;

enum gp__admit {
    GP__ADMIT_OK = 0,
    GP__ADMIT_SESSIONS,        /* 421 4.3.2 */
    GP__ADMIT_CLIENT_SESSIONS, /* 421 4.7.0 */
    GP__ADMIT_RATE,            /* 421 4.3.2 */
    GP__ADMIT_CLIENT_RATE,     /* 421 4.7.0 */
    GP__ADMIT_OVERLOAD,        /* 421 4.3.1 */
    GP__ADMIT_COUNT
};

/* The name of the limit, for logs. */
const char *gp__admit_name(enum gp__admit admit);

/* What a session counts as; kept by the session, to be given back. */
struct gp__admission {
    char all[GP__TALLY_KEY_MAX], client[GP__TALLY_KEY_MAX];
    uint8_t all_len, client_len;
};

/*
 * Counts a new session; clients on UNIX sockets count only in all. Otherwise why not: *reply_r says
 * what to tell the client, and nothing is counted.
 */
enum gp__admit gp__admit(struct gp__server *server, const struct gp__entrance *entrance,
                         const struct gp__conn *conn, struct gp__admission *admission_r,
                         struct gp__reply *reply_r);

/* The session is over. */
void gp__admission_end(struct gp__server *server, const struct gp__admission *admission);

#endif
