// SPDX-License-Identifier: Apache-2.0
/* Delivers by LMTP (RFC 2033) to a mailbox server such as Dovecot: an answer for each recipient. */
#include <gatepost/plugin.h>
#include <gatepost/smtp.h>

struct lmtp {
    struct gp_smtp_settings settings;
    struct gp_smtp *pool;
};

GP_OPTIONS(struct lmtp,
           GP_OPTION_LIST("to", struct lmtp, settings.hosts, GP_TYPE_ADDRESS, GP_OPTIONAL,
                          "The hosts or sockets, which are used in turn; those that are down last. "
                          "With `per_recipient`, for those who are not in it.",
                          .flags = GP_OPTION_NOT_EMPTY),
           GP_SMTP_PER_RECIPIENT(struct lmtp, settings), GP_SMTP_CHECK(struct lmtp, settings),
           GP_SMTP_OPTIONS(struct lmtp, settings));

static int create(struct gp_call *call, void *self)
{
    struct lmtp *lmtp = self;

    if (!lmtp->settings.hosts && !lmtp->settings.per_recipient) {
        gp_log(call, GP_LOG_ERROR, "give to, per_recipient, or both");
        return GP_EINVAL;
    }
    lmtp->settings.lmtp = true;
    lmtp->pool = gp_smtp_create(call, &lmtp->settings);
    return lmtp->pool ? GP_OK : GP_EINVAL;
}

static void destroy(void *self)
{
    gp_smtp_destroy(&((struct lmtp *)self)->pool);
}

static int deliver(struct gp_call *call, void *self, struct gp_delivery *delivery)
{
    return gp_smtp_deliver(call, ((struct lmtp *)self)->pool, delivery);
}

static int verify(struct gp_call *call, void *self, struct gp_delivery *delivery)
{
    return gp_smtp_verify(call, ((struct lmtp *)self)->pool, delivery);
}

static enum gp_verdict on_tick(struct gp_call *call, void *self)
{
    (void)gp_smtp_check(call, ((struct lmtp *)self)->pool);
    return GP_NEXT;
}

GP_HOOKS({GP_HOOK_TICK, on_tick});

static const struct gp_target_role target = {
    .size = sizeof target, .deliver = deliver, .verify = verify};

GP_PLUGIN(.version = "1.0", .summary = "Delivers to a mailbox server by LMTP",
          .needs = GP_NEEDS_NETWORK, .deadline_ms = 900000, .create = create, .destroy = destroy,
          .tick_ms = 1000, .target = &target, GP_USES_OPTIONS, GP_USES_HOOKS);
