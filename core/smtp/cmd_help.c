// SPDX-License-Identifier: Apache-2.0
/* HELP (RFC 5321 4.1.1.8): the same whatever is asked. */
#include "core/smtp/server_internal.h"

static const struct gp__reply smtp_help = GP__REPLY_INIT(
    214, 2, 0, 0,
    "Commands: HELO EHLO MAIL RCPT DATA BDAT\r\n"
    "RSET NOOP QUIT VRFY HELP AUTH\r\n"
    "See RFC 5321");
static const struct gp__reply lmtp_help = GP__REPLY_INIT(214, 2, 0, 0,
                                                         "Commands: LHLO MAIL RCPT DATA BDAT\r\n"
                                                         "RSET NOOP QUIT VRFY HELP\r\n"
                                                         "See RFC 2033");

void gp__help_check(struct gp__smtp *smtp, struct gp_slice argument)
{
    bool lmtp = smtp->settings->protocol == GP__PROTOCOL_LMTP;

    (void)argument;
    gp__smtp_reply(smtp, lmtp ? &lmtp_help : &smtp_help);
}
