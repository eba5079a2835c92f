// SPDX-License-Identifier: Apache-2.0
/* A set-associative table: a key is one of the WAYS entries of its set, or not there. */
#include "core/server/auth_guard.h"

#include "core/base/alloc.h"
#include "core/base/hash.h"

#define WAYS 8u

struct gp__auth_guard_entry {
    uint64_t key; /* 0: free */
    uint64_t at_ms;
    uint64_t failures; /* of a pair: 0, it logged in */
};

/* ---- keys ---- */

enum what {
    CLIENT = 1,
    USER,
    PAIR, /* both */
};

/* 0 for a client without an address. Collisions of 64 keyed bits do not happen. */
static uint64_t key_of(enum what what, const struct gp_session *session, struct gp_slice user)
{
    const struct gp__ip *ip = &session->client_ip;
    char text[32 + GP__SASL_USER_MAX] = {(char)what};
    size_t len = 1;

    if (what != USER) {
        if (!ip->family)
            return 0;
        text[len++] = (char)ip->family;
        memcpy(text + len, ip->bytes, ip->family == 4 ? 4 : 8);
        len += ip->family == 4 ? 4 : 8;
    }
    if (what != CLIENT) {
        user = gp_slice_sub(user, 0, GP__SASL_USER_MAX);
        if (user.len == 0)
            return 0;
        memcpy(text + len, user.data, user.len);
        len += user.len;
    }
    return gp__hash_nocase(gp_slice(text, len)) | 1;
}

/* ---- the table ---- */

static struct gp__auth_guard_entry *set_of(const struct gp__auth_guard *guard, uint64_t key)
{
    return &guard->entries[(key >> 1) * WAYS & (guard->count - 1)];
}

static struct gp__auth_guard_entry *find(const struct gp__auth_guard *guard, uint64_t key,
                                         uint64_t now_ms, uint64_t lock_ms)
{
    struct gp__auth_guard_entry *set;

    if (!guard->entries || key == 0)
        return NULL;
    set = set_of(guard, key);
    for (unsigned i = 0; i < WAYS; i++)
        if (set[i].key == key && now_ms - set[i].at_ms < lock_ms)
            return &set[i];
    return NULL;
}

static void create(struct gp__auth_guard *guard, const struct gp__auth_guard_settings *settings)
{
    size_t count = WAYS;

    while (count < (size_t)settings->remembered)
        count *= 2;
    guard->entries = gp__alloc_array(count, sizeof *guard->entries);
    guard->count = count;
}

/* The entry of a key, or the one that gives way for it: free, or the one longest ago. */
static struct gp__auth_guard_entry *take(struct gp__auth_guard *guard,
                                         const struct gp__auth_guard_settings *settings,
                                         uint64_t key, uint64_t now_ms)
{
    struct gp__auth_guard_entry *set, *oldest;

    if (!guard->entries)
        create(guard, settings);
    oldest = set = set_of(guard, key);
    for (unsigned i = 0; i < WAYS; i++) {
        if (set[i].key == key) {
            oldest = &set[i];
            break;
        }
        if (set[i].at_ms < oldest->at_ms)
            oldest = &set[i];
    }
    if (oldest->key != key || now_ms - oldest->at_ms >= settings->lock)
        *oldest = (struct gp__auth_guard_entry){.key = key};
    oldest->at_ms = now_ms;
    return oldest;
}

static uint64_t failures_of(const struct gp__auth_guard *guard,
                            const struct gp__auth_guard_settings *settings, uint64_t key,
                            uint64_t now_ms)
{
    const struct gp__auth_guard_entry *entry = find(guard, key, now_ms, settings->lock);

    return entry ? entry->failures : 0;
}

/* ---- what it is for ---- */

enum gp__auth_lock gp__auth_guard_locked(const struct gp__auth_guard *guard,
                                         const struct gp__auth_guard_settings *settings,
                                         const struct gp_session *session, struct gp_slice user,
                                         uint64_t now_ms)
{
    uint64_t client = key_of(CLIENT, session, user), name = key_of(USER, session, user);

    if (failures_of(guard, settings, client, now_ms) >= (uint64_t)settings->client_failures)
        return GP__AUTH_CLIENT_LOCKED;
    if (failures_of(guard, settings, name, now_ms) < (uint64_t)settings->user_failures ||
        find(guard, key_of(PAIR, session, user), now_ms, UINT64_MAX))
        return GP__AUTH_NOT_LOCKED;
    return GP__AUTH_USER_LOCKED;
}

static uint64_t count(struct gp__auth_guard *guard, const struct gp__auth_guard_settings *settings,
                      uint64_t key, uint64_t now_ms)
{
    return key ? ++take(guard, settings, key, now_ms)->failures : 0;
}

uint64_t gp__auth_guard_failed(struct gp__auth_guard *guard,
                               const struct gp__auth_guard_settings *settings,
                               const struct gp_session *session, struct gp_slice user,
                               uint64_t now_ms)
{
    uint64_t n = count(guard, settings, key_of(CLIENT, session, user), now_ms);
    uint64_t of_user = count(guard, settings, key_of(USER, session, user), now_ms);
    uint64_t delay = settings->delay;

    for (n = n > of_user ? n : of_user; n > 1 && delay < settings->max_delay; n--)
        delay *= 2;
    return delay < settings->max_delay ? delay : settings->max_delay;
}

void gp__auth_guard_succeeded(struct gp__auth_guard *guard,
                              const struct gp__auth_guard_settings *settings,
                              const struct gp_session *session, struct gp_slice user,
                              uint64_t now_ms)
{
    uint64_t pair = key_of(PAIR, session, user);

    if (pair)
        take(guard, settings, pair, now_ms)->failures = 0;
}

void gp__auth_guard_free(struct gp__auth_guard *guard)
{
    GP__FREE(guard->entries);
    guard->count = 0;
}
