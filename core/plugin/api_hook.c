// SPDX-License-Identifier: Apache-2.0
/*
 * Verdicts with a text, judging recipients apart, answers of `command` and `capabilities`:
 * <gatepost/hook.h>. A verdict is noted in the call; what the hook returns says whether it counts.
 */
#include "core/plugin/api.h"

#include "core/base/ascii.h"
#include "core/hook/ruling.h"

/* An EHLO line of 512 bytes (RFC 5321 4.5.3.1.5) without "250-" and CRLF. */
#define CAPABILITY_MAX 500
#define CAPABILITIES_MAX ((size_t)100 << 10)

/* ---- verdicts with a reply ---- */

static enum gp_verdict note(struct gp_call *call, enum gp_verdict verdict, const char *status,
                            struct gp_slice text, int digit)
{
    struct gp__reply reply = {.code = 0};

    if (status && gp__reply_parse_status(gp_slice_of(status), &reply) < 0)
        gp__call_fault(call, "\"%.40s\" is no status for %s", status, gp__verdict_name(verdict));
    reply.text = text;
    if (!gp__reply_text_ok(text))
        gp__call_fault(call, "the text of %s is not fit for a reply", gp__verdict_name(verdict));
    else if (reply.code && (reply.code < 400 || !gp__reply_ok(&reply, digit)))
        gp__call_fault(call, "status %u does not fit %s", reply.code, gp__verdict_name(verdict));
    call->noted = (struct gp__ruling){
        .verdict = verdict,
        .reply = reply,
        .reason = text,
        .by = call->instance,
        .at = call->point,
    };
    return verdict;
}

#define NOTE(verdict, digit)                                                                       \
    do {                                                                                           \
        struct gp_slice text_;                                                                     \
        va_list args_;                                                                             \
        va_start(args_, format);                                                                   \
        text_ = gp__api_text(call, format, args_);                                                 \
        va_end(args_);                                                                             \
        note(call, verdict, status, text_, digit);                                                 \
    } while (0)

enum gp_verdict gp_reject(struct gp_call *call, const char *status, const char *format, ...)
{
    NOTE(GP_REJECT, '5');
    return GP_REJECT;
}

enum gp_verdict gp_defer(struct gp_call *call, const char *status, const char *format, ...)
{
    NOTE(GP_DEFER, '4');
    return GP_DEFER;
}

enum gp_verdict gp_disconnect(struct gp_call *call, const char *status, const char *format, ...)
{
    NOTE(GP_DISCONNECT, 0);
    return GP_DISCONNECT;
}

/* ---- verdicts with a reason ---- */

static void note_reason(struct gp_call *call, enum gp_verdict verdict, struct gp_slice reason)
{
    call->noted = (struct gp__ruling){
        .verdict = verdict,
        .reason = reason,
        .by = call->instance,
        .at = call->point,
    };
}

static bool is_bucket(struct gp_slice bucket)
{
    for (size_t i = 0; i < bucket.len; i++) {
        char c = bucket.data[i];

        if (!(c >= 'a' && c <= 'z') && !gp__is_digit(c) && c != '_' && c != '-')
            return false;
    }
    return bucket.len > 0 && bucket.len <= 64;
}

enum gp_verdict gp_quarantine(struct gp_call *call, struct gp_slice bucket, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    note_reason(call, GP_QUARANTINE, gp__api_text(call, format, args));
    va_end(args);
    if (!gp_slice_present(bucket) && bucket.len == 0)
        return GP_QUARANTINE; /* the default bucket */
    if (!gp__api_slice_ok(bucket) || !is_bucket(bucket))
        gp__api_misuse(call, "gp_quarantine", "the name of a bucket is a lower-case word");
    else
        call->noted.bucket = gp__arena_dup(gp__call_arena(call), bucket);
    return GP_QUARANTINE;
}

enum gp_verdict gp_discard(struct gp_call *call, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    note_reason(call, GP_DISCARD, gp__api_text(call, format, args));
    va_end(args);
    return GP_DISCARD;
}

enum gp_verdict gp_fail(struct gp_call *call, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    note_reason(call, GP_FAIL, gp__api_text(call, format, args));
    va_end(args);
    return GP_FAIL;
}

/* ---- judging one recipient apart ---- */

static int check_judge(struct gp_call *call, enum gp_verdict verdict)
{
    const struct gp__point *point = &gp__points[call->point];

    if (call->root->sticky)
        return call->root->sticky;
    if (call->root != call || point->context != GP__CONTEXT_MESSAGE || point->observer)
        return gp__call_fault(call, "gp_judge() is not allowed at %s, only from data to message",
                              point->name);
    if (!gp__verdict_legal(call->point, verdict) || verdict == GP_FAIL ||
        verdict == GP_DISCONNECT) {
        gp__call_fault(call, "gp_judge(): %s is no verdict on one recipient",
                       gp__verdict_name(verdict));
        return GP_EINVAL;
    }
    return 0;
}

static int check_ruling(struct gp_call *call, const struct gp__ruling *ruling)
{
    const struct gp__policy_settings *settings = call->session->policy->settings;

    if (gp_slice_present(call->fault))
        return GP_EINVAL;
    if (gp__ruling_well_formed(ruling, settings))
        return 0;
    return gp__api_misuse(call, "gp_judge",
                          ruling->verdict == GP_QUARANTINE ? "no such bucket in the configuration"
                                                           : "the verdict's reply is malformed");
}

