// SPDX-License-Identifier: Apache-2.0
/*
 * Checks of the header section: fields that must be there (RFC 5322 3.6), fields that must not be
 * there twice, Date and From that make sense, bytes that only SMTPUTF8 allows, and rules with
 * regular expressions.
 *
 * All checks run; the strongest action counts. Each adds to the note "score".
 */
#include <gatepost/plugin.h>

#define SCORE_MAX INT64_C(100000000)

/* In order of force. */
enum action {
    OFF = 0,
    NOTE,
    QUARANTINE,
    DEFER,
    REJECT,
};

struct rule {
    struct gp_slice header;
    const struct gp_regex *match;
    int then;
    int64_t score;
    struct gp_slice add, text, bucket;
};

struct header_rules {
    const struct gp_map *missing;
    int duplicate, date, from, eight_bit;
    uint64_t past_ms, future_ms;
    const struct gp_map *scores;
    const struct gp_list *rules;
    struct gp_slice bucket;
};

/* What the checks found so far. */
struct findings {
    struct gp_call *call;
    const struct header_rules *self;
    struct gp_message *message;
    int64_t score;
    enum action action;
    const char *status;
    struct gp_slice text, bucket;
    struct gp_slice names; /* of the checks that found something, for the log */
};

static const char *const action_names[] = {"off", "note", "quarantine", "defer", "reject", NULL};
static const char *const score_names[] = {"missing", "duplicate", "date", "from", "eight_bit"};

/* RFC 5322 3.6, and RFC 2045 for the last three: at most one of each. */
static const char *const singletons[] = {
    "Date",         "From",
    "Sender",       "Reply-To",
    "To",           "Cc",
    "Bcc",          "Message-ID",
    "References",   "In-Reply-To",
    "Subject",      "MIME-Version",
    "Content-Type", "Content-Transfer-Encoding",
};

static const struct gp_option rule_rows[] = {
    GP_OPTION_STRING("header", struct rule, header, NULL, "Name of the field.",
                     .flags = GP_OPTION_NOT_EMPTY),
    GP_OPTION_REGEX("match", struct rule, match, NULL,
                    "Matched against the decoded value of each such field."),
    GP_OPTION_ENUM("then", struct rule, then, action_names, "note", "What a match does."),
    GP_OPTION_MILLI("score", struct rule, score, "0", -SCORE_MAX, SCORE_MAX,
                    "What a match adds to the score."),
    GP_OPTION_STRING("add", struct rule, add, GP_OPTIONAL,
                     "Field to add at the top on a match, as `Name: value`."),
    GP_OPTION_STRING("text", struct rule, text, GP_OPTIONAL, "Text of the refusal.",
                     .flags = GP_OPTION_REPLY),
    GP_OPTION_BUCKET("bucket", struct rule, bucket, GP_OPTIONAL,
                     "Bucket for `quarantine`; else that of the plugin."),
    GP_OPTIONS_END,
};

GP_OPTIONS(struct header_rules,
           GP_OPTION_MAP("missing", struct header_rules, missing, GP_TYPE_ENUM,
                         "{From: note, Date: note}", "Fields that must be there.",
                         .names = action_names),
           GP_OPTION_ENUM("duplicate", struct header_rules, duplicate, action_names, "note",
                          "A field twice that may be there once."),
           GP_OPTION_ENUM("date", struct header_rules, date, action_names, "note",
                          "A Date that is none, or too far away."),
           GP_OPTION_DURATION("date_past", struct header_rules, past_ms, "14d", 0, 0,
                              "How old a Date may be; 0s: any age."),
           GP_OPTION_DURATION("date_future", struct header_rules, future_ms, "2d", 0, 0,
                              "How far ahead a Date may be; 0s: any time."),
           GP_OPTION_ENUM("from", struct header_rules, from, action_names, "note",
                          "A From that is no list of addresses."),
           GP_OPTION_ENUM("eight_bit", struct header_rules, eight_bit, action_names, "note",
                          "Bytes that are not ASCII without SMTPUTF8 (RFC 6532)."),
           GP_OPTION_MAP("scores", struct header_rules, scores, GP_TYPE_MILLI, GP_OPTIONAL,
                         "What a check adds to the score, by its name; 1 if not named.",
                         .min = -SCORE_MAX, .max = SCORE_MAX),
           GP_OPTION_LIST("rules", struct header_rules, rules, GP_TYPE_OBJECT, GP_OPTIONAL,
                          "Rules, in order; each counts once.", .rows = rule_rows,
                          .row_size = sizeof(struct rule)),
           GP_OPTION_BUCKET("bucket", struct header_rules, bucket, GP_OPTIONAL,
                            "Bucket for `quarantine`; without it the default one."));

/* ---- findings ---- */

static void note(struct findings *found, const char *name, int64_t score)
{
    found->score += score;
    gp_count(found->call, name, 1);
    found->names = gp_format(found->call, GP_FMT "%s%s", GP_ARG(found->names),
                             found->names.len ? " " : "", name);
}

