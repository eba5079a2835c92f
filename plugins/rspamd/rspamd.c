// SPDX-License-Identifier: Apache-2.0
/*
 * Has rspamd judge a message, over HTTP. All recipients are asked about at once; where `settings`
 * gives them different settings of rspamd, those with the same settings are, each group gets its
 * own verdict and edits, and all groups are asked about at the same time.
 */
#include "rspamd.h"

#define GROUPS_MAX 16

static const char *const mark_names[] = {"note", "mark", "hold", NULL};
static const char *const defer_names[] = {"note", "mark", "hold", "defer", NULL};
static const char *const reject_names[] = {"note", "mark", "hold", "defer", "reject", NULL};

GP_OPTIONS(
    struct rspamd,
    GP_OPTION_STRING("url", struct rspamd, url, "http://127.0.0.1:11333",
                     "Where rspamd's normal or proxy worker listens.",
                     .flags = GP_OPTION_NOT_EMPTY),
    GP_OPTION_SECRET("password", struct rspamd, password, GP_OPTIONAL,
                     "Sent along, for a worker that wants one."),
    GP_OPTION_TABLE("settings", struct rspamd, settings, GP_OPTIONAL,
                    "Settings ids by recipient: address, domain, .domain or local part with @."),
    GP_OPTION_ENUM("reject", struct rspamd, on[ACTION_REJECT], reject_names, "reject",
                   "What happens when rspamd says `reject`."),
    GP_OPTION_ENUM("soft_reject", struct rspamd, on[ACTION_SOFT_REJECT], defer_names, "defer",
                   "What happens when it says `soft reject`."),
    GP_OPTION_ENUM("rewrite_subject", struct rspamd, on[ACTION_REWRITE_SUBJECT], mark_names, "mark",
                   "When it says `rewrite subject`; `mark` puts in the subject it gives."),
    GP_OPTION_ENUM("add_header", struct rspamd, on[ACTION_ADD_HEADER], mark_names, "mark",
                   "When it says `add header`."),
    GP_OPTION_ENUM("greylist", struct rspamd, on[ACTION_GREYLIST], defer_names, "note",
                   "When it says `greylist`: Gatepost has a plugin of its own for that."),
    GP_OPTION_BOOL("headers", struct rspamd, headers, "true",
                   "Whether header fields are added and removed as it says."),
    GP_OPTION_STRING("mark", struct rspamd, mark, "X-Spam: Yes", "The field that `mark` adds.",
                     .flags = GP_OPTION_NOT_EMPTY),
    GP_OPTION_STRING("hold", struct rspamd, hold, GP_OPTIONAL,
                     "Bucket of what is held; else the default one.",
                     .flags = GP_OPTION_NOT_EMPTY));

/* Recipients that rspamd is asked about together. */
struct group {
    struct gp_slice settings;
    char key;                         /* of its copy */
    struct gp_recipient **recipients; /* room for all */
    size_t n;
    struct gp_http *http;
    struct gp_op *op;
};

/* ---- groups ---- */

/* 0, or an error after gp_fail(). */
static int settings_of(struct gp_call *call, const struct rspamd *self,
                       const struct gp_recipient *recipient, struct gp_slice *settings_r)
{
    int found = GP_ENOTFOUND;

    *settings_r = GP_S("");
    if (self->settings)
        found = gp_table_lookup_address(call, self->settings, gp_rcpt_address(recipient),
                                        settings_r);
    if (found == GP_OK || found == GP_ENOTFOUND)
        return 0;
    gp_fail(call, "table " GP_FMT ": %s", GP_ARG(gp_table_name(self->settings)),
            gp_strerror(found));
    return found;
}

/* The group with these settings, a new one if need be; NULL after gp_fail(). */
static struct group *group_of(struct gp_call *call, struct group *groups, size_t *n,
                              struct gp_slice settings)
{
    struct group *group;

    for (size_t i = 0; i < *n; i++)
        if (gp_slice_eq(groups[i].settings, settings))
            return &groups[i];
    if (*n == GROUPS_MAX) {
        gp_fail(call, "recipients with more than %d different settings", GROUPS_MAX);
        return NULL;
    }
    group = &groups[*n];
    group->key = (char)('a' + *n);
    group->settings = settings;
    group->recipients = gp_alloc(call, gp_rcpt_count(call) * sizeof *group->recipients);
    if (!group->recipients) {
        gp_fail(call, "out of memory");
        return NULL;
    }
    ++*n;
    return group;
}

/* How many, or an error after gp_fail(). */
static int make_groups(struct gp_call *call, const struct rspamd *self, struct group *groups)
{
    size_t n = 0;

    for (size_t i = 0; i < gp_rcpt_count(call); i++) {
        struct gp_recipient *recipient = gp_rcpt_at(call, i);
        struct gp_slice settings;
        struct group *group;
        int error = settings_of(call, self, recipient, &settings);

        if (error)
            return error;
        group = group_of(call, groups, &n, settings);
        if (!group)
            return GP_ELIMIT;
        group->recipients[group->n++] = recipient;
    }
    return (int)n;
}

/* ---- verdicts ---- */

static const char *const counters[ACTION_COUNT] = {
    [ACTION_NONE] = "no_action",          [ACTION_GREYLIST] = "greylist",
    [ACTION_ADD_HEADER] = "add_header",   [ACTION_REWRITE_SUBJECT] = "rewrite_subject",
    [ACTION_SOFT_REJECT] = "soft_reject", [ACTION_REJECT] = "reject",
};

static struct gp_slice said(const struct reply *reply, struct gp_slice otherwise)
{
    return gp_slice_present(reply->text) ? reply->text : otherwise;
}

