// SPDX-License-Identifier: Apache-2.0
/* What a message asks of a server, and the envelope as the client engine wants it. */
#include "core/base/ascii.h"
#include "core/base/codec.h"
#include "core/base/utf8.h"
#include "core/delivery/outbound.h"

/* ---- content ---- */

/* A NUL, or a CR or LF that is not half of a line end. `cr`: the last byte before was a CR. */
static bool is_binary(struct gp_slice piece, bool *cr)
{
    for (size_t i = 0; i < piece.len; i++) {
        char c = piece.data[i];

        if (c == '\0' || (c == '\n') != *cr)
            return true;
        *cr = c == '\r';
    }
    return false;
}

static void look_at_content(struct gp__outbound_message *message, bool declared_binary)
{
    uint64_t cursor = 0;
    bool cr = false;
    struct gp_slice piece;

    while (piece = gp_message_next(message->message, &cursor), gp_slice_present(piece)) {
        if (!message->eight_bit)
            message->eight_bit = !gp__ascii_only(piece);
        if (declared_binary && !message->binary)
            message->binary = is_binary(piece, &cr);
    }
    message->binary = message->binary || (declared_binary && cr);
}

static bool utf8_headers(struct gp_message *message)
{
    for (size_t i = 0; i < gp_header_count(message); i++)
        if (!gp__ascii_only(gp_header_raw(gp_header_at(message, i))))
            return true;
    return false;
}

static bool utf8_addresses(const struct gp_delivery *delivery)
{
    for (size_t i = 0; i < delivery->count; i++)
        if (!gp__ascii_only(delivery->recipients[i]->address.text))
            return true;
    return !gp__ascii_only(gp_delivery_sender(delivery));
}

/* "TLS-Required: No" (RFC 8689 5). */
static bool says_tls_optional(struct gp_call *call, struct gp_message *message)
{
    struct gp_header *header = gp_header_find(message, GP_S("TLS-Required"), 0);

    return header && gp_slice_caseeq(gp_header_value(call, header), GP_S("no"));
}

/* ---- XFORWARD, XCLIENT ---- */

static struct gp_slice address_of(struct gp__arena *arena, const struct gp_session *session)
{
    struct gp_slice text = gp_slice_of(session->client_ip_text);

    if (session->client_ip.family == 0)
        return GP_S("[UNAVAILABLE]");
    return session->client_ip.family == 6 ? GP__ARENA_JOIN(arena, GP_S("IPV6:"), text) : text;
}

/* What we were told ourselves, else what we saw. */
static const struct gp__attributes *forward_of(struct gp__arena *arena,
                                               const struct gp_transaction *transaction)
{
    const struct gp_session *session = transaction->session;
    struct gp__attributes *attributes = GP__ARENA_NEW(arena, struct gp__attributes);
    struct gp_slice *values = attributes->values, helo = gp__session_helo(session);
    struct gp_slice name = gp__session_client_name(session);

    if (transaction->forwarded) {
        *attributes = transaction->forwarded->attributes;
        return attributes;
    }
    values[GP__ATTRIBUTE_NAME] = name.len ? name : GP_S("[UNAVAILABLE]");
    values[GP__ATTRIBUTE_ADDR] = address_of(arena, session);
    if (session->client_ip.family)
        values[GP__ATTRIBUTE_PORT] = gp__arena_printf(arena, "%u", session->client_port);
    values[GP__ATTRIBUTE_PROTO] = session->extended ? GP_S("ESMTP") : GP_S("SMTP");
    values[GP__ATTRIBUTE_HELO] = helo.len ? helo : GP_S("[UNAVAILABLE]");
    values[GP__ATTRIBUTE_LOGIN] = session->auth_user.len ? session->auth_user
                                                         : GP_S("[UNAVAILABLE]");
    values[GP__ATTRIBUTE_IDENT] = gp__transaction_id(transaction);
    values[GP__ATTRIBUTE_SOURCE] = GP_S("REMOTE");
    return attributes;
}

void gp__outbound_message(struct gp__outbound_job *job)
{
    struct gp__outbound_message *message = &job->message;
    const struct gp_transaction *transaction = job->delivery->policy->transaction;
    const struct gp__mail *mail = &transaction->mail;

    message->message = gp_delivery_message(job->delivery);
    message->size = gp_message_size(message->message);
    message->requiretls = mail->requiretls;
    look_at_content(message, mail->body == GP__BODY_BINARYMIME);
    /* Bytes that need no SMTPUTF8 go to anybody (RFC 6531 3.2); those of a client that did not ask
     * for it are what it makes of them. */
    message->smtputf8 = mail->smtputf8 && (utf8_addresses(job->delivery) ||
                                           (message->eight_bit && utf8_headers(message->message)));
    message->tls_optional = !mail->requiretls && says_tls_optional(job->call, message->message);
    if (job->pool->settings.forward)
        message->forward = forward_of(job->arena, transaction);
}

/* ---- envelope ---- */

static void set_recipient(const struct gp__outbound_job *job, const struct gp_recipient *from,
                          struct gp__smtp_client_recipient *to)
{
    to->address = from->address.text;
    to->notify = from->added ? GP_S("NEVER") : from->given->notify_text;
    if (gp_slice_present(from->given->orcpt) && !from->added)
        to->orcpt = gp__xtext_encode(job->arena, from->given->orcpt);
}

/* From nobody: whom it is from is not what is asked, and nothing must come back. */
static void make_probe(struct gp__smtp_client_mail *mail)
{
    *mail = (struct gp__smtp_client_mail){
        .sender = GP_S(""),
        .recipients = mail->recipients,
        .n_recipients = mail->n_recipients,
        .smtputf8 = mail->smtputf8,
        .probe = true,
    };
}

struct gp__smtp_client_mail *gp__outbound_mail(const struct gp__outbound_job *job,
                                               const size_t *indexes, size_t n)
{
    const struct gp__mail *from = &job->delivery->policy->transaction->mail;
    struct gp__smtp_client_mail *mail = GP__ARENA_NEW(job->arena, struct gp__smtp_client_mail);
    struct gp__smtp_client_recipient *recipients = GP__ARENA_ARRAY(
        job->arena, struct gp__smtp_client_recipient, n);

    *mail = (struct gp__smtp_client_mail){
        .sender = gp_delivery_sender(job->delivery),
        .recipients = recipients,
        .n_recipients = n,
        .size = job->message.size,
        .eight_bit = job->message.eight_bit,
        .smtputf8 = job->message.smtputf8,
        .requiretls = job->message.requiretls,
        .ret = from->ret,
        .forward = job->message.forward,
        .xclient = job->pool->settings.forward == GP_SMTP_FORWARD_XCLIENT,
    };
    if (gp_slice_present(from->envid))
        mail->envid = gp__xtext_encode(job->arena, from->envid);
    for (size_t i = 0; i < n; i++)
        set_recipient(job, job->delivery->recipients[indexes[i]], &recipients[i]);
    if (job->probe)
        make_probe(mail);
    return mail;
}
