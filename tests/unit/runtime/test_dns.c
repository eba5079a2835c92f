// SPDX-License-Identifier: Apache-2.0
/*
 * Questions through libunbound to a name server of the test's own: a UDP socket on loopback, served
 * from the same loop. It answers from a table in which some names misbehave. Without a resolver to
 * ask it is the root of the DNS, in a network of the test's own.
 */
#include "test_support.h"

#include "core/runtime/loop.h"
#include "core/runtime/resolver.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define PACKET_MAX 4096

enum habit {
    ANSWER = 0,
    SILENT,
    SERVFAIL,
    NXDOMAIN,
    NODATA,
    GARBAGE,
};

struct zone_row {
    const char *name;
    unsigned type;
    enum habit habit;
    const char *rdata;
    size_t len;
};

#define ROOT_IP "\xc6\x29\x00\x04" /* 198.41.0.4 */

#define ROW(name, type, rdata)                                                                     \
    {                                                                                              \
        name, type, ANSWER, rdata, sizeof(rdata) - 1                                               \
    }

static const struct zone_row zone[] = {
    ROW("mail.example.test", GP_DNS_A, "\xc0\x00\x02\x01"),
    ROW("mail.example.test", GP_DNS_A, "\xc0\x00\x02\x02"),
    ROW("mail.example.test", GP_DNS_AAAA, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"),
    ROW("example.test", GP_DNS_MX,
        "\0\x0a\x04mail\x07"
        "example\x04test\0"),
    ROW("nomail.example.test", GP_DNS_MX, "\0\0\0"),
    ROW("example.test", GP_DNS_TXT, "\x07v=spf1 \x04-all"),
    ROW("1.0.0.10.in-addr.arpa", GP_DNS_PTR,
        "\x04mail\x07"
        "example\x04test\0"),
    ROW("alias.example.test", GP_DNS_CNAME,
        "\x04mail\x07"
        "example\x04test\0"),
    ROW("_25._tcp.mail.example.test", GP_DNS_TLSA, "\x03\x01\x01\xab\xcd"),
    ROW("local.example.test", GP_DNS_A, "\x7f\0\0\x01"),
    ROW("", 2 /* NS */,
        "\x01"
        "a\x0croot-servers\x03net\0"),
    ROW("a.root-servers.net", GP_DNS_A, ROOT_IP),
    ROW("mail.example", GP_DNS_A, "\xc0\x00\x02\x03"),
    {"example", GP_DNS_A, NODATA, NULL, 0},
    {"net", GP_DNS_A, NODATA, NULL, 0},
    {"root-servers.net", GP_DNS_A, NODATA, NULL, 0},
    {"silent.example.test", GP_DNS_A, SILENT, NULL, 0},
    {"broken.example.test", GP_DNS_A, SERVFAIL, NULL, 0},
    {"empty.example.test", GP_DNS_A, NODATA, NULL, 0},
    {"garbage.example.test", GP_DNS_A, GARBAGE, NULL, 0},
};

#define ROWS (sizeof zone / sizeof *zone)

struct server {
    uv_udp_t udp;
    uv_buf_t buf;
    char data[PACKET_MAX];
    int asked;
};

struct fixture {
    struct gp__runtime *rt;
    struct gp__arena *arena;
    struct server server;
};

/* ---- the name server ---- */

struct packet {
    unsigned char data[PACKET_MAX];
    size_t len;
};

static void put(struct packet *packet, const void *bytes, size_t len)
{
    assert_true(packet->len + len <= PACKET_MAX);
    memcpy(packet->data + packet->len, bytes, len);
    packet->len += len;
}

static void put16(struct packet *packet, unsigned value)
{
    unsigned char bytes[2] = {(unsigned char)(value >> 8), (unsigned char)value};

    put(packet, bytes, 2);
}

/* The name of the question, lower-case, and where its type stands. */
static size_t question_name(const unsigned char *query, size_t len, char out[256])
{
    size_t at = 12, n = 0;

    while (at < len && query[at] != 0) {
        size_t label = query[at++];

        for (size_t i = 0; i < label && at < len; i++, at++)
            out[n++] = (char)(query[at] >= 'A' && query[at] <= 'Z' ? query[at] + 32 : query[at]);
        out[n++] = '.';
    }
    out[n > 0 ? n - 1 : 0] = '\0';
    return at + 1;
}

static void add_answers(struct packet *reply, const char *name, unsigned type, unsigned *count)
{
    for (size_t i = 0; i < ROWS; i++) {
        if (strcmp(zone[i].name, name) != 0 || zone[i].habit != ANSWER ||
            (zone[i].type != type && zone[i].type != GP_DNS_CNAME))
            continue;
        put16(reply, 0xc00c);
        put16(reply, zone[i].type);
        put16(reply, 1);
        put(reply, "\0\0\0\x3c", 4);
        put16(reply, (unsigned)zone[i].len);
        put(reply, zone[i].rdata, zone[i].len);
        ++*count;
    }
}

/* Where the root's name server is, whose name is the data of the first answer. */
static void add_glue(struct packet *reply, size_t answers_at)
{
    put16(reply, 0xc000u | (unsigned)(answers_at + 12));
    put16(reply, GP_DNS_A);
    put16(reply, 1);
    put(reply, "\0\0\0\x3c\0\4" ROOT_IP, 10);
    reply->data[11] = 1;
}

static enum habit habit_of(const char *name)
{
    for (size_t i = 0; i < ROWS; i++) {
        if (strcmp(zone[i].name, name) == 0)
            return zone[i].habit;
    }
    return NXDOMAIN;
}

static void on_query(uv_udp_t *udp, ssize_t n, const uv_buf_t *buf, const struct sockaddr *from,
                     unsigned flags)
{
    struct server *server = udp->data;
    struct packet reply = {.len = 0};
    const unsigned char *query = (const unsigned char *)buf->base;
    unsigned type, count = 0;
    char name[256];
    size_t end;
    uv_buf_t out;

    (void)flags;
    if (n < 12 || !from)
        return;
    server->asked++;
    end = question_name(query, (size_t)n, name);
    type = (unsigned)query[end] << 8 | query[end + 1];
    enum habit habit = habit_of(name);

    if (habit == SILENT)
        return;
    put(&reply, query, 2);
    put16(&reply, 0x8580u | (habit == NXDOMAIN ? 3u : 0) | (habit == SERVFAIL ? 2u : 0));
    put(&reply, "\0\x01\0\0\0\0\0\0", 8);
    put(&reply, query + 12, end + 4 - 12);
    if (habit == ANSWER)
        add_answers(&reply, name, type, &count);
    if (!*name && count)
        add_glue(&reply, end + 4);
    if (habit == GARBAGE)
        put(&reply, "\xc0\xff\xc0\xff garbage", 12), count = 3;
    reply.data[7] = (unsigned char)count;
    out = uv_buf_init((char *)reply.data, (unsigned)reply.len);
    uv_udp_try_send(udp, &out, 1, from);
}

static void give_buffer(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
    struct server *server = handle->data;

    (void)size;
    *buf = uv_buf_init(server->data, sizeof server->data);
}

static int bind_port(void)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof addr;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&addr, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
    close(fd);
    return ntohs(addr.sin_port);
}

