// SPDX-License-Identifier: Apache-2.0
/* Expectations about replies, time, instances and what they asked for. Those about messages are in
 * expect_message.c. */
#include "sdk/kit/kit.h"

#include "core/base/units.h"

static bool matches(const struct gp_regex *regex, struct gp_slice subject)
{
    return gp_regex_match(regex, subject, NULL, 0) == 1;
}

/* ---- replies ---- */

/* The code that an instance gave with a verdict since the last `when`. */
static bool was_given(struct gp__kit *kit, struct gp_slice wanted)
{
    struct gp_slice rest = gp__kit_log(kit, false);

    while (rest.len) {
        struct gp_slice line = gp_slice_split(&rest, '\n'), status;

        if (gp_slice_search(line, GP_S(" hook.verdict ")) == line.len)
            continue;
        status = gp__kit_log_field(kit, line, "status");
        if (status.len > 4 && gp_slice_eq(gp_slice_sub(status, 4, status.len), wanted))
            return true;
    }
    return false;
}

/* "5.7.1" at the start of the text. Greetings and replies to EHLO have none on the wire (RFC 2034
 * 4), so there it is what the instance said. */
static bool has_enhanced(struct gp__kit *kit, struct gp_slice wanted)
{
    struct gp_slice text = kit->reply.text;

    if (gp_slice_starts(text, wanted) && (text.len == wanted.len || text.data[wanted.len] == ' '))
        return true;
    return (text.len < 2 || text.data[1] != '.') && was_given(kit, wanted);
}

static bool reply_fits(struct gp__kit *kit, const struct gp__kit_step *step, unsigned class)
{
    if (class && kit->reply.code / 100 != class && !(class == 2 && kit->reply.code / 100 == 3))
        return false;
    return kit->reply.code && (!step->code || step->code == kit->reply.code) &&
           (!gp_slice_present(step->args[0]) || has_enhanced(kit, step->args[0])) &&
           (!step->regex || matches(step->regex, kit->reply.text));
}

static void check_reply(struct gp__kit *kit, const struct gp__kit_step *step, unsigned class)
{
    if (reply_fits(kit, step, class) != step->negated)
        return;
    if (kit->reply.code)
        gp__kit_fail(kit, step, "%u " GP_FMT, kit->reply.code, GP_ARG(kit->reply.text));
    else
        gp__kit_fail(kit, step, "no reply");
}

void gp__kit_expect_accept(struct gp__kit *kit, const struct gp__kit_step *step)
{
    check_reply(kit, step, 2);
}

void gp__kit_expect_defer(struct gp__kit *kit, const struct gp__kit_step *step)
{
    check_reply(kit, step, 4);
}

void gp__kit_expect_reject(struct gp__kit *kit, const struct gp__kit_step *step)
{
    check_reply(kit, step, 5);
}

void gp__kit_expect_reply(struct gp__kit *kit, const struct gp__kit_step *step)
{
    check_reply(kit, step, 0);
}

void gp__kit_expect_replies(struct gp__kit *kit, const struct gp__kit_step *step)
{
    struct gp_slice came = gp__buf_slice(&kit->codes);

    if (gp_slice_eq(came, step->args[0]) == step->negated)
        gp__kit_fail(kit, step, GP_FMT, GP_ARG(came.len ? came : GP_S("no reply")));
}

void gp__kit_expect_closed(struct gp__kit *kit, const struct gp__kit_step *step)
{
    if (gp__kit_closed(kit) == step->negated)
        gp__kit_fail(kit, step,
                     step->negated ? "the server closed the connection" : "the connection is open");
}

void gp__kit_expect_took(struct gp__kit *kit, const struct gp__kit_step *step)
{
    char text[32];

    if (step->under ? kit->took_ms >= step->ms : kit->took_ms != step->ms)
        gp__kit_fail(kit, step, "it took " GP_FMT, GP_ARG(gp__duration_format(kit->took_ms, text)));
}

/* ---- instances ---- */

/* The instance that the step names, or NULL after a failure. */
static struct gp__instance *instance_of(struct gp__kit *kit, const struct gp__kit_step *step)
{
    struct gp__instance *instance = gp__kit_instance(kit, step->args[0]);

    if (!instance)
        gp__kit_fail(kit, step, "there is no instance \"" GP_FMT "\"", GP_ARG(step->args[0]));
    return instance;
}

/* "next at connect, reject at rcpt" */
static struct gp_slice answers_of(struct gp__kit *kit, const struct gp__instance *instance)
{
    struct gp__buf out = {.limit = 0};
    struct gp_slice text;

