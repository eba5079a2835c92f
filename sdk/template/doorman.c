// SPDX-License-Identifier: Apache-2.0
/* Refuses listed senders: the whole address, a domain, or a parent of it with a leading dot. */
#include <gatepost/plugin.h>

struct doorman {
    struct gp_table *blocked;
    struct gp_slice text;
};

static enum gp_verdict on_mail(struct gp_call *call, void *self)
{
    struct doorman *doorman = self;
    int found = gp_table_lookup_address(call, doorman->blocked, gp_sender(call), NULL);

    if (found == GP_ENOTFOUND)
        return GP_NEXT;
    if (found < 0)
        return gp_fail(call, "%s", gp_strerror(found));
    gp_count(call, "refused", 1);
    return gp_reject(call, "550 5.7.1", GP_FMT, GP_ARG(doorman->text));
}

GP_OPTIONS(struct doorman,
           GP_OPTION_TABLE("blocked", struct doorman, blocked, NULL, "Senders to refuse."),
           GP_OPTION_STRING("text", struct doorman, text, "Not welcome here", "What they read."));
GP_HOOKS({GP_HOOK_MAIL, on_mail});
GP_PLUGIN(.version = "1.0", .summary = "Refuses listed senders", GP_USES_OPTIONS, GP_USES_HOOKS);
