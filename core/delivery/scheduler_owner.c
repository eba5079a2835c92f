// SPDX-License-Identifier: Apache-2.0
/* Whose held mail is: what somebody may let go who is no operator. */
#include "core/delivery/scheduler_internal.h"

#include "core/base/ascii.h"

#define ANY_ADDRESS ((unsigned)GP__ADDRESS_POSTMASTER | (unsigned)GP__ADDRESS_UTF8)

int gp__scheduler_owner_parse(struct gp__arena *arena, struct gp_slice text,
                              struct gp__address *owner_r)
{
    return gp__mailbox_parse(arena, text, ANY_ADDRESS, owner_r) == GP__ADDRESS_OK ? 0 : -1;
}

/* The same mailbox, in either notation of its domain. As in filters of the queue the case of letters
 * does not count: a person has one address, however a sender wrote it. */
static bool is_owner(struct gp__arena *arena, const struct gp__address *owner, struct gp_slice text)
{
    struct gp__address address;

    return text.len && gp__scheduler_owner_parse(arena, text, &address) == 0 &&
           gp_slice_caseeq(address.local, owner->local) && gp_slice_caseeq(address.key, owner->key);
}

/* As it was given, or as it is after a rewrite: both are names of the mailbox. */
static uint64_t own_copies(const struct gp__group *group, const struct gp__entry *entry,
                           struct gp__arena *arena, const struct gp__address *owner)
{
    uint64_t bits = 0;

    GP__EACH_RECIPIENT(group, i)
    {
        const struct gp__entry_recipient *recipient = &entry->recipients[group->first + i];

        if (is_owner(arena, owner, recipient->address) || is_owner(arena, owner, recipient->given))
            bits |= (uint64_t)1 << i;
    }
    return bits;
}

static uint64_t own_mail(const struct gp__group *group, const struct gp__entry *entry,
                         struct gp__arena *arena, const struct gp__address *owner)
{
    return is_owner(arena, owner, entry->sender_given) ||
                   is_owner(arena, owner, entry->copies[group->copy].sender)
               ? group->left
               : 0;
}

uint64_t gp__scheduler_owned(const struct gp__scheduler *s, const struct gp__group *group,
                             const struct gp__entry *entry, struct gp__arena *arena,
                             const struct gp__address *owner, uint64_t *refused_r)
{
    const struct gp__plan_bucket *bucket = gp__scheduler_bucket(
        s, gp__queue_name_text(s->queue, group->bucket));
    uint64_t received = own_copies(group, entry, arena, owner);
    uint64_t sent = own_mail(group, entry, arena, owner), may = 0;

    if (bucket && bucket->release == GP__RELEASE_BY_RECIPIENT)
        may = received;
    else if (bucket && bucket->release == GP__RELEASE_BY_SENDER)
        may = sent;
    *refused_r = (received | sent) & ~may;
    return may;
}
