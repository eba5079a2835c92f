// SPDX-License-Identifier: Apache-2.0
/* A plugin as plugins are: an option, a hook, waits. */
#include <gatepost/plugin.h>

struct good {
    uint64_t wait_ms;
};

static enum gp_verdict on_mail(struct gp_call *call, void *self)
{
    const struct good *good = self;
    int error = gp_sleep(call, good->wait_ms);

    if (error)
        return gp_fail(call, "%s", gp_strerror(error));
    return gp_reject(call, "550 5.7.1", "Waited %u ms", (unsigned)good->wait_ms);
}

GP_OPTIONS(struct good,
           GP_OPTION_DURATION("wait", struct good, wait_ms, "1s", 0, 60000, "How long to wait."));
GP_HOOKS({GP_HOOK_MAIL, on_mail});
GP_PLUGIN(.version = "1.0", .summary = "Waits, then refuses", GP_USES_OPTIONS, GP_USES_HOOKS);
