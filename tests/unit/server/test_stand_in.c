// SPDX-License-Identifier: Apache-2.0
/* Clients that speak for others: XCLIENT begins the session anew, XFORWARD tells of a message. */
#include "world.h"

#define FRONT "192.0.2.9"
#define TRUSTING                                                                                   \
    CONFIG_HEAD CONFIG_CHAIN                                                                       \
        "listeners: {l: {address: '127.0.0.1:25', chain: c, relay: [authenticated, 203.0.113.50]," \
        " xclient: 192.0.2.9, xforward: 192.0.2.9}}\n"

static char noted[400];

static void show(struct gp_slice value)
{
    size_t len = strlen(noted);

    snprintf(noted + len, sizeof noted - len, " %.*s", (int)value.len,
             gp_slice_present(value) ? value.data : "");
    if (!gp_slice_present(value))
        strcat(noted, "-");
}

static enum gp_verdict note_client(struct gp_call *call)
{
    noted[0] = '\0';
    show(gp_client_ip(call));
    show(gp_helo(call));
    show(gp_auth_user(call));
    show(gp_auth_mechanism(call));
    show(gp_server_ip(call));
    show(gp_xclient(call, GP_S("name")));
    show(gp_xclient(call, GP_S("NOSUCH")));
    return GP_NEXT;
}

static enum gp_verdict note_message(struct gp_call *call)
{
    noted[0] = '\0';
    show(gp_client_ip(call));
    show(gp_xforward(call, GP_S("ADDR")));
    show(gp_xforward(call, GP_S("ident")));
    show(gp_xforward(call, GP_S("NAME")));
    return GP_NEXT;
}

static struct world *trusting(unsigned hooks)
{
    struct world *world = world_create(TRUSTING, hooks | OBSERVERS);

    world_connect_from(world, FRONT);
    say(world, HELLO);
    assert_replies(world, 0, "220 250");
    return world;
}

static void test_xclient(void **state)
{
    struct world *world = trusting(ON(CONNECT));

    (void)state;
    assert_int_equal(seen.calls[GP_HOOK_CONNECT], 1);
    seen.fn[GP_HOOK_CONNECT] = note_client;
    say(world, "XCLIENT NAME=spike.example ADDR=203.0.113.50 HELO=spike PROTO=ESMTP LOGIN=b+40c "
               "DESTADDR=IPV6:2001:db8::25\r\n");
    assert_replies(world, 0, "220");
    assert_string_equal(noted, " 203.0.113.50 spike b@c XCLIENT 2001:db8::25 spike.example -");
    assert_int_equal(seen.calls[GP_HOOK_CONNECT], 2);
    assert_int_equal(seen.calls[GP_HOOK_DISCONNECT], 1);
    assert_true(world_logged(world, "session.xclient"));
    say(world, MAIL);
    say(world, "RCPT TO:<x@elsewhere.test>\r\n"); /* it is this client's right to relay */
    say(world, "RSET\r\n");
    assert_replies(world, 0, "250 250 250");
    say(world, "XCLIENT ADDR=203.0.113.51 NAME=[unavailable]\r\n");
    assert_replies(world, 0, "220");
    assert_string_equal(noted, " 203.0.113.51 - - - 198.51.100.25 [UNAVAILABLE] -");
    say(world, HELLO);
    say(world, MAIL);
    say(world, "RCPT TO:<x@elsewhere.test>\r\n");
    assert_replies(world, 0, "250 250 550");
    world_free(&world);
    assert_int_equal(seen.calls[GP_HOOK_DISCONNECT], 3);
}

static enum gp_verdict no_berta(struct gp_call *call)
{
    assert_true(gp_slice_eq(gp_auth_mechanism(call), GP_S("XCLIENT")));
    return gp_slice_eq(gp_auth_user(call), GP_S("berta"))
               ? gp_reject(call, "535 5.7.8", "Not berta")
               : GP_NEXT;
}

