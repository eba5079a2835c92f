// SPDX-License-Identifier: Apache-2.0
/*
 * Forwarding that keeps SPF whole: mail of a foreign sender that goes on to a foreign recipient
 * leaves with a reverse-path at a domain of ours, and what comes back to that goes on to the sender.
 *
 * Recipients elsewhere get a copy of their own, so that our own people see the sender as it was.
 */
#include "address.h"

#define DAY_MS INT64_C(86400000)
#define COPY_KEY GP_S("relay")

GP_OPTIONS(struct srs,
           GP_OPTION_STRING("domain", struct srs, domain, NULL,
                            "Domain of rewritten senders; mail to it must come to us.",
                            .flags = GP_OPTION_NOT_EMPTY),
           GP_OPTION_LIST("secrets", struct srs, secrets, GP_TYPE_SECRET, NULL,
                          "Keys of the hash, new ones in front: the first signs, all are good.",
                          .flags = GP_OPTION_NOT_EMPTY),
           GP_OPTION_TABLE("ours", struct srs, ours, GP_OPTIONAL,
                           "Senders and domains that we may send for: they stay."),
           GP_OPTION_INTEGER("days", struct srs, days, "21", 1, 365,
                             "How long answers to a rewritten sender are taken."));

static int64_t today(struct gp_call *call)
{
    return gp_wall_clock(call) / DAY_MS;
}

/* ---- rewriting ---- */

static bool goes_elsewhere(const struct gp_recipient *recipient)
{
    return gp_rcpt_class(recipient) == GP_CLASS_RELAY;
}

/* 1 the sender is to be rewritten, 0 not, or an error. */
static int is_foreign(struct gp_call *call, const struct srs *srs)
{
    int found;

    if (gp_sender_null(call) || gp_slice_caseeq(gp_sender_domain(call), srs->domain))
        return 0;
    if (!srs->ours)
        return 1;
    found = gp_table_lookup_address(call, srs->ours, gp_sender(call), NULL);
    return found == GP_OK ? 0 : found == GP_ENOTFOUND ? 1 : found;
}

static enum gp_verdict on_copies(struct gp_call *call, void *self)
{
    size_t n = gp_rcpt_count(call);
    int foreign = is_foreign(call, self);

    if (foreign < 0)
        return gp_fail(call, "table \"ours\": %s", gp_strerror(foreign));
    for (size_t i = 0; foreign && i < n; i++) {
        struct gp_recipient *recipient = gp_rcpt_at(call, i);

        if (goes_elsewhere(recipient) && gp_copy(call, recipient, COPY_KEY, NULL) != 0)
            return gp_fail(call, "too many copies");
    }
    return GP_NEXT;
}

static bool any_goes_elsewhere(const struct gp_copy *copy)
{
    for (size_t i = 0; i < gp_copy_rcpt_count(copy); i++)
        if (goes_elsewhere(gp_copy_rcpt_at(copy, i)))
            return true;
    return false;
}

/* A sender that can't be rewritten stays: better a mail that SPF may doubt than none. */
static enum gp_verdict on_seal(struct gp_call *call, void *self)
{
    const struct srs *srs = self;
    struct gp_slice address = GP_S("");
    int foreign = any_goes_elsewhere(gp_copy_current(call)) ? is_foreign(call, srs) : 0;

    if (foreign < 0)
        return gp_fail(call, "table \"ours\": %s", gp_strerror(foreign));
    if (!foreign)
        return GP_NEXT;
    if (srs_forward(call, srs, gp_sender_local(call), gp_sender_domain(call), today(call),
                    &address) != SRS_OK ||
        gp_copy_sender_set(call, gp_copy_current(call), address) != 0) {
        gp_count(call, "unfit", 1);
        return GP_NEXT;
    }
    gp_count(call, "rewritten", 1);
    return GP_NEXT;
}

/* ---- answers ---- */

static enum gp_verdict on_resolve(struct gp_call *call, void *self)
{
    const struct srs *srs = self;
    struct gp_recipient *recipient = gp_rcpt(call);
    struct gp_slice address = GP_S("");
    int error = 0;

    if (!gp_slice_caseeq(gp_rcpt_domain(recipient), srs->domain))
        return GP_NEXT;
    switch (srs_reverse(call, srs, gp_rcpt_local(recipient), today(call), &address)) {
    case SRS_NOT:
    case SRS_UNFIT:
        return GP_NEXT;
    case SRS_FORGED:
        gp_count(call, "forged", 1);
        (void)gp_note_set(call, GP_NOTE_RECIPIENT, recipient, "bad", GP_S("forged"), 0);
        return GP_NEXT;
    case SRS_EXPIRED:
        gp_count(call, "expired", 1);
        (void)gp_note_set(call, GP_NOTE_RECIPIENT, recipient, "bad", GP_S("expired"), 0);
        return GP_NEXT;
    case SRS_OK:
        break;
    }
    error = gp_rcpt_rewrite(call, recipient, address);
    if (!error)
        error = gp_rcpt_grant_relay(call, recipient);
    if (error)
        return gp_fail(call, "\"" GP_FMT "\": %s", GP_ARG(address), gp_strerror(error));
    gp_count(call, "returned", 1);
    return GP_NEXT;
}

/* Where a route takes the whole domain. */
static enum gp_verdict on_rcpt(struct gp_call *call, void *self)
{
    struct gp_slice bad = gp_note_get(call, gp_rcpt(call), GP_S("bad"));

    (void)self;
    if (!gp_slice_present(bad))
        return GP_NEXT;
    return gp_reject(call, "550 5.1.1", "This return address is " GP_FMT, GP_ARG(bad));
}

GP_HOOKS({GP_HOOK_RESOLVE, on_resolve}, {GP_HOOK_RCPT, on_rcpt}, {GP_HOOK_DATA, on_copies},
         {GP_HOOK_MESSAGE, on_copies}, {GP_HOOK_SEAL, on_seal});
GP_PLUGIN(.version = "1.0", .summary = "Rewrites senders of forwarded mail (SRS)", GP_USES_OPTIONS,
          GP_USES_HOOKS, .needs = GP_NEEDS_EDIT_ENVELOPE | GP_NEEDS_GRANT_RELAY);
