// SPDX-License-Identifier: Apache-2.0
/*
 * Logging in through the whole server: backends in order, the `auth` hook, what success clears,
 * failures that are delayed and lock out, and clients that leave in between.
 */
#include "core/base/codec.h"
#include "core/runtime/crypto.h"
#include "sdk/kit/scram.h"

#include "world.h"

#define CONFIG_AUTH                                                                                \
    CONFIG_HEAD CONFIG_CHAIN                                                                       \
        "auth: {one: {who: {}}, two: {who: {}}}\n"                                                 \
        "auth_guard: {delay: 1s, max_delay: 4s, client_failures: 4, user_failures: 6, lock: 1m}\n" \
        "listeners: {l: {address: '127.0.0.1:25', chain: c, auth: [one, two], "                    \
        "auth_plaintext: true, relay: [authenticated], limits: {auth_failures: 100}}}\n"

static struct world *start(unsigned hooks)
{
    struct world *world = world_create(CONFIG_AUTH, hooks);

    world_connect(world);
    say(world, HELLO);
    assert_replies(world, 0, "220 250");
    return world;
}

static void say_auth(struct world *world, const char *mechanism, struct gp_slice initial)
{
    struct gp__arena *arena = gp__arena_create();

    say(world, gp__arena_printf(arena, "AUTH %s " GP_FMT "\r\n", mechanism,
                                GP_ARG(gp__base64_encode(arena, initial)))
                   .data);
    gp__arena_free(&arena);
}

static void plain(struct world *world, const char *user, const char *password)
{
    char text[128];
    int len = snprintf(text, sizeof text, "%c%s%c%s", 0, user, 0, password);

    say_auth(world, "PLAIN", gp_slice(text, (size_t)len));
}

static const struct gp_session *session_of(const struct world *world)
{
    return world->server.clients->session;
}

static void assert_user(const struct world *world, const char *user)
{
    if (!gp_slice_eq(session_of(world)->auth_user, gp_slice_of(user)))
        fail_msg("user is \"" GP_FMT "\"", GP_ARG(session_of(world)->auth_user));
}

static void test_password(void **state)
{
    struct world *world = start(OBSERVERS);

    (void)state;
    plain(world, "anna", "secret");
    assert_replies(world, 0, "235");
    assert_int_equal(seen.asked, 1);
    assert_user(world, "anna");
    assert_true(world_logged(world, "result=accepted"));
    assert_true(world_logged(world, "mechanism=PLAIN user=anna result=accepted backend=one"));
    assert_false(world_logged(world, "secret"));
    say(world, "MAIL FROM:<a@example.com>\r\nRCPT TO:<x@elsewhere.example>\r\nDATA\r\n");
    say(world, MESSAGE);
    assert_replies(world, 0, "250 250 354 250"); /* may relay */
    assert_true(world_logged(world, "\"user\":\"anna\"") || world_logged(world, "user=anna"));
    world_free(&world);
}

static void test_alias(void **state)
{
    struct world *world = start(OBSERVERS);

    (void)state;
    plain(world, "alias", "secret");
    assert_replies(world, 0, "235");
    assert_user(world, "real@example.test");
    world_free(&world);
}

/* Both are asked, and the reply waits; the second failure waits longer. */
static void test_wrong(void **state)
{
    struct world *world = start(OBSERVERS);

    (void)state;
    plain(world, "anna", "wrong");
    assert_replies(world, 999, "");
    assert_replies(world, 1, "535");
    assert_int_equal(seen.asked, 2);
    assert_user(world, "");
    plain(world, "nobody", "secret");
    assert_replies(world, 1999, "");
    assert_replies(world, 1, "535");
    assert_int_equal(seen.asked, 4);
    say(world, "MAIL FROM:<a@example.com>\r\nRCPT TO:<x@elsewhere.example>\r\n");
    assert_replies(world, 0, "250 550");
    world_free(&world);
}

