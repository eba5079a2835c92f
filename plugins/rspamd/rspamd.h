// SPDX-License-Identifier: Apache-2.0
/* What the files of this plugin share. */
#ifndef RSPAMD_H
#define RSPAMD_H

#include <gatepost/plugin.h>
#include <jansson.h>

/* What rspamd wants to be done, from weak to strong. */
enum action {
    ACTION_NONE = 0,
    ACTION_GREYLIST,
    ACTION_ADD_HEADER,
    ACTION_REWRITE_SUBJECT,
    ACTION_SOFT_REJECT,
    ACTION_REJECT,
    ACTION_COUNT
};

/* What we do about it. */
enum response {
    RESPONSE_NOTE = 0, /* the notes say it; nothing else */
    RESPONSE_MARK,     /* a header field, or another subject */
    RESPONSE_HOLD,
    RESPONSE_DEFER,
    RESPONSE_REJECT,
};

struct rspamd {
    struct gp_slice url;
    struct gp_slice password;
    struct gp_table *settings;
    int on[ACTION_COUNT]; /* enum response */
    bool headers;
    struct gp_slice mark;
    struct gp_slice hold;
};

/* An answer that was read; the texts lie in the JSON. */
struct reply {
    json_t *json;
    enum action action;
    int64_t score, required; /* thousandths */
    struct gp_slice text;    /* for the client; absent: none that can be sent */
    struct gp_slice subject; /* absent: none */
};

/* The request for a message as some of its recipients get it, all filled in (request.c). */
struct gp_http *rspamd_request(struct gp_call *call, const struct rspamd *self,
                               struct gp_recipient *const *recipients, size_t n,
                               struct gp_slice settings);

/* Reads an answer: 0, or -1 and *why_r says what is wrong with it. Give it back either way. */
int rspamd_reply_read(struct gp_http *http, struct reply *reply, const char **why_r);
void rspamd_reply_free(struct reply *reply);

/* Leaves score, required, action and symbols as notes; of the recipient, or (NULL) of the
 * transaction. 0, or an error. */
int rspamd_reply_note(struct gp_call *call, struct gp_recipient *recipient,
                      const struct reply *reply);

const char *rspamd_action_name(enum action action);

/* Adds and removes the header fields that the answer asks for; marks (edit.c). 0, or an error after
 * gp_fail(). */
int rspamd_edit(struct gp_call *call, const struct rspamd *self, struct gp_message *message,
                const struct reply *reply);

#endif
