// SPDX-License-Identifier: Apache-2.0
/* HTTP requests of a call over simulated web servers. */
#include "tests/unit/plugin/kit.h"

#include <gatepost/plugin.h>

static void given(struct kit *kit, const char *url, unsigned status, uint64_t delay_ms,
                  const char *body)
{
    const struct gp__sim_answer answer = {.status = status,
                                          .delay_ms = delay_ms,
                                          .fields = GP_S("Content-Type: text/plain\nX-Two:  2 \n"),
                                          .body = gp_slice_of(body)};

    gp__sim_http(kit->rt, gp_slice_of(url), &answer);
}

/* ---- requests that work ---- */

static void asks(struct kit *kit, struct gp_call *call)
{
    struct gp_http *http = gp_http_create(call, "POST", GP_S("http://web.example/check"));

    assert_int_equal(gp_http_header(http, GP_S("X-From"), gp_sender(call)), 0);
    assert_int_equal(gp_http_body_message(http, gp_message(call)), 0);
    assert_int_equal(gp_http_status(http), 0);
    assert_int_equal(gp_http_send(http), 0);
    assert_int_equal(gp_http_status(http), 200);
    assert_slice(gp_http_response(http), GP_S("fine"));
    assert_slice(gp_http_response_header(http, GP_S("x-two")), GP_S("2"));
    assert_false(gp_slice_present(gp_http_response_header(http, GP_S("X-Three"))));
    assert_string_equal(gp_http_error(http), "");
    assert_clean(call);
    assert_true(gp__sim_called(kit->rt, GP_S("http POST http://web.example/check")));
    assert_true(gp__sim_called(kit->rt, GP_S("http field X-From: From.Me@Example.ORG")));
    assert_true(gp__sim_called(kit->rt, GP_S("http body 78")));
}

static void asks_two_at_once(struct kit *kit, struct gp_call *call)
{
    struct gp_http *slow = gp_http_create(call, "GET", GP_S("http://web.example/slow"));
    struct gp_http *quick = gp_http_create(call, "GET", GP_S("http://web.example/quick"));
    struct gp_op *ops[] = {gp_http_start(slow), gp_http_start(quick)};

    (void)kit;
    assert_int_equal(gp_wait_any(call, ops, 2), 1);
    assert_slice(gp_http_response(quick), GP_S("quick"));
    ops[1] = NULL;
    assert_int_equal(gp_wait_any(call, ops, 2), 0);
    assert_slice(gp_http_response(slow), GP_S("slow"));
    /* Another one is under way when the hook returns. */
    assert_non_null(gp_http_start(gp_http_create(call, "GET", GP_S("http://web.example/slow"))));
}

static void fails(struct kit *kit, struct gp_call *call)
{
    struct gp_http *http = gp_http_create(call, "GET", GP_S("http://nobody.example/"));

    (void)kit;
    assert_int_equal(gp_http_send(http), GP_ETEMP);
    assert_string_equal(gp_http_error(http), "connection refused");
    assert_int_equal(gp_http_status(http), 0);
    assert_false(gp_slice_present(gp_http_response(http)));
    http = gp_http_create(call, "GET", GP_S("http://web.example/quick"));
    assert_int_equal(gp_http_limit(http, 4), 0);
    assert_int_equal(gp_http_send(http), GP_ELIMIT);
    assert_string_equal(gp_http_error(http), "the answer is too large");
    http = gp_http_create(call, "GET", GP_S("http://web.example/never"));
    assert_int_equal(gp_http_send(http), GP_ETIMEDOUT);
}

static void test_requests(void **state)
{
    struct kit kit;

    (void)state;
    kit_begin(&kit);
    given(&kit, "http://web.example/check", 200, 5, "fine");
    given(&kit, "http://web.example/slow", 200, 100, "slow");
    given(&kit, "http://web.example/quick", 404, 0, "quick");
    given(&kit, "http://web.example/never", 200, 3600000, "");
    kit_run(&kit, GP_HOOK_MESSAGE, asks);
    kit_run(&kit, GP_HOOK_MESSAGE, asks_two_at_once);
    assert_true(gp__sim_called(kit.rt, GP_S("cancel")));
    kit.deadline_ms = 60000;
    kit_run(&kit, GP_HOOK_MESSAGE, fails);
    kit_end(&kit);
}

