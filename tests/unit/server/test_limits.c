// SPDX-License-Identifier: Apache-2.0
/*
 * Every limit of the table is gone past once, and is then the only one whose counter has grown. The
 * cases are made from the table: a limit without one does not compile.
 */
#include "world.h"

#include <gatepost/mime.h>

#define CONFIG_AUTH                                                                                \
    CONFIG_HEAD CONFIG_CHAIN                                                                       \
        "auth: {one: {who: {}}}\n"                                                                 \
        "listeners: {l: {address: '127.0.0.1:25', chain: c, auth: one, auth_plaintext: true}}\n"

#define X100                                                                                            \
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" \
    "xxx"
#define X1000 X100 X100 X100 X100 X100 X100 X100 X100 X100 X100
#define DATA HELLO MAIL RCPT "DATA\r\n"

static struct gp__limits *limits_of(struct world *world)
{
    return &world->entrance.smtp.limits;
}

/* Connects and says the lines, each when the one before was answered. */
static void talk(struct world *world, const char *text)
{
    struct gp_slice rest = gp_slice_of(text);

    world_connect(world);
    replies(world, 0);
    while (rest.len) {
        size_t line = gp_slice_find(rest, '\n') + 1;

        gp__sim_client_send(world->client, gp_slice_sub(rest, 0, line));
        gp__sim_settle(world->rt);
        rest = gp_slice_sub(rest, line, rest.len);
    }
}

static enum gp_verdict walk(struct gp_call *call)
{
    gp_part_first(call, gp_message(call));
    return GP_NEXT;
}

/* ---- commands ---- */

static void hit_message_size(struct world *world)
{
    limits_of(world)->message_size = 1024;
    talk(world, HELLO "MAIL FROM:<a@example.com> SIZE=1025\r\n");
}

static void hit_command_line(struct world *world)
{
    limits_of(world)->command_line = 512;
    talk(world, HELLO "NOOP " X1000 "\r\n");
}

static void hit_auth_line(struct world *world)
{
    limits_of(world)->auth_line = 512;
    talk(world, HELLO "AUTH PLAIN\r\n" X1000 "\r\n");
}

static void hit_recipients(struct world *world)
{
    limits_of(world)->recipients = 1;
    talk(world, HELLO MAIL RCPT RCPT2);
}

static void hit_transactions(struct world *world)
{
    limits_of(world)->transactions = 1;
    talk(world, HELLO MAIL "RSET\r\n" MAIL);
}

static void hit_commands(struct world *world)
{
    limits_of(world)->commands = 2;
    talk(world, HELLO MAIL RCPT);
}

static void hit_idle_commands(struct world *world)
{
    limits_of(world)->idle_commands = 2;
    talk(world, HELLO "NOOP\r\nNOOP\r\n");
}

static void hit_errors(struct world *world)
{
    limits_of(world)->errors = 1;
    talk(world, HELLO "DATA\r\nDATA\r\n");
}

static void hit_auth_failures(struct world *world)
{
    limits_of(world)->auth_failures = 1;
    talk(world, HELLO "AUTH PLAIN !\r\nAUTH PLAIN !\r\n");
}

static void hit_unknown_commands(struct world *world)
{
    limits_of(world)->unknown_commands = 1;
    talk(world, HELLO "WHAT\r\nEVER\r\n");
}

static void hit_parameters(struct world *world)
{
    limits_of(world)->parameters = 1;
    talk(world, HELLO "MAIL FROM:<a@example.com> SIZE=1 BODY=7BIT\r\n");
}

static void hit_pipeline(struct world *world)
{
    limits_of(world)->pipeline = 64;
    seen.sleep_ms[GP_HOOK_RCPT] = 10;
    talk(world, HELLO MAIL);
    say(world, RCPT RCPT2 RCPT RCPT2 RCPT RCPT2);
    gp__sim_advance(world->rt, 1000);
}

/* ---- messages ---- */

static void hit_text_line(struct world *world)
{
    limits_of(world)->text_line = 998;
    talk(world, DATA "\r\n" X1000 "\r\n" X1000 "\r\n.\r\n");
}

static void hit_headers(struct world *world)
{
    limits_of(world)->headers = 1;
    talk(world, DATA "A: b\r\nB: c\r\n\r\n.\r\n");
}

static void hit_header_bytes(struct world *world)
{
    limits_of(world)->header_bytes = 20;
    talk(world, DATA "Subject: longer than this\r\n\r\n.\r\n");
}

static void hit_received(struct world *world)
{
    limits_of(world)->received = 1;
    talk(world, DATA "Received: from a by b\r\n\r\n.\r\n");
}

static void hit_mime_parts(struct world *world)
{
    world->entrance.policy.mime_parts = 1;
    seen.fn[GP_HOOK_MESSAGE] = walk;
    talk(world, DATA "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
                     "--b\r\n\r\n1\r\n--b\r\n\r\n2\r\n--b--\r\n.\r\n");
}

static void hit_mime_depth(struct world *world)
{
    world->entrance.policy.mime_depth = 1;
    seen.fn[GP_HOOK_MESSAGE] = walk;
    talk(world, DATA "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
                     "--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n"
                     "--c\r\n\r\n1\r\n--c--\r\n--b--\r\n.\r\n");
}

