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

#include "core/base/arena.h"
#include "core/delivery/scheduler.h"
#include "core/runtime/sim.h"
#include "tests/unit/delivery/memory_spool.h"

#define MINUTE UINT64_C(60000)
#define HOUR (60 * MINUTE)

static const uint64_t other[] = {10 * MINUTE}, connect[] = {20 * MINUTE}, greylist[] = {2 * MINUTE},
                      full[] = {40 * MINUTE}, limited[] = {80 * MINUTE};
static const struct gp__plan_queue policy = {.name = {"default", 7},
                                             .retry = {[GP__RETRY_OTHER] = {other, 1},
                                                       [GP__RETRY_CONNECT] = {connect, 1},
                                                       [GP__RETRY_GREYLIST] = {greylist, 1},
                                                       [GP__RETRY_FULL] = {full, 1},
                                                       [GP__RETRY_LIMITED] = {limited, 1}},
                                             .expire_ms = 48 * HOUR,
                                             .attempt_ms = HOUR,
                                             .connections = 20};
static const struct gp__plan_route route = {
    .name = {"world", 5}, .target = {"internet", 8}, .per_domain = true};
static const struct gp__plan plan = {.hostname = {"mx.example.org", 14},
                                     .daemon = {"MAILER-DAEMON@mx.example.org", 28},
                                     .queues = &policy,
                                     .n_queues = 1,
                                     .routes = &route,
                                     .n_routes = 1};

static struct gp__runtime *rt;
static struct gp__scheduler *scheduler;

/* What the carrier was asked last, and how often it was asked. */
static uint64_t asked;
static char asked_for[65];
static size_t n_asked;

static void on_send(void *arg, const struct gp__attempt *attempt)
{
    (void)arg;
    n_asked++;
    asked = attempt->number;
    snprintf(asked_for, sizeof asked_for, GP_FMT, GP_ARG(attempt->message));
}

static int setup(void **state)
{
    struct gp__spool_settings spool = {.engine = &memory_engine};
    struct gp__buf bytes = {.limit = 0}, error = {.limit = 0};
    struct gp__scheduler_options options = {.spool = &spool};

    (void)state;
    rt = gp__sim_create(1, NULL);
    memory_rewind();
    gp__plan_pack(&bytes, &plan);
    options.runtime = rt;
    options.plan = gp__buf_slice(&bytes);
    scheduler = gp__scheduler_open(&options, &error);
    assert_non_null(scheduler);
    gp__buf_free(&bytes);
    n_asked = 0;
    gp__scheduler_carrier(scheduler, 0, 32, on_send, NULL);
    gp__sim_settle(rt);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    gp__scheduler_close(&scheduler);
    gp__sim_settle(rt);
    gp__sim_free(&rt);
    memory_free();
    return 0;
}

static void again(void)
{
    (void)teardown(NULL);
    (void)setup(NULL);
}

static void put(const char *id, const char *to)
{
    static const char content[] = "Subject: hello\r\n\r\nworld\r\n";
    struct gp__entry_piece piece = {.len = sizeof content - 1};
    struct gp__entry_copy copy = {.id = GP_S("c"),
                                  .sender = GP_S("s@example.com"),
                                  .pieces = &piece,
                                  .n_pieces = 1,
                                  .size = sizeof content - 1};
    struct gp__entry_recipient recipient = {.address = gp_slice_of(to), .route = GP_S("world")};
    struct gp__entry entry = {.id = gp_slice_of(id),
                              .received_ms = rt->ops->wall_ms(rt),
                              .base = gp_slice(content, sizeof content - 1),
                              .base_size = sizeof content - 1,
                              .copies = &copy,
                              .n_copies = 1,
                              .recipients = &recipient,
                              .n_recipients = 1};

    (void)memory_put(&entry);
    gp__scheduler_look(scheduler);
    gp__sim_settle(rt);
}

struct reason {
    uint16_t code;
    uint8_t klass, subject, detail;
    const char *text;
    bool down, slow;
    uint64_t retry_after, wait;
};

static void answer(const struct reason *reason)
{
    struct gp__attempt_result result = {.outcome = GP_OUTCOME_DEFERRED,
                                        .reply = {.code = reason->code,
                                                  .klass = reason->klass,
                                                  .subject = reason->subject,
                                                  .detail = reason->detail,
                                                  .text = gp_slice_of(reason->text)}};
    struct gp__attempt_answer said = {.number = asked,
                                      .results = &result,
                                      .n = 1,
                                      .destination_down = reason->down,
                                      .slow_down = reason->slow,
                                      .retry_after_ms = reason->retry_after};

    gp__scheduler_answer(scheduler, 0, &said);
    gp__sim_settle(rt);
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
        put("m1", "a@one.example");
        answer(&reasons[i]);
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
        put("m1", "a@one.example");
        answer(&reasons[i]);
        put("m2", "a@one.example");
        assert_int_equal(n_asked, 1);
        put("m3", "a@two.example");
        assert_int_equal(n_asked, 2);
        assert_string_equal(asked_for, "m3");
        retry("message=m2");
        assert_int_equal(n_asked, 3);
        assert_string_equal(asked_for, "m2");
        again();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_when, setup, teardown),
        cmocka_unit_test_setup_teardown(test_destination_is_spared, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
