// SPDX-License-Identifier: Apache-2.0
/* Calls a function that no library has, perhaps of a newer Gatepost. */
#include <gatepost/plugin.h>

enum gp_verdict gp_from_the_future(struct gp_call *call);

static enum gp_verdict on_mail(struct gp_call *call, void *self)
{
    (void)self;
    return gp_from_the_future(call);
}

GP_HOOKS({GP_HOOK_MAIL, on_mail});
GP_PLUGIN(.version = "1.0", .summary = "Lacks a function", GP_USES_HOOKS);
