// SPDX-License-Identifier: Apache-2.0
/* Questions and orders about the queue as they come over the control socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <jansson.h>

#include "core/base/arena.h"
#include "core/process/queue_control.h"
#include "core/runtime/sim.h"
#include "tests/unit/delivery/memory_spool.h"

static const uint64_t waits[] = {600000};
static const struct gp__plan_queue policy = {.name = {"default", 7},
                                             .retry = {[GP__RETRY_OTHER] = {waits, 1}},
                                             .expire_ms = 100000000,
                                             .attempt_ms = 100000000,
                                             .connections = 20};
static const struct gp__plan_route route = {
    .name = {"world", 5}, .target = {"internet", 8}, .per_domain = true};
static const struct gp__plan_bucket bucket = {.name = {"mine", 4},
                                              .release = GP__RELEASE_BY_RECIPIENT};
static const struct gp__plan plan = {.hostname = {"mx.example.org", 14},
                                     .daemon = {"d@mx.example.org", 16},
                                     .queues = &policy,
                                     .n_queues = 1,
                                     .routes = &route,
                                     .n_routes = 1,
                                     .buckets = &bucket,
                                     .n_buckets = 1};

static struct gp__runtime *rt;
static struct gp__scheduler *scheduler;

static int setup(void **state)
{
    struct gp__spool_settings spool = {.engine = &memory_engine};
    struct gp__buf bytes = {.limit = 0}, error = {.limit = 0};
    struct gp__scheduler_options options = {.spool = &spool};

    (void)state;
    memory_rewind();
    rt = options.runtime = gp__sim_create(1, NULL);
    gp__plan_pack(&bytes, &plan);
    options.plan = gp__buf_slice(&bytes);
    scheduler = gp__scheduler_open(&options, &error);
    assert_non_null(scheduler);
    gp__buf_free(&bytes);
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

static void put_held(unsigned first, unsigned n, const char *held)
{
    struct gp__entry_copy copy = {.id = GP_S("c"), .sender = GP_S("s@example.com")};
    struct gp__entry_recipient recipients[2] = {
        {.address = GP_S("a@one.example"), .route = GP_S("world"), .bucket = gp_slice_of(held)},
        {.address = GP_S("b@two.example"), .route = GP_S("world"), .bucket = gp_slice_of(held)}};
    struct gp__entry entry = {.verdicts = GP_S("{\"scan\":\"quarantine 12us\"}"),
                              .received_ms = rt->ops->wall_ms(rt),
                              .copies = &copy,
                              .n_copies = 1,
                              .recipients = recipients,
                              .n_recipients = 2};
    char id[16];

    for (unsigned i = first; i < first + n; i++) {
        entry.id = gp_slice(id, (size_t)snprintf(id, sizeof id, "m%u", i));
        (void)memory_put(&entry);
    }
    gp__scheduler_look(scheduler);
    gp__sim_settle(rt);
}

static void put(unsigned first, unsigned n)
{
    put_held(first, n, NULL);
}

static void said(void *arg, struct gp_slice text)
{
    assert_true(text.len > 0);
    gp__buf_append(arg, text);
}

/* The answer, or NULL: it was refused, with a text that has this in it. */
static json_t *ask(const char *request, const char *refusal)
{
    struct gp__buf out = {.limit = 0};
    json_t *answer = NULL;

    gp__queue_control(scheduler, gp_slice_of(request), said, &out);
    gp__sim_settle(rt);
    assert_true(out.len > 0);
    if (refusal) {
        assert_true(gp_slice_starts(gp__buf_slice(&out), GP_S("!")));
        assert_true(gp_slice_search(gp__buf_slice(&out), gp_slice_of(refusal)) < out.len);
    } else {
        answer = json_loadb(gp__buf_slice(&out).data, out.len, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(answer);
    }
    gp__buf_free(&out);
    return answer;
}

/* An order is answered when a crash can't undo it any more; or with why it may. */
static void test_durable(void **state)
{
    static const char *const requests[] = {
        "{\"what\":\"pause\",\"filter\":\"domain=one.example\"}",
        "{\"what\":\"pause\",\"filter\":\"domain=two.example\"}"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct gp__buf out = {.limit = 0};

        memory.journal_stops = i > 0;
        memory.journal_error = GP_EIO;
        gp__queue_control(scheduler, gp_slice_of(requests[i]), said, &out);
        assert_int_equal(out.len, 0);
        gp__sim_settle(rt);
        assert_true(gp_slice_starts(gp__buf_slice(&out), i ? GP_S("!") : GP_S("{}")));
        gp__buf_free(&out);
    }
}

static long long number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    assert_true(json_is_integer(value));
    return json_integer_value(value);
}

