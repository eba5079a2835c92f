// SPDX-License-Identifier: Apache-2.0
/* The schedule: what is tried when, what is learned of destinations, what operators do, and what it
 * costs. Time is a number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/delivery/queue.h"

#define MANY 100000u /* a million: tests/bench/bench_queue.c */

#define MINUTE 60000u
#define HOUR 3600000u

static const uint64_t waits[] = {5 * MINUTE, 15 * MINUTE, HOUR};
static const uint64_t soon[] = {MINUTE};
static const struct gp__plan_queue queues[] = {
    {.name = {"default", 7},
     .retry = {[GP__RETRY_OTHER] = {waits, 3}, [GP__RETRY_GREYLIST] = {soon, 1}},
     .expire_ms = 96 * HOUR,
     .warn_ms = 4 * HOUR,
     .attempt_ms = 600000,
     .connections = 20},
    {.name = {"paced", 5},
     .retry = {[GP__RETRY_OTHER] = {waits, 3}},
     .expire_ms = 96 * HOUR,
     .attempt_ms = 600000,
     .connections = 20,
     .rate = 600,
     .rate_period_ms = MINUTE},
};
static const struct gp__plan_route routes[] = {
    {.name = {"world", 5}, .target = {"internet", 8}, .per_domain = true},
    {.name = {"inside", 6}, .target = {"exchange", 8}},
    {.name = {"paced", 5}, .target = {"paced", 5}, .queue = 1},
};
static const struct gp__plan plan = {
    .queues = queues, .n_queues = 2, .routes = routes, .n_routes = 3};

static struct gp__queue *queue;
static uint32_t n_added;

static int setup(void **state)
{
    (void)state;
    n_added = 0;
    queue = gp__queue_create(42);
    gp__queue_plan(queue, &plan);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    gp__queue_free(&queue);
    return 0;
}

/* A message of one group of two recipients, LOOSE. */
static struct gp__group *add(const char *route, const char *domain, const char *tenant,
                             uint64_t now)
{
    struct gp__queue_message message = {
        .place = {.segment = 1 + n_added / 16384, .offset = n_added % 16384 * 4096},
        .id = n_added + 1,
        .sender = gp__queue_hash(GP_S("a@example.org")),
        .arrived_ms = now,
    };
    struct gp__queue_group group = {
        .left = 3,
        .route = gp__queue_name(queue, gp_slice_of(route)),
        .domain = gp_slice_of(domain),
        .tenant = gp_slice_of(tenant),
    };

    n_added++;
    return gp__queue_add_group(queue, gp__queue_add(queue, &message), &group);
}

static struct gp__group *add_ready(const char *route, const char *domain, uint64_t now)
{
    struct gp__group *group = add(route, domain, NULL, now);

    gp__queue_wait(queue, group, now, now);
    return group;
}

static void nothing_happens(uint64_t now)
{
    struct gp__group *group;

    assert_int_equal(gp__queue_event(queue, now, &group), GP__QUEUE_NOTHING);
}

/* ---- retries ---- */

static void test_retries(void **state)
{
    static const struct {
        enum gp__retry_class why;
        unsigned tries; /* before this one */
        uint64_t retry_after, low, high;
    } cases[] = {
        {GP__RETRY_OTHER, 0, 0, 5 * MINUTE * 7 / 8, 5 * MINUTE * 9 / 8},
        {GP__RETRY_OTHER, 1, 0, 15 * MINUTE * 7 / 8, 15 * MINUTE * 9 / 8},
        {GP__RETRY_OTHER, 2, 0, HOUR * 7 / 8, HOUR * 9 / 8},
        {GP__RETRY_OTHER, 9, 0, HOUR * 7 / 8, HOUR * 9 / 8}, /* the last is repeated */
        {GP__RETRY_GREYLIST, 0, 0, MINUTE * 7 / 8, MINUTE * 9 / 8},
        {GP__RETRY_GREYLIST, 1, 0, 15 * MINUTE * 7 / 8, 15 * MINUTE * 9 / 8}, /* it is none */
        {GP__RETRY_FULL, 0, 0, 5 * MINUTE * 7 / 8, 5 * MINUTE * 9 / 8},       /* none of its own */
        {GP__RETRY_OTHER, 0, 90000, 90000, 90000},
        {GP__RETRY_OTHER, 0, 1, 1000, 1000},
        {GP__RETRY_OTHER, 0, 1000 * HOUR, 24 * HOUR, 24 * HOUR},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gp__queue_answer answer = {.reply = GP__REPLY(451, 4, 7, 1, "later"),
                                          .remote = GP_S("mx"),
                                          .why = cases[i].why,
                                          .retry_after_ms = cases[i].retry_after};
        struct gp__group *group = add("world", "example.org", NULL, 1000);
        struct gp_slice remote;
        uint64_t due;

        group->tries = (uint16_t)cases[i].tries;
        due = gp__queue_tried(queue, group, &answer, 1000);
        assert_in_range(due, 1000 + cases[i].low, 1000 + cases[i].high);
        assert_int_equal(group->tries, cases[i].tries + 1);
        assert_int_equal(gp__queue_reply(queue, group, &remote).code, 451);
        assert_true(gp_slice_eq(gp__queue_reply(queue, group, &remote).text, GP_S("later")));
        assert_true(gp_slice_eq(remote, GP_S("mx")));
    }
}

