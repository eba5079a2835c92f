// SPDX-License-Identifier: Apache-2.0
/*
 * Every bound of a session that the server keeps: how long a reply may take, how many sessions
 * there may be, how much a client may send ahead or be silent, how much of a refused message is
 * read, how many recipients there are; and what it does when it has no fiber left.
 */
#include "world.h"

#include <time.h>

/* ---- replies ---- */

#define TIMES "answer_within: {greeting: 2s, command: 3s, data: 4s, message: 5s}\n"

static const struct {
    enum gp_hook_point at;
    const char *before, *says, *expected; /* the reply to the last command */
    uint64_t ms;
} times[] = {
    {GP_HOOK_CONNECT, "", "", "220", 2000},
    {GP_HOOK_HELO, "", HELLO, "250", 3000},
    {GP_HOOK_MAIL, HELLO, MAIL, "250", 3000},
    {GP_HOOK_RESOLVE, HELLO MAIL, RCPT, "451", 3000},
    {GP_HOOK_RCPT, HELLO MAIL, RCPT, "451", 3000},
    {GP_HOOK_DATA, HELLO MAIL RCPT, "DATA\r\n", "451", 4000},
    {GP_HOOK_MESSAGE, HELLO MAIL RCPT "DATA\r\n", MESSAGE, "451", 5000},
    {GP_HOOK_SEAL, HELLO MAIL RCPT "DATA\r\n", MESSAGE, "451", 5000},
    {GP_HOOK_ATTEMPT, HELLO MAIL RCPT "DATA\r\n", MESSAGE, "451", 5000}, /* the target */
};

static void say_lines(struct world *world, const char *text)
{
    struct gp_slice rest = gp_slice_of(text);

    while (rest.len) {
        size_t line = gp_slice_find(rest, '\n') + 1;

        gp__sim_client_send(world->client, gp_slice_sub(rest, 0, line));
        rest = gp_slice_sub(rest, line, rest.len);
    }
}

static void test_replies_in_time(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(times); i++) {
        struct world *world = world_create(CONFIG TIMES, OBSERVERS | 1u << times[i].at);

        print_message("time at %s\n", gp__points[times[i].at].name);
        seen.sleep_ms[times[i].at] = 500000;
        seen.deliver_ms = times[i].at == GP_HOOK_ATTEMPT ? 500000 : 0;
        world_connect(world);
        say_lines(world, times[i].before);
        if (*times[i].says)
            replies(world, 0);
        say(world, times[i].says);
        assert_replies(world, times[i].ms - 1, "");
        assert_replies(world, 1, times[i].expected);
        assert_int_equal(world_files(world, "/box"), 0);
        world_free(&world);
    }
}

/* ---- targets that never answer ---- */

#define TWO_TARGETS                                                                                \
    "hostname: mx.example.test\nanswer_within: {message: 5s}\n"                                    \
    "targets: {box: {box: {}}, other: {box: {}}}\n"                                                \
    "routes: [{name: box, match: {recipient: [b@example.test]}, to: box, mode: direct}, "          \
    "{name: other, match: {recipient: [example.test]}, to: other, mode: direct}]\n" CONFIG_CHAIN   \
        CONFIG_LISTENER

#define FOR_EVER 500000

static const struct {
    const char *name;
    uint64_t deliver_ms, publish_ms, revoke_ms, ms; /* the last: until the reply */
    unsigned slow_publish;
    size_t doubled;
} hangs[] = {
    {"deliver", FOR_EVER, 0, 0, 5000, 0, 0},
    {"deliver and revoke", FOR_EVER, 0, FOR_EVER, 25000, 0, 0},
    {"publish", 0, FOR_EVER, 0, 15000, 1, 0},
    {"second publish", 0, FOR_EVER, 0, 15000, 2, 1},
    {"publish and revoke", 0, FOR_EVER, FOR_EVER, 25000, 1, 1},
};