static enum gp_verdict verdict_of(struct gp_call *call, const struct rspamd *self,
                                  const struct reply *reply)
{
    switch ((enum response)self->on[reply->action]) {
    case RESPONSE_NOTE:
    case RESPONSE_MARK:
        return GP_NEXT;
    case RESPONSE_HOLD:
        return gp_quarantine(call, self->hold, "rspamd: %s, score " GP_FMT " of " GP_FMT,
                             rspamd_action_name(reply->action),
                             GP_ARG(gp_milli_text(call, reply->score)),
                             GP_ARG(gp_milli_text(call, reply->required)));
    case RESPONSE_DEFER:
        return gp_defer(call, "451 4.7.1", GP_FMT, GP_ARG(said(reply, GP_S("Try again later"))));
    case RESPONSE_REJECT:
        return gp_reject(call, "550 5.7.1", GP_FMT,
                         GP_ARG(said(reply, GP_S("This message looks like spam"))));
    }
    return gp_fail(call, "an action without a response");
}

/* The message that edits for the group go to; NULL after gp_fail(). */
static struct gp_message *message_of(struct gp_call *call, const struct group *group, bool alone)
{
    struct gp_copy *copy = NULL;

    if (alone)
        return gp_message(call);
    for (size_t i = 0; i < group->n; i++) {
        int error = gp_copy(call, group->recipients[i], gp_slice(&group->key, 1), &copy);

        if (error) {
            gp_fail(call, "no copy could be had: %s", gp_strerror(error));
            return NULL;
        }
    }
    return gp_copy_message(copy);
}

/* What the answer about a group means for each of its recipients. 0, or an error after gp_fail(). */
static int judge_each(struct gp_call *call, const struct rspamd *self, const struct group *group,
                      const struct reply *reply)
{
    for (size_t i = 0; i < group->n; i++) {
        enum gp_verdict verdict = verdict_of(call, self, reply);
        int error = rspamd_reply_note(call, group->recipients[i], reply);

        if (!error && verdict != GP_NEXT)
            error = gp_judge(call, group->recipients[i], verdict);
        if (error) {
            gp_fail(call, "its answer could not be applied: %s", gp_strerror(error));
            return error;
        }
    }
    return 0;
}

/* The same when it is about all of them. */
static enum gp_verdict judge_all(struct gp_call *call, const struct rspamd *self,
                                 const struct reply *reply)
{
    int error = rspamd_reply_note(call, NULL, reply);

    return error ? gp_fail(call, "its answer could not be noted: %s", gp_strerror(error))
                 : verdict_of(call, self, reply);
}

static enum gp_verdict apply(struct gp_call *call, const struct rspamd *self,
                             const struct group *group, bool alone, const struct reply *reply)
{
    struct gp_message *message = message_of(call, group, alone);

    if (!message || rspamd_edit(call, self, message, reply))
        return GP_FAIL;
    gp_count(call, counters[reply->action], 1);
    if (alone)
        return judge_all(call, self, reply);
    return judge_each(call, self, group, reply) ? GP_FAIL : GP_NEXT;
}

/* ---- asking ---- */

static enum gp_verdict failed(struct gp_call *call, const struct group *group, int error)
{
    const char *why = gp_http_error(group->http);

    return gp_fail(call, "%s", why[0] ? why : gp_strerror(error));
}

static enum gp_verdict finish(struct gp_call *call, const struct rspamd *self, struct group *group,
                              bool alone)
{
    int error = gp_wait(call, group->op);
    enum gp_verdict verdict;
    struct reply reply;
    const char *why;

    if (error)
        return failed(call, group, error);
    if (gp_http_status(group->http) != 200)
        return gp_fail(call, "it answered HTTP %u", gp_http_status(group->http));
    if (rspamd_reply_read(group->http, &reply, &why) < 0)
        verdict = gp_fail(call, "%s", why);
    else
        verdict = apply(call, self, group, alone, &reply);
    rspamd_reply_free(&reply);
    return verdict;
}

static enum gp_verdict on_message(struct gp_call *call, void *self)
{
    struct group groups[GROUPS_MAX] = {{.n = 0}};
    enum gp_verdict verdict = GP_NEXT;
    int n = make_groups(call, self, groups);

    if (n < 0)
        return GP_FAIL;
    for (int i = 0; i < n; i++) {
        groups[i].http = rspamd_request(call, self, groups[i].recipients, groups[i].n,
                                        groups[i].settings);
        groups[i].op = gp_http_start(groups[i].http);
    }
    for (int i = 0; i < n && verdict != GP_FAIL; i++)
        verdict = finish(call, self, &groups[i], n == 1);
    return verdict;
}

/* ---- life ---- */

static int create(struct gp_call *call, void *self_)
{
    const struct rspamd *self = self_;
    struct gp_slice mark = self->mark;

    if (!gp_slice_starts(self->url, GP_S("http://")) &&
        !gp_slice_starts(self->url, GP_S("https://"))) {
        gp_log(call, GP_LOG_ERROR, "url: \"" GP_FMT "\" is not an http or https URL",
               GP_ARG(self->url));
        return -1;
    }
    if (gp_slice_find(mark, ':') == mark.len || gp_slice_find(mark, ':') == 0) {
        gp_log(call, GP_LOG_ERROR, "mark: \"" GP_FMT "\" is not a header field (Name: value)",
               GP_ARG(mark));
        return -1;
    }
    return 0;
}

GP_HOOKS({GP_HOOK_MESSAGE, on_message});
GP_PLUGIN(.version = "1.0", .summary = "Has rspamd judge messages", GP_USES_OPTIONS, GP_USES_HOOKS,
          .needs = GP_NEEDS_NETWORK | GP_NEEDS_EDIT_HEADERS, .deadline_ms = 30000,
          .create = create);
