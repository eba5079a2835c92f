// SPDX-License-Identifier: Apache-2.0
/*
 * The fates of a message, enumerated: every ruling on up to three recipients, every option, every
 * answer of the targets. What must hold is written down twice: as the rules of the reply, and as
 * promises to client and recipients that hold whatever the rules are. The checker gets the
 * functions as pointers; that it can fail is shown with wrong ones.
 */
#include "core/hook/fate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define MOST 3

struct subject {
    const char *name;
    enum gp__final (*plan)(const struct gp__fate_input *inputs, size_t n,
                           const struct gp__fate_options *options, enum gp__disposal *disposals_r);
    enum gp__final (*merge)(const enum gp__disposal *disposals, const enum gp_outcome *outcomes,
                            size_t n, const struct gp__fate_options *options,
                            enum gp__fate *fates_r);
};

/* One case, and what a subject made of it. */
struct state {
    size_t n;
    struct gp__fate_input in[MOST];
    struct gp__fate_options options;
    enum gp__final planned;
    enum gp__disposal disposals[MOST];
    enum gp_outcome outcomes[MOST];
    enum gp__final final;
    enum gp__fate fates[MOST];
};

#define MUST(what)                                                                                 \
    do {                                                                                           \
        if (!(what))                                                                               \
            return #what;                                                                          \
    } while (0)

/* ---- the rules of the plan ---- */

static size_t with_stop(const struct state *s, enum gp_verdict stop)
{
    size_t n = 0;

    for (size_t i = 0; i < s->n; i++)
        n += s->in[i].stop == stop;
    return n;
}

static size_t with_disposal(const struct state *s, enum gp__disposal disposal)
{
    size_t n = 0;

    for (size_t i = 0; i < s->n; i++)
        n += s->disposals[i] == disposal;
    return n;
}

static bool refuses_all(const struct state *s)
{
    return s->options.mixed == GP__MIXED_REFUSE_ALL && !s->options.per_recipient;
}

/* "the rejected ones follow mixed_reject: hold | discard | bounce" */
static enum gp__disposal place_of_rejected(const struct state *s)
{
    static const enum gp__disposal places[] = {
        [GP__MIXED_HOLD] = GP__DISPOSE_HOLD,
        [GP__MIXED_DISCARD] = GP__DISPOSE_DROP,
        [GP__MIXED_BOUNCE] = GP__DISPOSE_BOUNCE,
        [GP__MIXED_REFUSE_ALL] = GP__DISPOSE_REJECT,
    };

    return s->options.per_recipient ? GP__DISPOSE_REJECT : places[s->options.mixed];
}

/* REJECT > DEFER > DISCARD > QUARANTINE > deliver, for one recipient of several. */
static const char *check_place(const struct state *s, size_t i)
{
    enum gp__disposal place = s->disposals[i];

    switch (s->in[i].stop) {
    case GP_REJECT:
        MUST(place == place_of_rejected(s));
        return NULL;
    case GP_DEFER:
        MUST(s->options.per_recipient && place == GP__DISPOSE_DEFER);
        return NULL;
    case GP_DISCARD:
        MUST(place == GP__DISPOSE_DROP);
        return NULL;
    default:
        break;
    }
    if (s->in[i].marked)
        MUST(place == GP__DISPOSE_HOLD);
    else if (s->in[i].queued)
        MUST(place == GP__DISPOSE_QUEUE);
    else
        MUST(place == GP__DISPOSE_TARGET);
    return NULL;
}

static const char *check_places(const struct state *s)
{
    const char *broken = NULL;

    for (size_t i = 0; i < s->n && !broken; i++)
        broken = check_place(s, i);
    return broken;
}

static const char *check_plan_for_each(const struct state *s)
{
    size_t deferred = with_stop(s, GP_DEFER), refused = deferred + with_stop(s, GP_REJECT);

    MUST((s->planned == GP__FINAL_ACCEPT) == (refused < s->n));
    MUST((s->planned == GP__FINAL_DEFER) == (refused == s->n && deferred > 0));
    return check_places(s);
}