/* The session goes on, or ends if the client went away meanwhile. */
static void check_hang(size_t i, bool leaves)
{
    struct world *world = world_create(TWO_TARGETS, OBSERVERS);

    print_message("hangs at %s, leaves %d\n", hangs[i].name, leaves);
    seen.deliver_ms = hangs[i].deliver_ms;
    seen.publish_ms = hangs[i].publish_ms;
    seen.slow_publish = hangs[i].slow_publish;
    seen.revoke_ms = hangs[i].revoke_ms;
    world_connect(world);
    say_lines(world, HELLO MAIL RCPT RCPT2 "DATA\r\n");
    replies(world, 0);
    say(world, MESSAGE);
    if (leaves) {
        gp__sim_advance(world->rt, 1000);
        gp__sim_client_reset(world->client);
        gp__sim_advance(world->rt, hangs[i].ms);
        assert_int_equal(world->server.n_clients, 0);
    } else {
        assert_replies(world, hangs[i].ms - 1, "");
        assert_replies(world, 1, "451");
        say(world, "NOOP\r\n");
        assert_replies(world, 0, "250");
    }
    assert_true(world_logged(world, "delivery.failed"));
    assert_int_equal(world_logged(world, "delivery.doubled"), hangs[i].doubled > 0);
    assert_int_equal(world_files(world, "/box/new"), hangs[i].slow_publish == 2);
    assert_int_equal(seen.calls[GP_HOOK_RESET], 1);
    assert_int_equal(seen.calls[GP_HOOK_ACCEPTED], 0);
    world_free(&world);
}

static void test_target_never_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(hangs); i++) {
        check_hang(i, false);
        check_hang(i, true);
    }
}

/* Hooks before the data leave nothing of their time to those after it, nor does a slow client. */
static enum gp_verdict nothing(struct gp_call *call)
{
    (void)call;
    return GP_NEXT;
}

static void test_slow_client_is_no_slow_hook(void **state)
{
    struct world *world = world_create(CONFIG TIMES, ON(BODY) | ON(MESSAGE) | OBSERVERS);

    (void)state;
    seen.fn[GP_HOOK_BODY] = nothing;
    seen.sleep_ms[GP_HOOK_MESSAGE] = 4000;
    world->entrance.smtp.limits.data_rate = 0;
    world_connect(world);
    say_lines(world, HELLO MAIL RCPT "DATA\r\n");
    replies(world, 0);
    say(world, "Subject: x\r\n\r\n");
    for (int i = 0; i < 20; i++) {
        gp__sim_advance(world->rt, 10000);
        say(world, "line\r\n");
    }
    say(world, ".\r\n");
    assert_replies(world, 5000, "250");
    assert_false(world_logged(world, "hook.fault"));
    world_free(&world);
}

/* ---- sessions ---- */

static void test_sessions(void **state)
{
    struct world *world = world_create(
        CONFIG_HEAD CONFIG_CHAIN
        "listeners: {l: {address: '127.0.0.1:25', chain: c, sessions: 3, sessions_per_client: 2}}\n",
        OBSERVERS);
    struct gp__sim_client *first = world_connect(world);

    (void)state;
    assert_replies(world, 0, "220");
    world_connect(world);
    assert_replies(world, 0, "220");
    world_connect(world);
    assert_replies(world, 0, "421");
    assert_true(gp__sim_client_eof_seen(world->client));
    world_connect_from(world, "203.0.113.8");
    assert_replies(world, 0, "220");
    world_connect_from(world, "203.0.113.9");
    assert_replies(world, 0, "421");
    assert_int_equal(world->server.n_clients, 3);
    gp__sim_client_reset(first);
    assert_int_equal(world->server.n_clients, 2);
    world_connect(world);
    assert_replies(world, 0, "220");
    gp__server_stop(&world->server, true);
    gp__sim_advance(world->rt, 3000);
    assert_int_equal(world->server.sessions.entries, 0);
    world_free(&world);
}

/* Who has one address of an IPv6 network has all of them. */
static void test_sessions_of_a_network(void **state)
{
    struct world *world = world_create(
        CONFIG_HEAD CONFIG_CHAIN
        "listeners: {l: {address: '127.0.0.1:25', chain: c, sessions_per_client: 2}}\n",
        OBSERVERS);

    (void)state;
    world_connect_from(world, "2001:db8::1");
    assert_replies(world, 0, "220");
    world_connect_from(world, "2001:db8::ffff:1");
    assert_replies(world, 0, "220");
    world_connect_from(world, "2001:db8::2");
    assert_replies(world, 0, "421");
    world_connect_from(world, "2001:db8:0:1::1");
    assert_replies(world, 0, "220");
    world_connect_from(world, "192.0.2.1");
    assert_replies(world, 0, "220");
    world_connect_from(world, "192.0.2.2");
    assert_replies(world, 0, "220");
    assert_int_equal(counted(away_sessions_per_client), 1);
    assert_true(world_logged(world, "limit=sessions_per_client"));
    world_free(&world);
}

