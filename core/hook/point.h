// SPDX-License-Identifier: Apache-2.0
/*
 * The one table of hook points: context, legal verdicts, legal edits, whether a hook may wait.
 * The chain runner checks answers and edits against it, and docs/hooks.md is made from it.
 */
#ifndef GP_HOOK_POINT_H
#define GP_HOOK_POINT_H

#include <gatepost/plugin.h>
#include <stdbool.h>

/* What a call of this point is about, and so what a refusal covers. */
enum gp__point_context {
    GP__CONTEXT_NONE = 0,    /* no session: tick, create */
    GP__CONTEXT_SESSION,     /* connect, helo … */
    GP__CONTEXT_TRANSACTION, /* mail */
    GP__CONTEXT_RECIPIENT,   /* resolve, rcpt */
    GP__CONTEXT_MESSAGE,     /* data, headers, body, message: all recipients in scope */
    GP__CONTEXT_COPY,        /* seal */
    GP__CONTEXT_DELIVERY,    /* route, attempt … */
};

/* Kinds of edits, as a bit set. */
enum gp__edit_right {
    GP__EDIT_SENDER = 1 << 0,
    GP__EDIT_REWRITE = 1 << 1, /* gp_rcpt_rewrite, gp_rcpt_replace */
    GP__EDIT_ADD_RCPT = 1 << 2,
    GP__EDIT_HEADERS = 1 << 3,
    GP__EDIT_BODY = 1 << 4,
    GP__EDIT_COPY = 1 << 5,
    GP__EDIT_DRAFT = 1 << 6,
    GP__EDIT_RELAY = 1 << 7,
    GP__EDIT_CAPABILITY = 1 << 8,
    GP__EDIT_REPLY = 1 << 9,  /* gp_reply */
    GP__EDIT_ROUTE = 1 << 10, /* gp_route_to */
};

struct gp__point {
    const char *name;
    enum gp__point_context context;
    unsigned verdicts; /* bit set of 1 << enum gp_verdict */
    unsigned edits;    /* enum gp__edit_right */
    bool waits;
    bool observer; /* the answer is ignored, and the hook runs even when the client left */
    const char *when;
};

extern const struct gp__point gp__points[GP_HOOK_COUNT];

/* The point of that name, or -1. */
int gp__point_find(struct gp_slice name);

/* "next", "reject" …, "invalid" for what is no verdict. */
const char *gp__verdict_name(enum gp_verdict verdict);

static inline bool gp__verdict_is_stop(enum gp_verdict verdict)
{
    return verdict >= GP_DISCARD && verdict <= GP_DISCONNECT;
}

/* The order of force over all stages (semantics: REJECT > DEFER > DISCARD > QUARANTINE). */
int gp__verdict_force(enum gp_verdict verdict);

/* Whether the answer is legal at that point. */
bool gp__verdict_legal(enum gp_hook_point point, enum gp_verdict verdict);

#endif