static const char *check_plan(const struct state *s)
{
    if (s->options.per_recipient)
        return check_plan_for_each(s);
    /* 1. any DEFER: 4xx for all, nothing kept, no target touched */
    if (with_stop(s, GP_DEFER)) {
        MUST(s->planned == GP__FINAL_DEFER);
        MUST(with_disposal(s, GP__DISPOSE_DEFER) == s->n);
        return NULL;
    }
    /* 2. all REJECT, or one that counts for all: 5xx */
    if (with_stop(s, GP_REJECT) == s->n || (with_stop(s, GP_REJECT) && refuses_all(s))) {
        MUST(s->planned == GP__FINAL_REJECT);
        MUST(with_disposal(s, GP__DISPOSE_REJECT) == s->n);
        return NULL;
    }
    /* 3. otherwise 250, each recipient one fate */
    MUST(s->planned == GP__FINAL_ACCEPT);
    return check_places(s);
}

/* ---- the rules of the merge ---- */

static bool asked(const struct state *s, size_t i)
{
    return s->disposals[i] == GP__DISPOSE_TARGET;
}

static size_t with_outcome(const struct state *s, enum gp_outcome outcome)
{
    size_t n = 0;

    for (size_t i = 0; i < s->n; i++)
        n += asked(s, i) && s->outcomes[i] == outcome;
    return n;
}

static size_t with_fate(const struct state *s, enum gp__fate fate)
{
    size_t n = 0;

    for (size_t i = 0; i < s->n; i++)
        n += s->fates[i] == fate;
    return n;
}

static size_t failed_for_now(const struct state *s)
{
    return with_outcome(s, GP_OUTCOME_DEFERRED) + with_outcome(s, GP_OUTCOME_NONE);
}

/* Where a recipient goes that no target was asked about. */
static enum gp__fate fate_of_place(enum gp__disposal place)
{
    switch (place) {
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
    default:
        return GP__FATE_NONE;
    }
}

/* 250: "their 4xx neighbours spill into the queue, 5xx as mixed_reject" */
static enum gp__fate fate_wanted(const struct state *s, size_t i)
{
    if (!asked(s, i))
        return fate_of_place(s->disposals[i]);
    if (s->outcomes[i] == GP_OUTCOME_DELIVERED)
        return GP__FATE_DELIVERED;
    if (s->outcomes[i] == GP_OUTCOME_FAILED)
        return fate_of_place(place_of_rejected(s));
    return s->options.per_recipient ? GP__FATE_DEFERRED : GP__FATE_QUEUED;
}

static const char *check_fates(const struct state *s)
{
    for (size_t i = 0; i < s->n; i++)
        MUST(s->fates[i] == fate_wanted(s, i));
    return NULL;
}

static const char *check_merge_for_each(const struct state *s)
{
    size_t deferred = with_fate(s, GP__FATE_DEFERRED);
    size_t refused = deferred + with_fate(s, GP__FATE_REJECTED);

    MUST((s->final == GP__FINAL_ACCEPT) == (refused < s->n));
    MUST((s->final == GP__FINAL_DEFER) == (refused == s->n && deferred > 0));
    return check_fates(s);
}

static const char *check_merge(const struct state *s)
{
    size_t elsewhere = with_disposal(s, GP__DISPOSE_QUEUE) + with_disposal(s, GP__DISPOSE_HOLD) +
                       with_disposal(s, GP__DISPOSE_BOUNCE);
    size_t later = failed_for_now(s), never = with_outcome(s, GP_OUTCOME_FAILED);

    if (s->options.per_recipient)
        return check_merge_for_each(s);
    /* none succeeded and nothing else kept: mirror, 4xx if any 4xx */
    if (later + never && !with_outcome(s, GP_OUTCOME_DELIVERED) && !elsewhere) {
        MUST(s->final == (later ? GP__FINAL_DEFER : GP__FINAL_REJECT));
        return NULL;
    }
    /* without a spool there is nothing to spill into */
    if (later && !s->options.spool) {
        MUST(s->final == GP__FINAL_DEFER);
        return NULL;
    }
    if (never && refuses_all(s)) {
        MUST(s->final == GP__FINAL_REJECT);
        return NULL;
    }
    MUST(s->final == GP__FINAL_ACCEPT);
    return check_fates(s);
}