static void test_connection_rates(void **state)
{
    struct world *world = world_create(CONFIG_HEAD CONFIG_CHAIN
                                       "listeners: {l: {address: '127.0.0.1:25', chain: c, "
                                       "connection_rate: 4/s, connection_rate_per_client: 2/m}}\n",
                                       OBSERVERS);

    (void)state;
    world_connect_from(world, "192.0.2.1");
    assert_replies(world, 0, "220");
    world_connect_from(world, "192.0.2.1");
    assert_replies(world, 0, "220");
    world_connect_from(world, "192.0.2.1");
    assert_replies(world, 0, "421");
    assert_true(world_logged(world, "limit=connection_rate_per_client"));
    world_connect_from(world, "192.0.2.2");
    assert_replies(world, 0, "220");
    world_connect_from(world, "192.0.2.3");
    assert_replies(world, 0, "220");
    world_connect_from(world, "192.0.2.4");
    assert_replies(world, 0, "421");
    assert_true(world_logged(world, "limit=connection_rate "));
    gp__sim_advance(world->rt, 2000);
    world_connect_from(world, "192.0.2.4");
    assert_replies(world, 0, "220");
    world_connect_from(world, "192.0.2.1");
    assert_replies(world, 0, "421");
    gp__sim_advance(world->rt, 120000);
    world_connect_from(world, "192.0.2.1");
    assert_replies(world, 0, "220");
    assert_int_equal(counted(away_connection_rate_per_client), 2);
    assert_int_equal(counted(away_connection_rate), 1);
    world_free(&world);
}

/* ---- what is short ---- */

#define MIB (UINT64_C(1) << 20)

static void test_overload(void **state)
{
    struct world *world = world_create(CONFIG "overload: {memory: 100MiB, keep_free: 50MiB}\n",
                                       OBSERVERS);
    struct gp__sim_client *inside = world_connect(world);

    (void)state;
    say_lines(world, HELLO MAIL);
    replies(world, 0);
    gp__sim_resources(world->rt, 100 * MIB, UINT64_MAX);
    gp__sim_advance(world->rt, 1000);
    world_connect(world);
    assert_replies(world, 0, "421");
    assert_true(gp__sim_client_eof_seen(world->client));
    assert_true(world_logged(world, "overload.begin"));
    assert_true(world_logged(world, "limit=overload text=\"Short of memory"));
    /* The message that is under way is taken, the next is not. */
    world->client = inside;
    say_lines(world, RCPT "DATA\r\n" MESSAGE);
    assert_replies(world, 0, "250 354 250");
    say(world, MAIL);
    assert_replies(world, 0, "452");
    gp__sim_resources(world->rt, 99 * MIB, 49 * MIB);
    gp__sim_advance(world->rt, 1000);
    say(world, MAIL);
    assert_replies(world, 0, "452");
    gp__sim_resources(world->rt, 99 * MIB, 50 * MIB);
    say(world, MAIL);
    assert_replies(world, 0, "452"); /* it is looked at once a second */
    gp__sim_advance(world->rt, 1000);
    say(world, MAIL);
    assert_replies(world, 0, "250");
    assert_true(world_logged(world, "overload.end"));
    assert_int_equal(counted(away_overload), 1);
    world_free(&world);
}

/* Workers have memory together. */
static void test_overload_of_all(void **state)
{
    struct world *world = world_create(CONFIG "overload: {memory: 100MiB}\n", OBSERVERS);
    size_t size = gp__census_size(2, 8);
    struct gp__census own, other;
    void *memory = gp__alloc(size);

    (void)state;
    gp__census_init(memory, 2, 8);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(gp__census_open(&own, memory, size, GP__CENSUS_NONE), 0);
        assert_int_equal(gp__census_take(&own), i);
    }
    assert_int_equal(gp__census_open(&own, memory, size, 0), 0);
    assert_int_equal(gp__census_open(&other, memory, size, 1), 0);
    gp__server_join(&world->server, &own);
    gp__sim_resources(world->rt, 40 * MIB, UINT64_MAX);
    gp__census_set_memory(&own, 90 * MIB); /* it has given some back since */
    gp__census_set_memory(&other, 59 * MIB);
    world_connect(world);
    assert_replies(world, 0, "220");
    gp__census_set_memory(&other, 60 * MIB);
    gp__sim_advance(world->rt, 1000);
    world_connect(world);
    assert_replies(world, 0, "421");
    gp__census_give_back(&own, 1); /* it ended */
    gp__sim_advance(world->rt, 1000);
    world_connect(world);
    assert_replies(world, 0, "220");
    world_free(&world);
    gp__free(memory);
}

