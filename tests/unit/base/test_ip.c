// SPDX-License-Identifier: Apache-2.0
/* Addresses and networks: text forms of RFC 4291 2.2, the one form of RFC 5952, CIDR, PTR names. */
#include "check.h"

#include "core/base/ip.h"

#include <arpa/inet.h>

static void ip4(void **state)
{
    static const struct {
        const char *text;
        uint8_t bytes[4];
    } good[] = {
        {"0.0.0.0", {0, 0, 0, 0}},
        {"255.255.255.255", {255, 255, 255, 255}},
        {"192.0.2.1", {192, 0, 2, 1}},
    };
    static const char *const bad[] = {
        "",          ".",          "...",      "1",          "1.2.3",     "1.2.3.",     ".1.2.3",
        "1.2.3.4.",  "1.2.3.4.5",  "1..2.3",   "256.1.1.1",  "1.1.1.256", "01.2.3.4",   "1.2.3.00",
        "1.2.3.-0",  "1.2.3.+4",   "1.2.3.4 ", " 1.2.3.4",   "1.2.3.0x4", "1.2.3.4/32", "1.2.3.a",
        "1.2.3.4\n", "1.2.3.1000", "1,2,3,4",  "4294967295", "::1",       "1.2.3.999",
    };
    struct gp__ip ip;

    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        struct gp_slice text = tight(gp_slice_of(good[i].text));
        char out[48];

        assert_int_equal(gp__ip4_parse(text, &ip), 0);
        assert_int_equal(ip.family, 4);
        assert_memory_equal(ip.bytes, good[i].bytes, 4);
        assert_slice(gp__ip_format(&ip, out), text);
        assert_int_equal(gp__ip6_parse(text, &ip), -1);
        tight_free(text);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct gp_slice text = tight(gp_slice_of(bad[i]));

        if (gp__ip4_parse(text, &ip) != -1)
            fail_msg("\"%s\" was taken", bad[i]);
        tight_free(text);
    }
    assert_int_equal(gp__ip4_parse(GP_S("1.2.3.4\0"), &ip), -1);
    assert_int_equal(gp__ip_parse(gp_slice(NULL, 0), &ip), -1);
}

