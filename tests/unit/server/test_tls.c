// SPDX-License-Identifier: Apache-2.0
/*
 * Sessions over TLS: STARTTLS and implicit, the hooks and facts, and clients that leave, break or fall
 * back to plaintext at any state. Afterwards nothing is left and nothing that was not said in TLS was
 * taken for something.
 */
#include "world.h"

#include "../runtime/tls_peer.h"

#define TLS_CONFIG(listener)                                                                       \
    CONFIG_HEAD CONFIG_CHAIN "tls: {certificates: [{cert: /cert.pem, key: /key.pem}]}\n"           \
                             "listeners: {l: {address: '127.0.0.1:25', chain: c, " listener "}}\n"

static struct identity server_identity;
static struct tls_peer peer;
static char order[200]; /* of hooks, and whether they saw TLS */

/* ---- talking ---- */

static struct gp_slice read_tls(struct world *world)
{
    (void)world;
    return tls_peer_read(&peer);
}

/* The codes of replies, as assert_replies() has them, through TLS. */
static const char *tls_codes(struct world *world, uint64_t ms)
{
    struct gp_slice rest;

    gp__sim_settle(world->rt);
    if (ms)
        gp__sim_advance(world->rt, ms);
    gp__buf_clear(&world->said);
    rest = read_tls(world);
    while (rest.len) {
        struct gp_slice line = gp_slice_split(&rest, '\n');

        if (line.len > 3 && line.data[3] == '-')
            continue;
        gp__buf_append(&world->said, world->said.len ? GP_S(" ") : GP_S(""));
        gp__buf_append(&world->said, gp_slice_sub(line, 0, 3));
    }
    gp__buf_append(&world->said, gp_slice("", 1));
    return gp__buf_slice(&world->said).data;
}

#define assert_tls(world, ms, expected) assert_string_equal(tls_codes(world, ms), expected)

static void say_tls(const char *text)
{
    tls_peer_send(&peer, gp_slice_of(text));
}

static void open_peer(struct world *world)
{
    static const struct tls_peer_options options = {.server_name = "mx.example.test"};

    tls_peer_open(&peer, world->client, &options);
}

/* Connects and speaks TLS, either way; greeted and, with STARTTLS, having said it. */
static void secure(struct world *world)
{
    world_connect(world);
    if (world->entrance.tls != GP__TLS_IMPLICIT) {
        say(world, HELLO);
        assert_replies(world, 0, "220 250");
        say(world, "STARTTLS\r\n");
        assert_replies(world, 0, "220");
    }
    open_peer(world);
    assert_true(tls_peer_handshake(&peer));
    if (world->entrance.tls == GP__TLS_IMPLICIT)
        assert_tls(world, 0, "220");
}

static void end(struct world **world_)
{
    if (peer.ssl)
        tls_peer_close(&peer);
    world_free(world_);
}

static bool announces(struct gp_slice reply)
{
    return gp_slice_search(reply, GP_S("STARTTLS")) < reply.len;
}

/* ---- whole sessions ---- */

static void test_starttls(void **state)
{
    struct world *world = world_create(TLS_CONFIG("tls: optional"), OBSERVERS);

    (void)state;
    world_connect(world);
    say(world, HELLO);
    assert_true(announces(gp__sim_client_output(world->client)));
    assert_replies(world, 0, "220 250");
    say(world, MAIL);
    assert_replies(world, 0, "250");
    say(world, "STARTTLS\r\n");
    assert_replies(world, 0, "220");
    assert_int_equal(seen.calls[GP_HOOK_RESET], 1);
    open_peer(world);
    assert_true(tls_peer_handshake(&peer));
    say_tls(MAIL);
    assert_tls(world, 0, "503");
    say_tls(HELLO);
    assert_false(announces(tls_peer_read(&peer)));
    say_tls(MAIL RCPT);
    assert_tls(world, 0, "250 250");
    say_tls("DATA\r\n");
    assert_tls(world, 0, "354");
    say_tls(MESSAGE "QUIT\r\n");
    assert_tls(world, 100, "250 221");
    assert_int_equal(SSL_get_shutdown(peer.ssl), SSL_RECEIVED_SHUTDOWN);
    assert_to("b ");
    gp__sim_client_eof(world->client);
    assert_true(world_logged(world, "tls=TLSv1.3"));
    assert_true(world_logged(world, "server_name=mx.example.test"));
    end(&world);
}

