// SPDX-License-Identifier: Apache-2.0
/* Entries as groups, and what marks make of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/base/alloc.h"
#include "core/delivery/queue_entry.h"

static const uint64_t waits[] = {1000};
static const struct gp__plan_queue policies[] = {
    {.name = {"default", 7},
     .retry = {[GP__RETRY_OTHER] = {waits, 1}},
     .expire_ms = 1000000,
     .attempt_ms = 1000,
     .connections = 5},
    {.name = {"fair", 4},
     .retry = {[GP__RETRY_OTHER] = {waits, 1}},
     .expire_ms = 1000000,
     .attempt_ms = 1000,
     .connections = 5,
     .fair_instance = {"limits", 6},
     .fair_key = {"tenant", 6}},
};
static const struct gp__plan_route routes[] = {
    {.name = {"world", 5}, .target = {"internet", 8}, .per_domain = true},
    {.name = {"inside", 6}, .target = {"exchange", 8}},
    {.name = {"fair", 4}, .target = {"exchange", 8}, .queue = 1},
};
static const struct gp__plan plan = {
    .queues = policies, .n_queues = 2, .routes = routes, .n_routes = 3};

static const struct gp__entry_copy copies[] = {
    {.id = {"a", 1}, .sender = {"s@example.com", 13}},
    {.id = {"b", 1}, .sender = {"s@example.com", 13}},
};

static struct gp__entry_recipient recipient(const char *address, uint32_t copy, const char *route,
                                            const char *bucket)
{
    return (struct gp__entry_recipient){.address = gp_slice_of(address),
                                        .copy = copy,
                                        .route = gp_slice_of(route),
                                        .bucket = gp_slice_of(bucket)};
}

static struct gp__entry entry_of(const struct gp__entry_recipient *recipients, size_t n)
{
    return (struct gp__entry){.id = GP_S("01J0000000000000.1"),
                              .received_ms = 100,
                              .copies = copies,
                              .n_copies = 2,
                              .recipients = recipients,
                              .n_recipients = n};
}

static struct gp__queue *queue;

static int setup(void **state)
{
    (void)state;
    queue = gp__queue_create(1);
    gp__queue_plan(queue, &plan);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    gp__queue_free(&queue);
    return 0;
}

static const struct gp__place place = {.segment = 1, .offset = 64};

/* The group that has a recipient, or NULL. */
static struct gp__group *group_of(const struct gp__queued *message, uint32_t index)
{
    struct gp__group *group = message->groups;

    for (; group; group = group->sibling)
        if (index >= group->first && index - group->first < 64 &&
            group->left >> (index - group->first) & 1)
            return group;
    return NULL;
}

static size_t count(const struct gp__queued *message)
{
    size_t n = 0;

    for (const struct gp__group *group = message->groups; group; group = group->sibling)
        n++;
    return n;
}

static void test_groups(void **state)
{
    const struct gp__entry_recipient list[] = {
        recipient("a@one.example", 0, "world", NULL),    /* 0 */
        recipient("b@TWO.example", 0, "world", NULL),    /* 1 */
        recipient("c@ONE.example", 0, "world", NULL),    /* with 0 */
        recipient("d@one.example", 1, "world", NULL),    /* another copy */
        recipient("e@one.example", 0, "inside", NULL),   /* 4 */
        recipient("f@two.example", 0, "inside", NULL),   /* with 4: one destination */
        recipient("g@one.example", 0, NULL, NULL),       /* to be routed */
        recipient("h@one.example", 0, "world", "spam"),  /* held */
        recipient("i@one.example", 0, "world", "virus"), /* elsewhere */
        recipient("j@b\xc3\xbc"
                  "cher.example",
                  0, "world", NULL),
        recipient("k@xn--bcher-kva.example", 0, "world", NULL), /* with 9 */
    };
    static const int same[][2] = {{0, 2}, {4, 5}, {9, 10}};
    struct gp__entry entry = entry_of(list, 11);
    struct gp__queued *message = gp__queue_enter(queue, place, &entry);

    (void)state;
    assert_int_equal(count(message), 8);
    for (size_t i = 0; i < 3; i++)
        assert_ptr_equal(group_of(message, (uint32_t)same[i][0]),
                         group_of(message, (uint32_t)same[i][1]));
    assert_int_equal(group_of(message, 0)->domain, gp__queue_hash(GP_S("one.example")));
    assert_int_equal(group_of(message, 4)->domain, 0); /* several */
    assert_int_equal(group_of(message, 6)->route, 0);
    assert_true(
        gp_slice_eq(gp__queue_name_text(queue, group_of(message, 7)->bucket), GP_S("spam")));
    assert_int_equal(message->arrived_ms, 100);
    gp__queue_settle_all(queue, message, 200);
    assert_int_equal(group_of(message, 0)->state, GP__GROUP_READY);
    assert_int_equal(group_of(message, 8)->state, GP__GROUP_HELD);
}

