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

#define V(name_, flags_, check_)                                                                   \
    {                                                                                              \
        {#name_, sizeof #name_ - 1}, flags_, check_, GP__COUNTER(verb_##name_)                     \
    }

/* By how often they come. */
static const struct gp__verb verbs[] = {
    V(RCPT, HELO, gp__rcpt_check),
    V(MAIL, HELO, gp__mail_check),
    V(DATA, SYNC | BARE | HELO | GP__VERB_CONTENT, gp__data_check),
    V(EHLO, SYNC | IDLE | PLAIN | FREE, gp__ehlo_check),
    V(QUIT, SYNC | BARE | GP__VERB_ALWAYS | PLAIN | FREE, gp__quit_check),
    V(RSET, IDLE | BARE | FREE, gp__rset_check),
    V(BDAT, GP__VERB_CHUNK, gp__bdat_check),
    V(LHLO, SYNC | IDLE | PLAIN | FREE, gp__lhlo_check),
    V(HELO, SYNC | IDLE | FREE, gp__helo_check),
    V(NOOP, SYNC | IDLE | PLAIN | FREE, gp__noop_check),
    V(VRFY, SYNC | IDLE, gp__vrfy_check),
    V(EXPN, SYNC | IDLE, gp__expn_check),
    V(HELP, IDLE | FREE, gp__help_check),
    V(STARTTLS, BARE | PLAIN | FREE, gp__starttls_check),
    V(AUTH, SYNC | FREE, gp__auth_check),
    V(XFORWARD, IDLE | FREE, gp__xforward_check),
    V(XCLIENT, SYNC | IDLE | FREE, gp__xclient_check),
    V(TURN, SYNC, gp__not_implemented_check), /* RFC 5321 appendix F.1 and F.6 */
    V(SEND, 0, gp__not_implemented_check),
    V(SOML, 0, gp__not_implemented_check),
    V(SAML, 0, gp__not_implemented_check),
};

const struct gp__verb *gp__verb_find(struct gp_slice name)
{
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (gp_slice_caseeq(verbs[i].name, name))
            return &verbs[i];
    return NULL;
}