/* The first of the strongest is what the client hears of. */
static void demand(struct findings *found, enum action action, const char *status,
                   struct gp_slice text, struct gp_slice bucket)
{
    if (action <= found->action)
        return;
    found->action = action;
    found->status = status;
    found->text = text;
    found->bucket = bucket;
}

static void fail_check(struct findings *found, const char *check, int action, struct gp_slice text)
{
    const int64_t *score = gp_map_find(found->self->scores, gp_slice_of(check));

    if (action == OFF)
        return;
    note(found, check, score ? *score : 1000);
    demand(found, (enum action)action, action == DEFER ? "451 4.6.0" : "550 5.6.0", text,
           found->self->bucket);
}

/* ---- the checks ---- */

static void check_missing(struct findings *found)
{
    for (size_t i = 0; i < gp_map_count(found->self->missing); i++) {
        struct gp_slice name = gp_map_key(found->self->missing, i);
        const int *action = gp_map_at(found->self->missing, i);

        if (!gp_header_find(found->message, name, 0))
            fail_check(found, "missing", *action,
                       gp_format(found->call, "The message has no " GP_FMT " field (RFC 5322 3.6)",
                                 GP_ARG(name)));
    }
}

static void check_duplicates(struct findings *found)
{
    for (size_t i = 0; i < sizeof singletons / sizeof singletons[0]; i++)
        if (gp_header_find(found->message, gp_slice_of(singletons[i]), 1))
            fail_check(
                found, "duplicate", found->self->duplicate,
                gp_format(found->call, "More than one %s field (RFC 5322 3.6)", singletons[i]));
}

static void check_date(struct findings *found)
{
    struct gp_header *header = gp_header_find(found->message, GP_S("Date"), 0);
    int64_t now_ms = gp_wall_clock(found->call), s, ahead_ms;
    int action = found->self->date;

    if (!header || action == OFF)
        return;
    if (gp_date_parse(gp_header_value(found->call, header), &s) != GP_OK) {
        fail_check(found, "date", action, GP_S("The Date field is malformed (RFC 5322 3.3)"));
        return;
    }
    ahead_ms = s * 1000 - now_ms;
    if (found->self->future_ms && ahead_ms > 0 && (uint64_t)ahead_ms > found->self->future_ms)
        fail_check(found, "date", action, GP_S("The Date field is too far in the future"));
    if (found->self->past_ms && ahead_ms < 0 && (uint64_t)-ahead_ms > found->self->past_ms)
        fail_check(found, "date", action, GP_S("The Date field is too far in the past"));
}

/* Whether there is one address in each mailbox, the same for every reader. Groups, which RFC 6854
 * allows here, are not taken. */
static bool is_mailboxes(struct gp_call *call, struct gp_slice value)
{
    const struct gp_mailboxes *mailboxes;
    size_t malformed, n = gp_mailboxes_parse(call, value, &mailboxes, &malformed);

    for (size_t i = 0; i < n; i++)
        if (gp_mailbox(mailboxes, i, GP_MAILBOX_DOMAIN).len == 0 ||
            gp_slice_present(gp_mailbox(mailboxes, i, GP_MAILBOX_GROUP)))
            return false;
    return n > 0 && malformed == 0;
}

static void check_from(struct findings *found)
{
    struct gp_header *header = gp_header_find(found->message, GP_S("From"), 0);

    if (header && found->self->from != OFF &&
        !is_mailboxes(found->call, gp_header_value(found->call, header)))
        fail_check(found, "from", found->self->from,
                   GP_S("The From field is malformed (RFC 5322 3.6.2)"));
}

static bool has_eight_bit(struct gp_slice value)
{
    for (size_t i = 0; i < value.len; i++)
        if ((unsigned char)value.data[i] >= 0x80)
            return true;
    return false;
}

static void check_eight_bit(struct findings *found)
{
    if (found->self->eight_bit == OFF || gp_mail_smtputf8(found->call))
        return;
    for (size_t i = 0; i < gp_header_count(found->message); i++) {
        if (!has_eight_bit(gp_header_raw(gp_header_at(found->message, i))))
            continue;
        fail_check(found, "eight_bit", found->self->eight_bit,
                   GP_S("The header has bytes that are not ASCII, without SMTPUTF8"));
        return;
    }
}

/* ---- rules ---- */

/* 1, 0, or GP_ELIMIT. */
static int rule_matches(const struct findings *found, const struct rule *rule)
{
    for (size_t i = 0; i < gp_header_count(found->message); i++) {
        struct gp_header *header = gp_header_at(found->message, i);
        int matches;

        if (!gp_slice_caseeq(gp_header_name(header), rule->header))
            continue;
        matches = gp_regex_match(rule->match, gp_header_text(found->call, header), NULL, 0);
        if (matches)
            return matches;
    }
    return 0;
}

static int add_field(const struct findings *found, struct gp_slice field)
{
    struct gp_slice value = field, name = gp_slice_split(&value, ':');

    return gp_header_add(found->call, found->message, GP_HEADER_TOP, name, gp_slice_trim(value));
}

