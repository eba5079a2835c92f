// SPDX-License-Identifier: Apache-2.0
/*
 * Clients that leave, and servers that stop, while something waits: at every hook that may wait, a
 * table, a target in both steps, a file. Afterwards nothing is left, nobody heeds what a hook says
 * then, nothing was delivered that was not committed, and the observers were told once.
 */
#include "world.h"

enum manner {
    BREAKS = 0,
    ENDS,           /* says that nothing more comes */
    ENDS_PIPELINED, /* the same, with commands that were not looked at yet */
    STOP_AT_ONCE,
    STOP_DRAINING,
    MANNERS
};

enum place {
    AT_HOOK = 0,
    AT_LOOKUP,
    AT_DELIVER,
    AT_PUBLISH,
    AT_FILES, /* of the target */
    AT_HELD,  /* of a bucket */
};

enum flags {
    TX = 1 << 0,      /* the client is in a transaction */
    EARLY = 1 << 1,   /* nothing may be pipelined here: the client must wait for the reply */
    PENDING = 1 << 2, /* not all that it said was looked at */
};

struct wait {
    const char *name;
    enum place place;
    enum gp_hook_point hook;
    const char *before; /* what the client says until then; after the greeting */
    unsigned flags;
};

#define DATA HELLO MAIL RCPT "DATA\r\n"
#define CHUNK "BDAT 11 LAST\r\nA: b\r\n\r\nc\r\n"

static const struct wait waits[] = {
    {"connect", AT_HOOK, GP_HOOK_CONNECT, "", EARLY},
    {"helo", AT_HOOK, GP_HOOK_HELO, HELLO, EARLY},
    {"mail", AT_HOOK, GP_HOOK_MAIL, HELLO MAIL, TX},
    {"resolve", AT_HOOK, GP_HOOK_RESOLVE, HELLO MAIL RCPT, TX},
    {"route", AT_HOOK, GP_HOOK_ROUTE, HELLO MAIL RCPT, TX},
    {"rcpt", AT_HOOK, GP_HOOK_RCPT, HELLO MAIL RCPT, TX},
    {"rejected", AT_HOOK, GP_HOOK_REJECTED, HELLO MAIL RCPT, TX},
    {"data", AT_HOOK, GP_HOOK_DATA, DATA, TX | EARLY},
    {"headers", AT_HOOK, GP_HOOK_HEADERS, DATA MESSAGE, TX | PENDING},
    {"message", AT_HOOK, GP_HOOK_MESSAGE, DATA MESSAGE, TX},
    {"seal", AT_HOOK, GP_HOOK_SEAL, DATA MESSAGE, TX},
    {"command", AT_HOOK, GP_HOOK_COMMAND, HELLO "XFOO\r\n", 0},
    {"chunk", AT_HOOK, GP_HOOK_DATA, HELLO MAIL RCPT CHUNK, TX | PENDING},
    {"lookup", AT_LOOKUP, GP_HOOK_COUNT, HELLO MAIL RCPT, TX},
    {"deliver", AT_DELIVER, GP_HOOK_COUNT, DATA MESSAGE, TX},
    {"publish", AT_PUBLISH, GP_HOOK_COUNT, DATA MESSAGE, TX},
    {"files", AT_FILES, GP_HOOK_COUNT, DATA MESSAGE, TX},
    {"held", AT_HELD, GP_HOOK_COUNT, DATA MESSAGE, TX},
};

/* Hooks that may wait while no client does, or in tests of their own: test_tls, test_auth. */
#define ELSEWHERE (ON(TLS) | ON(AUTH) | ON(TICK) | ON(ATTEMPT) | ON(RELEASE))

static void test_no_hook_is_left_out(void **state)
{
    uint32_t covered = ELSEWHERE;

    (void)state;
    for (size_t i = 0; i < COUNT(waits); i++)
        if (waits[i].place == AT_HOOK)
            covered |= 1u << waits[i].hook;
    for (unsigned point = 0; point < GP_HOOK_COUNT; point++)
        if (gp__points[point].waits && !(covered & 1u << point))
            fail_msg("nobody leaves at %s", gp__points[point].name);
}

static void prepare(struct world *world, const struct wait *wait)
{
    switch (wait->place) {
    case AT_HOOK:
        seen.sleep_ms[wait->hook] = 5000;
        if (wait->hook == GP_HOOK_REJECTED)
            seen.verdict[GP_HOOK_RCPT] = GP_REJECT;
        return;
    case AT_LOOKUP:
        seen.lookup_ms = 5000;
        return;
    case AT_DELIVER:
        seen.deliver_ms = 5000;
        return;
    case AT_PUBLISH:
        seen.publish_ms = 5000;
        return;
    case AT_HELD:
        seen.verdict[GP_HOOK_MESSAGE] = GP_QUARANTINE;
        gp__sim_file_delay(world->rt, 2500);
        return;
    case AT_FILES:
        gp__sim_file_delay(world->rt, 2500);
        return;
    }
}

