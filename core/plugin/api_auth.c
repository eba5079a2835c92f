// SPDX-License-Identifier: Apache-2.0
/* What backends of the role `auth` share: <gatepost/role.h>. */
#include "core/base/crypto.h"
#include "core/base/password.h"
#include "core/base/utf8.h"
#include "core/plugin/api.h"
#include "core/smtp/sasl.h"

#define STORED_MAX 1024u

int gp_auth_login_as(struct gp_call *call, struct gp_slice user)
{
    if (gp__api_slice(call, "gp_auth_login_as", user))
        return GP_EINVAL;
    if (user.len == 0 || user.len > GP__SASL_USER_MAX || !gp__utf8_valid(user))
        return GP_EINVAL;
    call->root->login = gp__arena_dup(gp__call_arena(call), user);
    return GP_OK;
}

/* ---- passwords ---- */

/* A job of the work pool: it sees neither the call nor its memory. */
struct verify {
    int (*fn)(struct gp_slice stored, struct gp_slice password);
    int result;
    bool has_stored;
    size_t stored_len, password_len;
    char stored[STORED_MAX], password[GP__SASL_PASSWORD_MAX];
};

static void run_verify(void *block)
{
    struct verify *verify = block;

    verify->result = verify->fn(
        gp_slice(verify->has_stored ? verify->stored : NULL, verify->stored_len),
        gp_slice(verify->password, verify->password_len));
    explicit_bzero(verify->password, sizeof verify->password);
}

static struct verify *verify_create(struct gp_call *call, struct gp_slice stored,
                                    struct gp_slice password)
{
    struct verify *verify = GP__ARENA_NEW(gp__call_arena(call), struct verify);

    verify->fn = call->runtime->crypto->password_verify;
    verify->has_stored = gp_slice_present(stored);
    verify->stored_len = stored.len;
    verify->password_len = password.len;
    if (stored.len)
        memcpy(verify->stored, stored.data, stored.len);
    memcpy(verify->password, password.data, password.len);
    return verify;
}

int gp_password_verify(struct gp_call *call, struct gp_slice stored, struct gp_slice password)
{
    struct verify *verify;
    int result, error = gp__api_slice(call, "gp_password_verify", stored);

    if (!error)
        error = gp__api_slice(call, "gp_password_verify", password);
    if (error)
        return error;
    if (stored.len > STORED_MAX || password.len == 0 || password.len > sizeof verify->password)
        return GP_EINVAL;
    verify = verify_create(call, stored, password);
    error = gp_work(call, run_verify, verify, sizeof *verify);
    result = verify->result;
    explicit_bzero(verify, sizeof *verify);
    if (error)
        return error;
    return result == 1 ? GP_OK : result == 0 ? GP_ENOTFOUND : GP_EINVAL;
}

bool gp_password_known(struct gp_slice stored)
{
    struct gp_slice hash;

    return gp__api_slice_ok(stored) && gp__password_kind(stored, &hash) != GP__PASSWORD_UNKNOWN;
}

uint64_t gp_password_cost(struct gp_slice stored)
{
    return gp__api_slice_ok(stored) ? gp__password_cost(stored) : 0;
}
