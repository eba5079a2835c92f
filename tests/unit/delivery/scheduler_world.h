// SPDX-License-Identifier: Apache-2.0
/* A scheduler over a spool in memory, with a carrier that does what a test says, in virtual time. */
#ifndef TEST_SCHEDULER_WORLD_H
#define TEST_SCHEDULER_WORLD_H

#include "core/base/arena.h"
#include "core/delivery/mark.h"
#include "core/delivery/scheduler.h"
#include "core/runtime/sim.h"
#include "tests/unit/delivery/memory_spool.h"

#define MINUTE UINT64_C(60000)
#define HOUR (60 * MINUTE)
#define TOGETHER_MS UINT64_C(200) /* that failures of a message wait for each other */

static const uint64_t waits[] = {10 * MINUTE};
static const struct gp__plan_queue policy = {.name = {"default", 7},
                                             .retry = {[GP__RETRY_OTHER] = {waits, 1}},
                                             .expire_ms = 48 * HOUR,
                                             .warn_ms = 4 * HOUR,
                                             .attempt_ms = HOUR,
                                             .connections = 20};
static const struct gp__plan_route routes[] = {
    {.name = {"world", 5}, .target = {"internet", 8}, .per_domain = true},
    {.name = {"inside", 6}, .target = {"exchange", 8}},
};
static const struct gp__plan_bucket buckets[] = {
    {.name = {"spam", 4}, .expire_ms = 24 * HOUR, .release = GP__RELEASE_BY_RECIPIENT},
    {.name = {"back", 4}, .expire_ms = 24 * HOUR, .then = GP__THEN_BOUNCE},
    {.name = {"on", 2}, .expire_ms = 24 * HOUR, .then = GP__THEN_DELIVER},
    {.name = {"dlp", 3}, .release = GP__RELEASE_BY_SENDER},
    {.name = {"long", 4}, .expire_ms = 2400 * HOUR, .then = GP__THEN_DELIVER},
};
static const struct gp__plan plan = {.hostname = {"mx.example.org", 14},
                                     .daemon = {"MAILER-DAEMON@mx.example.org", 28},
                                     .bounce_bucket = {"spam", 4},
                                     .queues = &policy,
                                     .n_queues = 1,
                                     .routes = routes,
                                     .n_routes = 2,
                                     .buckets = buckets,
                                     .n_buckets = 5};

/* ---- a carrier that remembers what it was asked ---- */

#define ASKED_MAX 64

struct asked {
    uint64_t number;
    enum gp__attempt_kind kind;
    struct gp__place place;
    char message[65], route[32], from[32];
    uint32_t recipients[GP__ATTEMPT_RECIPIENTS_MAX];
    size_t n;
    uint32_t tries;
};

static struct asked asked[ASKED_MAX];
static size_t n_asked;

static void on_send(void *arg, const struct gp__attempt *attempt)
{
    struct asked *one = &asked[n_asked++];

    (void)arg;
    assert_true(n_asked <= ASKED_MAX);
    *one = (struct asked){.number = attempt->number,
                          .kind = attempt->kind,
                          .place = attempt->place,
                          .n = attempt->n,
                          .tries = attempt->tries};
    snprintf(one->message, sizeof one->message, GP_FMT, GP_ARG(attempt->message));
    snprintf(one->route, sizeof one->route, GP_FMT, GP_ARG(attempt->route));
    snprintf(one->from, sizeof one->from, GP_FMT, GP_ARG(attempt->from));
    memcpy(one->recipients, attempt->recipients, attempt->n * sizeof *attempt->recipients);
}

/* ---- the world ---- */

static struct gp__runtime *rt;
static struct gp__scheduler *scheduler;