/* What could not be told is no failure of the client, and nobody else is asked. */
static void test_backend_fails(void **state)
{
    struct world *world = start(OBSERVERS);

    (void)state;
    plain(world, "temp", "secret");
    assert_replies(world, 0, "454");
    assert_int_equal(seen.asked, 1);
    assert_true(world_logged(world, "auth.backend_failed"));
    seen.who_ms = 5001; /* past its deadline */
    plain(world, "anna", "secret");
    assert_replies(world, 5001, "454");
    seen.who_ms = 0;
    plain(world, "anna", "secret");
    assert_replies(world, 0, "235");
    world_free(&world);
}

static void scram(struct world *world, const char *user, const char *password, const char *expected)
{
    struct gp__arena *arena = gp__arena_create();
    struct gp__kit_scram client = {.arena = arena,
                                   .digest = GP__SHA256,
                                   .gs2 = GP_S("n,,"),
                                   .binding = GP_S(""),
                                   .bare = gp__arena_printf(arena, "n=%s,r=x", user),
                                   .password = gp_slice_of(password)};
    struct gp_slice line, server;

    say_auth(world, "SCRAM-SHA-256", GP__ARENA_JOIN(arena, client.gs2, client.bare));
    gp__sim_settle(world->rt);
    line = gp_slice_trim(gp__sim_client_output(world->client));
    assert_true(gp_slice_starts(line, GP_S("334 ")));
    assert_int_equal(gp__base64_decode(arena, gp_slice_sub(line, 4, line.len), &server), 0);
    server = gp__arena_dup(arena, server);
    gp__sim_client_take(world->client, SIZE_MAX);
    line = gp__base64_encode(arena, gp__kit_scram_final(&client, server));
    say(world, gp__arena_printf(arena, GP_FMT "\r\n", GP_ARG(line)).data);
    assert_replies(world, 10000, expected);
    gp__arena_free(&arena);
}

/* Everybody is asked for the secret, whoever has it: the time tells nothing. */
static void test_scram(void **state)
{
    struct world *world = start(OBSERVERS);
    struct gp__arena *arena = gp__arena_create();
    unsigned asked;

    (void)state;
    seen.secret = gp__password_scram(arena, GP__SHA256, GP_S("secret"), GP_S("0123456789abcdef"),
                                     4096);
    scram(world, "anna", "wrong", "535");
    asked = seen.asked;
    assert_int_equal(asked, 2);
    scram(world, "nobody", "secret", "535");
    assert_int_equal(seen.asked, 2 * asked);
    scram(world, "anna", "secret", "334");
    assert_int_equal(seen.mechanism, 256);
    say(world, "\r\n");
    assert_replies(world, 0, "235");
    assert_user(world, "anna");
    gp__arena_free(&arena);
    world_free(&world);
}

/* The salt that a client sees for a user who is not there. */
static struct gp_slice salt_of(struct gp__arena *arena, const char *guard)
{
    struct gp_slice config = gp__arena_printf(arena,
                                              CONFIG_HEAD CONFIG_CHAIN
                                              "auth: {one: {who: {}}}\n"
                                              "auth_guard: {%s}\n"
                                              "listeners: {l: {address: '127.0.0.1:25', chain: c, "
                                              "auth: one, auth_plaintext: true}}\n",
                                              guard);
    struct world *world = world_create(config.data, OBSERVERS);
    struct gp_slice line, server;

    world_connect(world);
    say(world, HELLO);
    assert_replies(world, 0, "220 250");
    say_auth(world, "SCRAM-SHA-256", GP_S("n,,n=nobody,r=x"));
    gp__sim_settle(world->rt);
    line = gp_slice_trim(gp__sim_client_output(world->client));
    assert_int_equal(gp__base64_decode(arena, gp_slice_sub(line, 4, line.len), &server), 0);
    server = gp__arena_dup(arena, gp__kit_scram_attribute(server, 's'));
    world_free(&world);
    return server;
}

static void test_decoy_key(void **state)
{
    struct gp__arena *arena = gp__arena_create();
    struct gp_slice none = salt_of(arena, "delay: 1s");
    struct gp_slice one = salt_of(arena, "decoy_key: one"), two = salt_of(arena, "decoy_key: two");

    (void)state;
    assert_int_equal(none.len, 24);
    assert_false(gp_slice_eq(none, one));
    assert_false(gp_slice_eq(one, two));
    assert_true(gp_slice_eq(one, salt_of(arena, "decoy_key: one")));
    gp__arena_free(&arena);
}

