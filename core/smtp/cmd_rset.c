// SPDX-License-Identifier: Apache-2.0
/* RSET (RFC 5321 4.1.1.5). */
#include "core/smtp/server_internal.h"

static const struct gp__reply ok = GP__REPLY_INIT(250, 2, 0, 0, "Ok");

void gp__rset_check(struct gp__smtp *smtp, struct gp_slice argument)
{
    (void)argument;
    gp__smtp_end_transaction(smtp, GP__RESET_RSET, NULL);
    smtp->chunks_failed = false;
    gp__smtp_reply(smtp, &ok);
}
