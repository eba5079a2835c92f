// SPDX-License-Identifier: Apache-2.0
// Stored passwords of each kind, what is none, and digests against the vectors of their RFCs.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/password.h"
#include "core/runtime/crypto.h"

#define SCRAM                                                                                      \
    "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"    \
    "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="

static int verify(const char *stored, const char *password)
{
    return gp__password_verify(gp_slice_of(stored), gp_slice_of(password));
}

static void test_verify(void **state)
{
    static const struct {
        const char *stored, *password;
    } rows[] = {
        {"$y$j75$4Zh8fq1cXn3Gz0cXn3Gz0.$aNE5UkrSzQ7aWW.TPJkoQ2VSD1JZ.6T4C5/ZYIp.94A", "secret"},
        {"$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW", "secret"},
        {"{BLF-CRYPT}$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW", "secret"},
        {"$6$rounds=1000$saltsalt$LAV5VE5Y7w1d73x1mFNspYWUpazfmwv2SoepNXNKJ/otop/"
         "Zok96Hr8Q13LEv0DRY/x8v0/crpIjl8NJSAqXV/",
         "secret"},
        {"$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0$AC+v+iUUNjKqIQVBDjpkAw", "secret"},
        {SCRAM, "pencil"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (verify(rows[i].stored, rows[i].password) != 1)
            fail_msg("row %zu: not right", i);
        if (verify(rows[i].stored, "wrong") != 0)
            fail_msg("row %zu: not wrong", i);
    }
}

/* From the cheapest to the dearest, as measured. */
static void test_cost(void **state)
{
    static const char *const rows[] = {
        "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0$x",
        "$6$rounds=1000$salt$x",
        "$y$j75$4Zh8fq1cXn3Gz0cXn3Gz0.$x",
        "{SHA512-CRYPT}$6$salt$x", /* 5,000 */
        SCRAM,
        "$7$C6..../....salt$x",
        "{BLF-CRYPT}$2b$10$abcdefghijklmnopqrstuu",
        "SCRAM-SHA-1$100000:c2FsdA==$a:b",
        "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHRzYWx0$x",
        "$2y$12$abcdefghijklmnopqrstuu",
    };
    static const char *const none[] = {
        "", "secret", "$1$md5$abc", "$argon2id$v=19$", "SCRAM-SHA-256", "$2b$99$x", "$2b$"};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t cost = gp__password_cost(gp_slice_of(rows[i]));
        uint64_t before = i ? gp__password_cost(gp_slice_of(rows[i - 1])) : 0;

        if (cost <= before)
            fail_msg("%s: %llu, after %llu", rows[i], (unsigned long long)cost,
                     (unsigned long long)before);
    }
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        assert_in_range(gp__password_cost(gp_slice_of(none[i])), 0, 60);
    assert_true(gp__password_cost(GP_S("$y$j9T$salt$x")) >
                gp__password_cost(GP_S("$y$j8T$salt$x")));
    assert_in_range(gp__password_cost(GP_S("$y")), 0, 0);
    assert_in_range(gp__password_cost(GP_S("$y$")), 0, UINT32_MAX);
}

static void test_no_hash(void **state)
{
    static const char *const rows[] = {
        "",
        "secret",
        "$1$md5$abc",
        "$y$bad",
        "$argon2id$v=19$",
        "$argon2x$",
        "SCRAM-SHA-256",
        "SCRAM-SHA-256$x:c2FsdA==$a:b",
        "SCRAM-SHA-256$1:!$a:b",
        "SCRAM-SHA-256$0:c2FsdA==$a:b",
        "SCRAM-SHA-256$99999999:c2FsdA==$a:b",
    };
    char large[1100];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (verify(rows[i], "secret") != -1)
            fail_msg("\"%s\": %d", rows[i], verify(rows[i], "secret"));
    memset(large, 'x', sizeof large);
    memcpy(large, "$6$", 3);
    assert_int_equal(gp__password_verify(gp_slice(large, 1025), GP_S("x")), -1);
    /* crypt(3) would see "secret" only. */
    assert_int_equal(
        gp__password_verify(GP_S("$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFF"
                                 "P8WIrW"),
                            GP_S("secret\0more")),
        -1);
}

/* What we make fits, and nothing else; an absent hash never does. */
static void test_make(void **state)
{
    struct gp__arena *arena = gp__arena_create();
    struct gp_slice hash = gp__password_hash(arena, GP_S("se cret"));
    struct gp_slice again = gp__password_hash(arena, GP_S("se cret")), scram;

    (void)state;
    assert_true(gp_slice_starts(hash, GP_S("$y$j9T$"))); /* as the decoy has it */
    assert_false(gp_slice_eq(hash, again));
    assert_int_equal(gp__password_verify(hash, GP_S("se cret")), 1);
    assert_int_equal(gp__password_verify(hash, GP_S("secret")), 0);
    assert_int_equal(gp__password_verify(gp_slice(NULL, 0), GP_S("se cret")), 0);
    scram = gp__password_scram(arena, GP__SHA1, GP_S("pencil"), GP_S("salt"), 2);
    assert_true(gp_slice_starts(scram, GP_S("SCRAM-SHA-1$2:c2FsdA==$")));
    assert_int_equal(gp__password_verify(scram, GP_S("pencil")), 1);
    gp__arena_free(&arena);
}

static void assert_hex(const uint8_t *bytes, size_t len, const char *want)
{
    char text[2 * GP__DIGEST_MAX + 1];

    for (size_t i = 0; i < len; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    assert_string_equal(text, want);
}

static void test_digests(void **state)
{
    uint8_t out[GP__DIGEST_MAX];

    (void)state;
    gp__digest_hash(GP__SHA1, GP_S("abc"), out); /* FIPS 180 */
    assert_hex(out, 20, "a9993e364706816aba3e25717850c26c9cd0d89d");
    gp__digest_hash(GP__SHA256, GP_S("abc"), out);
    assert_hex(out, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    gp__digest_hmac(GP__SHA1, GP_S("Jefe"), GP_S("what do ya want for nothing?"), out); /* 2202 */
    assert_hex(out, 20, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
    gp__digest_hmac(GP__SHA256, GP_S("Jefe"), GP_S("what do ya want for nothing?"), out); /* 4231 */
    assert_hex(out, 32, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    gp__pbkdf2(GP__SHA1, GP_S("password"), GP_S("salt"), 4096, out); /* RFC 6070 */
    assert_hex(out, 20, "4b007901b765489abead49d926f721d065a429c1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_verify), cmocka_unit_test(test_cost),
                                       cmocka_unit_test(test_no_hash), cmocka_unit_test(test_make),
                                       cmocka_unit_test(test_digests)};
    int result = cmocka_run_group_tests(tests, NULL, NULL);

    gp__arena_pool_free();
    return result;
}
