// SPDX-License-Identifier: Apache-2.0
/*
 * End of data: one reply, several fates. Two pure functions that turn the rulings on recipients,
 * and later the answers of direct targets, into the reply and the fate of each recipient.
 *
 * Plain SMTP has one reply for all recipients, so their rulings are merged: any DEFER defers all,
 * all REJECT rejects (with GP__MIXED_REFUSE_ALL any does), otherwise 250 and each recipient has a
 * fate of its own. With a reply for each recipient (LMTP, PRDR) nothing is merged.
 */
#ifndef GP_HOOK_FATE_H
#define GP_HOOK_FATE_H

#include "core/hook/policy.h"

/* What is to be done for a recipient. */
enum gp__disposal {
    GP__DISPOSE_NONE = 0,
    GP__DISPOSE_TARGET, /* ask its direct target now */
    GP__DISPOSE_QUEUE,  /* into the spool */
    GP__DISPOSE_HOLD,   /* into its bucket */
    GP__DISPOSE_DROP,
    GP__DISPOSE_BOUNCE,
    GP__DISPOSE_DEFER,  /* the client keeps it */
    GP__DISPOSE_REJECT, /* the client keeps it */
};

struct gp__fate_options {
    bool per_recipient; /* a reply for each recipient */
    bool spool;         /* what fails for now at a direct target can be queued */
    enum gp__mixed_reject mixed;
};

/* What is known of one recipient before any target was asked. */
struct gp__fate_input {
    enum gp_verdict stop; /* NEXT, DISCARD, DEFER or REJECT */
    bool marked;          /* QUARANTINE */
    bool queued;          /* its route spools first */
};

/* The reply to the end of data, or to all recipients' common part of it. */
enum gp__final {
    GP__FINAL_ACCEPT = 0, /* 250 (per recipient: each its own) */
    GP__FINAL_DEFER,      /* 4xx, nothing kept */
    GP__FINAL_REJECT,     /* 5xx, nothing kept */
};

/* Fills a disposal for each of n recipients. Unless it says ACCEPT, no target is to be asked. */
enum gp__final gp__fates_plan(const struct gp__fate_input *inputs, size_t n,
                              const struct gp__fate_options *options,
                              enum gp__disposal *disposals_r);

/*
 * After the targets answered (outcomes[i] counts where the disposal is TARGET): the fates, and the
 * reply. DEFER or REJECT: nothing may become visible, what was prepared is taken back.
 */
enum gp__final gp__fates_merge(const enum gp__disposal *disposals, const enum gp_outcome *outcomes,
                               size_t n, const struct gp__fate_options *options,
                               enum gp__fate *fates_r);

#endif
