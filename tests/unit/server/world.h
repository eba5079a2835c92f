// SPDX-License-Identifier: Apache-2.0
/*
 * What the tests of the server share: a configuration from memory, brought to life on the simulated
 * runtime, and three plugins: `probe` in the chain, whose hooks do what a test says; `box`, a target
 * that writes files; `list`, a table that knows whoever is not called "no…" or "temp…". All of them
 * can be slow. What was seen is kept in one global, which each world begins anew.
 */
#ifndef GP_TEST_SERVER_WORLD_H
#define GP_TEST_SERVER_WORLD_H

#include "core/base/alloc.h"
#include "core/base/counts.h"
#include "core/base/log.h"
#include "core/message/content.h"
#include "core/runtime/sim.h"
#include "core/server/generation.h"
#include "core/server/server.h"

#include <gatepost/plugin.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ON(name) (1u << GP_HOOK_##name)
#define OBSERVERS (ON(ACCEPTED) | ON(RESET) | ON(DISCONNECT))

/* ---- the plugins ---- */

static struct {
    /* What hooks do: sleep, then fn, or else the verdict. A sleep that ended in an error is followed
     * by a verdict that nobody may heed. */
    uint64_t sleep_ms[GP_HOOK_COUNT];
    enum gp_verdict verdict[GP_HOOK_COUNT];
    enum gp_verdict (*fn[GP_HOOK_COUNT])(struct gp_call *call);
    uint64_t deliver_ms, publish_ms, revoke_ms, lookup_ms;
    unsigned slow_publish; /* the how manieth is slow; 0: all */
    int (*deliver)(struct gp_call *call, struct gp_delivery *delivery);
    uint64_t who_ms;
    struct gp_slice secret; /* stored, for SCRAM */

    /* What they saw. */
    unsigned calls[GP_HOOK_COUNT], ended[GP_HOOK_COUNT];
    int slept[GP_HOOK_COUNT]; /* what gp_sleep() said at last */
    unsigned delivers, publishes, revokes, lookups;
    struct gp__buf body;
    unsigned last_chunks;
    unsigned asked, mechanism; /* of backends */
    struct gp__buf to;         /* local parts that the target was asked for, each with a space */
} seen;

static enum gp_verdict probe_on(struct gp_call *call, void *self)
{
    enum gp_hook_point point = gp_hook_point(call);

    (void)self;
    seen.calls[point]++;
    seen.slept[point] = seen.sleep_ms[point] ? gp_sleep(call, seen.sleep_ms[point]) : 0;
    seen.ended[point]++;
    if (seen.slept[point])
        return point == GP_HOOK_REJECTED ? GP_OVERRIDE : GP_REJECT;
    return seen.fn[point] ? seen.fn[point](call) : seen.verdict[point];
}

static int box_path(struct gp_call *call, const char *directory, struct gp_delivery *delivery,
                    struct gp_slice *path_r)
{
    char path[128];
    int len = snprintf(path, sizeof path, "%s/" GP_FMT, directory,
                       GP_ARG(gp_delivery_id(delivery)));

    *path_r = gp__arena_dup(gp__call_arena(call), gp_slice(path, (size_t)len));
    return gp_dir_make(call, gp_slice_of(directory), 0700);
}

static int box_deliver(struct gp_call *call, void *self, struct gp_delivery *delivery)
{
    struct gp_slice path;
    int error = 0;

    (void)self;
    seen.delivers++;
    if (seen.deliver)
        error = seen.deliver(call, delivery);
    if (!error)
        error = box_path(call, "/box/tmp", delivery, &path);
    if (!error)
        error = gp_file_put_message(call, path, GP_S(""), gp_delivery_message(delivery));
    if (!error && seen.deliver_ms)
        error = gp_sleep(call, seen.deliver_ms);
    for (size_t i = 0; i < gp_delivery_rcpt_count(delivery); i++) {
        gp__buf_append(&seen.to, gp_rcpt_local(gp_delivery_rcpt_at(delivery, i)));
        gp__buf_append(&seen.to, GP_S(" "));
    }
    for (size_t i = 0; !error && !seen.deliver && i < gp_delivery_rcpt_count(delivery); i++)
        gp_delivery_result(delivery, i, GP_OUTCOME_DELIVERED, NULL, NULL);
    return error;
}

