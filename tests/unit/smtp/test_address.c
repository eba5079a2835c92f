// SPDX-License-Identifier: Apache-2.0
// The address grammar (RFC 5321 4.1.2, 4.1.3, RFC 6531 3.3): paths, mailboxes, domains; what becomes canonical.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/smtp/address.h"

#define OK GP__ADDRESS_OK
#define SYNTAX GP__ADDRESS_BAD_SYNTAX
#define LOCAL GP__ADDRESS_BAD_LOCAL
#define DOMAIN GP__ADDRESS_BAD_DOMAIN
#define LITERAL GP__ADDRESS_BAD_LITERAL
#define LONG_LOCAL GP__ADDRESS_LONG_LOCAL
#define LONG_DOMAIN GP__ADDRESS_LONG_DOMAIN
#define LONG_PATH GP__ADDRESS_LONG_PATH
#define NEEDS_UTF8 GP__ADDRESS_NEEDS_UTF8

#define X10 "xxxxxxxxxx"
#define X50 X10 X10 X10 X10 X10
#define X63 X50 X10 "xxx"
#define X64 X63 "x"

/* Error, then the canonical text and its local part. */
static const struct {
    struct gp_slice path;
    enum gp__address_error error;
    const char *text, *local;
} paths[] = {
    /* dot-strings */
    {GP_S("<a@b>"), OK, "a@b", "a"},
    {GP_S("<a@b.example>"), OK, "a@b.example", "a"},
    {GP_S("<A.B@C.Example>"), OK, "A.B@C.Example", "A.B"},
    {GP_S("<a.b.c@d>"), OK, "a.b.c@d", "a.b.c"},
    {GP_S("<!#$%&'*+-/=?^_`{|}~@d>"), OK, "!#$%&'*+-/=?^_`{|}~@d", "!#$%&'*+-/=?^_`{|}~"},
    {GP_S("<a%b@c>"), OK, "a%b@c", "a%b"},
    {GP_S("<a!b@c>"), OK, "a!b@c", "a!b"},
    {GP_S("<a+tag@c>"), OK, "a+tag@c", "a+tag"},
    {GP_S("<1@2.3>"), OK, "1@2.3", "1"},
    {GP_S("<.a@b>"), LOCAL, NULL, NULL},
    {GP_S("<a.@b>"), LOCAL, NULL, NULL},
    {GP_S("<a..b@c>"), LOCAL, NULL, NULL},
    {GP_S("<.@c>"), LOCAL, NULL, NULL},
    {GP_S("<@c>"), SYNTAX, NULL, NULL},
    {GP_S("<a b@c>"), SYNTAX, NULL, NULL},
    {GP_S("< a@c>"), LOCAL, NULL, NULL},
    {GP_S("<a@c >"), SYNTAX, NULL, NULL},
    {GP_S("<a @c>"), SYNTAX, NULL, NULL},
    {GP_S("<a@ c>"), DOMAIN, NULL, NULL},
    {GP_S("<a(comment)@c>"), SYNTAX, NULL, NULL},
    {GP_S("<a,b@c>"), SYNTAX, NULL, NULL},
    {GP_S("<a:b@c>"), SYNTAX, NULL, NULL},
    {GP_S("<a;b@c>"), SYNTAX, NULL, NULL},
    {GP_S("<a\\b@c>"), SYNTAX, NULL, NULL},
    {GP_S("<a[b@c>"), SYNTAX, NULL, NULL},
    {GP_S("<a<b@c>"), SYNTAX, NULL, NULL},
    {GP_S("<<a@c>>"), LOCAL, NULL, NULL},
    {GP_S("<a\tb@c>"), SYNTAX, NULL, NULL},
    {GP_S("<a\0b@c>"), SYNTAX, NULL, NULL},
    {GP_S("<a\r\nb@c>"), SYNTAX, NULL, NULL},
    {GP_S("<a\x7f@c>"), SYNTAX, NULL, NULL},
    /* quoted strings */
    {GP_S("<\"a\"@b>"), OK, "a@b", "a"},
    {GP_S("<\"a.b\"@c>"), OK, "a.b@c", "a.b"},
    {GP_S("<\"\\a\"@b>"), OK, "a@b", "a"},
    {GP_S("<\"a b\"@c>"), OK, "\"a b\"@c", "\"a b\""},
    {GP_S("<\"a\\ b\"@c>"), OK, "\"a b\"@c", "\"a b\""},
    {GP_S("<\"a@b\"@c>"), OK, "\"a@b\"@c", "\"a@b\""},
    {GP_S("<\"a\\\"b\"@c>"), OK, "\"a\\\"b\"@c", "\"a\\\"b\""},
    {GP_S("<\"a\\\\b\"@c>"), OK, "\"a\\\\b\"@c", "\"a\\\\b\""},
    {GP_S("<\"\"@b>"), OK, "\"\"@b", "\"\""},
    {GP_S("<\".a\"@b>"), OK, "\".a\"@b", "\".a\""},
    {GP_S("<\"a.\"@b>"), OK, "\"a.\"@b", "\"a.\""},
    {GP_S("<\"a..b\"@c>"), OK, "\"a..b\"@c", "\"a..b\""},
    {GP_S("<\">\"@c>"), OK, "\">\"@c", "\">\""},
    {GP_S("<\" \"@c>"), OK, "\" \"@c", "\" \""},
    {GP_S("<\"a\"b@c>"), SYNTAX, NULL, NULL},
    {GP_S("<a\"b\"@c>"), SYNTAX, NULL, NULL},
    {GP_S("<\"a\".b@c>"), SYNTAX, NULL, NULL},
    {GP_S("<\"a@c>"), LOCAL, NULL, NULL},
    {GP_S("<\"a\\\"@c>"), LOCAL, NULL, NULL},
    {GP_S("<\"a\\"), LOCAL, NULL, NULL},
    {GP_S("<\"a\nb\"@c>"), LOCAL, NULL, NULL},
    {GP_S("<\"a\\\nb\"@c>"), LOCAL, NULL, NULL},
    {GP_S("<\"a\0b\"@c>"), LOCAL, NULL, NULL},
    {GP_S("<\"a\tb\"@c>"), LOCAL, NULL, NULL},
    {GP_S("<\"a\\\x7f\"@c>"), LOCAL, NULL, NULL},
    {GP_S("<\"a\"@>"), DOMAIN, NULL, NULL},
    /* domains */
    {GP_S("<a@b-c.d-e>"), OK, "a@b-c.d-e", "a"},
    {GP_S("<a@b_c.d>"), OK, "a@b_c.d", "a"},
    {GP_S("<a@_dmarc.d>"), OK, "a@_dmarc.d", "a"},
    {GP_S("<a@xn--bcher-kva.example>"), OK, "a@xn--bcher-kva.example", "a"},
    {GP_S("<a@localhost>"), OK, "a@localhost", "a"},
    {GP_S("<a@1.2.3.4>"), OK, "a@1.2.3.4", "a"},
    {GP_S("<a@b.>"), DOMAIN, NULL, NULL},
    {GP_S("<a@.b>"), DOMAIN, NULL, NULL},
    {GP_S("<a@b..c>"), DOMAIN, NULL, NULL},
    {GP_S("<a@-b>"), DOMAIN, NULL, NULL},
    {GP_S("<a@b->"), DOMAIN, NULL, NULL},
    {GP_S("<a@b-.c>"), DOMAIN, NULL, NULL},
    {GP_S("<a@>"), DOMAIN, NULL, NULL},
    {GP_S("<a@b@c>"), SYNTAX, NULL, NULL},
    {GP_S("<a@b c>"), SYNTAX, NULL, NULL},
    {GP_S("<a@b%c>"), SYNTAX, NULL, NULL},
    {GP_S("<a@\"b\">"), DOMAIN, NULL, NULL},
    {GP_S("<a@b,c>"), SYNTAX, NULL, NULL},
    {GP_S("<a@b:25>"), SYNTAX, NULL, NULL},
    {GP_S("<a@b/c>"), SYNTAX, NULL, NULL},
    {GP_S("<a@#1>"), DOMAIN, NULL, NULL},
    {GP_S("<a@b\0c>"), SYNTAX, NULL, NULL},
    /* literals */
    {GP_S("<a@[192.0.2.1]>"), OK, "a@[192.0.2.1]", "a"},
    {GP_S("<a@[IPv6:2001:db8::1]>"), OK, "a@[IPv6:2001:db8::1]", "a"},
    {GP_S("<a@[ipv6:2001:DB8:0:0:0:0:0:1]>"), OK, "a@[IPv6:2001:db8::1]", "a"},
    {GP_S("<a@[IPv6:::1]>"), OK, "a@[IPv6:::1]", "a"},
    {GP_S("<a@[192.0.2.256]>"), LITERAL, NULL, NULL},
    {GP_S("<a@[192.0.2]>"), LITERAL, NULL, NULL},
    {GP_S("<a@[192.0.2.01]>"), LITERAL, NULL, NULL},
    {GP_S("<a@[2001:db8::1]>"), LITERAL, NULL, NULL},
    {GP_S("<a@[IPv6:192.0.2.1]>"), LITERAL, NULL, NULL},
    {GP_S("<a@[IPv6:fe80::1%eth0]>"), LITERAL, NULL, NULL},
    {GP_S("<a@[IPv6:1:2:3:4:5:6:7:8:9]>"), LITERAL, NULL, NULL},
    {GP_S("<a@[x400:foo]>"), LITERAL, NULL, NULL},
    {GP_S("<a@[]>"), LITERAL, NULL, NULL},
    {GP_S("<a@[192.0.2.1>"), LITERAL, NULL, NULL},
    {GP_S("<a@[192.0.2.1].b>"), SYNTAX, NULL, NULL},
    {GP_S("<a@[ 192.0.2.1]>"), LITERAL, NULL, NULL},
    {GP_S("<a@["), LITERAL, NULL, NULL},
    /* source routes: read and dropped */
    {GP_S("<@r:a@b>"), OK, "a@b", "a"},
    {GP_S("<@r.example,@s.example:a@b>"), OK, "a@b", "a"},
    {GP_S("<@[192.0.2.1]:a@b>"), OK, "a@b", "a"},
    {GP_S("<@r,a@b>"), SYNTAX, NULL, NULL},
    {GP_S("<@r:>"), LOCAL, NULL, NULL},
    {GP_S("<@:a@b>"), DOMAIN, NULL, NULL},
    {GP_S("<@r,:a@b>"), SYNTAX, NULL, NULL},
    {GP_S("<@r a@b>"), SYNTAX, NULL, NULL},
    {GP_S("<@r:@s:a@b>"), LOCAL, NULL, NULL},
    {GP_S("<@r,@s@t:a@b>"), SYNTAX, NULL, NULL},
    /* null, postmaster */
    {GP_S("<>"), OK, "", ""},
    {GP_S("< >"), LOCAL, NULL, NULL},
    {GP_S("<postmaster>"), OK, "postmaster", "postmaster"},
    {GP_S("<POSTmaster>"), OK, "POSTmaster", "POSTmaster"},
    {GP_S("<\"postmaster\">"), OK, "postmaster", "postmaster"},
    {GP_S("<postmaster@>"), DOMAIN, NULL, NULL},
    {GP_S("<abuse>"), SYNTAX, NULL, NULL},
    {GP_S("<postmaster.>"), LOCAL, NULL, NULL},
    /* no path at all */
    {GP_S(""), SYNTAX, NULL, NULL},
    {GP_S("<"), LOCAL, NULL, NULL},
    {GP_S(">"), SYNTAX, NULL, NULL},
    {GP_S("a@b"), SYNTAX, NULL, NULL},
    {GP_S(" <a@b>"), SYNTAX, NULL, NULL},
    {GP_S("<a@b"), SYNTAX, NULL, NULL},
    {GP_S("<a"), SYNTAX, NULL, NULL},
    {GP_S("<a@"), DOMAIN, NULL, NULL},
    {GP_S("\"x\" <a@b>"), SYNTAX, NULL, NULL},
    /* UTF-8 */
    {GP_S("<\xc3\xbc@b>"), OK, "\xc3\xbc@b", "\xc3\xbc"},
    {GP_S("<a@\xc3\xbc.example>"), OK, "a@\xc3\xbc.example", "a"},
    {GP_S("<a@\xc3\x9c.example>"), OK, "a@\xc3\x9c.example", "a"},
    {GP_S("<a@\xe2\x98\x83.example>"), DOMAIN, NULL, NULL}, /* no U-label (RFC 6531 3.3) */
    {GP_S("<a@-\xc3\xbc.example>"), DOMAIN, NULL, NULL},
    {GP_S("<a@b\xe3\x80\x82"
          "example>"),
     DOMAIN, NULL, NULL}, /* no dot */
    {GP_S("<@\xe2\x98\x83.example:a@b>"), DOMAIN, NULL, NULL},
    {GP_S("<a@" X50 "xxxxxx\xc3\xbc.example>"), LONG_DOMAIN, NULL, NULL}, /* in A-labels */
    {GP_S("<\"\xc3\xbc \"@b>"), OK, "\"\xc3\xbc \"@b", "\"\xc3\xbc \""},
    {GP_S("<\"\xc3\xbc\"@b>"), OK, "\xc3\xbc@b", "\xc3\xbc"},
    {GP_S("<\xf0\x9f\x98\x80@b>"), OK, "\xf0\x9f\x98\x80@b", "\xf0\x9f\x98\x80"},
    {GP_S("<\xff@b>"), LOCAL, NULL, NULL},
    {GP_S("<\xc0\x80@b>"), LOCAL, NULL, NULL},
    {GP_S("<\xed\xa0\x80@b>"), LOCAL, NULL, NULL},
    {GP_S("<\xc2\x85@b>"), LOCAL, NULL, NULL},
    {GP_S("<a\xc3@b>"), SYNTAX, NULL, NULL},
    {GP_S("<a@\xff>"), DOMAIN, NULL, NULL},
    {GP_S("<a@b\xc2\x80>"), SYNTAX, NULL, NULL},
    {GP_S("<\"a\\\xc3\xbc\"@b>"), LOCAL, NULL, NULL},
    /* lengths at the border */
    {GP_S("<" X64 "@b>"), OK, X64 "@b", X64},
    {GP_S("<" X64 "x@b>"), LONG_LOCAL, NULL, NULL},
    {GP_S("<\"" X64 "\"@b>"), OK, X64 "@b", X64},
    {GP_S("<\"" X50 X10 " x\"@b>"), OK, "\"" X50 X10 " x\"@b", "\"" X50 X10 " x\""},
    {GP_S("<\"" X50 X10 " xx\"@b>"), LONG_LOCAL, NULL, NULL},
    {GP_S("<a@" X63 ">"), OK, "a@" X63, "a"},
    {GP_S("<a@" X64 ">"), LONG_DOMAIN, NULL, NULL},
    {GP_S("<a@" X63 "." X63 "." X63 "." X50 X10 ">"), OK, "a@" X63 "." X63 "." X63 "." X50 X10,
     "a"},
    {GP_S("<a@" X63 "." X63 "." X63 "." X50 X10 "x>"), LONG_PATH, NULL, NULL},
    {GP_S("<a@" X63 "." X63 "." X63 "." X63 ".x>"), LONG_DOMAIN, NULL, NULL},
    {GP_S("<@" X63 "." X63 "." X63 "." X50 ":a@xxxxxx>"), OK, "a@xxxxxx", "a"},
    {GP_S("<@" X63 "." X63 "." X63 "." X50 ":a@xxxxxxxxxxx>"), LONG_PATH, NULL, NULL},
};