/* What failed together does not come back together. */
static void test_jitter(void **state)
{
    struct gp__queue_answer answer = {.reply = GP__REPLY(450, 4, 2, 0, "busy")};
    uint64_t least = UINT64_MAX, most = 0;

    (void)state;
    for (size_t i = 0; i < 1000; i++) {
        uint64_t due = gp__queue_tried(queue, add("world", "example.org", NULL, 0), &answer, 0);

        least = due < least ? due : least;
        most = due > most ? due : most;
    }
    assert_in_range(least, 5 * MINUTE * 7 / 8, 5 * MINUTE * 9 / 10);
    assert_in_range(most, 5 * MINUTE * 11 / 10, 5 * MINUTE * 9 / 8);
}

/* What one said is kept once, and goes with the last who heard it. */
static void test_texts(void **state)
{
    struct gp__queue_answer answer = {.reply = GP__REPLY(450, 4, 2, 0, "busy")};
    struct gp__queue_stats stats;
    struct gp__group *groups[10];

    (void)state;
    for (size_t i = 0; i < 10; i++) {
        groups[i] = add("world", "example.org", NULL, 0);
        (void)gp__queue_tried(queue, groups[i], &answer, 0);
    }
    gp__queue_stats(queue, &stats);
    assert_int_equal(stats.texts, 1);
    answer.reply = GP__REPLY(450, 4, 2, 0, "still busy");
    (void)gp__queue_tried(queue, groups[0], &answer, 0);
    for (size_t i = 1; i < 10; i++)
        gp__queue_remove(queue, groups[i]);
    gp__queue_stats(queue, &stats);
    assert_int_equal(stats.texts, 1);
}

/* ---- time ---- */

static void test_last_attempt(void **state)
{
    struct gp__queue_answer answer = {.reply = GP__REPLY(450, 4, 2, 0, "busy")};
    struct gp__group *group = add("world", "example.org", NULL, 0);
    uint64_t end = 96 * HOUR;

    (void)state;
    assert_int_equal(gp__queue_tried(queue, group, &answer, end - MINUTE), end);
    assert_int_equal(gp__queue_tried(queue, group, &answer, end), 0);
    assert_int_equal(gp__queue_tried(queue, group, &answer, end + HOUR), 0);
}

static void test_warning(void **state)
{
    struct gp__group *group = add("world", "example.org", NULL, 0), *told;

    (void)state;
    gp__queue_wait(queue, group, 5 * HOUR, 0);
    assert_int_equal(gp__queue_next(queue), 4 * HOUR);
    nothing_happens(4 * HOUR - 1);
    assert_int_equal(gp__queue_event(queue, 4 * HOUR, &told), GP__QUEUE_WARN);
    assert_ptr_equal(told, group);
    nothing_happens(4 * HOUR);
    assert_int_equal(gp__queue_next(queue), 5 * HOUR);
    nothing_happens(5 * HOUR);
    assert_int_equal(group->state, GP__GROUP_READY);
    nothing_happens(50 * HOUR);
}

