// SPDX-License-Identifier: Apache-2.0
/*
 * The envelope: <gatepost/envelope.h>. Getters read the policy of the transaction; edits parse into
 * the transaction's arena, so that what is in force is always canonical. Edits of a shadow call are
 * checked like any and then do nothing.
 */
#include "core/plugin/api.h"

#define ABSENT gp_slice(NULL, 0)
#define EXPANSIONS_MAX 1000
#define EXPANSION_DEPTH_MAX 10

/* Present even when it is empty. */
static struct gp_slice present(struct gp_slice s)
{
    return s.data ? s : GP_S("");
}

static int parse(struct gp_call *call, struct gp_slice text, unsigned flags,
                 struct gp__address *address_r)
{
    struct gp_transaction *transaction = call->transaction;

    if (!gp_slice_present(text))
        return GP_EINVAL;
    if (transaction->mail.smtputf8)
        flags |= GP__ADDRESS_UTF8;
    return gp__mailbox_parse(transaction->arena, text, flags, address_r) == GP__ADDRESS_OK
               ? 0
               : GP_EINVAL;
}

/* ---- the sender ---- */

struct gp_slice gp_transaction_id(struct gp_call *call)
{
    return call->transaction ? gp__transaction_id(call->transaction) : ABSENT;
}

static const struct gp__address *sender_of(const struct gp_call *call)
{
    if (!call->policy)
        return NULL;
    return call->copy && call->copy->own_sender ? &call->copy->sender : &call->policy->sender;
}

struct gp_slice gp_sender(struct gp_call *call)
{
    const struct gp__address *sender = sender_of(call);

    return sender ? present(sender->text) : ABSENT;
}

struct gp_slice gp_sender_local(struct gp_call *call)
{
    const struct gp__address *sender = sender_of(call);

    return sender ? present(sender->local) : ABSENT;
}

struct gp_slice gp_sender_domain(struct gp_call *call)
{
    const struct gp__address *sender = sender_of(call);

    return sender ? present(sender->domain) : ABSENT;
}

bool gp_sender_null(struct gp_call *call)
{
    const struct gp__address *sender = sender_of(call);

    return sender && sender->text.len == 0;
}

struct gp_slice gp_sender_original(struct gp_call *call)
{
    return call->transaction ? present(call->transaction->mail.from.text) : ABSENT;
}

static int check_sender(struct gp_call *call, const char *function, struct gp_slice address,
                        struct gp__address *address_r)
{
    int error = gp__api_may_edit(call, function, GP__EDIT_SENDER, GP_NEEDS_EDIT_ENVELOPE);

    if (!error)
        error = gp__api_transaction(call, function);
    if (!error)
        error = gp__api_slice(call, function, address);
    return error ? error : parse(call, address, GP__ADDRESS_NULL, address_r);
}

int gp_sender_set(struct gp_call *call, struct gp_slice address)
{
    struct gp__address sender;
    int error = check_sender(call, "gp_sender_set", address, &sender);

    if (error)
        return error;
    if (call->copy)
        return gp__call_fault(call,
                              "gp_sender_set() is not allowed at %s, where a copy has its "
                              "own: gp_copy_sender_set()",
                              gp__points[call->point].name);
    if (!call->shadow)
        call->policy->sender = sender;
    return 0;
}

/* A shadow call has copies of its own, which nobody else sees; at seal there is one. */
static bool is_own_copy(const struct gp_call *call, const struct gp_copy *copy)
{
    const struct gp_copy *own = call->overlays;

    if (!call->shadow)
        return copy && copy->policy == call->policy && (!call->copy || copy == call->copy);
    while (own && own != copy)
        own = own->next;
    return own != NULL;
}

int gp_copy_sender_set(struct gp_call *call, struct gp_copy *copy, struct gp_slice address)
{
    struct gp__address sender;
    int error = check_sender(call, "gp_copy_sender_set", address, &sender);

    if (error)
        return error;
    if (!is_own_copy(call, copy))
        return gp__api_misuse(call, "gp_copy_sender_set", "not a copy of this call");
    copy->sender = sender;
    copy->own_sender = true;
    return 0;
}

struct gp_slice gp_mail_parameter(struct gp_call *call, struct gp_slice keyword)
{
    const struct gp__mail *mail;

    if (!call->transaction || gp__api_slice(call, "gp_mail_parameter", keyword))
        return ABSENT;
    mail = &call->transaction->mail;
    for (size_t i = 0; i < mail->n_parameters; i++)
        if (gp_slice_caseeq(mail->parameters[i].keyword, keyword))
            return present(mail->parameters[i].value);
    return ABSENT;
}

bool gp_mail_smtputf8(struct gp_call *call)
{
    return call->transaction && call->transaction->mail.smtputf8;
}

