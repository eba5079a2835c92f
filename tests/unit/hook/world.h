// SPDX-License-Identifier: Apache-2.0
/*
 * What the tests of hooks and deliveries share: a session and a transaction on the simulated
 * runtime, a chain of fake plugins, and chains run on fibers. A fake answers what its fields say;
 * what is more special is a function of the test.
 */
#ifndef GP_TEST_HOOK_WORLD_H
#define GP_TEST_HOOK_WORLD_H

#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/hook/apply.h"
#include "core/hook/run.h"
#include "core/hook/shadow.h"
#include "core/runtime/sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ABSENT gp_slice(NULL, 0)
#define FAKES_MAX 8

#define assert_slice(actual, expected)                                                             \
    check_slice((actual), gp_slice_of(expected), __FILE__, __LINE__)

static inline void check_slice(struct gp_slice actual, struct gp_slice expected, const char *file,
                               int line)
{
    if (gp_slice_present(actual) == gp_slice_present(expected) && gp_slice_eq(actual, expected))
        return;
    print_error("actual \"" GP_FMT "\", expected \"" GP_FMT "\"\n", GP_ARG(actual),
                GP_ARG(expected));
    _fail(file, line);
}

struct fake {
    struct world *world;
    struct gp_plugin plugin;
    struct gp__instance instance;
    struct gp__hook_stats stats[GP_HOOK_COUNT];

    /* What it does: sleeps, then answers. */
    enum gp_verdict (*fn)(struct fake *fake, struct gp_call *call); /* or NULL */
    uint64_t sleep_ms;
    enum gp_verdict answer;
    const char *status, *text; /* of DEFER, REJECT, DISCONNECT; text NULL: a bare verdict */
    const char *bucket;        /* of QUARANTINE */

    /* What it saw. */
    unsigned calls, ended;
    size_t scope; /* recipients, at the last call */
    int slept;    /* what gp_sleep() said */
};

struct world {
    struct gp__runtime *rt;
    struct gp__log log;
    struct gp__buf lines;
    struct gp__policy_settings settings;
    struct gp__chain chain;
    struct gp__instance *at[GP_HOOK_COUNT][FAKES_MAX];
    struct gp_slice buckets[2];
    struct gp_session *session;
    struct gp_transaction *tx;
    struct fake *fakes[FAKES_MAX];
    size_t n_fakes;
};

static inline int64_t world_now(void *arg)
{
    (void)arg;
    return GP__SIM_WALL_START;
}

static inline void world_write(void *arg, enum gp_log_level level, struct gp_slice line)
{
    struct world *world = arg;

    (void)level;
    gp__buf_append(&world->lines, line);
}

static inline struct world *world_create(void)
{
    struct world *world = gp__alloc(sizeof *world);

    world->log = (struct gp__log){
        .level = GP_LOG_DEBUG, .now = world_now, .write = world_write, .arg = world};
    world->rt = gp__sim_create(1, &world->log);
    assert_non_null(world->rt);
    world->buckets[0] = GP_S("spam");
    world->buckets[1] = GP_S("virus");
    for (size_t i = 0; i < GP_HOOK_COUNT; i++)
        world->chain.at[i].items = world->at[i];
    world->settings = (struct gp__policy_settings){
        .chain = &world->chain,
        .n_instances = FAKES_MAX,
        .default_bucket = GP_S("review"),
        .buckets = world->buckets,
        .n_buckets = 2,
        .shadows_max = 4,
    };
    world->session = gp__session_create("0123456789abcdef");
    world->session->listener = GP_S("mx");
    world->session->hostname = GP_S("mail.example");
    gp__session_policy_create(world->session, world->rt, &world->settings);
    return world;
}

/* MAIL FROM; "" is the null sender. */
static inline struct gp__policy *world_mail(struct world *world, const char *from)
{
    world->tx = gp__transaction_create(world->session);
    world->session->transaction = world->tx;
    assert_int_equal(gp__mailbox_parse(world->tx->arena, gp_slice_of(from), GP__ADDRESS_NULL,
                                       &world->tx->mail.from),
                     GP__ADDRESS_OK);
    return gp__policy_create(world->tx);
}

static inline struct gp_recipient *world_rcpt(struct world *world, const char *to)
{
    struct gp__rcpt *rcpt = GP__ARENA_NEW(world->tx->arena, struct gp__rcpt);
    struct gp_recipient *recipient;

    assert_int_equal(
        gp__mailbox_parse(world->tx->arena, gp_slice_of(to), GP__ADDRESS_POSTMASTER, &rcpt->to),
        GP__ADDRESS_OK);
    recipient = gp__recipient_create(world->tx->policy, rcpt, &rcpt->to);
    recipient->accepted = true;
    return recipient;
}

static inline void world_free_content(void *arg)
{
    struct gp__content *content = arg;

    gp__content_unref(&content);
}

/* The whole message is there. */
static inline void world_message(struct world *world, const char *bytes)
{
    struct gp__policy *policy = world->tx->policy;

    policy->content = gp__content_of(gp_slice_of(bytes));
    assert_non_null(policy->content);
    gp__arena_cleanup(world->tx->arena, world_free_content, policy->content);
    policy->message = gp__message_create(world->tx->arena, policy->content);
    world->tx->received_bytes = strlen(bytes);
    gp__copies_begin(policy);
}