static int box_publish(struct gp_call *call, void *self, struct gp_delivery *delivery)
{
    struct gp_slice from, to;
    int error;

    (void)self;
    seen.publishes++;
    error = seen.publish_ms && (!seen.slow_publish || seen.slow_publish == seen.publishes)
                ? gp_sleep(call, seen.publish_ms)
                : 0;
    if (!error)
        error = box_path(call, "/box/tmp", delivery, &from);
    if (!error)
        error = box_path(call, "/box/new", delivery, &to);
    return error ? error : gp_file_rename(call, from, to);
}

static void box_revoke(struct gp_call *call, void *self, struct gp_delivery *delivery)
{
    struct gp_slice path;

    (void)self;
    seen.revokes++;
    if (seen.revoke_ms && gp_sleep(call, seen.revoke_ms) != 0)
        return;
    if (box_path(call, "/box/tmp", delivery, &path) == 0)
        assert_int_equal(gp_file_remove(call, path), 0);
}

static int list_lookup(struct gp_call *call, void *self, struct gp_slice key,
                       struct gp_slice *value_r)
{
    int error;

    (void)self;
    seen.lookups++;
    error = seen.lookup_ms ? gp_sleep(call, seen.lookup_ms) : 0;
    if (error)
        return error;
    if (gp_slice_starts(key, GP_S("temp")))
        return GP_ETEMP;
    *value_r = GP_S("");
    return gp_slice_find(key, '@') == key.len || gp_slice_starts(key, GP_S("no")) ? GP_ENOTFOUND
                                                                                  : 0;
}

/* A backend: the password is "secret" and the token "token-USER", but for users called "no…" and
 * "temp…". There are two in the configuration of test_auth. */
static int who_answer(struct gp_call *call, struct gp_slice user, bool right)
{
    int error = seen.who_ms ? gp_sleep(call, seen.who_ms) : 0;

    seen.asked++;
    if (error)
        return error;
    if (gp_slice_starts(user, GP_S("temp")))
        return GP_ETEMP;
    return right && !gp_slice_starts(user, GP_S("no")) ? GP_OK : GP_ENOTFOUND;
}

static int who_password(struct gp_call *call, void *self, struct gp_slice user,
                        struct gp_slice password)
{
    (void)self;
    assert_int_equal(gp_hook_point(call), GP_HOOK_AUTH);
    if (gp_slice_eq(user, GP_S("alias")))
        assert_int_equal(gp_auth_login_as(call, GP_S("real@example.test")), 0);
    return who_answer(call, user, gp_slice_eq(password, GP_S("secret")));
}

static int who_secret(struct gp_call *call, void *self, struct gp_slice user,
                      struct gp_slice mechanism, struct gp_slice *secret_r)
{
    (void)self;
    seen.mechanism = gp_slice_eq(mechanism, GP_S("SCRAM-SHA-1")) ? 1 : 256;
    *secret_r = seen.secret;
    return who_answer(call, user, true);
}

static int who_token(struct gp_call *call, void *self, struct gp_slice user, struct gp_slice token,
                     struct gp_slice *user_r)
{
    (void)self;
    *user_r = gp_slice_sub(token, 6, token.len);
    return who_answer(call, *user_r,
                      gp_slice_starts(token, GP_S("token-")) &&
                          (user.len == 0 || gp_slice_eq(user, *user_r)));
}

static const struct gp_auth_role who_role = {sizeof who_role, who_password, who_secret, who_token,
                                             NULL};

#define BOX_STACK (256u << 10)

static struct gp_hook probe_hooks[GP_HOOK_COUNT + 1];
static const struct gp_target_role box_role = {
    .size = sizeof box_role, .deliver = box_deliver, .publish = box_publish, .revoke = box_revoke};
static const struct gp_table_role list_role = {sizeof list_role, list_lookup};

#define DESCRIPTOR(name_, ...)                                                                     \
    {                                                                                              \
        .magic = GP_ABI_MAGIC, .size = sizeof(struct gp_plugin), .abi_major = GP_ABI_MAJOR,        \
        .abi_minor = GP_ABI_MINOR, .option_size = sizeof(struct gp_option), .name = name_,         \
        .version = "1", .summary = "A fake", __VA_ARGS__                                           \
    }

static const struct gp_plugin plugins[] = {
    DESCRIPTOR("probe", .hooks = probe_hooks, .deadline_ms = 600000, .tick_ms = 3600000,
               .needs = GP_NEEDS_EDIT_ENVELOPE | GP_NEEDS_DRAFT | GP_NEEDS_EDIT_HEADERS |
                        GP_NEEDS_EDIT_BODY),
    DESCRIPTOR("box", .target = &box_role, .needs = GP_NEEDS_FILES, .deadline_ms = 600000,
               .stack = BOX_STACK),
    DESCRIPTOR("who", .auth = &who_role, .deadline_ms = 5000),
    DESCRIPTOR("list", .table = &list_role, .deadline_ms = 600000),
};