/* One that could not be tried at all expires; one that only comes late gets its attempt. */
static void test_expiry(void **state)
{
    struct gp__group *stuck = add_ready("world", "example.org", 0),
                     *late = add("world", "example.net", NULL, 0), *told;
    uint64_t end = 96 * HOUR;

    (void)state;
    stuck->flags |= GP__GROUP_WARNED;
    late->flags |= GP__GROUP_WARNED;
    gp__queue_wait(queue, late, end + HOUR, end + HOUR);
    assert_int_equal(gp__queue_event(queue, end + HOUR, &told), GP__QUEUE_EXPIRED);
    assert_ptr_equal(told, stuck);
    assert_int_equal(stuck->state, GP__GROUP_LOOSE);
    nothing_happens(end + HOUR + 9 * MINUTE);
    assert_int_equal(late->state, GP__GROUP_READY);
    assert_int_equal(gp__queue_event(queue, end + HOUR + 10 * MINUTE, &told), GP__QUEUE_EXPIRED);
    assert_ptr_equal(told, late);
}

static void test_held(void **state)
{
    struct gp__group *group = add("world", "example.org", NULL, 0),
                     *ever = add("world", "example.org", NULL, 0), *told;
    gp__name spam = gp__queue_name(queue, GP_S("spam"));

    (void)state;
    gp__queue_hold(queue, ever, spam, 0);
    gp__queue_hold(queue, group, spam, 200 * HOUR);
    nothing_happens(200 * HOUR - 1);
    assert_int_equal(gp__queue_event(queue, 200 * HOUR, &told), GP__QUEUE_UNHELD);
    assert_ptr_equal(told, group);
    assert_int_equal(gp__queue_event(queue, 100000 * HOUR, &told), GP__QUEUE_NOTHING);
    gp__queue_loosen(queue, ever);
    gp__queue_wait(queue, ever, 0, 0);
    assert_int_equal(ever->bucket, 0);
    assert_int_equal(ever->state, GP__GROUP_READY);
}

/* ---- places ---- */

static size_t take_all(uint64_t now, struct gp__group **groups_r, size_t max)
{
    size_t n = 0;

    while (n < max && (groups_r[n] = gp__queue_take(queue, now)))
        n++;
    return n;
}

static void add_many(const char *route, const char *domain, size_t n)
{
    while (n-- > 0)
        add_ready(route, domain, 0);
}

/* Five at first, about one more a round of successes, half as many when it asks, one when it was
 * down. */
static void test_window(void **state)
{
    static const struct {
        enum gp__feedback feedback;
        size_t next; /* attempts at a time after a round of such answers */
        uint64_t at;
    } rounds[] = {
        {GP__FEEDBACK_GOOD, 5, 0},     {GP__FEEDBACK_GOOD, 6, 0},     {GP__FEEDBACK_SLOW, 3, 2000},
        {GP__FEEDBACK_NONE, 3, 2000},  {GP__FEEDBACK_DOWN, 1, 30000}, {GP__FEEDBACK_DOWN, 1, 90000},
        {GP__FEEDBACK_GOOD, 5, 90000},
    };
    struct gp__group *groups[100];
    size_t n;

    (void)state;
    gp__queue_carrier(queue, 0, 256);
    add_many("world", "example.org", 100);
    n = take_all(0, groups, 100);
    assert_int_equal(n, 5);
    for (size_t i = 0; i < sizeof rounds / sizeof *rounds; i++) {
        for (size_t k = 0; k < n; k++)
            gp__queue_give_back(queue, groups[k], rounds[i].feedback, 0, rounds[i].at);
        if (rounds[i].feedback == GP__FEEDBACK_DOWN || rounds[i].feedback == GP__FEEDBACK_SLOW)
            assert_null(gp__queue_take(queue, rounds[i].at));
        n = take_all(rounds[i].at + 40000, groups, 100);
        assert_int_equal(n, rounds[i].next);
    }
    for (size_t k = 0; k < n; k++)
        gp__queue_give_back(queue, groups[k], GP__FEEDBACK_NONE, 0, 0);
}

static void test_most_connections(void **state)
{
    struct gp__group *groups[100];
    size_t n = 0;

    (void)state;
    gp__queue_carrier(queue, 0, 256);
    add_many("world", "example.org", 1000);
    for (int round = 0; round < 30; round++) {
        n = take_all(0, groups, 100);
        for (size_t k = 0; k < n; k++)
            gp__queue_give_back(queue, groups[k], GP__FEEDBACK_GOOD, 0, 0);
    }
    assert_int_equal(n, 20);
}

