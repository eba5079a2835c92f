// SPDX-License-Identifier: Apache-2.0
/* Verbs the engine does not know: the host may; and those it knows of and does not have. */
#include "core/base/ascii.h"
#include "core/smtp/server_internal.h"

#define VERB_MAX 32u

static const struct gp__reply unknown = GP__REPLY_INIT(500, 5, 5, 2, "Command not recognized");
static const struct gp__reply not_implemented = GP__REPLY_INIT(502, 5, 5, 1,
                                                               "Command not implemented");
static const struct gp__reply too_many = GP__REPLY_INIT(
    421, 4, 7, 0, "Too many unknown commands in this session");

static void refuse(struct gp__smtp *smtp, const struct gp__reply *reply)
{
    if (++smtp->counts.unknown <= (uint64_t)smtp->settings->limits.unknown_commands) {
        gp__smtp_refuse(smtp, reply);
        return;
    }
    GP__LIMIT_HIT(unknown_commands);
    gp__smtp_close(smtp, &too_many, GP__RESET_CLOSED);
}

static bool verb_ok(struct gp_slice verb)
{
    for (size_t i = 0; i < verb.len; i++)
        if (!gp__is_alnum(verb.data[i]) && verb.data[i] != '-')
            return false;
    return verb.len > 0 && verb.len <= VERB_MAX;
}

void gp__unknown_check(struct gp__smtp *smtp, struct gp_slice verb, struct gp_slice argument)
{
    struct gp__command *command;
    char *upper;

    if (!verb_ok(verb)) {
        refuse(smtp, &unknown);
        return;
    }
    command = gp__smtp_command(smtp);
    upper = gp__arena_bytes(smtp->scratch, verb.len);
    for (size_t i = 0; i < verb.len; i++)
        upper[i] = gp__to_upper(verb.data[i]);
    command->verb = gp_slice(upper, verb.len);
    command->argument = gp__arena_dup(smtp->scratch, argument);
    gp__smtp_ask(smtp, GP__ASK_COMMAND);
}

/* Nobody knew it, unless the host wrote a reply. ETRN and ATRN are of other extensions. */
void gp__unknown_proceed(struct gp__smtp *smtp, const struct gp__reply *reply)
{
    struct gp_slice verb = smtp->command->verb;
    bool known = gp_slice_eq(verb, GP_S("ETRN")) || gp_slice_eq(verb, GP_S("ATRN"));

    if (reply->code)
        gp__smtp_reply(smtp, reply);
    else
        refuse(smtp, known ? &not_implemented : &unknown);
}

void gp__not_implemented_check(struct gp__smtp *smtp, struct gp_slice argument)
{
    (void)argument;
    gp__smtp_refuse(smtp, &not_implemented);
}
