// SPDX-License-Identifier: Apache-2.0
#include "sdk/kit/state.h"

#include "core/base/alloc.h"
#include "sdk/kit/kit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- the table ---- */

static struct gp_slice key_of(const struct gp__kit_state_entry *entry)
{
    return gp_slice(entry->key, entry->key_len);
}

/* Where the key is, or belongs. */
static size_t place_of(const struct gp__kit_state *state, struct gp_slice key)
{
    size_t low = 0, high = state->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (gp_slice_cmp(key_of(&state->entries[middle]), key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void drop(struct gp__kit_state *state, size_t at)
{
    gp__free(state->entries[at].key);
    memmove(&state->entries[at], &state->entries[at + 1],
            (--state->count - at) * sizeof *state->entries);
}

/* The entry, if it still lives. */
static struct gp__kit_state_entry *find(struct gp__kit_state *state, struct gp_slice key,
                                        int64_t now_ms)
{
    size_t at = place_of(state, key);

    if (at == state->count || !gp_slice_eq(key_of(&state->entries[at]), key))
        return NULL;
    if (state->entries[at].until_ms > now_ms)
        return &state->entries[at];
    drop(state, at);
    return NULL;
}

void gp__kit_state_set(struct gp__kit_state *state, struct gp_slice key, struct gp_slice value,
                       int64_t until_ms)
{
    struct gp__kit_state_entry *entry = find(state, key, INT64_MIN);
    char *bytes = gp__alloc(key.len + value.len + 1);
    size_t at;

    if (entry)
        drop(state, (size_t)(entry - state->entries));
    memcpy(bytes, key.data, key.len);
    if (value.len)
        memcpy(bytes + key.len, value.data, value.len);
    GP__GROW(state->entries, state->cap, state->count + 1);
    at = place_of(state, key);
    memmove(&state->entries[at + 1], &state->entries[at],
            (state->count++ - at) * sizeof *state->entries);
    state->entries[at] = (struct gp__kit_state_entry){bytes, bytes + key.len, key.len, value.len,
                                                      until_ms};
}

struct gp_slice gp__kit_state_find(struct gp__kit_state *state, struct gp_slice key, int64_t now_ms)
{
    const struct gp__kit_state_entry *entry = find(state, key, now_ms);

    return entry ? gp_slice(entry->value, entry->value_len) : gp_slice(NULL, 0);
}

void gp__kit_state_free(struct gp__kit_state *state)
{
    while (state->count)
        drop(state, state->count - 1);
    GP__FREE(state->entries);
}

/* ---- the role ---- */

static struct gp__kit_state *state_of(const struct gp_call *call)
{
    struct gp__kit *kit = call->runtime->log->arg;

    return &kit->state;
}

/* Takes its time, or fails as it was given. */
static int begin(struct gp_call *call, enum gp__kit_state_op op)
{
    struct gp__kit_state *state = state_of(call);
    int error = state->delay_ms ? gp_sleep(call, state->delay_ms) : 0;

    /* Who gave up does not take back what was begun. */
    if (error && (op == GP__KIT_STATE_GET || op == GP__KIT_STATE_EACH))
        return error;
    if (state->faults[op].nth && --state->faults[op].nth == 0)
        return state->faults[op].error;
    return 0;
}

static int64_t until(struct gp_call *call, uint64_t ttl_ms)
{
    int64_t now = gp_wall_clock(call);

    return ttl_ms && ttl_ms < (uint64_t)(INT64_MAX - now) ? now + (int64_t)ttl_ms : INT64_MAX;
}

static struct gp_slice copy(struct gp_call *call, struct gp_slice value)
{
    char *bytes = gp_alloc(call, value.len + 1);

    if (!bytes)
        return gp_slice(NULL, 0);
    if (value.len)
        memcpy(bytes, value.data, value.len);
    return gp_slice(bytes, value.len);
}

static int get(struct gp_call *call, void *self, struct gp_slice key, struct gp_slice *value_r)
{
    int error = begin(call, GP__KIT_STATE_GET);
    struct gp_slice value;

    (void)self;
    if (error)
        return error;
    value = gp__kit_state_find(state_of(call), key, gp_wall_clock(call));
    if (!gp_slice_present(value))
        return GP_ENOTFOUND;
    *value_r = copy(call, value);
    return GP_OK;
}

static int put(struct gp_call *call, void *self, struct gp_slice key, struct gp_slice value,
               uint64_t ttl_ms)
{
    int error = begin(call, GP__KIT_STATE_PUT);

    (void)self;
    if (!error)
        gp__kit_state_set(state_of(call), key, value, until(call, ttl_ms));
    return error;
}

static int put_if_new(struct gp_call *call, void *self, struct gp_slice key, struct gp_slice value,
                      uint64_t ttl_ms, struct gp_slice *value_r)
{
    int error = begin(call, GP__KIT_STATE_PUT_IF_NEW);
    struct gp_slice there;

    (void)self;
    if (error)
        return error;
    there = gp__kit_state_find(state_of(call), key, gp_wall_clock(call));
    *value_r = copy(call, gp_slice_present(there) ? there : value);
    if (gp_slice_present(there))
        return GP_EEXIST;
    gp__kit_state_set(state_of(call), key, value, until(call, ttl_ms));
    return GP_OK;
}

static int add(struct gp_call *call, void *self, struct gp_slice key, int64_t n, uint64_t ttl_ms,
               int64_t *sum_r)
{
    int error = begin(call, GP__KIT_STATE_ADD);
    struct gp__kit_state_entry *entry;
    int64_t sum = 0;
    char text[24];

    (void)self;
    if (error)
        return error;
    entry = find(state_of(call), key, gp_wall_clock(call));
    if (entry &&
        gp_slice_to_int(gp_slice(entry->value, entry->value_len), INT64_MIN, INT64_MAX, &sum) < 0)
        return GP_EINVAL;
    if (__builtin_add_overflow(sum, n, &sum))
        return GP_ELIMIT;
    (void)snprintf(text, sizeof text, "%" PRId64, sum);
    gp__kit_state_set(state_of(call), key, gp_slice_of(text),
                      entry ? entry->until_ms : until(call, ttl_ms));
    *sum_r = sum;
    return GP_OK;
}

static int remove_key(struct gp_call *call, void *self, struct gp_slice key)
{
    struct gp__kit_state *state = state_of(call);
    int error = begin(call, GP__KIT_STATE_DELETE);
    struct gp__kit_state_entry *entry;

    (void)self;
    if (error)
        return error;
    entry = find(state, key, gp_wall_clock(call));
    if (!entry)
        return GP_ENOTFOUND;
    drop(state, (size_t)(entry - state->entries));
    return GP_OK;
}

/* fn may change the table: the next one is looked for by the key of the last. */
static int each(struct gp_call *call, void *self, struct gp_slice prefix,
                bool (*fn)(void *arg, struct gp_slice key, struct gp_slice value), void *arg)
{
    struct gp__kit_state *state = state_of(call);
    int error = begin(call, GP__KIT_STATE_EACH);
    size_t at = place_of(state, prefix);

    (void)self;
    while (!error && at < state->count && gp_slice_starts(key_of(&state->entries[at]), prefix)) {
        const struct gp__kit_state_entry *entry = &state->entries[at];
        struct gp_slice key = copy(call, key_of(entry));
        struct gp_slice value = copy(call, gp_slice(entry->value, entry->value_len));

        if (!gp_slice_present(key) || !gp_slice_present(value))
            return GP_ELIMIT;
        if (entry->until_ms > gp_wall_clock(call) && !fn(arg, key, value))
            break;
        at = place_of(state, key);
        at += at < state->count && gp_slice_eq(key_of(&state->entries[at]), key);
    }
    return error;
}

const struct gp_state_role gp__kit_state_role = {
    sizeof(struct gp_state_role), get, put, put_if_new, add, each, remove_key,
};
