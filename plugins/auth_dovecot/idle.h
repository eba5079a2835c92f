// SPDX-License-Identifier: Apache-2.0
/*
 * Connections that wait for the next question, the one used last on top; those that nobody needed for
 * a while are closed. Part of auth_dovecot and auth_sql: the connection is a struct of theirs whose
 * first member is the link. One thread.
 */
#ifndef AUTH_DOVECOT_IDLE_H
#define AUTH_DOVECOT_IDLE_H

#include <stdbool.h>
#include <stdint.h>

struct idle_link {
    struct idle_link *next;
    bool reused; /* it was idle, and may have gone stale */
    bool old;    /* idle since before the last idle_expire() */
};

struct idle {
    struct idle_link *top;
    int64_t count;
};

/* NULL: there is none. */
struct idle_link *idle_take(struct idle *idle);

/* Whether it is kept; if not, the caller closes it. */
bool idle_keep(struct idle *idle, struct idle_link *link, int64_t most);

/* Closes those that have been idle since the last call, or all. */
void idle_expire(struct idle *idle, void (*close)(struct idle_link *link));
void idle_close(struct idle *idle, void (*close)(struct idle_link *link));

#endif
