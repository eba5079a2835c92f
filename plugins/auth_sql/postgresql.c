// SPDX-License-Identifier: Apache-2.0
/*
 * PostgreSQL by libpq, never blocking: every step waits for the socket with gp_wait_fd(). A question
 * has a connection for itself, with the statement prepared on it; it is kept for the next one. One
 * that was idle may have gone stale: then the question is asked once more on a fresh one.
 *
 * A call that is told to unwind leaves its connection in the middle of something: it is closed.
 */
#include "auth_sql.h"

#include <libpq-fe.h>
#include <stdlib.h>

#define STATEMENT "gatepost"
#define RESULTS_MAX 8 /* of one command, when only one is wanted */

struct pg_line {
    struct idle_link link;
    PGconn *conn;
};

/* ---- life ---- */

static void line_free(struct pg_line **line_)
{
    struct pg_line *line = *line_;

    *line_ = NULL;
    if (!line)
        return;
    PQfinish(line->conn);
    free(line);
}

static void close_line(struct idle_link *link)
{
    struct pg_line *line = (struct pg_line *)link;

    line_free(&line);
}

void pg_expire(struct auth_sql *self)
{
    idle_expire(&self->idle, close_line);
}

void pg_close(struct auth_sql *self)
{
    idle_close(&self->idle, close_line);
}

static int failed(struct gp_call *call, const char *what)
{
    gp_log(call, GP_LOG_ERROR, "PostgreSQL: " GP_FMT, GP_ARG(gp_slice_trim(gp_slice_of(what))));
    return GP_ETEMP;
}

/* ---- waiting ---- */

/* Sends what libpq holds back, reading what comes meanwhile. */
static int flush(struct gp_call *call, PGconn *conn)
{
    int left;

    while ((left = PQflush(conn)) == 1) {
        int error = gp_wait_fd(call, PQsocket(conn), GP_FD_READ | GP_FD_WRITE);

        if (error)
            return error;
        if (!PQconsumeInput(conn))
            return GP_ECLOSED;
    }
    return left == 0 ? GP_OK : GP_ECLOSED;
}

/* The next result (NULL: the command is done). */
static int next_result(struct gp_call *call, PGconn *conn, PGresult **result_r)
{
    while (PQisBusy(conn)) {
        int error = gp_wait_fd(call, PQsocket(conn), GP_FD_READ);

        if (error)
            return error;
        if (!PQconsumeInput(conn))
            return GP_ECLOSED;
    }
    *result_r = PQgetResult(conn);
    return GP_OK;
}

/* The one result of the command that was sent, of that status. */
static int one_result(struct gp_call *call, PGconn *conn, ExecStatusType wanted,
                      PGresult **result_r)
{
    PGresult *more = NULL;
    int error = flush(call, conn);

    *result_r = NULL;
    if (!error)
        error = next_result(call, conn, result_r);
    for (int i = 0; !error && i < RESULTS_MAX; i++) {
        error = next_result(call, conn, &more);
        if (!more)
            break;
        PQclear(more);
    }
    if (!error && (more || PQresultStatus(*result_r) != wanted))
        error = PQstatus(conn) == CONNECTION_BAD ? GP_ECLOSED : GP_EINVAL;
    if (error) {
        PQclear(*result_r);
        *result_r = NULL;
    }
    return error;
}

/* ---- connecting ---- */

static void no_notice(void *arg, const char *message)
{
    (void)arg;
    (void)message;
}

static PGconn *start(struct gp_call *call, const struct auth_sql *self)
{
    struct gp_slice target = gp_format(call, GP_FMT, GP_ARG(self->postgresql));
    const char *keys[] = {"fallback_application_name", "dbname", "client_encoding", "gssencmode",
                          NULL};
    const char *values[] = {"gatepost", target.data, "UTF8", "disable", NULL};

    return target.data ? PQconnectStartParams(keys, values, 1) : NULL;
}

static int connect_to(struct gp_call *call, PGconn *conn)
{
    PostgresPollingStatusType status = PGRES_POLLING_WRITING;

    if (PQstatus(conn) == CONNECTION_BAD)
        return GP_ETEMP;
    while (status != PGRES_POLLING_OK) {
        int error = gp_wait_fd(call, PQsocket(conn),
                               status == PGRES_POLLING_READING ? GP_FD_READ : GP_FD_WRITE);

        if (error)
            return error;
        status = PQconnectPoll(conn);
        if (status == PGRES_POLLING_FAILED)
            return GP_ETEMP;
    }
    return PQsetnonblocking(conn, 1) == 0 ? GP_OK : GP_ETEMP;
}

static int prepare(struct gp_call *call, const struct auth_sql *self, PGconn *conn)
{
    struct gp_slice query = gp_format(call, GP_FMT, GP_ARG(self->query));
    PGresult *result;
    int error;

    PQsetNoticeProcessor(conn, no_notice, NULL);
    if (!query.data || !PQsendPrepare(conn, STATEMENT, query.data, 1, NULL))
        return GP_ETEMP;
    error = one_result(call, conn, PGRES_COMMAND_OK, &result);
    PQclear(result);
    return error;
}