static void test_token(void **state)
{
    struct world *world = start(OBSERVERS);

    (void)state;
    say_auth(world, "OAUTHBEARER", GP_S("n,a=anna,\1auth=Bearer token-berta\1\1"));
    assert_replies(world, 0, "334");
    say(world, "AQ==\r\n");
    assert_replies(world, 1000, "535");
    say_auth(world, "OAUTHBEARER", GP_S("n,,\1auth=Bearer token-berta\1\1"));
    assert_replies(world, 0, "235");
    assert_user(world, "berta");
    world_free(&world);
}

/* ---- the hook ---- */

static enum gp_verdict no_berta(struct gp_call *call)
{
    assert_true(gp_slice_present(gp_auth_mechanism(call)));
    return gp_slice_eq(gp_auth_user(call), GP_S("berta")) ? GP_REJECT : GP_NEXT;
}

static void test_hook(void **state)
{
    struct world *world = start(ON(AUTH));

    (void)state;
    seen.fn[GP_HOOK_AUTH] = no_berta;
    plain(world, "berta", "secret");
    assert_replies(world, 0, "535");
    assert_user(world, "");
    assert_true(world_logged(world, "result=refused"));
    plain(world, "anna", "wrong"); /* is not asked about failures */
    assert_replies(world, 1000, "535");
    assert_int_equal(seen.calls[GP_HOOK_AUTH], 1);
    seen.sleep_ms[GP_HOOK_AUTH] = 100;
    plain(world, "anna", "secret");
    assert_replies(world, 99, "");
    assert_replies(world, 1, "235");
    assert_user(world, "anna");
    world_free(&world);
}

/* By mechanism, and by what the client was told. */
static void test_counted(void **state)
{
    struct world *world = start(ON(AUTH));

    (void)state;
    seen.fn[GP_HOOK_AUTH] = no_berta;
    plain(world, "berta", "secret"); /* the hook says no */
    assert_replies(world, 0, "535");
    plain(world, "anna", "wrong");
    assert_replies(world, 1000, "535");
    plain(world, "temp", "secret");
    assert_replies(world, 0, "454");
    say(world, "AUTH LOGIN\r\n");
    say(world, "*\r\n");
    assert_replies(world, 0, "334 501");
    say(world, "AUTH CRAM-MD5\r\n"); /* none of ours */
    assert_replies(world, 0, "504");
    say_auth(world, "XOAUTH2", GP_S("user=anna\1auth=Bearer token-anna\1\1"));
    assert_replies(world, 0, "235");
    assert_int_equal(counted(auth_PLAIN_success), 0);
    assert_int_equal(counted(auth_PLAIN_failure), 2);
    assert_int_equal(counted(auth_PLAIN_error), 1);
    assert_int_equal(counted(auth_LOGIN_failure), 1);
    assert_int_equal(counted(auth_XOAUTH2_success), 1);
    assert_int_equal(counted(verb_AUTH), 6);
    world_free(&world);
}

/* A refusal that waits for RCPT is cleared by a login (semantics B4). */
static void test_clears_pending(void **state)
{
    struct world *world = world_create(CONFIG_AUTH, ON(CONNECT));

    (void)state;
    seen.verdict[GP_HOOK_CONNECT] = GP_REJECT;
    world_connect(world);
    say(world, HELLO);
    assert_replies(world, 0, "220 250");
    say(world, MAIL);
    say(world, RCPT);
    assert_replies(world, 0, "250 554");
    say(world, "RSET\r\n");
    plain(world, "anna", "secret");
    say(world, MAIL);
    say(world, RCPT);
    assert_replies(world, 0, "250 235 250 250");
    world_free(&world);
}

/* ---- throttling ---- */

