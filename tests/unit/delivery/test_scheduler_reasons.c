// SPDX-License-Identifier: Apache-2.0
/*
 * What an answer to an attempt leads to: when its mail is tried again, and what that says of other mail
 * to the same destination. In virtual time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/delivery/scheduler_world.h"

static const uint64_t other[] = {10 * MINUTE}, unreachable[] = {20 * MINUTE},
                      greylisted[] = {2 * MINUTE}, full[] = {40 * MINUTE}, busy[] = {80 * MINUTE};
static const struct gp__plan_queue classes = {.name = {"default", 7},
                                              .retry = {[GP__RETRY_OTHER] = {other, 1},
                                                        [GP__RETRY_CONNECT] = {unreachable, 1},
                                                        [GP__RETRY_GREYLIST] = {greylisted, 1},
                                                        [GP__RETRY_FULL] = {full, 1},
                                                        [GP__RETRY_LIMITED] = {busy, 1}},
                                              .expire_ms = 48 * HOUR,
                                              .attempt_ms = HOUR,
                                              .connections = 20};

static int setup_classes(void **state)
{
    struct gp__plan of_classes = plan;
    struct gp__buf bytes = {.limit = 0};

    (void)setup(state);
    of_classes.queues = &classes;
    gp__plan_pack(&bytes, &of_classes);
    assert_int_equal(gp__scheduler_plan(scheduler, gp__buf_slice(&bytes)), 0);
    gp__buf_free(&bytes);
    return 0;
}

static void again(void)
{
    (void)teardown(NULL);
    (void)setup_classes(NULL);
}

struct reason {
    uint16_t code;
    uint8_t klass, subject, detail;
    const char *text;
    bool down, slow;
    uint64_t retry_after, wait;
};

static void answer_for(const struct reason *reason)
{
    struct gp__attempt_result result = {.outcome = GP_OUTCOME_DEFERRED,
                                        .reply = {.code = reason->code,
                                                  .klass = reason->klass,
                                                  .subject = reason->subject,
                                                  .detail = reason->detail,
                                                  .text = gp_slice_of(reason->text)}};
    struct gp__attempt_answer said = {.number = asked[0].number,
                                      .results = &result,
                                      .n = 1,
                                      .destination_down = reason->down,
                                      .slow_down = reason->slow,
                                      .retry_after_ms = reason->retry_after};

    gp__scheduler_answer(scheduler, 0, &said);
    gp__sim_settle(rt);
}

static void put_one(const char *id, const char *to)
{
    put(&(struct mail){.id = id, .to = {to}});
}

/* What a peer said, and what a carrier makes of it, decide when it is tried again. */
static void test_when(void **state)
{
    static const struct reason reasons[] = {
        {450, 4, 2, 0, "busy", false, false, 0, 10 * MINUTE},
        {451, 4, 4, 1, "No connection", true, false, 0, 20 * MINUTE},
        {451, 4, 7, 1, "Come back later", false, false, 0, 2 * MINUTE},
        {450, 4, 2, 0, "You are greylisted", false, false, 0, 2 * MINUTE},
        {451, 0, 0, 0, "Graylisting in action", false, false, 0, 2 * MINUTE},
        {421, 4, 7, 1, "greylisted", false, false, 0, 80 * MINUTE},
        {452, 4, 2, 2, "Mailbox full", false, false, 0, 40 * MINUTE},
        {450, 4, 3, 1, "System full", false, false, 0, 40 * MINUTE},
        {452, 0, 0, 0, "Full", false, false, 0, 40 * MINUTE},
        {421, 4, 3, 2, "Going down", false, false, 0, 80 * MINUTE},
        {450, 4, 7, 28, "Too much", false, false, 0, 80 * MINUTE},
        {450, 4, 2, 0, "Slow down", false, true, 0, 80 * MINUTE},
        {450, 4, 2, 0, "When asked", false, false, 33 * MINUTE, 33 * MINUTE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        put_one("m1", "a@one.example");
        answer_for(&reasons[i]);
        gp__sim_advance(rt, reasons[i].wait * 7 / 8 - 1);
        assert_int_equal(n_asked, 1);
        gp__sim_advance(rt, reasons[i].wait / 4 + 2);
        assert_int_equal(n_asked, 2);
        again();
    }
}

/* An operator knows better. */
static void retry(const char *filter)
{
    struct gp__queue_order order = {.command = GP__QUEUE_RETRY, .most = 10};
    struct gp__queue_done done;
    struct gp__buf error = {.limit = 0};

    assert_int_equal(gp__queue_filter_parse(gp__scheduler_queue(scheduler), gp_slice_of(filter),
                                            &order.filter, &error),
                     0);
    gp__scheduler_order(scheduler, &order, &done);
    assert_int_equal(done.recipients, 1);
    gp__sim_settle(rt);
}

/* What one attempt learns holds for other mail to the same destination, and for no other. */
static void test_destination_is_spared(void **state)
{
    static const struct reason reasons[] = {
        {451, 4, 4, 1, "No connection", true, false, 0, 0},
        {421, 4, 7, 0, "Not so many", false, true, 0, 0},
        {450, 4, 7, 0, "In ten minutes", false, true, 10 * MINUTE, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        put_one("m1", "a@one.example");
        answer_for(&reasons[i]);
        put_one("m2", "a@one.example");
        assert_int_equal(n_asked, 1);
        put_one("m3", "a@two.example");
        assert_int_equal(n_asked, 2);
        assert_string_equal(asked[1].message, "m3");
        retry("message=m2");
        assert_int_equal(n_asked, 3);
        assert_string_equal(asked[2].message, "m2");
        again();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_when, setup_classes, teardown),
        cmocka_unit_test_setup_teardown(test_destination_is_spared, setup_classes, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