static struct gp__arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = gp__arena_create();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    gp__arena_free(&arena);
    gp__arena_pool_free();
    return 0;
}

/* A copy that ends where it ends, so that a sanitizer sees what is read past it. */
static struct gp_slice exact(struct gp_slice s)
{
    char *copy = malloc(s.len ? s.len : 1);

    assert_non_null(copy);
    memcpy(copy, s.data, s.len);
    return gp_slice(copy, s.len);
}

static void assert_slice(struct gp_slice have, const char *want, struct gp_slice path)
{
    if (!gp_slice_eq(have, gp_slice_of(want)))
        fail_msg("\"" GP_FMT "\": wanted \"%s\", got \"" GP_FMT "\"", GP_ARG(path), want,
                 GP_ARG(have));
}

static const unsigned all_flags = GP__ADDRESS_NULL | GP__ADDRESS_POSTMASTER | GP__ADDRESS_UTF8;

static void test_paths(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct gp_slice path = exact(paths[i].path), rest;
        struct gp__address address;
        enum gp__address_error error = gp__path_parse(arena, path, all_flags, &address, &rest);

        if (error != paths[i].error)
            fail_msg("\"" GP_FMT "\": wanted %d, got %d: %s", GP_ARG(path), (int)paths[i].error,
                     (int)error, gp__address_strerror(error));
        if (error == OK) {
            assert_slice(address.text, paths[i].text, path);
            assert_slice(address.local, paths[i].local, path);
            assert_int_equal(rest.len, 0);
            assert_int_equal(address.utf8, !gp_slice_eq(address.text, GP_S("")) &&
                                               strpbrk(paths[i].text, "\xc3\xf0") != NULL);
        }
        free((void *)(uintptr_t)path.data);
    }
}

