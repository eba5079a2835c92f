// SPDX-License-Identifier: Apache-2.0
// What keeps secrets wipes them; comparison of secrets; kinds of stored passwords.
#include "check.h"

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/crypto.h"
#include "core/base/password.h"

/* Chunks are recycled as they are, so the next arena shows what the one before left. */
static bool leaves_text(bool secret)
{
    static const char text[] = "the password is swordfish";
    struct gp__arena *arena = gp__arena_create();
    struct gp_slice bytes;
    bool found;

    if (secret)
        gp__arena_keep_secret(arena);
    gp__arena_dup(arena, gp_slice_of(text));
    gp__arena_free(&arena);
    arena = gp__arena_create();
    bytes = gp_slice(gp__arena_bytes(arena, 512), 512);
    found = gp_slice_search(bytes, gp_slice_of(text)) < bytes.len;
    gp__arena_free(&arena);
    return found;
}

static void test_arena(void **state)
{
    (void)state;
    if (UNDER_ASAN)
        skip();                      /* nothing is recycled there */
    assert_true(leaves_text(false)); /* the test sees what it looks for */
    assert_false(leaves_text(true));
}

static void test_buf(void **state)
{
    struct gp__buf buf = {.limit = 10000, .secret = true};

    (void)state;
    for (int i = 0; i < 100; i++)
        assert_int_equal(gp__buf_append(&buf, GP_S("0123456789")), 0);
    gp__buf_free(&buf);
    assert_true(buf.secret); /* it can be used again */
    assert_int_equal(buf.limit, 10000);
    assert_null(buf.data);
}

static void test_equal(void **state)
{
    (void)state;
    assert_true(gp__secret_equal(GP_S(""), GP_S("")));
    assert_true(gp__secret_equal(GP_S("a\0b"), GP_S("a\0b")));
    assert_false(gp__secret_equal(GP_S("a\0b"), GP_S("a\0c")));
    assert_false(gp__secret_equal(GP_S("abc"), GP_S("xbc")));
    assert_false(gp__secret_equal(GP_S("abc"), GP_S("abcd")));
    assert_int_equal(gp__digest_len(GP__SHA1), 20);
    assert_int_equal(gp__digest_len(GP__SHA256), 32);
}

static void test_kinds(void **state)
{
    static const struct {
        const char *stored, *hash;
        enum gp__password_kind kind;
    } cases[] = {
        {"$y$j9T$abc", "$y$j9T$abc", GP__PASSWORD_CRYPT},
        {"$2y$10$abc", "$2y$10$abc", GP__PASSWORD_CRYPT},
        {"{BLF-CRYPT}$2y$10$abc", "$2y$10$abc", GP__PASSWORD_CRYPT},
        {"{crypt}$6$abc", "$6$abc", GP__PASSWORD_CRYPT},
        {"$argon2id$v=19$", "$argon2id$v=19$", GP__PASSWORD_ARGON2},
        {"{SCRAM-SHA-256}SCRAM-SHA-256$1:", "SCRAM-SHA-256$1:", GP__PASSWORD_SCRAM},
        {"$1$md5", "$1$md5", GP__PASSWORD_UNKNOWN},
        {"{PLAIN}secret", "{PLAIN}secret", GP__PASSWORD_UNKNOWN},
        {"{CRYPT", "{CRYPT", GP__PASSWORD_UNKNOWN},
        {"{}$y$", "{}$y$", GP__PASSWORD_UNKNOWN},
        {"secret", "secret", GP__PASSWORD_UNKNOWN},
        {"", "", GP__PASSWORD_UNKNOWN},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct gp_slice hash;

        if (gp__password_kind(gp_slice_of(cases[i].stored), &hash) != cases[i].kind)
            fail_msg("%s", cases[i].stored);
        assert_slice(hash, gp_slice_of(cases[i].hash));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_arena), cmocka_unit_test(test_buf),
                                       cmocka_unit_test(test_equal), cmocka_unit_test(test_kinds)};
    int result = cmocka_run_group_tests(tests, NULL, NULL);

    gp__arena_pool_free();
    return result;
}