static void test_client_lock(void **state)
{
    struct world *world = start(OBSERVERS);

    (void)state;
    for (int i = 0; i < 4; i++) {
        plain(world, "anna", "wrong");
        assert_replies(world, 4000, "535"); /* never longer than max_delay */
    }
    seen.asked = 0;
    plain(world, "anna", "secret");
    assert_replies(world, 0, "421");
    assert_int_equal(seen.asked, 0);
    assert_true(world_logged(world, "client_locked"));

    world_connect(world); /* again, and from elsewhere */
    say(world, HELLO);
    plain(world, "anna", "secret");
    assert_replies(world, 0, "220 250 421");
    world_connect_from(world, "203.0.113.8");
    say(world, HELLO);
    plain(world, "anna", "secret");
    assert_replies(world, 0, "220 250 235");

    gp__sim_advance(world->rt, 60000);
    world_connect(world);
    say(world, HELLO);
    plain(world, "anna", "secret");
    assert_replies(world, 0, "220 250 235");
    world_free(&world);
}

static void fail_from(struct world *world, const char *ip, const char *user)
{
    world_connect_from(world, ip);
    say(world, HELLO);
    plain(world, user, "wrong");
    assert_replies(world, 4000, "220 250 535");
}

/* A name is locked whether there is such a user or not; not for where the user came from lately. */
static void test_user_lock(void **state)
{
    static const char *const users[] = {"anna", "nobody"};
    struct world *world = start(OBSERVERS);
    char ip[32];

    (void)state;
    plain(world, "anna", "secret");
    assert_replies(world, 0, "235");
    for (size_t u = 0; u < 2; u++) {
        for (int i = 0; i < 6; i++) {
            snprintf(ip, sizeof ip, "192.0.2.%d", (int)(u * 10) + i);
            fail_from(world, ip, users[u]);
        }
        seen.asked = 0;
        world_connect_from(world, "198.51.100.1");
        say(world, HELLO);
        plain(world, users[u], "secret");
        assert_replies(world, 0, "220 250 454");
        assert_int_equal(seen.asked, 0);
    }
    assert_true(world_logged(world, "user_locked"));
    world_connect(world); /* from where anna logged in */
    say(world, HELLO);
    plain(world, "anna", "secret");
    assert_replies(world, 0, "220 250 235");
    world_free(&world);
}

/* An address of IPv6 is its network. */
static void test_client_network(void **state)
{
    struct world *world = start(OBSERVERS);
    char ip[64];

    (void)state;
    for (int i = 0; i < 4; i++) {
        snprintf(ip, sizeof ip, "2001:db8::%d", i + 1);
        fail_from(world, ip, "anna");
    }
    world_connect_from(world, "2001:db8::99");
    say(world, HELLO);
    plain(world, "berta", "secret");
    assert_replies(world, 0, "220 250 421");
    world_connect_from(world, "2001:db8:0:1::1");
    say(world, HELLO);
    plain(world, "berta", "secret");
    assert_replies(world, 0, "220 250 235");
    world_free(&world);
}

/* The table is of one size: what failed longest ago is forgotten, and nothing else happens. */
static void test_bounded(void **state)
{
    struct gp__auth_guard_settings settings = {.delay = 1000,
                                               .max_delay = 16000,
                                               .lock = 900000,
                                               .client_failures = 20,
                                               .user_failures = 100,
                                               .remembered = 100};
    struct gp__auth_guard guard = {0};
    struct gp_session session = {.client_ip = {.family = 4}};
    size_t count = 0;

    (void)state;
    for (uint32_t i = 0; i < 100000; i++) {
        memcpy(session.client_ip.bytes, &i, sizeof i);
        gp__auth_guard_failed(&guard, &settings, &session, GP_S("anna"), i);
        if (i == 0)
            count = guard.count;
    }
    assert_int_equal(guard.count, count);
    assert_int_equal(count, 128);
    memset(session.client_ip.bytes, 0, 4);
    assert_int_equal(gp__auth_guard_locked(&guard, &settings, &session, GP_S("anna"), 100000),
                     GP__AUTH_USER_LOCKED);
    session.client_ip.family = 0; /* a UNIX socket has no address to lock */
    for (int i = 0; i < 50; i++)
        gp__auth_guard_failed(&guard, &settings, &session, GP_S("berta"), 100000);
    assert_int_equal(gp__auth_guard_locked(&guard, &settings, &session, GP_S("berta"), 100000),
                     GP__AUTH_NOT_LOCKED);
    gp__auth_guard_free(&guard);
}

