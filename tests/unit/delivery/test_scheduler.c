// SPDX-License-Identifier: Apache-2.0
/*
 * The scheduler over a spool in memory, with a carrier that does what a test says, in virtual time:
 * what is delivered, put off, given up and told; what a restart knows after a crash at any place;
 * housekeeping; operators.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/delivery/scheduler_world.h"

/* ---- attempts ---- */

static void test_delivered(void **state)
{
    (void)state;
    put(&(struct mail){.id = "m1", .to = {"a@one.example", "b@two.example", "c@one.example"}});
    assert_int_equal(n_asked, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_string_equal(asked[i].message, "m1");
        assert_string_equal(asked[i].route, "world");
        assert_int_equal(asked[i].kind, GP__ATTEMPT_DELIVER);
        assert_int_equal(asked[i].place.segment, 1);
    }
    answer(asked[0].n == 2 ? 0 : 1, "dd");
    assert_int_equal(stats().messages, 1);
    answer(asked[0].n == 2 ? 1 : 0, "d");
    assert_empty();
}

static void test_mixed(void **state)
{
    struct gp__arena *arena = gp__arena_create();
    struct gp__entry entry;
    struct gp_slice text;

    (void)state;
    put(&(struct mail){
        .id = "m1", .route = "inside", .to = {"a@one.example", "b@two.example", "c@one.example"}});
    answer(0, "dtf");
    /* The sender is told of c, b is tried again. */
    text = newest(&entry, arena);
    assert_true(gp_slice_eq(entry.id, GP_S("m1-f2")));
    assert_true(gp_slice_eq(entry.parent, GP_S("m1")));
    assert_int_equal(entry.copies[0].sender.len, 0);
    assert_true(gp_slice_eq(entry.recipients[0].address, GP_S("s@example.com")));
    assert_true(has(text, "c@one.example") && !has(text, "b@two.example"));
    assert_true(has(text, "Status: 5.1.1"));
    assert_int_equal(n_asked, 2);
    assert_int_equal(asked[1].kind, GP__ATTEMPT_ROUTE); /* of the notification */
    assert_string_equal(asked[1].message, "m1-f2");
    answer(1, "w");
    assert_int_equal(n_asked, 3);
    assert_string_equal(asked[2].route, "world");
    answer(2, "d");
    assert_int_equal(stats().by_state[GP__GROUP_WAITING], 1);
    restart();
    assert_int_equal(stats().by_state[GP__GROUP_WAITING], 1);
    gp__sim_advance(rt, 12 * MINUTE);
    assert_int_equal(n_asked, 1);
    assert_int_equal(asked[0].n, 1);
    assert_int_equal(asked[0].recipients[0], 1);
    assert_int_equal(asked[0].tries, 1);
    answer(0, "d");
    assert_empty();
    gp__arena_free(&arena);
}

/* Source addresses are at their limits: who was not tried waits, and nothing is noted about it. */
static void test_untried(void **state)
{
    (void)state;
    put(&(struct mail){
        .id = "m1", .route = "inside", .to = {"a@one.example", "b@two.example", "c@one.example"}});
    answer(0, "duu");
    assert_int_equal(n_asked, 1);
    assert_int_equal(stats().by_state[GP__GROUP_READY], 1);
    gp__sim_advance(rt, 999);
    assert_int_equal(n_asked, 1);
    gp__sim_advance(rt, 1);
    assert_int_equal(n_asked, 2);
    assert_int_equal(asked[1].n, 2);
    assert_int_equal(asked[1].tries, 0);
    answer(1, "ut");
    assert_int_equal(stats().by_state[GP__GROUP_READY], 1);
    assert_int_equal(stats().by_state[GP__GROUP_WAITING], 1);
    restart();
    assert_int_equal(n_asked, 1);
    assert_int_equal(asked[0].n, 1);
    assert_int_equal(asked[0].recipients[0], 1);
    assert_int_equal(asked[0].tries, 0);
}

