// SPDX-License-Identifier: Apache-2.0
/*
 * Logins from a text file, as `gatepost user` writes it. The file is read again when it has changed;
 * one with a mistake replaces nothing. Hashes are computed in the work pool.
 *
 * For a user that is not there the secret of another is tried, chosen by the name: so mixed costs
 * of hashes in the file tell nothing either.
 */
#include "secrets.h"
#include "users.h"

#include <stdio.h>

#define TICK_MS 1000

struct auth_file {
    struct gp_slice path;
    uint64_t recheck_ms, size_max;

    struct users *users; /* never NULL once the instance is made */
    uint64_t version;
    uint64_t bad_version; /* of what could not be used, to say so once */
    uint64_t next_check_ms;
    uint64_t seed;
};

/* ---- the file ---- */

/* 0, or an error with a text; *users_r is what it holds now. */
static int read_users(struct gp_call *call, const struct auth_file *file, struct users **users_r,
                      char error[USERS_ERROR_MAX])
{
    struct gp_slice bytes;
    int result = gp_file_read(call, file->path, file->size_max, &bytes);

    if (result) {
        snprintf(error, USERS_ERROR_MAX, "can't be read: %s",
                 result == GP_ELIMIT ? "larger than max_size" : gp_strerror(result));
        return result;
    }
    *users_r = users_parse(bytes, error);
    return *users_r ? GP_OK : GP_EINVAL;
}

static int create(struct gp_call *call, void *self)
{
    struct auth_file *file = self;
    char error[USERS_ERROR_MAX];
    int result;

    gp_random(call, &file->seed, sizeof file->seed);
    file->next_check_ms = gp_now(call) + file->recheck_ms;
    result = gp_file_version(call, file->path, &file->version);
    if (result)
        snprintf(error, sizeof error, "can't be read: %s", gp_strerror(result));
    else
        result = read_users(call, file, &file->users, error);
    if (result)
        gp_log(call, GP_LOG_ERROR, GP_FMT ": %s", GP_ARG(file->path), error);
    return result;
}

static void destroy(void *self)
{
    struct auth_file *file = self;

    users_free(&file->users);
}

static void take(struct gp_call *call, struct auth_file *file, struct users *users,
                 uint64_t version)
{
    struct users *before = file->users;

    file->users = users;
    file->version = version;
    users_free(&before);
    gp_log(call, GP_LOG_INFO, GP_FMT ": %zu users", GP_ARG(file->path), users->count);
}

static enum gp_verdict on_tick(struct gp_call *call, void *self)
{
    struct auth_file *file = self;
    char error[USERS_ERROR_MAX];
    struct users *users;
    uint64_t version = 0;

    if (gp_now(call) < file->next_check_ms)
        return GP_NEXT;
    file->next_check_ms = gp_now(call) + file->recheck_ms;
    if (gp_file_version(call, file->path, &version) == GP_OK && version == file->version)
        return GP_NEXT;
    if (read_users(call, file, &users, error) == GP_OK) {
        take(call, file, users, version);
    } else if (version != file->bad_version || version == 0) {
        gp_log(call, GP_LOG_ERROR, GP_FMT ": %s; the users read before stay", GP_ARG(file->path),
               error);
        file->bad_version = version;
    }
    return GP_NEXT;
}

/* ---- the role ---- */

/* Somebody else, the same one for the same name; NULL: there is nobody. */
static const struct user *decoy(const struct auth_file *file, struct gp_slice name)
{
    uint64_t hash = file->seed;

    for (size_t i = 0; i < name.len; i++)
        hash = (hash ^ (unsigned char)name.data[i]) * UINT64_C(0x100000001b3);
    return file->users->count ? &file->users->list[(hash >> 16) % file->users->count] : NULL;
}

/* A copy: the file may be read again while a hash is computed. */
static struct gp_slice keep(struct gp_call *call, struct gp_slice secret)
{
    return gp_slice_present(secret) ? gp_format(call, GP_FMT, GP_ARG(secret)) : secret;
}

static int verify_password(struct gp_call *call, void *self, struct gp_slice user,
                           struct gp_slice password)
{
    const struct auth_file *file = self;
    const struct user *known = users_find(file->users, user);
    const struct user *tried = known ? known : decoy(file, user);
    struct gp_slice hash = tried ? keep(call, secrets_password(tried->secrets)) : gp_slice(NULL, 0);
    int result = gp_password_verify(call, hash, password);

    return result == GP_OK && !known ? GP_ENOTFOUND : result;
}

static int fetch_secret(struct gp_call *call, void *self, struct gp_slice user,
                        struct gp_slice mechanism, struct gp_slice *secret_r)
{
    const struct auth_file *file = self;
    const struct user *known = users_find(file->users, user), *other = decoy(file, user);
    struct gp_slice secret = known ? secrets_scram(known->secrets, mechanism) : gp_slice(NULL, 0);

    if (gp_slice_present(secret)) {
        *secret_r = keep(call, secret);
        return GP_OK;
    }
    if (other)
        *secret_r = keep(call, secrets_scram(other->secrets, mechanism));
    return GP_ENOTFOUND;
}

/* A client takes the strongest that it is offered: one that not everybody can use would lock out
 * those who can't. */
static unsigned offers(void *self)
{
    const struct auth_file *file = self;

    return GP_AUTH_PASSWORD |
           (users_all_have(file->users, GP_S("SCRAM-SHA-1")) ? GP_AUTH_SCRAM_SHA_1 : 0u) |
           (users_all_have(file->users, GP_S("SCRAM-SHA-256")) ? GP_AUTH_SCRAM_SHA_256 : 0u);
}

static const struct gp_auth_role role = {.size = sizeof role,
                                         .verify_password = verify_password,
                                         .fetch_secret = fetch_secret,
                                         .offers = offers};

GP_OPTIONS(struct auth_file,
           GP_OPTION_PATH("path", struct auth_file, path, NULL, "File of users and secrets."),
           GP_OPTION_DURATION("recheck", struct auth_file, recheck_ms, "2s", TICK_MS, 86400000,
                              "How often to look whether the file has changed."),
           GP_OPTION_SIZE("max_size", struct auth_file, size_max, "4MiB", 1, 8 << 20,
                          "A file that is larger is not read."));
GP_HOOKS({GP_HOOK_TICK, on_tick});
GP_PLUGIN(.version = "1.0", .summary = "Logins from a text file", .needs = GP_NEEDS_FILES,
          .tick_ms = TICK_MS, .create = create, .destroy = destroy, .auth = &role, GP_USES_OPTIONS,
          GP_USES_HOOKS);