static const struct gp_plugin *plugin_of(void *arg, struct gp_slice name, const char **error_r)
{
    (void)arg;
    (void)error_r;
    for (size_t i = 0; i < COUNT(plugins); i++)
        if (gp_slice_eq(name, gp_slice_of(plugins[i].name)))
            return &plugins[i];
    return NULL;
}

/* ---- the world ---- */

struct world {
    struct gp__runtime *rt;
    struct gp__log log;
    struct gp__buf lines;
    struct gp__generation *generation;
    struct gp__entrance entrance; /* of the generation, to be changed by tests */
    struct gp__server server;
    struct gp__sim_client *client; /* the last that connected */
    struct gp__buf said;           /* by the server: scratch of expect() */
};

static int64_t world_now(void *arg)
{
    (void)arg;
    return GP__SIM_WALL_START;
}

static void world_write(void *arg, enum gp_log_level level, struct gp_slice line)
{
    struct world *world = arg;

    (void)level;
    gp__buf_append(&world->lines, line);
}

/* Files beside the configuration. */
static struct {
    const char *path, *text;
} world_texts[4];

static int world_read(void *arg, const char *path, size_t max, struct gp__buf *out, char *error,
                      size_t error_size)
{
    (void)max;
    (void)error;
    (void)error_size;
    for (size_t i = 0; i < COUNT(world_texts) && world_texts[i].path; i++)
        if (strcmp(world_texts[i].path, path) == 0)
            return gp__buf_append(out, gp_slice_of(world_texts[i].text));
    return gp__buf_append(out, gp_slice_of(arg));
}

static const char *world_env(void *arg, const char *name)
{
    (void)arg;
    (void)name;
    return NULL;
}

#define CONFIG_TARGETS                                                                             \
    "tables: {users: {list: {}}}\n"                                                                \
    "targets: {box: {box: {}}}\n"                                                                  \
    "routes: [{name: box, match: {recipient: [example.test, mx.example.test]}, valid: users, "     \
    "to: box, mode: direct}, {name: out, match: {relay: true}, to: box, mode: direct}]\n"
#define CONFIG_HEAD                                                                                \
    "hostname: mx.example.test\n"                                                                  \
    "hold: {path: /held}\n"                                                                        \
    "buckets: {spam: {}}\n" CONFIG_TARGETS

#define CONFIG_CHAIN "chains: {c: [{probe: {}}]}\n"
#define CONFIG_LISTENER "listeners: {l: {address: '127.0.0.1:25', chain: c}}\n"
#define CONFIG CONFIG_HEAD CONFIG_CHAIN CONFIG_LISTENER

static struct gp__settings *world_settings(const char *text)
{
    struct gp__config_files files = {
        .read = world_read, .env = world_env, .arg = (void *)(uintptr_t)text};
    struct gp__config_host host = {.files = &files, .descriptor = plugin_of};
    struct gp__diag *diag = gp__diag_create();
    struct gp__settings *settings = gp__settings_load("/t", &host, diag);
    struct gp__buf out = {.limit = 0};

    if (!settings) {
        gp__diag_print(diag, GP__DIAG_TEXT, &out);
        print_error(GP_FMT "\n", GP_ARG(gp__buf_slice(&out)));
        gp__buf_free(&out);
    }
    gp__diag_free(&diag);
    assert_non_null(settings);
    return settings;
}

static void world_turn(struct gp__runtime *rt)
{
    gp__sim_advance(rt, 1);
}

static struct gp__counts world_counts; /* when the world was made */

/* With a chain whose probe has the hooks of the set. */
static struct world *world_create(const char *config, unsigned hooks)
{
    struct world *world = gp__alloc(sizeof *world);
    struct gp__diag *diag = gp__diag_create();
    struct gp__settings *settings;
    size_t n = 0;

    memset(&seen, 0, sizeof seen);
    world_counts = *gp__counts;
    for (unsigned point = 0; point < GP_HOOK_COUNT; point++)
        if (hooks & 1u << point)
            probe_hooks[n++] = (struct gp_hook){(enum gp_hook_point)point, probe_on};
    probe_hooks[n].fn = NULL;
    world->log = (struct gp__log){
        .level = GP_LOG_INFO, .now = world_now, .write = world_write, .arg = world};
    world->rt = gp__sim_create(1, &world->log);
    settings = world_settings(config);
    world->generation = gp__generation_create(&settings, world->rt, world_turn, diag);
    assert_non_null(world->generation);
    gp__diag_free(&diag);
    world->entrance = *gp__generation_entrance(world->generation, GP_S("l"));
    gp__server_init(&world->server, world->rt);
    gp__generation_start(world->generation);
    return world;
}