static void test_list(void **state)
{
    char request[160], after[64] = "0:0";
    unsigned n = 0, pages = 0;
    bool more = true;

    (void)state;
    put(0, 20);
    while (more) {
        json_t *answer, *list, *one;
        size_t i;

        snprintf(request, sizeof request, "{\"what\":\"list\",\"limit\":7,\"after\":\"%s\"}",
                 after);
        answer = ask(request, NULL);
        list = json_object_get(answer, "list");
        json_array_foreach(list, i, one)
        {
            char id[16];

            snprintf(id, sizeof id, "m%u", n++);
            assert_string_equal(json_string_value(json_object_get(one, "message")), id);
            assert_int_equal(number(one, "left"), 2);
            assert_int_equal(json_array_size(json_object_get(one, "recipients")), 2);
        }
        snprintf(after, sizeof after, "%s", json_string_value(json_object_get(answer, "after")));
        more = json_is_true(json_object_get(answer, "more"));
        pages++;
        json_decref(answer);
    }
    assert_int_equal(n, 20);
    assert_int_equal(pages, 3);
}

static void test_filtered(void **state)
{
    static const struct {
        const char *filter;
        size_t messages, recipients;
    } cases[] = {
        {"", 3, 2},
        {"message=m1", 1, 2},
        {"message=m9", 0, 0},
        {"domain=two.example", 3, 1},
        {"destination=internet/one.example state=ready", 3, 1},
        {"state=held", 0, 0},
        {"sender=S@example.com route=world", 3, 2},
        {"before=1", 0, 0},
    };

    (void)state;
    put(0, 3);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char request[160];
        json_t *answer, *list;

        snprintf(request, sizeof request, "{\"what\":\"list\",\"filter\":\"%s\"}", cases[i].filter);
        answer = ask(request, NULL);
        list = json_object_get(answer, "list");
        assert_int_equal(json_array_size(list), cases[i].messages);
        if (cases[i].messages)
            assert_int_equal(
                json_array_size(json_object_get(json_array_get(list, 0), "recipients")),
                cases[i].recipients);
        json_decref(answer);
    }
}

static void test_orders(void **state)
{
    json_t *answer;

    (void)state;
    put(0, 3);
    answer = ask("{\"what\":\"hold\",\"filter\":\"domain=one.example\"}", NULL);
    assert_int_equal(number(answer, "messages"), 3);
    assert_int_equal(number(answer, "recipients"), 3);
    json_decref(answer);
    answer = ask("{\"what\":\"delete\",\"filter\":\"state=ready\"}", NULL);
    assert_int_equal(number(answer, "recipients"), 3);
    json_decref(answer);
    answer = ask("{\"what\":\"stats\"}", NULL);
    assert_int_equal(number(answer, "messages"), 3);
    assert_int_equal(number(json_object_get(answer, "states"), "held"), 3);
    assert_true(json_is_true(json_object_get(answer, "complete")));
    assert_true(number(answer, "group_bytes") <= 256);
    json_decref(answer);
    answer = ask("{\"what\":\"reroute\",\"route\":\"world\",\"filter\":\"message=m0\"}", NULL);
    assert_int_equal(number(answer, "recipients"), 1);
    json_decref(answer);
    json_decref(ask("{\"what\":\"pause\",\"filter\":\"sender=s@example.com\"}", NULL));
    answer = ask("{\"what\":\"stats\"}", NULL);
    assert_int_equal(json_array_size(json_object_get(answer, "pauses")), 1);
    assert_int_equal(number(json_object_get(answer, "states"), "paused"), 1);
    json_decref(answer);
    json_decref(ask("{\"what\":\"resume\",\"filter\":\"sender=s@example.com\"}", NULL));
}

