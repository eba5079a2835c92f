// SPDX-License-Identifier: Apache-2.0
/* The answer: JSON from another program, taken for as hostile as any. */
#include "rspamd.h"

#include <stdio.h>

#define SCORE_MAX 1000000.0 /* what is beyond it is cut */
#define TEXT_MAX 400        /* of a reply line */
#define SYMBOLS_MAX 4000    /* bytes of the note */

static const char *const action_names[ACTION_COUNT] = {
    [ACTION_NONE] = "no action",          [ACTION_GREYLIST] = "greylist",
    [ACTION_ADD_HEADER] = "add header",   [ACTION_REWRITE_SUBJECT] = "rewrite subject",
    [ACTION_SOFT_REJECT] = "soft reject", [ACTION_REJECT] = "reject",
};

const char *rspamd_action_name(enum action action)
{
    return action_names[action];
}

/* ---- reading ---- */

static int64_t milli(const json_t *number)
{
    double value = json_number_value(number);

    if (value > SCORE_MAX)
        value = SCORE_MAX;
    if (value < -SCORE_MAX)
        value = -SCORE_MAX;
    return (int64_t)(value * 1000 + (value < 0 ? -0.5 : 0.5));
}

static struct gp_slice text(const json_t *string)
{
    return json_is_string(string) ? gp_slice(json_string_value(string), json_string_length(string))
                                  : gp_slice(NULL, 0);
}

/* One line that may be sent to a client as it is; else absent. */
static struct gp_slice reply_text(const json_t *string)
{
    struct gp_slice line = text(string);

    if (line.len == 0 || line.len > TEXT_MAX)
        return gp_slice(NULL, 0);
    for (size_t i = 0; i < line.len; i++)
        if (line.data[i] < ' ' || line.data[i] > '~')
            return gp_slice(NULL, 0);
    return line;
}

static int read_action(const json_t *name, enum action *action_r)
{
    for (int i = 0; i < ACTION_COUNT; i++) {
        if (gp_slice_eq(text(name), gp_slice_of(action_names[i]))) {
            *action_r = (enum action)i;
            return 0;
        }
    }
    return -1;
}

int rspamd_reply_read(struct gp_http *http, struct reply *reply, const char **why_r)
{
    struct gp_slice bytes = gp_http_response(http);
    json_error_t error;

    *reply = (struct reply){.json = NULL};
    *why_r = "its answer nests too deep";
    if (!gp_json_is_shallow(bytes))
        return -1;
    *why_r = "its answer is not JSON";
    reply->json = json_loadb(bytes.data, bytes.len, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(reply->json))
        return -1;
    *why_r = "its answer has no action that is known";
    if (read_action(json_object_get(reply->json, "action"), &reply->action) < 0)
        return -1;
    *why_r = "its answer has no score";
    if (!json_is_number(json_object_get(reply->json, "score")))
        return -1;
    reply->score = milli(json_object_get(reply->json, "score"));
    reply->required = milli(json_object_get(reply->json, "required_score"));
    reply->subject = text(json_object_get(reply->json, "subject"));
    reply->text = reply_text(
        json_object_get(json_object_get(reply->json, "messages"), "smtp_message"));
    return 0;
}

void rspamd_reply_free(struct reply *reply)
{
    json_decref(reply->json);
    reply->json = NULL;
}

/* ---- notes ---- */

/* "BAYES_SPAM(5.1) R_DKIM_REJECT(1)"; those that do not fit are left out. */
static size_t list_symbols(json_t *symbols, char out[SYMBOLS_MAX])
{
    const char *name;
    json_t *symbol;
    size_t len = 0;

    json_object_foreach(symbols, name, symbol)
    {
        int64_t score = milli(json_object_get(symbol, "score"));
        int n = snprintf(out + len, SYMBOLS_MAX - len, "%s%s(%.4g)", len ? " " : "", name,
                         (double)score / 1000);

        if (n < 0 || (size_t)n >= SYMBOLS_MAX - len)
            break;
        len += (size_t)n;
    }
    return len;
}

int rspamd_reply_note(struct gp_call *call, struct gp_recipient *recipient,
                      const struct reply *reply)
{
    enum gp_note_scope scope = recipient ? GP_NOTE_RECIPIENT : GP_NOTE_TRANSACTION;
    char symbols[SYMBOLS_MAX];
    size_t len = list_symbols(json_object_get(reply->json, "symbols"), symbols);
    int error = gp_note_set_milli(call, scope, recipient, "score", reply->score, 0);

    if (!error)
        error = gp_note_set_milli(call, scope, recipient, "required", reply->required, 0);
    if (!error)
        error = gp_note_set(call, scope, recipient, "action",
                            gp_slice_of(action_names[reply->action]), 0);
    if (!error)
        error = gp_note_set(call, scope, recipient, "symbols", gp_slice(symbols, len), 0);
    return error;
}
