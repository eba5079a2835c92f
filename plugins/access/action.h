// SPDX-License-Identifier: Apache-2.0
/* What an entry of a list says should be done: "reject 550 5.7.1 Go away", "trust". */
#ifndef ACCESS_ACTION_H
#define ACCESS_ACTION_H

#include <gatepost/plugin.h>

enum access_kind {
    ACCESS_REJECT = 0,
    ACCESS_DEFER,
    ACCESS_DISCONNECT,
    ACCESS_ACCEPT,
    ACCESS_TRUST,
    ACCESS_QUARANTINE,
    ACCESS_DISCARD,
    ACCESS_KIND_COUNT
};

struct access_action {
    enum access_kind kind;
    struct gp_slice status; /* "550 5.7.1"; empty: the default of the hook */
    struct gp_slice text;   /* of the reply, or the bucket; absent: the default */
};

/* Reads an entry; the action points into it. 0, or -1: no action. */
int access_action_parse(struct gp_slice entry, struct access_action *action_r);

/* "reject", "trust": for logs and counters. */
const char *access_kind_name(enum access_kind kind);

/* The verdict of an action; `list` names the list for the log. TRUST sets the note in `scope`. */
enum gp_verdict access_action_take(struct gp_call *call, const struct access_action *action,
                                   const char *list, enum gp_note_scope scope);

#endif
