// SPDX-License-Identifier: Apache-2.0
#include "store.h"

#include "length.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define STAMP 8 /* bytes of an expiry */
#define KEY_MAX 480
#define PAGE_ENTRIES 64
#define PAGE_BYTES ((size_t)256 << 10)

/* Pages that a batch and its sweep may need beyond those in use: LMDB copies what it changes. */
#define SLACK_BYTES ((size_t)64 << 20)

/* The mapping to begin with; LMDB makes it larger for a file that is. */
#define FIRST_MAP ((size_t)8 << 20)

/* ---- bytes ---- */

static void put_stamp(unsigned char *to, int64_t ms)
{
    for (int i = 0; i < STAMP; i++)
        to[i] = (unsigned char)((uint64_t)ms >> (8 * (STAMP - 1 - i)));
}

static int64_t get_stamp(const void *from)
{
    const unsigned char *at = from;
    uint64_t ms = 0;

    for (int i = 0; i < STAMP; i++)
        ms = ms << 8 | at[i];
    return (int64_t)ms;
}

static MDB_val val_of(struct gp_slice s)
{
    return (MDB_val){s.len, (void *)(uintptr_t)s.data};
}

static struct gp_slice slice_of(const MDB_val *val)
{
    return gp_slice(val->mv_data, val->mv_size);
}

/* ---- opening ---- */

static int explain(char *error, size_t size, const char *path, int code)
{
    const char *why = mdb_strerror(code);

    switch (code) {
    case MDB_INVALID:
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_VERSION_MISMATCH:
    case MDB_INCOMPATIBLE:
        (void)snprintf(error, size,
                       "the state in %s is damaged, or not ours (%s): stop all Gatepost processes, "
                       "remove data.mdb and lock.mdb there, and start again; what plugins "
                       "remembered is lost then, mail is not",
                       path, why);
        break;
    case EACCES:
    case EROFS:
        (void)snprintf(error, size,
                       "%s cannot be written: %s; the user that the workers run as needs the "
                       "directory and the files in it",
                       path, why);
        break;
    default:
        (void)snprintf(error, size, "the state in %s cannot be opened: %s", path, why);
    }
    return -1;
}

static int open_databases(struct store *store)
{
    MDB_txn *txn;
    int code = mdb_txn_begin(store->env, NULL, 0, &txn);

    if (code)
        return code;
    code = mdb_dbi_open(txn, "entries", MDB_CREATE, &store->entries);
    if (!code)
        code = mdb_dbi_open(txn, "expiry", MDB_CREATE, &store->expiry);
    if (!code)
        return mdb_txn_commit(txn);
    mdb_txn_abort(txn);
    return code;
}

int store_open(struct store *store, const char *path, size_t max_bytes, char *error, size_t size)
{
    int code = mdb_env_create(&store->env), dead = 0;

    if (code)
        return explain(error, size, path, code);
    store->max_bytes = max_bytes;
    store->max_map = (max_bytes + max_bytes / 4 + SLACK_BYTES) & ~(size_t)0xffff;
    code = mdb_env_set_maxdbs(store->env, 4);
    if (!code)
        code = mdb_env_set_mapsize(store->env, FIRST_MAP);
    if (!code)
        code = mdb_env_open(store->env, path, MDB_NOSYNC, 0600);
    if (!code)
        code = lmdb_check_length(store->env);
    if (!code)
        code = mdb_reader_check(store->env, &dead);
    if (!code)
        code = open_databases(store);
    if (!code)
        return 0;
    store_close(store);
    return explain(error, size, path, code);
}

void store_close(struct store *store)
{
    if (store->env)
        mdb_env_close(store->env);
    store->env = NULL;
}

/* Other processes find out by MDB_MAP_RESIZED. */
bool store_grow(struct store *store)
{
    MDB_envinfo info;
    size_t larger;

    if (mdb_env_info(store->env, &info) || info.me_mapsize >= store->max_map)
        return false;
    larger = info.me_mapsize * 2;
    return mdb_env_set_mapsize(store->env, larger < store->max_map ? larger : store->max_map) == 0;
}

