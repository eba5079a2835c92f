// SPDX-License-Identifier: Apache-2.0
/*
 * MAIL (RFC 5321 4.1.1.2). Its transaction is made before the answer, so that the host can work
 * with it, and becomes the session's with the answer.
 */
#include "core/smtp/parameter.h"
#include "core/smtp/server_internal.h"

static const struct gp__reply nested = GP__REPLY_INIT(503, 5, 5, 1, "A transaction is open: RSET");
static const struct gp__reply too_many = GP__REPLY_INIT(421, 4, 7, 0,
                                                        "Too many transactions in this session");
static const struct gp__reply bad_mail = GP__REPLY_INIT(501, 5, 5, 2,
                                                        "Syntax: MAIL FROM:<address>");
static const struct gp__reply bad_rcpt = GP__REPLY_INIT(501, 5, 5, 2, "Syntax: RCPT TO:<address>");
static const struct gp__reply space = GP__REPLY_INIT(501, 5, 5, 2,
                                                     "Syntax: there is no space after the colon");
static const struct gp__reply brackets = GP__REPLY_INIT(
    501, 5, 5, 2, "Syntax: the address stands in <angle brackets>");
static const struct gp__reply needs_utf8 = GP__REPLY_INIT(553, 5, 6, 7, "Address needs SMTPUTF8");

const struct gp__reply *gp__path_argument(struct gp_slice argument, struct gp_slice keyword,
                                          struct gp_slice *path_r)
{
    if (!gp_slice_caseeq(gp_slice_sub(argument, 0, keyword.len), keyword))
        return keyword.data[0] == 'F' ? &bad_mail : &bad_rcpt;
    *path_r = gp_slice_sub(argument, keyword.len, argument.len);
    if (path_r->len && path_r->data[0] == ' ')
        return &space;
    return path_r->len && path_r->data[0] == '<' ? NULL : &brackets;
}

void gp__refuse_address(struct gp__smtp *smtp, enum gp__address_error error, uint16_t detail)
{
    struct gp__reply reply = GP__REPLY(553, 5, 1, detail, gp__address_strerror(error));

    gp__smtp_refuse(smtp, error == GP__ADDRESS_NEEDS_UTF8 ? &needs_utf8 : &reply);
}

/* Reads the argument into a transaction. OK without a refusal: it is fine. */
static enum gp__address_error read_mail(const struct gp__smtp *smtp,
                                        struct gp_transaction *transaction, struct gp_slice path,
                                        const struct gp__reply **refusal_r)
{
    struct gp__mail *mail = &transaction->mail;
    struct gp_slice rest;
    enum gp__address_error error = gp__path_parse(
        transaction->arena, path, GP__ADDRESS_NULL | GP__ADDRESS_UTF8, &mail->from, &rest);

    *refusal_r = NULL;
    if (error)
        return error;
    *refusal_r = gp__mail_parameters(transaction->arena, rest, smtp->settings,
                                     gp__smtp_extensions(smtp), mail);
    if (!*refusal_r && mail->from.utf8 && !mail->smtputf8)
        return GP__ADDRESS_NEEDS_UTF8;
    return GP__ADDRESS_OK;
}

static void propose(struct gp__smtp *smtp, struct gp_slice path)
{
    struct gp_transaction *transaction = gp__transaction_create(smtp->session);
    const struct gp__reply *refusal;
    enum gp__address_error error = read_mail(smtp, transaction, path, &refusal);

    if (!error && !refusal) {
        smtp->proposed = transaction;
        gp__smtp_ask(smtp, GP__ASK_MAIL);
        return;
    }
    gp__transaction_unref(&transaction); /* the host never saw it: no RESET */
    if (error)
        gp__refuse_address(smtp, error, 7);
    else
        gp__smtp_refuse(smtp, refusal);
}

void gp__mail_check(struct gp__smtp *smtp, struct gp_slice argument)
{
    struct gp_slice path = gp_slice(NULL, 0);
    const struct gp__reply *refusal = gp__path_argument(argument, GP_S("FROM:"), &path);

    if (smtp->session->transaction)
        refusal = &nested;
    if (refusal) {
        gp__smtp_refuse(smtp, refusal);
        return;
    }
    if (smtp->session->transactions >= (uint64_t)smtp->settings->limits.transactions) {
        GP__LIMIT_HIT(transactions);
        gp__smtp_close(smtp, &too_many, GP__RESET_CLOSED);
        return;
    }
    propose(smtp, path);
}

void gp__mail_proceed(struct gp__smtp *smtp, const struct gp__reply *reply)
{
    gp__smtp_reply(smtp, reply);
    smtp->session->transaction = smtp->proposed;
    smtp->proposed->forwarded = smtp->session->forwarded; /* of one message only */
    smtp->session->forwarded = NULL;
    smtp->proposed = NULL;
    smtp->rcpt_refused = 0;
    smtp->chunks_failed = false;
    smtp->draining = false;
    smtp->drained = 0;
}

void gp__mail_refused(struct gp__smtp *smtp, const struct gp__reply *reply)
{
    gp__smtp_refuse(smtp, reply);
    gp__smtp_end_transaction(smtp, GP__RESET_REFUSED, NULL);
}
