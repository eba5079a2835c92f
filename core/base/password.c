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

/* ---- cost ---- */

/* A number from 1 on at the start of the text; 0: none. */
static uint64_t number(struct gp_slice text)
{
    uint64_t n = 0;

    for (size_t i = 0; i < text.len && text.data[i] >= '0' && text.data[i] <= '9'; i++)
        if (n < UINT32_MAX)
            n = n * 10 + (uint64_t)(text.data[i] - '0');
    return n;
}

/* The number behind a word such as "rounds=", or `otherwise`. */
static uint64_t number_behind(struct gp_slice text, struct gp_slice word, uint64_t otherwise)
{
    size_t at = gp_slice_search(text, word);

    return at < text.len ? number(gp_slice_sub(text, at + word.len, text.len)) : otherwise;
}

/* A digit of crypt(3)'s base 64; 63 for what is none. */
static unsigned digit(struct gp_slice text, size_t at)
{
    static const struct gp_slice digits = {
        "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", 64};
    size_t found = at < text.len ? gp_slice_find(digits, text.data[at]) : digits.len;

    return found < digits.len ? (unsigned)found : 63;
}

static uint64_t power(uint64_t exponent)
{
    return exponent < 40 ? UINT64_C(1) << exponent : 0;
}

/* "$2b$12$…": Blowfish is set up 2^12 times. */
static uint64_t bcrypt_cost(struct gp_slice hash)
{
    return 60 * power(number(gp_slice_sub(hash, 4, hash.len)));
}

static uint64_t sha_cost(struct gp_slice hash)
{
    return number_behind(hash, GP_S("$rounds="), 5000) / 2;
}

/* "$y$j9T$…": flavor, N of scrypt less one as a power of two, r less one. */
static uint64_t yescrypt_cost(struct gp_slice hash)
{
    size_t at = gp_slice_find(gp_slice_sub(hash, 1, hash.len), '$') + 2;

    return power(digit(hash, at + 1) + 1) * (digit(hash, at + 2) + 1) / 5;
}

/* "$7$C6..../....…": N as a power of two, r in five digits, the lowest first. */
static uint64_t scrypt_cost(struct gp_slice hash)
{
    return power(digit(hash, 3)) * (digit(hash, 4) + 64 * digit(hash, 5)) / 3;
}

/* "$argon2id$v=19$m=65536,t=3,p=4$…": KiB of memory, passes over it. */
static uint64_t argon2_cost(struct gp_slice hash)
{
    return number_behind(hash, GP_S("$m="), 0) * number_behind(hash, GP_S(",t="), 0);
}

/* "SCRAM-SHA-256$4096:…" */
static uint64_t scram_cost(struct gp_slice hash)
{
    return number(gp_slice_sub(hash, gp_slice_find(hash, '$') + 1, hash.len));
}

uint64_t gp__password_cost(struct gp_slice stored)
{
    struct gp_slice hash;

    switch (gp__password_kind(stored, &hash)) {
    case GP__PASSWORD_CRYPT:
        break;
    case GP__PASSWORD_ARGON2:
        return argon2_cost(hash);
    case GP__PASSWORD_SCRAM:
        return scram_cost(hash);
    case GP__PASSWORD_UNKNOWN:
        return 0;
    }
    switch (hash.data[1]) {
    case '2':
        return bcrypt_cost(hash);
    case '5':
    case '6':
        return sha_cost(hash);
    case '7':
        return scrypt_cost(hash);
    default:
        return yescrypt_cost(hash);
    }
}
