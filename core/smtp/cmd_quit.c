// SPDX-License-Identifier: Apache-2.0
/* QUIT (RFC 5321 4.1.1.10). */
#include "core/smtp/server_internal.h"

void gp__quit_check(struct gp__smtp *smtp, struct gp_slice argument)
{
    struct gp__reply reply = GP__REPLY(221, 2, 0, 0, "");
    struct gp__text text;

    (void)argument;
    text.len = 0;
    gp__text_add(&text, smtp->settings->hostname);
    gp__text_add(&text, GP_S(" closing connection"));
    reply.text = gp__text_slice(&text);
    gp__smtp_close(smtp, &reply, GP__RESET_QUIT);
}
