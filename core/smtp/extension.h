// SPDX-License-Identifier: Apache-2.0
/* The keywords of the EHLO reply, and which extensions hold at all. */
#ifndef GP_SMTP_EXTENSION_H
#define GP_SMTP_EXTENSION_H

#include "core/smtp/server.h"

/* The extensions of the settings without those that lack what they build on: BINARYMIME needs
 * CHUNKING (RFC 3030 section 3), SMTPUTF8 needs 8BITMIME (RFC 6531 3.1), REQUIRETLS needs TLS
 * (RFC 8689 section 2), PRDR is of SMTP. */
unsigned gp__extension_mask(const struct gp__smtp_settings *settings,
                            const struct gp_session *session);

/* Appends a line for each keyword that holds for the session as it is now, ended by LF. 0, or -1
 * without memory. */
int gp__extension_lines(const struct gp__smtp_settings *settings, const struct gp_session *session,
                        struct gp__buf *lines);

/* Whether a line may stand in the EHLO reply: ehlo-keyword *( SP ehlo-param ) (RFC 5321 4.1.1.1). */
bool gp__extension_line_ok(struct gp_slice line);

#endif
