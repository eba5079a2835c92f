// SPDX-License-Identifier: Apache-2.0
/*
 * A mail transaction (RFC 5321 3.3): one object with one arena, from MAIL to the reply to the end
 * of data. Everything that belongs to it (recipients, BDAT progress, verdicts, edits) hangs off
 * this pointer, so no part of it can be reset apart from the rest: ending a transaction is
 * dropping a reference. Counted, because parked hooks and shadow runs may outlive it.
 */
#ifndef GP_SMTP_TRANSACTION_H
#define GP_SMTP_TRANSACTION_H

#include "core/smtp/envelope.h"
#include "core/smtp/session.h"

struct gp__policy; /* of the hook layer: recipients, marks, message, copies */

struct gp_transaction {
    struct gp__arena *arena;
    unsigned refs;
    struct gp_session *session; /* a reference */
    char id[GP__ID_LEN + 12];   /* "SESSION.n" */
    size_t id_len;

    struct gp__mail mail;
    size_t accepted; /* recipients the client got a 250 for */
    bool detached;   /* no longer the session's current one */

    /* Progress of the data, kept by the engine. */
    uint64_t received_bytes; /* of the message, stuffing removed */
    uint64_t chunks;         /* BDAT commands */
    bool chunking;           /* BDAT was used: DATA is out of order now */
    bool data_began;

    struct gp__forwarded *forwarded; /* what XFORWARD said; or NULL */

    struct gp__policy *policy;
};

/* A new transaction of the session; one reference for the caller. The engine sets
 * session->transaction when MAIL was accepted. */
struct gp_transaction *gp__transaction_create(struct gp_session *session);
struct gp_transaction *gp__transaction_ref(struct gp_transaction *transaction);
void gp__transaction_unref(struct gp_transaction **transaction_);

/* Whether PRDR gives each recipient a reply of its own: of one recipient it would say nothing new. */
static inline bool gp__transaction_prdr(const struct gp_transaction *transaction)
{
    return transaction->mail.prdr && transaction->accepted > 1;
}

static inline struct gp_slice gp__transaction_id(const struct gp_transaction *transaction)
{
    return gp_slice(transaction->id, transaction->id_len);
}

#endif
