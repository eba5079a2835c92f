// SPDX-License-Identifier: Apache-2.0
/*
 * SQLite, in a thread of the work pool. Each question opens the file for itself and only to read:
 * that takes a fraction of what a password hash does, and a thread that is late owns all it uses.
 */
#include "auth_sql.h"

#include <sqlite3.h>
#include <stdio.h>

#define PATH_MAX_BYTES 4096
#define BUSY_MS 2000 /* how long a writer may hold us up */

struct job {
    char path[PATH_MAX_BYTES], query[QUERY_MAX], user[USER_MAX];
    size_t user_len;
    bool check_only;

    int result;
    char error[200];
    char secrets[SECRETS_MAX];
    size_t secrets_len;
    bool is_null;
};

/* ---- in the thread ---- */

static int fail(struct job *job, const char *what)
{
    snprintf(job->error, sizeof job->error, "%s", what);
    return GP_ETEMP;
}

static int take_row(struct job *job, sqlite3_stmt *statement)
{
    const unsigned char *text = sqlite3_column_text(statement, 0);
    int len = sqlite3_column_bytes(statement, 0);

    job->is_null = !text;
    if (text && (size_t)len > sizeof job->secrets)
        return fail(job, "the secrets of a user are too long");
    if (text)
        memcpy(job->secrets, text, (size_t)len);
    job->secrets_len = text ? (size_t)len : 0;
    return GP_OK;
}

static int step(struct job *job, sqlite3 *db, sqlite3_stmt *statement)
{
    int error;

    if (sqlite3_bind_text(statement, 1, job->user, (int)job->user_len, SQLITE_STATIC) != SQLITE_OK)
        return fail(job, sqlite3_errmsg(db));
    switch (sqlite3_step(statement)) {
    case SQLITE_DONE:
        return GP_ENOTFOUND;
    case SQLITE_ROW:
        error = take_row(job, statement);
        break;
    default:
        return fail(job, sqlite3_errmsg(db));
    }
    if (!error && sqlite3_step(statement) != SQLITE_DONE)
        return fail(job, "the query gives more than one row for a user");
    return error;
}

static int run_query(struct job *job, sqlite3 *db)
{
    sqlite3_stmt *statement = NULL;
    const char *rest = "";
    int result;

    if (sqlite3_prepare_v2(db, job->query, -1, &statement, &rest) != SQLITE_OK)
        return fail(job, sqlite3_errmsg(db));
    if (!statement || rest[strspn(rest, " \t\r\n;")] != '\0')
        result = fail(job, "query: one statement is needed");
    else if (sqlite3_bind_parameter_count(statement) != 1)
        result = fail(job, "query: one parameter is needed, $1, the name of the user");
    else if (sqlite3_column_count(statement) != 1)
        result = fail(job, "query: one column is needed, the user's secrets");
    else
        result = job->check_only ? GP_OK : step(job, db, statement);
    (void)sqlite3_finalize(statement); /* says again what the last step has said */
    return result;
}

static void run(void *block)
{
    struct job *job = block;
    sqlite3 *db = NULL;

    if (sqlite3_open_v2(job->path, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) !=
        SQLITE_OK) {
        job->result = fail(job, db ? sqlite3_errmsg(db) : "no memory");
    } else {
        sqlite3_busy_timeout(db, BUSY_MS);
        job->result = run_query(job, db);
    }
    (void)sqlite3_close(db);
}

/* ---- in the call ---- */

static int run_job(struct gp_call *call, const struct auth_sql *self, struct job *job)
{
    int error;

    if (self->sqlite.len >= sizeof job->path || self->query.len >= sizeof job->query)
        return GP_ELIMIT;
    memcpy(job->path, self->sqlite.data, self->sqlite.len);
    memcpy(job->query, self->query.data, self->query.len);
    error = gp_work(call, run, job, sizeof *job);
    if (!error)
        error = job->result;
    if (error && error != GP_ENOTFOUND)
        gp_log(call, GP_LOG_ERROR, GP_FMT ": %s", GP_ARG(self->sqlite),
               job->error[0] ? job->error : gp_strerror(error));
    return error;
}

int sqlite_lookup(struct gp_call *call, const struct auth_sql *self, struct gp_slice user,
                  struct gp_slice *secrets_r)
{
    struct job *job = gp_alloc(call, sizeof *job);
    int error;

    if (!job || user.len > sizeof job->user)
        return GP_ELIMIT;
    memcpy(job->user, user.data, user.len);
    job->user_len = user.len;
    error = run_job(call, self, job);
    if (!error)
        *secrets_r = job->is_null ? gp_slice(NULL, 0) : gp_slice(job->secrets, job->secrets_len);
    return error;
}

int sqlite_check(struct gp_call *call, const struct auth_sql *self)
{
    struct job *job = gp_alloc(call, sizeof *job);

    if (!job)
        return GP_ELIMIT;
    job->check_only = true;
    return run_job(call, self, job);
}
