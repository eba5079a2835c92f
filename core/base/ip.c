// SPDX-License-Identifier: Apache-2.0
#include "core/base/ip.h"

#include "core/base/ascii.h"

#include <stdio.h>

int gp__ip4_parse(struct gp_slice text, struct gp__ip *ip_r)
{
    struct gp__ip ip = {.family = 4};

    for (int i = 0; i < 4; i++) {
        struct gp_slice part = gp_slice_split(&text, '.');
        int64_t value;

        /* A leading zero means octal to some: refuse it. */
        if (part.len > 3 || (part.len > 1 && part.data[0] == '0') || part.len == 0 ||
            part.data[0] == '-' || gp_slice_to_int(part, 0, 255, &value) < 0)
            return -1;
        ip.bytes[i] = (uint8_t)value;
        if (gp_slice_present(text) != (i < 3))
            return -1;
    }
    *ip_r = ip;
    return 0;
}

static int parse_group(struct gp_slice part, uint8_t out[2])
{
    unsigned value = 0;

    if (part.len < 1 || part.len > 4)
        return -1;
    for (size_t i = 0; i < part.len; i++) {
        int digit = gp__hex_value(part.data[i]);

        if (digit < 0)
            return -1;
        value = value << 4 | (unsigned)digit;
    }
    out[0] = (uint8_t)(value >> 8);
    out[1] = (uint8_t)value;
    return 0;
}

/* Groups between colons, the last possibly a dotted quad; the number of bytes, or -1. */
static int parse_groups(struct gp_slice text, uint8_t out[16])
{
    int n = 0;

    if (text.len == 0)
        return 0;
    while (gp_slice_present(text)) {
        struct gp_slice part = gp_slice_split(&text, ':');
        struct gp__ip quad;

        if (!gp_slice_present(text) && n <= 12 && gp__ip4_parse(part, &quad) == 0) {
            memcpy(out + n, quad.bytes, 4);
            return n + 4;
        }
        if (n > 14 || parse_group(part, out + n) < 0)
            return -1;
        n += 2;
    }
    return n;
}

int gp__ip6_parse(struct gp_slice text, struct gp__ip *ip_r)
{
    struct gp__ip ip = {.family = 6};
    size_t gap = gp_slice_search(text, GP_S("::"));
    uint8_t tail[16];
    int head_len, tail_len;

    if (gap == text.len) {
        if (text.len == 0 || parse_groups(text, ip.bytes) != 16)
            return -1;
        *ip_r = ip;
        return 0;
    }
    head_len = parse_groups(gp_slice_sub(text, 0, gap), ip.bytes);
    tail_len = parse_groups(gp_slice_sub(text, gap + 2, text.len), tail);
    if (head_len < 0 || tail_len < 0 || head_len + tail_len > 14)
        return -1;
    /* A dotted quad may only end the whole address, not the part before the gap. */
    if (gp_slice_find(gp_slice_sub(text, 0, gap), '.') != gap)
        return -1;
    memset(ip.bytes + head_len, 0, (size_t)(16 - head_len));
    memcpy(ip.bytes + 16 - tail_len, tail, (size_t)tail_len);
    *ip_r = ip;
    return 0;
}

int gp__ip_parse(struct gp_slice text, struct gp__ip *ip_r)
{
    return gp_slice_find(text, ':') < text.len ? gp__ip6_parse(text, ip_r)
                                               : gp__ip4_parse(text, ip_r);
}

/* The longest run of at least two zero groups (RFC 5952 4.2): its start and length. */
static int zero_run(const uint8_t *bytes, int *len_r)
{
    int best = -1, best_len = 1;

    for (int i = 0; i < 8; i++) {
        int n = 0;

        while (i + n < 8 && !bytes[2 * (i + n)] && !bytes[2 * (i + n) + 1])
            n++;
        if (n > best_len) {
            best = i;
            best_len = n;
        }
        i += n;
    }
    *len_r = best_len;
    return best;
}

static bool is_mapped(const struct gp__ip *ip)
{
    static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};

    return ip->family == 6 && memcmp(ip->bytes, prefix, sizeof prefix) == 0;
}

static size_t put_v4(char *out, const uint8_t b[4])
{
    char *to = out;

    for (int i = 0; i < 4; i++) {
        to = gp__put_decimal(to, b[i], 1);
        *to++ = i < 3 ? '.' : '\0';
    }
    return (size_t)(to - out - 1);
}

