// SPDX-License-Identifier: Apache-2.0
/* From an entry to what targets and delivery hooks ask: the same structs as of a live transaction,
 * but with nobody at the other end. */
#include "core/delivery/spooled.h"

#include "core/smtp/parameter.h"

#define ANY_ADDRESS                                                                                \
    ((unsigned)GP__ADDRESS_NULL | (unsigned)GP__ADDRESS_POSTMASTER | (unsigned)GP__ADDRESS_UTF8)

/* ---- addresses ---- */

/* What was kept was an address once; of what is none any more (imported by hand) at least the text
 * stays as it is. */
static struct gp__address address_of(struct gp__arena *arena, struct gp_slice text)
{
    struct gp__address address = {.text = text};
    size_t at = gp_slice_rfind(text, '@');

    if (text.len && gp__mailbox_parse(arena, text, ANY_ADDRESS, &address) == GP__ADDRESS_OK)
        return address;
    address = (struct gp__address){.text = gp_slice_present(text) ? text : GP_S("")};
    address.local = gp_slice_sub(address.text, 0, at);
    address.domain = at < text.len ? gp_slice_sub(address.text, at + 1, text.len) : GP_S("");
    return address;
}

static unsigned notify_of(struct gp_slice text)
{
    unsigned notify = 0;

    return gp__notify_parse(text, &notify) == 0 ? notify : 0;
}

/* ---- session ---- */

struct gp_session *gp__restore_begin(void)
{
    static const char nobody[GP__ID_LEN + 1] = "";

    return gp__session_create(nobody);
}

static void restore_helo(struct gp_session *session, struct gp_slice helo)
{
    session->helo_seen = gp_slice_present(helo);
    session->helo_len = (uint8_t)(helo.len < GP__HELO_MAX ? helo.len : GP__HELO_MAX);
    if (session->helo_len)
        memcpy(session->helo_text, helo.data, session->helo_len);
}

static void restore_tls(struct gp_session *session, struct gp_slice tls)
{
    size_t space = gp_slice_find(tls, ' ');

    if (!gp_slice_present(tls))
        return;
    session->tls_version = gp_slice_sub(tls, 0, space);
    session->tls_cipher = gp_slice_sub(tls, space + 1, tls.len);
}

/* Nothing but the name: what else a front end told by XCLIENT the session has. */
static void restore_name(struct gp_session *session, struct gp_slice name)
{
    struct gp__attributes *attributes = GP__ARENA_NEW(session->arena, struct gp__attributes);

    if (gp__attribute_set(attributes, gp__attribute_name(GP__ATTRIBUTE_NAME), name) == 0)
        session->xclient = attributes;
}

static void restore_session(struct gp_session *session, const struct gp__entry *entry,
                            const struct gp__restoring *restoring)
{
    struct gp__ip ip;

    if (entry->session.len == GP__ID_LEN)
        memcpy(session->id, entry->session.data, GP__ID_LEN);
    if (gp_slice_eq(entry->protocol, GP_S("LMTP")))
        session->protocol = GP__PROTOCOL_LMTP;
    session->extended = !gp_slice_eq(entry->protocol, GP_S("SMTP"));
    session->listener = entry->listener;
    session->hostname = restoring->hostname;
    if (gp_slice_present(entry->client_ip) && gp__ip_parse(entry->client_ip, &ip) == 0)
        gp__session_set_client(session, &ip, (uint16_t)entry->client_port);
    restore_name(session, entry->client_name);
    restore_helo(session, entry->helo);
    restore_tls(session, entry->tls);
    session->auth_user = entry->user;
    gp__session_policy_create(session, restoring->runtime, restoring->settings);
}

/* ---- notes ---- */

static void restore_note(struct gp__notes *notes, const struct gp__entry_note *note)
{
    unsigned flags = GP_NOTE_KEEP;

    /* Of what no longer may be a note nobody can ask. */
    switch (note->type) {
    case GP__NOTE_INT:
        (void)gp__notes_set_int(notes, note->instance, note->key, note->number, flags);
        break;
    case GP__NOTE_MILLI:
        (void)gp__notes_set_milli(notes, note->instance, note->key, note->number, flags);
        break;
    default:
        (void)gp__notes_set(notes, note->instance, note->key, note->text, flags);
    }
}

static struct gp__notes *restore_notes(struct gp__arena *arena, const struct gp__entry_note *list,
                                       size_t n)
{
    struct gp__notes *notes = n ? GP__ARENA_NEW(arena, struct gp__notes) : NULL;

    if (notes)
        gp__notes_init(notes, arena);
    for (size_t i = 0; i < n; i++)
        restore_note(notes, &list[i]);
    return notes;
}

static bool may_relay(const struct gp__entry *entry)
{
    for (size_t i = 0; i < entry->n_notes; i++)
        if (gp_slice_eq(entry->notes[i].instance, GP_S(GP__KEPT_BY_CORE)) &&
            gp_slice_eq(entry->notes[i].key, GP_S(GP__KEPT_RELAY)))
            return true;
    return gp_slice_present(entry->parent); /* what we made ourselves */
}

/* ---- transaction ---- */

/* Of what is none any more (imported by hand) nothing is told. */
static void restore_forwarded(struct gp_transaction *transaction, const struct gp__entry *entry)
{
    struct gp__arena *arena;

    if (entry->n_forwarded == 0)
        return;
    arena = gp__arena_create();
    transaction->forwarded = GP__ARENA_NEW(arena, struct gp__forwarded);
    transaction->forwarded->arena = arena;
    for (size_t i = 0; i < entry->n_forwarded; i++)
        (void)gp__attribute_set(&transaction->forwarded->attributes, entry->forwarded[i].name,
                                entry->forwarded[i].value);
}

