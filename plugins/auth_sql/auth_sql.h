// SPDX-License-Identifier: Apache-2.0
/* What the files of this plugin share. */
#ifndef AUTH_SQL_AUTH_SQL_H
#define AUTH_SQL_AUTH_SQL_H

#include <gatepost/plugin.h>
#include <idle.h>

#define SECRETS_MAX ((size_t)2048) /* that a row may have */
#define QUERY_MAX ((size_t)2048)
#define USER_MAX ((size_t)255)

struct auth_sql {
    struct gp_slice sqlite, postgresql, query, configured;
    int scram;
    int64_t keep;

    struct idle idle;        /* connections to PostgreSQL */
    char decoy[SECRETS_MAX]; /* the dearest secrets that were found; empty: none were yet */
    size_t decoy_len;
    uint64_t decoy_cost;
};

/*
 * Both run the query for a user. 0 and the text of the one column of the one row, in memory of the
 * call (absent: NULL); GP_ENOTFOUND: no row; any other error was logged.
 */
int sqlite_lookup(struct gp_call *call, const struct auth_sql *self, struct gp_slice user,
                  struct gp_slice *secrets_r);
int pg_lookup(struct gp_call *call, struct auth_sql *self, struct gp_slice user,
              struct gp_slice *secrets_r);

/* Whether the query can be run. Logs what is wrong with it. */
int sqlite_check(struct gp_call *call, const struct auth_sql *self);

/* Whether the connection string is one, and names no host that libpq would block to look up. */
int pg_check(struct gp_call *call, const struct auth_sql *self);

/* Closes the kept connections: those that were idle since the last call, or all. */
void pg_expire(struct auth_sql *self);
void pg_close(struct auth_sql *self);

#endif
