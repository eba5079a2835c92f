// SPDX-License-Identifier: Apache-2.0
/* The spool in an LMDB environment that all processes of a machine share: changes go to the thread,
 * reading is done where it is asked for. */
#include "thread.h"

#include <errno.h>

#define LOG_PAUSE_MS 10000

struct lmdb {
    struct gp_slice path;
    uint64_t size, keep_free;

    struct store store;
    struct thread thread;
    uint64_t logged_ms;
    bool has_logged;
};

GP_OPTIONS(struct lmdb,
           GP_OPTION_PATH("path", struct lmdb, path, NULL,
                          "Directory of the store, on a local disk; made if it is not there.",
                          .flags = GP_OPTION_NOT_EMPTY | GP_OPTION_STORE),
           GP_OPTION_SIZE("size", struct lmdb, size, "16GiB", 1 << 20, 1ll << 44,
                          "How large it may become; then mail is refused for now (452)."),
           GP_OPTION_SIZE("keep_free", struct lmdb, keep_free, "256MiB", 0, 1ll << 50,
                          "What stays free on that disk: with less, mail is refused for now."));

static void report(struct gp_call *call, struct lmdb *lmdb, int code)
{
    uint64_t now = gp_now(call);

    if (lmdb->has_logged && now - lmdb->logged_ms < LOG_PAUSE_MS)
        return;
    lmdb->has_logged = true;
    lmdb->logged_ms = now;
    gp_log(call, GP_LOG_ERROR, "the spool in " GP_FMT " fails: %s", GP_ARG(lmdb->path),
           mdb_strerror(code));
}

static int result_of(struct gp_call *call, struct lmdb *lmdb, int code)
{
    if (code == 0)
        return GP_OK;
    if (code == MDB_NOTFOUND)
        return GP_ENOTFOUND;
    report(call, lmdb, code);
    return code == ENOSPC || code == EDQUOT || code == MDB_MAP_FULL ? GP_ENOSPC : GP_EIO;
}

/* ---- changes ---- */

/* No call of this role is cancelled: what was handed over has come back when the wait is over. */
static int ask(struct gp_call *call, struct lmdb *lmdb, struct change *change)
{
    struct gp_op *op = gp_waker_start(call, &change->waker);
    int error;

    if (!op)
        return gp_wait(call, op);
    thread_ask(&lmdb->thread, change);
    error = gp_wait(call, op);
    return error ? error : result_of(call, lmdb, change->code);
}

static int append(struct gp_call *call, void *self, const struct gp_slice *heads,
                  const struct gp_slice *bodies, size_t n, uint64_t *numbers_r)
{
    struct change change = {
        .what = APPEND, .heads = heads, .bodies = bodies, .n = n, .numbers = numbers_r};

    return ask(call, self, &change);
}

static int remove_records(struct gp_call *call, void *self, uint64_t first, uint64_t last)
{
    struct change change = {.what = REMOVE, .first = first, .last = last};

    return ask(call, self, &change);
}

static int journal_append(struct gp_call *call, void *self, uint64_t journal,
                          const struct gp_slice *records, size_t n)
{
    struct change change = {.what = JOURNAL_APPEND, .journal = journal, .heads = records, .n = n};

    return ask(call, self, &change);
}

static int journal_switch(struct gp_call *call, void *self, uint64_t journal)
{
    struct change change = {.what = JOURNAL_SWITCH, .journal = journal};

    return ask(call, self, &change);
}

/* ---- reading ---- */

static int read_record(struct gp_call *call, void *self, uint64_t number,
                       void (*found)(void *arg, struct gp_slice head, struct gp_slice body),
                       void *arg)
{
    struct lmdb *lmdb = self;

    return result_of(call, lmdb, store_read(&lmdb->store, number, found, arg));
}

static int show(struct gp_call *call, void *self, uint64_t after,
                bool (*found)(void *arg, uint64_t number, struct gp_slice head), void *arg)
{
    struct lmdb *lmdb = self;

    return result_of(call, lmdb, store_show(&lmdb->store, after, found, arg));
}

static int journal_show(struct gp_call *call, void *self, uint64_t *journal_r,
                        void (*found)(void *arg, struct gp_slice record), void *arg)
{
    struct lmdb *lmdb = self;

    return result_of(call, lmdb, store_show_journal(&lmdb->store, journal_r, found, arg));
}

/* ---- life ---- */

static int create(struct gp_call *call, void *self)
{
    struct lmdb *lmdb = self;
    char error[600];
    int code;

    if (store_open(&lmdb->store, lmdb->path.data, lmdb->size, lmdb->keep_free, error,
                   sizeof error) < 0) {
        gp_log(call, GP_LOG_ERROR, "%s", error);
        return GP_EIO;
    }
    code = thread_start(&lmdb->thread, &lmdb->store);
    if (code == 0)
        return GP_OK;
    gp_log(call, GP_LOG_ERROR, "no thread could be started: %s", mdb_strerror(code));
    store_close(&lmdb->store);
    return GP_EIO;
}

static void destroy(void *self)
{
    struct lmdb *lmdb = self;

    thread_stop(&lmdb->thread);
    store_close(&lmdb->store);
}

static const struct gp_spool_role role = {
    sizeof role,    append,         read_record,    show,
    remove_records, journal_append, journal_switch, journal_show,
};

GP_PLUGIN(.version = "1.0", .summary = "The spool in LMDB, shared by all processes of a machine",
          GP_USES_OPTIONS, .create = create, .destroy = destroy, .spool = &role);
