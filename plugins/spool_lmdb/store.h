// SPDX-License-Identifier: Apache-2.0
/*
 * What stands in LMDB. Three databases: "records", numbers to head and body; "journal", journal and
 * place in it to records; "meta", the next number and the journal that counts.
 *
 * Changes are made by one thread, each synced before it is answered. Reading is for any thread, and
 * may be nested. Functions return 0, MDB_NOTFOUND, or an error of LMDB or of the system.
 */
#ifndef SPOOL_LMDB_STORE_H
#define SPOOL_LMDB_STORE_H

#include <gatepost/plugin.h>
#include <lmdb.h>
#include <pthread.h>

struct store {
    MDB_env *env;
    MDB_dbi records, journal, meta;
    size_t max_bytes; /* of pages in use; then ENOSPC for new records */
    size_t max_map;   /* of the mapping, which grows as the file does */
    uint64_t keep_free;
    int directory;           /* to ask its file system */
    pthread_rwlock_t mapped; /* the mapping is made larger when nobody looks into it */
};

/* Makes the directory, if it is not there. 0, or -1 and what is wrong, for an operator. */
int store_open(struct store *store, const char *path, size_t max_bytes, uint64_t keep_free,
               char *error, size_t size);
void store_close(struct store *store);

/* ---- changes ---- */

struct change {
    enum {
        APPEND = 0,
        REMOVE,
        JOURNAL_APPEND,
        JOURNAL_SWITCH,
    } what;
    const struct gp_slice *heads, *bodies; /* APPEND; the journal's records are `heads` */
    size_t n;
    uint64_t *numbers;    /* APPEND: out */
    uint64_t first, last; /* REMOVE */
    uint64_t journal;
    int code; /* out: 0, or an error as above */

    struct gp_waker *waker; /* of who waits for it */
    struct change *next;
};

/* Makes as many of the list as there are, all in one transaction; each that can't be made with the
 * others, alone. Sets their codes. */
void store_change(struct store *store, struct change *changes);

/* Forgets readers whose process died: pages that they read from were kept for them. */
void store_forget_dead(struct store *store);

/* ---- reading ---- */

int store_read(struct store *store, uint64_t number,
               void (*found)(void *arg, struct gp_slice head, struct gp_slice body), void *arg);
int store_show(struct store *store, uint64_t after,
               bool (*found)(void *arg, uint64_t number, struct gp_slice head), void *arg);
int store_show_journal(struct store *store, uint64_t *journal_r,
                       void (*found)(void *arg, struct gp_slice record), void *arg);

#endif
