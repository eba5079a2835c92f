// SPDX-License-Identifier: Apache-2.0
/*
 * A message while it comes in, by DATA or BDAT. What makes it unacceptable is remembered, the rest
 * is read to its real end and dropped within the drain budget, and only then it is refused.
 */
#include "core/smtp/server_internal.h"

static const struct gp__reply flaws[] = {
    [GP__DATA_BARE_CR] = GP__REPLY_INIT(554, 5, 6, 0,
                                        "Bare CR in message: lines end with CRLF (RFC 5321 2.3.8)"),
    [GP__DATA_BARE_LF] = GP__REPLY_INIT(554, 5, 6, 0,
                                        "Bare LF in message: lines end with CRLF (RFC 5321 2.3.8)"),
    [GP__DATA_NUL] = GP__REPLY_INIT(554, 5, 6, 0, "NUL in message"),
    [GP__DATA_LONG_LINE] = GP__REPLY_INIT(554, 5, 6, 0, "Line too long in message"),
};
static const struct gp__reply too_big = GP__REPLY_INIT(
    552, 5, 3, 4, "Message size exceeds the limit of this server");
static const struct gp__reply drained_enough = GP__REPLY_INIT(
    421, 4, 7, 0, "Too much data for a message that is refused");
static const struct gp__reply too_late = GP__REPLY_INIT(421, 4, 4, 2, "The message takes too long");

void gp__receive_begin(struct gp__smtp *smtp)
{
    struct gp_transaction *transaction = smtp->session->transaction;
    const struct gp__smtp_settings *settings = smtp->settings;

    transaction->data_began = true;
    smtp->trouble = NULL;
    smtp->draining = false;
    smtp->drained = 0;
    gp__smtp_message_clock(smtp);
    gp__data_init(&smtp->data, settings->limits.text_line, !transaction->chunking,
                  settings->line_endings == GP__LINES_NORMALIZE);
}

bool gp__receive_late(struct gp__smtp *smtp)
{
    if (smtp->now < smtp->message_began + smtp->settings->limits.message_time)
        return false;
    GP__LIMIT_HIT(message_time);
    gp__smtp_close(smtp, &too_late, GP__RESET_TIMEOUT);
    return true;
}

bool gp__receive_run(struct gp__smtp *smtp, struct gp_slice run, struct gp__smtp_event *event)
{
    struct gp_transaction *transaction = smtp->session->transaction;

    transaction->received_bytes += run.len;
    if (smtp->draining || smtp->trouble)
        return false;
    if (transaction->received_bytes > smtp->settings->limits.message_size) {
        GP__LIMIT_HIT(message_size);
        smtp->trouble = &too_big;
        return false;
    }
    event->type = GP__SMTP_DATA;
    event->data = run;
    event->transaction = transaction;
    return true;
}

void gp__receive_drained(struct gp__smtp *smtp, size_t n)
{
    smtp->drained += n;
    if (smtp->drained <= smtp->settings->limits.drain || smtp->state >= GP__STATE_CLOSING)
        return;
    GP__LIMIT_HIT(drain);
    gp__smtp_close(smtp, &drained_enough, GP__RESET_REFUSED);
}

/* A message the host has no more interest in has its refusal already. */
static void note_flaw(struct gp__smtp *smtp)
{
    enum gp__data_flaw flaw = (enum gp__data_flaw)smtp->data.flaw;
    bool hostile = flaw != GP__DATA_LONG_LINE;

    if (!flaw || smtp->trouble)
        return;
    if (hostile && smtp->settings->line_endings == GP__LINES_CLOSE) {
        gp__smtp_note_error(smtp);
        gp__smtp_close(smtp, &flaws[flaw], GP__RESET_REFUSED);
    } else if (!smtp->draining) {
        if (!hostile)
            GP__LIMIT_HIT(text_line);
        smtp->trouble = &flaws[flaw];
    }
}

void gp__receive_used(struct gp__smtp *smtp, size_t n)
{
    smtp->mark = smtp->now;
    note_flaw(smtp);
    if (smtp->draining || smtp->trouble)
        gp__receive_drained(smtp, n);
}

void gp__receive_refuse(struct gp__smtp *smtp, const struct gp__reply *reply, bool final)
{
    bool each = final && smtp->settings->protocol == GP__PROTOCOL_LMTP;
    size_t n = each ? smtp->session->transaction->accepted : 1;

    n = n ? n : 1; /* BDAT before RCPT */
    if (reply->code >= 500)
        gp__smtp_count_error(smtp);
    for (size_t i = 0; i < n; i++)
        gp__smtp_reply(smtp, reply);
    gp__smtp_end_transaction(smtp, GP__RESET_REFUSED, reply);
}

void gp__receive_end(struct gp__smtp *smtp)
{
    smtp->state = GP__STATE_COMMAND;
    if (smtp->trouble)
        gp__receive_refuse(smtp, smtp->trouble, true);
    else
        gp__smtp_ask(smtp, GP__ASK_MESSAGE);
    smtp->trouble = NULL;
}
