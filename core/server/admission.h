// SPDX-License-Identifier: Apache-2.0
/* How many sessions a listener has at once, in all and of one client address. */
#ifndef GP_SERVER_ADMISSION_H
#define GP_SERVER_ADMISSION_H

#include "core/base/tally.h"
#include "core/server/entrance.h"

#include "core/runtime/conn.h"

/* What a session counts as; kept by the session, to be given back. */
struct gp__admission {
    char all[GP__TALLY_KEY_MAX], client[GP__TALLY_KEY_MAX];
    uint8_t all_len, client_len;
};

/*
 * Counts a new session; clients on UNIX sockets count only in all. 0, or -1 when it would be one
 * too many: *reply_r says what to tell the client, and nothing is counted.
 */
int gp__admit(struct gp__tally *tally, const struct gp__entrance *entrance,
              const struct gp__conn *conn, struct gp__admission *admission_r,
              struct gp__reply *reply_r);

/* The session is over. */
void gp__admission_end(struct gp__tally *tally, const struct gp__admission *admission);

#endif