bool store_full(const struct store *store, MDB_txn *txn)
{
    MDB_dbi databases[] = {store->entries, store->expiry};
    size_t bytes = 0;

    for (int i = 0; i < 2; i++) {
        MDB_stat one;

        if (mdb_stat(txn, databases[i], &one) == 0)
            bytes += one.ms_psize *
                     (one.ms_branch_pages + one.ms_leaf_pages + one.ms_overflow_pages);
    }
    return bytes >= store->max_bytes;
}

/* ---- entries ---- */

struct entry {
    int64_t until_ms;
    struct gp_slice value;
};

/* 0, MDB_NOTFOUND (also what is over), or an error. */
static int find(struct store *store, MDB_txn *txn, struct gp_slice key, int64_t now_ms,
                struct entry *entry_r, bool *over_r)
{
    MDB_val key_val = val_of(key), val;
    int code = mdb_get(txn, store->entries, &key_val, &val);

    *over_r = false;
    if (code)
        return code;
    if (val.mv_size < STAMP)
        return MDB_CORRUPTED;
    entry_r->until_ms = get_stamp(val.mv_data);
    entry_r->value = gp_slice_sub(slice_of(&val), STAMP, val.mv_size);
    *over_r = entry_r->until_ms <= now_ms;
    return *over_r ? MDB_NOTFOUND : 0;
}

/* The key in the index of what ends, or 0: it does not. */
static size_t index_key(unsigned char to[STAMP + KEY_MAX], struct gp_slice key, int64_t until_ms)
{
    if (until_ms == INT64_MAX)
        return 0;
    put_stamp(to, until_ms);
    memcpy(to + STAMP, key.data, key.len);
    return STAMP + key.len;
}

static int index_remove(struct store *store, MDB_txn *txn, struct gp_slice key, int64_t until_ms)
{
    unsigned char bytes[STAMP + KEY_MAX];
    MDB_val val = {index_key(bytes, key, until_ms), bytes};
    int code = val.mv_size ? mdb_del(txn, store->expiry, &val, NULL) : 0;

    return code == MDB_NOTFOUND ? 0 : code;
}

static int index_add(struct store *store, MDB_txn *txn, struct gp_slice key, int64_t until_ms)
{
    unsigned char bytes[STAMP + KEY_MAX];
    MDB_val val = {index_key(bytes, key, until_ms), bytes}, nothing = {0, bytes};

    return val.mv_size ? mdb_put(txn, store->expiry, &val, &nothing, 0) : 0;
}

static int remove_entry(struct store *store, MDB_txn *txn, struct gp_slice key, int64_t until_ms)
{
    MDB_val key_val = val_of(key);
    int code = mdb_del(txn, store->entries, &key_val, NULL);

    return code ? code : index_remove(store, txn, key, until_ms);
}

/* `old`: what is there, expired or not; NULL: nothing. */
static int set_entry(struct store *store, MDB_txn *txn, struct gp_slice key, struct gp_slice value,
                     int64_t until_ms, const struct entry *old)
{
    MDB_val key_val = val_of(key), val = {STAMP + value.len, NULL};
    int64_t old_until = old ? old->until_ms : INT64_MAX;
    int code = mdb_put(txn, store->entries, &key_val, &val, MDB_RESERVE);

    if (code)
        return code;
    put_stamp(val.mv_data, until_ms);
    if (value.len)
        memcpy((char *)val.mv_data + STAMP, value.data, value.len);
    if (old_until == until_ms)
        return 0;
    code = index_remove(store, txn, key, old_until);
    return code ? code : index_add(store, txn, key, until_ms);
}

/* ---- requests ---- */

static int answer_value(struct request *request, struct gp_slice value, int result)
{
    request->result = request_answer(request, value.data, value.len) ? GP_ETEMP : result;
    return 0;
}

/* The sum, as text. False: request->result says why there is none. */
static bool add_up(struct request *request, const struct entry *old, char text[24])
{
    int64_t sum = 0;

    if (old && gp_slice_to_int(old->value, INT64_MIN, INT64_MAX, &sum) < 0) {
        request->result = GP_EINVAL;
        return false;
    }
    if (__builtin_add_overflow(sum, request->n, &sum)) {
        request->result = GP_ELIMIT;
        return false;
    }
    request->sum = sum;
    (void)snprintf(text, 24, "%" PRId64, sum);
    return true;
}

