// SPDX-License-Identifier: Apache-2.0
/* State in an LMDB environment that all processes of a machine share: the role, over requests to
 * the environment's thread. */
#include "environment.h"

#define LOG_PAUSE_MS 10000

struct lmdb {
    struct gp_slice path;
    uint64_t size, sync_ms;

    struct environment *environment;
    uint64_t logged_ms;
    bool has_logged;
};

GP_OPTIONS(struct lmdb,
           GP_OPTION_PATH("path", struct lmdb, path, NULL,
                          "Directory of the state; made if it is not there.",
                          .flags = GP_OPTION_NOT_EMPTY),
           GP_OPTION_SIZE("size", struct lmdb, size, "1GiB", 1 << 20, 1ll << 40,
                          "How large it may become; then nothing new is taken."),
           GP_OPTION_DURATION("sync", struct lmdb, sync_ms, "1s", 100, 3600000,
                              "How often changes are written to the disk for good."));

static void report(struct gp_call *call, struct lmdb *lmdb)
{
    int failure = environment_failure(lmdb->environment);
    uint64_t now = gp_now(call);

    if (!failure || (lmdb->has_logged && now - lmdb->logged_ms < LOG_PAUSE_MS))
        return;
    lmdb->has_logged = true;
    lmdb->logged_ms = now;
    gp_log(call, GP_LOG_ERROR, "the state in " GP_FMT " fails: %s", GP_ARG(lmdb->path),
           environment_failure_text(failure));
}

static int64_t until(int64_t now_ms, uint64_t ttl_ms)
{
    return ttl_ms && ttl_ms < (uint64_t)(INT64_MAX - now_ms) ? now_ms + (int64_t)ttl_ms : INT64_MAX;
}

/* Asks and waits. 0: request->result is the answer; or why there is none: the thread may be at it
 * still. */
static int ask(struct gp_call *call, struct lmdb *lmdb, struct request *request, uint64_t ttl_ms)
{
    struct gp_op *op = gp_waker_start(call, &request->waker);
    struct request *theirs = request;
    int error;

    if (!op) {
        request_release(&theirs);
        return gp_wait(call, op);
    }
    request->now_ms = gp_wall_clock(call);
    request->until_ms = until(request->now_ms, ttl_ms);
    environment_ask(lmdb->environment, request);
    error = gp_wait(call, op);
    if (!error && request->result == GP_ETEMP)
        report(call, lmdb);
    return error;
}

/* In the call's memory; absent: there is none left. */
static struct gp_slice copy(struct gp_call *call, const char *from, size_t len)
{
    char *bytes = gp_alloc(call, len + 1);

    if (bytes && len)
        memcpy(bytes, from, len);
    return gp_slice(bytes, bytes ? len : 0);
}

static int finish(struct gp_call *call, struct request *request, int error,
                  struct gp_slice *value_r)
{
    if (!error)
        error = request->result;
    if (value_r && (error == 0 || error == GP_EEXIST)) {
        *value_r = copy(call, request->answer, request->answer_len);
        error = gp_slice_present(*value_r) ? error : GP_ELIMIT;
    }
    request_release(&request);
    return error;
}

static int get(struct gp_call *call, void *self, struct gp_slice key, struct gp_slice *value_r)
{
    struct request *request = request_create(GET, key, GP_S(""));

    return request ? finish(call, request, ask(call, self, request, 0), value_r) : GP_ETEMP;
}

static int put(struct gp_call *call, void *self, struct gp_slice key, struct gp_slice value,
               uint64_t ttl_ms)
{
    struct request *request = request_create(PUT, key, value);

    return request ? finish(call, request, ask(call, self, request, ttl_ms), NULL) : GP_ETEMP;
}

static int put_if_new(struct gp_call *call, void *self, struct gp_slice key, struct gp_slice value,
                      uint64_t ttl_ms, struct gp_slice *value_r)
{
    struct request *request = request_create(PUT_IF_NEW, key, value);

    return request ? finish(call, request, ask(call, self, request, ttl_ms), value_r) : GP_ETEMP;
}

static int add(struct gp_call *call, void *self, struct gp_slice key, int64_t n, uint64_t ttl_ms,
               int64_t *sum_r)
{
    struct request *request = request_create(ADD, key, GP_S(""));
    int error;

    if (!request)
        return GP_ETEMP;
    request->n = n;
    error = ask(call, self, request, ttl_ms);
    if (!error)
        *sum_r = request->sum;
    return finish(call, request, error, NULL);
}

static int remove_key(struct gp_call *call, void *self, struct gp_slice key)
{
    struct request *request = request_create(REMOVE, key, GP_S(""));

    return request ? finish(call, request, ask(call, self, request, 0), NULL) : GP_ETEMP;
}

/* ---- each ---- */

/* Shows the entries of a page. The key where the next one begins, in the call's memory; absent:
 * there is none, or fn has seen enough. */
static struct gp_slice show_page(struct gp_call *call, const struct request *request,
                                 bool (*fn)(void *arg, struct gp_slice key, struct gp_slice value),
                                 void *arg)
{
    struct gp_slice rest = gp_slice(request->answer, request->answer_len), key, value;

    while (request_next_entry(&rest, &key, &value)) {
        if (rest.len == 0 && request->sum)
            return copy(call, key.data, key.len);
        if (!fn(arg, key, value))
            break;
    }
    return gp_slice(NULL, 0);
}

static int each(struct gp_call *call, void *self, struct gp_slice prefix,
                bool (*fn)(void *arg, struct gp_slice key, struct gp_slice value), void *arg)
{
    struct gp_slice from = prefix;
    int error = 0;

    while (!error && gp_slice_present(from)) {
        struct request *request = request_create(PAGE, from, prefix);

        if (!request)
            return GP_ETEMP;
        error = ask(call, self, request, 0);
        if (!error)
            error = request->result;
        if (!error)
            from = show_page(call, request, fn, arg);
        request_release(&request);
    }
    return error;
}

/* ---- life ---- */

static int create(struct gp_call *call, void *self)
{
    struct lmdb *lmdb = self;
    char error[600];

    lmdb->environment = environment_open(lmdb->path, lmdb->size, lmdb->sync_ms, error,
                                         sizeof error);
    if (lmdb->environment)
        return 0;
    gp_log(call, GP_LOG_ERROR, "%s", error);
    return GP_EIO;
}

static void destroy(void *self)
{
    struct lmdb *lmdb = self;

    environment_close(&lmdb->environment);
}

static const struct gp_state_role role = {
    sizeof role, get, put, put_if_new, add, each, remove_key,
};

GP_PLUGIN(.version = "1.0", .summary = "State in LMDB, shared by all processes of a machine",
          GP_USES_OPTIONS, .create = create, .destroy = destroy, .state = &role);
