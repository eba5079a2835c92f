// SPDX-License-Identifier: Apache-2.0
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <length.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define KEY 8u /* bytes of a number, most significant first, so that they sort */
#define LEN 4u /* bytes of a length before what has it */

/* Pages that a change may need beyond those in use: LMDB copies what it changes, and a store that is
 * full must still be able to remove. */
#define SLACK_BYTES ((size_t)64 << 20)

/* That look at the same time, in all processes: each may look while it looks. */
#define READERS 4096

/* The mapping to begin with; LMDB makes it larger for a file that is. */
#define FIRST_MAP ((size_t)64 << 20)

/* ---- bytes ---- */

static void put_number(unsigned char *to, size_t size, uint64_t n)
{
    for (size_t i = 0; i < size; i++)
        to[i] = (unsigned char)(n >> (8 * (size - 1 - i)));
}

static uint64_t get_number(const void *from, size_t size)
{
    const unsigned char *at = from;
    uint64_t n = 0;

    for (size_t i = 0; i < size; i++)
        n = n << 8 | at[i];
    return n;
}

static MDB_val val_of(const void *bytes, size_t len)
{
    return (MDB_val){len, (void *)(uintptr_t)bytes};
}

/* What has its length before it: from the front of *rest. False: it is damaged. */
static bool take(struct gp_slice *rest, struct gp_slice *taken_r)
{
    size_t len = rest->len >= LEN ? (size_t)get_number(rest->data, LEN) : SIZE_MAX;

    if (rest->len < LEN || len > rest->len - LEN)
        return false;
    *taken_r = gp_slice_sub(*rest, LEN, len);
    *rest = gp_slice_sub(*rest, LEN + len, rest->len);
    return true;
}

static unsigned char *put(unsigned char *to, struct gp_slice bytes)
{
    if (bytes.len)
        memcpy(to, bytes.data, bytes.len);
    return to + bytes.len;
}

static unsigned char *put_with_length(unsigned char *to, struct gp_slice bytes)
{
    put_number(to, LEN, bytes.len);
    return put(to + LEN, bytes);
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
                       "%s holds no spool, or a damaged one (%s): it is left as it is, since there "
                       "is mail in it; put a copy of data.mdb back, or name another directory",
                       path, why);
        break;
    case EACCES:
    case EROFS:
        (void)snprintf(error, size,
                       "%s cannot be written: %s; the user of the server needs the directory and "
                       "the files in it",
                       path, why);
        break;
    default:
        (void)snprintf(error, size, "the spool in %s cannot be opened: %s", path, why);
    }
    return -1;
}

static int open_databases(struct store *store)
{
    MDB_txn *txn;
    int code = mdb_txn_begin(store->env, NULL, 0, &txn);

    if (code)
        return code;
    code = mdb_dbi_open(txn, "records", MDB_CREATE, &store->records);
    if (!code)
        code = mdb_dbi_open(txn, "journal", MDB_CREATE, &store->journal);
    if (!code)
        code = mdb_dbi_open(txn, "meta", MDB_CREATE, &store->meta);
    if (!code)
        return mdb_txn_commit(txn);
    mdb_txn_abort(txn);
    return code;
}

