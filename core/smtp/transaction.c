// SPDX-License-Identifier: Apache-2.0
/* The transaction lives in its own arena and holds a reference to its session. See transaction.h. */
#include "core/smtp/transaction.h"

#include "core/smtp/text.h"

/* "SESSION.n"; the counter has at most ten digits, so it fits. */
static void set_id(struct gp_transaction *transaction, struct gp_session *session)
{
    struct gp__text text;

    text.len = 0;
    gp__text_add(&text, gp__session_id(session));
    gp__text_add(&text, GP_S("."));
    gp__text_add_number(&text, session->transactions);
    memcpy(transaction->id, text.bytes, text.len);
    transaction->id_len = text.len;
}

struct gp_transaction *gp__transaction_create(struct gp_session *session)
{
    struct gp__arena *arena = gp__arena_create();
    struct gp_transaction *transaction = GP__ARENA_NEW(arena, struct gp_transaction);

    transaction->arena = arena;
    transaction->refs = 1;
    transaction->session = gp__session_ref(session);
    session->transactions++;
    set_id(transaction, session);
    return transaction;
}

struct gp_transaction *gp__transaction_ref(struct gp_transaction *transaction)
{
    transaction->refs++;
    return transaction;
}

void gp__transaction_unref(struct gp_transaction **transaction_)
{
    struct gp_transaction *transaction = *transaction_;
    struct gp__arena *arena;
    struct gp__forwarded *forwarded;
    struct gp_session *session;

    *transaction_ = NULL;
    if (!transaction || --transaction->refs > 0)
        return;
    arena = transaction->arena; /* the transaction lives in it; its cleanups may use the session */
    session = transaction->session;
    forwarded = transaction->forwarded;
    gp__arena_free(&arena);
    gp__forwarded_free(&forwarded);
    gp__session_unref(&session);
}
