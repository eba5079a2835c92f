// SPDX-License-Identifier: Apache-2.0
/*
 * State in the memory of one process: a table sorted by key, of so many entries and bytes at most.
 * What has expired goes when it is met, each minute, and when the table is full.
 */
#include <gatepost/plugin.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define OVERHEAD 64         /* of an entry, counted with its bytes */
#define SWEEP_PAUSE_MS 1000 /* at least, between sweeps of a full table */

struct entry {
    int64_t until_ms; /* wall clock; INT64_MAX: for ever */
    uint32_t key_len, value_len;
    char bytes[]; /* key, value */
};

struct memory {
    int64_t max_entries;
    uint64_t max_bytes;

    struct entry **entries;
    size_t count, cap;
    uint64_t bytes;
    int64_t swept_ms;
};

GP_OPTIONS(struct memory,
           GP_OPTION_INTEGER("entries", struct memory, max_entries, "100000", 10, 1000000,
                             "How many entries there may be."),
           GP_OPTION_SIZE("size", struct memory, max_bytes, "64MiB", 4096, 1ll << 32,
                          "How much memory they may take."));

/* ---- the table ---- */

static struct gp_slice key_of(const struct entry *entry)
{
    return gp_slice(entry->bytes, entry->key_len);
}

static struct gp_slice value_of(const struct entry *entry)
{
    return gp_slice(entry->bytes + entry->key_len, entry->value_len);
}

static uint64_t size_of(size_t key_len, size_t value_len)
{
    return OVERHEAD + key_len + value_len;
}