static int start(void **state, const struct gp__live_options *options,
                 const struct sockaddr_in *addr)
{
    struct fixture *f = calloc(1, sizeof *f);

    f->rt = gp__live_create(options, NULL);
    f->arena = gp__arena_create();
    uv_udp_init(&gp__live(f->rt)->loop, &f->server.udp);
    f->server.udp.data = &f->server;
    if (uv_udp_bind(&f->server.udp, (const struct sockaddr *)addr, 0) < 0)
        return -1;
    uv_udp_recv_start(&f->server.udp, give_buffer, on_query);
    *state = f;
    return 0;
}

/* The port must be known before the runtime is made: take a free one and bind it again. */
static int set_up(void **state, uint64_t timeout_ms)
{
    char text[32];
    struct gp_slice servers[1];
    struct gp__live_options options = {0};
    int port = bind_port();
    struct sockaddr_in addr = {.sin_family = AF_INET,
                               .sin_addr = {htonl(INADDR_LOOPBACK)},
                               .sin_port = htons((uint16_t)port)};

    (void)snprintf(text, sizeof text, "127.0.0.1@%d", port);
    servers[0] = gp_slice_of(text);
    options.dns.source = GP__DNS_SERVERS;
    options.dns.servers = servers;
    options.dns.n_servers = 1;
    options.dns.timeout_ms = timeout_ms;
    return start(state, &options, &addr);
}

/* The addresses that libunbound knows the root by. */
static const char *const roots[] = {
    "198.41.0.4",    "170.247.170.2",  "199.9.14.201", "192.33.4.12",   "199.7.91.13",
    "192.5.5.241",   "192.203.230.10", "192.112.36.4", "198.97.190.53", "192.36.148.17",
    "192.58.128.30", "193.0.14.129",   "199.7.83.42",  "202.12.27.33",
};