static void restore_transaction(struct gp__restored *restored, const struct gp__entry *entry)
{
    struct gp_transaction *transaction = gp__transaction_create(restored->session);
    struct gp__arena *arena = transaction->arena;
    struct gp__policy *policy;

    restored->transaction = transaction;
    transaction->detached = true;
    transaction->id_len = entry->id.len < sizeof transaction->id ? entry->id.len
                                                                 : sizeof transaction->id;
    memcpy(transaction->id, entry->id.data, transaction->id_len);
    transaction->mail = (struct gp__mail){
        .from = address_of(arena, entry->sender_given),
        .size = entry->base_size,
        .body = entry->eight_bit ? GP__BODY_8BITMIME : GP__BODY_7BIT,
        .smtputf8 = entry->smtputf8,
        .requiretls = entry->requiretls,
        .ret = (enum gp__dsn_ret)entry->ret,
        .envid = entry->envid,
        .auth = gp_slice(NULL, 0),
    };
    transaction->received_bytes = entry->base_size;
    transaction->data_began = true;
    restore_forwarded(transaction, entry);
    policy = gp__policy_create(transaction);
    policy->relay_granted = may_relay(entry);
    policy->draft_depth = entry->draft_depth;
    policy->notes = restore_notes(arena, entry->notes, entry->n_notes);
    restored->policy = policy;
}

static void unref_content(void *arg)
{
    struct gp__content *content = arg;

    gp__content_unref(&content);
}

static int restore_copy(struct gp__restored *restored, const struct gp__entry *entry,
                        const struct gp__entry_copy *kept)
{
    struct gp__policy *policy = restored->policy;
    struct gp__arena *arena = restored->transaction->arena;
    struct gp__message_run *runs = GP__ARENA_ARRAY(arena, struct gp__message_run, kept->n_pieces);
    struct gp_copy *copy;

    policy->content = gp__content_over(entry->base, NULL, NULL);
    if (!policy->content)
        return GP_ETEMP;
    gp__arena_cleanup(arena, unref_content, policy->content);
    for (size_t i = 0; i < kept->n_pieces; i++)
        runs[i] = (struct gp__message_run){.bytes = kept->pieces[i].bytes,
                                           .offset = kept->pieces[i].offset,
                                           .len = gp_slice_present(kept->pieces[i].bytes)
                                                      ? kept->pieces[i].bytes.len
                                                      : kept->pieces[i].len};
    policy->message = gp__message_restore(arena, policy->content, runs, kept->n_pieces);
    if (!policy->message)
        return GP_ETEMP;
    gp__copies_begin(policy);
    copy = policy->copies[0];
    copy->id = kept->id;
    copy->sender = address_of(arena, kept->sender);
    copy->own_sender = true;
    policy->sender = copy->sender;
    restored->copy = copy;
    return 0;
}

/* ---- recipients ---- */

static struct gp_recipient *restore_recipient(struct gp__policy *policy,
                                              const struct gp__entry_recipient *kept)
{
    struct gp__arena *arena = policy->transaction->arena;
    struct gp__rcpt *given = GP__ARENA_NEW(arena, struct gp__rcpt);
    struct gp__address address = address_of(arena, kept->address);
    struct gp_recipient *recipient;

    *given = (struct gp__rcpt){
        .to = gp_slice_present(kept->given) ? address_of(arena, kept->given) : address,
        .notify = notify_of(kept->notify),
        .notify_text = kept->notify,
        .orcpt = kept->orcpt,
    };
    recipient = gp__recipient_create(policy, given, &address);
    recipient->accepted = true;
    recipient->valid = true;
    recipient->route_name = kept->route;
    recipient->relay_granted = kept->relay;
    recipient->bucket = kept->bucket;
    recipient->copy = policy->copies[0];
    recipient->notes = restore_notes(arena, kept->notes, kept->n_notes);
    return recipient;
}

/* Whether they are there, and of one copy. */
static bool fits(const struct gp__entry *entry, const uint32_t *recipients, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (recipients[i] >= entry->n_recipients ||
            entry->recipients[recipients[i]].copy != entry->recipients[recipients[0]].copy)
            return false;
    return n > 0;
}

int gp__restore(struct gp__restored *restored, struct gp_session *session,
                const struct gp__entry *entry, const struct gp__restoring *restoring,
                const uint32_t *recipients, size_t n)
{
    int error;

    *restored = (struct gp__restored){.session = session, .n = n};
    if (!fits(entry, recipients, n))
        return GP_EINVAL;
    restore_session(session, entry, restoring);
    restore_transaction(restored, entry);
    error = restore_copy(restored, entry, &entry->copies[entry->recipients[recipients[0]].copy]);
    if (error)
        return error;
    restored->recipients = GP__ARENA_ARRAY(restored->transaction->arena, struct gp_recipient *, n);
    for (size_t i = 0; i < n; i++)
        restored->recipients[i] = restore_recipient(restored->policy,
                                                    &entry->recipients[recipients[i]]);
    gp__copies_settle(restored->policy);
    return 0;
}

void gp__restore_end(struct gp__restored *restored)
{
    if (restored->transaction)
        gp__transaction_unref(&restored->transaction);
    if (restored->session)
        gp__session_unref(&restored->session);
}