bool gp_mail_requiretls(struct gp_call *call)
{
    return call->transaction && call->transaction->mail.requiretls;
}

/* ---- recipients ---- */

struct gp_recipient *gp_rcpt(struct gp_call *call)
{
    return call->recipient;
}

size_t gp_rcpt_count(struct gp_call *call)
{
    return call->n_scope;
}

struct gp_recipient *gp_rcpt_at(struct gp_call *call, size_t index)
{
    return index < call->n_scope ? call->scope[index] : NULL;
}

struct gp_slice gp_rcpt_address(const struct gp_recipient *recipient)
{
    return recipient ? recipient->address.text : ABSENT;
}

struct gp_slice gp_rcpt_local(const struct gp_recipient *recipient)
{
    return recipient ? recipient->address.local : ABSENT;
}

struct gp_slice gp_rcpt_domain(const struct gp_recipient *recipient)
{
    return recipient ? present(recipient->address.domain) : ABSENT;
}

struct gp_slice gp_rcpt_original(const struct gp_recipient *recipient)
{
    return recipient && recipient->given ? recipient->given->to.text : ABSENT;
}

struct gp_slice gp_rcpt_orcpt(const struct gp_recipient *recipient)
{
    return recipient && recipient->given && !recipient->added ? recipient->given->orcpt : ABSENT;
}

struct gp_slice gp_rcpt_notify(const struct gp_recipient *recipient)
{
    if (!recipient || !recipient->given)
        return ABSENT;
    return recipient->added ? GP_S("NEVER") : recipient->given->notify_text;
}

struct gp_slice gp_rcpt_route(const struct gp_recipient *recipient)
{
    return recipient ? recipient->route_name : ABSENT;
}

enum gp_recipient_class gp_rcpt_class(const struct gp_recipient *recipient)
{
    return recipient ? recipient->class : GP_CLASS_UNKNOWN;
}

bool gp_rcpt_valid(const struct gp_recipient *recipient)
{
    return recipient && recipient->valid;
}

struct gp_slice gp_rcpt_bucket(const struct gp_recipient *recipient)
{
    return recipient ? recipient->bucket : ABSENT;
}

/* ---- rewriting ---- */

int gp_rcpt_rewrite(struct gp_call *call, struct gp_recipient *recipient, struct gp_slice address)
{
    static const char function[] = "gp_rcpt_rewrite";
    struct gp__address to;
    int error = gp__api_may_edit(call, function, GP__EDIT_REWRITE, GP_NEEDS_EDIT_ENVELOPE);

    if (!error)
        error = gp__api_recipient(call, function, recipient);
    if (!error)
        error = gp__api_slice(call, function, address);
    if (!error)
        error = parse(call, address, 0, &to);
    if (error)
        return error;
    if (recipient != call->recipient && recipient->parent != call->recipient)
        return gp__api_misuse(call, function, "a recipient that this call is not about");
    if (!call->shadow)
        recipient->address = to;
    return 0;
}

/* ---- adding ---- */

static struct gp_recipient *find(const struct gp__policy *policy, const struct gp__address *to)
{
    for (size_t i = 0; i < policy->n_recipients; i++)
        if (gp__address_same(&policy->recipients[i]->address, to))
            return policy->recipients[i];
    return NULL;
}

static bool is_above(const struct gp_recipient *recipient, const struct gp_recipient *of)
{
    while (of && of != recipient)
        of = of->parent;
    return of != NULL;
}

/*
 * The address is there already. Among its own expansions it means "and itself"; further up it is a
 * loop, in which everybody would stand for somebody else and nobody get the mail.
 */
static int add_known(struct gp_call *call, struct gp_recipient *known)
{
    if (known == call->recipient)
        known->stays = !call->shadow || known->stays;
    else if (is_above(known, call->recipient))
        return GP_ELIMIT;
    return 0;
}

/* What the client gave of somebody it did not name. */
static const struct gp__rcpt *given_of_added(const struct gp_call *call,
                                             const struct gp__address *to)
{
    struct gp__rcpt *given = GP__ARENA_NEW(call->transaction->arena, struct gp__rcpt);

    *given = (struct gp__rcpt){.to = *to, .notify = GP__NOTIFY_NEVER};
    return given;
}

/* Nobody but the shadow call sees this one. */
static struct gp_recipient *pretend(struct gp_call *call, const struct gp__rcpt *given,
                                    const struct gp__address *to)
{
    struct gp_recipient *recipient = GP__ARENA_NEW(gp__call_arena(call), struct gp_recipient);

    recipient->policy = call->policy;
    recipient->index = SIZE_MAX;
    recipient->given = given;
    recipient->address = *to;
    return recipient;
}