/* ---- submission ---- */

static enum gp_verdict look_for_fields(struct gp_call *call)
{
    struct gp_message *message = gp_message(call);

    seen.last_chunks += gp_header_find(message, GP_S("Date"), 0) != NULL;
    seen.last_chunks += gp_header_find(message, GP_S("Message-ID"), 0) != NULL;
    return GP_NEXT;
}

/* Fields are added where the listener says so, before the hooks see the message. */
static void test_submission(void **state)
{
    (void)state;
    for (int submission = 0; submission < 2; submission++) {
        struct world *world = start(ON(HEADERS));

        world->entrance.submission = submission;
        seen.fn[GP_HOOK_HEADERS] = look_for_fields;
        say(world, MAIL);
        say(world, RCPT);
        say(world, "DATA\r\n");
        say(world, MESSAGE);
        assert_replies(world, 0, "250 250 354 250");
        assert_int_equal(seen.last_chunks, submission ? 2 : 0);
        world_free(&world);
    }
}

/* ---- clients that leave ---- */

/* At every wait: while a backend looks, while a failure waits, while the hook thinks, between two
 * lines; closed and reset. */
static void test_leave(void **state)
{
    (void)state;
    for (int at = 0; at < 8; at++) {
        struct world *world = start(ON(AUTH) | OBSERVERS);

        seen.who_ms = at / 2 == 0 ? 1000 : 0;
        seen.sleep_ms[GP_HOOK_AUTH] = at / 2 == 2 ? 1000 : 0;
        if (at / 2 == 3)
            say(world, "AUTH LOGIN\r\n");
        else
            plain(world, "anna", at / 2 == 1 ? "wrong" : "secret");
        gp__sim_advance(world->rt, 500);
        if (at % 2)
            gp__sim_client_reset(world->client);
        else
            gp__sim_client_eof(world->client);
        assert_true(gp__sim_run(world->rt, 60000));
        assert_int_equal(world->server.n_clients, 0);
        assert_int_equal(seen.calls[GP_HOOK_DISCONNECT], 1);
        world_free(&world);
    }
}

/* Credentials are nowhere in what was read, once they were used. */
static void test_wiped(void **state)
{
    struct world *world = start(OBSERVERS);
    struct gp__smtp *smtp = world->server.clients->smtp;
    char line[] = "AUTH PLAIN AGFubmEAc2VjcmV0\r\n"; /* anna, secret */

    (void)state;
    gp__smtp_feed(smtp, gp_slice(line, 10));
    gp__smtp_settle(smtp);
    assert_true(gp__smtp_fed_secret(smtp));
    assert_false(gp__smtp_fed_secret(smtp));
    say(world, line + 10);
    assert_replies(world, 0, "235");
    say(world, "NOOP\r\n");
    assert_false(gp__smtp_fed_secret(smtp));
    world_free(&world);
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
        cmocka_unit_test(test_password),       cmocka_unit_test(test_alias),
        cmocka_unit_test(test_wrong),          cmocka_unit_test(test_backend_fails),
        cmocka_unit_test(test_scram),          cmocka_unit_test(test_token),
        cmocka_unit_test(test_decoy_key),      cmocka_unit_test(test_hook),
        cmocka_unit_test(test_counted),        cmocka_unit_test(test_clears_pending),
        cmocka_unit_test(test_client_lock),    cmocka_unit_test(test_user_lock),
        cmocka_unit_test(test_client_network), cmocka_unit_test(test_bounded),
        cmocka_unit_test(test_submission),     cmocka_unit_test(test_leave),
        cmocka_unit_test(test_wiped),
    };

    return cmocka_run_group_tests(tests, NULL, teardown);
}
