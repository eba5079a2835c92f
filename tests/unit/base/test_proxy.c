// SPDX-License-Identifier: Apache-2.0
/* The PROXY protocol: each header whole, byte by byte, and with a session behind it; CRC-32C. */
#include "check.h"

#include "core/base/crc32c.h"
#include "core/base/proxy.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define V4 "\300\0\2\1\306\63\144\31\22\147\0\31"
#define V6                                                                                         \
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\2\x12\x67"     \
    "\0\x19"
#define MAPPED                                                                                     \
    "\0\0\0\0\0\0\0\0\0\0\xff\xff\300\0\2\1\0\0\0\0\0\0\0\0\0\0\xff\xff\306\63\144\31\x12\x67\0\x19"
#define ZEROS(n) n n n n n n
#define Z36 ZEROS("\0\0\0\0\0\0")

struct header {
    struct gp_slice bytes;
    enum gp__proxy_result result;
    const char *client; /* NULL: those of the socket */
    const char *why;
};

#define DONE(literal, client)                                                                      \
    {                                                                                              \
        {literal, sizeof(literal) - 1}, GP__PROXY_DONE, client, NULL                               \
    }
#define BAD(literal, why)                                                                          \
    {                                                                                              \
        {literal, sizeof(literal) - 1}, GP__PROXY_BAD, NULL, why                                   \
    }
#define MORE(literal)                                                                              \
    {                                                                                              \
        {literal, sizeof(literal) - 1}, GP__PROXY_MORE, NULL, NULL                                 \
    }

static const struct header headers[] = {
    DONE("PROXY TCP4 192.0.2.1 198.51.100.25 4711 25\r\n", "192.0.2.1"),
    DONE("PROXY TCP6 2001:db8::1 2001:db8::2 4711 25\r\n", "2001:db8::1"),
    DONE("PROXY TCP6 ::ffff:192.0.2.1 ::ffff:198.51.100.25 4711 25\r\n", "192.0.2.1"),
    DONE("PROXY TCP4 192.0.2.1 198.51.100.25 4711 25\r\n", "192.0.2.1"),
    DONE("PROXY UNKNOWN\r\n", NULL),
    DONE("PROXY UNKNOWN ffff:f...f:ffff whatever 65535 65535\r\n", NULL),
    DONE(SIGNATURE "\x21\x11\0\14" V4, "192.0.2.1"),
    DONE(SIGNATURE "\x21\x21\0\44" V6, "2001:db8::1"),
    DONE(SIGNATURE "\x21\x21\0\44" MAPPED, "192.0.2.1"),
    DONE(SIGNATURE "\x20\0\0\0", NULL),
    DONE(SIGNATURE "\x20\x11\0\14" V4, NULL),
    DONE(SIGNATURE "\x20\xff\0\3abc", NULL),
    DONE(SIGNATURE "\x21\0\0\0", NULL),
    DONE(SIGNATURE "\x21\x31\0\330" Z36 Z36 Z36 Z36 Z36 Z36, NULL),
    DONE(SIGNATURE "\x21\x11\0\17" V4 "\4\0\0", "192.0.2.1"),
    BAD(SIGNATURE "\x21\x11\0\26" V4 "\x20\0\7\1\0\0\0\0\x21\0", "information is cut off"),

    MORE("PROXY TCP4 192.0.2.1 198.51.100.25 4711 25"),
    MORE(SIGNATURE "\x21\x11\0\14\300"),

    BAD("EHLO client.example\r\n", "no header"),
    BAD("proxy TCP4 192.0.2.1 198.51.100.25 4711 25\r\n", "no header"),
    BAD("\r\n\r\nQUIT", "no header"),
    BAD("PROXY\r\n", "no header"),
    BAD("PROXY \r\n", "neither"),
    BAD("PROXY UDP4 192.0.2.1 198.51.100.25 4711 25\r\n", "neither"),
    BAD("PROXY  TCP4 192.0.2.1 198.51.100.25 4711 25\r\n", "neither"),
    BAD("PROXY TCP4 192.0.2.1 198.51.100.25 4711 25\n", "without CR"),
    BAD("PROXY TCP4  192.0.2.1 198.51.100.25 4711 25\r\n", "bad addresses"),
    BAD("PROXY TCP4 192.0.2.1 198.51.100.25 4711 25 \r\n", "bad addresses"),
    BAD("PROXY TCP4 192.0.2.1 198.51.100.25 4711\r\n", "bad addresses"),
    BAD("PROXY TCP4 192.0.2.1 198.51.100.25 4711 65536\r\n", "bad addresses"),
    BAD("PROXY TCP4 192.0.2.1 198.51.100.25 04711 25\r\n", "bad addresses"),
    BAD("PROXY TCP4 192.0.2.1 198.51.100.25 +471 25\r\n", "bad addresses"),
    BAD("PROXY TCP4 192.0.2.01 198.51.100.25 4711 25\r\n", "bad addresses"),
    BAD("PROXY TCP4 2001:db8::1 198.51.100.25 4711 25\r\n", "bad addresses"),
    BAD("PROXY TCP6 192.0.2.1 198.51.100.25 4711 25\r\n", "bad addresses"),
    BAD("PROXY TCP4 192.0.2.1\0 198.51.100.25 4711 25\r\n", "NUL"),
    BAD("PROXY UNKNOWN 0123456789012345678901234567890123456789012345678901234567890123456789"
        "01234567890123456789012345\r\n",
        "too long"),
    BAD(SIGNATURE "\x31\x11\0\14" V4, "version or command"),
    BAD(SIGNATURE "\x22\x11\0\14" V4, "version or command"),
    BAD(SIGNATURE "\x21\x12\0\14" V4, "not a stream"),
    BAD(SIGNATURE "\x21\x41\0\14" V4, "not a stream"),
    BAD(SIGNATURE "\x21\x11\0\13" V4, "addresses are cut off"),
    BAD(SIGNATURE "\x21\x21\0\14" V4, "addresses are cut off"),
    BAD(SIGNATURE "\x21\x11\0\16" V4 "\4\0", "a TLV is cut off"),
    BAD(SIGNATURE "\x21\x11\0\17" V4 "\4\0\1", "a TLV is cut off"),
    BAD(SIGNATURE "\x21\x11\0\23" V4 "\x20\0\4\1\0\0\0", "information is cut off"),
    BAD(SIGNATURE "\x21\x11\0\23" V4 "\3\0\4\1\2\3\4", "checksum"),
    BAD(SIGNATURE "\x21\x11\0\22" V4 "\3\0\3\1\2\3", "checksum"),
    BAD(SIGNATURE "\x21\x11\x10\x00", "too long"),
};

