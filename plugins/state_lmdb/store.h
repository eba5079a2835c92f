// SPDX-License-Identifier: Apache-2.0
/*
 * What stands in LMDB, and single requests within a transaction. Two databases: "entries", keys to
 * eight bytes of expiry and the value; "expiry", expiry and key to nothing, so that what is over is
 * found first. Numbers are big-endian, so that they sort.
 */
#ifndef STATE_LMDB_STORE_H
#define STATE_LMDB_STORE_H

#include "request.h"

#include <lmdb.h>

struct store {
    MDB_env *env;
    MDB_dbi entries, expiry;
    size_t max_bytes; /* of pages in use; then GP_ENOSPC for what is new */
    size_t max_map;   /* of the mapping, which grows as the file does */
};

/*
 * Opens the environment in a directory that exists. 0, or -1 and what is wrong, for an operator, in
 * `error`.
 */
int store_open(struct store *store, const char *path, size_t max_bytes, char *error, size_t size);
void store_close(struct store *store);

/* Answers one request within a transaction. 0 (request->result says the rest), or an error of LMDB
 * after which the transaction must be given up. */
int store_answer(struct store *store, MDB_txn *txn, bool full, struct request *request);

/* Removes at most `max` entries that are over: *removed_r. 0, or an error of LMDB. */
int store_sweep(struct store *store, MDB_txn *txn, int64_t now_ms, unsigned max,
                unsigned *removed_r);

/* Makes the mapping larger after MDB_MAP_FULL, when the process has no transaction. Whether it is. */
bool store_grow(struct store *store);

/* Whether the pages in use have reached the maximum. */
bool store_full(const struct store *store, MDB_txn *txn);

static inline bool is_change(const struct request *request)
{
    return request->what != GET && request->what != PAGE;
}

#endif