/* Says what leads to the wait, a command at a time, as a client that awaits each reply would. */
static void get_there(struct world *world, const struct wait *wait)
{
    struct gp_slice rest = gp_slice_of(wait->before);

    world_connect(world);
    while (rest.len) {
        size_t end = gp_slice_find(rest, '\n') + 1;

        /* A message goes in one piece: its hooks wait in the middle of it. */
        if (gp_slice_starts(rest, GP_S("Subject")) || gp_slice_starts(rest, GP_S("BDAT")))
            end = rest.len;
        gp__sim_client_send(world->client, gp_slice_sub(rest, 0, end));
        rest = gp_slice_sub(rest, end, rest.len);
    }
    gp__sim_advance(world->rt, 1000);
    assert_true(world->server.clients && world->server.clients->busy);
}

static void go(struct world *world, enum manner manner)
{
    switch (manner) {
    case BREAKS:
        gp__sim_client_reset(world->client);
        return;
    case ENDS_PIPELINED:
        say(world, "NOOP\r\n");
        gp__sim_client_eof(world->client);
        return;
    case ENDS:
        gp__sim_client_eof(world->client);
        return;
    case STOP_AT_ONCE:
    case STOP_DRAINING:
        gp__server_stop(&world->server, manner == STOP_AT_ONCE);
        gp__sim_settle(world->rt);
        return;
    case MANNERS:
        return;
    }
}

/* A client that only writes, such as a script: it gets its answers. */
static bool is_served(const struct wait *wait, enum manner manner)
{
    return manner == ENDS_PIPELINED || (manner == ENDS && (wait->flags & PENDING));
}

static void check_gone(struct world *world, const struct wait *wait, enum manner manner)
{
    bool at_end = gp_slice_ends(gp_slice_of(wait->before), GP_S(MESSAGE)) ||
                  gp_slice_ends(gp_slice_of(wait->before), GP_S(CHUNK));
    /* A commit that was under way goes on. */
    bool taken = at_end && (wait->place == AT_PUBLISH || is_served(wait, manner));

    assert_int_equal(world->server.n_clients, 0);
    assert_int_equal(seen.calls[GP_HOOK_DISCONNECT], 1);
    assert_int_equal(seen.calls[GP_HOOK_ACCEPTED], taken);
    assert_int_equal(seen.calls[GP_HOOK_RESET], (wait->flags & TX) && !taken);
    assert_int_equal(world_files(world, "/box/tmp"), 0);
    assert_int_equal(world_files(world, "/box/new"), taken && wait->place != AT_HELD);
    assert_int_equal(world_files(world, "/held"), taken && wait->place == AT_HELD ? 2 : 0);
    if (wait->place == AT_HOOK && !is_served(wait, manner)) {
        assert_int_equal(seen.ended[wait->hook], 1);
        assert_int_equal(seen.slept[wait->hook], GP_ECANCELED);
    }
    assert_int_equal(world->generation->refs, 1);
}

static void leave_at(const struct wait *wait, enum manner manner)
{
    struct world *world = world_create(CONFIG, OBSERVERS | ON(MESSAGE) | ON(RCPT) |
                                                   (wait->place == AT_HOOK ? 1u << wait->hook : 0));

    prepare(world, wait);
    get_there(world, wait);
    go(world, manner);
    gp__sim_advance(world->rt, 3);
    if (wait->place == AT_HOOK && !is_served(wait, manner))
        assert_int_equal(world->server.n_clients, 0);
    gp__sim_advance(world->rt, 60000);
    check_gone(world, wait, manner);
    assert_false(world_logged(world, "session.bad_answer"));
    world_free(&world);
}

static void test_client_leaves(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(waits); i++) {
        for (int manner = BREAKS; manner <= STOP_AT_ONCE; manner++) {
            if (manner == ENDS_PIPELINED && (waits[i].flags & EARLY))
                continue;
            print_message("leaves at %s, manner %d\n", waits[i].name, manner);
            leave_at(&waits[i], (enum manner)manner);
        }
    }
}

/* What is under way is finished and answered, then the session ends. */
static void drain_at(const struct wait *wait)
{
    struct world *world = world_create(CONFIG, OBSERVERS | ON(MESSAGE) | ON(RCPT) |
                                                   (wait->place == AT_HOOK ? 1u << wait->hook : 0));

    prepare(world, wait);
    get_there(world, wait);
    go(world, STOP_DRAINING);
    gp__sim_advance(world->rt, 100000);
    /* Inside of a transaction the client may finish it. */
    if (world->server.n_clients) {
        assert_true(wait->flags & TX);
        assert_false(world->server.clients->busy);
        say(world, "RSET\r\n.\r\nRSET\r\n");
        gp__sim_advance(world->rt, 100000);
    }
    assert_int_equal(world->server.n_clients, 0);
    assert_int_equal(seen.calls[GP_HOOK_DISCONNECT], 1);
    assert_int_equal(seen.calls[GP_HOOK_ACCEPTED] + seen.calls[GP_HOOK_RESET], wait->flags & TX);
    assert_int_equal(world_files(world, "/box/tmp"), 0);
    world_free(&world);
}

