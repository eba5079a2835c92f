// SPDX-License-Identifier: Apache-2.0
/*
 * Logins by bearer tokens that are signed: JSON Web Tokens (RFC 9068), checked with the public keys
 * of their issuer, which are in a file. The file is read again when it has changed; one with a
 * mistake replaces nothing. Nobody is asked.
 */
#include "keys.h"
#include "token.h"

#include <stdio.h>

#define TICK_MS 1000
#define FILE_MAX ((size_t)1 << 20)
#define STACK ((size_t)128 << 10) /* libcrypto */

struct auth_jwt {
    struct gp_slice keys_path, issuer, audience, user_claim;
    uint64_t leeway_ms, recheck_ms;

    struct keys *keys; /* never NULL once the instance is made */
    uint64_t version;
    uint64_t bad_version; /* of what could not be used, to say so once */
    uint64_t next_check_ms;
};

/* ---- the file ---- */

static int read_keys(struct gp_call *call, const struct auth_jwt *self, struct keys **keys_r,
                     char error[KEYS_ERROR_MAX])
{
    struct gp_slice bytes;
    int result = gp_file_read(call, self->keys_path, FILE_MAX, &bytes);

    if (result) {
        snprintf(error, KEYS_ERROR_MAX, "can't be read: %s", gp_strerror(result));
        return result;
    }
    *keys_r = keys_parse(bytes, error);
    return *keys_r ? GP_OK : GP_EINVAL;
}

static int create(struct gp_call *call, void *self_)
{
    struct auth_jwt *self = self_;
    char error[KEYS_ERROR_MAX];
    int result;

    self->next_check_ms = gp_now(call) + self->recheck_ms;
    result = gp_file_version(call, self->keys_path, &self->version);
    if (result)
        snprintf(error, sizeof error, "can't be read: %s", gp_strerror(result));
    else
        result = read_keys(call, self, &self->keys, error);
    if (result)
        gp_log(call, GP_LOG_ERROR, GP_FMT ": %s", GP_ARG(self->keys_path), error);
    return result;
}

static void destroy(void *self_)
{
    struct auth_jwt *self = self_;

    keys_free(&self->keys);
}

static void take(struct gp_call *call, struct auth_jwt *self, struct keys *keys, uint64_t version)
{
    keys_free(&self->keys);
    self->keys = keys;
    self->version = version;
    gp_log(call, GP_LOG_INFO, GP_FMT ": %zu keys", GP_ARG(self->keys_path), keys_count(keys));
}

static enum gp_verdict on_tick(struct gp_call *call, void *self_)
{
    struct auth_jwt *self = self_;
    char error[KEYS_ERROR_MAX];
    struct keys *keys;
    uint64_t version = 0;

    if (gp_now(call) < self->next_check_ms)
        return GP_NEXT;
    self->next_check_ms = gp_now(call) + self->recheck_ms;
    if (gp_file_version(call, self->keys_path, &version) == GP_OK && version == self->version)
        return GP_NEXT;
    if (read_keys(call, self, &keys, error) == GP_OK) {
        take(call, self, keys, version);
    } else if (version != self->bad_version || version == 0) {
        gp_log(call, GP_LOG_ERROR, GP_FMT ": %s; the keys read before stay",
               GP_ARG(self->keys_path), error);
        self->bad_version = version;
    }
    return GP_NEXT;
}

/* ---- the role ---- */

static int verify_token(struct gp_call *call, void *self_, struct gp_slice user,
                        struct gp_slice token, struct gp_slice *user_r)
{
    const struct auth_jwt *self = self_;
    const struct token_rules rules = {
        .issuer = self->issuer,
        .audience = self->audience,
        .user_claim = self->user_claim,
        .now_s = gp_wall_clock(call) / 1000,
        .leeway_s = (int64_t)(self->leeway_ms / 1000),
    };
    unsigned char *space = gp_alloc(call, 2 * TOKEN_MAX);
    char *name = gp_alloc(call, TOKEN_USER_MAX + 1);
    const char *wrong;

    if (!space || !name)
        return GP_ETEMP;
    wrong = token_check(self->keys, &rules, token, space, name);
    if (!wrong && user.len && !gp_slice_eq(user, gp_slice_of(name)))
        wrong = "it is somebody else's";
    if (wrong) {
        gp_log(call, GP_LOG_INFO, "a token is refused: %s", wrong);
        return GP_ENOTFOUND;
    }
    *user_r = gp_slice_of(name);
    return GP_OK;
}

static const struct gp_auth_role role = {.size = sizeof role, .verify_token = verify_token};

GP_OPTIONS(struct auth_jwt,
           GP_OPTION_PATH("keys", struct auth_jwt, keys_path, NULL,
                          "File with the issuer's public keys, a JWK set."),
           GP_OPTION_STRING("issuer", struct auth_jwt, issuer, NULL,
                            "Who must have issued a token (iss).", .flags = GP_OPTION_NOT_EMPTY),
           GP_OPTION_STRING("audience", struct auth_jwt, audience, NULL,
                            "Whom a token must be for (aud): us.", .flags = GP_OPTION_NOT_EMPTY),
           GP_OPTION_STRING("user_claim", struct auth_jwt, user_claim, "sub",
                            "The claim that is the user's name, e.g. email.",
                            .flags = GP_OPTION_NOT_EMPTY),
           GP_OPTION_DURATION("leeway", struct auth_jwt, leeway_ms, "1m", 0, 600000,
                              "By how much clocks may differ."),
           GP_OPTION_DURATION("recheck", struct auth_jwt, recheck_ms, "10s", TICK_MS, 86400000,
                              "How often to look whether the file has changed."));
GP_HOOKS({GP_HOOK_TICK, on_tick});
GP_PLUGIN(.version = "1.0", .summary = "Logins by signed tokens (JWT)", .needs = GP_NEEDS_FILES,
          .stack = STACK, .tick_ms = TICK_MS, .create = create, .destroy = destroy, .auth = &role,
          GP_USES_OPTIONS, GP_USES_HOOKS);
