// SPDX-License-Identifier: Apache-2.0
#include "core/base/password.h"

static const struct {
    struct gp_slice prefix;
    enum gp__password_kind kind;
} prefixes[] = {
    {{"$y$", 3}, GP__PASSWORD_CRYPT},      {{"$gy$", 4}, GP__PASSWORD_CRYPT},
    {{"$2a$", 4}, GP__PASSWORD_CRYPT},     {{"$2b$", 4}, GP__PASSWORD_CRYPT},
    {{"$2y$", 4}, GP__PASSWORD_CRYPT},     {{"$5$", 3}, GP__PASSWORD_CRYPT},
    {{"$6$", 3}, GP__PASSWORD_CRYPT},      {{"$7$", 3}, GP__PASSWORD_CRYPT},
    {{"$argon2", 7}, GP__PASSWORD_ARGON2}, {{"SCRAM-SHA-", 10}, GP__PASSWORD_SCRAM},
};

/* What Dovecot and others write in front. */
static const struct gp_slice schemes[] = {
    {"CRYPT", 5},    {"BLF-CRYPT", 9}, {"SHA512-CRYPT", 12}, {"SHA256-CRYPT", 12},
    {"ARGON2ID", 8}, {"ARGON2I", 7},   {"SCRAM-SHA-1", 11},  {"SCRAM-SHA-256", 13},
};

static struct gp_slice without_scheme(struct gp_slice stored)
{
    size_t end = gp_slice_find(stored, '}');
    struct gp_slice scheme = gp_slice_sub(stored, 1, end > 0 ? end - 1 : 0);

    if (!gp_slice_starts(stored, GP_S("{")) || end == stored.len)
        return stored;
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++)
        if (gp_slice_caseeq(scheme, schemes[i]))
            return gp_slice_sub(stored, end + 1, stored.len);
    return stored;
}

enum gp__password_kind gp__password_kind(struct gp_slice stored, struct gp_slice *hash_r)
{
    *hash_r = without_scheme(stored);
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
        if (gp_slice_starts(*hash_r, prefixes[i].prefix))
            return prefixes[i].kind;
    return GP__PASSWORD_UNKNOWN;
}
