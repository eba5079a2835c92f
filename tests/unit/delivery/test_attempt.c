// SPDX-License-Identifier: Apache-2.0
/* What scheduler and carriers say to each other, and the scheduler's plan: packed, unpacked the same,
 * and refused when anything is missing, too long or makes no sense. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/arena.h"
#include "core/delivery/attempt.h"
#include "core/delivery/plan.h"

static struct gp__arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = gp__arena_create();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    gp__arena_free(&arena);
    return 0;
}

static void assert_slice(struct gp_slice a, struct gp_slice b)
{
    assert_int_equal(gp_slice_present(a), gp_slice_present(b));
    assert_true(gp_slice_eq(a, b));
}

/* ---- attempts ---- */

static const uint32_t recipients[] = {0, 3, 70000};

static const struct gp__attempt attempt = {
    .number = 7,
    .kind = GP__ATTEMPT_ROUTE,
    .place = {.segment = 12, .offset = 4096},
    .message = {"01J0000000000000", 16},
    .route = {"world", 5},
    .from = {"spam", 4},
    .recipients = recipients,
    .n = 3,
    .tries = 4,
    .first_ms = 1700000000000,
    .deadline_ms = 600000,
};

static void test_attempt(void **state)
{
    struct gp__buf out = {.limit = 0};
    struct gp__attempt read;

    (void)state;
    gp__attempt_pack(&out, &attempt);
    assert_int_equal(gp__attempt_unpack(&read, arena, gp__buf_slice(&out)), 0);
    assert_int_equal(read.number, 7);
    assert_int_equal(read.kind, GP__ATTEMPT_ROUTE);
    assert_int_equal(read.place.segment, 12);
    assert_int_equal(read.place.offset, 4096);
    assert_slice(read.message, attempt.message);
    assert_slice(read.route, attempt.route);
    assert_slice(read.from, attempt.from);
    assert_int_equal(read.n, 3);
    assert_memory_equal(read.recipients, recipients, sizeof recipients);
    assert_int_equal(read.tries, 4);
    assert_int_equal(read.first_ms, attempt.first_ms);
    assert_int_equal(read.deadline_ms, attempt.deadline_ms);
    for (size_t i = 0; i < out.len; i++)
        assert_int_equal(gp__attempt_unpack(&read, arena, gp_slice_sub(gp__buf_slice(&out), 0, i)),
                         -1);
    gp__buf_append(&out, GP_S("x"));
    assert_int_equal(gp__attempt_unpack(&read, arena, gp__buf_slice(&out)), -1);
    gp__buf_free(&out);
}

static void assert_bad_attempt(struct gp__attempt bad)
{
    struct gp__buf out = {.limit = 0};

    gp__attempt_pack(&out, &bad);
    assert_int_equal(gp__attempt_unpack(&bad, arena, gp__buf_slice(&out)), -1);
    gp__buf_free(&out);
}

static void test_bad_attempts(void **state)
{
    static uint32_t many[GP__ATTEMPT_RECIPIENTS_MAX + 1];
    static const uint32_t twice[] = {1, 1};
    struct gp__attempt bad = attempt;

    (void)state;
    bad.kind = GP__ATTEMPT_KINDS;
    assert_bad_attempt(bad);
    bad = attempt;
    bad.n = 0;
    assert_bad_attempt(bad);
    bad.recipients = twice;
    bad.n = 2;
    assert_bad_attempt(bad);
    for (uint32_t i = 0; i <= GP__ATTEMPT_RECIPIENTS_MAX; i++)
        many[i] = i;
    bad.recipients = many;
    bad.n = GP__ATTEMPT_RECIPIENTS_MAX + 1;
    assert_bad_attempt(bad);
    bad = attempt;
    bad.first_ms = -1;
    assert_bad_attempt(bad);
}

/* ---- answers ---- */