/* An address of this network of ours. */
static int add_address(size_t number, const char *ip)
{
    struct ifreq request = {.ifr_flags = 0};
    struct sockaddr_in addr = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), result;

    snprintf(request.ifr_name, sizeof request.ifr_name, number ? "lo:%zu" : "lo", number);
    inet_pton(AF_INET, ip, &addr.sin_addr);
    memcpy(&request.ifr_addr, &addr, sizeof addr);
    result = ioctl(fd, SIOCSIFADDR, &request);
    request.ifr_flags = IFF_UP;
    result = result ? result : ioctl(fd, SIOCSIFFLAGS, &request);
    close(fd);
    return result;
}

/* The last one: this process does not come back from there. NULL where none may be made. */
static int setup_recursive(void **state)
{
    struct gp__live_options options = {
        .dns = {.source = GP__DNS_RECURSIVE, .dnssec = GP__DNSSEC_OFF}};
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(53)};

    *state = NULL;
    if (unshare(CLONE_NEWNET) < 0)
        return 0;
    if (add_address(0, "127.0.0.1") < 0)
        return -1;
    for (size_t i = 0; i < sizeof roots / sizeof *roots; i++)
        if (add_address(i + 1, roots[i]) < 0)
            return -1;
    return start(state, &options, &addr);
}

static int setup(void **state)
{
    return set_up(state, 0);
}

static int setup_impatient(void **state)
{
    return set_up(state, 50);
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    if (!f)
        return 0;
    uv_close((uv_handle_t *)&f->server.udp, NULL);
    gp__live_free(&f->rt);
    gp__arena_free(&f->arena);
    gp__arena_pool_free();
    free(f);
    return 0;
}

/* ---- questions ---- */

static struct gp_op ask(struct fixture *f, const char *name, enum gp_dns_type type)
{
    struct gp_op op = test_op(f->rt, f->arena);

    f->rt->ops->dns(f->rt, &op, gp_slice_of(name), type);
    TURN_WHILE(f->rt, !op.done);
    return op;
}

static void test_records(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *name;
        enum gp_dns_type type;
        size_t count;
        const char *text;
        unsigned preference;
    } rows[] = {
        {"mail.example.test", GP_DNS_AAAA, 1, "2001:db8::1", 0},
        {"example.test.", GP_DNS_MX, 1, "mail.example.test", 10},
        {"nomail.example.test", GP_DNS_MX, 1, "", 0},
        {"EXAMPLE.test", GP_DNS_TXT, 1, "v=spf1 -all", 0},
        {"1.0.0.10.in-addr.arpa", GP_DNS_PTR, 1, "mail.example.test", 0},
        {"_25._tcp.mail.example.test", GP_DNS_TLSA, 1, "\x03\x01\x01\xab\xcd", 0},
        {"alias.example.test", GP_DNS_CNAME, 1, "mail.example.test", 0},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct gp_op op = ask(f, rows[i].name, rows[i].type);

        assert_int_equal(op.result, 0);
        assert_int_equal(op.dns->count, rows[i].count);
        assert_true(gp_slice_eq(op.dns->records[0].text, gp_slice_of(rows[i].text)));
        assert_int_equal(op.dns->records[0].preference, rows[i].preference);
        assert_int_equal(op.dns->ttl, 60);
        assert_false(op.dns->secure);
    }
}

static void test_alias_is_followed(void **state)
{
    struct gp_op op = ask(*state, "alias.example.test", GP_DNS_A);

    assert_int_equal(op.result, 0);
    assert_int_equal(op.dns->count, 2);
}

static void test_cached(void **state)
{
    struct fixture *f = *state;
    int asked;

    assert_int_equal(ask(f, "mail.example.test", GP_DNS_A).result, 0);
    asked = f->server.asked;
    assert_true(asked > 0);
    assert_int_equal(ask(f, "Mail.Example.Test", GP_DNS_A).result, 0);
    assert_int_equal(f->server.asked, asked);
}

