// SPDX-License-Identifier: Apache-2.0
/* Clients behind a proxy: what it tells is the client, and who may not tell is not believed. */
#include "world.h"

#include "core/base/proxy.h"
#include "core/server/proxied.h"

#define PROXY "192.0.2.9"
#define V1 "PROXY TCP4 203.0.113.50 198.51.100.25 4711 25\r\n"
#define TRUSTING                                                                                   \
    CONFIG_HEAD CONFIG_CHAIN                                                                       \
        "listeners: {l: {address: '127.0.0.1:25', chain: c, proxy: [192.0.2.0/28, unix], "         \
        "sessions_per_client: 1}}\n"

static const char v2[] = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x13\xcb\0\x71\x32\xc6\x33\x64\x19\x12\x67"
                         "\0\x19\2\0\4name";
static const char local[] = "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

static char noted[200];

static enum gp_verdict note(struct gp_call *call)
{
    struct gp_slice proxy = gp_proxy_ip(call), name = gp_proxy_tlv(call, GP_PROXY_AUTHORITY);

    snprintf(noted, sizeof noted, GP_FMT ":%u " GP_FMT ":%u v%u " GP_FMT " " GP_FMT,
             GP_ARG(gp_client_ip(call)), gp_client_port(call), GP_ARG(gp_server_ip(call)),
             gp_server_port(call), gp_proxy_version(call), GP_ARG(proxy), GP_ARG(name));
    return GP_NEXT;
}

static struct world *trusting(void)
{
    struct world *world = world_create(TRUSTING, ON(CONNECT) | OBSERVERS);

    noted[0] = '\0';
    seen.fn[GP_HOOK_CONNECT] = note;
    return world;
}

static const struct {
    struct gp_slice header;
    const char *facts;
} good[] = {
    {{V1, sizeof V1 - 1}, "203.0.113.50:4711 198.51.100.25:25 v1 " PROXY " "},
    {{v2, sizeof v2 - 1}, "203.0.113.50:4711 198.51.100.25:25 v2 " PROXY " name"},
    {{local, sizeof local - 1}, PROXY ":4711 198.51.100.25:25 v2 " PROXY " "},
};

static void test_header(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        for (size_t piece = 1; piece < 40; piece += 19) {
            struct world *world = trusting();

            world_connect_from(world, PROXY);
            assert_replies(world, 100, "");
            gp__sim_client_send_pieces(world->client, good[i].header, piece);
            assert_replies(world, 0, "220");
            assert_string_equal(noted, good[i].facts);
            say(world, HELLO);
            say(world, "QUIT\r\n");
            assert_replies(world, 0, "250 221");
            world_free(&world);
        }
    }
}

/* In one piece with what the client said early: that is a fact of the client. */
static void test_commands_behind(void **state)
{
    struct world *world = trusting();

    (void)state;
    world_connect_from(world, PROXY);
    say(world, V1 "NOOP\r\n");
    assert_replies(world, 0, "220 250");
    world_free(&world);
}

static void test_bad_header(void **state)
{
    static const char *const bad[] = {"EHLO client.example\r\n", "PROXY TCP4 a b 1 2\r\n", "\n"};

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct world *world = trusting();

        world_connect_from(world, PROXY);
        say(world, bad[i]);
        assert_replies(world, 0, "");
        assert_true(gp__sim_client_closed(world->client));
        assert_true(world_logged(world, "session.bad_proxy"));
        assert_false(world_logged(world, "session.open"));
        assert_int_equal(seen.calls[GP_HOOK_CONNECT], 0);
        world_free(&world);
    }
}

static void test_too_long(void **state)
{
    struct world *world = trusting();
    char header[GP__PROXY_MAX + 1] = "\r\n\r\n\0\r\nQUIT\n\x21\x11\x0f\xf1";

    (void)state;
    world_connect_from(world, PROXY);
    gp__sim_client_send(world->client, gp_slice(header, sizeof header));
    assert_true(gp__sim_client_closed(world->client));
    assert_true(world_logged(world, "too long"));
    world_free(&world);
}

static void test_no_header_in_time(void **state)
{
    struct world *world = trusting();

    (void)state;
    world_connect_from(world, PROXY);
    say(world, "PROXY ");
    assert_replies(world, GP__PROXIED_MS - 1, "");
    assert_false(gp__sim_client_closed(world->client));
    assert_replies(world, 1, "");
    assert_true(gp__sim_client_closed(world->client));
    assert_true(world_logged(world, "no header came"));
    world_free(&world);
}