/* What servers that greylist say, each in its own words; and what is no greylisting. */
static void test_greylisted(void **state)
{
    static const uint64_t soon[] = {MINUTE};
    static const struct {
        struct gp__reply reply;
        bool soon;
    } says[] = {
        {GP__REPLY_INIT(450, 4, 2, 0,
                        "<a@one.example>: Recipient address rejected: Greylisted, see "
                        "http://postgrey.schweikert.ch/help/one.example.html"),
         true},
        {GP__REPLY_INIT(450, 4, 7, 1,
                        "<a@one.example>: Recipient address rejected: Greylisted for 5 minutes"),
         true},
        {GP__REPLY_INIT(451, 4, 7, 1, "Greylisting in action, please come back in 00:05:00"), true},
        {GP__REPLY_INIT(451, 4, 7, 1, "Try again in 300 seconds"), true},
        {GP__REPLY_INIT(451, 0, 0, 0, "GreyListed - please try again a little later."), true},
        {GP__REPLY_INIT(450, 0, 0, 0, "graylisted"), true},
        {GP__REPLY_INIT(450, 4, 2, 0, "Mailbox busy, try again in 60 seconds"), false},
        {GP__REPLY_INIT(452, 4, 7, 1, "Greylisted"), false},
    };
    struct gp__plan other = plan;
    struct gp__plan_queue queue = policy;
    struct gp__buf bytes = {.limit = 0};

    (void)state;
    queue.retry[GP__RETRY_GREYLIST] = (struct gp__plan_waits){soon, 1};
    other.queues = &queue;
    gp__plan_pack(&bytes, &other);
    assert_int_equal(gp__scheduler_plan(scheduler, gp__buf_slice(&bytes)), 0);
    gp__buf_free(&bytes);
    for (size_t i = 0; i < sizeof says / sizeof *says; i++) {
        struct gp__attempt_result result = {.outcome = GP_OUTCOME_DEFERRED, .reply = says[i].reply};
        char id[8];

        snprintf(id, sizeof id, "m%zu", i);
        n_asked = 0;
        put(&(struct mail){.id = id, .to = {"a@one.example"}});
        assert_int_equal(n_asked, 1);
        gp__scheduler_answer(
            scheduler, 0,
            &(struct gp__attempt_answer){.number = asked[0].number, .results = &result, .n = 1});
        gp__sim_advance(rt, MINUTE + MINUTE / 8);
        assert_int_equal(n_asked, says[i].soon ? 2 : 1);
        if (!says[i].soon)
            gp__sim_advance(rt, 12 * MINUTE);
        answer(1, "d");
    }
}

static void test_lost_carrier(void **state)
{
    (void)state;
    put(&(struct mail){.id = "m1", .to = {"a@one.example"}});
    gp__scheduler_carrier_lost(scheduler, 0);
    gp__sim_settle(rt);
    gp__scheduler_carrier(scheduler, 0, 8, on_send, NULL);
    gp__sim_advance(rt, 900);
    assert_int_equal(n_asked, 1);
    gp__sim_advance(rt, 1500);
    assert_int_equal(n_asked, 2);
    /* Late and foreign answers find nothing. */
    answer(0, "d");
    assert_int_equal(stats().by_state[GP__GROUP_TAKEN], 1);
    /* One with too many results is as good as none. */
    answer(1, "dd");
    assert_int_equal(stats().by_state[GP__GROUP_WAITING], 1);
    gp__sim_advance(rt, 4000);
    assert_int_equal(n_asked, 3);
    /* And a carrier that says nothing at all is not waited for. */
    gp__sim_advance(rt, 62 * MINUTE);
    assert_int_equal(n_asked, 4);
    answer(3, "d");
    assert_empty();
}

static void test_ending_carrier(void **state)
{
    (void)state;
    gp__scheduler_carrier_ends(scheduler, 0);
    put(&(struct mail){.id = "m1", .to = {"a@one.example"}});
    assert_int_equal(n_asked, 0);
    gp__scheduler_carrier(scheduler, 1, 8, on_send, NULL);
    gp__sim_settle(rt);
    assert_int_equal(n_asked, 1);
}

static size_t n_counted;
static uint64_t counted; /* the first of them */

static void on_count(void *arg, const struct gp__attempt *attempt)
{
    (void)arg;
    counted = n_counted++ ? counted : attempt->number;
}

/* Room for just so many as are sent in one turn: an answer makes room at once, not when the scheduler
 * would have woken up anyway. */
static void test_all_at_once(void **state)
{
    struct gp__attempt_result delivered = {.outcome = GP_OUTCOME_DELIVERED};

    (void)state;
    n_counted = 0;
    gp__scheduler_carrier_ends(scheduler, 0);
    for (unsigned i = 0; i < 150; i++) {
        char id[16], to[4][32];

        snprintf(id, sizeof id, "m%u", i);
        for (unsigned k = 0; k < 4; k++)
            snprintf(to[k], sizeof to[k], "a@d%u.example", 4 * i + k);
        put(&(struct mail){.id = id, .to = {to[0], to[1], to[2], to[3]}});
    }
    gp__scheduler_carrier(scheduler, 1, 256, on_count, NULL);
    gp__scheduler_carrier(scheduler, 2, 256, on_count, NULL);
    gp__sim_settle(rt);
    assert_int_equal(n_counted, 512);
    gp__scheduler_answer(
        scheduler, 1,
        &(struct gp__attempt_answer){.number = counted, .results = &delivered, .n = 1});
    gp__sim_advance(rt, 1);
    assert_int_equal(n_counted, 513);
}

static bool drained;

static void on_drained(void *arg)
{
    (void)arg;
    drained = true;
}

