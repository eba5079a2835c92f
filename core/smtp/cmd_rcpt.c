// SPDX-License-Identifier: Apache-2.0
/* RCPT (RFC 5321 4.1.1.3). What it says lives in the transaction's arena. */
#include "core/smtp/parameter.h"
#include "core/smtp/server_internal.h"

static const struct gp__reply need_mail = GP__REPLY_INIT(503, 5, 5, 1, "Say MAIL first");
static const struct gp__reply in_chunks = GP__REPLY_INIT(503, 5, 5, 1,
                                                         "The message is being sent already");
static const struct gp__reply too_many = GP__REPLY_INIT(452, 4, 5, 3, "Too many recipients");
static const struct gp__reply needs_utf8 = GP__REPLY_INIT(553, 5, 6, 7, "Address needs SMTPUTF8");

static const struct gp__reply *out_of_order(const struct gp__smtp *smtp)
{
    const struct gp_transaction *transaction = smtp->session->transaction;

    if (!transaction)
        return &need_mail;
    if (transaction->data_began)
        return &in_chunks;
    return NULL;
}

/* Refused ones take memory until the transaction ends, so they count, at half the weight. */
static bool full(const struct gp__smtp *smtp)
{
    uint64_t most = (uint64_t)smtp->settings->limits.recipients;
    uint64_t accepted = smtp->session->transaction->accepted;

    return accepted >= most || accepted + smtp->rcpt_refused >= 2 * most;
}

static const struct gp__reply *read_parameters(struct gp__smtp *smtp, struct gp_slice text,
                                               struct gp__rcpt *rcpt)
{
    struct gp_transaction *transaction = smtp->session->transaction;
    unsigned extensions = gp__smtp_extensions(smtp);
    const struct gp__reply *refusal;

    if (!transaction->mail.smtputf8)
        extensions &= ~(unsigned)GP__EXT_SMTPUTF8;
    refusal = gp__rcpt_parameters(transaction->arena, text, smtp->settings, extensions, rcpt);
    if (!refusal && rcpt->to.utf8 && !transaction->mail.smtputf8)
        refusal = &needs_utf8;
    return refusal;
}

static void read_rcpt(struct gp__smtp *smtp, struct gp_slice path)
{
    struct gp_transaction *transaction = smtp->session->transaction;
    struct gp__rcpt *rcpt = GP__ARENA_NEW(transaction->arena, struct gp__rcpt);
    const struct gp__reply *refusal;
    struct gp_slice rest;
    enum gp__address_error error = gp__path_parse(
        transaction->arena, path, GP__ADDRESS_POSTMASTER | GP__ADDRESS_UTF8, &rcpt->to, &rest);

    refusal = error ? NULL : read_parameters(smtp, rest, rcpt);
    if (error || refusal)
        smtp->rcpt_refused++;
    if (error) {
        gp__refuse_address(smtp, error, 3);
    } else if (refusal) {
        gp__smtp_refuse(smtp, refusal);
    } else {
        smtp->rcpt = rcpt;
        gp__smtp_ask(smtp, GP__ASK_RCPT);
    }
}

void gp__rcpt_check(struct gp__smtp *smtp, struct gp_slice argument)
{
    struct gp_slice path = gp_slice(NULL, 0);
    const struct gp__reply *refusal = out_of_order(smtp);

    if (!refusal && full(smtp)) {
        GP__LIMIT_HIT(recipients);
        refusal = &too_many;
    }
    if (!refusal)
        refusal = gp__path_argument(argument, GP_S("TO:"), &path);
    if (refusal)
        gp__smtp_refuse(smtp, refusal);
    else
        read_rcpt(smtp, path);
}

void gp__rcpt_proceed(struct gp__smtp *smtp, const struct gp__reply *reply)
{
    smtp->rcpt = NULL;
    smtp->session->transaction->accepted++;
    smtp->counts.recipients++;
    gp__smtp_reply(smtp, reply);
}

void gp__rcpt_refused(struct gp__smtp *smtp, const struct gp__reply *reply)
{
    smtp->rcpt = NULL;
    smtp->rcpt_refused++;
    gp__smtp_refuse(smtp, reply);
}
