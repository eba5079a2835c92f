// SPDX-License-Identifier: Apache-2.0
/* Cannot start, and says why. */
#include <gatepost/plugin.h>

static int create(struct gp_call *call, void *self)
{
    (void)self;
    gp_log(call, GP_LOG_ERROR, "the moon is in the wrong phase");
    return GP_ETEMP;
}

static enum gp_verdict on_mail(struct gp_call *call, void *self)
{
    (void)call;
    (void)self;
    return GP_NEXT;
}

GP_HOOKS({GP_HOOK_MAIL, on_mail});
GP_PLUGIN(.version = "1.0", .summary = "Cannot start", GP_USES_HOOKS, .create = create);