static void test_drain(void **state)
{
    (void)state;
    drained = false;
    put(&(struct mail){.id = "m1", .to = {"a@one.example"}});
    gp__scheduler_drain(scheduler, on_drained, NULL);
    put(&(struct mail){.id = "m2", .to = {"a@two.example"}});
    assert_int_equal(n_asked, 1); /* nothing new is begun */
    assert_false(drained);
    answer(0, "f");
    assert_true(drained);
    restart();
    assert_int_equal(n_asked, 2); /* the other, and the notification */
}

/* What was about to be given up is given up by the next one. */
static void test_drain_at_the_end(void **state)
{
    (void)state;
    drained = false;
    put(&(struct mail){.id = "m1", .to = {"a@one.example"}});
    gp__sim_advance(rt, 50 * MINUTE);
    gp__scheduler_drain(scheduler, on_drained, NULL);
    gp__sim_advance(rt, 48 * HOUR); /* the attempt does not end before its time is over */
    assert_false(drained);
    answer(0, "t");
    assert_true(drained);
    restart();
    assert_int_equal(stats().messages, 1);
}

/* ---- routes that are gone ---- */

static void test_route_gone(void **state)
{
    (void)state;
    put(&(struct mail){
        .id = "m1", .route = "old", .to = {"a@one.example", "b@two.example", "c@one.example"}});
    assert_int_equal(n_asked, 1);
    assert_int_equal(asked[0].kind, GP__ATTEMPT_ROUTE);
    answer(0, "win");
    assert_int_equal(n_asked, 3);
    assert_int_equal(stats().by_state[GP__GROUP_HELD], 1);
    restart();
    assert_int_equal(n_asked, 2);
    answer(0, "d");
    answer(1, "d");
    gp__sim_advance(rt, 1000 * HOUR);
    assert_int_equal(stats().by_state[GP__GROUP_HELD], 1); /* never given up */
}

static void test_route_table_fails(void **state)
{
    (void)state;
    put(&(struct mail){.id = "m1", .route = "old", .to = {"a@one.example"}});
    answer(0, "t");
    assert_int_equal(stats().by_state[GP__GROUP_WAITING], 1);
    gp__sim_advance(rt, 12 * MINUTE);
    assert_int_equal(n_asked, 2);
    assert_int_equal(asked[1].kind, GP__ATTEMPT_ROUTE);
}

/* ---- time ---- */

static void test_expiry(void **state)
{
    struct gp__arena *arena = gp__arena_create();
    struct gp__entry entry;
    struct gp_slice text;

    (void)state;
    put(&(struct mail){.id = "m1", .to = {"a@one.example"}});
    defer_for(3);
    assert_int_equal(memory.commits, 0);
    defer_for(2);
    assert_int_equal(memory.commits, 1);
    text = newest(&entry, arena);
    assert_true(gp_slice_eq(entry.id, GP_S("m1-d0")));
    assert_true(has(text, "Action: delayed"));
    defer_for(10);
    restart();
    defer_for(10);
    assert_int_equal(memory.commits, 1); /* once, also after a restart */
    defer_for(40);
    tell_bounced(n_asked - 1);
    assert_int_equal(memory.commits, 2);
    text = newest(&entry, arena);
    assert_true(gp_slice_eq(entry.id, GP_S("m1-f0")));
    assert_true(has(text, "Action: failed") && has(text, "busy"));
    gp__arena_free(&arena);
}

static void test_buckets(void **state)
{
    struct gp__arena *arena = gp__arena_create();
    struct gp__entry entry;

    (void)state;
    put(&(struct mail){.id = "m1", .bucket = "spam", .to = {"a@one.example"}});
    put(&(struct mail){.id = "m2", .bucket = "back", .to = {"a@one.example"}});
    put(&(struct mail){.id = "m3", .bucket = "on", .to = {"a@one.example"}});
    put(&(struct mail){.id = "m4", .bucket = "unheard of", .to = {"a@one.example"}});
    assert_int_equal(stats().by_state[GP__GROUP_HELD], 4);
    gp__sim_advance(rt, 23 * HOUR);
    restart();
    assert_int_equal(stats().by_state[GP__GROUP_HELD], 4);
    gp__sim_advance(rt, HOUR);
    assert_int_equal(stats().by_state[GP__GROUP_HELD], 1); /* of which nothing is known */
    gp__sim_advance(rt, TOGETHER_MS);
    (void)newest(&entry, arena);
    assert_true(gp_slice_eq(entry.id, GP_S("m2-f0")));
    assert_int_equal(n_asked, 2);
    gp__arena_free(&arena);
}

/* ---- crashes ---- */