static struct gp_recipient *add_new(struct gp_call *call, const struct gp__address *to)
{
    struct gp_recipient *parent = call->point == GP_HOOK_RESOLVE ? call->recipient : NULL;
    const struct gp__rcpt *given = parent ? parent->given : given_of_added(call, to);
    struct gp_recipient *recipient;

    if (call->shadow) {
        recipient = pretend(call, given, to);
    } else {
        recipient = gp__recipient_create(call->policy, given, to);
        call->policy->expansions++;
    }
    recipient->added = true;
    recipient->parent = parent;
    recipient->depth = parent ? parent->depth + 1 : 0;
    return recipient;
}

static int check_add(struct gp_call *call, struct gp_slice address, struct gp__address *to)
{
    static const char function[] = "gp_rcpt_add";
    int error = gp__api_may_edit(call, function, GP__EDIT_ADD_RCPT, GP_NEEDS_EDIT_ENVELOPE);

    if (!error)
        error = gp__api_transaction(call, function);
    if (!error)
        error = gp__api_slice(call, function, address);
    return error ? error : parse(call, address, 0, to);
}

int gp_rcpt_add(struct gp_call *call, struct gp_slice address, struct gp_recipient **added_r)
{
    struct gp__address to;
    struct gp_recipient *recipient = NULL;
    int error = check_add(call, address, &to);

    if (!error) {
        recipient = find(call->policy, &to);
        if (recipient)
            error = add_known(call, recipient);
        else if (call->policy->expansions >= EXPANSIONS_MAX ||
                 (call->recipient && call->recipient->depth >= EXPANSION_DEPTH_MAX))
            error = GP_ELIMIT;
        else
            recipient = add_new(call, &to);
    }
    if (added_r)
        *added_r = error ? NULL : recipient;
    return error;
}

static bool has_expansion(const struct gp_recipient *recipient)
{
    const struct gp__policy *policy = recipient->policy;

    for (size_t i = 0; i < policy->n_recipients; i++)
        if (policy->recipients[i]->parent == recipient)
            return true;
    return recipient->stays;
}

int gp_rcpt_replace(struct gp_call *call)
{
    static const char function[] = "gp_rcpt_replace";
    int error = gp__api_may_edit(call, function, GP__EDIT_REWRITE, GP_NEEDS_EDIT_ENVELOPE);

    if (!error)
        error = gp__api_recipient(call, function, call->recipient);
    if (error || call->shadow)
        return error;
    if (!has_expansion(call->recipient))
        return GP_EINVAL;
    call->recipient->replaced = !call->recipient->stays;
    return 0;
}

int gp_rcpt_policy(struct gp_call *call, struct gp_recipient *recipient, struct gp_slice key)
{
    static const char function[] = "gp_rcpt_policy";
    int error = gp__api_slice(call, function, key);

    if (!error && call->point != GP_HOOK_RESOLVE && call->point != GP_HOOK_RCPT) {
        gp__api_misuse(call, function, "only at resolve and rcpt");
        error = GP_ENOTALLOWED;
    }
    if (!error)
        error = gp__api_recipient(call, function, recipient);
    if (!error && !call->shadow)
        recipient->policy_key = gp__arena_dup(call->transaction->arena, key);
    return error;
}

int gp_grant_relay(struct gp_call *call)
{
    int error = gp__api_may_edit(call, "gp_grant_relay", GP__EDIT_RELAY, GP_NEEDS_GRANT_RELAY);

    if (error || call->shadow)
        return error;
    if (call->policy)
        call->policy->relay_granted = true;
    else if (call->session)
        call->session->policy->relay_granted = true;
    return 0;
}

int gp_rcpt_grant_relay(struct gp_call *call, struct gp_recipient *recipient)
{
    static const char function[] = "gp_rcpt_grant_relay";
    int error = gp__api_may_edit(call, function, GP__EDIT_RELAY, GP_NEEDS_GRANT_RELAY);

    if (!error)
        error = gp__api_recipient(call, function, recipient);
    if (error)
        return error;
    if (call->point != GP_HOOK_RESOLVE ||
        (recipient != call->recipient && recipient->parent != call->recipient))
        return gp__api_misuse(call, function, "a recipient that this call is not about");
    if (!call->shadow)
        recipient->relay_granted = true;
    return 0;
}

int gp_route_to(struct gp_call *call, struct gp_slice route)
{
    static const char function[] = "gp_route_to";
    int error = gp__api_may_edit(call, function, GP__EDIT_ROUTE, GP_NEEDS_EDIT_ENVELOPE);

    if (!error)
        error = gp__api_slice(call, function, route);
    if (error)
        return error;
    if (route.len == 0 || route.len > 64)
        return GP_EINVAL;
    if (!call->shadow)
        call->recipient->route_wish = gp__arena_dup(call->transaction->arena, route);
    return 0;
}
