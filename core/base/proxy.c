// SPDX-License-Identifier: Apache-2.0
/*
 * Version 1 is a line of text, version 2 begins with 12 bytes that no other protocol sends. Both
 * are read strictly: what a proxy writes is made by a machine, so whatever is odd is not its.
 */
#include "core/base/proxy.h"

#include "core/base/ascii.h"
#include "core/base/crc32c.h"

#define V1_MAX 107u /* with CRLF */
#define V2_HEAD 16u
#define UNIQUE_ID_MAX 128u

enum tlv_type {
    TLV_CRC32C = 0x03,
    TLV_UNIQUE_ID = 0x05,
    TLV_SSL = 0x20,
    TLV_SSL_FIRST = 0x21, /* those within it */
    TLV_SSL_LAST = 0x25,
};

#define SSL_HEAD 5u /* the client's flags, the result of the verification */

static const struct gp_slice prefix = {"PROXY ", 6};
static const struct gp_slice signature = {"\r\n\r\n\0\r\nQUIT\n", 12};

static enum gp__proxy_result bad(const char **why_r, const char *why)
{
    *why_r = why;
    return GP__PROXY_BAD;
}

/* ---- version 1 ---- */

static int read_port(struct gp_slice text, uint16_t *port_r)
{
    int64_t port;

    if (text.len == 0 || text.len > 5 || (text.len > 1 && text.data[0] == '0') ||
        !gp__is_digit(text.data[0]) || gp_slice_to_int(text, 0, 65535, &port) < 0)
        return -1;
    *port_r = (uint16_t)port;
    return 0;
}

/* "192.0.2.1 198.51.100.25 4711 25" */
static int read_addresses(struct gp_slice rest, int (*parse)(struct gp_slice, struct gp__ip *),
                          struct gp__proxy *proxy)
{
    proxy->known = true;
    if (parse(gp_slice_split(&rest, ' '), &proxy->client) < 0 ||
        parse(gp_slice_split(&rest, ' '), &proxy->server) < 0 ||
        read_port(gp_slice_split(&rest, ' '), &proxy->client_port) < 0)
        return -1;
    return read_port(rest, &proxy->server_port);
}

static enum gp__proxy_result read_line(struct gp_slice line, struct gp__proxy *proxy,
                                       const char **why_r)
{
    struct gp_slice rest = gp_slice_sub(line, prefix.len, line.len);
    struct gp_slice family = gp_slice_split(&rest, ' ');
    int result;

    proxy->version = 1;
    if (gp_slice_eq(family, GP_S("UNKNOWN"))) /* what follows is to be ignored */
        return GP__PROXY_DONE;
    if (gp_slice_eq(family, GP_S("TCP4")))
        result = read_addresses(rest, gp__ip4_parse, proxy);
    else if (gp_slice_eq(family, GP_S("TCP6")))
        result = read_addresses(rest, gp__ip6_parse, proxy);
    else
        return bad(why_r, "version 1: neither TCP4, TCP6 nor UNKNOWN");
    return result < 0 ? bad(why_r, "version 1: bad addresses or ports") : GP__PROXY_DONE;
}

static enum gp__proxy_result read_v1(struct gp_slice bytes, struct gp__proxy *proxy, size_t *used_r,
                                     const char **why_r)
{
    struct gp_slice head = gp_slice_sub(bytes, 0, V1_MAX);
    size_t lf = gp_slice_find(head, '\n');

    if (gp_slice_find(head, '\0') < (lf < head.len ? lf : head.len))
        return bad(why_r, "version 1: a NUL in the line");
    if (lf == head.len)
        return head.len < V1_MAX ? GP__PROXY_MORE : bad(why_r, "version 1: the line is too long");
    if (head.data[lf - 1] != '\r')
        return bad(why_r, "version 1: the line ends without CR");
    *used_r = lf + 1;
    return read_line(gp_slice_sub(head, 0, lf - 1), proxy, why_r);
}

/* ---- version 2 ---- */

static unsigned byte_at(struct gp_slice s, size_t at)
{
    return (unsigned char)s.data[at];
}

static unsigned u16_at(struct gp_slice s, size_t at)
{
    return byte_at(s, at) << 8 | byte_at(s, at + 1);
}

/* Takes the next TLV off the rest: 1, 0 at the end, -1 when it is cut off. */
static int next_tlv(struct gp_slice *rest, unsigned *type_r, struct gp_slice *value_r)
{
    size_t len;

    if (rest->len == 0)
        return 0;
    if (rest->len < 3)
        return -1;
    len = u16_at(*rest, 1);
    if (len > rest->len - 3)
        return -1;
    *type_r = byte_at(*rest, 0);
    *value_r = gp_slice_sub(*rest, 3, len);
    *rest = gp_slice_sub(*rest, 3 + len, rest->len);
    return 1;
}

/* The checksum is that of the header with zeros in its place. */
static bool checksum_ok(struct gp_slice header, struct gp_slice sum)
{
    size_t at = (size_t)(sum.data - header.data);
    uint32_t wanted = (uint32_t)u16_at(sum, 0) << 16 | u16_at(sum, 2), crc;

    crc = gp__crc32c(0, gp_slice_sub(header, 0, at));
    crc = gp__crc32c(crc, gp_slice("\0\0\0\0", 4));
    return gp__crc32c(crc, gp_slice_sub(header, at + 4, header.len)) == wanted;
}