/* Where the key is, or belongs. */
static size_t place_of(const struct memory *memory, struct gp_slice key)
{
    size_t low = 0, high = memory->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (gp_slice_cmp(key_of(memory->entries[middle]), key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void forget(struct memory *memory, struct entry *entry)
{
    memory->bytes -= size_of(entry->key_len, entry->value_len);
    free(entry);
}

static void drop(struct memory *memory, size_t at)
{
    forget(memory, memory->entries[at]);
    memory->count--;
    memmove(&memory->entries[at], &memory->entries[at + 1],
            (memory->count - at) * sizeof *memory->entries);
}

/* The entry, if it still lives; *at_r: where it is, or belongs. */
static struct entry *find(struct memory *memory, struct gp_slice key, int64_t now_ms, size_t *at_r)
{
    size_t at = *at_r = place_of(memory, key);

    if (at == memory->count || !gp_slice_eq(key_of(memory->entries[at]), key))
        return NULL;
    if (memory->entries[at]->until_ms > now_ms)
        return memory->entries[at];
    drop(memory, at);
    return NULL;
}

static void sweep(struct memory *memory, int64_t now_ms)
{
    size_t kept = 0;

    for (size_t i = 0; i < memory->count; i++) {
        if (memory->entries[i]->until_ms > now_ms)
            memory->entries[kept++] = memory->entries[i];
        else
            forget(memory, memory->entries[i]);
    }
    memory->count = kept;
    memory->swept_ms = now_ms;
}

static bool is_full(const struct memory *memory, uint64_t more)
{
    return memory->count >= (size_t)memory->max_entries || memory->bytes + more > memory->max_bytes;
}

/* Room for one more. 0, or GP_ENOSPC. */
static int make_room(struct gp_call *call, struct memory *memory, uint64_t more)
{
    int64_t now = gp_wall_clock(call);
    struct entry **entries;

    if (is_full(memory, more) && now - memory->swept_ms >= SWEEP_PAUSE_MS)
        sweep(memory, now);
    if (is_full(memory, more)) {
        gp_count(call, "full", 1);
        return GP_ENOSPC;
    }
    if (memory->count < memory->cap)
        return 0;
    entries = realloc(memory->entries, (memory->cap * 2 + 64) * sizeof(struct entry *));
    if (!entries)
        return GP_ENOSPC;
    memory->entries = entries;
    memory->cap = memory->cap * 2 + 64;
    return 0;
}

static struct entry *entry_create(struct gp_slice key, struct gp_slice value, int64_t until_ms)
{
    struct entry *entry = malloc(sizeof *entry + key.len + value.len);

    if (!entry)
        return NULL;
    entry->until_ms = until_ms;
    entry->key_len = (uint32_t)key.len;
    entry->value_len = (uint32_t)value.len;
    memcpy(entry->bytes, key.data, key.len);
    if (value.len)
        memcpy(entry->bytes + key.len, value.data, value.len);
    return entry;
}

/* Sets what the key has, which is in `old` (NULL: nothing). The old one stays on an error. */
static int set(struct gp_call *call, struct memory *memory, struct entry *old, struct gp_slice key,
               struct gp_slice value, int64_t until_ms)
{
    uint64_t more = size_of(key.len, value.len);
    struct entry *entry;
    size_t at;

    if (!old && make_room(call, memory, more) < 0)
        return GP_ENOSPC;
    if (old && memory->bytes + value.len > memory->max_bytes + old->value_len)
        return GP_ENOSPC;
    entry = entry_create(key, value, until_ms);
    if (!entry)
        return GP_ENOSPC;
    at = place_of(memory, key);
    memory->bytes += more;
    if (old) {
        forget(memory, old);
    } else {
        memmove(&memory->entries[at + 1], &memory->entries[at],
                (memory->count - at) * sizeof(struct entry *));
        memory->count++;
    }
    memory->entries[at] = entry;
    return 0;
}

/* ---- the role ---- */

static int64_t until(struct gp_call *call, uint64_t ttl_ms)
{
    int64_t now = gp_wall_clock(call);

    return ttl_ms && ttl_ms < (uint64_t)(INT64_MAX - now) ? now + (int64_t)ttl_ms : INT64_MAX;
}

static int copy(struct gp_call *call, struct gp_slice from, struct gp_slice *to_r)
{
    char *bytes = gp_alloc(call, from.len + 1);

    if (!bytes)
        return GP_ELIMIT;
    memcpy(bytes, from.data, from.len);
    *to_r = gp_slice(bytes, from.len);
    return 0;
}

static int get(struct gp_call *call, void *self, struct gp_slice key, struct gp_slice *value_r)
{
    size_t at;
    const struct entry *entry = find(self, key, gp_wall_clock(call), &at);

    return entry ? copy(call, value_of(entry), value_r) : GP_ENOTFOUND;
}

static int put(struct gp_call *call, void *self, struct gp_slice key, struct gp_slice value,
               uint64_t ttl_ms)
{
    size_t at;
    struct entry *old = find(self, key, gp_wall_clock(call), &at);

    return set(call, self, old, key, value, until(call, ttl_ms));
}

static int put_if_new(struct gp_call *call, void *self, struct gp_slice key, struct gp_slice value,
                      uint64_t ttl_ms, struct gp_slice *value_r)
{
    size_t at;
    const struct entry *there = find(self, key, gp_wall_clock(call), &at);
    int error;

    if (!there) {
        *value_r = value;
        return set(call, self, NULL, key, value, until(call, ttl_ms));
    }
    error = copy(call, value_of(there), value_r);
    return error ? error : GP_EEXIST;
}

static int add(struct gp_call *call, void *self, struct gp_slice key, int64_t n, uint64_t ttl_ms,
               int64_t *sum_r)
{
    size_t at;
    struct entry *old = find(self, key, gp_wall_clock(call), &at);
    int64_t sum = 0;
    char text[24];
    int error;

    if (old && gp_slice_to_int(value_of(old), INT64_MIN, INT64_MAX, &sum) < 0)
        return GP_EINVAL;
    if (__builtin_add_overflow(sum, n, &sum))
        return GP_ELIMIT;
    (void)snprintf(text, sizeof text, "%" PRId64, sum);
    error = set(call, self, old, key, gp_slice_of(text), old ? old->until_ms : until(call, ttl_ms));
    *sum_r = sum;
    return error;
}

static int remove_key(struct gp_call *call, void *self, struct gp_slice key)
{
    size_t at;

    if (!find(self, key, gp_wall_clock(call), &at))
        return GP_ENOTFOUND;
    drop(self, at);
    return 0;
}

/* fn may change the table: the next one is looked for by the key of the last. */
static int each(struct gp_call *call, void *self, struct gp_slice prefix,
                bool (*fn)(void *arg, struct gp_slice key, struct gp_slice value), void *arg)
{
    struct memory *memory = self;
    size_t at = place_of(memory, prefix);
    int error = 0;

    while (!error && at < memory->count && gp_slice_starts(key_of(memory->entries[at]), prefix)) {
        bool lives = memory->entries[at]->until_ms > gp_wall_clock(call);
        struct gp_slice key, value;

        error = copy(call, key_of(memory->entries[at]), &key);
        if (!error)
            error = copy(call, value_of(memory->entries[at]), &value);
        if (error || (lives && !fn(arg, key, value)))
            break;
        at = place_of(memory, key);
        if (at < memory->count && gp_slice_eq(key_of(memory->entries[at]), key))
            at++;
    }
    return error;
}

static enum gp_verdict on_tick(struct gp_call *call, void *self)
{
    sweep(self, gp_wall_clock(call));
    return GP_NEXT;
}

static void destroy(void *self)
{
    struct memory *memory = self;

    sweep(memory, INT64_MAX);
    free(memory->entries);
}

static const struct gp_state_role role = {
    sizeof role, get, put, put_if_new, add, each, remove_key,
};

GP_HOOKS({GP_HOOK_TICK, on_tick});
GP_PLUGIN(.version = "1.0", .summary = "State in the memory of one process", GP_USES_OPTIONS,
          GP_USES_HOOKS, .destroy = destroy, .state = &role);
