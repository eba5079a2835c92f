// SPDX-License-Identifier: Apache-2.0
/* Set-associative tables: a key is one of the WAYS entries of its set, or not there. The own one is
 * written by nobody else; those of other workers are only read. */
#include "core/server/auth_guard.h"

#include "core/base/alloc.h"
#include "core/base/hash.h"

#define WAYS 8u

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

/* ---- numbers that other processes read ---- */

static uint64_t get(const _Atomic uint64_t *number)
{
    return atomic_load_explicit(number, memory_order_relaxed);
}

static void set(_Atomic uint64_t *number, uint64_t value)
{
    atomic_store_explicit(number, value, memory_order_relaxed);
}

/* Another process may have looked at the clock a little later. */
static uint64_t age_of(const struct gp__auth_guard_entry *entry, uint64_t now_ms)
{
    uint64_t at = get(&entry->at_ms);

    return now_ms > at ? now_ms - at : 0;
}

/* ---- the tables ---- */

static struct gp__auth_guard_entry *set_of(struct gp__auth_guard_entry *entries, size_t count,
                                           uint64_t key)
{
    return &entries[(key >> 1) * WAYS & (count - 1)];
}

static const struct gp__auth_guard_entry *find(struct gp__auth_guard_entry *entries, size_t count,
                                               uint64_t key, uint64_t now_ms, uint64_t lock_ms)
{
    const struct gp__auth_guard_entry *in;

    if (!entries || key == 0)
        return NULL;
    in = set_of(entries, count, key);
    for (unsigned i = 0; i < WAYS; i++)
        if (get(&in[i].key) == key && age_of(&in[i], now_ms) < lock_ms)
            return &in[i];
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

void gp__auth_guard_join(struct gp__auth_guard *guard, const struct gp__census *census)
{
    if (!census->head || census->own == GP__CENSUS_NONE)
        return;
    guard->census = census;
    guard->entries = gp__census_logins(census, census->own);
    guard->count = census->logins;
}

static void renew(struct gp__auth_guard_entry *entry, uint64_t key)
{
    set(&entry->failures, 0);
    set(&entry->key, key);
}

/* The entry of a key, or the one that gives way for it: free, or the one longest ago. */
static struct gp__auth_guard_entry *take(struct gp__auth_guard *guard,
                                         const struct gp__auth_guard_settings *settings,
                                         uint64_t key, uint64_t now_ms)
{
    struct gp__auth_guard_entry *in, *oldest;

    if (!guard->entries)
        create(guard, settings);
    oldest = in = set_of(guard->entries, guard->count, key);
    for (unsigned i = 0; i < WAYS; i++) {
        if (get(&in[i].key) == key) {
            oldest = &in[i];
            break;
        }
        if (get(&in[i].at_ms) < get(&oldest->at_ms))
            oldest = &in[i];
    }
    if (get(&oldest->key) != key || age_of(oldest, now_ms) >= settings->lock)
        renew(oldest, key);
    set(&oldest->at_ms, now_ms);
    return oldest;
}

static uint64_t failures_in(const struct gp__auth_guard_entry *entry)
{
    return entry ? get(&entry->failures) : 0;
}

/* The table of another worker, also of one that is gone: what failed stays. NULL: it is our own. */
static struct gp__auth_guard_entry *table_of(const struct gp__auth_guard *guard, uint32_t page)
{
    return page == guard->census->own ? NULL : gp__census_logins(guard->census, page);
}

static uint64_t failures_elsewhere(const struct gp__auth_guard *guard, uint64_t key,
                                   uint64_t now_ms, uint64_t lock_ms)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; guard->census && i < gp__census_used(guard->census); i++)
        sum += failures_in(find(table_of(guard, i), guard->count, key, now_ms, lock_ms));
    return sum;
}

static uint64_t failures_of(const struct gp__auth_guard *guard,
                            const struct gp__auth_guard_settings *settings, uint64_t key,
                            uint64_t now_ms)
{
    return failures_in(find(guard->entries, guard->count, key, now_ms, settings->lock)) +
           failures_elsewhere(guard, key, now_ms, settings->lock);
}

static bool is_there(const struct gp__auth_guard *guard, uint64_t key, uint64_t now_ms)
{
    bool there = find(guard->entries, guard->count, key, now_ms, UINT64_MAX);

    for (uint32_t i = 0; !there && guard->census && i < gp__census_used(guard->census); i++)
        there = find(table_of(guard, i), guard->count, key, now_ms, UINT64_MAX);
    return there;
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
        is_there(guard, key_of(PAIR, session, user), now_ms))
        return GP__AUTH_NOT_LOCKED;
    return GP__AUTH_USER_LOCKED;
}

static uint64_t count(struct gp__auth_guard *guard, const struct gp__auth_guard_settings *settings,
                      uint64_t key, uint64_t now_ms)
{
    struct gp__auth_guard_entry *entry;

    if (key == 0)
        return 0;
    entry = take(guard, settings, key, now_ms);
    set(&entry->failures, get(&entry->failures) + 1);
    return failures_of(guard, settings, key, now_ms);
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
        set(&take(guard, settings, pair, now_ms)->failures, 0);
}

void gp__auth_guard_free(struct gp__auth_guard *guard)
{
    if (!guard->census)
        gp__free(guard->entries);
    *guard = (struct gp__auth_guard){.count = 0};
}