static struct gp__sim_client *world_connect_from(struct world *world, const char *ip)
{
    struct gp__endpoint peer = {.port = 4711}, local = {.port = 25};

    gp__ip_parse(gp_slice_of(ip), &peer.ip);
    gp__ip_parse(GP_S("198.51.100.25"), &local.ip);
    world->client = gp__sim_connect(world->rt, &peer, &local);
    gp__client_start(&world->server, &world->entrance, gp__sim_client_conn(world->client));
    gp__sim_settle(world->rt);
    return world->client;
}

static inline struct gp__sim_client *world_connect(struct world *world)
{
    return world_connect_from(world, "203.0.113.7");
}

/* Everything must be gone by now, but for what was kept waiting: it is cancelled, and must go. */
static void world_free(struct world **world_)
{
    struct world *world = *world_;

    *world_ = NULL;
    gp__server_stop(&world->server, true);
    gp__generation_stop(world->generation);
    assert_true(gp__sim_run(world->rt, 3600000));
    assert_int_equal(world->server.n_clients, 0);
    assert_int_equal(world->generation->refs, 1);
    gp__server_done(&world->server);
    gp__generation_unref(&world->generation);
    gp__sim_free(&world->rt);
    gp__buf_free(&world->log.line);
    gp__buf_free(&world->lines);
    gp__buf_free(&world->said);
    gp__buf_free(&seen.body);
    gp__buf_free(&seen.to);
    gp__content_pool_free();
    gp__free(world);
}

/* How much a counter has grown since the world was made. */
#define counted(member) (gp__counts->member - world_counts.member)

static inline bool world_logged(const struct world *world, const char *text)
{
    struct gp_slice lines = gp__buf_slice(&world->lines), wanted = gp_slice_of(text);

    return gp_slice_search(lines, wanted) < lines.len;
}

static inline size_t world_files(const struct world *world, const char *prefix)
{
    return gp__sim_file_count(world->rt, gp_slice_of(prefix));
}

/* Whether the target was asked for just these. */
static inline void check_to(const char *expected, const char *file, int line)
{
    struct gp_slice to = gp__buf_slice(&seen.to);

    if (gp_slice_eq(to, gp_slice_of(expected)))
        return;
    print_error("delivered to \"" GP_FMT "\", expected \"%s\"\n", GP_ARG(to), expected);
    _fail(file, line);
}

#define assert_to(expected) check_to((expected), __FILE__, __LINE__)

/* ---- talking ---- */

static inline void say(struct world *world, const char *text)
{
    gp__sim_client_send(world->client, gp_slice_of(text));
}

/* The codes of the replies since the last time, joined by spaces; lines that go on are not counted.
 * Time passes, at most `ms`. */
static inline const char *replies(struct world *world, uint64_t ms)
{
    struct gp_slice rest;

    gp__sim_settle(world->rt);
    if (ms)
        gp__sim_advance(world->rt, ms);
    gp__buf_clear(&world->said);
    rest = gp__sim_client_output(world->client);
    while (rest.len) {
        struct gp_slice line = gp_slice_split(&rest, '\n');

        if (line.len > 3 && line.data[3] == '-')
            continue;
        gp__buf_append(&world->said, world->said.len ? GP_S(" ") : GP_S(""));
        gp__buf_append(&world->said, gp_slice_sub(line, 0, 3));
    }
    gp__buf_append(&world->said, gp_slice("", 1));
    gp__sim_client_take(world->client, SIZE_MAX);
    return gp__buf_slice(&world->said).data;
}

#define assert_replies(world, ms, expected) assert_string_equal(replies(world, ms), expected)

#define HELLO "EHLO client.example\r\n"
#define MAIL "MAIL FROM:<a@example.com>\r\n"
#define MAIL_PRDR "MAIL FROM:<a@example.com> PRDR\r\n"
#define RCPT "RCPT TO:<b@example.test>\r\n"
#define RCPT2 "RCPT TO:<c@example.test>\r\n"
#define MESSAGE "Subject: x\r\n\r\nbody\r\n.\r\n"

#endif