static enum gp_verdict note_order(struct gp_call *call)
{
    struct gp_slice name = gp_slice_of(gp__points[gp_hook_point(call)].name);

    assert_in_range(strlen(order) + name.len, 0, sizeof order - 2);
    strcat(order, name.data);
    strcat(order, gp_slice_present(gp_tls_version(call)) ? "+" : "-");
    if (gp_hook_point(call) == GP_HOOK_TLS) {
        assert_true(gp_slice_eq(gp_tls_server_name(call), GP_S("mx.example.test")));
        assert_false(gp_slice_present(gp_helo(call)));
        assert_int_equal(gp_tls_exporter(call).len, 32);
        assert_int_equal(gp_tls_server_end_point(call).len, 32);
        assert_false(gp_slice_present(gp_tls_client_name(call)));
        assert_false(gp_tls_client_verified(call));
        assert_false(gp_slice_present(gp_tls_client_subject(call)));
        assert_false(gp_slice_present(gp_tls_client_fingerprint(call)));
    }
    return GP_NEXT;
}

static void test_hooks(void **state)
{
    static const char *const configs[] = {TLS_CONFIG("tls: implicit"), TLS_CONFIG("tls: required")};
    static const char *const orders[] = {"connect+tls+helo+disconnect+",
                                         "connect-helo-tls+helo+disconnect+"};
    static const enum gp_hook_point points[] = {GP_HOOK_CONNECT, GP_HOOK_TLS, GP_HOOK_HELO,
                                                GP_HOOK_DISCONNECT};

    (void)state;
    for (size_t i = 0; i < COUNT(configs); i++) {
        struct world *world = world_create(configs[i],
                                           ON(CONNECT) | ON(TLS) | ON(HELO) | ON(DISCONNECT));

        order[0] = '\0';
        for (size_t p = 0; p < COUNT(points); p++)
            seen.fn[points[p]] = note_order;
        secure(world);
        say_tls(HELLO);
        say_tls("QUIT\r\n");
        assert_tls(world, 100, "250 221");
        gp__sim_client_eof(world->client);
        assert_string_equal(order, orders[i]);
        end(&world);
    }
}

/* A hook that waits: what was said in TLS meanwhile is kept. */
static void test_slow_hook(void **state)
{
    struct world *world = world_create(TLS_CONFIG("tls: implicit"), ON(TLS) | ON(HELO));

    (void)state;
    seen.sleep_ms[GP_HOOK_TLS] = 1000;
    seen.sleep_ms[GP_HOOK_HELO] = 1000;
    world_connect(world);
    open_peer(world);
    assert_true(tls_peer_handshake(&peer));
    assert_tls(world, 900, "");
    assert_tls(world, 200, "220");
    say_tls(HELLO);
    say_tls("NOOP\r\n");
    assert_tls(world, 900, "");
    assert_tls(world, 200, "250 250");
    end(&world);
}

static void test_refusals(void **state)
{
    static const struct {
        const char *config, *replies;
        enum gp_verdict verdict;
    } rows[] = {
        {TLS_CONFIG("tls: implicit, refuse_at: now"), "554 503 221", GP_REJECT},
        {TLS_CONFIG("tls: implicit, refuse_at: now"), "421", GP_DEFER},
        {TLS_CONFIG("tls: optional, refuse_at: now"), "554", GP_REJECT},
        {TLS_CONFIG("tls: optional, refuse_at: now"), "421", GP_DEFER},
        {TLS_CONFIG("tls: optional"), "250 250 554 221", GP_REJECT},
        {TLS_CONFIG("tls: implicit"), "220 250 250 554 221", GP_REJECT},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct world *world = world_create(rows[i].config, ON(TLS));
        bool now = gp_slice_search(gp_slice_of(rows[i].config), GP_S("now")) <
                   strlen(rows[i].config);

        seen.verdict[GP_HOOK_TLS] = rows[i].verdict;
        world_connect(world);
        if (world->entrance.tls == GP__TLS_OPTIONAL) {
            say(world, HELLO "");
            say(world, "STARTTLS\r\n");
            assert_replies(world, 0, "220 250 220");
        }
        open_peer(world);
        assert_true(tls_peer_handshake(&peer));
        assert_int_equal(seen.calls[GP_HOOK_TLS], 1);
        if (gp_slice_eq(gp_slice_of(rows[i].replies), GP_S("554 503 221")) || !now)
            say_tls(HELLO);
        if (!now)
            say_tls(MAIL RCPT);
        if (rows[i].replies[3])
            say_tls("QUIT\r\n");
        assert_tls(world, 0, rows[i].replies);
        end(&world);
    }
}