/* NULL, or what is wrong with it. */
static const char *check_tlv(struct gp_slice header, unsigned type, struct gp_slice value)
{
    struct gp_slice rest = gp_slice_sub(value, SSL_HEAD, value.len), inner;
    unsigned inner_type;
    int more;

    if (type == TLV_CRC32C && (value.len != 4 || !checksum_ok(header, value)))
        return "version 2: the checksum is wrong";
    if (type == TLV_UNIQUE_ID && value.len > UNIQUE_ID_MAX)
        return "version 2: the unique id is too long";
    if (type != TLV_SSL)
        return NULL;
    if (value.len < SSL_HEAD)
        return "version 2: the TLS information is cut off";
    while ((more = next_tlv(&rest, &inner_type, &inner)) > 0)
        ;
    return more < 0 ? "version 2: the TLS information is cut off" : NULL;
}

static enum gp__proxy_result check_tlvs(struct gp_slice header, struct gp_slice tlvs,
                                        const char **why_r)
{
    struct gp_slice value;
    unsigned type;
    int more;

    while ((more = next_tlv(&tlvs, &type, &value)) > 0) {
        const char *why = check_tlv(header, type, value);

        if (why)
            return bad(why_r, why);
    }
    return more < 0 ? bad(why_r, "version 2: a TLV is cut off") : GP__PROXY_DONE;
}

static void take_ips(struct gp__proxy *proxy, struct gp_slice block, uint8_t family, size_t size)
{
    proxy->known = true;
    proxy->client.family = proxy->server.family = family;
    memcpy(proxy->client.bytes, block.data, size);
    memcpy(proxy->server.bytes, block.data + size, size);
    proxy->client_port = (uint16_t)u16_at(block, 2 * size);
    proxy->server_port = (uint16_t)u16_at(block, 2 * size + 2);
}

/* The size of the addresses of a family over a stream; -1 for any other family. */
static int address_size(unsigned family)
{
    switch (family) {
    case 0x00: /* unspecified */
        return 0;
    case 0x11: /* IPv4 */
        return 12;
    case 0x21: /* IPv6 */
        return 36;
    case 0x31: /* UNIX */
        return 216;
    default:
        return -1;
    }
}

static enum gp__proxy_result read_block(struct gp_slice header, struct gp__proxy *proxy,
                                        const char **why_r)
{
    struct gp_slice block = gp_slice_sub(header, V2_HEAD, header.len);
    unsigned family = byte_at(header, 13);
    int size = address_size(family);

    if (size < 0)
        return bad(why_r, "version 2: not a stream");
    if (block.len < (size_t)size)
        return bad(why_r, "version 2: the addresses are cut off");
    if (family == 0x11)
        take_ips(proxy, block, 4, 4);
    else if (family == 0x21)
        take_ips(proxy, block, 6, 16);
    proxy->tlvs = gp_slice_sub(block, (size_t)size, block.len);
    return check_tlvs(header, proxy->tlvs, why_r);
}

static enum gp__proxy_result read_v2(struct gp_slice bytes, struct gp__proxy *proxy, size_t *used_r,
                                     const char **why_r)
{
    unsigned command;
    size_t size;

    if (bytes.len <= signature.len)
        return GP__PROXY_MORE;
    command = byte_at(bytes, 12);
    if (command != 0x20 && command != 0x21)
        return bad(why_r, "version 2: unknown version or command");
    if (bytes.len < V2_HEAD)
        return GP__PROXY_MORE;
    size = V2_HEAD + u16_at(bytes, 14);
    if (size > GP__PROXY_MAX)
        return bad(why_r, "version 2: the header is too long");
    if (bytes.len < size)
        return GP__PROXY_MORE;
    *used_r = size;
    proxy->version = 2;
    if (command == 0x20) /* LOCAL: the proxy's own connection; the rest is to be ignored */
        return GP__PROXY_DONE;
    return read_block(gp_slice_sub(bytes, 0, size), proxy, why_r);
}

/* ---- both ---- */

static bool begins(struct gp_slice bytes, struct gp_slice with)
{
    size_t n = bytes.len < with.len ? bytes.len : with.len;

    return gp_slice_eq(gp_slice_sub(bytes, 0, n), gp_slice_sub(with, 0, n));
}

enum gp__proxy_result gp__proxy_read(struct gp_slice bytes, struct gp__proxy *proxy_r,
                                     size_t *used_r, const char **why_r)
{
    enum gp__proxy_result result;

    *proxy_r = (struct gp__proxy){.known = false};
    *used_r = 0;
    if (bytes.len == 0)
        return GP__PROXY_MORE;
    if (begins(bytes, prefix))
        result = read_v1(bytes, proxy_r, used_r, why_r);
    else if (begins(bytes, signature))
        result = read_v2(bytes, proxy_r, used_r, why_r);
    else
        result = bad(why_r, "no header of the PROXY protocol");
    gp__ip_unmap(&proxy_r->client);
    gp__ip_unmap(&proxy_r->server);
    return result;
}

static struct gp_slice find_tlv(struct gp_slice tlvs, unsigned type)
{
    struct gp_slice value;
    unsigned found;

    while (next_tlv(&tlvs, &found, &value) > 0)
        if (found == type)
            return value;
    return gp_slice(NULL, 0);
}

struct gp_slice gp__proxy_tlv(struct gp_slice tlvs, unsigned type)
{
    struct gp_slice ssl;

    if (type < TLV_SSL_FIRST || type > TLV_SSL_LAST)
        return find_tlv(tlvs, type);
    ssl = find_tlv(tlvs, TLV_SSL);
    return find_tlv(gp_slice_sub(ssl, SSL_HEAD, ssl.len), type);
}