static void start(void)
{
    struct gp__spool_settings spool = {.engine = &memory_engine};
    struct gp__buf bytes = {.limit = 0}, error = {.limit = 0};
    struct gp__scheduler_options options = {.runtime = rt, .spool = &spool};

    memory_rewind();
    gp__plan_pack(&bytes, &plan);
    options.plan = gp__buf_slice(&bytes);
    scheduler = gp__scheduler_open(&options, &error);
    assert_non_null(scheduler);
    gp__buf_free(&bytes);
    n_asked = 0;
    gp__scheduler_carrier(scheduler, 0, 32, on_send, NULL);
    gp__sim_settle(rt);
    assert_true(gp__scheduler_is_ready(scheduler));
}

static void stop(void)
{
    gp__scheduler_close(&scheduler);
    gp__sim_settle(rt); /* what the engine owes is dropped or called */
}

static void restart(void)
{
    stop();
    start();
}

static int setup(void **state)
{
    (void)state;
    rt = gp__sim_create(1, NULL);
    start();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    stop();
    gp__sim_free(&rt);
    memory_free();
    return 0;
}

/* ---- mail ---- */

struct mail {
    const char *id, *sender, *route, *bucket, *notify;
    const char *to[4];
    bool stranger; /* nobody vouches for its sender */
};

static void put(const struct mail *mail)
{
    static const char content[] = "Subject: hello\r\n\r\nworld\r\n";
    struct gp__entry_piece piece = {.len = sizeof content - 1};
    struct gp__entry_copy copy = {
        .id = GP_S("c"),
        .sender = gp_slice_of(mail->sender ? mail->sender : "s@example.com"),
        .pieces = &piece,
        .n_pieces = 1,
        .size = sizeof content - 1};
    struct gp__entry_recipient recipients[4];
    struct gp__entry entry = {.id = gp_slice_of(mail->id),
                              .received_ms = rt->ops->wall_ms(rt),
                              .user = gp_slice_of(mail->stranger ? NULL : "s"),
                              .base = gp_slice(content, sizeof content - 1),
                              .base_size = sizeof content - 1,
                              .copies = &copy,
                              .n_copies = 1,
                              .recipients = recipients};

    for (; entry.n_recipients < 4 && mail->to[entry.n_recipients]; entry.n_recipients++)
        recipients[entry.n_recipients] = (struct gp__entry_recipient){
            .address = gp_slice_of(mail->to[entry.n_recipients]),
            .route = gp_slice_of(mail->route ? mail->route : "world"),
            .bucket = gp_slice_of(mail->bucket),
            .notify = gp_slice_of(mail->notify)};
    (void)memory_put(&entry);
    gp__scheduler_look(scheduler);
    gp__sim_settle(rt);
}

/* Answers an attempt; outcomes by recipient: 'd'elivered, 'p'assed on to a host that reports success
 * itself, or to one that 'r'eports none, 't'emporary, 'f'ailed, 'u'ntried, 'w'orld,
 * 'i'nside, 'n'owhere; by filters: in's'ide the bucket "spam" again, or 'x': dropped. */
