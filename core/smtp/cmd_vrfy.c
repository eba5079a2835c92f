// SPDX-License-Identifier: Apache-2.0
/*
 * VRFY and EXPN (RFC 5321 3.5, 4.1.1.6, 4.1.1.7, RFC 6531 3.7.4.2). The host is asked only when
 * they are announced, so that nobody can find out who has a mailbox unless the operator wants it.
 */
#include "core/base/utf8.h"
#include "core/smtp/server_internal.h"

static const struct gp__reply cannot_verify = GP__REPLY_INIT(
    252, 2, 5, 0, "Cannot verify; send mail to find out");
static const struct gp__reply not_implemented = GP__REPLY_INIT(502, 5, 5, 1,
                                                               "Command not implemented");
static const struct gp__reply no_argument = GP__REPLY_INIT(501, 5, 5, 4,
                                                           "Give a name or an address");
static const struct gp__reply needs_utf8 = GP__REPLY_INIT(553, 5, 6, 7, "Address needs SMTPUTF8");
static const struct gp__reply bad_utf8 = GP__REPLY_INIT(501, 5, 5, 4, "Not UTF-8");

/* Takes the parameter off the end; NULL, or the refusal. */
static const struct gp__reply *check_utf8(const struct gp__smtp *smtp, struct gp_slice *argument)
{
    static const struct gp_slice parameter = {" SMTPUTF8", 9};
    bool announced = gp__smtp_extensions(smtp) & GP__EXT_SMTPUTF8;
    size_t at = argument->len > parameter.len ? argument->len - parameter.len : argument->len;
    bool given = gp_slice_caseeq(gp_slice_sub(*argument, at, argument->len), parameter);

    if (given && announced)
        argument->len = at;
    if (!gp__utf8_valid(*argument))
        return &bad_utf8;
    return gp__ascii_only(*argument) || (given && announced) ? NULL : &needs_utf8;
}

static void check(struct gp__smtp *smtp, struct gp_slice argument, enum gp__smtp_ask ask)
{
    const struct gp__reply *refusal = argument.len ? check_utf8(smtp, &argument) : &no_argument;
    struct gp__command *command;

    if (refusal) {
        gp__smtp_refuse(smtp, refusal);
        return;
    }
    command = gp__smtp_command(smtp);
    command->verb = ask == GP__ASK_VRFY ? GP_S("VRFY") : GP_S("EXPN");
    command->argument = gp__arena_dup(smtp->scratch, argument);
    gp__smtp_ask(smtp, ask);
}

void gp__vrfy_check(struct gp__smtp *smtp, struct gp_slice argument)
{
    if (argument.len && !(smtp->settings->extensions & GP__EXT_VRFY))
        gp__smtp_reply(smtp, &cannot_verify);
    else
        check(smtp, argument, GP__ASK_VRFY);
}

void gp__expn_check(struct gp__smtp *smtp, struct gp_slice argument)
{
    if (smtp->settings->extensions & GP__EXT_EXPN)
        check(smtp, argument, GP__ASK_EXPN);
    else
        gp__smtp_refuse(smtp, &not_implemented);
}