/* One that is down is probed after 15 s, then after twice as long each time, up to ten minutes. */
static void test_probes(void **state)
{
    static const uint64_t waits_s[] = {15, 30, 60, 120, 240, 480, 600, 600};
    struct gp__group *group;
    uint64_t now = 0;

    (void)state;
    gp__queue_carrier(queue, 0, 256);
    add_many("world", "example.org", 10);
    for (size_t i = 0; i < sizeof waits_s / sizeof *waits_s; i++) {
        uint64_t wait = waits_s[i] * 1000, next;

        group = gp__queue_take(queue, now);
        assert_non_null(group);
        if (i > 0)
            assert_null(gp__queue_take(queue, now)); /* one at a time */
        gp__queue_give_back(queue, group, GP__FEEDBACK_DOWN, 0, now);
        next = gp__queue_next(queue);
        assert_in_range(next, now + wait * 7 / 8, now + wait * 9 / 8);
        assert_null(gp__queue_take(queue, next - 1));
        gp__queue_wait(queue, group, next, next);
        now = next;
    }
}

static void test_pause_of_destination(void **state)
{
    struct gp__group *group;

    (void)state;
    gp__queue_carrier(queue, 0, 256);
    add_many("world", "example.org", 3);
    group = gp__queue_take(queue, 0);
    gp__queue_give_back(queue, group, GP__FEEDBACK_SLOW, 30 * MINUTE, 0);
    assert_null(gp__queue_take(queue, 30 * MINUTE - 1));
    assert_int_equal(gp__queue_next(queue), 30 * MINUTE);
    group = gp__queue_take(queue, 30 * MINUTE);
    assert_non_null(group);
    /* What it asks for is bounded; and an operator can ask for more. */
    gp__queue_give_back(queue, group, GP__FEEDBACK_SLOW, 1000 * HOUR, 30 * MINUTE);
    gp__queue_wait(queue, group, HOUR, HOUR);
    assert_null(gp__queue_take(queue, HOUR));
    assert_non_null(gp__queue_take(queue, HOUR + 30 * MINUTE));
    gp__queue_wake(queue, group, HOUR);
}

static void test_rate(void **state)
{
    struct gp__group *groups[100];
    uint64_t now = 0;
    size_t n = 0;

    (void)state;
    gp__queue_carrier(queue, 0, 256);
    add_many("paced", NULL, 1000);
    for (now = 0; now < MINUTE; now += 10) {
        size_t taken = take_all(now, groups, 100);

        n += taken;
        for (size_t k = 0; k < taken; k++)
            gp__queue_give_back(queue, groups[k], GP__FEEDBACK_GOOD, 0, now);
    }
    assert_in_range(n, 595, 611);
}

/* However many are greedy, there is a place for one that comes new; and the greedy share. */
static void test_shares(void **state)
{
    struct gp__group *groups[64], *group;
    char domain[32];
    size_t n;

    (void)state;
    gp__queue_carrier(queue, 0, 16);
    gp__queue_carrier(queue, 1, 16);
    for (int i = 0; i < 6; i++) {
        snprintf(domain, sizeof domain, "greedy%d.example", i);
        add_many("world", domain, 50);
    }
    n = take_all(0, groups, 64);
    assert_in_range(n, 24, 30); /* 6 destinations at 4 or 5; at least as many are free */
    for (int i = 0; i < 6; i++) {
        size_t taken = 0;

        for (size_t k = 0; k < n; k++)
            taken += groups[k]->message->link.hash - 1 >= (uint64_t)i * 50 &&
                     groups[k]->message->link.hash - 1 < (uint64_t)(i + 1) * 50;
        assert_in_range(taken, n / 6, n / 6 + 1);
    }
    group = add_ready("inside", NULL, 0);
    assert_ptr_equal(gp__queue_take(queue, 0), group);
}

static void test_carriers(void **state)
{
    struct gp__group *a, *b;

    (void)state;
    assert_null(gp__queue_take(queue, 0));
    gp__queue_carrier(queue, 3, 8);
    gp__queue_carrier(queue, 1, 9);
    add_many("world", "example.org", 4);
    a = gp__queue_take(queue, 0);
    b = gp__queue_take(queue, 0);
    assert_int_equal(a->in.taken.carrier, 1); /* most room */
    assert_int_equal(b->in.taken.carrier, 1); /* where the connections are */
    gp__queue_carrier(queue, 1, 0);           /* it died */
    gp__queue_give_back(queue, a, GP__FEEDBACK_NONE, 0, 0);
    gp__queue_give_back(queue, b, GP__FEEDBACK_NONE, 0, 0);
    a = gp__queue_take(queue, 0);
    assert_int_equal(a->in.taken.carrier, 3);
    gp__queue_carrier(queue, 3, 1); /* fewer than it has */
    assert_null(gp__queue_take(queue, 0));
    gp__queue_give_back(queue, a, GP__FEEDBACK_NONE, 0, 0);
    assert_non_null(gp__queue_take(queue, 0));
}

