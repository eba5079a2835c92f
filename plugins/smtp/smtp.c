// SPDX-License-Identifier: Apache-2.0
/* Delivers to the hosts of a list by SMTP: another MTA behind us, or a provider's smart host. */
#include <gatepost/plugin.h>
#include <gatepost/smtp.h>

struct smtp {
    struct gp_smtp_settings settings;
    struct gp_smtp *pool;
};

static const char *const forward_names[] = {"off", "xforward", "xclient", NULL};

GP_OPTIONS(struct smtp,
           GP_OPTION_LIST("to", struct smtp, settings.hosts, GP_TYPE_ADDRESS, GP_OPTIONAL,
                          "The hosts, which are used in turn; those that are down last. With "
                          "`per_recipient`, for those who are not in it.",
                          .flags = GP_OPTION_NOT_EMPTY),
           GP_SMTP_PER_RECIPIENT(struct smtp, settings),
           GP_OPTION_BOOL("implicit_tls", struct smtp, settings.implicit_tls, "false",
                          "TLS from the first byte (\"smtps\", port 465)."),
           GP_OPTION_LIST("names", struct smtp, settings.names, GP_TYPE_STRING, "[]",
                          "Names of which the hosts' certificates may be, besides their own."),
           GP_OPTION_STRING("user", struct smtp, settings.user, GP_OPTIONAL, "Whom to log in as.",
                            .flags = GP_OPTION_NOT_EMPTY),
           GP_OPTION_SECRET("password", struct smtp, settings.password, GP_OPTIONAL,
                            "The user's password."),
           GP_OPTION_BOOL("plain_auth", struct smtp, settings.plain_auth, "false",
                          "Whether passwords may be sent without TLS."),
           GP_OPTION_ENUM("forward", struct smtp, settings.forward, forward_names, "off",
                          "Tell the hosts whose message it is, if they let us: xforward (for their "
                          "logs) or xclient (also for what they decide)."),
           GP_SMTP_CHECK(struct smtp, settings), GP_SMTP_OPTIONS(struct smtp, settings));

static int create(struct gp_call *call, void *self)
{
    struct smtp *smtp = self;

    if (!smtp->settings.hosts && !smtp->settings.per_recipient) {
        gp_log(call, GP_LOG_ERROR, "give to, per_recipient, or both");
        return GP_EINVAL;
    }
    if (gp_slice_present(smtp->settings.user) != gp_slice_present(smtp->settings.password)) {
        gp_log(call, GP_LOG_ERROR, "user and password go together");
        return GP_EINVAL;
    }
    smtp->pool = gp_smtp_create(call, &smtp->settings);
    return smtp->pool ? GP_OK : GP_EINVAL;
}

static void destroy(void *self)
{
    gp_smtp_destroy(&((struct smtp *)self)->pool);
}

static int deliver(struct gp_call *call, void *self, struct gp_delivery *delivery)
{
    return gp_smtp_deliver(call, ((struct smtp *)self)->pool, delivery);
}

static int verify(struct gp_call *call, void *self, struct gp_delivery *delivery)
{
    return gp_smtp_verify(call, ((struct smtp *)self)->pool, delivery);
}

static enum gp_verdict on_tick(struct gp_call *call, void *self)
{
    (void)gp_smtp_check(call, ((struct smtp *)self)->pool);
    return GP_NEXT;
}

GP_HOOKS({GP_HOOK_TICK, on_tick});

static const struct gp_target_role target = {
    .size = sizeof target, .deliver = deliver, .verify = verify};

GP_PLUGIN(.version = "1.0", .summary = "Delivers to given hosts by SMTP", .needs = GP_NEEDS_NETWORK,
          .deadline_ms = 900000, .create = create, .destroy = destroy, .tick_ms = 1000,
          .target = &target, GP_USES_OPTIONS, GP_USES_HOOKS);