static void test_server_drains(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(waits); i++) {
        print_message("drains at %s\n", waits[i].name);
        drain_at(&waits[i]);
    }
}

/* ---- while nothing waits ---- */

static void test_stop_at_once_in_a_transaction(void **state)
{
    struct world *world = world_create(CONFIG, OBSERVERS);

    (void)state;
    world_connect(world);
    say(world, HELLO);
    say(world, MAIL);
    say(world, RCPT);
    gp__server_stop(&world->server, true);
    gp__sim_settle(world->rt);
    assert_int_equal(world->server.n_clients, 0);
    assert_int_equal(seen.calls[GP_HOOK_RESET], 1);
    assert_int_equal(seen.calls[GP_HOOK_DISCONNECT], 1);
    world_free(&world);
}

/* A session that has said goodbye lingers for its client; who stops at once does not wait. */
static void test_stop_at_once_after_quit(void **state)
{
    struct world *world = world_create(CONFIG, OBSERVERS);

    (void)state;
    world_connect(world);
    say(world, HELLO);
    say(world, "QUIT\r\n");
    assert_int_equal(world->server.n_clients, 1);
    gp__server_stop(&world->server, true);
    gp__sim_settle(world->rt);
    assert_int_equal(world->server.n_clients, 0);
    assert_int_equal(seen.calls[GP_HOOK_DISCONNECT], 1);
    world_free(&world);
}

static void test_stop_draining_idle(void **state)
{
    struct world *world = world_create(CONFIG, OBSERVERS);

    (void)state;
    world_connect(world);
    say(world, HELLO);
    assert_replies(world, 0, "220 250");
    gp__server_stop(&world->server, false);
    assert_replies(world, 0, "421");
    gp__sim_client_eof(world->client);
    gp__sim_advance(world->rt, 3000);
    assert_int_equal(world->server.n_clients, 0);
    world_free(&world);
}

/* ---- what outlives a session ---- */

#define SHADOW "chains: {c: [{probe: {}, mode: shadow}]}\n"

static void shadows_outlive(enum manner manner, uint64_t sleep_ms)
{
    struct world *world = world_create(CONFIG_HEAD SHADOW CONFIG_LISTENER,
                                       ON(CONNECT) | ON(MAIL) | ON(RCPT) | ON(HEADERS) | ON(BODY) |
                                           ON(MESSAGE) | ON(SEAL));
    static const char *const lines[] = {HELLO, MAIL, RCPT, "DATA\r\n", MESSAGE, "QUIT\r\n"};

    for (unsigned point = 0; point < GP_HOOK_COUNT; point++)
        seen.sleep_ms[point] = point == GP_HOOK_BODY ? 0 : sleep_ms;
    world_connect(world);
    for (size_t i = 0; i < COUNT(lines); i++)
        say(world, lines[i]);
    assert_replies(world, 0, "220 250 250 250 354 250 221");
    assert_int_equal(world_files(world, "/box/new"), 1);
    gp__sim_client_eof(world->client);
    if (manner == STOP_AT_ONCE)
        gp__server_stop(&world->server, true);
    gp__sim_advance(world->rt, 3000);
    assert_int_equal(world->server.n_clients, 0);
    assert_true(world->generation->refs > 1);
    assert_int_equal(seen.ended[GP_HOOK_MESSAGE], 0);
    if (manner == STOP_DRAINING)
        gp__sim_advance(world->rt, sleep_ms);
    world_free(&world);
}

static void test_shadows_outlive(void **state)
{
    (void)state;
    shadows_outlive(STOP_DRAINING, 60000);
    shadows_outlive(BREAKS, 60000);
    shadows_outlive(STOP_AT_ONCE, 60000);
}

static void test_tick_under_way(void **state)
{
    struct world *world = world_create(CONFIG, ON(TICK));

    (void)state;
    seen.sleep_ms[GP_HOOK_TICK] = 60000;
    gp__sim_advance(world->rt, 3600000);
    gp__sim_advance(world->rt, 1000);
    assert_int_equal(seen.calls[GP_HOOK_TICK], 1);
    assert_int_equal(seen.ended[GP_HOOK_TICK], 0);
    world_free(&world);
    assert_int_equal(seen.slept[GP_HOOK_TICK], GP_ECANCELED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_hook_is_left_out),
        cmocka_unit_test(test_client_leaves),
        cmocka_unit_test(test_server_drains),
        cmocka_unit_test(test_stop_at_once_in_a_transaction),
        cmocka_unit_test(test_stop_at_once_after_quit),
        cmocka_unit_test(test_stop_draining_idle),
        cmocka_unit_test(test_shadows_outlive),
        cmocka_unit_test(test_tick_under_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