/* ---- promises ---- */

static bool is_clients(enum gp__fate fate)
{
    return fate == GP__FATE_DEFERRED || fate == GP__FATE_REJECTED;
}

/* What one reply says holds for everybody. */
static const char *check_one_reply(const struct state *s)
{
    if (s->options.per_recipient)
        return NULL;
    MUST(s->final != GP__FINAL_DEFER || with_fate(s, GP__FATE_DEFERRED) == s->n);
    MUST(s->final != GP__FINAL_REJECT || with_fate(s, GP__FATE_REJECTED) == s->n);
    if (s->final == GP__FINAL_ACCEPT)
        for (size_t i = 0; i < s->n; i++)
            MUST(!is_clients(s->fates[i]));
    return NULL;
}

static const char *check_promise(const struct state *s, size_t i)
{
    enum gp__fate fate = s->fates[i];
    bool passed = s->in[i].stop == GP_NEXT;
    bool delivered = asked(s, i) && s->outcomes[i] == GP_OUTCOME_DELIVERED;
    bool refused = asked(s, i) && s->outcomes[i] == GP_OUTCOME_FAILED;

    MUST(fate != GP__FATE_NONE);
    /* nobody is said to have got what no target took, nor the other way round */
    MUST(fate != GP__FATE_DELIVERED || delivered);
    MUST(!delivered || fate == GP__FATE_DELIVERED || s->final == GP__FINAL_DEFER ||
         (s->final == GP__FINAL_REJECT && refuses_all(s)));
    /* nothing is lost that nobody wanted to be lost */
    MUST(fate != GP__FATE_DROPPED || !passed || (refused && s->options.mixed == GP__MIXED_DISCARD));
    /* what is marked is not delivered, what is refused neither */
    MUST(fate != GP__FATE_DELIVERED || (passed && !s->in[i].marked));
    MUST(fate != GP__FATE_QUEUED || (passed && !s->in[i].marked));
    /* only a spool queues */
    MUST(fate != GP__FATE_QUEUED || s->in[i].queued || s->options.spool);
    return NULL;
}

static const char *check_promises(const struct state *s)
{
    const char *broken = check_one_reply(s);

    for (size_t i = 0; i < s->n && !broken; i++)
        broken = check_promise(s, i);
    /* with a spool nobody gets it twice, unless it is to be refused */
    if (!broken && s->options.spool && with_outcome(s, GP_OUTCOME_DELIVERED) &&
        !(refuses_all(s) && with_outcome(s, GP_OUTCOME_FAILED)))
        MUST(s->final == GP__FINAL_ACCEPT);
    return broken;
}

/* ---- enumeration ---- */

static void set_input(struct gp__fate_input *input, unsigned number)
{
    static const enum gp_verdict stops[] = {GP_NEXT, GP_DISCARD, GP_DEFER, GP_REJECT};

    *input = (struct gp__fate_input){
        .stop = stops[number & 3],
        .marked = number & 4,
        .queued = number & 8,
    };
}

static const char *check_outcomes(const struct subject *subject, struct state *s, size_t *cases)
{
    const char *broken = NULL;
    unsigned combinations = 1;

    for (size_t i = 0; i < s->n; i++)
        combinations *= asked(s, i) ? 4 : 1;
    for (unsigned c = 0; c < combinations && !broken; c++) {
        unsigned rest = c;

        for (size_t i = 0; i < s->n; i++) {
            /* what was not asked about must not matter */
            s->outcomes[i] = asked(s, i) ? (enum gp_outcome)(rest % 4) : GP_OUTCOME_FAILED;
            rest /= asked(s, i) ? 4 : 1;
            s->fates[i] = GP__FATE_COUNT;
        }
        s->final = subject->merge(s->disposals, s->outcomes, s->n, &s->options, s->fates);
        broken = check_merge(s);
        if (!broken)
            broken = check_promises(s);
        ++*cases;
    }
    return broken;
}

