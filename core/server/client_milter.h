// SPDX-License-Identifier: Apache-2.0
#ifndef GP_SERVER_CLIENT_MILTER_H
#define GP_SERVER_CLIENT_MILTER_H

#include "core/server/client.h"

/* Whether it is an MTA that asks about its own mail: it routes, traces and keeps it. */
static inline bool gp__client_is_mta(const struct gp__client *client)
{
    return client->session->protocol == GP__PROTOCOL_MILTER;
}

/* Tells the MTA what the chain has made of the message, with the disposals of its recipients (none
 * deferred or rejected). 0, or -1: that can't be done, and it is to be deferred. On the task's
 * fiber, after the seals. */
int gp__client_milter(struct gp__client *client, struct gp__policy *policy,
                      const enum gp__disposal *disposals);

#endif
