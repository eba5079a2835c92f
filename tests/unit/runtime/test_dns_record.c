// SPDX-License-Identifier: Apache-2.0
/* DNS packets, well-formed and hostile; each also cut short at every byte. */
#include "test_support.h"

#include "core/runtime/dns_record.h"

static void test_names(void **state)
{
    static const char *const good[] = {
        "example.org",
        "example.org.",
        "a",
        "_25._tcp.mail.example.org",
        "xn--bcher-kva.example",
        "1.0.0.127.in-addr.arpa",
        "-odd-.example",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example"};
    static const char *const bad[] = {
        "",     ".",
        "..",   "a..b",
        ".a",   "a b",
        "a\tb", "b\xc3\xbcr.example",
        "a/b",  "a\\.b",
        "a@b",  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example"};
    char text[256];

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(gp__dns_name_valid(gp_slice_of(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(gp__dns_name_valid(gp_slice_of(bad[i])));
    assert_false(gp__dns_name_valid(gp_slice("a\0b", 3)));
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = i % 2 ? '.' : 'a';
    assert_true(gp__dns_name_valid(gp_slice(text, 253)));
    assert_true(gp__dns_name_valid(gp_slice(text, 254))); /* with the last dot */
    assert_false(gp__dns_name_valid(gp_slice(text, 255)));
}

/* Header and question "x.test" (its name at 0x0c, "test" at 0x0e); n answers. */
#define HEAD(rcode, n) "\0\0\x81" rcode "\0\x01\0" n "\0\0\0\0\x01x\x04test\0"
#define ASKED(type) "\0" type "\0\x01"
/* An answer about the question's name; ttl 300. */
#define ABOUT_X(type, len) "\xc0\x0c\0" type "\0\x01\0\0\x01\x2c\0" len

struct row {
    const char *packet;
    size_t len;
    enum gp_dns_type type;
    int result;
    size_t count;
    const char *text; /* of the last record */
    size_t text_len;
};

#define ROW(type, packet, result, count, text)                                                     \
    {                                                                                              \
        packet, sizeof(packet) - 1, type, result, count, text, sizeof(text) - 1                    \
    }

static const struct row rows[] = {
    /* the types */
    ROW(GP_DNS_A, HEAD("\x80", "\x01") ASKED("\x01") ABOUT_X("\x01", "\x04") "\xc0\0\x02\x01", 0, 1,
        "192.0.2.1"),
    ROW(GP_DNS_AAAA,
        HEAD("\x80", "\x01") ASKED("\x1c")
            ABOUT_X("\x1c", "\x10") "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01",
        0, 1, "2001:db8::1"),
    ROW(GP_DNS_MX, HEAD("\x80", "\x01") ASKED("\x0f") ABOUT_X("\x0f", "\x06") "\0\x0a\x01m\xc0\x0e",
        0, 1, "m.test"),
    ROW(GP_DNS_MX, HEAD("\x80", "\x01") ASKED("\x0f") ABOUT_X("\x0f", "\x03") "\0\0\0", 0, 1, ""),
    ROW(GP_DNS_TXT,
        HEAD("\x80", "\x01") ASKED("\x10") ABOUT_X("\x10", "\x07") "\x02"
                                                                   "ab\0\x02"
                                                                   "c\0",
        0, 1, "abc\0"),
    ROW(GP_DNS_TXT, HEAD("\x80", "\x01") ASKED("\x10") ABOUT_X("\x10", "\0"), 0, 1, ""),
    ROW(GP_DNS_PTR, HEAD("\x80", "\x01") ASKED("\x0c") ABOUT_X("\x0c", "\x02") "\xc0\x0c", 0, 1,
        "x.test"),
    ROW(GP_DNS_TLSA,
        HEAD("\x80", "\x01") ASKED("\x34") ABOUT_X("\x34", "\x05") "\x03\x01\x01\0\xff", 0, 1,
        "\x03\x01\x01\0\xff"),
    ROW(GP_DNS_CNAME, HEAD("\x80", "\x01") ASKED("\x05") ABOUT_X("\x05", "\x02") "\xc0\x0e", 0, 1,
        "test"),
    /* several; other owners, classes and types are not the answer */
    ROW(GP_DNS_A,
        HEAD("\x80", "\x02") ASKED("\x01")
            ABOUT_X("\x01", "\x04") "\x01\x01\x01\x01" ABOUT_X("\x01", "\x04") "\x02\x02\x02\x02",
        0, 2, "2.2.2.2"),
    ROW(GP_DNS_A,
        HEAD("\x80", "\x01") ASKED("\x01") "\xc0\x0e\0\x01\0\x01\0\0\0\0\0\x04\x01\x01\x01\x01",
        GP_ENOTFOUND, 0, ""),
    ROW(GP_DNS_A,
        HEAD("\x80", "\x01") ASKED("\x01") "\xc0\x0c\0\x01\0\x03\0\0\0\0\0\x04\x01\x01\x01\x01",
        GP_ENOTFOUND, 0, ""),
    ROW(GP_DNS_A,
        HEAD("\x80", "\x01") ASKED("\x01") ABOUT_X("\x10", "\x02") "\x01"
                                                                   "a",
        GP_ENOTFOUND, 0, ""),
    /* the question's name in other case */
    ROW(GP_DNS_A,
        HEAD("\x80", "\x01")
            ASKED("\x01") "\x01X\x04TesT\0\0\x01\0\x01\0\0\0\0\0\x04\x01\x01\x01\x01",
        0, 1, "1.1.1.1"),
    /* aliases: in order, out of order, in a circle */
    ROW(GP_DNS_A,
        HEAD("\x80", "\x02") ASKED("\x01")
            ABOUT_X("\x05", "\x02") "\xc0\x0e"
                                    "\xc0\x0e\0\x01\0\x01\0\0\0\0\0\x04\x01\x02\x03\x04",
        0, 1, "1.2.3.4"),
    ROW(GP_DNS_A,
        HEAD("\x80", "\x02")
            ASKED("\x01") "\xc0\x0e\0\x01\0\x01\0\0\0\0\0\x04\x01\x02\x03\x04" ABOUT_X(
                "\x05", "\x02") "\xc0\x0e",
        0, 1, "1.2.3.4"),
    ROW(GP_DNS_A, HEAD("\x80", "\x01") ASKED("\x01") ABOUT_X("\x05", "\x02") "\xc0\x0c",
        GP_ENOTFOUND, 0, ""),
    /* malformed data: the record is dropped */
    ROW(GP_DNS_A, HEAD("\x80", "\x01") ASKED("\x01") ABOUT_X("\x01", "\x03") "\x01\x01\x01",
        GP_ENOTFOUND, 0, ""),
    ROW(GP_DNS_A, HEAD("\x80", "\x01") ASKED("\x01") ABOUT_X("\x01", "\x05") "\x01\x01\x01\x01\x01",
        GP_ENOTFOUND, 0, ""),
    ROW(GP_DNS_TXT,
        HEAD("\x80", "\x01") ASKED("\x10") ABOUT_X("\x10", "\x02") "\x05"
                                                                   "a",
        GP_ENOTFOUND, 0, ""),
    ROW(GP_DNS_TLSA, HEAD("\x80", "\x01") ASKED("\x34") ABOUT_X("\x34", "\x03") "\x03\x01\x01",
        GP_ENOTFOUND, 0, ""),
    ROW(GP_DNS_MX, HEAD("\x80", "\x01") ASKED("\x0f") ABOUT_X("\x0f", "\x02") "\0\x0a",
        GP_ENOTFOUND, 0, ""),
    ROW(GP_DNS_MX, HEAD("\x80", "\x01") ASKED("\x0f") ABOUT_X("\x0f", "\x05") "\0\x0a\xc0\x0e\0",
        GP_ENOTFOUND, 0, ""),
    ROW(GP_DNS_PTR, HEAD("\x80", "\x01") ASKED("\x0c") ABOUT_X("\x0c", "\x02") "\xc0\x25",
        GP_ENOTFOUND, 0, ""), /* points forwards */
    ROW(GP_DNS_PTR,
        HEAD("\x80", "\x01") ASKED("\x0c") ABOUT_X("\x0c", "\x02") "\x41"
                                                                   "a",
        GP_ENOTFOUND, 0, ""), /* a label type that does not exist */
    /* odd bytes in names are escaped */
    ROW(GP_DNS_PTR,
        HEAD("\x80", "\x01") ASKED("\x0c") ABOUT_X("\x0c", "\x08") "\x06"
                                                                   "a.\0\xff\r/"
                                                                   "\0",
        0, 1, "a\\046\\000\\255\\013/"),
    /* rcodes */
    ROW(GP_DNS_A, HEAD("\x83", "\0") ASKED("\x01"), GP_ENOTFOUND, 0, ""),
    ROW(GP_DNS_A, HEAD("\x82", "\0") ASKED("\x01"), GP_ETEMP, 0, ""),
    ROW(GP_DNS_A, HEAD("\x85", "\0") ASKED("\x01"), GP_ETEMP, 0, ""),
    /* no packet at all */
    ROW(GP_DNS_A, "", GP_ETEMP, 0, ""),
    ROW(GP_DNS_A, HEAD("\x80", "\x02") ASKED("\x01"), GP_ETEMP, 0, ""),
};

static int parse(struct gp__arena *arena, const char *packet, size_t len, enum gp_dns_type type,
                 struct gp_dns_answer **answer)
{
    /* On the heap, so that a sanitizer sees a read past its end. */
    char *copy = malloc(len ? len : 1);
    int result;

    memcpy(copy, packet, len);
    result = gp__dns_parse(arena, gp_slice(copy, len), type, true, answer);
    free(copy);
    return result;
}

static void check_row(const struct row *row)
{
    struct gp__arena *arena = gp__arena_create();
    struct gp_dns_answer *answer;

    assert_int_equal(parse(arena, row->packet, row->len, row->type, &answer), row->result);
    if (row->result == GP_ETEMP) {
        assert_null(answer);
    } else {
        assert_int_equal(answer->count, row->count);
        assert_true(answer->secure);
        assert_int_equal(answer->nxdomain, row->packet[3] == '\x83');
    }
    if (row->result == 0)
        assert_true(
            gp_slice_eq(answer->records[row->count - 1].text, gp_slice(row->text, row->text_len)));
    for (size_t len = 0; len < row->len; len++) {
        int result = parse(arena, row->packet, len, row->type, &answer);

        assert_true(result == GP_ETEMP || (result == 0 && answer->count < row->count) ||
                    (result != 0 && row->result != 0));
    }
    gp__arena_free(&arena);
}

static void test_packets(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        check_row(&rows[i]);
}

static void test_at_most_so_many(void **state)
{
    static const char head[] = HEAD("\x80", "\xff") ASKED("\x01");
    static const char answer[] = ABOUT_X("\x01", "\x04") "\x01\x01\x01\x01";
    char packet[sizeof head + 255 * sizeof answer];
    size_t len = sizeof head - 1;
    struct gp__arena *arena = gp__arena_create();
    struct gp_dns_answer *result;

    (void)state;
    memcpy(packet, head, len);
    for (int i = 0; i < 255; i++, len += sizeof answer - 1)
        memcpy(packet + len, answer, sizeof answer - 1);
    assert_int_equal(parse(arena, packet, len, GP_DNS_A, &result), 0);
    assert_int_equal(result->count, 100);
    assert_int_equal(result->ttl, 300);
    gp__arena_free(&arena);
}

static int teardown(void **state)
{
    (void)state;
    gp__arena_pool_free();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_packets),
        cmocka_unit_test(test_at_most_so_many),
    };

    return cmocka_run_group_tests(tests, NULL, teardown);
}
