// SPDX-License-Identifier: Apache-2.0
/* A configuration as the scheduler's plan: names become numbers, and it survives being packed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/delivery/plan.h"
#include "tests/unit/config/fake.h"

/* libfyaml 0.7.12 loses memory when it refuses a file. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libfyaml\n";
}

static const char *const config =
    "hostname: mx.example\n"
    "listeners: {mx: {address: \"127.0.0.1:25\"}}\n"
    "tables: {tenants: [{b.example: \"h:25\"}]}\n"
    "targets: {box: {maildir: {path: /m}}, out: {smart: {to: \"h:25\"}},\n"
    "  per: {smart: {to: \"h:25\", per_recipient: tenants}}}\n"
    "routes:\n"
    "  - {name: d, match: {recipient: a.example}, to: box, mode: direct, queue: bulk}\n"
    "  - {name: q, match: {recipient: b.example}, to: box}\n"
    "  - {name: o, match: {recipient: c.example}, to: out}\n"
    "  - {name: p, match: {recipient: d.example}, to: per}\n"
    "spool: {path: /spool}\n"
    "queue:\n"
    "  bulk: {retry: [1h, 2h], retry_for: {unreachable: 3m, full: [4m, 5m]}, expire: 2d, per_destination: {rate: 600/m}, fair_by: by.tenant}\n"
    "  default: {retry: [10s], retry_for: {greylisted: 6m, busy: 7m}, warn: 0, fair_by: tenant}\n"
    "buckets: {spam: {expire: 14d, then: bounce, release: sender}}\n"
    "bounces: {bucket: review}\n";

static void assert_text(struct gp_slice s, const char *expected)
{
    if (!gp_slice_eq(s, gp_slice_of(expected)))
        fail_msg("\"" GP_FMT "\" instead of \"%s\"", GP_ARG(s), expected);
}

static void assert_waits(const struct gp__plan_queue *queue, enum gp__retry_class why, size_t n,
                         unsigned first_minutes)
{
    assert_int_equal(queue->retry[why].n, n);
    if (n)
        assert_int_equal(queue->retry[why].ms[0], first_minutes * 60000);
}

static void check(const struct gp__plan *plan)
{
    assert_text(plan->hostname, "mx.example");
    assert_text(plan->daemon, "MAILER-DAEMON@mx.example");
    assert_text(plan->bounce_bucket, "review");
    assert_int_equal(plan->n_queues, 2);
    assert_text(plan->queues[0].name, "default");
    assert_int_equal(plan->queues[0].retry[GP__RETRY_OTHER].ms[0], 10000);
    assert_waits(&plan->queues[0], GP__RETRY_GREYLIST, 1, 6);
    assert_waits(&plan->queues[0], GP__RETRY_LIMITED, 1, 7);
    assert_waits(&plan->queues[0], GP__RETRY_FULL, 0, 0);
    assert_waits(&plan->queues[0], GP__RETRY_CONNECT, 0, 0);
    assert_false(gp_slice_present(plan->queues[0].fair_instance));
    assert_text(plan->queues[0].fair_key, "tenant");
    assert_text(plan->queues[1].fair_instance, "by");
    assert_text(plan->queues[1].fair_key, "tenant");
    assert_int_equal(plan->queues[1].rate, 600);
    assert_int_equal(plan->queues[1].rate_period_ms, 60000);
    assert_int_equal(plan->queues[1].expire_ms, 2 * 86400000);
    assert_waits(&plan->queues[1], GP__RETRY_OTHER, 2, 60);
    assert_waits(&plan->queues[1], GP__RETRY_CONNECT, 1, 3);
    assert_waits(&plan->queues[1], GP__RETRY_FULL, 2, 4);
    assert_waits(&plan->queues[1], GP__RETRY_LIMITED, 0, 0);
    assert_waits(&plan->queues[1], GP__RETRY_GREYLIST, 5, 1); /* built in, where it is sooner */
    assert_int_equal(plan->n_routes, 4);
    assert_text(plan->routes[0].name, "d");
    assert_text(plan->routes[0].target, "box");
    assert_int_equal(plan->routes[0].queue, 1);
    assert_int_equal(plan->routes[1].queue, 0);
    assert_false(plan->routes[1].per_domain);
    assert_false(plan->routes[2].per_domain);
    assert_true(plan->routes[3].per_domain);
    assert_int_equal(plan->n_buckets, 2);
    assert_text(plan->buckets[0].name, "spam");
    assert_int_equal(plan->buckets[0].then, GP__THEN_BOUNCE);
    assert_int_equal(plan->buckets[0].release, GP__RELEASE_BY_SENDER);
    assert_int_equal(plan->buckets[1].release, GP__RELEASE_BY_NOBODY);
    assert_int_equal(plan->buckets[1].expire_ms, 30ll * 86400000);
}

static void plan_of(void **unused)
{
    struct fake_file files[] = {{FAKE_MAIN, config, 0}, {NULL, NULL, 0}};
    struct gp__buf text = {.limit = 0}, packed = {.limit = 0};
    struct gp__settings *settings = fake_load(files, &text, GP__DIAG_TEXT);
    struct gp__arena *arena = gp__arena_create();
    struct gp__plan plan, back;

    (void)unused;
    if (!settings)
        fail_msg(GP_FMT, GP_ARG(gp__buf_slice(&text)));
    gp__plan_of(&plan, arena, settings);
    check(&plan);
    gp__plan_pack(&packed, &plan);
    assert_int_equal(gp__plan_unpack(&back, arena, gp__buf_slice(&packed)), 0);
    check(&back);
    gp__arena_free(&arena);
    gp__settings_free(&settings);
    gp__buf_free(&text);
    gp__buf_free(&packed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(plan_of)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
