// SPDX-License-Identifier: Apache-2.0
/* Connections of the live runtime: a struct gp__conn over a socket. */
#ifndef GP_RUNTIME_LIVE_CONN_H
#define GP_RUNTIME_LIVE_CONN_H

#include "core/runtime/conn.h"
#include "core/runtime/loop.h"

/* Takes a connected socket over; it is paused. NULL: the descriptor was closed. */
struct gp__conn *gp__live_conn_create(struct gp__live *live, int fd,
                                      const struct gp__endpoint *local,
                                      const struct gp__endpoint *peer);

#endif