static void test_failures(void **state)
{
    struct fixture *f = *state;
    struct gp_op op = ask(f, "nowhere.example.test", GP_DNS_A);

    assert_int_equal(op.result, GP_ENOTFOUND);
    assert_true(op.dns->nxdomain);
    op = ask(f, "empty.example.test", GP_DNS_A);
    assert_int_equal(op.result, GP_ENOTFOUND);
    assert_false(op.dns->nxdomain);
    op = ask(f, "mail.example.test", GP_DNS_TXT);
    assert_int_equal(op.result, GP_ENOTFOUND);
    assert_false(op.dns->nxdomain);
    assert_int_equal(ask(f, "broken.example.test", GP_DNS_A).result, GP_ETEMP);
    assert_int_equal(ask(f, "garbage.example.test", GP_DNS_A).result, GP_ETEMP);
    assert_int_equal(ask(f, "not valid.test", GP_DNS_A).result, GP_EINVAL);
    assert_int_equal(ask(f, "", GP_DNS_A).result, GP_EINVAL);
}

static void test_silence(void **state)
{
    assert_int_equal(ask(*state, "silent.example.test", GP_DNS_A).result, GP_ETEMP);
}

static void test_cancel(void **state)
{
    struct fixture *f = *state;
    struct gp_op early = test_op(f->rt, f->arena), late = test_op(f->rt, f->arena);

    f->rt->ops->dns(f->rt, &early, GP_S("mail.example.test"), GP_DNS_A);
    f->rt->ops->cancel(f->rt, &early); /* libunbound has not seen it yet */
    assert_int_equal(early.result, GP_ECANCELED);
    f->rt->ops->dns(f->rt, &late, GP_S("silent.example.test"), GP_DNS_A);
    assert_int_equal(ask(f, "mail.example.test", GP_DNS_A).result, 0);
    assert_false(late.done);
    f->rt->ops->cancel(f->rt, &late);
    assert_int_equal(late.result, GP_ECANCELED);
}

static void test_many_at_once(void **state)
{
    enum { COUNT = 100 };
    struct fixture *f = *state;
    struct gp_op *ops = calloc(COUNT, sizeof *ops);

    for (int i = 0; i < COUNT; i++) {
        char name[64];

        (void)snprintf(name, sizeof name, "host%d.example.test", i);
        ops[i] = test_op(f->rt, f->arena);
        f->rt->ops->dns(f->rt, &ops[i], gp_slice_of(name), GP_DNS_A);
    }
    for (int i = 0; i < COUNT; i++) {
        TURN_WHILE(f->rt, !ops[i].done);
        assert_int_equal(ops[i].result, GP_ENOTFOUND);
    }
    free(ops);
}

/* From a fiber: the answer, whether it was cached or not, comes without libunbound on its stack. */
struct asker {
    struct fixture *f;
    struct gp_op ops[2];
    int ended;
};

static void asker_main(void *arg)
{
    struct asker *asker = arg;
    struct gp__runtime *rt = asker->f->rt;

    for (int i = 0; i < 2; i++) {
        asker->ops[i] = test_op(rt, asker->f->arena);
        rt->ops->dns(rt, &asker->ops[i], GP_S("mail.example.test"), GP_DNS_A);
        asker->ops[i].waiter = rt->ops->fiber(rt);
        while (!asker->ops[i].done)
            rt->ops->park(rt);
    }
}

static void asker_done(void *arg)
{
    ((struct asker *)arg)->ended = 1;
}

static void test_from_a_fiber(void **state)
{
    struct fixture *f = *state;
    struct asker asker = {.f = f};

    assert_int_equal(f->rt->ops->run(f->rt, asker_main, asker_done, &asker, 0), 0);
    TURN_WHILE(f->rt, !asker.ended);
    assert_int_equal(asker.ops[0].dns->count, 2);
    assert_int_equal(asker.ops[1].dns->count, 2);
}

/* From the root down, with nobody to ask. */
static void test_recursive(void **state)
{
    struct fixture *f = *state;
    struct gp_op op;

    if (!f) {
        print_message("no network of one's own without the right to make it\n");
        skip();
    }
    op = ask(f, "mail.example", GP_DNS_A);
    assert_int_equal(op.result, 0);
    assert_int_equal(op.dns->count, 1);
    assert_true(gp_slice_eq(op.dns->records[0].text, GP_S("192.0.2.3")));
    assert_true(f->server.asked >= 2); /* who the root is, and then */
    op = ask(f, "nobody.example", GP_DNS_A);
    assert_int_equal(op.result, GP_ENOTFOUND);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_records),
        TEST(test_alias_is_followed),
        TEST(test_cached),
        TEST(test_failures),
        TEST(test_cancel),
        TEST(test_many_at_once),
        TEST(test_from_a_fiber),
        cmocka_unit_test_setup_teardown(test_silence, setup_impatient, teardown),
        cmocka_unit_test_setup_teardown(test_recursive, setup_recursive, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