/* ---- the rate of a message ---- */

/* The time that hooks take is not the client's. */
static void test_data_rate(void **state)
{
    struct world *world = world_create(CONFIG, ON(HEADERS) | OBSERVERS);

    (void)state;
    world->entrance.smtp.limits.data_rate = 10;
    seen.sleep_ms[GP_HOOK_HEADERS] = 50000;
    world_connect(world);
    say_lines(world, HELLO MAIL RCPT "DATA\r\n");
    replies(world, 0);
    say(world, "Subject: x\r\n\r\n");
    gp__sim_advance(world->rt, 50000);
    assert_replies(world, 59000, ""); /* a minute is given, and 0.1 s for each byte */
    say(world, "a line\r\n");
    assert_replies(world, 4000, "421");
    world_free(&world);
}

/* ---- what a client sends ahead ---- */

static void test_pipeline(void **state)
{
    struct world *world = world_create(CONFIG, ON(RCPT) | OBSERVERS);
    struct gp__buf ahead = {.limit = 0};
    size_t pending;

    (void)state;
    world->entrance.smtp.limits.pipeline = 2048;
    seen.sleep_ms[GP_HOOK_RCPT] = 10;
    for (int i = 0; i < 100; i++)
        gp__buf_append(&ahead, GP_S(RCPT));
    world_connect(world);
    say_lines(world, HELLO MAIL);
    replies(world, 0);
    gp__sim_client_send(world->client, gp__buf_slice(&ahead));
    pending = gp__smtp_pending(world->server.clients->smtp);
    assert_true(pending >= 2048);
    gp__sim_client_send(world->client, gp__buf_slice(&ahead));
    assert_int_equal(gp__smtp_pending(world->server.clients->smtp), pending);
    gp__sim_advance(world->rt, 10000);
    assert_int_equal(gp__smtp_pending(world->server.clients->smtp), 0);
    assert_int_equal(strlen(replies(world, 0)), 200 * 4 - 1);
    assert_int_equal(seen.calls[GP_HOOK_RCPT], 200);
    gp__buf_free(&ahead);
    world_free(&world);
}

/* One that does not read its replies is not read from. */
static void test_unread_replies(void **state)
{
    struct world *world = world_create(CONFIG, OBSERVERS);

    (void)state;
    world_connect(world);
    say(world, HELLO);
    replies(world, 0);
    gp__sim_client_window(world->client, 0);
    say(world, "NOOP\r\n");
    say(world, "NOOP\r\n");
    assert_int_equal(gp__smtp_counts(world->server.clients->smtp)->commands, 2);
    gp__sim_client_window(world->client, SIZE_MAX);
    assert_replies(world, 0, "250 250");
    world_free(&world);
}

/* ---- silence ---- */

static void test_idle(void **state)
{
    struct world *world = world_create(CONFIG, OBSERVERS | ON(MAIL));

    (void)state;
    world->entrance.smtp.limits.command_timeout = 10000;
    world->entrance.smtp.limits.data_timeout = 5000;
    seen.sleep_ms[GP_HOOK_MAIL] = 20000;
    world_connect(world);
    say(world, HELLO);
    assert_replies(world, 9000, "220 250");
    say(world, MAIL); /* who waits for us is not idle */
    assert_replies(world, 20000, "250");
    assert_replies(world, 9999, "");
    assert_replies(world, 1, "421");
    assert_true(gp__sim_client_eof_seen(world->client));
    assert_int_equal(seen.calls[GP_HOOK_RESET], 1);
    gp__sim_advance(world->rt, 3000);
    assert_int_equal(world->server.n_clients, 0);

    seen.sleep_ms[GP_HOOK_MAIL] = 0;
    world_connect(world);
    say_lines(world, HELLO MAIL RCPT "DATA\r\n");
    replies(world, 0);
    say(world, "Subject: x\r\n");
    assert_replies(world, 4999, "");
    assert_replies(world, 1, "421");
    world_free(&world);
}