    for (unsigned point = 0; point < GP_HOOK_COUNT; point++)
        for (unsigned verdict = 0; verdict < GP_VERDICT_COUNT; verdict++)
            if (gp__kit_verdicts(kit, instance, (enum gp_verdict)verdict, point))
                gp__buf_printf(&out, "%s%s at %s", out.len ? ", " : "",
                               gp__verdict_name((enum gp_verdict)verdict), gp__points[point].name);
    text = out.len ? gp__arena_dup(kit->arena, gp__buf_slice(&out)) : GP_S("it was not asked");
    gp__buf_free(&out);
    return text;
}

/* A verdict on single recipients (gp_judge) is no answer of the hook, but it is logged. */
static bool judged(struct gp__kit *kit, const struct gp__kit_step *step)
{
    struct gp_slice rest = gp__kit_log(kit, false);
    const char *verdict = gp__verdict_name((enum gp_verdict)step->choice);

    while (rest.len) {
        struct gp_slice line = gp_slice_split(&rest, '\n');

        if (gp_slice_search(line, GP_S(" hook.verdict ")) < line.len &&
            gp_slice_eq(gp__kit_log_field(kit, line, "instance"), step->args[0]) &&
            gp_slice_eq(gp__kit_log_field(kit, line, "verdict"), gp_slice_of(verdict)) &&
            (!step->has_number || gp_slice_eq(gp__kit_log_field(kit, line, "hook"),
                                              gp_slice_of(gp__points[step->number].name))))
            return true;
    }
    return false;
}

void gp__kit_expect_verdict(struct gp__kit *kit, const struct gp__kit_step *step)
{
    const struct gp__instance *instance = instance_of(kit, step);
    unsigned point = step->has_number ? (unsigned)step->number : GP_HOOK_COUNT;
    bool answered;

    if (!instance)
        return;
    answered = gp__kit_verdicts(kit, instance, (enum gp_verdict)step->choice, point) > 0 ||
               judged(kit, step);
    if (answered == step->negated)
        gp__kit_fail(kit, step, GP_FMT, GP_ARG(answers_of(kit, instance)));
}

/* The error of a fault of the instance that the expression fits; absent: none does. *other_r: one
 * that it does not fit. */
static struct gp_slice find_fault(struct gp__kit *kit, const struct gp__kit_step *step,
                                  struct gp_slice *other_r)
{
    struct gp_slice rest = gp__kit_log(kit, false);

    while (rest.len) {
        struct gp_slice line = gp_slice_split(&rest, '\n'), error;

        if (gp_slice_search(line, GP_S(" hook.fault ")) == line.len ||
            !gp_slice_eq(gp__kit_log_field(kit, line, "instance"), step->args[0]))
            continue;
        error = gp__kit_log_field(kit, line, "error");
        if (!step->regex || matches(step->regex, error))
            return error.data ? error : GP_S("");
        *other_r = error;
    }
    return gp_slice(NULL, 0);
}

void gp__kit_expect_fault(struct gp__kit *kit, const struct gp__kit_step *step)
{
    const struct gp__instance *instance = instance_of(kit, step);
    struct gp_slice other = gp_slice(NULL, 0), fault;
    bool failed;

    if (!instance)
        return;
    fault = find_fault(kit, step, &other);
    failed = gp_slice_present(fault) || (!step->regex && gp__kit_faults(kit, instance));
    if (failed && step->negated)
        gp__kit_fail(kit, step, "it failed: " GP_FMT, GP_ARG(fault));
    else if (!failed && !step->negated && gp_slice_present(other))
        gp__kit_fail(kit, step, "it failed for another reason: " GP_FMT, GP_ARG(other));
    else if (!failed && !step->negated)
        gp__kit_fail(kit, step, "it did not fail; " GP_FMT, GP_ARG(answers_of(kit, instance)));
}

void gp__kit_expect_count(struct gp__kit *kit, const struct gp__kit_step *step)
{
    const struct gp__instance *instance = instance_of(kit, step);
    uint64_t value = 0;

    if (!instance)
        return;
    for (size_t i = 0; i < instance->n_counters; i++)
        if (gp_slice_eq(gp_slice_of(instance->counters[i].name), step->args[1]))
            value = instance->counters[i].value;
    if (value != (uint64_t)step->number)
        gp__kit_fail(kit, step, "%llu", (unsigned long long)value);
}

/* ---- notes ---- */

static const struct gp__note *find(const struct gp__notes *notes, struct gp_slice key)
{
    return notes && notes->first ? gp__notes_find(notes, GP_S(""), key) : NULL;
}

