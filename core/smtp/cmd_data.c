// SPDX-License-Identifier: Apache-2.0
/* DATA (RFC 5321 4.1.1.4) and the reply to its end, which BDAT shares. */
#include "core/smtp/server_internal.h"

static const struct gp__reply need_mail = GP__REPLY_INIT(503, 5, 5, 1, "Say MAIL first");
static const struct gp__reply need_rcpt = GP__REPLY_INIT(503, 5, 5, 1, "Say RCPT first");
static const struct gp__reply no_valid = GP__REPLY_INIT(554, 5, 5, 1, "No valid recipients");
static const struct gp__reply in_chunks = GP__REPLY_INIT(503, 5, 5, 1,
                                                         "DATA and BDAT cannot be mixed");
static const struct gp__reply binary = GP__REPLY_INIT(
    503, 5, 5, 1, "BODY=BINARYMIME needs BDAT"); /* RFC 3030 section 3 */
static const struct gp__reply each_follows = GP__REPLY_INIT(353, 0, 0, 0,
                                                            "A reply for each recipient follows");

const struct gp__reply *gp__no_recipients(const struct gp__smtp *smtp)
{
    const struct gp_transaction *transaction = smtp->session->transaction;
    bool lmtp = smtp->settings->protocol == GP__PROTOCOL_LMTP;

    if (!transaction)
        return &need_mail;
    if (transaction->accepted)
        return NULL;
    return smtp->rcpt_refused && !lmtp ? &no_valid : &need_rcpt; /* LMTP: RFC 2033 4.2 */
}

void gp__data_check(struct gp__smtp *smtp, struct gp_slice argument)
{
    const struct gp_transaction *transaction = smtp->session->transaction;
    const struct gp__reply *refusal = gp__no_recipients(smtp);

    (void)argument;
    if (transaction && transaction->chunking)
        refusal = &in_chunks;
    else if (!refusal && transaction->mail.body == GP__BODY_BINARYMIME)
        refusal = &binary;
    if (refusal)
        gp__smtp_refuse(smtp, refusal);
    else
        gp__smtp_ask(smtp, GP__ASK_DATA);
}

/* Answers DATA; a first BDAT has its chunk in view already and gets no reply yet. */
void gp__data_proceed(struct gp__smtp *smtp, const struct gp__reply *reply)
{
    gp__receive_begin(smtp);
    if (smtp->state == GP__STATE_CHUNK)
        return;
    gp__smtp_reply(smtp, reply);
    if (smtp->state == GP__STATE_COMMAND)
        smtp->state = GP__STATE_DATA;
}

/* The reply of BDAT waits until its chunk was swallowed (RFC 3030 section 2). */
void gp__data_refused(struct gp__smtp *smtp, const struct gp__reply *reply)
{
    if (smtp->state == GP__STATE_CHUNK) {
        struct gp__command *command = gp__smtp_command(smtp);

        command->trouble = *reply;
        command->trouble.text = gp__arena_dup(smtp->scratch, reply->text);
        smtp->trouble = &command->trouble;
        smtp->chunk_keep = false;
    } else {
        gp__smtp_refuse(smtp, reply);
    }
    gp__smtp_end_transaction(smtp, GP__RESET_REFUSED, NULL);
}

enum gp__step gp__data_step(struct gp__smtp *smtp, struct gp__smtp_event *event)
{
    struct gp_slice input = gp__smtp_window(smtp), rest = input, run;
    enum gp__data_result result;
    bool given;

    if (gp__receive_late(smtp))
        return GP__STEP_AGAIN;
    result = gp__data_next(&smtp->data, &rest, &run);
    if (result == GP__DATA_MORE && input.len == 0)
        return GP__STEP_WAIT;
    gp__smtp_consume(smtp, input.len - rest.len);
    given = result == GP__DATA_RUN && gp__receive_run(smtp, run, event);
    gp__receive_used(smtp, input.len - rest.len);
    if (result == GP__DATA_END && smtp->state == GP__STATE_DATA)
        gp__receive_end(smtp);
    return given ? GP__STEP_EVENT : GP__STEP_AGAIN;
}

/* ---- the reply to the end of the message ---- */

bool gp__message_reply_ok(const struct gp__reply *reply)
{
    return gp__reply_ok(reply, 0) && reply->code / 100 != 3;
}

static void write_one(struct gp__smtp *smtp, const struct gp__reply *reply)
{
    struct gp__reply one = *reply;

    if (!gp__message_reply_ok(&one))
        one = GP__REPLY(451, 4, 3, 0, "Local error in processing");
    if (!one.klass)
        one.klass = (uint8_t)(one.code / 100);
    gp__smtp_reply(smtp, &one);
}

/* A reply for each accepted recipient, in the order of RCPT (RFC 2033 4.2). */
static void write_each(struct gp__smtp *smtp, const struct gp__answer *answer,
                       const struct gp__reply *reply)
{
    size_t n = smtp->session->transaction->accepted;

    for (size_t i = 0; i < n; i++)
        write_one(smtp, answer->replies && i < answer->n_replies ? &answer->replies[i] : reply);
}

/*
 * With PRDR the replies stand between 353 and the one for the message (draft-hall-prdr). When the
 * latter says it all, or there is one recipient, it comes alone, as Exim does it.
 */
static void write_replies(struct gp__smtp *smtp, const struct gp__answer *answer,
                          const struct gp__reply *reply)
{
    bool lmtp = smtp->settings->protocol == GP__PROTOCOL_LMTP;
    bool prdr = gp__transaction_prdr(smtp->session->transaction) && answer->replies;

    if (prdr)
        gp__smtp_reply(smtp, &each_follows);
    if (lmtp || prdr)
        write_each(smtp, answer, reply);
    if (!lmtp)
        gp__smtp_reply(smtp, reply);
}

void gp__message_answered(struct gp__smtp *smtp, const struct gp__answer *answer,
                          const struct gp__reply *reply)
{
    struct gp_transaction *transaction = smtp->session->transaction;
    struct gp__reply usual = GP__REPLY(250, 2, 0, 0, "");
    struct gp__text text;

    text.len = 0;
    gp__text_add(&text, GP_S("Ok: "));
    gp__text_add(&text, gp__transaction_id(transaction));
    usual.text = gp__text_slice(&text);
    if (reply->code == 0)
        reply = &usual;
    write_replies(smtp, answer, reply);
    /* The host knows the fate of the message, so there is no RESET. */
    transaction->detached = true;
    if (smtp->session->transaction)
        gp__transaction_unref(&smtp->session->transaction);
    if (reply->code < 400)
        smtp->counts.messages++;
    else if (reply->code >= 500)
        gp__smtp_count_error(smtp);
}
