// SPDX-License-Identifier: Apache-2.0
/* A plugin that looks at something and has no objection: what a chain itself costs. */
#include <gatepost/plugin.h>

static enum gp_verdict on_connect(struct gp_call *call, void *self)
{
    (void)self;
    return gp_slice_present(gp_client_ip(call)) ? GP_NEXT : GP_FAIL;
}

static enum gp_verdict on_helo(struct gp_call *call, void *self)
{
    (void)self;
    return gp_helo(call).len ? GP_NEXT : GP_FAIL;
}

static enum gp_verdict on_mail(struct gp_call *call, void *self)
{
    (void)self;
    return gp_slice_present(gp_sender(call)) ? GP_NEXT : GP_FAIL;
}

static enum gp_verdict on_rcpt(struct gp_call *call, void *self)
{
    (void)self;
    return gp_rcpt(call) ? GP_NEXT : GP_FAIL;
}

static enum gp_verdict on_data(struct gp_call *call, void *self)
{
    (void)self;
    return gp_rcpt_count(call) ? GP_NEXT : GP_FAIL;
}

static enum gp_verdict on_headers(struct gp_call *call, void *self)
{
    (void)self;
    return gp_message(call) ? GP_NEXT : GP_FAIL;
}

static enum gp_verdict on_message(struct gp_call *call, void *self)
{
    (void)self;
    return gp_message(call) ? GP_NEXT : GP_FAIL;
}

GP_HOOKS({GP_HOOK_CONNECT, on_connect}, {GP_HOOK_HELO, on_helo}, {GP_HOOK_MAIL, on_mail},
         {GP_HOOK_RCPT, on_rcpt}, {GP_HOOK_DATA, on_data}, {GP_HOOK_HEADERS, on_headers},
         {GP_HOOK_MESSAGE, on_message});
GP_PLUGIN(.version = "1.0", .summary = "Looks, and has no objection", GP_USES_HOOKS);
