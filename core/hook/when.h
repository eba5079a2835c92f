// SPDX-License-Identifier: Apache-2.0
/*
 * A condition of the configuration (`when:`, `match:`) as plain data: a tree of all, any, none and
 * facts. The configuration builds it, the hook layer evaluates it at each hook; it lives as long
 * as its generation and is never changed.
 *
 * A fact that is not known at a hook is false there, whether it is negated or not; `none` over it
 * is therefore true. Facts about recipients hold for each recipient of its own.
 */
#ifndef GP_HOOK_WHEN_H
#define GP_HOOK_WHEN_H

#include "core/base/ip.h"

#include <gatepost/hook.h>
#include <gatepost/slice.h>
#include <gatepost/types.h>

enum gp__fact {
    GP__FACT_AUTHENTICATED = 0, /* flag: AUTH succeeded in this session */
    GP__FACT_NOTE,        /* note: the note is set (and, if `is` is present, has that value) */
    GP__FACT_RECIPIENT,   /* patterns, tables */
    GP__FACT_SENDER,      /* patterns, tables; the null sender matches none */
    GP__FACT_CLIENT,      /* networks, tables: the client's IP address */
    GP__FACT_LISTENER,    /* patterns (names) */
    GP__FACT_HELO,        /* patterns (host names), tables */
    GP__FACT_TLS,         /* flag: the session is encrypted */
    GP__FACT_NULL_SENDER, /* flag: MAIL FROM:<> */
    GP__FACT_ROUTE,       /* patterns (names): the route that owns the recipient */
    GP__FACT_CLASS,       /* `class`: whose recipient it is */
    GP__FACT_SIZE_OVER,   /* `size` bytes: what MAIL declared, later the message itself */
    GP__FACT_RELAY,       /* flag: the transaction has the right to relay; only in routes */
    GP__FACT_USER,        /* patterns (names), tables: who logged in; nobody matches none */
    GP__FACT_TLS_CLIENT,  /* patterns (names), tables: whose certificate was verified */
    GP__FACT_COUNT
};

enum gp__class {
    GP__CLASS_NONE = 0, /* no route */
    GP__CLASS_OURS,     /* a route that names its recipients */
    GP__CLASS_RELAY,    /* only by right to relay */
};

/* How a pattern compares; the case of ASCII letters never counts, but in local parts of ADDRESS. A
 * domain is kept in A-labels. */
enum gp__pattern_kind {
    GP__PATTERN_NAME = 0,  /* the whole text */
    GP__PATTERN_ADDRESS,   /* local part and domain: "a@b" */
    GP__PATTERN_DOMAIN,    /* the domain, exactly */
    GP__PATTERN_SUBDOMAIN, /* any name below the domain; text is kept without the leading dot */
    GP__PATTERN_LOCAL,     /* the local part, at any domain: "postmaster" */
};

struct gp__pattern {
    enum gp__pattern_kind kind;
    struct gp_slice text;
};

enum gp__when_kind {
    GP__WHEN_ALL = 0, /* every child; true without children */
    GP__WHEN_ANY,     /* at least one child */
    GP__WHEN_NONE,    /* no child */
    GP__WHEN_FACT,
};

/* A fact holds when one of its patterns, networks or tables matches. A table is asked for the
 * whole value and then, for addresses, for the domain. A table that cannot answer is a failure of
 * the condition (4xx), not an answer. */
struct gp__when {
    enum gp__when_kind kind;
    const struct gp__when *const *children; /* ALL, ANY, NONE */
    size_t count;

    /* FACT */
    enum gp__fact fact;
    bool negate; /* recipient_not, sender_not, client_not */
    bool flag;   /* the wanted value of the facts that are yes or no */
    enum gp__class class;
    uint64_t size;
    struct gp_slice note, is; /* `is` is absent when any value will do */
    const struct gp__pattern *patterns;
    size_t n_patterns;
    const struct gp__network *networks;
    size_t n_networks;
    struct gp_table *const *tables;
    size_t n_tables;
};

/* The earliest hook point at which a fact is known. */
static inline enum gp_hook_point gp__fact_known_at(enum gp__fact fact)
{
    static const enum gp_hook_point known[GP__FACT_COUNT] = {
        [GP__FACT_AUTHENTICATED] = GP_HOOK_CONNECT,
        [GP__FACT_NOTE] = GP_HOOK_CONNECT,
        [GP__FACT_RECIPIENT] = GP_HOOK_RESOLVE,
        [GP__FACT_SENDER] = GP_HOOK_MAIL,
        [GP__FACT_CLIENT] = GP_HOOK_CONNECT,
        [GP__FACT_LISTENER] = GP_HOOK_CONNECT,
        [GP__FACT_HELO] = GP_HOOK_HELO,
        [GP__FACT_TLS] = GP_HOOK_CONNECT,
        [GP__FACT_NULL_SENDER] = GP_HOOK_MAIL,
        [GP__FACT_ROUTE] = GP_HOOK_RCPT,
        [GP__FACT_CLASS] = GP_HOOK_RCPT,
        [GP__FACT_SIZE_OVER] = GP_HOOK_MAIL,
        [GP__FACT_RELAY] = GP_HOOK_RESOLVE,
        [GP__FACT_USER] = GP_HOOK_CONNECT,
        [GP__FACT_TLS_CLIENT] = GP_HOOK_CONNECT,
    };

    return known[fact];
}

/* How far a session has come at a hook point, as the point of the main line whose facts it knows;
 * GP_HOOK_COUNT for a point outside of any session, at which no fact is known. */
static inline enum gp_hook_point gp__hook_knows(enum gp_hook_point point)
{
    switch (point) {
    case GP_HOOK_TICK:
        return GP_HOOK_COUNT;
    case GP_HOOK_ROUTE:
        return GP_HOOK_RESOLVE;
    case GP_HOOK_CAPABILITIES:
        return GP_HOOK_HELO;
    case GP_HOOK_COMMAND:
    case GP_HOOK_DISCONNECT:
    case GP_HOOK_RESET:
    case GP_HOOK_REJECTED: /* at any stage: whatever is known then */
    case GP_HOOK_RELEASE:
    case GP_HOOK_ACCEPTED:
    case GP_HOOK_ATTEMPT:
    case GP_HOOK_DELIVERED:
    case GP_HOOK_DEFERRED:
    case GP_HOOK_BOUNCED:
        return GP_HOOK_SEAL;
    case GP_HOOK_CONNECT:
    case GP_HOOK_TLS:
    case GP_HOOK_HELO:
    case GP_HOOK_AUTH:
    case GP_HOOK_MAIL:
    case GP_HOOK_RESOLVE:
    case GP_HOOK_RCPT:
    case GP_HOOK_DATA:
    case GP_HOOK_HEADERS:
    case GP_HOOK_BODY:
    case GP_HOOK_MESSAGE:
    case GP_HOOK_SEAL:
    case GP_HOOK_COUNT:
        return point;
    }
    return GP_HOOK_COUNT;
}

/* Whether the fact can be known at the hook point. */
static inline bool gp__fact_known(enum gp__fact fact, enum gp_hook_point point)
{
    enum gp_hook_point knows = gp__hook_knows(point);

    return knows != GP_HOOK_COUNT && gp__fact_known_at(fact) <= knows;
}

/* Whether the fact is about one recipient and not about the whole transaction. */
static inline bool gp__fact_of_recipient(enum gp__fact fact)
{
    return fact == GP__FACT_RECIPIENT || fact == GP__FACT_ROUTE || fact == GP__FACT_CLASS;
}

#endif