/* A refusal of the HELO before STARTTLS is about a name that no longer counts. */
static void test_helo_is_forgotten(void **state)
{
    struct world *world = world_create(TLS_CONFIG("tls: optional"), ON(HELO) | ON(TLS));

    (void)state;
    seen.verdict[GP_HOOK_HELO] = GP_REJECT;
    secure(world);
    assert_int_equal(seen.calls[GP_HOOK_TLS], 1);
    seen.verdict[GP_HOOK_HELO] = GP_NEXT;
    say_tls(HELLO);
    say_tls(MAIL RCPT);
    assert_tls(world, 0, "250 250 250");
    end(&world);
}

/* ---- STARTTLS and plaintext ---- */

static void test_injection(void **state)
{
    struct world *world = world_create(TLS_CONFIG("tls: optional, pipelining: note"), OBSERVERS);

    (void)state;
    world_connect(world);
    say(world, HELLO);
    assert_replies(world, 0, "220 250");
    say(world, "STARTTLS\r\n" HELLO MAIL RCPT);
    assert_replies(world, 0, "554");
    gp__sim_client_eof(world->client);
    assert_int_equal(seen.calls[GP_HOOK_DISCONNECT], 1);
    assert_int_equal(seen.calls[GP_HOOK_RESET], 0);
    assert_true(world_logged(world, "injected=true"));
    end(&world);
}

static void test_required(void **state)
{
    struct world *world = world_create(TLS_CONFIG("tls: required"), OBSERVERS);

    (void)state;
    world_connect(world);
    say(world, HELLO);
    say(world, MAIL);
    assert_replies(world, 0, "220 250 530");
    end(&world);
}

static void test_too_many(void **state)
{
    struct world *world = world_create(
        CONFIG_HEAD CONFIG_CHAIN
        "tls: {certificates: [{cert: /cert.pem, key: /key.pem}], handshakes: 1}\n"
        "listeners: {l: {address: '127.0.0.1:25', chain: c, tls: optional}}\n",
        OBSERVERS);
    struct gp__sim_client *first;

    (void)state;
    world_connect(world);
    say(world, HELLO);
    say(world, "STARTTLS\r\n");
    assert_replies(world, 0, "220 250 220");
    first = world->client;
    world_connect(world);
    say(world, HELLO);
    say(world, "STARTTLS\r\n");
    say(world, "NOOP\r\n");
    assert_replies(world, 0, "220 250 454 250");
    world->entrance.tls = GP__TLS_IMPLICIT;
    world_connect(world);
    gp__sim_advance(world->rt, 10);
    assert_true(gp__sim_client_closed(world->client));
    assert_replies(world, 0, "");
    assert_true(world_logged(world, "text=\"too many handshakes are under way\""));
    gp__sim_advance(world->rt, 30000); /* the first took too long */
    assert_true(gp__sim_client_closed(first));
    assert_true(world_logged(world, "text=\"the handshake takes too long\""));
    end(&world);
}

/* ---- handshakes that fail ---- */