static void check(const struct header *header, struct gp_slice bytes)
{
    struct gp_slice exact = tight(bytes);
    struct gp__proxy proxy;
    const char *why = NULL;
    char ip[48];
    size_t used;
    enum gp__proxy_result result = gp__proxy_read(exact, &proxy, &used, &why);

    if (result != header->result)
        fail_msg("header %zu: got %d, why %s", (size_t)(header - headers), (int)result,
                 why ? why : "-");
    if (result == GP__PROXY_BAD && !strstr(why, header->why))
        fail_msg("header %zu: got \"%s\"", (size_t)(header - headers), why);
    if (result == GP__PROXY_DONE) {
        assert_int_equal(used, header->bytes.len);
        assert_int_equal(proxy.known, header->client != NULL);
    }
    if (result == GP__PROXY_DONE && header->client) {
        assert_slice(gp__ip_format(&proxy.client, ip), gp_slice_of(header->client));
        assert_int_equal(proxy.client_port, 4711);
        assert_int_equal(proxy.server_port, 25);
        assert_int_equal(proxy.client.family, proxy.server.family);
    }
    tight_free(exact);
}

/* A header that is not complete asks for more, or is refused early with the final reason. */
static void check_prefixes(const struct header *header)
{
    for (size_t n = 0; n < header->bytes.len; n++) {
        struct gp_slice exact = tight(gp_slice_sub(header->bytes, 0, n));
        struct gp__proxy proxy;
        const char *why = NULL;
        size_t used;
        enum gp__proxy_result result = gp__proxy_read(exact, &proxy, &used, &why);

        if (result == GP__PROXY_DONE ||
            (result == GP__PROXY_BAD && header->result != GP__PROXY_BAD))
            fail_msg("header %zu: %zu bytes of it are taken for %d", (size_t)(header - headers), n,
                     (int)result);
        if (result == GP__PROXY_BAD && !strstr(why, header->why))
            fail_msg("header %zu: %zu bytes: \"%s\"", (size_t)(header - headers), n, why);
        tight_free(exact);
    }
}

static void all_headers(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(headers); i++) {
        char behind[512];
        size_t len = headers[i].bytes.len;

        check(&headers[i], headers[i].bytes);
        check_prefixes(&headers[i]);
        if (headers[i].result != GP__PROXY_DONE)
            continue;
        memcpy(behind, headers[i].bytes.data, len);
        memcpy(behind + len, "EHLO x\r\n", 8);
        check(&headers[i], gp_slice(behind, len + 8));
    }
}

