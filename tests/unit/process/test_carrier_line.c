// SPDX-License-Identifier: Apache-2.0
/* A carrier's end of the line: it answers, takes nothing new when it is to end, and what still
 * arrives when it has ended is not begun. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/arena.h"
#include "core/base/pack.h"
#include "core/delivery/route.h"
#include "core/process/carrier_line.h"
#include "core/process/channel.h"
#include "core/process/messages.h"
#include "core/runtime/live.h"
#include "tests/unit/spool/memory.h"

static const struct gp__routes routes;
static const struct gp__carriage carriage = {.hostname = {"mx.example.org", 14}, .routes = &routes};

static struct gp__runtime *rt;
static struct gp__carrier_line line;
static struct gp__channel *scheduler; /* its end */
static unsigned n_answers, n_idle;
static uint64_t last_answered, last_room;

static void on_message(void *arg, struct gp__message *message)
{
    struct gp__unpack in = {.rest = message->body};

    (void)arg;
    if (message->type == GP__MSG_ROOM) {
        last_room = gp__unpack_number(&in);
    } else {
        struct gp__arena *arena = gp__arena_create();
        struct gp__attempt_answer answer;

        assert_int_equal(message->type, GP__MSG_ATTEMPTED);
        assert_int_equal(gp__answer_unpack(&answer, arena, message->body), 0);
        last_answered = answer.number;
        n_answers++;
        gp__arena_free(&arena);
    }
}

static void on_closed(void *arg)
{
    (void)arg;
}

static void on_idle(void *arg)
{
    (void)arg;
    n_idle++;
}

static int setup(void **state)
{
    struct gp__carrier_options options = {.spool = &memory_settings,
                                          .carriage = &carriage,
                                          .answer = gp__carrier_line_answer,
                                          .arg = &line};
    struct gp__channel_user user = {.message = on_message, .closed = on_closed};
    int ends[2];

    (void)state;
    n_answers = n_idle = 0;
    last_answered = last_room = 0;
    rt = options.runtime = gp__live_create(NULL, NULL);
    line = (struct gp__carrier_line){
        .runtime = rt, .carrier = gp__carrier_open(&options, NULL), .idle = on_idle};
    assert_int_equal(gp__channel_pair(ends), 0);
    scheduler = gp__channel_open(rt, ends[0], &user);
    gp__carrier_line_open(&line, ends[1]);
    while (!last_room)
        gp__live_turn(rt);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    gp__channel_close(&scheduler);
    gp__carrier_line_close(&line);
    gp__carrier_close(&line.carrier);
    gp__live_turn(rt);
    gp__live_free(&rt);
    memory_forget();
    return 0;
}

/* Of a message that the spool does not have: it is put off, which takes a few turns. */
static void ask(uint64_t number)
{
    static const uint32_t first[] = {0};
    struct gp__attempt attempt = {.number = number,
                                  .place = {.segment = 9, .offset = 9},
                                  .message = GP_S("m1"),
                                  .route = GP_S("world"),
                                  .recipients = first,
                                  .n = 1,
                                  .deadline_ms = 600000};
    struct gp__message message = {.type = GP__MSG_ATTEMPT};
    struct gp__buf body = {.limit = 0};

    gp__attempt_pack(&body, &attempt);
    message.body = gp__buf_slice(&body);
    assert_int_equal(gp__channel_send(scheduler, &message), 0);
    gp__buf_free(&body);
}

static void test_answers(void **state)
{
    (void)state;
    ask(1);
    while (n_answers == 0)
        gp__live_turn(rt);
    assert_int_equal(last_answered, 1);
    assert_int_equal(n_idle, 0);
}

/* What was begun is answered first. */
static void test_drain(void **state)
{
    (void)state;
    ask(1);
    while (gp__carrier_busy(line.carrier) == 0)
        gp__live_turn(rt);
    gp__carrier_line_drain(&line);
    assert_int_equal(n_idle, 0);
    while (n_answers == 0 || last_room != 0)
        gp__live_turn(rt);
    assert_int_equal(n_idle, 1);
    gp__carrier_line_drain(&line); /* in a greater hurry */
    assert_int_equal(n_idle, 1);
}

/* It was on its way when the carrier ended: whoever closes the carrier now frees nothing that an
 * attempt still uses. */
static void test_too_late(void **state)
{
    (void)state;
    ask(1);
    while (n_answers == 0)
        gp__live_turn(rt);
    ask(2);
    gp__carrier_line_drain(&line);
    assert_int_equal(n_idle, 1);
    while (last_room != 0)
        gp__live_turn(rt);
    /* The other way is as short: it has been read by now. */
    for (unsigned i = 0; i < 10; i++) {
        rt->ops->defer(rt, on_closed, NULL); /* a turn waits for something otherwise */
        gp__live_turn(rt);
        assert_int_equal(gp__carrier_busy(line.carrier), 0);
    }
    assert_int_equal(n_answers, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_answers),
        TEST(test_drain),
        TEST(test_too_late),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
