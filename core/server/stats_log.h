// SPDX-License-Identifier: Apache-2.0
/* Statistics as log records: for operators, on demand and at the end. */
#ifndef GP_SERVER_STATS_LOG_H
#define GP_SERVER_STATS_LOG_H

#include "core/server/generation.h"

/* A record `hook.stats` for each instance and hook that was called, and one `shadow.stats` for each
 * instance in shadow mode; at level notice. */
void gp__stats_log(const struct gp__generation *generation, struct gp__log *log);

#endif
