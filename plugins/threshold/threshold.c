// SPDX-License-Identifier: Apache-2.0
/*
 * Compares the score that another instance left as a note with a limit of each recipient: from its
 * limit on a message is held for it, from a common higher one it is rejected.
 *
 * Scores are thousandths, exact. A limit that cannot be looked up or read is a fault: neither "no
 * limit" nor "limit 0" would be what somebody asked for.
 */
#include <gatepost/plugin.h>

#define MILLI_MAX INT64_C(100000000) /* a hundred thousand: more is a mistake */

enum missing {
    MISSING_NEXT = 0,
    MISSING_DEFER,
};

struct threshold {
    struct gp_slice score;
    struct gp_table *limits;
    int64_t otherwise;
    struct gp_slice hold;
    int64_t reject_above;
    int missing;
    struct gp_slice text;
};

static const char *const missing_names[] = {"next", "defer", NULL};

GP_OPTIONS(struct threshold,
           GP_OPTION_STRING("score", struct threshold, score, NULL,
                            "Note with the score, e.g. `dnsbl.score`.",
                            .flags = GP_OPTION_NOT_EMPTY | GP_OPTION_NOTE),
           GP_OPTION_TABLE("limits", struct threshold, limits, GP_OPTIONAL,
                           "Limits by recipient: address, domain, .domain or local part with @."),
           GP_OPTION_MILLI("default", struct threshold, otherwise, "6", -MILLI_MAX, MILLI_MAX,
                           "Limit of recipients that the table does not have."),
           GP_OPTION_BUCKET("hold", struct threshold, hold, GP_OPTIONAL,
                            "Bucket for messages at or above the limit; else the default one."),
           GP_OPTION_MILLI("reject_above", struct threshold, reject_above, "0", 0, MILLI_MAX,
                           "Score from which on a message is rejected; 0: never."),
           GP_OPTION_ENUM("missing", struct threshold, missing, missing_names, "next",
                          "What happens when there is no such note."),
           GP_OPTION_STRING("text", struct threshold, text, "This message looks like spam",
                            "Text of the rejection.",
                            .flags = GP_OPTION_NOT_EMPTY | GP_OPTION_REPLY));

/* ---- one recipient ---- */

/* 0 and the recipient's limit, or an error after gp_fail(). */
static int limit_of(struct gp_call *call, const struct threshold *self,
                    const struct gp_recipient *recipient, int64_t *limit_r)
{
    struct gp_slice address = gp_rcpt_address(recipient), value;
    int found = GP_ENOTFOUND;

    *limit_r = self->otherwise;
    if (self->limits)
        found = gp_table_lookup_address(call, self->limits, address, &value);
    if (found == GP_ENOTFOUND)
        return 0;
    if (found != GP_OK) {
        gp_fail(call, "table " GP_FMT ": %s", GP_ARG(gp_table_name(self->limits)),
                gp_strerror(found));
        return found;
    }
    if (gp_milli_parse(gp_slice_trim(value), limit_r) == GP_OK)
        return 0;
    gp_fail(call, "limit of " GP_FMT ": \"" GP_FMT "\" is not a number", GP_ARG(address),
            GP_ARG(value));
    return GP_EINVAL;
}

static enum gp_verdict hold(struct gp_call *call, const struct threshold *self, int64_t score,
                            int64_t limit)
{
    gp_count(call, "held", 1);
    return gp_quarantine(call, self->hold, "score " GP_FMT ", limit " GP_FMT,
                         GP_ARG(gp_milli_text(call, score)), GP_ARG(gp_milli_text(call, limit)));
}

static enum gp_verdict without_score(struct gp_call *call, const struct threshold *self)
{
    gp_count(call, "missing", 1);
    if (self->missing == MISSING_NEXT)
        return GP_NEXT;
    return gp_defer(call, "451 4.7.1", "This message could not be rated, try again later");
}

/* 0 and the verdict, or an error after gp_fail(). */
static int judge(struct gp_call *call, const struct threshold *self, struct gp_recipient *recipient,
                 enum gp_verdict *verdict_r)
{
    int64_t score, limit;
    int error = gp_note_get_milli(call, recipient, self->score, &score);

    *verdict_r = GP_NEXT;
    if (error == GP_ENOTFOUND) {
        *verdict_r = without_score(call, self);
        return 0;
    }
    if (error) {
        gp_fail(call, "note " GP_FMT " is not a number", GP_ARG(self->score));
        return error;
    }
    if (self->reject_above > 0 && score >= self->reject_above) {
        gp_count(call, "rejected", 1);
        *verdict_r = gp_reject(call, "550 5.7.1", GP_FMT, GP_ARG(self->text));
        return 0;
    }
    error = limit_of(call, self, recipient, &limit);
    if (!error && score >= limit)
        *verdict_r = hold(call, self, score, limit);
    return error;
}

static enum gp_verdict on_message(struct gp_call *call, void *self)
{
    for (size_t i = 0; i < gp_rcpt_count(call); i++) {
        struct gp_recipient *recipient = gp_rcpt_at(call, i);
        enum gp_verdict verdict;

        if (judge(call, self, recipient, &verdict))
            return GP_FAIL;
        if (verdict != GP_NEXT && gp_judge(call, recipient, verdict))
            return gp_fail(call, "could not judge " GP_FMT, GP_ARG(gp_rcpt_address(recipient)));
    }
    return GP_NEXT;
}

GP_HOOKS({GP_HOOK_MESSAGE, on_message});
GP_PLUGIN(.version = "1.0", .summary = "Holds or rejects by score, with limits of recipients",
          GP_USES_OPTIONS, GP_USES_HOOKS);