static void test_failures(void **state)
{
    static const char *const configs[] = {TLS_CONFIG("tls: implicit"), TLS_CONFIG("tls: optional")};

    (void)state;
    for (size_t i = 0; i < COUNT(configs); i++) {
        struct world *world = world_create(configs[i], ON(CONNECT) | ON(TLS) | OBSERVERS);

        world_connect(world);
        if (i) {
            say(world, HELLO);
            say(world, "STARTTLS\r\n");
            assert_replies(world, 0, "220 250 220");
        }
        say(world, "EHLO in.plaintext\r\nMAIL FROM:<>\r\n");
        gp__sim_client_eof(world->client);
        gp__sim_advance(world->rt, 10000);
        assert_true(gp__sim_client_closed(world->client));
        assert_true(world_logged(world, "tls.failed"));
        assert_true(world_logged(world, "text=\"not TLS: the client sent something else\""));
        assert_true(world_logged(world, "session.close"));
        assert_int_equal(seen.calls[GP_HOOK_CONNECT], i);
        assert_int_equal(seen.calls[GP_HOOK_DISCONNECT], i);
        assert_int_equal(seen.calls[GP_HOOK_TLS], 0);
        assert_int_equal(gp__sim_client_output(world->client).len, 0); /* and was told nothing */
        end(&world);
    }
}

static void test_stop_while_shaking_hands(void **state)
{
    static const char *const configs[] = {TLS_CONFIG("tls: implicit"), TLS_CONFIG("tls: optional")};

    (void)state;
    for (size_t i = 0; i < 2 * COUNT(configs); i++) {
        struct world *world = world_create(configs[i / 2], ON(CONNECT) | OBSERVERS);

        world_connect(world);
        if (i / 2) {
            say(world, HELLO);
            say(world, "STARTTLS\r\n");
        }
        say(world, "\x16\x03");
        gp__server_stop(&world->server, i % 2);
        gp__sim_advance(world->rt, 100);
        assert_int_equal(world->server.n_clients, 0);
        end(&world);
    }
}

/* ---- leaving at any state ---- */

enum manner {
    NOTIFIES = 0, /* close_notify, then commands in plaintext */
    FALLS_BACK,   /* plaintext without close_notify */
    CUTS,         /* the connection ends without close_notify */
    BREAKS,
    DAMAGES, /* a record that can't be decrypted */
    MANNERS
};

struct place {
    const char *name;
    enum gp_hook_point hook; /* that waits; GP_HOOK_COUNT: none */
    const char *said;
    const char *then; /* what would do harm if it was taken */
};

#define IN_DATA HELLO MAIL RCPT "DATA\r\n"

static const struct place places[] = {
    {"command", GP_HOOK_COUNT, HELLO, MAIL RCPT},
    {"mid command", GP_HOOK_COUNT, HELLO "MAIL FROM", ":<a@example.com>\r\n"},
    {"mail", GP_HOOK_COUNT, HELLO MAIL, RCPT},
    {"mid data", GP_HOOK_COUNT, IN_DATA "Subject: x\r\n\r\nbo", "dy\r\n.\r\n"},
    {"at the dot", GP_HOOK_COUNT, IN_DATA "Subject: x\r\n\r\nbody\r\n.", "\r\n"},
    {"mid bdat", GP_HOOK_COUNT, HELLO MAIL RCPT "BDAT 20 LAST\r\nSubject: x\r\n\r\n",
     "body\r\nbody\r\n"},
    {"between chunks", GP_HOOK_COUNT, HELLO MAIL RCPT "BDAT 14\r\nSubject: x\r\n\r\n",
     "BDAT 4 LAST\r\nab\r\n"},
    {"helo", GP_HOOK_HELO, HELLO, MAIL},
    {"mail hook", GP_HOOK_MAIL, HELLO MAIL, RCPT},
    {"rcpt hook", GP_HOOK_RCPT, HELLO MAIL RCPT, "DATA\r\n"},
    {"data hook", GP_HOOK_DATA, IN_DATA, "x\r\n.\r\n"},
    {"headers hook", GP_HOOK_HEADERS, IN_DATA "Subject: x\r\n\r\n", ".\r\n"},
    {"message hook", GP_HOOK_MESSAGE, IN_DATA MESSAGE, MAIL},
};

static void leave(struct world *world, enum manner manner, const char *then)
{
    struct gp__sim_client *client = world->client;

    switch (manner) {
    case NOTIFIES:
        SSL_shutdown(peer.ssl);
        tls_peer_move(&peer);
        say(world, then);
        gp__sim_client_eof(client);
        return;
    case FALLS_BACK:
        say(world, then);
        gp__sim_client_eof(client);
        return;
    case CUTS:
        gp__sim_client_eof(client);
        return;
    case BREAKS:
        gp__sim_client_reset(client);
        return;
    case DAMAGES:
        gp__sim_client_send(client, gp_slice("\x17\x03\x03\x00\x14"
                                             "01234567890123456789",
                                             25));
        say(world, then);
        return;
    case MANNERS:
        break;
    }
}