static void test_answer(void **state)
{
    struct gp__attempt_result results[] = {
        {.outcome = GP_OUTCOME_DELIVERED,
         .reply = GP__REPLY(250, 2, 1, 5, "thanks"),
         .passed = true},
        {.outcome = GP_OUTCOME_DEFERRED,
         .passed = true, /* can't be */
         .reply = GP__REPLY(451, 4, 7, 1, "one\r\ntwo"),
         .remote = GP_S("mx.example.org [192.0.2.1]"),
         .route = GP_S("world")},
        {.outcome = GP_OUTCOME_FAILED},
        {.filtered = GP__FILTERED_HELD, .bucket = GP_S("spam")},
        {.filtered = GP__FILTERED_DROPPED, .reply.text = GP_S("discarded by x")},
        {.outcome = GP_OUTCOME_DEFERRED, .untried = true},
        {.outcome = GP_OUTCOME_FAILED, .untried = true}, /* can't be */
    };
    struct gp__attempt_answer answer = {.number = 9,
                                        .results = results,
                                        .n = 7,
                                        .retry_after_ms = 5,
                                        .untried_ms = 6,
                                        .slow_down = true},
                              read;
    struct gp__buf out = {.limit = 0};

    (void)state;
    gp__answer_pack(&out, &answer);
    assert_int_equal(gp__answer_unpack(&read, arena, gp__buf_slice(&out)), 0);
    assert_int_equal(read.number, 9);
    assert_int_equal(read.n, 7);
    assert_int_equal(read.untried_ms, 6);
    assert_true(read.results[5].untried && !read.results[1].untried && !read.results[6].untried);
    assert_true(read.results[0].passed && !read.results[1].passed && !read.results[2].passed);
    assert_int_equal(read.retry_after_ms, 5);
    assert_true(read.slow_down && !read.destination_down && !read.relayed);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(read.results[i].outcome, results[i].outcome);
        assert_int_equal(read.results[i].filtered, results[i].filtered);
        assert_slice(read.results[i].bucket, results[i].bucket);
        assert_int_equal(read.results[i].reply.code, results[i].reply.code);
        assert_int_equal(read.results[i].reply.detail, results[i].reply.detail);
        assert_true(gp_slice_eq(read.results[i].reply.text, results[i].reply.text));
        assert_slice(read.results[i].remote, results[i].remote);
        assert_slice(read.results[i].route, results[i].route);
    }
    for (size_t i = 0; i < out.len; i++)
        assert_int_equal(gp__answer_unpack(&read, arena, gp_slice_sub(gp__buf_slice(&out), 0, i)),
                         -1);
    gp__buf_free(&out);
}

