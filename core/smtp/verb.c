// SPDX-License-Identifier: Apache-2.0
/* A linear search over a const table: the common verbs stand first. */
#include "core/smtp/verb.h"

#include "core/smtp/server_internal.h"

#define SYNC GP__VERB_SYNC
#define IDLE GP__VERB_IDLE
#define BARE GP__VERB_NO_ARGUMENT
#define HELO GP__VERB_NEEDS_HELO
#define PLAIN GP__VERB_PLAIN
#define FREE GP__VERB_NO_LOGIN

/* By how often they come. */
static const struct gp__verb verbs[] = {
    {{"RCPT", 4}, HELO, gp__rcpt_check},
    {{"MAIL", 4}, HELO, gp__mail_check},
    {{"DATA", 4}, SYNC | BARE | HELO | GP__VERB_CONTENT, gp__data_check},
    {{"EHLO", 4}, SYNC | IDLE | PLAIN | FREE, gp__ehlo_check},
    {{"QUIT", 4}, SYNC | BARE | GP__VERB_ALWAYS | PLAIN | FREE, gp__quit_check},
    {{"RSET", 4}, IDLE | BARE | FREE, gp__rset_check},
    {{"BDAT", 4}, GP__VERB_CHUNK, gp__bdat_check},
    {{"LHLO", 4}, SYNC | IDLE | PLAIN | FREE, gp__lhlo_check},
    {{"HELO", 4}, SYNC | IDLE | FREE, gp__helo_check},
    {{"NOOP", 4}, SYNC | IDLE | PLAIN | FREE, gp__noop_check},
    {{"VRFY", 4}, SYNC | IDLE, gp__vrfy_check},
    {{"EXPN", 4}, SYNC | IDLE, gp__expn_check},
    {{"HELP", 4}, IDLE | FREE, gp__help_check},
    {{"STARTTLS", 8}, BARE | PLAIN | FREE, gp__starttls_check},
    {{"AUTH", 4}, SYNC | FREE, gp__auth_check},
    {{"XFORWARD", 8}, IDLE | FREE, gp__xforward_check},
    {{"XCLIENT", 7}, SYNC | IDLE | FREE, gp__xclient_check},
    {{"TURN", 4}, SYNC, gp__not_implemented_check}, /* RFC 5321 appendix F.1 and F.6 */
    {{"SEND", 4}, 0, gp__not_implemented_check},
    {{"SOML", 4}, 0, gp__not_implemented_check},
    {{"SAML", 4}, 0, gp__not_implemented_check},
};

const struct gp__verb *gp__verb_find(struct gp_slice name)
{
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (gp_slice_caseeq(verbs[i].name, name))
            return &verbs[i];
    return NULL;
}
