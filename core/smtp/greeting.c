// SPDX-License-Identifier: Apache-2.0
/* The first reply (RFC 5321 3.1, 4.2.4, RFC 7504): 220, 554 or 521 and nothing but QUIT, or 421. */
#include "core/smtp/server_internal.h"

/* No enhanced code in a greeting (RFC 2034 section 4); 421 is none. */
static void greet(struct gp__smtp *smtp, uint16_t code, const struct gp__reply *like,
                  struct gp_slice said)
{
    struct gp__reply reply = *like;
    struct gp__text text;

    text.len = 0;
    gp__text_add(&text, smtp->settings->hostname);
    gp__text_add(&text, GP_S(" "));
    gp__text_add(&text, said);
    reply.code = code;
    reply.klass = code == 421 ? 4 : 0;
    reply.text = gp__text_slice(&text);
    gp__smtp_reply(smtp, &reply);
}

static void welcome(struct gp__smtp *smtp, const struct gp__reply *reply)
{
    struct gp_slice said = smtp->settings->greeting;
    bool lmtp = smtp->settings->protocol == GP__PROTOCOL_LMTP;

    if (!gp_slice_present(said))
        said = lmtp ? GP_S("LMTP Gatepost") : GP_S("ESMTP Gatepost");
    if (gp_slice_present(reply->text))
        said = reply->text;
    greet(smtp, 220, reply, said);
    if (smtp->state == GP__STATE_GREETING)
        smtp->state = GP__STATE_COMMAND;
}

/* A login that XCLIENT tells of is a login: the host judges it as one of AUTH, when it knows all that
 * there is to know before the greeting. */
static void admit(struct gp__smtp *smtp)
{
    if (smtp->session->xclient && gp_slice_present(smtp->session->auth_user))
        gp__smtp_ask(smtp, GP__ASK_XLOGIN);
    else
        welcome(smtp, &smtp->command->welcome);
}

/* With TLS from the start (RFC 8314) there is one more question before the greeting. */
void gp__connect_proceed(struct gp__smtp *smtp, const struct gp__reply *reply)
{
    struct gp__command *command = gp__smtp_command(smtp);

    command->welcome = *reply;
    command->welcome.text = gp__arena_dup(smtp->scratch, reply->text);
    if (gp__smtp_encrypted(smtp))
        gp__smtp_ask(smtp, GP__ASK_TLS);
    else
        admit(smtp);
}

void gp__tls_proceed(struct gp__smtp *smtp, const struct gp__reply *reply)
{
    (void)reply;
    if (smtp->state == GP__STATE_GREETING)
        admit(smtp);
}

void gp__xlogin_proceed(struct gp__smtp *smtp, const struct gp__reply *reply)
{
    (void)reply;
    welcome(smtp, &smtp->command->welcome);
}

/* Nobody has logged in, and who says so is not to be greeted as if. */
void gp__xlogin_refused(struct gp__smtp *smtp, const struct gp__reply *reply)
{
    smtp->session->auth_user = smtp->session->auth_mechanism = gp_slice(NULL, 0);
    gp__connect_refused(smtp, reply);
}

/* After STARTTLS it is the client's turn: what it gets stands for the answer to its EHLO. */
void gp__tls_refused(struct gp__smtp *smtp, const struct gp__reply *reply)
{
    struct gp__reply last = *reply;

    if (smtp->state == GP__STATE_GREETING) {
        gp__connect_refused(smtp, reply);
        return;
    }
    last.code = reply->code < 500 ? 421 : 554;
    gp__smtp_close(smtp, &last, GP__RESET_CLOSED);
}

void gp__connect_refused(struct gp__smtp *smtp, const struct gp__reply *reply)
{
    if (reply->code < 500) {
        greet(smtp, 421, reply, reply->text);
        gp__smtp_close(smtp, NULL, GP__RESET_CLOSED);
        return;
    }
    smtp->unwelcome = true;
    greet(smtp, reply->code == 521 ? 521 : 554, reply, reply->text);
    if (smtp->state == GP__STATE_GREETING)
        smtp->state = GP__STATE_COMMAND;
}

/* Nothing happens before CONNECT is answered. */
enum gp__step gp__greeting_step(struct gp__smtp *smtp, struct gp__smtp_event *event)
{
    (void)smtp;
    (void)event;
    return GP__STEP_WAIT;
}