/* What is read, and as RFC 5952 writes it. */
static void ip6(void **state)
{
    static const struct {
        const char *text, *want;
    } good[] = {
        {"::", "::"},
        {"::1", "::1"},
        {"1::", "1::"},
        {"2001:db8::1", "2001:db8::1"},
        {"2001:DB8::A", "2001:db8::a"},
        {"2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"},
        {"1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"},
        /* RFC 5952 4.2.2: one group of zeros is not shortened; but it may be read so */
        {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
        {"2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
        {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
        {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
        /* 4.2.3: the longest run, the first of equals */
        {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
        {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
        {"0:0:0:1:0:0:0:0", "0:0:0:1::"},
        {"0:0:0:0:1:0:0:0", "::1:0:0:0"},
        {"0:0:1:0:0:0:0:0", "0:0:1::"},
        {"1:0:0:0:0:0:0:0", "1::"},
        {"0:1:0:1:0:1:0:1", "0:1:0:1:0:1:0:1"},
        {"fe80::1:0:0:0:0", "fe80:0:0:1::"},
        /* section 5: mapped addresses, and only those, end in a dotted quad */
        {"::ffff:192.0.2.1", "::ffff:192.0.2.1"},
        {"::ffff:c000:201", "::ffff:192.0.2.1"},
        {"::FFFF:0:0", "::ffff:0.0.0.0"},
        {"::192.0.2.1", "::c000:201"},
        {"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
        {"1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"},
        {"1:2:3:4:5::1.2.3.4", "1:2:3:4:5:0:102:304"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
         "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
    };
    struct gp__ip ip, again;
    char out[48];

    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        struct gp_slice text = tight(gp_slice_of(good[i].text));
        uint8_t bytes[16];

        if (gp__ip6_parse(text, &ip) < 0 || gp__ip_parse(text, &again) < 0)
            fail_msg("\"%s\" was refused", good[i].text);
        assert_int_equal(ip.family, 6);
        assert_int_equal(inet_pton(AF_INET6, good[i].text, bytes), 1);
        assert_memory_equal(ip.bytes, bytes, 16);
        assert_memory_equal(&again, &ip, sizeof ip);
        assert_slice(gp__ip_format(&ip, out), gp_slice_of(good[i].want));
        tight_free(text);
    }
}

static void ip6_refused(void **state)
{
    static const char *const bad[] = {
        "",
        ":",
        ":::",
        "1",
        "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:",
        ":1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:9",
        "1:2:3:4:5:6:7:8:",
        ":1:2:3:4:5:6:7:8",
        "1:2:3:4::5:6:7:8", /* "::" stands for at least one group */
        "::1:2:3:4:5:6:7:8",
        "1:2:3:4:5:6:7:8::",
        "1::2::3",
        "::1::",
        ":::1",
        "1:::",
        "1:::2",
        ":1::2",
        "1::2:",
        "12345::",
        "::00001",
        "g::",
        "::-1",
        "::+1",
        " ::1",
        "::1 ",
        "::1%lo",
        "[::1]",
        "::1/128",
        "1.2.3.4",
        "::1.2.3",
        "::1.2.3.4.5",
        "::1.2.3.256",
        "::01.2.3.4",
        "1.2.3.4::",
        "1.2.3.4::1",
        "::1.2.3.4:5",
        "1:2:3:4:5:6:7:1.2.3.4",
        "1:2:3:4:5:1.2.3.4",
        "1:2:3:4:5:6::1.2.3.4",
        "::1:2:3:4:5:6:1.2.3.4",
        "::.",
        "::1.",
        "::ffff:1.2.3.4:",
        "IPv6:::1",
        "1:2:3:4:5:6:7:8:1.2.3.4",
    };
    struct gp__ip ip;

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct gp_slice text = tight(gp_slice_of(bad[i]));

        if (gp__ip6_parse(text, &ip) != -1)
            fail_msg("\"%s\" was taken", bad[i]);
        tight_free(text);
    }
    assert_int_equal(gp__ip6_parse(GP_S("::1\0"), &ip), -1);
    assert_int_equal(gp__ip6_parse(gp_slice(NULL, 0), &ip), -1);
}

/* Random addresses with many zero groups: the same as the C library's both ways. */
static void ip6_as_libc(void **state)
{
    uint64_t seed = 1;

    (void)state;
    for (int round = 0; round < 20000; round++) {
        struct gp__ip ip = {.family = 6}, back;
        char ours[48], theirs[INET6_ADDRSTRLEN];
        struct gp_slice text;

        for (int i = 0; i < 16; i += 2) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            if (seed >> 62 == 0)
                ip.bytes[i] = (uint8_t)(seed >> 40 & (seed >> 50 & 1 ? 0xff : 0));
            if (seed >> 63)
                ip.bytes[i + 1] = (uint8_t)(seed >> 32);
        }
        text = gp__ip_format(&ip, ours);
        assert_int_equal(gp__ip6_parse(text, &back), 0);
        assert_memory_equal(&back, &ip, sizeof ip);
        /* inet_ntop writes ::a.b.c.d for the deprecated compatible addresses as well. */
        if (memcmp(ip.bytes, (uint8_t[12]){0}, 12) == 0)
            continue;
        inet_ntop(AF_INET6, ip.bytes, theirs, sizeof theirs);
        assert_slice(text, gp_slice_of(theirs));
    }
}

static void networks(void **state)
{
    static const struct {
        const char *text;
        int result, family, bits;
    } cases[] = {
        {"192.0.2.0/24", 0, 4, 24},
        {"192.0.2.1", 0, 4, 32},
        {"192.0.2.1/32", 0, 4, 32},
        {"0.0.0.0/0", 0, 4, 0},
        {"128.0.0.0/1", 0, 4, 1},
        {"2001:db8::/32", 0, 6, 32},
        {"2001:db8::1", 0, 6, 128},
        {"::/0", 0, 6, 0},
        {"::1/128", 0, 6, 128},
        {"fe80::/10", 0, 6, 10},
        {"::ffff:192.0.2.0/120", 0, 4, 24}, /* mapped: IPv4 */
        {"::ffff:0:0/96", 0, 4, 0},
        {"::ffff:192.0.2.1", 0, 4, 32},
        {"192.0.2.1/24", -2, 0, 0},
        {"192.0.2.1/0", -2, 0, 0},
        {"192.0.2.1/31", -2, 0, 0},
        {"2001:db8::1/64", -2, 0, 0},
        {"2001:db8::/28", -2, 0, 0},
        {"::ffff:0:0/95", -2, 0, 0},
        {"192.0.2.0/33", -1, 0, 0},
        {"192.0.2.0/-0", -1, 0, 0},
        {"192.0.2.0/-1", -1, 0, 0},
        {"192.0.2.0/+8", -1, 0, 0},
        {"192.0.2.0/024", -1, 0, 0},
        {"0.0.0.0/00", -1, 0, 0},
        {"192.0.2.0/", -1, 0, 0},
        {"192.0.2.0/24/", -1, 0, 0},
        {"192.0.2.0/24 ", -1, 0, 0},
        {"192.0.2.0/255.255.255.0", -1, 0, 0},
        {"192.0.2/24", -1, 0, 0},
        {"/24", -1, 0, 0},
        {"", -1, 0, 0},
        {"::/129", -1, 0, 0},
        {"::/999999999999999999999", -1, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct gp_slice text = tight(gp_slice_of(cases[i].text));
        struct gp__network network = {.bits = 200};
        int result = gp__network_parse(text, &network);

        if (result != cases[i].result)
            fail_msg("\"%s\": %d", cases[i].text, result);
        assert_int_equal(network.ip.family, cases[i].family);
        assert_int_equal(network.bits, result ? 200 : cases[i].bits);
        tight_free(text);
    }
}

static void membership(void **state)
{
    static const struct {
        const char *network, *ip;
        bool has;
    } cases[] = {
        {"192.0.2.0/24", "192.0.2.0", true},
        {"192.0.2.0/24", "192.0.2.255", true},
        {"192.0.2.0/24", "192.0.3.0", false},
        {"192.0.2.0/24", "192.0.1.255", false},
        {"192.0.2.128/25", "192.0.2.127", false},
        {"192.0.2.128/25", "192.0.2.128", true},
        {"192.0.2.4/30", "192.0.2.7", true},
        {"192.0.2.4/30", "192.0.2.8", false},
        {"192.0.2.1", "192.0.2.1", true},
        {"192.0.2.1", "192.0.2.0", false},
        {"0.0.0.0/0", "203.0.113.9", true},
        {"0.0.0.0/0", "::1", false},
        {"::/0", "203.0.113.9", false},
        {"::/0", "2001:db8::1", true},
        {"fe80::/10", "febf::1", true},
        {"fe80::/10", "fec0::1", false},
        {"2001:db8::/127", "2001:db8::1", true},
        {"2001:db8::/127", "2001:db8::2", false},
        {"2001:db8::1", "2001:db8::1", true},
        {"2001:db8::1", "2001:db8::", false},
        {"::ffff:192.0.2.0/120", "192.0.2.9", true},
    };
    struct gp__network network = {0};
    struct gp__ip ip = {0};

    (void)state;
    assert_false(gp__network_has(&network, &ip)); /* nothing is not in nothing */
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(gp__network_parse(gp_slice_of(cases[i].network), &network), 0);
        assert_int_equal(gp__ip_parse(gp_slice_of(cases[i].ip), &ip), 0);
        if (gp__network_has(&network, &ip) != cases[i].has)
            fail_msg("%s in %s", cases[i].ip, cases[i].network);
    }
}

static void unmaps(void **state)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"::ffff:192.0.2.1", "192.0.2.1"},
        {"::192.0.2.1", "::c000:201"},
        {"192.0.2.1", "192.0.2.1"},
        {"::fffe:c000:201", "::fffe:c000:201"},
        {"1::ffff:c000:201", "1::ffff:c000:201"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        static const uint8_t zero[12];
        struct gp__ip ip;
        char out[48];

        assert_int_equal(gp__ip_parse(gp_slice_of(cases[i].text), &ip), 0);
        gp__ip_unmap(&ip);
        assert_slice(gp__ip_format(&ip, out), gp_slice_of(cases[i].want));
        if (ip.family == 4)
            assert_memory_equal(ip.bytes + 4, zero, 12); /* so that bytes can be compared */
    }
}

static void networks_of(void **state)
{
    static const struct {
        const char *ip;
        unsigned bits;
        const char *want;
        unsigned want_bits;
    } cases[] = {
        {"192.0.2.77", 24, "192.0.2.0", 24},
        {"192.0.2.77", 32, "192.0.2.77", 32},
        {"192.0.2.77", 33, "192.0.2.77", 32},
        {"192.0.2.255", 31, "192.0.2.254", 31},
        {"192.0.2.77", 0, "0.0.0.0", 0},
        {"2001:db8::1:2:3:4", 64, "2001:db8::", 64},
        {"2001:db8:ffff::1", 33, "2001:db8:8000::", 33},
        {"2001:db8::1", 999, "2001:db8::1", 128},
    };
    char out[48];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct gp__network network;
        struct gp__ip ip;

        assert_int_equal(gp__ip_parse(gp_slice_of(cases[i].ip), &ip), 0);
        network = gp__network_of(&ip, cases[i].bits);
        assert_slice(gp__ip_format(&network.ip, out), gp_slice_of(cases[i].want));
        assert_int_equal(network.bits, cases[i].want_bits);
        assert_true(gp__network_has(&network, &ip));
    }
}

static void reverses(void **state)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"127.0.0.2", "2.0.0.127"},
        {"255.255.255.255", "255.255.255.255"},
        {"2001:db8::567:89ab", "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2"},
    };
    struct gp__ip ip = {0};
    char out[64];

    (void)state;
    assert_slice(gp__ip_reverse(&ip, out), GP_S(""));
    assert_slice(gp__ip_format(&ip, out), GP_S(""));
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(gp__ip_parse(gp_slice_of(cases[i].text), &ip), 0);
        assert_slice(gp__ip_reverse(&ip, out), gp_slice_of(cases[i].want));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ip4),      cmocka_unit_test(ip6),        cmocka_unit_test(ip6_refused),
        cmocka_unit_test(networks), cmocka_unit_test(membership), cmocka_unit_test(ip6_as_libc),
        cmocka_unit_test(unmaps),   cmocka_unit_test(reverses),   cmocka_unit_test(networks_of),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