/* ---- what a request may be ---- */

static const struct {
    const char *method, *url;
    int result;
} places[] = {
    {"GET", "http://web.example/", 0},
    {"GET", "https://web.example", GP_ETEMP}, /* well formed, nobody there */
    {"PROPFIND", "http://[2001:db8::1]:8080/a?b=c%20d", GP_ETEMP},
    {"get", "http://web.example/", GP_EINVAL},
    {"", "http://web.example/", GP_EINVAL},
    {"GET X", "http://web.example/", GP_EINVAL},
    {"GET", "ftp://web.example/", GP_EINVAL},
    {"GET", "file:///etc/passwd", GP_EINVAL},
    {"GET", "web.example", GP_EINVAL},
    {"GET", "http://", GP_EINVAL},
    {"GET", "http:///path", GP_EINVAL},
    {"GET", "http://user:secret@web.example/", GP_EINVAL},
    {"GET", "http://web.example/@fine", GP_ETEMP},
    {"GET", "http://web.example/ HTTP/1.1", GP_EINVAL},
    {"GET", "http://web.example/\r\nX: y", GP_EINVAL},
    {"GET", "http://web.example/#part", GP_EINVAL},
    {"GET", "http://web.example/\xc3\xa9", GP_EINVAL},
};

static const struct {
    const char *name, *value;
    int result;
} fields[] = {
    {"X-A", "b", 0},
    {"X-A", "", 0},
    {"X-A", "tab\there \xc3\xa9", 0},
    {"", "b", GP_EINVAL},
    {"X A", "b", GP_EINVAL},
    {"X:A", "b", GP_EINVAL},
    {"X-A", "b\r\nX-B: c", GP_EINVAL},
    {"X-A", "b\nc", GP_EINVAL},
    {"X-A", "b\rc", GP_EINVAL},
    {"X-A", "\x7f", GP_EINVAL},
    {"host", "elsewhere", GP_EINVAL},
    {"Content-Length", "3", GP_EINVAL},
    {"transfer-encoding", "chunked", GP_EINVAL},
    {"Connection", "close", GP_EINVAL},
    {"Expect", "100-continue", GP_EINVAL},
};

static void checks_places(struct kit *kit, struct gp_call *call)
{
    char url[5000];

    (void)kit;
    for (size_t i = 0; i < COUNT(places); i++) {
        struct gp_http *http = gp_http_create(call, places[i].method, gp_slice_of(places[i].url));

        if (gp_http_send(http) != places[i].result)
            fail_msg("%s: %s", places[i].url, gp_http_error(http));
    }
    memset(url, 'a', sizeof url);
    memcpy(url, "http://", 7);
    assert_int_equal(gp_http_send(gp_http_create(call, "GET", gp_slice(url, 4097))), GP_EINVAL);
    assert_int_equal(gp_http_send(gp_http_create(call, "GET", gp_slice(url, 4096))), GP_ETEMP);
    assert_clean(call);
}

static void checks_fields(struct kit *kit, struct gp_call *call)
{
    static char large[8192];
    struct gp_http *http;

    (void)kit;
    for (size_t i = 0; i < COUNT(fields); i++) {
        http = gp_http_create(call, "GET", GP_S("http://web.example/"));
        if (gp_http_header(http, gp_slice_of(fields[i].name), gp_slice_of(fields[i].value)) !=
            fields[i].result)
            fail_msg("%s: %s", fields[i].name, fields[i].value);
        assert_int_equal(gp_http_send(http), fields[i].result);
    }
    http = gp_http_create(call, "GET", GP_S("http://web.example/"));
    assert_int_equal(gp_http_header(http, GP_S("X"), gp_slice("a\0b", 3)), GP_EINVAL);
    http = gp_http_create(call, "GET", GP_S("http://web.example/"));
    memset(large, 'a', sizeof large);
    assert_int_equal(gp_http_header(http, GP_S("X"), gp_slice(large, 8191)), 0);
    assert_int_equal(gp_http_header(http, GP_S("X"), gp_slice(large, 8192)), GP_ELIMIT);
    http = gp_http_create(call, "GET", GP_S("http://web.example/"));
    for (int i = 0; i < 1000; i++)
        assert_int_equal(gp_http_header(http, GP_S("X"), GP_S("y")), 0);
    assert_int_equal(gp_http_header(http, GP_S("X"), GP_S("y")), GP_ELIMIT);
    assert_clean(call);
}

