// SPDX-License-Identifier: Apache-2.0
/*
 * The thread takes all requests that wait and answers them in one transaction: LMDB lets one writer
 * in at a time, among all processes, so the fewer transactions the better. Nothing is synced then;
 * a timer does that. A process that is killed loses nothing, since what it wrote is the kernel's.
 */
#include "environment.h"

#include "store.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#define QUEUE_MAX 10000 /* requests; more are not answered */
#define BATCH_MAX 1000
#define SWEEP_WITH 32    /* expired entries that go with a batch of changes, */
#define SWEEP_IDLE 1000  /* and in a transaction of their own */
#define TURN_MS 1000     /* between those */
#define READERS_MS 60000 /* between looks for readers whose process died */

struct environment {
    struct environment *next;
    unsigned refs; /* under the registry's lock */
    dev_t device;
    ino_t inode;
    uint64_t sync_ms;
    pthread_t thread;

    pthread_mutex_t lock;
    pthread_cond_t asked;
    struct request *first, **end;
    size_t count;
    bool stop;
    int failure;

    /* The thread's own. */
    struct store store;
    bool dirty;
    uint64_t synced_ms, swept_ms, readers_ms; /* steady */
    int64_t wall_ms;                          /* of the last request; 0: none yet, */
    uint64_t wall_at_ms;                      /* and when that was */
};

static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static struct environment *registry;

