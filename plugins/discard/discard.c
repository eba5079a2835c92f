// SPDX-License-Identifier: Apache-2.0
/* A target that takes every message and keeps nothing: for tests, benchmarks and black holes. */
#include <gatepost/plugin.h>

static int deliver(struct gp_call *call, void *self, struct gp_delivery *delivery)
{
    (void)self;
    for (size_t i = 0; i < gp_delivery_rcpt_count(delivery); i++)
        gp_delivery_result(delivery, i, GP_OUTCOME_DELIVERED, NULL, NULL);
    gp_count(call, "messages", 1);
    return GP_OK;
}

static const struct gp_target_role target = {.size = sizeof target, .deliver = deliver};

GP_PLUGIN(.version = "1.0", .summary = "Takes messages and keeps nothing", .target = &target);
