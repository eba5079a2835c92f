// SPDX-License-Identifier: Apache-2.0
/* Base64, quoted-printable and xtext: vectors of the RFCs, what strict refuses, what lenient keeps. */
#include "check.h"

#include "core/base/codec.h"

#define S(text)                                                                                    \
    {                                                                                              \
        "" text, sizeof(text) - 1                                                                  \
    }
#define REFUSED                                                                                    \
    {                                                                                              \
        NULL, 0                                                                                    \
    }

struct pair {
    struct gp_slice text, want;
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

static void check_strict(int (*decode)(struct gp__arena *, struct gp_slice, struct gp_slice *),
                         const struct pair *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct gp_slice text = tight(cases[i].text), got = {NULL, 0};
        int result = decode(arena, text, &got);

        tight_free(text);
        if (result != (gp_slice_present(cases[i].want) ? 0 : -1))
            fail_msg("\"" GP_FMT "\": %d", GP_ARG(cases[i].text), result);
        if (result == 0)
            assert_slice(got, cases[i].want);
    }
}

static void check_lenient(struct gp_slice (*decode)(struct gp__arena *, struct gp_slice),
                          const struct pair *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct gp_slice text = tight(cases[i].text), got = decode(arena, text);

        tight_free(text);
        assert_slice(got, cases[i].want);
    }
}

/* RFC 4648 section 10, and bytes that use the whole alphabet. */
static const struct pair base64_vectors[] = {
    {S(""), S("")},
    {S("Zg=="), S("f")},
    {S("Zm8="), S("fo")},
    {S("Zm9v"), S("foo")},
    {S("Zm9vYg=="), S("foob")},
    {S("Zm9vYmE="), S("fooba")},
    {S("Zm9vYmFy"), S("foobar")},
    {S("AGpvZQBzM2NyZXQ="), S("\0joe\0s3cret")},
    {S("+/+/"), S("\xfb\xff\xbf")},
    {S("////"), S("\xff\xff\xff")},
    {S("AA=="), S("\0")},
    {S("/w=="), S("\xff")},
};

static void base64_encode(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(base64_vectors); i++) {
        struct gp_slice bytes = tight(base64_vectors[i].want);

        assert_slice(gp__base64_encode(arena, bytes), base64_vectors[i].text);
        tight_free(bytes);
    }
    assert_slice(gp__base64_encode(arena, gp_slice(NULL, 0)), GP_S(""));
}

static void base64_decode(void **state)
{
    static const struct pair refused[] = {
        {S("="), REFUSED},        {S("=="), REFUSED},       {S("===="), REFUSED},
        {S("A"), REFUSED},        {S("AA"), REFUSED},       {S("AAA"), REFUSED},
        {S("AA="), REFUSED},      {S("A==="), REFUSED},     {S("AA==AA=="), REFUSED},
        {S("Zg==Zg=="), REFUSED}, {S("Zm8=Zg=="), REFUSED}, {S("Zg==\n"), REFUSED},
        {S("Zh=="), REFUSED},     {S("Zn=="), REFUSED},     {S("Zm9="), REFUSED},
        {S("Zm+="), REFUSED},     {S("Zm9v\r\n"), REFUSED}, {S(" Zm9"), REFUSED},
        {S("Zm9 "), REFUSED},     {S("Zm-_"), REFUSED},     {S("Zm9\0"), REFUSED},
        {S("Zm9\xff"), REFUSED},  {S("Z=9v"), REFUSED},     {S("Zm=v"), REFUSED},
        {S("Z==="), REFUSED},     {S("Zg=v"), REFUSED},     {S("Zg==="), REFUSED},
        {S("Zm9v===="), REFUSED}, {S("*"), REFUSED},        {S("Zo=="), REFUSED},
        {S("Zk=="), REFUSED},     {S("Zi=="), REFUSED},
    };

    (void)state;
    check_strict(gp__base64_decode, base64_vectors, COUNT(base64_vectors));
    check_strict(gp__base64_decode, refused, COUNT(refused));
}

