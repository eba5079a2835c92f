// SPDX-License-Identifier: Apache-2.0
/*
 * Between a live transaction and the entry that the spool keeps of it. There: what delivery will
 * need, as plain data that points into the transaction. Back: session, transaction, policy, copy
 * and recipients, of which targets and delivery hooks can ask all that <gatepost/...> has getters
 * for, over bytes that are mapped, not copied.
 */
#ifndef GP_DELIVERY_SPOOLED_H
#define GP_DELIVERY_SPOOLED_H

#include "core/config/settings.h"
#include "core/delivery/delivery.h"
#include "core/spool/entry.h"

/* The core's own kept notes: no instance may be called so. */
#define GP__KEPT_BY_CORE "gatepost"
#define GP__KEPT_RELAY "relay" /* its sender had the right to relay */

/* ---- there ---- */

/* What an entry says besides the transaction. */
struct gp__keeping {
    int64_t now_ms;              /* wall clock */
    unsigned bounce_to;          /* enum gp__bounce_to of the configuration */
    struct gp_slice parent;      /* of a draft: whose; or absent */
    enum gp__bounce bounce;      /* of a draft: that of its parent */
    struct gp_slice sender;      /* of a draft: that of its parent */
    struct gp__spill *spill;     /* where the content is already; or NULL */
    struct gp_slice fingerprint; /* or absent */
};

/*
 * The entry of the recipients that are to be queued (QUEUE) or held (HOLD, BOUNCE), by index of
 * recipient. In the transaction's arena; NULL: there are none.
 */
const struct gp__entry *gp__keep(struct gp__policy *policy, const enum gp__disposal *disposals,
                                 const struct gp__keeping *keeping);

/* Whether its sender may be told of failures: it logged in, or SPF or aligned DKIM passed. */
enum gp__bounce gp__bounce_right(const struct gp__policy *policy, unsigned bounce_to);

/* ---- back ---- */

/* What a generation says about kept mail. Outlives it. */
struct gp__restoring {
    struct gp__runtime *runtime;
    struct gp_slice hostname;
    const struct gp__policy_settings *settings; /* of the listener it came by, or of none */
};

struct gp__restored {
    struct gp_session *session;         /* one reference */
    struct gp_transaction *transaction; /* one reference */
    struct gp__policy *policy;
    struct gp_copy *copy;             /* of the recipients asked for */
    struct gp_recipient **recipients; /* in the order asked for */
    size_t n;
};

/* A session for an entry to be read into its arena: what is restored of it lives as long. */
struct gp_session *gp__restore_begin(void);

/*
 * Restores the entry, which is in the session's arena, for these recipients, all of one copy.
 * Takes the session's reference. 0; GP_EINVAL: there are no such recipients; GP_ETEMP: out of
 * memory. Whatever it says: gp__restore_end().
 */
int gp__restore(struct gp__restored *restored, struct gp_session *session,
                const struct gp__entry *entry, const struct gp__restoring *restoring,
                const uint32_t *recipients, size_t n);

/* Also of one that is all zero. */
void gp__restore_end(struct gp__restored *restored);

#endif
