// SPDX-License-Identifier: Apache-2.0
/*
 * Entries are short texts of an operator: a word, and after it what belongs to it. Whatever is not
 * understood is an error, never "no action".
 */
#include "action.h"

static const char *const kind_names[ACCESS_KIND_COUNT] = {
    [ACCESS_REJECT] = "reject",   [ACCESS_DEFER] = "defer", [ACCESS_DISCONNECT] = "disconnect",
    [ACCESS_ACCEPT] = "accept",   [ACCESS_TRUST] = "trust", [ACCESS_QUARANTINE] = "quarantine",
    [ACCESS_DISCARD] = "discard",
};

const char *access_kind_name(enum access_kind kind)
{
    return kind_names[kind];
}

/* ---- reading ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_code(struct gp_slice word)
{
    return word.len == 3 && is_digit(word.data[0]) && is_digit(word.data[1]) &&
           is_digit(word.data[2]);
}

/* An enhanced status code (RFC 3463 2): digits and two dots. */
static bool is_enhanced(struct gp_slice word)
{
    size_t dots = 0;

    for (size_t i = 0; i < word.len; i++) {
        if (word.data[i] != '.' && !is_digit(word.data[i]))
            return false;
        dots += word.data[i] == '.';
    }
    return dots == 2 && word.len >= 5;
}

static struct gp_slice first_word(struct gp_slice text)
{
    return gp_slice_sub(text, 0, gp_slice_find(text, ' '));
}

static bool fits(enum access_kind kind, char digit)
{
    return (digit == '5' && kind != ACCESS_DEFER) || (digit == '4' && kind != ACCESS_REJECT);
}

/* "550 5.7.1 Text", "550 Text" or "Text". */
static int parse_reply(struct gp_slice text, struct access_action *action)
{
    struct gp_slice code = first_word(text), enhanced;
    size_t len = code.len;

    if (!is_code(code)) {
        action->text = text;
        return 0;
    }
    enhanced = first_word(gp_slice_sub(text, len + 1, text.len));
    if (is_enhanced(enhanced))
        len += 1 + enhanced.len;
    if (!fits(action->kind, code.data[0]) || (len > code.len && enhanced.data[0] != code.data[0]))
        return -1;
    action->status = gp_slice_sub(text, 0, len);
    action->text = gp_slice_trim(gp_slice_sub(text, len, text.len));
    return 0;
}

int access_action_parse(struct gp_slice entry, struct access_action *action_r)
{
    struct gp_slice text = gp_slice_trim(entry), word = first_word(text);
    struct gp_slice rest = gp_slice_trim(gp_slice_sub(text, word.len, text.len));
    int kind = 0;

    while (kind < ACCESS_KIND_COUNT && !gp_slice_caseeq(word, gp_slice_of(kind_names[kind])))
        kind++;
    *action_r = (struct access_action){.kind = (enum access_kind)kind};
    switch (action_r->kind) {
    case ACCESS_REJECT:
    case ACCESS_DEFER:
    case ACCESS_DISCONNECT:
        return parse_reply(rest, action_r);
    case ACCESS_QUARANTINE:
        action_r->text = rest.len ? rest : gp_slice(NULL, 0);
        return 0;
    case ACCESS_ACCEPT:
    case ACCESS_TRUST:
    case ACCESS_DISCARD:
        return rest.len ? -1 : 0;
    case ACCESS_KIND_COUNT:
        break;
    }
    return -1;
}

/* ---- doing ---- */

/* For gp_reject() and its kin, which take a C string. */
static const char *status_of(struct gp_call *call, const struct access_action *action)
{
    if (action->status.len == 0)
        return NULL;
    return gp_format(call, GP_FMT, GP_ARG(action->status)).data;
}

static struct gp_slice text_of(const struct access_action *action, struct gp_slice otherwise)
{
    return action->text.len ? action->text : otherwise;
}

static enum gp_verdict trust(struct gp_call *call, enum gp_note_scope scope)
{
    int error = gp_note_set_int(call, scope, NULL, "trusted", 1, 0);

    return error ? gp_fail(call, "note \"trusted\": %s", gp_strerror(error)) : GP_NEXT;
}

enum gp_verdict access_action_take(struct gp_call *call, const struct access_action *action,
                                   const char *list, enum gp_note_scope scope)
{
    const char *status = status_of(call, action);
    struct gp_slice text;

    gp_log_field(call, "list", gp_slice_of(list));
    gp_log_field(call, "action", gp_slice_of(kind_names[action->kind]));
    gp_count(call, kind_names[action->kind], 1);
    switch (action->kind) {
    case ACCESS_REJECT:
        text = text_of(action, GP_S("Refused by policy"));
        return gp_reject(call, status, GP_FMT, GP_ARG(text));
    case ACCESS_DEFER:
        text = text_of(action, GP_S("Not now, try again later"));
        return gp_defer(call, status, GP_FMT, GP_ARG(text));
    case ACCESS_DISCONNECT:
        text = text_of(action, GP_S("Closing the connection"));
        return gp_disconnect(call, status, GP_FMT, GP_ARG(text));
    case ACCESS_ACCEPT:
        return GP_ACCEPT;
    case ACCESS_TRUST:
        return trust(call, scope);
    case ACCESS_QUARANTINE:
        return gp_quarantine(call, action->text, "on the list of %s", list);
    case ACCESS_DISCARD:
        return gp_discard(call, "on the list of %s", list);
    case ACCESS_KIND_COUNT:
        break;
    }
    return gp_fail(call, "no action");
}