/* A hundred thousand recipients in turns of a hundred domains: quick, and nobody is lost. */
static void test_many(void **state)
{
    enum { N = 100000 };
    struct gp__entry_recipient *list = gp__alloc_array(N, sizeof *list);
    char(*addresses)[32] = gp__alloc_array(N, 32);
    struct gp__entry entry;
    struct gp__queued *message;
    size_t found = 0;

    (void)state;
    for (int i = 0; i < N; i++) {
        snprintf(addresses[i], 32, "u%d@d%d.example", i, i % 100);
        list[i] = recipient(addresses[i], 0, i < N / 2 ? "world" : "inside", NULL);
    }
    entry = entry_of(list, N);
    message = gp__queue_enter(queue, place, &entry);
    for (struct gp__group *group = message->groups; group; group = group->sibling)
        found += (size_t)__builtin_popcountll(group->left);
    assert_int_equal(found, N);
    gp__free(list);
    gp__free(addresses);
}

static void test_tenants(void **state)
{
    static const struct gp__entry_note notes[] = {
        {.instance = {"other", 5}, .key = {"tenant", 6}, .text = {"x", 1}},
        {.instance = {"limits", 6}, .key = {"tenant", 6}, .text = {"acme", 4}},
    };
    static const struct gp__entry_note number = {
        .instance = {"limits", 6}, .key = {"tenant", 6}, .type = 1, .number = 7};
    struct gp__entry_recipient list[] = {
        recipient("a@one.example", 0, "fair", NULL),
        recipient("b@one.example", 0, "inside", NULL), /* not by tenants */
        recipient("c@one.example", 1, "fair", NULL),
    };
    struct gp__entry entry = entry_of(list, 3);
    struct gp__queued *message;

    (void)state;
    list[2].notes = &number; /* its own goes before */
    list[2].n_notes = 1;
    entry.notes = notes;
    entry.n_notes = 2;
    message = gp__queue_enter(queue, place, &entry);
    assert_int_equal(group_of(message, 0)->fair, (uint32_t)gp__queue_hash(GP_S("acme")));
    assert_int_equal(group_of(message, 1)->fair, 0);
    assert_int_equal(group_of(message, 2)->fair, (uint32_t)gp__queue_hash(GP_S("7")));
}

/* ---- marks ---- */

static const struct gp__mark base = {.place = {.segment = 1, .offset = 64}};

static struct gp__mark mark(enum gp__mark_kind kind, uint32_t first, uint64_t some)
{
    struct gp__mark made = base;

    made.kind = kind;
    made.first = first;
    made.some = some;
    return made;
}

static void test_marks(void **state)
{
    const struct gp__entry_recipient list[] = {
        recipient("a@one.example", 0, "inside", NULL),
        recipient("b@one.example", 0, "inside", NULL),
        recipient("c@two.example", 0, "inside", NULL),
        recipient("d@two.example", 0, "inside", NULL),
    };
    struct gp__entry entry = entry_of(list, 4);
    struct gp__queued *message = gp__queue_enter(queue, place, &entry);
    struct gp__mark m;

    (void)state;
    gp__queue_settle_all(queue, message, 100);
    m = mark(GP__MARK_DONE, 0, 1);
    assert_true(gp__queue_apply(queue, message, &m, &entry));
    assert_null(group_of(message, 0));
    m = mark(GP__MARK_DEFERRED, 1, 1);
    m.at_ms = 5000;
    m.tries = 3;
    m.reply = GP__REPLY(450, 4, 2, 0, "busy");
    assert_true(gp__queue_apply(queue, message, &m, &entry));
    m = mark(GP__MARK_WARNED, 1, 1);
    assert_true(gp__queue_apply(queue, message, &m, &entry));
    m = mark(GP__MARK_ROUTED, 0, 0xc); /* two recipients become a group each domain */
    m.name = GP_S("world");
    assert_true(gp__queue_apply(queue, message, &m, &entry));
    assert_ptr_equal(group_of(message, 2), group_of(message, 3));
    assert_int_equal(group_of(message, 2)->domain, gp__queue_hash(GP_S("two.example")));
    assert_int_equal(count(message), 2);
    m = mark(GP__MARK_HELD, 3, 1);
    m.name = GP_S("spam");
    assert_true(gp__queue_apply(queue, message, &m, &entry));
    gp__queue_settle_all(queue, message, 100);
    assert_int_equal(group_of(message, 1)->state, GP__GROUP_WAITING);
    assert_int_equal(group_of(message, 1)->due_ms, 5000);
    assert_int_equal(group_of(message, 1)->tries, 3);
    assert_int_equal(group_of(message, 1)->flags, GP__GROUP_WARNED);
    assert_int_equal(group_of(message, 2)->state, GP__GROUP_READY);
    assert_int_equal(group_of(message, 3)->state, GP__GROUP_HELD);
    m = mark(GP__MARK_RELEASED, 3, 1);
    assert_true(gp__queue_apply(queue, message, &m, &entry));
    gp__queue_settle_all(queue, message, 100);
    assert_int_equal(group_of(message, 3)->state, GP__GROUP_READY);
    m = mark(GP__MARK_ALL_DONE, 0, 0);
    assert_false(gp__queue_apply(queue, message, &m, &entry));
}

