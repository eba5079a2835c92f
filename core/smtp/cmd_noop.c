// SPDX-License-Identifier: Apache-2.0
/* NOOP (RFC 5321 4.1.1.9): an argument is ignored. */
#include "core/smtp/server_internal.h"

static const struct gp__reply ok = GP__REPLY_INIT(250, 2, 0, 0, "Ok");

void gp__noop_check(struct gp__smtp *smtp, struct gp_slice argument)
{
    (void)argument;
    gp__smtp_reply(smtp, &ok);
}
