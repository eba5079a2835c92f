// SPDX-License-Identifier: Apache-2.0
/*
 * What the tests of core/plugin share: a simulated world with a session, a transaction, two
 * recipients and a message, an instance of a plugin with chosen rights, and hooks that are
 * functions of the test, run on a fiber at a chosen point.
 */
#ifndef GP_TEST_PLUGIN_KIT_H
#define GP_TEST_PLUGIN_KIT_H

#include "core/base/log.h"
#include "core/hook/apply.h"
#include "core/hook/shadow.h"
#include "core/plugin/instance.h"
#include "core/runtime/sim.h"

#include "tests/unit/base/check.h"

#define KIT_NEEDS                                                                                  \
    (GP_NEEDS_NETWORK | GP_NEEDS_FILES | GP_NEEDS_EDIT_ENVELOPE | GP_NEEDS_EDIT_HEADERS |          \
     GP_NEEDS_EDIT_BODY | GP_NEEDS_GRANT_RELAY | GP_NEEDS_DRAFT | GP_NEEDS_COMMANDS)
#define KIT_MESSAGE                                                                                \
    "From: <a@example.org>\r\nSubject: one\r\nSubject: two\r\n\r\nfirst line\r\nsecond line\r\n"

struct kit {
    struct gp__runtime *rt;
    struct gp__log log;
    struct gp__buf logged;
    struct gp_plugin plugin;
    struct gp__instance *instance;
    struct gp__policy_settings settings;
    struct gp_slice buckets[1];
    struct gp_session *session;
    struct gp_transaction *transaction;
    struct gp__policy *policy;
    struct gp__content *content;
    struct gp_recipient *first, *second;
    struct gp__shadow *shadow; /* set: calls are shadow calls */
    uint64_t deadline_ms;      /* of a call; UINT64_MAX: none */

    void (*body)(struct kit *kit, struct gp_call *call);
    enum gp_hook_point point;
    struct gp_call call; /* of the last run; ended */
    char fault[512];
    bool ended;
};

static inline void kit_write(void *arg, enum gp_log_level level, struct gp_slice line)
{
    (void)level;
    assert_int_equal(gp__buf_append(arg, line), 0);
}

static inline int64_t kit_now(void *arg)
{
    (void)arg;
    return 0;
}

static inline struct gp_recipient *kit_recipient(struct kit *kit, const char *address)
{
    struct gp__rcpt *given = GP__ARENA_NEW(kit->transaction->arena, struct gp__rcpt);
    struct gp_recipient *recipient;

    given->notify_text = GP_S("FAILURE");
    given->orcpt = GP_S("rfc822;o@example.net");
    assert_int_equal(
        gp__mailbox_parse(kit->transaction->arena, gp_slice_of(address), 0, &given->to),
        GP__ADDRESS_OK);
    recipient = gp__recipient_create(kit->policy, given, &given->to);
    recipient->accepted = true;
    return recipient;
}

/* In place of the one that was there. */
static inline void kit_message(struct kit *kit, struct gp_slice bytes)
{
    if (kit->content)
        gp__content_unref(&kit->content);
    kit->content = gp__content_of(bytes);
    assert_non_null(kit->content);
    kit->policy->content = kit->content;
    kit->policy->message = gp__message_create(kit->transaction->arena, kit->content);
    gp__copies_begin(kit->policy);
}

static inline struct gp__instance *kit_instance(struct kit *kit, const char *id, size_t index)
{
    struct gp__instance_settings settings = {
        .id = gp_slice_of(id), .index = index, .plugin = &kit->plugin, .deadline_ms = 5000};
    char error[512];
    struct gp__instance *instance = gp__instance_open(&settings, kit->rt, error, sizeof error);

    assert_non_null(instance);
    return instance;
}

static inline void kit_transaction(struct kit *kit)
{
    kit->transaction = gp__transaction_create(kit->session);
    kit->session->transaction = kit->transaction;
    assert_int_equal(gp__mailbox_parse(kit->transaction->arena, GP_S("From.Me@Example.ORG"), 0,
                                       &kit->transaction->mail.from),
                     GP__ADDRESS_OK);
    kit->policy = gp__policy_create(kit->transaction);
    kit->first = kit_recipient(kit, "one@example.net");
    kit->second = kit_recipient(kit, "two@example.net");
}