/* What a compaction writes makes the same groups again. */
static void test_state(void **state)
{
    const struct gp__entry_recipient list[] = {
        recipient("a@one.example", 0, "world", NULL),
        recipient("b@one.example", 1, "world", NULL),
        recipient("c@two.example", 1, "inside", "spam"),
    };
    struct gp__entry entry = entry_of(list, 3);
    struct gp__queued *message = gp__queue_enter(queue, place, &entry), *again;
    struct gp__mark m = mark(GP__MARK_DEFERRED, 0, 3), said[3], before, after;
    size_t n = 0;

    (void)state;
    m.at_ms = 7000;
    m.tries = 2;
    m.reply = GP__REPLY(451, 4, 7, 1, "later");
    m.remote = GP_S("mx");
    assert_true(gp__queue_apply(queue, message, &m, &entry));
    m = mark(GP__MARK_DONE, 1, 1);
    assert_true(gp__queue_apply(queue, message, &m, &entry));
    gp__queue_settle_all(queue, message, 100);
    for (struct gp__group *group = message->groups; group; group = group->sibling)
        gp__queue_describe(queue, group, &said[n++]);
    assert_int_equal(n, 2);
    again = gp__queue_enter_bare(queue, place, &entry);
    assert_null(again->groups);
    for (size_t i = 0; i < n; i++)
        assert_true(gp__queue_apply(queue, again, &said[i], &entry));
    gp__queue_settle_all(queue, again, 100);
    assert_null(group_of(again, 1));
    for (uint32_t i = 0; i < 3; i += 2) {
        gp__queue_describe(queue, group_of(message, i), &before);
        gp__queue_describe(queue, group_of(again, i), &after);
        assert_int_equal(before.at_ms, after.at_ms);
        assert_int_equal(before.tries, after.tries);
        assert_int_equal(before.reply.code, after.reply.code);
        assert_true(gp_slice_eq(before.remote, after.remote));
        assert_true(gp_slice_eq(before.bucket, after.bucket));
        assert_int_equal(group_of(message, i)->state, group_of(again, i)->state);
        assert_int_equal(group_of(message, i)->copy, group_of(again, i)->copy);
        assert_int_equal(group_of(message, i)->domain, group_of(again, i)->domain);
    }
    /* Recipients that the entry does not have. */
    m = mark(GP__MARK_STATE, 2, 2);
    n = count(again);
    assert_true(gp__queue_apply(queue, again, &m, &entry));
    assert_int_equal(count(again), n);
}

/* A group was written down before its route's target told domains apart: it comes back as several. */
static void test_told_apart(void **state)
{
    static const struct gp__plan_route others[] = {
        {.name = {"inside", 6}, .target = {"exchange", 8}, .per_domain = true}};
    const struct gp__entry_recipient list[] = {
        recipient("a@one.example", 0, "inside", NULL),
        recipient("b@two.example", 0, "inside", NULL),
    };
    struct gp__entry entry = entry_of(list, 2);
    struct gp__queued *message = gp__queue_enter(queue, place, &entry);
    struct gp__mark m = mark(GP__MARK_DEFERRED, 0, 3);
    struct gp__plan other = plan;
    struct gp_slice remote;

    (void)state;
    m.at_ms = 7000;
    m.tries = 2;
    m.reply = GP__REPLY(451, 4, 7, 1, "later");
    assert_true(gp__queue_apply(queue, message, &m, &entry));
    assert_int_equal(count(message), 1);
    gp__queue_describe(queue, message->groups, &m);
    m.at_ms = 7000;
    other.routes = others;
    other.n_routes = 1;
    gp__queue_plan(queue, &other);
    message = gp__queue_enter_bare(queue, place, &entry);
    assert_true(gp__queue_apply(queue, message, &m, &entry));
    assert_int_equal(count(message), 2);
    for (uint32_t i = 0; i < 2; i++) {
        assert_false(gp__queue_is_stale(queue, group_of(message, i)));
        assert_int_equal(group_of(message, i)->tries, 2);
        assert_int_equal(group_of(message, i)->due_ms, 7000);
        assert_true(
            gp_slice_eq(gp__queue_reply(queue, group_of(message, i), &remote).text, GP_S("later")));
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_groups), TEST(test_many),  TEST(test_tenants),
        TEST(test_marks),  TEST(test_state), TEST(test_told_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