/* What does not fit is cut, never through a character or a line end. */
static void test_cut(void **state)
{
    static const struct {
        const char *end; /* of a text that is one byte too long with it */
        size_t left;
    } cases[] = {
        {"xx", GP__ANSWER_TEXT_MAX},
        {"\xc3\xa9", GP__ANSWER_TEXT_MAX - 1},
        {"\r\n", GP__ANSWER_TEXT_MAX - 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[GP__ANSWER_TEXT_MAX + 2];
        struct gp__attempt_result result = {.outcome = GP_OUTCOME_DEFERRED};
        struct gp__attempt_answer answer = {.results = &result, .n = 1};
        struct gp__buf out = {.limit = 0};

        memset(text, 'x', sizeof text);
        memcpy(text + GP__ANSWER_TEXT_MAX - 1, cases[i].end, 2);
        result.reply = GP__REPLY(450, 4, 2, 0, NULL);
        result.reply.text = gp_slice(text, GP__ANSWER_TEXT_MAX + 1);
        gp__answer_pack(&out, &answer);
        assert_int_equal(gp__answer_unpack(&answer, arena, gp__buf_slice(&out)), 0);
        assert_int_equal(answer.results[0].reply.text.len, cases[i].left);
        gp__buf_free(&out);
    }
}

static void test_bad_answers(void **state)
{
    static const struct gp__attempt_result bad[] = {
        {.outcome = GP_OUTCOME_FAILED + 1},
        {.reply = {.code = 600}},
        {.reply = {.code = 100}},
        {.reply = {.code = 450, .klass = 3}},
        {.reply = {.code = 450, .klass = 4, .subject = 1000}},
        {.reply = {.code = 450, .klass = 4, .text = {"a\nb", 3}}},
        {.filtered = GP__FILTERED_COUNT},
        {.filtered = GP__FILTERED_HELD},
        {.filtered = GP__FILTERED_DROPPED, .bucket = {"spam", 4}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct gp__attempt_answer answer = {.results = &bad[i], .n = 1};
        struct gp__buf out = {.limit = 0};

        gp__answer_pack(&out, &answer);
        assert_int_equal(gp__answer_unpack(&answer, arena, gp__buf_slice(&out)), -1);
        gp__buf_free(&out);
    }
}

/* ---- plans ---- */

static const uint64_t waits[] = {300000, 900000};
static const uint64_t soon[] = {60000};

static const struct gp__plan_queue queues[] = {
    {.name = {"default", 7},
     .retry = {[GP__RETRY_OTHER] = {waits, 2}, [GP__RETRY_GREYLIST] = {soon, 1}},
     .expire_ms = 345600000,
     .warn_ms = 14400000,
     .attempt_ms = 600000,
     .connections = 20},
    {.name = {"bulk", 4},
     .retry = {[GP__RETRY_OTHER] = {soon, 1}},
     .expire_ms = 1000,
     .attempt_ms = 1000,
     .connections = 1,
     .rate = 600,
     .rate_period_ms = 60000,
     .fair_key = {"tenant", 6}},
};
static const struct gp__plan_route routes[] = {
    {.name = {"world", 5}, .target = {"internet", 8}, .queue = 1, .per_domain = true},
};
static const struct gp__plan_bucket buckets[] = {
    {.name = {"spam", 4},
     .expire_ms = 5,
     .then = GP__THEN_DELIVER,
     .release = GP__RELEASE_BY_SENDER},
};
static const struct gp__plan plan = {
    .hostname = {"mx.example.org", 14},
    .daemon = {"MAILER-DAEMON@mx.example.org", 28},
    .bounce_rate = 10,
    .bounce_period_ms = 3600000,
    .failed = {"", 0},
    .queues = queues,
    .n_queues = 2,
    .routes = routes,
    .n_routes = 1,
    .buckets = buckets,
    .n_buckets = 1,
};

static void test_plan(void **state)
{
    struct gp__buf out = {.limit = 0}, again = {.limit = 0};
    struct gp__plan read;

    (void)state;
    gp__plan_pack(&out, &plan);
    assert_int_equal(gp__plan_unpack(&read, arena, gp__buf_slice(&out)), 0);
    assert_slice(read.hostname, plan.hostname);
    assert_slice(read.bounce_bucket, plan.bounce_bucket);
    assert_slice(read.failed, plan.failed);
    assert_slice(read.delayed, plan.delayed);
    assert_int_equal(read.n_queues, 2);
    assert_slice(read.queues[1].fair_key, queues[1].fair_key);
    assert_int_equal(gp__plan_wait(&read.queues[0], GP__RETRY_GREYLIST, 0), soon[0]);
    assert_int_equal(gp__plan_wait(&read.queues[0], GP__RETRY_FULL, 1), waits[1]);
    assert_true(read.routes[0].per_domain);
    assert_int_equal(read.buckets[0].then, GP__THEN_DELIVER);
    assert_int_equal(read.buckets[0].release, GP__RELEASE_BY_SENDER);
    gp__plan_pack(&again, &read);
    assert_true(gp_slice_eq(gp__buf_slice(&out), gp__buf_slice(&again)));
    for (size_t i = 0; i < out.len; i++)
        assert_int_equal(gp__plan_unpack(&read, arena, gp_slice_sub(gp__buf_slice(&out), 0, i)),
                         -1);
    gp__buf_free(&out);
    gp__buf_free(&again);
}

static void assert_bad_plan(const struct gp__plan *bad)
{
    struct gp__buf out = {.limit = 0};
    struct gp__plan read;

    gp__plan_pack(&out, bad);
    assert_int_equal(gp__plan_unpack(&read, arena, gp__buf_slice(&out)), -1);
    gp__buf_free(&out);
}

static void test_bad_plans(void **state)
{
    static char text[GP__PLAN_TEXT_MAX + 1];
    struct gp__plan bad = plan;
    struct gp__plan_route route = routes[0];
    struct gp__plan_queue queue = queues[0];

    (void)state;
    bad.hostname = GP_S("");
    assert_bad_plan(&bad);
    bad = plan;
    bad.failed = gp_slice(text, sizeof text);
    assert_bad_plan(&bad);
    bad = plan;
    bad.n_queues = 0;
    assert_bad_plan(&bad);
    bad = plan;
    bad.routes = &route;
    route.queue = 2; /* there are two */
    assert_bad_plan(&bad);
    bad = plan;
    bad.queues = &queue;
    bad.n_queues = 1;
    bad.n_routes = 0;
    queue.retry[GP__RETRY_OTHER].n = 0;
    assert_bad_plan(&bad);
    queue = queues[0];
    queue.connections = 0;
    assert_bad_plan(&bad);
    queue = queues[0];
    queue.rate = 1;
    assert_bad_plan(&bad);
    queue = queues[0];
    queue.expire_ms = UINT64_MAX;
    assert_bad_plan(&bad);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attempt),     cmocka_unit_test(test_bad_attempts),
        cmocka_unit_test(test_answer),      cmocka_unit_test(test_cut),
        cmocka_unit_test(test_bad_answers), cmocka_unit_test(test_plan),
        cmocka_unit_test(test_bad_plans),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