/* A login that somebody else vouches for goes through the `auth` hooks as one of AUTH does. */
static void test_login_hooks(void **state)
{
    struct world *world = trusting(ON(CONNECT) | ON(AUTH));

    (void)state;
    seen.fn[GP_HOOK_AUTH] = no_berta;
    say(world, "XCLIENT ADDR=203.0.113.50\r\n");
    assert_replies(world, 0, "220");
    assert_int_equal(seen.calls[GP_HOOK_AUTH], 0);
    say(world, "XCLIENT LOGIN=anna HELO=pc PROTO=ESMTP\r\n");
    assert_replies(world, 0, "220");
    assert_int_equal(seen.calls[GP_HOOK_AUTH], 1);
    assert_true(world_logged(world, "mechanism=XCLIENT user=anna result=accepted"));
    say(world, "XCLIENT LOGIN=berta HELO=pc PROTO=ESMTP\r\n");
    assert_replies(world, 0, "554");
    assert_true(world_logged(world, "mechanism=XCLIENT user=berta result=refused"));
    say(world, MAIL);
    assert_replies(world, 0, "503");
    say(world, "QUIT\r\n");
    assert_replies(world, 0, "221");
    world_free(&world);
}

/* What hooks thought of the client before is not held against the one after. */
static void test_pending_refusal_is_forgotten(void **state)
{
    struct world *world = world_create(TRUSTING, ON(CONNECT) | OBSERVERS);

    (void)state;
    seen.verdict[GP_HOOK_CONNECT] = GP_REJECT;
    world_connect_from(world, FRONT);
    seen.verdict[GP_HOOK_CONNECT] = GP_NEXT;
    say(world, "XCLIENT ADDR=203.0.113.50\r\n");
    say(world, HELLO);
    say(world, MAIL);
    say(world, RCPT);
    assert_replies(world, 0, "220 220 250 250 250");
    world_free(&world);
}

static void test_slow_connect_hook(void **state)
{
    struct world *world = trusting(ON(CONNECT));

    (void)state;
    seen.sleep_ms[GP_HOOK_CONNECT] = 1000;
    say(world, "XCLIENT ADDR=203.0.113.50\r\n");
    assert_replies(world, 999, "");
    assert_replies(world, 1, "220");
    say(world, "XCLIENT ADDR=203.0.113.51\r\n");
    gp__sim_client_reset(world->client);
    assert_int_equal(seen.slept[GP_HOOK_CONNECT], GP_ECANCELED);
    world_free(&world);
}

static void test_xforward(void **state)
{
    static const enum gp_hook_point points[] = {GP_HOOK_MAIL, GP_HOOK_RCPT, GP_HOOK_MESSAGE};

    (void)state;
    for (size_t i = 0; i < COUNT(points); i++) {
        struct world *world = trusting(1u << points[i]);

        seen.fn[points[i]] = note_message;
        say(world, "XFORWARD ADDR=198.51.100.1 IDENT=1\r\n");
        say(world, "XFORWARD IDENT=4XYZ\r\n");
        say(world, MAIL);
        say(world, RCPT);
        say(world, "DATA\r\n");
        say(world, MESSAGE);
        assert_replies(world, 0, "250 250 250 250 354 250");
        assert_string_equal(noted, " " FRONT " 198.51.100.1 4XYZ -");
        /* It was of that message only. */
        say(world, MAIL);
        say(world, RCPT);
        say(world, "DATA\r\n");
        say(world, MESSAGE);
        assert_replies(world, 0, "250 250 354 250");
        assert_string_equal(noted, " " FRONT " - - -");
        world_free(&world);
    }
}

static void test_not_trusted(void **state)
{
    struct world *world = world_create(TRUSTING, ON(CONNECT) | OBSERVERS);

    (void)state;
    world_connect(world);
    say(world, "XCLIENT ADDR=203.0.113.50\r\n");
    say(world, "XFORWARD ADDR=203.0.113.50\r\n");
    assert_replies(world, 0, "220 550 550");
    assert_int_equal(seen.calls[GP_HOOK_CONNECT], 1);
    world_free(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_xclient),
        cmocka_unit_test(test_login_hooks),
        cmocka_unit_test(test_pending_refusal_is_forgotten),
        cmocka_unit_test(test_slow_connect_hook),
        cmocka_unit_test(test_xforward),
        cmocka_unit_test(test_not_trusted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
