// SPDX-License-Identifier: Apache-2.0
/*
 * Logins from a table of SQLite or PostgreSQL. One query, prepared, with the name of the user as its
 * parameter, gives the user's secrets; passwords are compared here, hashes computed in the work
 * pool, as auth_file does.
 *
 * For a user that is not there the dearest secret that was found so far is tried, or the one that is
 * configured, and never fits.
 */
#include "auth_sql.h"

#include <secrets.h>

#define TICK_MS 60000

enum scram { SCRAM_NONE = 0, SCRAM_SHA_1, SCRAM_SHA_256, SCRAM_BOTH };
static const char *const scram_names[] = {"none", "sha-1", "sha-256", "both", NULL};

static int lookup(struct gp_call *call, struct auth_sql *self, struct gp_slice user,
                  struct gp_slice *secrets_r)
{
    *secrets_r = gp_slice(NULL, 0);
    return self->sqlite.len ? sqlite_lookup(call, self, user, secrets_r)
                            : pg_lookup(call, self, user, secrets_r);
}

static void remember(struct auth_sql *self, struct gp_slice secrets)
{
    uint64_t cost = gp_password_cost(secrets_password(secrets));

    if (gp_slice_present(self->configured) || cost <= self->decoy_cost)
        return;
    memcpy(self->decoy, secrets.data, secrets.len);
    self->decoy_len = secrets.len;
    self->decoy_cost = cost;
}

/* A copy: somebody else may be found while a hash is computed. */
static struct gp_slice decoy(struct gp_call *call, const struct auth_sql *self)
{
    if (gp_slice_present(self->configured))
        return self->configured;
    return self->decoy_len ? gp_format(call, "%.*s", (int)self->decoy_len, self->decoy)
                           : gp_slice(NULL, 0);
}

/* Who has no secret is like who is not there. */
static int find(struct gp_call *call, struct auth_sql *self, struct gp_slice user,
                struct gp_slice *secrets_r)
{
    int found = lookup(call, self, user, secrets_r);

    if (found == GP_OK && gp_slice_trim(*secrets_r).len == 0)
        found = GP_ENOTFOUND;
    if (found == GP_OK && !secrets_known(*secrets_r)) {
        gp_log(call, GP_LOG_ERROR,
               "the user \"" GP_FMT "\" has a secret of a kind that is not known", GP_ARG(user));
        return GP_ETEMP;
    }
    if (found == GP_OK)
        remember(self, *secrets_r);
    else if (found == GP_ENOTFOUND)
        *secrets_r = decoy(call, self);
    return found;
}

static int verify_password(struct gp_call *call, void *self, struct gp_slice user,
                           struct gp_slice password)
{
    struct gp_slice secrets;
    int found = find(call, self, user, &secrets), result;

    if (found != GP_OK && found != GP_ENOTFOUND)
        return found;
    result = gp_password_verify(call, secrets_password(secrets), password);
    return result == GP_OK ? found : result;
}

static int fetch_secret(struct gp_call *call, void *self, struct gp_slice user,
                        struct gp_slice mechanism, struct gp_slice *secret_r)
{
    struct gp_slice secrets;
    int found = find(call, self, user, &secrets);

    if (found != GP_OK && found != GP_ENOTFOUND)
        return found;
    *secret_r = secrets_scram(secrets, mechanism);
    return gp_slice_present(*secret_r) ? found : GP_ENOTFOUND;
}

static unsigned offers(void *self_)
{
    const struct auth_sql *self = self_;
    unsigned scram = 0;

    if (self->scram == SCRAM_SHA_1 || self->scram == SCRAM_BOTH)
        scram |= GP_AUTH_SCRAM_SHA_1;
    if (self->scram == SCRAM_SHA_256 || self->scram == SCRAM_BOTH)
        scram |= GP_AUTH_SCRAM_SHA_256;
    return GP_AUTH_PASSWORD | scram;
}

/* ---- the instance ---- */

static int create(struct gp_call *call, void *self_)
{
    const struct auth_sql *self = self_;

    if ((self->sqlite.len == 0) == (self->postgresql.len == 0)) {
        gp_log(call, GP_LOG_ERROR, "give one of sqlite and postgresql");
        return GP_EINVAL;
    }
    if (self->query.len >= QUERY_MAX) {
        gp_log(call, GP_LOG_ERROR, "query: longer than %zu bytes", QUERY_MAX - 1);
        return GP_EINVAL;
    }
    if (gp_slice_present(self->configured) && !secrets_known(self->configured)) {
        gp_log(call, GP_LOG_ERROR, "decoy: not secrets as a user has them");
        return GP_EINVAL;
    }
    return self->sqlite.len ? sqlite_check(call, self) : pg_check(call, self);
}

static void destroy(void *self_)
{
    struct auth_sql *self = self_;

    pg_close(self);
    explicit_bzero(self->decoy, sizeof self->decoy);
}

static enum gp_verdict on_tick(struct gp_call *call, void *self)
{
    (void)call;
    pg_expire(self);
    return GP_NEXT;
}

static const struct gp_auth_role role = {.size = sizeof role,
                                         .verify_password = verify_password,
                                         .fetch_secret = fetch_secret,
                                         .offers = offers};

GP_OPTIONS(
    struct auth_sql,
    GP_OPTION_PATH("sqlite", struct auth_sql, sqlite, GP_OPTIONAL, "A database of SQLite."),
    GP_OPTION_SECRET("postgresql", struct auth_sql, postgresql, GP_OPTIONAL,
                     "Where PostgreSQL is, as libpq has it: host=/run/postgresql dbname=mail."),
    GP_OPTION_STRING("query", struct auth_sql, query, "SELECT password FROM users WHERE name = $1",
                     "Gives the secrets of the user $1.", .flags = GP_OPTION_NOT_EMPTY),
    GP_OPTION_ENUM("scram", struct auth_sql, scram, scram_names, "none",
                   "SCRAM mechanisms for which every user has a secret."),
    GP_OPTION_SECRET("decoy", struct auth_sql, configured, GP_OPTIONAL,
                     "Secrets that are tried for users who are not there; without it the dearest "
                     "that were found."),
    GP_OPTION_INTEGER("keep", struct auth_sql, keep, "4", 0, 100,
                      "How many idle connections to PostgreSQL are kept, each for a minute "
                      "or two."));
GP_HOOKS({GP_HOOK_TICK, on_tick});
GP_PLUGIN(.version = "1.0", .summary = "Logins from a table of SQLite or PostgreSQL",
          .needs = GP_NEEDS_NETWORK, .deadline_ms = 10000, .tick_ms = TICK_MS, .create = create,
          .destroy = destroy, .auth = &role, GP_USES_OPTIONS, GP_USES_HOOKS);
