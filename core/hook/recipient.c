// SPDX-License-Identifier: Apache-2.0
#include "core/hook/recipient.h"

#include "core/hook/policy.h"

struct gp_recipient *gp__recipient_create(struct gp__policy *policy, const struct gp__rcpt *given,
                                          const struct gp__address *to)
{
    struct gp__arena *arena = policy->transaction->arena;
    struct gp_recipient *recipient = GP__ARENA_NEW(arena, struct gp_recipient);

    *recipient = (struct gp_recipient){
        .policy = policy,
        .index = policy->n_recipients,
        .given = given,
        .address = *to,
        .bucket = policy->bucket,
        .marked_by = policy->marked_by,
    };
    GP__ARENA_GROW(arena, policy->recipients, policy->recipients_cap, policy->n_recipients + 1);
    policy->recipients[policy->n_recipients++] = recipient;
    return recipient;
}

const char *gp__fate_name(enum gp__fate fate)
{
    static const char *const names[GP__FATE_COUNT] = {
        [GP__FATE_NONE] = "none",         [GP__FATE_DELIVERED] = "delivered",
        [GP__FATE_QUEUED] = "queued",     [GP__FATE_HELD] = "held",
        [GP__FATE_DROPPED] = "dropped",   [GP__FATE_BOUNCED] = "bounced",
        [GP__FATE_DEFERRED] = "deferred", [GP__FATE_REJECTED] = "rejected",
    };

    return (unsigned)fate < GP__FATE_COUNT ? names[fate] : "invalid";
}

static bool is_below(struct gp_slice domain, struct gp_slice parent)
{
    size_t cut = domain.len - parent.len;

    return domain.len > parent.len && domain.data[cut - 1] == '.' &&
           gp_slice_caseeq(gp_slice_sub(domain, cut, parent.len), parent);
}

static bool matches_whole(struct gp_slice pattern, const struct gp__address *address)
{
    size_t at = gp_slice_rfind(pattern, '@');

    return gp_slice_eq(gp_slice_sub(pattern, 0, at), address->local) &&
           gp_slice_caseeq(gp_slice_sub(pattern, at + 1, pattern.len), address->key);
}

bool gp__pattern_matches_address(const struct gp__pattern *pattern,
                                 const struct gp__address *address)
{
    switch (pattern->kind) {
    case GP__PATTERN_NAME:
        return gp_slice_caseeq(pattern->text, address->text);
    case GP__PATTERN_ADDRESS:
        return matches_whole(pattern->text, address);
    case GP__PATTERN_DOMAIN:
        return gp_slice_caseeq(pattern->text, address->key);
    case GP__PATTERN_SUBDOMAIN:
        return is_below(address->key, pattern->text);
    case GP__PATTERN_LOCAL:
        /* RFC 5321 4.5.1: postmaster is to be found whatever its case. */
        return gp_slice_caseeq(pattern->text, address->local);
    }
    return false;
}
