// SPDX-License-Identifier: Apache-2.0
/* From a transaction to its entry. Nothing is copied that lives in the transaction's arena. */
#include "core/delivery/spooled.h"

#include "core/base/ascii.h"
#include "core/base/utf8.h"
#include "core/hook/trail.h"

#include <stdlib.h>

/* ---- who may be told ---- */

static bool is_domain(struct gp_slice domain, struct gp_slice of)
{
    return domain.len > 0 && gp_slice_caseeq(domain, of);
}

/* Relaxed alignment (RFC 7489 3.1) without a list of suffixes: the same domain, or one above with a
 * dot in it. */
static bool is_aligned(struct gp_slice signer, struct gp_slice sender)
{
    size_t cut = sender.len - signer.len;

    if (is_domain(signer, sender))
        return true;
    return signer.len > 0 && gp_slice_find(signer, '.') < signer.len && sender.len > signer.len &&
           sender.data[cut - 1] == '.' &&
           gp_slice_caseeq(gp_slice_sub(sender, cut, sender.len), signer);
}

static struct gp_slice after_at(struct gp_slice value)
{
    size_t at = gp_slice_rfind(value, '@');

    return at < value.len ? gp_slice_sub(value, at + 1, value.len) : value;
}

/* Whether a result says that the domain of the reverse-path is who it says it is. */
static unsigned confirms(const struct gp__auth_result *result, struct gp_slice domain)
{
    if (!gp_slice_caseeq(result->result, GP_S("pass")) || domain.len == 0)
        return 0;
    if (gp_slice_caseeq(result->method, GP_S("spf")) &&
        gp_slice_caseeq(result->property, GP_S("smtp.mailfrom")) &&
        is_domain(after_at(result->value), domain))
        return GP__BOUNCE_TO_SPF_PASS;
    if (gp_slice_caseeq(result->method, GP_S("dkim")) &&
        (gp_slice_caseeq(result->property, GP_S("header.d")) ||
         gp_slice_caseeq(result->property, GP_S("header.i"))) &&
        is_aligned(after_at(result->value), domain))
        return GP__BOUNCE_TO_DKIM_PASS;
    return 0;
}

enum gp__bounce gp__bounce_right(const struct gp__policy *policy, unsigned bounce_to)
{
    const struct gp_session *session = policy->transaction->session;
    const struct gp__auth_result *lists[2] = {policy->session->auth_results, policy->auth_results};
    struct gp_slice domain = policy->sender.domain;

    if (policy->sender.text.len == 0)
        return GP__BOUNCE_NEVER; /* RFC 5321 4.5.5 */
    if (gp_slice_present(session->auth_user) && bounce_to & GP__BOUNCE_TO_AUTHENTICATED)
        return GP__BOUNCE_ALLOWED;
    for (size_t i = 0; i < 2; i++)
        for (const struct gp__auth_result *result = lists[i]; result; result = result->next)
            if (confirms(result, domain) & bounce_to)
                return GP__BOUNCE_ALLOWED;
    return GP__BOUNCE_NEVER;
}

/* A draft with the reverse-path of a client is bounced no more than the client's own mail; one of
 * ours, always. */
static enum gp__bounce bounce_of(const struct gp__policy *policy, const struct gp__keeping *keeping)
{
    if (!gp_slice_present(keeping->parent))
        return gp__bounce_right(policy, keeping->bounce_to);
    if (policy->sender.text.len == 0)
        return GP__BOUNCE_NEVER;
    return gp_slice_caseeq(policy->sender.text, keeping->sender) ? keeping->bounce
                                                                 : GP__BOUNCE_ALLOWED;
}

/* ---- notes ---- */

static size_t count_kept(const struct gp__notes *notes)
{
    size_t n = 0;

    for (const struct gp__note *note = notes ? notes->first : NULL; note; note = note->next)
        n += (note->flags & GP_NOTE_KEEP) != 0;
    return n;
}

