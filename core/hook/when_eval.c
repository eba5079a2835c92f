// SPDX-License-Identifier: Apache-2.0
#include "core/hook/when_eval.h"

#include "core/hook/policy.h"
#include "core/hook/shadow.h"
#include "core/hook/table.h"

static bool names_match(const struct gp__when *fact, struct gp_slice text)
{
    for (size_t i = 0; i < fact->n_patterns; i++)
        if (gp_slice_caseeq(fact->patterns[i].text, text))
            return true;
    return false;
}

/* One host name against patterns that may name domains below which it lies. */
static bool hosts_match(const struct gp__when *fact, struct gp_slice host)
{
    struct gp__address address = {.text = host, .domain = host, .key = host, .local = GP_S("")};

    for (size_t i = 0; i < fact->n_patterns; i++) {
        const struct gp__pattern *pattern = &fact->patterns[i];

        if (pattern->kind == GP__PATTERN_SUBDOMAIN ? gp__pattern_matches_address(pattern, &address)
                                                   : gp_slice_caseeq(pattern->text, host))
            return true;
    }
    return false;
}

/* 1 found, 0 not found, or an error. */
static int tables_have(struct gp_call *call, const struct gp__when *fact, struct gp_slice key,
                       bool is_address)
{
    for (size_t i = 0; i < fact->n_tables; i++) {
        int found = is_address ? gp__table_lookup_address(call, fact->tables[i], key, NULL)
                               : gp__table_lookup(call, fact->tables[i], key, NULL);

        if (found == GP_OK)
            return 1;
        if (found != GP_ENOTFOUND)
            return found;
    }
    return 0;
}

static int address_holds(struct gp_call *call, const struct gp__when *fact,
                         const struct gp__address *address)
{
    for (size_t i = 0; i < fact->n_patterns; i++)
        if (gp__pattern_matches_address(&fact->patterns[i], address))
            return 1;
    return tables_have(call, fact, address->text, true);
}

static int client_holds(struct gp_call *call, const struct gp__when *fact)
{
    if (call->session->client_ip.family == 0)
        return 0;
    for (size_t i = 0; i < fact->n_networks; i++)
        if (gp__network_has(&fact->networks[i], &call->session->client_ip))
            return 1;
    return tables_have(call, fact, gp_slice_of(call->session->client_ip_text), false);
}

static int helo_holds(struct gp_call *call, const struct gp__when *fact)
{
    struct gp_slice helo = gp__session_helo(call->session);

    if (!gp_slice_present(helo))
        return 0;
    return hosts_match(fact, helo) ? 1 : tables_have(call, fact, helo, false);
}

/* A name that the client has proved, or not. */
static int name_holds(struct gp_call *call, const struct gp__when *fact, struct gp_slice name)
{
    if (!gp_slice_present(name))
        return 0;
    return names_match(fact, name) ? 1 : tables_have(call, fact, name, false);
}

/* 1 it is set and fits, 0 it is set and does not, -1 it is not set in this scope. */
static int notes_have(struct gp_call *call, const struct gp__notes *notes,
                      const struct gp__when *fact)
{
    size_t dot = gp_slice_rfind(fact->note, '.');
    bool named = dot < fact->note.len;
    struct gp_slice instance = gp_slice_sub(fact->note, 0, dot);
    struct gp_slice key = named ? gp_slice_sub(fact->note, dot + 1, fact->note.len) : fact->note;
    int found = -1;

    for (const struct gp__note *note = notes->first; note; note = note->next) {
        if (!gp_slice_eq(note->key, key) || (named && !gp_slice_eq(note->instance, instance)))
            continue;
        if (!gp_slice_present(fact->is) ||
            gp_slice_eq(fact->is, gp__note_text(gp__call_arena(call), note)))
            return 1;
        found = 0;
    }
    return found;
}

/* A note by its bare key (whoever set it) or as "instance.key", from the nearest scope. A shadow
 * call has its own notes before all others. */
static int note_holds(struct gp_call *call, const struct gp__when *fact,
                      const struct gp_recipient *recipient)
{
    const struct gp__notes *scopes[4] = {
        call->shadow ? &call->shadow->notes : NULL,
        recipient ? recipient->notes : NULL,
        call->policy ? call->policy->notes : NULL,
        call->session->policy->notes,
    };

    for (size_t i = 0; i < 4; i++) {
        int have = scopes[i] ? notes_have(call, scopes[i], fact) : -1;

        if (have >= 0)
            return have;
    }
    return 0;
}

/* What was declared counts only as long as the message may still become as large. */
static uint64_t size_of(const struct gp_call *call)
{
    const struct gp_transaction *tx = call->transaction;

    if (call->policy->content && gp__content_ended(call->policy->content))
        return tx->received_bytes;
    return tx->received_bytes > tx->mail.size ? tx->received_bytes : tx->mail.size;
}