static inline enum gp_verdict fake_answer(struct gp_call *call, struct fake *fake)
{
    switch (fake->text ? fake->answer : GP_NEXT) {
    case GP_REJECT:
        return gp_reject(call, fake->status, "%s", fake->text);
    case GP_DEFER:
        return gp_defer(call, fake->status, "%s", fake->text);
    case GP_DISCONNECT:
        return gp_disconnect(call, fake->status, "%s", fake->text);
    default:
        break;
    }
    if (fake->answer == GP_QUARANTINE && fake->bucket)
        return gp_quarantine(call, gp_slice_of(fake->bucket), "looks bad");
    return fake->answer;
}

static inline enum gp_verdict fake_hook(struct gp_call *call, void *self)
{
    struct fake *fake = self;
    enum gp_verdict verdict;

    fake->calls++;
    fake->scope = gp_rcpt_count(call);
    if (fake->sleep_ms)
        fake->slept = gp_sleep(call, fake->sleep_ms);
    verdict = fake->fn ? fake->fn(fake, call) : fake_answer(call, fake);
    fake->ended++;
    return verdict;
}

/* An instance with no hook yet. */
static inline struct fake *world_plugin(struct world *world, const char *id)
{
    struct fake *fake = gp__alloc(sizeof *fake);

    assert_true(world->n_fakes < FAKES_MAX);
    fake->world = world;
    fake->plugin.name = id;
    fake->plugin.needs = ~0u;
    fake->instance = (struct gp__instance){
        .id = gp_slice_of(id),
        .index = world->n_fakes,
        .plugin = &fake->plugin,
        .self = fake,
        .deadline_ms = 30000,
        .on_error = GP_ON_ERROR_DEFER,
    };
    world->fakes[world->n_fakes++] = fake;
    return fake;
}

static inline void world_hook(struct world *world, struct fake *fake, enum gp_hook_point point)
{
    fake->instance.fns[point] = fake_hook;
    fake->instance.stats[point] = &fake->stats[point];
    world->at[point][world->chain.at[point].count++] = &fake->instance;
}

/* An instance at the end of the chain of one point, that says `answer`. */
static inline struct fake *world_fake(struct world *world, const char *id, enum gp_hook_point point,
                                      enum gp_verdict answer)
{
    struct fake *fake = world_plugin(world, id);

    fake->answer = answer;
    world_hook(world, fake, point);
    return fake;
}

/* The same with a reply. */
static inline struct fake *world_refuser(struct world *world, const char *id,
                                         enum gp_hook_point point, enum gp_verdict answer,
                                         const char *status, const char *text)
{
    struct fake *fake = world_fake(world, id, point, answer);

    fake->status = status;
    fake->text = text;
    return fake;
}

/* A chain that runs on a fiber. */
struct running {
    struct gp__run run;
    bool ended;
};

static inline void world_run_fiber(void *arg)
{
    struct running *running = arg;

    gp__run_chain(&running->run);
    running->ended = true;
}

static inline void world_run_done(void *arg)
{
    (void)arg;
}

/* What the point is usually about. */
static inline struct running world_running(struct world *world, enum gp_hook_point point)
{
    struct running running = {.run = {.point = point, .session = world->session}};
    struct gp__policy *policy = world->tx ? world->tx->policy : NULL;

    if (!policy)
        return running;
    running.run.transaction = world->tx;
    running.run.policy = policy;
    running.run.message = policy->message;
    if (gp__points[point].context == GP__CONTEXT_MESSAGE)
        running.run.n_scope = gp__run_scope(policy, &running.run.scope);
    if (gp__points[point].context == GP__CONTEXT_RECIPIENT)
        running.run.recipient = policy->recipients[policy->n_recipients - 1];
    return running;
}

static inline void world_start(struct world *world, struct running *running)
{
    assert_true(world->rt->ops->run(world->rt, world_run_fiber, world_run_done, running, 0) >= 0);
    gp__sim_settle(world->rt);
}

/* Runs to its end, whatever time it takes. */
static inline struct gp__run world_run_with(struct world *world, struct running *running)
{
    world_start(world, running);
    assert_true(gp__sim_run(world->rt, 10000000));
    assert_true(running->ended);
    return running->run;
}

static inline struct gp__run world_run(struct world *world, enum gp_hook_point point)
{
    struct running running = world_running(world, point);

    return world_run_with(world, &running);
}

static inline bool world_logged(struct world *world, const char *text)
{
    struct gp_slice lines = gp__buf_slice(&world->lines), wanted = gp_slice_of(text);

    return gp_slice_search(lines, wanted) < lines.len;
}

/* The transaction's end, as the engine sees it. */
static inline void world_end_mail(struct world *world)
{
    if (world->session)
        world->session->transaction = NULL;
    gp__transaction_unref(&world->tx);
}

static inline void world_free(struct world **world_)
{
    struct world *world = *world_;

    *world_ = NULL;
    world_end_mail(world);
    gp__session_unref(&world->session);
    gp__sim_free(&world->rt);
    for (size_t i = 0; i < world->n_fakes; i++)
        gp__free(world->fakes[i]);
    gp__buf_free(&world->log.line);
    gp__buf_free(&world->lines);
    gp__free(world);
}

#endif