/* Every beginning of a path is refused and never read past its end; what follows one is the rest. */
static void test_cut_and_followed(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct gp__address address;
        struct gp_slice rest;

        for (size_t n = 0; n < paths[i].path.len; n++) {
            struct gp_slice path = exact(gp_slice_sub(paths[i].path, 0, n));

            assert_true(paths[i].error != OK ||
                        gp__path_parse(arena, path, all_flags, &address, &rest) != OK);
            gp__path_parse(arena, path, all_flags, &address, &rest);
            free((void *)(uintptr_t)path.data);
        }
        if (paths[i].error == OK) {
            struct gp_slice longer = gp__arena_printf(arena, GP_FMT " X=1", GP_ARG(paths[i].path));

            assert_int_equal(gp__path_parse(arena, longer, all_flags, &address, &rest), OK);
            assert_slice(rest, " X=1", longer);
        }
    }
}

/* A canonical address is its own canonical form. */
static void test_mailbox_again(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct gp__address address;

        if (paths[i].error != OK)
            continue;
        assert_int_equal(gp__mailbox_parse(arena, gp_slice_of(paths[i].text), all_flags, &address),
                         OK);
        assert_slice(address.text, paths[i].text, address.text);
        assert_slice(address.local, paths[i].local, address.text);
    }
}