static uint64_t steady_ms(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* ---- answering ---- */

static void note_failure(struct environment *environment, int code)
{
    pthread_mutex_lock(&environment->lock);
    environment->failure = code;
    pthread_mutex_unlock(&environment->lock);
}

static void fail_all(struct request *requests, int code)
{
    int result = code == ENOSPC || code == EDQUOT || code == MDB_MAP_FULL ? GP_ENOSPC : GP_ETEMP;

    for (struct request *request = requests; request; request = request->next)
        request->result = result;
}

static int begin(struct environment *environment, bool changes, MDB_txn **txn_r)
{
    unsigned flags = changes ? 0 : MDB_RDONLY;
    int code = mdb_txn_begin(environment->store.env, NULL, flags, txn_r);

    /* Another process has made it larger. */
    if (code == MDB_MAP_RESIZED && mdb_env_set_mapsize(environment->store.env, 0) == 0)
        code = mdb_txn_begin(environment->store.env, NULL, flags, txn_r);
    return code;
}

static int64_t wall_now(const struct environment *environment)
{
    return environment->wall_ms + (int64_t)(steady_ms() - environment->wall_at_ms);
}

static int answer_in(struct environment *environment, MDB_txn *txn, struct request *requests,
                     bool changes)
{
    bool full = changes && store_full(&environment->store, txn);
    unsigned removed;
    int code = 0;

    if (changes)
        code = store_sweep(&environment->store, txn, requests->now_ms, SWEEP_WITH, &removed);
    for (struct request *request = requests; request && !code; request = request->next)
        code = store_answer(&environment->store, txn, full, request);
    return code;
}

static int try_batch(struct environment *environment, struct request *requests, bool changes)
{
    MDB_txn *txn = NULL;
    int code = begin(environment, changes, &txn);

    if (code)
        return code;
    code = answer_in(environment, txn, requests, changes);
    if (!code && changes)
        return mdb_txn_commit(txn);
    mdb_txn_abort(txn);
    return code;
}

static void answer_batch(struct environment *environment, struct request *requests)
{
    bool changes = false;
    int code;

    for (struct request *request = requests; request; request = request->next)
        changes = changes || is_change(request);
    do
        code = try_batch(environment, requests, changes);
    while (code == MDB_MAP_FULL && store_grow(&environment->store));
    environment->dirty = environment->dirty || (changes && !code);
    if (!code)
        return;
    fail_all(requests, code);
    note_failure(environment, code);
}

/* From here on the requests are their hooks'. */
static void fire_all(struct request *request)
{
    while (request) {
        struct request *next = request->next;

        gp_waker_fire(request->waker);
        request_release(&request);
        request = next;
    }
}

/* ---- what is done when nobody asks ---- */

static void sweep(struct environment *environment)
{
    unsigned removed = 0;
    MDB_txn *txn;
    int code;

    if (environment->wall_ms == 0)
        return; /* it is not known yet what time it is */
    code = begin(environment, true, &txn);
    if (code) {
        note_failure(environment, code);
        return;
    }
    code = store_sweep(&environment->store, txn, wall_now(environment), SWEEP_IDLE, &removed);
    if (!code && removed)
        code = mdb_txn_commit(txn);
    else
        mdb_txn_abort(txn);
    if (code && !(code == MDB_MAP_FULL && store_grow(&environment->store)))
        note_failure(environment, code);
    environment->dirty = environment->dirty || removed;
    /* There may be more: at once. */
    environment->swept_ms = removed == SWEEP_IDLE ? 0 : steady_ms();
}

static void sync_now(struct environment *environment)
{
    int code = environment->dirty ? mdb_env_sync(environment->store.env, 1) : 0;

    if (code)
        note_failure(environment, code);
    environment->dirty = false;
    environment->synced_ms = steady_ms();
}

static void do_chores(struct environment *environment)
{
    uint64_t now = steady_ms();
    int dead;

    if (now - environment->swept_ms >= TURN_MS)
        sweep(environment);
    if (now - environment->synced_ms >= environment->sync_ms)
        sync_now(environment);
    if (now - environment->readers_ms >= READERS_MS) {
        (void)mdb_reader_check(environment->store.env, &dead);
        environment->readers_ms = now;
    }
}

/* ---- the thread ---- */

/* Waits for requests, or for the time of chores. NULL: none; *stop_r: and none will come. */
static struct request *take_batch(struct environment *environment, bool *stop_r)
{
    struct request *first, **end;
    struct timespec until;
    int waited = 0;

    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    if (environment->swept_ms)
        until.tv_sec += TURN_MS / 1000;
    pthread_mutex_lock(&environment->lock);
    while (!environment->first && !environment->stop && waited == 0)
        waited = pthread_cond_timedwait(&environment->asked, &environment->lock, &until);
    first = environment->first;
    end = &first;
    for (unsigned n = 0; *end && n < BATCH_MAX; n++) {
        end = &(*end)->next;
        environment->count--;
    }
    environment->first = *end;
    *end = NULL;
    if (!environment->first)
        environment->end = &environment->first;
    *stop_r = environment->stop && !environment->first;
    pthread_mutex_unlock(&environment->lock);
    return first;
}

static void *run(void *arg)
{
    struct environment *environment = arg;
    bool stop = false;

    while (!stop) {
        struct request *requests = take_batch(environment, &stop);

        if (requests) {
            environment->wall_ms = requests->now_ms;
            environment->wall_at_ms = steady_ms();
            answer_batch(environment, requests);
            fire_all(requests);
        }
        if (!stop)
            do_chores(environment);
    }
    sync_now(environment);
    return NULL;
}

void environment_ask(struct environment *environment, struct request *request)
{
    bool fits;

    pthread_mutex_lock(&environment->lock);
    fits = environment->count < QUEUE_MAX;
    if (fits) {
        *environment->end = request;
        environment->end = &request->next;
        environment->count++;
        pthread_cond_signal(&environment->asked);
    }
    pthread_mutex_unlock(&environment->lock);
    if (fits)
        return;
    request->result = GP_ETEMP;
    fire_all(request);
}

int environment_failure(struct environment *environment)
{
    int failure;

    pthread_mutex_lock(&environment->lock);
    failure = environment->failure;
    environment->failure = 0;
    pthread_mutex_unlock(&environment->lock);
    return failure;
}

const char *environment_failure_text(int failure)
{
    return mdb_strerror(failure);
}

/* ---- life ---- */

static int start_thread(struct environment *environment)
{
    pthread_condattr_t attributes;
    int code;

    pthread_mutex_init(&environment->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&environment->asked, &attributes);
    pthread_condattr_destroy(&attributes);
    environment->end = &environment->first;
    environment->synced_ms = environment->swept_ms = environment->readers_ms = steady_ms();
    code = pthread_create(&environment->thread, NULL, run, environment);
    if (code == 0)
        return 0;
    pthread_cond_destroy(&environment->asked);
    pthread_mutex_destroy(&environment->lock);
    return code;
}

static struct environment *create(const char *path, const struct stat *st, uint64_t max_bytes,
                                  uint64_t sync_ms, char *error, size_t size)
{
    struct environment *environment = calloc(1, sizeof *environment);

    if (!environment) {
        (void)snprintf(error, size, "no memory");
        return NULL;
    }
    environment->refs = 1;
    environment->device = st->st_dev;
    environment->inode = st->st_ino;
    environment->sync_ms = sync_ms;
    if (store_open(&environment->store, path, max_bytes, error, size) == 0) {
        if (start_thread(environment) == 0) {
            environment->next = registry;
            registry = environment;
            return environment;
        }
        (void)snprintf(error, size, "no thread could be started");
        store_close(&environment->store);
    }
    free(environment);
    return NULL;
}

static struct environment *find(const struct stat *st)
{
    struct environment *environment = registry;

    while (environment && (environment->device != st->st_dev || environment->inode != st->st_ino))
        environment = environment->next;
    return environment;
}

struct environment *environment_open(struct gp_slice path, uint64_t max_bytes, uint64_t sync_ms,
                                     char *error, size_t size)
{
    struct environment *environment = NULL;
    struct stat st;

    pthread_mutex_lock(&registry_lock);
    if ((mkdir(path.data, 0700) < 0 && errno != EEXIST) || stat(path.data, &st) < 0) {
        (void)snprintf(error, size, "the directory %s cannot be made: %s", path.data,
                       strerror(errno));
    } else if ((environment = find(&st))) {
        environment->refs++;
    } else {
        environment = create(path.data, &st, max_bytes, sync_ms, error, size);
    }
    pthread_mutex_unlock(&registry_lock);
    return environment;
}

static void destroy(struct environment *environment)
{
    struct environment **link = &registry;

    while (*link != environment)
        link = &(*link)->next;
    *link = environment->next;
    pthread_mutex_lock(&environment->lock);
    environment->stop = true;
    pthread_cond_signal(&environment->asked);
    pthread_mutex_unlock(&environment->lock);
    (void)pthread_join(environment->thread, NULL);
    store_close(&environment->store);
    pthread_cond_destroy(&environment->asked);
    pthread_mutex_destroy(&environment->lock);
    free(environment);
}

void environment_close(struct environment **environment_)
{
    struct environment *environment = *environment_;

    *environment_ = NULL;
    pthread_mutex_lock(&registry_lock);
    if (environment && --environment->refs == 0)
        destroy(environment);
    pthread_mutex_unlock(&registry_lock);
}