/* Whatever was written down of a run: a restart tries what is left, never what was noted done. */
static void test_crash_anywhere(void **state)
{
    (void)state;
    for (unsigned kept = 0; kept < 12; kept++) {
        size_t records;
        unsigned left = 0;

        put(&(struct mail){
            .id = "m1", .route = "inside", .to = {"a@one.example", "b@two.example"}});
        put(&(struct mail){.id = "m2", .to = {"a@one.example"}});
        answer(0, "dt");
        answer(1, "t");
        gp__sim_advance(rt, 12 * MINUTE);
        answer(2, "d");
        answer(3, "d");
        assert_int_equal(stats().messages, 0);
        gp__sim_advance(rt, 20); /* marks are collected for a moment */
        records = memory.n_journal;
        while (memory.n_journal > kept)
            gp__buf_free(&memory.journal[--memory.n_journal]);
        restart();
        gp__sim_advance(rt, 12 * MINUTE);
        for (size_t i = 0; i < n_asked; i++)
            left += (unsigned)asked[i].n;
        assert_true(left <= 3);
        assert_true(kept >= records || left > 0);
        assert_int_equal(kept<records, left> 0);
        (void)teardown(NULL);
        (void)setup(NULL);
    }
}

/* A segment's number is used again: what the journal says of the old one is not about the new. */
static void test_old_marks(void **state)
{
    struct gp__mark mark = {.kind = GP__MARK_ALL_DONE,
                            .place = {.segment = 1, .offset = 64},
                            .check = gp__mark_check(gp__mark_id(GP_S("another")))};
    struct gp__buf bytes = {.limit = 0};

    (void)state;
    gp__mark_pack(&bytes, &mark);
    memory_record(&memory.journal, &memory.n_journal, &memory.journal_cap, gp__buf_slice(&bytes));
    memory_record(&memory.journal, &memory.n_journal, &memory.journal_cap, GP_S("nonsense"));
    gp__buf_free(&bytes);
    put(&(struct mail){.id = "m1", .to = {"a@one.example"}});
    restart();
    assert_int_equal(n_asked, 1);
}

/* ---- housekeeping ---- */

static void put_many(unsigned first, unsigned n, const char *bucket)
{
    char id[16];

    for (unsigned i = first; i < first + n; i++) {
        snprintf(id, sizeof id, "m%u", i);
        put(&(struct mail){.id = id, .bucket = bucket, .to = {"a@one.example"}});
    }
}

static void deliver_all(void)
{
    for (unsigned round = 0; round < 100 && n_asked; round++) {
        size_t n = n_asked;
        struct asked was[ASKED_MAX];

        memcpy(was, asked, sizeof was);
        n_asked = 0;
        for (size_t i = 0; i < n; i++) {
            asked[ASKED_MAX - 1] = was[i];
            answer(ASKED_MAX - 1, "d");
        }
    }
}

static void test_segments_go(void **state)
{
    (void)state;
    put_many(0, 3 * SEGMENT_ENTRIES + 1, NULL);
    deliver_all();
    assert_int_equal(stats().messages, 0);
    gp__sim_advance(rt, 3000);
    for (size_t i = 0; i < 3; i++)
        assert_true(memory.segments[i].removed);
    assert_false(memory.segments[3].removed); /* it is being written */
    assert_int_equal(stats().segments, 1);
}

/* One that is held long is written anew, so that its segment can go; a crash in between loses
 * nothing and doubles nothing. */
static void test_moving(void **state)
{
    for (int crash = 0; crash < 2; crash++) {
        (void)state;
        put(&(struct mail){
            .id = "old", .route = "inside", .to = {"a@one.example", "b@one.example"}});
        answer(0, "dt");
        n_asked = 0;
        put_many(0, SEGMENT_ENTRIES, NULL);
        deliver_all();
        memory.segments[memory.n - 1].sealed = true;
        gp__sim_advance(rt, 20);
        memory.journal_stops = crash;
        gp__sim_advance(rt, 3000);
        assert_false(memory.segments[0].removed); /* it is too young for that */
        gp__sim_advance(rt, 5 * MINUTE);
        assert_int_equal(stats().messages, 1);
        if (crash)
            restart();
        gp__sim_advance(rt, 6000);
        assert_int_equal(stats().messages, 1);
        assert_int_equal(stats().by_state[GP__GROUP_WAITING], 1);
        assert_true(memory.segments[0].removed);
        restart();
        gp__sim_advance(rt, 12 * MINUTE);
        assert_int_equal(n_asked, 1);
        assert_string_equal(asked[0].message, "old");
        assert_int_equal(asked[0].n, 1);
        assert_int_equal(asked[0].recipients[0], 1);
        assert_int_equal(asked[0].tries, 1);
        (void)teardown(NULL);
        (void)setup(NULL);
    }
}