static const char *check_case(const struct subject *subject, struct state *s, size_t *cases)
{
    const char *broken;

    for (size_t i = 0; i < s->n; i++)
        s->disposals[i] = GP__DISPOSE_NONE;
    s->planned = subject->plan(s->in, s->n, &s->options, s->disposals);
    ++*cases;
    broken = check_plan(s);
    if (broken || s->planned != GP__FINAL_ACCEPT)
        return broken;
    return check_outcomes(subject, s, cases);
}

/* The first rule that the subject breaks, with its case in *s; NULL: none. */
static const char *check(const struct subject *subject, struct state *s, size_t *cases)
{
    const char *broken = NULL;

    *cases = 0;
    for (unsigned o = 0; o < 16 && !broken; o++) {
        s->options = (struct gp__fate_options){
            .per_recipient = o & 1, .spool = o & 2, .mixed = (enum gp__mixed_reject)(o >> 2)};
        for (s->n = 1; s->n <= MOST && !broken; s->n++) {
            for (unsigned c = 0; c < 1u << (4 * s->n) && !broken; c++) {
                for (size_t i = 0; i < s->n; i++)
                    set_input(&s->in[i], c >> (4 * i) & 15);
                broken = check_case(subject, s, cases);
            }
            if (broken)
                return broken;
        }
    }
    return broken;
}

static void all_cases_hold(void **unused)
{
    static const struct subject real = {"real", gp__fates_plan, gp__fates_merge};
    struct state s;
    size_t cases;
    const char *broken = check(&real, &s, &cases);

    (void)unused;
    if (broken) {
        for (size_t i = 0; i < s.n; i++)
            print_error("recipient %zu: stop %d marked %d queued %d: disposal %d outcome %d "
                        "fate %d\n",
                        i, s.in[i].stop, s.in[i].marked, s.in[i].queued, s.disposals[i],
                        s.outcomes[i], s.fates[i]);
        fail_msg("per_recipient %d spool %d mixed %d final %d: %s", s.options.per_recipient,
                 s.options.spool, s.options.mixed, s.final, broken);
    }
    /* 16 options of 16 + 256 + 4096 rulings, and the outcomes of those that ask a target */
    assert_in_range(cases, 16 * 4368 + 20000, 1000000);
}

/* ---- wrong ones: each must be caught ---- */

static void set_all(enum gp__disposal *disposals, size_t n, enum gp__disposal to)
{
    for (size_t i = 0; i < n; i++)
        disposals[i] = to;
}

static enum gp__final any_reject_rejects(const struct gp__fate_input *inputs, size_t n,
                                         const struct gp__fate_options *options,
                                         enum gp__disposal *disposals_r)
{
    for (size_t i = 0; i < n; i++) {
        if (options->per_recipient || inputs[i].stop != GP_REJECT)
            continue;
        set_all(disposals_r, n, GP__DISPOSE_REJECT);
        return GP__FINAL_REJECT;
    }
    return gp__fates_plan(inputs, n, options, disposals_r);
}

/* The deferred one is held back, the others get it: the retry brings it to them again. */
static enum gp__final defer_is_kept(const struct gp__fate_input *inputs, size_t n,
                                    const struct gp__fate_options *options,
                                    enum gp__disposal *disposals_r)
{
    struct gp__fate_options each = *options;

    each.per_recipient = true;
    return gp__fates_plan(inputs, n, &each, disposals_r);
}

