// SPDX-License-Identifier: Apache-2.0
/*
 * What failed logins lead to: counts them by client address (IPv6: its /64) and by user name,
 * delays the reply to each a little longer, and locks an address or a name out for a while. A name
 * is not locked for addresses from which it has logged in, so that nobody else can lock somebody
 * out of their own account.
 *
 * Memory is bounded: a table of fixed size, where what failed longest ago gives way. Users that do
 * not exist are counted like those that do. One a server, shared by its listeners; workers sum what
 * each of them has counted.
 */
#ifndef GP_SERVER_AUTH_GUARD_H
#define GP_SERVER_AUTH_GUARD_H

#include "core/config/settings.h"
#include "core/base/census.h"
#include "core/smtp/session.h"

/* Zeroed: nothing happened. */
struct gp__auth_guard {
    struct gp__auth_guard_entry *entries; /* its own, or those of its page */
    size_t count;                         /* a power of two */
    const struct gp__census *census;      /* NULL: it counts alone */
};

/* Counts together with other workers from now on: before anything happened. The census stays. */
void gp__auth_guard_join(struct gp__auth_guard *guard, const struct gp__census *census);

enum gp__auth_lock {
    GP__AUTH_NOT_LOCKED = 0,
    GP__AUTH_CLIENT_LOCKED,
    GP__AUTH_USER_LOCKED,
};

/* Whether credentials are looked at now at all. */
enum gp__auth_lock gp__auth_guard_locked(const struct gp__auth_guard *guard,
                                         const struct gp__auth_guard_settings *settings,
                                         const struct gp_session *session, struct gp_slice user,
                                         uint64_t now_ms);

/* Counts a failure; how many ms its reply is to wait. */
uint64_t gp__auth_guard_failed(struct gp__auth_guard *guard,
                               const struct gp__auth_guard_settings *settings,
                               const struct gp_session *session, struct gp_slice user,
                               uint64_t now_ms);

/* Remembers where the user comes from. */
void gp__auth_guard_succeeded(struct gp__auth_guard *guard,
                              const struct gp__auth_guard_settings *settings,
                              const struct gp_session *session, struct gp_slice user,
                              uint64_t now_ms);

void gp__auth_guard_free(struct gp__auth_guard *guard);

#endif
