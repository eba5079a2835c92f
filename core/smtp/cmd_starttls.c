// SPDX-License-Identifier: Apache-2.0
/*
 * STARTTLS (RFC 3207). It must be the last of what was sent: plaintext that came in one piece with
 * it would be taken for something said inside TLS (CVE-2011-0411 and its many followers). Throwing
 * it away is the least that the RFC asks for; who does it is attacked or broken, so we close.
 */
#include "core/smtp/server_internal.h"

static const struct gp__reply not_implemented = GP__REPLY_INIT(502, 5, 5, 1,
                                                               "Command not implemented");
static const struct gp__reply active = GP__REPLY_INIT(503, 5, 5, 1, "TLS is active already");
static const struct gp__reply need_ehlo = GP__REPLY_INIT(503, 5, 5, 1, "Say EHLO or LHLO first");
static const struct gp__reply injection = GP__REPLY_INIT(554, 5, 5, 0,
                                                         "Plaintext after STARTTLS: closing");

bool gp__smtp_encrypted(const struct gp__smtp *smtp)
{
    return gp_slice_present(smtp->session->tls_version);
}

bool gp__smtp_offers_tls(const struct gp__smtp *smtp)
{
    return smtp->settings->starttls != GP__STARTTLS_OFF && !gp__smtp_encrypted(smtp);
}

static void refuse_injection(struct gp__smtp *smtp)
{
    gp__smtp_note_error(smtp);
    smtp->counts.injected = true;
    gp__smtp_close(smtp, &injection, GP__RESET_CLOSED);
}

void gp__starttls_check(struct gp__smtp *smtp, struct gp_slice argument)
{
    (void)argument;
    if (gp__smtp_encrypted(smtp))
        gp__smtp_refuse(smtp, &active);
    else if (!gp__smtp_offers_tls(smtp))
        gp__smtp_refuse(smtp, &not_implemented);
    else if (!smtp->session->extended)
        gp__smtp_refuse(smtp, &need_ehlo);
    else if (gp__smtp_pending(smtp))
        refuse_injection(smtp);
    else
        gp__smtp_ask(smtp, GP__ASK_STARTTLS);
}

/* RFC 3207 4.2: nothing that the client said before counts. */
static void forget(struct gp__smtp *smtp)
{
    struct gp_session *session = smtp->session;

    gp__smtp_end_transaction(smtp, GP__RESET_STARTTLS, NULL);
    session->helo_seen = false;
    session->helo_len = 0;
    session->extended = false;
    session->auth_user = gp_slice(NULL, 0);
    session->auth_mechanism = gp_slice(NULL, 0);
    smtp->chunks_failed = false;
    smtp->idle_commands = 0;
}

void gp__starttls_proceed(struct gp__smtp *smtp, const struct gp__reply *reply)
{
    if (gp__smtp_pending(smtp)) { /* it came while the host thought about it */
        refuse_injection(smtp);
        return;
    }
    gp__smtp_reply(smtp, reply);
    if (smtp->state != GP__STATE_COMMAND)
        return;
    forget(smtp);
    smtp->handshaking = false;
    smtp->state = GP__STATE_STARTTLS;
}

enum gp__step gp__starttls_step(struct gp__smtp *smtp, struct gp__smtp_event *event)
{
    if (smtp->handshaking)
        return GP__STEP_WAIT;
    smtp->handshaking = true;
    event->type = GP__SMTP_STARTTLS;
    return GP__STEP_EVENT;
}

void gp__smtp_secured(struct gp__smtp *smtp)
{
    if (smtp->state != GP__STATE_STARTTLS)
        return;
    smtp->state = GP__STATE_COMMAND;
    gp__smtp_ask(smtp, GP__ASK_TLS);
}
