// SPDX-License-Identifier: Apache-2.0
/*
 * The parameters of MAIL and RCPT (RFC 5321 4.1.2): SIZE (RFC 1870), BODY (RFC 6152, 3030),
 * SMTPUTF8 (RFC 6531), RET, ENVID, NOTIFY and ORCPT (RFC 3461, 6533). Values are checked and
 * decoded here and nowhere else.
 */
#ifndef GP_SMTP_PARAMETER_H
#define GP_SMTP_PARAMETER_H

#include "core/smtp/envelope.h"
#include "core/smtp/reply.h"

struct gp__smtp_settings;

/*
 * Reads what follows the path of MAIL or RCPT into the envelope, in the arena. `extensions` are
 * the ones that hold in this session (0 after HELO). NULL, or the reply that refuses it, static.
 */
const struct gp__reply *gp__mail_parameters(struct gp__arena *arena, struct gp_slice text,
                                            const struct gp__smtp_settings *settings,
                                            unsigned extensions, struct gp__mail *mail);
const struct gp__reply *gp__rcpt_parameters(struct gp__arena *arena, struct gp_slice text,
                                            const struct gp__smtp_settings *settings,
                                            unsigned extensions, struct gp__rcpt *rcpt);

/* The value of NOTIFY ("SUCCESS,FAILURE") as enum gp__dsn_notify. 0, or -1: it is none. */
int gp__notify_parse(struct gp_slice value, unsigned *notify_r);

/* A parameter by its keyword in any case, or NULL. */
const struct gp__parameter *gp__parameter_find(const struct gp__parameter *parameters, size_t n,
                                               struct gp_slice keyword);

#endif
