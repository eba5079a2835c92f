// SPDX-License-Identifier: Apache-2.0
// A whole outbound delivery against two hosts that say whatever they like, in pieces, on the simulated runtime: TLS,
// reuse, fail-over. Asserts that it ends, that every recipient has an outcome with a reply that can be shown, and that
// 250 is said only after the whole message was written.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/config/value.h"
#include "core/delivery/outbound.h"
#include "core/runtime/sim.h"

#define CHECK(what)                                                                                \
    do {                                                                                           \
        if (!(what)) {                                                                             \
            fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #what);                     \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#define STEPS_MAX 64
#define DAY_MS 86400000u

static struct gp_slice bytes_text = {"Subject: x\r\n\r\n.dot\r\ngr\xc3\xbc\xc3\x9f\r\n", 29};

struct world {
    struct gp__runtime *rt;
    struct gp_plugin plugin;
    struct gp__instance instance;
    struct gp__target target;
    struct gp__policy_settings settings;
    struct gp__chain chain;
    struct gp_session *session;
    struct gp_transaction *transaction;
    struct gp_delivery delivery;
    struct gp_smtp *pool;
    struct gp_smtp_settings smtp;
    bool done, requiretls;
};

/* What the host says: a piece is said at once, or after a line or a message of ours, or after a while, or TLS begins. */
static size_t make_script(struct gp__sim_step *steps, const uint8_t *data, size_t size)
{
    size_t n = 0;

    while (size > 1 && n + 2 < STEPS_MAX) {
        size_t len = data[1] < size - 2 ? data[1] : size - 2;

        switch (data[0] % 8) {
        case 0:
        case 1:
            steps[n++] = (struct gp__sim_step){.type = GP__SIM_SKIP, .bytes = GP_S("\r\n")};
            break;
        case 2:
            steps[n++] = (struct gp__sim_step){.type = GP__SIM_SKIP, .bytes = GP_S("\r\n.\r\n")};
            break;
        case 3:
            steps[n++] = (struct gp__sim_step){.type = GP__SIM_DELAY, .ms = data[1] * 1000u};
            break;
        case 4:
            steps[n++] = (struct gp__sim_step){.type = GP__SIM_SECURE};
            break;
        default:
            break;
        }
        if (len)
            steps[n++] = (struct gp__sim_step){.type = GP__SIM_SEND,
                                               .bytes = gp_slice((const char *)data + 2, len)};
        data += 2 + len;
        size -= 2 + len;
    }
    return n;
}

static void setup(struct world *w, unsigned flags)
{
    static const char *const to[] = {"r@example.test", "s@example.test"};

    w->rt = gp__sim_create(flags, NULL);
    w->plugin = (struct gp_plugin){.name = "x", .needs = GP_NEEDS_NETWORK};
    w->instance = (struct gp__instance){.id = GP_S("x"), .plugin = &w->plugin};
    w->target = (struct gp__target){.name = GP_S("x"), .instance = &w->instance};
    w->settings = (struct gp__policy_settings){.chain = &w->chain, .default_bucket = GP_S("b")};
    w->session = gp__session_create("0123456789abcdef");
    w->session->hostname = GP_S("out.example");
    gp__session_policy_create(w->session, w->rt, &w->settings);
    w->transaction = gp__transaction_create(w->session);
    w->session->transaction = w->transaction;
    gp__mailbox_parse(w->transaction->arena, GP_S("a@example.com"), 0, &w->transaction->mail.from);
    w->transaction->mail.requiretls = w->requiretls = flags & 1;
    w->transaction->mail.smtputf8 = flags & 2;
    gp__policy_create(w->transaction);
    for (size_t i = 0; i < 2; i++) {
        struct gp__rcpt *rcpt = GP__ARENA_NEW(w->transaction->arena, struct gp__rcpt);

        gp__mailbox_parse(w->transaction->arena, gp_slice_of(to[i]), 0, &rcpt->to);
        rcpt->notify = GP__NOTIFY_SUCCESS;
        rcpt->notify_text = GP_S("SUCCESS");
        gp__recipient_create(w->transaction->policy, rcpt, &rcpt->to);
    }
}

static void free_content(void *arg)
{
    struct gp__content *content = arg;

    gp__content_unref(&content);
}

static void set_delivery(struct world *w)
{
    struct gp__policy *policy = w->transaction->policy;
    struct gp__arena *arena = w->transaction->arena;

    policy->content = gp__content_of(bytes_text);
    gp__arena_cleanup(arena, free_content, policy->content);
    policy->message = gp__message_create(arena, policy->content);
    gp__copies_begin(policy);
    w->delivery = (struct gp_delivery){
        .policy = policy,
        .id = GP_S("1"),
        .target = &w->target,
        .copy = policy->copies[0],
        .recipients = policy->recipients,
        .outcomes = GP__ARENA_ARRAY(arena, enum gp_outcome, 2),
        .replies = GP__ARENA_ARRAY(arena, struct gp__reply, 2),
        .peers = GP__ARENA_ARRAY(arena, struct gp__delivery_peer, 2),
        .count = 2,
        .hostname = GP_S("out.example"),
    };
}

static void check_outcomes(const struct world *w)
{
    for (size_t i = 0; i < w->delivery.count; i++) {
        enum gp_outcome outcome = w->delivery.outcomes[i];
        const struct gp__reply *reply = &w->delivery.replies[i];

        CHECK(outcome == GP_OUTCOME_DELIVERED || outcome == GP_OUTCOME_DEFERRED ||
              outcome == GP_OUTCOME_FAILED);
        CHECK(gp__reply_ok(reply, outcome == GP_OUTCOME_DELIVERED ? '2'
                                  : outcome == GP_OUTCOME_FAILED  ? '5'
                                                                  : '4'));
        CHECK(gp__reply_text_ok(w->delivery.peers[i].remote));
        CHECK(outcome != GP_OUTCOME_DELIVERED || gp_slice_present(w->delivery.peers[i].remote));
    }
}

static void deliver(void *arg)
{
    struct world *w = arg;

    for (int i = 0; i < 2; i++) { /* the second may use the connection of the first */
        struct gp_call call;

        gp__call_init(&call, w->rt, &w->instance, GP_HOOK_ATTEMPT, UINT64_MAX);
        call.session = w->session;
        call.transaction = w->transaction;
        call.policy = w->transaction->policy;
        set_delivery(w);
        CHECK(gp_smtp_deliver(&call, w->pool, &w->delivery) == 0);
        CHECK(!gp_slice_present(call.fault));
        check_outcomes(w);
        gp__call_end(&call);
    }
}

static void done(void *arg)
{
    ((struct world *)arg)->done = true;
}

static void run(struct world *w, unsigned flags)
{
    static const struct gp_slice hosts[2] = {{"192.0.2.1:25", 12}, {"192.0.2.2:25", 12}};
    struct gp_list *list;
    struct gp__arena *arena = gp__arena_create();
    struct gp_call call;

    list = gp__value_list_create(arena, 2, sizeof(struct gp_slice));
    for (size_t i = 0; i < 2; i++)
        *(struct gp_slice *)gp__value_list_add(list) = hosts[i];
    w->smtp = (struct gp_smtp_settings){
        .hosts = list,
        .tls = flags & 4 ? GP_SMTP_TLS_VERIFIED : GP_SMTP_TLS_OPPORTUNISTIC,
        .lmtp = flags & 8,
        .chunking = flags & 16,
        .forward = flags & 32 ? 1 + (flags & 1) : 0,
        .idle_ms = 10000,
    };
    if (flags & 64) {
        w->smtp.user = GP_S("user");
        w->smtp.password = GP_S("password");
        w->smtp.plain_auth = true;
    }
    gp__call_init(&call, w->rt, &w->instance, GP_HOOK_TICK, UINT64_MAX);
    w->pool = gp_smtp_create(&call, &w->smtp);
    CHECK(w->pool);
    gp__call_end(&call);
    if (w->rt->ops->run(w->rt, deliver, done, w, 0) == 1)
        w->done = true;
    (void)gp__sim_run(w->rt, DAY_MS);
    CHECK(w->done);
    gp_smtp_destroy(&w->pool);
    gp__arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gp__sim_step steps[STEPS_MAX];
    struct world w = {.done = false};
    size_t half;

    if (size < 2)
        return 0;
    setup(&w, data[0]);
    half = (size - 2) * data[1] / 256;
    gp__sim_peer(w.rt, GP_S("192.0.2.1:25"), steps, make_script(steps, data + 2, half));
    gp__sim_peer(w.rt, GP_S("192.0.2.2:25"), steps,
                 make_script(steps, data + 2 + half, size - 2 - half));
    run(&w, data[0]);
    w.session->transaction = NULL;
    gp__transaction_unref(&w.transaction);
    gp__session_unref(&w.session);
    gp__sim_free(&w.rt);
    return 0;
}