static enum gp__final asks_on_defer(const struct gp__fate_input *inputs, size_t n,
                                    const struct gp__fate_options *options,
                                    enum gp__disposal *disposals_r)
{
    enum gp__final final = gp__fates_plan(inputs, n, options, disposals_r);

    for (size_t i = 0; i < n && final == GP__FINAL_DEFER; i++)
        if (inputs[i].stop == GP_NEXT)
            disposals_r[i] = GP__DISPOSE_TARGET;
    return final;
}

static enum gp__final forgets_marks(const struct gp__fate_input *inputs, size_t n,
                                    const struct gp__fate_options *options,
                                    enum gp__disposal *disposals_r)
{
    struct gp__fate_input copy[MOST] = {0};

    for (size_t i = 0; i < n; i++) {
        copy[i] = inputs[i];
        copy[i].marked = false;
    }
    return gp__fates_plan(copy, n, options, disposals_r);
}

static enum gp__final mark_before_discard(const struct gp__fate_input *inputs, size_t n,
                                          const struct gp__fate_options *options,
                                          enum gp__disposal *disposals_r)
{
    enum gp__final final = gp__fates_plan(inputs, n, options, disposals_r);

    for (size_t i = 0; i < n; i++)
        if (disposals_r[i] == GP__DISPOSE_DROP && inputs[i].stop == GP_DISCARD && inputs[i].marked)
            disposals_r[i] = GP__DISPOSE_HOLD;
    return final;
}

static enum gp__final drops_rejected(const struct gp__fate_input *inputs, size_t n,
                                     const struct gp__fate_options *options,
                                     enum gp__disposal *disposals_r)
{
    struct gp__fate_options dropping = *options;

    dropping.mixed = GP__MIXED_DISCARD;
    return gp__fates_plan(inputs, n, &dropping, disposals_r);
}

/* The one who is refused is forgotten, where all should be refused. */
static enum gp__final nobody_is_told(const struct gp__fate_input *inputs, size_t n,
                                     const struct gp__fate_options *options,
                                     enum gp__disposal *disposals_r)
{
    struct gp__fate_options dropping = *options;

    if (dropping.mixed == GP__MIXED_REFUSE_ALL)
        dropping.mixed = GP__MIXED_DISCARD;
    return gp__fates_plan(inputs, n, &dropping, disposals_r);
}

static enum gp__final first_decides(const struct gp__fate_input *inputs, size_t n,
                                    const struct gp__fate_options *options,
                                    enum gp__disposal *disposals_r)
{
    enum gp__final final = gp__fates_plan(inputs, n, options, disposals_r);

    set_all(disposals_r, n, disposals_r[0]);
    return final;
}

/* One dropped, one refused by its target: nothing is kept, yet the client is told 250. */
static enum gp__final dropped_is_kept(const enum gp__disposal *disposals,
                                      const enum gp_outcome *outcomes, size_t n,
                                      const struct gp__fate_options *options,
                                      enum gp__fate *fates_r)
{
    enum gp__disposal copy[MOST] = {0};
    enum gp__final final;

    for (size_t i = 0; i < n; i++)
        copy[i] = disposals[i] == GP__DISPOSE_DROP ? GP__DISPOSE_HOLD : disposals[i];
    final = gp__fates_merge(copy, outcomes, n, options, fates_r);
    for (size_t i = 0; i < n; i++)
        if (disposals[i] == GP__DISPOSE_DROP && fates_r[i] == GP__FATE_HELD)
            fates_r[i] = GP__FATE_DROPPED;
    return final;
}

static enum gp__final held_is_not_kept(const enum gp__disposal *disposals,
                                       const enum gp_outcome *outcomes, size_t n,
                                       const struct gp__fate_options *options,
                                       enum gp__fate *fates_r)
{
    enum gp__disposal copy[MOST] = {0};
    enum gp__final final;