/* ---- what is refused already ---- */

static void test_drain(void **state)
{
    struct world *world = world_create(CONFIG, ON(HEADERS) | ON(BODY) | OBSERVERS);
    char line[1000];

    (void)state;
    memset(line, 'x', sizeof line);
    memcpy(line + sizeof line - 2, "\r\n", 2);
    world->entrance.smtp.limits.drain = 10000;
    seen.verdict[GP_HOOK_HEADERS] = GP_REJECT;
    world_connect(world);
    say_lines(world, HELLO MAIL RCPT "DATA\r\nSubject: x\r\n\r\n");
    replies(world, 0);
    for (int i = 0; i < 10; i++)
        gp__sim_client_send(world->client, gp_slice(line, sizeof line));
    assert_replies(world, 0, "");
    gp__sim_client_send(world->client, gp_slice(line, sizeof line));
    assert_replies(world, 0, "421");
    assert_true(gp__sim_client_eof_seen(world->client));
    assert_int_equal(seen.calls[GP_HOOK_BODY], 0);
    world_free(&world);
}

/* ---- recipients ---- */

static double cpu_seconds(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

static double give_recipients(unsigned n)
{
    struct world *world = world_create(CONFIG, OBSERVERS);
    struct gp__buf lines = {.limit = 0};
    double before;

    world->entrance.smtp.limits.recipients = 100000;
    world->entrance.smtp.limits.commands = 1000000;
    world_connect(world);
    say_lines(world, HELLO MAIL);
    for (unsigned i = 0; i < n; i++)
        gp__buf_printf(&lines, "RCPT TO:<r%u@example.test>\r\n", i);
    before = cpu_seconds();
    gp__sim_client_send_pieces(world->client, gp__buf_slice(&lines), 65536);
    before = cpu_seconds() - before;
    replies(world, 0);
    assert_int_equal(world->server.clients->session->transaction->accepted, n);
    say(world, "DATA\r\n");
    say(world, MESSAGE);
    assert_replies(world, 0, "354 250");
    gp__buf_free(&lines);
    world_free(&world);
    return before;
}

/* As many as the configuration may allow, at a cost that does not grow with their number. */
static void test_recipients(void **state)
{
    double few = give_recipients(10000), many = give_recipients(100000);

    (void)state;
    print_message("10,000: %.2f s, 100,000: %.2f s\n", few, many);
    assert_true(many < 30 * few + 1);
}

/* ---- early, and half-closed ---- */

static void test_early_talk(void **state)
{
    struct world *world = world_create(CONFIG, ON(CONNECT) | OBSERVERS);

    (void)state;
    seen.sleep_ms[GP_HOOK_CONNECT] = 1000;
    world_connect(world);
    assert_false(world->server.clients->session->talked_early);
    say(world, HELLO);
    assert_true(world->server.clients->session->talked_early);
    assert_replies(world, 0, "");
    world_free(&world);

    world = world_create(CONFIG, ON(CONNECT) | OBSERVERS);
    seen.sleep_ms[GP_HOOK_CONNECT] = 1000;
    world_connect(world);
    gp__sim_advance(world->rt, 1000);
    say(world, HELLO);
    assert_false(world->server.clients->session->talked_early);
    assert_replies(world, 0, "220 250");
    world_free(&world);
}

/* A client that only writes: all it said is done and answered, then the session is over. */
static void test_half_closed(void **state)
{
    struct world *world = world_create(CONFIG, ON(MAIL) | OBSERVERS);

    (void)state;
    seen.sleep_ms[GP_HOOK_MAIL] = 1000;
    world_connect(world);
    say(world, HELLO);
    say(world, MAIL RCPT "BDAT 14 LAST\r\nSubject: x\r\n\r\n" MAIL);
    gp__sim_client_eof(world->client);
    assert_replies(world, 0, "220 250");
    assert_replies(world, 1000, "250 250 250");
    assert_int_equal(world_files(world, "/box/new"), 1);
    assert_replies(world, 1000, "250");
    gp__sim_advance(world->rt, 3000);
    assert_int_equal(world->server.n_clients, 0);
    assert_int_equal(seen.calls[GP_HOOK_ACCEPTED], 1);
    assert_int_equal(seen.calls[GP_HOOK_RESET], 1);
    assert_int_equal(seen.calls[GP_HOOK_DISCONNECT], 1);
    world_free(&world);
}

/* The same when it said so much that nobody has read its end yet. */
static void test_half_closed_and_not_read(void **state)
{
    struct world *world = world_create(CONFIG, OBSERVERS);

    (void)state;
    world->entrance.smtp.limits.pipeline = 16;
    seen.deliver_ms = 1000;
    world_connect(world);
    say_lines(world, HELLO MAIL RCPT "DATA\r\n");
    replies(world, 0);
    say(world, MESSAGE);
    for (int i = 0; i < 10; i++)
        say(world, "RSET\r\n");
    gp__sim_client_eof(world->client);
    assert_false(world->server.clients->eof);
    assert_replies(world, 1000, "250 250 250 250 250 250 250 250 250 250 250");
    assert_int_equal(world_files(world, "/box/new"), 1);
    assert_int_equal(seen.calls[GP_HOOK_ACCEPTED], 1);
    gp__sim_advance(world->rt, 3000);
    assert_int_equal(world->server.n_clients, 0);
    world_free(&world);
}

/* ---- no fiber ---- */

static struct gp__runtime_ops short_ops;
static bool short_of_fibers;

static int run_or_not(struct gp__runtime *rt, void (*fn)(void *arg), void (*done)(void *arg),
                      void *arg, size_t stack)
{
    return short_of_fibers ? -1 : gp__sim_ops.run(rt, fn, done, arg, stack);
}

static const struct {
    const char *before, *says, *expected;
    bool ended; /* the transaction */
} shortages[] = {
    {HELLO, MAIL, "451", true},
    {HELLO MAIL, RCPT, "451", false},
    {HELLO MAIL RCPT, "DATA\r\n", "451", true},
    {HELLO MAIL RCPT "DATA\r\n", MESSAGE, "451", true},
    {HELLO MAIL RCPT "DATA\r\nSubject: x\r\n\r\n", "body\r\n.\r\n", "451", true},
    {HELLO MAIL RCPT "DATA\r\n", "Subject: x\r\n.\r\n", "451", true},
};

static void test_no_fiber(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(shortages); i++) {
        struct world *world = world_create(CONFIG, ON(MAIL) | ON(HEADERS) | ON(BODY) | OBSERVERS);

        print_message("no fiber at %s", shortages[i].says);
        seen.fn[GP_HOOK_BODY] = nothing;
        short_ops = gp__sim_ops;
        short_ops.run = run_or_not;
        world->rt->ops = &short_ops;
        short_of_fibers = false;
        world_connect(world);
        say_lines(world, shortages[i].before);
        replies(world, 0);
        short_of_fibers = true;
        say(world, shortages[i].says);
        assert_replies(world, 0, shortages[i].expected);
        assert_int_equal(seen.calls[GP_HOOK_RESET], shortages[i].ended);
        assert_int_equal(world_files(world, "/box"), 0);
        short_of_fibers = false;
        say(world, "RSET\r\n");
        say_lines(world, MAIL RCPT "DATA\r\n" MESSAGE);
        assert_replies(world, 0, "250 250 250 354 250");
        world_free(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replies_in_time),
        cmocka_unit_test(test_slow_client_is_no_slow_hook),
        cmocka_unit_test(test_target_never_answers),
        cmocka_unit_test(test_sessions),
        cmocka_unit_test(test_sessions_of_a_network),
        cmocka_unit_test(test_connection_rates),
        cmocka_unit_test(test_overload),
        cmocka_unit_test(test_overload_of_all),
        cmocka_unit_test(test_data_rate),
        cmocka_unit_test(test_pipeline),
        cmocka_unit_test(test_unread_replies),
        cmocka_unit_test(test_idle),
        cmocka_unit_test(test_drain),
        cmocka_unit_test(test_recipients),
        cmocka_unit_test(test_early_talk),
        cmocka_unit_test(test_half_closed),
        cmocka_unit_test(test_half_closed_and_not_read),
        cmocka_unit_test(test_no_fiber),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
