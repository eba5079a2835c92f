// SPDX-License-Identifier: Apache-2.0
/*
 * Logins by bearer tokens. Either they are signed: JSON Web Tokens (RFC 9068), checked with the
 * public keys of their issuer, which are in a file; it is read again when it has changed, one with a
 * mistake replaces nothing, and nobody is asked. Or their issuer is asked (RFC 7662): then they may
 * be of any form, and what it has said is remembered for a while.
 */
#include "cache.h"
#include "introspection.h"
#include "token.h"

#include <stdio.h>

#define TICK_MS 1000
#define FILE_MAX ((size_t)1 << 20)
#define STACK ((size_t)128 << 10) /* libcrypto */

struct auth_jwt {
    struct gp_slice keys_path, issuer, audience, scope, user_claim;
    uint64_t leeway_ms, recheck_ms;
    struct introspection introspection; /* without url: the keys are used */

    struct cache *cache;
    struct keys *keys;
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

static int create_keys(struct gp_call *call, struct auth_jwt *self)
{
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

static int create_introspection(struct gp_call *call, struct auth_jwt *self)
{
    int result = introspection_check(call, &self->introspection);

    if (result)
        return result;
    self->cache = cache_new();
    return self->cache ? GP_OK : GP_ETEMP;
}

/* An issuer has tokens for many others, too: one that is not for us must not do. */
static const char *wrong_with(const struct auth_jwt *self)
{
    bool asks = self->introspection.url.len > 0;

    if ((self->keys_path.len > 0) == asks)
        return "give one of keys and introspection";
    if (!asks && (self->issuer.len == 0 || self->audience.len == 0))
        return "with keys, issuer and audience are required";
    if (asks && self->audience.len == 0 && self->scope.len == 0)
        return "with introspection, audience or scope is required";
    if (gp_slice_find(self->scope, ' ') < self->scope.len)
        return "scope: one word";
    return NULL;
}

static int create(struct gp_call *call, void *self_)
{
    struct auth_jwt *self = self_;
    const char *wrong = wrong_with(self);

    if (wrong) {
        gp_log(call, GP_LOG_ERROR, "%s", wrong);
        return GP_EINVAL;
    }
    return self->introspection.url.len ? create_introspection(call, self) : create_keys(call, self);
}

static void destroy(void *self_)
{
    struct auth_jwt *self = self_;

    keys_free(&self->keys);
    cache_free(&self->cache);
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

    if (!self->keys || gp_now(call) < self->next_check_ms)
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

static int refused(struct gp_call *call, const char *why)
{
    gp_log(call, GP_LOG_INFO, "a token is refused: %s", why);
    return GP_ENOTFOUND;
}

static int check_signed(struct gp_call *call, const struct auth_jwt *self,
                        const struct token_rules *rules, struct gp_slice token, char *name)
{
    unsigned char *space = gp_alloc(call, 2 * TOKEN_MAX);
    const char *wrong = space ? token_check(self->keys, rules, token, space, name) : NULL;

    if (!space)
        return GP_ETEMP;
    return wrong ? refused(call, wrong) : GP_OK;
}

/* Never beyond the token's own end. */
static void remember(struct gp_call *call, struct auth_jwt *self, const struct cache_key *key,
                     const struct introspection_answer *answer)
{
    uint64_t ms = self->introspection.cache_ms;

    if (answer->lasts_s < (int64_t)(ms / 1000))
        ms = (uint64_t)answer->lasts_s * 1000;
    if (ms)
        cache_put(self->cache, key, gp_slice_of(answer->user), gp_now(call) + ms);
}

static int ask(struct gp_call *call, struct auth_jwt *self, const struct token_rules *rules,
               struct gp_slice token, const struct cache_key *key, char *name)
{
    struct introspection_answer *answer = gp_alloc(call, sizeof *answer);
    int error = answer ? introspection_ask(call, &self->introspection, rules, token, answer)
                       : GP_ETEMP;

    if (error)
        return error;
    if (answer->wrong)
        return refused(call, answer->wrong);
    remember(call, self, key, answer);
    memcpy(name, answer->user, sizeof answer->user);
    return GP_OK;
}

static int check_asking(struct gp_call *call, struct auth_jwt *self,
                        const struct token_rules *rules, struct gp_slice token, char *name)
{
    struct cache_key key;
    struct gp_slice known;

    if (token.len > TOKEN_MAX)
        return refused(call, "it is too long");
    if (cache_key_of(token, &key) < 0)
        return GP_ETEMP;
    known = cache_get(self->cache, &key, gp_now(call));
    if (!gp_slice_present(known))
        return ask(call, self, rules, token, &key, name);
    memcpy(name, known.data, known.len);
    return GP_OK;
}

static int verify_token(struct gp_call *call, void *self_, struct gp_slice user,
                        struct gp_slice token, struct gp_slice *user_r)
{
    struct auth_jwt *self = self_;
    const struct token_rules rules = {
        .issuer = self->issuer,
        .audience = self->audience,
        .scope = self->scope,
        .user_claim = self->user_claim,
        .now_s = gp_wall_clock(call) / 1000,
        .leeway_s = (int64_t)(self->leeway_ms / 1000),
        .may_last = self->keys == NULL,
    };
    char *name = gp_alloc(call, TOKEN_USER_MAX + 1);
    int result;

    if (!name)
        return GP_ETEMP;
    result = self->keys ? check_signed(call, self, &rules, token, name)
                        : check_asking(call, self, &rules, token, name);
    if (result == GP_OK && user.len && !gp_slice_eq(user, gp_slice_of(name)))
        result = refused(call, "it is somebody else's");
    if (result == GP_OK)
        *user_r = gp_slice_of(name);
    return result;
}

static const struct gp_auth_role role = {.size = sizeof role, .verify_token = verify_token};

static const struct gp_option introspection_rows[] = {
    GP_OPTION_STRING("url", struct introspection, url, NULL, "The introspection endpoint.",
                     .flags = GP_OPTION_NOT_EMPTY),
    GP_OPTION_STRING("client_id", struct introspection, client_id, GP_OPTIONAL,
                     "As whom to ask (HTTP Basic).", .flags = GP_OPTION_NOT_EMPTY),
    GP_OPTION_SECRET("client_secret", struct introspection, client_secret, GP_OPTIONAL,
                     "Its secret."),
    GP_OPTION_PATH("ca", struct introspection, ca, GP_OPTIONAL,
                   "File with the certificates to trust instead of the system's."),
    GP_OPTION_DURATION("cache", struct introspection, cache_ms, "1m", 0, 3600000,
                       "For how long a good answer is remembered, until exp at most; 0: not."),
    GP_OPTIONS_END,
};

GP_OPTIONS(struct auth_jwt,
           GP_OPTION_PATH("keys", struct auth_jwt, keys_path, GP_OPTIONAL,
                          "File with the issuer's public keys, a JWK set."),
           GP_OPTION_OBJECT("introspection", struct auth_jwt, introspection, introspection_rows,
                            GP_OPTIONAL, "Whom to ask about a token instead (RFC 7662)."),
           GP_OPTION_STRING("issuer", struct auth_jwt, issuer, GP_OPTIONAL,
                            "Who must have issued a token (iss); required with keys.",
                            .flags = GP_OPTION_NOT_EMPTY),
           GP_OPTION_STRING("audience", struct auth_jwt, audience, GP_OPTIONAL,
                            "Whom a token must be for (aud): us; required with keys.",
                            .flags = GP_OPTION_NOT_EMPTY),
           GP_OPTION_STRING("scope", struct auth_jwt, scope, GP_OPTIONAL,
                            "A word that its scope must have.", .flags = GP_OPTION_NOT_EMPTY),
           GP_OPTION_STRING("user_claim", struct auth_jwt, user_claim, "sub",
                            "The claim that is the user's name, e.g. email, username.",
                            .flags = GP_OPTION_NOT_EMPTY),
           GP_OPTION_DURATION("leeway", struct auth_jwt, leeway_ms, "1m", 0, 600000,
                              "By how much clocks may differ."),
           GP_OPTION_DURATION("recheck", struct auth_jwt, recheck_ms, "10s", TICK_MS, 86400000,
                              "How often to look whether the file has changed."));
GP_HOOKS({GP_HOOK_TICK, on_tick});
GP_PLUGIN(.version = "1.0", .summary = "Logins by tokens (JWT, or introspection)",
          .needs = GP_NEEDS_FILES | GP_NEEDS_NETWORK, .stack = STACK, .deadline_ms = 10000,
          .tick_ms = TICK_MS, .create = create, .destroy = destroy, .auth = &role, GP_USES_OPTIONS,
          GP_USES_HOOKS);