/* Its entry above must be durable, too. */
static int open_directory(struct store *store, const char *path)
{
    int made = mkdir(path, 0700), error = errno, above;

    if (made < 0 && error != EEXIST)
        return error;
    store->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (store->directory < 0)
        return errno;
    if (made < 0)
        return 0;
    above = openat(store->directory, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    error = above < 0 || fsync(above) < 0 ? errno : 0;
    if (above >= 0)
        (void)close(above); /* nothing was written to it */
    return error;
}

static int open_environment(struct store *store, const char *path)
{
    int code = mdb_env_create(&store->env), dead = 0;

    if (!code)
        code = mdb_env_set_maxdbs(store->env, 4);
    if (!code)
        code = mdb_env_set_mapsize(store->env, FIRST_MAP);
    if (!code)
        code = mdb_env_set_maxreaders(store->env, READERS);
    /* Readers are bound to no thread: one may look while it looks. */
    if (!code)
        code = mdb_env_open(store->env, path, MDB_NOTLS, 0600);
    if (!code)
        code = lmdb_check_length(store->env);
    if (!code)
        code = mdb_reader_check(store->env, &dead);
    if (!code)
        code = open_databases(store);
    if (!code && fsync(store->directory) < 0) /* where the file has its name */
        code = errno;
    return code;
}

int store_open(struct store *store, const char *path, size_t max_bytes, uint64_t keep_free,
               char *error, size_t size)
{
    int code;

    store->directory = -1;
    store->max_bytes = max_bytes;
    store->max_map = (max_bytes + max_bytes / 4 + SLACK_BYTES) & ~(size_t)0xffff;
    store->keep_free = keep_free;
    pthread_rwlock_init(&store->mapped, NULL);
    code = open_directory(store, path);
    if (!code)
        code = open_environment(store, path);
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
    if (store->directory >= 0)
        (void)close(store->directory); /* nothing was written to it */
    pthread_rwlock_destroy(&store->mapped);
}

void store_forget_dead(struct store *store)
{
    int dead;

    (void)mdb_reader_check(store->env, &dead); /* or the next time */
}

/* ---- transactions ---- */

/* Another process may have made the mapping larger: then ours must be, too, and nobody may look into
 * it meanwhile. The lock for looking is held when this gives 0. */
static int begin(struct store *store, unsigned flags, MDB_txn **txn_r)
{
    int code;

    pthread_rwlock_rdlock(&store->mapped);
    code = mdb_txn_begin(store->env, NULL, flags, txn_r);
    if (!code)
        return 0;
    pthread_rwlock_unlock(&store->mapped);
    return code;
}

static int begin_resized(struct store *store, unsigned flags, MDB_txn **txn_r)
{
    int code = begin(store, flags, txn_r);

    if (code != MDB_MAP_RESIZED)
        return code;
    pthread_rwlock_wrlock(&store->mapped);
    code = mdb_env_set_mapsize(store->env, 0);
    pthread_rwlock_unlock(&store->mapped);
    return code ? code : begin(store, flags, txn_r);
}

static void end(struct store *store, MDB_txn *txn)
{
    mdb_txn_abort(txn);
    pthread_rwlock_unlock(&store->mapped);
}

/* False: it has its full size. */
static bool grow(struct store *store)
{
    MDB_envinfo info;
    bool grown;
    size_t larger;

    pthread_rwlock_wrlock(&store->mapped);
    grown = mdb_env_info(store->env, &info) == 0 && info.me_mapsize < store->max_map;
    if (grown) {
        larger = info.me_mapsize * 2 < store->max_map ? info.me_mapsize * 2 : store->max_map;
        grown = mdb_env_set_mapsize(store->env, larger) == 0;
    }
    pthread_rwlock_unlock(&store->mapped);
    return grown;
}

/* ---- changes ---- */

static int get_meta(struct store *store, MDB_txn *txn, const char *name, uint64_t *n_r)
{
    MDB_val key = val_of(name, strlen(name)), val;
    int code = mdb_get(txn, store->meta, &key, &val);

    if (code == 0 && val.mv_size != KEY)
        return MDB_CORRUPTED;
    if (code == 0)
        *n_r = get_number(val.mv_data, KEY);
    return code == MDB_NOTFOUND ? 0 : code;
}

static int set_meta(struct store *store, MDB_txn *txn, const char *name, uint64_t n)
{
    unsigned char bytes[KEY];
    MDB_val key = val_of(name, strlen(name)), val = val_of(bytes, KEY);

    put_number(bytes, KEY, n);
    return mdb_put(txn, store->meta, &key, &val, 0);
}

static size_t bytes_in_use(struct store *store, MDB_txn *txn)
{
    MDB_dbi databases[] = {store->records, store->journal};
    size_t bytes = 0;

    for (int i = 0; i < 2; i++) {
        MDB_stat one;

        if (mdb_stat(txn, databases[i], &one) == 0)
            bytes += one.ms_psize *
                     (one.ms_branch_pages + one.ms_leaf_pages + one.ms_overflow_pages);
    }
    return bytes;
}

/* Whether so many bytes more have room, here and on the disk. */
static bool has_room(struct store *store, MDB_txn *txn, size_t bytes)
{
    struct statvfs fs;

    if (bytes_in_use(store, txn) + bytes > store->max_bytes)
        return false;
    return fstatvfs(store->directory, &fs) < 0 ||
           (uint64_t)fs.f_bavail * fs.f_frsize >= store->keep_free + bytes;
}

static int append_one(struct store *store, MDB_txn *txn, uint64_t number, struct gp_slice head,
                      struct gp_slice body)
{
    unsigned char bytes[KEY];
    MDB_val key = val_of(bytes, KEY), val = {LEN + head.len + body.len, NULL};
    int code;

    put_number(bytes, KEY, number);
    code = mdb_put(txn, store->records, &key, &val, MDB_RESERVE | MDB_APPEND);
    if (!code)
        put(put_with_length(val.mv_data, head), body);
    return code;
}

static int append(struct store *store, MDB_txn *txn, struct change *change)
{
    uint64_t next = 1;
    size_t bytes = 0;
    int code = get_meta(store, txn, "next", &next);

    for (size_t i = 0; i < change->n; i++)
        bytes += LEN + change->heads[i].len + change->bodies[i].len;
    if (!code && !has_room(store, txn, bytes))
        return ENOSPC;
    for (size_t i = 0; i < change->n && !code; i++) {
        change->numbers[i] = next;
        code = append_one(store, txn, next++, change->heads[i], change->bodies[i]);
    }
    return code ? code : set_meta(store, txn, "next", next);
}

/* All from one key to another, in order of the keys. */
static int remove_range(MDB_txn *txn, MDB_dbi dbi, MDB_val from, MDB_val to)
{
    MDB_cursor *cursor;
    MDB_val key = from, val;
    int code = mdb_cursor_open(txn, dbi, &cursor);

    if (code)
        return code;
    code = mdb_cursor_get(cursor, &key, &val, MDB_SET_RANGE);
    while (!code && mdb_cmp(txn, dbi, &key, &to) <= 0) {
        code = mdb_cursor_del(cursor, 0);
        if (!code)
            code = mdb_cursor_get(cursor, &key, &val, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    return code == MDB_NOTFOUND ? 0 : code;
}

static int remove_records(struct store *store, MDB_txn *txn, const struct change *change)
{
    unsigned char from[KEY], to[KEY];

    put_number(from, KEY, change->first);
    put_number(to, KEY, change->last);
    return remove_range(txn, store->records, val_of(from, KEY), val_of(to, KEY));
}

/* The place behind the last records of a journal. */
static int journal_end(struct store *store, MDB_txn *txn, uint64_t journal, uint64_t *place_r)
{
    unsigned char bytes[2 * KEY];
    MDB_val key = val_of(bytes, 2 * KEY), val;
    MDB_cursor *cursor;
    int code = mdb_cursor_open(txn, store->journal, &cursor);

    *place_r = 0;
    if (code)
        return code;
    put_number(bytes, KEY, journal + 1);
    put_number(bytes + KEY, KEY, 0);
    code = mdb_cursor_get(cursor, &key, &val, MDB_SET_RANGE);
    code = mdb_cursor_get(cursor, &key, &val, code == MDB_NOTFOUND ? MDB_LAST : MDB_PREV);
    if (code == 0 && key.mv_size == 2 * KEY && get_number(key.mv_data, KEY) == journal)
        *place_r = get_number((char *)key.mv_data + KEY, KEY) + 1;
    mdb_cursor_close(cursor);
    return code == MDB_NOTFOUND ? 0 : code;
}

/* Those of one call stand together. */
static int append_journal(struct store *store, MDB_txn *txn, const struct change *change)
{
    unsigned char bytes[2 * KEY], *to;
    MDB_val key = val_of(bytes, 2 * KEY), val = {0, NULL};
    uint64_t place;
    int code = journal_end(store, txn, change->journal, &place);

    put_number(bytes, KEY, change->journal);
    put_number(bytes + KEY, KEY, place);
    for (size_t i = 0; i < change->n; i++)
        val.mv_size += LEN + change->heads[i].len;
    if (!code)
        code = mdb_put(txn, store->journal, &key, &val, MDB_RESERVE);
    to = val.mv_data;
    for (size_t i = 0; i < change->n && !code; i++)
        to = put_with_length(to, change->heads[i]);
    return code;
}

static int switch_journal(struct store *store, MDB_txn *txn, const struct change *change)
{
    unsigned char from[2 * KEY], to[2 * KEY];
    int code = set_meta(store, txn, "journal", change->journal);

    put_number(from, KEY, 0);
    put_number(from + KEY, KEY, 0);
    put_number(to, KEY, change->journal - 1);
    put_number(to + KEY, KEY, UINT64_MAX);
    if (!code && change->journal > 0)
        code = remove_range(txn, store->journal, val_of(from, 2 * KEY), val_of(to, 2 * KEY));
    put_number(from, KEY, change->journal + 1);
    put_number(to, KEY, UINT64_MAX);
    if (!code)
        code = remove_range(txn, store->journal, val_of(from, 2 * KEY), val_of(to, 2 * KEY));
    return code;
}

static int make(struct store *store, MDB_txn *txn, struct change *change)
{
    switch (change->what) {
    case APPEND:
        return append(store, txn, change);
    case REMOVE:
        return remove_records(store, txn, change);
    case JOURNAL_APPEND:
        return append_journal(store, txn, change);
    case JOURNAL_SWITCH:
        return switch_journal(store, txn, change);
    }
    return EINVAL;
}

/* Those before `end`. */
static int try_some(struct store *store, struct change *first, const struct change *last)
{
    MDB_txn *txn;
    int code = begin_resized(store, 0, &txn);

    if (code)
        return code;
    for (struct change *change = first; change != last && !code; change = change->next)
        code = make(store, txn, change);
    if (code) {
        end(store, txn);
        return code;
    }
    code = mdb_txn_commit(txn);
    pthread_rwlock_unlock(&store->mapped);
    return code;
}

/* A mapping that is full grows, until it has its full size. */
static int make_some(struct store *store, struct change *first, const struct change *last)
{
    int code;

    do
        code = try_some(store, first, last);
    while (code == MDB_MAP_FULL && grow(store));
    return code;
}

void store_change(struct store *store, struct change *changes)
{
    int code = make_some(store, changes, NULL);
    bool alone = code && changes->next;

    for (struct change *change = changes; change; change = change->next)
        change->code = alone ? make_some(store, change, change->next) : code;
}

/* ---- reading ---- */

static int get_record(MDB_val *val, struct gp_slice *head_r, struct gp_slice *body_r)
{
    *body_r = gp_slice(val->mv_data, val->mv_size);
    return take(body_r, head_r) ? 0 : MDB_CORRUPTED;
}

int store_read(struct store *store, uint64_t number,
               void (*found)(void *arg, struct gp_slice head, struct gp_slice body), void *arg)
{
    unsigned char bytes[KEY];
    MDB_val key = val_of(bytes, KEY), val;
    struct gp_slice head, body;
    MDB_txn *txn;
    int code = begin_resized(store, MDB_RDONLY, &txn);

    if (code)
        return code;
    put_number(bytes, KEY, number);
    code = mdb_get(txn, store->records, &key, &val);
    if (!code)
        code = get_record(&val, &head, &body);
    if (!code)
        found(arg, head, body);
    end(store, txn);
    return code;
}

static int show_all(MDB_cursor *cursor, uint64_t after,
                    bool (*found)(void *arg, uint64_t number, struct gp_slice head), void *arg)
{
    unsigned char bytes[KEY];
    MDB_val key = val_of(bytes, KEY), val;
    struct gp_slice head, body;
    bool more = true;
    int code;

    put_number(bytes, KEY, after + 1);
    code = mdb_cursor_get(cursor, &key, &val, MDB_SET_RANGE);
    while (!code && more) {
        if (key.mv_size != KEY || get_record(&val, &head, &body))
            return MDB_CORRUPTED;
        more = found(arg, get_number(key.mv_data, KEY), head);
        if (more)
            code = mdb_cursor_get(cursor, &key, &val, MDB_NEXT);
    }
    return code == MDB_NOTFOUND ? 0 : code;
}

int store_show(struct store *store, uint64_t after,
               bool (*found)(void *arg, uint64_t number, struct gp_slice head), void *arg)
{
    MDB_cursor *cursor;
    MDB_txn *txn;
    int code = begin_resized(store, MDB_RDONLY, &txn);

    if (code)
        return code;
    code = mdb_cursor_open(txn, store->records, &cursor);
    if (!code) {
        code = show_all(cursor, after, found, arg);
        mdb_cursor_close(cursor);
    }
    end(store, txn);
    return code;
}

static int show_journal(MDB_cursor *cursor, uint64_t journal,
                        void (*found)(void *arg, struct gp_slice record), void *arg)
{
    unsigned char bytes[2 * KEY];
    MDB_val key = val_of(bytes, 2 * KEY), val;
    int code;

    put_number(bytes, KEY, journal);
    put_number(bytes + KEY, KEY, 0);
    code = mdb_cursor_get(cursor, &key, &val, MDB_SET_RANGE);
    while (!code && key.mv_size == 2 * KEY && get_number(key.mv_data, KEY) == journal) {
        struct gp_slice rest = gp_slice(val.mv_data, val.mv_size), record;

        while (rest.len) {
            if (!take(&rest, &record))
                return MDB_CORRUPTED;
            found(arg, record);
        }
        code = mdb_cursor_get(cursor, &key, &val, MDB_NEXT);
    }
    return code == MDB_NOTFOUND ? 0 : code;
}

int store_show_journal(struct store *store, uint64_t *journal_r,
                       void (*found)(void *arg, struct gp_slice record), void *arg)
{
    MDB_cursor *cursor;
    MDB_txn *txn;
    int code = begin_resized(store, MDB_RDONLY, &txn);

    *journal_r = 0;
    if (code)
        return code;
    code = get_meta(store, txn, "journal", journal_r);
    if (!code)
        code = mdb_cursor_open(txn, store->journal, &cursor);
    if (!code) {
        code = show_journal(cursor, *journal_r, found, arg);
        mdb_cursor_close(cursor);
    }
    end(store, txn);
    return code;
}