static void checks_the_rest(struct kit *kit, struct gp_call *call)
{
    struct gp_http *http = gp_http_create(call, "POST", GP_S("http://web.example/"));

    (void)kit;
    assert_int_equal(gp_http_body(http, GP_S("a")), 0);
    assert_int_equal(gp_http_body(http, GP_S("b")), GP_EINVAL);
    assert_int_equal(gp_http_send(http), GP_EINVAL);
    http = gp_http_create(call, "POST", GP_S("http://web.example/"));
    assert_int_equal(gp_http_limit(http, ((size_t)8 << 20) + 1), GP_EINVAL);
    http = gp_http_create(call, "POST", GP_S("http://web.example/"));
    assert_int_equal(gp_http_unix(http, gp_slice("/a\0b", 4)), GP_EINVAL);
    http = gp_http_create(call, "POST", GP_S("http://web.example/"));
    assert_int_equal(gp_http_trust(http, GP_S("")), GP_EINVAL);
    assert_clean(call);
    http = gp_http_create(call, "GET", GP_S("http://web.example/"));
    assert_int_equal(gp_http_send(http), 0);
    assert_int_equal(gp_http_header(http, GP_S("X"), GP_S("y")), GP_EINVAL);
    assert_fault(call, "sent already");
    assert_int_equal(gp_http_send(http), GP_EINVAL);
    assert_fault(call, "sent already");
    http = gp_http_create(call, "POST", GP_S("http://web.example/"));
    assert_int_equal(gp_http_body_message(http, NULL), GP_EINVAL);
    assert_fault(call, "no message");
    http = gp_http_create(call, "POST", GP_S("http://web.example/"));
    assert_int_equal(gp_http_body_around(http, BAD, gp_message(call), GP_S("")), GP_EINVAL);
    assert_fault(call, "NULL with a length");
    http = gp_http_create(call, "POST", GP_S("http://web.example/"));
    assert_int_equal(gp_http_body_around(http, GP_S("<"), gp_message(call), GP_S(">")), 0);
    assert_int_equal(gp_http_body(http, GP_S("x")), GP_EINVAL);
    http = gp_http_create(call, NULL, GP_S("http://web.example/"));
    assert_fault(call, "no method");
    assert_int_equal(gp_http_send(http), GP_EINVAL);
    http = gp_http_create(call, "GET", BAD);
    assert_fault(call, "NULL with a length");
    assert_int_equal(gp_http_send(http), GP_EINVAL);
}

static void has_no_right(struct kit *kit, struct gp_call *call)
{
    struct gp_http *http = gp_http_create(call, "GET", GP_S("http://web.example/"));

    (void)kit;
    assert_fault(call, "GP_NEEDS_NETWORK");
    assert_int_equal(gp_http_send(http), GP_ENOTALLOWED);
}

static void may_not_wait(struct kit *kit, struct gp_call *call)
{
    struct gp_http *http = gp_http_create(call, "GET", GP_S("http://web.example/"));

    (void)kit;
    assert_int_equal(gp_http_send(http), GP_ENOTALLOWED);
    assert_fault(call, "no hook may wait");
}

static void test_refusals(void **state)
{
    struct kit kit;

    (void)state;
    kit_begin(&kit);
    given(&kit, "http://web.example/", 200, 0, "");
    kit_run(&kit, GP_HOOK_MESSAGE, checks_places);
    kit_run(&kit, GP_HOOK_MESSAGE, checks_fields);
    kit_run(&kit, GP_HOOK_MESSAGE, checks_the_rest);
    kit_run(&kit, GP_HOOK_BODY, may_not_wait);
    kit.plugin.needs = 0;
    kit_run(&kit, GP_HOOK_MESSAGE, has_no_right);
    kit_end(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_refusals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