/* No two texts mean the same bytes: every text of four that is accepted is what encoding gives. */
static void base64_is_canonical(void **state)
{
    static const char digits[] = "AQgw/=Zz9+";
    char text[4];

    (void)state;
    for (int i = 0; i < 10000; i++) {
        struct gp_slice bytes;

        for (int j = 0, n = i; j < 4; j++, n /= 10)
            text[j] = digits[n % 10];
        if (gp__base64_decode(arena, gp_slice(text, 4), &bytes) == 0)
            assert_slice(gp__base64_encode(arena, bytes), gp_slice(text, 4));
        if (i % 500 == 0) {
            gp__arena_free(&arena);
            arena = gp__arena_create();
        }
    }
}

static void base64_mime(void **state)
{
    static const struct pair cases[] = {
        {S("Zm9v\r\nYmFy\r\n"), S("foobar")},
        {S("Z m\t9!v*Y\0m\377Fy"), S("foobar")},
        {S("Zm9vYg"), S("foob")},
        {S("Zm9vY"), S("foo")},
        {S("Zm9vYg=="), S("foob")},
        {S("Zm9vYh=="), S("foob")},
        {S("Zm9vYg==\r\n-- \r\nfooter"), S("foob")}, /* RFC 2045 6.8: "=" is the end */
        {S("="), S("")},
        {S("\r\n"), S("")},
        {S("A"), S("")},
        {S("//"), S("\xff")},
        {S("///"), S("\xff\xff")},
        {S("////"), S("\xff\xff\xff")},
        {S("//////"), S("\xff\xff\xff\xff")},
    };

    (void)state;
    check_lenient(gp__base64_decode_mime, base64_vectors, COUNT(base64_vectors));
    check_lenient(gp__base64_decode_mime, cases, COUNT(cases));
    assert_slice(gp__base64_decode_mime(arena, gp_slice(NULL, 0)), GP_S(""));
}

static void qp_decode(void **state)
{
    static const struct pair cases[] = {
        {S(""), S("")},
        {S("a=3Db=0D=0A"), S("a=b\r\n")},
        {S("=e4=E4"), S("\xe4\xe4")},
        {S("one =\r\ntwo"), S("one two")},
        {S("one=\ntwo"), S("onetwo")},
        {S("one= \t\r\ntwo"), S("onetwo")},
        {S("one="), S("one")},
        {S("one= "), S("one")},
        {S("one=\r"), S("one")},
        {S("one=\rtwo"), S("one=\rtwo")},
        {S("trailing \t \r\nx"), S("trailing\r\nx")}, /* RFC 2045 6.7 rule 3 */
        {S("trailing \nx \t"), S("trailing\nx")},
        {S("kept=20\r\n a  b"), S("kept \r\n a  b")},
        {S("a \rb"), S("a \rb")},
        {S("=4"), S("=4")},
        {S("=G1"), S("=G1")},
        {S("=4G"), S("=4G")},
        {S("=="), S("=")},
        {S("==41"), S("=A")},
        {S("= x"), S("= x")},
        {S("=3D=3"), S("==3")},
        {S("\0\xff=00"), S("\0\xff\0")},
        {S("\r\n\r\n"), S("\r\n\r\n")},
    };

    (void)state;
    check_lenient(gp__qp_decode_mime, cases, COUNT(cases));
    assert_slice(gp__qp_decode_mime(arena, gp_slice(NULL, 0)), GP_S(""));
}

static void qp_encode(void **state)
{
    static const struct pair cases[] = {
        {S(""), S("")},
        {S("plain text.\r\n"), S("plain text.\r\n")},
        {S("a=b"), S("a=3Db")},
        {S("\xe4\0\x7f"), S("=E4=00=7F")},
        {S("end \r\nend\t\r\n "), S("end=20\r\nend=09\r\n=20")},
        {S(" a\tb  c"), S(" a\tb  c")},
        {S("a  \r\n"), S("a =20\r\n")},
        {S("bare\nlf \nbare\rcr\r\r\n\n"), S("bare=0Alf =0Abare=0Dcr=0D\r\n=0A")},
        {S("\r"), S("=0D")},
        {S("\r\n"), S("\r\n")},
    };

    (void)state;
    check_lenient(gp__qp_encode, cases, COUNT(cases));
}