static void test_routes(void **state)
{
    json_t *answer, *list;

    (void)state;
    put(0, 3);
    answer = ask("{\"what\":\"routes\"}", NULL);
    list = json_object_get(answer, "routes");
    assert_int_equal(json_array_size(list), 1);
    assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "route")),
                        "world");
    assert_int_equal(number(json_array_get(list, 0), "messages"), 3); /* two groups each */
    json_decref(answer);
}

/* In whose name: what that one may not is left alone, and said. */
static void test_release_as(void **state)
{
    static const struct {
        const char *bucket, *as;
        int recipients, refused;
    } cases[] = {
        {"mine", "B@two.example", 1, 0},
        {"mine", "c@two.example", 0, 0},
        {"hold", "b@two.example", 0, 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char request[160];
        json_t *answer;

        put_held((unsigned)i, 1, cases[i].bucket);
        snprintf(request, sizeof request,
                 "{\"what\":\"release\",\"filter\":\"message=m%zu\",\"as\":\"%s\"}", i,
                 cases[i].as);
        answer = ask(request, NULL);
        assert_int_equal(number(answer, "recipients"), cases[i].recipients);
        assert_int_equal(number(answer, "refused"), cases[i].refused);
        json_decref(answer);
    }
}

/* What filters said is told of a message that is shown, and only then. */
static void test_verdicts(void **state)
{
    (void)state;
    put(0, 1);
    for (unsigned i = 0; i < 2; i++) {
        json_t *answer = ask(i ? "{\"what\":\"show\",\"filter\":\"message=m0\"}"
                               : "{\"what\":\"list\",\"filter\":\"message=m0\"}",
                             NULL);
        const json_t *one = json_array_get(json_object_get(answer, "list"), 0);
        const char *said_ = json_string_value(
            json_object_get(json_object_get(one, "verdicts"), "scan"));

        assert_int_equal(said_ != NULL, i);
        if (said_)
            assert_string_equal(said_, "quarantine 12us");
        json_decref(answer);
    }
}

static void test_refusals(void **state)
{
    static const struct {
        const char *request, *refusal;
    } cases[] = {
        {"nonsense", "does not know"},
        {"{\"what\":\"dance\"}", "does not know"},
        {"{\"what\":\"list\",\"filter\":\"colour=red\"}", "colour=red"},
        {"{\"what\":\"list\",\"filter\":\"state=gone\"}", "state=gone"},
        {"{\"what\":\"list\",\"after\":\"there\"}", "after"},
        {"{\"what\":\"delete\"}", "which mail"},
        {"{\"what\":\"reroute\",\"route\":\"nowhere\",\"filter\":\"message=m0\"}", "nowhere"},
        {"{\"what\":\"pause\"}", "which mail"},
        {"{\"what\":\"release\",\"as\":\"a@b.example\"}", "which mail"},
        {"{\"what\":\"release\",\"filter\":\"message=m0\",\"as\":\"nobody\"}", "is no address"},
        {"{\"what\":\"release\",\"filter\":\"message=m0\",\"as\":7}", "is no address"},
        {"{\"what\":\"release\",\"filter\":\"message=m0\",\"as\":\"\"}", "is no address"},
        {"{\"what\":\"delete\",\"filter\":\"message=m0\",\"as\":\"a@b.example\"}", "released"},
        {"{\"what\":\"resume\",\"filter\":\"domain=one.example\"}", "no such pause"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_null(ask(cases[i].request, cases[i].refusal));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_list),     TEST(test_filtered), TEST(test_orders),     TEST(test_routes),
        TEST(test_refusals), TEST(test_durable),  TEST(test_release_as), TEST(test_verdicts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