/* Of a recipient: live ones first, then those of the transaction that ended last. */
static const struct gp__note *recipient_note(const struct gp__kit *kit,
                                             const struct gp__kit_step *step)
{
    const struct gp_session *session = gp__kit_session(kit);
    const struct gp__policy *policy = session && session->transaction ? session->transaction->policy
                                                                      : NULL;

    for (size_t i = 0; policy && i < policy->n_recipients; i++)
        if (gp_slice_caseeq(policy->recipients[i]->address.text, step->recipient))
            return find(policy->recipients[i]->notes, step->args[0]);
    for (size_t i = 0; i < kit->ended.n_recipients; i++)
        if (gp_slice_caseeq(kit->ended.recipients[i].address, step->recipient))
            return find(&kit->ended.recipients[i].notes, step->args[0]);
    return NULL;
}

static const struct gp__note *any_note(const struct gp__kit *kit, struct gp_slice key)
{
    const struct gp_session *session = gp__kit_session(kit);
    const struct gp__note *note = NULL;

    if (session && session->transaction && session->transaction->policy)
        note = find(session->transaction->policy->notes, key);
    else
        note = find(&kit->ended.notes, key);
    if (!note && session && session->policy)
        note = find(session->policy->notes, key);
    else if (!note)
        note = find(&kit->session_notes, key);
    return note;
}

void gp__kit_expect_note(struct gp__kit *kit, const struct gp__kit_step *step)
{
    const struct gp__note *note = gp_slice_present(step->recipient) ? recipient_note(kit, step)
                                                                    : any_note(kit, step->args[0]);
    struct gp_slice value = note ? gp__note_text(kit->arena, note) : gp_slice(NULL, 0);
    bool there = note && (!gp_slice_present(step->args[1]) || gp_slice_eq(value, step->args[1]));

    if (there != step->negated)
        return;
    if (note)
        gp__kit_fail(kit, step, "it is \"" GP_FMT "\"", GP_ARG(value));
    else
        gp__kit_fail(kit, step, "there is no such note");
}

/* ---- calls and the log ---- */

/* "dns" fits "dns A x.example", and so do "dns A" and the whole line. */
static bool call_fits(struct gp_slice line, struct gp_slice wanted)
{
    return gp_slice_starts(line, wanted) &&
           (line.len == wanted.len || line.data[wanted.len] == ' ');
}

void gp__kit_expect_call(struct gp__kit *kit, const struct gp__kit_step *step)
{
    struct gp_slice calls = gp__sim_calls(kit->rt), rest = calls;
    bool found = false;

    while (rest.len && !found)
        found = call_fits(gp_slice_split(&rest, '\n'), step->args[0]);
    if (found != step->negated)
        return;
    if (calls.len)
        gp__kit_fail(kit, step, "what was asked for:\n" GP_FMT, GP_ARG(gp_slice_trim(calls)));
    else
        gp__kit_fail(kit, step, "nothing was asked for");
}

void gp__kit_expect_log(struct gp__kit *kit, const struct gp__kit_step *step)
{
    struct gp_slice rest = gp__kit_log(kit, true);

    while (rest.len) {
        struct gp_slice line = gp_slice_split(&rest, '\n');

        if (!matches(step->regex, line))
            continue;
        if (step->negated)
            gp__kit_fail(kit, step, GP_FMT, GP_ARG(line));
        return;
    }
    if (!step->negated)
        gp__kit_fail(kit, step, "no line of the log has it");
}

/* ---- files ---- */

void gp__kit_expect_file(struct gp__kit *kit, const struct gp__kit_step *step)
{
    struct gp_slice bytes = gp_slice(NULL, 0);
    bool there = gp__sim_file_get(kit->rt, step->args[0], &bytes) == 0;
    bool fits = there && (!step->regex || matches(step->regex, bytes));

    if (fits != step->negated)
        return;
    if (there)
        gp__kit_fail(kit, step, "it is there:\n" GP_FMT, GP_ARG(gp_slice_sub(bytes, 0, 2000)));
    else
        gp__kit_fail(kit, step, "there is no such file");
}

void gp__kit_expect_files(struct gp__kit *kit, const struct gp__kit_step *step)
{
    size_t n = gp__sim_file_count(kit->rt, step->args[0]);

    if (n != (size_t)step->number)
        gp__kit_fail(kit, step, "%zu", n);
}

/* ---- the configuration ---- */

void gp__kit_expect_config(struct gp__kit *kit, const struct gp__kit_step *step)
{
    bool error = gp_slice_eq(step->args[0], GP_S("error"));
    struct gp_slice text = gp__buf_slice(error ? &kit->config.errors : &kit->config.warnings);
    bool found = text.len && (!step->regex || matches(step->regex, text));

    if (found != step->negated)
        return;
    if (text.len)
        gp__kit_fail(kit, step, GP_FMT, GP_ARG(gp_slice_trim(text)));
    else
        gp__kit_fail(kit, step, error ? "it loads without an error" : "there is no warning");
}
