// SPDX-License-Identifier: Apache-2.0
#include "core/hook/policy.h"

#include "core/base/alloc.h"

struct gp__session_policy *gp__session_policy_create(struct gp_session *session,
                                                     struct gp__runtime *runtime,
                                                     const struct gp__policy_settings *settings)
{
    struct gp__session_policy *policy = GP__ARENA_NEW(session->arena, struct gp__session_policy);

    *policy = (struct gp__session_policy){
        .session = session,
        .settings = settings,
        .runtime = runtime,
        .reply_by_ms = UINT64_MAX,
        .bucket = gp_slice(NULL, 0),
    };
    session->policy = policy;
    return policy;
}

struct gp__policy *gp__policy_create(struct gp_transaction *transaction)
{
    struct gp__policy *policy = GP__ARENA_NEW(transaction->arena, struct gp__policy);
    struct gp__session_policy *session = transaction->session->policy;

    *policy = (struct gp__policy){
        .transaction = transaction,
        .session = session,
        .runtime = session->runtime,
        .sender = transaction->mail.from,
        .bucket = session->bucket,
        .marked_by = session->marked_by,
        .relay_granted = session->relay_granted,
    };
    transaction->policy = policy;
    return policy;
}

void gp__policy_reply_within(struct gp__session_policy *session, uint64_t ms)
{
    session->reply_by_ms = session->runtime->ops->now_ms(session->runtime) + ms;
}

bool gp__bucket_known(const struct gp__policy_settings *settings, struct gp_slice bucket)
{
    for (size_t i = 0; i < settings->n_buckets; i++)
        if (gp_slice_eq(settings->buckets[i], bucket))
            return true;
    return gp_slice_eq(settings->default_bucket, bucket);
}

struct slot {
    void (*end)(void *slot);
    _Alignas(max_align_t) char bytes[];
};

static void slot_end(void *arg)
{
    struct slot *slot = arg;

    slot->end(slot->bytes);
}

void *gp__slot(void **slots, struct gp__arena *arena, const struct gp__instance *instance,
               size_t size, void (*end)(void *slot))
{
    struct slot *slot;

    if (slots[instance->index])
        return slots[instance->index];
    slot = gp__arena_alloc(arena, sizeof *slot + size);
    slot->end = end;
    slots[instance->index] = slot->bytes;
    if (end)
        gp__arena_cleanup(arena, slot_end, slot);
    return slot->bytes;
}

/* ---- copies ---- */

static struct gp_slice copy_id(struct gp__policy *policy, size_t index)
{
    char suffix[8];
    size_t n = sizeof suffix;

    /* .a … .z, .ba, .bb …: base 26, short and sortable enough for people. */
    do {
        suffix[--n] = (char)('a' + index % 26);
        index /= 26;
    } while (index && n > 1);
    suffix[--n] = '.';
    return GP__ARENA_JOIN(policy->transaction->arena, gp__transaction_id(policy->transaction),
                          gp_slice(suffix + n, sizeof suffix - n));
}

static struct gp_copy *copy_create(struct gp__policy *policy, struct gp_copy *parent)
{
    struct gp__arena *arena = policy->transaction->arena;
    struct gp_copy *copy = GP__ARENA_NEW(arena, struct gp_copy);
    struct gp_message *base = parent && parent->message ? parent->message : policy->message;

    copy->policy = policy;
    copy->parent = parent;
    copy->id = copy_id(policy, policy->n_copies);
    if (parent) {
        copy->sender = parent->sender;
        copy->own_sender = parent->own_sender;
    }
    /* Before the data there is nothing to clone: gp__copies_begin() does it then. */
    if (base && (parent || policy->n_copies))
        copy->message = gp__message_split(base, copy->id);
    GP__ARENA_GROW(arena, policy->copies, policy->copies_cap, policy->n_copies + 1);
    policy->copies[policy->n_copies++] = copy;
    return copy;
}

static struct gp_copy *first_copy(struct gp__policy *policy)
{
    return policy->n_copies ? policy->copies[0] : copy_create(policy, NULL);
}

struct gp_copy *gp__copy_for(struct gp_recipient *recipient, const struct gp__instance *by,
                             struct gp_slice key)
{
    struct gp__policy *policy = recipient->policy;
    struct gp_copy *from = recipient->copy ? recipient->copy : first_copy(policy);
    struct gp_copy *copy = NULL;

    if (recipient->copy && recipient->copy->by == by && gp_slice_eq(recipient->copy->key, key))
        return recipient->copy;
    for (size_t i = 0; i < policy->n_copies && !copy; i++) {
        struct gp_copy *other = policy->copies[i];

        if (other->parent == from && other->by == by && gp_slice_eq(other->key, key))
            copy = other;
    }
    if (!copy) {
        if (policy->n_copies >= GP__COPIES_MAX)
            return NULL;
        copy = copy_create(policy, from);
        copy->by = by;
        copy->key = gp__arena_dup(policy->transaction->arena, key);
    }
    recipient->copy = copy;
    return copy;
}

void gp__copies_begin(struct gp__policy *policy)
{
    first_copy(policy);
    policy->copies[0]->message = policy->message;
    for (size_t i = 1; i < policy->n_copies; i++) {
        struct gp_copy *copy = policy->copies[i];

        if (!copy->message)
            copy->message = gp__message_split(copy->parent->message, copy->id);
    }
}

static bool is_kept(const struct gp_recipient *recipient)
{
    return recipient->accepted && !recipient->replaced && !recipient->stop;
}

static void copy_add(struct gp_copy *copy, struct gp_recipient *recipient)
{
    GP__ARENA_GROW(copy->policy->transaction->arena, copy->recipients, copy->recipients_cap,
                   copy->n_recipients + 1);
    copy->recipients[copy->n_recipients++] = recipient;
}

void gp__copies_settle(struct gp__policy *policy)
{
    for (size_t i = 0; i < policy->n_copies; i++)
        policy->copies[i]->n_recipients = 0;
    for (size_t i = 0; i < policy->n_recipients; i++) {
        struct gp_recipient *recipient = policy->recipients[i];

        if (is_kept(recipient))
            copy_add(recipient->copy ? recipient->copy : first_copy(policy), recipient);
    }
}