/* A tenant with much mail does not delay another's. */
static void test_tenants(void **state)
{
    struct gp__group *group = NULL, *taken;

    (void)state;
    gp__queue_carrier(queue, 0, 256);
    for (int i = 0; i < 1000; i++)
        gp__queue_wait(queue, add("inside", NULL, "big", 0), 0, 0);
    for (int i = 0; i < 2; i++)
        gp__queue_wait(queue, group = add("inside", NULL, "small", 0), 0, 0);
    for (int i = 0; i < 4; i++) {
        taken = gp__queue_take(queue, 0);
        assert_non_null(taken);
        assert_int_equal(taken->fair == group->fair, i % 2);
    }
}

/* ---- groups ---- */

static void test_split(void **state)
{
    struct gp__group *group = add_ready("world", "example.org", 0), *part;
    struct gp__queued *message = group->message;

    (void)state;
    assert_null(gp__queue_split(queue, group, 4));
    part = gp__queue_split(queue, group, 2);
    assert_int_equal(part->left, 2);
    assert_int_equal(group->left, 1);
    assert_int_equal(group->state, GP__GROUP_READY);
    assert_int_equal(part->state, GP__GROUP_LOOSE);
    assert_ptr_equal(gp__queue_split(queue, part, 2), part);
    assert_false(gp__queue_remove(queue, part));
    assert_true(message->flags & GP__QUEUED_CHANGED);
    assert_ptr_equal(gp__queue_find(queue, message->link.hash), message);
    assert_int_equal(gp__queue_segment_at(queue, 0)->n_live, 1);
    assert_true(gp__queue_remove(queue, group));
    assert_null(gp__queue_find(queue, 1));
    assert_int_equal(gp__queue_segment_at(queue, 0)->n_live, 0);
    assert_int_equal(gp__queue_segment_at(queue, 0)->n_done, 1);
    gp__queue_forget_segment(queue, 1);
    assert_int_equal(gp__queue_n_segments(queue), 0);
}

static void test_reroute(void **state)
{
    static const struct gp__plan_route other[] = {
        {.name = {"world", 5}, .target = {"smarthost", 9}}};
    struct gp__plan changed = plan;
    struct gp__group *group = add("old", "example.org", NULL, 0);

    (void)state;
    assert_false(gp__queue_is_stale(queue, add("world", NULL, NULL, 0)));
    assert_false(gp__queue_is_stale(queue, add("inside", NULL, NULL, 0)));
    assert_false(gp__queue_knows_route(queue, group->route));
    assert_false(gp__queue_is_stale(queue, group));
    gp__queue_reroute(queue, group, gp__queue_name(queue, GP_S("world")), GP_S("Example.ORG"));
    assert_false(gp__queue_is_stale(queue, group));
    assert_int_equal(group->domain, gp__queue_hash(GP_S("example.org")));
    changed.routes = other;
    changed.n_routes = 1;
    gp__queue_plan(queue, &changed);
    assert_true(gp__queue_is_stale(queue, group));
    gp__queue_reroute(queue, group, group->route, GP_S("example.org"));
    assert_false(gp__queue_is_stale(queue, group));
}

static void test_move(void **state)
{
    struct gp__group *group = add_ready("world", "example.org", 0);
    struct gp__queue_segment *old = gp__queue_segment_at(queue, 0);

    (void)state;
    gp__queue_move(queue, group->message, (struct gp__place){.segment = 9, .offset = 8});
    assert_int_equal(gp__queued_place(group->message).segment, 9);
    assert_int_equal(gp__queued_place(group->message).offset, 8);
    assert_int_equal(old->n_live, 0);
    assert_int_equal(old->n_done, 1);
    gp__queue_forget_segment(queue, 1);
}

/* ---- operators ---- */