static size_t add_kept(struct gp__entry_note *list, size_t n, const struct gp__notes *notes)
{
    for (const struct gp__note *note = notes ? notes->first : NULL; note; note = note->next)
        if (note->flags & GP_NOTE_KEEP)
            list[n++] = (struct gp__entry_note){.instance = note->instance,
                                                .key = note->key,
                                                .type = note->type,
                                                .text = note->text,
                                                .number = note->number};
    return n;
}

/* The session's first: the transaction's are newer, and the last of a name counts. Beside them the
 * core's own: that it may be relayed, for routing it again. */
static void keep_notes(struct gp__entry *entry, const struct gp__policy *policy)
{
    struct gp__arena *arena = policy->transaction->arena;
    size_t n = count_kept(policy->session->notes) + count_kept(policy->notes) + 1;
    struct gp__entry_note *list = GP__ARENA_ARRAY(arena, struct gp__entry_note, n);

    n = add_kept(list, 0, policy->session->notes);
    n = add_kept(list, n, policy->notes);
    if (policy->relay_granted)
        list[n++] = (struct gp__entry_note){.instance = GP_S(GP__KEPT_BY_CORE),
                                            .key = GP_S(GP__KEPT_RELAY),
                                            .type = GP__NOTE_INT,
                                            .text = GP_S(""),
                                            .number = 1};
    entry->notes = list;
    entry->n_notes = n;
}

/* ---- copies ---- */

static bool has_utf8_headers(struct gp_message *message)
{
    for (size_t i = 0; i < message->header_count; i++)
        if (!gp__ascii_only(message->headers[i]->field))
            return true;
    return false;
}

static bool has_8bit(const struct gp__content *content, const struct gp__message_run *run)
{
    struct gp_slice bytes = gp_slice_present(run->bytes)
                                ? run->bytes
                                : gp__content_at(content, run->offset, run->len);

    return !gp__ascii_only(bytes);
}

static struct gp_slice sender_of(const struct gp_copy *copy)
{
    return copy->own_sender ? copy->sender.text : copy->policy->sender.text;
}

static void keep_copy(struct gp__entry_copy *kept, struct gp_copy *copy)
{
    struct gp__arena *arena = copy->policy->transaction->arena;
    struct gp__message_run *runs;
    size_t n = gp__message_runs(copy->message, arena, &runs);
    struct gp__entry_piece *pieces = GP__ARENA_ARRAY(arena, struct gp__entry_piece, n);

    *kept = (struct gp__entry_copy){
        .id = copy->id, .sender = sender_of(copy), .pieces = pieces, .n_pieces = n};
    for (size_t i = 0; i < n; i++) {
        pieces[i] = (struct gp__entry_piece){
            .bytes = runs[i].bytes, .offset = runs[i].offset, .len = runs[i].len};
        kept->size += runs[i].len;
        kept->eight_bit = kept->eight_bit || has_8bit(copy->message->content, &runs[i]);
    }
    kept->utf8_headers = kept->eight_bit && has_utf8_headers(copy->message);
}

/* The number of the recipient's copy in the entry, which gets it if it has it not. */
static uint32_t copy_index(struct gp__entry *entry, struct gp__entry_copy *copies,
                           const struct gp_recipient *recipient)
{
    struct gp__policy *policy = recipient->policy;
    struct gp_copy *copy = recipient->copy ? recipient->copy : policy->copies[0];

    for (size_t i = entry->n_copies; i > 0; i--)
        if (gp_slice_eq(copies[i - 1].id, copy->id))
            return (uint32_t)(i - 1);
    keep_copy(&copies[entry->n_copies], copy);
    entry->eight_bit = entry->eight_bit || copies[entry->n_copies].eight_bit;
    return (uint32_t)entry->n_copies++;
}

/* ---- recipients ---- */

static struct gp_slice notify_text(unsigned notify)
{
    static const char *const words[8] = {
        NULL,    "SUCCESS",       "FAILURE",       "SUCCESS,FAILURE",
        "DELAY", "SUCCESS,DELAY", "FAILURE,DELAY", "SUCCESS,FAILURE,DELAY"};

