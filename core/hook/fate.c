// SPDX-License-Identifier: Apache-2.0
#include "core/hook/fate.h"

static enum gp__disposal of_refused(enum gp__mixed_reject mixed)
{
    switch (mixed) {
    case GP__MIXED_HOLD:
        return GP__DISPOSE_HOLD;
    case GP__MIXED_DISCARD:
        return GP__DISPOSE_DROP;
    case GP__MIXED_BOUNCE:
        return GP__DISPOSE_BOUNCE;
    case GP__MIXED_REFUSE_ALL:
        return GP__DISPOSE_REJECT;
    }
    return GP__DISPOSE_HOLD;
}

static bool is_reject(enum gp_verdict stop)
{
    return gp__verdict_force(stop) == gp__verdict_force(GP_REJECT);
}

/* The ruling on one recipient, when it is not merged with the others'. */
static enum gp__disposal dispose(const struct gp__fate_input *input)
{
    if (is_reject(input->stop))
        return GP__DISPOSE_REJECT;
    if (input->stop == GP_DEFER)
        return GP__DISPOSE_DEFER;
    if (input->stop == GP_DISCARD)
        return GP__DISPOSE_DROP;
    if (input->marked)
        return GP__DISPOSE_HOLD;
    return input->queued ? GP__DISPOSE_QUEUE : GP__DISPOSE_TARGET;
}

static void fill(enum gp__disposal *disposals, size_t n, enum gp__disposal with)
{
    for (size_t i = 0; i < n; i++)
        disposals[i] = with;
}

enum gp__final gp__fates_plan(const struct gp__fate_input *inputs, size_t n,
                              const struct gp__fate_options *options,
                              enum gp__disposal *disposals_r)
{
    size_t rejected = 0, deferred = 0;

    for (size_t i = 0; i < n; i++) {
        disposals_r[i] = dispose(&inputs[i]);
        rejected += disposals_r[i] == GP__DISPOSE_REJECT;
        deferred += disposals_r[i] == GP__DISPOSE_DEFER;
    }
    if (options->per_recipient)
        return rejected + deferred < n ? GP__FINAL_ACCEPT
               : deferred              ? GP__FINAL_DEFER
                                       : GP__FINAL_REJECT;
    if (deferred) {
        fill(disposals_r, n, GP__DISPOSE_DEFER);
        return GP__FINAL_DEFER;
    }
    if (rejected == n || (rejected && options->mixed == GP__MIXED_REFUSE_ALL)) {
        fill(disposals_r, n, GP__DISPOSE_REJECT);
        return GP__FINAL_REJECT;
    }
    for (size_t i = 0; i < n; i++)
        if (disposals_r[i] == GP__DISPOSE_REJECT)
            disposals_r[i] = of_refused(options->mixed);
    return GP__FINAL_ACCEPT;
}

static enum gp__fate fate_of(enum gp__disposal disposal)
{
    switch (disposal) {
    case GP__DISPOSE_NONE:
    case GP__DISPOSE_TARGET:
        break;
    case GP__DISPOSE_QUEUE:
        return GP__FATE_QUEUED;
    case GP__DISPOSE_HOLD:
        return GP__FATE_HELD;
    case GP__DISPOSE_DROP:
        return GP__FATE_DROPPED;
    case GP__DISPOSE_BOUNCE:
        return GP__FATE_BOUNCED;
    case GP__DISPOSE_DEFER:
        return GP__FATE_DEFERRED;
    case GP__DISPOSE_REJECT:
        return GP__FATE_REJECTED;
    }
    return GP__FATE_NONE;
}

static enum gp__fate fate_of_outcome(enum gp_outcome outcome)
{
    switch (outcome) {
    case GP_OUTCOME_DELIVERED:
        return GP__FATE_DELIVERED;
    case GP_OUTCOME_FAILED:
        return GP__FATE_REJECTED;
    case GP_OUTCOME_NONE:
    case GP_OUTCOME_DEFERRED:
        break;
    }
    return GP__FATE_DEFERRED;
}

static bool is_kept(enum gp__fate fate)
{
    return fate == GP__FATE_DELIVERED || fate == GP__FATE_QUEUED || fate == GP__FATE_HELD ||
           fate == GP__FATE_BOUNCED;
}

/* The transaction is given back to the client as a whole. */
static enum gp__final give_back(enum gp__fate *fates, size_t n, enum gp__final final)
{
    for (size_t i = 0; i < n; i++)
        fates[i] = final == GP__FINAL_DEFER ? GP__FATE_DEFERRED : GP__FATE_REJECTED;
    return final;
}

static enum gp__final merge_each(const enum gp__fate *fates, size_t n)
{
    bool deferred = false;

    for (size_t i = 0; i < n; i++) {
        if (fates[i] != GP__FATE_DEFERRED && fates[i] != GP__FATE_REJECTED)
            return GP__FINAL_ACCEPT;
        deferred |= fates[i] == GP__FATE_DEFERRED;
    }
    return deferred ? GP__FINAL_DEFER : GP__FINAL_REJECT;
}

enum gp__final gp__fates_merge(const enum gp__disposal *disposals, const enum gp_outcome *outcomes,
                               size_t n, const struct gp__fate_options *options,
                               enum gp__fate *fates_r)
{
    size_t kept = 0, deferred = 0, rejected = 0;

    for (size_t i = 0; i < n; i++) {
        fates_r[i] = disposals[i] == GP__DISPOSE_TARGET ? fate_of_outcome(outcomes[i])
                                                        : fate_of(disposals[i]);
        kept += is_kept(fates_r[i]);
        deferred += fates_r[i] == GP__FATE_DEFERRED;
        rejected += fates_r[i] == GP__FATE_REJECTED;
    }
    if (options->per_recipient)
        return merge_each(fates_r, n);
    if (deferred && (!kept || !options->spool))
        return give_back(fates_r, n, GP__FINAL_DEFER);
    if (rejected && (!kept || options->mixed == GP__MIXED_REFUSE_ALL))
        return give_back(fates_r, n, GP__FINAL_REJECT);
    for (size_t i = 0; i < n; i++) {
        if (fates_r[i] == GP__FATE_DEFERRED)
            fates_r[i] = GP__FATE_QUEUED;
        else if (fates_r[i] == GP__FATE_REJECTED)
            fates_r[i] = fate_of(of_refused(options->mixed));
    }
    return GP__FINAL_ACCEPT;
}
