// SPDX-License-Identifier: Apache-2.0
// What an introspection endpoint answers (the plugin auth_jwt). Only what says that it is active, for us, and whose, is a yes.
#include <stdlib.h>
#include <string.h>

#include "plugins/auth_jwt/claims.c"
#include "plugins/auth_jwt/encoding.c"
#include "plugins/auth_jwt/introspection.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gp_slice json = gp_slice((const char *)data, size);
    const struct token_rules rules = {.audience = GP_S("mx"),
                                      .scope = GP_S("smtp"),
                                      .user_claim = GP_S("sub"),
                                      .now_s = 1767225600,
                                      .leeway_s = 60,
                                      .may_last = true};
    struct introspection_answer answer = {.lasts_s = -1};

    if (introspection_read(json, &rules, &answer) < 0 || answer.wrong)
        return 0;
    if (answer.user[0] == '\0' || strlen(answer.user) > TOKEN_USER_MAX || answer.lasts_s < 0 ||
        gp_slice_search(json, GP_S("true")) == json.len)
        abort();
    for (const char *c = answer.user; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            abort();
    return 0;
}
