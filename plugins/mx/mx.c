// SPDX-License-Identifier: Apache-2.0
/* Delivers to the mail hosts of the recipients' domains, as DNS names them (RFC 5321 5.1). */
#include <gatepost/plugin.h>
#include <gatepost/smtp.h>

struct mx {
    struct gp_smtp_settings settings;
    struct gp_smtp *pool;
};

GP_OPTIONS(struct mx,
           GP_OPTION_INTEGER("port", struct mx, settings.port, "25", 1, 65535,
                             "Port of the mail hosts; another than 25 is for tests."),
           GP_OPTION_LIST("own", struct mx, settings.own, GP_TYPE_STRING, "[]",
                          "Names and IP addresses that are this server's, besides `hostname`: a "
                          "domain whose best mail host is one of them is a loop."),
           GP_SMTP_OPTIONS(struct mx, settings));

static int create(struct gp_call *call, void *self)
{
    struct mx *mx = self;

    mx->pool = gp_smtp_create(call, &mx->settings);
    return mx->pool ? GP_OK : GP_EINVAL;
}

static void destroy(void *self)
{
    gp_smtp_destroy(&((struct mx *)self)->pool);
}

static int deliver(struct gp_call *call, void *self, struct gp_delivery *delivery)
{
    return gp_smtp_deliver(call, ((struct mx *)self)->pool, delivery);
}

static enum gp_verdict on_tick(struct gp_call *call, void *self)
{
    (void)self;
    (void)gp_smtp_report(call);
    return GP_NEXT;
}

GP_HOOKS({GP_HOOK_TICK, on_tick});

static const struct gp_target_role target = {
    .size = sizeof target, .deliver = deliver, .per_domain = true};

GP_PLUGIN(.version = "1.0", .summary = "Delivers to the mail hosts of the recipients' domains",
          .needs = GP_NEEDS_NETWORK, .deadline_ms = 900000, .create = create, .destroy = destroy,
          .tick_ms = 900000, .target = &target, GP_USES_OPTIONS, GP_USES_HOOKS);
