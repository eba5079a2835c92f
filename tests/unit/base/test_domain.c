// SPDX-License-Identifier: Apache-2.0
// Domains in U-labels and A-labels (RFC 5890, 5891): what is one domain, what is none, and that ASCII stays as it is.
#include "check.h"

#include "core/base/arena.h"
#include "core/base/domain.h"

#define U "\xc3\xbc" /* ü */
#define X10 "xxxxxxxxxx"
#define X50 X10 X10 X10 X10 X10

static struct gp__arena *arena;

static void test_ascii(void **state)
{
    static const struct {
        const char *domain;
        enum gp__domain_error error;
        const char *ascii;
    } cases[] = {
        {"", GP__DOMAIN_OK, ""},
        {"Example.ORG", GP__DOMAIN_OK, "Example.ORG"},
        {"XN--Bcher-Kva.example", GP__DOMAIN_OK, "XN--Bcher-Kva.example"},
        {"xn--nonsense-.example", GP__DOMAIN_OK, "xn--nonsense-.example"}, /* not for us to judge */
        {"b" U "cher.example", GP__DOMAIN_OK, "xn--bcher-kva.example"},
        {"B\xc3\x9c"
         "cher.EXAMPLE",
         GP__DOMAIN_OK, "xn--bcher-kva.example"}, /* RFC 5895 2.1 */
        {"bu\xcc\x88"
         "cher.example",
         GP__DOMAIN_OK, "xn--bcher-kva.example"},                    /* RFC 5895 2.3 */
        {"fa\xc3\x9f.example", GP__DOMAIN_OK, "xn--fa-hia.example"}, /* not "fass" (IDNA 2003) */
        {"mx_1.b" U "cher.example", GP__DOMAIN_OK, "mx_1.xn--bcher-kva.example"},
        {"xn--bcher-kva." U ".example", GP__DOMAIN_OK, "xn--bcher-kva.xn--tda.example"},
        {U ".example.", GP__DOMAIN_OK, "xn--tda.example."},
        {"\xe2\x98\x83.example", GP__DOMAIN_BAD, NULL}, /* a snowman */
        {"a\xc2\xad"
         "b.example",
         GP__DOMAIN_BAD, NULL},                           /* a soft hyphen */
        {"\xef\xbd\x85xample.org", GP__DOMAIN_BAD, NULL}, /* a wide "e" */
        {"a\xe3\x80\x82"
         "example",
         GP__DOMAIN_BAD, NULL}, /* an ideographic full stop */
        {"a\xef\xbc\xa0"
         "b.example",
         GP__DOMAIN_BAD, NULL}, /* a wide "@" */
        {"_" U ".example", GP__DOMAIN_BAD, NULL},
        {"ab--" U ".example", GP__DOMAIN_BAD, NULL}, /* RFC 5891 4.2.3.1 */
        {"\xcc\x88"
         "a.example",
         GP__DOMAIN_BAD, NULL}, /* RFC 5891 4.2.3.2 */
        {"a\xe2\x80\x8d"
         "b.example",
         GP__DOMAIN_BAD, NULL}, /* RFC 5892 A.2: a joiner without reason */
        {"\xd7\x90"
         "a.example",
         GP__DOMAIN_BAD, NULL}, /* RFC 5893: both directions */
        {"xn--zzzzzz99999." U ".example", GP__DOMAIN_BAD, NULL},
        {"\xff.example", GP__DOMAIN_BAD, NULL},
        {"\xc3", GP__DOMAIN_BAD, NULL},
        {X50 "xxxxx" U ".example", GP__DOMAIN_OK, "xn--" X50 "xxxxx-8yf.example"}, /* 63 octets */
        {X50 "xxxxxx" U ".example", GP__DOMAIN_LONG, NULL},
        {X50 "." X50 "." X50 "." X50 "." X50 "." U, GP__DOMAIN_LONG, NULL},
        {X50 X50 X50 X50 X50 X50 X50 X50 X50 X50 X50 X50 X50 X50 X50 X50 X50 X50 X50 X50 X50 U,
         GP__DOMAIN_LONG, NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct gp_slice domain = tight(gp_slice_of(cases[i].domain)), ascii;
        char buf[GP__DOMAIN_MAX + 1];

        if (gp__domain_ascii(domain, buf, &ascii) != cases[i].error)
            fail_msg("%s", cases[i].domain);
        assert_slice(ascii, gp_slice_of(cases[i].ascii ? cases[i].ascii : cases[i].domain));
        tight_free(domain);
    }
    {
        char buf[GP__DOMAIN_MAX + 1];
        struct gp_slice ascii;

        assert_int_equal(gp__domain_ascii(GP_S(U "\0.example"), buf, &ascii), GP__DOMAIN_BAD);
    }
}

static void test_ascii_is_not_copied(void **state)
{
    struct gp_slice domain = GP_S("mx.example.org"), ascii;
    char buf[GP__DOMAIN_MAX + 1] = "";

    (void)state;
    assert_int_equal(gp__domain_ascii(domain, buf, &ascii), GP__DOMAIN_OK);
    assert_ptr_equal(ascii.data, domain.data);
    assert_ptr_equal(gp__domain_key(arena, domain).data, domain.data);
}

static void test_key(void **state)
{
    static const struct {
        const char *text, *key;
    } cases[] = {
        {"Jo.Doe@Example.ORG", "Jo.Doe@example.org"},
        {"\"a@B\"@C.example", "\"a@B\"@c.example"},
        {"J" U "@B" U "cher.example", "J" U "@xn--bcher-kva.example"},
        {"jo@XN--BCHER-KVA.example", "jo@xn--bcher-kva.example"},
        {"B" U "cher.example", "xn--bcher-kva.example"},
        {".b" U "cher.example", ".xn--bcher-kva.example"},
        {"@b" U "cher.example", "@xn--bcher-kva.example"},
        {"[IPv6:2001:DB8::1]", "[ipv6:2001:db8::1]"},
        {"jo@", "jo@"},
        {"@", "@"},
        {".", "."},
        {"", ""},
        {"jo@A\xe2\x98\x83.example", "jo@a\xe2\x98\x83.example"}, /* none: only itself */
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct gp_slice text = tight(gp_slice_of(cases[i].text));

        assert_slice(gp__domain_key(arena, text), gp_slice_of(cases[i].key));
        tight_free(text);
    }
}

static void test_forms(void **state)
{
    static const struct {
        const char *text, *forms[4];
    } cases[] = {
        {"Jo@Example.org", {"Jo@Example.org"}},
        {"192.0.2.1", {"192.0.2.1"}},
        {"m" U "ller", {"m" U "ller"}},       /* a name, no domain */
        {"xn--mller-kva", {"xn--mller-kva"}}, /* the same */
        {"jo@b" U "cher.test", {"jo@xn--bcher-kva.test", "jo@b" U "cher.test"}},
        {"jo@xn--bcher-kva.test", {"jo@xn--bcher-kva.test", "jo@b" U "cher.test"}},
        {"jo@Mx.XN--Bcher-kva.test", {"jo@mx.xn--bcher-kva.test", "jo@mx.b" U "cher.test"}},
        {".b" U "cher.test", {".xn--bcher-kva.test", ".b" U "cher.test"}},
        {"@xn--bcher-kva.test", {"@xn--bcher-kva.test", "@b" U "cher.test"}},
        {"J" U "@B\xc3\x9c"
         "CHER.test",
         {"J" U "@xn--bcher-kva.test", "J" U "@b" U "cher.test",
          "J" U "@B\xc3\x9c"
          "CHER.test"}},
        {"jo@xn--nonsense-.test", {"jo@xn--nonsense-.test"}},
        {"jo@xn--i-7iq.test", {"jo@xn--i-7iq.test"}},       /* a heart: no U-label */
        {"jo@\xe2\x98\x83.test", {"jo@\xe2\x98\x83.test"}}, /* no A-label either */
        {"A \xe2\x98\x83.B", {"a \xe2\x98\x83.b", "A \xe2\x98\x83.B"}},
        {"txn--a.b", {"txn--a.b"}},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct gp_slice text = tight(gp_slice_of(cases[i].text)), forms[GP__DOMAIN_FORMS];
        size_t n = gp__domain_forms(arena, text, forms);

        for (size_t j = 0; j < n; j++)
            assert_slice(forms[j], gp_slice_of(cases[i].forms[j]));
        assert_null(cases[i].forms[n]);
        tight_free(text);
    }
}

/* What a reader of header fields may take for our name, whatever RFC 5891 says. */
static void test_alike(void **state)
{
    (void)state;
    assert_true(gp__domain_alike(arena, GP_S("MX.example.org"), GP_S("mx.example.ORG.")));
    assert_true(gp__domain_alike(arena, GP_S("m" U "ller.example"), GP_S("XN--mller-kva.example")));
    assert_true(gp__domain_alike(arena, GP_S("M\xc3\x9cller.test"), GP_S("m" U "ller.test")));
    assert_true(gp__domain_alike(arena, GP_S("\xef\xbd\x8dx.example"), GP_S("mx.example")));
    assert_false(gp__domain_alike(arena, GP_S("muller.example"), GP_S("m" U "ller.example")));
    assert_false(gp__domain_alike(arena, GP_S("mx.example.org"), GP_S("x.example.org")));
    assert_false(gp__domain_alike(arena, GP_S(U "\0x"), GP_S(U)));
}

static int set_up(void **state)
{
    (void)state;
    arena = gp__arena_create();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gp__arena_free(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ascii), cmocka_unit_test(test_ascii_is_not_copied),
        cmocka_unit_test(test_key),   cmocka_unit_test(test_forms),
        cmocka_unit_test(test_alike),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