    if (notify & GP__NOTIFY_NEVER)
        return GP_S("NEVER");
    return words[notify >> 1 & 7] ? gp_slice_of(words[notify >> 1 & 7]) : gp_slice(NULL, 0);
}

static struct gp_slice reply_text(struct gp__arena *arena, const char *who, struct gp_slice name,
                                  const struct gp__reply *reply)
{
    return gp__arena_printf(arena, "%s " GP_FMT ": %u %u.%u.%u " GP_FMT, who, GP_ARG(name),
                            reply->code, reply->klass, reply->subject, reply->detail,
                            GP_ARG(reply->text));
}

/* Why it is held. */
static struct gp_slice reason_of(const struct gp_recipient *recipient)
{
    struct gp__arena *arena = recipient->policy->transaction->arena;
    const struct gp__route *route = recipient->route;

    if (recipient->stop)
        return reply_text(arena, "refused by",
                          recipient->stop->by ? recipient->stop->by->id : GP_S("gatepost"),
                          &recipient->stop->reply);
    if (recipient->reply.code >= 500 && route && route->target)
        return reply_text(arena, "refused by target", route->target->name, &recipient->reply);
    if (recipient->marked_by)
        return GP__ARENA_JOIN(arena, GP_S("marked by "), recipient->marked_by->id);
    return GP_S("held");
}

static bool is_held(enum gp__disposal disposal)
{
    return disposal == GP__DISPOSE_HOLD || disposal == GP__DISPOSE_BOUNCE;
}

static bool is_kept(enum gp__disposal disposal)
{
    return disposal == GP__DISPOSE_QUEUE || is_held(disposal);
}

static void keep_recipient(struct gp__entry_recipient *kept, const struct gp_recipient *recipient,
                           enum gp__disposal disposal)
{
    struct gp__arena *arena = recipient->policy->transaction->arena;
    struct gp__entry_note *notes = GP__ARENA_ARRAY(arena, struct gp__entry_note,
                                                   count_kept(recipient->notes));

    *kept = (struct gp__entry_recipient){
        .address = recipient->address.text,
        .given = recipient->given->to.text,
        .orcpt = recipient->given->orcpt,
        .notify = notify_text(recipient->added ? GP__NOTIFY_NEVER : recipient->given->notify),
        .route = recipient->route_name,
        .bucket = gp_slice(NULL, 0),
        .reason = gp_slice(NULL, 0),
        .notes = notes,
        .n_notes = add_kept(notes, 0, recipient->notes),
        .relay = recipient->relay_granted,
    };
    if (is_held(disposal)) {
        kept->bucket = gp__delivery_bucket(recipient);
        kept->reason = reason_of(recipient);
    }
}

static struct gp_slice domain_of(const struct gp__entry_recipient *recipient)
{
    return after_at(recipient->address);
}

/* By copy and domain, so that an attempt finds those of one destination side by side. */
static int compare(const void *a_, const void *b_)
{
    const struct gp__entry_recipient *a = a_, *b = b_;
    struct gp_slice one = domain_of(a), other = domain_of(b);
    size_t shorter = one.len < other.len ? one.len : other.len;
    int order = 0;

    if (a->copy != b->copy)
        return a->copy < b->copy ? -1 : 1;
    for (size_t i = 0; i < shorter && !order; i++)
        order = gp__to_lower(one.data[i]) - gp__to_lower(other.data[i]);
    if (!order)
        order = (one.len > other.len) - (one.len < other.len);
    return order;
}

static size_t keep_recipients(struct gp__entry *entry, struct gp__policy *policy,
                              const enum gp__disposal *disposals)
{
    struct gp__arena *arena = policy->transaction->arena;
    struct gp__entry_copy *copies = GP__ARENA_ARRAY(arena, struct gp__entry_copy, policy->n_copies);
    struct gp__entry_recipient *list;
    size_t n = 0;

    for (size_t i = 0; i < policy->n_recipients; i++)
        n += is_kept(disposals[i]);
    list = GP__ARENA_ARRAY(arena, struct gp__entry_recipient, n);
    entry->copies = copies;
    entry->recipients = list;
    for (size_t i = 0; i < policy->n_recipients; i++) {
        struct gp__entry_recipient *kept = &list[entry->n_recipients];

        if (!is_kept(disposals[i]))
            continue;
        keep_recipient(kept, policy->recipients[i], disposals[i]);
        kept->copy = copy_index(entry, copies, policy->recipients[i]);
        entry->n_recipients++;
    }
    if (n > 1)
        qsort(list, n, sizeof *list, compare);
    return n;
}