    for (size_t i = 0; i < n; i++)
        copy[i] = disposals[i] == GP__DISPOSE_HOLD ? GP__DISPOSE_DROP : disposals[i];
    final = gp__fates_merge(copy, outcomes, n, options, fates_r);
    for (size_t i = 0; i < n; i++)
        if (disposals[i] == GP__DISPOSE_HOLD && fates_r[i] == GP__FATE_DROPPED)
            fates_r[i] = GP__FATE_HELD;
    return final;
}

static enum gp__final spills_without_spool(const enum gp__disposal *disposals,
                                           const enum gp_outcome *outcomes, size_t n,
                                           const struct gp__fate_options *options,
                                           enum gp__fate *fates_r)
{
    struct gp__fate_options spooling = *options;

    spooling.spool = true;
    return gp__fates_merge(disposals, outcomes, n, &spooling, fates_r);
}

/* Mirrors the worst, although some have it: duplicates. */
static enum gp__final mirrors_worst(const enum gp__disposal *disposals,
                                    const enum gp_outcome *outcomes, size_t n,
                                    const struct gp__fate_options *options, enum gp__fate *fates_r)
{
    struct gp__fate_options without = *options;

    without.spool = false;
    return gp__fates_merge(disposals, outcomes, n, &without, fates_r);
}

static enum gp__final with_outcome_as(enum gp_outcome from, enum gp_outcome to,
                                      const enum gp__disposal *disposals,
                                      const enum gp_outcome *outcomes, size_t n,
                                      const struct gp__fate_options *options,
                                      enum gp__fate *fates_r)
{
    enum gp_outcome copy[MOST] = {0};

    for (size_t i = 0; i < n; i++)
        copy[i] = outcomes[i] == from ? to : outcomes[i];
    return gp__fates_merge(disposals, copy, n, options, fates_r);
}

static enum gp__final nobody_is_told_late(const enum gp__disposal *disposals,
                                          const enum gp_outcome *outcomes, size_t n,
                                          const struct gp__fate_options *options,
                                          enum gp__fate *fates_r)
{
    struct gp__fate_options dropping = *options;

    if (dropping.mixed == GP__MIXED_REFUSE_ALL)
        dropping.mixed = GP__MIXED_DISCARD;
    return gp__fates_merge(disposals, outcomes, n, &dropping, fates_r);
}

static enum gp__final silence_is_delivery(const enum gp__disposal *disposals,
                                          const enum gp_outcome *outcomes, size_t n,
                                          const struct gp__fate_options *options,
                                          enum gp__fate *fates_r)
{
    return with_outcome_as(GP_OUTCOME_NONE, GP_OUTCOME_DELIVERED, disposals, outcomes, n, options,
                           fates_r);
}

static enum gp__final silence_is_refusal(const enum gp__disposal *disposals,
                                         const enum gp_outcome *outcomes, size_t n,
                                         const struct gp__fate_options *options,
                                         enum gp__fate *fates_r)
{
    return with_outcome_as(GP_OUTCOME_NONE, GP_OUTCOME_FAILED, disposals, outcomes, n, options,
                           fates_r);
}

static enum gp__final never_is_later(const enum gp__disposal *disposals,
                                     const enum gp_outcome *outcomes, size_t n,
                                     const struct gp__fate_options *options, enum gp__fate *fates_r)
{
    return with_outcome_as(GP_OUTCOME_FAILED, GP_OUTCOME_DEFERRED, disposals, outcomes, n, options,
                           fates_r);
}

static enum gp__final merges_each(const enum gp__disposal *disposals,
                                  const enum gp_outcome *outcomes, size_t n,
                                  const struct gp__fate_options *options, enum gp__fate *fates_r)
{
    struct gp__fate_options plain = *options;

    plain.per_recipient = false;
    return gp__fates_merge(disposals, outcomes, n, &plain, fates_r);
}

static enum gp__final rejects_before_deferring(const enum gp__disposal *disposals,
                                               const enum gp_outcome *outcomes, size_t n,
                                               const struct gp__fate_options *options,
                                               enum gp__fate *fates_r)
{
    enum gp__final final = gp__fates_merge(disposals, outcomes, n, options, fates_r);