static void test_mailbox(void **state)
{
    struct gp__address address;

    (void)state;
    assert_int_equal(gp__mailbox_parse(arena, GP_S(""), 0, &address), SYNTAX);
    assert_int_equal(gp__mailbox_parse(arena, GP_S("<a@b>"), 0, &address), LOCAL);
    assert_int_equal(gp__mailbox_parse(arena, GP_S("a@b x"), 0, &address), SYNTAX);
    assert_int_equal(gp__mailbox_parse(arena, GP_S("@r:a@b"), 0, &address), LOCAL);
    assert_int_equal(gp__mailbox_parse(arena, GP_S("a@[192.0.2.1]"), 0, &address), OK);
    assert_int_equal(address.literal.family, 4);
    assert_slice(address.domain, "[192.0.2.1]", address.text);
}

static void test_flags(void **state)
{
    struct gp__address address;
    struct gp_slice rest;

    (void)state;
    assert_int_equal(gp__path_parse(arena, GP_S("<>"), 0, &address, &rest), SYNTAX);
    assert_int_equal(gp__path_parse(arena, GP_S("<postmaster>"), 0, &address, &rest), SYNTAX);
    assert_int_equal(gp__path_parse(arena, GP_S("<\xc3\xbc@b>"), 0, &address, &rest), NEEDS_UTF8);
    assert_int_equal(gp__path_parse(arena, GP_S("<a@\xc3\xbc>"), 0, &address, &rest), NEEDS_UTF8);
}