/* ---- the whole ---- */

static struct gp_slice protocol_of(const struct gp_session *session)
{
    if (session->protocol == GP__PROTOCOL_LMTP)
        return GP_S("LMTP");
    return session->extended ? GP_S("ESMTP") : GP_S("SMTP");
}

static struct gp_slice tls_of(struct gp__arena *arena, const struct gp_session *session)
{
    if (!gp_slice_present(session->tls_version))
        return gp_slice(NULL, 0);
    return GP__ARENA_JOIN(arena, session->tls_version, GP_S(" "), session->tls_cipher);
}

static void keep_forwarded(struct gp__entry *entry, const struct gp_transaction *transaction)
{
    struct gp__entry_forwarded *list;

    if (!transaction->forwarded)
        return;
    list = GP__ARENA_ARRAY(transaction->arena, struct gp__entry_forwarded, GP__ATTRIBUTE_COUNT);
    entry->forwarded = list;
    for (unsigned i = 0; i < GP__ATTRIBUTE_COUNT; i++) {
        struct gp_slice value = transaction->forwarded->attributes.values[i];

        if (gp_slice_present(value))
            list[entry->n_forwarded++] = (struct gp__entry_forwarded){
                gp__attribute_name((enum gp__attribute)i), value};
    }
}

static void keep_session(struct gp__entry *entry, const struct gp_transaction *transaction)
{
    const struct gp_session *session = transaction->session;

    entry->listener = session->listener;
    entry->session = gp__session_id(session);
    entry->client_ip = session->client_ip.family ? gp_slice_of(session->client_ip_text)
                                                 : gp_slice(NULL, 0);
    entry->client_port = session->client_port;
    entry->client_name = gp__session_client_name(session);
    entry->helo = gp__session_helo(session);
    entry->user = session->auth_user;
    entry->tls = tls_of(transaction->arena, session);
    entry->protocol = protocol_of(session);
}

static struct gp_slice verdicts_of(const struct gp__policy *policy)
{
    struct gp__buf out = {.limit = 0};
    struct gp_slice text;

    gp__verdicts_json(&out, policy);
    text = gp__arena_dup(policy->transaction->arena, gp__buf_slice(&out));
    gp__buf_free(&out);
    return text;
}

const struct gp__entry *gp__keep(struct gp__policy *policy, const enum gp__disposal *disposals,
                                 const struct gp__keeping *keeping)
{
    struct gp_transaction *transaction = policy->transaction;
    struct gp__entry *entry = GP__ARENA_NEW(transaction->arena, struct gp__entry);
    const struct gp__mail *mail = &transaction->mail;

    *entry = (struct gp__entry){
        .id = gp__transaction_id(transaction),
        .parent = keeping->parent,
        .received_ms = keeping->now_ms,
        .sender_given = mail->from.text,
        .envid = mail->envid,
        .ret = mail->ret,
        .smtputf8 = mail->smtputf8,
        .requiretls = mail->requiretls,
        .draft_depth = policy->draft_depth,
        .spill = keeping->spill,
        .fingerprint = keeping->fingerprint,
        .base = gp__content_at(policy->content, 0, gp__content_size(policy->content)),
        .base_size = gp__content_size(policy->content),
    };
    if (keep_recipients(entry, policy, disposals) == 0)
        return NULL;
    keep_session(entry, transaction);
    keep_forwarded(entry, transaction);
    keep_notes(entry, policy);
    entry->bounce = bounce_of(policy, keeping);
    entry->verdicts = verdicts_of(policy);
    return entry;
}