    for (size_t i = 0; i < n && final == GP__FINAL_DEFER; i++)
        if (disposals[i] == GP__DISPOSE_TARGET && outcomes[i] == GP_OUTCOME_FAILED)
            final = GP__FINAL_REJECT;
    return final;
}

static const struct subject wrong[] = {
    {"any reject rejects all", any_reject_rejects, gp__fates_merge},
    {"a defer is kept for the others", defer_is_kept, gp__fates_merge},
    {"targets are asked on defer", asks_on_defer, gp__fates_merge},
    {"marks are forgotten", forgets_marks, gp__fates_merge},
    {"a mark is stronger than discard", mark_before_discard, gp__fates_merge},
    {"the rejected are always dropped", drops_rejected, gp__fates_merge},
    {"a refusal for one is not told", nobody_is_told, gp__fates_merge},
    {"a target's refusal for one is not told", gp__fates_plan, nobody_is_told_late},
    {"the first recipient decides", first_decides, gp__fates_merge},
    {"dropped counts as kept", gp__fates_plan, dropped_is_kept},
    {"held does not count as kept", gp__fates_plan, held_is_not_kept},
    {"spills without a spool", gp__fates_plan, spills_without_spool},
    {"the worst answer is mirrored", gp__fates_plan, mirrors_worst},
    {"silence is delivery", gp__fates_plan, silence_is_delivery},
    {"silence is refusal", gp__fates_plan, silence_is_refusal},
    {"never is later", gp__fates_plan, never_is_later},
    {"LMTP is merged too", gp__fates_plan, merges_each},
    {"reject before defer", gp__fates_plan, rejects_before_deferring},
};

static void wrong_ones_are_caught(void **unused)
{
    struct state s;
    size_t cases;

    (void)unused;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        if (!check(&wrong[i], &s, &cases))
            fail_msg("not caught: %s", wrong[i].name);
}

/* DISCONNECT is a refusal for good, ACCEPT and marks are none, as inputs. */
static void other_verdicts(void **unused)
{
    static const struct {
        enum gp_verdict stop;
        enum gp__disposal disposal;
    } rows[] = {
        {GP_DISCONNECT, GP__DISPOSE_REJECT},
        {GP_ACCEPT, GP__DISPOSE_TARGET},
        {GP_QUARANTINE, GP__DISPOSE_TARGET},
        {GP_OVERRIDE, GP__DISPOSE_TARGET},
    };
    struct gp__fate_options options = {.per_recipient = true};

    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct gp__fate_input input = {.stop = rows[i].stop};
        enum gp__disposal disposal;

        gp__fates_plan(&input, 1, &options, &disposal);
        assert_int_equal(disposal, rows[i].disposal);
    }
}

/* 1,000 recipients, the last one deferred. */
static void many_recipients(void **unused)
{
    static struct gp__fate_input inputs[1000];
    static enum gp__disposal disposals[1000];
    struct gp__fate_options options = {.spool = true};

    (void)unused;
    assert_int_equal(gp__fates_plan(inputs, 1000, &options, disposals), GP__FINAL_ACCEPT);
    inputs[999].stop = GP_DEFER;
    assert_int_equal(gp__fates_plan(inputs, 1000, &options, disposals), GP__FINAL_DEFER);
    assert_int_equal(disposals[0], GP__DISPOSE_DEFER);
}

static void names(void **unused)
{
    (void)unused;
    for (int i = 0; i < GP__FATE_COUNT; i++)
        assert_non_null(gp__fate_name((enum gp__fate)i));
    assert_string_equal(gp__fate_name(GP__FATE_HELD), "held");
    assert_string_equal(gp__fate_name(GP__FATE_COUNT), "invalid");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_cases_hold), cmocka_unit_test(wrong_ones_are_caught),
        cmocka_unit_test(other_verdicts), cmocka_unit_test(many_recipients),
        cmocka_unit_test(names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
