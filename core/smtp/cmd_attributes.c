// SPDX-License-Identifier: Apache-2.0
/* What XCLIENT and XFORWARD have in common: who may say them, when, and how attributes are read. */
#include "core/smtp/server_internal.h"

static const struct gp__reply in_transaction = GP__REPLY_INIT(503, 5, 5, 1,
                                                              "A transaction is open: RSET");

const struct gp__attributes *gp__attributes_check(struct gp__smtp *smtp, struct gp_slice argument,
                                                  unsigned set, const struct gp__reply *forbidden)
{
    const struct gp__reply *refusal = forbidden;
    struct gp__command *command;

    if (!refusal && smtp->session->transaction)
        refusal = &in_transaction;
    if (refusal) {
        gp__smtp_refuse(smtp, refusal);
        return NULL;
    }
    command = gp__smtp_command(smtp);
    refusal = gp__attributes_read(smtp->scratch, argument, set, &command->attributes);
    if (!refusal)
        return &command->attributes;
    gp__smtp_command_done(smtp);
    gp__smtp_refuse(smtp, refusal);
    return NULL;
}