static void test_compaction(void **state)
{
    struct gp__queue_stats before, after;
    uint64_t size;

    (void)state;
    put_many(0, 5, NULL);
    put_many(5, 3, "spam");
    gp__sim_settle(rt);
    for (size_t i = 0; i < 5; i++)
        answer(i, i < 3 ? "t" : "d");
    assert_int_equal(
        gp__scheduler_pause(scheduler, GP_S("domain=two.example"), &(struct gp__buf){.limit = 0}),
        0);
    before = stats();
    memory.journal_bytes = (uint64_t)8 << 20; /* as if it had gone on for long */
    gp__sim_advance(rt, 3000);
    size = memory.journal_bytes;
    assert_in_range(size, 1, 1000);
    restart();
    after = stats();
    assert_int_equal(after.messages, before.messages);
    assert_memory_equal(after.by_state, before.by_state, sizeof after.by_state);
    assert_int_equal(gp__queue_n_pauses(gp__scheduler_queue(scheduler)), 1);
    gp__sim_advance(rt, 12 * MINUTE);
    assert_int_equal(n_asked, 3);
    assert_int_equal(asked[0].tries, 1);
}

/* Content in a file of its own goes with the message, once that is written down. */
static void test_large_content_goes(void **state)
{
    (void)state;
    put(&(struct mail){.id = "m1", .to = {"a@one.example"}});
    memory.segments[0].entries[0].large = true;
    restart();
    memory.journal_stops = true;
    memory.journal_error = GP_EIO;
    answer(0, "d");
    assert_int_equal(stats().messages, 0);
    assert_int_equal(memory.n_removed_large, 0);
    restart();
    answer(0, "d");
    assert_int_equal(memory.n_removed_large, 1);
}

/* What could not be written down is in the next journal. */
static void test_journal_fails(void **state)
{
    (void)state;
    put(&(struct mail){.id = "m1", .to = {"a@one.example"}});
    put(&(struct mail){.id = "m2", .to = {"a@one.example"}});
    memory.journal_stops = true;
    memory.journal_error = GP_EIO;
    answer(0, "d");
    answer(1, "t");
    gp__sim_advance(rt, 20);
    memory.journal_stops = false;
    gp__sim_advance(rt, 3000);
    restart();
    assert_int_equal(stats().messages, 1);
    assert_int_equal(stats().by_state[GP__GROUP_WAITING], 1);
}

/* ---- operators ---- */

static struct gp__queue_done order(enum gp__queue_command command, const char *filter,
                                   const char *route)
{
    struct gp__queue *queue = gp__scheduler_queue(scheduler);
    struct gp__queue_order what = {.command = command, .most = 2};
    struct gp__queue_done sum = {.messages = 0}, done;
    struct gp__buf error = {.limit = 0};

    assert_int_equal(gp__queue_filter_parse(queue, gp_slice_of(filter), &what.filter, &error), 0);
    what.route = gp__queue_name(queue, gp_slice_of(route));
    do {
        gp__scheduler_order(scheduler, &what, &done);
        sum.messages += done.messages;
        sum.recipients += done.recipients;
        sum.busy += done.busy;
        what.after = done.after;
    } while (done.more);
    gp__sim_settle(rt);
    return sum;
}

static void test_orders(void **state)
{
    struct gp__queue_done done;

    (void)state;
    put(&(struct mail){
        .id = "m1", .route = "inside", .to = {"a@one.example", "b@two.example", "c@one.example"}});
    done = order(GP__QUEUE_HOLD, "message=m1", NULL);
    assert_int_equal(done.busy, 1); /* it is being tried */
    answer(0, "ttt");
    /* Of one domain only. */
    done = order(GP__QUEUE_HOLD, "domain=one.example", NULL);
    assert_int_equal(done.messages, 1);
    assert_int_equal(done.recipients, 2);
    restart();
    assert_int_equal(stats().by_state[GP__GROUP_HELD], 1);
    assert_int_equal(stats().by_state[GP__GROUP_WAITING], 1);
    assert_int_equal(order(GP__QUEUE_RETRY, "", NULL).recipients, 1);
    assert_int_equal(n_asked, 1);
    assert_int_equal(asked[0].recipients[0], 1);
    assert_int_equal(order(GP__QUEUE_RELEASE, "bucket=hold", NULL).recipients, 2);
    assert_int_equal(n_asked, 2);
    answer(0, "t");
    answer(1, "tt");
    assert_int_equal(order(GP__QUEUE_REROUTE, "route=inside", "world").recipients, 3);
    assert_int_equal(n_asked, 4);
    assert_string_equal(asked[3].route, "world");
    answer(2, asked[2].n == 2 ? "tt" : "t");
    answer(3, asked[3].n == 2 ? "tt" : "t");
    restart();
    assert_int_equal(stats().by_state[GP__GROUP_WAITING], 2);
    assert_int_equal(order(GP__QUEUE_DELETE, "domain=two.example", NULL).recipients, 1);
    assert_int_equal(order(GP__QUEUE_BOUNCE, "sender=S@example.com", NULL).recipients, 2);
    gp__sim_advance(rt, TOGETHER_MS);
    assert_int_equal(memory.commits, 1);
    answer(0, "w");
    answer(1, "d");
    assert_empty();
}

/* ---- held mail that is let go ---- */

static uint64_t held(void)
{
    return stats().by_state[GP__GROUP_HELD];
}