static void hit_drain(struct world *world)
{
    limits_of(world)->drain = 500;
    seen.verdict[GP_HOOK_HEADERS] = GP_REJECT;
    talk(world, DATA "Subject: x\r\n\r\n" X100 "\r\n" X100 "\r\n" X100 "\r\n" X100 "\r\n" X100
                     "\r\n" X100 "\r\n");
}

static void hit_chunks(struct world *world)
{
    limits_of(world)->chunks = 1;
    talk(world, HELLO MAIL RCPT "BDAT 3\r\nA\r\nBDAT 2 LAST\r\n\r\n");
}

/* ---- time ---- */

static void hit_command_timeout(struct world *world)
{
    limits_of(world)->command_timeout = 1000;
    talk(world, HELLO);
    gp__sim_advance(world->rt, 1000);
}

static void hit_data_timeout(struct world *world)
{
    limits_of(world)->data_timeout = 1000;
    talk(world, DATA "Subject: x\r\n");
    gp__sim_advance(world->rt, 1000);
}

static void hit_data_rate(struct world *world)
{
    limits_of(world)->data_rate = 1024;
    talk(world, DATA "Subject: x\r\n");
    gp__sim_advance(world->rt, 61000);
}

static void hit_message_time(struct world *world)
{
    limits_of(world)->message_time = 1000;
    talk(world, DATA "Subject: x\r\n");
    gp__sim_advance(world->rt, 1000);
}

static void hit_session_time(struct world *world)
{
    limits_of(world)->session_time = 1000;
    talk(world, HELLO);
    gp__sim_advance(world->rt, 1000);
    say(world, "NOOP\r\n");
}

/* ---- all of them ---- */

static const struct {
    const char *name;
    void (*hit)(struct world *world);
    size_t counter;
} cases[] = {
#define X(kind, name, ...) {#name, hit_##name, GP__COUNTER(limit_##name)},
    GP__LIMITS(X)
#undef X
};

static uint64_t hits(size_t i)
{
    size_t at = cases[i].counter;

    return ((const uint64_t *)(const void *)gp__counts)[at] -
           ((const uint64_t *)(const void *)&world_counts)[at];
}

static void test_each_is_counted(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct world *world = world_create(CONFIG_AUTH,
                                           OBSERVERS | ON(RCPT) | ON(HEADERS) | ON(MESSAGE));

        cases[i].hit(world);
        for (size_t j = 0; j < COUNT(cases); j++)
            if (hits(j) != (j == i))
                fail_msg("past %s: %s was counted %d times", cases[i].name, cases[j].name,
                         (int)hits(j));
        world_free(&world);
    }
}

/* Limits that are looked at in several places. */
static void test_elsewhere(void **state)
{
    struct world *world = world_create(CONFIG_AUTH, OBSERVERS);

    (void)state;
    limits_of(world)->message_size = 100;
    limits_of(world)->drain = 1000;
    talk(world, DATA X100 "\r\n" X100 "\r\n.\r\n");
    assert_int_equal(counted(limit_message_size), 1);
    talk(world, HELLO MAIL RCPT "BDAT 101 LAST\r\n" X100 "\n");
    assert_int_equal(counted(limit_message_size), 2);
    talk(world, HELLO MAIL RCPT "BDAT 1001 LAST\r\n");
    assert_int_equal(counted(limit_message_size), 3);
    assert_int_equal(counted(limit_drain), 1);
    talk(world, HELLO
         "AUTH PLAIN " X1000 X1000 X1000 X1000 X1000 X1000 X1000 X1000 X1000 X1000 X1000 X1000 X1000
         "\r\n");
    assert_int_equal(counted(limit_auth_line), 1);
    assert_int_equal(counted(limit_command_line), 0);
    limits_of(world)->message_time = 1000;
    limits_of(world)->message_size = 10000;
    talk(world, HELLO MAIL RCPT "BDAT 100\r\n" X100 "\n");
    talk(world, HELLO MAIL RCPT "BDAT 100\r\n");
    gp__sim_advance(world->rt, 1000);
    assert_int_equal(counted(limit_message_time), 1);
    world_free(&world);
}

/* A command is counted when it comes, under its verb or under none. */
static void test_commands(void **state)
{
    struct world *world = world_create(CONFIG, OBSERVERS);

    (void)state;
    talk(world,
         HELLO MAIL "rcpt to:<b@example.test>\r\n" RCPT2 "WHAT\r\nNOOP \r\n\rDATA\r\nSEND\r\n");
    assert_int_equal(counted(verb_EHLO), 1);
    assert_int_equal(counted(verb_MAIL), 1);
    assert_int_equal(counted(verb_RCPT), 2);
    assert_int_equal(counted(verb_NOOP), 1);
    assert_int_equal(counted(verb_DATA), 0);
    assert_int_equal(counted(verb_SEND), 1);
    assert_int_equal(counted(verb_OTHER), 2); /* and the line with a bare CR */
    assert_int_equal(counted(errors), 3);
    assert_int_equal(counted(sessions_ended), 0);
    assert_true(counted(bytes_in) > 100);
    world_free(&world);
    assert_int_equal(counted(sessions_ended), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_is_counted),
        cmocka_unit_test(test_elsewhere),
        cmocka_unit_test(test_commands),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