struct gp_slice gp__ip_format(const struct gp__ip *ip, char out[48])
{
    const uint8_t *b = ip->bytes;
    int run, run_len, n = 0;

    if (ip->family != 6)
        return gp_slice(out, ip->family ? put_v4(out, b) : 0);
    if (is_mapped(ip)) {
        memcpy(out, "::ffff:", 7);
        return gp_slice(out, 7 + put_v4(out + 7, b + 12));
    }
    run = zero_run(b, &run_len);
    for (int i = 0; i < 8; i++) {
        if (i == run) {
            n += snprintf(out + n, (size_t)(48 - n), "::");
            i += run_len - 1;
            continue;
        }
        n += snprintf(out + n, (size_t)(48 - n), "%s%x", n && out[n - 1] != ':' ? ":" : "",
                      (unsigned)(b[2 * i] << 8 | b[2 * i + 1]));
    }
    return gp_slice(out, (size_t)n);
}

static bool host_bits_clear(const struct gp__network *network)
{
    for (int bit = network->bits; bit < (network->ip.family == 6 ? 128 : 32); bit++)
        if (network->ip.bytes[bit / 8] & (0x80 >> bit % 8))
            return false;
    return true;
}

int gp__network_parse(struct gp_slice text, struct gp__network *network_r)
{
    struct gp_slice address = gp_slice_split(&text, '/');
    struct gp__network network;
    int64_t bits;

    if (gp__ip_parse(address, &network.ip) < 0)
        return -1;
    bits = network.ip.family == 6 ? 128 : 32;
    if (gp_slice_present(text)) {
        bool leading_zero = text.len > 1 && text.data[0] == '0';

        if (gp_slice_to_int(text, 0, bits, &bits) < 0 || text.data[0] == '-' || leading_zero)
            return -1;
    }
    network.bits = (uint8_t)bits;
    if (!host_bits_clear(&network))
        return -2;
    /* Clients are compared unmapped, so ::ffff:192.0.2.0/120 has to mean 192.0.2.0/24. */
    if (bits >= 96 && is_mapped(&network.ip)) {
        gp__ip_unmap(&network.ip);
        network.bits = (uint8_t)(bits - 96);
    }
    *network_r = network;
    return 0;
}

bool gp__network_has(const struct gp__network *network, const struct gp__ip *ip)
{
    int whole = network->bits / 8, rest = network->bits % 8;
    uint8_t mask = (uint8_t)(0xff00 >> rest);

    if (!ip->family || network->ip.family != ip->family ||
        memcmp(network->ip.bytes, ip->bytes, (size_t)whole))
        return false;
    return rest == 0 || ((network->ip.bytes[whole] ^ ip->bytes[whole]) & mask) == 0;
}

struct gp__network gp__network_of(const struct gp__ip *ip, unsigned bits)
{
    unsigned size = ip->family == 4 ? 4 : 16;
    struct gp__network network = {.ip = *ip, .bits = (uint8_t)(bits < 8 * size ? bits : 8 * size)};

    for (unsigned i = 0; i < size; i++) {
        unsigned kept = network.bits > 8 * i ? network.bits - 8 * i : 0;

        if (kept < 8)
            network.ip.bytes[i] &= (uint8_t)(0xff00 >> kept);
    }
    return network;
}

void gp__ip_unmap(struct gp__ip *ip)
{
    if (!is_mapped(ip))
        return;
    memmove(ip->bytes, ip->bytes + 12, 4);
    memset(ip->bytes + 4, 0, 12);
    ip->family = 4;
}

struct gp_slice gp__ip_reverse(const struct gp__ip *ip, char out[64])
{
    static const char hex[] = "0123456789abcdef";
    const uint8_t *b = ip->bytes;
    char *to = out;

    if (ip->family != 6) {
        int n = ip->family ? snprintf(out, 64, "%u.%u.%u.%u", b[3], b[2], b[1], b[0]) : 0;

        return gp_slice(out, (size_t)n);
    }
    for (int i = 15; i >= 0; i--) {
        *to++ = hex[b[i] & 15];
        *to++ = '.';
        *to++ = hex[b[i] >> 4];
        if (i)
            *to++ = '.';
    }
    return gp_slice(out, (size_t)(to - out));
}
