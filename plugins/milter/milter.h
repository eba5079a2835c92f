// SPDX-License-Identifier: Apache-2.0
/* What the files of this plugin share. */
#ifndef MILTER_MILTER_H
#define MILTER_MILTER_H

#include "wire.h"

#include <gatepost/plugin.h>

/* Commands of the protocol that have an answer, in the order of a session. */
enum milter_stage {
    MILTER_CONNECT = 0,
    MILTER_HELO,
    MILTER_MAIL,
    MILTER_RCPT,
    MILTER_DATA,
    MILTER_HEADER,
    MILTER_EOH,
    MILTER_BODY,
    MILTER_END,
    MILTER_UNKNOWN,
    MILTER_STAGES
};

/* Macros that are sent beside the usual ones, by command. */
struct milter_also {
    const struct gp_list *connect, *helo, *mail, *rcpt, *data, *eoh, *end;
};

/* A connection that has been negotiated. */
struct milter_line {
    struct milter_line *next; /* of the idle ones */
    struct gp_stream *stream;
    uint32_t version, actions, steps;
    struct milter_bytes symbols[MILTER_SYMBOL_LISTS]; /* names, parted by blanks; data NULL: ours */
    struct milter_bytes out, in;                      /* not sent yet; read, not looked at */
    size_t used;                                      /* of `in`, by the packet under way */
    bool reused;                                      /* it may have gone stale meanwhile */
    bool old;                                         /* idle since before the last tick */
    bool at_end; /* the last thing said was "continue" after a message: see milter_line_leave() */
};

/* The options, and the connections that wait for the next session. */
struct milter {
    struct gp_slice to, bucket;
    uint64_t connect_ms, command_ms, content_ms, end_ms;
    int64_t protocol, keep;
    uint64_t body_max;
    bool lookup;
    const struct gp_map *macros;
    struct milter_also also;
    struct milter_line *idle;
    int64_t n_idle;
};

/* A session, in its slot. */
struct milter_session {
    struct milter *self;
    struct milter_line *line; /* NULL: none yet, or it broke */
    bool busy;                /* a call of this session talks to it */
    bool named;               /* the client's name was looked up */
    bool said_helo;
    bool heard;    /* this connection has said something */
    bool in_mail;  /* the milter has a transaction open */
    bool over;     /* it wants to see no more of this session */
    bool done;     /* nor of this transaction */
    bool failed;   /* in this transaction (or before one) */
    bool discard;  /* the whole transaction, said at a recipient */
    unsigned skip; /* 1 << stage: no more of these in this transaction */
    const char *resolve;
    char name[256], pointer[256]; /* of the client; empty: unknown */
};

/* ---- line.c: connections ---- */

/* Takes an idle one, or connects and negotiates. 0, or -1 after milter_fail(). */
int milter_line_open(struct gp_call *call, struct milter_session *session);
void milter_line_free(struct milter_line **line_);

/* The session is over: says goodbye, and keeps the connection for the next one if it may. */
void milter_line_leave(struct milter *self, struct milter_line **line_);

/* Closes the kept connections that have been idle for a while (all: every one). */
void milter_idle_close(struct milter *self, bool all);

/* Sends what has gathered, if that is at least so much. 0 or an error. */
int milter_flush(struct gp_call *call, struct milter_line *line, size_t at_least);

/* The next packet, after the other side had so much time: 0, or an error (GP_EINVAL: none). */
int milter_receive(struct gp_call *call, struct milter_session *session, uint64_t ms,
                   char *letter_r, struct gp_slice *rest_r);

/* ---- talk.c: one command and its answer ---- */

/* Gives the milter up for this transaction, for a reason that is logged. */
enum gp_verdict milter_fail(struct gp_call *call, struct milter_session *session,
                            const char *format, ...) GP_PRINTF(3, 4);

/* Whether the milter wants to be told of it. */
bool milter_wants(const struct milter_session *session, enum milter_stage stage);

/*
 * The command has been put into line->out: sends it and waits for the answer, unless the milter
 * gives none. NEXT: go on, if the session's flags say so. `edits` (END): where changes go.
 */
struct milter_edits;
enum gp_verdict milter_answer(struct gp_call *call, struct milter_session *session,
                              enum milter_stage stage, struct milter_edits *edits);

/* ---- macros.c ---- */

/* Puts the macros of a command before it. */
void milter_macros(struct gp_call *call, struct milter_session *session, enum milter_stage stage);

/* ---- client.c ---- */

/* Fills in name, pointer and resolve, once a session; may wait. */
void milter_client_name(struct gp_call *call, struct milter_session *session);

/* ---- message.c, edits.c ---- */

/* Shows it the message, and does what it wants to be done with it. */
enum gp_verdict milter_message(struct gp_call *call, struct milter_session *session);

/* Changes that wait for the milter's last word. */
struct milter_edits {
    struct milter_bytes packets; /* as they came */
    size_t count;
    struct milter_bytes body; /* that replaces ours */
    bool has_body, quarantined;
    char last;        /* byte of the body */
    char reason[200]; /* for the quarantine */
};

/* Checks a change and keeps it. NULL, or what is wrong with it. */
const char *milter_edits_add(struct milter_edits *edits, const struct milter_session *session,
                             char letter, struct gp_slice rest);

/* The index of the field that our own server put in and no milter is told of; SIZE_MAX: none. */
size_t milter_own_field(struct gp_call *call);

/* Makes the changes. 0, or an error after which `what_r` says which. */
int milter_edits_apply(struct gp_call *call, struct milter_edits *edits, struct gp_slice *what_r);
void milter_edits_free(struct milter_edits *edits);

#endif