static int line_open(struct gp_call *call, const struct auth_sql *self, struct pg_line **line_r)
{
    struct pg_line *line = calloc(1, sizeof *line);
    int error;

    *line_r = line;
    if (!line)
        return GP_ETEMP;
    line->conn = start(call, self);
    error = line->conn ? connect_to(call, line->conn) : GP_ETEMP;
    if (!error)
        error = prepare(call, self, line->conn);
    if (!error)
        return GP_OK;
    failed(call, error == GP_ETIMEDOUT ? "no connection in time" : PQerrorMessage(line->conn));
    line_free(line_r);
    return error == GP_ETIMEDOUT || error == GP_ECANCELED ? error : GP_ETEMP;
}

/* ---- asking ---- */

static int take_row(struct gp_call *call, const PGresult *result, struct gp_slice *secrets_r)
{
    int rows = PQntuples(result), len;

    *secrets_r = gp_slice(NULL, 0);
    if (PQnfields(result) != 1)
        return failed(call, "query: one column is needed, the user's secrets");
    if (rows > 1)
        return failed(call, "the query gives more than one row for a user");
    if (rows == 0)
        return GP_ENOTFOUND;
    if (PQgetisnull(result, 0, 0))
        return GP_OK;
    len = PQgetlength(result, 0, 0);
    if ((size_t)len > SECRETS_MAX)
        return failed(call, "the secrets of a user are too long");
    *secrets_r = gp_format(call, "%.*s", len, PQgetvalue(result, 0, 0));
    return GP_OK;
}

/* *clean_r: the connection can be used again. */
static int ask(struct gp_call *call, PGconn *conn, struct gp_slice user, struct gp_slice *secrets_r,
               bool *clean_r)
{
    struct gp_slice name = gp_format(call, GP_FMT, GP_ARG(user));
    const char *values[] = {name.data};
    PGresult *result = NULL;
    int error = GP_ECLOSED;

    *clean_r = false;
    if (PQsendQueryPrepared(conn, STATEMENT, 1, values, NULL, NULL, 0))
        error = one_result(call, conn, PGRES_TUPLES_OK, &result);
    if (error)
        return error;
    *clean_r = true;
    error = take_row(call, result, secrets_r);
    PQclear(result);
    return error;
}

static int try_once(struct gp_call *call, struct auth_sql *self, struct gp_slice user,
                    struct gp_slice *secrets_r, bool *stale_r)
{
    struct pg_line *line = (struct pg_line *)idle_take(&self->idle);
    int result = line ? GP_OK : line_open(call, self, &line);
    bool clean = false;

    *stale_r = false;
    if (result)
        return result;
    result = ask(call, line->conn, user, secrets_r, &clean);
    *stale_r = line->link.reused && result == GP_ECLOSED;
    if (!clean && !*stale_r)
        failed(call, result == GP_ETIMEDOUT ? "no answer in time" : PQerrorMessage(line->conn));
    if (!clean || !idle_keep(&self->idle, &line->link, self->keep))
        line_free(&line);
    return result;
}

int pg_lookup(struct gp_call *call, struct auth_sql *self, struct gp_slice user,
              struct gp_slice *secrets_r)
{
    bool stale;
    int result = try_once(call, self, user, secrets_r, &stale);

    if (!stale)
        return result;
    pg_close(self);
    return try_once(call, self, user, secrets_r, &stale);
}

/* ---- the connection string ---- */

/* An address, or the folder of a UNIX socket: nothing that DNS would be asked about. */
static bool is_address(struct gp_slice host)
{
    size_t digits = 0;

    if (host.len == 0 || host.data[0] == '/' || host.data[0] == '@')
        return true;
    if (gp_slice_find(host, ':') < host.len)
        return true;
    for (size_t i = 0; i < host.len; i++)
        digits += (host.data[i] >= '0' && host.data[i] <= '9') || host.data[i] == '.';
    return digits == host.len;
}

static const char *value_of(const PQconninfoOption *options, const char *key)
{
    for (; options->keyword; options++)
        if (strcmp(options->keyword, key) == 0)
            return options->val && options->val[0] ? options->val : NULL;
    return NULL;
}

static bool needs_dns(const PQconninfoOption *options)
{
    struct gp_slice hosts = gp_slice_of(value_of(options, "host"));
    bool needed = false;

    if (value_of(options, "hostaddr"))
        return false;
    while (gp_slice_present(hosts))
        needed = !is_address(gp_slice_split(&hosts, ',')) || needed;
    return needed;
}

int pg_check(struct gp_call *call, const struct auth_sql *self)
{
    struct gp_slice text = gp_format(call, GP_FMT, GP_ARG(self->postgresql));
    PQconninfoOption *options = text.data ? PQconninfoParse(text.data, NULL) : NULL;
    bool bad = options && needs_dns(options);

    /* The message of libpq would show what is in the string, a password perhaps. */
    if (!options)
        gp_log(call, GP_LOG_ERROR, "postgresql: not a connection string of libpq");
    else if (bad)
        gp_log(call, GP_LOG_ERROR,
               "postgresql: a host name must have its address too: add hostaddr=");
    PQconninfoFree(options);
    return !options || bad ? GP_EINVAL : GP_OK;
}