/* A session before MAIL. */
static inline void kit_session(struct kit *kit)
{
    struct gp__ip ip;

    memset(kit, 0, sizeof *kit);
    kit->log = (struct gp__log){
        .level = GP_LOG_INFO, .now = kit_now, .write = kit_write, .arg = &kit->logged};
    kit->rt = gp__sim_create(1, &kit->log);
    kit->plugin = (struct gp_plugin){.magic = GP_ABI_MAGIC,
                                     .name = "sample",
                                     .version = "1",
                                     .summary = "s",
                                     .needs = KIT_NEEDS,
                                     .session_slot = 16,
                                     .transaction_slot = 16};
    kit->instance = kit_instance(kit, "sample", 0);
    kit->buckets[0] = GP_S("spam");
    kit->settings = (struct gp__policy_settings){.n_instances = 2,
                                                 .default_bucket = GP_S("review"),
                                                 .buckets = kit->buckets,
                                                 .n_buckets = 1,
                                                 .message_size = 4096};
    kit->session = gp__session_create("0123456789ABCDEF");
    kit->session->listener = GP_S("mx");
    kit->session->hostname = GP_S("mx.example.net");
    assert_int_equal(gp__ip_parse(GP_S("192.0.2.7"), &ip), 0);
    gp__session_set_client(kit->session, &ip, 4711);
    (void)gp__session_policy_create(kit->session, kit->rt, &kit->settings);
    kit->deadline_ms = UINT64_MAX;
}

static inline void kit_begin(struct kit *kit)
{
    kit_session(kit);
    kit_transaction(kit);
    kit_message(kit, GP_S(KIT_MESSAGE));
}

static inline void kit_end(struct kit *kit)
{
    gp__transaction_unref(&kit->transaction);
    gp__session_unref(&kit->session);
    gp__content_unref(&kit->content);
    gp__instance_close(&kit->instance);
    gp__sim_free(&kit->rt);
    gp__buf_free(&kit->logged);
    gp__buf_free(&kit->log.line);
}

static inline void kit_call_init(struct kit *kit, struct gp_call *call)
{
    enum gp__point_context context = gp__points[kit->point].context;

    gp__call_init(call, kit->rt, kit->instance, kit->point, kit->deadline_ms);
    if (context == GP__CONTEXT_NONE)
        return;
    call->session = kit->session;
    if (kit->point < GP_HOOK_MAIL)
        return;
    call->transaction = kit->transaction;
    call->policy = kit->policy;
    call->scope = kit->policy ? kit->policy->recipients : NULL;
    call->n_scope = kit->policy ? 2 : 0;
    call->shadow = kit->shadow;
    if (context == GP__CONTEXT_RECIPIENT)
        call->recipient = kit->first;
    if (kit->point >= GP_HOOK_HEADERS && kit->policy)
        call->message = kit->shadow && kit->shadow->message ? kit->shadow->message
                                                            : kit->policy->message;
    if (context == GP__CONTEXT_COPY && kit->policy) {
        call->copy = kit->policy->copies[0];
        call->message = kit->shadow ? kit->shadow->message : call->copy->message;
    }
}

static inline void kit_main(void *arg)
{
    struct kit *kit = arg;
    struct gp_call *call = &kit->call;

    kit_call_init(kit, call);
    kit->body(kit, call);
    snprintf(kit->fault, sizeof kit->fault, GP_FMT, GP_ARG(call->fault));
    gp__call_end(call);
}

static inline void kit_done(void *arg)
{
    ((struct kit *)arg)->ended = true;
}

/* Starts the hook; it may be parked when this returns. */
static inline void kit_start(struct kit *kit, enum gp_hook_point point,
                             void (*body)(struct kit *kit, struct gp_call *call))
{
    int began;

    kit->body = body;
    kit->point = point;
    kit->ended = false;
    kit->fault[0] = '\0';
    began = kit->rt->ops->run(kit->rt, kit_main, kit_done, kit, 0);
    assert_true(began >= 0);
    kit->ended = kit->ended || began == 1;
}

/* Runs the hook to its end. */
static inline void kit_run(struct kit *kit, enum gp_hook_point point,
                           void (*body)(struct kit *kit, struct gp_call *call))
{
    kit_start(kit, point, body);
    for (int i = 0; i < 1000 && !kit->ended; i++)
        gp__sim_run(kit->rt, 60000);
    assert_true(kit->ended);
}

/* From here on this call is clean again: a test provokes several faults in one hook. */
static inline void check_fault(struct gp_call *call, const char *part, const char *file, int line)
{
    struct gp_slice fault = call->fault;

    call->fault = gp_slice(NULL, 0);
    if (!part && !gp_slice_present(fault))
        return;
    if (part && gp_slice_present(fault) && gp_slice_search(fault, gp_slice_of(part)) < fault.len)
        return;
    print_error("fault \"" GP_FMT "\" instead of \"%s\"\n", GP_ARG(fault), part ? part : "none");
    _fail(file, line);
}

#define assert_fault(call, part) check_fault((call), (part), __FILE__, __LINE__)
#define assert_clean(call) check_fault((call), NULL, __FILE__, __LINE__)

static inline bool kit_logged(const struct kit *kit, const char *text)
{
    struct gp_slice all = gp__buf_slice(&kit->logged);

    return gp_slice_search(all, gp_slice_of(text)) < all.len;
}

#define BAD ((struct gp_slice){NULL, 5})

#endif