/* 0, or -1 after gp_fail(). */
static int run_rule(struct findings *found, const struct rule *rule)
{
    int matches = rule->then == OFF ? 0 : rule_matches(found, rule), error = 0;

    if (matches == 0)
        return 0;
    if (matches < 0) {
        gp_fail(found->call, "rule /" GP_FMT "/: %s", GP_ARG(gp_regex_pattern(rule->match)),
                gp_strerror(matches));
        return -1;
    }
    note(found, "rule", rule->score);
    demand(found, (enum action)rule->then, rule->then == DEFER ? "451 4.7.1" : "550 5.7.1",
           rule->text.len ? rule->text : GP_S("This message is not wanted here"),
           rule->bucket.len ? rule->bucket : found->self->bucket);
    if (rule->add.len)
        error = add_field(found, rule->add);
    if (error)
        gp_fail(found->call, "\"" GP_FMT "\" could not be added: %s", GP_ARG(rule->add),
                gp_strerror(error));
    return error ? -1 : 0;
}

/* ---- the hook ---- */

static enum gp_verdict judge(const struct findings *found)
{
    switch (found->action) {
    case OFF:
    case NOTE:
        return GP_NEXT;
    case QUARANTINE:
        return gp_quarantine(found->call, found->bucket, GP_FMT, GP_ARG(found->text));
    case DEFER:
        return gp_defer(found->call, found->status, GP_FMT, GP_ARG(found->text));
    case REJECT:
        return gp_reject(found->call, found->status, GP_FMT, GP_ARG(found->text));
    }
    return gp_fail(found->call, "no action");
}

static enum gp_verdict on_headers(struct gp_call *call, void *self_)
{
    const struct header_rules *self = self_;
    struct findings found = {.call = call, .self = self, .message = gp_message(call)};
    int error;

    check_missing(&found);
    check_duplicates(&found);
    check_date(&found);
    check_from(&found);
    check_eight_bit(&found);
    for (size_t i = 0; i < gp_list_count(self->rules); i++)
        if (run_rule(&found, gp_list_at(self->rules, i)) < 0)
            return GP_FAIL;
    if (found.names.len)
        gp_log_field(call, "found", found.names);
    error = gp_note_set_milli(call, GP_NOTE_TRANSACTION, NULL, "score", found.score, 0);
    return error ? gp_fail(call, "note \"score\": %s", gp_strerror(error)) : judge(&found);
}

static bool is_score_name(struct gp_slice name)
{
    for (size_t i = 0; i < sizeof score_names / sizeof score_names[0]; i++)
        if (gp_slice_caseeq(name, gp_slice_of(score_names[i])))
            return true;
    return false;
}

/* RFC 5322 3.6.8: visible, and no colon. */
static bool is_field_name(struct gp_slice name)
{
    for (size_t i = 0; i < name.len; i++)
        if (name.data[i] <= ' ' || name.data[i] > '~' || name.data[i] == ':')
            return false;
    return name.len > 0;
}

/* "Name: value", on one line. */
static bool is_field(struct gp_slice field)
{
    struct gp_slice value = field;

    if (!is_field_name(gp_slice_split(&value, ':')) || !gp_slice_present(value))
        return false;
    for (size_t i = 0; i < value.len; i++)
        if ((unsigned char)value.data[i] < ' ' || value.data[i] == 0x7f)
            return false;
    return true;
}

static int bad_name(struct gp_call *call, const char *option, struct gp_slice name)
{
    gp_log(call, GP_LOG_ERROR, "%s: \"" GP_FMT "\" is no name of a header field", option,
           GP_ARG(name));
    return -1;
}

static int create(struct gp_call *call, void *self_)
{
    const struct header_rules *self = self_;

    for (size_t i = 0; i < gp_map_count(self->scores); i++) {
        struct gp_slice name = gp_map_key(self->scores, i);

        if (is_score_name(name))
            continue;
        gp_log(call, GP_LOG_ERROR, "scores: \"" GP_FMT "\" is no check", GP_ARG(name));
        return -1;
    }
    for (size_t i = 0; i < gp_map_count(self->missing); i++)
        if (!is_field_name(gp_map_key(self->missing, i)))
            return bad_name(call, "missing", gp_map_key(self->missing, i));
    for (size_t i = 0; i < gp_list_count(self->rules); i++) {
        const struct rule *rule = gp_list_at(self->rules, i);

        if (!is_field_name(rule->header))
            return bad_name(call, "rules: header", rule->header);
        if (rule->add.len == 0 || is_field(rule->add))
            continue;
        gp_log(call, GP_LOG_ERROR, "rules: \"" GP_FMT "\" is not \"Name: value\"",
               GP_ARG(rule->add));
        return -1;
    }
    return 0;
}

GP_HOOKS({GP_HOOK_HEADERS, on_headers});
GP_PLUGIN(.version = "1.0", .summary = "Checks of header fields, and rules on them",
          GP_USES_OPTIONS, GP_USES_HOOKS, .needs = GP_NEEDS_EDIT_HEADERS, .create = create);