static void test_domains(void **state)
{
    static const struct {
        struct gp_slice text;
        enum gp__address_error error;
    } domains[] = {
        {GP_S("a"), OK},
        {GP_S("a.b"), OK},
        {GP_S("a_b"), OK},
        {GP_S("[192.0.2.1]"), OK},
        {GP_S(""), DOMAIN},
        {GP_S("a b"), DOMAIN},
        {GP_S("a\0"), DOMAIN},
        {GP_S("a."), DOMAIN},
        {GP_S("[1]"), LITERAL},
        {GP_S("a@b"), DOMAIN},
        {GP_S("[192.0.2.1]x"), DOMAIN},
        {GP_S("\xc3\xbc"), NEEDS_UTF8},
    };
    struct gp__ip ip;

    (void)state;
    for (size_t i = 0; i < sizeof domains / sizeof domains[0]; i++)
        assert_int_equal(gp__domain_parse(domains[i].text, 0, &ip), domains[i].error);
    assert_int_equal(gp__domain_parse(GP_S("\xc3\xbc"), GP__ADDRESS_UTF8, &ip), OK);
    assert_int_equal(gp__domain_parse(GP_S("\xe2\x98\x83"), GP__ADDRESS_UTF8, &ip), DOMAIN);
    assert_int_equal(gp__domain_parse(GP_S("[IPv6:::1]"), 0, &ip), OK);
    assert_int_equal(ip.family, 6);
}