static void answer_soon(size_t i, const char *outcomes)
{
    static const struct {
        char letter;
        enum gp_outcome outcome;
        struct gp__reply reply;
        const char *route;
        enum gp__filtered filtered;
        const char *bucket;
    } kinds[] = {
        {'d', GP_OUTCOME_DELIVERED, {250, 2, 0, 0, {"ok", 2}}, NULL, GP__FILTERED_NOT, NULL},
        {'p', GP_OUTCOME_DELIVERED, {250, 2, 0, 0, {"ok", 2}}, NULL, GP__FILTERED_NOT, NULL},
        {'r', GP_OUTCOME_DELIVERED, {250, 2, 0, 0, {"ok", 2}}, NULL, GP__FILTERED_NOT, NULL},
        {'t', GP_OUTCOME_DEFERRED, {450, 4, 2, 0, {"busy", 4}}, NULL, GP__FILTERED_NOT, NULL},
        {'f', GP_OUTCOME_FAILED, {550, 5, 1, 1, {"nobody", 6}}, NULL, GP__FILTERED_NOT, NULL},
        {'u', GP_OUTCOME_DEFERRED, {451, 4, 4, 5, {"full", 4}}, NULL, GP__FILTERED_NOT, NULL},
        {'w', GP_OUTCOME_NONE, {0}, "world", GP__FILTERED_NOT, NULL},
        {'i', GP_OUTCOME_NONE, {0}, "inside", GP__FILTERED_NOT, NULL},
        {'n', GP_OUTCOME_NONE, {0}, NULL, GP__FILTERED_NOT, NULL},
        {'s', GP_OUTCOME_NONE, {0}, NULL, GP__FILTERED_HELD, "spam"},
        {'x', GP_OUTCOME_NONE, {0}, NULL, GP__FILTERED_DROPPED, NULL},
    };
    struct gp__attempt_result results[4] = {{.outcome = GP_OUTCOME_NONE}};
    struct gp__attempt_answer said = {
        .number = asked[i].number, .results = results, .n = strlen(outcomes)};

    for (size_t r = 0; r < said.n; r++) {
        size_t k = 0;

        while (kinds[k].letter != outcomes[r])
            k++;
        results[r].outcome = kinds[k].outcome;
        results[r].reply = kinds[k].reply;
        results[r].route = gp_slice_of(kinds[k].route);
        results[r].filtered = kinds[k].filtered;
        results[r].bucket = gp_slice_of(kinds[k].bucket);
        results[r].untried = outcomes[r] == 'u';
        results[r].passed = outcomes[r] == 'p';
        said.relayed = said.relayed || outcomes[r] == 'r';
        if (kinds[k].reply.code)
            results[r].remote = GP_S("mx.example.net [192.0.2.1]");
    }
    gp__scheduler_answer(scheduler, 0, &said);
    gp__sim_settle(rt);
}

/* And the sender hears of it. */
static inline void answer(size_t i, const char *outcomes)
{
    answer_soon(i, outcomes);
    if (strchr(outcomes, 'f'))
        gp__sim_advance(rt, TOGETHER_MS);
}

static struct gp__queue_stats stats(void)
{
    struct gp__queue_stats now;

    gp__queue_stats(gp__scheduler_queue(scheduler), &now);
    return now;
}

static inline void assert_empty(void)
{
    assert_int_equal(stats().messages, 0);
    restart();
    assert_int_equal(stats().messages, 0);
    assert_int_equal(n_asked, 0);
}

/* The text of the newest entry. */
static inline struct gp_slice newest(struct gp__entry *entry, struct gp__arena *arena)
{
    struct memory_segment *segment = &memory.segments[memory.n - 1];
    struct memory_entry *last = &segment->entries[segment->n - 1];

    assert_int_equal(gp__entry_read(entry, arena, gp__buf_slice(&last->head)), 0);
    return gp__buf_slice(&last->base);
}

static inline bool has(struct gp_slice text, const char *what)
{
    return gp_slice_search(text, gp_slice_of(what)) < text.len;
}

/* ---- time ---- */

static inline void tell_bounced(size_t i)
{
    struct gp__attempt_answer said = {.number = asked[i].number};

    assert_int_equal(asked[i].kind, GP__ATTEMPT_TELL);
    gp__scheduler_answer(scheduler, 0, &said);
    gp__sim_advance(rt, TOGETHER_MS);
}

/* An hour at a time everything is deferred, until observers are to be told or time is over. */
static inline void defer_for(unsigned hours)
{
    for (unsigned h = 0; h < hours; h++) {
        gp__sim_advance(rt, HOUR);
        for (size_t i = 0; i < n_asked; i++) {
            if (asked[i].kind == GP__ATTEMPT_TELL)
                return;
            answer(i, asked[i].kind == GP__ATTEMPT_ROUTE ? "n" : "t");
        }
        n_asked = 0;
        gp__sim_advance(rt, TOGETHER_MS);
    }
}

#endif