static void test_filters(void **state)
{
    struct gp__group *group = add_ready("world", "example.org", 1000);
    gp__name internet = gp__queue_name(queue, GP_S("internet"));
    const struct {
        struct gp__queue_filter filter;
        bool matches;
    } cases[] = {
        {{.id = 0}, true},
        {{.id = 1}, true},
        {{.id = 2}, false},
        {{.sender = gp__queue_hash(GP_S("A@example.org"))}, true},
        {{.sender = gp__queue_hash(GP_S("b@example.org"))}, false},
        {{.domain = gp__queue_hash(GP_S("EXAMPLE.org"))}, true},
        {{.domain = gp__queue_hash(GP_S("example.net"))}, false},
        {{.target = internet}, true},
        {{.target = gp__queue_name(queue, GP_S("exchange"))}, false},
        {{.target = internet, .destination = gp__queue_hash(GP_S("example.org"))}, true},
        {{.target = internet, .destination = gp__queue_hash(GP_S("example.net"))}, false},
        {{.route = gp__queue_name(queue, GP_S("world"))}, true},
        {{.route = gp__queue_name(queue, GP_S("inside"))}, false},
        {{.bucket = gp__queue_name(queue, GP_S("spam"))}, false},
        {{.before_ms = 1001}, true},
        {{.before_ms = 1000}, false},
        {{.states = 1u << GP__GROUP_READY}, true},
        {{.states = 1u << GP__GROUP_HELD}, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(gp__queue_matches(&cases[i].filter, group), cases[i].matches);
}

static void test_pauses(void **state)
{
    struct gp__queue_filter filter = {.domain = gp__queue_hash(GP_S("example.org"))};
    struct gp__group *before = add_ready("world", "example.org", 0), *after, *other;
    char text[16];

    (void)state;
    gp__queue_carrier(queue, 0, 256);
    assert_int_equal(gp__queue_pause(queue, &filter, GP_S("domain=example.org"), 0), 0);
    assert_int_equal(before->state, GP__GROUP_PAUSED);
    after = add_ready("world", "example.org", 0);
    other = add_ready("world", "example.net", 0);
    assert_int_equal(after->state, GP__GROUP_PAUSED);
    assert_ptr_equal(gp__queue_take(queue, 0), other);
    assert_null(gp__queue_take(queue, 0));
    nothing_happens(1000 * HOUR); /* it does not expire while an operator wants it to wait */
    assert_int_equal(gp__queue_resume(queue, GP_S("domain=example.net"), 0), -1);
    assert_int_equal(gp__queue_resume(queue, GP_S("domain=example.org"), 0), 0);
    assert_non_null(gp__queue_take(queue, 0));
    assert_non_null(gp__queue_take(queue, 0));
    filter.domain = 1;
    for (unsigned i = 0; i < GP__QUEUE_PAUSES_MAX; i++) {
        snprintf(text, sizeof text, "%u", i);
        assert_int_equal(gp__queue_pause(queue, &filter, gp_slice_of(text), 0), 0);
    }
    assert_int_equal(gp__queue_pause(queue, &filter, GP_S("0"), 0), 0); /* is there already */
    assert_int_equal(gp__queue_pause(queue, &filter, GP_S("more"), 0), -1);
    assert_int_equal(gp__queue_n_pauses(queue), GP__QUEUE_PAUSES_MAX);
}

/* Pages see everything once, though the queue changes between them. */
static void test_pages(void **state)
{
    struct gp__place at = {.segment = 0};
    struct gp__queued *message;
    uint64_t n = 0;

    (void)state;
    assert_null(gp__queue_after(queue, at));
    for (int i = 0; i < 40000; i++)
        add_ready("world", "example.org", 0);
    while ((message = gp__queue_after(queue, at))) {
        for (int k = 0; k < 100 && message; k++) {
            assert_int_equal(message->link.hash, ++n);
            at = gp__queued_place(message);
            message = gp__queue_next_message(queue, message);
        }
        gp__queue_stop(queue, at, message);
        gp__queue_remove(queue, gp__queue_find(queue, n)->groups); /* what the next begins with */
    }
    assert_int_equal(n, 40000);
    assert_null(gp__queue_after(queue, (struct gp__place){.segment = 99}));
}

static bool is_after(struct gp__place a, struct gp__place b)
{
    return a.segment > b.segment || (a.segment == b.segment && a.offset > b.offset);
}

/* Stops know what is next after them, whatever comes and goes. */
static void test_stops(void **state)
{
    struct gp__place stops[16];
    uint32_t seed = 1, used[3][64] = {{0}};

    (void)state;
    for (uint32_t i = 0; i < 16; i++) {
        stops[i] = (struct gp__place){.segment = 1 + i % 3, .offset = i * 4};
        gp__queue_stop(queue, stops[i], NULL); /* there is nothing yet */
    }
    for (int round = 0; round < 5000; round++) {
        struct gp__queued *message;
        uint32_t segment, offset;

        seed = seed * 1664525 + 1013904223;
        segment = (seed >> 8) % 3;
        offset = (seed >> 16) % 64;
        if (!used[segment][offset]) {
            struct gp__queue_message spec = {.place = {.segment = segment + 1, .offset = offset},
                                             .id = 1 + segment * 64 + offset};

            gp__queue_add(queue, &spec);
        } else {
            gp__queue_drop(queue, gp__queue_find(queue, 1 + segment * 64 + offset));
        }
        used[segment][offset] ^= 1;
        for (int i = 0; i < 16; i++) {
            message = gp__queue_after(queue, (struct gp__place){.segment = 0});
            while (message && !is_after(gp__queued_place(message), stops[i]))
                message = gp__queue_next_message(queue, message);
            assert_ptr_equal(gp__queue_after(queue, stops[i]), message);
        }
    }
}

/* What is added out of order stands in order. */
static void test_order(void **state)
{
    static const uint32_t offsets[] = {5, 1, 9, 3, 7};
    struct gp__place at = {.segment = 0};

    (void)state;
    for (size_t i = 0; i < 5; i++) {
        struct gp__queue_message message = {.place = {.segment = 2, .offset = offsets[i]}, .id = 1};

        gp__queue_add(queue, &message);
    }
    for (uint32_t offset = 1; offset <= 9; offset += 2) {
        struct gp__queued *message = gp__queue_after(queue, at);

        at = gp__queued_place(message);
        assert_int_equal(at.offset, offset);
    }
    assert_null(gp__queue_after(queue, at));
}

/* ---- at size ---- */

static void test_size(void **state)
{
    struct gp__queue_answer answer = {.reply = GP__REPLY(450, 4, 2, 0, "busy")};
    struct gp__queue_filter filter = {.sender = gp__queue_hash(GP_S("a@example.org"))};
    struct gp__queue_stats stats;
    struct gp__queued *message;
    struct gp__group *group;
    size_t found = 0;

    (void)state;
    for (uint32_t i = 0; i < MANY; i++) {
        group = add("world", "example.org", NULL, 0);
        gp__queue_wait(queue, group, gp__queue_tried(queue, group, &answer, 0), 0);
    }
    gp__queue_stats(queue, &stats);
    assert_int_equal(stats.by_state[GP__GROUP_WAITING], MANY);
    assert_true(stats.group_bytes <= 256);
    assert_true(stats.bytes / MANY <= 256);
    print_message("%llu bytes a group; %llu of memory for %u\n",
                  (unsigned long long)stats.group_bytes, (unsigned long long)stats.bytes, MANY);
    message = gp__queue_after(queue, (struct gp__place){.segment = 0});
    for (; message; message = gp__queue_next_message(queue, message))
        found += gp__queue_matches(&filter, message->groups);
    assert_int_equal(found, MANY);
    /* All are due, all are tried once more, all go. */
    nothing_happens(HOUR);
    gp__queue_carrier(queue, 0, 256);
    for (uint32_t i = 0; i < MANY; i++) {
        group = gp__queue_take(queue, HOUR);
        assert_non_null(group);
        gp__queue_give_back(queue, group, GP__FEEDBACK_GOOD, 0, HOUR);
        assert_true(gp__queue_remove(queue, group));
    }
    gp__queue_stats(queue, &stats);
    assert_int_equal(stats.messages + stats.groups + stats.destinations + stats.texts, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_retries),
        TEST(test_jitter),
        TEST(test_texts),
        TEST(test_last_attempt),
        TEST(test_warning),
        TEST(test_expiry),
        TEST(test_held),
        TEST(test_window),
        TEST(test_most_connections),
        TEST(test_probes),
        TEST(test_pause_of_destination),
        TEST(test_rate),
        TEST(test_shares),
        TEST(test_carriers),
        TEST(test_tenants),
        TEST(test_split),
        TEST(test_reroute),
        TEST(test_move),
        TEST(test_filters),
        TEST(test_pauses),
        TEST(test_pages),
        TEST(test_stops),
        TEST(test_order),
        TEST(test_size),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