/* Lines of at most 76 with their "=", no bare CR or LF, no blank at the end of a line. */
static void check_qp_form(struct gp_slice text)
{
    size_t column = 0;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        char next = i + 1 < text.len ? text.data[i + 1] : '\r';

        if (c == '\r') {
            assert_int_equal(next, '\n');
            column = 0;
            i++;
            continue;
        }
        assert_true((c >= ' ' && c < 0x7f) || c == '\t');
        assert_false((c == ' ' || c == '\t') && next == '\r');
        assert_in_range(++column, 1, 76);
    }
}

/* Runs of each length and kind, one after the other: the worst cases for the bound of the output
 * (AddressSanitizer watches it) and for the length of lines. */
static void qp_round_trip(void **state)
{
    static const struct gp_slice units[] = {
        S("x"),  S("\xff"),  S("x\xff"),  S("\xff\xffx"),         S(" "), S("\xe4 "), S("xy\r\n"),
        S("\r"), S("=\r\n"), S("\n\xff"), S("\xff\xff\xff\xffxx")};
    char text[400];

    (void)state;
    for (size_t u = 0; u < COUNT(units); u++) {
        for (size_t len = 0; len <= sizeof text; len++) {
            struct gp_slice from, encoded;

            for (size_t i = 0; i < len; i++)
                text[i] = units[u].data[i % units[u].len];
            from = tight(gp_slice(text, len));
            encoded = gp__qp_encode(arena, from);
            tight_free(from);
            check_qp_form(encoded);
            assert_true(encoded.len <= len * 3 + len / 25 * 3 + 3);
            assert_slice(gp__qp_decode_mime(arena, encoded), gp_slice(text, len));
        }
        gp__arena_free(&arena);
        arena = gp__arena_create();
    }
}

static void qp_line_length(void **state)
{
    char text[200], want[200];

    (void)state;
    memset(text, 'x', sizeof text);
    memset(want, 'x', sizeof want);
    memcpy(want + 75, "=\r\n", 3);
    assert_slice(gp__qp_encode(arena, gp_slice(text, 75)), gp_slice(text, 75));
    assert_slice(gp__qp_encode(arena, gp_slice(text, 76)), gp_slice(want, 79));
    assert_slice(gp__qp_encode(arena, gp_slice(text, 150)), gp_slice(want, 153));
}

/* RFC 3461 section 4: hexchar is "+" and two upper-case digits. */
static void xtext(void **state)
{
    static const struct pair cases[] = {
        {S(""), S("")},
        {S("QQ314159"), S("QQ314159")},
        {S("rfc822;a+2Bb+3Dc@example.org"), S("rfc822;a+b=c@example.org")},
        {S("+00+FF+0A"), S("\0\xff\n")},
        {S("!~"), S("!~")},
        {S("+20"), S(" ")},
        {S("a=b"), REFUSED},
        {S("a b"), REFUSED},
        {S("+"), REFUSED},
        {S("+4"), REFUSED},
        {S("a+"), REFUSED},
        {S("+2b"), REFUSED},
        {S("+fF"), REFUSED},
        {S("+Ff"), REFUSED},
        {S("+G0"), REFUSED},
        {S("+0G"), REFUSED},
        {S("++2B"), REFUSED},
        {S("+-1"), REFUSED},
        {S("\x7f"), REFUSED},
        {S("\x1f"), REFUSED},
        {S("a\0"), REFUSED},
        {S("\xc3\xbc"), REFUSED},
    };

    (void)state;
    check_strict(gp__xtext_decode, cases, COUNT(cases));
    assert_slice(gp__xtext_encode(arena, GP_S("a+b=c d\xc3\xbc")), GP_S("a+2Bb+3Dc+20d+C3+BC"));
    assert_slice(gp__xtext_encode(arena, GP_S("")), GP_S(""));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(base64_encode), TEST(base64_decode),  TEST(base64_is_canonical),
        TEST(base64_mime),   TEST(qp_decode),      TEST(qp_encode),
        TEST(qp_round_trip), TEST(qp_line_length), TEST(xtext),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