/* Filters are asked until it is delivered: also after restarts, deferrals and a compaction. */
static void test_let_go(void **state)
{
    (void)state;
    put(&(struct mail){.id = "m1", .bucket = "spam", .to = {"a@one.example"}});
    put(&(struct mail){.id = "m2", .to = {"b@one.example"}});
    assert_string_equal(asked[0].from, ""); /* it was not held */
    answer(0, "d");
    assert_int_equal(order(GP__QUEUE_RELEASE, "message=m1", NULL).recipients, 1);
    assert_string_equal(asked[1].from, "spam");
    restart();
    assert_string_equal(asked[0].from, "spam");
    answer(0, "t");
    restart();
    assert_int_equal(n_asked, 0);
    assert_int_equal(order(GP__QUEUE_RETRY, "message=m1", NULL).recipients, 1);
    assert_string_equal(asked[0].from, "spam");
    memory.journal_bytes = (uint64_t)8 << 20; /* as if it had gone on for long */
    gp__sim_advance(rt, 3000);
    assert_in_range(memory.journal_bytes, 1, 1000);
    restart();
    assert_string_equal(asked[0].from, "spam");
    answer(0, "d");
    assert_empty();
}

/* Each verdict of filters is done, and known after a restart. */
static void test_filtered(void **state)
{
    static const struct {
        const char *outcome;
        uint64_t messages, held, waiting;
    } rows[] = {
        {"d", 0, 0, 0}, {"s", 1, 1, 0}, {"x", 0, 0, 0}, {"t", 1, 0, 1}, {"f", 1, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char id[8], filter[16];

        snprintf(id, sizeof id, "m%zu", i);
        snprintf(filter, sizeof filter, "message=%s", id);
        put(&(struct mail){.id = id, .bucket = "back", .to = {"a@one.example"}});
        assert_int_equal(order(GP__QUEUE_RELEASE, filter, NULL).recipients, 1);
        answer(n_asked - 1, rows[i].outcome);
        for (unsigned twice = 0; twice < 2; twice++) {
            assert_int_equal(stats().messages, rows[i].messages);
            assert_int_equal(held(), rows[i].held);
            assert_int_equal(stats().by_state[GP__GROUP_WAITING], rows[i].waiting);
            restart();
        }
        (void)order(GP__QUEUE_DELETE, "before=99999999999999", NULL);
        if (n_asked) { /* the news of a failure is to be routed, and delivered */
            answer(0, "w");
            answer(1, "d");
        }
        assert_empty();
    }
}

/* Of several recipients each its own; the bucket is the one that the filter named. */
static void test_filtered_apart(void **state)
{
    (void)state;
    put(&(struct mail){
        .id = "m1", .bucket = "back", .to = {"a@one.example", "b@one.example", "c@one.example"}});
    assert_int_equal(order(GP__QUEUE_RELEASE, "bucket=back", NULL).recipients, 3);
    answer(0, "sxd");
    assert_int_equal(held(), 1);
    restart();
    assert_int_equal(stats().groups, 1);
    assert_int_equal(order(GP__QUEUE_RELEASE, "bucket=spam", NULL).recipients, 1);
    assert_string_equal(asked[0].from, "spam");
    assert_int_equal(asked[0].recipients[0], 0);
    answer(0, "d");
    assert_empty();
}

/* A carrier that answers so where nobody was to be asked is not believed. */
static void test_filtered_for_nothing(void **state)
{
    (void)state;
    put(&(struct mail){.id = "m1", .to = {"a@one.example", "b@one.example"}});
    answer(0, "sx");
    assert_int_equal(held(), 0);
    assert_int_equal(stats().by_state[GP__GROUP_WAITING], 1);
}

/* The time in a bucket is none in which it could have been delivered. */
static void test_time_begins_when_let_go(void **state)
{
    (void)state;
    put(&(struct mail){.id = "m1", .bucket = "long", .to = {"a@one.example"}});
    gp__sim_advance(rt, 2400 * HOUR);
    assert_string_equal(asked[0].from, "long");
    answer(0, "t");
    assert_int_equal(stats().by_state[GP__GROUP_WAITING], 1);
    restart();
    assert_int_equal(stats().by_state[GP__GROUP_WAITING], 1);
    assert_int_equal(memory.commits, 0); /* nobody is told of a delay of months */
    gp__sim_advance(rt, 10 * MINUTE + 2 * MINUTE);
    assert_int_equal(n_asked, 1);
    answer(0, "t");
    defer_for(49);
    tell_bounced(n_asked - 1);
    assert_int_equal(stats().by_state[GP__GROUP_WAITING], 0);
}

/* What is sent another way leaves its bucket, for good. */
static void test_reroute_lets_go(void **state)
{
    (void)state;
    put(&(struct mail){.id = "m1", .bucket = "spam", .to = {"a@one.example"}});
    assert_int_equal(order(GP__QUEUE_REROUTE, "bucket=spam", "inside").recipients, 1);
    restart();
    assert_int_equal(held(), 0);
    assert_string_equal(asked[0].route, "inside");
    assert_string_equal(asked[0].from, "spam");
    answer(0, "d");
    assert_empty();
}

static struct gp__queue_done release_as(const char *filter, const char *as)
{
    struct gp__arena *arena = gp__arena_create();
    struct gp__queue_order what = {.command = GP__QUEUE_RELEASE, .most = 100};
    struct gp__buf error = {.limit = 0};
    struct gp__address owner;
    struct gp__queue_done done;

    assert_int_equal(gp__queue_filter_parse(gp__scheduler_queue(scheduler), gp_slice_of(filter),
                                            &what.filter, &error),
                     0);
    assert_int_equal(gp__scheduler_owner_parse(arena, gp_slice_of(as), &owner), 0);
    what.owner = &owner;
    gp__scheduler_order(scheduler, &what, &done);
    gp__sim_settle(rt);
    gp__arena_free(&arena);
    return done;
}

/* What a bucket lets whom let go. */
static void test_release_as(void **state)
{
    static const struct {
        const char *bucket, *as;
        uint64_t recipients, refused;
    } rows[] = {
        {"spam", "a@one.example", 1, 0},
        {"spam", "A@One.Example", 1, 0}, /* one mailbox */
        {"spam", "u@xn--bcher-kva.example", 1, 0},
        {"spam",
         "u@b\xc3\xbc"
         "cher.example",
         1, 0},
        {"spam", "c@one.example", 0, 0},
        {"spam", "s@example.com", 0, 2}, /* the sender's, in a bucket of recipients */
        {"dlp", "s@example.com", 2, 0},
        {"dlp", "S@EXAMPLE.com", 2, 0},
        {"dlp", "a@one.example", 0, 1},
        {"back", "a@one.example", 0, 1}, /* of operators */
        {"back", "s@example.com", 0, 2},
        {"unheard of", "a@one.example", 0, 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct gp__queue_done done;

        put(&(struct mail){.id = "m1",
                           .bucket = rows[i].bucket,
                           .route = "inside",
                           .to = {"a@one.example", "u@b\xc3\xbc"
                                                   "cher.example"}});
        done = release_as("message=m1", rows[i].as);
        assert_int_equal(done.recipients, rows[i].recipients);
        assert_int_equal(done.refused, rows[i].refused);
        assert_int_equal(done.messages, rows[i].recipients > 0);
        assert_int_equal(n_asked, rows[i].recipients > 0);
        assert_int_equal(held(), rows[i].recipients < 2); /* the others are where they were */
        restart();
        assert_int_equal(held(), rows[i].recipients < 2);
        (void)order(GP__QUEUE_DELETE, "message=m1", NULL);
        for (size_t k = 0; k < n_asked; k++)
            answer(k, asked[k].n == 2 ? "dd" : "d");
        assert_empty();
    }
}

static void assert_last_says(const char *text)
{
    struct gp__arena *arena = gp__arena_create();
    struct gp__entry entry;

    assert_true(has(newest(&entry, arena), text));
    gp__arena_free(&arena);
}

/* What nobody answered to does not come back with a false reason. */
static void test_reasons_of_our_own(void **state)
{
    struct gp__buf error = {.limit = 0};

    (void)state;
    assert_int_equal(gp__scheduler_pause(scheduler, GP_S("route=world"), &error), 0);
    put(&(struct mail){.id = "m1", .to = {"a@one.example"}});
    put(&(struct mail){.id = "m2", .bucket = "back", .to = {"a@one.example"}});
    assert_int_equal(order(GP__QUEUE_BOUNCE, "message=m1", NULL).recipients, 1);
    gp__sim_advance(rt, TOGETHER_MS);
    assert_int_equal(memory.commits, 1);
    assert_last_says("554 5.7.1 It was returned by an operator");
    assert_int_equal(order(GP__QUEUE_BOUNCE, "message=m2", NULL).recipients, 1);
    gp__sim_advance(rt, TOGETHER_MS);
    assert_int_equal(memory.commits, 2);
    assert_last_says("554 5.7.1 It was held for review, and is not delivered");
    gp__buf_free(&error);
}

static void test_filters(void **state)
{
    struct gp__queue *queue = gp__scheduler_queue(scheduler);
    struct gp__queue_filter filter;
    struct gp__buf error = {.limit = 0};

    (void)state;
    assert_int_equal(gp__queue_filter_parse(queue, GP_S("sender=a sender=b"), &filter, &error), -1);
    assert_int_equal(
        gp__queue_filter_parse(queue, GP_S("destination=/one.example"), &filter, &error), -1);
    assert_int_equal(
        gp__queue_filter_parse(queue, GP_S("state=held state=paused"), &filter, &error), 0);
    /* A name that no mail has means none of it, not any; and is not remembered for having been
     * asked for. */
    put_many(0, 2, "spam");
    for (unsigned i = 0; i <= GP__QUEUE_NAMES_MAX; i++) {
        char text[32];

        snprintf(text, sizeof text, "bucket=n%u", i);
        assert_int_equal(gp__queue_filter_parse(queue, gp_slice_of(text), &filter, &error), 0);
    }
    assert_int_equal(order(GP__QUEUE_DELETE, "bucket=n7", NULL).messages, 0);
    assert_int_equal(order(GP__QUEUE_DELETE, "route=n7", NULL).messages, 0);
    assert_int_equal(order(GP__QUEUE_DELETE, "destination=n7", NULL).messages, 0);
    assert_int_equal(gp__queue_name_find(queue, GP_S("n7")), 0);
    assert_int_not_equal(gp__queue_name(queue, GP_S("later")), 0);
    assert_int_equal(order(GP__QUEUE_DELETE, "bucket=spam", NULL).messages, 2);
    gp__buf_free(&error);
}

static void test_many_orders(void **state)
{
    (void)state;
    put_many(0, 20, "spam");
    assert_int_equal(order(GP__QUEUE_DELETE, "state=held before=99999999999999", NULL).messages,
                     20);
    assert_empty();
}

static void test_pauses(void **state)
{
    struct gp__buf error = {.limit = 0};

    (void)state;
    assert_int_equal(
        gp__scheduler_pause(scheduler, GP_S("destination=internet/one.example"), &error), 0);
    put(&(struct mail){.id = "m1", .to = {"a@one.example", "b@two.example"}});
    assert_int_equal(n_asked, 1);
    restart();
    assert_int_equal(n_asked, 1);
    assert_int_equal(stats().by_state[GP__GROUP_PAUSED], 1);
    assert_int_equal(gp__scheduler_resume(scheduler, GP_S("destination=internet"), &error), -1);
    assert_int_equal(
        gp__scheduler_resume(scheduler, GP_S("destination=internet/one.example"), &error), 0);
    gp__sim_settle(rt);
    assert_int_equal(n_asked, 2);
    assert_int_equal(gp__scheduler_pause(scheduler, GP_S("state=held"), &error), -1);
    assert_int_equal(gp__scheduler_pause(scheduler, GP_S(""), &error), -1);
    assert_int_equal(gp__scheduler_pause(scheduler, GP_S("colour=red"), &error), -1);
    assert_int_equal(gp__scheduler_pause(scheduler, GP_S("bucket=later"), &error), 0);
    assert_int_not_equal(gp__queue_name_find(gp__scheduler_queue(scheduler), GP_S("later")), 0);
    restart();
    assert_int_equal(n_asked, 2);
    gp__buf_free(&error);
}

/* A route gets another target while mail waits for the old one. */
static void test_new_plan(void **state)
{
    static const struct gp__plan_route others[] = {
        {.name = {"inside", 6}, .target = {"exchange", 8}, .per_domain = true}};
    struct gp__plan other = plan;
    struct gp__buf bytes = {.limit = 0};

    (void)state;
    put(&(struct mail){.id = "m1", .route = "inside", .to = {"a@one.example", "b@two.example"}});
    answer(0, "tt");
    other.routes = others;
    other.n_routes = 1;
    gp__plan_pack(&bytes, &other);
    assert_int_equal(gp__scheduler_plan(scheduler, gp__buf_slice(&bytes)), 0);
    assert_int_equal(gp__scheduler_plan(scheduler, GP_S("nonsense")), -1);
    gp__buf_free(&bytes);
    gp__sim_advance(rt, 12 * MINUTE);
    assert_int_equal(n_asked, 3); /* each domain for itself */
    assert_int_equal(asked[1].n, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_delivered),
        TEST(test_mixed),
        TEST(test_untried),
        TEST(test_greylisted),
        TEST(test_lost_carrier),
        TEST(test_ending_carrier),
        TEST(test_all_at_once),
        TEST(test_drain),
        TEST(test_drain_at_the_end),
        TEST(test_route_gone),
        TEST(test_route_table_fails),
        TEST(test_expiry),
        TEST(test_buckets),
        TEST(test_crash_anywhere),
        TEST(test_old_marks),
        TEST(test_segments_go),
        TEST(test_moving),
        TEST(test_compaction),
        TEST(test_large_content_goes),
        TEST(test_journal_fails),
        TEST(test_orders),
        TEST(test_let_go),
        TEST(test_filtered),
        TEST(test_filtered_apart),
        TEST(test_filtered_for_nothing),
        TEST(test_time_begins_when_let_go),
        TEST(test_reroute_lets_go),
        TEST(test_release_as),
        TEST(test_reasons_of_our_own),
        TEST(test_filters),
        TEST(test_many_orders),
        TEST(test_pauses),
        TEST(test_new_plan),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