/* What HAProxy sends with send-proxy-v2-ssl-cn, a unique id and a checksum. */
static void tlvs(void **state)
{
    static const char tlv[] = "\1\0\4smtp"
                              "\2\0\12mx.example"
                              "\5\0\2id"
                              "\x20\0\x28\7\0\0\0\0"
                              "\x21\0\7TLSv1.3"
                              "\x22\0\6client"
                              "\x23\0\4AES1"
                              "\x20\0\6nested"
                              "\3\0\4";
    char header[200] = SIGNATURE "\x21\x11\0";
    size_t len = 16 + 12 + sizeof tlv - 1 + 4, used;
    struct gp__proxy proxy;
    const char *why;
    uint32_t crc;

    (void)state;
    header[15] = (char)(len - 16);
    memcpy(header + 16, V4, 12);
    memcpy(header + 28, tlv, sizeof tlv - 1);
    crc = gp__crc32c(0, gp_slice(header, len));
    for (int i = 0; i < 4; i++)
        header[len - 4 + (size_t)i] = (char)(crc >> (24 - 8 * i));
    if (gp__proxy_read(gp_slice(header, len), &proxy, &used, &why) != GP__PROXY_DONE)
        fail_msg("%s", why);
    assert_slice(gp__proxy_tlv(proxy.tlvs, 0x01), GP_S("smtp"));
    assert_slice(gp__proxy_tlv(proxy.tlvs, 0x02), GP_S("mx.example"));
    assert_slice(gp__proxy_tlv(proxy.tlvs, 0x05), GP_S("id"));
    assert_slice(gp__proxy_tlv(proxy.tlvs, 0x21), GP_S("TLSv1.3"));
    assert_slice(gp__proxy_tlv(proxy.tlvs, 0x22), GP_S("client"));
    assert_slice(gp__proxy_tlv(proxy.tlvs, 0x23), GP_S("AES1"));
    assert_int_equal(gp__proxy_tlv(proxy.tlvs, 0x20).len, 40);
    assert_false(gp_slice_present(gp__proxy_tlv(proxy.tlvs, 0x24)));
    assert_false(gp_slice_present(gp__proxy_tlv(proxy.tlvs, 0x30)));
    assert_false(gp_slice_present(gp__proxy_tlv(gp_slice(NULL, 0), 0x21)));
    for (size_t bit = 0; bit < 8 * len; bit++) {
        header[bit / 8] = (char)(header[bit / 8] ^ 1 << bit % 8);
        assert_int_not_equal(
            gp__proxy_read(gp_slice(header, len), &proxy, &used, &why) == GP__PROXY_DONE &&
                proxy.known && used == len && gp_slice_present(gp__proxy_tlv(proxy.tlvs, 3)),
            true);
        header[bit / 8] = (char)(header[bit / 8] ^ 1 << bit % 8);
    }
}

static void unique_id_is_bounded(void **state)
{
    char header[16 + 12 + 3 + 129] = SIGNATURE "\x21\x11\0";
    struct gp__proxy proxy;
    const char *why;
    size_t used;

    (void)state;
    memcpy(header + 16, V4 "\5\0\200", 15);
    header[15] = (char)(12 + 3 + 128);
    assert_int_equal(gp__proxy_read(gp_slice(header, sizeof header - 1), &proxy, &used, &why),
                     GP__PROXY_DONE);
    header[15] = (char)(12 + 3 + 129);
    header[30] = (char)129;
    assert_int_equal(gp__proxy_read(gp_slice(header, sizeof header), &proxy, &used, &why),
                     GP__PROXY_BAD);
    assert_non_null(strstr(why, "unique id"));
}

/* RFC 3720 appendix B.4, and in two parts. */
static void crc32c(void **state)
{
    char bytes[32];

    (void)state;
    assert_int_equal(gp__crc32c(0, GP_S("")), 0);
    assert_int_equal(gp__crc32c(0, GP_S("123456789")), 0xe3069283);
    memset(bytes, 0, sizeof bytes);
    assert_int_equal(gp__crc32c(0, gp_slice(bytes, 32)), 0x8a9136aa);
    memset(bytes, 0xff, sizeof bytes);
    assert_int_equal(gp__crc32c(0, gp_slice(bytes, 32)), 0x62a8ab43);
    assert_int_equal(gp__crc32c(gp__crc32c(0, GP_S("1234")), GP_S("56789")), 0xe3069283);
    assert_int_equal(gp__crc32c_table(0, GP_S("123456789")), 0xe3069283);
    for (size_t len = 0; len < sizeof bytes; len++) {
        bytes[len] = (char)(len * 7);
        assert_int_equal(gp__crc32c(3, gp_slice(bytes, len)),
                         gp__crc32c_table(3, gp_slice(bytes, len)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_headers), cmocka_unit_test(tlvs),
                                       cmocka_unit_test(unique_id_is_bounded),
                                       cmocka_unit_test(crc32c)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