static enum gp_recipient_class class_of(const struct gp__when *fact)
{
    return fact->class == GP__CLASS_OURS    ? GP_CLASS_OURS
           : fact->class == GP__CLASS_RELAY ? GP_CLASS_RELAY
                                            : GP_CLASS_NONE;
}

static int fact_of_recipient(struct gp_call *call, const struct gp__when *fact,
                             const struct gp_recipient *recipient)
{
    switch (fact->fact) {
    case GP__FACT_RECIPIENT:
        return address_holds(call, fact, &recipient->address);
    case GP__FACT_ROUTE:
        return names_match(fact, recipient->route_name);
    default:
        return recipient->class == class_of(fact);
    }
}

static bool may_relay(const struct gp_call *call, const struct gp_recipient *recipient)
{
    return call->policy->relay_granted || (recipient && recipient->relay_granted);
}

static int fact_of_transaction(struct gp_call *call, const struct gp__when *fact,
                               const struct gp_recipient *recipient)
{
    switch (fact->fact) {
    case GP__FACT_SENDER:
        return call->policy->sender.text.len ? address_holds(call, fact, &call->policy->sender) : 0;
    case GP__FACT_NULL_SENDER:
        return (call->policy->sender.text.len == 0) == fact->flag;
    case GP__FACT_SIZE_OVER:
        return size_of(call) > fact->size;
    default:
        return may_relay(call, recipient) == fact->flag;
    }
}

/* Whether what the fact is about exists at all in this call. */
static bool is_known(const struct gp_call *call, const struct gp__when *fact,
                     const struct gp_recipient *recipient)
{
    if (!call->session || !gp__fact_known(fact->fact, call->point))
        return false;
    if (gp__fact_of_recipient(fact->fact))
        return recipient != NULL;
    switch (fact->fact) {
    case GP__FACT_SENDER:
    case GP__FACT_NULL_SENDER:
    case GP__FACT_SIZE_OVER:
    case GP__FACT_RELAY:
        return call->policy != NULL;
    default:
        return true;
    }
}

static int fact_holds(struct gp_call *call, const struct gp__when *fact,
                      struct gp_recipient *recipient)
{
    switch (fact->fact) {
    case GP__FACT_AUTHENTICATED:
        return gp_slice_present(call->session->auth_user) == fact->flag;
    case GP__FACT_TLS:
        return gp_slice_present(call->session->tls_version) == fact->flag;
    case GP__FACT_TLS_CLIENT:
        return name_holds(call, fact, call->session->tls_client_name);
    case GP__FACT_NOTE:
        return note_holds(call, fact, recipient);
    case GP__FACT_CLIENT:
        return client_holds(call, fact);
    case GP__FACT_LISTENER:
        return names_match(fact, call->session->listener);
    case GP__FACT_HELO:
        return helo_holds(call, fact);
    case GP__FACT_USER:
        return name_holds(call, fact, call->session->auth_user);
    case GP__FACT_RECIPIENT:
    case GP__FACT_ROUTE:
    case GP__FACT_CLASS:
        return fact_of_recipient(call, fact, recipient);
    case GP__FACT_SENDER:
    case GP__FACT_NULL_SENDER:
    case GP__FACT_SIZE_OVER:
    case GP__FACT_RELAY:
        return fact_of_transaction(call, fact, recipient);
    case GP__FACT_COUNT:
        break;
    }
    return 0;
}

static int leaf_holds(struct gp_call *call, const struct gp__when *fact,
                      struct gp_recipient *recipient)
{
    int holds;

    if (!is_known(call, fact, recipient))
        return 0;
    holds = fact_holds(call, fact, recipient);
    return holds < 0 ? holds : holds != fact->negate;
}

int gp__when_holds(struct gp_call *call, const struct gp__when *when,
                   struct gp_recipient *recipient)
{
    bool any = false;

    if (when->kind == GP__WHEN_FACT)
        return leaf_holds(call, when, recipient);
    for (size_t i = 0; i < when->count; i++) {
        int holds = gp__when_holds(call, when->children[i], recipient);

        if (holds < 0)
            return holds;
        if (when->kind == GP__WHEN_ALL && !holds)
            return 0;
        if (when->kind == GP__WHEN_NONE && holds)
            return 0;
        any |= holds;
    }
    return when->kind == GP__WHEN_ANY ? any : 1;
}

bool gp__when_of_recipient(const struct gp__when *when)
{
    if (when->kind == GP__WHEN_FACT)
        return gp__fact_of_recipient(when->fact) || when->fact == GP__FACT_NOTE;
    for (size_t i = 0; i < when->count; i++)
        if (gp__when_of_recipient(when->children[i]))
            return true;
    return false;
}