int gp_judge(struct gp_call *call, struct gp_recipient *recipient, enum gp_verdict verdict)
{
    struct gp__ruling ruling = {.verdict = verdict}, *kept;
    size_t index = 0;
    int error = check_judge(call, verdict);

    if (!error)
        error = gp__api_in_scope(call, "gp_judge", recipient, &index);
    if (error)
        return error;
    if (call->noted.verdict == verdict)
        ruling = call->noted;
    ruling.by = call->instance;
    ruling.at = call->point;
    error = check_ruling(call, &ruling);
    if (error)
        return error;
    if (!call->judged)
        call->judged = GP__ARENA_ARRAY(gp__call_arena(call), struct gp__ruling *, call->n_scope);
    kept = GP__ARENA_NEW(gp__call_arena(call), struct gp__ruling);
    *kept = ruling;
    call->judged[index] = kept;
    /* Its text is used up: the hook's own verdict needs one of its own. */
    call->noted = (struct gp__ruling){.verdict = GP_NEXT};
    return 0;
}

/* ---- command ---- */

int gp_reply(struct gp_call *call, const char *status, const char *format, ...)
{
    struct gp__reply reply = {.code = 0};
    int error = gp__api_may_edit(call, "gp_reply", GP__EDIT_REPLY, 0);
    va_list args;

    if (error)
        return error;
    if (!status || gp__reply_parse_status(gp_slice_of(status), &reply) < 0)
        return gp__api_misuse(call, "gp_reply", "the status is a reply code, as in \"250 2.0.0\"");
    va_start(args, format);
    reply.text = gp__api_text(call, format, args);
    va_end(args);
    if (!gp__reply_ok(&reply, 0))
        return GP_EINVAL;
    call->reply = reply;
    return 0;
}

struct gp_slice gp_command_verb(struct gp_call *call)
{
    return call->verb;
}

struct gp_slice gp_command_argument(struct gp_call *call)
{
    return call->argument;
}

/* ---- capabilities: lines that end with LF ---- */

/* The keyword at the start (RFC 5321 4.1.1.1 ehlo-keyword); 0: none. */
static size_t keyword_len(struct gp_slice line)
{
    size_t i = 0;

    while (i < line.len && (gp__is_alnum(line.data[i]) || (i > 0 && line.data[i] == '-')))
        i++;
    return i;
}

/* Keyword, then parameters of graphic characters, each after one space. */
static bool is_capability(struct gp_slice line)
{
    size_t i = keyword_len(line);

    if (i == 0 || line.len > CAPABILITY_MAX)
        return false;
    while (i < line.len) {
        size_t start = ++i;

        if (line.data[start - 1] != ' ')
            return false;
        while (i < line.len && line.data[i] > ' ' && line.data[i] < 0x7f)
            i++;
        if (i == start)
            return false;
    }
    return true;
}

/* Takes the lines of that keyword out; whether there were any. */
static bool remove_keyword(struct gp_call *call, struct gp_slice keyword)
{
    struct gp__buf *lines = call->capabilities;
    struct gp_slice rest = gp__arena_dup(gp__call_arena(call), gp__buf_slice(lines));
    bool found = false;

    gp__buf_clear(lines);
    while (rest.len > 0) {
        struct gp_slice line = gp_slice_sub(rest, 0, gp_slice_find(rest, '\n') + 1);

        rest = gp_slice_sub(rest, line.len, rest.len);
        if (gp_slice_caseeq(gp_slice_sub(line, 0, keyword_len(line)), keyword))
            found = true;
        else
            (void)gp__buf_append(lines, line); /* it was in there before */
    }
    return found;
}

int gp_capability_add(struct gp_call *call, struct gp_slice line)
{
    int error = gp__api_may_edit(call, "gp_capability_add", GP__EDIT_CAPABILITY, 0);

    if (!error)
        error = gp__api_slice(call, "gp_capability_add", line);
    if (error)
        return error;
    if (!is_capability(line))
        return GP_EINVAL;
    if (call->shadow || !call->capabilities)
        return 0;
    if (call->capabilities->len + line.len > CAPABILITIES_MAX)
        return GP_ELIMIT;
    return gp__buf_printf(call->capabilities, GP_FMT "\n", GP_ARG(line)) < 0 ? GP_ELIMIT : 0;
}

int gp_capability_remove(struct gp_call *call, struct gp_slice keyword)
{
    int error = gp__api_may_edit(call, "gp_capability_remove", GP__EDIT_CAPABILITY, 0);

    if (!error)
        error = gp__api_slice(call, "gp_capability_remove", keyword);
    if (error)
        return error;
    if (keyword.len == 0 || keyword_len(keyword) != keyword.len)
        return GP_EINVAL;
    if (call->shadow || !call->capabilities)
        return 0;
    return remove_keyword(call, keyword) ? 0 : GP_ENOTFOUND;
}

/* ---- rejected ---- */

struct gp_slice gp_rejected_by(struct gp_call *call)
{
    if (!call->rejected)
        return gp_slice(NULL, 0);
    return call->rejected->by ? call->rejected->by->id : GP_S("core");
}

enum gp_hook_point gp_rejected_at(struct gp_call *call)
{
    return call->rejected ? call->rejected->at : call->point;
}

struct gp_slice gp_rejected_reply(struct gp_call *call)
{
    if (!call->rejected)
        return gp_slice(NULL, 0);
    return gp__reply_format(gp__call_arena(call), &call->rejected->reply);
}