static bool same(struct gp_slice a, struct gp_slice b)
{
    struct gp__address first, second;

    assert_int_equal(gp__mailbox_parse(arena, a, all_flags, &first), OK);
    assert_int_equal(gp__mailbox_parse(arena, b, all_flags, &second), OK);
    return gp__address_same(&first, &second);
}

static void test_same(void **state)
{
    struct gp__address address;

    (void)state;
    assert_true(same(GP_S("a@B.example"), GP_S("a@b.EXAMPLE")));
    assert_true(same(GP_S("\"a\"@b"), GP_S("a@b")));
    assert_true(same(GP_S("a@\xc3\xbc.example"), GP_S("a@XN--TDA.example")));
    assert_true(same(GP_S("a@\xc3\x9c.example"), GP_S("a@u\xcc\x88.example")));
    assert_true(same(GP_S("a@[IPv6:::1]"), GP_S("a@[IPv6:0::1]")));
    assert_true(same(GP_S(""), GP_S("")));
    assert_true(same(GP_S("postmaster"), GP_S("postmaster")));
    assert_false(same(GP_S("a@b"), GP_S("A@b")));
    assert_false(same(GP_S("\xc3\xbc@b"), GP_S("u\xcc\x88@b"))); /* local parts: RFC 6531 3.2 */
    assert_false(same(GP_S("a@\xc3\xbc.example"), GP_S("a@u.example")));
    assert_false(same(GP_S("a@b"), GP_S("")));
    assert_int_equal(gp__mailbox_parse(arena, GP_S("a@B.example"), 0, &address), OK);
    assert_ptr_equal(address.key.data, address.domain.data); /* in ASCII it costs nothing */
}

static void test_errors_have_texts(void **state)
{
    (void)state;
    for (int i = 0; i < GP__ADDRESS_ERROR_COUNT + 1; i++)
        assert_true(strlen(gp__address_strerror((enum gp__address_error)i)) > 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),         cmocka_unit_test(test_cut_and_followed),
        cmocka_unit_test(test_mailbox_again), cmocka_unit_test(test_mailbox),
        cmocka_unit_test(test_flags),         cmocka_unit_test(test_domains),
        cmocka_unit_test(test_same),          cmocka_unit_test(test_errors_have_texts),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
