// SPDX-License-Identifier: Apache-2.0
/* libunbound's "pluggable event base" over our loop: its sockets and time-outs are ours to watch. */
#ifndef GP_RUNTIME_DNS_EVENT_H
#define GP_RUNTIME_DNS_EVENT_H

#include "core/runtime/loop.h"

struct ub_event_base;

/* For ub_ctx_create_ub_event(). Free it after the context; events that are left go with it. */
struct ub_event_base *gp__dns_base_create(struct gp__live *live);
void gp__dns_base_free(struct ub_event_base **base_);

#endif