static int change(struct store *store, MDB_txn *txn, bool full, struct request *request,
                  const struct entry *there, const struct entry *old)
{
    struct gp_slice value = request->value;
    int64_t until_ms = request->until_ms;
    char text[24];

    if (full && !old) {
        request->result = GP_ENOSPC;
        return 0;
    }
    if (request->what == ADD) {
        if (!add_up(request, there, text))
            return 0;
        value = gp_slice_of(text);
        until_ms = there ? there->until_ms : until_ms;
    }
    if (request->what == PUT_IF_NEW)
        answer_value(request, value, 0);
    return set_entry(store, txn, request->key, value, until_ms, old);
}

/* So many entries from a key on. When there are more, sum is 1 and the last one in the answer is
 * only where to go on. */
static int page(struct store *store, MDB_txn *txn, struct request *request)
{
    MDB_val key = val_of(request->key), val;
    MDB_cursor *cursor;
    int code = mdb_cursor_open(txn, store->entries, &cursor);

    if (code)
        return code;
    request->sum = 0;
    code = mdb_cursor_get(cursor, &key, &val, MDB_SET_RANGE);
    for (unsigned n = 0; !code && gp_slice_starts(slice_of(&key), request->value); n++) {
        if (n == PAGE_ENTRIES || request->answer_len >= PAGE_BYTES) {
            request->result = request_answer_entry(request, slice_of(&key), GP_S(""));
            request->sum = 1;
            break;
        }
        if (val.mv_size < STAMP)
            code = MDB_CORRUPTED;
        else if (get_stamp(val.mv_data) > request->now_ms)
            request->result = request_answer_entry(
                request, slice_of(&key), gp_slice_sub(slice_of(&val), STAMP, val.mv_size));
        if (!code)
            code = request->result ? MDB_NOTFOUND : mdb_cursor_get(cursor, &key, &val, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    return code == MDB_NOTFOUND ? 0 : code;
}

int store_answer(struct store *store, MDB_txn *txn, bool full, struct request *request)
{
    struct entry entry = {0};
    bool over;
    int code;

    request->result = 0;
    request->answer_len = 0;
    if (request->what == PAGE)
        return page(store, txn, request);
    code = find(store, txn, request->key, request->now_ms, &entry, &over);
    if (code && code != MDB_NOTFOUND)
        return code;
    switch (request->what) {
    case GET:
        if (!code)
            return answer_value(request, entry.value, 0);
        request->result = GP_ENOTFOUND;
        return 0;
    case REMOVE:
        request->result = code ? GP_ENOTFOUND : 0;
        return !code || over ? remove_entry(store, txn, request->key, entry.until_ms) : 0;
    case PUT_IF_NEW:
        if (!code)
            return answer_value(request, entry.value, GP_EEXIST);
        break;
    case PUT:
    case ADD:
    case PAGE:
        break;
    }
    return change(store, txn, full, request, code ? NULL : &entry, !code || over ? &entry : NULL);
}

int store_sweep(struct store *store, MDB_txn *txn, int64_t now_ms, unsigned max,
                unsigned *removed_r)
{
    MDB_val index, nothing;
    MDB_cursor *cursor;
    int code = mdb_cursor_open(txn, store->expiry, &cursor);

    *removed_r = 0;
    if (code)
        return code;
    while (*removed_r < max && (code = mdb_cursor_get(cursor, &index, &nothing, MDB_FIRST)) == 0) {
        unsigned char key[KEY_MAX]; /* what LMDB shows lives until something is changed */
        MDB_val entry = {index.mv_size - STAMP, key};

        if (index.mv_size <= STAMP || entry.mv_size > sizeof key) {
            code = MDB_CORRUPTED;
            break;
        }
        if (get_stamp(index.mv_data) > now_ms)
            break;
        memcpy(key, (char *)index.mv_data + STAMP, entry.mv_size);
        code = mdb_del(txn, store->entries, &entry, NULL);
        if (code && code != MDB_NOTFOUND)
            break;
        code = mdb_cursor_del(cursor, 0);
        if (code)
            break;
        ++*removed_r;
    }
    mdb_cursor_close(cursor);
    return code == MDB_NOTFOUND ? 0 : code;
}