static void check_leaving(const char *config, const struct place *place, enum manner manner)
{
    struct world *world = world_create(config, ON(HELO) | ON(MAIL) | ON(RCPT) | ON(DATA) |
                                                   ON(HEADERS) | ON(MESSAGE) | OBSERVERS);
    unsigned mails, rcpts;

    secure(world);
    if (place->hook != GP_HOOK_COUNT)
        seen.sleep_ms[place->hook] = 5000;
    for (struct gp_slice rest = gp_slice_of(place->said); rest.len;) {
        size_t lf = gp_slice_find(rest, '\n');
        struct gp_slice line = gp_slice_sub(rest, 0, lf + 1);

        tls_peer_send(&peer, line);
        rest = gp_slice_sub(rest, line.len, rest.len);
    }
    mails = seen.calls[GP_HOOK_MAIL];
    rcpts = seen.calls[GP_HOOK_RCPT];
    leave(world, manner, place->then);
    gp__sim_advance(world->rt, 600000);
    if (world->server.n_clients || seen.delivers || seen.calls[GP_HOOK_ACCEPTED] ||
        seen.calls[GP_HOOK_MAIL] != mails || seen.calls[GP_HOOK_RCPT] != rcpts ||
        seen.calls[GP_HOOK_DISCONNECT] != 1)
        fail_msg("%s, manner %d: %zu clients, %u deliveries, %u mails, %u disconnects", place->name,
                 manner, world->server.n_clients, seen.delivers, seen.calls[GP_HOOK_MAIL] - mails,
                 seen.calls[GP_HOOK_DISCONNECT]);
    end(&world);
}

static void test_leaving(void **state)
{
    static const char *const configs[] = {TLS_CONFIG("tls: implicit"), TLS_CONFIG("tls: optional")};

    (void)state;
    for (size_t c = 0; c < COUNT(configs); c++)
        for (size_t i = 0; i < COUNT(places); i++)
            for (int manner = 0; manner < MANNERS; manner++)
                check_leaving(configs[c], &places[i], (enum manner)manner);
}

/* The same with a client that stays: the tests above can tell. */
static void test_staying(void **state)
{
    struct world *world = world_create(TLS_CONFIG("tls: implicit"), OBSERVERS);

    (void)state;
    secure(world);
    say_tls(HELLO);
    say_tls(MAIL RCPT "BDAT 20 LAST\r\nSubject: x\r\n\r\nbody\r\n");
    assert_tls(world, 100, "250 250 250 250");
    assert_int_equal(seen.delivers, 1);
    end(&world);
}

/* Too many sessions: in TLS there is nobody to tell yet. */
static void test_turned_away(void **state)
{
    struct world *world = world_create(TLS_CONFIG("tls: implicit, sessions: 1"), OBSERVERS);

    (void)state;
    world_connect(world);
    world_connect(world);
    assert_true(gp__sim_client_eof_seen(world->client));
    assert_replies(world, 0, "");
    gp__sim_client_eof(world->client);
    end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_starttls),          cmocka_unit_test(test_hooks),
        cmocka_unit_test(test_slow_hook),         cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_helo_is_forgotten), cmocka_unit_test(test_injection),
        cmocka_unit_test(test_required),          cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_failures),          cmocka_unit_test(test_stop_while_shaking_hands),
        cmocka_unit_test(test_leaving),           cmocka_unit_test(test_staying),
        cmocka_unit_test(test_turned_away),
    };
    int result;

    make_identity(&server_identity, "ec", "mx.example.test", "DNS:mx.example.test", NULL, -DAY,
                  100 * DAY);
    world_texts[0].path = "/cert.pem";
    world_texts[0].text = server_identity.cert_pem;
    world_texts[1].path = "/key.pem";
    world_texts[1].text = server_identity.key_pem;
    result = cmocka_run_group_tests(tests, NULL, NULL);
    free_identity(&server_identity);
    gp__arena_pool_free();
    return result;
}