/* A health check, a proxy that breaks: nothing is left of them. */
static void test_goes(void **state)
{
    (void)state;
    for (int how = 0; how < 2; how++) {
        struct world *world = trusting();

        world_connect_from(world, PROXY);
        if (how == 0)
            gp__sim_client_eof(world->client);
        else
            gp__sim_client_reset(world->client);
        gp__sim_settle(world->rt);
        assert_null(world->server.proxied);
        assert_false(world_logged(world, "session.bad_proxy"));
        world_free(&world);
    }
}

static unsigned emptied;

static void on_empty(struct gp__server *server)
{
    (void)server;
    emptied++;
}

/* A server that stops waits for them, which is not long. */
static void test_stop(void **state)
{
    struct world *world = trusting();

    (void)state;
    emptied = 0;
    world->server.empty = on_empty;
    world_connect_from(world, PROXY);
    gp__server_stop(&world->server, false);
    assert_int_equal(emptied, 0);
    gp__sim_advance(world->rt, GP__PROXIED_MS);
    assert_int_equal(emptied, 1);
    world->server.empty = NULL;
    world_free(&world);
}

/* Of anybody else the header is no header. */
static void test_not_trusted(void **state)
{
    struct world *world = trusting();

    (void)state;
    world_connect_from(world, "192.0.2.16");
    assert_replies(world, 0, "220");
    say(world, V1);
    assert_replies(world, 0, "554");
    assert_string_equal(noted, "192.0.2.16:4711 198.51.100.25:25 v0  ");
    world_free(&world);
}

/* ---- UNIX sockets ---- */

static enum gp_verdict note_process(struct gp_call *call)
{
    snprintf(noted, sizeof noted, "%lld %lld %lld", (long long)gp_client_uid(call),
             (long long)gp_client_gid(call), (long long)gp_client_pid(call));
    return GP_NEXT;
}

static void connect_process(struct world *world)
{
    struct gp__endpoint none = {.port = 0};
    struct gp__conn *conn;

    world->client = gp__sim_connect(world->rt, &none, &none);
    conn = gp__sim_client_conn(world->client);
    conn->credentials = (struct gp__credentials){.known = true, .uid = 1001, .gid = 12, .pid = 77};
    gp__client_start(&world->server, &world->entrance, conn);
    gp__sim_settle(world->rt);
}

/* Hooks see which process it is; one that passes others on is not the client. */
static void test_process(void **state)
{
    struct world *world = world_create(CONFIG, ON(CONNECT) | OBSERVERS);

    (void)state;
    seen.fn[GP_HOOK_CONNECT] = note_process;
    connect_process(world);
    assert_replies(world, 0, "220");
    assert_string_equal(noted, "1001 12 77");
    world_connect(world);
    assert_string_equal(noted, "-1 -1 -1");
    world_free(&world);
    world = trusting();
    seen.fn[GP_HOOK_CONNECT] = note_process;
    connect_process(world);
    say(world, V1);
    assert_replies(world, 0, "220");
    assert_string_equal(noted, "-1 -1 -1");
    world_free(&world);
}

/* Limits count the clients, not the proxy; of a LOCAL connection it is the client. */
static void test_admission(void **state)
{
    struct world *world = trusting();

    (void)state;
    world_connect_from(world, PROXY);
    say(world, V1);
    assert_replies(world, 0, "220");
    world_connect_from(world, PROXY);
    say(world, "PROXY TCP4 203.0.113.51 198.51.100.25 4712 25\r\n");
    assert_replies(world, 0, "220");
    world_connect_from(world, PROXY);
    say(world, V1 HELLO);
    assert_replies(world, 0, "421");
    world_connect_from(world, PROXY);
    gp__sim_client_send(world->client, good[2].header);
    assert_replies(world, 0, "220");
    world_free(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_header),
        cmocka_unit_test(test_commands_behind),
        cmocka_unit_test(test_bad_header),
        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_no_header_in_time),
        cmocka_unit_test(test_goes),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_not_trusted),
        cmocka_unit_test(test_process),
        cmocka_unit_test(test_admission),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
